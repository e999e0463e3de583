"""What a session was given and what code wrote there; the session itself keeps it from one call to the next."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from assistd import clock
from assistd.sandbox.base import SandboxError, Session
from assistd.sandbox.remembered import MOST_BYTES


@dataclass(slots=True)
class Served:
    """A session that serves a workspace, and what stands in its /mnt/data.

    Any process may give the session its next cell. So what is known of it is written into the session
    (`Session.remember`), and read from there by whoever reserves it.

    Args:
        session: the session.
        project_id: whose it is.
        tier: the memory that its thread was given, in GiB; None: as much as others have.
        names: of the files that were put there, by id.
        written: what code wrote there, and was kept: path -> file id.
        since: when this process met it (Unix seconds).
        calls: how many cells this process gave it.
    """

    session: Session
    project_id: str
    tier: int | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])
    written: dict[str, str] = field(default_factory=dict[str, str])
    since: float = field(default_factory=clock.now)
    calls: int = 0
    _noted: bytes = b""
    _is_noted: bool = True

    def recall(self, session: Session) -> None:
        """Know what the session remembers; nothing is read that is known already.

        Raises:
            SandboxError: nobody can have written that.
        """
        self.session = session
        if session.remembered != self._noted:
            self.names, self.written = _decode(session.remembered)
            self._noted = session.remembered
        self._is_noted = True

    def give(self, file_id: str, name: str) -> None:
        """Know that a file was put there under a name."""
        self.names[file_id] = name
        self._is_noted = False

    def keep(self, written: Mapping[str, str]) -> None:
        """Know of files that code wrote: path -> file id."""
        if written:
            self.written.update(written)
            self._is_noted = False

    def reset(self, names: Mapping[str, str], written: Mapping[str, str]) -> None:
        """Know all anew."""
        if names != self.names or written != self.written:
            self.names, self.written = dict(names), dict(written)
            self._is_noted = False

    def forget(self, paths: Collection[str]) -> list[str]:
        """Know that paths are gone; return the ids of the files that were put there."""
        given = [file_id for file_id, name in self.names.items() if name in paths]
        names = {file_id: name for file_id, name in self.names.items() if name not in paths}
        self.reset(names, {path: id_ for path, id_ in self.written.items() if path not in paths})
        return given

    async def note(self) -> None:
        """Have the session remember what is known, unless it does.

        What code wrote is left out where it is too much: then a client that deletes such a file in a
        container does not have it deleted from /mnt/data where another process gives the next cell.
        """
        if self._noted and self._is_noted:
            return
        known = _encode(self.names, self.written)
        if len(known) > MOST_BYTES:
            known = _encode(self.names, {})
        await self.session.remember(known)
        self._noted, self._is_noted = known, True


def _encode(names: Mapping[str, str], written: Mapping[str, str]) -> bytes:
    return json.dumps([names, written], ensure_ascii=False).encode()


def _decode(noted: bytes) -> tuple[dict[str, str], dict[str, str]]:
    if not noted:
        return {}, {}
    try:
        names, written = json.loads(noted)
        if all(isinstance(text, str) for each in (names, written) for text in each.values()):
            return dict(names), dict(written)
    except (ValueError, AttributeError, TypeError, RecursionError):
        pass
    raise SandboxError("what the session remembers of its files cannot be read")
