"""One table: an error of ours -> a status and OpenAI's error body (contract section 9)."""

import json
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from assistd import errors, metrics
from assistd.api.validation import NOT_JSON, explain
from assistd.logs import failure

log = structlog.get_logger()

_STATUS: dict[type[errors.RequestError], int] = {
    errors.RequestError: 400,
    errors.AuthenticationError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.TooLargeError: 413,
    errors.RateLimitError: 429,
    errors.BadGatewayError: 502,
    errors.GatewayTimeoutError: 504,
    errors.StorageFullError: 507,
}


_UNAVAILABLE = "The server cannot reach its database or its files now. Please try again."


def envelope(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return the body of an error, as OpenAI has it (contract section 9)."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(
    request: Request,
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return OpenAI's error envelope; errors of files have a sibling `detail` (contract section 9)."""
    body = envelope(status, message, param=param, code=code)
    if request.url.path.startswith("/v1/files"):
        body["detail"] = {"message": message, "code": code}
    content = json.dumps(body, indent=2, ensure_ascii=False)
    return Response(content, status, headers, media_type="application/json")


def respond_to(request: Request, error: Exception) -> Response | None:
    """Return the response to an error that is foreseen; None where it is not."""
    if isinstance(error, errors.RequestError):
        return _request_error(request, error)
    if isinstance(error, RequestValidationError):
        message, param, code = explain(error)
        return error_response(request, 400, message, param=param, code=code)
    if isinstance(error, errors.UnavailableError):
        log.error("request not served", path=request.url.path, **failure(error))
        return error_response(request, 503, _UNAVAILABLE, headers={"retry-after": "1"})
    return _http_error(request, error) if isinstance(error, HTTPException) else None


def _request_error(request: Request, error: errors.RequestError) -> Response:
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    # An SDK repeats 5xx by itself; a full disk will not empty that fast.
    headers = {"x-should-retry": "false"} if status == 507 else None
    if isinstance(error, errors.RateLimitError):
        headers = {"retry-after": str(error.retry_after)}
        metrics.LIMITS_REFUSED.add(error.limit)
    elif isinstance(error, errors.StorageQuotaError):
        metrics.LIMITS_REFUSED.add("storage")
    return error_response(
        request, status, error.message, param=error.param, code=error.code, headers=headers
    )


def _http_error(request: Request, error: HTTPException) -> Response:
    path = f"{request.method} {request.url.path}"
    words = {
        404: f"Invalid URL ({path})",
        405: f"Not allowed to {request.method} on {request.url.path}",
        400: NOT_JSON,  # the only one: a body that Python does not read as JSON
    }
    message = words.get(error.status_code, str(error.detail))
    return error_response(request, error.status_code, message)


def respond_to_unforeseen(request: Request, error: Exception) -> Response:
    """Return the response to what no table knows; the log says where it was raised, never what it quotes."""
    request_id = request.scope.get("request_id", "")
    log.error("request failed", path=request.url.path, request_id=request_id, **failure(error))
    return error_response(
        request,
        500,
        "The server had an error processing your request. Sorry about that! You can retry your "
        f"request; the operator finds it in the server's log as {request_id}.",
    )


async def http_error(request: Request, error: Exception) -> Response:
    """Respond for FastAPI, which handles what no route of ours does."""
    assert isinstance(error, HTTPException)
    return _http_error(request, error)
