"""Who answers for memory in a kernel that tells little: the watch inside gVisor, on files made for it."""

import os
from pathlib import Path

import pytest

from assistd.sandbox.base import MIB
from assistd.sandbox.guest.walls import memory

LIMITS = {1: 300 * MIB, 2: 300 * MIB, 3: 300 * MIB}


class Kernel:
    """The files that gVisor would have; every process in them is this one."""

    def __init__(self, folder: Path) -> None:
        self._usage = folder / "usage"
        self._counters = folder / "counters"
        self.use(0)
        self.watch = memory.Watch(str(self._usage), str(self._counters), str(folder / "roots"))

    def use(self, size: int) -> None:
        """All together."""
        self._usage.write_text(f"{size}\n")

    def run(self, number: int, processes: int) -> None:
        """A session of so many."""
        counter = self._counters / str(number)
        counter.mkdir(parents=True)
        (counter / "cgroup.procs").write_text(f"{os.getpid()}\n" * processes)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Three sessions, one of them of forty processes; the watch has no time to measure any."""
    monkeypatch.setattr(memory, "_MEASURE_SECONDS", -1.0)
    made = Kernel(tmp_path)
    for number, processes in ((1, 1), (2, 40), (3, 2)):
        made.run(number, processes)
    return made


def test_without_time_the_many_answer_for_what_nobody_explains(kernel: Kernel) -> None:
    kernel.use(8 << 30)
    assert kernel.watch.overgrown(LIMITS) == [2]


def test_without_time_nobody_answers_for_what_all_may_have(kernel: Kernel) -> None:
    kernel.use(sum(LIMITS.values()))
    assert kernel.watch.overgrown(LIMITS) == []


def test_without_time_a_single_process_never_answers_for_others(kernel: Kernel) -> None:
    kernel.use(8 << 30)
    assert kernel.watch.overgrown({1: 300 * MIB}) == []


def test_nobody_answers_for_what_the_dead_give_back(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses = iter((8 << 30, 7 << 30))
    monkeypatch.setattr(kernel.watch, "_read_used", lambda: next(uses))
    assert kernel.watch.overgrown(LIMITS) == []


def test_with_time_those_who_hold_most_answer(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_MEASURE_SECONDS", 60.0)
    monkeypatch.setattr(memory, "_resident", lambda _: 100 * MIB)
    kernel.use(4 << 30)
    assert kernel.watch.overgrown(LIMITS) == [2]
    assert kernel.watch.overgrown(LIMITS) == [], "it rests between two looks"
    assert kernel.watch.rest() > 0
