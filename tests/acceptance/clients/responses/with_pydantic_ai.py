"""pydantic-ai: a stream, its messages sent back, and a third turn by the id of the last response.

Usage: with_pydantic_ai.py ROOT KEY
"""

import asyncio
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai import Agent, BinaryImage, FilePart, UploadedFile
from pydantic_ai.capabilities import NativeTool
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.native_tools import CodeExecutionTool
from pydantic_ai.providers.openai import OpenAIProvider
from telling import DRAW, MODEL, SUM, connect, download, tell, upload


async def converse(root: str, key: str, file_id: str) -> dict[str, Any]:
    """Three turns."""
    provider = OpenAIProvider(openai_client=AsyncOpenAI(base_url=f"{root}/v1", api_key=key))
    model = OpenAIResponsesModel(MODEL, provider=provider)
    tool = CodeExecutionTool(files=[UploadedFile(file_id, provider_name=model.system)])
    settings = OpenAIResponsesModelSettings(
        openai_include_code_execution_outputs=True,
        openai_send_reasoning_ids=True,  # and with them the calls, which it does unasked for reasoning models
    )
    agent = Agent(model, capabilities=[NativeTool(tool)], model_settings=settings)
    async with agent.run_stream(DRAW) as streamed:
        text = "".join([each async for each in streamed.stream_text(delta=True)])
    history = streamed.all_messages()
    second = await agent.run(SUM, message_history=history)
    chained = OpenAIResponsesModelSettings(openai_previous_response_id="auto")
    third = await agent.run(SUM, message_history=second.all_messages(), model_settings=chained)
    parts = [part for message in history for part in message.parts]
    (call,) = (each for each in parts if each.part_kind == "builtin-tool-call")
    (result,) = (each for each in parts if each.part_kind == "builtin-tool-return")
    return {
        "first": text,
        "second": second.output,
        "third": third.output,
        "pictures": [
            part.content.media_type
            for part in parts
            if isinstance(part, FilePart) and isinstance(part.content, BinaryImage)
        ],
        "call": call.args_as_dict(),
        "result": result.content,
    }


def story(root: str, key: str) -> dict[str, Any]:
    """Tell it; the client has no citations, so the files are those that code left in the container."""
    client = connect(root, key)
    seen = asyncio.run(converse(root, key, upload(client)))
    container_id = seen["call"]["container_id"]
    made = [
        {"container_id": container_id, "file_id": file.id, "filename": file.path.split("/")[-1]}
        for file in client.containers.files.list(container_id)
        if file.source == "assistant"
    ]
    return seen | {"files": download(client, made)}


if __name__ == "__main__":
    tell(story)
