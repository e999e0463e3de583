"""A host in the hands of somebody else, as a program: it tries what no host may, and prints what came of it.

`python -m tests.cluster.hostile attack CERTIFICATES API HOST ADDRESS` tries the calls, `... serve CERTIFICATES API
ADDRESS` joins, and answers every claim with a message of 1 GiB.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from assistd.hosting import Beat
from assistd.periodic import Duty, repeating
from assistd.sandbox.base import Limits
from assistd.sandbox.remote.certificates import API_ROLE, Authority, host_role
from assistd.sandbox.remote.fleet.control import ControlClient
from assistd.sandbox.remote.sessions import RemoteSessions
from assistd.sandbox.remote.tls import Credentials
from assistd.sandbox.remote.wire import control_pb2, sandbox_pb2
from assistd.sandbox.remote.wire.calls import SERVICE, list_channel_options

_BEAT = "/assistd.control.v1.Control/Beat"
_GIB = 1 << 30
_OPTIONS = [("grpc.max_send_message_length", -1)]


async def attack(own: Credentials, api: str, host_id: str, address: str) -> None:
    """Try every call that is to be refused."""
    forged = Authority.create().issue(host_role(host_id), 1)
    foreign = Credentials(own.authority, forged.certificate, forged.key)
    said = Beat(host_id, time.time(), address, "1", (1,), 1 << 20, 100)
    await tell("a certificate of another CA", beat(foreign, api, said))
    await tell("the call of the API at a host", open_session(own, host_id, address))
    await tell("a session of a host without a certificate", open_plainly(address))
    old = control_pb2.Beat(version=0, oldest=0, started_at=1.0, address=address)
    await tell("an old version", send(own, api, old.SerializeToString()))
    await tell("a message of 1 GiB", send(own, api, bytes(_GIB)))
    await tell("a message that is none", send(own, api, b"\xff" * 100))
    await tell("a beat for another host", beat(own, api, said))


async def tell(name: str, attempt: Awaitable[object]) -> None:
    """Print what an attempt came to."""
    try:
        await attempt
        print(f"{name}: done", flush=True)
    except Exception as error:
        code = error.code().name if isinstance(error, grpc.aio.AioRpcError) else str(error)
        print(f"{name}: refused, {' '.join(code.split())}", flush=True)


async def beat(own: Credentials, api: str, said: Beat) -> None:
    async with own.open_channel(api, API_ROLE, _OPTIONS) as channel:
        await ControlClient(channel).beat(said)


async def send(own: Credentials, api: str, data: bytes) -> None:
    """Send bytes in the place of a beat."""
    async with own.open_channel(api, API_ROLE, _OPTIONS) as channel:
        await channel.unary_unary(_BEAT, bytes, bytes)(data, timeout=60)


async def open_session(own: Credentials, host_id: str, address: str) -> None:
    options = list_channel_options(Limits(), keeps_alive=False)
    async with own.open_channel(address, host_role(host_id), options) as channel:
        await claim(channel)


async def open_plainly(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        await claim(channel)


async def claim(channel: grpc.aio.Channel) -> None:
    sessions = RemoteSessions(channel, limits=Limits(), patience_seconds=0.5)
    try:
        await sessions.open("thread_stolen")
    finally:
        await sessions.close()


async def serve(own: Credentials, api: str, address: str) -> None:
    """Join as a host with much room, and send 1 GiB to whoever claims a session."""
    server = grpc.aio.server(options=_OPTIONS)
    handlers = {
        "Live": grpc.stream_stream_rpc_method_handler(_flood),
        "Watch": grpc.unary_stream_rpc_method_handler(_watch),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_secure_port(address, own.make_server_credentials())
    await server.start()
    said = Beat(own.read_host_id(), time.time(), address, "1", (1,), 1 << 20, 100, warm=100)
    async with own.open_channel(api, API_ROLE, []) as channel:
        control = ControlClient(channel)

        async def say() -> None:
            with contextlib.suppress(OSError):
                await control.beat(said)

        async with repeating(Duty("beat", say, 1.0)):
            await asyncio.Event().wait()


async def _flood(requests: Any, _: object) -> AsyncGenerator[bytes]:
    async for _ in requests:
        yield bytes(_GIB)


async def _watch(_: bytes, __: object) -> AsyncGenerator[bytes]:
    state = sandbox_pb2.State(version=1, is_ready=True, jail="namespaces")
    while True:
        yield state.SerializeToString()
        await asyncio.sleep(1)


if __name__ == "__main__":
    act = {"attack": attack, "serve": serve}[sys.argv[1]]
    asyncio.run(act(Credentials.load(Path(sys.argv[2])), *sys.argv[3:]))
