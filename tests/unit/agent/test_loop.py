"""The agent's loop from question to ending, told to a record in memory: no database, no sandbox."""

import asyncio
from typing import Any

import pytest
from tests.unit.agent.memory import Echo, MemoryRecord, Script

from assistd.engine.agent.ask import Ask
from assistd.engine.agent.loop import run_loop
from assistd.models.base import (
    AnswerOptions,
    Delta,
    Finished,
    FinishReason,
    FunctionDelta,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    ModelError,
    TextDelta,
    Tokens,
)
from assistd.models.conversation import (
    Assistant,
    FunctionResult,
    FunctionTool,
    HostedResult,
    System,
)

WEATHER = FunctionTool("get_weather", "Weather of a city", {"type": "object"})


def text(words: str, reason: FinishReason = "stop", *, prompt: int = 0) -> list[Delta]:
    """An answer of two deltas of text."""
    half = len(words) // 2
    said = [TextDelta(words[:half]), TextDelta(words[half:])]
    return [*said, Finished(reason, Tokens(prompt=prompt, completion=10))]


def call(*arguments: str, prompt: int = 0) -> list[Delta]:
    """An answer with calls of the hosted tool."""
    said = list[Delta]()
    for index, each in enumerate(arguments):
        said += [
            HostedStarted(index, "echo"),
            HostedDelta(index, each[:2]),
            HostedDelta(index, each[2:]),
        ]
    return [*said, Finished("tool_calls", Tokens(prompt=prompt, completion=10))]


async def work(record: MemoryRecord, model: Script, **wanted: Any) -> Echo:
    """Run the loop; return the tool, of which one is there unless others are wanted."""
    echo = Echo()
    ask = Ask("gpt-4o", **({"tools": (echo,)} | wanted))
    await run_loop(ask, record, record, model.resolve)
    return echo


async def test_text_is_recorded_as_it_comes_and_completes() -> None:
    record, model = MemoryRecord("Hi"), Script(text("Hello!"))
    await work(record, model)
    assert record.told == ["reopen", "begin", "TextDelta", "TextDelta", "Finished", "complete"]
    assert record.text == "Hello!"


async def test_a_model_is_told_instructions_tools_files_and_the_conversation() -> None:
    record, model = MemoryRecord("Hi", ("- a.csv; a table",)), Script(text("Hello!"))
    await work(record, model, instructions="Be kind.", options=AnswerOptions(temperature=0.5))
    (request,) = model.requests
    system, user = request.turns
    assert isinstance(system, System)
    assert system.text.startswith("Be kind.\n\nThere is an echo.\n\nFiles that are there now")
    assert system.text.endswith("\n- a.csv; a table")
    assert user == record.turns[0]
    assert request.options.temperature == 0.5


async def test_a_call_that_failed_is_shown_to_the_model_which_tries_again() -> None:
    record, model = MemoryRecord("Compute"), Script(call("fail"), call("2 + 2"), text("It is 4."))
    echo = await work(record, model)
    assert echo.ran == ["fail", "2 + 2"]
    assert [turn.failed for turn in model.requests[2].turns if isinstance(turn, HostedResult)] == [
        True,
        False,
    ]
    assert record.text == "It is 4."
    assert record.told[-1] == "complete"
    assert record.told.count("begin") == 1


async def test_calls_of_one_answer_are_run_in_order_and_the_last_is_known_as_such() -> None:
    record, model = MemoryRecord("Compute"), Script(call("one", "two"), text("Done."))
    echo = await work(record, model)
    assert echo.ran == ["one", "two"]
    assert [told for told in record.told if told.startswith("finish")] == [
        "finish_call",
        "finish_call (last)",
    ]


async def test_a_rejected_call_is_answered_but_not_run() -> None:
    said: list[Delta] = [
        HostedStarted(0, "echo"),
        HostedRejected(0, "The arguments are no JSON."),
        Finished("tool_calls"),
    ]
    record, model = MemoryRecord("Compute"), Script(said, text("Sorry."))
    echo = await work(record, model)
    assert echo.ran == []
    result = model.requests[1].turns[-1]
    assert isinstance(result, HostedResult)
    assert (result.text, result.failed) == ("The arguments are no JSON.", True)


async def test_a_function_is_left_to_the_client_and_another_agent_goes_on() -> None:
    said: list[Delta] = [
        HostedStarted(0, "echo"),
        HostedDelta(0, "1"),
        FunctionStarted(1, "get_weather"),
        FunctionDelta(1, '{"city": "Bern"}'),
        Finished("tool_calls"),
    ]
    record, model = MemoryRecord("Weather?"), Script(said, text("Sunny."))
    echo = await work(record, model, functions=(WEATHER,), tool_choice="required")
    assert echo.ran == ["1"]
    assert record.told[-2:] == ["finish_call", "wait_for_client"]
    record.submit({"call_1": "sunny"})
    await work(record, model, functions=(WEATHER,), tool_choice="required")
    assert record.told[-1] == "complete"
    assert model.requests[1].turns[-1] == FunctionResult("call_1", "sunny")
    assert [request.tool_choice for request in model.requests] == ["required", "auto"]


async def test_an_answer_cut_off_at_its_length_ends_without_its_calls() -> None:
    cut: list[Delta] = [HostedStarted(0, "echo"), HostedDelta(0, "1"), Finished("length")]
    record, model = MemoryRecord("Compute"), Script(cut)
    echo = await work(record, model)
    assert echo.ran == []
    assert (record.told[-1], record.limit) == ("end_at_limit", "max_completion_tokens")


@pytest.mark.parametrize(
    ("wanted", "limit", "questions"),
    [
        ({"max_completion_tokens": 10}, "max_completion_tokens", 1),
        ({"max_completion_tokens": 11}, None, 2),
        ({"max_prompt_tokens": 1}, "max_prompt_tokens", 0),
        ({"max_prompt_tokens": 500}, "max_prompt_tokens", 1),
        ({"max_prompt_tokens": 5000}, None, 2),
    ],
)
async def test_limits_are_on_the_sum_of_all_turns(
    wanted: dict[str, int], limit: str | None, questions: int
) -> None:
    record, model = MemoryRecord("Compute"), Script(call("1", prompt=490), text("Done."))
    await work(record, model, **wanted)
    assert record.limit == limit
    assert len(model.requests) == questions
    assert record.told[-1] == ("end_at_limit" if limit else "complete")
    assert "begin" in record.told


async def test_no_more_tokens_are_asked_for_than_are_left() -> None:
    record, model = MemoryRecord("Compute"), Script(call("1"), text("Done."))
    await work(record, model, max_completion_tokens=100)
    assert [request.max_tokens for request in model.requests] == [100, 90]


async def test_a_model_that_calls_for_ever_is_offered_no_tools_and_then_given_up() -> None:
    record, model = MemoryRecord("Compute"), Script(*(call("1") for _ in range(3)))
    with pytest.raises(ModelError, match="still called tools after 2 turns"):
        await work(record, model, max_turns=2)
    assert [request.tool_choice for request in model.requests] == ["auto", "auto", "none"]


async def test_a_content_filter_fails_the_agent_after_what_was_said() -> None:
    record, model = MemoryRecord("Hi"), Script(text("I", "content_filter"))
    with pytest.raises(ModelError, match="content filter"):
        await work(record, model)
    assert record.told[-1] == "Finished"
    assert record.text == "I"


async def test_a_model_that_cannot_be_asked_fails_the_agent_once_it_has_begun() -> None:
    record, model = MemoryRecord("Hi"), Script(ModelError("server_error", "down"))
    with pytest.raises(ModelError, match="down"):
        await work(record, model)
    assert record.told == ["reopen", "begin"]


async def test_a_cancel_takes_the_question_back() -> None:
    record, model = MemoryRecord("Hi"), Script("silence")
    task = asyncio.create_task(work(record, model))
    await model.was_asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.taken_back == 1
    assert record.told == ["reopen", "begin"]


async def test_a_cancel_stops_a_tool_and_nothing_more_is_recorded() -> None:
    record, model, echo = MemoryRecord("Hi"), Script(call("hang")), Echo()
    task = asyncio.create_task(
        run_loop(Ask("gpt-4o", tools=(echo,)), record, record, model.resolve)
    )
    await echo.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert record.told[-1] == "Finished"
    assert not any(isinstance(turn, HostedResult) for turn in record.turns)


async def test_the_model_is_asked_before_the_record_begins_and_given_up_where_it_cannot() -> None:
    class Refusing(MemoryRecord):
        async def begin(self) -> None:
            assert model.was_asked.is_set()
            raise RuntimeError("somebody else ended it")

    record, model = Refusing("Hi"), Script("silence")
    with pytest.raises(RuntimeError, match="somebody else"):
        await work(record, model)
    assert model.taken_back == 1
    assert not any(isinstance(turn, Assistant) for turn in record.turns)
