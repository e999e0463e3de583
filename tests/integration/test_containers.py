"""The workspaces of containers: what is there, what it costs, how it expires; over sessions in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from assistd import clock
from assistd.db import nouns, projects, sessions
from assistd.db.collection import Page
from assistd.db.sessions import Span
from assistd.engine.policy import Policy
from assistd.engine.responses import container_files, container_life, containers
from assistd.engine.responses.container_files import Upload
from assistd.engine.responses.container_workspace import ContainerRef
from assistd.engine.services import Services
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.storage import Storage, StoredPicture
from assistd.engine.workspace.workspace import Ran, Workspaces
from assistd.errors import NotFoundError, RequestError
from assistd.objects.metered_session import MeteredSession
from assistd.objects.responses.container import ContainerFile, StoredContainer
from assistd.objects.responses.response import AutoContainer
from assistd.sandbox.base import Picture, SandboxError
from assistd.sandbox.fake import Cell, FakeSessions

pytestmark = pytest.mark.every_backend

MINUTE = 60
PNG = b"\x89PNG\r\n\x1a\n"
AUTO = AutoContainer()


async def play(cell: Cell) -> None:
    """Carry out one command a line: write PATH TEXT, remove PATH, read NAME, show, set X, get, wait."""
    for line in cell.code.splitlines():
        match line.split(" ", 2):
            case ["write", path, text]:
                cell.files[path] = text.encode()
            case ["remove", path]:
                del cell.files[path]
            case ["read", name]:
                cell.print(cell.read(name).decode())
            case ["show"]:
                cell.show(Picture(PNG))
            case ["set", value]:
                cell.variables["x"] = value
            case ["get"]:
                cell.print(str(cell.variables.get("x")))
            case ["wait"]:
                await asyncio.sleep(0.05)
            case ["list"]:
                cell.print(",".join(sorted(cell.files)))
            case _:
                raise ValueError(line)


@dataclass
class Rig:
    """Containers of one project."""

    services: Services
    project_id: str

    async def run(self, ref: ContainerRef, code: str) -> Ran:
        scope = ref.make_scope(lambda _: "key_1")
        return await self.services.workspaces.get(scope).run(code)

    async def choose(
        self, asked: AutoContainer | str = AUTO, *used: str, **more: Any
    ) -> ContainerRef:
        return await containers.choose(self.services, self.project_id, asked, used, **more)

    async def list_files(self, container_id: str) -> list[ContainerFile]:
        page = Page(order="asc")
        found = await self.services.database.run(
            container_files.read_page, self.project_id, container_id, page
        )
        return list(found.items)

    async def read(self, container_id: str, file_id: str) -> bytes:
        file = await self.services.database.run(
            container_files.get, self.project_id, container_id, file_id
        )
        return b"".join([chunk async for chunk in self.services.files.read(file)])

    async def make(self, **numbers: Any) -> StoredContainer:
        container = container_life.make("c", **numbers)
        policy = self.services.policy
        await self.services.database.run(containers.create, self.project_id, container, (), policy)
        return container

    async def upload(self, container_id: str, name: str, data: bytes) -> ContainerFile:
        (blob,) = await self.services.files.put_all([data])
        upload = Upload(blob, name)
        return await container_files.add_upload(
            self.services, self.project_id, container_id, upload
        )

    async def add_file(self, name: str, data: bytes) -> str:
        """A file of the project."""
        from assistd.files.rows import NewFile  # noqa: PLC0415

        (blob,) = await self.services.files.put_all([data])
        new = NewFile(blob, self.project_id, name, "assistants", clock.seconds())
        return (await self.services.files.add(new)).id

    async def metered(self) -> list[MeteredSession]:
        return await self.services.database.run(sessions.of, Span(0, 1 << 40))

    async def status(self, container_id: str) -> str:
        page = await self.services.database.run(containers.read_page, self.project_id, Page())
        return next(each.status for each in page.items if each.id == container_id)

    async def tend(self) -> None:
        """Do once what a server does for containers from time to time."""
        for duty in containers.duties(self.services):
            await duty.act()


def rebuild(services: Services, policy: Policy) -> Services:
    """The services over sessions that play, with the numbers of a policy."""
    fakes = FakeSessions(play)
    workspaces = Workspaces(fakes, Storage(services.database, services.files, policy))
    fakes.on_closed = workspaces.note_end
    return replace(services, workspaces=workspaces, policy=policy)


@pytest.fixture
async def rig(services: Services) -> Rig:
    project = await services.database.run(projects.default)
    return Rig(rebuild(services, Policy()), project.id)


async def test_a_container_that_runs_nothing_is_never_made(rig: Rig) -> None:
    """Complaint 1 of the contract, responses, 13: named lazily, made and billed by its first cell."""
    ref = await rig.choose()
    page = await rig.services.database.run(containers.read_page, rig.project_id, Page())
    assert not page.items
    await rig.run(ref, "set 1")
    page = await rig.services.database.run(containers.read_page, rig.project_id, Page())
    assert [(each.id, each.name, each.memory_limit) for each in page.items] == [
        (ref.id, "auto", "1g")
    ]
    (session,) = await rig.metered()
    assert (session.thread_id, session.api_key_id, session.billed) == (ref.id, "key_1", True)


async def test_responses_trap_38_the_newest_container_of_the_context_is_used_again(
    rig: Rig,
) -> None:
    """Through items that clients send, too; containers of other projects are passed over."""
    first, second = await rig.choose(), await rig.choose()
    for ref in (first, second):
        await rig.run(ref, f"set {ref.id}")
    assert (await rig.choose(AUTO, first.id, second.id)).id == second.id
    assert (await rig.choose(AUTO, second.id, first.id, "cntr_elsewhere")).id == first.id
    assert (await rig.choose(second.id, first.id)).id == second.id
    again = await rig.run(await rig.choose(AUTO, first.id), "get")
    assert again.execution.logs == first.id
    other = Rig(rig.services, (await rig.services.database.run(projects.create, "other")).id)
    assert (await other.choose(AUTO, first.id)).is_new
    with pytest.raises(NotFoundError, match=f"Container with id '{first.id}' not found."):
        await other.choose(first.id)


async def test_a_path_that_is_written_again_keeps_its_id(rig: Rig) -> None:
    ref = await rig.choose()
    ran = await rig.run(ref, "write a.txt one\nwrite d/b.txt two")
    listed = await rig.list_files(ref.id)
    assert {each.path: each.id for each in listed} == {
        f"/mnt/data/{path}": id_ for path, id_ in ran.files.items()
    }
    assert {each.source for each in listed} == {"assistant"}
    again = await rig.run(ref, "write a.txt another")
    assert again.files == {"a.txt": ran.files["a.txt"]}
    file = next(each for each in await rig.list_files(ref.id) if each.path == "/mnt/data/a.txt")
    assert (file.id, file.bytes) == (ran.files["a.txt"], 7)
    assert await rig.read(ref.id, file.id) == b"another"
    assert len(await rig.list_files(ref.id)) == 2


async def test_what_code_removes_is_in_the_list_no_more(rig: Rig) -> None:
    given = await rig.add_file("data.csv", b"a")
    ref = await rig.choose(AutoContainer(file_ids=(given,)))
    ran = await rig.run(ref, "list\nwrite a.txt one")
    assert ran.execution.logs == "data.csv"
    await rig.run(ref, "remove a.txt\nremove data.csv")
    assert not await rig.list_files(ref.id)
    assert (await rig.run(ref, "list")).execution.logs == "", "nor does it come back"
    with pytest.raises(NotFoundError):
        await rig.read(ref.id, ran.files["a.txt"])
    policy = rig.services.policy
    await rig.services.database.run(container_files.add_copy, rig.project_id, ref.id, given, policy)
    assert (await rig.run(ref, "list")).execution.logs == "data.csv"


async def test_a_given_file_stands_under_its_name_and_opens_under_others(rig: Rig) -> None:
    given = await rig.add_file("data.csv", b"inside")
    ref = await rig.choose(AutoContainer(file_ids=(given, given)))
    await rig.run(ref, "list")
    (file,) = await rig.list_files(ref.id)
    names = ["data.csv", given, file.path.removeprefix("/mnt/data/"), file.id]
    for name in names:
        assert (await rig.run(ref, f"read {name}")).execution.logs == "inside"
    assert (await rig.run(ref, "list")).execution.logs == "data.csv"
    assert len(await rig.list_files(ref.id)) == 1


async def test_a_file_in_the_context_that_was_deleted_is_passed_over(rig: Rig) -> None:
    given = await rig.add_file("old.csv", b"1")
    file = await rig.services.database.run(nouns.files.get, given)
    await rig.services.files.delete(file)
    ref = await rig.choose(AUTO, input_file_ids=(given,))
    assert (await rig.run(ref, "list")).execution.logs == ""
    with pytest.raises(NotFoundError, match="No such File object"):
        await rig.choose(AutoContainer(file_ids=(given,)))


async def test_a_picture_that_is_shown_is_a_file(rig: Rig) -> None:
    ref = await rig.choose()
    ran = await rig.run(ref, "show")
    (picture,) = (each for each in ran.outputs if isinstance(each, StoredPicture))
    (file,) = await rig.list_files(ref.id)
    assert (file.id, file.path) == (picture.file_id, f"/mnt/data/{picture.file_id}.png")
    stored = await rig.services.database.run(nouns.files.get, file.id)
    assert stored.filename == f"{file.id}.png"
    assert await rig.read(ref.id, file.id) == PNG


async def test_an_expired_container_is_restored_under_its_id(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    ref = await rig.choose()
    ran = await rig.run(ref, "set 1\nwrite a.txt kept")
    advance(19 * MINUTE)
    assert (await rig.run(ref, "get")).execution.logs == "1"
    advance(19 * MINUTE)
    assert await rig.status(ref.id) == "running"
    advance(MINUTE)
    assert await rig.status(ref.id) == "expired"
    assert [each.id for each in await rig.list_files(ref.id)] == [ran.files["a.txt"]]
    assert await rig.status(ref.id) == "expired", (
        "looking at it revives nothing (responses, trap 41)"
    )
    for asked in (AUTO, ref.id):
        assert (await rig.choose(asked, ref.id)).id == ref.id
    anew = await rig.run(await rig.choose(AUTO, ref.id), "get\nread a.txt")
    assert anew.execution.logs == "Nonekept"
    assert any("new session" in note for note in anew.notes)
    assert await rig.status(ref.id) == "running"
    assert [each.billed for each in await rig.metered()] == [True, True]
    assert [each.id for each in await rig.list_files(ref.id)] == [ran.files["a.txt"]]


async def test_responses_that_start_at_once_in_an_expired_container_share_its_new_session(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    ref = await rig.choose()
    await rig.run(ref, "set 1\nwrite a.txt kept")
    advance(20 * MINUTE)
    both = [await rig.choose(AUTO, ref.id) for _ in range(2)]
    first, second = await asyncio.gather(
        rig.run(both[0], "get\nset 2\nwait\nread a.txt"), rig.run(both[1], "wait\nget")
    )
    assert [first.execution.status, second.execution.status] == ["ok", "ok"]
    assert (first.execution.logs, second.execution.logs) == ("Nonekept", "2")
    assert len(await rig.metered()) == 2


async def test_cells_that_come_at_once_each_have_the_files_that_they_wrote(rig: Rig) -> None:
    """Trap 40 of the contract, responses: the cells of one container run one at a time."""
    ref = await rig.choose()
    ran = await asyncio.gather(
        *(rig.run(ref, f"write {name}.txt x\nwait\nwrite {name}2.txt x") for name in "abc")
    )
    assert [sorted(each.files) for each in ran] == [[f"{n}.txt", f"{n}2.txt"] for n in "abc"]


async def test_a_container_lives_on_while_a_cell_runs_there(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    made = await rig.make(minutes=1)
    ref = await rig.choose(made.id)
    running = asyncio.create_task(rig.run(ref, "set 1\nwait\nwait\nwait\nwait\nget"))
    await asyncio.sleep(0.05)
    for _ in range(3):
        advance(50)
        await rig.tend()
        assert await rig.status(ref.id) == "running"
    assert (await running).execution.logs == "1"
    assert (await rig.run(ref, "get")).execution.logs == "1"
    advance(MINUTE)
    await rig.tend()
    assert await rig.status(ref.id) == "expired"


async def test_a_session_that_was_found_expired_stays_where_a_cell_begins_meanwhile(
    rig: Rig,
) -> None:
    ref = await rig.choose()
    await rig.run(ref, "set 1")
    workspaces = rig.services.workspaces

    async def is_over() -> bool:
        return True

    running = asyncio.create_task(rig.run(ref, "wait\nget"))
    await asyncio.sleep(0.01)
    assert workspaces.list_keys() == {ref.id: True}
    await workspaces.close_if(ref.id, is_over)
    assert (await running).execution.logs == "1"
    await workspaces.close_if(ref.id, is_over)
    assert not workspaces.list_keys()


async def test_strict_servers_restore_nothing(
    services: Services, rig: Rig, advance: Callable[[float], None]
) -> None:
    strict = Rig(rebuild(services, Policy(strict_containers=True)), rig.project_id)
    made = await strict.make(minutes=5)
    file = await strict.upload(made.id, "a.txt", b"1")
    advance(5 * MINUTE)
    with pytest.raises(RequestError, match=r"^Container is expired\.$"):
        await strict.choose(made.id)
    with pytest.raises(RequestError, match=r"^Container is expired\.$"):
        await strict.upload(made.id, "b.txt", b"1")
    assert (await strict.choose(AUTO, made.id)).is_new
    assert await strict.read(made.id, file.id) == b"1"


async def test_responses_trap_41_a_list_of_containers_refreshes_none(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    made, database = await rig.make(), rig.services.database
    for status in ("running", "expired", "expired"):
        advance(10 * MINUTE)
        listed = await database.run(containers.read_page, rig.project_id, Page())
        shown = listed.items[0]
        assert (shown.id, shown.status, shown.last_active_at) == (
            made.id,
            status,
            made.last_active_at,
        )


async def test_responses_trap_58_metadata_of_an_expired_container_can_be_read(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    """Here its files, too, until the server forgets them; where it restores nothing no code finds them again."""
    made = await rig.make(minutes=5)
    file = await rig.upload(made.id, "a.txt", b"1")
    advance(5 * MINUTE)
    shown = await rig.services.database.run(containers.get, rig.project_id, made.id)
    assert (shown.id, shown.status, shown.name) == (made.id, "expired", "c")
    assert await rig.read(made.id, file.id) == b"1"
    strict = Rig(rebuild(rig.services, Policy(strict_containers=True)), rig.project_id)
    with pytest.raises(RequestError, match=r"^Container is expired\.$"):
        await strict.choose(made.id)


async def test_a_session_ends_when_its_container_does(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    ref, other = await rig.choose(), await rig.choose()
    await rig.run(ref, "set 1")
    advance(15 * MINUTE)
    await rig.run(other, "set 2")
    advance(5 * MINUTE)
    await rig.tend()
    ended = {each.thread_id: each.closed_at is not None for each in await rig.metered()}
    assert ended == {ref.id: True, other.id: False}


async def test_files_of_a_container_outlive_it_by_so_many_days(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    ref = await rig.choose()
    await rig.run(ref, "write a.txt one")
    advance(29 * 86_400)
    await rig.tend()
    assert await rig.list_files(ref.id)
    advance(86_400 + 20 * MINUTE)
    await rig.tend()
    assert not await rig.list_files(ref.id)
    assert await rig.status(ref.id) == "expired"
    assert await rig.services.database.run(projects.storage_bytes, rig.project_id) == 0
    assert (await rig.run(ref, "list")).execution.logs == ""


async def test_a_container_that_is_deleted_during_a_response_stays_deleted(rig: Rig) -> None:
    ref = await rig.choose()
    await rig.run(ref, "write a.txt one")
    await containers.delete(rig.services, rig.project_id, ref.id)
    with pytest.raises(SandboxError, match="was deleted"):
        await rig.run(ref, "write b.txt two")
    page = await rig.services.database.run(containers.read_page, rig.project_id, Page())
    assert not page.items
    assert await rig.services.database.run(projects.storage_bytes, rig.project_id) == 0
    assert (await rig.choose(AUTO, ref.id)).is_new


async def test_a_file_that_is_deleted_leaves_the_running_session(rig: Rig) -> None:
    made = await rig.make()
    uploaded = await rig.upload(made.id, "up.txt", b"1")
    ref = await rig.choose(made.id)
    ran = await rig.run(ref, "list\nwrite a.txt one")
    assert ran.execution.logs == "up.txt"
    for file_id in (uploaded.id, ran.files["a.txt"]):
        await container_files.delete(rig.services, rig.project_id, made.id, file_id)
    after = await rig.run(ref, "list")
    assert after.execution.logs == ""
    assert not after.files
    assert not await rig.list_files(made.id)


async def test_a_file_that_is_deleted_at_another_server_leaves_the_running_session(
    services: Services, rig: Rig
) -> None:
    other = rebuild(services, Policy())
    made = await rig.make()
    await rig.upload(made.id, "stays.txt", b"1")
    uploaded = await rig.upload(made.id, "up.txt", b"old")
    ref = await rig.choose(made.id)
    ran = await rig.run(ref, "list\nwrite a.txt one\nwrite b.txt two\nwrite stays.txt changed")
    assert ran.execution.logs == "stays.txt,up.txt"
    for file_id in (uploaded.id, ran.files["a.txt"]):
        await container_files.delete(other, rig.project_id, made.id, file_id)
    after = await rig.run(ref, "list\nread stays.txt")
    assert after.execution.logs == "b.txt,stays.txtchanged"
    assert not after.files
    assert not after.removed
    await rig.upload(made.id, "up.txt", b"new")
    assert (await rig.run(ref, "read up.txt")).execution.logs == "new", "under its own name"
    await container_files.delete(other, rig.project_id, made.id, ran.files["stays.txt"])
    assert (await rig.run(ref, "read stays.txt")).execution.logs == "1", "what was given is there"


async def test_threads_and_containers_share_nothing(rig: Rig) -> None:
    ref = await rig.choose()
    await rig.run(ref, "set 1\nwrite a.txt one")
    thread = rig.services.workspaces.get(Scope("thread_1", rig.project_id))
    assert (await thread.run("get\nlist")).execution.logs == "None"
    ran = await thread.run("write a.txt two")
    assert ran.files["a.txt"].startswith("file-")
    (file,) = await rig.list_files(ref.id)
    assert await rig.read(ref.id, file.id) == b"one"
    assert len({each.thread_id for each in await rig.metered()}) == 2


async def test_memory_is_that_of_the_tier_within_the_limits(services: Services, rig: Rig) -> None:
    storage = Storage(services.database, services.files, services.policy)
    gib = 1 << 30

    async def memory(tier: Any, most_mib: int = 65_536) -> int | None:
        policy = Policy(container_memory_mib=most_mib)
        limited = Rig(replace(rig.services, policy=policy), rig.project_id)
        ref = await limited.choose(AutoContainer(memory_limit=tier))
        return (await storage.read_tenant(ref.make_scope(lambda _: None))).memory_bytes

    assert await memory("1g") == gib
    assert await memory("16g") == 16 * gib
    assert await memory("1g", 512) == gib // 2
    with pytest.raises(RequestError, match="largest memory limit on this server is '4g'"):
        await memory("16g", 8192)
    project = await services.database.run(projects.get, rig.project_id)
    limited = project.evolve(limits=project.limits.evolve(memory_gib=4))
    await services.database.run(projects.replace, limited)
    storage = Storage(services.database, services.files, services.policy)
    assert await memory("16g") == 4 * gib
    ref = await rig.choose(AutoContainer(memory_limit="16g"))
    await rig.run(ref, "set 1")
    assert [each.memory_gib for each in await rig.metered()] == [16]


async def test_sessions_within_one_life_are_billed_once(
    rig: Rig, advance: Callable[[float], None]
) -> None:
    ref = await rig.choose()
    for _ in range(4):
        await rig.run(ref, "set 1")
        await rig.services.workspaces.close(ref.id)
        advance(19 * MINUTE)
    assert [each.billed for each in await rig.metered()] == [True, False, False, False]
