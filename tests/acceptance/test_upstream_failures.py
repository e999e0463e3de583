"""A model upstream that refuses, breaks, lies or is not there ends the run in a clear `last_error`."""

from typing import Any

import pytest

from tests.acceptance.conftest import Ask
from tests.live import stream
from tests.live.fixtures import StartServer
from tests.upstream import Upstream

BEGINS = [*stream.RUN_BEGINS]
FAILS = ["thread.run.failed", *stream.DONE]


def assert_failed(run: Any, code: str, words: str) -> None:
    """The run ended so, and says why."""
    assert run["status"] == "failed"
    assert run["failed_at"]
    assert run["expires_at"] is None
    assert run["last_error"]["code"] == code
    assert words in run["last_error"]["message"]
    assert "sk-upstream" not in run["last_error"]["message"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (429, "rate_limit_exceeded", "at its limit"),
        (500, "server_error", "HTTP 500"),
        (503, "server_error", "HTTP 503"),
        (401, "server_error", "API key"),
        (404, "server_error", "'gpt-4o'"),
        (400, "server_error", "refused the request"),
    ],
)
def test_an_upstream_that_refuses_fails_the_run_before_any_step(
    ask: Ask, upstream: Upstream, status: int, code: str, words: str
) -> None:
    # To wait for longer than a run may take is the same as no more tries.
    upstream.error(status, "no", retry_after=1000, times=None)
    events = ask().stream()
    assert stream.names(events) == [*BEGINS, *FAILS]
    assert_failed(stream.one(events, "thread.run.failed"), code, words)


def test_a_rate_limit_that_passes_is_not_noticed(ask: Ask, upstream: Upstream) -> None:
    upstream.error(429, retry_after=0)
    upstream.error(500, retry_after=0)
    upstream.say("Here I am.")
    talk = ask()
    assert talk.run().status == "completed"
    assert len(upstream.requests) == 3


def test_a_prompt_that_is_too_long_is_an_invalid_prompt(ask: Ask, upstream: Upstream) -> None:
    upstream.error(400, "maximum context length is 10 tokens", code="context_length_exceeded")
    run = ask().run()
    assert run.last_error.code == "invalid_prompt"
    assert "maximum context length" in run.last_error.message


def test_an_upstream_that_breaks_off_leaves_the_message_incomplete(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.break_off("Hel", "lo")
    talk = ask()
    events = talk.stream()
    assert stream.names(events) == [*BEGINS, *stream.message(2, "incomplete", "failed"), *FAILS]
    message = stream.one(events, "thread.message.incomplete")
    assert message["incomplete_details"] == {"reason": "run_failed"}
    assert message["content"][0]["text"]["value"] == "Hello"
    step = stream.one(events, "thread.run.step.failed")
    run = stream.one(events, "thread.run.failed")
    assert step["last_error"] == run["last_error"]
    assert step["failed_at"]
    assert_failed(run, "server_error", "broke off")
    assert talk.answer.content[0].text.value == "Hello"


def test_an_upstream_that_breaks_off_within_code_fails_the_step_and_runs_nothing(
    ask: Ask, upstream: Upstream
) -> None:
    answer = upstream.code("print(1)", pieces=4)
    answer.steps = [*answer.steps[:4], *upstream.break_off("x").steps[-1:]]
    upstream.clear()
    upstream.add(answer)
    talk = ask()
    events = talk.stream()
    names = stream.names(events)
    assert names[:5] == [*BEGINS, "thread.run.step.created", "thread.run.step.in_progress"]
    assert names[-3:] == ["thread.run.step.failed", *FAILS]
    assert set(names[5:-3]) == {"thread.run.step.delta"}
    assert_failed(stream.one(events, "thread.run.failed"), "server_error", "broke off")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"data: {nonsense\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}\n\n',
        b"data: [1, 2]\n\n",
    ],
)
def test_an_upstream_that_talks_nonsense_fails_the_run(
    ask: Ask, upstream: Upstream, nonsense: bytes
) -> None:
    upstream.garbage(nonsense)
    events = ask().stream()
    assert stream.names(events)[-4:] == [
        "thread.message.incomplete",
        "thread.run.step.failed",
        *FAILS,
    ]
    assert_failed(stream.one(events, "thread.run.failed"), "server_error", "upstream")


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"{}", b""])
def test_an_upstream_that_is_no_model_server_fails_the_run(
    ask: Ask, upstream: Upstream, body: bytes
) -> None:
    upstream.body(body)
    events = ask().stream()
    assert stream.names(events) == [*BEGINS, *FAILS]
    assert_failed(stream.one(events, "thread.run.failed"), "server_error", "upstream")


def test_a_stream_that_ends_early_fails_the_run(ask: Ask, upstream: Upstream) -> None:
    upstream.end_early("Hel")
    events = ask().stream()
    assert stream.names(events) == [*BEGINS, *stream.message(1, "incomplete", "failed"), *FAILS]


def test_the_content_filter_of_the_model_fails_the_run_and_names_itself(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("He", finish="content_filter")
    talk = ask()
    events = talk.stream()
    message = stream.one(events, "thread.message.incomplete")
    assert message["incomplete_details"] == {"reason": "content_filter"}
    assert_failed(stream.one(events, "thread.run.failed"), "server_error", "content filter")


def test_the_thread_is_free_after_a_failure(ask: Ask, upstream: Upstream) -> None:
    upstream.error(401)
    upstream.say("Now I can.")
    talk = ask()
    assert talk.run().status == "failed"
    talk.say("Try again.")
    assert talk.run().status == "completed"


def test_a_failure_in_a_later_turn_keeps_what_was_done(ask: Ask, upstream: Upstream) -> None:
    upstream.code("print(1)")
    upstream.error(401)
    talk = ask()
    run = talk.run()
    assert run.status == "failed"
    (step,) = talk.steps(run.id)
    assert step.status == "completed"
    assert step.step_details.tool_calls[0].code_interpreter.outputs[0].logs == "1\n"


def test_an_upstream_that_is_silent_or_down_fails_the_run_when_its_time_is_over(
    start_server: StartServer, ask_at: Ask
) -> None:
    with Upstream() as upstream:
        server = start_server(upstream.url, upstream_seconds=2)
        upstream.silence()
        run = ask_at(server).run()
        assert run.status == "failed"
        assert "did not begin to answer within 2 seconds" in run.last_error.message
        upstream.hold("Hel", "lo")
        run = ask_at(server).run()
        assert "fell silent for 2 seconds" in run.last_error.message
    run = ask_at(server).run()
    assert run.status == "failed"
    assert run.last_error.code == "server_error"
    assert "cannot be reached" in run.last_error.message
