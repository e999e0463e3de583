"""What the model of a response is told before each question: items, as turns of a conversation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, repeat
from typing import Any

from assistd.db import Connection
from assistd.db.responses.items import StoredItem
from assistd.db.transaction import transaction
from assistd.engine.agent.ask import Context
from assistd.engine.annotations.annotator import Citable
from assistd.engine.annotations.citations import Source
from assistd.engine.context import model_logs
from assistd.engine.context.file_list import list_files
from assistd.engine.context.picture_urls import explain_refusal
from assistd.engine.context.pictures import find_picture
from assistd.engine.policy import Policy
from assistd.engine.responses.recording.calls import CODE_RESULT
from assistd.engine.responses.recording.journal import INTERRUPTED, Journal
from assistd.engine.services import Services
from assistd.engine.tools import code_words, search_words
from assistd.engine.tools.code_outcome import CodeResult
from assistd.engine.tools.search_outcome import FIRST_NUMBER, Found, make_sources, tell_found
from assistd.engine.workspace.contents import Contents, Scope, read_contents, read_inputs
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
from assistd.objects.responses import item as items
from assistd.objects.responses.response import CodeInterpreterTool, FileSearchTool

_NOT_KNOWN = "[the code ran; what came of it is not known here]"
_UNANSWERED = "[no output: the response ended before it came]"
_PICTURES = "The picture(s) that the function gave:"


class ItemConversation:
    """The `Conversation` of a response: the items before it, its input, and what it put out so far.

    Args:
        services: the rooms.
        journal: the response and its workspace.
        context: the items before its output.
        pending: ids of files that its first cell will find in /mnt/data.
    """

    def __init__(
        self,
        services: Services,
        journal: Journal,
        context: Sequence[StoredItem],
        pending: Sequence[str] = (),
    ) -> None:
        self._services = services
        self._journal = journal
        self._context = context
        self._pending = pending
        self._images: dict[str, Image | None] = {}

    async def read(self, *, vision: bool) -> Context:
        """Return the conversation so far; see `agent.record.Conversation`."""
        every = [*self._context, *self._journal.items]
        if vision:
            await self._read_pictures(every)
        model = self._journal.response.model
        reader = _Reader(self._services.policy, self._images if vision else {}, model)
        turns = reader.read(every)
        self._journal.citable = self._find_citable(reader)
        return Context(tuple(turns), await self._list_files())

    async def _list_files(self) -> tuple[str, ...]:
        """Return a line for each file that code can read, also if no code has run yet."""
        services, workspace = self._services, self._journal.workspace
        if workspace is None or self._journal.response.find_tool(CodeInterpreterTool) is None:
            return ()
        workspace.contents, told = await services.database.run(
            _read_files, workspace.scope, workspace.names, self._pending
        )
        previews = await services.previews.read(services.files, told.inputs)
        return tuple(list_files(told, previews))

    async def _read_pictures(self, every: Iterable[StoredItem]) -> None:
        """Read the pictures that clients sent by their file ids, each once."""
        for part in chain.from_iterable(map(_list_parts, every)):
            file_id = part.file_id if isinstance(part, items.InputImage) else None
            if file_id and file_id not in self._images:
                url = await find_picture(self._services, file_id)
                self._images[file_id] = Image(url, _detail(part)) if url else None

    def _find_citable(self, reader: "_Reader") -> Citable | None:
        if not (reader.sources or self._journal.response.find_tool(FileSearchTool)):
            return None
        own = {each.id for each in self._journal.items}
        found = [source for item_id, source in reader.sources if item_id in own]
        return Citable(tuple(source for _, source in reader.sources), tuple(found), reader.question)


@transaction(short=True)
def _read_files(
    connection: Connection, scope: Scope, names: Mapping[str, str], pending: Sequence[str]
) -> tuple[Contents, Contents]:
    """Return what stands in /mnt/data, and what a cell that runs now finds there."""
    contents = read_contents(connection, scope, names)
    there = {getattr(each.file, "origin_id", None) for each in contents.inputs}
    missing = [file_id for file_id in pending if file_id not in there]
    if not missing:
        return contents, contents
    given = [each.file.id for each in contents.inputs]
    coming = replace(scope, read_file_ids=partial(_give, [*given, *missing]))
    return contents, replace(contents, inputs=read_inputs(connection, coming, names))


def _give(file_ids: list[str], _: Connection) -> list[str]:
    return file_ids


def _list_parts(stored: StoredItem) -> Sequence[items.Part | items.InputPart]:
    item = stored.item
    if isinstance(item, items.FunctionCallOutput):
        return () if isinstance(item.output, str) else item.output
    return item.content if isinstance(item, items.Message) else ()


def _is_users(item: items.Item) -> bool:
    return isinstance(item, items.Message) and item.role == "user"


def _detail(part: items.Part | items.InputPart) -> str:
    detail = part.detail if isinstance(part, items.InputImage) else "auto"
    return "high" if detail == "original" else detail  # which chat completions do not know


@dataclass(slots=True)
class _Reader:
    """Makes turns of items.

    Args:
        policy: how much a model is told of what code printed.
        images: the pictures that it can see, by file id.
        model: its name.
        turns: what was made so far.
        sources: what may be cited, with the ids of the calls that found it.
        question: what the user said last.
        searches: how many calls there were that found them.
        thought: what the newest calls, or else the next, come from.
        is_new: whether nothing was said yet that comes from it.
    """

    policy: Policy
    images: Mapping[str, Image | None]
    model: str
    turns: list[Turn] = field(default_factory=list[Turn])
    sources: list[tuple[str, Source]] = field(default_factory=list[tuple[str, Source]])
    question: str = ""
    searches: int = 0
    thought: str = ""
    is_new: bool = False

    def read(self, every: Sequence[StoredItem]) -> list[Turn]:
        """Return the turns of all items; an output stands behind its call, wherever it was sent.

        What was cut off with its server is left out, for it was said anew behind it.
        """
        every = [each for each in every if not each.more.get(INTERRUPTED)]
        outputs = {
            each.item.call_id: each.item
            for each in every
            if isinstance(each.item, items.FunctionCallOutput)
        }
        asked = max((at for at, each in enumerate(every) if _is_users(each.item)), default=-1)
        for at, stored in enumerate(every):
            match stored.item:
                case items.Reasoning(content=thoughts) if thoughts and at > asked:
                    self._note_thought(thoughts, stored.more.get("model", self.model))
                case items.Message() as message:
                    self._add_message(message)
                case items.FunctionCall() as call:
                    self._add_function(call, outputs.get(call.call_id))
                case items.CodeInterpreterCall() as call:
                    self._add_code(stored, call)
                case items.FileSearchCall() as call:
                    self._add_search(stored, call)
                case _:
                    pass  # outputs stand behind their calls; thoughts about earlier words are over
        return self.turns

    def _add_message(self, message: items.Message) -> None:
        parts = [self._read_part(part) for part in message.content]
        if message.role == "user":
            self.turns.append(User(tuple(parts)))
            self.question = "\n".join(part.text for part in parts if isinstance(part, Text))
            return
        text = "\n\n".join(part.text for part in parts if isinstance(part, Text))
        if message.role != "assistant":
            self.turns.append(System(text))
            return
        self.thought = self.thought if self.is_new else ""
        self.turns.append(Assistant(text, thought=self._use_thought()))

    def _note_thought(self, thoughts: Iterable[items.ReasoningText], model: str) -> None:
        """Keep what the model thought for what it said next; other models' thoughts mean nothing to it."""
        if model == self.model:
            self.thought = "".join(each.text for each in thoughts)
            self.is_new = True

    def _use_thought(self) -> str:
        self.is_new = False
        return self.thought

    def _read_part(self, part: items.Part | items.InputPart) -> Text | Image:
        match part:
            case items.Refusal():
                return Text(part.refusal)
            case items.InputImage(file_id=str() as file_id):
                return self.images.get(file_id) or Text(f"[a picture, file id {file_id}]")
            case items.InputImage():
                url = part.image_url or ""
                if explain_refusal(url, private=self.policy.private_image_urls):
                    return Text("[a picture at an address that may not be fetched]")
                return Image(url, _detail(part))
            case items.InputFile():
                name = part.filename or part.file_id or part.file_url
                return Text(f"[a file: {name}]")
            case _:
                return Text(part.text)

    def _add_function(
        self, call: items.FunctionCall, output: items.FunctionCallOutput | None
    ) -> None:
        value = _UNANSWERED if output is None else output.output
        parts = () if isinstance(value, str) else tuple(map(self._read_part, value))
        texts = [part.text for part in parts if isinstance(part, Text)]
        text = value if isinstance(value, str) else "\n\n".join(texts)
        made = FunctionCall(call.call_id, call.name, call.arguments)
        self._add_call(made, FunctionResult(call.call_id, text))
        if images := [part for part in parts if isinstance(part, Image)]:
            self.turns.append(User((Text(_PICTURES), *images)))

    def _add_code(self, stored: StoredItem, call: items.CodeInterpreterCall) -> None:
        outputs = items.read_outputs(stored.more.get("outputs") or ())
        if result := stored.more.get("result"):
            known = CODE_RESULT.validate_python(result)
        elif stored.more.get("outputs") is None:
            known = CodeResult(call_id="", logs=_NOT_KNOWN)
        else:
            logs = "".join(each.logs for each in outputs if isinstance(each, items.CodeLogs))
            known = CodeResult(call_id="", logs=logs)
        limit = self.policy.model_output_characters
        shown = replace(
            known,
            logs=model_logs.shorten(known.logs, failed=known.failed, limit=limit),
            images=tuple(Image(each.url) for each in outputs if isinstance(each, items.CodeImage)),
        )
        tool = code_words.CODE
        self._add_call(HostedCall(call.id, tool, call.code or ""), shown.tell(call.id, tool))

    def _add_search(self, stored: StoredItem, call: items.FileSearchCall) -> None:
        results = items.read_results(stored.more.get("results") or ())
        told: dict[str, Any] = stored.more.get("result") or {}
        # Earlier versions kept the pages of the results apart.
        pages = chain(told.get("pages", ()), repeat(None))
        found = [
            Found(each.file_id, each.filename, each.text, page if each.page is None else each.page)
            for each, page in zip(results, pages, strict=False)
        ]
        self.searches += 1
        number = FIRST_NUMBER * self.searches
        self.sources += [(call.id, source) for source in make_sources(found, number)]
        tool = search_words.SEARCH
        problem: str = told.get("problem", "")
        result = tell_found(call.id, tool, found, number=number, problem=problem)
        self._add_call(HostedCall(call.id, tool, "\n".join(call.queries)), result)

    def _add_call(
        self, call: HostedCall | FunctionCall, result: HostedResult | FunctionResult
    ) -> None:
        """Add a call and its result; what was said just before it is of the same turn."""
        said = self.turns[-1] if self.turns else None
        if isinstance(said, Assistant) and not said.calls:
            thought = self._use_thought() if self.is_new else said.thought
            self.turns[-1] = Assistant(said.text, (call,), thought)
        else:
            self.turns.append(Assistant("", (call,), self._use_thought()))
        self.turns.append(result)
