"""The addresses in a client's own question to a model: the rule of `picture_urls` holds for them too."""

from collections.abc import Iterator
from typing import Any, cast

from assistd.api.completions.json_members import Member
from assistd.api.framework.json_body import Members, read_members
from assistd.engine.context.picture_urls import explain_refusal
from assistd.errors import RequestError

_MOST_VALUES = 200_000  # of all messages; a fifth of a second's work


def require_allowed_urls(body: bytes, members: list[Member], *, private: bool) -> None:
    """See that the pictures in a body's messages may be passed on.

    Args:
        body: the body.
        members: those of its members that a reader may take for the messages.
        private: whether addresses of private networks may be.

    Raises:
        RequestError: one may not.
        ValueError: the messages are no JSON.
        RecursionError: likewise.
    """
    for member in members:
        messages = body[member.start : member.end]
        # Only then may a name in it end in `_url`, as it is or escaped.
        if b"\\u" in messages or b"_url" in messages.lower():
            for url in _urls(read_members(messages, _MOST_VALUES)):
                if refusal := explain_refusal(url, private=private):
                    raise RequestError(
                        f"Invalid 'image_url' in 'messages': {refusal}.",
                        param="messages",
                        code="invalid_value",
                    )


def _urls(value: Any) -> Iterator[str]:
    """Yield the addresses in parts of messages: in `image_url`, and its kin that some servers know."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Members):
            for name, member in value:
                waiting.append(member)
                if name.lower().endswith("_url"):
                    is_picture = name.lower() == "image_url"
                    yield from (
                        url for url in _find_said(member) if is_picture or not _is_data(url)
                    )
        elif isinstance(value, list):
            waiting += cast("list[Any]", value)


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _find_said(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Members):
        yield from (url for name, url in value if name.lower() == "url" and isinstance(url, str))
