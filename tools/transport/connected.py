"""Carriers that are asked by a connector: what they want for a parcel or for coming, kept so that what was shown is what is bought.

Nobody is asked inside a call. What it lacks is asked between two runs of it (`Unheard`), and stands in `carrier_quotes` then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from db.models.transport import Carrier, Connector
from db.models.warehouse import Warehouse
from db.money import Money
from tools.contract import words
from tools.contract.asking import Question, Unheard
from tools.contract.context import Context
from tools.contract.errors import Conflict
from tools.contract.outside import outside
from tools.transport.customs import Content, Contents, crosses_border, goods_in
from tools.transport.promises import Calendar
from tools.transport.rating import Charge, Destination, Parcel, Rate
from tools.transport.terms import Service

BUY_LABEL, TAKE_BACK_LABEL, ORDER_VISIT = "buy_label", "take_back_label", "order_visit"
HOLDS = timedelta(days=1)  # that a quote is bought at: a decision may take until tomorrow
PLACE = ("line1", "line2", "postcode", "city", "region", "country")
UNSAID_DAYS = 7  # in which a parcel is promised, where the carrier does not say


class ConnectorNotSetUp(Conflict):
    """Carriers cannot be asked by that connector here."""

    hint = "Keep the carrier's prices here (`connector` tables); or have the installation's settings name the connector's key."


@dataclass(frozen=True)
class Connected:
    """What is bought: a parcel or visit and its price, the carrier and the service, by their names there."""

    quote: UUID
    parcel: str
    price: str
    carrier: str
    service: str


class Price(NamedTuple):
    name: str
    carrier: str
    service: str
    amount: int
    currency: str
    days: int | None


class _Quote(NamedTuple):
    id: UUID
    parcel: str
    prices: list[dict[str, Any]]
    says: str | None


@dataclass(frozen=True)
class Quoted:
    """What a connector answered; or why it did not, as the end of a sentence."""

    quote: _Quote | None
    why: str = ""


_QUOTE = """
select id, parcel, prices, says from carrier_quotes
where merchant_id = %(m)s and key = %(key)s and connector = %(connector)s and used_at is null and asked_at > %(since)s
order by asked_at desc, id desc limit 1
"""
_USE = "update carrier_quotes set used_at = %(now)s where merchant_id = %(m)s and id = %(id)s"


async def quotes_of(
    ctx: Context,
    carriers: Sequence[Carrier],
    sender: Warehouse,
    receiver: Mapping[str, Any],
    parcels: Sequence[Parcel],
    contents: Contents | None,
) -> dict[Connector, Quoted]:
    """What the carriers' connectors answer. Raises `Unheard` for what has to be asked first."""
    found: dict[Connector, Quoted] = {}
    open_: list[Question] = []
    connectors = sorted({one.connector for one in carriers} - {Connector.tables})
    abroad = crosses_border(sender.country or "", str(receiver.get("country") or ""))
    goods = await goods_in(ctx, contents) if connectors and contents and abroad else []
    unknown = [one.sku for one in goods if not one.hs_code or not one.origin]
    for connector in connectors:
        if connector not in ctx.site.carriers:
            found[connector] = Quoted(None, f"is asked by {connector}, which is not set up here")
        elif len(parcels) > 1:
            found[connector] = Quoted(None, f"is asked by {connector}, where each parcel is a shipment of its own")
        elif unknown:
            found[connector] = Quoted(
                None, f"tells customs what is in it, and lacks the tariff number or origin of {words.listed(unknown)}"
            )
        else:
            question = _question(ctx, connector, sender, receiver, parcels[0], goods)
            found[connector] = await _kept(ctx, question)
            if found[connector].quote is None and question.key not in ctx.heard:
                open_.append(question)
    if open_:
        raise Unheard(ctx.merchant.id, open_)
    return found


def _question(
    ctx: Context,
    connector: Connector,
    sender: Warehouse,
    receiver: Mapping[str, Any],
    parcel: Parcel,
    goods: Sequence[Content],
) -> Question:
    arguments: dict[str, Any] = {
        "sender": _written(ctx, sender),
        "receiver": {
            name: str(receiver.get(name) or "")
            for name in ("name", "company", *PLACE, "phone", "email")
            if receiver.get(name)
        },
        "parcel": parcel.model_dump(exclude_none=True),
    }
    if goods:
        arguments["declared"] = [_declared(one) for one in goods]
    return Question(connector, arguments)


def _written(ctx: Context, sender: Warehouse) -> dict[str, str]:
    return {name: getattr(sender, name) or "" for name in PLACE} | {"name": ctx.merchant.name}


def _declared(one: Content) -> dict[str, Any]:
    return {
        "description": one.title, "quantity": one.quantity, "hs_code": one.hs_code, "origin": one.origin,
        "weight_grams": one.grams, "value": one.value, "currency": one.currency,
    }  # fmt: skip


async def _kept(ctx: Context, question: Question) -> Quoted:
    params = {"m": ctx.merchant.id, "key": question.key, "connector": question.connector, "since": ctx.now() - HOLDS}
    quote = await ctx.sql.row(_QUOTE, params, as_=_Quote)
    return Quoted(quote, "" if quote else ctx.heard.get(question.key) or "gave no prices: ask again")


async def use(ctx: Context, connected: Connected) -> None:
    """It is bought: the next of that kind is asked about anew."""
    await ctx.sql.execute(_USE, {"m": ctx.merchant.id, "id": connected.quote, "now": ctx.now()})


def connected_rate(
    carrier: Carrier,
    service: Service,
    to: Destination,
    parcels: Sequence[Parcel],
    handed_over: date,
    calendar: Calendar,
    quoted: Quoted,
) -> tuple[Rate, Connected] | str:
    """What the connector asks for a service, and by what it is bought; or why it is not offered, as the end of a sentence."""
    if quoted.quote is None:
        return quoted.why
    prices = [Price(**one) for one in quoted.quote.prices]
    theirs = [one for one in prices if _same(one.carrier, carrier.code, carrier.name)]
    price = next((one for one in theirs if _same(one.service, service.code, service.name)), None)
    if price is None:
        said = f" ({outside(quoted.quote.says)})" if quoted.quote.says else ""
        return f"has no price for this parcel at {carrier.connector}{said}"
    arrives = calendar.arrives(handed_over, price.days or UNSAID_DAYS, service.delivery_days)
    if arrives is None:
        return "has no day of delivery in the coming year"
    weight = sum(parcel.weight_grams for parcel in parcels)
    rate = Rate(
        carrier=carrier.code, carrier_name=carrier.name, service=service.code, service_name=service.name, zone=to.country,
        price=Money(amount=price.amount, currency=price.currency),
        charges=[Charge(name=service.name, amount=price.amount)], billable_grams=weight, volumetric=False,
        handed_over_on=handed_over, earliest_on=arrives, promised_on=arrives,
    )  # fmt: skip
    return rate, Connected(quoted.quote.id, quoted.quote.parcel, price.name, price.carrier, price.service)


async def visit_of(
    ctx: Context, carrier: Carrier, place: Warehouse, waiting: str, since: datetime, until: datetime
) -> tuple[Money, Connected] | str:
    """What the carrier wants for coming, `waiting` being a parcel by its name there; or why it does not, as the end of a sentence.
    Raises `Unheard` when it has to be asked first.
    """
    if carrier.connector not in ctx.site.carriers:
        return f"is asked by {carrier.connector}, which is not set up here"
    arguments = {
        "sender": _written(ctx, place), "waiting": waiting, "since": since.isoformat(), "until": until.isoformat(),
    }  # fmt: skip
    question = Question(carrier.connector, arguments)
    quoted = await _kept(ctx, question)
    if quoted.quote is None and question.key not in ctx.heard:
        raise Unheard(ctx.merchant.id, [question])
    if quoted.quote is None:
        return quoted.why
    offers = [Price(**one) for one in quoted.quote.prices]
    price = min((one for one in offers if _same(one.carrier, carrier.code, carrier.name)), key=_amount, default=None)
    if price is None:
        said = f" ({outside(quoted.quote.says)})" if quoted.quote.says else ""
        return f"does not come then, says {carrier.connector}{said}"
    connected = Connected(quoted.quote.id, quoted.quote.parcel, price.name, price.carrier, price.service)
    return Money(amount=price.amount, currency=price.currency), connected


def _amount(price: Price) -> int:
    return price.amount


def _same(theirs: str, *ours: str) -> bool:
    """Whether a name is one of ours, but for case, gaps and signs: `GroundAdvantage` is `ground-advantage`."""
    return _squeezed(theirs) in {_squeezed(one) for one in ours}


def _squeezed(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
