"""What clients that poll are told of when to come back (contract, file search, section 1)."""

from assistd.api.json_response import JsonResponse
from assistd.api.rates import poll_after
from assistd.engine.policy import Policy
from assistd.objects.base import Object
from assistd.objects.project import Project

_LEAST_MS = 200  # a page is indexed in less than a second; the helpers' own pause is one, or five


def respond_to_poll(item: Object, project: Project, policy: Policy) -> JsonResponse:
    """Return an object that helpers poll, and after how many milliseconds they should ask again."""
    response = JsonResponse(item.rest())
    wanted = max(policy.poll_after_ms, _LEAST_MS)
    response.headers["openai-poll-after-ms"] = str(poll_after(project, wanted))
    return response
