"""What every implementation of `Sessions` promises, in memory, on this host or on another."""

import asyncio
import errno

import pytest

from assistd.sandbox import remembered
from assistd.sandbox.base import (
    BusyError,
    DataFile,
    Logs,
    Output,
    Picture,
    Session,
    Sessions,
    Tenant,
    UnsafeFileError,
)
from assistd.sandbox.stored_file import StoredFile
from tests.conformance import cells
from tests.conformance.conftest import ENDED, LIMITS, Open, once

UNSAFE = ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "a/", "n\0", "x" * 256]


async def content(session: Session, path: str) -> bytes:
    return b"".join([chunk async for chunk in session.read(path)])


async def began(session: Session, code: str) -> asyncio.Task[object]:
    """A task that runs code, once that has shown something."""
    shown = asyncio.Event()
    task = asyncio.create_task(session.execute(code, on_output=lambda _: shown.set()))
    async with asyncio.timeout(20):
        await shown.wait()
    return task


async def test_a_session_is_fresh_until_it_runs_a_cell(sessions: Sessions) -> None:
    session = await sessions.open("fresh")
    assert session.is_fresh
    assert session.alive
    await session.put("given.csv", once(b"x"), aliases=["file-1"])
    assert (await sessions.open("fresh")).is_fresh
    await session.execute(cells.NOTHING)
    again = await sessions.open("fresh")
    assert (again.id, again.is_fresh) == (session.id, False)
    await sessions.drop("fresh")


async def test_a_live_session_tells_what_it_takes(sessions: Sessions) -> None:
    assert await sessions.measure("measured") is None
    session = await sessions.open("measured")
    await session.execute(cells.NOTHING)
    use = await sessions.measure("measured")
    assert use
    assert use.opened_at < use.ends_at
    assert use.memory_limit_bytes == session.limits.memory_bytes
    assert use.memory_bytes is None or 0 < use.memory_bytes < use.memory_limit_bytes
    assert sessions.count_before("measured") is None
    await sessions.drop("measured")
    assert await sessions.measure("measured") is None


async def test_who_opens_a_key_at_once_gets_one_session(sessions: Sessions) -> None:
    found = await asyncio.gather(*(sessions.open("together") for _ in range(6)))
    assert len({session.id for session in found}) == 1
    await sessions.drop("together")


async def test_a_session_keeps_its_variables_and_keys_do_not_share_them(
    sessions: Sessions,
) -> None:
    for key in ("one", "two"):
        assert (await (await sessions.open(key)).execute(cells.NOTHING)).status == "ok"
    await (await sessions.open("one")).execute(cells.REMEMBER)
    assert (await (await sessions.open("one")).execute(cells.RECALL)).logs == "42\n"
    assert (await (await sessions.open("two")).execute(cells.RECALL)).status == "error"
    for key in ("one", "two"):
        await sessions.drop(key)


async def test_a_key_that_is_used_again_gets_a_session_that_knows_nothing(
    sessions: Sessions,
) -> None:
    first = await sessions.open("again")
    await first.execute(cells.REMEMBER)
    await first.execute(cells.WRITE)
    await sessions.drop("again")
    assert not first.alive
    assert ENDED.count(("again", first.id)) == 1
    await sessions.drop("again")
    assert ENDED.count(("again", first.id)) == 1
    second = await sessions.open("again")
    assert second.is_fresh
    assert second.id != first.id
    assert await second.files() == ()
    assert (await second.execute(cells.RECALL)).status == "error"
    await sessions.drop("again")


async def test_the_limits_of_a_tenant_hold_in_its_sessions(sessions: Sessions) -> None:
    memory = LIMITS.memory_bytes * 2
    session = await sessions.open("tenant", Tenant("a", memory_bytes=memory))
    assert session.limits.memory_bytes == memory
    assert session.limits.data_room == LIMITS.data_room
    await sessions.drop("tenant")


async def test_outputs_come_in_order_as_they_appear(session: Session) -> None:
    shown: list[Output] = []
    execution = await session.execute(cells.TWO_STREAMS, on_output=shown.append)
    assert execution.status == "ok"
    assert execution.outputs == (Logs("a\nb\n"), Logs("c\n", "stderr"))
    assert "".join(one.text for one in shown if isinstance(one, Logs)) == "a\nb\nc\n"


async def test_a_picture_stands_where_it_was_shown(session: Session) -> None:
    outputs = (await session.execute(cells.PICTURE)).outputs
    assert [type(one) for one in outputs] == [Logs, Picture, Logs]
    assert isinstance(outputs[1], Picture)
    assert outputs[1].data.startswith(cells.PNG)


async def test_code_that_raises_is_an_outcome_and_the_session_lives(session: Session) -> None:
    await session.execute(cells.REMEMBER)
    execution = await session.execute(cells.FAIL)
    assert execution.status == "error"
    assert not execution.session_lost
    assert any(
        isinstance(one, Logs) and one.name == "error" and "ZeroDivisionError" in one.text
        for one in execution.outputs
    )
    assert (await session.execute(cells.RECALL)).logs == "42\n"


async def test_calls_of_one_session_queue(session: Session) -> None:
    done = await asyncio.gather(*map(session.execute, (cells.REMEMBER, cells.RECALL)))
    assert done[1].logs == "42\n"


async def test_code_over_its_time_is_interrupted_and_keeps_its_state(session: Session) -> None:
    await session.execute(cells.REMEMBER)
    execution = await session.execute(cells.SLEEP, seconds=0.5)
    assert execution.status == "interrupted"
    assert execution.logs.startswith("began\n")
    assert any("0.5 s" in note for note in execution.notes)
    assert (await session.execute(cells.RECALL)).logs == "42\n"


async def test_code_that_heeds_no_interrupt_loses_its_session(
    sessions: Sessions, session: Session, request: pytest.FixtureRequest
) -> None:
    execution = await session.execute(cells.IGNORE_INTERRUPTS, seconds=0.5)
    assert execution.status == "timeout"
    assert execution.session_lost
    assert execution.notes
    assert not session.alive
    again = await sessions.open(request.node.nodeid)
    assert again.is_fresh
    assert again.id != session.id


async def test_a_cancelled_call_interrupts_the_code_and_keeps_the_state(session: Session) -> None:
    await session.execute(cells.REMEMBER)
    task = await began(session, cells.SLEEP)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.alive
    assert (await session.execute(cells.RECALL)).logs == "42\n"


async def test_a_cancelled_call_ends_once_its_code_has(session: Session) -> None:
    task = await began(session, cells.IGNORE_INTERRUPTS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not session.alive


async def test_a_session_that_ends_itself_is_dead_and_its_files_can_be_read(
    session: Session,
) -> None:
    await session.execute(cells.WRITE)
    execution = await session.execute(cells.END)
    assert execution.status == "dead"
    assert execution.session_lost
    assert execution.notes
    assert not session.alive
    assert (await session.execute(cells.NOTHING)).status == "dead"
    assert (await session.changes()).files == (DataFile("a.txt", 3),)
    assert await content(session, "a.txt") == b"abc"


async def test_a_closed_session_is_dead_and_empty(session: Session) -> None:
    await session.execute(cells.WRITE)
    await session.close()
    await session.close()
    assert not session.alive
    assert (await session.execute(cells.NOTHING)).status == "dead"
    assert await session.files() == ()
    assert not (await session.changes()).files


async def test_a_file_that_is_put_stands_under_its_name_and_its_alias(session: Session) -> None:
    await session.put("given.csv", once(b"x,y\n"), aliases=["file-1"])
    assert (await session.execute(cells.PRINT_PUT)).logs == "x,y\n"
    assert (await session.execute(cells.PRINT_ALIAS)).logs == "x,y\n"
    assert await session.files() == (DataFile("given.csv", 4),)
    assert (await session.changes()).files == ()


async def test_a_file_is_put_in_place_of_another(session: Session) -> None:
    for data in (b"old, and longer\n", b"new\n"):
        await session.put("given.csv", once(data))
    assert (await session.execute(cells.PRINT_PUT)).logs == "new\n"
    assert await content(session, "given.csv") == b"new\n"


async def test_a_stored_file_is_put_like_any_stream(
    session: Session, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stored = tmp_path_factory.mktemp("stored") / "blob"
    stored.write_bytes(b"z" * (1 << 20))
    await session.put("big.bin", StoredFile(stored))
    assert await content(session, "big.bin") == stored.read_bytes()
    assert (await session.changes()).files == ()


async def test_a_put_that_breaks_off_leaves_nothing(session: Session) -> None:
    async def broken():
        yield b"half"
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await session.put("given.csv", broken(), aliases=["file-1"])
    assert await session.files() == ()


async def test_a_file_that_does_not_fit_is_refused(session: Session) -> None:
    with pytest.raises(OSError, match="space") as raised:
        await session.put("big.bin", once(b"x" * (LIMITS.data_room + (1 << 20))))
    assert raised.value.errno == errno.ENOSPC
    assert await session.files() == ()


async def test_an_input_that_code_removes_is_told_and_no_longer_an_alias(session: Session) -> None:
    await session.put("given.csv", once(b"x"), aliases=["file-1"])
    await session.execute(cells.REMOVE_PUT)
    assert (await session.changes()).removed == ("given.csv",)
    assert (await session.execute(cells.PRINT_ALIAS)).status == "error"
    await session.put("given.csv", once(b"back"), aliases=["file-1"])
    assert (await session.execute(cells.PRINT_ALIAS)).logs == "back"


async def test_a_file_that_is_removed_is_gone_and_not_told(session: Session) -> None:
    await session.put("given.csv", once(b"x"), aliases=["file-1", "given-file-1.csv"])
    await session.execute(cells.NOTHING)
    await session.remove("given.csv")
    await session.remove("given.csv")
    await session.remove("no/folder/x.csv")
    assert await session.files() == ()
    assert (await session.changes()).removed == ()
    with pytest.raises(UnsafeFileError):
        await session.remove("../outside")
    await session.put("given.csv", once(b"back"), aliases=["file-1"])
    assert (await session.execute(cells.PRINT_ALIAS)).logs == "back"


async def test_each_change_is_told_once(session: Session) -> None:
    assert await session.changes() == type(await session.changes())()
    await session.execute(cells.WRITE)
    await session.execute(cells.WRITE_BELOW)
    assert (await session.changes()).files == (DataFile("a.txt", 3), DataFile("d/e/b.txt", 1))
    assert (await session.changes()).files == ()
    await session.execute(cells.GROW)
    assert (await session.changes()).files == (DataFile("a.txt", 6),)
    await session.execute(cells.REMOVE)
    changes = await session.changes()
    assert (changes.files, changes.removed) == ((), ("a.txt",))


async def test_a_renamed_file_is_new_under_its_new_name(session: Session) -> None:
    await session.put("old.txt", once(b"abc"))
    await session.execute(cells.RENAME)
    changes = await session.changes()
    assert (changes.files, changes.removed) == ((DataFile("new.txt", 3),), ("old.txt",))


async def test_many_small_files_are_read_at_once(session: Session) -> None:
    await session.execute(cells.WRITE)
    await session.execute(cells.WRITE_BELOW)
    files = (await session.changes()).files
    assert await session.read_small(files, 100) == {"a.txt": b"abc", "d/e/b.txt": b"b"}
    assert await session.read_small(files, 2) == {"d/e/b.txt": b"b"}
    await session.execute(cells.GROW)
    assert await session.read_small(files, 100) == {"d/e/b.txt": b"b"}, "it grew meanwhile"
    assert await session.read_small([DataFile("none", 1)], 100) == {}


@pytest.mark.parametrize("path", UNSAFE)
async def test_no_path_leads_out_of_the_folder(session: Session, path: str) -> None:
    with pytest.raises(UnsafeFileError):
        await session.put(path, once(b"x"))
    with pytest.raises(UnsafeFileError):
        await session.put("a", once(b"x"), aliases=[path])
    with pytest.raises(UnsafeFileError):
        await content(session, path)
    assert await session.files() == ()


async def test_an_alias_is_one_name(session: Session) -> None:
    with pytest.raises(UnsafeFileError):
        await session.put("a", once(b"x"), aliases=["d/file-1"])


async def test_only_plain_files_are_given_out(session: Session) -> None:
    await session.execute(cells.PLANT)
    changes = await session.changes()
    assert changes.files == ()
    assert any("odd" in note for note in changes.notes)
    assert await session.files() == ()
    for path in ("odd", "none"):
        with pytest.raises(UnsafeFileError):
            await content(session, path)
    await session.put("odd", once(b"mine"))
    assert await content(session, "odd") == b"mine"


async def test_a_file_is_not_put_below_a_file_nor_over_a_folder(session: Session) -> None:
    await session.execute(cells.WRITE)
    await session.execute(cells.WRITE_BELOW)
    for path in ("a.txt/b", "d"):
        with pytest.raises(UnsafeFileError):
            await session.put(path, once(b"x"))


async def test_a_session_in_use_makes_no_room_and_an_idle_one_does(open_sessions: Open) -> None:
    async with open_sessions(1) as few:
        first = await few.open("first")
        async with first.reserving():
            with pytest.raises(BusyError):
                await few.open("second")
        assert first.alive
        await few.drop("first")
        second = await few.open("second")
        task = await began(second, cells.SLEEP)
        with pytest.raises(BusyError):
            await few.open("first")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await few.open("second")).id == second.id


async def test_a_session_is_reserved_by_one_at_a_time(sessions: Sessions) -> None:
    session = await sessions.open("reserved")
    order: list[str] = []

    async def use(name: str) -> None:
        async with session.reserving():
            order.append(name)
            await session.execute(cells.NOTHING)
            order.append(name)

    await asyncio.gather(use("a"), use("b"))
    assert order in (["a", "a", "b", "b"], ["b", "b", "a", "a"])
    async with session.reserving():
        waiting = asyncio.create_task(use("c"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await use("d")
    assert order[4:] == ["d", "d"]
    await sessions.drop("reserved")


async def test_a_session_remembers_what_its_users_note(sessions: Sessions) -> None:
    session = await sessions.open("remembering")
    assert session.remembered == b""
    async with session.reserving():
        await session.remember(b"first")
        assert session.remembered == b"first"
        await session.remember(b"\0second")
        with pytest.raises(ValueError, match="remembers"):
            await session.remember(bytes(remembered.MOST_BYTES + 1))
    async with (await sessions.open("remembering")).reserving():
        assert session.remembered == b"\0second"
    await sessions.drop("remembering")
    assert (await sessions.open("remembering")).remembered == b""
    await sessions.drop("remembering")


async def test_a_tenant_has_no_more_sessions_than_it_may(open_sessions: Open) -> None:
    async with open_sessions(10) as few:
        one = Tenant("one", max_sessions=1)
        first = await few.open("first", one)
        async with first.reserving():
            with pytest.raises(BusyError):
                await few.open("second", one)
            assert (await few.open("third", Tenant("two"))).alive


async def test_what_new_sessions_import_is_told(sessions: Sessions) -> None:
    assert sessions.is_ready
    assert sessions.added == ()
