"""LangChain's ChatOpenAI: a stream, its messages sent back, and a third turn by the id of the last response.

Usage: with_langchain.py ROOT KEY
"""

from typing import Any

from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from telling import DRAW, MODEL, SUM, code, connect, download, tell, upload


def story(root: str, key: str) -> dict[str, Any]:
    """Tell it."""
    client = connect(root, key)
    base: dict[str, Any] = {
        "model": MODEL,
        "base_url": f"{root}/v1",
        "api_key": key,
        "include": ["code_interpreter_call.outputs"],
    }
    tools = [code(upload(client))]
    chat = ChatOpenAI(use_responses_api=True, **base).bind_tools(tools)
    asked: list[Any] = [HumanMessage(DRAW)]
    chunks = list(chat.stream(asked))
    first = chunks[0]
    for chunk in chunks[1:]:
        first += chunk
    asked += [first, HumanMessage(SUM)]
    second = chat.invoke(asked)
    chained = ChatOpenAI(use_responses_api=True, use_previous_response_id=True, **base)
    third = chained.bind_tools(tools).invoke([*asked, second, HumanMessage(SUM)])
    blocks = [block for block in first.content if isinstance(block, dict)]
    notes = [note for block in blocks for note in block.get("annotations", [])]
    return {
        "first": "".join(chunk.text for chunk in chunks),
        "files": download(client, [note.get("value", note) for note in notes]),
        "second": second.text,
        "third": third.text,
        "tokens": [first.usage_metadata["total_tokens"], second.usage_metadata["total_tokens"]],
    }


if __name__ == "__main__":
    tell(story)
