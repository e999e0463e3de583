"""Identifiers of API objects, in the shapes of the hosted service (contract section 4)."""

import hashlib
import secrets
import string

CONTENT_KEY_PREFIX = "p:"
"""How a content key begins; what commits before decision 0053 wrote in its place sorts before it."""

_BASE62 = string.ascii_letters + string.digits
_CONTENT_KEY_BYTES = (
    31  # so that a key fits into the column, which older commits made for 64 characters
)


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


def make_content_key(project_id: str, hash_: str) -> str:
    """Return what tells a content from others, and from the same one in another project.

    The column `hash` of files has held such keys since decision 0053. A search for one reads no row of
    another project, so that not even its time says who else has the content.

    Args:
        project_id: whose content it is.
        hash_: the BLAKE3 hash of the content, in hexadecimal digits.
    """
    both = f"{project_id}\0{hash_}".encode()
    return CONTENT_KEY_PREFIX + hashlib.blake2b(both, digest_size=_CONTENT_KEY_BYTES).hexdigest()


def is_content_key(hash_: str) -> bool:
    """Return whether what the row of a file has in its column `hash` is a content key."""
    return hash_.startswith(CONTENT_KEY_PREFIX)
