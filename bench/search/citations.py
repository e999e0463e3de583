"""How well the built-in model cites: each question is one run with file search over the handbooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openai import OpenAI
from rich.progress import track

from bench.search.handbooks import HANDBOOKS, QUESTIONS, Question

_INSTRUCTIONS = "Answer the user's question from the files. If they do not say it, say that."


@dataclass(frozen=True, slots=True)
class Cited:
    """What an answer cites.

    Args:
        question: what was asked.
        files: the names of the files it cites, in the order of its citations.
        text: the answer.
        has_leak: whether a marker stands in it without an annotation, or an annotation at a wrong place.
    """

    question: Question
    files: tuple[str, ...]
    text: str
    has_leak: bool


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of all are as they should be, from 0 to 1.

    Args:
        cited: answers to questions with an answer that carry a citation.
        right: citations of those answers that name the file with the answer.
        silent: questions without an answer that got no citation.
        leaks: answers with a marker that is no citation; a count.
    """

    cited: float
    right: float
    silent: float
    leaks: int


def ask_all(client: OpenAI) -> list[Cited]:
    """Ask every question of a server whose model is the built-in one, each in a thread of its own."""
    store = client.vector_stores.create(name="handbooks").id
    ids: dict[str, str] = {}
    for name, pages in HANDBOOKS.items():
        content = "\n\n".join(pages).encode()
        kept = client.vector_stores.files.upload_and_poll(
            vector_store_id=store, file=(name, content)
        )
        assert kept.status == "completed", kept
        ids[kept.id] = name
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        instructions=_INSTRUCTIONS,
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [store]}},
        temperature=0,
    ).id
    return [_ask(client, assistant, each, ids) for each in track(QUESTIONS, "asking for citations")]


def count_shares(answers: Sequence[Cited]) -> Shares:
    """Return how many answers are as they should be."""
    answerable = [each for each in answers if each.question.file]
    others = [each for each in answers if not each.question.file]
    named = [(name, each.question.file) for each in answerable for name in each.files]
    return Shares(
        cited=sum(bool(each.files) for each in answerable) / len(answerable),
        right=sum(name == file for name, file in named) / max(1, len(named)),
        silent=sum(not each.files for each in others) / len(others),
        leaks=sum(each.has_leak for each in answers),
    )


def _ask(client: OpenAI, assistant: str, question: Question, ids: dict[str, str]) -> Cited:
    message: Any = {"role": "user", "content": question.text}
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant, thread={"messages": [message]}, poll_interval_ms=300
    )
    assert run.status == "completed", (run.status, run.incomplete_details, run.last_error)
    said = client.beta.threads.messages.list(run.thread_id, run_id=run.id, limit=1).data[0]
    part = said.content[0]
    assert part.type == "text"
    text, annotations = part.text.value, part.text.annotations
    files = tuple(
        ids[each.file_citation.file_id] for each in annotations if each.type == "file_citation"
    )
    is_off = any(text[each.start_index : each.end_index] != each.text for each in annotations)
    client.beta.threads.delete(run.thread_id)
    return Cited(question, files, text, is_off or text.count("【") != len(files))
