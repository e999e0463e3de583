"""An upload: a file that arrives in parts, and such a part."""

from typing import Literal

from assistd.objects.base import Object, Timestamp
from assistd.objects.file import File

UploadPurpose = Literal["assistants", "batch", "fine-tune", "vision"]
"""What a file may be uploaded in parts for (contract section 2)."""


class Upload(Object):
    """The API's upload; `file` is there once it is completed (trap 51)."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: Timestamp
    filename: str
    purpose: UploadPurpose
    status: Literal["pending", "completed", "cancelled", "expired"] = "pending"
    expires_at: Timestamp
    file: File | None = None
    file_seconds: int | None = None
    """After how many seconds the file goes away by itself; never on the wire."""
    completed_with: str | None = None
    """The SHA-256 of the ids of the parts it was completed with; never on the wire."""

    def rest(self) -> str:
        """Over REST there is no `file` until there is one (trap 51)."""
        hidden = {"file_seconds", "completed_with"}
        return self.model_dump_json(exclude=hidden if self.file else hidden | {"file"}, indent=2)


class UploadPart(Object):
    """The API's part of an upload."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: Timestamp
    upload_id: str
