"""Carries out what calls wanted of payment providers: the intent is committed, the provider is asked, the outcome is booked.

No transaction is open while somebody outside is asked. Whatever breaks off in between, the intent is still open, and the same is
asked again: the provider knows the request by its key and does it once.
"""

import asyncio
import hashlib
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from connectors import Silent
from connectors.payments import Answer, Asked, Deed, Outcome, Provider, Told
from connectors.payments.manual import Manual, json_of, told_of
from db.models.payments import CREDIT
from orchestrator.asking import CarriesOut
from orchestrator.desk import ShopDesk
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.declare import Tool
from tools.contract.shop import Shop
from tools.flows.create_payment_link import settle_payment_link
from tools.flows.receive_provider_event import EventReceived, receive_provider_event, settle_fees
from tools.flows.settle_intent import settle_dispute, settle_intent
from tools.payments.reconciling import compare_movements
from tools.rules.refunds import AUTHORIZE, CAPTURE, CHARGE, EVIDENCE, FEES, LINK, RECONCILE, REFUND, UNLINK, VOID

_log = logging.getLogger(__name__)
DEADLINE = 10.0  # seconds for an answer
LIST_DEADLINE = 60.0  # for a list of three months
QUIET = 30.0  # seconds after which an intent that nobody carries out is taken up
MOST_AT_ONCE = 100
REAL = ("stripe",)  # of which nothing is ever said but what it says itself
_DEEDS = {
    AUTHORIZE: Deed.authorize, CHARGE: Deed.charge, CAPTURE: Deed.capture, VOID: Deed.void, REFUND: Deed.refund,
}  # fmt: skip
# What is no movement of money, and what books it.
_SETTLES: dict[str, Tool[Any, Any]] = {
    EVIDENCE: settle_dispute, RECONCILE: compare_movements, LINK: settle_payment_link, UNLINK: settle_payment_link,
    FEES: settle_fees,
}  # fmt: skip
_UNTOLD = "select id, told from manual_requests where merchant_id = %(m)s and told_at is null order by id limit 100"
_TOLD = "update manual_requests set told_at = %(now)s where merchant_id = %(m)s and id = %(id)s"
ProvidersOf = Callable[[uuid.UUID], Mapping[str, Provider]]


class _Claimed(NamedTuple):
    kind: str
    amount: int
    currency: str
    arguments: dict[str, Any]
    ledger_key: str
    attempts: int
    created_at: datetime
    payment: str
    provider: str
    provider_reference: str | None
    token: str | None


class _Other(NamedTuple):
    kind: str
    amount: int | None
    currency: str | None
    arguments: dict[str, Any]
    ledger_key: str
    attempts: int
    provider: str | None
    name: str | None
    evidence: dict[str, str] | None
    link: uuid.UUID | None
    order: str | None


class _Open(NamedTuple):
    reference: str


class _Untold(NamedTuple):
    id: uuid.UUID
    told: list[dict[str, Any]]


# An intent that waits for another is not taken; what was decided meanwhile is seen, for its row is locked by who decides.
_CLAIM = """
update intents i set attempts = i.attempts + 1
from payments p left join saved_methods s on s.merchant_id = %(m)s and s.id = p.saved_method_id
where i.merchant_id = %(m)s and i.reference = %(r)s and i.status = 'pending' and i.kind = any(%(kinds)s)
  and p.merchant_id = %(m)s and p.id = i.subject_id
  and not exists (
      select from intents w where w.merchant_id = %(m)s and w.reference = i.arguments ->> 'after' and w.status <> 'succeeded')
returning i.kind, i.amount, i.currency, i.arguments, i.ledger_key, i.attempts, i.created_at, p.reference as payment,
          p.provider, p.provider_reference, coalesce(i.arguments ->> 'token', s.token) as token
"""
_CLAIM_OTHER = """
update intents i set attempts = i.attempts + 1
from intents j left join disputes d on d.merchant_id = %(m)s and d.id = j.subject_id
left join payment_links l on l.merchant_id = %(m)s and l.id = j.subject_id
left join orders o on o.merchant_id = %(m)s and o.id = l.order_id
where i.merchant_id = %(m)s and i.reference = %(r)s and i.status = 'pending' and i.kind = any(%(kinds)s)
  and j.merchant_id = %(m)s and j.id = i.id
  and not exists (
      select from intents w where w.merchant_id = %(m)s and w.reference = i.arguments ->> 'after' and w.status <> 'succeeded')
returning i.kind, i.amount, i.currency, i.arguments, i.ledger_key, i.attempts, coalesce(d.provider, l.provider) as provider,
          coalesce(d.provider_reference, l.provider_reference) as name, d.evidence, l.id as link, o.reference as "order"
"""
# What was left open: of what the provider answered that it is not decided yet, an event tells.
_LEFT = """
select i.reference from intents i
where i.merchant_id = %(m)s and i.status = 'pending' and i.kind = any(%(kinds)s) and i.created_at < %(before)s
  and i.outcome is null
  and not exists (
      select from intents w where w.merchant_id = %(m)s and w.reference = i.arguments ->> 'after' and w.status <> 'succeeded')
order by i.id limit %(most)s
"""


def providers_of(shop: Shop, others: Mapping[uuid.UUID, Provider], secret: str) -> ProvidersOf:
    """The providers of a merchant: `manual`, and the one that was set up for it."""

    def of(merchant: uuid.UUID) -> Mapping[str, Provider]:
        manual = Manual(ShopDesk(shop, merchant), secret)
        other = others.get(merchant)
        return {manual.name: manual} | ({other.name: other} if other else {})

    return of


class Outside(CarriesOut):
    """Asks providers for what calls wanted."""

    def __init__(self, shop: Shop, providers: ProvidersOf) -> None:
        self.shop = shop
        self.providers = providers
        self.booking = self._booked

    async def _ask_and_book(self, merchant: uuid.UUID, reference: str) -> list[str]:
        async with self.shop.database.transaction(merchant) as sql:
            params = {"m": merchant, "r": reference, "kinds": list(_DEEDS)}
            claimed = await sql.row(_CLAIM, params, as_=_Claimed)
            await sql.commit()
        if claimed is None:
            if other := await self._other(merchant, reference):
                return await self._do_other(merchant, reference, other)
            return []
        try:
            answer = await self._asked(merchant, claimed, reference)
        except Silent as silent:
            _log.warning("%s: %s says nothing (%s); it is asked again", reference, claimed.provider, silent)
            return []
        return await self.booking(merchant, claimed, reference, answer)

    async def _other(self, merchant: uuid.UUID, reference: str) -> "_Other | None":
        """What is no movement of money: an answer to a dispute, a provider's list, a link."""
        async with self.shop.database.transaction(merchant) as sql:
            params = {"m": merchant, "r": reference, "kinds": [*_SETTLES]}
            other = await sql.row(_CLAIM_OTHER, params, as_=_Other)
            await sql.commit()
        return other

    async def _do_other(self, merchant: uuid.UUID, reference: str, other: "_Other") -> list[str]:
        name = other.provider or other.arguments["provider"]
        provider = self.providers(merchant).get(name)
        if provider is None:
            _log.warning("%s: %s is not set up", reference, name)
            return []
        key = f"job:{reference}:{other.attempts}"
        try:
            async with asyncio.timeout(LIST_DEADLINE):
                said = await _said(provider, other)
        except (Silent, TimeoutError) as silent:
            _log.warning("%s: %s says nothing (%s); it is asked again", reference, name, silent)
            return []
        return await self.book_other(merchant, _SETTLES[other.kind], {"intent": reference} | said, key)

    async def book_other(self, merchant: uuid.UUID, tool: Tool[Any, Any], said: dict[str, Any], key: str) -> list[str]:
        """What came of it, booked; returns what waited for it."""
        outcome = await call(self.shop, tool, said, worker(merchant), key=key, wait=True)
        return getattr(outcome.result, "going_on", [])

    async def _asked(self, merchant: uuid.UUID, claimed: _Claimed, reference: str) -> Answer:
        providers = self.providers(merchant)
        if claimed.provider in REAL and claimed.provider not in providers:
            raise Silent("it is not set up")
        if claimed.provider in CREDIT and "onto" not in claimed.arguments:
            return Answer(Outcome.succeeded)  # it goes back onto what the shop owes: nobody outside has a part in it
        provider = providers.get(claimed.provider) or providers[Manual.name]  # money from elsewhere is handled by hand
        asked = Asked(
            _DEEDS[claimed.kind], claimed.ledger_key, claimed.payment, claimed.amount, claimed.currency,
            claimed.provider_reference, claimed.token, bool(claimed.arguments.get("final", True)), reference,
            first=claimed.created_at if claimed.attempts > 1 else None, age=self.shop.clock() - claimed.created_at,
        )  # fmt: skip
        try:
            async with asyncio.timeout(DEADLINE):
                return await provider.ask(asked)
        except TimeoutError:
            raise Silent(f"no answer within {DEADLINE:.0f} s") from None

    async def _booked(self, merchant: uuid.UUID, claimed: _Claimed, reference: str, answer: Answer) -> list[str]:
        arguments = {name: value for name, value in asdict(answer).items() if value is not None}
        key = f"job:{reference}:{claimed.attempts}"
        outcome = await call(
            self.shop, settle_intent, {"intent": reference} | arguments, worker(merchant), key=key, wait=True
        )
        return outcome.result.going_on if outcome.result else []

    async def sweep(self, merchant: uuid.UUID, *, quiet: float = QUIET) -> None:
        """What was left open: by a provider that said nothing, by a process that was killed."""
        params = {
            "m": merchant,
            "kinds": [*_DEEDS, *_SETTLES],
            "before": self.shop.clock() - timedelta(seconds=quiet),
            "most": MOST_AT_ONCE,
        }
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            left = await sql.rows(_LEFT, params, as_=_Open)
        await self.first_try(merchant, [row.reference for row in left])

    async def tell(self, merchant: uuid.UUID) -> int:
        """Deliver what the provider `manual` has to tell by itself; returns how many events that were."""
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            waiting = await sql.rows(_UNTOLD, {"m": merchant}, as_=_Untold)
        for request in waiting:
            for told in request.told:
                await self.receive(merchant, Manual.name, told_of(told))
            async with self.shop.database.transaction(merchant) as sql:
                await sql.execute(_TOLD, {"m": merchant, "id": request.id, "now": self.shop.clock()})
                await sql.commit()
        return sum(len(request.told) for request in waiting)

    async def receive(self, merchant: uuid.UUID, provider: str, told: Told) -> EventReceived:
        """Book an event whose signature was checked; what may go on after it is carried out."""
        arguments = {name: value for name, value in json_of(told).items() if name != "id"}
        key = f"job:event:{provider}:{hashlib.sha256(told.id.encode()).hexdigest()[:32]}"
        outcome = await call(
            self.shop, receive_provider_event, arguments | {"endpoint": f"{merchant}.{provider}", "event": told.id},
            worker(merchant), key=key, wait=True,
        )  # fmt: skip
        assert outcome.result is not None
        await self.first_try(merchant, outcome.result.going_on)
        return outcome.result


async def _said(provider: Provider, other: _Other) -> dict[str, Any]:
    """What came of it, as arguments of what books it. Raises `Silent`."""
    if other.kind == EVIDENCE:
        answer = await provider.submit_evidence(other.name or "", other.evidence or {}, other.ledger_key)
        return {"outcome": answer.outcome, "code": answer.code}
    if other.kind == RECONCILE:
        since, until = (datetime.fromisoformat(other.arguments[name]) for name in ("since", "until"))
        return {"movements": [asdict(one) async for one in provider.movements(since, until)]}
    if other.kind == FEES:
        return {"fees": await provider.fees_of(str(other.arguments["payout"]))}
    asked = Asked(
        Deed.link if other.kind == LINK else Deed.unlink, other.ledger_key, str(other.link), other.amount or 0,
        other.currency or "", other.name, title=other.order,
    )  # fmt: skip
    return {name: value for name, value in asdict(await provider.ask(asked)).items() if value is not None}


def first_secret() -> str:
    """With what `manual` signs, for as long as the process lives: nobody else has to know it."""
    return secrets.token_hex(16)


def worker(merchant: uuid.UUID) -> Caller:
    return Caller(merchant, Door.worker, Hand.program, Proof.system, "worker")
