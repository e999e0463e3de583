"""The sessions of one sandbox host, for the API: `Sessions` over a gRPC channel."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from weakref import WeakValueDictionary

import grpc.aio

from assistd import metrics, telemetry
from assistd.errors import StartupError
from assistd.logs import Logger, failure
from assistd.sandbox.base import (
    OPERATOR,
    ClosedError,
    HostLostError,
    JailName,
    Limits,
    SandboxError,
    Session,
    Tenant,
    UnsafeFileError,
)
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import Overview, Wall
from assistd.sandbox.remote.remote_session import RemoteSession
from assistd.sandbox.remote.stream import REPLY_SECONDS, End, Stream, explain_break
from assistd.sandbox.remote.transfers import Transfers
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import ENDING_SECONDS, HostCalls, make_hello
from assistd.sandbox.remote.wire.checking import (
    BreachError,
    State,
    read_limits,
    read_name,
    read_state,
    read_use,
    read_walls,
    require_message,
    require_reply,
    require_success,
)

log = Logger()

_RETRY_SECONDS = 0.1
_SPARE_SECONDS = 0.05  # after a claim: its first cell is not to wait
_LOOK_SECONDS = 0.05
_DROP_SECONDS = 30.0


class RemoteSessions:
    """Sessions of a host that is another process or machine; implements `Sessions`.

    Args:
        channel: to the host; whoever made it closes it, after `close`.
        limits: what sessions may show, whatever the host says.
        shares_disk: whether the host finds stored files under the same paths.
        ends_sessions: whether `close` ends the sessions opened here, for nobody else uses the host.
        patience_seconds: how long a host that cannot be reached is waited for.
        closing_seconds: how long `close` lets be kept what live sessions know.
        on_closed: awaited with a key and its session when that session is over.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        limits: Limits,
        shares_disk: bool = False,
        ends_sessions: bool = False,
        patience_seconds: float = 20.0,
        closing_seconds: float = 10.0,
        on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
    ) -> None:
        self.on_closed = on_closed
        self.on_ending: Callable[[str, Session], Awaitable[None]] | None = None
        self.on_breach: Callable[[str], None] | None = None
        """Told what the host sent that no correct host sends."""
        self._calls = HostCalls(channel)
        self._transfers = Transfers(
            self._calls, shares_disk=shares_disk, note_breach=self._note_breach
        )
        self._limits = limits
        self._ends_sessions = ends_sessions
        self._patience = patience_seconds
        self._closing_seconds = closing_seconds
        self._state = State()
        self._is_reached = False
        self._trouble = "nobody listens there"
        self._watching: asyncio.Task[None] | None = None
        self._live: dict[str, RemoteSession] = {}
        self._claiming: set[Stream] = set()
        self._spare: Stream | None = None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._endings: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def added(self) -> tuple[str, ...]:
        """The packages that new sessions import; see `Sessions.added`."""
        return self._state.added

    @property
    def jail(self) -> JailName | None:
        """What isolates sessions; see `Sessions.jail`."""
        return self._state.jail

    @property
    def is_ready(self) -> bool:
        """Whether the host can be reached, and opens sessions at once."""
        return self._state.is_ready

    def describe(self) -> Overview:
        """Return who has a session of the host; see `Sessions.describe`."""
        return self._state.overview

    def count_before(self, key: str) -> int | None:
        """Return how many wait for a session before `key` does; see `Sessions.count_before`."""
        return self._state.before.get(key)

    def begin(self) -> None:
        """Begin to watch the host; see `Sessions.begin`."""
        if self._watching is None and not self._is_closed:
            self._watching = asyncio.create_task(self._watch(), name="sandbox host")

    async def start(self) -> None:
        """Wait until the host opens sessions; see `Sessions.start`."""
        self.begin()
        deadline = time.monotonic() + self._patience
        while not self.is_ready:
            if self._is_reached:
                deadline = time.monotonic() + self._patience
            elif time.monotonic() > deadline:
                raise StartupError(f"The sandbox host cannot be reached: {self._trouble}.")
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """Let go of the host, which ends the sessions where nobody else uses it; see `Sessions.close`.

        What sessions know is kept before, also of those that live on: they may end while no process of
        the API is there.
        """
        if not self._is_closed:
            self._is_closed = True
            await self._hear_all()
        if self._ends_sessions:
            await asyncio.gather(*map(self.drop, list(self._live)))
        live, self._live = self._live, {}
        for session in live.values():
            session.stream.on_end = None
        streams = [*self._claiming, *(session.stream for session in live.values())]
        for stream in [*streams, self._spare] if self._spare else streams:
            stream.let_go(End(str(ClosedError()), is_lost=False))
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*self._endings)

    async def open(
        self, key: str, tenant: Tenant = OPERATOR, *, generation: int = 0
    ) -> RemoteSession:
        """Return the live session of `key`, or a new one; see `Sessions.open`.

        Args:
            key: whose session.
            tenant: for whom.
            generation: of the key's seat on the host; 0 where there are no seats.
        """
        began, outcome = time.perf_counter(), "failed"
        try:
            with telemetry.measuring("session_claim") as measured:
                async with self._locks.setdefault(key, asyncio.Lock()):
                    session = await self._open(key, tenant, generation)
                outcome = "new" if session.is_fresh else "live"
                if measured:
                    measured.outcome = outcome
            if session.is_fresh:
                metrics.count_for_project(metrics.PROJECT_SESSIONS, tenant.id)
            return session
        finally:
            metrics.SESSION_CLAIM_SECONDS.observe(time.perf_counter() - began, outcome)

    async def drop(self, key: str, *, generation: int = 0, if_idle: bool = False) -> None:
        """Close the session of `key`, if it has one, and tell its end.

        Args:
            key: whose session.
            generation: of the seat that is meant: the session of a later one stays; 0 for any.
            if_idle: only where nobody uses it.

        Raises:
            BusyError: somebody uses it.
        """
        await self._drop(pb.Key(key=key, generation=generation, if_idle=if_idle))

    async def retire(self, key: str, *, generation: int = 0, if_idle: bool = False) -> None:
        """Close the session of `key` as `drop` does, after its planned end was told; see `Sessions.retire`."""
        request = pb.Key(key=key, generation=generation, if_idle=if_idle, is_planned=True)
        await self._drop(request)

    async def _drop(self, request: pb.Key) -> None:
        session = self._live.get(request.key)
        if session is not None and session.generation > request.generation > 0:
            session = None
        seconds = _DROP_SECONDS + ENDING_SECONDS * request.is_planned
        try:
            dropped = await self._calls.drop(request, timeout=seconds)
            require_success(dropped, pb.Done)
            if session is not None:
                await asyncio.wait_for(session.has_ended.wait(), _DROP_SECONDS)
        except (grpc.aio.AioRpcError, BreachError, TimeoutError) as error:
            log.warning("session not dropped at its host", **failure(error))
            if session is not None:
                session.stream.let_go(End("the sandbox host cannot be reached"))
                await session.has_ended.wait()

    async def measure(self, key: str) -> Use | None:
        """Return what the live session of `key` takes now; see `Sessions.measure`."""
        try:
            measured = await self._calls.measure(pb.Key(key=key), timeout=REPLY_SECONDS)
            return read_use(require_message(measured, pb.Measured))
        except grpc.aio.AioRpcError:
            return None  # nor has it one whose host cannot be reached
        except BreachError as error:
            self._note_breach(str(error))
            return None

    async def examine(self) -> tuple[Wall, ...]:
        """Look which walls stand around a session of the host; see `Sessions.examine`."""
        try:
            received = await self._calls.examine(make_hello(), timeout=REPLY_SECONDS)
            return read_walls(require_success(received, pb.Examined))
        except grpc.aio.AioRpcError as error:
            raise HostLostError(explain_break(error)) from None
        except BreachError as error:
            self._note_breach(str(error))
            raise HostLostError(f"the sandbox host sent {error}") from None

    async def _open(self, key: str, tenant: Tenant, generation: int) -> RemoteSession:
        known = self._live.get(key)
        if known is not None and known.generation != generation:
            known.stream.let_go(End("its seat was given to others"))
        if known is not None and known.alive and known.is_young:
            return known
        stream, claimed, limits = await self._claim(key, tenant, generation)
        if known is not None and known.id == claimed.session_id and known.alive:
            stream.let_go(End("the session has another stream"))
            known.extend(claimed.seconds_left)
            return known
        session = RemoteSession(claimed, generation, limits, stream, self._transfers)
        self._live[key] = session

        def note_end(end: End) -> None:
            self._note_end(key, session, end)

        stream.on_end = note_end
        stream.on_ending = partial(self._hear, key, session)
        if stream.end is not None:
            note_end(stream.end)
        return session

    async def _claim(
        self, key: str, tenant: Tenant, generation: int
    ) -> tuple[Stream, pb.Claimed, Limits]:
        """Claim a session; a host that cannot be reached is asked again, as long as there is patience."""
        claim = pb.Claim(
            hello=make_hello(),
            key=key,
            tenant_id=tenant.id,
            max_sessions=tenant.max_sessions,
            memory_bytes=tenant.memory_bytes,
            generation=generation,
        )
        deadline = time.monotonic() + self._patience
        while not self._is_closed:
            stream = self._take_stream()
            self._claiming.add(stream)
            try:
                return stream, *await self._send_claim(stream, claim)
            except BaseException as error:
                end = stream.end
                stream.let_go(End("no session was had"))
                is_lost = isinstance(error, HostLostError)
                if is_lost and self._is_closed:
                    raise ClosedError from None
                can_retry = is_lost and end and not end.is_breach
                if not can_retry or time.monotonic() > deadline:
                    raise
            finally:
                self._claiming.discard(stream)
            await asyncio.sleep(_RETRY_SECONDS)
        raise ClosedError

    def _take_stream(self) -> Stream:
        """Return a stream, one that stands already if there is one: that saves about half of a claim."""
        spare, self._spare = self._spare, None
        asyncio.get_running_loop().call_later(_SPARE_SECONDS, self._keep_spare)
        if spare is not None and spare.end is None:
            return spare
        return Stream(self._calls.live())

    def _keep_spare(self) -> None:
        if self._spare is None and self._is_reached and not self._is_closed:
            self._spare = Stream(self._calls.live())

    async def _send_claim(self, stream: Stream, claim: pb.Claim) -> tuple[pb.Claimed, Limits]:
        found: list[tuple[pb.Claimed, Limits]] = []

        def take(reply: pb.Reply) -> bool:
            claimed = require_reply(reply, "claimed").claimed
            read_name(claimed.session_id)
            found.append((claimed, read_limits(claimed.limits, self._limits)))
            return True

        try:
            await stream.ask(pb.Request(claim=claim), take, seconds=None)
        except HostLostError:
            if stream.end and stream.end.is_breach:
                self._note_breach(stream.end.reason)
            raise
        except (UnsafeFileError, OSError) as error:  # no file was asked for
            raise SandboxError(f"the sandbox host failed: {error}") from None
        return found[0]

    def _note_end(self, key: str, session: RemoteSession, end: End) -> None:
        """Tell that a session is over, whatever ended it."""
        if end.is_breach:
            self._note_breach(end.reason)
        if self._live.get(key) is session:
            del self._live[key]
        task = asyncio.create_task(self._tell_closed(key, session), name="sandbox session ended")
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _hear(self, key: str, session: RemoteSession) -> asyncio.Task[bool]:
        """Have kept, once, what is to be kept of a session, and tell its host."""
        if session.ending is None:
            telling = self._tell_ending(key, session)
            session.ending = asyncio.create_task(telling, name="sandbox session ending")
        return session.ending

    async def _tell_ending(self, key: str, session: RemoteSession) -> bool:
        is_kept = False
        try:
            if self.on_ending is not None:
                async with asyncio.timeout(ENDING_SECONDS):
                    await self.on_ending(key, session)
                is_kept = True
        except Exception as error:  # noqa: BLE001  the session ends, whoever fails to keep what it knows
            log.error("session not heard before its end", session_id=session.id, **failure(error))
        session.stream.tell(pb.Request(heard=pb.Heard(is_kept=is_kept)))
        return is_kept

    async def _hear_all(self) -> None:
        """Have kept what is to be kept of all live sessions, until the deadline."""
        known = [(key, each) for key, each in self._live.items() if each.alive]
        hearing = [self._hear(key, each) for key, each in known if not each.is_fresh]
        if hearing and self.on_ending is not None:
            _, unheard = await asyncio.wait(hearing, timeout=self._closing_seconds)
            for each in unheard:
                each.cancel()
            await asyncio.gather(*unheard, return_exceptions=True)
            if unheard:
                log.warning("sessions left without their variables", sessions=len(unheard))

    async def _tell_closed(self, key: str, session: RemoteSession) -> None:
        try:
            if self.on_closed is not None:
                await self.on_closed(key, session)
        except Exception as error:  # noqa: BLE001  the session is over, whoever fails to note it
            log.error("end of session not noted", session_id=session.id, **failure(error))
        finally:
            session.has_ended.set()

    def _note_breach(self, reason: str) -> None:
        log.error("sandbox host breaks the protocol", reason=reason)
        if self.on_breach is not None:
            self.on_breach(reason)

    async def _watch(self) -> None:
        """Know the state of the host, for ever."""
        while True:
            call = self._calls.watch(make_hello())
            try:
                while (received := await call.read()) is not grpc.aio.EOF:
                    self._state = read_state(require_message(received, pb.State))
                    self._is_reached = True
            except grpc.aio.AioRpcError as error:
                self._trouble = error.details() or explain_break(error)
            except BreachError as error:
                self._note_breach(str(error))
            finally:
                call.cancel()
                self._state, self._is_reached = State(), False
            await asyncio.sleep(_RETRY_SECONDS)
