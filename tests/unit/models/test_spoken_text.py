"""What a model says, without what it thinks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.models.spoken_text import SpokenText


def said(*pieces: str) -> str:
    spoken = SpokenText()
    return "".join([spoken.feed(piece) for piece in pieces]) + spoken.finish()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello", "Hello"),
        ("<think>\nHm.\n```python\nx\n```\n</think>\n\nHello", "Hello"),
        (" \n<think></think>Hello", "Hello"),
        ("I <think>so</think>", "I <think>so</think>"),
        ("<thin", "<thin"),
        ("<think>Hm", ""),
        ("  ", "  "),
        ("", ""),
    ],
)
def test_thoughts_at_the_beginning_are_left_out(text: str, answer: str) -> None:
    assert said(text) == answer
    assert said(*text) == answer


@given(st.text(), st.text().filter(lambda text: "</think>" not in text), st.integers(1, 5))
def test_thoughts_are_left_out_wherever_the_text_was_cut(
    answer: str, thought: str, size: int
) -> None:
    text = f"<think>{thought}</think>{answer}"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert said(*pieces) == said(text)
    assert said(text).strip() == answer.strip()


def test_text_streams_on_behind_the_thoughts() -> None:
    spoken = SpokenText()
    assert [spoken.feed(piece) for piece in ["<th", "ink>a</thi", "nk> Hi", " you"]] == [
        "", "", "Hi", " you"
    ]  # fmt: skip
