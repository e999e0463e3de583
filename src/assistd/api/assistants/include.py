"""The parameter `include[]` of runs and steps: it asks for results of `file_search`, which are not served."""

from typing import Annotated, Literal

from fastapi import Query

_Included = Literal["step_details.tool_calls[*].file_search.results[*].content"]


async def know_include(
    bracketed: Annotated[list[_Included] | None, Query(alias="include[]")] = None,
    plain: Annotated[list[_Included] | None, Query(alias="include")] = None,
) -> None:
    """Refuse what cannot be asked for; SDKs send the name with brackets, others without (trap 33)."""
