"""The fenced protocol: Python without tool calls."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.models.asking import WEATHER, asking, code_call, code_result, codes_of, text_of

from assistd.models.base import Delta, Finished, ModelError, ModelRequest
from assistd.models.conversation import (
    Assistant,
    FunctionCall,
    FunctionResult,
    HostedResult,
    Image,
    System,
    Turn,
)
from assistd.models.fenced import FencedReader, check, fenced_messages
from assistd.models.upstream.chunks import Chunk

CODE = asking(code_tool=True)


def read(request: ModelRequest, *texts: str, finish: str | None = "stop") -> list[Delta]:
    reader = FencedReader(request, 100)
    deltas: list[Delta] = []
    for text in texts:
        deltas += reader.feed(Chunk(text))
        if reader.done:
            return [*deltas, *reader.finish()]
    return [*deltas, *reader.feed(Chunk(finish=finish)), *reader.finish()]


def end_of(deltas: list[Delta]) -> str:
    assert isinstance(deltas[-1], Finished)
    return deltas[-1].reason


def ran(code: str, logs: str, **result: Any) -> list[Turn]:
    """A call and its result."""
    return [Assistant("", (code_call(code, code),)), code_result(code, logs, **result)]


ANSWER = "Let me see.\n\n```python\nprint(1)\n```\nIt is 2."


def test_a_block_is_a_call_and_ends_the_answer() -> None:
    deltas = read(CODE, ANSWER)
    assert text_of(deltas) == "Let me see."
    assert codes_of(deltas) == ["print(1)"]
    assert end_of(deltas) == "tool_calls"


@given(st.lists(st.integers(0, len(ANSWER)), max_size=10))
def test_where_the_answer_was_cut_makes_no_difference(places: list[int]) -> None:
    places = sorted(places)
    pieces = [ANSWER[a:b] for a, b in zip([0, *places], [*places, len(ANSWER)], strict=True)]
    deltas = read(CODE, *pieces)
    assert (text_of(deltas), codes_of(deltas)) == ("Let me see.", ["print(1)"])


def test_the_answer_is_done_at_the_closing_fence() -> None:
    reader = FencedReader(CODE, 100)
    list(reader.feed(Chunk("```python\nx\n```")))
    assert not reader.done
    list(reader.feed(Chunk("\n")))
    assert reader.done
    finished = list(reader.finish())
    assert isinstance(finished[0], Finished)
    assert finished[0].tokens.prompt == 100
    assert finished[0].tokens.completion > 0


def test_a_block_that_repeats_itself_for_ever_ends_where_no_more_is_read() -> None:
    (spec,) = CODE.hosted
    assert spec.block
    brief = replace(spec, block=replace(spec.block, longest=40))
    deltas = read(replace(CODE, hosted=(brief,)), "```python\n", *["again and again\n"] * 9)
    assert codes_of(deltas) == ["again and again\nagain and again\nagain and again"]
    assert end_of(deltas) == "tool_calls"


def test_text_without_a_block_is_text() -> None:
    deltas = read(CODE, "It is ", "2.\n", "Bye.\n")
    assert text_of(deltas) == "It is 2.\nBye."
    assert end_of(deltas) == "stop"


def test_blocks_of_other_languages_are_text() -> None:
    text = "Use\n```bash\nls\n```\nor\n```\nx\n```"
    assert text_of(read(CODE, text)) == text


def test_an_unclosed_block_is_run_as_it_stands() -> None:
    deltas = read(CODE, "```py\nprint(1)")
    assert codes_of(deltas) == ["print(1)"]
    assert end_of(deltas) == "tool_calls"


def test_an_unclosed_block_that_was_cut_by_length_is_not_run() -> None:
    assert end_of(read(CODE, "```py\nprint(1)", finish="length")) == "length"
    assert end_of(read(CODE, "It is", finish="length")) == "length"


def test_a_closed_block_at_the_very_end_is_run_even_if_length_was_reached() -> None:
    deltas = read(CODE, "```py\nprint(1)\n```\n", finish="length")
    assert end_of(deltas) == "tool_calls"


def test_an_empty_block_is_passed_over() -> None:
    deltas = read(CODE, "```python\n\n```\nHello")
    assert codes_of(deltas) == []
    assert text_of(deltas) == "Hello"


def test_without_the_tool_everything_is_text() -> None:
    for request in (asking(), asking(code_tool=True, tool_choice="none")):
        deltas = read(request, ANSWER)
        assert text_of(deltas) == ANSWER
        assert end_of(deltas) == "stop"
        assert fenced_messages(request, vision=False) == [{"role": "user", "content": "Hi"}]


def test_an_answer_without_a_finish_reason_broke_off() -> None:
    with pytest.raises(ModelError, match="broke off"):
        read(CODE, "It", finish=None)


# The guard against repetition


def test_code_that_just_succeeded_is_not_run_again() -> None:
    request = asking("Hi", *ran("print(1)", "1\n"), code_tool=True)
    deltas = read(request, "It is 1:\n```python\n", "print", "(1)\n```\n")
    assert codes_of(deltas) == []
    assert text_of(deltas) == "It is 1:"
    assert end_of(deltas) == "stop"


def test_a_repetition_without_words_is_answered_with_the_output() -> None:
    request = asking("Hi", *ran("print(1)", "1\n"), code_tool=True)
    assert text_of(read(request, "```python\nprint(1)\n\n```\n")) == "1"
    assert text_of(read(request, "```python\nprint(1)")) == "1"


def test_other_code_is_run_though_it_begins_alike() -> None:
    request = asking("Hi", *ran("print(1)\nx", "1\n"), code_tool=True)
    assert codes_of(read(request, "```python\nprint(1)", "\ny\n```\n")) == ["print(1)\ny"]
    assert codes_of(read(request, "```python\nprint(1)\n```\n")) == ["print(1)"]
    assert codes_of(read(request, "```python\nprint(1)\nx.y", "\n```\n")) == ["print(1)\nx.y"]


@pytest.mark.parametrize(
    "result",
    [code_result("c", "---\nNameError: no x", failed=True), code_result("c", "", failed=True),
     code_result("c", "1", notes=("The session was restarted.",))],
)  # fmt: skip
def test_code_that_failed_may_be_tried_once_more_but_no_more(result: HostedResult) -> None:
    once = [Assistant("", (code_call("c", "x"),)), result]
    assert codes_of(read(asking("Hi", *once, code_tool=True), "```python\nx\n```\n")) == ["x"]
    deltas = read(asking("Hi", *once, *once, code_tool=True), "```python\nx\n```\n")
    assert codes_of(deltas) == []
    assert end_of(deltas) == "stop"


def test_code_of_an_earlier_question_is_run_again() -> None:
    request = asking("Hi", *ran("x", "1"), Assistant("1"), "Again!", code_tool=True)
    assert codes_of(read(request, "```python\nx\n```\n")) == ["x"]


# The conversation


def test_the_conversation_alternates_between_two_voices() -> None:
    request = asking(
        System("Be kind."),
        "Plot",
        Assistant("Sure.", (code_call("c", "plot()"),)),
        code_result("c", "done\n"),
        Assistant("", (FunctionCall("f", "fn", "{}"),)),
        FunctionResult("f", "42"),
        "And?",
        code_tool=True,
    )
    messages = fenced_messages(request, vision=False)
    assert [m["role"] for m in messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert messages[0]["content"].startswith("Be kind.\n\nTo run Python")
    assert messages[2]["content"] == "Sure.\n\n```python\nplot()\n```"
    assert messages[3]["content"].startswith("Output:\n```\ndone\n```\n")
    assert messages[5]["content"] == "[The function answered: 42]\n\nAnd?"


def test_of_a_failure_the_model_reads_that_it_must_try_again() -> None:
    failed = code_result("c", "ValueError: x", failed=True)
    *_, told = fenced_messages(asking(failed, code_tool=True), vision=False)
    assert told["content"].startswith("Output:\n```\nValueError: x\n```")
    assert told["content"].endswith("again.")


def test_fences_within_a_result_do_not_end_it() -> None:
    request = asking("x", *ran("c", "```\na\n```"), code_tool=True)
    assert "````\n```\na\n```\n````" in fenced_messages(request, vision=False)[-1]["content"]


def test_pictures_reach_only_models_that_see() -> None:
    request = asking("x", *ran("c", "", images=(Image("data:x"),)), code_tool=True)
    assert isinstance(fenced_messages(request, vision=False)[-1]["content"], str)
    content = fenced_messages(request, vision=True)[-1]["content"]
    assert content[-1]["image_url"]["url"] == "data:x"


def test_code_can_be_demanded_for_the_first_turn_only() -> None:
    demanded = asking("x", code_tool=True, tool_choice="hosted:code_interpreter")
    assert "must be" in fenced_messages(demanded, vision=False)[0]["content"]
    later = asking("x", *ran("c", "1"), code_tool=True, tool_choice="hosted:code_interpreter")
    assert "must be" not in fenced_messages(later, vision=False)[0]["content"]


def test_functions_are_refused_only_where_one_must_be_called() -> None:
    check(asking(functions=(WEATHER,)))
    check(asking(code_tool=True, functions=(WEATHER,), tool_choice="required"))
    for choice in ("required", "function:get_weather"):
        with pytest.raises(ModelError, match="fenced"):
            check(asking(functions=(WEATHER,), tool_choice=choice))


def test_the_first_answer_about_files_is_to_read_them() -> None:
    asked = asking("x", code_tool=True, has_files=True)
    assert fenced_messages(asked, vision=False)[-1]["content"].startswith(
        "x\n\n[If this is about a"
    )
    later = asking("x", *ran("c", "1"), code_tool=True, has_files=True)
    assert "about a file" not in str(fenced_messages(later, vision=False))


def test_code_that_failed_twice_is_not_shown_a_third_time() -> None:
    logs = "Traceback\nCell In[1], line 1\nKeyError: 'x'\nThe table has these columns: 'a'."
    failed = ran("df['x']", logs, failed=True)
    once = fenced_messages(asking("Sum x", *failed, code_tool=True), vision=False)
    assert "df['x']" in once[2]["content"]
    system, told = fenced_messages(asking("Sum x", *failed, *failed, code_tool=True), vision=False)
    assert "To run Python" in system["content"]
    assert told["content"].startswith("Sum x\n\nCode for this was tried twice and failed:")
    assert "KeyError: 'x'\nThe table has these columns: 'a'." in told["content"]
    assert "df['x']" not in told["content"]
    assert "Cell In" not in told["content"]
    succeeded = (*failed, *ran("df['x']", "1"))
    assert len(fenced_messages(asking("Sum x", *succeeded, code_tool=True), vision=False)) == 6
