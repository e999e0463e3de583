"""The hosted tools that runs can have: one line for each."""

from collections.abc import Mapping

from assistd.engine.assistants.faces.base import ToolContext, ToolFace
from assistd.engine.assistants.faces.code import CodeFace
from assistd.engine.assistants.faces.search import SearchFace
from assistd.engine.tools.base import HostedTool

FACES: Mapping[str, ToolFace] = {
    face.type: face
    for face in (
        CodeFace(),
        SearchFace(),
    )
}
"""By the `type` that a tool has on assistants and runs."""


async def make_tools(
    context: ToolContext, faces: Mapping[str, ToolFace] = FACES
) -> tuple[HostedTool, ...]:
    """Return the tools of a run that this server runs itself, in the order of the registry.

    Raises:
        ToolError: what one of them works on is gone.
    """
    wanted = {tool.type for tool in context.run.tools}
    made = [await face.make(context) for face in faces.values() if face.type in wanted]
    return tuple(tool for tool in made if tool)
