"""What a call showed is kept in order, within its limits, with the head and the tail of a flood."""

import struct

import pytest

from assistd.sandbox.base import Limits, Logs, Output, Picture
from assistd.sandbox.session.transcript import Transcript

LIMITS = Limits(output_bytes=1000, pictures=2, picture_bytes=100, picture_pixels=50)


def png(width: int = 5, height: int = 5, size: int = 40) -> bytes:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return head.ljust(size, b"\0")


def transcript() -> Transcript:
    return Transcript(LIMITS, None)


def test_neighbours_of_one_name_are_joined_and_others_stay_in_order() -> None:
    kept = transcript()
    for name, text in (("stdout", "a"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d")):
        kept.write(name, text)
    outputs, notes = kept.finish()
    assert outputs == (Logs("ab\n"), Logs("c\n", "stderr"), Logs("d"))
    assert notes == ()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ([("stdout", "a"), ("result", "2")], "a\n2"),
        ([("stdout", "a\n"), ("result", "2")], "a\n2"),
        ([("result", "1"), ("result", "2")], "1\n2"),
        ([("result", "1"), ("stdout", "a")], "1\na"),
        ([("stdout", "a"), ("stdout", ""), ("stdout", "b")], "ab"),
    ],
)
def test_a_result_stands_on_lines_of_its_own(written: list[tuple[str, str]], shown: str) -> None:
    kept = transcript()
    for name, text in written:
        kept.write(name, text)  # type: ignore[arg-type]
    outputs, _ = kept.finish()
    assert "".join(one.text for one in outputs if isinstance(one, Logs)) == shown


def test_a_flood_keeps_its_head_and_its_tail_and_says_what_is_missing() -> None:
    kept = transcript()
    lines = [f"line {n}\n" for n in range(1000)]
    for line in lines:
        kept.write("stdout", line)
    (log,), (note,) = kept.finish()
    assert isinstance(log, Logs)
    head, gap, tail = log.text.partition(f"\n[... {kept.dropped_bytes} bytes left out ...]\n")
    whole = "".join(lines)
    assert gap
    assert head
    assert tail
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + kept.dropped_bytes + len(tail) == len(whole)
    assert len(log.text) <= LIMITS.output_bytes + len(gap)
    assert str(kept.dropped_bytes) in note


def test_one_write_that_is_too_long_is_cut_between_characters() -> None:
    kept = transcript()
    kept.write("stdout", "数" * 1000)
    (log,), _ = kept.finish()
    assert isinstance(log, Logs)
    assert set(log.text) <= set(f"数\n[.{kept.dropped_bytes} bytes left out]")


def test_pieces_without_number_are_bounded_although_each_is_tiny() -> None:
    kept = transcript()
    for n in range(10_000):
        kept.write("stdout" if n % 2 else "stderr", "x")
    outputs, _ = kept.finish()
    assert len(outputs) <= 2 * LIMITS.output_bytes // 32 + 1


def test_pictures_keep_their_place_and_those_too_many_are_counted() -> None:
    kept = transcript()
    kept.write("stdout", "a\n")
    for _ in range(3):
        kept.picture(png())
    kept.write("stdout", "b")
    outputs, (note,) = kept.finish()
    assert outputs == (Logs("a\n"), Picture(png()), Picture(png()), Logs("b"))
    assert note.startswith("1 pictures were left out")


@pytest.mark.parametrize(
    "data", [b"GIF89a", png(size=101), png(width=51, height=1), png(width=0), b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_sane_picture_is_left_out(data: bytes) -> None:
    kept = transcript()
    kept.picture(data)
    outputs, notes = kept.finish()
    assert outputs == ()
    assert len(notes) == 1


def test_a_picture_in_a_flood_stays_where_the_middle_is_left_out() -> None:
    kept = transcript()
    kept.write("stdout", "x" * 600)
    kept.picture(png())
    kept.write("stdout", "y" * 2000)
    outputs, _ = kept.finish()
    assert Picture(png()) in outputs


def test_each_output_is_handed_on_at_once_and_the_tail_at_the_end() -> None:
    seen: list[Output] = []
    kept = Transcript(LIMITS, seen.append)
    kept.write("stdout", "a")
    assert seen == [Logs("a")]
    kept.write("stdout", "x" * 2000)
    before = len(seen)
    outputs, _ = kept.finish()
    assert len(seen) > before
    shown = "".join(one.text for one in seen if isinstance(one, Logs))
    assert shown == "".join(one.text for one in outputs if isinstance(one, Logs))


def test_who_fails_to_take_an_output_is_asked_no_more_and_the_failure_is_kept() -> None:
    asked: list[Output] = []

    def refuse(output: Output) -> None:
        asked.append(output)
        raise OSError("gone")

    kept = Transcript(LIMITS, refuse)
    kept.write("stdout", "a")
    kept.write("stdout", "b")
    outputs, _ = kept.finish()
    assert outputs == (Logs("ab"),)
    assert len(asked) == 1
    assert isinstance(kept.failure, OSError)
