"""What a run's model is told before each question: files, messages and earlier steps, as turns."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from assistd.db import Connection, conversations
from assistd.db.conversations import Conversation, RecordedStep
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.engine.agent.ask import Context
from assistd.engine.annotations.annotator import Citable
from assistd.engine.annotations.citations import Source
from assistd.engine.assistants.faces.base import UNANSWERED, Retelling, ToolFace
from assistd.engine.assistants.faces.registry import FACES
from assistd.engine.assistants.journal import Journal, results_of
from assistd.engine.assistants.pictures import read_pictures
from assistd.engine.context.file_list import list_files
from assistd.engine.context.picture_urls import explain_refusal
from assistd.engine.services import Policy, Services
from assistd.engine.workspace.contents import Contents, Scope, read_contents
from assistd.models.conversation import (
    Assistant,
    FunctionCall,
    FunctionResult,
    HostedCall,
    Image,
    Text,
    Turn,
    User,
)
from assistd.objects import tools
from assistd.objects.message import Content, ImageFileContent, Message, TextContent
from assistd.objects.run import Run
from assistd.objects.run_step import FunctionToolCall, ToolCalls


class RunConversation:
    """The `Conversation` of a run: its thread's messages and steps, and the files in /mnt/data.

    What was read once is kept: nobody else adds to it, for the run locks its thread.

    Args:
        services: the rooms.
        journal: the run, and its workspace.
        faces: of the hosted tools that the thread's runs could have.
    """

    def __init__(
        self, services: Services, journal: Journal, faces: Mapping[str, ToolFace] = FACES
    ) -> None:
        self._services = services
        self._journal = journal
        self._faces = faces
        self._known = Conversation()
        self._counts: Counter[str] = Counter()
        self._ordinals: dict[str, int] = {}
        self._sources: list[Source] = []
        self._own_sources: list[Source] = []
        self._images: dict[str, Image] = {}

    async def read(self, *, vision: bool) -> Context:
        """Return the conversation so far; see `agent.record.Conversation`."""
        services, run = self._services, self._journal.run
        workspace = self._journal.workspace
        more, contents = await services.database.run(
            _gather, workspace.scope, workspace.names, self._known.last
        )
        workspace.contents = contents
        self._known.extend(more)
        self._note_sources(more.steps)
        self._journal.citable = self._find_citable()
        conversation = _truncate(self._known, run)
        if vision:
            self._images |= await read_pictures(services, conversation, self._images)
        previews = await services.previews.read(services.files, contents.inputs)
        files = list_files(contents, previews) if tools.runs_code(run.tools) else ()
        how = Retelling(self._images, services.policy.model_output_characters, self._ordinals)
        conversation = _leave_out_interrupted(conversation, run)
        turns = _turns(conversation, self._faces, how, services.policy)
        return Context(tuple(turns), tuple(files))

    def _note_sources(self, steps: Sequence[RecordedStep]) -> None:
        """Number the calls of steps that were not known yet, and note what answers may cite of them."""
        for recorded in steps:
            details = recorded.step.step_details
            for call in details.tool_calls if isinstance(details, ToolCalls) else ():
                if isinstance(call, FunctionToolCall):
                    continue
                self._ordinals[call.id] = self._counts[call.type]
                self._counts[call.type] += 1
                sources = self._faces[call.type].list_sources(call, self._ordinals[call.id])
                self._sources += sources
                if recorded.step.run_id == self._journal.run.id:
                    self._own_sources += sources

    def _find_citable(self) -> Citable | None:
        if not (self._sources or tools.find_search(self._journal.run.tools)):
            return None
        said = [message for _, message in self._known.messages if message.role == "user"]
        parts = said[-1].content if said else ()
        question = "\n".join(part.text.value for part in parts if isinstance(part, TextContent))
        return Citable(tuple(self._sources), tuple(self._own_sources), question)


@transaction(short=SHORT_PAGE)
def _gather(
    connection: Connection,
    scope: Scope,
    names: Mapping[str, str],
    last: int,
    *,
    max_characters: int | None = None,
) -> tuple[Conversation, Contents]:
    """Return what was said since the last turn, and what stands in /mnt/data."""
    more = conversations.read(connection, scope.key, behind=last, max_characters=max_characters)
    return more, read_contents(connection, scope, names)


def _truncate(conversation: Conversation, run: Run) -> Conversation:
    """Return the conversation without what `last_messages` leaves out; what this run wrote stays."""
    wanted = run.truncation_strategy.last_messages
    if run.truncation_strategy.type == "auto" or not wanted:
        return conversation
    own = sum(message.run_id == run.id for _, message in conversation.messages)
    messages = conversation.messages[-(wanted + own) :]
    first = messages[0][0] if messages else 0
    steps = [step for step in conversation.steps if step.seq > first]
    return Conversation(messages, steps)


def _leave_out_interrupted(conversation: Conversation, run: Run) -> Conversation:
    """Return the conversation without messages that were said anew after their server was stopped."""
    speaking = {run.id}  # runs that said something later, or will
    messages: list[tuple[int, Message]] = []
    for seq, message in reversed(conversation.messages):
        details = message.incomplete_details
        if not (details and details.reason == "run_failed" and message.run_id in speaking):
            messages.append((seq, message))
        if message.role == "assistant" and message.run_id:
            speaking.add(message.run_id)
    return Conversation(messages[::-1], conversation.steps)


def _turns(
    conversation: Conversation,
    faces: Mapping[str, ToolFace],
    how: Retelling,
    policy: Policy,
) -> list[Turn]:
    """Return messages and tool steps in the order they came to be."""
    entries: list[tuple[int, list[Turn]]] = [
        (seq, [_message_turn(message, how.images, policy)])
        for seq, message in conversation.messages
    ]
    entries += [
        (recorded.seq, list(_step_turns(recorded, faces, how)))
        for recorded in conversation.steps
        if recorded.step.type == "tool_calls"
    ]
    turns: list[Turn] = []
    for _, entry in sorted(entries, key=lambda each: each[0]):
        turns += entry
    return list(_join(turns))


def _join(turns: list[Turn]) -> Iterator[Turn]:
    """Yield the turns, with text and the calls that followed it in one turn as the model made them."""
    said: Assistant | None = None
    for turn in turns:
        if isinstance(turn, Assistant) and turn.calls and said and not said.calls:
            said = Assistant(said.text, turn.calls)
            continue
        if said:
            yield said
        said = turn if isinstance(turn, Assistant) else None
        if said is None:
            yield turn
    if said:
        yield said


def _message_turn(message: Message, images: Mapping[str, Image], policy: Policy) -> Turn:
    if message.role == "assistant":
        texts = [part.text.value for part in message.content if isinstance(part, TextContent)]
        return Assistant("\n\n".join(texts))
    return User(tuple(_part(part, images, policy) for part in message.content))


def _part(part: Content, images: Mapping[str, Image], policy: Policy) -> Text | Image:
    match part:
        case TextContent():
            return Text(part.text.value)
        case ImageFileContent():
            file_id = part.image_file.file_id
            return images.get(file_id, Text(f"[a picture, file id {file_id}]"))
        case _ if explain_refusal(part.image_url.url, private=policy.private_image_urls):
            return Text(
                "[a picture at an address that may not be fetched]"
            )  # it is older than the rule
        case _:
            return Image(part.image_url.url, part.image_url.detail)


def _step_turns(
    recorded: RecordedStep, faces: Mapping[str, ToolFace], how: Retelling
) -> Iterator[Turn]:
    """Yield a step's calls, and a result for each: models refuse a call without one."""
    details = recorded.step.step_details
    assert isinstance(details, ToolCalls)
    results = results_of(recorded)
    calls: list[HostedCall | FunctionCall] = []
    answers: list[Turn] = []
    for call in details.tool_calls:
        if isinstance(call, FunctionToolCall):
            calls.append(FunctionCall(call.id, call.function.name, call.function.arguments))
            output = call.function.output
            answers.append(FunctionResult(call.id, UNANSWERED if output is None else output))
        else:
            result = results.code.get(call.id)
            told = faces[call.type].retell(call, result, how)
            calls.append(told[0])
            answers.append(told[1])
    if calls:
        yield Assistant("", tuple(calls))
        yield from answers
