"""A conversation of the Responses API: items that one response after the other goes on with."""

from typing import Literal

from assistd.objects.base import Metadata, Object, Timestamp


class Conversation(Object):
    """The API's conversation; its items are rows of their own."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: Timestamp
    metadata: Metadata = {}
