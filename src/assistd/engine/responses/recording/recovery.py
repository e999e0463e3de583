"""Reads how far a response came that is taken over: so it goes on, or is ended, in order."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assistd.db.responses.items import StoredItem
from assistd.db.responses.progress import Progress
from assistd.db.responses.responses import StoredEvent
from assistd.engine.responses.input import store
from assistd.engine.responses.recording.calls import CODE_RESULT
from assistd.engine.responses.recording.journal import INTERRUPTED, Journal
from assistd.engine.tools import base as tools
from assistd.engine.tools.code_outcome import CodeOutcome
from assistd.objects.responses.item import (
    INCLUDES,
    CodeImage,
    CodeInterpreterCall,
    Item,
    Message,
    read_item,
    read_outputs,
)

_TEXTS = {
    "output_text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning_text", "text"),
    "summary_text": ("reasoning_summary_text", "text"),
}
"""By type of a part: what its text's events are called, and the member that the text stands in."""
_PARTS = {"content_part": "content", "reasoning_summary_part": "summary"}
"""By name of a part's events: the member of the item that it stands in."""
_ARGUMENTS = {"function_call": "arguments", "code_interpreter_call": "code"}


@dataclass(slots=True)
class _OpenItem:
    """An item that is not done.

    Args:
        index: its place in the output.
        body: the item, with the parts that are done.
        text: what came since the beginning of the item, or of its newest part.
        kind: what the events of the part are called that is open; empty where none is.
        part: that part.
        place: where its events say that it is.
    """

    index: int
    body: dict[str, Any]
    text: list[str] = field(default_factory=list[str])
    kind: str = ""
    part: dict[str, Any] = field(default_factory=dict[str, Any])
    place: dict[str, Any] = field(default_factory=dict[str, Any])

    def open_part(self, kind: str, data: dict[str, Any]) -> None:
        self.kind, self.part = kind, data["part"]
        self.place = {
            name: data[name] for name in data.keys() - {"type", "sequence_number", "part"}
        }
        self.text.clear()

    def close_part(self, part: dict[str, Any]) -> None:
        self.body[_PARTS[self.kind]].append(part)
        self.kind = ""


def recover(journal: Journal, told: Iterable[StoredEvent], output: Sequence[Progress]) -> None:
    """Put what another process made into a journal; what it left open is told to be over.

    Args:
        journal: of a response that has no items yet, and whose events come behind these.
        told: all events of the response; none where they are not kept.
        output: its items, and a call that was under way; none where an older server made it: what was told
            has to do then.
    """
    done, item = _read_told(told)
    if output:
        journal.items = [each.item for each in output]
        journal.usage = output[-1].usage
    else:
        for body in done:
            _keep(journal, body)
    if output and getattr(output[-1].item.item, "status", None) == "in_progress":
        _interrupt(journal, journal.items.pop())
    elif item:
        _close(journal, item)
    journal.pictures = _find_uncited(journal.items)


def _read_told(told: Iterable[StoredEvent]) -> tuple[list[dict[str, Any]], _OpenItem | None]:
    """Return the items that were told to be done, and the one that is open."""
    done: list[dict[str, Any]] = []
    item: _OpenItem | None = None
    for event in told:
        data = json.loads(event.data)
        match event.name.split(".")[1:]:
            case ["output_item", "added"]:
                item = _OpenItem(data["output_index"], data["item"])
            case ["output_item", "done"]:
                done.append(data["item"])
                item = None
            case [kind, "added"] if item and kind in _PARTS:
                item.open_part(kind, data)
            case [kind, "done"] if item and kind in _PARTS:
                item.close_part(data["part"])
            case ["output_text", "annotation", "added"] if item:
                item.part["annotations"].append(data["annotation"])
            case [_, "delta"] if item:
                item.text.append(data["delta"])
            case _:
                pass
    return done, item


def _interrupt(journal: Journal, running: StoredItem) -> None:
    """End a call that was under way: it failed, and the model is told that it may have done its work in part."""
    if isinstance(running.item, CodeInterpreterCall):
        outcome = CodeOutcome.interrupt(tools.INTERRUPTED)
        more: dict[str, Any] = {
            "outputs": [each.model_dump() for each in outcome.outputs],
            "result": CODE_RESULT.dump_python(outcome.result, mode="json"),
        }
    else:
        more = {"results": [], "result": {"problem": tools.INTERRUPTED}}
    stored = replace(running, item=running.item.evolve(status="failed"), more=more)
    index, shown = len(journal.items), stored.show(journal.include)
    journal.tell_item("response.output_item.done", index, shown)
    journal.items.append(stored)


def _find_uncited(items: Iterable[StoredItem]) -> list[str]:
    """Return the ids of the pictures that no message has cited yet."""
    found: list[str] = []
    for each in items:
        if isinstance(each.item, Message) and not each.more.get(INTERRUPTED):
            found.clear()
        elif isinstance(each.item, CodeInterpreterCall):
            outputs = read_outputs(each.more.get("outputs") or ())
            images = (output for output in outputs if isinstance(output, CodeImage))
            found += [image.file_id for image in images if image.file_id]
    return found


def _close(journal: Journal, item: _OpenItem) -> None:
    """Tell that an item is over that was cut off."""
    text, body = "".join(item.text), item.body
    if item.kind:
        name, member = _TEXTS[item.part["type"]]
        part = item.part | {member: text}
        more: dict[str, Any] = {"logprobs": []} if name == "output_text" else {}
        journal.tell(f"response.{name}.done", **{member: text}, **more, **item.place)
        journal.tell(f"response.{item.kind}.done", part=part, **item.place)
        item.close_part(part)
    elif body["type"] in _ARGUMENTS:
        body[_ARGUMENTS[body["type"]]] = text
    if "status" in body:
        hosted = body["type"] in {"code_interpreter_call", "file_search_call"}
        body["status"] = "failed" if hosted else "incomplete"
    journal.tell_item("response.output_item.done", item.index, _keep(journal, body))
    cut = journal.items[-1]
    journal.items[-1] = replace(cut, more=cut.more | {INTERRUPTED: True})


def _keep(journal: Journal, body: dict[str, Any]) -> Item:
    """Add an item to the output of a journal; what `include` asked for once, is shown from now on, too."""
    item = read_item(json.dumps(body))
    stored = replace(store(item), is_input=False)
    if stored.more:
        journal.include |= {INCLUDES[item.type][1]}
    journal.items.append(stored)
    return item
