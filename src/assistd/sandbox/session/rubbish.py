"""Files and folders that nobody wants to be given: what systems and programs leave beside the real ones."""

import re

_FOLDERS = {"__MACOSX", "__pycache__", ".ipynb_checkpoints"}
_FILES = re.compile(
    r"""
    \._.*           # macOS: what a file has beside its content
  | \.DS_Store      # macOS: how a folder is shown
  | Thumbs\.db      # Windows: small pictures of a folder's files
  | desktop\.ini    # Windows: how a folder is shown
  | ~\$.*           # Microsoft Office: who edits a document
  | \.~lock\..*\#   # LibreOffice: the same
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_rubbish_folder(name: str) -> bool:
    """Whether nothing in a folder of this name is anybody's work."""
    return name in _FOLDERS


def is_rubbish(name: str) -> bool:
    """Whether a file of this name is nobody's work."""
    return _FILES.fullmatch(name) is not None
