"""The decoder of code arguments: any code, in any pieces, comes out as it is."""

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.models.streamed_argument import ArgumentError, StreamedArgument

any_code = st.text() | st.text(alphabet="a\"'\\\r\n\t {}[]:,`u😀é\x00\u2028")


def decode(pieces: list[str]) -> str:
    arguments = StreamedArgument("code")
    fed = "".join([arguments.feed(piece) for piece in pieces])
    return fed + arguments.finish()


def cut(data: st.DataObject, text: str) -> list[str]:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@given(any_code, st.booleans(), st.sampled_from([None, 1]), st.data())
def test_any_code_in_any_pieces_comes_out_as_it_is(
    code: str, ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps({"code": code}, ensure_ascii=ascii_only, indent=indent)
    assert decode(cut(data, text)) == code


@given(any_code, st.data())
def test_members_before_and_after_the_code_are_skipped(code: str, data: st.DataObject) -> None:
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
    key = st.text().filter(lambda name: name != "code")
    before = data.draw(st.dictionaries(key, value, max_size=3))
    after = data.draw(st.dictionaries(key, value, max_size=3))
    text = json.dumps({**before, "code": code, **after})
    if set(before) & set(after):
        return
    assert decode(cut(data, text)) == code


@given(st.text(), st.data())
def test_whatever_comes_is_read_or_rejected(text: str, data: st.DataObject) -> None:
    for candidate in (text, "{" + text, '{"code": "' + text, '{"code"' + text):
        with contextlib.suppress(ArgumentError):
            assert isinstance(decode(cut(data, candidate)), str)


def test_code_arrives_as_soon_as_it_is_known() -> None:
    arguments = StreamedArgument("code")
    pieces = ['{"co', 'de": "pri', "nt(", r"\"h", r"i\u00", r"e9\"", r")\ud83d", r"\ude00", '"}']
    assert [arguments.feed(piece) for piece in pieces] == [
        "", "pri", "nt(", '"h', "i", 'é"', ")", "😀", "",
    ]  # fmt: skip
    assert arguments.complete


def test_carriage_returns_stay() -> None:
    assert decode([r'{"code": "a\r\nb"}']) == "a\r\nb"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("print(1)", "print(1)"),
        ("  x = 1\n  y = 2", "  x = 1\n  y = 2"),
        ('"print(1)"', "print(1)"),
        ('"""A docstring."""\nx = 1', '"""A docstring."""\nx = 1'),
        ("{'code': 'print(1)'}", "print(1)"),
        ("{1, 2}", "{1, 2}"),
        ('{"input": "print(1)"}', "print(1)"),
        ('{"code": "print(1)",}', "print(1)"),
        ('{"code": "print(1)"', "print(1)"),
        ('{"code": "print(1)"}}', "print(1)"),
        ('{"code": ""}', ""),
        ('{"code": "a\nb\tc"}', "a\nb\tc"),
        (r'{"code": "re.findall(\"\d\")"}', r're.findall("\d")'),
        (r'{"code": "C:\users"}', r"C:\users"),
        (r'{"code": "\ud83d!"}', "\ufffd!"),
        (r'{"code": "\ude00"}', "\ufffd"),
        (r'{"code": "\ud83d"}', "\ufffd"),
        (r'{"code": "\ud83d\ud83d\ude00"}', "\ufffd😀"),
    ],
)
def test_what_sloppy_models_send_is_read_as_they_mean_it(arguments: str, code: str) -> None:
    assert decode([arguments]) == code
    assert decode(list(arguments)) == code


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "hold no code"),
        ("  ", "hold no code"),
        ("{}", "hold no code"),
        ('{"a": 1}', "hold no code"),
        ('{"a": "x", "b": "y"}', "hold no code"),
        ('{"code": null}', "must be a string"),
        ('{"code": ["x"]}', "must be a string"),
        ('{"code": "print("hi")"}', "'h' is out of place"),
        ('{"code" "x"}', "out of place"),
        ('{"code": "print(1', "in the middle of the code"),
        ('{"co', "hold no code"),
    ],
)
def test_broken_arguments_are_rejected_with_advice(arguments: str, reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        decode([arguments])


def test_long_code_in_single_characters_is_quick() -> None:
    text = json.dumps({"code": "x = '\\'\n" * 20_000})
    arguments = StreamedArgument("code")
    feed: Callable[[str], str] = arguments.feed
    assert len("".join(map(feed, text))) == 9 * 20_000 - 20_000
