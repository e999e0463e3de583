"""Lists of this door: their envelope has the keys in another order (contract, responses, 2)."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from assistd.api.json_response import JsonResponse, Listed
from assistd.db.collection import Listing, Page
from assistd.db.responses.items import StoredItem


async def _page(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Page:
    """Return the wanted page; these lists have no `before`."""
    return Page(limit, order, after)


ForwardPage = Annotated[Page, Depends(_page)]


def respond_with_items(listing: Listing[Listed]) -> JsonResponse:
    """Return one page of a list in its envelope; an empty list has null ids."""
    items = listing.items
    data = ",\n".join("    " + item.rest().replace("\n", "\n    ") for item in items)
    first = f'"{items[0].id}"' if items else "null"
    last = f'"{items[-1].id}"' if items else "null"
    more = "true" if listing.has_more else "false"
    return JsonResponse(
        f'{{\n  "object": "list",\n  "data": [\n{data}\n  ],\n'
        f'  "first_id": {first},\n  "has_more": {more},\n  "last_id": {last}\n}}'
    )


def show_items(listing: Listing[StoredItem], include: frozenset[str]) -> JsonResponse:
    """Return one page of items of responses, each with what a client asked to `include`."""
    shown = [each.show(include) for each in listing.items]
    return respond_with_items(Listing(shown, listing.has_more))
