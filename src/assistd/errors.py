"""Errors that assistd foresees, in one tree; the API turns each class into a status and a body."""

from typing import Literal


class AssistdError(Exception):
    """An error that assistd foresees; its message says what happened."""


class RequestError(AssistdError):
    """A request cannot be carried out: answered with 400.

    Args:
        message: what is wrong and what would be right; shown to the client.
        param: the dotted path of the offending parameter, if there is one.
        code: OpenAI's machine-readable code, if there is one.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class AuthenticationError(RequestError):
    """The API key is missing or unknown: answered with 401."""


class ForbiddenError(RequestError):
    """The key does not open what the request asks for: answered with 403."""


class NotFoundError(RequestError):
    """No object of that id is visible to this project: answered with 404."""


class TooLargeError(RequestError):
    """The body is larger than the limit: answered with 413."""


class StorageQuotaError(RequestError):
    """The project's files would exceed its storage: answered with 400; nothing was stored."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You have exceeded your file storage quota. The project is limited to {limit} bytes of "
            "files. Please delete old files or attempt with a smaller file size."
        )


class RateLimitError(RequestError):
    """The project is over a rate limit: answered with 429 (contract section 9).

    Args:
        retry_after: seconds after which the client should try again.
        limit: which one.
    """

    def __init__(self, retry_after: int, limit: Literal["requests", "runs"]) -> None:
        super().__init__(
            "You've exceeded the rate limit, please slow down and try again later.",
            code="rate_limit_exceeded",
        )
        self.retry_after = retry_after
        self.limit = limit


class StorageFullError(RequestError):
    """The disk has no space for the bytes: answered with 507; nothing was stored."""

    def __init__(self) -> None:
        super().__init__(
            "The server's disk is full; nothing was stored. Free some space and try again."
        )


class BadGatewayError(RequestError):
    """The upstream cannot be reached, or broke off: answered with 502."""


class GatewayTimeoutError(RequestError):
    """The upstream is silent: answered with 504."""


class UnavailableError(AssistdError):
    """The database or the blob store cannot be reached now: answered with 503, to be tried again."""


class DatabaseLostError(UnavailableError):
    """The database cannot be reached; of a transaction that it broke off nobody knows whether it was committed."""


class BlobStoreError(UnavailableError, OSError):
    """The blob store cannot be reached, or failed."""


class StartupError(AssistdError):
    """assistd cannot start; the message says what to do about it."""


_ExtractionCode = Literal["unsupported_file", "invalid_file", "server_error"]


class ExtractionError(AssistdError):
    """No text can be taken out of a document.

    Args:
        code: the code of a vector store's file that failed (contract, file search, section 8).
        message: why; shown to the client.
    """

    def __init__(self, code: _ExtractionCode, message: str) -> None:
        super().__init__(message)
        self.code: _ExtractionCode = code
