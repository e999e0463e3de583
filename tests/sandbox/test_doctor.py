"""The doctor says what stands, and why where nothing does."""

import os
import uuid
from pathlib import Path

from assistd.sandbox import host
from assistd.sandbox.jails import doctor
from tests.sandbox.rig import LIMITS, processes_that_name


async def test_every_required_wall_stands_around_a_session(python: Path) -> None:
    diagnosis = await doctor.examine(python, limits=LIMITS)
    assert diagnosis.failure is None
    assert [one.name for one in diagnosis.findings if not one.stands and one.required] == []
    assert diagnosis.sound
    own_id = next(one for one in diagnosis.findings if one.name == "an id of its own")
    assert own_id.stands == (os.getuid() == 0)


async def test_no_wall_is_claimed_where_there_is_none(python: Path) -> None:
    diagnosis = await doctor.examine(python, limits=LIMITS, jail="dangerously_unconfined")
    assert diagnosis.failure is None
    assert not diagnosis.sound
    standing = {one.name for one in diagnosis.findings if one.stands}
    assert ("not the host's root" in standing) == (os.getuid() != 0)
    limits = {"limit on memory", "limit on processes", "control groups", "frozen between calls"}
    assert standing <= limits | {"programs", "not the host's root"}


async def test_a_failure_is_told_in_words() -> None:
    nowhere = Path(f"/nowhere/{uuid.uuid4()}/python")
    diagnosis = await doctor.examine(nowhere)
    assert diagnosis.failure is not None
    assert "cannot start" in diagnosis.failure
    assert not diagnosis.sound
    assert not processes_that_name(str(nowhere))


def test_the_hosts_kernel_is_read() -> None:
    assert host.kernel_version() >= (4, 0)
    assert all(sentence.endswith(".") for sentence in host.remedies())
