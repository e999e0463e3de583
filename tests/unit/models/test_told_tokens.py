"""What an answer that passes by says of its cost is read from its end, however it comes."""

import json

import pytest

from assistd.models.base import Tokens
from assistd.models.upstream.told_tokens import ToldTokens

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": None,
}
TOLD = Tokens(prompt=20, completion=10, cached=4)


def read(*pieces: bytes) -> Tokens:
    told = ToldTokens()
    for piece in pieces:
        told.take(piece)
    return told.read()


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_an_object_and_a_stream_tell_of_their_cost_in_pieces_of_any_size(size: int) -> None:
    text = 'It says "usage": {"prompt_tokens": 1} 你好'
    whole = json.dumps({"choices": [{"message": {"content": text}}], "usage": USAGE, "id": "x"})
    chunks = [
        {"choices": [{"delta": {"content": text}}], "usage": None},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {"choices": [], "usage": USAGE},
    ]
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"
    for body in (whole.encode(), stream.encode()):
        assert read(*(body[at : at + size] for at in range(0, len(body), size))) == TOLD


def test_the_end_of_a_long_answer_is_enough() -> None:
    end = json.dumps({"usage": USAGE}).encode()
    assert read(*[b"x" * 50_000] * 100, end) == TOLD


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: [DONE]\n\n",
        b'{"choices": [], "usage": null}',
        b'{"usage": {"prompt_tokens": 20',
        b'{"usage": {"prompt_tokens": NaN}}',
        b'{"usage": {"prompt_tokens": 1e999}}',
        b'{"usage": ' + b'{"a":' * 9_000,
    ],
)
def test_an_answer_that_does_not_say_what_it_cost_is_told_to_cost_nothing(body: bytes) -> None:
    assert read(body) == Tokens()
