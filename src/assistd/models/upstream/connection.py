"""The HTTP side of an OpenAI-compatible upstream: asks, waits, retries, and says what went wrong."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel

from assistd import metrics, telemetry
from assistd.errors import BadGatewayError, GatewayTimeoutError, StartupError
from assistd.models.base import Backend, ModelError, Tokens
from assistd.models.upstream.chunks import Chunk, read_chunk
from assistd.models.upstream.errors import (
    StatusError,
    ToolCallsRefusedError,
    UnreachableError,
    UpstreamError,
    classify,
    explain,
    refused_parameter,
    refuses_tool_calls,
    seconds_to_wait,
)
from assistd.models.upstream.event_stream import EventStream
from assistd.models.upstream.health import Health
from assistd.models.upstream.passed_answer import PassedAnswer
from assistd.tracing import spans

_AFTER_FINISH_SECONDS = 5.0  # to wait for the count of tokens once the answer is over
_CONNECT_SECONDS = 10.0
_LIST_SECONDS = 5.0
_ANSWER_WORDS = 5  # times as long as for a word: how long to wait for an answer that comes at once


class _Named(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Named]


class Upstream:
    """A connection to one OpenAI-compatible server; shared by all models behind it.

    Args:
        base_url: such as `http://127.0.0.1:11434/v1`; the paths of requests are appended to it.
        api_key: the operator's key, or None for a server that wants none. It is never shown.
        first_delta_seconds: how long the server may take to begin an answer.
        idle_seconds: how long it may be silent within an answer.
        retry_seconds: how long 429, 5xx and lost connections are retried, while nothing of an
            answer has come.
        backend: what it is to this server.

    Raises:
        StartupError: the URL is no http(s) URL.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        first_delta_seconds: float = 120.0,
        idle_seconds: float = 60.0,
        retry_seconds: float = 30.0,
        backend: Backend = "upstream",
    ) -> None:
        self.backend: Backend = backend
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise StartupError(
                f"The upstream's base URL {base_url!r} must look like http://127.0.0.1:11434/v1."
            )
        self.health = Health(backend, parts.netloc.rpartition("@")[2])
        """What became of its last requests."""
        self._api_key = (api_key or "").strip()
        self._first_delta_seconds = first_delta_seconds
        self._idle_seconds = idle_seconds
        self._retry_seconds = retry_seconds
        self._unwanted: dict[str, set[str]] = {}
        self.without_tool_calls: set[str] = set()
        """Its models that were found to know no tool calls."""
        self.windows: dict[str, int] = {}
        """Its models whose window was learned: tokens of prompt and answer together."""
        self.thoughts: dict[str, str] = {}
        """Its models that gave thoughts, and the member of a message that these stood in."""
        local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        self._base_url = parts
        self._trust_env = not local  # a proxy has no way to this very machine
        self._session: aiohttp.ClientSession | None = None

    async def chunks(self, body: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Ask, and yield every chunk. Closing the generator closes the request.

        A parameter that the server refuses by name, and that can be done without, is left out
        from then on.

        Args:
            body: of the request, without `stream`.

        Raises:
            ToolCallsRefusedError: the body has tools, which this model cannot be given.
            PromptTooLongError: the server says how much the model takes, and that this is more.
            ModelError: after the retries, or after the first chunk without one.
        """
        where = self._base_url
        port = where.port or (443 if where.scheme == "https" else 80)
        with spans.asking(str(body.get("model")), where.hostname or "", port) as question:
            with (
                spans.working_in(question and question.span),
                telemetry.measuring("upstream_request"),
            ):
                stream, data = await self._open(dict(body))
            over = False
            try:
                while data is not None:
                    chunk = read_chunk(data)
                    if question:
                        question.take(chunk.model, chunk.finish)
                        if chunk.tokens:
                            question.count(chunk.tokens.prompt, chunk.tokens.completion)
                    yield chunk
                    over = over or chunk.finish is not None
                    data = await self._next(stream, over=over)
            finally:
                await stream.close()  # the server must learn that nobody listens any more

    async def names(self) -> list[str]:
        """Return the names of its models, as it lists them now.

        Raises:
            UpstreamError: it cannot be reached, or has no such list.
        """
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                async with await self._request("GET", "/models") as response:
                    listed = _Models.model_validate_json(await response.read())
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            self.health.note_failure("timeout" if isinstance(error, TimeoutError) else "protocol")
            raise UpstreamError("no list of models") from error
        return [each.id for each in listed.data]

    async def is_reachable(self) -> bool:
        """Tell whether it answers, whatever it says, within seconds."""
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                (await self._send("GET", "/models")).close()
        except (TimeoutError, UnreachableError):
            return False
        return True

    async def post(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Return a response that comes at once, after as many tries as there is time for.

        Args:
            path: behind the base URL, such as `/embeddings`.
            body: of the request.

        Raises:
            ModelError: after the retries.
        """
        deadline = time.monotonic() + self._retry_seconds
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._first_delta_seconds):
                    return await self._read_all(path, body)
            except TimeoutError as error:
                self._count_failure(error)
                raise self._explain_silence() from error
            except UpstreamError as error:
                wait = seconds_to_wait(error, attempt)
                if wait is None or time.monotonic() + wait > deadline:
                    self._count_failure(error)
                    raise explain(error, str(body.get("model")), self._api_key) from error
                metrics.MODEL_RETRIES.add(self.backend, classify(error))
            attempt += 1
            await asyncio.sleep(wait)

    async def _read_all(self, path: str, body: Mapping[str, Any]) -> bytes:
        async with await self._request("POST", path, json=body) as response:
            try:
                return await response.read()
            except aiohttp.ClientError as error:
                raise UnreachableError(str(error)) from error

    async def pass_on(
        self, path: str, body: bytes, meter: Callable[[Tokens], None] | None = None
    ) -> PassedAnswer:
        """Send a body as it is.

        Args:
            path: behind the base URL, such as `/chat/completions`.
            body: JSON.
            meter: see `PassedAnswer`.

        Returns:
            What came, once its head is there, whatever its status; to be closed by the caller.

        Raises:
            BadGatewayError: no answer came.
            GatewayTimeoutError: no answer came in time.
        """
        # Without a stream nothing comes before the last word.
        seconds = _ANSWER_WORDS * self._first_delta_seconds
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        try:
            async with asyncio.timeout(seconds):
                response = await self._send(
                    "POST", path, data=io.BytesIO(body), headers=headers, auto_decompress=False
                )
        except TimeoutError as error:
            self._count_failure(error)
            raise GatewayTimeoutError(
                f"The model's upstream did not begin to answer within {seconds:g} seconds."
            ) from error
        except UnreachableError as error:
            self._count_failure(error)
            raise BadGatewayError(explain(error, "", self._api_key).message) from error
        return PassedAnswer(response, self._api_key, self._first_delta_seconds, meter)

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def _open(self, body: dict[str, Any]) -> tuple[EventStream, object]:
        """Return a stream and its first chunk, after as many tries as there is time for."""
        deadline = time.monotonic() + self._retry_seconds
        model = str(body.get("model"))
        unwanted = self._unwanted.setdefault(model, set())
        attempt = 0
        while True:
            sent = _without(body, unwanted)
            try:
                async with asyncio.timeout(self._first_delta_seconds):
                    return await self._try(sent)
            except TimeoutError as error:
                self._count_failure(error)
                raise self._explain_silence() from error
            except ModelError as error:
                self._count_failure(error)
                raise
            except UpstreamError as error:
                if refused := refused_parameter(error, sent):
                    unwanted.add(refused)
                    continue
                if "tools" in body and refuses_tool_calls(error):
                    told = explain(error, model, self._api_key)
                    raise ToolCallsRefusedError(told.code, told.message) from error
                wait = seconds_to_wait(error, attempt)
                if wait is None or time.monotonic() + wait > deadline:
                    self._count_failure(error)
                    raise explain(error, model, self._api_key) from error
                metrics.MODEL_RETRIES.add(self.backend, classify(error))
            attempt += 1
            await asyncio.sleep(wait)

    def _count_failure(self, error: BaseException) -> None:
        """Count what failed for good; an answer and a broken connection are noted as they come, silence here."""
        metrics.MODEL_ERRORS.add(self.backend, classify(error))
        if isinstance(error, TimeoutError):
            self.health.note_failure("timeout")

    def _explain_silence(self) -> ModelError:
        seconds = f"{self._first_delta_seconds:g} seconds"
        return ModelError(
            "server_error", f"The model's upstream did not begin to answer within {seconds}."
        )

    async def _try(self, body: dict[str, Any]) -> tuple[EventStream, object]:
        sent = {**body, "stream": True}
        stream = EventStream(await self._request("POST", "/chat/completions", json=sent))
        try:
            return stream, await self._first(stream)
        except BaseException:
            await stream.close()
            raise

    async def _request(self, method: str, path: str, **body: Any) -> aiohttp.ClientResponse:
        """Return the head of an answer that is no error."""
        response = await self._send(method, path, **body)
        if response.status < 400:
            return response
        try:
            async with response:
                text = await response.text(errors="replace")
        except aiohttp.ClientError as error:
            raise UnreachableError(str(error)) from error
        raise StatusError(response.status, response.headers, text)

    async def _send(self, method: str, path: str, **body: Any) -> aiohttp.ClientResponse:
        """Return the answer's head."""
        url = self._base_url._replace(path=self._base_url.path.rstrip("/") + path)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                # We watch over the stream ourselves.
                timeout=aiohttp.ClientTimeout(None, sock_connect=_CONNECT_SECONDS),
                headers={"Authorization": f"Bearer {self._api_key or 'none'}"},
                trust_env=self._trust_env,
            )
        if called_by := spans.make_headers():
            body["headers"] = {**body.get("headers", {}), **called_by}
        try:
            response = await self._session.request(method, url.geturl(), **body)
        except aiohttp.ClientError as error:
            self.health.note_failure("connect")
            raise UnreachableError(str(error)) from error
        self.health.note_status(response.status)
        return response

    async def _first(self, stream: EventStream) -> object:
        try:
            chunk = await stream.next()
        except ValueError as error:
            raise _nonsense() from error
        if chunk is None:
            kind = stream.content_type
            what = (
                "an empty stream" if kind == "text/event-stream" else f"{kind} in place of a stream"
            )
            raise ModelError(
                "server_error",
                f"The model's upstream answered with {what}; check its base URL (it ends in /v1).",
            )
        return chunk

    async def _next(self, stream: EventStream, *, over: bool) -> object | None:
        """Return the next chunk; once the answer is over, nothing that goes wrong matters any more."""
        try:
            async with asyncio.timeout(_AFTER_FINISH_SECONDS if over else self._idle_seconds):
                return await stream.next()
        except TimeoutError as error:
            problem = ModelError(
                "server_error",
                f"The model's upstream fell silent for {self._idle_seconds:g} seconds in the "
                "middle of its answer.",
            )
            cause: Exception = error
        except UnreachableError as error:
            problem = ModelError(
                "server_error", "The model's upstream broke off in the middle of its answer."
            )
            cause = error
        except UpstreamError as error:
            problem, cause = explain(error, "", self._api_key), error
        except ValueError as error:
            problem, cause = _nonsense(), error
        if over:
            return None
        trouble = "broken_off" if isinstance(cause, UnreachableError) else classify(cause)
        metrics.MODEL_ERRORS.add(self.backend, trouble)
        self.health.note_failure("broken_off")
        raise problem from cause


def _without(body: dict[str, Any], unwanted: set[str]) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key not in unwanted}
    if "logprobs" in unwanted:
        kept.pop("top_logprobs", None)
    if "max_tokens" in unwanted and "max_tokens" in body:
        kept["max_completion_tokens"] = body["max_tokens"]
    return kept


def _nonsense() -> ModelError:
    return ModelError("server_error", "The model's upstream sent a stream that is not JSON.")
