"""What a session remembers for its users from one call to the next (`Session.remember`)."""

from assistd.units import MIB

MOST_BYTES = 8 * MIB


def require_rememberable(data: bytes) -> bytes:
    """Return what a session is to remember.

    Raises:
        ValueError: it is too much.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"{len(data)} bytes are more than a session remembers")
    return data
