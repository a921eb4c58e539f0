"""A conversation as another client tells it: the whole of it with every call, found again by what was said.

What a client says that we answered is never believed: only our own rows are. A place in a conversation is known by the
person's latest messages and by the answer that followed them, which has to be ours, word for word, wherever in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from db.model import new_id
from db.session import Transaction
from orchestrator.chat.rows import WINDOW, MessageRow

LATEST = 3  # messages by which a place is known: clients drop a long history's beginning
AGAIN = timedelta(minutes=15)  # within which the same call is a call that was sent again; clients give up after ten
_CARD = re.compile(r"\bAPR-\d+\b")
_QUOTED = re.compile(r"^>.*$", re.MULTILINE)  # what a turn does is told in such lines
_DECISION = re.compile(
    r"[\s`*]*(approve|reject)(?:\s+(APR-\d+))?[\s`*]*(?:[:,]\s*(\S.*?))?[\s.!`*]*", re.IGNORECASE | re.DOTALL
)


class Decided(NamedTuple):
    """What a person says to a card."""

    decision: str
    approval: str | None
    reason: str | None


def decision_of(text: str) -> Decided | None:
    """`approve`, `reject`, or `reject APR-1001: too much`; nothing else decides, a "yes" least of all."""
    found = _DECISION.fullmatch(text)
    return Decided(found[1].lower(), found[2] and found[2].upper(), found[3]) if found else None


@dataclass(frozen=True)
class Remark:
    """One message of a history."""

    by_person: bool
    text: str


@dataclass(frozen=True)
class History:
    """What was said before, and what is asked now; `chat` is what the client calls the conversation, `person` for whom it asks."""

    before: tuple[Remark, ...]
    text: str
    chat: str = ""
    person: str = ""
    specialist: str | None = None

    @cached_property
    def key(self) -> str:
        """The same for a call that is sent again, and for no other."""
        said = [[one.by_person, one.text] for one in self.before]
        return _digest(self.chat, self.person, self.specialist or "", said, self.text)

    @property
    def said(self) -> str:
        """The place at which the conversation is now."""
        return self._place([*self.wishes, self.text], self.chat)

    @property
    def said_before(self) -> list[str]:
        """The places at which it may have been: some clients name a chat only after its first answer."""
        return [self._place(self.wishes, chat) for chat in {self.chat, ""}] if self.wishes else []

    @cached_property
    def wishes(self) -> list[str]:
        """What the person asked for: a decision on a card is no turn."""
        answers = ("", *(one.text for one in self.before))
        asked = [(one.text, answer) for one, answer in zip(self.before, answers, strict=False) if one.by_person]
        return [text for text, answer in asked if not (decision_of(text) and _CARD.search(answer))]

    @property
    def last_answer(self) -> str:
        last = self.before[-1] if self.before else None
        return last.text if last and not last.by_person else ""

    @property
    def decided(self) -> Decided | None:
        """The decision that this is, on the card that the last answer shows."""
        cards = _CARD.findall(self.last_answer)
        found = decision_of(self.text) if cards else None
        return found and found._replace(approval=found.approval or cards[-1])

    def as_told(self, now: datetime) -> list[MessageRow]:
        """A history that is not ours: the person's words are theirs; of what they were answered anybody may be the author."""
        turn = new_id()

        def told(one: Remark) -> MessageRow:
            if one.by_person:
                return MessageRow(turn, turn, "person", one.text, {}, now)
            return MessageRow(turn, turn, "assistant", one.text, {"tainted": True}, now)

        return [told(one) for one in self.before[-WINDOW:]]

    def _place(self, wishes: Sequence[str], chat: str) -> str:
        return _digest(chat, self.person, [_plain(wish) for wish in wishes[-LATEST:]])


class Place(NamedTuple):
    """A turn that was asked at a place."""

    id: UUID
    conversation: str
    conversation_id: UUID
    key: str
    status: str
    answer: str | None
    data: dict[str, Any] | None
    cards: list[str]
    last: bool  # of its conversation
    created_at: datetime

    def is_followed_by(self, shown: str) -> bool:
        """Whether the client shows the turn's own answer, as much of it as there was when somebody stopped it, or its card."""
        answer, text = _spoken(self.answer or ""), _spoken(shown)
        whole_or_begun = bool(answer and text) and (answer in text or answer.startswith(text))
        return whole_or_begun or any(card in shown for card in self.cards)


_PLACES = """
select t.id, c.reference as conversation, c.id as conversation_id, t.key, t.status, m.text as answer, m.data,
       array(select a.reference from approvals a where a.merchant_id = t.merchant_id and a.turn_id = t.id order by a.id) as cards,
       not exists (select from turns l where l.merchant_id = t.merchant_id and l.conversation_id = t.conversation_id
                   and l.id > t.id) as last, t.created_at
from turns t
join conversations c on c.merchant_id = t.merchant_id and c.id = t.conversation_id
left join messages m on m.merchant_id = t.merchant_id and m.conversation_id = c.id and m.turn_id = t.id and m.role = 'assistant'
where t.merchant_id = %(merchant)s and t.said = any(%(said)s) and c.owner = %(owner)s
order by t.id desc limit 20
"""


async def places(sql: Transaction, owner: str, said: Sequence[str]) -> list[Place]:
    """The latest turns that were asked at one of these places, the newest first."""
    params = {"merchant": sql.merchant, "owner": owner, "said": list(said)}
    return await sql.rows(_PLACES, params, as_=Place) if said else []


async def sent_before(sql: Transaction, owner: str, history: History, now: datetime) -> Place | None:
    """The turn of the same call, if it was sent already and not long ago."""
    found = await places(sql, owner, [history.said])
    return next((one for one in found if _is(one.key, history.key) and one.created_at > now - AGAIN), None)


async def place_before(sql: Transaction, owner: str, history: History) -> Place | None:
    """The turn that the history ends with, if it is ours: one that nothing has followed yet rather than another.

    One that is not answered yet will do where nothing else does: whoever asked it would not wait.
    """
    asked = await places(sql, owner, history.said_before)
    found = [one for one in asked if one.is_followed_by(history.last_answer)]
    found = found or [one for one in asked if one.answer is None]
    return next((one for one in found if one.last), found[0] if found else None)


def _is(key: str, named: str) -> bool:
    return key.partition(":")[0] == named


def _spoken(text: str) -> str:
    return _plain(_QUOTED.sub("", text))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _digest(*told: Any) -> str:
    return sha256(orjson.dumps(told)).hexdigest()
