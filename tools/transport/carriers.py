"""Carriers: who they are, how they deliver, and from when to when they work."""

from collections import Counter
from datetime import date, time
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import func, or_, select

from db.models.transport import Carrier, CarrierRate, Connector, PickupStatus
from db.money import Money
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, NotFound
from tools.contract.fields import CarrierRef, UntrustedText
from tools.contract.page import Page, Paged, paged, place
from tools.transport.promises import Calendar
from tools.transport.rating import Terms
from tools.transport.terms import Break, Service, Surcharge, Weekday, Zone

COMING = 10  # pick-ups that are shown of a carrier


class CarrierInactive(Conflict):
    """Nothing is sent with that carrier any more."""

    hint = "Choose another carrier, or switch it on with configure_carrier (`active` true)."


class CarrierSummary(Result):
    """Who carries parcels."""

    reference: str = Field(description="The carrier's reference, such as `CAR-1001`.")
    code: str = Field(description="The shop's own short name, such as `colivia`.")
    name: str = Field(description="What it is called.")
    active: bool = Field(description="Whether parcels are sent with it.")
    countries: list[str] = Field(description="Where it takes parcels, ISO 3166 alpha-2; empty is everywhere.")
    currency: str = Field(description="What it charges in, ISO 4217.")
    services: list[Service] = Field(description="How it delivers.")
    cutoff: time = Field(description="Until when it takes parcels on the same day, by the shop's clock.")
    pickup_days: list[Weekday] = Field(description="Weekdays on which it takes parcels; 1 is Monday.")
    under_way: int = Field(description="Parcels that it has, and has not delivered yet.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class ComingPickup(Result):
    """A day on which the carrier comes, or was asked to."""

    reference: str = Field(description="The pick-up's reference, such as `PKP-1001`.")
    status: PickupStatus = Field(description="Whether it comes; asked is not confirmed by the carrier yet.")
    warehouse: str = Field(description="The warehouse's name.")
    day: date = Field(description="On which day, in the shop's time zone.")
    ready_from: time = Field(description="From when, by the shop's clock.")
    ready_until: time = Field(description="Until when, by the shop's clock.")
    cost: Money | None = Field(description="What the carrier asks for coming; null where it does not say.")
    confirmation: UntrustedText | None = Field(description="By what the carrier knows it.")
    failure: UntrustedText | None = Field(description="Why it does not come.")


class CarrierDetail(CarrierSummary):
    """A carrier with all of its terms."""

    tracking_prefix: str = Field(description="Two letters that its tracking numbers begin with.")
    volumetric_divisor: int = Field(description="Cubic centimetres that count as a kilogram.")
    holidays: list[date] = Field(description="Days on which it does not work, in the shop's time zone.")
    zones: list[Zone] = Field(description="Where the same prices hold; the first that fits counts.")
    surcharges: list[Surcharge] = Field(description="What is added to prices.")
    rates: list[Break] = Field(description="Prices by service, zone, weight and size, minor units.")
    connector: Connector = Field(
        description="By what it is asked for prices and labels; tables are the prices kept here."
    )
    pickups: list[ComingPickup] = Field(description="When it comes, from today on, by day; after them what it refused.")
    events_address: str | None = Field(description="Where its tracking events may be sent; shown without its secret.")


class ListCarriers(Paged):
    active: bool | None = Field(default=None, description="Only those that parcels are sent with, or only the others.")


class _Row(NamedTuple):
    id: UUID
    reference: str
    code: str
    name: str
    active: bool
    countries: list[str]
    currency: str
    services: list[Any]
    cutoff: time
    pickup_days: list[int]
    under_way: int
    version: int

    def shown(self) -> CarrierSummary:
        return CarrierSummary.model_validate(self._asdict())


UNDER_WAY = (
    "label_purchased", "manifested", "picked_up", "in_transit", "out_for_delivery", "on_hold", "ready_for_pickup", "delayed",
    "delivery_failed",
)  # fmt: skip
_CARRIERS = """
select c.id, c.reference, c.code, c.name, c.active, c.countries, c.currency, c.services, c.cutoff, c.pickup_days,
       c.version, (select count(*) from fulfilments f where f.merchant_id = %(m)s and f.status = any(%(under_way)s)
                   and f.carrier_id = c.id) as under_way
from carriers c
where c.merchant_id = %(m)s and (%(active)s::bool is null or c.active = %(active)s)
  and (%(name)s::text is null or (c.name, c.id) > (%(name)s, %(id)s::uuid))
order by c.name, c.id limit %(limit)s
"""


@tool(
    route="GET /carriers",
    effect=Effect.read,
    permission="transport:read",
    raises=[],
    examples=["Which carriers do we ship with?", "Who delivers our parcels?"],
)
async def list_carriers(ctx: Context, args: ListCarriers) -> Page[CarrierSummary]:
    """List the carriers that parcels are sent with, and how many are under way."""
    name, id_ = place(args.after, str, UUID) or (None, None)
    params = {"m": ctx.merchant.id, "active": args.active, "name": name, "id": id_, "under_way": list(UNDER_WAY)}
    return await paged(ctx, args, _CARRIERS, params, as_=_Row, show=_Row.shown, at=lambda row: (row.name, row.id))


class GetCarrier(Input):
    carrier: CarrierRef = Field(description="The carrier: `CAR-1001`, its code or its name.")


@tool(
    route="GET /carriers/{carrier}",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous],
    examples=["What does Colivia charge, and until when does it take parcels?", "Show the rates of Nordlink"],
)
async def get_carrier(ctx: Context, args: GetCarrier) -> CarrierDetail:
    """Show a carrier's terms: services, zones, prices, surcharges, cut-off time.

    Prices are minor units of its currency. What a given parcel costs is quote_rates.
    """
    return await detail(ctx, await find_carrier(ctx, args.carrier))


class RemoveCarrier(Input):
    carrier: CarrierRef = Field(description="The carrier: `CAR-1001`, its code or its name.")


class CarrierRemoved(Result):
    """What became of the carrier."""

    carrier: str = Field(description="The carrier's code.")
    deleted: bool = Field(description="Whether it is gone; a carrier that ever had a parcel is switched off instead.")
    under_way: int = Field(description="Parcels that it still has; they go on being tracked.")


class _Parcels(NamedTuple):
    ever: int
    under_way: int


@tool(
    route="DELETE /carriers/{carrier}",
    effect=Effect.money,
    permission="settings:write",
    raises=[Ambiguous],
    examples=["Remove Rapidex, we do not use them any more", "Delete the carrier colivia"],
)
async def remove_carrier(ctx: Context, args: RemoveCarrier) -> CarrierRemoved:
    """Stop sending with a carrier; one that never had a parcel is deleted.

    Parcels that are under way stay, and are tracked to their end.
    """
    carrier = await find_carrier(ctx, args.carrier, for_update=True)
    query = """
        select count(*) as ever, count(*) filter (where status = any(%(open)s)) as under_way
        from fulfilments where merchant_id = %(m)s and carrier_id = %(carrier)s
    """
    params = {"m": ctx.merchant.id, "carrier": carrier.id, "open": list(UNDER_WAY)}
    parcels = await ctx.sql.row(query, params, as_=_Parcels) or _Parcels(0, 0)
    if not parcels.ever and not await _ever_came(ctx, carrier):
        await _delete(ctx, carrier)
        return CarrierRemoved(carrier=carrier.code, deleted=True, under_way=0)
    ctx.edit(carrier, None, active=False)
    ctx.event("removed", carrier)
    ctx.tell(f"Nothing is sent with {carrier.name} any more; what it carried stays in the records.")
    if parcels.under_way:
        ctx.tell(f"{words.count(parcels.under_way, 'parcel')} that it has already go on being tracked.")
    return CarrierRemoved(carrier=carrier.code, deleted=False, under_way=parcels.under_way)


class _Found(NamedTuple):
    number: int


async def _ever_came(ctx: Context, carrier: Carrier) -> bool:
    query = "select count(*) as number from pickups where merchant_id = %s and carrier_id = %s"
    found = await ctx.sql.row(query, (ctx.merchant.id, carrier.id), as_=_Found)
    return bool(found and found.number)


async def _delete(ctx: Context, carrier: Carrier) -> None:
    rates = await replace_rates(ctx, carrier, [])
    ctx.tell(f"{carrier.name} is deleted, with its {words.count(rates.removed, 'price')}.")
    await ctx.db.flush()
    await ctx.db.delete(carrier)


class Rates(NamedTuple):
    """What became of a carrier's prices."""

    added: int
    changed: int
    removed: int
    unchanged: int


class RateRow(NamedTuple):
    id: UUID
    carrier_id: UUID
    service: str
    zone: str
    up_to_grams: int
    up_to_mm: int | None
    price: int
    days_min: int
    days_max: int

    @property
    def as_break(self) -> Break:
        return Break.model_construct(**{name: getattr(self, name) for name in Break.model_fields})


_RATES = """
select id, carrier_id, service, zone, up_to_grams, up_to_mm, price, days_min, days_max
from carrier_rates where merchant_id = %(m)s and carrier_id = any(%(carriers)s)
order by carrier_id, service, zone, up_to_grams, up_to_mm nulls last
"""


async def rates_of(ctx: Context, carriers: list[UUID]) -> list[RateRow]:
    """The prices of carriers, sorted as a card is read."""
    return await ctx.sql.rows(_RATES, {"m": ctx.merchant.id, "carriers": carriers}, as_=RateRow)


async def replace_rates(ctx: Context, carrier: Carrier, card: list[Break], services: set[str] | None = None) -> Rates:
    """Make the card the carrier's prices, of the services named alone where they are; what stays the same is left alone."""
    held = {
        (row.service, row.zone, row.up_to_grams, row.up_to_mm): row
        for row in (
            await ctx.db.scalars(
                select(CarrierRate).where(
                    CarrierRate.merchant_id == ctx.merchant.id, CarrierRate.carrier_id == carrier.id
                )
            )
        ).all()
        if services is None or row.service in services
    }
    counts: Counter[str] = Counter()
    for one in card:
        row = held.pop(one.place, None)
        values = {"price": one.price, "days_min": one.days_min, "days_max": one.days_max}
        if row is None:
            ctx.new(
                CarrierRate, carrier_id=carrier.id, service=one.service, zone=one.zone, up_to_grams=one.up_to_grams,
                up_to_mm=one.up_to_mm, **values,
            )  # fmt: skip
            counts["added"] += 1
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            counts["changed"] += 1
        else:
            counts["unchanged"] += 1
    for row in held.values():
        await ctx.db.delete(row)
    return Rates(counts["added"], counts["changed"], len(held), counts["unchanged"])


class _Pickup(NamedTuple):
    reference: str
    status: PickupStatus
    warehouse: str
    day: date
    ready_from: time
    ready_until: time
    confirmation: str | None
    failure: str | None
    cost: int | None
    currency: str | None

    def shown(self) -> ComingPickup:
        cost = Money(amount=self.cost, currency=self.currency) if self.cost is not None and self.currency else None
        return ComingPickup.model_validate(self._asdict() | {"cost": cost})


_PICKUPS = """
select p.reference, p.status, w.name as warehouse, p.day, p.ready_from, p.ready_until, p.confirmation, p.failure, p.cost,
       p.currency
from pickups p join warehouses w on w.merchant_id = %(m)s and w.id = p.warehouse_id
where p.merchant_id = %(m)s and p.carrier_id = %(carrier)s and p.day >= %(today)s
order by p.status = 'refused', p.day, p.id limit %(most)s
"""


async def _pickups_of(ctx: Context, carrier: Carrier) -> list[ComingPickup]:
    params = {
        "m": ctx.merchant.id, "carrier": carrier.id, "today": ctx.now().astimezone(ctx.merchant.zone).date(),
        "most": COMING,
    }  # fmt: skip
    return [row.shown() for row in await ctx.sql.rows(_PICKUPS, params, as_=_Pickup)]


async def detail(ctx: Context, carrier: Carrier) -> CarrierDetail:
    rates = await rates_of(ctx, [carrier.id])
    query = "select count(*) as number from fulfilments where merchant_id = %s and carrier_id = %s and status = any(%s)"
    under_way = await ctx.sql.row(query, (ctx.merchant.id, carrier.id, list(UNDER_WAY)), as_=_Found)
    terms = {name: getattr(carrier, name) for name in CarrierDetail.model_fields if hasattr(carrier, name)}
    return CarrierDetail.model_validate(
        terms
        | {
            "rates": [row.as_break for row in rates],
            "under_way": under_way.number if under_way else 0,
            "pickups": await _pickups_of(ctx, carrier),
            "events_address": _told_at(ctx, carrier),
        }
    )


def _told_at(ctx: Context, carrier: Carrier) -> str | None:
    if carrier.connector is not Connector.tables:
        return f"{ctx.site.address}/api/v1/shipments/events/{ctx.merchant.id}.{carrier.connector}"
    return events_address(ctx, carrier) if carrier.endpoint_hash else None


def events_address(ctx: Context, carrier: Carrier, secret: str = "…") -> str:
    """Where the carrier reports what happens to parcels. The shop and the carrier stand in it, and a secret."""
    return f"{ctx.site.address}/api/v1/shipments/events/{ctx.merchant.id}_{carrier.code}_{secret}"


async def find_carrier(ctx: Context, written: str, *, for_update: bool = False) -> Carrier:
    """The carrier of a `CAR-7`, its code, or its name, whatever the case and accents. Raises `Ambiguous` or `NotFound`."""
    name, reference = written.strip(), Kind.carrier.canonical(written)
    query = select(Carrier).where(
        Carrier.merchant_id == ctx.merchant.id,
        or_(
            Carrier.reference == reference,
            Carrier.external_reference == name,
            Carrier.code == name.lower(),
            func.unaccent(func.lower(Carrier.name)) == func.unaccent(func.lower(name)),
        ),
    )
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = list((await ctx.db.scalars(query.order_by(Carrier.id))).all())
    meant = (
        [one for one in found if one.reference == reference]
        or [one for one in found if one.code == name.lower()]
        or found
    )
    if not meant:
        raise await _none(ctx, written)
    if len(meant) > 1:
        raise Ambiguous(f"{written} fits {', '.join(f'{one.name} ({one.reference})' for one in meant)}.")
    ctx.means(Kind.carrier, written, meant[0].reference)
    return meant[0]


class _Named(NamedTuple):
    name: str


async def _none(ctx: Context, written: str) -> NotFound:
    query = "select name || ' (' || code || ')' as name from carriers where merchant_id = %s order by name limit 5"
    known = [row.name for row in await ctx.sql.rows(query, (ctx.merchant.id,), as_=_Named)]
    hint = (
        f"There are {words.listed(known)}."
        if known
        else "This shop has no carrier yet: add one with configure_carrier."
    )
    return NotFound(f"There is no carrier {written}.", hint=hint, nearest=known)


def refuse_inactive(carrier: Carrier) -> None:
    if not carrier.active:
        raise CarrierInactive(f"Nothing is sent with {carrier.name} any more.")


def terms_of(carrier: Carrier, rates: list[RateRow]) -> Terms:
    """The carrier as pricing needs it."""
    breaks: dict[tuple[str, str], list[Break]] = {}
    for row in rates:
        if row.carrier_id == carrier.id:
            breaks.setdefault((row.service, row.zone), []).append(row.as_break)
    return Terms(
        code=carrier.code, name=carrier.name, currency=carrier.currency, divisor=carrier.volumetric_divisor,
        calendar=calendar_of(carrier), services=[Service.model_validate(one) for one in carrier.services],
        zones=[Zone.model_validate(one) for one in carrier.zones],
        surcharges=[Surcharge.model_validate(one) for one in carrier.surcharges], breaks=breaks,
    )  # fmt: skip


def calendar_of(carrier: Carrier) -> Calendar:
    return Calendar(carrier.cutoff, carrier.pickup_days, {date.fromisoformat(day) for day in carrier.holidays})
