"""A file as v1 of the API showed it on an assistant or a message (decision 0022)."""

from typing import Literal

from assistd.objects.base import Sparse, Timestamp


class AttachedFile(Sparse):
    """One of an assistant's or a message's `file_ids`; `created_at` is the file's own."""

    id: str
    object: Literal["assistant.file", "thread.message.file"]
    created_at: Timestamp
    assistant_id: str | None = None
    message_id: str | None = None
