"""The stocks of a host: one for all tenants, or one for each where the jail gives zygotes kernels of their own."""

import asyncio
from collections.abc import Callable, Set
from pathlib import Path

from assistd import clock
from assistd.sandbox.base import OPERATOR, Limits, Tenant
from assistd.sandbox.pool.stock import Stock
from assistd.sandbox.session.session import GuestSession

_UNUSED_SECONDS = 300.0  # a tenant that comes back sooner finds its kernel running


class Stocks:
    """Opens sessions for tenants.

    Args:
        make: makes a stock for an interpreter.
        python: the interpreter of the interpreter environment.
        apart: whether each tenant has one of its own.
    """

    def __init__(self, make: Callable[[Path], Stock], python: Path, *, apart: bool) -> None:
        self._make = make
        self._python = python
        self._apart = apart
        self._stocks: dict[str, Stock] = {}
        self._used_at: dict[str, float] = {}

    @property
    def all(self) -> list[Stock]:
        """Those that stand now."""
        return list(self._stocks.values())

    async def start(self) -> None:
        """Start the first, which shows whether the jail works here.

        Raises:
            StartupError: it does not; says what to do.
        """
        await self._of(OPERATOR).start()

    async def take(self, tenant: Tenant, limits: Limits) -> GuestSession:
        """A session for a tenant; see `Stock.take`."""
        return await self._of(tenant).take(limits)

    async def use(self, python: Path) -> None:
        """Open sessions with another interpreter from now on; see `Stock.use`."""
        for stock in self.all:
            await stock.use(python)
        self._python = python

    async def close_unused(self, tenant_ids: Set[str]) -> None:
        """Close the stocks of all tenants but these that have not been among them for a while."""
        now = clock.now()
        for name in list(self._stocks) if self._apart else ():
            if name in tenant_ids:
                self._used_at[name] = now
            elif now - self._used_at[name] > _UNUSED_SECONDS:
                await self._stocks.pop(name).close()

    async def close(self) -> None:
        """Close every stock, with every session it ever opened."""
        await asyncio.gather(*(stock.close() for stock in self.all))
        self._stocks.clear()

    def _of(self, tenant: Tenant) -> Stock:
        name = tenant.id if self._apart else OPERATOR.id
        if name not in self._stocks:
            self._stocks[name] = self._make(self._python)
        self._used_at[name] = clock.now()
        return self._stocks[name]
