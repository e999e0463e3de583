"""Whether this host can read documents, and what it cannot give their readers."""

import sys
import tempfile
from collections.abc import Mapping

from assistd.sandbox.extraction import formats, reader
from assistd.sandbox.extraction.extractor import ExtractionLimits
from assistd.sandbox.guest.shared.document import Order, Reply

_BLANK = (
    b"%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>"
)

LIMITATIONS: Mapping[str, str] = {
    "process ids": "a reader has no namespace of them: its filter knows no call that names a process",
    "own id": "where the server is an ordinary user, a reader has the server's id: the walls alone keep it "
    "from what that user may",
    "memory": "the limit is one of address space; what the kernel keeps for a reader beside it, as in its "
    "pipes, counts for the server's user",
    "processor": "no control group counts readers: they run at a lower priority than the server, two at once",
    "size": "a document of more than some 290 MB does not fit a reader, which has three copies of it",
    "library": "where the host refuses namespaces, and programs in its folder for temporary files (`noexec`), "
    "pdf cannot be read: set TMPDIR to another one",
}
"""What the kernel cannot give the reader of a document, by a short name; `assistd doctor` prints it."""


async def find_obstacle(*, confined: bool, python: str = sys.executable) -> str | None:
    """Return why documents cannot be read on this host; None where they can.

    Args:
        confined: whether walls must stand around a reader.
        python: that has the library.
    """
    limits = ExtractionLimits()
    with tempfile.TemporaryDirectory(prefix="assistd-reader-") as folder:
        order = Order(
            mime=formats.PDF.mime,
            has_pages=True,
            size=len(_BLANK),
            folder=folder,
            uid=0,
            memory_bytes=limits.memory_bytes,
            seconds=limits.processor_seconds,
            text_bytes=limits.text_bytes,
            confined=confined,
        )
        try:
            reply = await reader.read(order, _BLANK, limits.wall_seconds, python)
        except reader.DeadlineError:
            return "its reader takes too long"
        except reader.ReaderError as error:
            return str(error)
    return None if isinstance(reply, Reply) or reply == "no text" else f"its reader says: {reply}"
