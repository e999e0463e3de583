"""Lets a client's own request for a completion through to the server behind a model's name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistd.errors import BadGatewayError
from assistd.models.base import ModelError, Tokens

if TYPE_CHECKING:
    from assistd.models.upstream.connection import Upstream  # as in `chat_completions.py`
    from assistd.models.upstream.passed_answer import PassedAnswer


@dataclass(frozen=True, slots=True)
class PassThrough:
    """The server that answers for a name, for requests that are passed through.

    Args:
        model: the name that server knows.
        reach: connects to it, and starts it if that is ours to do; raises ModelError.
    """

    model: str
    _reach: Callable[[], Awaitable["Upstream"]]

    async def ask(
        self, path: str, body: bytes, meter: Callable[[Tokens], None] | None = None
    ) -> "PassedAnswer":
        """Send a body as it is (see `Upstream.pass_on`).

        Raises:
            BadGatewayError: the server cannot be reached, or not be started.
            GatewayTimeoutError: it does not answer in time.
        """
        try:
            upstream = await self._reach()
        except ModelError as error:
            raise BadGatewayError(error.message) from error
        return await upstream.pass_on(path, body, meter)
