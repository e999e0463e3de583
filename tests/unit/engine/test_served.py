"""What a session remembers of its files, as a host hands it back."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from assistd.engine.workspace.served import Served
from assistd.sandbox.base import SandboxError, Session


def remembering(noted: bytes) -> Session:
    """A session that remembers something."""
    return cast("Session", SimpleNamespace(remembered=noted))


@pytest.mark.parametrize(
    "noted",
    [b"\xff", b"{}", b"[1, 2]", b"[{}]", b"[{}, {}, {}]", b'[{"a": 1}, {}]', b"[" * 100_000],
    ids=["bytes", "object", "numbers", "one", "three", "no text", "nested"],
)
def test_notes_that_nobody_can_have_written_fail_the_session(noted: bytes) -> None:
    served = Served(remembering(b""), "proj_1")
    with pytest.raises(SandboxError):
        served.recall(remembering(noted))


async def test_what_is_noted_is_known_to_whoever_has_the_session_next() -> None:
    said: list[bytes] = []

    async def remember(data: bytes) -> None:
        said.append(data)

    session: Any = SimpleNamespace(remembered=b"", remember=remember)
    first = Served(session, "proj_1")
    first.give("file-1", "a.csv")
    first.keep({"plot.png": "file-2"})
    await first.note()
    second = Served(session, "proj_1")
    second.recall(remembering(said[0]))
    assert (second.names, second.written) == ({"file-1": "a.csv"}, {"plot.png": "file-2"})
