"""What holds of every stream, and short ways to say what one stream holds (contract section 6)."""

from collections.abc import Iterable
from typing import Any

from assistd.sandbox.guest.shared import repair
from tests.live.wire import Event

RUN_BEGINS = ["thread.run.created", "thread.run.queued", "thread.run.in_progress"]
RUN_RESUMES = ["thread.run.queued", "thread.run.in_progress"]
DONE = ["done"]


def message(deltas: int, ending: str = "completed", step: str | None = None) -> list[str]:
    """The names of one message's events, with those of its step around them."""
    return [
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        *["thread.message.delta"] * deltas,
        f"thread.message.{ending}",
        f"thread.run.step.{step or ending}",
    ]


def tool_step(deltas: int, ending: str | None = "completed") -> list[str]:
    """The names of one tool step's events; None: it stays open."""
    return [
        "thread.run.step.created",
        "thread.run.step.in_progress",
        *["thread.run.step.delta"] * deltas,
        *([f"thread.run.step.{ending}"] if ending else []),
    ]


def names(events: Iterable[Event]) -> list[str]:
    """The names of the events, in order."""
    return [event.name for event in events]


def data(events: Iterable[Event], name: str) -> list[Any]:
    """The data of every event of this name."""
    return [event.data for event in events if event.name == name]


def one(events: Iterable[Event], name: str) -> Any:
    """The data of the only event of this name."""
    (found,) = data(events, name)
    return found


def text_deltas(events: Iterable[Event]) -> list[Any]:
    """The content parts that came as deltas, in order."""
    return [
        part for each in data(events, "thread.message.delta") for part in each["delta"]["content"]
    ]


def call_deltas(events: Iterable[Event]) -> list[Any]:
    """The parts of tool calls that came as deltas, in order."""
    return [
        call
        for each in data(events, "thread.run.step.delta")
        for call in each["delta"]["step_details"]["tool_calls"]
    ]


def assert_sound(events: list[Event]) -> None:
    """What holds of every stream, whatever happens in it."""
    assert names(events)[-1:] == DONE, "a stream ends with event: done"
    assert events[-1].data == "[DONE]"
    assert names(events).count("done") == 1
    objects: dict[str, dict[str, Any]] = {}
    runs = set[str]()
    for event in events[:-1]:
        assert "error" not in event.data or event.name == "error", "a top-level error breaks Go"
        if event.name == "error":
            assert list(event.data) == ["error"]
        elif event.name.endswith(".delta"):
            _assert_sound_delta(event)
            _accumulate(objects, event)
        else:
            assert not _has_index(event.data), f"an index stands in a full object: {event}"
            _assert_sound_object(objects, event)
            if event.name.startswith("thread.run.") and ".step." not in event.name:
                runs.add(event.data["id"])
    assert len(runs) <= 1, "a stream is about one run"


def _assert_sound_delta(event: Event) -> None:
    assert set(event.data) == {"id", "object", "delta"}
    assert event.data["object"] == event.name
    for member in _members(event.data["delta"]):
        assert type(member.get("index")) is int, f"a list member without index: {member}"
    for path in _nulls(event.data["delta"]):
        assert path.endswith("function.output"), f"a null in a delta: {path}"


def _assert_sound_object(objects: dict[str, dict[str, Any]], event: Event) -> None:
    """An object is created before anything else is said of it, and its ending holds all that was sent."""
    kind, _, state = event.name.rpartition(".")
    key, value = event.data["id"], event.data
    assert value["object"] == kind
    if kind in {"thread", "thread.run"}:
        return
    if state == "created":
        assert key not in objects, f"{key} was created twice"
        assert value["status"] == "in_progress"
        assert value.get("usage") is None
        if kind == "thread.message":
            assert value["content"] == [], "a message begins empty"
        objects[key] = {"parts": {}, "state": "created"}
        return
    first_heard_of = key not in objects  # a resumed stream begins with the end of an earlier step
    known = objects.setdefault(key, {"parts": {}, "state": "in_progress"})
    assert known["state"] in {"created", "in_progress"}, f"{key} goes on after its end"
    known["state"] = state
    if state == "in_progress" or first_heard_of:
        return
    whole = value["content"] if kind == "thread.message" else _calls(value)
    if not known["parts"] and whole == [{"type": "text", "text": {"value": "", "annotations": []}}]:
        return  # an answer without words has nothing to send
    sent = [_plain(known["parts"][index]) for index in sorted(known["parts"])]
    assert sorted(known["parts"]) == list(range(len(sent)))
    assert [_shown(each) for each in whole] == [
        _shown(_as_run(each, ended)) for each, ended in zip(sent, whole, strict=True)
    ]


def _as_run(sent: dict[str, Any], ended: dict[str, Any]) -> dict[str, Any]:
    """A part as it was streamed, with what only its ending has, and without what only deltas have.

    Code is as it was repaired (decision 0039), a search has its results at its end, and a citation has
    a quote, which is empty, in deltas alone (contract, file search, traps 12 and 13).
    """
    if sent.get("type") == "file_search":
        results = ended["file_search"]["results"]
        return {**sent, "file_search": {**sent["file_search"], "results": results}}
    if sent.get("type") == "text":
        notes = [_without_quote(note) for note in sent["text"].get("annotations", [])]
        return {**sent, "text": {**sent["text"], "annotations": notes}}
    if sent.get("type") != "code_interpreter":
        return sent
    streamed, ran = (each["code_interpreter"]["input"] for each in (sent, ended))
    if ran not in {repair.apply(streamed, repairs) for repairs in range(repair.ALL + 1)}:
        return sent
    return {**sent, "code_interpreter": {**sent["code_interpreter"], "input": ran}}


def _without_quote(note: dict[str, Any]) -> dict[str, Any]:
    if note["type"] != "file_citation":
        return note
    cited = dict(note["file_citation"])
    assert cited.pop("quote") == ""
    return {**note, "file_citation": cited}


def _calls(step: dict[str, Any]) -> list[Any]:
    return step["step_details"].get("tool_calls", [])


def _accumulate(objects: dict[str, dict[str, Any]], event: Event) -> None:
    """Add a delta as the SDKs do: strings are joined, list members found by their index."""
    known = objects[event.data["id"]]
    assert known["state"] == "in_progress", "a delta comes between in_progress and the end"
    delta = event.data["delta"]
    parts = delta["content"] if "content" in delta else delta["step_details"]["tool_calls"]
    for part in parts:
        first = part["index"] not in known["parts"]
        if "content" not in delta:
            assert ("id" in part) is first, "only the first delta of a call has its id"
            if part["type"] == "function":
                assert ("name" in part["function"]) is first, "a name must not be repeated"
        _merge(known["parts"].setdefault(part["index"], {}), part)


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if key in {"index", "type"} or whole.get(key) is None:
            whole[key] = _keyed(value)
        elif isinstance(value, str):
            whole[key] += value
        elif isinstance(value, dict):
            _merge(whole[key], value)
        elif isinstance(value, list):
            for member in value:
                _merge(whole[key].setdefault(member["index"], {}), member)
        else:
            assert whole[key] == value, f"{key} was sent twice and differs"


def _keyed(value: Any) -> Any:
    if isinstance(value, list):
        return {member["index"]: _keyed(member) for member in value}
    if isinstance(value, dict):
        return {key: _keyed(each) for key, each in value.items()}
    return value


def _plain(value: Any) -> Any:
    """The keyed form as plain lists without indices."""
    if not isinstance(value, dict):
        return value
    if all(isinstance(key, int) for key in value) and value:
        return [_plain(value[key]) for key in sorted(value)]
    return {key: _plain(each) for key, each in value.items() if key != "index"}


def _shown(value: Any) -> Any:
    """Empty lists and objects alike: an accumulated one does not know what it would have held."""
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()} or None
    if isinstance(value, list):
        return [_shown(each) for each in value] or None
    return value


def _members(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _members(each)
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                yield each
            yield from _members(each)


def _nulls(value: Any, path: str = "") -> Iterable[str]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _nulls(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from _nulls(each, path)


def _has_index(value: Any) -> bool:
    if isinstance(value, dict):
        return "index" in value or any(_has_index(each) for each in value.values())
    return isinstance(value, list) and any(_has_index(each) for each in value)
