"""A payment provider that fails as providers do, and a shop that dies where shops die."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors import Silent
from connectors.payments import Answer, Asked, Movement, Provider, Told
from connectors.payments.manual import told_of
from orchestrator.outside import Outside, providers_of
from tests.factories import NewShop
from tools.contract.call import Shop

# It does not hear; it acts, and the answer is lost; we are killed before it is booked.
MOODS = (
    "well",
    "deaf",
    "mute",
    "killed",
)
_TOLD = "select told from manual_requests where merchant_id = %s and told <> '[]' order by id"


class Moody(Provider):
    """`manual`, in one mood after the other; well, once all are over."""

    def __init__(self, inner: Provider, moods: list[str]) -> None:
        self.name, self._inner, self._moods = inner.name, inner, moods

    async def ask(self, asked: Asked) -> Answer:
        mood = self._moods.pop() if self._moods and self._moods[-1] in ("deaf", "mute") else "well"
        if mood == "deaf":
            raise Silent("It is not there.")
        answer = await self._inner.ask(asked)
        if mood == "mute":
            raise Silent("It acted, and the answer was lost.")
        return answer

    def read_event(self, body: bytes, signature: str, now: datetime) -> Told:
        return self._inner.read_event(body, signature, now)

    def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        return self._inner.movements(since, until)

    async def fees_of(self, payout: str) -> int:
        return await self._inner.fees_of(payout)

    async def submit_evidence(self, dispute: str, evidence: Mapping[str, str], key: str) -> Answer:
        return await self._inner.submit_evidence(dispute, evidence, key)


class Killed(Exception):
    """The process is gone, after the provider has acted and before that was booked."""


class World:
    """What is outside of a shop."""

    def __init__(self, mine: NewShop) -> None:
        self.mine, self.moods = mine, list[str]()
        manual = providers_of(mine.shop, {}, "a secret")
        self.outside = Outside(mine.shop, lambda merchant: {"manual": Moody(manual(merchant)["manual"], self.moods)})
        self.shop: Shop = replace(mine.shop, outside=self.outside.first_try)
        self.outside.shop, self._book = self.shop, self.outside.booking
        self.outside.booking = self._booked

    async def _booked(self, merchant: UUID, claimed: Any, reference: str, answer: Answer) -> list[str]:
        if self.moods and self.moods[-1] == "killed":
            self.moods.pop()
            raise Killed
        return await self._book(merchant, claimed, reference, answer)

    async def tells(self, *, backwards: bool) -> None:
        """All that it ever told it tells again, twice at once, and the last first if it likes."""
        async with self.mine.shop.database.transaction(self.mine.id, read_only=True) as sql:
            rows = await (await sql.connection.execute(_TOLD, [self.mine.id])).fetchall()
        for told in sorted((json.dumps(one) for (events,) in rows for one in events), reverse=backwards):
            event = told_of(json.loads(told))
            await asyncio.gather(*(self.outside.receive(self.mine.id, "manual", event) for _ in range(2)))

    async def rests(self) -> None:
        """What was left open is taken up, until nothing is."""
        self.moods.clear()
        for _ in range(3):
            await self.outside.sweep(self.mine.id, quiet=-1)
            await self.outside.tell(self.mine.id)
