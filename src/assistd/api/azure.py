"""Azure's addresses: `/openai/...` with an `api-key` header means what `/v1/...` does (contract section 1)."""

import re
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import Scope

# A deployment stands for a model, whose name may have slashes.
_PREFIX = re.compile(r"/openai(/v1|/deployments/(.+?(?=/(?:chat/)?completions$)|[^/]+))?(?=/)")
PREFIX = "/openai"
"""How the paths of Azure begin."""

_FIRST_V2 = "2024-05-01"
"""The `api-version`, a date, since which Azure's assistants have the shapes of v2."""


def as_openai(scope: Scope) -> Scope:
    """Return the request as a client of OpenAI would have sent it; what is not Azure's stays as it is.

    Where its path names a deployment, the scope has it as `azure_deployment`.
    """
    prefix = _PREFIX.match(scope["path"])
    if not prefix:
        return scope
    headers = MutableHeaders(raw=list(scope["headers"]))
    if "api-key" in headers:
        headers.setdefault("authorization", f"Bearer {headers['api-key']}")
    # Azure's version says what OpenAI's beta header does.
    headers.setdefault("openai-beta", f"assistants={_version(scope, prefix)}")
    path = "/v1" + scope["path"][prefix.end() :]
    plain = {**scope, "headers": headers.raw, "path": path, "raw_path": path.encode()}
    return plain | ({"azure_deployment": prefix[2]} if prefix[2] else {})


def _version(scope: Scope, prefix: re.Match[str]) -> str:
    given = parse_qs(scope["query_string"].decode("latin-1")).get("api-version", [""])[0]
    dated = given[:4].isdecimal() and prefix[1] != "/v1"
    return "v1" if dated and given < _FIRST_V2 else "v2"
