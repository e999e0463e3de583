"""Files that came within the input of a response."""

from sqlalchemy import Connection, select

from assistd.db import tables
from assistd.db.transaction import transaction
from assistd.ids import make_content_key
from assistd.objects.file import File

_FILES = tables.files.c


@transaction(short=True)
def find_sent(
    connection: Connection, project_id: str, hash_: str, filename: str, until: int
) -> str | None:
    """Return the file that a project has of this content and name because it was sent before.

    Args:
        connection: a transaction.
        project_id: whose input it is.
        hash_: of the content.
        filename: as it was sent.
        until: the file must be kept until then (Unix seconds).
    """
    statement = select(_FILES.body).where(
        _FILES.hash == make_content_key(project_id, hash_),
        _FILES.project_id == project_id,
        _FILES.purpose == "user_data",
        _FILES.container_id == "",
        _FILES.deleted.is_(False),
        _FILES.expires_at >= until,
    )
    found = map(File.model_validate_json, connection.execute(statement).scalars())
    return next((file.id for file in found if file.filename == filename), None)
