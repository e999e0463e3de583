"""The stream of one session, from the API's end: one request after the other, each answered before the next."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import grpc
import grpc.aio

from assistd.sandbox.base import HostLostError
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.checking import BreachError, make_error, require_message

Call = grpc.aio.StreamStreamCall[pb.Request, pb.Reply]
Take = Callable[[pb.Reply], bool]
"""Takes a reply; returns whether it is the last to its request."""

REPLY_SECONDS = 120.0
"""How long a host may take for what it does itself; more is a host that does not work."""

_CANCEL_SECONDS = 15.0  # beside the grace time of the session
BROKEN_CODES = {  # what gRPC says where a message is too large, or is none
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNIMPLEMENTED,
}


@dataclass(frozen=True, slots=True)
class End:
    """Why a stream is over.

    Args:
        reason: in words.
        is_lost: whether the host cannot be reached any more, or is not believed.
        is_breach: whether it sent what no correct host sends.
    """

    reason: str
    is_lost: bool = True
    is_breach: bool = False


@dataclass(slots=True)
class _Asked:
    """A request that is not answered yet."""

    take: Take
    answered: asyncio.Future[None]


class Stream:
    """A stream of the call `Live`.

    Args:
        call: the call, just made.
    """

    def __init__(self, call: Call) -> None:
        self.end: End | None = None
        self.on_end: Callable[[End], None] | None = None
        """Called once when the stream is over."""
        self.on_ending: Callable[[], object] | None = None
        """Called at most once, when the host is about to end the session, and waits until that is heard."""
        self._is_ending = False
        self.is_dead = False
        """Whether the session's interpreter runs no more, as of the last reply."""
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._lock = asyncio.Lock()
        self._asked: _Asked | None = None
        self._writing: asyncio.Task[None] | None = None
        self._reading = self._loop.create_task(self._read(), name="sandbox host replies")

    async def ask(
        self, request: pb.Request, take: Take, seconds: float | None = REPLY_SECONDS
    ) -> None:
        """Send a request, and hand its replies over as they come.

        Cancelling the awaiting task cancels the request; it returns once nothing of it runs any more.

        Args:
            request: the request.
            take: called with each reply but failures, which are raised.
            seconds: how long a correct host takes at most; None for as long as it wants.

        Raises:
            HostLostError: the stream is over, or ends meanwhile.
            AssistdError, OSError: what the host tells.
        """
        async with self._lock:
            if self.end is not None:
                raise HostLostError(self.end.reason)
            asked = self._asked = _Asked(take, self._loop.create_future())
            self._send(request)
            timer = None if seconds is None else self._loop.call_later(seconds, self._give_up)
            try:
                await asked.answered
            except asyncio.CancelledError:
                await self._cancel(asked)
                raise
            finally:
                if timer is not None:
                    timer.cancel()

    def tell(self, request: pb.Request) -> None:
        """Send a request that is not answered."""
        if self.end is None:
            self._send(request)

    def let_go(self, end: End) -> None:
        """End the stream from here; harmless where it is over."""
        if self.end is None:
            self.end = end
            self._call.cancel()
            self._settle(HostLostError(end.reason))
            if self.on_end is not None:
                self.on_end(end)

    async def _cancel(self, asked: _Asked) -> None:
        """Have the host cancel a request, and wait until it did; heeds no cancellation meanwhile."""
        if self._asked is not asked:
            return  # it was answered in this moment
        asked.answered = self._loop.create_future()  # the other one is cancelled
        timer = self._loop.call_later(_CANCEL_SECONDS, self._give_up)
        self.tell(pb.Request(interrupt=pb.Interrupt()))
        while not asked.answered.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([asked.answered])
        timer.cancel()

    def _give_up(self) -> None:
        self.let_go(End("the sandbox host does not answer", is_breach=True))

    def _send(self, request: pb.Request) -> None:
        """Write a request after those before it; a write that fails ends the stream, as it is read."""
        self._writing = self._loop.create_task(self._write(request, self._writing))

    async def _write(self, request: pb.Request, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        with contextlib.suppress(
            grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError
        ):
            await self._call.write(request)

    async def _read(self) -> None:
        """Hand on what comes, until the end."""
        try:
            while self.end is None:
                reply = await self._call.read()
                if reply is grpc.aio.EOF:
                    return self.let_go(End("the sandbox host ended the session without a reason"))
                self._take(require_message(reply, pb.Reply))
        except BreachError as error:
            self.let_go(End(f"the sandbox host sent {error}", is_breach=True))
        except grpc.aio.AioRpcError as error:
            is_breach = error.code() in BROKEN_CODES
            self.let_go(End(explain_break(error), is_breach=is_breach))
        except asyncio.CancelledError:  # of the call, or of this task
            self.let_go(End("the stream to the sandbox host was closed"))

    def _take(self, reply: pb.Reply) -> None:
        if reply.HasField("over"):
            self.let_go(End(reply.over.reason[:1024] or "it was closed", is_lost=False))
            return
        if reply.HasField("ending"):
            self._note_ending()
            return
        asked = self._asked
        if asked is None:
            raise BreachError("a reply that nobody waits for")
        self.is_dead = reply.is_dead
        if reply.HasField("failure"):
            self._settle(make_error(reply.failure))
        elif asked.take(reply):
            self._settle(None)

    def _note_ending(self) -> None:
        if self._is_ending:
            raise BreachError("an end that was told before")
        self._is_ending = True
        if self.on_ending is not None:
            self.on_ending()
        else:
            self.tell(pb.Request(heard=pb.Heard()))

    def _settle(self, error: Exception | None) -> None:
        """Have whoever asked go on; one that was cancelled in this moment does not wait any more."""
        asked, self._asked = self._asked, None
        if asked is None or asked.answered.done():
            return
        if error is None:
            asked.answered.set_result(None)
        else:
            asked.answered.set_exception(error)
            asked.answered.exception()  # it may be cancelled yet, and not look


def explain_break(error: grpc.aio.AioRpcError) -> str:
    """Return why a host cannot be reached."""
    return f"the sandbox host cannot be reached ({error.code().name.lower()})"
