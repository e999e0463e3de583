"""The writers of steps and messages, on a list in the database's place."""

from types import SimpleNamespace
from typing import Any

import pytest

from assistd.engine.assistants.faces.code import CodeFace
from assistd.engine.assistants.journal import Journal
from assistd.engine.assistants.message_writer import MessageWriter
from assistd.engine.assistants.step_writer import StepWriter
from assistd.engine.workspace.contents import Contents
from assistd.objects.base import Object
from assistd.objects.run import Run
from assistd.objects.usage import Usage

RUN = Run(
    id="run_1",
    created_at=1,
    assistant_id="asst_1",
    thread_id="thread_1",
    expires_at=601,
    model="m",
    status="in_progress",
)
USAGE = Usage(prompt_tokens=2, completion_tokens=3, total_tokens=5)


class Database:
    """Keeps what was written, and answers with it."""

    def __init__(self) -> None:
        self.written: list[Object] = []

    async def run(self, _function: object, *args: Any) -> Any:
        self.written.append(args[0])
        return args[0], None


class Feed:
    """Keeps the events, as (name, data)."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.deltas: list[dict[str, Any]] = []

    def publish(self, name: str, _data: object) -> None:
        self.names.append(name)

    def publish_value(self, name: str, value: dict[str, Any]) -> None:
        self.names.append(name)
        self.deltas.append(value["delta"])


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def journal(database: Database, feed: Feed) -> Journal:
    workspace = SimpleNamespace(contents=Contents())
    return Journal(database, feed, RUN, "me", workspace)  # type: ignore[arg-type]


async def test_a_step_of_calls_grows_by_deltas_of_which_only_the_first_has_the_id(
    journal: Journal, database: Database, feed: Feed
) -> None:
    step = await StepWriter.open(journal)
    code, function = step.begin_hosted(CodeFace()), step.begin_function("get_weather")
    step.add(code, "1 +")
    step.add(function, '{"city"')
    step.add(code, " 1")
    step.add(function, ': "Oslo"}')
    calls = [call for delta in feed.deltas for call in delta["step_details"]["tool_calls"]]
    assert [call["index"] for call in calls] == [0, 1, 0, 1, 0, 1]
    assert ["id" in call for call in calls] == [True, True, False, False, False, False]
    assert len(database.written) == 1  # deltas are never written
    (asked,) = step.list_unanswered()
    assert (asked.function.name, asked.function.arguments) == ("get_weather", '{"city": "Oslo"}')


async def test_a_step_that_ends_is_written_whole_and_then_told(
    journal: Journal, database: Database, feed: Feed
) -> None:
    step = await StepWriter.open(journal)
    step.add(step.begin_hosted(CodeFace()), "1 + 1")
    await step.save(USAGE)
    assert not feed.names[-1].endswith("completed")
    await step.close()
    kept: Any = database.written[-1]
    assert kept.status == "completed"
    assert kept.usage == USAGE
    assert kept.step_details.tool_calls[0].code_interpreter.input == "1 + 1"
    assert journal.usage == USAGE
    assert feed.names[:2] == ["thread.run.step.created", "thread.run.step.in_progress"]
    assert feed.names[-1] == "thread.run.step.completed"


async def test_a_message_is_the_text_of_its_deltas(
    journal: Journal, database: Database, feed: Feed
) -> None:
    message = await MessageWriter.open(journal)
    for piece in ("Hello", ", ", "world."):
        message.write(piece)
    await message.close(USAGE)
    kept: Any = database.written[-1]
    texts = [part["text"] for delta in feed.deltas for part in delta["content"]]
    assert "".join(text["value"] for text in texts) == "Hello, world."
    assert kept.content[0].text.value == "Hello, world."
    assert (kept.status, kept.role, kept.run_id) == ("completed", "assistant", "run_1")
    assert feed.names[:4] == [
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
    ]
    assert feed.names[-2:] == ["thread.message.completed", "thread.run.step.completed"]
    assert journal.usage == USAGE


async def test_a_message_without_words_has_an_empty_text(
    journal: Journal, database: Database, feed: Feed
) -> None:
    message = await MessageWriter.open(journal)
    await message.close(Usage())
    kept: Any = database.written[-1]
    assert kept.content[0].text.value == ""
    assert len(feed.deltas) == 1


async def test_pictures_that_wait_come_before_the_words_and_once(
    journal: Journal, database: Database, feed: Feed
) -> None:
    journal.pictures.extend(["file_1", "file_2"])
    message = await MessageWriter.open(journal)
    message.write("Two pictures.")
    await message.close(Usage())
    kept: Any = database.written[-1]
    assert [part.type for part in kept.content] == ["image_file", "image_file", "text"]
    assert [delta["content"][0]["index"] for delta in feed.deltas][:3] == [0, 1, 2]
    assert journal.pictures == []


async def test_a_message_that_breaks_off_says_why(
    journal: Journal, database: Database, feed: Feed
) -> None:
    message = await MessageWriter.open(journal)
    message.write("Hel")
    await message.close(USAGE, step_status="cancelled", reason="run_cancelled")
    kept: Any = database.written[-1]
    assert (kept.status, kept.incomplete_details.reason) == ("incomplete", "run_cancelled")
    assert kept.content[0].text.value == "Hel"
    assert feed.names[-2:] == ["thread.message.incomplete", "thread.run.step.cancelled"]
