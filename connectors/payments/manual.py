"""`manual`: the provider that is always there. It moves no money, says so in each answer, and knows what it was asked before.

Money that comes by itself is recorded through it; and with its test tokens every outcome can be tried.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from connectors import NotOurs, Silent
from connectors.payments import Answer, Asked, Deed, Happened, Movement, Outcome, Told
from connectors.payments.signatures import check

SAYS = "No money moves: this is the shop's own test provider."
TOKENS: dict[str, str] = {
    "tok_ok": "succeeds",
    "tok_declined": "is declined",
    "tok_insufficient_funds": "is declined for want of money",
    "tok_needs_action": "has to be confirmed by the customer first",
    "tok_dispute": "is taken, and disputed afterwards",
    "tok_timeout": "is done, but the answer is lost the first time",
    "tok_late": "is left open; how it ended is told later",
}
_DECLINED = {"declined": "card_declined", "insufficient_funds": "insufficient_funds"}


@dataclass(frozen=True)
class Sums:
    """What this provider did for one payment so far."""

    authorized: int = 0
    captured: int = 0
    voided: int = 0
    refunded: int = 0


class Desk(Protocol):
    """Where it remembers: in the shop's database, outside the shop's books."""

    async def answered(self, key: str) -> Answer | None: ...

    async def sums(self, reference: str) -> Sums | None: ...

    async def keep(self, asked: Asked, answer: Answer, told: Sequence[Told]) -> Answer:
        """Keep an answer and the events that follow it; returns the first answer to that key."""
        ...

    def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]: ...

    async def now(self) -> datetime: ...


class Manual:
    name = "manual"

    def __init__(self, desk: Desk, secret: str) -> None:
        self._desk = desk
        self._secret = secret

    async def ask(self, asked: Asked) -> Answer:
        if before := await self._desk.answered(asked.key):
            return before
        answer = await self._answer(asked)
        kept = await self._desk.keep(asked, answer, await self._follows(asked, answer))
        if _behaviour(answer.reference) == "timeout" and asked.deed in (Deed.authorize, Deed.charge):
            raise Silent("The answer was lost on the way.")
        return kept

    async def _answer(self, asked: Asked) -> Answer:
        if asked.deed in (Deed.authorize, Deed.charge):
            return _begun(asked)
        if asked.deed is Deed.link:
            name = f"link-{_digest(asked.key)}"
            return Answer(Outcome.succeeded, name, action_url=f"https://pay.example/{name}", says=SAYS)
        if asked.deed is Deed.unlink:
            return Answer(Outcome.succeeded, asked.reference, says=SAYS)
        transaction = _name(asked.deed, asked.key)
        sums = await self._desk.sums(asked.reference) if asked.reference else None
        if sums and asked.amount > _left(sums, asked.deed):
            return Answer(Outcome.failed, asked.reference, code="amount_too_large", says=SAYS)
        return Answer(Outcome.succeeded, asked.reference, transaction, says=SAYS)

    async def _follows(self, asked: Asked, answer: Answer) -> list[Told]:
        """What it tells afterwards by itself."""
        behaviour, now = _behaviour(answer.reference), await self._desk.now()
        common: dict[str, Any] = {
            "at": now,
            "reference": answer.reference,
            "amount": asked.amount,
            "currency": asked.currency,
        }
        if answer.outcome is Outcome.pending:
            happened = Happened.captured if asked.deed is Deed.charge else Happened.authorized
            return [Told(f"evt_{_digest(asked.key)}", happened, transaction=_name(asked.deed, asked.key), **common)]
        took = asked.deed in (Deed.capture, Deed.charge) and answer.outcome is Outcome.succeeded
        if behaviour == "dispute" and took:
            details = {"dispute": f"dp_{_digest(asked.key)}", "reason": "fraudulent", "due_days": 7}
            return [Told(f"evt_dp_{_digest(asked.key)}", Happened.dispute_opened, details=details, **common)]
        return []

    def read_event(self, body: bytes, signature: str, now: datetime) -> Told:
        check(body, signature, self._secret, now)
        try:
            return told_of(json.loads(body))
        except (ValueError, KeyError, TypeError) as unreadable:
            raise NotOurs("The event cannot be read.") from unreadable

    def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        return self._desk.movements(since, until)

    async def fees_of(self, payout: str) -> int:
        return 0  # its payouts come with what was kept

    async def submit_evidence(self, dispute: str, evidence: Mapping[str, str], key: str) -> Answer:
        return Answer(Outcome.succeeded, dispute, _name(Deed.capture, key), says=SAYS)


def _begun(asked: Asked) -> Answer:
    behaviour = (asked.token or "tok_ok").removeprefix("tok_")
    if f"tok_{behaviour}" not in TOKENS:
        behaviour = "ok"
    reference = f"{behaviour}-{_digest(asked.key)}"
    if code := _DECLINED.get(behaviour):
        return Answer(Outcome.failed, reference, code=code, says=SAYS)
    if behaviour == "needs_action":
        return Answer(Outcome.needs_action, reference, action_url=f"https://pay.example/{reference}", says=SAYS)
    if behaviour == "late":
        return Answer(Outcome.pending, reference, says=SAYS)
    return Answer(Outcome.succeeded, reference, _name(asked.deed, asked.key), says=SAYS)


def _behaviour(reference: str | None) -> str:
    return (reference or "").partition("-")[0]


def _left(sums: Sums, deed: Deed) -> int:
    if deed is Deed.refund:
        return sums.captured - sums.refunded
    return sums.authorized - sums.captured - sums.voided


def _name(deed: Deed, key: str) -> str:
    return f"{deed}-{_digest(key)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def json_of(told: Told) -> dict[str, Any]:
    return asdict(told) | {"at": told.at.isoformat(), "details": dict(told.details)}


def told_of(given: Mapping[str, Any]) -> Told:
    """Raises KeyError, ValueError or TypeError for what is no event."""
    known: dict[str, Any] = dict(given)
    moment: dict[str, Any] = {"happened": Happened(known["happened"]), "at": datetime.fromisoformat(known["at"])}
    return Told(**known | moment)
