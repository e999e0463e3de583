"""How many tokens a model would be asked."""

import json

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import JsonResponse
from assistd.api.responses.requests.counting import CountTokens
from assistd.api.responses.requests.items import read_input
from assistd.api.services import DatabaseDep
from assistd.engine.responses.context import read_context
from assistd.engine.responses.counting import count_tokens

router = APIRouter(prefix="/responses/input_tokens")


@router.post("")
async def count_input_tokens(
    body: CountTokens, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Count the tokens of what a response would be asked with; it is an estimate, and no model is asked."""
    seen = await database.run(
        read_context,
        project.id,
        read_input(body.input),
        previous_response_id=body.previous_response_id,
        conversation_id=body.conversation_id,
    )
    count = count_tokens(seen.items, instructions=body.instructions, tools=body.tools or ())
    counted = {"object": "response.input_tokens", "input_tokens": count}
    return JsonResponse(json.dumps(counted, indent=2))
