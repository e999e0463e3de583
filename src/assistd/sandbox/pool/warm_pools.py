"""The warm pools of a host: one for all tenants, or one for each where the jail gives zygotes kernels of their own."""

import asyncio
from collections.abc import Callable, Set
from pathlib import Path

from assistd import clock
from assistd.sandbox.base import OPERATOR, Limits, Tenant
from assistd.sandbox.pool.warm_pool import WarmPool
from assistd.sandbox.session.session import GuestSession

_UNUSED_SECONDS = 300.0  # a tenant that comes back sooner finds its kernel running


class WarmPools:
    """Opens sessions for tenants.

    Args:
        make: makes a warm pool for an interpreter.
        python: the interpreter of the interpreter environment.
        apart: whether each tenant has one of its own.
    """

    def __init__(self, make: Callable[[Path], WarmPool], python: Path, *, apart: bool) -> None:
        self._make = make
        self._python = python
        self._apart = apart
        self._warm_pools: dict[str, WarmPool] = {}
        self._used_at: dict[str, float] = {}

    @property
    def all(self) -> list[WarmPool]:
        """Those that stand now."""
        return list(self._warm_pools.values())

    async def start(self) -> None:
        """Start the first, which shows whether the jail works here.

        Raises:
            StartupError: it does not; says what to do.
        """
        await self._of(OPERATOR).start()

    async def take(self, tenant: Tenant, limits: Limits) -> GuestSession:
        """A session for a tenant; see `WarmPool.take`."""
        return await self._of(tenant).take(limits)

    async def use(self, python: Path) -> None:
        """Open sessions with another interpreter from now on; see `WarmPool.use`."""
        for warm_pool in self.all:
            await warm_pool.use(python)
        self._python = python

    async def close_unused(self, tenant_ids: Set[str]) -> None:
        """Close the warm pools of all tenants but these that have not been among them for a while."""
        now = clock.now()
        for name in list(self._warm_pools) if self._apart else ():
            if name in tenant_ids:
                self._used_at[name] = now
            elif now - self._used_at[name] > _UNUSED_SECONDS:
                await self._warm_pools.pop(name).close()

    async def close(self) -> None:
        """Close every warm pool, with every session it ever opened."""
        await asyncio.gather(*(warm_pool.close() for warm_pool in self.all))
        self._warm_pools.clear()

    def _of(self, tenant: Tenant) -> WarmPool:
        name = tenant.id if self._apart else OPERATOR.id
        if name not in self._warm_pools:
            self._warm_pools[name] = self._make(self._python)
        self._used_at[name] = clock.now()
        return self._warm_pools[name]
