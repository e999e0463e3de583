"""A second hosted tool needs nothing of `models/`: it is offered, called and answered as data."""

import json
from typing import Any

import pytest
from tests.unit.agent.memory import Printed
from tests.unit.models.asking import WEATHER, answer, asking, codes_of, text_of
from tests.unit.models.test_tool_calls import call, read
from tests.upstream import Code, Function, Upstream

from assistd.engine.tools.base import HostedTool, ToolOutcome
from assistd.engine.tools.code_words import CODE
from assistd.models.base import (
    Delta,
    Finished,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    ModelError,
    ModelRequest,
)
from assistd.models.chat_completions import ChatCompletions
from assistd.models.conversation import (
    Assistant,
    FunctionTool,
    HostedCall,
    HostedResult,
    HostedSpec,
    Image,
    Text,
    User,
)
from assistd.models.fenced import check, fenced_messages
from assistd.models.messages import native_messages

PARAMETERS = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
}
SPEC = HostedSpec("lookup", ("lookup", "search"), "Look a word up.", PARAMETERS)
BOTH = asking("What is x?", hosted=(CODE, SPEC))


class Lookup:
    """A hosted tool with plain JSON arguments."""

    name = "lookup"

    def describe(self, *, has_files: bool) -> HostedSpec:
        return SPEC

    def instruct(self) -> str:
        return "Look words up."

    async def run(self, arguments: str) -> ToolOutcome:
        word = json.loads(arguments)["word"]
        return Printed(f"{word} is a letter.")

    def reject(self, reason: str) -> ToolOutcome:
        return Printed(reason, failed=True)


TOOL: HostedTool = Lookup()


def arguments_of(deltas: list[Delta], index: int) -> str:
    return "".join(d.arguments for d in deltas if isinstance(d, HostedDelta) and d.index == index)


async def test_a_tool_with_json_arguments_is_offered_called_and_answered(
    upstream: Upstream, native: ChatCompletions
) -> None:
    upstream.call(Code("print(1)"), Function("lookup", {"word": "x"}), Function("get_weather", {}))
    spec = TOOL.describe(has_files=False)
    request = asking("What is x?", hosted=(CODE, spec), functions=(WEATHER,))
    deltas = await answer(native, request)
    offered = [tool["function"] for tool in upstream.last.body["tools"]]
    assert [function["name"] for function in offered] == ["python", "lookup", "get_weather"]
    assert offered[1] == {
        "name": "lookup",
        "description": "Look a word up.",
        "parameters": PARAMETERS,
    }
    assert HostedStarted(1, "lookup") in deltas
    assert FunctionStarted(2, "get_weather") in deltas
    assert codes_of(deltas)[0] == "print(1)"

    arguments = arguments_of(deltas, 1)
    outcome = await TOOL.run(arguments)
    turns = (
        *request.turns,
        Assistant("", (HostedCall("c1", spec, arguments),)),
        outcome.tell("c1", spec),
    )
    upstream.say("A letter.")
    assert text_of(await answer(native, ModelRequest("gpt-4o", turns, hosted=(spec,)))) == (
        "A letter."
    )
    *_, called, told = upstream.last.messages
    assert called["tool_calls"][0]["function"] == {"name": "lookup", "arguments": arguments}
    assert told == {"role": "tool", "tool_call_id": "c1", "content": "x is a letter."}


def test_arguments_without_a_streamed_one_come_as_they_are() -> None:
    deltas = read(BOTH, call(0, "lookup", '{"word"'), call(0, None, ': "\\u00e9"}'))
    assert deltas == [
        HostedStarted(0, "lookup"),
        HostedDelta(0, '{"word"'),
        HostedDelta(0, ': "\\u00e9"}'),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize("arguments", ["[1]", '{"word": ', "x"])
def test_arguments_that_are_no_object_are_rejected(arguments: str) -> None:
    deltas = read(BOTH, call(0, "search", arguments))
    assert isinstance(deltas[-2], HostedRejected)
    outcome = TOOL.reject(deltas[-2].reason).tell("c", SPEC)
    assert (outcome.failed, "JSON object" in outcome.text) == (True, True)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert arguments_of(read(BOTH, call(0, "lookup")), 0) == "{}"


def test_of_several_hosted_tools_an_unknown_name_means_none() -> None:
    deltas = read(BOTH, call(0, "calculator", "{}"))
    assert deltas[0] == HostedStarted(0, "code_interpreter")
    assert isinstance(deltas[1], HostedRejected)
    assert "The tools are: lookup, python." in deltas[1].reason


@pytest.mark.parametrize(
    ("taken", "name"),
    [((), "lookup"), (("lookup",), "search"), (("lookup", "search"), "assistd_lookup")],
)
def test_a_tool_gives_way_to_functions_of_its_name(taken: tuple[str, ...], name: str) -> None:
    functions = tuple(FunctionTool(each, None, {}) for each in taken)
    request = asking("x", hosted=(SPEC,), functions=functions)
    deltas = read(request, call(0, name, '{"word": "x"}'))
    assert deltas[0] == HostedStarted(0, "lookup")
    turns = (User((Text("x"),)), Assistant("", (HostedCall("c", SPEC, "{}"),)))
    messages = native_messages(turns, vision=False, functions=taken)
    assert messages[1]["tool_calls"][0]["function"]["name"] == name


async def test_one_tool_can_be_demanded(upstream: Upstream, native: ChatCompletions) -> None:
    await answer(native, asking("x", hosted=(CODE, SPEC), tool_choice="hosted:lookup"))
    assert upstream.last.body["tool_choice"]["function"]["name"] == "lookup"


def test_pictures_of_a_tool_stand_behind_its_own_words() -> None:
    seen = HostedResult("c", SPEC, "Found.", images=(Image("data:x"),))
    turns = (Assistant("", (HostedCall("c", SPEC, "{}"),)), seen)
    messages = native_messages(turns, vision=True, functions=())
    assert messages[-1]["content"][0]["text"] == "The picture(s) that the tool showed:"


# The fenced protocol


def test_a_tool_without_blocks_is_left_out_of_the_fenced_protocol() -> None:
    messages = fenced_messages(asking("x", hosted=(SPEC,)), vision=False)
    assert messages == [{"role": "user", "content": "x"}]
    called: Any = (
        Assistant("", (HostedCall("c", SPEC, '{"word": "x"}'),)),
        HostedResult("c", SPEC, "a letter", failed=True),
    )
    told = fenced_messages(asking("x", *called, *called, hosted=(CODE, SPEC)), vision=False)
    assert told[2]["content"] == '[Called the tool lookup with {"word": "x"}]'
    assert told[3]["content"] == "[The tool answered: a letter]"


@pytest.mark.parametrize("choice", ["hosted:lookup", "required"])
def test_a_tool_without_blocks_cannot_be_demanded_of_the_fenced_protocol(choice: str) -> None:
    with pytest.raises(ModelError, match="fenced"):
        check(asking("x", hosted=(SPEC,), tool_choice=choice))
    check(asking("x", hosted=(SPEC,)))
