"""Turns: one request and its answer, and the lease under which one process at a time works on it.

A lease is a row's column, not a session's lock, which no pooler survives. It is claimed by one UPDATE, and whoever lost it
can neither wait nor answer: those statements name the owner.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from db.model import new_id
from db.models.conversations import TurnStatus
from db.session import Transaction


class TurnRow(NamedTuple):
    """A turn, as its asker sees it."""

    id: UUID
    conversation: str
    status: str
    request: str
    waits_for: list[str]
    answer: str | None
    data: dict[str, Any] | None
    usage: dict[str, Any]


class Claimed(NamedTuple):
    """A turn that this process works on."""

    id: UUID
    conversation_id: UUID
    request: str
    caller: dict[str, Any]
    durability: str
    usage: dict[str, Any]
    created_at: datetime
    last_event: int


class Committed(NamedTuple):
    """A change that a turn has made, by the audit's word."""

    tool: str
    references: list[str]
    approval: str | None


class Left(NamedTuple):
    """A turn was left, and the conversation's next is free to begin."""

    next: UUID | None


class Id(NamedTuple):
    id: UUID


class Spent(NamedTuple):
    tokens: int


class UnderWay(NamedTuple):
    turns: int


class Waiting(NamedTuple):
    status: str
    tool: str
    card: dict[str, Any]
    why: str


class NewCard(NamedTuple):
    conversation_id: UUID
    last_event: int
    reference: str
    tool: str
    card: dict[str, Any]
    why: str


CHANNEL = "shopkeeper_turns"
# Heard by every process once the statement's transaction is committed. It is small: who follows looks for what it was.
NOTIFY = f"pg_notify('{CHANNEL}', %(merchant)s::text || '/' || %(conversation)s::text)"

_TURN = """
select t.id, c.reference as conversation, t.status, t.request,
       array(select a.reference from approvals a where a.merchant_id = t.merchant_id and a.turn_id = t.id
             and a.status in ('pending', 'approved', 'edited') order by a.id) as waits_for,
       m.text as answer, m.data, t.usage
from turns t
join conversations c on c.merchant_id = t.merchant_id and c.id = t.conversation_id
left join messages m on m.merchant_id = t.merchant_id and m.conversation_id = c.id and m.turn_id = t.id and m.role = 'assistant'
where t.merchant_id = %(merchant)s and c.owner = %(owner)s and {which}
"""
_POST = f"""
with turn as (
    insert into turns (merchant_id, id, conversation_id, status, key, said, request, caller, durability, usage, created_at,
                       lease_owner, lease_until)
    select %(merchant)s, %(turn)s, %(conversation)s, 'running', %(key)s, %(said)s, %(request)s, %(caller)s, '', '{{}}', %(now)s,
           case when not busy then %(owner)s end, case when not busy then now() + make_interval(secs => %(lease)s) end
    from (select exists (select from turns where merchant_id = %(merchant)s and conversation_id = %(conversation)s
                         and status = 'running') as busy) others
    returning *
), said as (
    insert into messages (merchant_id, id, conversation_id, turn_id, role, text, data, created_at)
    values (%(merchant)s, %(message)s, %(conversation)s, %(turn)s, 'person', %(text)s, '{{}}', %(now)s)
), started as (
    insert into turn_events (merchant_id, id, turn_id, number, kind, data, created_at)
    values (%(merchant)s, %(event)s, %(turn)s, 1, 'run.started', '{{}}', %(now)s)
    returning {NOTIFY}
), titled as (
    update conversations set title = left(%(text)s, 80)
    where merchant_id = %(merchant)s and id = %(conversation)s and title = ''
)
select id, conversation_id, request, caller, durability, usage, created_at, 1 as last_event from turn where lease_owner is not null
"""
_FREE = """t.status = 'running' and (t.lease_until is null or t.lease_until < now()) and not exists (
    select from turns e where e.merchant_id = t.merchant_id and e.conversation_id = t.conversation_id
    and e.status = 'running' and e.id < t.id)"""
_DECIDED = """t.status = 'waiting' and not exists (
    select from approvals a where a.merchant_id = t.merchant_id and a.turn_id = t.id
    and a.status in ('pending', 'approved', 'edited'))"""
_CLAIM = f"""
update turns t set status = 'running', lease_owner = %(owner)s, lease_until = now() + make_interval(secs => %(lease)s),
    usage = case when t.lease_owner is null then t.usage
                 else t.usage || jsonb_build_object('interrupted', coalesce((t.usage ->> 'interrupted')::int, 0) + 1) end
where t.merchant_id = %(merchant)s and t.id = %(turn)s and ({_FREE} or {_DECIDED})
returning t.id, t.conversation_id, t.request, t.caller, t.durability, t.usage, t.created_at,
    (select coalesce(max(e.number), 0) from turn_events e where e.merchant_id = t.merchant_id and e.turn_id = t.id) as last_event
"""
_LEFT_BEHIND = (
    f"select t.id from turns t where t.merchant_id = %(merchant)s and ({_FREE} or {_DECIDED}) order by t.id limit 100"
)
_NEXT = """(select q.id from turns q where q.merchant_id = turns.merchant_id and q.conversation_id = turns.conversation_id
    and q.status = 'running' and q.lease_until is null and q.id <> turns.id order by q.id limit 1) as next"""
_MINE = "merchant_id = %(merchant)s and id = %(turn)s and lease_owner = %(owner)s and status = 'running'"
_KEEP = (
    f"update turns set lease_until = now() + make_interval(secs => %(lease)s) where {_MINE} and not usage ? 'stopped'"
)
_STOP = """
update turns set usage = usage || '{"stopped": true}' where merchant_id = %(merchant)s and id = %(turn)s and status = 'running'
"""
_DROP = f"update turns set lease_until = now() where {_MINE}"
_WAIT = f"""
update turns set status = 'waiting', lease_owner = null, lease_until = null, durability = %(durability)s where {_MINE}
returning {_NEXT}
"""
_END = f"""
with done as (
    update turns set status = %(status)s, finished_at = %(now)s, lease_owner = null, lease_until = null,
                     durability = %(durability)s, usage = usage || %(usage)s
    where {_MINE} returning conversation_id, {_NEXT}
), answer as (
    insert into messages (merchant_id, id, conversation_id, turn_id, role, text, data, created_at)
    select %(merchant)s, %(message)s, conversation_id, %(turn)s, 'assistant', %(text)s, %(data)s, %(now)s from done
), pieces as (
    delete from turn_events
    where merchant_id = %(merchant)s and turn_id = %(turn)s and kind = 'token' and exists (select from done)
)
select next from done
"""
_SPENT = """
select coalesce(sum((usage ->> 'prompt_tokens')::bigint + (usage ->> 'completion_tokens')::bigint), 0)::bigint as tokens
from turns where merchant_id = %(merchant)s and created_at >= %(since)s and usage ? 'prompt_tokens'
"""
# By the primary key, from the turn on: both ids tell the time of this machine.
_COMMITTED = """
select e.tool, e."references", e.approval from audit_entries e
where e.merchant_id = %(merchant)s and e.id > %(turn)s and (e.request_id = %(turn)s::text or e.approval in (
    select a.reference from approvals a where a.merchant_id = e.merchant_id and a.turn_id = %(turn)s))
order by e.id
"""
_APPROVAL = (
    "select status, tool, card, why from approvals where merchant_id = %(merchant)s and reference = %(reference)s"
)


# A card that took the place of the one for which the turn waits, and that its events have not shown yet.
_NEW_CARD = """
select t.conversation_id, (select max(e.number) from turn_events e where e.merchant_id = t.merchant_id and e.turn_id = t.id)
       as last_event, a.reference, a.tool, a.card, a.why
from turns t join approvals a on a.merchant_id = t.merchant_id and a.turn_id = t.id and a.status = 'pending'
where t.merchant_id = %(merchant)s and t.id = %(turn)s and t.status = 'waiting' and not exists (
    select from turn_events e where e.merchant_id = t.merchant_id and e.turn_id = t.id and e.kind = 'approval.required'
    and e.data ->> 'approval' = a.reference)
for update of t
"""


def jsonb(value: Any) -> Jsonb:
    return Jsonb(value, dumps=lambda plain: orjson.dumps(plain, default=str))


class Lease:
    """One process's claim on turns; `owner` is its name, which is believed to live for so many seconds after it renewed it."""

    def __init__(self, owner: str, seconds: float) -> None:
        self.owner = owner
        self.seconds = seconds

    def _params(self, sql: Transaction, turn: UUID, **more: Any) -> dict[str, Any]:
        return {"merchant": sql.merchant, "turn": turn, "owner": self.owner, "lease": self.seconds, **more}

    async def post(
        self,
        sql: Transaction,
        conversation: UUID,
        key: str,
        request: str,
        text: str,
        caller: dict[str, str],
        now: datetime,
        said: str | None = None,
    ) -> tuple[UUID, Claimed | None]:
        """A new turn with its message and first event; claimed at once unless another of the conversation is running."""
        turn = new_id()
        row = {
            "conversation": conversation,
            "key": key,
            "request": request,
            "text": text,
            "caller": jsonb(caller),
            "said": said,
        }
        params = self._params(sql, turn, **row, now=now, message=new_id(), event=new_id())
        return turn, await sql.row(_POST, params, as_=Claimed)

    async def claim(self, sql: Transaction, turn: UUID) -> Claimed | None:
        """A turn that nobody works on, or whose card was decided. None when another process was first."""
        return await sql.row(_CLAIM, self._params(sql, turn), as_=Claimed)

    async def keep(self, sql: Transaction, turn: UUID) -> bool:
        """Stay its owner a while longer; False when it was lost."""
        return await sql.execute(_KEEP, self._params(sql, turn)) == 1

    async def drop(self, sql: Transaction, turn: UUID) -> None:
        """Let another process continue at once."""
        await sql.execute(_DROP, self._params(sql, turn))

    async def wait(self, sql: Transaction, turn: UUID, durability: str) -> Left | None:
        """Leave it until its card is decided; None when it was lost."""
        return await sql.row(_WAIT, self._params(sql, turn, durability=durability), as_=Left)

    async def end(
        self,
        sql: Transaction,
        turn: UUID,
        status: TurnStatus,
        text: str,
        data: dict[str, Any],
        usage: dict[str, Any],
        durability: str,
        now: datetime,
    ) -> Left | None:
        """Store the answer and delete its pieces; None when the lease was lost, and with it the right to answer."""
        told = {
            "status": status.value,
            "text": text,
            "data": jsonb(data),
            "usage": jsonb(usage),
            "durability": durability,
        }
        params = self._params(sql, turn, **told, now=now, message=new_id())
        return await sql.row(_END, params, as_=Left)


async def stop(sql: Transaction, turn: UUID) -> None:
    """Whoever works on it is to end; whoever claims it then gives it up."""
    await sql.execute(_STOP, {"merchant": sql.merchant, "turn": turn})


async def turn_of(sql: Transaction, owner: str, turn: UUID) -> TurnRow | None:
    params = {"merchant": sql.merchant, "owner": owner, "turn": turn}
    return await sql.row(_TURN.format(which="t.id = %(turn)s"), params, as_=TurnRow)


async def turn_by_key(sql: Transaction, owner: str, conversation: UUID, key: str) -> TurnRow | None:
    params = {"merchant": sql.merchant, "owner": owner, "conversation": conversation, "key": key}
    return await sql.row(_TURN.format(which="c.id = %(conversation)s and t.key = %(key)s"), params, as_=TurnRow)


async def open_turns(sql: Transaction, owner: str, conversation: UUID) -> list[TurnRow]:
    """The conversation's turns that are not through."""
    which = "c.id = %(conversation)s and t.status in ('running', 'waiting') order by t.id"
    params = {"merchant": sql.merchant, "owner": owner, "conversation": conversation}
    return await sql.rows(_TURN.format(which=which), params, as_=TurnRow)


async def left_behind(sql: Transaction) -> list[UUID]:
    """Turns whose lease ran out or that nobody began, and those whose card was decided without anybody hearing of it."""
    return [row.id for row in await sql.rows(_LEFT_BEHIND, {"merchant": sql.merchant}, as_=Id)]


async def ended(sql: Transaction, among: list[UUID]) -> list[UUID]:
    """Those of these turns that are through."""
    query = (
        "select id from turns where merchant_id = %(m)s and id = any(%(among)s) and status in ('finished', 'failed')"
    )
    return [row.id for row in await sql.rows(query, {"m": sql.merchant, "among": among}, as_=Id)]


async def under_way(sql: Transaction, owner: str) -> int:
    """How many of somebody's turns are worked on, or wait for their turn."""
    query = (
        "select count(*) as turns from turns t join conversations c on c.merchant_id = t.merchant_id and c.id = t.conversation_id"
        " where t.merchant_id = %(m)s and t.status = 'running' and c.owner = %(owner)s"
    )
    found = await sql.row(query, {"m": sql.merchant, "owner": owner}, as_=UnderWay)
    return found.turns if found else 0


async def latest(sql: Transaction, conversation: UUID) -> UUID | None:
    """The conversation's newest turn."""
    query = "select id from turns where merchant_id = %(m)s and conversation_id = %(c)s order by id desc limit 1"
    found = await sql.row(query, {"m": sql.merchant, "c": conversation}, as_=Id)
    return found.id if found else None


async def committed(sql: Transaction, turn: UUID) -> list[Committed]:
    """What a turn has changed, whether or not it got so far as to know."""
    return await sql.rows(_COMMITTED, {"merchant": sql.merchant, "turn": turn}, as_=Committed)


async def approval(sql: Transaction, reference: str) -> Waiting | None:
    return await sql.row(_APPROVAL, {"merchant": sql.merchant, "reference": reference}, as_=Waiting)


async def new_card(sql: Transaction, turn: UUID) -> NewCard | None:
    return await sql.row(_NEW_CARD, {"merchant": sql.merchant, "turn": turn}, as_=NewCard)


async def tokens_since(sql: Transaction, since: datetime) -> int:
    """What the merchant's turns have cost since then."""
    found = await sql.row(_SPENT, {"merchant": sql.merchant, "since": since}, as_=Spent)
    return found.tokens if found else 0
