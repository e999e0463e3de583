"""A session's memory: what it prints costs nothing, what it holds is counted once."""

from assistd.sandbox import memory
from assistd.sandbox.session import GuestSession


async def test_what_was_printed_is_not_kept(session: GuestSession) -> None:
    await session.execute("for _ in range(2000): print('x' * 50_000)")
    await session.execute("import resource; display('y' * 30_000_000)")
    assert not memory.over_limit([session.pid], 200 << 20)
    assert memory.over_limit([session.pid], 1 << 20)


async def test_a_session_that_is_gone_holds_nothing() -> None:
    assert memory.over_limit([2**22 - 1], 0) == []
