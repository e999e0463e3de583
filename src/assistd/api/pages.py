"""The parameters that page a list (contract section 2)."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from assistd.db.collection import Page


async def _page(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
    before: str | None = None,
) -> Page:
    return Page(limit, order, after, before)


PageQuery = Annotated[Page, Depends(_page)]
