"""What can go wrong, in one tree; `api/errors.py` turns each class into a status and a body."""


class AssistdError(Exception):
    """Something went wrong that assistd foresaw."""


class RequestError(AssistdError):
    """The request asks for something that cannot be: answered with 400.

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
    """The key opens something else than what is asked for: answered with 403."""


class NotFoundError(RequestError):
    """No object of that id is visible to this project: answered with 404."""


class TooLargeError(RequestError):
    """The body is larger than the limit: answered with 413."""


class StorageQuotaError(RequestError):
    """The project's files would be more than it may keep: answered with 400; nothing was kept."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You have exceeded your file storage quota. The project is limited to {limit} bytes of "
            "files. Please delete old files or attempt with a smaller file size."
        )


class RateLimitError(RequestError):
    """The project asks for more at once than it may: answered with 429 (contract section 9).

    Args:
        retry_after: seconds after which it is worth another try.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "You've exceeded the rate limit, please slow down and try again later.",
            code="rate_limit_exceeded",
        )
        self.retry_after = retry_after


class StorageFullError(RequestError):
    """The disk has no room for the bytes: answered with 507; nothing was kept."""

    def __init__(self) -> None:
        super().__init__(
            "The server's disk is full; nothing was stored. Free some space and try again."
        )


class BadGatewayError(RequestError):
    """The server that should answer cannot be reached, or broke off: answered with 502."""


class GatewayTimeoutError(RequestError):
    """The server that should answer is silent: answered with 504."""


class StartupError(AssistdError):
    """assistd cannot start; the message says what to do about it."""
