"""Places for sessions: counted on the host and for each tenant, and a line in which tenants take turns."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from assistd.sandbox.base import BusyError, SandboxError, Tenant
from assistd.sandbox.pool.places import Places

MANY, FEW = Tenant("many"), Tenant("few")


class Idlers:
    """Sessions that could be closed: one name for each, the tenant's."""

    def __init__(self) -> None:
        self.tenants: list[str] = []
        self.places: Places | None = None

    async def vacate(self, tenant_id: str | None) -> bool:
        """Close one, as the pool does."""
        await asyncio.sleep(0)
        for found in self.tenants:
            if tenant_id in {None, found}:
                self.tenants.remove(found)
                assert self.places
                self.places.give_back(found)
                return True
        return False


@asynccontextmanager
async def _opened(
    idlers: Idlers, *, most: int = 2, each: int = 2, waiting: int = 10, seconds: float = 5
) -> AsyncGenerator[Places]:
    places = Places(
        most=most, most_each=each, most_waiting=waiting, seconds=seconds, vacate=idlers.vacate
    )
    idlers.places = places
    usher = asyncio.create_task(places.usher())
    yield places
    usher.cancel()
    await asyncio.gather(usher, return_exceptions=True)


async def test_tenants_take_turns_however_many_claims_one_of_them_sends() -> None:
    async with _opened(Idlers(), most=1, each=1) as places:
        await places.take(MANY)
        order: list[str] = []

        async def one(tenant: Tenant, name: str) -> None:
            await places.take(tenant)
            order.append(name)
            places.give_back(tenant.id)

        waiting = [asyncio.create_task(one(MANY, f"many {n}")) for n in range(3)]
        await asyncio.sleep(0)
        waiting += [asyncio.create_task(one(FEW, f"few {n}")) for n in range(2)]
        await asyncio.sleep(0)
        places.give_back("many")
        await asyncio.gather(*waiting)
    assert order == ["many 0", "few 0", "many 1", "few 1", "many 2"]


async def test_a_tenant_at_its_own_number_holds_up_nobody_else() -> None:
    async with _opened(Idlers(), most=3, each=2, seconds=0.3) as places:
        small = Tenant("small", max_sessions=1)
        await places.take(small)
        late = asyncio.create_task(places.take(small))
        await asyncio.sleep(0)
        await places.take(MANY)
        await places.take(MANY)
        with pytest.raises(BusyError, match="all 1 sessions of this project are in use"):
            await late
        with pytest.raises(BusyError, match="all 2 sessions of this project are in use"):
            await places.take(MANY)


async def test_an_idle_session_makes_room_first_its_own_tenants() -> None:
    idlers = Idlers()
    async with _opened(idlers, most=3, each=2) as places:
        for tenant in (FEW, MANY, MANY):
            await places.take(tenant)
            idlers.tenants.append(tenant.id)
        await places.take(MANY)
        assert idlers.tenants == ["few", "many"]
        await places.take(Tenant("new"))
        assert idlers.tenants == ["many"]


async def test_a_full_line_refuses_at_once_but_not_who_has_hardly_anyone_in_it() -> None:
    async with _opened(Idlers(), most=1, waiting=3) as places:
        await places.take(FEW)
        crowd = [asyncio.create_task(places.take(MANY)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="the line for one is full"):
            await places.take(MANY)
        other = asyncio.create_task(places.take(Tenant("other")))
        with pytest.raises(BusyError, match="are in use"):
            await crowd[2]
        places.give_back("few")
        await crowd[0]
        places.give_back("many")
        await other
        crowd[1].cancel()


async def test_whoever_leaves_the_line_or_is_served_too_late_keeps_no_place() -> None:
    async with _opened(Idlers(), most=1) as places:
        await places.take(FEW)
        for beats in range(6):
            gone = asyncio.create_task(places.take(MANY))
            await asyncio.sleep(0)
            places.give_back("few")
            for _ in range(beats):
                await asyncio.sleep(0.02)
            gone.cancel()
            if not isinstance(
                (await asyncio.gather(gone, return_exceptions=True))[0], BaseException
            ):
                places.give_back("many")
            async with asyncio.timeout(20):
                await places.take(FEW)


async def test_closing_sends_everyone_away() -> None:
    async with _opened(Idlers(), most=1) as places:
        await places.take(FEW)
        waiting = asyncio.create_task(places.take(MANY))
        await asyncio.sleep(0)
        places.close()
        with pytest.raises(SandboxError, match="shutting down"):
            await waiting
        with pytest.raises(SandboxError, match="shutting down"):
            await places.take(FEW)
