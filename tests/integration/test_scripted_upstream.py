"""The scripted upstream itself, as the official client and as a program see it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.upstream import Answer, Code, Function, Request, Upstream, text_answer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(upstream: Upstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=upstream.url, api_key="sk", max_retries=0) as client:
        yield client


def said(client: openai.OpenAI, text: str) -> str:
    messages = [{"role": "user", "content": text}]
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_answers_are_taken_in_order_and_by_the_text_of_the_user(
    upstream: Upstream, client: openai.OpenAI
) -> None:
    upstream.say("for Bob", when="Bob")
    upstream.say("first")
    upstream.say("always", times=None)
    assert said(client, "I am Ann") == "first"
    assert said(client, "I am Ann") == "always"
    assert said(client, "I am Bob") == "for Bob"
    assert [request.last_user for request in upstream.requests] == [
        "I am Ann",
        "I am Ann",
        "I am Bob",
    ]
    assert upstream.pending == 1
    upstream.clear()
    assert said(client, "x") == "Hello from upstream."


def test_the_default_may_look_at_the_request(upstream: Upstream, client: openai.OpenAI) -> None:
    def echo(request: Request) -> Answer:
        return text_answer(request.last_user)

    upstream.default = echo
    assert said(client, "echo me") == "echo me"


def test_whole_answers_hold_what_the_stream_holds(
    upstream: Upstream, client: openai.OpenAI
) -> None:
    upstream.call(Code("x"), Function("f", {"a": 1}), text="So")
    answer = client.chat.completions.create(model="m", messages=[])
    message = answer.choices[0].message
    assert message.content == "So"
    assert [call.function.arguments for call in message.tool_calls or []] == [
        '{"code": "x"}', '{"a": 1}'
    ]  # fmt: skip


def test_the_gate_and_the_record_of_who_hung_up(upstream: Upstream, client: openai.OpenAI) -> None:
    gate = upstream.hold("a", "b")
    messages = [{"role": "user", "content": "x"}]
    with client.chat.completions.create(model="m", messages=messages, stream=True) as stream:
        next(stream)
        gate.wait_reached()
        assert not upstream.last.disconnected
        gate.release()
        assert [c.choices[0].delta.content for c in stream] == ["a", "b", None]
    upstream.hold("a", "b")
    with client.chat.completions.create(model="m", messages=messages, stream=True) as stream:
        next(stream)
    assert upstream.wait_for_request(2).wait_disconnected()


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-4o"]


def test_it_is_a_program() -> None:
    command = [sys.executable, "-m", "tests.upstream", "--say", "Hi", "--code", "print(1)"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            with openai.OpenAI(base_url=url, api_key="sk") as client:
                user = {"role": "user", "content": "x"}
                first = client.chat.completions.create(model="m", messages=[user])
                calls = first.choices[0].message.tool_calls or []
                assert calls[0].function.name == "python"
                tool = {"role": "tool", "tool_call_id": calls[0].id, "content": "1"}
                then = client.chat.completions.create(model="m", messages=[user, tool])
                assert then.choices[0].message.content == "Hi"
        finally:
            process.terminate()
        assert process.wait(10) == 0
