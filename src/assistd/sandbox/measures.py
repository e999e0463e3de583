"""What sessions take: numbers that `base` promises, for who looks after a host."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """What a live session takes.

    Args:
        opened_at: when it was opened (Unix seconds).
        ends_at: when it is closed if no call comes until then.
        memory_limit_bytes: what its processes and its files may hold.
        memory_bytes: what they hold; None where the host cannot see them.
        cpu_seconds: processors' time of its processes so far; likewise.
    """

    opened_at: float
    ends_at: float
    memory_limit_bytes: int
    memory_bytes: int | None = None
    cpu_seconds: float | None = None
