"""Put the pinned `uv` into `.tools/` of this checkout, with nothing but a bare Python.

Needs no pip, no venv module and no root. The wheel comes from the cache folder that all checkouts
share, else from the package index (UV_DEFAULT_INDEX, UV_INDEX_URL or PIP_INDEX_URL name another
one than PyPI; SSL_CERT_FILE and HTTPS_PROXY are honoured). What came is believed only if its
SHA-256 is the one below. An old Python must still be able to read this file, to say it is too old.
"""

import base64
import functools
import hashlib
import html
import io
import os
import platform
import re
import ssl
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile

OLDEST_PYTHON = (3, 11)
VERSION = "0.13.9"
WHEELS = {  # machine: (the platform tag of the wheel, its SHA-256)
    "x86_64": (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    "aarch64": (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
}
PYPI = "https://pypi.org/simple"
ANSWER_SECONDS = 5
ATTEMPTS = 3


def main(target: str) -> None:
    """Install uv as `target`, or end with a message that says what to do."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"\nassistd needs Python 3.11 or newer; {sys.executable} is {platform.python_version()}.\n"
            "Install one, or name it: make PYTHON=/path/to/python3.12 ..."
        )
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in WHEELS:
        sys.exit(
            f"\nThis Makefile sets up Linux on x86_64 or aarch64, not {platform.system()} on {machine}.\n"
            f"Install uv {VERSION} yourself and name it: make UV=/path/to/uv ..."
        )
    tag, digest = WHEELS[machine]
    name = f"uv-{VERSION}-py3-none-{tag}.whl"
    install(find_cached(name, digest) or download(name, digest), target)


def find_cached(name: str, digest: str) -> "bytes | None":
    """Return the wheel of the shared cache folder; None if it is missing or damaged."""
    try:
        with open(os.path.join(cache_dir(), name), "rb") as file:
            return verify(file.read(), digest)
    except (OSError, LookupError):
        return None


def verify(content: bytes, digest: str) -> bytes:
    """Return `content` if it has the pinned SHA-256.

    Raises:
        LookupError: it is something else.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        raise LookupError(
            "it has a file of that name, but with another SHA-256 than the pinned one"
        )
    return content


def download(name: str, digest: str) -> bytes:
    """The wheel from the first index that has it; a copy is left in the cache folder."""
    problems: list[str] = []
    for index in indexes():
        try:
            content = verify(fetch(find_url(index, name), f"uv {VERSION}"), digest)
        except (OSError, LookupError, ValueError) as problem:
            problems.append(f"  {split_login(index)[0]}: {getattr(problem, 'reason', problem)}")
        else:
            keep(name, content)
            return content
    listed = "\n".join(problems)
    sys.exit(
        f"\nuv {VERSION} could not be downloaded:\n{listed}\n"
        "Check the connection; UV_DEFAULT_INDEX names another package index, HTTPS_PROXY a proxy."
    )


def indexes() -> "list[str]":
    """The package indexes to ask, the user's own first."""
    named = [os.environ.get(key) for key in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")]
    return list(dict.fromkeys(url.rstrip("/") for url in [*named, PYPI] if url))


def find_url(index: str, name: str) -> str:
    """Where `index` keeps the file `name`, by its simple page (PEP 503)."""
    page = f"{index}/uv/"
    text = fetch(page).decode("utf-8", "replace")
    for reference in re.findall(r"""href\s*=\s*["']([^"']+)["']""", text):
        url = urllib.parse.urljoin(page, html.unescape(reference))
        if urllib.parse.unquote(urllib.parse.urlsplit(url).path).endswith(f"/{name}"):
            return urllib.parse.urldefrag(url).url
    raise LookupError(f"it has no {name}")


def fetch(url: str, title: str = "") -> bytes:
    """The body at `url`, tried again when the connection breaks off; `title` shows progress."""
    for _ in range(ATTEMPTS - 1):
        try:
            return fetch_once(url, title)
        except ConnectionError as problem:
            say(f"{problem}; trying again")
    return fetch_once(url, title)


def fetch_once(url: str, title: str) -> bytes:
    """One attempt at `fetch`.

    Raises:
        ConnectionError: the connection broke off; another attempt may succeed.
        OSError: the source cannot be reached or refuses.
    """
    address, headers = split_login(url)
    headers["Accept"] = "text/html, */*;q=0.1"
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  the user's own index
    body = io.BytesIO()
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=tls()) as answer:  # noqa: S310
        size = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(1 << 18):
            body.write(chunk)
            if title:
                show(title, body.tell(), size)
    if body.tell() < size:
        raise ConnectionError(f"the connection broke off at {body.tell()} of {size} bytes")
    return body.getvalue()


def split_login(url: str) -> "tuple[str, dict[str, str]]":
    """`url` without user and password, and the header that carries them instead."""
    parts = urllib.parse.urlsplit(url)
    if not parts.username:
        return url, {}
    login = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
    address = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return address, {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


@functools.lru_cache
def tls() -> ssl.SSLContext:
    """The machine's certificates, checked wherever the machine has any.

    A minimal Debian has none at all. What is downloaded is pinned by its SHA-256, so even there
    nobody between can put another uv in its place.
    """
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if not context.cert_store_stats()["x509_ca"] and not (folder and os.listdir(folder)):
        say("this machine has no certificates (package ca-certificates): relying on the SHA-256")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def install(wheel: bytes, target: str) -> None:
    """Take `uv` out of the wheel and move it to `target` in one step."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(one for one in archive.namelist() if one.endswith("/scripts/uv"))
        write_whole(target, archive.read(member), 0o755)


def keep(name: str, content: bytes) -> None:
    """Leave a copy in the cache folder for the next checkout; a full disk only costs the copy."""
    try:
        write_whole(os.path.join(cache_dir(), name), content, 0o644)
    except OSError as problem:
        say(f"uv was not kept for other checkouts: {problem}")


def write_whole(path: str, content: bytes, mode: int) -> None:
    """Write `path` so that nobody ever sees half of it."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(partial, mode)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def cache_dir() -> str:
    """The folder that all checkouts share."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "assistd", "tools")


def show(title: str, done: int, size: int) -> None:
    """One line of progress that grows on a terminal; elsewhere one line when all is there."""
    line = f"{title}: {done / 1e6:.1f} of {size / 1e6:.1f} MB"
    if sys.stderr.isatty() and done < size:
        sys.stderr.write(f"{line}\r")
    elif done == size:
        say(line)


def say(line: str) -> None:
    """Tell the person who typed `make`."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1])
