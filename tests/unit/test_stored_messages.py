"""Messages as rows of older databases hold them."""

import json

from assistd.objects.message import Message

ROW = {
    "id": "msg_x",
    "created_at": 7,
    "thread_id": "thread_x",
    "role": "user",
    "content": [{"type": "text", "text": {"value": "Hi", "annotations": []}}],
}
INCOMPLETE = {
    "status": "incomplete",
    "incomplete_details": {"reason": "run_failed"},
    "incomplete_at": 8,
    "completed_at": None,
}


def test_a_stored_message_shows_the_states_it_was_stored_with_over_rest() -> None:
    shown = json.loads(Message.model_validate_json(json.dumps(ROW | INCOMPLETE)).rest())
    assert shown.items() >= INCOMPLETE.items()


def test_a_stored_message_without_states_is_a_completed_one_over_rest() -> None:
    shown = json.loads(Message.model_validate_json(json.dumps(ROW)).rest())
    expected = {
        "status": "completed",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": None,
    }
    assert shown.items() >= expected.items()
