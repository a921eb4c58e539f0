"""Hearing that something happened in a conversation, whichever process did it, without looking again and again.

Whoever writes a turn's events notifies in the same statement. One connection of a process listens, past any pooler, and
rings for those who follow. Where none gets through, the database is looked at: one statement for all who follow a shop.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from db.session import Database, DatabaseBusy
from orchestrator.chat.turns import CHANNEL
from orchestrator.tasks import ended

_log = logging.getLogger(__name__)
QUIET = 15.0  # seconds after which those who follow learn that nothing happened
LOOK = 2.0  # seconds between two looks, where nothing is heard
ANSWER = 5.0  # seconds in which the listening connection has to hear what this process says
EVERY = 60.0  # seconds after which it is asked again whether it hears
LONGEST_PAUSE = 30.0  # seconds between two tries to connect

# What may still change in each conversation, and its latest turn; what differs from the last look has to be looked at.
_STATES = """
select t.conversation_id as conversation,
       string_agg(t.id::text || t.status || (select coalesce(max(e.number), 0)::text from turn_events e
                                             where e.merchant_id = t.merchant_id and e.turn_id = t.id), ',' order by t.id) as state
from turns t
where t.merchant_id = %(merchant)s and t.conversation_id = any(%(followed)s)
    and (t.status in ('running', 'waiting') or t.id = (
        select l.id from turns l where l.merchant_id = t.merchant_id and l.conversation_id = t.conversation_id
        order by l.id desc limit 1))
group by t.conversation_id
"""


class _State(NamedTuple):
    conversation: UUID
    state: str


class Bell:
    """Rings for those of this process who follow a conversation."""

    def __init__(self, database: Database, *, look: float = LOOK) -> None:
        self.database = database
        self.look = look
        self.hears = False  # whether a connection listens, so that nobody has to look
        self._following: dict[UUID, dict[UUID, set[asyncio.Event]]] = {}  # by merchant and conversation
        self._states: dict[UUID, dict[UUID, str]] = {}  # what the last look found, by merchant
        self._looked: dict[UUID, float] = {}

    @contextmanager
    def following(self, merchant: UUID, conversation: UUID) -> Generator[asyncio.Event]:
        rung = asyncio.Event()
        conversations = self._following.setdefault(merchant, {})
        conversations.setdefault(conversation, set()).add(rung)
        try:
            yield rung
        finally:
            conversations[conversation].discard(rung)
            if not conversations[conversation]:
                del conversations[conversation]
            if not conversations:
                for known in (self._following, self._states, self._looked):
                    known.pop(merchant, None)

    @property
    def follows(self) -> int:
        """How many follow a conversation in this process."""
        return sum(len(rung) for conversations in self._following.values() for rung in conversations.values())

    def ring(self, merchant: UUID, conversation: UUID) -> None:
        for rung in self._following.get(merchant, {}).get(conversation, ()):
            rung.set()

    def hear(self, well: bool) -> None:
        """From now on, or no longer: what happened in between nobody has heard, so that all look once."""
        self.hears = well
        for merchant, conversations in self._following.items():
            for conversation in conversations:
                self.ring(merchant, conversation)

    async def rang(self, merchant: UUID, rung: asyncio.Event) -> bool:
        """Wait until something happens; False when nothing did for a while."""
        until = time.monotonic() + QUIET
        while not rung.is_set() and (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left if self.hears else min(self.look, left)):
                    await rung.wait()
            except TimeoutError:
                if not self.hears:
                    await self._look(merchant)
        return rung.is_set()

    async def _look(self, merchant: UUID) -> None:
        """One look for all who follow a shop's conversations: whoever's turn it is looks for the others too."""
        now = time.monotonic()
        if now - self._looked.get(merchant, 0.0) < self.look * 0.9:
            return
        self._looked[merchant] = now
        params = {"merchant": merchant, "followed": list(self._following[merchant])}
        async with self.database.transaction(merchant, read_only=True) as sql:
            found = await sql.rows(_STATES, params, as_=_State)
        before = self._states.get(merchant, {})
        self._states[merchant] = dict(found)
        for conversation, state in found:
            if before.get(conversation) != state:
                self.ring(merchant, conversation)


@asynccontextmanager
async def listening(bell: Bell, url: str) -> AsyncGenerator[None]:
    """Meanwhile a connection of this process listens for those who follow; `url` goes past any pooler."""
    task = asyncio.create_task(_Ear(bell, url).listen())
    try:
        yield
    finally:
        await ended(task)


class _Unheard(Exception):
    """What this process said did not come back: a pooler is in between, or the connection is dead."""


class _Ear:
    def __init__(self, bell: Bell, url: str) -> None:
        self.bell = bell
        self.url = url
        self.failures = 0

    async def listen(self) -> None:
        """Connect, listen, and begin again whenever that breaks off, each time after a longer pause."""
        while True:
            try:
                connection = await AsyncConnection.connect(self.url, autocommit=True)
                try:
                    await self._hear(connection)
                finally:  # at once: what leaving the connection's own block waits for, a second cancellation would cut short
                    await connection.close()
            except (psycopg.Error, DatabaseBusy, _Unheard) as lost:
                self.failures += 1
                if self.failures == 1:
                    _log.warning("Events are looked for every %s s, for none is heard: %s", self.bell.look, lost)
            finally:
                self.bell.hear(False)
            await asyncio.sleep(min(LONGEST_PAUSE, 0.1 * 2**self.failures) * random.uniform(0.5, 1.0))

    async def _hear(self, connection: AsyncConnection[TupleRow]) -> None:
        await connection.execute(f"listen {CHANNEL}".encode())
        own = uuid4().hex
        while True:
            async with self.bell.database.connection() as other:
                await other.execute("select pg_notify(%s, %s)", (CHANNEL, own))
            if not await self._ring_until(connection, own, ANSWER):
                raise _Unheard(
                    f"a notification was not heard within {ANSWER:.0f} s. Behind a pooler, DATABASE_DIRECT_URL has to go past it."
                )
            if not self.bell.hears:
                self.failures = 0
                self.bell.hear(True)
            await self._ring_until(connection, None, EVERY)

    async def _ring_until(self, connection: AsyncConnection[TupleRow], own: str | None, seconds: float) -> bool:
        """Ring for what is heard, for so long; True as soon as `own` was heard."""
        async with aclosing(connection.notifies(timeout=seconds)) as heard:
            async for told in heard:
                if told.payload == own:
                    return True
                place = _place(told.payload)
                if place:
                    self.bell.ring(*place)
        return False


def _place(payload: str) -> tuple[UUID, UUID] | None:
    """Merchant and conversation; None for what another process asked itself."""
    merchant, _, conversation = payload.partition("/")
    try:
        return UUID(merchant), UUID(conversation)
    except ValueError:
        return None
