"""What an upstream's errors mean: what to tell, what to leave out, and how long to wait."""

import email.utils
import json
import random
import re
from collections.abc import Mapping
from typing import Any, cast

from assistd import clock
from assistd.models.base import ErrorCode, ModelError, PreciseCode, PromptTooLongError

_LONGEST_WORDS = 300  # characters of the upstream's own words that are passed on
# Leaving these out leaves the question as it is; `max_tokens` has a newer name.
_DISPENSABLE = (
    "stream_options",
    "parallel_tool_calls",
    "reasoning_effort",
    "temperature",
    "top_p",
    "max_tokens",
    "verbosity",
    "top_logprobs",
    "logprobs",
)
_UNSUPPORTED = re.compile(
    r"support|recogni[sz]ed|permitted|unknown|unexpected|not allowed|extra|invalid (field|param|arg)",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum (prompt|input|sequence|model).{0,10}(tokens|length)"
    r"|(prompt|input).{0,20}too long|too many (input )?tokens|tokens > \d",
    re.IGNORECASE,
)
_PROMPT_PROBLEM = re.compile(
    r"maximum.{0,20}(tokens|length)|too (long|large)|content.?(policy|filter|management)|invalid.?prompt"
    r"|string_above_max_length|invalid.{0,20}image",
    re.IGNORECASE,
)
_REFUSED_REQUEST = re.compile(r"invalid_?(request|prompt)|bad_?request", re.IGNORECASE)
# As OpenAI, vLLM, Ollama, LiteLLM and OpenRouter say it.
_UNKNOWN_MODEL = re.compile(
    r"model_not_found|model\b.{0,300}\b(not found|does not exist|not a valid model|is not available)"
    r"|(invalid|unknown|no such) model",
    re.IGNORECASE,
)
# As OpenAI, vLLM, llama.cpp, Anthropic and TGI say it.
_WINDOW = re.compile(
    r"(?:context.?(?:length|size|window)\D{0,20}|tokens > |must be <= )(\d+)", re.IGNORECASE
)
# As Ollama, vLLM and llama.cpp say it.
_NO_TOOLS = re.compile(
    r"(does not|doesn't|not) support (tools|tool|function)|enable-auto-tool-choice"
    r"|tools? param\w* requires|tool.?call\w* (is|are) not supported",
    re.IGNORECASE,
)
_RETRIED = frozenset({408, 409, 425, 429})


class UpstreamError(Exception):
    """The upstream failed; here, within its stream.

    Args:
        body: what it said: the `error` object of its JSON, else the JSON or the text itself.
    """

    def __init__(self, body: object = None) -> None:
        super().__init__()
        self.body = body
        said = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
        self.code = str(said.get("code") or "")
        self.type = str(said.get("type") or "")
        self.param = str(said.get("param") or "")
        self.words = _text(said.get("message") if isinstance(body, dict) else body)


class UnreachableError(UpstreamError):
    """No answer came, or it broke off; the words are the operating system's."""


class StatusError(UpstreamError):
    """The upstream answered with an HTTP status that is an error."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        super().__init__(_error_of(text))
        self.status = status
        self.headers = headers


def _error_of(text: str) -> object:
    try:
        body: object = json.loads(text)
    except ValueError:
        return text
    error = cast("dict[str, object]", body).get("error") if isinstance(body, dict) else None
    return error or cast("object", body)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class ToolCallsRefusedError(ModelError):
    """The upstream or its model knows no tool calls; the fenced protocol may work."""


def classify(error: BaseException) -> str:
    """Return what kind of trouble an error is, as metrics count it."""
    match error:
        case UnreachableError():
            return "connect"
        case StatusError(status=429):
            return "429"
        case StatusError(status=status):
            return "5xx" if status >= 500 else "4xx"
        case UpstreamError(code=code, type=type_):
            return "429" if "rate_limit" in code + type_ else "5xx"
        case TimeoutError():
            return "timeout"
        case _:
            return "protocol"


def refuses_tool_calls(error: UpstreamError) -> bool:
    """Return whether the upstream says that tool calls are what is wrong with the request."""
    return isinstance(error, StatusError) and bool(_NO_TOOLS.search(error.words))


def explain(error: UpstreamError, model: str, api_key: str) -> ModelError:
    """Return what went wrong, in words for the operator and for the client of the run.

    Args:
        error: what was raised.
        model: the upstream's name of the model.
        api_key: the operator's key, which is taken out of the upstream's words; "" if there is none.
    """
    words = _clean(error.words, api_key)
    said = f": {words}" if words else "."
    if isinstance(error, StatusError):
        return _refusal(error, model, words)
    if isinstance(error, UnreachableError):
        reason = f" ({words})" if words else ""
        return ModelError("server_error", f"The model's upstream cannot be reached{reason}.")
    return _explain_event(error, f"The model's upstream failed{said}")


def _explain_event(error: UpstreamError, message: str) -> ModelError:
    """Return what an error means that came within the stream."""
    kind = f"{error.code} {error.type}"
    if "rate_limit" in kind or error.code == "429":
        return ModelError("rate_limit_exceeded", message)
    precise_code: PreciseCode | None = None
    if _TOO_LONG.search(f"{kind} {error.words}"):
        precise_code = "context_length_exceeded"
    elif error.code in {"400", "413", "422"} or _REFUSED_REQUEST.search(kind):
        precise_code = "invalid_prompt"
    return ModelError("server_error", message, precise_code)


def _refusal(error: StatusError, model: str, words: str) -> ModelError:
    status, all_words = error.status, f"{error.code} {words}"
    said = f": {words}" if words else "."
    code: ErrorCode = "server_error"
    is_unknown = status in {400, 404} and _UNKNOWN_MODEL.search(all_words)
    precise_code: PreciseCode | None = "model_not_found" if is_unknown else None
    if status in {401, 403}:
        message = (
            f"The model's upstream refused the operator's API key (HTTP {status}); "
            "the operator has to check it."
        )
    elif status == 404:
        message = (
            f"The model's upstream does not know the model {model!r}, or its base URL is wrong "
            f"(HTTP 404){said}"
        )
    elif status == 429:
        code, message = "rate_limit_exceeded", f"The model's upstream is at its limit{said}"
    elif status in {400, 413, 422}:
        message = f"The model's upstream refused the request (HTTP {status}){said}"
        if _TOO_LONG.search(all_words):
            window = _WINDOW.search(words)
            return PromptTooLongError(message, int(window[1]) if window else None)
        code = "invalid_prompt" if _PROMPT_PROBLEM.search(all_words) else code
        precise_code = precise_code or "invalid_prompt"
    else:
        message = f"The model's upstream failed with HTTP {status}{said}"
    return ModelError(code, message, precise_code)


def refused_parameter(error: UpstreamError, sent: Mapping[str, Any]) -> str | None:
    """Return the dispensable parameter, among those sent, that a 400 or 422 says is not supported."""
    if not isinstance(error, StatusError) or error.status not in {400, 422}:
        return None
    words = f"{error.param} {error.body}"
    if not _UNSUPPORTED.search(words):
        return None
    return next(
        (name for name in _DISPENSABLE if name in sent and re.search(rf"\b{name}\b", words)), None
    )


def seconds_to_wait(error: UpstreamError, attempt: int) -> float | None:
    """Return how many seconds to wait before the next try, or None if another would not help."""
    backoff = min(8.0, 0.5 * 2**attempt) * random.uniform(0.75, 1.0)  # noqa: S311  no secret
    if isinstance(error, UnreachableError):
        return backoff
    if not isinstance(error, StatusError):
        temporary = re.search(r"rate_limit|overloaded|429|50[0234]", f"{error.code} {error.type}")
        return backoff if temporary else None
    if error.code == "insufficient_quota":
        return None
    if error.status not in _RETRIED and error.status < 500:
        return None
    asked = _retry_after(error.headers)
    return backoff if asked is None else max(asked, min(1.0, 0.01 * 2**attempt))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` (seconds, or a date) asks to wait."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return float(milliseconds) / 1000
        return float(headers.get("retry-after") or "")
    except ValueError:
        date = email.utils.parsedate_tz(headers.get("retry-after"))
        return email.utils.mktime_tz(date) - clock.now() if date else None


def _clean(words: str, api_key: str) -> str:
    """One short line without the key; a web page says nothing worth repeating."""
    words = " ".join(words.split())
    if words.startswith("<"):
        return ""
    if api_key:
        words = words.replace(api_key, "[key]")
    return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}..."
