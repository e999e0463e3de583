"""Conversations are written so that strict servers take them."""

import json
from typing import Any

from tests.unit.models.asking import code_call, code_result

from assistd.models.conversation import (
    Assistant,
    FunctionCall,
    FunctionResult,
    Image,
    System,
    Text,
    Turn,
    User,
)
from assistd.models.messages import UNSEEN, native_messages

PICTURE = Image("data:image/png;base64,AAAA", "low")
SEEN = {"type": "image_url", "image_url": {"url": PICTURE.url, "detail": "low"}}


def written(*turns: Turn, vision: bool = False) -> list[dict[str, Any]]:
    return native_messages(turns, vision=vision, functions=())


def user(text: str) -> User:
    return User((Text(text),))


def test_a_whole_conversation() -> None:
    turns = [
        System("Be kind."),
        user("Plot x"),
        Assistant("Sure.", (code_call("c1", "plot('é')"), FunctionCall("c2", "f", '{"a": 1}'))),
        code_result("c1", "done\n", ("x.csv",), 1),
        FunctionResult("c2", "42"),
        Assistant("Here."),
    ]
    assert written(*turns) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Plot x"},
        {
            "role": "assistant",
            "content": "Sure.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "python", "arguments": '{"code": "plot(\'é\')"}'},
                },
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a": 1}'},
                },
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": "done\n[1 picture(s) were shown to the user]\n[file written: /mnt/data/x.csv]",
        },
        {"role": "tool", "tool_call_id": "c2", "content": "42"},
        {"role": "assistant", "content": "Here."},
    ]


def test_text_parts_are_one_string() -> None:
    assert written(User((Text("a"), Text("b")))) == [{"role": "user", "content": "a\n\nb"}]


def test_pictures_are_shown_to_models_that_see() -> None:
    turn = User((Text("Look"), PICTURE))
    parts = [{"type": "text", "text": "Look"}, SEEN]
    assert written(turn, vision=True) == [{"role": "user", "content": parts}]
    assert written(turn) == [{"role": "user", "content": f"Look\n\n{UNSEEN}"}]


def test_pictures_of_code_follow_behind_all_results() -> None:
    call = Assistant("", (code_call("c1", "a"), code_call("c2", "b")))
    turns = [
        call,
        code_result("c1", "1", images=(PICTURE,)),
        code_result("c2", "2", images=(PICTURE,)),
    ]
    messages = written(user("x"), *turns, vision=True)
    assert [message["role"] for message in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    assert messages[-1]["content"][1:] == [SEEN, SEEN]
    assert len(written(user("x"), *turns)) == 4


def test_an_assistant_that_only_calls_has_no_text() -> None:
    messages = written(user("x"), Assistant("", (code_call("c", ""),)), code_result("c", ""))
    assert messages[1]["content"] is None


def test_an_assistant_that_says_nothing_is_left_out() -> None:
    assert written(user("x"), Assistant(""), user("y")) == [{"role": "user", "content": "x\n\ny"}]


def test_texts_of_one_assistant_are_one_message() -> None:
    messages = written(user("x"), Assistant("a"), Assistant("b", (code_call("c", ""),)))
    assert messages[1]["content"] == "a\n\nb"
    assert "tool_calls" in messages[1]


def test_a_call_is_not_joined_to_a_call() -> None:
    calls = [Assistant("", (code_call("c1", ""),)), Assistant("", (code_call("c2", ""),))]
    roles = [message["role"] for message in written(user("x"), *calls)]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]


def test_a_call_that_was_never_answered_gets_a_note() -> None:
    messages = written(user("x"), Assistant("", (code_call("c", "a"),)), user("y"))
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "user"]
    assert "no result" in messages[2]["content"]


def test_a_result_without_its_call_is_left_out() -> None:
    assert written(code_result("lost", "1"), FunctionResult("lost", "2"), user("x")) == [
        {"role": "user", "content": "x"}
    ]


def test_arguments_that_are_no_json_object_are_made_one() -> None:
    calls = tuple(FunctionCall(f"c{i}", "f", text) for i, text in enumerate(["", "{oops", "[1]"]))
    made = [
        call["function"]["arguments"] for call in written(Assistant("", calls))[0]["tool_calls"]
    ]
    assert [json.loads(text) for text in made] == [
        {},
        {"unreadable": "{oops"},
        {"unreadable": "[1]"},
    ]


def test_a_picture_joins_the_text_before_it() -> None:
    messages = written(user("a"), User((PICTURE,)), vision=True)
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "a"}, SEEN]}]
