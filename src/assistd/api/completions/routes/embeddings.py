"""Embeddings: of the built-in model, or passed on to who has the model (contract, file search, section 12)."""

import asyncio
import json
from array import array
from base64 import b64encode
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from assistd.api.access import CallerDep
from assistd.api.completions.requests import CreateEmbeddings
from assistd.api.json_response import JsonResponse
from assistd.api.relay import Relay, run_while_connected
from assistd.api.services import DatabaseDep, EmbeddingsDep
from assistd.db.usage import requests
from assistd.db.usage.requests import Requests
from assistd.engine.embeddings import BUILTIN, Embeddings
from assistd.errors import RequestError

router = APIRouter()

_MOST_TOKENS = 8192  # of a text
_MOST_TOKENS_IN_ALL = 300_000


@router.post("/embeddings")
async def create_embeddings(
    body: CreateEmbeddings,
    request: Request,
    caller: CallerDep,
    database: DatabaseDep,
    embeddings: EmbeddingsDep,
) -> Response:
    """Turn texts into vectors."""
    name = request.scope.get("azure_deployment") or body.model
    backend = embeddings.find_backend(name)
    if backend is None:
        model, tokens = BUILTIN, _count_tokens(body, embeddings)
        work = embeddings.embed(_read_texts(body), body.input_type)
        vectors = await run_while_connected(request, work)
        response: Response = JsonResponse(
            await asyncio.to_thread(_write, vectors, body.encoding_format, tokens)
        )
    else:
        model, tokens = name, embeddings.count_tokens(body.texts) or body.count_items()
        sent = body.model_dump(exclude_unset=True) | {"model": backend.model}
        data = await asyncio.to_thread(json.dumps, sent)
        work = backend.ask("/embeddings", data.encode())
        response = Relay(await run_while_connected(request, work))
    if response.status_code == 200:
        made = Requests(
            "embeddings", caller.project.id, caller.key_id, model, requests=1, tokens=tokens
        )
        await database.run(requests.record, made)
    return response


def _count_tokens(body: CreateEmbeddings, embeddings: Embeddings) -> int:
    """Return the tokens that the built-in model is to read.

    Raises:
        RequestError: it cannot do what is asked, or not so much at once.
    """
    texts = _read_texts(body)
    _check_dimensions(body.dimensions, embeddings.dimensions)
    tokens = [embeddings.count_tokens([text]) for text in texts]
    _check_tokens(tokens)
    return sum(tokens)


def _read_texts(body: CreateEmbeddings) -> list[str]:
    texts = body.texts
    if len(texts) < body.count_items():
        raise RequestError(
            f"Invalid 'input': the model '{BUILTIN}' has a vocabulary of its own and takes no token ids. "
            "Send strings.",
            param="input",
            code="invalid_type",
        )
    return texts


def _check_dimensions(wanted: int | None, native: int) -> None:
    """See that a vector may have so many dimensions: a part of one means nothing for this model.

    Raises:
        RequestError: it may not.
    """
    if wanted is None or wanted == native:
        return
    if wanted < 1:
        raise RequestError(f"{wanted} is less than the minimum of 1 - 'dimensions'")
    raise RequestError(
        f"Invalid 'dimensions': vectors of the model '{BUILTIN}' have {native} dimensions, and cannot be "
        f"shortened or extended to {wanted}.",
        param="dimensions",
        code="invalid_value",
    )


def _check_tokens(tokens: Sequence[int]) -> None:
    for at, count in enumerate(tokens):
        if count > _MOST_TOKENS:
            raise RequestError(
                f"Invalid 'input[{at}]': maximum input length is {_MOST_TOKENS} tokens.",
                param="input",
            )
    if sum(tokens) > _MOST_TOKENS_IN_ALL:
        raise RequestError(
            f"Invalid 'input': maximum request size is {_MOST_TOKENS_IN_ALL} tokens per request.",
            param="input",
        )


def _write(vectors: Sequence[Sequence[float]], form: str, tokens: int) -> str:
    data = ",".join(
        f'{{"object":"embedding","index":{at},"embedding":{_write_vector(vector, form)}}}'
        for at, vector in enumerate(vectors)
    )
    usage = f'{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}'
    return f'{{"object":"list","data":[{data}],"model":"{BUILTIN}","usage":{usage}}}'


def _write_vector(vector: Sequence[float], form: str) -> str:
    if form == "base64":
        return f'"{b64encode(array("f", vector).tobytes()).decode()}"'
    return f"[{','.join(f'{number:.9g}' for number in vector)}]"
