"""Writes a conversation as the `messages` of `/v1/chat/completions`, so that strict servers take it."""

import json
from collections.abc import Collection
from typing import Any

from assistd.models.conversation import (
    Assistant,
    FunctionCall,
    FunctionResult,
    HostedCall,
    HostedResult,
    Image,
    System,
    Text,
    Turn,
    User,
)

Message = dict[str, Any]

THOUGHTS = "reasoning_content"
"""The member in which most upstreams give thoughts and want them back."""
UNSEEN = "[A picture is here, which you cannot see.]"
_NO_RESULT = "[There is no result: the call was not carried out.]"


def native_messages(
    turns: tuple[Turn, ...], *, vision: bool, functions: Collection[str], thoughts: str = THOUGHTS
) -> list[Message]:
    """Return the conversation with native tool calls.

    Every call is answered, where need be with a note, because servers refuse a call without its
    result; results without their call (lost by truncation) are left out for the same reason.
    Neighbouring messages of the user, and neighbouring texts of the assistant, become one; an
    assistant's turn that says nothing is left out.

    Args:
        turns: oldest first.
        vision: whether pictures are sent; else a note stands for each one of the user's.
        functions: names of the client's functions, which hosted tools do without.
        thoughts: the member of a message that takes what the assistant thought.
    """
    transcript = _Transcript(vision=vision, functions=functions, thoughts=thoughts)
    for turn in turns:
        transcript.add(turn)
    return transcript.close()


def user_content(parts: tuple[Text | Image, ...], *, vision: bool) -> str | list[Message]:
    """Return the content of a user's message: a plain string unless a picture is to be sent."""
    if not (vision and any(isinstance(part, Image) for part in parts)):
        texts = [part.text if isinstance(part, Text) else UNSEEN for part in parts]
        return "\n\n".join(texts)
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, Text)
        else {"type": "image_url", "image_url": {"url": part.url, "detail": part.detail}}
        for part in parts
    ]


def append(messages: list[Message], role: str, content: str | list[Message]) -> None:
    """Add a message; one of the same role without tool calls before it is made longer instead."""
    last = messages[-1] if messages else {}
    if last.get("role") != role or "tool_calls" in last:
        messages.append({"role": role, "content": content})
    elif isinstance(before := last["content"], str) and isinstance(content, str):
        last["content"] = "\n\n".join(text for text in (before, content) if text)
    else:
        last["content"] = [*_as_parts(before), *_as_parts(content)]


class _Transcript:
    """The messages so far, and what the last tool calls still wait for."""

    def __init__(self, *, vision: bool, functions: Collection[str], thoughts: str) -> None:
        self._vision = vision
        self._functions = functions
        self._thoughts = thoughts
        self._messages: list[Message] = []
        self._unanswered: list[str] = []
        self._pictures: list[Image] = []
        self._caption = ""

    def add(self, turn: Turn) -> None:
        match turn:
            case HostedResult():
                if self._answer(turn.call_id, turn.text) and self._vision:
                    self._pictures += turn.images
                    self._caption = turn.tool.pictures
            case FunctionResult():
                self._answer(turn.call_id, turn.output)
            case System():
                self._messages.append({"role": "system", "content": turn.text})
            case User():
                self._settle()
                append(self._messages, "user", user_content(turn.parts, vision=self._vision))
            case Assistant():
                self._settle()
                self._say(turn)

    def close(self) -> list[Message]:
        self._settle()
        return self._messages

    def _say(self, turn: Assistant) -> None:
        if turn.text:
            append(self._messages, "assistant", turn.text)
        elif turn.calls and (not self._messages or self._messages[-1]["role"] != "assistant"):
            self._messages.append({"role": "assistant", "content": None})
        if turn.thought and (turn.text or turn.calls):
            self._messages[-1][self._thoughts] = turn.thought
        if turn.calls:
            self._messages[-1]["tool_calls"] = [self._call(call) for call in turn.calls]
            self._unanswered = [call.id for call in turn.calls]

    def _call(self, call: HostedCall | FunctionCall) -> Message:
        if isinstance(call, HostedCall):
            name, parameter = call.tool.choose_name(self._functions), call.tool.streamed
        else:
            name, parameter = call.name, None
        if parameter:
            arguments = json.dumps({parameter: call.arguments}, ensure_ascii=False)
        else:
            arguments = _make_object(call.arguments)
        function = {"name": name, "arguments": arguments}
        return {"id": call.id, "type": "function", "function": function}

    def _answer(self, call_id: str, text: str) -> bool:
        if call_id not in self._unanswered:
            return False
        self._unanswered.remove(call_id)
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": text})
        return True

    def _settle(self) -> None:
        """Answer what was never answered; show pictures behind the last of the results."""
        for call_id in list(self._unanswered):
            self._answer(call_id, _NO_RESULT)
        if self._pictures:
            parts = (Text(self._caption), *self._pictures)
            append(self._messages, "user", user_content(parts, vision=True))
            self._pictures = []


def is_json_object(text: str) -> bool:
    """Tell whether a text is one JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _make_object(arguments: str) -> str:
    """Return a JSON object: others make strict servers fail, also in an old turn."""
    if is_json_object(arguments):
        return arguments
    return json.dumps({"unreadable": arguments} if arguments else {})


def _as_parts(content: str | list[Message]) -> list[Message]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
