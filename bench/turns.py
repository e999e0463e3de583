"""Turns over HTTP: what clients of either door do that ask one question, and wait for the answer."""

import asyncio
from typing import Any, Literal

from bench.client import Client

Pause = float | Literal["as told"]
"""Seconds between two polls; or as long as the header `openai-poll-after-ms` asks for, as SDKs' helpers do."""

QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}
"""What a thread, or a bare upstream, is asked."""


async def make_assistant(client: Client) -> str:
    """Make an assistant that may run code; its id."""
    tools = [{"type": "code_interpreter"}]
    found = await client.call("POST", "/v1/assistants", {"model": "bench", "tools": tools})
    return found["id"]


async def take_turn(client: Client, assistant_id: str, pause: Pause = 0.0) -> str:
    """Thread, message, run, poll to the end, list; the thread's id."""
    thread: str = (await client.call("POST", "/v1/threads", {}))["id"]
    message = {"role": "user", "content": "Hello"}
    await client.call("POST", f"/v1/threads/{thread}/messages", message)
    run = await client.call("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant_id})
    path = f"/v1/threads/{thread}/runs/{run['id']}"
    while (run := await client.call("GET", path))["status"] in {"queued", "in_progress"}:
        if seconds := client.poll_after if pause == "as told" else pause:
            await asyncio.sleep(seconds)
    assert run["status"] == "completed", run
    assert len((await client.call("GET", f"/v1/threads/{thread}/messages"))["data"]) == 2
    return thread


async def take_response(client: Client, *, code: bool = False) -> dict[str, Any]:
    """Ask one question through the second door; return the response.

    Args:
        client: who asks.
        code: whether the model may run code, in a container of its own.
    """
    tools = [{"type": "code_interpreter", "container": {"type": "auto"}}]
    body = {"model": "bench", "input": "Hello", "tools": tools if code else []}
    response: dict[str, Any] = await client.call("POST", "/v1/responses", body)
    assert response["status"] == "completed", response
    assert response["output"][-1]["type"] == "message", response
    return response


async def delete_container(client: Client, response: dict[str, Any]) -> None:
    """Delete the container in which a response ran code, and with it the session."""
    ids = [each["container_id"] for each in response["output"] if "container_id" in each]
    assert ids, response
    await client.call("DELETE", f"/v1/containers/{ids[0]}")
