"""Writes what a model says and thinks: messages and reasoning, from the first event to the last."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Generic, Literal, TypeVar

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
    SummaryText,
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
        self._logprobs: list[Mapping[str, Any]] = []  # of the text that was told
        self._untold: list[Mapping[str, Any]] = []  # of text that waits
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

    def write(self, text: str, logprobs: Sequence[Mapping[str, Any]] = ()) -> None:
        """Add text, with the probabilities of its tokens; what may be the beginning of a link waits."""
        if not self._parts:
            self._add_part(OutputText(text=""))
        self._untold += logprobs
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
        self._journal.items.append(_store(message))

    async def _end_text(self, *, may_add: bool) -> None:
        """Tell of the rest of the text, then of the files: pictures first, then links in their order."""
        is_free = isinstance(self._journal.response.text.format, PlainFormat)
        end = partial(self._annotator.end, may_add=may_add and is_free)
        is_slow = self._annotator.is_slow_at_end
        for piece in await asyncio.to_thread(end) if is_slow else end():
            self._send(piece)
        for annotation in (*self._cite_pictures(), *self._links_found):
            self._annotate(annotation)
        text, logprobs = "".join(self._text), (*self._logprobs, *self._untold)
        self._untold.clear()
        self._journal.tell(
            "response.output_text.done", text=text, logprobs=logprobs, **self._place()
        )
        annotations = tuple(self._annotations)
        part = OutputText(text=text, annotations=annotations, logprobs=tuple(map(dict, logprobs)))
        self._end_part(part)

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
            logprobs = self._untold
            if logprobs:
                self._untold = []
                self._logprobs += logprobs
            self._journal.tell_delta(
                "response.output_text.delta", piece.text, logprobs=logprobs, **self._place()
            )

    def _cite_search(self, found: threads.FileCitation) -> None:
        """Tell of a citation where it stands; its marker is not in the text (contract, file search, 6)."""
        self._left_out.append((found.start_index, len(found.text)))
        cited = found.file_citation
        sources = self._journal.citable.sources if self._journal.citable else ()
        names = {each.file_id: each.filename for each in sources}
        citation = FileCitation(
            file_id=cited.file_id,
            filename=names.get(cited.file_id, cited.file_id),
            index=self._length,
            page=cited.page,
        )
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


def _store(message: Message) -> StoredItem:
    """Return a message as it is kept: the probabilities, which are long, apart from it."""
    logprobs = message.logprobs
    if not any(logprobs):
        return StoredItem(message.id, is_input=False, item=message)
    bare = message.with_logprobs([[] for _ in logprobs])
    return StoredItem(message.id, is_input=False, item=bare, more={"logprobs": logprobs})


_Thought = TypeVar("_Thought", ReasoningText, SummaryText)


@dataclass(frozen=True, slots=True)
class _Words(Generic[_Thought]):
    """How parts of a kind are told of in events: of thoughts as they were, or of their summary."""

    make: Callable[..., _Thought]
    part: str
    text: str
    index: str


_RAW = _Words(ReasoningText, "content_part", "reasoning_text", "content_index")
_SUMMARY = _Words(SummaryText, "reasoning_summary_part", "reasoning_summary_text", "summary_index")


class _Parts(Generic[_Thought]):
    """The parts of one kind of a reasoning, the last of which may be open."""

    def __init__(self, journal: Journal, place: dict[str, Any], words: _Words[_Thought]) -> None:
        self._journal = journal
        self._place = place
        self._words = words
        self._open: list[str] | None = None
        self.done: list[_Thought] = []

    def write(self, text: str) -> None:
        if self._open is None:
            self._open = []
            self._tell_part("added", "")
        self._open.append(text)
        self._journal.tell_delta(f"response.{self._words.text}.delta", text, **self._find_place())

    def close(self) -> None:
        if self._open is not None:
            text, self._open = "".join(self._open), None
            self._journal.tell(f"response.{self._words.text}.done", text=text, **self._find_place())
            self._tell_part("done", text)
            self.done.append(self._words.make(text=text))

    def _tell_part(self, what: str, text: str) -> None:
        part = self._words.make(text=text).model_dump()
        self._journal.tell(f"response.{self._words.part}.{what}", part=part, **self._find_place())

    def _find_place(self) -> dict[str, Any]:
        return {**self._place, self._words.index: len(self.done)}


class ReasoningWriter:
    """An open reasoning: what the model thinks, and in short as far as it is told so (responses, 6.6)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._index = len(journal.items)
        self._item = Reasoning(id=ids.new_hex("rs"), content=())
        place = {"item_id": self._item.id, "output_index": self._index}
        self._raw = _Parts(journal, place, _RAW)
        self._summary = _Parts(journal, place, _SUMMARY)
        self._part: int | None = None  # of the summary, as the upstream counts them
        journal.tell_item("response.output_item.added", self._index, self._item)

    def write(self, text: str) -> None:
        """Add a thought."""
        self._summary.close()
        self._raw.write(text)

    def summarize(self, part: int, text: str) -> None:
        """Add to a part of the summary; one that the client did not ask for is left out."""
        if self._journal.response.reasoning.summary is None:
            return
        self._raw.close()
        if part != self._part:
            self._summary.close()
            self._part = part
        self._summary.write(text)

    def close(self) -> None:
        """End the reasoning, and add it to the output; it has no status (responses, trap 36)."""
        self._raw.close()
        self._summary.close()
        item = self._item.evolve(
            content=tuple(self._raw.done),
            summary=tuple(self._summary.done),
        )
        more = {"encrypted_content": seal(self._raw.done), "model": self._journal.response.model}
        stored = StoredItem(item.id, is_input=False, item=item, more=more)
        shown = stored.show(self._journal.include)
        self._journal.tell_item("response.output_item.done", self._index, shown)
        self._journal.items.append(stored)
