"""Writes calls of tools: of the client's functions, of the code interpreter and of file search."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter

from assistd import ids
from assistd.db.responses.items import StoredItem
from assistd.engine.responses.recording.journal import Journal
from assistd.engine.tools import code_words, search_words
from assistd.engine.tools.base import ToolOutcome
from assistd.engine.tools.code_outcome import CodeOutcome, CodeResult
from assistd.engine.tools.file_search import read_queries
from assistd.engine.tools.search_outcome import SearchOutcome
from assistd.objects.responses.item import (
    CodeImage,
    CodeInterpreterCall,
    CodeLogs,
    CodeOutput,
    FileSearchCall,
    FileSearchResult,
    FunctionCall,
    Item,
)
from assistd.objects.run_step import LogsOutput

CODE_RESULT = TypeAdapter(CodeResult)
"""What a model is told of a call of the code interpreter, as it is kept beside the item."""


class CallWriter(Protocol):
    """An open call; it tells of itself when it is made."""

    def write(self, arguments: str) -> None:
        """Add to the arguments."""
        ...

    def finish_arguments(self) -> None:
        """Tell that the arguments are all there; a hosted tool runs now."""
        ...

    def cut_off(self, status: str) -> None:
        """End a call that nothing came of, and add it to the output: it is `incomplete` or `failed`."""
        ...


class HostedCallWriter(CallWriter, Protocol):
    """An open call of a hosted tool."""

    def finish(self, outcome: ToolOutcome, pictures: Mapping[str, str]) -> None:
        """End the call with what came of it, and add it to the output.

        Args:
            outcome: what the tool returned.
            pictures: the pictures that it showed, as data URLs by file id.
        """
        ...


class _Writer:
    """What writers of all kinds of calls share."""

    def __init__(self, journal: Journal, item: Item) -> None:
        self._journal = journal
        self._index = len(journal.items)
        self._id = item.id
        self._pieces: list[str] = []
        journal.tell_item("response.output_item.added", self._index, item)

    @property
    def _arguments(self) -> str:
        return "".join(self._pieces)

    def _tell(self, name: str, /, **fields: Any) -> None:
        self._journal.tell(name, item_id=self._id, output_index=self._index, **fields)

    def _tell_delta(self, name: str, delta: str) -> None:
        self._journal.tell_delta(name, delta, item_id=self._id, output_index=self._index)

    def _run(self, item: Item) -> None:
        """Note that a hosted tool runs the call now: whoever goes on with the response must know."""
        self._journal.running = StoredItem(item.id, is_input=False, item=item)

    def _end(self, item: Item, **more: Any) -> None:
        self._journal.running = None
        stored = StoredItem(item.id, is_input=False, item=item, more=more)
        shown = stored.show(self._journal.include)
        self._journal.tell_item("response.output_item.done", self._index, shown)
        self._journal.items.append(stored)


class FunctionCallWriter(_Writer):
    """An open call of a client's function (contract, responses, 6.2)."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._call = FunctionCall(
            id=ids.new_hex("fc"),
            status="in_progress",
            arguments="",
            call_id=ids.new("call"),
            name=name,
        )
        super().__init__(journal, self._call)

    def write(self, arguments: str) -> None:
        """Add to the arguments."""
        self._pieces.append(arguments)
        self._tell_delta("response.function_call_arguments.delta", arguments)

    def finish_arguments(self) -> None:
        """End the call: the client carries it out."""
        self._tell(
            "response.function_call_arguments.done",
            arguments=self._arguments,
            name=self._call.name,
        )
        self._end(self._call.evolve(status="completed", arguments=self._arguments))

    def cut_off(self, status: str) -> None:
        """End a call whose arguments are not all there."""
        del status  # the client has it either way
        self._end(self._call.evolve(status="incomplete", arguments=self._arguments))


class CodeCallWriter(_Writer):
    """An open call of the code interpreter (contract, responses, 6.3)."""

    def __init__(self, journal: Journal) -> None:
        outputs = () if "code_interpreter_call.outputs" in journal.include else None
        self._call = CodeInterpreterCall(
            id=ids.new_hex("ci"), status="in_progress", container_id=journal.container_id
        )
        super().__init__(journal, self._call.evolve(outputs=outputs))
        self._tell("response.code_interpreter_call.in_progress")

    def write(self, arguments: str) -> None:
        """Add code."""
        self._pieces.append(arguments)
        self._tell_delta("response.code_interpreter_call_code.delta", arguments)

    def finish_arguments(self) -> None:
        """Tell that the code is all there; it runs now."""
        self._tell("response.code_interpreter_call_code.done", code=self._arguments)
        self._tell("response.code_interpreter_call.interpreting")
        self._run(self._call.evolve(code=self._arguments))

    def finish(self, outcome: ToolOutcome, pictures: Mapping[str, str]) -> None:
        """End the call with its outputs; it shows the code that ran, where that is not quite what was told."""
        assert isinstance(outcome, CodeOutcome)
        code = self._arguments if outcome.repaired is None else outcome.repaired
        outputs: list[CodeOutput] = []
        for each in outcome.outputs:
            if isinstance(each, LogsOutput):
                outputs.append(CodeLogs(logs=each.logs))
            elif each.image.file_id in pictures:
                file_id = each.image.file_id
                outputs.append(CodeImage(url=pictures[file_id], file_id=file_id))
        self._journal.pictures.extend(outcome.pictures)
        self._tell("response.code_interpreter_call.completed")
        self._end(
            self._call.evolve(status="completed", code=code),
            outputs=[each.model_dump() for each in outputs],
            result=CODE_RESULT.dump_python(outcome.result, mode="json"),
        )

    def cut_off(self, status: str) -> None:
        """End a call that did not run to its end."""
        self._end(self._call.evolve(status=status, code=self._arguments), outputs=[])


class SearchCallWriter(_Writer):
    """An open call of file search: nothing of it is told before it has ended (file search, 7.2)."""

    def __init__(self, journal: Journal) -> None:
        self._call = FileSearchCall(id=ids.new_hex("fs"), status="in_progress")
        super().__init__(journal, self._call)
        self._tell("response.file_search_call.in_progress")

    def write(self, arguments: str) -> None:
        """Add to what is looked for."""
        self._pieces.append(arguments)

    def finish_arguments(self) -> None:
        """Tell that it searches now."""
        self._tell("response.file_search_call.searching")
        self._run(self._call.evolve(queries=tuple(read_queries(self._arguments))))

    def finish(self, outcome: ToolOutcome, pictures: Mapping[str, str]) -> None:
        """End the call with what was found."""
        assert isinstance(outcome, SearchOutcome)
        del pictures  # it shows none
        results = [
            FileSearchResult(
                attributes=dict(each.attributes),
                file_id=each.file_id,
                filename=each.filename,
                score=round(each.score, 4),
                text=each.text,
                vector_store_id=each.store_id,
                page=each.page,
            )
            for each in outcome.results
        ]
        self._tell("response.file_search_call.completed")
        self._end(
            self._call.evolve(status="completed", queries=tuple(read_queries(self._arguments))),
            results=[each.model_dump() for each in results],
            result={"problem": outcome.problem},
        )

    def cut_off(self, status: str) -> None:
        """End a call that did not search to its end."""
        self._end(self._call.evolve(status=status, queries=tuple(read_queries(self._arguments))))


WRITERS: Mapping[str, Callable[[Journal], HostedCallWriter]] = {
    code_words.NAME: CodeCallWriter,
    search_words.NAME: SearchCallWriter,
}
"""The writers of calls of hosted tools, by the tool's name."""
