"""Room for every call: how many of a kind use the process's connections at once, and how long the database bears with each.

Connections are few. Ten slow reports, or ten changes that wait behind one row, would hold them all, and everybody else would
be told that the shop is busy. So reports get a few, changes some more, and what is left is for those who only look.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from db.session import PATIENCE, Patience, Transaction
from tools.contract.actors import Caller, Proof
from tools.contract.declare import Tool
from tools.contract.errors import Busy, TooManyReports, TooManyWrites

if TYPE_CHECKING:
    from tools.contract.shop import Shop

REPORTS = Patience(statement=30_000, lock=3_000, idle=15_000)  # a year of a large shop's orders
JOBS = Patience(statement=120_000, lock=30_000, idle=60_000)  # nobody waits for them, and trying again costs more
PREVIEW_LOCK = 2_000  # milliseconds: who only looks does not queue for long


class Places:
    """So many at once. Who finds none free waits a while, with no more than so many others."""

    def __init__(self, what: str, full: type[Busy], *, at_once: int, waiting: int, seconds: float) -> None:
        self.what = what
        self.full = full
        self.at_once = at_once
        self.most_waiting = waiting
        self.seconds = seconds
        self.waiting = self.taken = 0
        self._free = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """A place, held meanwhile. Raises the error that says that there is none."""
        await self._take()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and self.waiting >= self.most_waiting:
            raise self._none(f"{self.waiting} others wait already")
        self.waiting += 1
        try:
            async with asyncio.timeout(self.seconds):
                await self._free.acquire()
        except TimeoutError:
            raise self._none(f"this one waited {self.seconds:g} s for its turn") from None
        finally:
            self.waiting -= 1

    def _none(self, why: str) -> Busy:
        return self.full(f"The shop works on {self.at_once} {self.what} at a time, and {why}.", retry_after=2)


class Room:
    """The places of a process, and the patience that each kind of call has."""

    def __init__(
        self,
        *,
        calls: Patience = PATIENCE,
        reports: Patience = REPORTS,
        jobs: Patience = JOBS,
        reports_at_once: int = 2,
        writes_at_once: int = 6,
        waiting: int = 100,
        seconds: float = 5.0,
    ) -> None:
        self.calls = calls
        self.reports_patience = reports
        self.jobs = jobs
        self.reports = Places("reports", TooManyReports, at_once=reports_at_once, waiting=waiting, seconds=seconds)
        self.writes = Places("changes", TooManyWrites, at_once=writes_at_once, waiting=waiting, seconds=seconds)

    def place_of(self, tool: Tool[Any, Any]) -> Places | None:
        """Where a call of the tool has to queue; None for a plain read."""
        return self.reports if tool.heavy else self.writes if tool.writes else None

    def patience_with(self, tool: Tool[Any, Any], caller: Caller, *, preview: bool) -> Patience:
        if caller.proof is Proof.system:
            return self.jobs
        patience = self.reports_patience if tool.heavy else self.calls
        return patience._replace(lock=min(patience.lock, PREVIEW_LOCK)) if preview else patience


@asynccontextmanager
async def room_for(
    shop: "Shop", tool: Tool[Any, Any], caller: Caller, *, lock: int | None, wait: bool, preview: bool
) -> AsyncGenerator[Transaction]:
    """The call's transaction, as soon as there is a place for it. Raises `TooManyReports` or `TooManyWrites`."""
    database = shop.database if tool.writes else shop.replica or shop.database
    patience = shop.room.patience_with(tool, caller, preview=preview)
    place = shop.room.place_of(tool)
    async with AsyncExitStack() as held:
        if place is not None:
            await held.enter_async_context(place.one())
        yield await held.enter_async_context(
            database.transaction(caller.merchant, read_only=not tool.writes, patience=patience, lock=lock, wait=wait)
        )
