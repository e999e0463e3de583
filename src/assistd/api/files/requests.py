"""Bodies of uploads."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from assistd.api.bodies import Body, Many
from assistd.objects.upload import UploadPurpose

MIN_SECONDS, MAX_SECONDS = 3600, 2_592_000
"""The least and the most for `expires_after` (contract section 2)."""


class ExpiresAfterBody(Body):
    """When a file goes away by itself."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(strict=True, ge=MIN_SECONDS, le=MAX_SECONDS)]


class CreateUpload(Body):
    """The body of POST /uploads."""

    filename: Annotated[str, StringConstraints(min_length=1)]
    purpose: UploadPurpose
    bytes: Annotated[int, Field(strict=True, ge=0)]
    mime_type: Annotated[str, StringConstraints(min_length=1)]
    expires_after: ExpiresAfterBody | None = None


class CompleteUpload(Body):
    """The body of POST /uploads/{id}/complete: the parts in the order of their bytes."""

    part_ids: Many[str]
    md5: str | None = None
