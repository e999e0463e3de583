"""Models over HTTP: what is asked, what is answered, and every way in which an upstream fails."""

import asyncio
import re
import time
from contextlib import aclosing
from email.utils import formatdate
from typing import Any

import pytest
from tests.unit.models.asking import WEATHER, answer, arguments_of, asking, codes_of, text_of
from tests.upstream import Code, Function, Raw, Upstream

from assistd.errors import StartupError
from assistd.models.base import (
    Finished,
    FunctionStarted,
    ModelError,
    ModelRequest,
    TextDelta,
    Tokens,
)
from assistd.models.chat_completions import ChatCompletions
from assistd.models.conversation import FunctionTool, Image, Text, User
from assistd.models.upstream.connection import Upstream as Connection

CODE = asking(code_tool=True)


async def failure(model: ChatCompletions, request: ModelRequest = CODE) -> ModelError:
    with pytest.raises(ModelError) as error:
        await answer(model, request)
    assert "sk-operator" not in error.value.message
    return error.value


# Asking


async def test_text_streams_with_its_tokens(upstream: Upstream, native: ChatCompletions) -> None:
    upstream.say("Hello", " world")
    assert await answer(native, asking("Hi")) == [
        TextDelta("Hello"),
        TextDelta(" world"),
        Finished("stop", Tokens(20, 10, 4, 2)),
    ]
    assert upstream.last.body == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert upstream.last.headers["authorization"] == "Bearer sk-operator"


async def test_code_and_functions_are_called(upstream: Upstream, native: ChatCompletions) -> None:
    upstream.call(Code("print('é')\r\n"), Function("get_weather", {"city": "Paris"}), text="So:")
    deltas = await answer(native, asking(code_tool=True, functions=(WEATHER,)))
    assert text_of(deltas) == "So:"
    assert codes_of(deltas) == ["print('é')\r\n"]
    assert FunctionStarted(1, "get_weather") in deltas
    assert arguments_of(deltas, 1) == '{"city": "Paris"}'
    assert isinstance(deltas[-1], Finished)
    assert deltas[-1].reason == "tool_calls"


async def test_every_option_is_passed_on(upstream: Upstream, connection: Connection) -> None:
    strict = FunctionTool("f", None, {"type": "object"}, strict=True)
    request = asking(
        code_tool=True,
        functions=(strict,),
        parallel_tool_calls=False,
        temperature=0.5,
        top_p=0.9,
        reasoning_effort="low",
        max_tokens=99,
        response_format={"type": "json_object"},
    )
    await answer(ChatCompletions(connection, model="mine"), request)
    body = upstream.last.body
    assert body["model"] == "mine"
    wanted = {"temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low", "max_tokens": 99,
              "response_format": {"type": "json_object"}, "parallel_tool_calls": False}  # fmt: skip
    assert wanted.items() <= body.items()
    code, function = body["tools"]
    assert code["function"]["name"] == "python"
    assert code["function"]["parameters"]["required"] == ["code"]
    assert function == {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object"}, "strict": True},
    }
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", "none"),
        ("required", "required"),
        ("hosted:code_interpreter", {"type": "function", "function": {"name": "python"}}),
        ("function:get_weather", {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
async def test_tool_choice(
    upstream: Upstream, native: ChatCompletions, choice: str, sent: Any
) -> None:
    await answer(native, asking(code_tool=True, functions=(WEATHER,), tool_choice=choice))
    assert upstream.last.body["tool_choice"] == sent


async def test_without_tools_nothing_is_said_of_tools(
    upstream: Upstream, native: ChatCompletions
) -> None:
    await answer(native, asking(tool_choice="none", parallel_tool_calls=False))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & upstream.last.body.keys()


async def test_pictures_are_sent_to_models_that_see(
    upstream: Upstream, connection: Connection
) -> None:
    turn = User((Text("Look"), Image("https://example.com/a.png")))
    await answer(ChatCompletions(connection, vision=True), asking(turn))
    assert upstream.last.messages[0]["content"][1]["image_url"]["url"].endswith("a.png")


async def test_the_fenced_protocol_closes_the_request_behind_the_block(
    upstream: Upstream, fenced: ChatCompletions
) -> None:
    upstream.hold("Sure.\n```python\nprint(1)\n```\n", "never heard")
    request = asking(code_tool=True, functions=(WEATHER,), response_format={"type": "json_object"})
    deltas = await answer(fenced, request)
    assert codes_of(deltas) == ["print(1)"]
    assert text_of(deltas) == "Sure."
    assert await asyncio.to_thread(upstream.last.wait_disconnected)
    assert not {"tools", "response_format"} & upstream.last.body.keys()


async def test_the_fenced_protocol_reads_usage_of_answers_that_end(
    upstream: Upstream, fenced: ChatCompletions
) -> None:
    upstream.say("It is 2.")
    assert (await answer(fenced, CODE))[-1] == Finished("stop", Tokens(20, 10, 4, 2))


async def test_the_fenced_protocol_cannot_call_functions(fenced: ChatCompletions) -> None:
    error = await failure(fenced, asking(functions=(WEATHER,), tool_choice="required"))
    assert error.code == "server_error"


# Refused parameters


@pytest.mark.parametrize(
    "message",
    ["Unrecognized request argument supplied: stream_options",
     "1 validation error: ('body', 'stream_options'): Extra inputs are not permitted"],
)  # fmt: skip
async def test_stream_options_are_left_out_for_servers_that_do_not_know_them(
    upstream: Upstream, native: ChatCompletions, message: str
) -> None:
    upstream.error(400, message)
    for _ in range(2):
        assert text_of(await answer(native, CODE))
    assert [("stream_options" in request.body) for request in upstream.requests] == [
        True,
        False,
        False,
    ]


async def test_a_parameter_that_is_refused_to_two_at_once_is_left_out_for_both(
    upstream: Upstream, native: ChatCompletions
) -> None:
    for _ in range(2):
        upstream.error(400, "stream_options is not supported", delay=0.2)
    answers = await asyncio.gather(answer(native, CODE), answer(native, CODE))
    assert all(text_of(deltas) for deltas in answers)


async def test_max_tokens_gets_its_new_name_where_the_old_one_is_refused(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    await answer(native, asking(max_tokens=7))
    assert upstream.last.body["max_completion_tokens"] == 7
    assert "max_tokens" not in upstream.last.body


async def test_a_bad_value_of_a_parameter_is_no_reason_to_leave_it_out(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.error(400, "temperature must be below 1")
    error = await failure(native, asking(temperature=2))
    assert "temperature must be below 1" in error.message


@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "registry.ollama.ai/library/gemma:2b does not support tools"),
     (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
     (500, "tools param requires --jinja flag")],
)  # fmt: skip
async def test_where_tool_calls_are_refused_the_fenced_protocol_is_used_from_then_on(
    upstream: Upstream, native: ChatCompletions, status: int, message: str
) -> None:
    upstream.error(status, message)
    for _ in range(2):
        upstream.say("```python\nx\n```\n")
        assert codes_of(await answer(native, CODE)) == ["x"]
    assert [("tools" in request.body) for request in upstream.requests] == [True, False, False]


async def test_functions_that_are_refused_fail_the_answer_only_if_one_must_be_called(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.error(400, "m does not support tools")
    error = await failure(native, asking(functions=(WEATHER,), tool_choice="required"))
    assert "function call" in error.message


# Retries


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
async def test_passing_trouble_is_retried(
    upstream: Upstream, native: ChatCompletions, status: int
) -> None:
    upstream.error(status, retry_after=0)
    upstream.error(status, retry_after=0)
    upstream.say("at last")
    assert text_of(await answer(native, CODE)) == "at last"
    assert len(upstream.requests) == 3


async def test_a_lost_connection_is_retried_while_nothing_came(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.break_off()
    upstream.say("at last")
    assert text_of(await answer(native, CODE)) == "at last"


async def test_retry_after_is_honoured(upstream: Upstream, native: ChatCompletions) -> None:
    upstream.error(429, retry_after=0.3)
    await answer(native, CODE)
    first, second = upstream.requests
    assert second.at - first.at >= 0.3


async def test_retry_after_as_a_date_is_honoured(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.error(429, retry_after=formatdate(time.time() - 60))
    assert text_of(await answer(native, CODE))
    upstream.error(429, retry_after=formatdate(time.time() + 60))
    assert (await failure(native)).code == "rate_limit_exceeded"


async def test_a_wait_beyond_the_budget_is_not_begun(
    upstream: Upstream,
) -> None:
    connection = Connection(upstream.url, retry_seconds=500)
    upstream.error(429, "Slow down.", retry_after=600)
    error = await failure(ChatCompletions(connection))
    assert (error.code, len(upstream.requests)) == ("rate_limit_exceeded", 1)
    assert "Slow down." in error.message
    await connection.close()


async def test_the_budget_ends_the_retries(upstream: Upstream) -> None:
    connection = Connection(upstream.url, retry_seconds=0.4)
    upstream.error(429, retry_after=0.05, times=None)
    assert (await failure(ChatCompletions(connection))).code == "rate_limit_exceeded"
    assert 1 < len(upstream.requests) <= 9
    await connection.close()


async def test_a_used_up_quota_is_not_retried(upstream: Upstream, native: ChatCompletions) -> None:
    upstream.error(429, "You exceeded your quota.", code="insufficient_quota")
    assert (await failure(native)).code == "rate_limit_exceeded"
    assert len(upstream.requests) == 1


# Windows


def long_talk() -> ModelRequest:
    """Ten questions of a hundred tokens each."""
    texts = [f"{number} " + "word " * 80 for number in range(10)]
    return ModelRequest("gpt-4o", tuple(User((Text(text),)) for text in texts))


async def test_of_a_conversation_longer_than_the_window_the_middle_is_left_out(
    upstream: Upstream,
) -> None:
    connection = Connection(upstream.url)
    upstream.say("Fine.")
    await answer(ChatCompletions(connection, window=600), long_talk())
    (message,) = upstream.last.messages
    told = re.findall(r"\d", message["content"])
    assert told[0] == "0"
    assert told[-1] == "9"
    assert 3 <= len(told) <= 4
    await connection.close()


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 600 tokens. However, you requested 1050 tokens.",
        "the request (1050 tokens) exceeds the available context size (600 tokens), try increasing it",
        "prompt is too long: 1050 tokens > 600 maximum",
        "context_length_exceeded: `inputs` tokens + `max_new_tokens` must be <= 600. Given: 1050",
    ],
)
async def test_a_window_is_learned_from_the_refusal_of_the_upstream(
    upstream: Upstream, words: str
) -> None:
    connection = Connection(upstream.url)
    model = ChatCompletions(connection)
    upstream.error(400, words)
    upstream.say("Fine.")
    upstream.say("Fine again.")
    assert text_of(await answer(model, long_talk())) == "Fine."
    assert text_of(await answer(model, long_talk())) == "Fine again."
    lengths = [len(request.messages[0]["content"]) for request in upstream.requests]
    assert lengths[0] > 3 * lengths[1]
    assert lengths[1] == lengths[2]
    await connection.close()


async def test_a_single_question_that_is_too_long_fails_and_teaches_nothing(
    upstream: Upstream,
) -> None:
    connection = Connection(upstream.url)
    model = ChatCompletions(connection)
    upstream.error(400, "maximum context length is 8 tokens")
    assert (await failure(model)).code == "invalid_prompt"
    assert len(upstream.requests) == 1
    upstream.say("Fine.")
    await answer(model, long_talk())
    assert "5 word" in upstream.last.messages[0]["content"]
    await connection.close()


# Failures


@pytest.mark.parametrize(
    ("status", "message", "code", "told"),
    [
        (401, "Incorrect API key sk-operator", "server_error", "refused the operator's API key"),
        (403, "No", "server_error", "refused the operator's API key"),
        (404, "no model x", "server_error", "does not know the model 'gpt-4o'"),
        (400, "maximum context length is 8 tokens", "invalid_prompt", "context length is 8"),
        (400, "bad sk-operator", "server_error", r"bad \[key\]"),
        (413, "request too large", "invalid_prompt", "too large"),
        (422, "x" * 1000, "server_error", "x" * 300 + r"\.\.\.$"),
        (501, "nope", "server_error", "HTTP 501: nope"),
    ],
)
async def test_refusals(
    upstream: Upstream, native: ChatCompletions, status: int, message: str, code: str, told: str
) -> None:
    upstream.error(status, message, retry_after=100)
    error = await failure(native)
    assert error.code == code
    assert re.search(told, error.message)
    assert "Incorrect" not in error.message


async def test_a_web_page_as_an_error_is_not_repeated(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.error(400, body=b"<html><body>nginx</body></html>")
    assert "nginx" not in (await failure(native)).message


async def test_nobody_listens() -> None:
    connection = Connection("http://127.0.0.1:9/v1", retry_seconds=0)
    error = await failure(ChatCompletions(connection))
    assert error.code == "server_error"
    assert "cannot be reached" in error.message
    await connection.close()


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://x/v1", "http://"])
def test_a_base_url_that_is_none_is_noticed_at_the_start(url: str) -> None:
    with pytest.raises(StartupError, match="base URL"):
        Connection(url)


async def test_a_break_within_the_answer_fails(upstream: Upstream, native: ChatCompletions) -> None:
    upstream.break_off("Hel")
    assert "broke off" in (await failure(native)).message
    upstream.end_early("Hel")
    assert "broke off" in (await failure(native)).message
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "data",
    [b"data: {nonsense\n\n", b"data: \xff\xfe\n\n", b"data: [1]\n\n", b'data: {"choices":3}\n\n'],
)
async def test_garbage_within_the_answer_fails(
    upstream: Upstream, native: ChatCompletions, data: bytes
) -> None:
    upstream.garbage(data)
    assert (await failure(native)).code == "server_error"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html>", "text/html"), (b'{"choices": []}', "application/json"), (b"", "text/event-stream"),
     (b"data: {nonsense\n\n", "text/event-stream"), (b"data: [DONE]\n\n", "text/event-stream")],
)  # fmt: skip
async def test_answers_that_are_no_stream_fail(
    upstream: Upstream, native: ChatCompletions, body: bytes, kind: str
) -> None:
    upstream.body(body, kind)
    error = await failure(native)
    assert error.code == "server_error"
    assert "upstream" in error.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (b'{"message": "overflow", "code": 500}', "server_error"),
        (b'{"message": "overflow", "type": "rate_limit_error"}', "rate_limit_exceeded"),
        (b'"overflow"', "server_error"),
    ],
)
async def test_an_error_within_the_stream_fails(
    upstream: Upstream, native: ChatCompletions, error: bytes, code: str
) -> None:
    upstream.garbage(b'data: {"error": ' + error + b"}\n\n")
    failed = await failure(native)
    assert (failed.code, "overflow" in failed.message) == (code, True)


async def test_what_breaks_behind_a_complete_answer_does_not_matter(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.say("Hello").steps.insert(-1, Raw(b"data: {nonsense\n\n"))
    assert text_of(await answer(native, CODE)) == "Hello"


async def test_silence_before_the_answer_times_out(upstream: Upstream) -> None:
    connection = Connection(upstream.url, first_delta_seconds=0.3)
    upstream.silence()
    assert "did not begin" in (await failure(ChatCompletions(connection))).message
    assert await asyncio.to_thread(upstream.last.wait_disconnected)
    await connection.close()


async def test_silence_within_the_answer_times_out(upstream: Upstream) -> None:
    connection = Connection(upstream.url, idle_seconds=0.3)
    upstream.hold("Hel", "lo")
    assert "fell silent" in (await failure(ChatCompletions(connection))).message
    assert await asyncio.to_thread(upstream.last.wait_disconnected)
    await connection.close()


# Ending early


async def test_closing_the_answer_closes_the_request(
    upstream: Upstream, native: ChatCompletions
) -> None:
    gate = upstream.hold("Hel", "lo")
    async with aclosing(native.stream(CODE)) as deltas:
        assert await anext(deltas) == TextDelta("Hel")
        await gate.areached()
    assert await asyncio.to_thread(upstream.last.wait_disconnected)


async def test_cancelling_a_task_closes_the_request(
    upstream: Upstream, native: ChatCompletions
) -> None:
    gate = upstream.hold("Hel", "lo")
    task = asyncio.create_task(answer(native, CODE))
    await gate.areached()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert await asyncio.to_thread(upstream.last.wait_disconnected)


async def test_cancelling_while_the_answer_has_not_begun_closes_the_request(
    upstream: Upstream, native: ChatCompletions
) -> None:
    gate = upstream.silence()
    task = asyncio.create_task(answer(native, CODE))
    await gate.areached()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(upstream.last.wait_disconnected)


async def test_cancelling_between_retries_ends_at_once(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.error(429, retry_after=1.5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(answer(native, CODE), 0.3)
    assert len(upstream.requests) == 1


async def test_many_answers_stream_at_once(upstream: Upstream, native: ChatCompletions) -> None:
    for name in ("Ann", "Bob", "Cid"):
        upstream.say(f"for {name}", when=name)
    answers = await asyncio.gather(
        *(answer(native, asking(name)) for name in ("Cid", "Ann", "Bob"))
    )
    assert [text_of(deltas) for deltas in answers] == ["for Cid", "for Ann", "for Bob"]
