"""The time, in one place, so that tests can move it."""

import threading
import time

_lock = threading.Lock()
_last = 0
_offset = 0.0


def now() -> float:
    """Return the seconds since the Unix epoch, shifted by `advance`."""
    return shift(time.time())


def shift(moment: float) -> float:
    """Shift a moment of another clock (Unix seconds) as `advance` shifted this one."""
    return moment + _offset


def seconds() -> int:
    """Return whole seconds since the Unix epoch, the unit of every timestamp on the wire."""
    return int(now())


def advance(by: float) -> None:
    """Move the clock forward `by` seconds, for tests of expiry."""
    global _offset  # noqa: PLW0603  the one knob of this module
    _offset += by


def sequence() -> int:
    """Return a number larger than every earlier one: it orders rows of one second (contract trap 29).

    The number is the microseconds since the epoch, plus one if two calls share a microsecond, so that
    objects of several tables sort together by the moment of their creation.
    """
    global _last  # noqa: PLW0603  guarded by the lock
    with _lock:
        _last = max(_last + 1, int(now() * 1_000_000))
        return _last


def follow(number: int) -> None:
    """Return only sequence numbers above this one, which a server with a clock ahead of ours may have given."""
    global _last  # noqa: PLW0603  guarded by the lock
    with _lock:
        _last = max(_last, number)
