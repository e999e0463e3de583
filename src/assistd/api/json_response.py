"""Responses of JSON: one object, or a list of them (contract sections 1 and 2)."""

from typing import Literal, Protocol

from fastapi import Response

from assistd.db.collection import Listing
from assistd.objects.base import Object


class Listed(Protocol):
    """What a list holds."""

    @property
    def id(self) -> str:
        """The cursor of the item."""
        ...

    def rest(self) -> str:
        """Return the item as JSON."""
        ...


class Deleted(Object):
    """The object that a response to a delete has (trap 47)."""

    id: str
    object: str
    deleted: Literal[True] = True


class JsonResponse(Response):
    """JSON that is text already; every success is a 200, creates too (trap 47)."""

    media_type = "application/json"


def respond_with_list(listing: Listing[Listed]) -> JsonResponse:
    """Return one page of a list in its envelope; an empty list has null ids (trap 28)."""
    items = listing.items
    data = ",\n".join("    " + item.rest().replace("\n", "\n    ") for item in items)
    first = f'"{items[0].id}"' if items else "null"
    last = f'"{items[-1].id}"' if items else "null"
    more = "true" if listing.has_more else "false"
    return JsonResponse(
        f'{{\n  "object": "list",\n  "data": [\n{data}\n  ],\n'
        f'  "first_id": {first},\n  "last_id": {last},\n  "has_more": {more}\n}}'
    )
