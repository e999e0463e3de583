"""Search in a vector store, and the text of a file in it as it is searched."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from assistd.api.access import CallerDep, ProjectDep
from assistd.api.bodies import Body, Flag, HybridSearchBody, JsonObject, Many, Ranker
from assistd.api.json_response import JsonResponse
from assistd.api.services import PolicyDep, SearchDep
from assistd.engine.vector_stores.filters import parse_filter
from assistd.engine.vector_stores.searching import SearchResult
from assistd.extracted_text import ExtractedText

router = APIRouter(prefix="/vector_stores/{vector_store_id}")

_Query = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class RankingOptions(Body):
    """How results are ranked."""

    ranker: Ranker = "auto"
    score_threshold: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = 0.0
    hybrid_search: HybridSearchBody | None = None


class SearchBody(Body):
    """The body of POST /vector_stores/{id}/search; queries are searched as they are, rewritten or not."""

    query: _Query | Annotated[Many[_Query], Field(min_length=1, max_length=20)]
    max_num_results: Annotated[int, Field(strict=True, ge=1, le=50)] = 10
    filters: JsonObject | None = None
    ranking_options: RankingOptions | None = None
    rewrite_query: Flag = False

    @property
    def queries(self) -> list[str]:
        """The queries; one that is not in a list is the only one."""
        return [self.query] if isinstance(self.query, str) else self.query


@router.post("/search")
async def search_vector_store(
    vector_store_id: str,
    body: SearchBody,
    caller: CallerDep,
    search: SearchDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Find the chunks of a store's files that answer a query best."""
    ranking = body.ranking_options or RankingOptions()
    weights = ranking.hybrid_search
    results = await search.search(
        caller.project.id,
        [vector_store_id],
        body.queries,
        max_results=body.max_num_results,
        threshold=ranking.score_threshold,
        text_share=weights.options().text_share if weights else None,
        filters=parse_filter(body.filters, policy) if body.filters is not None else None,
        api_key_id=caller.key_id,
    )
    page = {
        "object": "vector_store.search_results.page",
        "search_query": body.queries,
        "data": [_show(each) for each in results],
        "has_more": False,
        "next_page": None,
    }
    return JsonResponse(json.dumps(page, indent=2, ensure_ascii=False))


@router.get("/files/{file_id}/content")
async def get_store_file_content(
    vector_store_id: str, file_id: str, project: ProjectDep, search: SearchDep
) -> JsonResponse:
    """Get the text of a file in a store: one part for each page, or one for all."""
    text = await search.read_text(project.id, vector_store_id, file_id)
    return JsonResponse(await asyncio.to_thread(_show_content, text))


def _show(result: SearchResult) -> dict[str, Any]:
    return {
        "file_id": result.file_id,
        "filename": result.filename,
        "score": result.score,
        "attributes": result.attributes,
        **({} if result.page is None else {"page": result.page}),
        "content": [{"type": "text", "text": result.text}],
    }


def _show_content(text: ExtractedText) -> str:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": text.text[page.start : page.end], "page": page.number}
        for page in text.pages
    ]
    page = {
        "object": "vector_store.file_content.page",
        "data": parts or [{"type": "text", "text": text.text}],
        "has_more": False,
        "next_page": None,
    }
    return json.dumps(page, indent=2, ensure_ascii=False)
