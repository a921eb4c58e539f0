"""Carriers that are asked by a connector: prices between two runs of a call, labels and visits after its commit, and
what they tell.

As with payments no transaction is open while somebody outside is asked, and what nobody answered is asked again: a label is bought
once by the parcel's name there, whoever asks.
"""

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from connectors import Silent
from connectors.carriers import (
    Address,
    Answer,
    Carriage,
    Declared,
    Offered,
    Outcome,
    Parcel,
    Refused,
    Scan,
    Told,
    Visit,
    Wanted,
)
from db.model import new_id
from db.money import exponent
from orchestrator.asking import CarriesOut
from orchestrator.outside import DEADLINE, MOST_AT_ONCE, QUIET, worker
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.asking import Question
from tools.contract.call import call
from tools.contract.declare import Tool
from tools.contract.errors import NotFound, ShopError
from tools.contract.outside import outside
from tools.contract.plain import as_jsonb
from tools.contract.shop import Shop
from tools.flows.record_tracking import record_tracking_event
from tools.flows.settle_label import settle_label
from tools.transport.carriers import UNDER_WAY
from tools.transport.connected import BUY_LABEL, ORDER_VISIT, TAKE_BACK_LABEL
from tools.transport.pickups import settle_pickup
from tools.transport.shipments import compact_number

_log = logging.getLogger(__name__)
UNHEARD_OF = timedelta(hours=6)  # after which a parcel is asked about, of which no event came
LOOKED_AT = 20  # parcels of a shop in a minute
SETTLES: dict[str, Tool[Any, Any]] = {
    BUY_LABEL: settle_label,
    TAKE_BACK_LABEL: settle_label,
    ORDER_VISIT: settle_pickup,
}
KINDS = list(SETTLES)
CarriersOf = Callable[[uuid.UUID], Mapping[str, Carriage]]


class _Claimed(NamedTuple):
    kind: str
    arguments: dict[str, Any]
    attempts: int
    connector: str | None


class _Open(NamedTuple):
    reference: str


class _Parcel(NamedTuple):
    id: uuid.UUID
    reference: str
    code: str
    tracking_number: str
    connector: str
    theirs: str | None


_CLAIM = """
update intents i set attempts = i.attempts + 1
where i.merchant_id = %(m)s and i.reference = %(r)s and i.status = 'pending' and i.kind = any(%(kinds)s)
returning i.kind, i.arguments, i.attempts, coalesce(i.arguments ->> 'connector', (
    select c.connector from fulfilments f join carriers c on c.merchant_id = %(m)s and c.id = f.carrier_id
    where f.merchant_id = %(m)s and f.id = i.subject_id)) as connector
"""
# What was left open; of what the carrier answered that it is not decided yet, an event tells.
_LEFT = """
select reference from intents
where merchant_id = %(m)s and status = 'pending' and kind = any(%(kinds)s) and created_at < %(before)s and outcome is null
order by id limit %(most)s
"""
_KEEP = """
insert into carrier_quotes (merchant_id, id, key, connector, parcel, prices, says, asked_at, created_at)
values (%(m)s, %(id)s, %(key)s, %(connector)s, %(parcel)s, %(prices)s, %(says)s, %(now)s, %(now)s)
"""
_PARCELS = """
select f.id, f.reference, c.code, f.tracking_number, c.connector,
       (select i.arguments ->> 'carrier' from intents i where i.merchant_id = %(m)s and i.order_id = f.order_id
          and i.subject_id = f.id and i.kind = %(buy)s order by i.id limit 1) as theirs
from fulfilments f join carriers c on c.merchant_id = %(m)s and c.id = f.carrier_id and c.connector <> 'tables'
where f.merchant_id = %(m)s and f.connector_reference is not null and f.tracking_number is not null
"""
_OVERDUE = f"""{_PARCELS} and f.status = any(%(under_way)s) and coalesce(f.tracked_at, f.shipped_at) < %(before)s
order by f.id limit %(most)s"""
_OF_NUMBER = f"{_PARCELS} and f.tracking_number = %(number)s and c.connector = %(connector)s order by f.id desc limit 1"
SWEEP = "delete from carrier_quotes where merchant_id = %(m)s and asked_at < %(now)s - interval '30 days'"
_LOOKED = "update fulfilments set tracked_at = %(now)s where merchant_id = %(m)s and id = %(id)s"
_BACK = """
select i.reference from intents i join fulfilments f on f.merchant_id = %(m)s and f.id = i.subject_id
where i.merchant_id = %(m)s and i.kind = %(kind)s and i.status = 'pending'
  and (f.connector_reference = %(parcel)s or f.tracking_number = %(number)s)
order by i.id limit 1
"""


class Carriers(CarriesOut):
    """Asks carriers for what calls wanted, and hears what they tell."""

    def __init__(self, shop: Shop, carriers: CarriersOf) -> None:
        self.shop = shop
        self.carriers = carriers

    # ---- prices ----------------------------------------------------------------------------------------------------------

    async def ask(self, merchant: uuid.UUID, questions: Sequence[Question]) -> dict[str, str]:
        """Keep what is answered; returns why there is no answer to a question, as the end of a sentence; or what is made of an
        address, which is personal and not kept, as JSON."""
        said = await asyncio.gather(*(self._asked(merchant, question) for question in questions))
        return {question.key: why for question, why in zip(questions, said, strict=True) if why}

    async def _asked(self, merchant: uuid.UUID, question: Question) -> str:
        carrier = self.carriers(merchant).get(question.connector)
        if carrier is None:
            return f"is asked by {question.connector}, which is not set up for this shop"
        given = question.arguments
        try:
            if "address" in given:
                async with asyncio.timeout(DEADLINE):
                    return orjson.dumps(asdict(await carrier.verify(Address(**given["address"])))).decode()
            async with asyncio.timeout(DEADLINE):
                offered = await _offered(carrier, question)
        except (Silent, TimeoutError) as silent:
            _log.warning("%s says nothing (%s)", question.connector, silent)
            return f"is asked by {question.connector}, which does not answer: ask again in a minute"
        except Refused as refused:
            return f"is asked by {question.connector}, which says: {outside(refused.says)}"
        await self._keep(merchant, question, offered)
        return ""

    async def _keep(self, merchant: uuid.UUID, question: Question, offered: Offered) -> None:
        prices = [asdict(price) | {"amount": minor(price.amount, price.currency)} for price in offered.prices]
        params = {
            "m": merchant, "id": new_id(), "key": question.key, "connector": question.connector, "parcel": offered.parcel,
            "prices": as_jsonb(prices), "says": offered.says, "now": self.shop.clock(),
        }  # fmt: skip
        async with self.shop.database.transaction(merchant) as sql:
            await sql.execute(_KEEP, params)
            await sql.commit()

    # ---- labels ----------------------------------------------------------------------------------------------------------

    async def _ask_and_book(self, merchant: uuid.UUID, reference: str) -> list[str]:
        async with self.shop.database.transaction(merchant) as sql:
            claimed = await sql.row(_CLAIM, {"m": merchant, "r": reference, "kinds": KINDS}, as_=_Claimed)
            await sql.commit()
        carrier = self.carriers(merchant).get(claimed.connector or "") if claimed else None
        if claimed is None or carrier is None:
            return []
        try:
            async with asyncio.timeout(DEADLINE):
                answer = await _answered(carrier, claimed)
        except (Silent, TimeoutError) as silent:
            _log.warning("%s: %s says nothing (%s); it is asked again", reference, claimed.connector, silent)
            return []
        return await self._book(merchant, claimed.kind, reference, answer, f"{claimed.attempts}")

    async def _book(self, merchant: uuid.UUID, kind: str, reference: str, answer: Answer, which: str) -> list[str]:
        said: dict[str, Any] = {
            name: value for name, value in asdict(answer).items() if value is not None and name != "amount"
        }
        if answer.amount is not None and answer.currency:
            said["amount"] = minor(answer.amount, answer.currency)
        key = f"job:{reference}:{which}"
        booked = {"intent": reference} | said
        outcome = await call(self.shop, SETTLES[kind], booked, worker(merchant), key=key, wait=True)
        return outcome.result.going_on if outcome.result else []

    async def sweep(self, merchant: uuid.UUID, *, quiet: float = QUIET) -> None:
        """What was left open, by a carrier that said nothing or a process that was killed; and parcels not heard of for long."""
        if not self.carriers(merchant):
            return
        before = self.shop.clock() - timedelta(seconds=quiet)
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            params = {"m": merchant, "kinds": KINDS, "before": before, "most": MOST_AT_ONCE}
            left = await sql.rows(_LEFT, params, as_=_Open)
        await self.first_try(merchant, [row.reference for row in left])
        await self._look(merchant)

    # ---- parcels on their way --------------------------------------------------------------------------------------------

    async def _look(self, merchant: uuid.UUID) -> None:
        params = {
            "m": merchant, "buy": BUY_LABEL, "under_way": list(UNDER_WAY), "before": self.shop.clock() - UNHEARD_OF,
            "most": LOOKED_AT,
        }  # fmt: skip
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            overdue = await sql.rows(_OVERDUE, params, as_=_Parcel)
        for parcel in overdue:
            await self._looked_at(merchant, parcel)
            carrier = self.carriers(merchant).get(parcel.connector)
            if carrier is None:
                continue
            try:
                async with asyncio.timeout(DEADLINE):
                    scans = await carrier.track(parcel.tracking_number, parcel.theirs or "")
            except (Silent, Refused, TimeoutError) as silent:
                _log.warning("%s: %s says nothing (%s)", parcel.reference, parcel.connector, silent)
                continue
            await self._record(merchant, parcel, scans)

    async def _looked_at(self, merchant: uuid.UUID, parcel: _Parcel) -> None:
        async with self.shop.database.transaction(merchant) as sql:
            await sql.execute(_LOOKED, {"m": merchant, "id": parcel.id, "now": self.shop.clock()})
            await sql.commit()

    async def receive(self, merchant: uuid.UUID, connector: str, told: Told) -> int:
        """Book an event whose signature was checked; returns how many scans of it were new. Raises `NotFound` for a parcel that is
        not known by that number yet: it is told again then."""
        if told.refund is not None:
            await self._given_back(merchant, told)
        if not told.tracking_number or not told.scans:
            return 0
        number = compact_number(told.tracking_number)
        params = {"m": merchant, "buy": BUY_LABEL, "number": number, "connector": connector}
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            parcel = await sql.row(_OF_NUMBER, params, as_=_Parcel)
        if parcel is None:
            raise NotFound("No shipment has that tracking number.", hint="Tell it again once its label is booked.")
        new = await self._record(merchant, parcel, told.scans)
        await self._looked_at(merchant, parcel)
        return new

    async def _given_back(self, merchant: uuid.UUID, told: Told) -> None:
        params = {
            "m": merchant, "kind": TAKE_BACK_LABEL, "parcel": told.parcel,
            "number": compact_number(told.tracking_number) if told.tracking_number else None,
        }  # fmt: skip
        async with self.shop.database.transaction(merchant, read_only=True) as sql:
            waiting = await sql.row(_BACK, params, as_=_Open)
        if waiting is not None:
            outcome = told.refund or Outcome.pending
            code = "rejected" if outcome is Outcome.failed else None
            await self._book(
                merchant, TAKE_BACK_LABEL, waiting.reference, Answer(outcome, code=code), f"told:{told.id}"
            )

    async def _record(self, merchant: uuid.UUID, parcel: _Parcel, scans: Sequence[Scan]) -> int:
        """Each scan once: by its code and time in the shipment, and by its key among deliveries at the same moment."""
        caller = Caller(merchant, Door.rest, Hand.program, Proof.system, f"carrier:{parcel.code}")
        new = 0
        for scan in sorted(scans, key=lambda one: one.at):
            event = {
                "shipment": parcel.reference, "code": scan.code.value, "occurred_at": scan.at,
                "place": scan.place, "description": scan.description,
            }  # fmt: skip
            name = f"{parcel.reference} {scan.code} {scan.at.isoformat()}"
            key = f"job:scan:{hashlib.sha256(name.encode()).hexdigest()}"
            with suppress(ShopError):  # such as a time that has not come: the next scan may well be one
                done = await call(self.shop, record_tracking_event, event, caller, key=key, wait=True)
                new += bool(done.result and done.result.recorded and not done.replayed)
        return new


def carriers_of(others: Mapping[uuid.UUID, Carriage]) -> CarriersOf:
    """The connector that was set up for a merchant."""

    def of(merchant: uuid.UUID) -> Mapping[str, Carriage]:
        other = others.get(merchant)
        return {other.name: other} if other else {}

    return of


async def _offered(carrier: Carriage, question: Question) -> Offered:
    given = question.arguments
    sender = Address(**given["sender"])
    if "since" in given:
        since, until = (datetime.fromisoformat(given[name]) for name in ("since", "until"))
        return await carrier.offer_visit(Visit(question.key, sender, given["waiting"], since, until))
    declared = [_declared(dict(one)) for one in given.get("declared", ())]
    return await carrier.offer(
        Wanted(question.key, sender, Address(**given["receiver"]), Parcel(**given["parcel"]), declared)
    )


async def _answered(carrier: Carriage, claimed: _Claimed) -> Answer:
    wanted = claimed.arguments
    if claimed.kind == ORDER_VISIT:
        return await carrier.order_visit(wanted["visit"], wanted["carrier"], wanted["service"])
    if claimed.kind == BUY_LABEL:
        return await carrier.buy(wanted["parcel"], wanted["price"])
    return await carrier.take_back(wanted["parcel"])


def _declared(one: dict[str, Any]) -> Declared:
    value = Decimal(one.pop("value")).scaleb(-exponent(one["currency"]))
    return Declared(value=value, **one)


def minor(amount: Decimal, currency: str) -> int:
    return int((amount * 10 ** exponent(currency)).to_integral_value())
