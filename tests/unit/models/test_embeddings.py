"""An upstream's embedding model is asked in batches, with the words its family wants, and again where it is busy."""

import json
import math

import pytest
from tests.upstream import Answer, Request, Upstream

from assistd.models.base import ModelError
from assistd.models.embeddings import UpstreamEmbedder
from assistd.models.upstream.connection import Upstream as Connection

pytestmark = pytest.mark.anyio


def answer_with(vectors: list[list[float]]) -> Answer:
    data = [
        {"object": "embedding", "index": at, "embedding": vector}
        for at, vector in enumerate(vectors)
    ]
    body = json.dumps({"object": "list", "data": data[::-1], "model": "m"}).encode()
    return Answer(body=body, content_type="application/json")


def embed(request: Request) -> Answer:
    return answer_with([[float(len(text)), 4.0] for text in request.body["input"]])


async def test_texts_are_embedded_in_batches_and_in_order(
    upstream: Upstream, connection: Connection
) -> None:
    upstream.default = embed
    embedder = UpstreamEmbedder(connection, "text-embedding-3-small")
    vectors = await embedder.embed(["x" * n for n in range(1, 151)], kind="passage")
    assert [len(request.body["input"]) for request in upstream.requests] == [64, 64, 22]
    assert upstream.requests[0].path == "/v1/embeddings"
    for n, vector in enumerate(vectors, 1):
        assert list(vector) == pytest.approx([n / math.hypot(n, 4), 4 / math.hypot(n, 4)])
    assert embedder.dimensions == 2
    assert embedder.model == "upstream/text-embedding-3-small/1"


async def test_e5_is_told_what_a_text_is(upstream: Upstream, connection: Connection) -> None:
    upstream.default = embed
    embedder = UpstreamEmbedder(connection, "intfloat/multilingual-e5-large")
    await embedder.embed(["a"], kind="query")
    await embedder.embed(["b", "  "], kind="passage")
    assert [request.body["input"] for request in upstream.requests] == [
        ["query: a"],
        ["passage: b", "passage: ."],
    ]
    assert embedder.score(0.75) == 0
    assert embedder.score(0.95) == pytest.approx(1)
    assert embedder.score(1.0) == 1


async def test_a_busy_upstream_is_asked_again(upstream: Upstream, connection: Connection) -> None:
    upstream.default = embed
    upstream.error(429, retry_after=0.01, times=2)
    upstream.error(503)
    assert await UpstreamEmbedder(connection, "m").embed(["a"], kind="query")
    assert len(upstream.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"<html>", content_type="text/html"),
        Answer(body=b"{}", content_type="application/json"),
        answer_with([]),
        answer_with([[1.0]]),
        answer_with([[1.0], [1.0, 2.0]]),
    ],
)
async def test_what_is_no_vector_is_an_error(
    upstream: Upstream, connection: Connection, answer: Answer
) -> None:
    upstream.add(answer)
    with pytest.raises(ModelError, match="vector"):
        await UpstreamEmbedder(connection, "m").embed(["a", "b"], kind="query")


async def test_an_upstream_that_refuses_is_not_asked_again(
    upstream: Upstream, connection: Connection
) -> None:
    upstream.error(404, "no such model")
    with pytest.raises(ModelError, match="does not know"):
        await UpstreamEmbedder(connection, "m").embed(["a"], kind="query")
    assert len(upstream.requests) == 1
