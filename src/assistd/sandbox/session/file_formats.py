"""Whether a file is whole, as far as its format says so: of hostile bytes, by few and bounded reads.

Only formats that say where they end are known here; of all others nobody can tell.
"""

import struct
from collections.abc import Callable
from enum import Enum

Read = Callable[[int, int], bytes]
"""Returns so many bytes of a file from an offset on; fewer at its end."""

_HEAD_BYTES = 512
_TAIL_BYTES = 1 << 10
_ZIP_TAIL_BYTES = 22 + 0xFFFF  # its last record, and the comment that may follow
_MOST_BOXES = 1000  # of an MP4; each is one read of 16 bytes


class Wholeness(Enum):
    """What a format says of a file.

    WHOLE: it is complete even while a program has it open. CUT_OFF: its end is missing. STREAM: it is
    compressed, and only its end tells. UNKNOWN: it may be complete.
    """

    WHOLE = "whole"
    CUT_OFF = "cut off"
    STREAM = "stream"
    UNKNOWN = "unknown"


def judge(read: Read, size: int) -> Wholeness:
    """Say whether a file is whole.

    Args:
        read: reads from it.
        size: its bytes.
    """
    head = read(0, _HEAD_BYTES)
    for offset, magic, check in _FORMATS:
        if head.startswith(magic, offset):
            return check(read, size)
    return Wholeness.UNKNOWN


def _tail(read: Read, size: int, count: int = _TAIL_BYTES) -> bytes:
    return read(max(0, size - count), count)


def _unless(is_cut_off: bool) -> Wholeness:  # noqa: FBT001  the answer of a check
    return Wholeness.CUT_OFF if is_cut_off else Wholeness.UNKNOWN


def _having(mark: bytes, count: int = _TAIL_BYTES) -> Callable[[Read, int], Wholeness]:
    """Return a check that a mark stands near the end."""
    return lambda read, size: _unless(mark not in _tail(read, size, count))


def _ending(*marks: bytes) -> Callable[[Read, int], Wholeness]:
    """Return a check that the last bytes are one of these."""
    return lambda read, size: _unless(not _tail(read, size).endswith(marks))


def _number(read: Read, offset: int, form: str) -> int:
    """Return a number of the file; -1 where it ends before."""
    data = read(offset, struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        return -1
    return int(struct.unpack(form, data)[0])


def _check_stream(_: Read, size: int) -> Wholeness:
    return Wholeness.CUT_OFF if size < 14 else Wholeness.STREAM


def _check_mp4(read: Read, size: int) -> Wholeness:
    """Return its boxes follow one another to the end, and one of them is the table of contents."""
    offset, has_contents = 0, False
    for _ in range(_MOST_BOXES):
        if offset == size:
            return _unless(not has_contents)
        length = _number(read, offset, ">I")
        kind = read(offset + 4, 4)
        if length == 1:
            length = _number(read, offset + 8, ">Q")
        has_contents = has_contents or kind in {b"moov", b"meta"}
        if length == 0 and has_contents:
            return Wholeness.UNKNOWN  # the last box goes to the end
        if length < 8:
            return Wholeness.CUT_OFF
        offset += length
        if offset > size:
            return Wholeness.CUT_OFF
    return Wholeness.UNKNOWN


def _check_riff(read: Read, size: int) -> Wholeness:
    """Return its length, written last, is the file's; a long AVI goes on with another part."""
    end = _number(read, 4, "<I") + 8
    goes_on = read(end + end % 2, 4) == b"RIFF"
    return _unless(end > size + 1 or (end + 1 < size and not goes_on))


def _check_tiff(order: str, form: str, offset: int) -> Callable[[Read, int], Wholeness]:
    """Return a check that the first directory of pictures is there."""

    def check(read: Read, size: int) -> Wholeness:
        first = _number(read, offset, order + form)
        return _unless(not offset < first < size)

    return check


def _check_hdf5(read: Read, size: int) -> Wholeness:
    """Return the head says where the file ends; after a flush it ends there."""
    version = read(8, 1)
    end = _number(read, 40 if version in {b"\0", b"\1"} else 28, "<Q")
    if end > size or end < 0:
        return Wholeness.CUT_OFF
    return Wholeness.WHOLE if end == size else Wholeness.UNKNOWN


def _check_sqlite(read: Read, size: int) -> Wholeness:
    """Return a whole number of pages, as many as the head says; a journal beside it is not seen here."""
    page = _number(read, 16, ">H")
    pages = _number(read, 28, ">I")
    is_whole = page > 0 and size == pages * (65_536 if page == 1 else page)
    return Wholeness.WHOLE if is_whole else Wholeness.UNKNOWN


def _check_7z(read: Read, size: int) -> Wholeness:
    start, length = _number(read, 12, "<Q"), _number(read, 20, "<Q")
    return _unless(length <= 0 or 32 + start + length > size)


def _check_tar(read: Read, size: int) -> Wholeness:
    return _unless(size % 512 != 0 or any(_tail(read, size, 1024)))


_zip = _having(b"PK\5\6", _ZIP_TAIL_BYTES)
_FORMATS: tuple[tuple[int, bytes, Callable[[Read, int], Wholeness]], ...] = (
    (0, b"PK\3\4", _zip),
    (0, b"PK\1\2", _zip),
    (0, b"\x89PNG\r\n\x1a\n", _having(b"IEND")),
    (0, b"\xff\xd8\xff", _having(b"\xff\xd9")),
    (0, b"GIF8", _having(b";")),
    (0, b"%PDF-", _having(b"%%EOF")),
    (4, b"ftyp", _check_mp4),
    (0, b"RIFF", _check_riff),
    (0, b"II*\0", _check_tiff("<", "I", 4)),
    (0, b"MM\0*", _check_tiff(">", "I", 4)),
    (0, b"II+\0", _check_tiff("<", "Q", 8)),
    (0, b"MM\0+", _check_tiff(">", "Q", 8)),
    (0, b"PAR1", _ending(b"PAR1")),
    (0, b"ARROW1", _ending(b"ARROW1")),
    (0, b"\x89HDF\r\n\x1a\n", _check_hdf5),
    (0, b"SQLite format 3\0", _check_sqlite),
    (0, b"7z\xbc\xaf\x27\x1c", _check_7z),
    (257, b"ustar", _check_tar),
    (0, b"\xfd7zXZ\0", _ending(b"YZ")),
    (0, b"\x1f\x8b", _check_stream),
    (0, b"BZh", _check_stream),
    (0, b"\x28\xb5\x2f\xfd", _check_stream),
    (0, b"\x04\x22\x4d\x18", _check_stream),
)
