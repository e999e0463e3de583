"""Identifiers of API objects, in the shapes of the hosted service (contract section 4)."""

import secrets
import string

_BASE62 = string.ascii_letters + string.digits


def _base62(length: int) -> str:
    number = secrets.randbits(8 * length)  # more bits than are used: no digit is favoured
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(digits)


def new(prefix: str) -> str:
    """Return a fresh id: a prefix such as `thread_` and 24 letters or digits; for a file, `file-` and 22.

    An `upload` and its `part`, a vector store (`vs`) and a batch of one (`vsfb`) have 32 hexadecimal
    digits.
    """
    if prefix in {"upload", "part", "vs", "vsfb"}:
        return f"{prefix}_{secrets.token_hex(16)}"
    return f"file-{_base62(22)}" if prefix == "file" else f"{prefix}_{_base62(24)}"


def new_hex(prefix: str, digits: int = 50) -> str:
    """Return a fresh id of the Responses API: a prefix such as `resp` and hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(digits // 2)}"


def new_request_id() -> str:
    """Return a fresh request id: `req_` and 32 hexadecimal digits."""
    return f"req_{secrets.token_hex(16)}"


def new_api_key() -> str:
    """Return a fresh API key with 238 bits of entropy."""
    return f"sk-assistd-{_base62(40)}"


def new_admin_key() -> str:
    """Return a fresh key of the organization."""
    return f"sk-admin-{_base62(40)}"
