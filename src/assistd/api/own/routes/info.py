"""What this server is: its version for anybody, and for who has a key what it gives and allows."""

import json
from typing import Any

from fastapi import APIRouter

from assistd import __version__
from assistd.api.access import AnybodyDep
from assistd.api.json_response import JsonResponse
from assistd.api.services import FeaturesDep, ModelsDep, PolicyDep, SandboxDep
from assistd.engine.policy import Policy
from assistd.objects.project import ProjectLimits

router = APIRouter(prefix="/info")


@router.get("")
async def get_info(
    caller: AnybodyDep,
    models: ModelsDep,
    sandbox: SandboxDep,
    *,
    policy: PolicyDep,
    features: FeaturesDep,
) -> JsonResponse:
    """Get the version; with a key the jail, the limits, the price of a session, and the models, too."""
    info: dict[str, Any] = {"object": "assistd.info", "version": __version__}
    if caller:
        info |= {
            "jail": sandbox.jail,
            "limits": _limits(policy, caller.project.limits),
            "session_price": policy.session_prices[1],
            "features": dict(features),
            "models": await models.names(),
            "builtin_model": models.is_local_default,
        }
    return JsonResponse(json.dumps(info, indent=2))


def _limits(policy: Policy, own: ProjectLimits) -> dict[str, float | None]:
    """Return what the project may use; None means no limit, or that of the host."""
    memory = own.memory_gib and own.memory_gib << 30
    return {
        "requests_per_minute": own.requests,
        "active_runs": own.runs,
        "live_sessions": own.sessions,
        "storage_bytes": own.storage_bytes,
        "run_seconds": policy.run_seconds,
        "call_seconds": policy.call_seconds,
        "session_seconds": policy.session_seconds,
        "idle_seconds": policy.idle_seconds,
        "session_memory_bytes": memory or policy.session_memory_bytes,
        "upload_bytes": policy.upload_bytes,
        "upload_in_parts_bytes": policy.upload_in_parts_bytes,
    }
