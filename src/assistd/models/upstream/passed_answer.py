"""An upstream's answer to a client's own request, on its way to that client."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable

import aiohttp
import structlog

from assistd.errors import BadGatewayError
from assistd.models.base import Tokens
from assistd.models.upstream.told_tokens import ToldTokens

log = structlog.get_logger()

# Of the body, of its limits, of who answered; never of the connection, and never cookies. The
# organization and the project are the operator's.
_PASSED = re.compile(
    r"content-(?:type|length|encoding)|cache-control|retry-after(?:-ms)?|x-request-id|x-should-retry"
    r"|x-ratelimit-.+|openai-(?!organization$|project$).+",
    re.IGNORECASE,
)
_ERROR_BYTES = 1 << 20
_SHORTEST_SECRET = 8  # characters; what is shorter is a word that a server without keys is given


class PassedAnswer:
    """The head of an answer, and its body as it comes; to be closed.

    Args:
        response: its head has come.
        api_key: the operator's key, which is blotted out in errors; "" if there is none.
        idle_seconds: how long the upstream may be silent within its answer.
        meter: is told once, when it is closed, what an answer that is no error says that it cost.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        api_key: str,
        idle_seconds: float,
        meter: Callable[[Tokens], None] | None = None,
    ) -> None:
        self.status = response.status
        self.headers = {
            name.lower(): value
            for name, value in response.headers.items()
            if _PASSED.fullmatch(name) and value.isascii()
        }
        """Those that are a client's business."""
        self._response = response
        self._secret = api_key.encode() if len(api_key) >= _SHORTEST_SECRET else b""
        self._idle_seconds = idle_seconds
        self._meter = meter if self.status < 400 else None
        self._told = ToldTokens()
        if self.status in {401, 403}:
            log.warning("the upstream refused the operator's API key", status=self.status)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the body, each piece as soon as it is there; the next is asked for when one is taken.

        Raises:
            BadGatewayError: it broke off, or fell silent.
        """
        try:
            if self.status >= 400:
                yield await self._read_error()
            while piece := await self._read():
                if self._meter:
                    self._told.take(piece)
                yield piece
        except (TimeoutError, aiohttp.ClientError) as error:
            raise BadGatewayError("The model's upstream broke off its answer.") from error

    def close(self) -> None:
        """Hang up, unless all was read: then the connection serves the next request already."""
        self._response.close()
        if self._meter:
            self._meter(self._told.read())
            self._meter = None

    async def _read(self) -> bytes:
        async with asyncio.timeout(self._idle_seconds):
            return await self._response.content.readany()

    async def _read_error(self) -> bytes:
        """Return the beginning of an error's body, all of it as a rule; of the same length without the key."""
        begun = b""
        while len(begun) < _ERROR_BYTES and (piece := await self._read()):
            begun += piece
        secret = self._secret
        return begun.replace(secret, b"*" * len(secret)) if secret else begun
