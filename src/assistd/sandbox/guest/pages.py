"""The zygote's memory, laid out so that a fork has few page tables to copy."""

import gc
from collections.abc import Iterator

from assistd.sandbox.guest.shared import syscalls

_HUGE_PAGE = 2 << 20
_RESERVED_MIB = 56  # what the default environment fills
_OBJECT_BYTES = 440  # with its header, nearly the largest that Python keeps in arenas
_OBJECTS_PER_MIB = 2100

_pins: list[bytes | None] = []


def reserve() -> None:
    """Have Python's objects lie in one piece; called before the modules are imported that make them.

    Python takes an arena of a MiB where the kernel has room, which is between the shared libraries
    that are loaded meanwhile: huge pages fit nowhere. Here many are taken side by side, and an
    object in each keeps it until `freeze`.
    """
    count = _RESERVED_MIB * _OBJECTS_PER_MIB
    objects: list[bytes | None] = [None] * count  # at once: it must not grow in between
    for index in range(count):
        objects[index] = bytes(_OBJECT_BYTES)
    _pins[:] = objects[:: _OBJECTS_PER_MIB // 2]


def freeze() -> Iterator[None]:
    """Make memory cheap to share: nothing for the collector to touch, huge pages where they fit.

    Done in steps, for it takes a quarter of a second; a session may be forked after each.
    """
    _pins.clear()
    gc.unfreeze()
    gc.collect()
    syscalls.trim_heap()
    gc.freeze()
    yield
    with open("/proc/self/maps", encoding="utf-8") as file:
        lines = file.readlines()
    for line in lines:
        fields = line.split()
        anonymous = len(fields) == 5 or fields[5] == "[heap]"
        if not anonymous or not fields[1].startswith("rw-p"):
            continue
        first, last = (int(end, 16) for end in fields[0].split("-"))
        start = -(-first // _HUGE_PAGE) * _HUGE_PAGE
        for block in range(
            start, last - _HUGE_PAGE + 1, _HUGE_PAGE
        ):  # one refused ends a longer call
            syscalls.collapse(block, _HUGE_PAGE)
            yield
