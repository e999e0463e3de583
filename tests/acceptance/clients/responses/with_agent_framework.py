"""Microsoft's Agent Framework: a stream, and a second turn of its session.

Usage: with_agent_framework.py ROOT KEY
"""

import asyncio
from typing import Any

from agent_framework import Agent
from agent_framework.openai import OpenAIChatClient
from telling import DRAW, MODEL, SUM, connect, download, tell, upload


async def converse(root: str, key: str, file_id: str) -> dict[str, Any]:
    """Two turns."""
    client = OpenAIChatClient(MODEL, base_url=f"{root}/v1", api_key=key)
    tool = OpenAIChatClient.get_code_interpreter_tool(file_ids=[file_id])
    agent = Agent(client, tools=[tool])
    session = agent.create_session()
    stream = agent.run(DRAW, stream=True, session=session)
    deltas = [update async for update in stream]
    first = await stream.get_final_response()
    second = await agent.run(SUM, session=session)
    third = await agent.run(SUM, session=session)
    contents = [content for message in first.messages for content in message.contents]
    return {
        "streamed": any(update.text == first.text[:15] for update in deltas),
        "first": first.text,
        "second": second.text,
        "third": third.text,
        "files": [
            {
                "container_id": note["additional_properties"]["container_id"],
                "file_id": note["file_id"],
                "filename": note["url"],
            }
            for content in contents
            for note in content.annotations or []
        ],
        "kinds": sorted(content.type for content in contents),
    }


def story(root: str, key: str) -> dict[str, Any]:
    """Tell it."""
    client = connect(root, key)
    seen = asyncio.run(converse(root, key, upload(client)))
    return seen | {"files": download(client, seen["files"])}


if __name__ == "__main__":
    tell(story)
