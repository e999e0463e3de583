"""Native tool calls, as good and as sloppy upstreams stream them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.models.asking import WEATHER, arguments_of, asking, codes_of, text_of

from assistd.models.base import (
    Delta,
    Finished,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    ModelError,
    ModelRequest,
    ReasoningDelta,
    RefusalDelta,
    Tokens,
)
from assistd.models.conversation import FunctionTool
from assistd.models.tool_calls import ToolCallReader
from assistd.models.upstream.chunks import read_chunk

CODE = asking(code_tool=True)
BOTH = asking(code_tool=True, functions=(WEATHER,))
FUNCTION = asking(functions=(WEATHER,))
NOTHING_COUNTED = {"prompt_tokens": 0, "completion_tokens": 0}


def call(
    index: int | None = 0, name: str | None = None, arguments: Any = None, id_: str | None = None
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    piece: dict[str, Any] = {"function": {k: v for k, v in function.items() if v is not None}}
    return piece | ({} if index is None else {"index": index}) | ({"id": id_} if id_ else {})


def read(
    request: ModelRequest,
    *deltas: Any,
    finish: str | None = "tool_calls",
    usage: dict[str, int] | None = NOTHING_COUNTED,
) -> list[Delta]:
    """What the reader makes of deltas; a tool call may stand for a delta that holds only it."""
    reader = ToolCallReader(request, 7)
    found: list[Delta] = []
    for delta in deltas:
        whole = {"tool_calls": [delta]} if "function" in delta else delta
        found += reader.feed(read_chunk({"choices": [{"index": 0, "delta": whole}]}))
    end = {"choices": [{"delta": {}, "finish_reason": finish}], "usage": usage}
    found += reader.feed(read_chunk(end))
    return found + list(reader.finish())


def test_code_streams_through() -> None:
    deltas = read(
        CODE, call(0, "python", ""), call(0, None, '{"code": "pr'), call(0, None, 'int"}')
    )
    assert deltas == [
        HostedStarted(0, "code_interpreter"), HostedDelta(0, "pr"), HostedDelta(0, "int"), Finished("tool_calls")
    ]  # fmt: skip


def test_text_comes_before_the_calls_and_text_behind_them_is_dropped() -> None:
    deltas = read(
        CODE, {"content": "Let me see."}, call(0, "python", '{"code":"1"}'), {"content": "x"}
    )
    assert text_of(deltas) == "Let me see."


def test_calls_that_come_mixed_up_come_out_one_after_the_other() -> None:
    deltas = read(
        BOTH,
        {"tool_calls": [call(0, "python", '{"code"'), call(1, "get_weather", '{"ci')]},
        {"tool_calls": [call(1, None, 'ty": 1}'), call(2, "python", '{"code": "c"}')]},
        call(0, None, ': "a"}'),
    )
    assert deltas[:2] == [HostedStarted(0, "code_interpreter"), HostedDelta(0, "a")]
    assert deltas[2] == FunctionStarted(1, "get_weather")
    assert arguments_of(deltas, 1) == '{"city": 1}'
    assert codes_of(deltas) == ["a", "c"]


def test_a_later_call_streams_once_the_one_before_is_complete() -> None:
    reader = ToolCallReader(CODE, 7)
    first = {"tool_calls": [call(0, "python", '{"code": "a"}')]}
    second = {"tool_calls": [call(1, "python", '{"code": "b')]}
    list(reader.feed(read_chunk({"choices": [{"delta": first}]})))
    found = list(reader.feed(read_chunk({"choices": [{"delta": second}]})))
    assert found == [HostedStarted(1, "code_interpreter"), HostedDelta(1, "b")]


@given(
    st.lists(st.text(), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.integers(1, 6),
)
def test_calls_mixed_up_in_any_way_are_taken_apart(
    codes: list[str], random: Any, size: int
) -> None:
    queues = []
    for index, code in enumerate(codes):
        text = json.dumps({"code": code})
        pieces = [call(index, None, text[at : at + size]) for at in range(0, len(text), size)]
        queues.append([call(index, "python", "", f"id{index}"), *pieces])
    mixed = [queue.pop(0) for queue in queues]
    while any(queues):
        mixed.append(random.choice([queue for queue in queues if queue]).pop(0))
    assert codes_of(read(CODE, *mixed)) == codes


@pytest.mark.parametrize(
    "pieces",
    [
        # no index at all
        [call(None, "python", '{"code": "a"}', "x"), call(None, "python", '{"code": "b"}', "y")],
        [call(None, "python", '{"code": "a"}'), call(None, "python", '{"code": "b"}')],
        # index 0 for every call
        [call(0, "python", '{"code": "a"}', "x"), call(0, "python", '{"code": "b"}', "y")],
        [call(0, "python", "", "x"), call(0, None, '{"code": "a"}'), call(0, "python", "", "y"),
         call(0, None, '{"code": "b"}')],
        # the name again with every piece
        [call(0, "python", '{"code":'), call(0, "python", ' "a"}'), call(0, "python", ""),
         call(1, "python", '{"code": "b"}')],
        # a fresh id with every piece
        [call(0, "python", '{"code":', "p"), call(0, None, ' "a"}', "q"),
         call(1, "python", '{"code": "b"}', "r")],
        # the id only
        [call(None, "python", "", "x"), call(None, None, '{"code": "a"}', "x"),
         call(None, "python", "", "y"), call(None, None, '{"code": "b"}', "y")],
        # the name after the arguments
        [call(0, "", '{"code": "a"}'), call(0, "python"), call(1, "python", '{"code": "b"}')],
        # arguments as an object
        [call(0, "python", {"code": "a"}, "x"), call(0, "python", {"code": "b"}, "y")],
        # both at once
        [{"tool_calls": [call(0, "python", '{"code": "a"}'), call(1, "python", '{"code": "b"}')]}],
    ],
)  # fmt: skip
def test_calls_without_clear_marks_are_told_apart(pieces: list[dict[str, Any]]) -> None:
    assert codes_of(read(CODE, *pieces)) == ["a", "b"]


def test_the_old_function_call_is_read() -> None:
    deltas = read(
        CODE, {"function_call": {"name": "python"}}, {"function_call": {"arguments": "x"}}
    )
    assert codes_of(deltas) == ["x"]


@pytest.mark.parametrize(
    "name", ["python", "code_interpreter", "run", "functions.python", "", None]
)
def test_any_name_is_python_where_only_python_was_offered(name: str | None) -> None:
    assert codes_of(read(CODE, call(0, name, '{"code": "a"}'))) == ["a"]


def test_an_unknown_name_among_functions_is_rejected_with_the_names() -> None:
    deltas = read(BOTH, call(0, "search", '{"q": 1}'), call(1, "get_weather", "{}"))
    assert deltas[0] == HostedStarted(0, "code_interpreter")
    assert isinstance(deltas[1], HostedRejected)
    assert "get_weather, python" in deltas[1].reason
    assert deltas[2] == FunctionStarted(1, "get_weather")


@pytest.mark.parametrize("request_", [FUNCTION, asking()])
def test_a_tool_that_was_not_offered_fails_where_python_was_not_either(
    request_: ModelRequest,
) -> None:
    with pytest.raises(ModelError, match="not offered") as error:
        read(request_, call(0, "search", "{}"))
    assert error.value.code == "server_error"


def test_a_function_of_the_client_may_be_called_python() -> None:
    python = FunctionTool("python", None, {})
    request = asking(code_tool=True, functions=(python,))
    assert request.hosted[0].choose_name({"python"}) == "code_interpreter"
    deltas = read(
        request, call(0, "python", '{"a": 1}'), call(1, "code_interpreter", '{"code":"x"}')
    )
    assert deltas[0] == FunctionStarted(0, "python")
    assert codes_of(deltas) == ["x"]


def test_a_function_without_arguments_gets_an_empty_object() -> None:
    assert arguments_of(read(FUNCTION, call(0, "get_weather"))) == "{}"


def test_broken_arguments_are_rejected() -> None:
    deltas = read(CODE, call(0, "python", '{"code": "print("x")"}'))
    assert isinstance(deltas[-2], HostedRejected)
    assert deltas[-1] == Finished("tool_calls")


def test_a_call_that_was_cut_by_length_is_not_rejected() -> None:
    deltas = read(CODE, call(0, "python", '{"code": "pri'), finish="length")
    assert deltas == [
        HostedStarted(0, "code_interpreter"),
        HostedDelta(0, "pri"),
        Finished("length"),
    ]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "stop"), ("tool_calls", "stop"), ("length", "length"), ("eos", "stop"),
     ("content_filter", "content_filter")],
)  # fmt: skip
def test_finish_reasons(finish: str, reason: str) -> None:
    assert read(CODE, {"content": "x"}, finish=finish)[-1].reason == reason


def test_stop_behind_a_call_means_tool_calls() -> None:
    assert read(CODE, call(0, "python", "x"), finish="stop")[-1] == Finished("tool_calls")


def test_an_answer_without_a_finish_reason_broke_off() -> None:
    with pytest.raises(ModelError, match="broke off"):
        read(CODE, {"content": "x"}, finish=None)


def test_refusals_and_reasoning_are_deltas_of_their_own() -> None:
    deltas = read(CODE, {"reasoning_content": "hm", "content": None}, {"refusal": "No."})
    assert deltas[:2] == [ReasoningDelta("hm"), RefusalDelta("No.")]
    assert text_of(deltas) == ""


def test_torn_surrogate_pairs_are_joined() -> None:
    deltas = read(CODE, {"content": "a\ud83d"}, {"content": "\ude00 b\ude00"})
    assert text_of(deltas) == "a😀 b\ufffd"
    pieces = [call(0, "python", '{"code": "\ud83d'), call(0, None, '\ude00"}')]
    assert codes_of(read(CODE, *pieces)) == ["😀"]


def test_usage_is_read_with_its_details() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": None,
             "completion_tokens_details": {"reasoning_tokens": 2}}  # fmt: skip
    chunk = read_chunk({"choices": [], "usage": usage})
    assert chunk.tokens == Tokens(5, 3, 0, 2)


def test_tokens_are_estimated_where_the_upstream_does_not_count() -> None:
    deltas = read(CODE, {"content": "x" * 40}, finish="stop", usage=None)
    assert deltas[-1] == Finished("stop", Tokens(7, 10))


@pytest.mark.parametrize(
    "data", [[], "x", 1, {"choices": "x"}, {"choices": [{"delta": {"tool_calls": 5}}]}]
)
def test_nonsense_is_no_chunk(data: object) -> None:
    with pytest.raises(ModelError, match="no chat completion"):
        read_chunk(data)


@pytest.mark.parametrize(
    "data",
    [{}, {"choices": None}, {"choices": [None]}, {"choices": [{"delta": None}]}, {"usage": "x"},
     {"choices": [{"index": 1, "delta": {"content": "other"}}]},
     {"choices": [{"delta": {"content": [1], "tool_calls": [None, {"function": None}]}}]}],
)  # fmt: skip
def test_odd_chunks_say_nothing(data: object) -> None:
    assert read_chunk(data).text == ""
