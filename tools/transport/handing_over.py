"""Handing parcels over: when the carrier comes, and the list that its driver signs."""

from datetime import date, time
from typing import NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from db.models.transport import Carrier, Fulfilment, FulfilmentStatus, Manifest, Pickup
from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid
from tools.contract.fields import CarrierRef, Day, WarehouseRef
from tools.rules.lookup import find_warehouse
from tools.transport.carriers import CarrierInactive, calendar_of, find_carrier, refuse_inactive
from tools.transport.configuring import Clock
from tools.transport.quotes import NoWarehouse, first_warehouse

MOST = 1_000  # parcels on a manifest
READY = FulfilmentStatus.label_purchased


class CarrierDoesNotCome(Conflict):
    """The carrier does not come on that day, or has left by then."""

    hint = "get_carrier shows its pick-up days, cut-off time and holidays."


class PickupWindowWrong(Invalid):
    """A pick-up is between two times of one day."""

    hint = "Give `ready_from` before `ready_until`, such as 15:00 and 18:00."


class PickupAlreadyScheduled(Conflict):
    """The carrier comes to that warehouse on that day already."""

    hint = "It takes all that is ready then: nothing more has to be arranged."


class NothingToHandOver(Conflict):
    """No parcel waits for that carrier there."""

    hint = "list_shipments with the state label_purchased shows what is ready."


class SchedulePickup(Input):
    carrier: CarrierRef = Field(description="The carrier: `CAR-1001`, its code or its name.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where it shall come; the first open one unless said."
    )
    day: Day | None = Field(
        default=None, description="On which day, in the shop's time zone; omit: its next pick-up day."
    )
    ready_from: Clock = Field(default=time(14), description="From when parcels are ready, by the shop's clock.")
    ready_until: Clock = Field(default=time(18), description="Until when somebody is there, by the shop's clock.")


class PickupScheduled(Result):
    """When the carrier comes."""

    reference: str = Field(description="The pick-up's reference, such as `PKP-1001`.")
    carrier: str = Field(description="The carrier's code.")
    warehouse: str = Field(description="The warehouse's name.")
    day: date = Field(description="On which day, in the shop's time zone.")
    ready_from: time = Field(description="From when, by the shop's clock.")
    ready_until: time = Field(description="Until when, by the shop's clock.")
    parcels: int = Field(description="Parcels that are ready for it now.")
    weight_grams: int = Field(description="What they weigh together, in grams.")


@tool(
    route="POST /carriers/{carrier}/pickups",
    effect=Effect.outside,
    permission="transport:write",
    raises=[Ambiguous, CarrierDoesNotCome, CarrierInactive, NoWarehouse, PickupAlreadyScheduled, PickupWindowWrong],
    examples=["Have Rapidex pick up at Lyon tomorrow", "Schedule a Colivia pick-up between 15:00 and 17:00"],
)
async def schedule_pickup(ctx: Context, args: SchedulePickup) -> PickupScheduled:
    """Arrange that a carrier comes to a warehouse for the parcels that are ready.

    On one of its pick-up days, its next one unless said. It is recorded here; a carrier with tables of the shop's own is told
    by nobody.
    """
    carrier, place = await _who_and_where(ctx, args.carrier, args.warehouse)
    if args.ready_from >= args.ready_until:
        raise PickupWindowWrong(f"{args.ready_from:%H:%M} is not before {args.ready_until:%H:%M}.")
    day = _day(ctx, carrier, args.day)
    query = select(Pickup).where(
        Pickup.merchant_id == ctx.merchant.id,
        Pickup.carrier_id == carrier.id,
        Pickup.warehouse_id == place.id,
        Pickup.day == day,
    )
    if before := (await ctx.db.scalars(query)).first():
        raise PickupAlreadyScheduled(
            f"{carrier.name} comes to {place.name} on {words.day(day)} already ({before.reference})."
        )
    ready = await _ready(ctx, carrier, place)
    pickup = await ctx.add(
        Pickup, carrier_id=carrier.id, warehouse_id=place.id, day=day, ready_from=args.ready_from,
        ready_until=args.ready_until, parcels=ready.parcels, weight_grams=ready.grams,
    )  # fmt: skip
    ctx.event("scheduled", pickup)
    ctx.settled = args.model_copy(update={"day": day})
    between = f"between {args.ready_from:%H:%M} and {args.ready_until:%H:%M}"
    ready_are = f"{words.count(ready.parcels, 'parcel')} {words.are(ready.parcels)} ready"
    ctx.tell(f"{carrier.name} comes to {place.name} on {words.day(day)}, {between}; {ready_are}.")
    return PickupScheduled(
        reference=pickup.reference, carrier=carrier.code, warehouse=place.name, day=day,
        ready_from=args.ready_from, ready_until=args.ready_until, parcels=ready.parcels, weight_grams=ready.grams,
    )  # fmt: skip


def _day(ctx: Context, carrier: Carrier, asked: date | None) -> date:
    """The carrier's next day, or the one that was asked for if it comes then."""
    calendar = calendar_of(carrier)
    first = calendar.handed_over(ctx.now(), ctx.merchant.zone)
    day = asked or first
    if (
        day is None
        or first is None
        or day < first
        or day.isoweekday() not in calendar.pickup_days
        or day in calendar.holidays
    ):
        said = f"on {words.day(day)}" if day else "at all"
        raise CarrierDoesNotCome(
            f"{carrier.name} does not come {said}" + (f"; its next day is {words.day(first)}." if first else ".")
        )
    return day


class CreateManifest(Input):
    carrier: CarrierRef = Field(description="The carrier: `CAR-1001`, its code or its name.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where the parcels are handed over; the first open one unless said."
    )


class ManifestLine(Result):
    """A shipment that is handed over."""

    reference: str = Field(description="The shipment's reference.")
    tracking_number: str = Field(description="The number on its label.")
    parcels: int = Field(description="How many parcels it is.")
    weight_grams: int = Field(description="What they weigh together, in grams.")


class ManifestCreated(Result):
    """What the carrier takes over."""

    reference: str = Field(description="The manifest's reference, such as `MAN-1001`.")
    carrier: str = Field(description="The carrier's code.")
    warehouse: str = Field(description="The warehouse's name.")
    parcels: int = Field(description="How many parcels it takes.")
    weight_grams: int = Field(description="What they weigh together, in grams.")
    shipments: list[ManifestLine] = Field(description="The shipments, by reference.")


@tool(
    route="POST /carriers/{carrier}/manifests",
    effect=Effect.goods,
    permission="transport:write",
    raises=[Ambiguous, NoWarehouse, NothingToHandOver],
    examples=["Make the manifest for Colivia", "Close the day for Rapidex in Lille"],
)
async def create_manifest(ctx: Context, args: CreateManifest) -> ManifestCreated:
    """List all parcels that a carrier takes over at a warehouse now, to be signed.

    From then on they count as handed over on paper: each is on one manifest. The carrier's first scan says that it has them.
    """
    carrier, place = await _who_and_where(ctx, args.carrier, args.warehouse, active=False)
    query = (
        select(Fulfilment)
        .where(*_waiting(ctx, carrier, place))
        .order_by(Fulfilment.id)
        .limit(MOST)
        .with_for_update(key_share=True, skip_locked=True)
    )
    shipments = list((await ctx.db.scalars(query)).all())
    if not shipments:
        raise NothingToHandOver(f"No parcel waits for {carrier.name} in {place.name}.")
    parcels, grams = sum(len(one.parcels) or 1 for one in shipments), sum(one.weight_grams or 0 for one in shipments)
    manifest = await ctx.add(
        Manifest, carrier_id=carrier.id, warehouse_id=place.id, parcels=parcels, weight_grams=grams
    )
    for shipment in shipments:
        ctx.edit(shipment, None, manifest_id=manifest.id)
        ctx.move(shipment, FulfilmentStatus.manifested, order_id=shipment.order_id, manifest=manifest.reference)
    ctx.tell(f"{carrier.name} takes over {words.count(parcels, 'parcel')} ({words.grams(grams)}) in {place.name}.")
    named = words.listed(one.reference for one in shipments)
    ctx.tell(f"On the manifest: {named}.")
    lines = [
        ManifestLine(
            reference=one.reference, tracking_number=one.tracking_number or "", parcels=len(one.parcels) or 1,
            weight_grams=one.weight_grams or 0,
        )
        for one in shipments
    ]  # fmt: skip
    return ManifestCreated(
        reference=manifest.reference, carrier=carrier.code, warehouse=place.name, parcels=parcels, weight_grams=grams,
        shipments=lines,
    )  # fmt: skip


async def _who_and_where(
    ctx: Context, carrier: str, warehouse: str | None, *, active: bool = True
) -> tuple[Carrier, Warehouse]:
    found = await find_carrier(ctx, carrier)
    if active:
        refuse_inactive(found)
    return found, await find_warehouse(ctx, warehouse) if warehouse else await first_warehouse(ctx)


class _Ready(NamedTuple):
    parcels: int
    grams: int


def _waiting(ctx: Context, carrier: Carrier, place: Warehouse) -> tuple[ColumnElement[bool], ...]:
    return (
        Fulfilment.merchant_id == ctx.merchant.id,
        Fulfilment.status == READY,
        Fulfilment.carrier_id == carrier.id,
        Fulfilment.warehouse_id == place.id,
    )


async def _ready(ctx: Context, carrier: Carrier, place: Warehouse) -> _Ready:
    query = select(func.count(), func.sum(Fulfilment.weight_grams)).where(*_waiting(ctx, carrier, place))
    (row,) = (await ctx.db.execute(query)).all()
    return _Ready(row[0], row[1] or 0)
