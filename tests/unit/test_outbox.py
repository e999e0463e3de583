"""Answers on their way out: what is said together leaves together, and nothing stays behind."""

import asyncio
from typing import Any, cast

from assistd.api.transport.sendfile import SendFile
from assistd.api.transport.write_buffer import WriteBuffer


class Transport:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def writelines(self, pieces: list[bytes]) -> None:
        self.done.append(b"".join(pieces))

    def close(self) -> None:
        self.done.append("closed")


def outbox_of(transport: Transport) -> WriteBuffer:
    return WriteBuffer(cast("asyncio.Transport", transport), asyncio.get_running_loop())


async def test_what_is_written_leaves_in_one_piece_when_it_is_flushed() -> None:
    transport = Transport()
    outbox = outbox_of(transport)
    outbox.write(b"head")
    outbox.write(b"body")
    assert transport.done == []
    outbox.flush()
    outbox.flush()
    await asyncio.sleep(0)
    assert transport.done == [b"headbody"]


async def test_a_head_without_a_body_leaves_in_the_next_turn_of_the_loop() -> None:
    transport = Transport()
    outbox = outbox_of(transport)
    outbox.write(b"head")
    await asyncio.sleep(0)
    assert transport.done == [b"head"]
    outbox.write(b"late")
    await asyncio.sleep(0)
    assert transport.done == [b"head", b"late"]


async def test_nothing_is_lost_when_the_connection_is_closed() -> None:
    transport = Transport()
    outbox = outbox_of(transport)
    outbox.write(b"all")
    outbox.close()
    await asyncio.sleep(0)
    assert transport.done == [b"all", "closed"]


async def test_each_part_of_a_stream_leaves_at_once_and_the_head_with_the_first() -> None:
    transport = Transport()

    class Cycle:
        """What uvicorn has of a request: it writes head and body one after the other."""

        def __init__(self) -> None:
            self.transport: Any = transport

        async def send(self, message: dict[str, Any]) -> None:
            self.transport.write(message.get("body", b"head "))

    sent: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start"})
        for part in (b"one ", b"two "):
            await send({"type": "http.response.body", "body": part})
            sent.append(len(transport.done))

    cycle = Cycle()
    await SendFile(app, cast("Any", cycle))(
        {"type": "http"}, cast("Any", None), cast("Any", cycle.send)
    )
    assert transport.done == [b"head one ", b"two "]
    assert sent == [1, 2], "no part waits for the next"
