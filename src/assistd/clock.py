"""The time, in one place, so that tests can move it."""

import threading
import time

_lock = threading.Lock()
_last = 0
_offset = 0.0


def now() -> float:
    """Seconds since the Unix epoch, moved by `advance`."""
    return moved(time.time())


def moved(moment: float) -> float:
    """A moment by another clock (Unix seconds), moved as this one is by `advance`."""
    return moment + _offset


def seconds() -> int:
    """Whole seconds since the Unix epoch: the unit of every timestamp on the wire."""
    return int(now())


def advance(by: float) -> None:
    """Move the clock forward `by` seconds, for tests of expiry."""
    global _offset  # noqa: PLW0603  the one knob of this module
    _offset += by


def sequence() -> int:
    """A number larger than every one given before: orders what shares a second (contract trap 29).

    Microseconds since the epoch, pushed on by one where two calls share a microsecond, so that
    objects of several tables sort together by the moment of their creation.
    """
    global _last  # noqa: PLW0603  guarded by the lock
    with _lock:
        _last = max(_last + 1, int(now() * 1_000_000))
        return _last


def follow(number: int) -> None:
    """Give only numbers larger than this one: the clock of who gave it may be ahead of ours."""
    global _last  # noqa: PLW0603  guarded by the lock
    with _lock:
        _last = max(_last, number)
