"""The `direct` model: it runs the Python the user wrote, exactly as it promises."""

from tests.acceptance.conftest import Ask, Talk
from tests.live import stream
from tests.upstream import Upstream


def direct(ask: Ask, text: str) -> Talk:
    """A thread whose user wrote this, and an assistant that runs it."""
    return ask(text, model="direct")


def test_direct_runs_each_block_as_one_call_and_answers_with_the_last_logs(ask: Ask) -> None:
    talk = direct(ask, "```python\nx = 20\nprint('one')\n```\nand\n```python\nprint(x + 1)\n```\n")
    events = talk.stream()
    run = stream.one(events, "thread.run.completed")
    steps = talk.steps(run["id"])
    assert [step.type for step in steps] == ["tool_calls", "tool_calls", "message_creation"]
    calls = [step.step_details.tool_calls[0].code_interpreter for step in steps[:2]]
    assert [call.outputs[0].logs for call in calls] == ["one\n", "21\n"]
    assert talk.answer.content[0].text.value == "21\n"


def test_direct_links_every_file_the_blocks_wrote_behind_the_logs(ask: Ask) -> None:
    talk = direct(
        ask,
        "```python\nopen('/mnt/data/b.csv', 'w').write('b')\n```\n"
        "```python\nopen('/mnt/data/a.csv', 'w').write('a')\nprint('done')\n```",
    )
    assert talk.run().status == "completed"
    text = talk.answer.content[0].text
    assert text.value == (
        "done\n[b.csv](sandbox:/mnt/data/b.csv)\n[a.csv](sandbox:/mnt/data/a.csv)"
    )
    contents = [
        talk.client.files.content(each.file_path.file_id).read() for each in text.annotations
    ]
    assert contents == [b"b", b"a"]


def test_direct_answers_with_the_users_text_when_there_is_no_block(ask: Ask) -> None:
    talk = direct(ask, "Just words, and `code`.")
    assert talk.run().status == "completed"
    assert talk.answer.content[0].text.value == "Just words, and `code`."


def test_direct_shows_pictures_and_tracebacks(ask: Ask) -> None:
    talk = direct(
        ask,
        "```python\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n```\n"
        "```python\n1 / 0\n```",
    )
    assert talk.run().status == "completed"
    picture, text = talk.answer.content
    assert picture.type == "image_file"
    assert "ZeroDivisionError" in text.text.value


def test_direct_needs_no_upstream(ask: Ask, upstream: Upstream) -> None:
    direct(ask, "```python\nprint(1)\n```").run()
    assert upstream.requests == []


def test_direct_runs_only_the_blocks_of_the_last_message(ask: Ask) -> None:
    talk = direct(ask, "```python\nprint('first')\n```")
    talk.run()
    talk.say("```python\nprint('second')\n```")
    run = talk.run()
    assert len(talk.steps(run.id)) == 2
    assert talk.answer.content[0].text.value == "second\n"


def test_direct_without_the_code_interpreter_runs_nothing(ask: Ask) -> None:
    talk = ask("```python\nprint(1)\n```", model="direct", tools=[])
    run = talk.run()
    assert len(talk.steps(run.id)) == 1
    assert talk.answer.content[0].text.value == "```python\nprint(1)\n```"
