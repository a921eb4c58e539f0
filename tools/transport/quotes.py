"""What carriers would charge and promise for parcels, and which of them to take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import select

from db.models.orders import Order
from db.models.transport import Carrier, Connector
from db.models.warehouse import Warehouse
from db.money import Money, exponent
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid
from tools.contract.fields import Country, Day, MinorUnits, OrderRef, Synonyms, UntrustedText, WarehouseRef
from tools.contract.outside import outside
from tools.rules.lookup import find_warehouse
from tools.transport.carriers import RateRow, calendar_of, rates_of, terms_of
from tools.transport.connected import Connected, Quoted, connected_rate, quotes_of
from tools.transport.customs import Contents
from tools.transport.rating import Destination, Parcel, Rate, rate

PACKING = 150  # grams of box and filling, where nobody weighed the parcel
UNKNOWN_WEIGHT = 500  # grams of a unit whose weight nobody entered
LATE_COSTS = 10  # whole units of the currency that a late parcel costs the shop (a message, a voucher), unless said
MEASURED = 90  # days back over which punctuality is measured
LATEST = 500  # parcels of a service, the latest, by which it is measured
BELIEF = (9, 10)  # before anything is measured: of ten parcels nine are in time


class NoWayToSend(Conflict):
    """No carrier takes the parcels."""

    hint = "Split or repack what is too large, or add a service or price with configure_carrier."


class DestinationUnknown(Invalid):
    """Rates are for an address: a country, and its postcode where zones go by it."""

    hint = "Name the order, or `to_country` and `to_postcode`."


class NoWarehouse(Conflict):
    """There is no open warehouse to send from."""

    hint = "Open a warehouse first."


class ChooseBy(StrEnum):
    cheapest = "cheapest"
    fastest = "fastest"
    best = "best"


CHOOSE_WORDS = Synonyms(
    {
        "cheapest": ("cheap", "lowest price", "least expensive", "economy"),
        "fastest": ("quickest", "soonest", "express", "as soon as possible", "urgent"),
        "best": ("most reliable", "best value", "recommended"),
    }
)


class QuoteRates(Input):
    order: OrderRef | None = Field(
        default=None,
        description="The order to be sent, such as `ORD-1042`: its address, and the weight of what has not left.",
    )
    to_country: Country | None = Field(default=None, description="Where to, ISO 3166 alpha-2; the order's unless said.")
    to_postcode: str | None = Field(
        default=None, min_length=1, max_length=16, description="Postcode of the address; the order's unless said."
    )
    warehouse: WarehouseRef | None = Field(
        default=None, description="From which warehouse; the first open one unless said."
    )
    parcels: list[Parcel] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="The parcels; estimated from the order's variants unless said.",
    )

    @model_validator(mode="after")
    def says_where_and_what(self) -> Self:
        if self.order is None and (self.to_country is None or self.parcels is None):
            raise ValueError("Name an `order`, or a `to_country` and `parcels`.")
        return self


class NotOffered(Result):
    """A service that does not take the parcels."""

    carrier_name: str = Field(description="What the carrier is called.")
    service_name: str | None = Field(description="What the service is called; null where it is the carrier as a whole.")
    why: str = Field(description="Why not, as the end of a sentence.")


class Quotes(Result):
    """What each service would charge, the cheapest first."""

    warehouse: str = Field(description="From where: the warehouse's name.")
    to_country: str = Field(description="Where to, ISO 3166 alpha-2.")
    to_postcode: UntrustedText = Field(description="Postcode of the address; empty where none is known.")
    weight_grams: int = Field(description="Weight of all parcels together, in grams.")
    parcels: list[Parcel] = Field(description="The parcels that were priced.")
    estimated: bool = Field(description="Whether their weight is estimated from the variants.")
    rates: list[Rate] = Field(description="What each service would charge, the cheapest first.")
    not_offered: list[NotOffered] = Field(description="The services that do not take them, and why.")


@tool(
    route="POST /shipments/quotes",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous, DestinationUnknown, NoWarehouse],
    examples=["What would it cost to ship ORD-1042?", "What do the carriers charge for a 3 kg parcel to Germany?"],
)
async def quote_rates(ctx: Context, args: QuoteRates) -> Quotes:
    """Compare what carriers charge for parcels to an address, and what they promise.

    Prices are minor units with all surcharges; volume counts where it is more than the weight. Which one to take: choose_carrier.
    """
    journey = await journey_of(ctx, args)
    offered, refused = await offers(ctx, journey)
    return Quotes(
        warehouse=journey.warehouse.name, to_country=journey.to.country, to_postcode=journey.to.postcode,
        weight_grams=sum(parcel.weight_grams for parcel in journey.parcels), parcels=list(journey.parcels),
        estimated=journey.estimated, rates=[offer.rate for offer in offered], not_offered=refused,
    )  # fmt: skip


class ChooseCarrier(QuoteRates):
    by: Annotated[ChooseBy, CHOOSE_WORDS] = Field(
        default=ChooseBy.best, description="Cheapest, fastest, or best: the price, and what lateness is likely to cost."
    )
    needed_by: Day | None = Field(
        default=None, description="Only services that promise this day or an earlier one, in the shop's time zone."
    )
    late_cost: MinorUnits | None = Field(
        default=None,
        ge=0,
        le=10**7,
        description="What a late parcel costs the shop, minor units; 10 whole units unless said.",
    )


class Candidate(Result):
    """A service that was looked at."""

    rate: Rate = Field(description="What it charges, and what it promises.")
    on_time_percent: float = Field(
        description="Parcels of the last 90 days that were in time, per cent; cautious where few."
    )
    measured_parcels: int = Field(
        description="Parcels to that country, or else of the service, that this was measured by."
    )
    expected_cost: Money = Field(description="Price and likely cost of lateness together, minor units.")
    reason: str = Field(description="Why it is taken, or why not.")


class CarrierChoice(Result):
    """Which service to take, and why."""

    by: ChooseBy = Field(description="What was asked for.")
    chosen: Candidate = Field(description="The service to take.")
    runners_up: list[Candidate] = Field(description="The next ones, and what speaks against them.")
    not_offered: list[NotOffered] = Field(description="The services that do not take the parcels, and why.")


@tool(
    route="POST /shipments/choice",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous, DestinationUnknown, NoWarehouse, NoWayToSend],
    examples=["How should we send ORD-1042?", "Which carrier is the fastest for a 2 kg parcel to Berlin?"],
)
async def choose_carrier(ctx: Context, args: ChooseCarrier) -> CarrierChoice:
    """Say which service to take for parcels (cheapest, fastest, best), and why.

    Best weighs the price against the on-time rate that was measured on this shop's own parcels. Nothing is sent by this.
    """
    journey = await journey_of(ctx, args)
    offered, refused = await offers(ctx, journey)
    in_time = [offer for offer in offered if args.needed_by is None or offer.rate.promised_on <= args.needed_by]
    if not in_time:
        raise no_way(journey, offered, refused, f"by {words.day(args.needed_by)}" if args.needed_by else "")
    ranked = await ranked_by(ctx, journey, in_time, args.by, args.late_cost)
    return CarrierChoice(by=args.by, chosen=ranked[0], runners_up=ranked[1:4], not_offered=refused)


# ---- the journey ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Journey:
    """Parcels from a warehouse to an address; the `receiver` is the address in full, where an order is sent."""

    warehouse: Warehouse
    to: Destination
    parcels: Sequence[Parcel]
    estimated: bool
    receiver: Mapping[str, Any] | None = None
    contents: Contents | None = None  # for customs, where it crosses a border


async def journey_of(ctx: Context, args: QuoteRates) -> Journey:
    order = await ctx.find(Order, args.order) if args.order else None
    country = args.to_country or (order and order.ship_country)
    if not country:
        raise DestinationUnknown(f"{order.reference if order else 'It'} has no country to go to.")
    moved = args.to_country is not None and order is not None and args.to_country != order.ship_country
    postcode = args.to_postcode or (order.ship_postcode if order and not moved else None) or ""
    parcels = args.parcels or [await estimate(ctx, order.id)] if order else args.parcels or []
    warehouse = await find_warehouse(ctx, args.warehouse) if args.warehouse else await first_warehouse(ctx)
    asked_as_it_is = order is not None and args.to_country is None and args.to_postcode is None
    receiver = receiver_of(order) if order and asked_as_it_is else None
    return Journey(
        warehouse, Destination(country, postcode), parcels, estimated=args.parcels is None, receiver=receiver,
        contents=Contents(order.id) if order else None,
    )  # fmt: skip


def receiver_of(order: Order) -> dict[str, Any]:
    """Who a connector is told that the parcel is for."""
    return {"name": order.customer_name, "email": order.email, "phone": order.phone} | dict(
        order.shipping_address or {}
    )


async def first_warehouse(ctx: Context) -> Warehouse:
    query = select(Warehouse).where(Warehouse.merchant_id == ctx.merchant.id, Warehouse.active)
    first = (await ctx.db.scalars(query.order_by(Warehouse.priority, Warehouse.id).limit(1))).first()
    if first is None:
        raise NoWarehouse("No warehouse is open.")
    return first


class _Weight(NamedTuple):
    grams: int


async def estimate(ctx: Context, order: UUID) -> Parcel:
    """One parcel with all of an order that has not left."""
    query = """
        select coalesce(sum((l.quantity - l.cancelled - l.fulfilled) * coalesce(v.weight_grams, %(unknown)s)), 0)::bigint as grams
        from order_lines l left join variants v on v.merchant_id = %(m)s and v.id = l.variant_id
        where l.merchant_id = %(m)s and l.order_id = %(order)s
    """
    params = {"m": ctx.merchant.id, "order": order, "unknown": UNKNOWN_WEIGHT}
    weight = await ctx.sql.row(query, params, as_=_Weight)
    return packed(weight.grams if weight else 0)


def packed(grams: int) -> Parcel:
    """A parcel of goods that weigh so much, with its box."""
    return Parcel(weight_grams=min(grams + PACKING, 1_000_000))


# ---- offers --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    carrier: Carrier
    rate: Rate
    connected: Connected | None = None  # by what its label is bought, where the shop does not make it


async def offers(
    ctx: Context, journey: Journey, carrier: Carrier | None = None, service: str | None = None
) -> tuple[list[Offer], list[NotOffered]]:
    """What the carriers offer, the cheapest first, and who does not."""
    query = select(Carrier).where(Carrier.merchant_id == ctx.merchant.id, Carrier.active)
    carriers = [carrier] if carrier else list((await ctx.db.scalars(query.order_by(Carrier.name, Carrier.id))).all())
    place = journey.warehouse.country
    there = [one for one in carriers if not one.countries or place in one.countries]
    rates = await rates_of(ctx, [one.id for one in there])
    receiver = journey.receiver or {"country": journey.to.country, "postcode": journey.to.postcode}
    quoted = await quotes_of(ctx, there, journey.warehouse, receiver, journey.parcels, journey.contents)
    offered: list[Offer] = []
    refused: list[NotOffered] = []
    for one in carriers:
        if one not in there:
            why = f"takes parcels in {words.listed(one.countries)}, and {journey.warehouse.name} is in {place}"
            refused.append(NotOffered(carrier_name=one.name, service_name=None, why=why))
            continue
        for way, found in _ways(ctx, one, journey, service, rates, quoted):
            if isinstance(found, str):
                refused.append(NotOffered(carrier_name=one.name, service_name=way, why=found))
            else:
                offered.append(found)
    home = ctx.merchant.currency
    return sorted(offered, key=lambda offer: (offer.rate.price.currency != home, _cheapest(offer.rate))), refused


def _ways(
    ctx: Context,
    carrier: Carrier,
    journey: Journey,
    service: str | None,
    rates: list[RateRow],
    quoted: Mapping[Connector, Quoted],
) -> Iterator[tuple[str, Offer | str]]:
    """Each service of a carrier by its name: what it offers, or why it does not."""
    calendar, terms = calendar_of(carrier), terms_of(carrier, rates)
    handed_over = calendar.handed_over(ctx.now(), ctx.merchant.zone)
    for way in terms.services:
        if service is not None and way.code != service:
            continue
        if handed_over is None:
            yield way.name, "takes no parcels"
        elif carrier.connector is Connector.tables:
            found = rate(terms, way, journey.to, journey.parcels, handed_over)
            yield way.name, found if isinstance(found, str) else Offer(carrier, found)
        else:
            answer = quoted[carrier.connector]
            asked = connected_rate(carrier, way, journey.to, journey.parcels, handed_over, calendar, answer)
            yield way.name, asked if isinstance(asked, str) else Offer(carrier, *asked)


def no_way(journey: Journey, offered: Sequence[Offer], refused: Sequence[NotOffered], by: str = "") -> NoWayToSend:
    """The refusal, with what each carrier says."""
    to = f"{journey.to.country} {outside(journey.to.postcode)}".rstrip()
    said = [f"{one.carrier_name} {one.service_name or ''}".rstrip() + f" {one.why}" for one in refused]
    said += [f"{offer.rate.named} promises {words.day(offer.rate.promised_on)}" for offer in offered]
    why = f": {'; '.join(said[:6])}" if said else ": the shop has no carrier with prices"
    return NoWayToSend(f"No carrier takes {_described(journey)} to {to}{f' {by}' if by else ''}{why}.")


def _described(journey: Journey) -> str:
    grams = words.grams(sum(parcel.weight_grams for parcel in journey.parcels))
    return f"{words.count(len(journey.parcels), 'parcel')} of {grams}"


# ---- ranking -------------------------------------------------------------------------------------------------------------


class Punctual(NamedTuple):
    carrier_id: UUID
    service: str
    measured: int
    in_time: int
    of_country: bool


# The latest parcels of each service whose fate is known: delivered, or late already; those to that country apart.
_PUNCTUALITY = """
select carrier_id, service, of_country, count(*)::int as measured, count(*) filter (where in_time)::int as in_time
from (
    select asked.carrier_id, asked.service, f.ship_to ->> 'country' = %(country)s as of_country,
           coalesce(f.delivered_at <= f.promised_at, false) as in_time
    from unnest(%(carriers)s::uuid[], %(services)s::text[]) as asked (carrier_id, service)
    cross join lateral (
        select * from fulfilments f where f.merchant_id = %(m)s and f.carrier_id = asked.carrier_id
          and f.service = asked.service and f.shipped_at >= %(since)s order by f.shipped_at desc limit %(latest)s
    ) f
    where f.promised_at is not null and f.status <> 'voided' and (f.delivered_at is not null or f.promised_at < %(now)s)
) measured group by 1, 2, 3
"""
ENOUGH = 5  # parcels to a country, by which a service is measured there


async def punctuality(ctx: Context, country: str, offered: Sequence[Offer]) -> dict[tuple[UUID, str], Punctual]:
    """How punctual services were: to that country, else everywhere."""
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "now": ctx.now(), "since": ctx.now() - timedelta(days=MEASURED), "country": country,
        "latest": LATEST, "carriers": [offer.carrier.id for offer in offered],
        "services": [offer.rate.service for offer in offered],
    }  # fmt: skip
    found: dict[tuple[UUID, str], Punctual] = {}
    for row in await ctx.sql.rows(_PUNCTUALITY, params, as_=Punctual):
        place = row.carrier_id, row.service
        other = found.get(place)
        if other is None:
            found[place] = row
            continue
        there = row if row.of_country else other
        both = Punctual(*place, row.measured + other.measured, row.in_time + other.in_time, of_country=False)
        found[place] = there if there.measured >= ENOUGH else both
    return found


async def ranked_by(
    ctx: Context, journey: Journey, offered: Sequence[Offer], by: ChooseBy, late_cost: int | None = None
) -> list[Candidate]:
    """The offers, the one to take first, each with its reason."""
    measured = await punctuality(ctx, journey.to.country, offered)
    candidates = [
        _candidate(offer.rate, measured.get((offer.carrier.id, offer.rate.service)), late_cost) for offer in offered
    ]
    candidates.sort(key=lambda one: (one.rate.price.currency != ctx.merchant.currency, _rank(one, by)))
    return [
        one.model_copy(update={"reason": _why_not(one, candidates[0]) if number else _why(one, by)})
        for number, one in enumerate(candidates)
    ]


def _candidate(rate: Rate, measured: Punctual | None, late_cost: int | None) -> Candidate:
    count, in_time = (measured.measured, measured.in_time) if measured else (0, 0)
    share = (in_time + BELIEF[0]) / (count + BELIEF[1])
    currency = rate.price.currency
    cost = late_cost if late_cost is not None else LATE_COSTS * 10 ** exponent(currency)
    expected = rate.price.amount + round((1 - share) * cost)
    return Candidate(
        rate=rate, on_time_percent=round(100 * share, 1), measured_parcels=count, reason="",
        expected_cost=Money(amount=expected, currency=currency),
    )  # fmt: skip


def _cheapest(rate: Rate) -> tuple[int, Any, str, str]:
    return rate.price.amount, rate.promised_on, rate.carrier, rate.service


def _rank(one: Candidate, by: ChooseBy) -> tuple[Any, ...]:
    match by:
        case ChooseBy.cheapest:
            return _cheapest(one.rate)
        case ChooseBy.fastest:
            return one.rate.promised_on, one.rate.earliest_on, *_cheapest(one.rate)
        case ChooseBy.best:
            return one.expected_cost.amount, *_cheapest(one.rate)


def _why(one: Candidate, by: ChooseBy) -> str:
    what = {
        ChooseBy.cheapest: "the lowest price",
        ChooseBy.fastest: "the earliest promise",
        ChooseBy.best: "the best of price and punctuality",
    }
    return f"{one.rate.named} is {what[by]}: {one.rate.price}, promised for {words.day(one.rate.promised_on)}, {_punctual(one)}."


def _why_not(one: Candidate, best: Candidate) -> str:
    """What speaks against it, beside the one that is taken."""
    against: list[str] = []
    dearer = one.rate.price.amount - best.rate.price.amount
    slower = (one.rate.promised_on - best.rate.promised_on).days
    if dearer and one.rate.price.currency == best.rate.price.currency:
        against.append(f"{words.money(abs(dearer), one.rate.price.currency)} {'dearer' if dearer > 0 else 'cheaper'}")
    if slower:
        against.append(f"{words.count(abs(slower), 'day')} {'later' if slower > 0 else 'earlier'}")
    against.append(_punctual(one))
    return f"{one.rate.named}: {words.listed(against)}."


def _punctual(one: Candidate) -> str:
    if not one.measured_parcels:
        return "nothing measured yet"
    return f"{one.on_time_percent:g} % of {words.count(one.measured_parcels, 'parcel')} in time"
