"""What a person sees while a turn runs: numbered and stored, so that a dropped connection resumes where it was."""

import time
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple
from uuid import UUID

from db.model import new_id
from db.session import Database, Transaction
from orchestrator.chat.listening import Bell
from orchestrator.chat.turns import NOTIFY, jsonb

PIECE = 0.25  # seconds that a piece of the answer's text covers at least

_INSERT = f"""
with written as (
    insert into turn_events (merchant_id, id, turn_id, number, kind, data, created_at)
    select %(merchant)s, e.id, %(turn)s, e.number, e.kind, e.data, now()
    from jsonb_to_recordset(%(events)s) as e(id uuid, number int, kind text, data jsonb)
)
select {NOTIFY}
"""
_SINCE = """
select t.id as turn, t.status in ('finished', 'failed') as ended, e.number, e.kind, e.data
from turns t
left join turn_events e on e.merchant_id = t.merchant_id and e.turn_id = t.id
    and e.number > coalesce((%(seen)s::jsonb ->> t.id::text)::int, 0)
where t.merchant_id = %(merchant)s and t.conversation_id = %(conversation)s
    and (t.id = %(turn)s or %(on)s and (t.id > %(turn)s or t.status in ('running', 'waiting') or %(seen)s::jsonb ? t.id::text))
order by t.id, e.number
"""


class EventLog:
    """The events of a turn that this process runs. It is the turn's only writer while the lease lasts."""

    def __init__(
        self, database: Database, merchant: UUID, turn: UUID, conversation: UUID, last: int, bell: Bell
    ) -> None:
        self.database = database
        self.merchant = merchant
        self.turn = turn
        self.conversation = conversation
        self.last = last
        self.bell = bell
        self._held: list[dict[str, Any]] = []
        self._text = ""
        self._part = 0
        self._written = time.monotonic()

    async def add(self, kind: str, **data: Any) -> None:
        """Tell of something; it is written at once, or with what follows within a quarter of a second."""
        self._cut()
        self._hold(kind, data)
        if time.monotonic() - self._written >= PIECE:
            await self.flush()

    async def token(self, text: str, anew: bool) -> None:
        """A piece of an answer as it is written. One that begins anew is another `part`: a later call, or another try of one."""
        if anew:
            self._cut()
            self._part = self.last + 1
        self._text += text
        if time.monotonic() - self._written >= PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Write what is held back."""
        self._cut()
        if self._held:
            async with self.database.transaction(self.merchant) as sql:
                await sql.commit(*self.taken(sql))
            self.ring()

    def taken(self, sql: Transaction) -> tuple[str, dict[str, Any]]:
        """The statement that writes what was held back until now: branches that run at once write each event once."""
        self._cut()
        held, self._held = self._held, []
        self._written = time.monotonic()
        whose = {"merchant": sql.merchant, "conversation": self.conversation, "turn": self.turn}
        return _INSERT, whose | {"events": jsonb(held)}

    def ring(self) -> None:
        """What was just committed is heard by every process; where this one hears nothing, it tells its own."""
        if not self.bell.hears:
            self.bell.ring(self.merchant, self.conversation)

    def end(self, usage: dict[str, Any], **data: Any) -> None:
        """The last events. The whole answer is in them: pieces that nobody has seen yet are not written any more."""
        self._text = ""
        self._held = [event for event in self._held if event["kind"] != "token"]
        self._hold("usage", usage)
        self._hold("run.finished", data)

    def hold(self, kind: str, **data: Any) -> None:
        """An event that is written with the turn's next change of state."""
        self._cut()
        self._hold(kind, data)

    def _cut(self) -> None:
        if self._text:
            text, self._text = self._text, ""
            self._hold("token", {"text": text, "part": self._part})

    def _hold(self, kind: str, data: dict[str, Any]) -> None:
        self.last += 1
        self._held.append({"id": new_id(), "number": self.last, "kind": kind, "data": data})


class Event(NamedTuple):
    """An event as those who follow get it. `id` is where to resume."""

    turn: UUID
    number: int
    kind: str
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.turn}/{self.number}"


class _Found(NamedTuple):
    turn: UUID
    ended: bool
    number: int | None
    kind: str | None
    data: dict[str, Any] | None


async def follow(
    database: Database, bell: Bell, merchant: UUID, conversation: UUID, turn: UUID, *, after: int, on: bool
) -> AsyncGenerator[Event | None]:
    """A turn's events after a number, until it has ended; with `on`, also those of later turns, without an end.

    Yields None when there is no more for now, and again whenever nothing happened for a while. Whoever resumes after
    another turn's event may see some events again.
    """
    seen: dict[UUID, int] = {turn: after}
    with bell.following(merchant, conversation) as rung:
        while True:
            rung.clear()
            found = await _since(database, merchant, conversation, turn, seen, on)
            for event in _events(found):
                seen[event.turn] = event.number
                yield event
            if not on and all(one.ended for one in found):
                return
            yield None
            while not await bell.rang(merchant, rung):
                yield None


def _events(found: list[_Found]) -> list[Event]:
    return [Event(one.turn, one.number, one.kind or "", one.data or {}) for one in found if one.number is not None]


async def _since(
    database: Database, merchant: UUID, conversation: UUID, turn: UUID, seen: dict[UUID, int], on: bool
) -> list[_Found]:
    params = {
        "merchant": merchant,
        "conversation": conversation,
        "turn": turn,
        "on": on,
        "seen": jsonb({str(id_): number for id_, number in seen.items()}),
    }
    async with database.transaction(merchant, read_only=True) as sql:
        return await sql.rows(_SINCE, params, as_=_Found)


Stream = AsyncGenerator[Event | None]
