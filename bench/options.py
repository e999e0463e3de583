"""How long each part of the benchmark goes on."""

from dataclasses import dataclass
from pathlib import Path

from assistd.sandbox.environments import environment
from assistd.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What every part is given; it takes from it what it needs.

    Args:
        rounds: how often sessions are opened, each time beside a Jupyter kernel.
        seconds: the length of each load of the API.
        sessions: live sessions of the crowd.
        runs: runs with code that are begun at once.
        transfers: how often a file of 512 MB is moved each way.
        kernel: whether a Jupyter kernel is measured beside.
    """

    rounds: int
    seconds: float
    sessions: int
    runs: int
    transfers: int
    kernel: bool = True

    @classmethod
    def of_a_bench(cls) -> "Options":
        """Return those of a benchmark whose figures stand for themselves."""
        return cls(rounds=8, seconds=5, sessions=500, runs=200, transfers=15)

    @classmethod
    def of_a_comparison(cls) -> "Options":
        """Return those of each half of a pair: short, for there are many, and without a kernel."""
        return cls(rounds=2, seconds=1, sessions=100, runs=200, transfers=2, kernel=False)


def interpreter() -> Path:
    """Return the interpreter of the interpreter environment; it is built where it is missing."""
    return environment.build(Settings().cache_dir, report=print).python
