"""What tests of the cluster measured, printed as a table at the end, with what is to be reached."""

from collections.abc import Callable
from typing import Protocol

import pytest


class Note(Protocol):
    """Notes what was measured, and the most that is wanted, if anything is."""

    def __call__(self, name: str, value: float, unit: str, most: float | None = None) -> None: ...


_NAME = "figure"


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Note:
    """`figure(name, value, unit, most)` notes what was measured.

    A busy machine may miss it: the test asserts what must never happen, and the table says the rest.
    """

    def note(name: str, value: float, unit: str, most: float | None = None) -> None:
        record_property(_NAME, (name, value, unit, most))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, [])
    ]
    rows = [
        value
        for report in reports
        for name, value in report.user_properties
        if name == _NAME and report.when == "call"
    ]
    if rows:
        terminalreporter.section("figures of the cluster")
    for name, value, unit, most in rows:
        target = "" if most is None else f"<= {most:g}" + ("" if value <= most else "  MISSED")
        terminalreporter.write_line(f"{name:<72}{value:>10.3f} {unit:<9}{target}")
