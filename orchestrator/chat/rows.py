"""Conversations and what was said in them: the statements, each inside one merchant's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from db.model import new_id
from db.references import TAKE, Kind
from db.session import Transaction
from orchestrator.chat.turns import jsonb

WINDOW = 12  # messages of the conversation that a turn is given


class ConversationRow(NamedTuple):
    id: UUID
    reference: str
    title: str
    created_at: datetime


class MessageRow(NamedTuple):
    id: UUID
    turn_id: UUID
    role: str
    text: str
    data: dict[str, Any]
    created_at: datetime


class Opened(NamedTuple):
    """By what a conversation was opened: a structured request, which has it for itself, a caller's key, or another client."""

    by: str  # "request", "key" or "client"
    key: str


class Taken(NamedTuple):
    value: int


# ---- conversations -------------------------------------------------------------------------------------------------------

_CREATE = """
insert into conversations (merchant_id, id, reference, source, external_reference, owner, title, created_at)
values (%(merchant)s, %(id)s, %(reference)s, %(source)s, %(name)s, %(owner)s, %(title)s, %(now)s)
on conflict do nothing
"""
_CONVERSATION = (
    "select id, reference, title, created_at from conversations where merchant_id = %(merchant)s and owner = %(owner)s"
)


_HAVING_WORDS = """not exists (
    select from unnest(%(words)s::text[]) as word
    where strpos(folded(title), folded(word)) = 0 and not exists (
        select from messages m where m.merchant_id = %(merchant)s and m.conversation_id = conversations.id
        and strpos(folded(m.text), folded(word)) > 0))"""
_FORGET = (
    "delete from messages where merchant_id = %(m)s and conversation_id = %(c)s",
    "delete from turn_events where merchant_id = %(m)s"
    " and turn_id in (select id from turns where merchant_id = %(m)s and conversation_id = %(c)s)",
    "update turns set request = '', caller = '{}', said = null where merchant_id = %(m)s and conversation_id = %(c)s",
    "update conversations set owner = '', title = '', source = null, external_reference = null"
    " where merchant_id = %(m)s and id = %(c)s",
)


async def create_conversation(sql: Transaction, owner: str, now: datetime, opened: Opened) -> None:
    """A new conversation, unless a twin has opened it meanwhile."""
    counted = {"merchant": sql.merchant, "id": new_id(), "name": Kind.conversation.value, "count": 1, "now": now}
    (taken,) = await sql.rows(TAKE, counted, as_=Taken)
    reference = Kind.conversation.reference(taken.value)
    row = {"reference": reference, "owner": owner, "title": "", "source": opened.by, "name": opened.key}
    await sql.execute(_CREATE, counted | row | {"id": new_id()})


async def conversation(sql: Transaction, owner: str, reference: str, *, lock: bool = False) -> ConversationRow | None:
    """The owner's conversation; with `lock`, messages to it take turns."""
    query = f"{_CONVERSATION} and reference = %(reference)s {'for no key update' if lock else ''}"
    params = {"merchant": sql.merchant, "owner": owner, "reference": Kind.conversation.canonical(reference)}
    return await sql.row(query, params, as_=ConversationRow)


async def conversation_opened(sql: Transaction, owner: str, opened: Opened) -> ConversationRow | None:
    query = f"{_CONVERSATION} and source = %(by)s and external_reference = %(key)s"
    params = {"merchant": sql.merchant, "owner": owner, "by": opened.by, "key": opened.key}
    return await sql.row(query, params, as_=ConversationRow)


async def conversations(
    sql: Transaction, owner: str, before: UUID | None, limit: int, words: Sequence[str] = ()
) -> list[ConversationRow]:
    """The owner's conversations, newest first, in whose title or messages all of the words are; those of structured requests are
    not listed."""
    page = "(%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s"
    query = f"{_CONVERSATION} and source is distinct from 'request' and {_HAVING_WORDS} and {page}"
    params = {"merchant": sql.merchant, "owner": owner, "before": before, "limit": limit, "words": list(words)}
    return await sql.rows(query, params, as_=ConversationRow)


async def rename(sql: Transaction, conversation_id: UUID, title: str) -> None:
    query = "update conversations set title = %s where merchant_id = %s and id = %s"
    await sql.execute(query, (title, sql.merchant, conversation_id))


async def forget(sql: Transaction, conversation_id: UUID) -> None:
    """Nothing that was said is left, nor whose it was. Its turns stay for what they cost: the day's budget counts them."""
    params = {"m": sql.merchant, "c": conversation_id}
    for statement in _FORGET:
        await sql.execute(statement, params)


# ---- messages ------------------------------------------------------------------------------------------------------------

_MESSAGES = "select id, turn_id, role, text, data, created_at from messages where merchant_id = %(m)s and conversation_id = %(c)s"


async def messages(sql: Transaction, conversation_id: UUID, *, most: int = 200) -> list[MessageRow]:
    """The latest messages, in the order in which they were said."""
    query = f"{_MESSAGES} order by id desc limit %(most)s"
    found = await sql.rows(query, {"m": sql.merchant, "c": conversation_id, "most": most}, as_=MessageRow)
    return found[::-1]


async def window(sql: Transaction, conversation_id: UUID, turn: UUID) -> list[MessageRow]:
    """What was said before a turn, as much as models are given."""
    query = f"{_MESSAGES} and turn_id < %(t)s order by id desc limit %(most)s"
    params = {"m": sql.merchant, "c": conversation_id, "t": turn, "most": WINDOW}
    return (await sql.rows(query, params, as_=MessageRow))[::-1]


async def up_to(sql: Transaction, conversation_id: UUID, turn: UUID) -> list[MessageRow]:
    """What was said until a turn was answered, as much as models are given."""
    query = f"{_MESSAGES} and turn_id <= %(t)s order by id desc limit %(most)s"
    params = {"m": sql.merchant, "c": conversation_id, "t": turn, "most": WINDOW}
    return (await sql.rows(query, params, as_=MessageRow))[::-1]


_REPEAT = """
insert into messages (merchant_id, id, conversation_id, turn_id, role, text, data, created_at)
select %(merchant)s, m.id, %(conversation)s, m.turn_id, m.role, m.text, m.data, m.created_at
from jsonb_to_recordset(%(messages)s) as m(id uuid, turn_id uuid, role text, text text, data jsonb, created_at timestamptz)
"""


async def repeat(sql: Transaction, conversation_id: UUID, said: Sequence[MessageRow]) -> None:
    """Have a conversation begin with what was said elsewhere."""
    copies = [row._replace(id=new_id())._asdict() for row in said]
    params = {"merchant": sql.merchant, "conversation": conversation_id, "messages": jsonb(copies)}
    await sql.execute(_REPEAT, params)
