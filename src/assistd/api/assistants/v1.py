"""The first version of the Assistants API, spoken at the door: v1 bodies in, v1 shapes out (decision 0022).

In v1 a list of `file_ids` stood where v2 has `tool_resources` and `attachments`, and `file_search` was
called `retrieval`; the rest is the same.
"""

import json
from typing import Any, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistd.api.framework import json_body
from assistd.db import nouns
from assistd.db.database import Database
from assistd.errors import RequestError

_PATHS = ("/v1/assistants", "/v1/threads")
_WITH_SEARCH = frozenset({"content", "delta", "step_details", "tools"})


def is_v1(request: Request) -> bool:
    """Tell whether the client speaks v1."""
    return bool(request.scope.get("assistants_v1"))


class AssistantsV1:
    """Translates the requests of clients that speak v1, and the responses to them.

    Args:
        app: responds in v2.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of such a client; what v1 has no other words for goes through."""
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["openai-beta"] = "assistants=v2"
        scope = {**scope, "headers": headers.raw, "assistants_v1": True}
        response = _Response(send, scope["app"].state.database)
        await self._app(scope, _RequestBody(receive).receive, response.send)


class _RequestBody:
    """A request's body, read as a whole and said in the words of v2."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = False

    async def receive(self) -> Message:
        if self._read:
            return await self._receive()  # only to see the client go
        body = bytearray()
        while not self._read:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            self._read = not message.get("more_body", False)
        translated = await json_body.handle_body(bytes(body), _translate)
        return {"type": "http.request", "body": translated, "more_body": False}


def _translate(body: bytes) -> bytes:
    try:
        return json.dumps(as_v2(json_body.loads(body))).encode()
    except (ValueError, RecursionError, RequestError):
        return body  # whoever reads it next says what is wrong


def as_v2(given: Any) -> Any:
    """Return the body of a v1 request about an assistant, thread, message or run, as v2 has it.

    What is of a wrong type stays so: whoever validates v2 says what is wrong.
    """
    if isinstance(given, list):
        return [as_v2(each) for each in cast("list[Any]", given)]
    if not isinstance(given, dict):
        return given
    body = cast("dict[str, Any]", given).copy()
    if body == {"type": "retrieval"}:
        return {"type": "file_search"}
    for name in body.keys() & {"thread", "messages", "additional_messages", "tools"}:
        body[name] = as_v2(body[name])
    ids = body.pop("file_ids", None)
    if isinstance(ids, list) and "role" in body:
        both = [{"type": "code_interpreter"}, {"type": "file_search"}]
        body["attachments"] = [{"file_id": each, "tools": both} for each in cast("list[Any]", ids)]
    elif ids is not None:
        body["tool_resources"] = {"code_interpreter": {"file_ids": ids}}
    return body


class _Response:
    """A response on its way out: JSON is held until it is whole, events go on one by one."""

    def __init__(self, send: Send, database: Database) -> None:
        self._send = send
        self._database = database
        self._start: Message | None = None
        self._body = b""
        self._streams = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            self._streams = kind.startswith("text/event-stream")
            self._start = message
            if self._streams:
                await self._send(message)
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif self._streams:
            frames = message.get("body", b"").decode()  # `sse` sends whole frames
            await self._send({**message, "body": _events_as_v1(frames).encode()})
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole()

    async def _send_whole(self) -> None:
        assert self._start
        shown = as_v1(json.loads(self._body))
        for run in shown.get("data", [shown]):
            if run.get("object") == "thread.run":
                run["file_ids"] = await self._files_of(run["id"])
        body = json.dumps(shown, indent=2, ensure_ascii=False).encode()
        headers = MutableHeaders(raw=list(self._start["headers"]))
        headers["content-length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})

    async def _files_of(self, run_id: str) -> list[str]:
        """Return the files of a run, which v2 does not show over REST (trap 26)."""
        run = await self._database.run(nouns.runs.find, run_id)
        return list(run.tool_resources.file_ids) if run else []


def as_v1(given: dict[str, Any]) -> dict[str, Any]:
    """Return a v2 object, or a list of them, in the shape of v1; an error stays as it is."""
    if given.get("object") == "list":
        return {**given, "data": [as_v1(each) for each in given["data"]]}
    shown: dict[str, Any] = {}
    for key, value in given.items():
        if key == "tool_resources":
            if given["object"] != "thread":
                shown["file_ids"] = value.get("code_interpreter", {}).get("file_ids", [])
        elif key == "attachments":
            shown["file_ids"] = [each["file_id"] for each in value]
        else:
            shown[key] = _rename_search(value) if key in _WITH_SEARCH else value
    if given.get("object") == "thread.run.step":
        shown |= {"expired_at": None, "metadata": {}}
    return shown


def _rename_search(value: Any) -> Any:
    """Return a part of an object with its tools, calls and citations as v1 had them."""
    if isinstance(value, list):
        return [_rename_search(each) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    part = cast("dict[str, Any]", value)
    match part.get("type"):
        case "file_search":
            # A call says no more than that it was made, and a tool has no settings.
            call: dict[str, Any] = {key: part[key] for key in ("index", "id") if key in part}
            is_call = bool(call)
            call["type"] = "retrieval"
            return {**call, "retrieval": {}} if is_call else call
        case "file_citation" if "file_citation" in part:
            return {**part, "file_citation": {"quote": "", **part["file_citation"]}}
        case "function":
            return part  # whatever is in the client's own schema
        case _:
            return {key: _rename_search(each) for key, each in part.items()}


def _events_as_v1(frames: str) -> str:
    return "\n".join(
        "data: " + json.dumps(as_v1(json.loads(line[6:])), ensure_ascii=False)
        if line.startswith("data: {")
        else line
        for line in frames.split("\n")
    )
