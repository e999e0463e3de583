"""A file: uploaded by a client or written by code."""

from typing import Literal

from assistd.objects.base import Object, Timestamp

UPLOAD_PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
"""What a client may upload a file for, in the order of the hosted service's error text."""

UNREADABLE_PURPOSES = frozenset({"assistants", "user_data"})
"""Uploads that the hosted service does not give back (contract trap 21)."""

Purpose = Literal[
    "fine-tune", "assistants", "batch", "user_data", "vision", "evals", "assistants_output"
]


class File(Object):
    """The API's file; fields in the recorded order (contract section 14)."""

    object: Literal["file"] = "file"
    id: str
    purpose: Purpose
    filename: str
    bytes: int
    created_at: Timestamp
    expires_at: Timestamp | None = None
    status: Literal["uploaded", "processed", "error"] = "processed"
    status_details: str | None = None
