"""The payload that names open files: what the guest packs, and what the server takes from whom it does not trust."""

import pytest

from assistd.sandbox.guest.shared.wire import WireError, Writing, pack_open_files, unpack_open_files


def test_open_files_come_back_as_they_were() -> None:
    files = {"a.csv": Writing.FLUSHED, "d/数\n据": Writing.HELD, "x": Writing.FAILED}
    assert unpack_open_files(pack_open_files(files)) == files
    assert unpack_open_files(b"") == {}


def test_more_files_than_there_is_room_for_are_left_out() -> None:
    many = {f"{n}": Writing.HELD for n in range(10_000)}
    assert len(unpack_open_files(pack_open_files(many))) == 512
    long = {f"{n}/" + "x" * 4000: Writing.HELD for n in range(100)}
    assert len(unpack_open_files(pack_open_files(long))) == 16
    assert pack_open_files({"\udcff": Writing.HELD}) == b""


@pytest.mark.parametrize(
    "payload",
    [
        b"h",
        b"h\0",
        b"\0",
        b"ha",
        b"h/etc/passwd\0",
        b"h../x\0",
        b"ha/../../x\0",
        b"ha//b\0",
        b"h.\0",
        b"?a\0",
        b"h\xff\0",
        b"ha\0" * 513,
        b"h" + b"a" * (64 << 10) + b"\0",
    ],
)
def test_what_no_guest_packs_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        unpack_open_files(payload)
