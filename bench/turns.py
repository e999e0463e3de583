"""Turns over HTTP: what a client does that asks an assistant one question, and polls for the answer."""

import asyncio
from typing import Literal

from bench.client import Client

Pause = float | Literal["as told"]
"""Seconds between two polls; or as long as the header `openai-poll-after-ms` asks for, as SDKs' helpers do."""


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
