"""Tells whoever listens that sessions end, and what that may cost: a session ends, whoever fails to note it."""

import asyncio
from collections.abc import Awaitable, Callable

from assistd.logs import Logger, failure
from assistd.sandbox.base import Session

log = Logger()

Listener = Callable[[str, Session], Awaitable[None]] | None


class Endings:
    """Tells planned ends before they come, and each end once it has come.

    Args:
        closing_seconds: how long ends are told in all once `limit` was called.
    """

    def __init__(self, closing_seconds: float) -> None:
        self._closing_seconds = closing_seconds
        self._until: float | None = None  # by the clock of the loop
        self._unheard = 0

    def limit(self) -> None:
        """Tell planned ends only until the deadline from now on, for all sessions end."""
        self._until = asyncio.get_running_loop().time() + self._closing_seconds

    async def tell_ending(self, listener: Listener, key: str, session: Session) -> None:
        """Let whoever wants keep what a session knows that is about to end."""
        if listener is None:
            return
        try:
            async with asyncio.timeout_at(self._until):
                await listener(key, session)
        except TimeoutError:
            self._unheard += 1
        except Exception as error:  # noqa: BLE001  see above
            log.error("session not heard before its end", session_id=session.id, **failure(error))

    async def tell_closed(self, listener: Listener, key: str, session: Session) -> None:
        """Tell that a session is over."""
        if listener is None:
            return
        try:
            await listener(key, session)
        except Exception as error:  # noqa: BLE001  see above
            log.error("end of session not noted", session_id=session.id, **failure(error))

    def log_unheard(self) -> None:
        """Say how many sessions ended without being heard."""
        if self._unheard:
            log.warning("sessions ended without their variables", sessions=self._unheard)
