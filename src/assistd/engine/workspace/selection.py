"""Selects which of the files that a call wrote are stored, before a byte of them is (decision 0051).

A sparse file takes no room in /mnt/data and all of its size in the blob store; so does each further
name of a file. What is selected is never more than /mnt/data can hold.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from assistd.sandbox.base import DataFile

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Selection:
    """What is stored of a call.

    Args:
        files: the files to read, sorted by path; of several names of one file the first.
        same: each further name of a file -> the name under which it is read.
        lost: path -> why it is left out.
        bytes: what the project keeps more, each name counted.
    """

    files: tuple[DataFile, ...]
    same: Mapping[str, str]
    lost: Mapping[str, str]
    bytes: int


def select(changed: Sequence[DataFile], most_each: int, most_together: int) -> Selection:
    """Select what may be stored.

    Files without holes come first: all of them fit, for they fitted into /mnt/data.

    Args:
        changed: what the call wrote, sorted by path.
        most_each: bytes of one file.
        most_together: bytes of all, each file counted once.
    """
    read_as = _first_names(changed)
    lost: dict[str, str] = {}
    taken: list[DataFile] = []
    left = most_together
    firsts = [each for each in changed if read_as[each.path] == each.path]
    for each in sorted(firsts, key=lambda one: one.is_sparse):
        if each.size > most_each:
            lost[each.path] = f"The file is larger than the limit of {most_each} bytes."
        elif each.size > left:
            lost[each.path] = (
                f"it has holes, and with them the files of this call are more than the "
                f"{most_together // _MIB} MiB that /mnt/data may hold: write it without holes, or smaller"
            )
        else:
            taken.append(each)
            left -= each.size
    lost |= {path: lost[first] for path, first in read_as.items() if first in lost}
    same = {path: first for path, first in read_as.items() if path != first and path not in lost}
    return Selection(
        files=tuple(sorted(taken, key=lambda one: one.path)),
        same=same,
        lost={path: lost[path] for path in sorted(lost)},
        bytes=_sum(changed, lost),
    )


def _first_names(changed: Sequence[DataFile]) -> dict[str, str]:
    """Map each path to the first path of the same file."""
    firsts: dict[object, str] = {}
    return {each.path: firsts.setdefault(each.inode or each.path, each.path) for each in changed}


def _sum(changed: Sequence[DataFile], lost: Collection[str]) -> int:
    return sum(each.size for each in changed if each.path not in lost)
