"""Writes one message of the assistant, from its first event to its last (contract section 6)."""

import asyncio
from functools import partial
from typing import Any, Literal, Self

from assistd import clock, ids
from assistd.db import Connection, conversations, runs
from assistd.db.transaction import transaction
from assistd.engine.annotations.annotator import Annotator
from assistd.engine.annotations.links import LinkFinder, Piece
from assistd.engine.assistants.journal import INTERRUPTED, Journal
from assistd.engine.kept_timelines import keep
from assistd.objects.message import (
    Annotation,
    Attachment,
    Content,
    FileCitation,
    FilePath,
    ImageFile,
    ImageFileContent,
    IncompleteMessage,
    Message,
    TextContent,
    TextValue,
)
from assistd.objects.run import LastError, Run
from assistd.objects.run_step import CreatedMessage, MessageCreation, RunStep, StepStatus
from assistd.objects.usage import Usage

IncompleteReason = Literal[
    "content_filter", "max_tokens", "run_cancelled", "run_expired", "run_failed"
]


class MessageWriter:
    """An open message and its step; made by `open`."""

    def __init__(self, journal: Journal, message: Message, step: RunStep) -> None:
        self._journal = journal
        self._message = message
        self._step = step
        self._pictures = tuple(journal.pictures)
        contents = journal.workspace.contents
        self._links = LinkFinder(contents.written, contents.uploads)
        self._annotator = Annotator(self._links, journal.citable)
        self._text = ""
        self._annotations: list[Annotation] = []

    @classmethod
    async def open(cls, journal: Journal) -> Self:
        """Begin a message: its step first, then itself, then the pictures that wait to be shown."""
        run, now = journal.run, clock.seconds()
        message = Message(
            id=ids.new("msg"),
            created_at=now,
            assistant_id=run.assistant_id,
            thread_id=run.thread_id,
            run_id=run.id,
            status="in_progress",
            role="assistant",
        )
        details = MessageCreation(message_creation=CreatedMessage(message_id=message.id))
        step = RunStep.begin(ids.new("step"), now, run, details)
        writer = cls(journal, message, step)
        if writer._links.has_many_paths:
            await asyncio.to_thread(writer._links.prepare)
        journal.pictures.clear()
        await journal.write(conversations.open_message, message, step)
        journal.publish_begun("thread.run.step", step)
        journal.publish_begun("thread.message", message)
        for index, file_id in enumerate(writer._pictures):
            writer._delta(
                {"index": index, "type": "image_file", "image_file": {"file_id": file_id}}
            )
        return writer

    @classmethod
    def reopen(cls, journal: Journal, step: RunStep, created: CreatedMessage) -> Self:
        """Return the message a dead process was writing, without its text."""
        message = Message(
            id=created.message_id,
            created_at=step.created_at,
            assistant_id=step.assistant_id,
            thread_id=step.thread_id,
            run_id=step.run_id,
            role="assistant",
        )
        return cls(journal, message, step)

    def write(self, text: str) -> None:
        """Add text; what may be the beginning of a link or a citation waits until that is known."""
        for piece in self._annotator.feed(text):
            self._send(piece)

    async def close(
        self,
        usage: Usage,
        *,
        step_status: StepStatus = "completed",
        reason: IncompleteReason | None = None,
        error: LastError | None = None,
        completes_run: bool = False,
    ) -> None:
        """End the message and its step.

        Args:
            usage: the tokens of the turn; none where they belong to another step of it.
            step_status: how the step ends.
            reason: why the message is incomplete; None where it is complete.
            error: the step's `last_error`, where it failed.
            completes_run: whether the run is completed by it, all in one transaction.

        Raises:
            TransitionError: the run cannot be completed; nothing was ended.
        """
        is_whole = reason is None and step_status == "completed"
        for piece in await self._end_text(may_add=is_whole):
            self._send(piece)
        if not (self._text or self._pictures):
            self._send(
                Piece("")
            )  # SDKs look for the part they saw last, which was of a message before
        now, journal = clock.seconds(), self._journal
        ending: dict[str, Any] = (
            {"status": "completed", "completed_at": now}
            if reason is None
            else {
                "status": "incomplete",
                "incomplete_at": now,
                "incomplete_details": IncompleteMessage(reason=reason),
            }
        )
        message = self._message.evolve(
            content=self._content(), attachments=self._attachments(), **ending
        )
        step = self._step.end(step_status, now, usage=usage, last_error=error)
        spent = journal.usage + usage
        timeline = keep(journal.timeline) if completes_run else None
        message, run = await journal.write(_save, message, step, spent, timeline)
        journal.files.clear()
        journal.usage = spent
        journal.publish(f"thread.message.{message.status}", message)
        journal.publish(
            f"thread.run.step.{step_status}", step.evolve(expires_at=self._step.expires_at)
        )
        if run:
            journal.move(run)

    async def interrupt(self) -> None:
        """End a message that another one says anew, which shows and attaches the same again."""
        pictures, files = list(self._pictures), list(self._journal.files)
        await self.close(Usage(), step_status="failed", reason="run_failed", error=INTERRUPTED)
        self._journal.pictures[:0] = pictures
        self._journal.files[:0] = files

    async def _end_text(self, *, may_add: bool) -> list[Piece]:
        end = partial(self._annotator.end, may_add=may_add and self._is_free_text())
        return await asyncio.to_thread(end) if self._annotator.is_slow_at_end else end()

    def _is_free_text(self) -> bool:
        """Whether the text is no JSON, which markers would break."""
        wanted = self._journal.run.response_format
        return isinstance(wanted, str) or wanted.get("type") == "text"

    def _content(self) -> tuple[Content, ...]:
        pictures = tuple(
            ImageFileContent(image_file=ImageFile(file_id=file_id)) for file_id in self._pictures
        )
        if pictures and not self._text:
            return pictures
        text = TextValue(value=self._text, annotations=tuple(self._annotations))
        return (*pictures, TextContent(text=text))

    def _attachments(self) -> tuple[Attachment, ...]:
        """Return the linked files, then those written since the last message that the text does not name.

        The user's own uploads are none of them: they have them, and may not download them.
        """
        uploads = set(self._journal.workspace.contents.uploads.values())
        links = [each.file_path for each in self._annotations if isinstance(each, FilePath)]
        linked = [each.file_id for each in links if each.file_id not in uploads]
        return tuple(
            Attachment(file_id=file_id) for file_id in dict.fromkeys(linked + self._journal.files)
        )

    def _send(self, piece: Piece) -> None:
        if self._pictures and not self._text:
            # Node's SDK tells of a picture only when the part behind it has begun: with no words yet.
            self._send_text({"value": "", "annotations": []})
        text: dict[str, Any] = {"value": piece.text}
        if piece.annotation:
            index = len(self._annotations)
            text["annotations"] = [{"index": index, **_show_annotation(piece.annotation)}]
            self._annotations.append(piece.annotation)
        elif not (self._text or self._pictures):
            text["annotations"] = []
        self._text += piece.text
        self._send_text(text)

    def _send_text(self, text: dict[str, Any]) -> None:
        self._delta({"index": len(self._pictures), "type": "text", "text": text})

    def _delta(self, part: dict[str, Any]) -> None:
        self._journal.publish_delta("thread.message", self._message.id, {"content": [part]})


def _show_annotation(annotation: Annotation) -> dict[str, Any]:
    """Return an annotation as a delta has it: a citation with a quote, as recorded, though it is empty."""
    shown = annotation.model_dump()
    if isinstance(annotation, FileCitation):
        shown["file_citation"]["quote"] = ""
    return shown


@transaction(writes=True, short=True)
def _save(
    connection: Connection, message: Message, step: RunStep, spent: Usage, timeline: str | None
) -> tuple[Message, Run | None]:
    """Save the end of a message and its step, and that of its run where it is told where its time went."""
    saved = conversations.save_message(connection, message, step)
    if timeline is None:
        return saved, None
    run = runs.move(connection, step.run_id, "completed", usage=spent, timeline=timeline)
    return saved, run
