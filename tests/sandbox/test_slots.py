"""Slots for sessions: counted on the host and for each tenant, and a line in which tenants take turns."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from assistd.sandbox.base import BusyError, SandboxError, Tenant
from assistd.sandbox.pool.slots import Slots

MANY, FEW = Tenant("many"), Tenant("few")


class Idlers:
    """Sessions that could be closed: one name for each, the tenant's."""

    def __init__(self) -> None:
        self.tenants: list[str] = []
        self.slots: Slots | None = None

    async def vacate(self, tenant_id: str | None) -> bool:
        """Close one, as the pool does."""
        await asyncio.sleep(0)
        for found in self.tenants:
            if tenant_id in {None, found}:
                self.tenants.remove(found)
                assert self.slots
                self.slots.give_back(found)
                return True
        return False


@asynccontextmanager
async def _opened(
    idlers: Idlers, *, most: int = 2, each: int = 2, waiting: int = 10, seconds: float = 5
) -> AsyncGenerator[Slots]:
    slots = Slots(
        most=most, most_each=each, most_waiting=waiting, seconds=seconds, vacate=idlers.vacate
    )
    idlers.slots = slots
    admit_waiters = asyncio.create_task(slots.admit_waiters())
    yield slots
    admit_waiters.cancel()
    await asyncio.gather(admit_waiters, return_exceptions=True)


async def test_who_waits_knows_how_many_come_before() -> None:
    async with _opened(Idlers(), most=1, each=1) as slots:
        await slots.take(MANY)
        waiting: list[asyncio.Task[None]] = []
        for tenant, key in [(MANY, "a"), (MANY, "b"), (MANY, "c"), (FEW, "d"), (FEW, "e")]:
            waiting.append(asyncio.create_task(slots.take(tenant, key)))
            await asyncio.sleep(0)
        # In turn: a d b e c.
        assert [slots.count_before(key) for key in "adbec"] == [0, 1, 2, 3, 4]
        assert slots.count_before("x") is None
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert slots.count_before("a") is None


async def test_tenants_take_turns_however_many_claims_one_of_them_sends() -> None:
    async with _opened(Idlers(), most=1, each=1) as slots:
        await slots.take(MANY)
        order: list[str] = []

        async def one(tenant: Tenant, name: str) -> None:
            await slots.take(tenant)
            order.append(name)
            slots.give_back(tenant.id)

        waiting = [asyncio.create_task(one(MANY, f"many {n}")) for n in range(3)]
        await asyncio.sleep(0)
        waiting += [asyncio.create_task(one(FEW, f"few {n}")) for n in range(2)]
        await asyncio.sleep(0)
        slots.give_back("many")
        await asyncio.gather(*waiting)
    assert order == ["many 0", "few 0", "many 1", "few 1", "many 2"]


async def test_a_tenant_at_its_own_number_holds_up_nobody_else() -> None:
    async with _opened(Idlers(), most=3, each=2, seconds=0.3) as slots:
        small = Tenant("small", max_sessions=1)
        await slots.take(small)
        late = asyncio.create_task(slots.take(small))
        await asyncio.sleep(0)
        await slots.take(MANY)
        await slots.take(MANY)
        with pytest.raises(BusyError, match="all 1 sessions of this project are in use"):
            await late
        with pytest.raises(BusyError, match="all 2 sessions of this project are in use"):
            await slots.take(MANY)


async def test_an_idle_session_makes_room_first_its_own_tenants() -> None:
    idlers = Idlers()
    async with _opened(idlers, most=3, each=2) as slots:
        for tenant in (FEW, MANY, MANY):
            await slots.take(tenant)
            idlers.tenants.append(tenant.id)
        await slots.take(MANY)
        assert idlers.tenants == ["few", "many"]
        await slots.take(Tenant("new"))
        assert idlers.tenants == ["many"]


async def test_a_full_line_refuses_at_once_but_not_who_has_hardly_anyone_in_it() -> None:
    async with _opened(Idlers(), most=1, waiting=3) as slots:
        await slots.take(FEW)
        crowd = [asyncio.create_task(slots.take(MANY)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="the line for one is full"):
            await slots.take(MANY)
        other = asyncio.create_task(slots.take(Tenant("other")))
        with pytest.raises(BusyError, match="are in use"):
            await crowd[2]
        slots.give_back("few")
        await crowd[0]
        slots.give_back("many")
        await other
        crowd[1].cancel()


async def test_whoever_leaves_the_line_or_is_served_too_late_keeps_no_place() -> None:
    async with _opened(Idlers(), most=1) as slots:
        await slots.take(FEW)
        for beats in range(6):
            gone = asyncio.create_task(slots.take(MANY))
            await asyncio.sleep(0)
            slots.give_back("few")
            for _ in range(beats):
                await asyncio.sleep(0.02)
            gone.cancel()
            if not isinstance(
                (await asyncio.gather(gone, return_exceptions=True))[0], BaseException
            ):
                slots.give_back("many")
            async with asyncio.timeout(20):
                await slots.take(FEW)


async def test_closing_sends_everyone_away() -> None:
    async with _opened(Idlers(), most=1) as slots:
        await slots.take(FEW)
        waiting = asyncio.create_task(slots.take(MANY))
        await asyncio.sleep(0)
        slots.close()
        with pytest.raises(SandboxError, match="shutting down"):
            await waiting
        with pytest.raises(SandboxError, match="shutting down"):
            await slots.take(FEW)
