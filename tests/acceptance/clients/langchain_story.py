"""One story, told by the assistant runnables of langchain: prints what they returned, as JSON.

Usage: langchain_story.py ROOT KEY
"""

import json
import sys
from typing import Any

from langchain_classic.agents.openai_assistant import OpenAIAssistantRunnable
from langchain_community.agents.openai_assistant import OpenAIAssistantV2Runnable
from openai import AsyncOpenAI, OpenAI


def main(root: str, key: str) -> dict[str, Any]:
    """Tell the story."""
    base = {"base_url": f"{root}/v1", "api_key": key}
    client = OpenAI(**base)
    options = {
        "client": client,
        "async_client": AsyncOpenAI(**base),
        "check_every_ms": 20,
        "name": "Ada",
        "instructions": "Draw.",
        "model": "gpt-4o",
    }
    file = client.files.create(file=("numbers.csv", b"a,b\n1,2\n"), purpose="assistants")
    code = {"type": "code_interpreter"}
    first = OpenAIAssistantRunnable.create_assistant(tools=[code], **options)
    attachments = [{"file_id": file.id, "tools": [code]}]
    drawn = first.invoke({"content": "Draw.", "attachments": attachments})
    streamed = list(first.stream({"content": "Again.", "thread_id": drawn[0].thread_id}))

    weather = {"name": "get_weather", "description": "The weather.", "parameters": {}}
    agent = OpenAIAssistantV2Runnable.create_assistant(
        tools=[code, {"type": "function", "function": weather}],
        tool_resources={"code_interpreter": {"file_ids": [file.id]}},
        as_agent=True,
        **options,
    )
    (action,) = agent.invoke({"content": "And the weather?"})
    finish = agent.invoke({"content": "", "intermediate_steps": [(action, "Sunny.")]})
    return {
        "drawn": [each.to_dict(mode="json") for each in drawn],
        "streamed": [each.to_dict(mode="json") for each in streamed[-1]],
        "action": [action.tool, action.tool_input],
        "output": finish.return_values["output"],
        "ids": [finish.thread_id, finish.run_id],
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
