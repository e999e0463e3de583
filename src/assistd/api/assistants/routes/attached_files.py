"""Files of an assistant and of a message, as objects: only v1 has them (decision 0022)."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request

from assistd.api.access import ProjectDep
from assistd.api.assistants.v1 import is_v1
from assistd.api.bodies import Body
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, PolicyDep
from assistd.engine.assistants import attached_files
from assistd.objects.attached_file import AttachedFile


async def _require_v1(request: Request) -> None:
    if not is_v1(request):
        raise HTTPException(404)


router = APIRouter(dependencies=[Depends(_require_v1)])


class _AttachFile(Body):
    """The body of POST /assistants/{id}/files."""

    file_id: str


async def _assistant_files(
    assistant_id: str, project: ProjectDep, database: DatabaseDep
) -> list[AttachedFile]:
    return await database.run(attached_files.of_assistant, project.id, assistant_id)


async def _message_files(
    thread_id: str, message_id: str, project: ProjectDep, database: DatabaseDep
) -> list[AttachedFile]:
    return await database.run(attached_files.of_message, project.id, thread_id, message_id)


_AssistantFiles = Annotated[list[AttachedFile], Depends(_assistant_files)]
_MessageFiles = Annotated[list[AttachedFile], Depends(_message_files)]


@router.post("/assistants/{assistant_id}/files")
async def create_assistant_file(
    assistant_id: str,
    body: _AttachFile,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Give an assistant a file."""
    attach = attached_files.attach
    file = await database.run(attach, project.id, assistant_id, body.file_id, policy)
    return JsonResponse(file.rest())


@router.get("/assistants/{assistant_id}/files")
async def list_assistant_files(files: _AssistantFiles, page: PageQuery) -> JsonResponse:
    """List an assistant's files, by the order in which it got them."""
    return respond_with_list(attached_files.cut_page(files, page))


@router.get("/assistants/{assistant_id}/files/{file_id}")
async def get_assistant_file(files: _AssistantFiles, file_id: str) -> JsonResponse:
    """Get one of an assistant's files."""
    return JsonResponse(attached_files.find(files, file_id).rest())


@router.delete("/assistants/{assistant_id}/files/{file_id}")
async def delete_assistant_file(
    assistant_id: str,
    file_id: str,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Take a file from an assistant; the file itself stays."""
    await database.run(attached_files.detach, project.id, assistant_id, file_id, policy)
    return JsonResponse(Deleted(id=file_id, object="assistant.file.deleted").rest())


@router.get("/threads/{thread_id}/messages/{message_id}/files")
async def list_message_files(files: _MessageFiles, page: PageQuery) -> JsonResponse:
    """List a message's files."""
    return respond_with_list(attached_files.cut_page(files, page))


@router.get("/threads/{thread_id}/messages/{message_id}/files/{file_id}")
async def get_message_file(files: _MessageFiles, file_id: str) -> JsonResponse:
    """Get one of a message's files."""
    return JsonResponse(attached_files.find(files, file_id).rest())
