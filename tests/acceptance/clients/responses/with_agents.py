"""The Agents SDK of Python: a stream, its history sent back, and a third turn by the id of the last response.

Usage: with_agents.py ROOT KEY
"""

import asyncio
from typing import Any

from agents import (
    Agent,
    CodeInterpreterTool,
    ItemHelpers,
    MessageOutputItem,
    OpenAIResponsesModel,
    Runner,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from telling import DRAW, MODEL, SUM, code, connect, download, tell, upload


async def converse(root: str, key: str, file_id: str) -> dict[str, Any]:
    """Three turns."""
    set_tracing_disabled(True)
    model = OpenAIResponsesModel(MODEL, AsyncOpenAI(base_url=f"{root}/v1", api_key=key))
    tool: Any = code(file_id)
    agent = Agent(name="Ada", model=model, tools=[CodeInterpreterTool(tool_config=tool)])
    streamed = Runner.run_streamed(agent, DRAW)
    text = ""
    async for event in streamed.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            text += event.data.delta
    messages = [each for each in streamed.new_items if isinstance(each, MessageOutputItem)]
    replayed = await Runner.run(
        agent, [*streamed.to_input_list(), {"role": "user", "content": SUM}]
    )
    chained = await Runner.run(agent, SUM, previous_response_id=replayed.last_response_id)
    return {
        "first": text,
        "final": ItemHelpers.text_message_outputs(messages),
        "files": [
            note.to_dict()
            for message in messages
            for part in message.raw_item.content
            for note in part.annotations  # type: ignore[union-attr]
        ],
        "second": replayed.final_output,
        "third": chained.final_output,
    }


def story(root: str, key: str) -> dict[str, Any]:
    """Tell it."""
    client = connect(root, key)
    seen = asyncio.run(converse(root, key, upload(client)))
    return seen | {"files": download(client, seen["files"])}


if __name__ == "__main__":
    tell(story)
