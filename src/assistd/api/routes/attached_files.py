"""Files of an assistant and of a message, as objects: only v1 has them (decision 0022)."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request

from assistd.api.access import ProjectDep, RunnerDep
from assistd.api.answers import Deleted, JsonResponse, answer, answer_list
from assistd.api.pages import PageQuery
from assistd.api.requests.body import Body
from assistd.db import Connection, nouns
from assistd.db.collection import Listing, Page
from assistd.db.transaction import transaction
from assistd.engine.lifecycle import require_files
from assistd.errors import NotFoundError
from assistd.objects.assistant import Assistant
from assistd.objects.attached_file import AttachedFile
from assistd.objects.base import CodeFiles


async def _require_v1(request: Request) -> None:
    if not request.scope.get("assistants_v1"):
        raise HTTPException(404)


router = APIRouter(dependencies=[Depends(_require_v1)])


class _AttachFile(Body):
    """The body of POST /assistants/{id}/files."""

    file_id: str


async def _assistant_files(
    assistant_id: str, project: ProjectDep, runner: RunnerDep
) -> list[AttachedFile]:
    return await runner.services.database.run(_of_assistant, project.id, assistant_id)


async def _message_files(
    thread_id: str, message_id: str, project: ProjectDep, runner: RunnerDep
) -> list[AttachedFile]:
    return await runner.services.database.run(_of_message, project.id, thread_id, message_id)


_AssistantFiles = Annotated[list[AttachedFile], Depends(_assistant_files)]
_MessageFiles = Annotated[list[AttachedFile], Depends(_message_files)]


@router.post("/assistants/{assistant_id}/files")
async def create_assistant_file(
    assistant_id: str, body: _AttachFile, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Give an assistant a file."""
    write = runner.services.database.run
    return answer(await write(_attach, project.id, assistant_id, body.file_id))


@router.get("/assistants/{assistant_id}/files")
async def list_assistant_files(files: _AssistantFiles, page: PageQuery) -> JsonResponse:
    """List an assistant's files, by the order in which it got them."""
    return answer_list(_part(files, page))


@router.get("/assistants/{assistant_id}/files/{file_id}")
async def get_assistant_file(files: _AssistantFiles, file_id: str) -> JsonResponse:
    """Get one of an assistant's files."""
    return answer(_one(files, file_id))


@router.delete("/assistants/{assistant_id}/files/{file_id}")
async def delete_assistant_file(
    assistant_id: str, file_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Take a file from an assistant; the file itself stays."""
    await runner.services.database.run(_detach, project.id, assistant_id, file_id)
    return answer(Deleted(id=file_id, object="assistant.file.deleted"))


@router.get("/threads/{thread_id}/messages/{message_id}/files")
async def list_message_files(files: _MessageFiles, page: PageQuery) -> JsonResponse:
    """List a message's files."""
    return answer_list(_part(files, page))


@router.get("/threads/{thread_id}/messages/{message_id}/files/{file_id}")
async def get_message_file(files: _MessageFiles, file_id: str) -> JsonResponse:
    """Get one of a message's files."""
    return answer(_one(files, file_id))


@transaction(short=True)
def _of_assistant(connection: Connection, project_id: str, assistant_id: str) -> list[AttachedFile]:
    assistant = nouns.assistants.get(connection, assistant_id, project_id=project_id)
    return _known(
        connection,
        project_id,
        assistant.tool_resources.file_ids,
        object="assistant.file",
        assistant_id=assistant_id,
    )


@transaction(short=True)
def _of_message(
    connection: Connection, project_id: str, thread_id: str, message_id: str
) -> list[AttachedFile]:
    nouns.threads.get(connection, thread_id, project_id=project_id)
    message = nouns.messages.get(connection, message_id, thread_id=thread_id)
    ids = list(dict.fromkeys(each.file_id for each in message.attachments))
    return _known(connection, project_id, ids, object="thread.message.file", message_id=message_id)


def _known(
    connection: Connection, project_id: str, ids: Sequence[str], **whose: Any
) -> list[AttachedFile]:
    """The files of these ids, as `whose` says; an id dangles once its file is deleted (contract section 7)."""
    found = (nouns.files.find(connection, each, project_id=project_id) for each in ids)
    return [AttachedFile(id=file.id, created_at=file.created_at, **whose) for file in found if file]


@transaction(writes=True, short=True)
def _attach(
    connection: Connection, project_id: str, assistant_id: str, file_id: str
) -> AttachedFile:
    assistant = nouns.assistants.get(connection, assistant_id, project_id=project_id)
    ids = tuple(dict.fromkeys((*assistant.tool_resources.file_ids, file_id)))
    require_files(connection, project_id, ids)
    _set_files(connection, assistant, ids)
    return _one(_of_assistant(connection, project_id, assistant_id), file_id)


@transaction(writes=True, short=True)
def _detach(connection: Connection, project_id: str, assistant_id: str, file_id: str) -> None:
    assistant = nouns.assistants.get(connection, assistant_id, project_id=project_id)
    _one(_of_assistant(connection, project_id, assistant_id), file_id)
    left = tuple(each for each in assistant.tool_resources.file_ids if each != file_id)
    _set_files(connection, assistant, left)


def _set_files(connection: Connection, assistant: Assistant, ids: tuple[str, ...]) -> None:
    resources = assistant.tool_resources.evolve(code_interpreter=CodeFiles(file_ids=ids))
    nouns.assistants.replace(connection, assistant.evolve(tool_resources=resources))


def _one(files: Sequence[AttachedFile], file_id: str) -> AttachedFile:
    for file in files:
        if file.id == file_id:
            return file
    raise NotFoundError(f"No file found with id '{file_id}'.")


def _part(files: Sequence[AttachedFile], page: Page) -> Listing[AttachedFile]:
    ordered = list(files if page.order == "asc" else reversed(files))
    start = ordered.index(_one(files, page.after)) + 1 if page.after else 0
    end = ordered.index(_one(files, page.before)) if page.before else len(ordered)
    wanted = ordered[start:end]
    # As in every list, `before` alone wants the items nearest to the cursor.
    nearest = page.before is not None and page.after is None
    shown = wanted[-page.limit :] if nearest else wanted[: page.limit]
    return Listing(shown, has_more=len(wanted) > page.limit)
