"""Frames and marks: whole ones survive any cutting, broken ones are refused or harmless."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.sandbox.guest.shared import wire
from assistd.sandbox.guest.shared.wire import Kind

NONCE = "0123456789abcdef"
frames = st.lists(
    st.tuples(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=300)), max_size=8
)


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


@given(frames, st.lists(st.integers(0, 40)))
def test_frames_survive_any_cutting(sent: list[tuple[Kind, int, bytes]], sizes: list[int]) -> None:
    reader = wire.Frames(limit=1000)
    data = b"".join(wire.pack(*frame) for frame in sent)
    assert [frame for piece in _cut(data, sizes) for frame in reader.feed(piece)] == sent


@given(st.lists(st.binary(max_size=200)))
def test_garbage_is_refused_or_waits_within_bounds(pieces: list[bytes]) -> None:
    reader = wire.Frames(limit=100)
    try:
        for piece in pieces:
            for kind, _, payload in reader.feed(piece):
                assert kind in set(Kind)
                assert len(payload) <= 100
    except wire.WireError:
        return
    assert len(reader._buffer) <= 100 + wire.HEADER.size + 200


def test_a_frame_too_large_is_refused_before_it_is_read() -> None:
    reader = wire.Frames(limit=100)
    with pytest.raises(wire.WireError):
        list(reader.feed(wire.HEADER.pack(Kind.PICTURE, 1, 101)))


pieces = st.lists(
    st.one_of(
        st.tuples(st.just("stdout"), st.binary(min_size=1, max_size=80)),
        st.tuples(st.just("stderr"), st.binary(min_size=1, max_size=9000)),
        st.tuples(st.just("position"), st.integers(0, 2**32 - 1)),
    ),
    max_size=8,
)


@given(pieces, st.lists(st.integers(0, 60)))
def test_marks_survive_any_cutting(sent: list[tuple[str, bytes | int]], sizes: list[int]) -> None:
    prefix = wire.mark_prefix(NONCE)
    data = b""
    for what, content in sent:
        if isinstance(content, int):
            data += wire.mark_position(prefix, content)
        elif what == "stderr":
            data += b"".join(wire.stderr_chunks(prefix, content))
        else:
            data += content
    marks = wire.Marks(NONCE)
    got = [one for piece in _cut(data, sizes) for one in marks.feed(piece)]
    got += marks.flush()
    assert _joined(got) == _joined(sent)


def _joined(parts: list[tuple[str, bytes | int]]) -> list[tuple[str, bytes | int]]:
    joined: list[tuple[str, bytes | int]] = []
    for what, content in parts:
        if joined and joined[-1][0] == what and isinstance(content, bytes):
            joined[-1] = (what, joined[-1][1] + content)
        else:
            joined.append((what, content))
    return joined


@given(
    st.lists(st.one_of(st.binary(max_size=50), st.just(wire.mark_prefix(NONCE)), st.just(b"\0")))
)
def test_forged_marks_lose_nothing_but_order(parts: list[bytes]) -> None:
    marks = wire.Marks(NONCE)
    out = [content for part in parts for what, content in marks.feed(part) if what != "position"]
    out += [content for _, content in marks.flush() if isinstance(content, bytes)]
    assert sum(map(len, out)) <= sum(map(len, parts))
    assert len(marks._buffer) == 0


@given(st.binary(max_size=9000))
def test_every_marked_piece_fits_a_pipes_atomic_write(data: bytes) -> None:
    prefix = wire.mark_prefix(NONCE)
    chunks = list(wire.stderr_chunks(prefix, data))
    assert all(len(chunk) <= wire.ATOMIC_BYTES for chunk in chunks)


def test_the_kernels_end_reads_whole_frames_and_hears_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(wire.pack(Kind.EXECUTE, 7, b"x" * 100_000))
        ours.sendall(struct.pack(">BI", 1, 1))
        ours.shutdown(socket.SHUT_WR)
        receiver = wire.Receiver(theirs)
        assert receiver.receive() == (Kind.EXECUTE, 7, b"x" * 100_000)
        assert receiver.receive() is None
