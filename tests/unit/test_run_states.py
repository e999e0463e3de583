"""A run goes only where the table of states leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.objects.run import ACTIVE, TERMINAL, TRANSITIONS, Run, RunStatus, TransitionError


def new_run(status: RunStatus = "queued") -> Run:
    return Run(
        id="run_1",
        created_at=100,
        assistant_id="asst_1",
        thread_id="thread_1",
        expires_at=700,
        model="m",
        status=status,
    )


@given(st.sampled_from(sorted(TRANSITIONS)), st.sampled_from(sorted(TRANSITIONS)))
def test_a_transition_is_made_if_and_only_if_the_table_has_it(
    status: RunStatus, to: RunStatus
) -> None:
    if to in TRANSITIONS[status]:
        assert new_run(status).move_to(to, 200).status == to
    else:
        with pytest.raises(TransitionError):
            new_run(status).move_to(to, 200)


def test_trap_36_no_run_is_in_a_state_that_clients_do_not_know() -> None:
    """Node's poll helper asks again without a pause for a state it does not know."""
    assert set(TRANSITIONS) == {
        "queued", "in_progress", "requires_action", "cancelling", "cancelled", "failed",
        "completed", "incomplete", "expired",
    }  # fmt: skip


@given(st.data())
def test_every_run_reaches_an_ending_and_stays_there(data: st.DataObject) -> None:
    run = new_run()
    for _ in range(50):
        onward = sorted(TRANSITIONS[run.status])
        if not onward:
            break
        run = run.move_to(data.draw(st.sampled_from(onward)), 200)
    if run.status in TERMINAL:
        assert run.expires_at is None
        stamps = [run.cancelled_at, run.failed_at, run.completed_at]
        assert sum(stamp is not None for stamp in stamps) == (run.status != "expired")


def test_active_and_terminal_states_are_all_states() -> None:
    assert set(TRANSITIONS) == ACTIVE | TERMINAL
    assert {"queued", "in_progress", "requires_action", "cancelling"} == ACTIVE


def test_trap_23_started_at_is_set_anew_on_resume_and_the_deadline_stays() -> None:
    run = new_run().move_to("in_progress", 110).move_to("requires_action", 120)
    run = run.move_to("queued", 300)
    assert (run.started_at, run.expires_at) == (110, 700)
    run = run.move_to("in_progress", 310)
    assert (run.started_at, run.expires_at) == (310, 700)
    assert run.move_to("completed", 320).expires_at is None


def test_trap_52_an_incomplete_run_has_completed_at() -> None:
    run = new_run("in_progress").move_to("incomplete", 200)
    assert run.completed_at == 200
