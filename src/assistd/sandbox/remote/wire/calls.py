"""The calls of a sandbox host: their names, the versions spoken, and the options of gRPC on both ends."""

from collections.abc import Callable
from typing import TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from assistd.sandbox.base import Limits
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.units import MIB

SERVICE = "assistd.sandbox.v1.Host"
VERSION = 2
OLDEST_VERSION = 1
SNAPSHOT_VERSION = 2
"""The first that keeps variables."""
CHUNK_BYTES = MIB
"""What is sent in one message, where it could be sent in several."""
LAST_REPLIES_SECONDS = 1.0
"""How long a server that stops lets the calls that run come to their end."""
ENDING_SECONDS = 30.0
"""How long a host waits until whoever has a stream to a session has kept what it wants of it."""

_MOST_MESSAGE_BYTES = 32 * MIB
_KEEPALIVE_MS = 2000
_KEEPALIVE_TIMEOUT_MS = 1000
_RECONNECT_MS = (50, 500)  # at first, and at most

Options = list[tuple[str, int]]
_M = TypeVar("_M", bound=Message)


def make_reader(kind: type[_M]) -> Callable[[bytes], _M]:
    """Return what reads messages of a kind, and returns None for bytes that are none.

    So does gRPC by itself, but it logs a traceback each time.
    """

    def read(data: bytes) -> _M:
        try:
            return kind.FromString(data)
        except DecodeError:
            return cast("_M", None)

    return read


def make_hello() -> pb.Hello:
    """Return which versions this end speaks."""
    return pb.Hello(version=VERSION, oldest=OLDEST_VERSION)


def choose_version(hello: pb.Hello) -> int | None:
    """Return the newest version that the sender and this end speak; None where there is none."""
    common = min(VERSION, hello.version)
    return common if common >= max(OLDEST_VERSION, hello.oldest) else None


def explain_versions(hello: pb.Hello) -> str:
    """Return why the sender and this end cannot speak."""
    own = f"{OLDEST_VERSION} to {VERSION}"
    return (
        f"the sandbox host speaks versions {own} of the protocol, this server {hello.oldest} to "
        f"{hello.version}: run releases of assistd that follow each other"
    )


def list_channel_options(limits: Limits, *, keeps_alive: bool) -> Options:
    """Return the options of a channel to a host.

    Args:
        limits: of sessions, as the API has them.
        keeps_alive: whether to ask every two seconds whether the link stands; a socket of this
            machine says so itself.
    """
    first, most = _RECONNECT_MS
    options: Options = [
        ("grpc.max_receive_message_length", _bound_messages(limits)),
        ("grpc.max_send_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", first),
        ("grpc.min_reconnect_backoff_ms", most),
        ("grpc.max_reconnect_backoff_ms", most),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if keeps_alive:
        options += [
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.http2.ping_timeout_ms", 1000),
        ]
    return options


def list_server_options(limits: Limits) -> Options:
    """Return the options of the server in a host."""
    return [
        ("grpc.max_receive_message_length", _bound_messages(limits)),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", _KEEPALIVE_MS // 2),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _KEEPALIVE_MS // 2),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_time_ms", 10 * _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 10 * _KEEPALIVE_TIMEOUT_MS),
    ]


def _bound_messages(limits: Limits) -> int:
    return max(_MOST_MESSAGE_BYTES, limits.picture_bytes + MIB)


class HostCalls:
    """The calls of a host, by a channel to it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        def name(call: str) -> str:
            return f"/{SERVICE}/{call}"

        self.live = channel.stream_stream(
            name("Live"), pb.Request.SerializeToString, make_reader(pb.Reply)
        )
        self.put = channel.stream_unary(
            name("Put"), pb.PutPart.SerializeToString, make_reader(pb.Done)
        )
        self.read = channel.unary_stream(
            name("Read"), pb.ReadFile.SerializeToString, make_reader(pb.Part)
        )
        self.save = channel.unary_stream(
            name("Save"), pb.SaveSession.SerializeToString, make_reader(pb.SavePart)
        )
        self.restore = channel.stream_unary(
            name("Restore"), pb.RestorePart.SerializeToString, make_reader(pb.Restored)
        )
        self.watch = channel.unary_stream(
            name("Watch"), pb.Hello.SerializeToString, make_reader(pb.State)
        )
        self.drop = channel.unary_unary(
            name("Drop"), pb.Key.SerializeToString, make_reader(pb.Done)
        )
        self.measure = channel.unary_unary(
            name("Measure"), pb.Key.SerializeToString, make_reader(pb.Measured)
        )
        self.examine = channel.unary_unary(
            name("Examine"), pb.Hello.SerializeToString, make_reader(pb.Examined)
        )
