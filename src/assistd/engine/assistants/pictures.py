"""The pictures of a conversation, as a model that can see is shown them."""

from collections.abc import Collection

from assistd.db import Connection, nouns
from assistd.db.conversations import Conversation
from assistd.db.transaction import transaction
from assistd.engine.assistants.journal import results_of
from assistd.engine.context.pictures import read_picture
from assistd.engine.services import Services
from assistd.models.conversation import Image
from assistd.objects.file import File
from assistd.objects.message import ImageFileContent


async def read_pictures(
    services: Services, conversation: Conversation, known: Collection[str]
) -> dict[str, Image]:
    """Return the pictures of a conversation that are not known yet, by file id, as data URLs.

    Left out are deleted ones, and what is too large or no picture.
    """
    wanted = {
        part.image_file.file_id: part.image_file.detail or "auto"
        for _, message in conversation.messages
        if message.role == "user"
        for part in message.content
        if isinstance(part, ImageFileContent)
    }
    for recorded in conversation.steps:
        wanted |= dict.fromkeys(results_of(recorded).pictures, "auto")
    new = [file_id for file_id in wanted if file_id not in known]
    found: dict[str, Image] = {}
    for file in await services.database.run(_find_files, new) if new else ():
        url = await read_picture(services, file)
        if url:
            found[file.id] = Image(url, wanted[file.id])
    return found


@transaction(short=True)
def _find_files(connection: Connection, file_ids: list[str]) -> list[File]:
    found = (nouns.files.find(connection, file_id) for file_id in file_ids)
    return [file for file in found if file]
