"""Running a turn: from its request, or from where a crash or a card left it, to its answer, while the lease lasts."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

import orjson
import psycopg
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.errors import GraphRecursionError
from langgraph.types import Command

from agents.marks import marked, nonce_of
from db.models.backoffice import ApprovalStatus
from db.models.conversations import TurnStatus
from db.session import DatabaseBusy
from orchestrator import telemetry
from orchestrator.answers import Answered, finish, so_far
from orchestrator.chat import rows, turns
from orchestrator.chat.events import EventLog
from orchestrator.chat.limits import TurnTookTooLong
from orchestrator.chat.listening import Bell
from orchestrator.chat.turns import Claimed, Committed, Lease, Left
from orchestrator.language_model import ModelFailed
from orchestrator.saver import thread
from orchestrator.spending import usage_of
from orchestrator.state import Asked, Limits, Made, Request, State, Turn, Update
from orchestrator.supervisor import Supervisor
from orchestrator.tasks import ended
from tools.contract.actors import Caller, Door
from tools.contract.call import Shop
from tools.contract.errors import ShopError
from tools.contract.idempotency import KEPT, enter

_log = logging.getLogger(__name__)
OPEN = (ApprovalStatus.pending, ApprovalStatus.approved, ApprovalStatus.edited)  # a turn waits for these
GOES_ON = KEPT - timedelta(days=1)  # for which a turn is continued: until the first record of its calls may lapse
INTERRUPTIONS = 3  # after which a turn is given up
LONGEST = 4_000  # characters of an earlier message that models are given
CHECKPOINTED, KEPT_NOWHERE = "sync", "none"


class _Lost(Exception):
    """Another process has the turn now."""


@dataclass(frozen=True)
class _Prepared:
    """What a turn is run with, read anew each time."""

    request: Request
    context: Turn
    said: list[rows.MessageRow]


class Running(NamedTuple):
    """A turn that this process works on."""

    merchant: UUID
    conversation: UUID
    task: asyncio.Task[None]


class Runner:
    """Runs turns of this process."""

    def __init__(self, shop: Shop, supervisor: Supervisor, lease: Lease, bell: Bell, limits: Limits) -> None:
        self.shop = shop
        self.supervisor = supervisor
        self.lease = lease
        self.bell = bell
        self.limits = limits

    async def run(self, merchant: UUID, turn: Claimed) -> UUID | None:
        """Take a claimed turn as far as it goes: to its answer, to a card, or to an honest failure.

        Returns the conversation's next turn, if one has been waiting for this one.
        """
        log = EventLog(self.shop.database, merchant, turn.id, turn.conversation_id, turn.last_event, self.bell)
        try:
            async with self._leased(merchant, turn.id):
                with telemetry.turn(merchant, turn.id, turn.conversation_id):
                    left = await self._to_its_end(merchant, turn, log, [])
                return left.next
        except _Lost:
            _log.info("turn %s is worked on elsewhere", turn.id)
        except (psycopg.OperationalError, DatabaseBusy) as broken:
            _log.warning("turn %s was interrupted and will be continued: %s", turn.id, broken)
        return None

    async def _to_its_end(self, merchant: UUID, turn: Claimed, log: EventLog, asked: list[Asked]) -> Left:
        try:
            why = self._why_no_further(turn)
            if why is None:
                return await self._in_time(merchant, turn, log, asked)
        except ModelFailed as failed:
            why = str(failed)
        except ShopError as refused:
            why = refused.message
        except GraphRecursionError:
            why = f"I stopped at the limit of {self.limits.steps} steps."
        except (_Lost, psycopg.OperationalError, DatabaseBusy):
            raise
        except Exception:
            _log.exception("turn %s failed", turn.id)
            why = "Something went wrong on our side; the fault was logged."
        return await self._give_up(merchant, turn, log, why, asked)

    def _why_no_further(self, turn: Claimed) -> str | None:
        """It was stopped; too many died of it; or it lay until its calls' records lapse, and each would be made again."""
        if turn.usage.get("stopped"):
            return "You stopped this."
        if int(turn.usage.get("interrupted", 0)) >= INTERRUPTIONS:
            return f"This was interrupted {INTERRUPTIONS} times, and is given up."
        if _begun(turn) and self.shop.clock() - turn.created_at > GOES_ON:
            return f"This was left for {GOES_ON.days} days, and is given up."
        return None

    async def _in_time(self, merchant: UUID, turn: Claimed, log: EventLog, asked: list[Asked]) -> Left:
        """The work, cut short in the middle of a step that does not end. Raises `TurnTookTooLong`."""
        deadline = asyncio.timeout(self.limits.seconds + self.limits.grace)
        try:
            async with deadline:
                return await self._work(merchant, turn, log, asked)
        except TimeoutError as late:
            if not deadline.expired():
                raise
            raise TurnTookTooLong(f"I stopped at the limit of {self.limits.seconds} seconds.") from late

    # ---- the run -----------------------------------------------------------------------------------------------------

    async def _work(self, merchant: UUID, turn: Claimed, log: EventLog, asked: list[Asked]) -> Left:
        prepared = await self._prepare(merchant, turn, log, asked)
        config = self._config(merchant, turn.id)
        given, kept = await self._where_it_stands(turn, prepared, config)
        if turn.last_event > 1:
            log.hold("run.started", continued=True)
        while True:
            state, cards = await self._invoke(given, kept, config, prepared.context)
            if cards:
                left = await self._wait(merchant, turn, log, state.waiting or "")
                if left:
                    return left
                given = Command(resume=dict.fromkeys(cards, "decided"))
            elif state.enter_again:
                given, kept = self.supervisor.entered_again(state, prepared.context.actor).told(), True
            else:
                break
        answer = finish(state, self.supervisor.models.name, self.supervisor.models.prices)
        return await self._end(merchant, turn, log, TurnStatus.finished, answer, kept)

    async def _invoke(self, given: Any, kept: bool, config: dict[str, Any], context: Turn) -> tuple[State, list[str]]:
        """Run the graph; returns the state and the ids of the interrupts at which it stopped."""
        graph = self.supervisor.graph if kept else self.supervisor.reading_graph
        durability = {"durability": CHECKPOINTED} if kept else {}
        values: dict[str, Any] = await graph.ainvoke(given, config, context=context, **durability)
        cards = [one.id for one in values.pop("__interrupt__", ())]
        return State(**values), cards

    async def _where_it_stands(
        self, turn: Claimed, prepared: _Prepared, config: dict[str, Any]
    ) -> tuple[Update | Command[Any] | None, bool]:
        """What to give to the graph: the request, or nothing to go on from the last checkpoint, or the decision it waits for.

        A request on top of checkpoints would be a second one. A process that was killed may have left some before it told of
        anything: events are written a quarter of a second later.
        """
        if _begun(turn):
            snapshot = await self.supervisor.graph.aget_state(config)
            if snapshot.interrupts:
                return Command(resume={one.id: "decided" for one in snapshot.interrupts}), True
            if snapshot.values:
                return None, True
        said = prepared.said
        window, tainted = [_message(one) for one in said], any(one.data.get("tainted") for one in said)
        state = await self.supervisor.admit(
            prepared.request, prepared.context, window, _rooms_before(said), tainted=tainted
        )
        return state.told(), state.kept

    async def _prepare(self, merchant: UUID, turn: Claimed, log: EventLog, asked: list[Asked]) -> _Prepared:
        request = Request(**orjson.loads(turn.request))
        models = self.supervisor.models
        asker = Caller.from_json(merchant, turn.caller)
        hand = asker.hand if request.tool else models.hand
        caller = replace(asker, door=Door.chat, hand=hand, turn=turn.id, request_id=str(turn.id))
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            entered = await enter(sql, caller, None, self.shop.clock())
            said = [] if request.tool else await rows.window(sql, turn.conversation_id, turn.id)
        context = Turn(
            id=turn.id,
            shop=self.shop,
            caller=caller,
            actor=entered.actor(caller),
            merchant=entered.shop(merchant),
            events=log,
            deadline=self.shop.clock() + timedelta(seconds=self.limits.seconds),
            limits=self.limits,
            asked=asked,
        )
        return _Prepared(request, context, said)

    def _config(self, merchant: UUID, turn: UUID) -> dict[str, Any]:
        return {"configurable": {"thread_id": thread(merchant, turn)}, "recursion_limit": self.limits.steps}

    # ---- how it ends -------------------------------------------------------------------------------------------------

    async def _wait(self, merchant: UUID, turn: Claimed, log: EventLog, reference: str) -> Left | None:
        """Leave the turn until its card is decided; None when that has happened meanwhile.

        The turn is marked first and the card read after it: whoever decides in between finds the mark.
        """
        async with self.shop.database.transaction(merchant) as sql:
            left = await self.lease.wait(sql, turn.id, CHECKPOINTED)
            if left is None:
                raise _Lost
            card = await turns.approval(sql, reference)
            if card is None or card.status not in OPEN:
                return None
            log.hold("approval.required", approval=reference, tool=card.tool, card=card.card, why=card.why)
            await sql.commit(*log.taken(sql))
        log.ring()
        telemetry.turn_waits()
        return left

    async def _end(
        self, merchant: UUID, turn: Claimed, log: EventLog, status: TurnStatus, answer: Answered, kept: bool
    ) -> Left:
        """Store the answer with the last events, in one transaction; then the checkpoints have served."""
        durability = CHECKPOINTED if kept else KEPT_NOWHERE
        log.end(answer.usage, status=status.value, answer=answer.text, evidence=answer.data)
        telemetry.turn_ended(status.value, answer.usage, orjson.loads(turn.request)["text"], answer.text)
        async with self.shop.database.transaction(merchant) as sql:
            left = await self.lease.end(
                sql, turn.id, status, answer.text, answer.data, answer.usage, durability, self.shop.clock()
            )
            if left is None:
                raise _Lost
            await sql.commit(*log.taken(sql))
        log.ring()
        if kept:
            await self.supervisor.saver.forget(merchant, turn.id)
        return left

    async def _give_up(self, merchant: UUID, turn: Claimed, log: EventLog, why: str, asked: list[Asked]) -> Left:
        """Tell honestly why there is no answer, and what was done before. `asked` are the calls of a run that kept no state."""
        snapshot = await self.supervisor.graph.aget_state(self._config(merchant, turn.id))
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            changed = await turns.committed(sql, turn.id)
        made = self._with_changes(cast(list[Made], snapshot.values.get("made", [])), changed)
        usage = usage_of(snapshot.values.get("asked") or asked, made, self.supervisor.models.prices)
        answer = Answered(f"{why}\n\n{so_far(made)}", {"tools": made, "failed": why}, usage)
        return await self._end(merchant, turn, log, TurnStatus.failed, answer, kept=True)

    def _with_changes(self, made: list[Made], changed: list[Committed]) -> list[Made]:
        """The evidence, and what was committed right before a kill: of that no state knows, and it is not to be made again."""
        known, room = Counter(one["tool"] for one in made if one["outcome"] == "done"), self.supervisor.catalogue.room
        for one in changed:
            known[one.tool] -= 1
            if known[one.tool] < 0:
                said = Made(
                    id="", tool=one.tool, specialist=room.get(one.tool, ""), arguments={}, outcome="done",
                    references=one.references, approval=one.approval,
                )  # fmt: skip
                made = [*made, said]
        return made

    # ---- the lease ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _leased(self, merchant: UUID, turn: UUID) -> AsyncGenerator[None]:
        """Keep the lease while the work lasts; the work ends when the lease is lost."""
        task = asyncio.current_task()
        assert task is not None
        lost: list[bool] = []

        def give_way() -> None:
            lost.append(True)
            task.cancel()

        heart = asyncio.create_task(self._beat(merchant, turn, give_way))
        try:
            yield
        except asyncio.CancelledError:
            if lost:
                raise _Lost from None
            raise
        finally:
            await ended(heart)  # one that beat on would take the next turn for its own

    async def _beat(self, merchant: UUID, turn: UUID, give_way: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(self.lease.seconds / 3)
            try:
                async with self.shop.database.transaction(merchant) as sql:
                    kept = await self.lease.keep(sql, turn)
                    await sql.commit()
            except (psycopg.OperationalError, DatabaseBusy) as broken:
                _log.warning("the lease of turn %s could not be renewed: %s", turn, broken)
                continue
            if not kept:
                await self._leave(merchant, turn)
                give_way()
                return

    async def _leave(self, merchant: UUID, turn: UUID) -> None:
        """A turn that was stopped is anybody's now; one that was lost is another's already."""
        async with self.shop.database.transaction(merchant) as sql:
            await self.lease.drop(sql, turn)
            await sql.commit()


def _begun(turn: Claimed) -> bool:
    """Whether some process has worked on it before: one that was killed may have told of nothing."""
    return turn.last_event > 1 or bool(turn.usage.get("interrupted"))


def _message(row: rows.MessageRow) -> AnyMessage:
    """An earlier message; what the embedded planner keeps with an answer comes back to it.

    An answer that was written after text from outside was read may quote it, and is marked like it.
    """
    text = row.text[:LONGEST]
    if row.role == "person":
        return HumanMessage(text)
    told = marked(text, nonce_of(row.turn_id)) if row.data.get("tainted") else text
    return AIMessage(told, additional_kwargs=row.data.get("planner") or {})


def _rooms_before(said: Sequence[rows.MessageRow]) -> list[str]:
    answers = [row for row in said if row.role == "assistant"]
    return list(answers[-1].data.get("specialists") or []) if answers else []
