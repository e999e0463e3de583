"""Writes what a model says and thinks: messages and reasoning, from the first event to the last."""

import asyncio
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Literal

from assistd import ids
from assistd.db.responses.items import StoredItem
from assistd.engine.annotations.annotator import Annotator
from assistd.engine.annotations.links import LinkFinder, Piece
from assistd.engine.responses.input import seal
from assistd.engine.responses.recording.journal import Journal
from assistd.engine.workspace.contents import Contents
from assistd.objects import message as threads
from assistd.objects.responses.item import (
    ContainerFileCitation,
    FileCitation,
    ItemStatus,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    Refusal,
)
from assistd.objects.responses.response import PlainFormat


class MessageWriter:
    """An open message: a part of text, and one for a refusal.

    Args:
        journal: what the writers share.
        phase: what kind of message it is, where that must be said (responses, trap 61).
    """

    def __init__(self, journal: Journal, phase: Literal["commentary"] | None = None) -> None:
        self._journal = journal
        self._index = len(journal.items)
        self._message = Message(
            id=ids.new_hex("msg"), status="in_progress", phase=phase, role="assistant"
        )
        contents = journal.workspace.contents if journal.workspace else Contents()
        self._links = LinkFinder(contents.written, contents.uploads)
        self._annotator = Annotator(self._links, journal.citable)
        self._files = {file_id: path for path, file_id in contents.written.items()}
        self._files |= {file_id: name for name, file_id in contents.uploads.items()}
        self._parts: list[OutputText | Refusal] = []
        self._text: list[str] = []
        self._length = 0
        self._annotations: list[dict[str, Any]] = []
        self._links_found: list[dict[str, Any]] = []
        self._left_out: list[
            tuple[int, int]
        ] = []  # markers: where each would stand, and its length

    async def open(self) -> None:
        """Tell of the message, and of its first part."""
        self._journal.tell_item("response.output_item.added", self._index, self._message)
        if self._links.has_many_paths:
            await asyncio.to_thread(self._links.prepare)

    def write(self, text: str) -> None:
        """Add text; what may be the beginning of a link waits until that is known."""
        if not self._parts:
            self._add_part(OutputText(text=""))
        for piece in self._annotator.feed(text):
            self._send(piece)

    async def refuse(self, text: str) -> None:
        """Add to the refusal; text before it is a part of its own."""
        if not self._parts or isinstance(self._parts[-1], OutputText):
            if self._parts:
                await self._end_text(may_add=False)
            self._add_part(Refusal(refusal=""))
        self._text.append(text)
        self._journal.tell_delta("response.refusal.delta", text, **self._place())

    async def close(self, status: ItemStatus = "completed") -> None:
        """End the message, and add it to the output."""
        if not self._parts:
            self._add_part(OutputText(text=""))
        if isinstance(self._parts[-1], Refusal):
            refusal = "".join(self._text)
            self._journal.tell("response.refusal.done", refusal=refusal, **self._place())
            self._end_part(Refusal(refusal=refusal))
        else:
            await self._end_text(may_add=status == "completed")
        message = self._message.evolve(status=status, content=tuple(self._parts))
        self._journal.tell_item("response.output_item.done", self._index, message)
        self._journal.items.append(StoredItem(message.id, is_input=False, item=message))

    async def _end_text(self, *, may_add: bool) -> None:
        """Tell of the rest of the text, then of the files: pictures first, then links in their order."""
        is_free = isinstance(self._journal.response.text.format, PlainFormat)
        end = partial(self._annotator.end, may_add=may_add and is_free)
        is_slow = self._annotator.is_slow_at_end
        for piece in await asyncio.to_thread(end) if is_slow else end():
            self._send(piece)
        for annotation in (*self._cite_pictures(), *self._links_found):
            self._annotate(annotation)
        text = "".join(self._text)
        self._journal.tell("response.output_text.done", text=text, logprobs=[], **self._place())
        self._end_part(OutputText(text=text, annotations=tuple(self._annotations)))

    def _cite_pictures(self) -> list[dict[str, Any]]:
        """Return a citation of each picture that was shown since the last message (responses, trap 11)."""
        shown = [self._cite(file_id, f"{file_id}.png", 0, 0) for file_id in self._journal.pictures]
        self._journal.pictures.clear()
        return shown

    def _send(self, piece: Piece) -> None:
        """Send text; a link stays in it, while a citation of a search leaves only its place there."""
        found = piece.annotation
        if isinstance(found, threads.FileCitation):
            self._cite_search(found)
            return
        if found:
            file_id = found.file_path.file_id
            name = PurePosixPath(self._files[file_id]).name
            start = found.start_index - self._count_left_out(found.start_index)
            self._links_found.append(self._cite(file_id, name, start, start + len(found.text)))
        if piece.text:
            self._text.append(piece.text)
            self._length += len(piece.text)
            self._journal.tell_delta(
                "response.output_text.delta", piece.text, logprobs=[], **self._place()
            )

    def _cite_search(self, found: threads.FileCitation) -> None:
        """Tell of a citation where it stands; its marker is not in the text (contract, file search, 6)."""
        self._left_out.append((found.start_index, len(found.text)))
        file_id = found.file_citation.file_id
        sources = self._journal.citable.sources if self._journal.citable else ()
        name = next((each.filename for each in sources if each.file_id == file_id), file_id)
        citation = FileCitation(file_id=file_id, filename=name, index=self._length)
        self._annotate(citation.model_dump())

    def _count_left_out(self, start: int) -> int:
        """Return how many characters of markers were left out before a place."""
        return sum(length for at, length in self._left_out if at < start)

    def _cite(self, file_id: str, name: str, start: int, end: int) -> dict[str, Any]:
        return ContainerFileCitation(
            container_id=self._journal.container_id,
            end_index=end,
            file_id=file_id,
            filename=name,
            start_index=start,
        ).model_dump()

    def _annotate(self, annotation: dict[str, Any]) -> None:
        self._journal.tell(
            "response.output_text.annotation.added",
            annotation_index=len(self._annotations),
            annotation=annotation,
            **self._place(),
        )
        self._annotations.append(annotation)

    def _add_part(self, part: OutputText | Refusal) -> None:
        self._parts.append(part)
        self._text.clear()
        self._tell_part("response.content_part.added", part)

    def _end_part(self, part: OutputText | Refusal) -> None:
        self._parts[-1] = part
        self._tell_part("response.content_part.done", part)

    def _tell_part(self, name: str, part: OutputText | Refusal) -> None:
        self._journal.tell(name, part=part.model_dump(), **self._place())

    def _place(self) -> dict[str, Any]:
        return {
            "item_id": self._message.id,
            "output_index": self._index,
            "content_index": len(self._parts) - 1,
        }


class ReasoningWriter:
    """An open reasoning: what the model thinks, as it thinks it (contract, responses, 6.6)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._index = len(journal.items)
        self._item = Reasoning(id=ids.new_hex("rs"), content=())
        self._text: list[str] = []
        self._journal.tell_item("response.output_item.added", self._index, self._item)
        self._tell_part("response.content_part.added", "")

    def write(self, text: str) -> None:
        """Add a thought."""
        self._text.append(text)
        self._journal.tell_delta("response.reasoning_text.delta", text, **self._place())

    def close(self) -> None:
        """End the reasoning, and add it to the output; it has no status (responses, trap 36)."""
        text = "".join(self._text)
        self._journal.tell("response.reasoning_text.done", text=text, **self._place())
        self._tell_part("response.content_part.done", text)
        item = self._item.evolve(content=(ReasoningText(text=text),))
        more = {"encrypted_content": seal(item.content or ())}
        stored = StoredItem(item.id, is_input=False, item=item, more=more)
        shown = stored.show(self._journal.include)
        self._journal.tell_item("response.output_item.done", self._index, shown)
        self._journal.items.append(stored)

    def _tell_part(self, name: str, text: str) -> None:
        part = ReasoningText(text=text).model_dump()
        self._journal.tell(name, part=part, **self._place())

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._item.id, "output_index": self._index, "content_index": 0}
