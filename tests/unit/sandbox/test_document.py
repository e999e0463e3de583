"""The server believes nothing that the reader of a document says."""

import io
import struct

import pytest

from assistd.sandbox.guest.shared.document import (
    FAILURES,
    NonsenseError,
    Order,
    Page,
    Reply,
    pack_failure,
    pack_text,
    read_reply,
)

LIMIT = 1000


def read(message: bytes) -> Reply | str:
    """Read a reply that comes in small pieces."""
    file = io.BytesIO(message)
    return read_reply(lambda size: file.read(min(size, 7)), LIMIT)


def message(text: str, *pages: Page) -> bytes:
    return b"".join(pack_text(text.encode(), pages))


def test_a_text_and_its_pages_arrive_as_they_were_sent() -> None:
    assert read(message("one 你好🙂\n\ntwo", (1, 0, 7), (3, 9, 12))) == Reply(
        "one 你好🙂\n\ntwo", ((1, 0, 7), (3, 9, 12))
    )
    assert read(message("x" * LIMIT)) == Reply("x" * LIMIT, ())


@pytest.mark.parametrize("reason", sorted(FAILURES))
def test_a_failure_arrives(reason: str) -> None:
    assert read(b"".join(pack_failure(reason))) == reason


def test_a_reply_that_breaks_off_is_told_apart_from_nonsense() -> None:
    whole = message("some text", (1, 0, 9))
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            read(whole[:length])


@pytest.mark.parametrize(
    "reply",
    [
        message("text") + b"x",
        message("x" * (LIMIT + 1)),
        message("a\0b"),
        struct.pack(">cII", b"T", 0, 2) + b"\xff\xfe",
        struct.pack(">cII", b"T", 0, 1) + b"\xe4",
        struct.pack(">cII", b"T", 1_000_001, 0),
        struct.pack(">cII", b"T", 0, 0xFFFF_FFFF),
        struct.pack(">cII", b"X", 0, 1) + b"x",
        struct.pack(">cII", b"F", 0, 5) + b"rm -r",
        message("text", (0, 0, 4)),
        message("text", (1, 0, 5)),
        message("text", (1, 3, 2)),
        message("text", (1, 0, 3), (2, 2, 4)),
        message("text", (2, 0, 2), (2, 2, 4)),
        message("你好", (1, 0, 6)),
    ],
)
def test_nonsense_is_refused(reply: bytes) -> None:
    with pytest.raises(NonsenseError):
        read(reply)


def test_an_order_survives_its_way_through_an_argument() -> None:
    order = Order("text/html", False, 5, None, 3, 1 << 30, 120, 99, confined=False)
    assert Order.unpack(order.pack()) == order
