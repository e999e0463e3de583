"""Embeddings that a program asks for itself: of the built-in model, or of the upstream."""

import base64
import json
import math
from array import array
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from assistd.search.embedding.builtin import BuiltinEmbedder
from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server
from tests.upstream import Answer, Upstream

with_model = pytest.mark.skipif(
    not BuiltinEmbedder.is_installed(), reason="without the extra `search`"
)


@pytest.fixture
def alone(start_server: StartServer) -> Server:
    """A server without an upstream."""
    return start_server(upstream_url=None, local_model="none")


@pytest.fixture
def sdk(alone: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=alone.url, api_key=API_KEY, max_retries=0, timeout=60) as client:
        yield client


def post(server: Server, body: dict[str, Any]) -> httpx.Response:
    headers = {"authorization": f"Bearer {API_KEY}"}
    return httpx.post(f"{server.url}/embeddings", json=body, headers=headers, timeout=60)


def cosine(one: Any, other: Any) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@with_model
def test_the_sdk_embeds_with_the_built_in_model(sdk: OpenAI) -> None:
    texts = ["Paris is the capital of France.", "Cats sleep most of the day."]
    found = sdk.embeddings.create(model="text-embedding-3-small", input=texts)
    vectors = [each.embedding for each in found.data]
    assert [each.index for each in found.data] == [0, 1]
    assert [len(vector) for vector in vectors] == [384, 384]
    assert all(math.isclose(cosine(each, each), 1, abs_tol=1e-3) for each in vectors)
    assert found.model == "multilingual-e5-small"
    assert found.usage.prompt_tokens == found.usage.total_tokens > 5
    query = sdk.embeddings.create(
        model="any", input="What is the capital of France?", extra_body={"input_type": "query"}
    )
    [asked] = [each.embedding for each in query.data]
    assert cosine(asked, vectors[0]) > cosine(asked, vectors[1]) + 0.1


@with_model
def test_numbers_and_base64_are_the_same_vector(alone: Server) -> None:
    body = {"model": "m", "input": "你好"}
    numbers = post(alone, body).json()["data"][0]["embedding"]
    text = post(alone, {**body, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert list(array("f", base64.b64decode(text))) == pytest.approx(numbers, rel=1e-6)
    assert post(alone, {**body, "dimensions": 384}).status_code == 200


@with_model
@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "word " * 30_000}, "input"),
        ({"input": None}, "input"),
        ({"dimensions": 256}, "dimensions"),
        ({"dimensions": -42}, None),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"model": ""}, "model"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    alone: Server, wrong: dict[str, Any], param: str | None
) -> None:
    response = post(alone, {"model": "m", "input": "a", **wrong})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    if wrong.get("dimensions") == -42:
        assert error["message"] == "-42 is less than the minimum of 1 - 'dimensions'"


def test_without_any_model_the_name_is_unknown(start_server: StartServer) -> None:
    server = start_server(upstream_url=None, local_model="none", search_embeddings="off")
    with (
        OpenAI(base_url=server.url, api_key=API_KEY, max_retries=0) as client,
        pytest.raises(openai.NotFoundError, match="has no embedding model"),
    ):
        client.embeddings.create(model="text-embedding-3-small", input="a")


def test_an_upstream_gets_what_the_program_sent(server: Server, upstream: Upstream) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    reply = {"object": "list", "data": data, "model": "theirs", "usage": usage}
    upstream.add(Answer(body=json.dumps(reply).encode(), content_type="application/json"))
    body = {"model": "theirs", "input": [[1, 2]], "dimensions": 1, "truncate": "END"}
    response = post(server, body)
    assert response.json() == reply
    assert upstream.last.body == body
    assert upstream.last.path == "/v1/embeddings"
    upstream.error(429, "slow down")
    assert post(server, body).status_code == 429


@with_model
def test_the_built_in_model_has_a_name_beside_an_upstream(
    server: Server, upstream: Upstream
) -> None:
    response = post(server, {"model": "multilingual-e5-small", "input": "a"})
    assert len(response.json()["data"][0]["embedding"]) == 384
    assert not upstream.requests
