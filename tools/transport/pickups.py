"""When a carrier comes for the parcels that are ready: on its days, as the shop has them; or as its connector confirms."""

from datetime import date, datetime, time
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from db.models.transport import Carrier, Connector, Pickup, PickupStatus
from db.models.warehouse import Warehouse
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid
from tools.contract.fields import CarrierRef, Day, UntrustedText, WarehouseRef
from tools.transport.carriers import CarrierInactive, calendar_of
from tools.transport.configuring import Clock
from tools.transport.connected import ORDER_VISIT, Connected, use, visit_of
from tools.transport.handing_over import NothingToHandOver, Ready, ready_for, who_and_where
from tools.transport.quotes import NoWarehouse


class CarrierDoesNotCome(Conflict):
    """The carrier does not come on that day, or has left by then."""

    hint = "get_carrier shows its pick-up days, cut-off time and holidays."


class PickupNotOffered(Conflict):
    """The carrier was asked by its connector, and does not come then."""

    hint = "Ask for another day or other hours; or bring the parcels to it."


class PickupWindowWrong(Invalid):
    """A pick-up is between two times of one day."""

    hint = "Give `ready_from` before `ready_until`, such as 15:00 and 18:00."


class PickupAlreadyScheduled(Conflict):
    """The carrier comes to that warehouse on that day already."""

    hint = "It takes all that is ready then: nothing more has to be arranged."


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
    status: PickupStatus = Field(description="Scheduled; asked of the carrier and not confirmed yet; or refused by it.")
    carrier: str = Field(description="The carrier's code.")
    warehouse: str = Field(description="The warehouse's name.")
    day: date = Field(description="On which day, in the shop's time zone.")
    ready_from: time = Field(description="From when, by the shop's clock.")
    ready_until: time = Field(description="Until when, by the shop's clock.")
    parcels: int = Field(description="Parcels that are ready for it now.")
    weight_grams: int = Field(description="What they weigh together, in grams.")
    cost: Money | None = Field(description="What the carrier asks for coming; null where it does not say.")
    confirmation: UntrustedText | None = Field(
        default=None, description="By what the carrier knows it, once it said so."
    )
    failure: UntrustedText | None = Field(default=None, description="Why it does not come.")


async def _as_it_stands(ctx: Context, made: PickupScheduled) -> PickupScheduled:
    pickup = await ctx.find(Pickup, made.reference)
    stands = {"status": pickup.status, "confirmation": pickup.confirmation, "failure": pickup.failure}
    return made.model_copy(update=stands)


@tool(
    route="POST /carriers/{carrier}/pickups",
    effect=Effect.outside,
    permission="transport:write",
    afterwards=_as_it_stands,
    raises=[
        Ambiguous, CarrierDoesNotCome, CarrierInactive, NothingToHandOver, NoWarehouse, PickupAlreadyScheduled,
        PickupNotOffered, PickupWindowWrong,
    ],
    examples=["Have Rapidex pick up at Lyon tomorrow", "Schedule a Colivia pick-up between 15:00 and 17:00"],
)  # fmt: skip
async def schedule_pickup(ctx: Context, args: SchedulePickup) -> PickupScheduled:
    """Arrange that a carrier comes to a warehouse for the parcels that are ready.

    On one of its pick-up days, its next one unless said. A carrier with tables of the shop's own is told by nobody: it is recorded
    here. One that is asked by a connector is told right after, and confirms it; get_carrier shows whether it did.
    """
    carrier, place = await who_and_where(ctx, args.carrier, args.warehouse)
    if args.ready_from >= args.ready_until:
        raise PickupWindowWrong(f"{args.ready_from:%H:%M} is not before {args.ready_until:%H:%M}.")
    day = _day(ctx, carrier, args.day)
    await _refuse_twice(ctx, carrier, place, day)
    ready = await ready_for(ctx, carrier, place)
    asked = await _asked(ctx, args, carrier, place, day, ready)
    cost, connected = asked or (None, None)
    pickup = await ctx.add(
        Pickup, carrier_id=carrier.id, warehouse_id=place.id, day=day, ready_from=args.ready_from,
        ready_until=args.ready_until, parcels=ready.parcels, weight_grams=ready.grams,
        status=PickupStatus.asked if connected else PickupStatus.scheduled, **_terms(cost, connected),
    )  # fmt: skip
    if connected:
        await use(ctx, connected)
        await ctx.intend(
            ORDER_VISIT, ("pickup", pickup.id), money=cost, connector=carrier.connector, visit=connected.parcel,
            carrier=connected.carrier, service=connected.service,
        )  # fmt: skip
    ctx.event(pickup.status, pickup)
    ctx.settled = args.model_copy(update={"day": day})
    _tell(ctx, carrier, place, pickup, cost)
    return PickupScheduled(
        reference=pickup.reference, status=pickup.status, carrier=carrier.code, warehouse=place.name, day=day,
        ready_from=args.ready_from, ready_until=args.ready_until, parcels=ready.parcels, weight_grams=ready.grams, cost=cost,
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


async def _refuse_twice(ctx: Context, carrier: Carrier, place: Warehouse, day: date) -> None:
    query = select(Pickup).where(
        Pickup.merchant_id == ctx.merchant.id,
        Pickup.carrier_id == carrier.id,
        Pickup.warehouse_id == place.id,
        Pickup.day == day,
        Pickup.status != PickupStatus.refused,
    )
    if before := (await ctx.db.scalars(query)).first():
        raise PickupAlreadyScheduled(
            f"{carrier.name} comes to {place.name} on {words.day(day)} already ({before.reference})."
        )


async def _asked(
    ctx: Context, args: SchedulePickup, carrier: Carrier, place: Warehouse, day: date, ready: Ready
) -> tuple[Money, Connected] | None:
    """What its connector offers; nothing of a carrier that is told by nobody."""
    if carrier.connector is Connector.tables:
        return None
    if ready.theirs is None:
        raise NothingToHandOver(
            f"No parcel waits for {carrier.name} in {place.name}. It comes for one that has a label."
        )
    since, until = (datetime.combine(day, at, ctx.merchant.zone) for at in (args.ready_from, args.ready_until))
    offer = await visit_of(ctx, carrier, place, ready.theirs, since, until)
    if isinstance(offer, str):
        raise PickupNotOffered(f"{carrier.name} {offer}.")
    return offer


def _terms(cost: Money | None, connected: Connected | None) -> dict[str, Any]:
    if not cost or not connected:
        return {}
    return {"connector_reference": connected.parcel, "cost": cost.amount, "currency": cost.currency}


def _tell(ctx: Context, carrier: Carrier, place: Warehouse, pickup: Pickup, cost: Money | None) -> None:
    comes = f"{carrier.name} {'is asked to come' if cost else 'comes'} to {place.name} on {words.day(pickup.day)}"
    between = f"between {pickup.ready_from:%H:%M} and {pickup.ready_until:%H:%M}"
    ready = f"{words.count(pickup.parcels, 'parcel')} {words.are(pickup.parcels)} ready"
    ctx.tell(f"{comes}, {between}{f', for {cost}' if cost else ''}; {ready}.")


class SettlePickup(Input):
    intent: str = Field(description="What was asked of the carrier, such as `INT-12`.")
    outcome: Literal["succeeded", "failed"] = Field(description="What was said of it.")
    confirmation: str | None = Field(default=None, max_length=200, description="By what the carrier knows it.")
    code: str | None = Field(default=None, max_length=200, description="Why it failed.")
    says: str | None = Field(default=None, max_length=500, description="What the carrier says of it.")


class PickupSettled(Result):
    intent: str = Field(description="What was asked of the carrier.")
    status: IntentStatus = Field(description="Where it stands now.")
    pickup: str = Field(description="The pick-up's reference.")
    going_on: list[str] = Field(description="What follows from it, and may be asked now.")


@tool(
    route="POST /carriers/intents/{intent}/outcome",
    effect=Effect.record,
    permission="transport:write",
    raises=[],
    examples=[],
    internal=True,
)
async def settle_pickup(ctx: Context, args: SettlePickup) -> PickupSettled:
    """Book whether a carrier comes; what was booked already stays."""
    intent = await ctx.find(Intent, args.intent, for_update=True)
    pickup = await ctx.db.get_one(
        Pickup, {"merchant_id": ctx.merchant.id, "id": intent.subject_id}, with_for_update=True
    )
    if intent.status is IntentStatus.pending:
        intent.outcome = args.model_dump(mode="json", exclude={"intent"}, exclude_none=True)
        ctx.move(intent, IntentStatus(args.outcome))
        pickup.confirmation, pickup.failure = args.confirmation, args.says or args.code
        ctx.move(
            pickup, PickupStatus.scheduled if args.outcome == "succeeded" else PickupStatus.refused, code=args.code
        )
    return PickupSettled(intent=args.intent, status=intent.status, pickup=pickup.reference, going_on=list(ctx.intents))
