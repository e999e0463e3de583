"""The fence parser: Python blocks are found wherever the text was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.models.fences import (
    BlockCode,
    BlockEnded,
    BlockStarted,
    FenceParser,
    Piece,
    Prose,
    find_blocks,
)

LABELS = ("python", "py", "python3", "ipython", "tool_code")
any_text = st.text() | st.text(alphabet="a`~ \r\n\tpython😀'\"\\")


def closes(code: str) -> bool:
    """Whether a line of the code is nothing but backticks, and so would close the block."""
    return any(
        line.rstrip(" \t\r").lstrip(" ").startswith("```")
        and not line.rstrip(" \t\r").lstrip(" ").strip("`")
        for line in code.split("\n")
    )


def parse(pieces: list[str]) -> list[Piece]:
    parser = FenceParser(LABELS)
    return [found for piece in pieces for found in parser.feed(piece)] + parser.finish()


def joined(pieces: list[Piece]) -> list[Piece]:
    """The pieces, with neighbours of one kind as one."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if isinstance(piece, Prose) and isinstance(last, Prose):
            result[-1] = Prose(last.text + piece.text)
        elif isinstance(piece, BlockCode) and isinstance(last, BlockCode):
            result[-1] = BlockCode(last.code + piece.code)
        else:
            result.append(piece)
    return result


def cut(data: st.DataObject, text: str) -> list[str]:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@given(any_text, st.sampled_from(["\n", "\r\n"]), st.data())
def test_any_code_in_any_pieces_comes_out_as_it_is(
    code: str, newline: str, data: st.DataObject
) -> None:
    if closes(code) or code.endswith("\r"):
        return
    text = f"Before.{newline}```python{newline}{code}{newline}```{newline}After."
    expected = [Prose(f"Before.{newline}"), BlockStarted(), BlockCode(code)]
    expected += [BlockEnded(closed=True), Prose("After.")]
    assert joined(parse(cut(data, text))) == [p for p in expected if p != BlockCode("")]


@given(any_text, st.data())
def test_where_the_text_was_cut_makes_no_difference(text: str, data: st.DataObject) -> None:
    assert joined(parse(cut(data, text))) == joined(parse([text]))


@given(any_text)
def test_text_without_a_python_label_stays_as_it_is(text: str) -> None:
    pieces = joined(parse([text]))
    if not any(isinstance(piece, BlockStarted) for piece in pieces):
        assert "".join(piece.text for piece in pieces if isinstance(piece, Prose)) == text


@pytest.mark.parametrize(
    "label", ["python", "py", "Python", "python3", "IPython", "tool_code", " python ", "{python}",
              "python title='x'", "{.python .numberLines}"],
)  # fmt: skip
def test_python_labels(label: str) -> None:
    assert [code for _, code in find_blocks(f"```{label}\nx\n```", LABELS)] == ["x"]


@pytest.mark.parametrize("label", ["", "bash", "json", "csv", "pycon", "text", "rpython"])
def test_blocks_of_other_labels_are_text(label: str) -> None:
    text = f"a\n```{label}\nx\n```\nb"
    assert joined(parse([text])) == [Prose(text)]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("```python\na\n```\n\n```py\nb\n```", ["a", "b"]),
        ("```python\ns = '```'\nt = '''\n ```x\n'''\n```", ["s = '```'\nt = '''\n ```x\n'''"]),
        ("````python\n```\nx\n```\n````", ["```\nx\n```"]),
        ("~~~python\n```\n~~~", ["```"]),
        ("  ```python\n  if x:\n    y\n\n  ```", ["if x:\n  y\n"]),
        ("1. Do\n\n    ```python\n    x\n    ```\n", ["x"]),
        ("```markdown\n```python\nx\n```\n", []),
        ("Use ```python x``` here", []),
        ("```python x = 1```", []),
        ("```python\nx", ["x"]),
        ("```python\nx\n", ["x\n"]),
        ("```python\nx\n``", ["x"]),
        ("```python\nx\n``` ", ["x"]),
        ("```python\n```", [""]),
        ("```python", [""]),
        ("```python\r\na\r\nb\r\n```\r\n", ["a\r\nb"]),
        ("```python\na\r", ["a\r"]),
        ("no code", []),
        ("```" + "x" * 300 + "\n```python\nx\n```", ["x"]),
    ],
)
def test_blocks(text: str, codes: list[str]) -> None:
    assert [code for _, code in find_blocks(text, LABELS)] == codes


def test_text_is_held_back_only_while_a_fence_may_start() -> None:
    parser = FenceParser(LABELS)
    assert parser.feed("Hello") == [Prose("Hello")]
    assert parser.feed(" `x`\n") == [Prose(" `x`\n")]
    assert parser.feed("``") == []
    assert parser.feed("x") == [Prose("``x")]
    assert parser.feed("\n```py") == [Prose("\n")]
    assert parser.feed("thon\npri") == [BlockStarted(), BlockCode("pri")]
    assert parser.feed("nt()\n") == [BlockCode("nt()")]
    assert parser.feed("`") == []
    assert parser.feed("``\n") == [BlockEnded(closed=True)]
