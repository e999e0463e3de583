"""Addresses of pictures reach the model's server only where anybody may ask for them."""

import json

import httpx
import pytest

from tests.live.fixtures import StartServer
from tests.live.server import API_KEY
from tests.live.tenants import client_of
from tests.live.wire import Wire
from tests.upstream import Upstream

SECRET_URLS = ["file:///etc/passwd", "http://169.254.169.254/latest/", "http://[::ffff:7f00:1]/"]


@pytest.mark.parametrize("url", SECRET_URLS)
def test_an_address_that_the_models_server_must_not_fetch_is_refused_wherever_it_stands(
    raw: httpx.Client, upstream: Upstream, url: str
) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    message = {"role": "user", "content": [{"type": "text", "text": "See."}, part]}
    assistant = raw.post("assistants", json={"model": "gpt-4o"}).json()["id"]
    thread = raw.post("threads", json={}).json()["id"]
    runs = f"threads/{thread}/runs"
    for path, body, at in (
        ("threads", {"messages": [message]}, "messages[0]."),
        (f"threads/{thread}/messages", message, ""),
        (runs, {"assistant_id": assistant, "additional_messages": [message]}, "additional_messages[0]."),
        ("threads/runs", {"assistant_id": assistant, "thread": {"messages": [message]}}, "thread.messages[0]."),
    ):  # fmt: skip
        answer = raw.post(path, json=body)
        assert answer.status_code == 400, path
        assert answer.json()["error"]["param"] == f"{at}content[1].image_url.url"
    raw.post(runs, json={"assistant_id": assistant, "stream": True}).read()
    assert url not in json.dumps([each.body for each in upstream.requests])


@pytest.mark.parametrize("url", SECRET_URLS)
@pytest.mark.parametrize(
    "content",
    [
        '[{{"type": "image_url", "image_url": {{"url": {url}}}}}]',
        '[{{"type": "image_url", "image_url": {url}}}]',
        '[{{"type": "image_url", "image\\u005furl": {{"URL": {url}, "url": "https://example.com/"}}}}]',
        '[{{"type": "x", "image_url": "https://example.com/", "video_url": {{"url": {url}}}}}]',
    ],
)
def test_such_an_address_is_not_passed_through_in_a_clients_own_question(
    raw: httpx.Client, upstream: Upstream, url: str, content: str
) -> None:
    messages = f'[{{"role": "user", "content": {content.format(url=json.dumps(url))}}}]'
    answer = raw.post("chat/completions", content=f'{{"model": "gpt-4o", "messages": {messages}}}')
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages"
    assert not upstream.requests


def test_what_is_no_part_of_a_message_is_no_address(raw: httpx.Client, upstream: Upstream) -> None:
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "image_url: file:///etc/passwd"}],
        "metadata": {"callback_url": "http://10.0.0.1/"},
    }
    assert raw.post("chat/completions", json=body).status_code == 200
    assert upstream.last.body == body


def test_an_operator_may_allow_addresses_of_private_networks(
    start_server: StartServer, wire: Wire, upstream: Upstream
) -> None:
    with client_of(start_server(private_image_urls=True), API_KEY, wire) as http:
        part = {"type": "image_url", "image_url": {"url": "http://10.0.0.1/a.png"}}
        thread = {"messages": [{"role": "user", "content": [part]}]}
        assistant = http.post("assistants", json={"model": "gpt-4o"}).json()["id"]
        body = {"assistant_id": assistant, "thread": thread, "stream": True}
        assert http.post("threads/runs", json=body).status_code == 200
        assert (
            upstream.last.messages[-1]["content"][0]["image_url"]["url"] == "http://10.0.0.1/a.png"
        )
        part["image_url"] = {"url": "file:///etc/passwd"}
        assert http.post("threads", json=thread).status_code == 400
