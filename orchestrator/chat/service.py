"""What the doors ask of conversations. Only its owner sees a conversation: to others it does not exist."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg

from db.models.conversations import TurnStatus
from db.session import DatabaseBusy, Transaction
from orchestrator import approvals
from orchestrator.chat import rows, turns
from orchestrator.chat.events import Event, EventLog, follow
from orchestrator.chat.history import History, Place, place_before, sent_before
from orchestrator.chat.limits import ChatBusy, ChatLimits, Listeners, Still, TooManyTurns
from orchestrator.chat.listening import Bell
from orchestrator.chat.runs import Runner, Running
from orchestrator.chat.turns import Claimed, Lease, TurnRow
from orchestrator.state import Limits, Request
from orchestrator.supervisor import Supervisor
from orchestrator.tasks import ended
from tools.contract.actors import Actor, Caller, Shopfront
from tools.contract.call import Shop
from tools.contract.card_numbers import hidden
from tools.contract.daily import day_start
from tools.contract.declare import Tool
from tools.contract.errors import Conflict, IdempotencyKeyReused, Invalid, NotFound, ShopError, TooManyRequests
from tools.contract.idempotency import enter, lock_of
from tools.contract.plain import as_json

_log = logging.getLogger(__name__)
TOKENS_PER_DAY = 5_000_000  # of language models, for one merchant
LONGEST_REQUEST = 8_000  # characters
MOST_WORDS = 8  # of a search
LONGEST_STOP = 5.0  # seconds that a caller waits for a turn's end
LEASE = 30.0  # seconds after its last heartbeat for which a process is believed to work on its turns


class BudgetSpent(TooManyRequests):
    """The shop has used up its language model's budget of the day."""

    hint = "Use the console or the API meanwhile, which need no language model."


class TurnUnderWay(Conflict):
    """A conversation goes with all that is in it, once that is through."""

    hint = "Stop its turn with DELETE /turns/{turn}, or decide its card; then delete it."


class TurnWaits(Conflict):
    """A turn that waits for a person ends with their decision."""

    hint = "Reject it with POST /approvals/{approval}/decision: then nothing is done."


class _New(NamedTuple):
    """A turn that is to begin: its request, as it is stored too, and by what it is found again."""

    request: Request
    written: str
    key: str
    said: str | None = None


class Chat:
    """Conversations of every merchant, in this process. `close` lets another process continue what is under way."""

    def __init__(
        self,
        shop: Shop,
        supervisor: Supervisor,
        tools: Mapping[str, Tool[Any, Any]],
        *,
        limits: Limits | None = None,
        room: ChatLimits | None = None,
        tokens_per_day: int = TOKENS_PER_DAY,
        lease: float = LEASE,
    ) -> None:
        self.shop = shop
        self.supervisor = supervisor
        self.tools = tools  # all of them: decisions of every door are carried out here
        self.tokens_per_day = tokens_per_day
        self.room = room or ChatLimits()
        self.bell = Bell(shop.database)
        self._listeners = Listeners(self.room)
        self._lease = Lease(uuid4().hex, lease)
        self._runner = Runner(shop, supervisor, self._lease, self.bell, limits or Limits())
        self._running: dict[UUID, Running] = {}  # turns of this process
        self._queued: dict[UUID, UUID] = {}  # by conversation, the turn that was posted while one of them was under way

    async def close(self) -> None:
        """Stop working: the leases end at once."""
        running = dict(self._running)
        await ended(*(one.task for one in running.values()))
        for turn, one in running.items():
            async with self.shop.database.transaction(one.merchant) as sql:
                await self._lease.drop(sql, turn)
                await sql.commit()

    # ---- what doors ask ----------------------------------------------------------------------------------------------

    async def known(self, caller: Caller) -> None:
        """Raises `Unauthenticated` for whoever the shop does not know."""
        async with self._entered(caller, read_only=True):
            pass

    async def start_conversation(self, caller: Caller, key: str | None = None) -> rows.ConversationRow:
        """A new conversation. The same key is the same conversation."""
        return await self._opened(caller, "key", key or uuid4().hex)

    async def conversations(
        self, caller: Caller, *, before: UUID | None, limit: int, text: str = ""
    ) -> list[rows.ConversationRow]:
        """One's own, newest first, with all words of a text; one more than `limit` says that there are more."""
        async with self._entered(caller, read_only=True) as (sql, actor, _):
            return await rows.conversations(sql, actor.reference, before, limit + 1, text.split()[:MOST_WORDS])

    async def rename(self, caller: Caller, reference: str, title: str) -> rows.ConversationRow:
        """Raises `NotFound`."""
        async with self._entered(caller) as (sql, actor, _):
            found = await self._own(sql, actor, reference, lock=True)
            await rows.rename(sql, found.id, title)
            await sql.commit()
        return found._replace(title=title)

    async def delete(self, caller: Caller, reference: str) -> None:
        """Raises `NotFound`, and `TurnUnderWay` while something of it is not through."""
        async with self._entered(caller) as (sql, actor, _):
            found = await self._own(sql, actor, reference, lock=True)
            open_ = await turns.open_turns(sql, actor.reference, found.id)
            if open_:
                raise TurnUnderWay(f"In {found.reference} something is {open_[0].status}.")
            await rows.forget(sql, found.id)
            await sql.commit()

    async def stop(self, caller: Caller, turn: UUID) -> TurnRow:
        """End a turn of one's own, with an account of what was done until then. Raises `NotFound`, and `TurnWaits` for a card."""
        async with self._entered(caller) as (sql, actor, _):
            found = await self._turn(sql, actor, turn)
            if found.status == TurnStatus.waiting:
                raise TurnWaits(f"It waits for {', '.join(found.waits_for) or 'what was decided'}.")
            await turns.stop(sql, turn)
            await sql.commit()
        if (running := self._running.get(turn)) and found.status == TurnStatus.running:
            await ended(running.task)
            async with self.shop.database.transaction(caller.merchant) as sql:
                await self._lease.drop(sql, turn)
                await sql.commit()
        await self._claim_and_run(caller.merchant, turn)
        return await self.settled(caller, await self.turn(caller, turn), LONGEST_STOP)

    async def conversation(
        self, caller: Caller, reference: str
    ) -> tuple[rows.ConversationRow, list[rows.MessageRow], list[TurnRow]]:
        """A conversation, what was said in it, and its turns that are not through. Raises `NotFound`."""
        async with self._entered(caller, read_only=True) as (sql, actor, _):
            found = await self._own(sql, actor, reference)
            said = await rows.messages(sql, found.id)
            return found, said, await turns.open_turns(sql, actor.reference, found.id)

    async def post_message(self, caller: Caller, conversation: str, text: str, key: str) -> TurnRow:
        """Say something; the turn that answers it has begun. The same key is the same turn."""
        return await self._post(caller, conversation, Request(hidden(text.strip())), key)

    async def post_request(self, caller: Caller, request: Request, key: str) -> TurnRow:
        """A structured request: a conversation of its own, found again by its key."""
        self._check(request)
        opened = await self._opened(caller, "request", key)
        return await self._post(caller, opened.reference, request, key)

    async def post_history(self, caller: Caller, history: History) -> TurnRow:
        """Go on with a conversation that another client tells as a whole.

        The same call sent again is the same turn, unless that is through and has changed nothing: then it is asked anew.
        A history that is not ours, or that goes on from an earlier place, begins a conversation of its own with it.
        """
        request = Request(history.text, history.specialist)
        written = self._checked(request)
        lock = lock_of(caller.merchant, history.said)
        async with self._entered(caller, lock=lock) as (sql, actor, shop):
            now = self.shop.clock()
            before = await sent_before(sql, actor.reference, history, now)
            if before is not None and not self._may_be_asked_anew(before):
                return await self._turn(sql, actor, before.id)
            place = await place_before(sql, actor.reference, history)
            conversation = place.conversation if place and place.last else await self._begun(sql, actor, history, place)
            found = await self._own(sql, actor, conversation, lock=True)
            key = f"{history.key}:{before.id}" if before else history.key
            new = _New(request, written, key, history.said)
            posted, claimed = await self._begin(sql, caller, actor, shop, found.id, new)
        await self._take_up(caller, found.id, posted, claimed)
        return posted

    async def place_of(self, caller: Caller, history: History) -> Place | None:
        """The turn after which a history goes on, if it is one of the caller's own. Raises `Unauthenticated`."""
        async with self._entered(caller, read_only=True) as (sql, actor, _):
            return await place_before(sql, actor.reference, history)

    async def turn(self, caller: Caller, turn: UUID) -> TurnRow:
        """A turn of one's own. Raises `NotFound`."""
        async with self._entered(caller, read_only=True) as (sql, actor, _):
            return await self._turn(sql, actor, turn)

    async def settled(self, caller: Caller, turn: TurnRow, seconds: float) -> TurnRow:
        """The turn as soon as it is through or waits for a person; at the latest after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._settled(caller, turn)
        except TimeoutError:
            return await self.turn(caller, turn.id)

    async def events(
        self,
        caller: Caller,
        conversation: str,
        *,
        turn: UUID | None = None,
        after: str = "",
        on: bool = False,
        still: Still | None = None,
    ) -> AsyncGenerator[Event | None]:
        """The events of a turn (the latest, unless named), from where `after` (an event's id) says, until it has ended.

        With `on`, those of later turns too. None comes when nothing happened for a while. Whether the caller may listen is
        asked again each minute, of the shop and of the door (`still`). Raises `NotFound`, `Invalid`, `TooManyStreams`, and
        `Unauthenticated` as soon as the caller may no longer.
        """
        resumed, number = _resumed(after)
        async with self._entered(caller, read_only=True) as (sql, actor, _):
            found = await self._own(sql, actor, conversation)
            named = resumed or turn or await turns.latest(sql, found.id)
            known = named and await turns.turn_of(sql, actor.reference, named)
        if named is None or not known or known.conversation != found.reference:
            raise NotFound(f"{found.reference} has no such turn.", hint="Post a message first.")
        self._listeners.seen(caller)
        stream = follow(self.shop.database, self.bell, caller.merchant, found.id, named, after=number, on=on)
        with self._listeners.one(caller.merchant, actor.reference, found.reference):
            async with aclosing(stream):
                asked = time.monotonic()
                async for event in stream:
                    if time.monotonic() - asked >= self.room.right_seconds:
                        await self._refuse_stranger(caller, still)
                        asked = time.monotonic()
                    yield event

    # ---- what the worker asks ----------------------------------------------------------------------------------------

    async def carry_out(self, merchant: UUID, approval: str) -> None:
        """Do what was decided about an approval; a turn that waited for it goes on, or is shown the card that took its place.

        Repeating it does nothing.
        """
        turn = await approvals.carry_out(self.shop, self.tools, merchant, approval)
        if turn is not None:
            await self._show_new_card(merchant, turn)
            await self._claim_and_run(merchant, turn)

    async def sweep(self, merchant: UUID) -> None:
        """Pick up what was left behind: decisions not carried out, turns whose process died, checkpoints of ended turns."""
        for approval in await approvals.not_carried_out(self.shop, merchant):
            try:
                await self.carry_out(merchant, approval)
            except ShopError as refused:
                _log.warning("%s could not be carried out yet: %s", approval, refused)
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            left = await turns.left_behind(sql)
        for turn in left[: max(0, self.room.turns - len(self._running))]:
            await self._claim_and_run(merchant, turn)
        await self._forget_ended(merchant)

    # ---- inside ------------------------------------------------------------------------------------------------------

    async def _post(self, caller: Caller, reference: str, request: Request, key: str) -> TurnRow:
        written = self._checked(request)
        async with self._entered(caller) as (sql, actor, shop):
            found = await self._own(sql, actor, reference, lock=True)
            before = await turns.turn_by_key(sql, actor.reference, found.id, key)
            if before is not None and before.request != written:
                raise IdempotencyKeyReused("This idempotency key was used for another message.")
            if before is not None:
                return before
            new = _New(request, written, key)
            posted, claimed = await self._begin(sql, caller, actor, shop, found.id, new)
        await self._take_up(caller, found.id, posted, claimed)
        return posted

    def _checked(self, request: Request) -> str:
        """The request as it is stored."""
        if not 0 < len(request.text) <= LONGEST_REQUEST:
            raise Invalid(
                f"A message has between 1 and {LONGEST_REQUEST:,} characters, and this one has {len(request.text):,}."
            )
        return as_json(asdict(request)).decode()

    async def _begin(
        self,
        sql: Transaction,
        caller: Caller,
        actor: Actor,
        shop: Shopfront,
        conversation: UUID,
        new: _New,
    ) -> tuple[TurnRow, Claimed | None]:
        """A new turn, committed; to be taken up by this process where none of the conversation is under way."""
        await self._within_limits(sql, actor)
        await self._within_budget(sql, shop)
        asker, now = caller.as_json(actor.reference), self.shop.clock()
        told = (new.key, new.written, new.request.text, asker, now, new.said)
        id_, claimed = await self._lease.post(sql, conversation, *told)
        posted = await self._turn(sql, actor, id_)
        await sql.commit()
        return posted, claimed

    async def _take_up(self, caller: Caller, conversation: UUID, posted: TurnRow, claimed: Claimed | None) -> None:
        """Begin it, or leave it to the end of the turn before: unless that one ended before it could see that another follows.

        Between what it saw and its end it is still under way: so what is left to it is kept here, too.
        """
        if claimed:
            self._start(caller.merchant, claimed)
        else:
            if any(one.conversation == conversation for one in self._running.values()):
                self._queued[conversation] = posted.id
            await self._claim_and_run(caller.merchant, posted.id)

    async def _begun(self, sql: Transaction, actor: Actor, history: History, place: Place | None) -> str:
        """A new conversation that begins with what was said until a place of ours, or with what the client tells of it."""
        now = self.shop.clock()
        opened = rows.Opened("client", f"{actor.reference}:{uuid4().hex}")
        await rows.create_conversation(sql, actor.reference, now, opened)
        made = await rows.conversation_opened(sql, actor.reference, opened)
        assert made is not None
        said = await rows.up_to(sql, place.conversation_id, place.id) if place else history.as_told(now)
        await rows.repeat(sql, made.id, said)
        return made.reference

    def _may_be_asked_anew(self, before: Place) -> bool:
        """A turn that is through, and has changed nothing."""
        made = (before.data or {}).get("tools", [])
        wrote = any(one["outcome"] == "done" and self.tools[one["tool"]].writes for one in made)
        return before.status in (TurnStatus.finished, TurnStatus.failed) and not wrote

    async def _turn(self, sql: Transaction, actor: Actor, turn: UUID) -> TurnRow:
        found = await turns.turn_of(sql, actor.reference, turn)
        if found is None:
            raise NotFound(f"There is no turn {turn}.")
        return found

    async def _opened(self, caller: Caller, by: str, key: str) -> rows.ConversationRow:
        """The conversation that was opened with this key, now or before."""
        async with self._entered(caller) as (sql, actor, _):
            opened = rows.Opened(by, f"{actor.reference}:{key}")
            found = await rows.conversation_opened(sql, actor.reference, opened)
            if found is None:
                await rows.create_conversation(sql, actor.reference, self.shop.clock(), opened)
                found = await rows.conversation_opened(sql, actor.reference, opened)
                await sql.commit()
        assert found is not None
        return found

    def _check(self, request: Request) -> None:
        """Raises `NotFound` for a specialist or an operation that chat does not know."""
        catalogue = self.supervisor.catalogue
        if request.specialist and request.specialist not in catalogue.scopes:
            raise NotFound(
                f"There is no specialist {request.specialist}.", hint=f"There are {', '.join(catalogue.scopes)}."
            )
        if request.tool and request.tool not in catalogue.tools:
            raise NotFound(
                f"There is no operation {request.tool} here.", hint="Those for people only have routes of their own."
            )

    async def _within_limits(self, sql: Transaction, actor: Actor) -> None:
        if len(self._running) >= self.room.turns:
            raise ChatBusy(f"{self.room.turns} turns are worked on at the moment.", retry_after=2)
        theirs = await turns.under_way(sql, actor.reference)
        if theirs >= self.room.turns_per_actor:
            raise TooManyTurns(f"{actor.reference} has {theirs} turns under way, and may have no more.", retry_after=2)

    async def _refuse_stranger(self, caller: Caller, still: Still | None) -> None:
        """Raises `Unauthenticated` when whoever listens may no longer: a key revoked, a session ended, a member gone."""
        try:
            if still is not None:
                await still()
            if self._listeners.is_due(caller):
                async with self._entered(caller, read_only=True):
                    self._listeners.seen(caller)
        except ShopError as refused:
            if not refused.retryable:  # a busy shop is asked again a minute later
                raise

    async def _within_budget(self, sql: Transaction, shop: Shopfront) -> None:
        if self.supervisor.models.router is None:
            return
        now = self.shop.clock()
        spent = await turns.tokens_since(sql, day_start(now, shop))
        if spent >= self.tokens_per_day:
            wait = int((day_start(now, shop) + timedelta(days=1) - now).total_seconds())
            raise BudgetSpent(f"{spent:,} of {self.tokens_per_day:,} tokens were used today.", retry_after=wait)

    async def _own(self, sql: Transaction, actor: Actor, reference: str, *, lock: bool = False) -> rows.ConversationRow:
        found = await rows.conversation(sql, actor.reference, reference, lock=lock)
        if found is None:
            raise NotFound(f"There is no conversation {reference}.", hint="GET /conversations lists yours.")
        return found

    @asynccontextmanager
    async def _entered(
        self, caller: Caller, *, read_only: bool = False, lock: int | None = None
    ) -> AsyncGenerator[tuple[Transaction, Actor, Shopfront]]:
        """A transaction of the caller's merchant. Raises `Unauthenticated`."""
        opened = self.shop.database.transaction(caller.merchant, read_only=read_only, lock=lock, wait=True)
        async with opened as sql:
            entered = await enter(sql, caller, None, self.shop.clock())
            yield sql, entered.actor(caller), entered.shop(caller.merchant)

    async def _claim_and_run(self, merchant: UUID, turn: UUID) -> None:
        async with self.shop.database.transaction(merchant) as sql:
            claimed = await self._lease.claim(sql, turn)
            await sql.commit()
        if claimed:
            self._start(merchant, claimed)

    async def _show_new_card(self, merchant: UUID, turn: UUID) -> None:
        """A call that was edited, or would change something else by now, has a new card."""
        async with self.shop.database.transaction(merchant) as sql:
            new = await turns.new_card(sql, turn)
            if new is None:
                return
            log = EventLog(self.shop.database, merchant, turn, new.conversation_id, new.last_event, self.bell)
            log.hold("approval.required", approval=new.reference, tool=new.tool, card=new.card, why=new.why)
            await sql.commit(*log.taken(sql))
        log.ring()

    async def _forget_ended(self, merchant: UUID) -> None:
        """Delete checkpoints that a process, killed after it had stored the answer, did not get to."""
        saver = self.supervisor.saver
        kept = await saver.threads(merchant)
        if not kept:
            return
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            ended = await turns.ended(sql, kept)
        for turn in ended:
            await saver.forget(merchant, turn)

    async def _settled(self, caller: Caller, turn: TurnRow) -> TurnRow:
        """Wait for this process's own work, or for the events of another's."""
        if turn.id in self._running:
            await asyncio.wait([self._running[turn.id].task])
        turn = await self.turn(caller, turn.id)
        if turn.status != TurnStatus.running:
            return turn
        async with self._entered(caller, read_only=True) as (sql, actor, _):
            conversation = await self._own(sql, actor, turn.conversation)
        stream = follow(self.shop.database, self.bell, caller.merchant, conversation.id, turn.id, after=0, on=False)
        async with aclosing(stream):
            while turn.status == TurnStatus.running:
                event = await anext(stream)
                if event and event.kind in ("run.finished", "approval.required"):
                    turn = await self.turn(caller, turn.id)
        return turn

    def _start(self, merchant: UUID, turn: Claimed) -> None:
        task = asyncio.create_task(self._run(merchant, turn))
        self._running[turn.id] = Running(merchant, turn.conversation_id, task)
        task.add_done_callback(lambda _: self._running.pop(turn.id))

    async def _run(self, merchant: UUID, turn: Claimed) -> None:
        """A turn; then the one that has been waiting for it begins."""
        try:
            following = await self._runner.run(merchant, turn)
            queued = self._queued.pop(turn.conversation_id, turn.id)
            following = following or (queued if queued != turn.id else None)
            if following:
                await self._claim_and_run(merchant, following)
        except (psycopg.Error, DatabaseBusy) as broken:
            _log.warning("what follows turn %s is left to the worker: %s", turn.id, broken)


def _resumed(after: str) -> tuple[UUID | None, int]:
    """The turn and the number of an event's id."""
    if not after:
        return None, 0
    event = re.fullmatch(r"([0-9a-fA-F-]{36})/([0-9]{1,9})", after)
    try:
        if event is not None:
            return UUID(event[1]), int(event[2])
    except ValueError:
        pass
    raise Invalid(f"{after[:60]} is no event's id.", hint="Send the last `id:` that you got, or none.")
