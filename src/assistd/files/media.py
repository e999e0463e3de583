"""What a file is: its media type, by its name, and by its first bytes where the name says nothing."""

import mimetypes
from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"

_OFFICE = "application/vnd.openxmlformats-officedocument"
_BY_NAME = {  # the guide's table of supported files; the system's knows the rest
    ".c": "text/x-c",
    ".cs": "text/x-csharp",
    ".cpp": "text/x-c++",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".html": "text/html",
    ".java": "text/x-java",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".php": "text/x-php",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".py": "text/x-python",
    ".rb": "text/x-ruby",
    ".tex": "text/x-tex",
    ".txt": "text/plain",
    ".css": "text/css",
    ".js": "text/javascript",
    ".sh": "application/x-sh",
    ".ts": "application/typescript",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".pkl": UNKNOWN,
    ".png": "image/png",
    ".tar": "application/x-tar",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
_BY_BYTES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": "application/pdf",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b": "application/gzip",
}


def media_type(name: str, head: bytes) -> str:
    """Return the media type of a file.

    Args:
        name: what it is called, with or without folders.
        head: its first bytes, up to a megabyte.
    """
    suffix = PurePosixPath(name.lower()).suffix
    known = _BY_NAME.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0]
    if known is not None:
        return known
    for magic, found in _BY_BYTES.items():
        if head.startswith(magic):
            return found
    return "text/plain" if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    if not head or b"\0" in head:
        return False
    try:
        head[:4096].decode()
    except UnicodeDecodeError as error:
        return error.start > 4092 and len(head) > 4096  # a character that was cut in two
    return True
