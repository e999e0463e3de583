"""What is left of a conversation that is too long: its ends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.models.asking import code_call, code_result

from assistd.models import tokens
from assistd.models.base import ModelRequest
from assistd.models.conversation import (
    Assistant,
    FunctionTool,
    HostedResult,
    HostedSpec,
    Image,
    System,
    Text,
    Turn,
    User,
)
from assistd.models.truncation import fit, fit_window

LONG = "word " * 80  # a hundred tokens


def said(number: int) -> User:
    """One long message of the user."""
    return User((Text(f"{number} {LONG}"),))


def called(number: int) -> tuple[Turn, ...]:
    """A call and its result."""
    return Assistant("", (code_call(f"c{number}", LONG),)), code_result(f"c{number}", LONG)


def size(turns: tuple[Turn, ...]) -> int:
    """The tokens of turns."""
    return sum(map(tokens.of_turn, turns))


TURNS = (System("Be kind."), *(said(number) for number in range(9)))


def test_what_fits_stays_whole() -> None:
    assert fit(TURNS, size(TURNS)) == TURNS


def test_the_middle_is_left_out_and_the_ends_stay_in_order() -> None:
    kept = fit(TURNS, 450)
    assert kept == (TURNS[0], TURNS[1], *TURNS[-3:])
    assert size(kept) <= 450


def test_the_instructions_and_the_last_question_stay_even_where_they_do_not_fit() -> None:
    assert fit(TURNS, 5) == (TURNS[0], TURNS[-1])
    turns = (*TURNS, *called(1), *called(2))
    assert fit(turns, 5) == (TURNS[0], TURNS[-1], *turns[-2:])


def test_a_beginning_that_would_take_most_of_the_room_goes_too() -> None:
    turns = (User((Text(LONG * 5),)), *(said(number) for number in range(5)))
    assert fit(turns, 350) == turns[-3:]


pieces = st.lists(
    st.one_of(
        st.integers(0, 99).map(lambda n: (said(n),)),
        st.integers(0, 99).map(lambda n: (Assistant(f"short {n}"),)),
        st.integers(0, 99).map(called),
    ),
    min_size=1,
    max_size=12,
)


@given(pieces, st.integers(0, 2000))
def test_calls_keep_their_results_and_nothing_fits_that_does_not_have_to(
    drawn: list[tuple[Turn, ...]], room: int
) -> None:
    turns = (System("x"), *(turn for piece in drawn for turn in piece))
    kept = fit(turns, room)
    assert kept[0] == turns[0]
    assert kept[-1] is turns[-1]
    for before, after in itertools.pairwise(kept):
        if isinstance(after, HostedResult):
            assert isinstance(before, Assistant)
            assert before.calls[0].id == after.call_id
    musts = fit(turns, -1)
    assert size(kept) <= max(room, size(musts))
    positions = [next(i for i, each in enumerate(turns) if each is turn) for turn in kept]
    assert positions == sorted(positions)


def test_a_window_leaves_room_for_the_answer_and_the_tools() -> None:
    request = ModelRequest("m", TURNS)
    assert fit_window(request, 100_000).turns == TURNS
    assert size(fit_window(request, 1000).turns) < 700
    tool = FunctionTool("f", "d" * 800, {"type": "object"})
    assert size(fit_window(ModelRequest("m", TURNS, functions=(tool,)), 1000).turns) < 500
    spec = HostedSpec("h", ("h",), "d" * 800, {"type": "object"})
    assert size(fit_window(ModelRequest("m", TURNS, hosted=(spec,)), 1000).turns) < 500
    asked = ModelRequest("m", TURNS, max_tokens=10)
    assert len(fit_window(asked, 1000).turns) > len(fit_window(request, 1000).turns)


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("abcd", 1), ("abcde", 2), ("你好", 2), ("abcd你", 2)]
)
def test_tokens_of_a_text_are_estimated(text: str, expected: int) -> None:
    assert tokens.count(text) == expected


def test_pictures_count_by_their_detail() -> None:
    small = tokens.of_turn(User((Image("data:x", "low"),)))
    assert small < 100 < tokens.of_turn(User((Image("data:x"),)))
    result = code_result("c", "", images=(Image("data:x"),))
    assert tokens.of_turn(result) > 1000
