"""`direct` runs what the user wrote, and answers with what came of it."""

from tests.unit.models.asking import answer, asking, code_call, code_result, codes_of, text_of

from assistd.models.base import Finished
from assistd.models.conversation import Assistant, Image, System, Text, Turn, User
from assistd.models.direct import Direct

TWO = "Run:\n```python\nx = 1\n```\nand\n```py\r\nprint(x)\r\n\r\n```"


def called(number: int, logs: str, *files: str) -> list[Turn]:
    call = f"call_{number}"
    return [Assistant("", (code_call(call, ""),)), code_result(call, logs, files)]


async def test_each_block_is_one_call_in_order() -> None:
    deltas = await answer(Direct(), asking(TWO, code_tool=True))
    assert codes_of(deltas) == ["x = 1"]
    assert isinstance(deltas[-1], Finished)
    assert deltas[-1].reason == "tool_calls"
    deltas = await answer(Direct(), asking(TWO, *called(1, ""), code_tool=True))
    assert codes_of(deltas) == ["print(x)\r\n"]


async def test_then_the_answer_is_the_last_logs_and_every_file_once() -> None:
    turns = [*called(1, "no", "b.csv", "a.csv"), *called(2, "1\n\n", "a.csv", "c d.txt")]
    deltas = await answer(Direct(), asking(TWO, *turns, code_tool=True))
    assert text_of(deltas) == (
        "1\n[b.csv](sandbox:/mnt/data/b.csv)\n[a.csv](sandbox:/mnt/data/a.csv)\n"
        "[c d.txt](sandbox:/mnt/data/c d.txt)"
    )
    assert isinstance(deltas[-1], Finished)
    assert deltas[-1].reason == "stop"
    assert deltas[-1].tokens.completion > 0
    assert deltas[-1].tokens.prompt > 0


async def test_logs_without_files_stand_as_they_are() -> None:
    turns = [*called(1, ""), *called(2, "1\n")]
    assert text_of(await answer(Direct(), asking(TWO, *turns, code_tool=True))) == "1\n"


async def test_files_without_logs_are_only_links() -> None:
    turns = [*called(1, "", "a"), *called(2, "")]
    deltas = await answer(Direct(), asking(TWO, *turns, code_tool=True))
    assert text_of(deltas) == "[a](sandbox:/mnt/data/a)"


async def test_neither_logs_nor_files_is_an_empty_answer() -> None:
    turns = [*called(1, ""), *called(2, "")]
    deltas = await answer(Direct(), asking(TWO, *turns, code_tool=True))
    assert [type(delta) for delta in deltas] == [Finished]


async def test_only_the_last_user_message_counts() -> None:
    turns = [System("Be kind."), User((Text("```python\nold\n```"),)), *called(1, "old", "old.txt")]
    deltas = await answer(Direct(), asking(*turns, "```python\nnew\n```", code_tool=True))
    assert codes_of(deltas) == ["new"]


async def test_without_a_block_the_answer_is_the_question() -> None:
    deltas = await answer(Direct(), asking("Hello, how are you today?", code_tool=True))
    assert text_of(deltas) == "Hello, how are you today?"
    assert len(deltas) > 2


async def test_without_the_tool_nothing_is_run() -> None:
    assert text_of(await answer(Direct(), asking(TWO))) == TWO
    deltas = await answer(Direct(), asking(TWO, code_tool=True, tool_choice="none"))
    assert text_of(deltas) == TWO


async def test_pictures_are_passed_over() -> None:
    user = User((Image("https://example.com/a.png"), Text("Hi")))
    assert text_of(await answer(Direct(), asking(user))) == "Hi"
