"""Downloads of large files: a silent source is left after seconds, a broken one is resumed."""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import httpx

from assistd.errors import AssistdError

ANSWER_SECONDS = 5.0
SILENCE_SECONDS = 20.0
ATTEMPTS = 3


class DownloadError(AssistdError):
    """A source does not answer, does not have the file, or breaks off again and again."""


def new_client() -> httpx.Client:
    """Return a client that follows redirects and gives up on silence, before and during an answer."""
    timeout = httpx.Timeout(SILENCE_SECONDS, connect=ANSWER_SECONDS)
    return httpx.Client(timeout=timeout, follow_redirects=True)


@contextlib.contextmanager
def open_url(
    client: httpx.Client, url: str, headers: dict[str, str] | None = None
) -> Generator[httpx.Response]:
    """Open the response to a GET, its body not yet read.

    Raises:
        DownloadError: no answer within `ANSWER_SECONDS`, or one that is an error.
    """
    answer = _answer(client, client.build_request("GET", url, headers=headers))
    try:
        if answer.is_error:
            raise DownloadError(f"{url} answered {answer.status_code} {answer.reason_phrase}")
        yield answer
    finally:
        answer.close()


def complete(
    client: httpx.Client, url: str, path: Path, *, limit: int, tell: Callable[[int], None]
) -> None:
    """Download `url` into `path`, going on from what an earlier try left there.

    Args:
        client: from `new_client`.
        url: what to download.
        path: where to; grows as the bytes come, and is kept when the download fails.
        limit: more bytes than this are refused.
        tell: told after each piece how many bytes are there.

    Raises:
        DownloadError: the source cannot be reached, refuses, sends too much or breaks off.
    """
    broken = ""
    with path.open("ab") as file:
        for _ in range(ATTEMPTS):
            start = file.tell()
            headers = {"Range": f"bytes={start}-"} if start else {}
            try:
                with open_url(client, url, headers) as answer:
                    if answer.status_code != 206:  # the source sends it all anew
                        file.truncate(0)
                    for chunk in answer.iter_raw():
                        file.write(chunk)
                        if file.tell() > limit:
                            file.truncate(0)
                            raise DownloadError(f"{url} sends more than the {limit} bytes expected")
                        tell(file.tell())
            except httpx.TransportError as error:
                broken = str(error) or type(error).__name__
            else:
                return
    raise DownloadError(f"{url} broke off {ATTEMPTS} times: {broken}")


def _answer(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send in a thread of its own: a name that does not resolve knows no timeout."""
    answers: queue.SimpleQueue[httpx.Response | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(client.send(request, stream=True))
        except (httpx.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: client closed
            answers.put(error)

    threading.Thread(target=ask, name="download", daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        raise DownloadError(f"no answer within {ANSWER_SECONDS:.0f} seconds") from None
    if isinstance(answer, Exception):
        raise DownloadError(str(answer) or type(answer).__name__) from answer
    return answer
