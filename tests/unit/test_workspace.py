"""A workspace over sessions in memory: what is put where, what is remembered, and what a new session gets."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from assistd import telemetry
from assistd.db.sessions import Opening
from assistd.engine.workspace import served
from assistd.engine.workspace.contents import Contents, InputFile, Scope
from assistd.engine.workspace.storage import Harvest, StoredPicture
from assistd.engine.workspace.workspace import Workspace, Workspaces
from assistd.errors import NotFoundError, StorageFullError
from assistd.objects.file import File
from assistd.sandbox.base import Execution, Logs, Picture, SandboxError, Session, Tenant
from assistd.sandbox.fake import Cell, FakeSessions

KEY = "thread_1"


def _file(id_: str, name: str) -> File:
    return File(id=id_, purpose="assistants", filename=name, bytes=1, created_at=1)


class MemoryStorage:
    """What lasts of one workspace, in memory; stands in for `Storage`."""

    def __init__(self) -> None:
        self.inputs: list[InputFile] = []
        self.written: dict[str, File] = {}
        self.bytes: dict[str, bytes] = {}
        self.opened: list[str] = []
        self.ended: list[str] = []
        self.forgotten: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.is_full = False
        self.tier: int | None = None
        self.tiers_read = 0

    def give(self, id_: str, name: str, data: bytes) -> None:
        """Give a file to the code."""
        self.inputs.append(InputFile(name, _file(id_, name)))
        self.bytes[id_] = data

    async def read_tier(self, _: Scope) -> int | None:
        self.tiers_read += 1
        return self.tier

    async def read_tenant(self, scope: Scope, tier: int | None) -> Tenant:
        return Tenant(scope.project_id, memory_bytes=tier and tier << 30)

    async def record_session(self, scope: Scope, session_id: str, tier: int | None) -> Opening:
        assert (scope.key, tier) == (KEY, self.tier)
        self.opened.append(session_id)
        return Opening(is_first=len(self.opened) == 1, is_billed=True)

    async def record_session_end(self, session_id: str) -> None:
        self.ended.append(session_id)

    async def read_all_files(self, _: Scope) -> tuple[Sequence[InputFile], dict[str, File]]:
        return self.inputs, dict(self.written)

    async def read_inputs(self, _: Scope, names: Mapping[str, str]) -> Sequence[InputFile]:
        return [InputFile(names.get(one.file.id, one.name), one.file) for one in self.inputs]

    async def open(self, file: File) -> AsyncIterable[bytes]:
        if file.id not in self.bytes:
            raise NotFoundError("it was deleted")

        async def chunks() -> AsyncIterator[bytes]:
            yield self.bytes[file.id]

        return chunks()

    async def forget(self, _: Scope, paths: Iterable[str], file_ids: Iterable[str]) -> None:
        self.forgotten.append((tuple(paths), tuple(file_ids)))
        for path in paths:
            self.written.pop(path, None)

    async def keep_picture(self, _: Scope, data: bytes) -> str:
        if self.is_full:
            raise StorageFullError
        return f"file-{data.decode()}"

    async def harvest(self, _: Scope, session: Session) -> Harvest:
        changes = await session.changes()
        kept: dict[str, str] = {}
        for path, data in (await session.read_small(changes.files, 1 << 20)).items():
            kept[path] = f"file-{len(self.bytes)}"
            self.bytes[kept[path]] = data
            self.written[path] = _file(kept[path], path)
        return Harvest(kept, changes.removed, changes.notes)


async def _play(cell: Cell) -> None:
    """Play `write NAME TEXT`, `read NAME`, `remove NAME`, `picture TEXT` and `die`."""
    verb, *words = cell.code.split()
    if verb == "write":
        cell.files[words[0]] = words[1].encode()
    elif verb == "read":
        cell.print(cell.read(words[0]).decode())
    elif verb == "remove":
        del cell.files[words[0]]
    elif verb == "picture":
        cell.print("before ")
        cell.show(Picture(words[0].encode()))
    elif verb == "die":
        cell.die()


class Rig:
    """Workspaces of one server over sessions that others may share."""

    def __init__(self, sessions: FakeSessions, storage: MemoryStorage) -> None:
        self.sessions, self.storage = sessions, storage
        self.all = Workspaces(sessions, storage)  # pyright: ignore[reportArgumentType]
        sessions.on_closed = self.all.note_end

    def workspace(self) -> Workspace:
        return self.all.get(Scope(KEY, "proj_1"))

    async def run(self, code: str) -> Execution:
        return (await self.workspace().run(code)).execution


@pytest.fixture
def rig() -> Rig:
    return Rig(FakeSessions(_play), MemoryStorage())


async def test_a_new_session_is_billed_once_and_given_its_files(rig: Rig) -> None:
    rig.storage.give("file-a", "a.csv", b"x,y")
    assert (await rig.run("read a.csv")).logs == "x,y"
    assert (await rig.run("read file-a")).logs == "x,y"
    assert len(rig.storage.opened) == 1


async def test_the_memory_of_a_thread_is_read_when_a_session_is_opened_and_not_before_each_call(
    rig: Rig,
) -> None:
    for _ in range(3):
        await rig.run("print 1")
    assert rig.storage.tiers_read == 1
    rig.storage.tier = 4
    await rig.all.retire(KEY)
    await rig.run("print 1")
    assert rig.storage.tiers_read == 2
    assert rig.all._served[KEY].tier == 4


async def test_the_end_of_a_session_binds_no_id_of_who_asked_for_it(rig: Rig) -> None:
    await rig.run("print 1")
    telemetry.bind_anew(request_id="req_1")
    with capture_logs() as lines:
        await rig.all.close(KEY)
    assert telemetry.bound_ids() == {"request_id": "req_1"}
    assert [line["calls"] for line in lines if line["event"] == "session ended"] == [1]


async def test_a_file_that_comes_later_is_put_and_one_that_is_there_is_not_put_again(
    rig: Rig,
) -> None:
    rig.storage.give("file-a", "a.csv", b"x,y")
    await rig.run("write a.csv changed")
    rig.storage.give("file-b", "b.csv", b"later")
    assert (await rig.run("read a.csv")).logs == "changed"
    assert (await rig.run("read b.csv")).logs == "later"


async def test_what_code_wrote_is_known_and_restored_where_a_session_is_lost(rig: Rig) -> None:
    rig.storage.give("file-a", "a.csv", b"old")
    workspace = rig.workspace()
    ran = await workspace.run("write out.txt hello")
    assert list(ran.files) == ["out.txt"]
    assert workspace.contents.written == ran.files
    await rig.run("write a.csv new")
    assert (await rig.run("die")).status == "dead"
    again = await rig.workspace().run("read out.txt")
    assert (again.execution.logs, again.files) == ("hello", {})
    assert again.notes[0].startswith("This is a new session")
    assert (await rig.run("read a.csv")).logs == "new", "what code made of an input takes its place"
    assert (await rig.run("read file-a")).logs == "new"
    assert rig.storage.ended == [rig.storage.opened[0]]


async def test_what_code_removes_is_forgotten_and_not_attached(rig: Rig) -> None:
    rig.storage.give("file-a", "a.csv", b"x")
    workspace = rig.workspace()
    written = await workspace.run("write out.txt hello")
    removed = await workspace.run("remove out.txt")
    assert removed.removed == tuple(written.files.values())
    assert workspace.contents.written == {}
    await workspace.run("remove a.csv")
    assert rig.storage.forgotten == [(("out.txt",), ()), (("a.csv",), ("file-a",))]
    assert "file-a" not in workspace.names
    assert (await rig.run("read a.csv")).logs == "x", "brought back, it is put again"


async def test_names_are_those_of_the_live_session(rig: Rig) -> None:
    rig.storage.give("file-a", "a.csv", b"x")
    assert rig.workspace().names == {}
    await rig.run("read a.csv")
    assert rig.workspace().names == {"file-a": "a.csv"}
    await rig.run("die")
    assert rig.workspace().names == {}
    await rig.run("read a.csv")
    await rig.all.close(KEY)
    assert rig.workspace().names == {}
    assert rig.workspace().contents == Contents()


async def test_a_picture_stands_where_it_was_shown_or_is_said_to_be_lost(rig: Rig) -> None:
    ran = await rig.workspace().run("picture p")
    assert ran.outputs == (Logs("before "), StoredPicture("file-p"))
    rig.storage.is_full = True
    ran = await rig.workspace().run("picture p")
    assert ran.outputs == (Logs("before "),)
    assert any(note.startswith("A picture could not be kept") for note in ran.notes)


async def test_a_file_that_cannot_be_put_is_told_and_tried_again(rig: Rig) -> None:
    rig.storage.inputs.append(InputFile("a.csv", _file("file-a", "a.csv")))
    ran = await rig.workspace().run("write b.txt x")
    assert "could not be put into /mnt/data: it was deleted" in ran.notes[0]
    rig.storage.bytes["file-a"] = b"back"
    assert (await rig.run("read a.csv")).logs == "back"


async def test_a_session_whose_introduction_breaks_off_is_closed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Scope) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(rig.storage, "read_all_files", fail)
        with pytest.raises(InterruptedError):
            await rig.run("write b.txt x")
    assert rig.storage.ended == rig.storage.opened
    rig.storage.give("file-a", "a.csv", b"x")
    assert (await rig.run("read a.csv")).logs == "x"
    assert len(rig.storage.opened) == 2


async def test_another_server_goes_on_in_the_session_that_one_opened(rig: Rig) -> None:
    rig.storage.give("file-a", "a.csv", b"x")
    await rig.run("write a.csv changed")
    other = Rig(rig.sessions, rig.storage)
    rig.storage.give("file-b", "b.csv", b"later")
    assert (await other.run("read a.csv")).logs == "changed"
    assert (await other.run("read b.csv")).logs == "later"
    assert len(rig.storage.opened) == 1
    assert other.workspace().names == {"file-a": "a.csv", "file-b": "b.csv"}


async def test_a_call_that_loses_its_host_says_so_and_the_next_one_goes_on() -> None:
    async def play(cell: Cell) -> None:
        if cell.code == "lose":
            cell.files["lost.txt"] = b"x"
            sessions.lose_host()
        else:
            await _play(cell)

    sessions = FakeSessions(play)
    rig = Rig(sessions, MemoryStorage())
    await rig.run("write kept.txt hello")
    ran = await rig.workspace().run("lose")
    assert (ran.execution.status, ran.files, ran.removed) == ("dead", {}, ())
    assert any("host" in note for note in ran.notes)
    again = await rig.workspace().run("read kept.txt")
    assert again.execution.logs == "hello"
    assert again.notes[0].startswith("This is a new session")


async def test_a_process_knows_what_another_put_and_removed(rig: Rig) -> None:
    rig.storage.give("file-a", "a.csv", b"x")
    await rig.run("read a.csv")
    other = Rig(rig.sessions, rig.storage)
    rig.storage.give("file-b", "b.csv", b"y")
    await other.run("remove a.csv")
    rig.storage.inputs = [one for one in rig.storage.inputs if one.file.id != "file-a"]
    await rig.run("read b.csv")
    assert rig.workspace().names == {"file-b": "b.csv"}


async def test_a_session_that_ends_while_it_is_waited_for_is_replaced(rig: Rig) -> None:
    first = await rig.sessions.open(KEY)
    async with first.reserving():
        waiting = asyncio.create_task(rig.run("write a.txt x"))
        await asyncio.sleep(0.01)
        await rig.sessions.drop(KEY)
    assert (await waiting).status == "ok"
    assert len(rig.storage.opened) == 1


@pytest.mark.parametrize(
    "noted", [b"\xff", b"{}", b"[1, 2]", b"[{}, {}, {}]", b'[{"a": 1}, {}]', b"[[], []]"]
)
async def test_what_nobody_can_have_noted_is_refused(rig: Rig, noted: bytes) -> None:
    await (await rig.sessions.open(KEY)).remember(noted)
    with pytest.raises(SandboxError, match="remembers"):
        await rig.run("write a.txt x")


async def test_a_session_remembers_less_where_it_is_too_much(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "MOST_BYTES", 100)
    rig.storage.give("file-a", "a.csv", b"x")
    await rig.run(f"write {'a' * 100}.txt x")
    assert rig.workspace().names == {"file-a": "a.csv"}
    other = Rig(rig.sessions, rig.storage)
    await other.run("write a.csv changed")
    assert other.workspace().names == {"file-a": "a.csv"}
    assert (await other.run("read a.csv")).logs == "changed"
    assert len(rig.storage.opened) == 1
