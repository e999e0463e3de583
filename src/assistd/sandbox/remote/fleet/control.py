"""The control port of the API, where hosts say that they live, and the host's end of it."""

import asyncio
import time
from typing import Any

import grpc
import grpc.aio

from assistd.hosting import TIERS, Beat, Order
from assistd.logs import Logger
from assistd.sandbox.remote.fleet.seating import Seating
from assistd.sandbox.remote.tls import read_host_id
from assistd.sandbox.remote.wire import control_pb2 as pb
from assistd.sandbox.remote.wire.calls import make_reader

log = Logger()

_SERVICE = "assistd.control.v1.Control"
_VERSION = 1
_OLDEST_VERSION = 1
_CALL_SECONDS = 3.0
_LEAST_SECONDS = 0.1  # between two beats, of which each is a transaction
_MOST_NAME = 64  # characters, as columns have
_MOST_ADDRESS = 300
_LATEST = float(1 << 40)  # Unix seconds
_MOST_MIB = 1 << 28
_MOST_SESSIONS = 10_000
_MOST_REASON = 300  # characters

Context = grpc.aio.ServicerContext[Any, Any]


class ControlService:
    """Takes the beats of hosts, each of its own id alone.

    Args:
        seating: hears them.
    """

    def __init__(self, seating: Seating) -> None:
        self._seating = seating
        self._heard_at: dict[str, float] = {}

    def make_handler(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server is to be given."""
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                "Beat": grpc.unary_unary_rpc_method_handler(
                    self._beat, make_reader(pb.Beat), pb.Order.SerializeToString
                ),
                "Leave": grpc.unary_unary_rpc_method_handler(
                    self._leave, make_reader(pb.Leave), pb.Left.SerializeToString
                ),
            },
        )

    async def _beat(self, sent: pb.Beat, context: Context) -> pb.Order:
        host_id = await _require_host(context)
        await _require_message(sent, context)
        if min(_VERSION, sent.version) < max(_OLDEST_VERSION, sent.oldest):
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the API speaks versions {_OLDEST_VERSION} to {_VERSION}, this host {sent.oldest} to "
                f"{sent.version}: run releases of assistd that follow each other",
            )
        if time.monotonic() - self._heard_at.get(host_id, -_LEAST_SECONDS) < _LEAST_SECONDS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "One beat a second is enough.")
        self._heard_at[host_id] = time.monotonic()
        if not _is_sound(sent):
            log.error("sandbox host sent a beat that is none", host=host_id)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "This is no beat.")
        said = Beat(
            host_id,
            sent.started_at,
            sent.address,
            sent.build,
            tuple(sent.tiers),
            sent.mib,
            sent.most,
            sent.warm,
            dict(sent.sessions) if sent.is_listed else None,
            sent.leaves_in if sent.HasField("leaves_in") else None,
        )
        order = await self._seating.beat(said)
        return pb.Order(
            version=_VERSION,
            is_replaced=order.is_replaced,
            is_draining=order.is_draining,
            is_over=order.is_over,
            ending=order.ending,
            closes_in=order.closes_in,
        )

    async def _leave(self, sent: pb.Leave, context: Context) -> pb.Left:
        host_id = await _require_host(context)
        await _require_message(sent, context)
        await self._seating.remove(host_id, sent.started_at)
        return pb.Left()


async def _require_host(context: Context) -> str:
    """Return the id of the host that calls, by its certificate; end the call of anybody else."""
    host_id = read_host_id(context)
    if host_id is None:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Only hosts are let in.")
    assert host_id
    return host_id


async def _require_message(sent: object, context: Context) -> None:
    """End the call of a host that sent bytes which are no message."""
    if sent is None:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "These bytes are no message.")


def _is_sound(sent: pb.Beat) -> bool:
    """Tell whether a beat says nothing that no correct host says."""
    return (
        0 < sent.started_at < _LATEST  # nor is it NaN
        and 0 <= sent.leaves_in < _LATEST
        and 0 < len(sent.address) <= _MOST_ADDRESS
        and sent.address.isprintable()
        and len(sent.build) <= _MOST_NAME
        and sent.build.isprintable()
        and set(sent.tiers) <= set(TIERS)
        and len(sent.tiers) <= len(TIERS)
        and sent.mib <= _MOST_MIB
        and max(sent.most, sent.warm, len(sent.sessions)) <= _MOST_SESSIONS
        and all(len(key) <= _MOST_NAME for key in sent.sessions)
    )


class ControlClient:
    """The control port, as a host has it.

    Args:
        channel: to any process of the API.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._beat = channel.unary_unary(
            f"/{_SERVICE}/Beat", pb.Beat.SerializeToString, pb.Order.FromString
        )
        self._leave = channel.unary_unary(
            f"/{_SERVICE}/Leave", pb.Leave.SerializeToString, pb.Left.FromString
        )
        self._sending = asyncio.Lock()
        self._sent_at = 0.0

    async def beat(self, said: Beat) -> Order:
        """Send a beat, and return the answer; one that follows the last too soon waits, for it would be refused.

        Raises:
            OSError: there is none.
        """
        sent = pb.Beat(
            version=_VERSION,
            oldest=_OLDEST_VERSION,
            started_at=said.started_at,
            address=said.address,
            build=said.build,
            tiers=said.tiers,
            mib=said.mib,
            most=said.most,
            warm=said.warm,
            is_listed=said.sessions is not None,
            sessions=said.sessions or {},
            leaves_in=said.leaves_in,
        )
        async with self._sending:
            await asyncio.sleep(self._sent_at + 2 * _LEAST_SECONDS - time.monotonic())
            self._sent_at = time.monotonic()
            return await self._send(sent)

    async def _send(self, sent: pb.Beat) -> Order:
        try:
            order = await self._beat(sent, timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise OSError(_explain(error)) from None
        return Order(
            is_replaced=order.is_replaced,
            is_draining=order.is_draining,
            is_over=order.is_over,
            ending=dict(order.ending),
            closes_in=order.closes_in if order.HasField("closes_in") else None,
        )

    async def leave(self, started_at: float) -> None:
        """Say that this host stops; where nobody answers, its silence says it a little later."""
        try:
            await self._leave(pb.Leave(started_at=started_at), timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.warning("nobody was told that this host stops", reason=_explain(error))


def _explain(error: grpc.aio.AioRpcError) -> str:
    """Return in short why nobody answered; what the API failed with is in its own log, and may be secret."""
    code = error.code()
    if code is grpc.StatusCode.UNKNOWN:
        return "unknown: the API failed, and its log says why"
    return f"{code.name.lower()}: {error.details()}"[:_MOST_REASON]
