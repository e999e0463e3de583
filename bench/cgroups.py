"""Groups of processes that the kernel holds to a part of a core; made as root."""

import itertools
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))  # version 1, then 2
_WEIGHTS = {"cpu.shares": "262144", "cpu.weight": "10000"}
_PERIOD_US = 100_000
_END_SECONDS = 5.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Group:
    """Processes that may be held to a part of the processor together.

    Args:
        folder: of the group.
    """

    folder: Path

    def wrap(self, command: list[str]) -> list[str]:
        """Return a command that runs another in the group, with all that it starts."""
        join = 'echo $$ > "$0"; exec "$@"'
        return ["sh", "-c", join, str(self.folder / "cgroup.procs"), *command]

    def hold(self, cores: float) -> None:
        """Let them have so much from now on."""
        quota, old = int(cores * _PERIOD_US), self.folder / "cpu.cfs_quota_us"
        if old.exists():
            old.write_text(str(quota))
        else:
            (self.folder / "cpu.max").write_text(f"{quota} {_PERIOD_US}")


def can_hold() -> bool:
    """Return whether this user may make groups."""
    try:
        with new_group() as group:
            group.hold(1)
    except OSError:
        return False
    return True


@contextmanager
def new_group() -> Generator[Group]:
    """A new group, which is empty again at the end.

    Raises:
        OSError: this user may make none.
    """
    root = next(each for each in _ROOTS if (each / "cgroup.procs").exists())
    folder = root / f"bench-{os.getpid()}-{next(_numbers)}"
    folder.mkdir()
    try:
        for name, most in _WEIGHTS.items():  # what it is held to it gets, whatever else runs
            if (folder / name).exists():
                (folder / name).write_text(most)
        yield Group(folder)
    finally:
        _remove(folder)


def _remove(group: Path) -> None:
    """Remove a group whose processes are about to end."""
    deadline = time.monotonic() + _END_SECONDS
    while True:
        try:
            for child in filter(Path.is_dir, group.iterdir()):
                child.rmdir()
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
