"""What a carrier says happened to a parcel: once, in whichever order it comes; an order that has all arrived is completed."""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints
from sqlalchemy import select

from db.models.orders import Order, OrderStatus, PaymentState
from db.models.transport import Fulfilment, FulfilmentStatus, TrackingCode, TrackingEvent
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid
from tools.contract.fields import Instant, ShipmentRef
from tools.contract.outside import outside
from tools.transport.journeys import CODE_WORDS, FINAL, Scan, standing
from tools.transport.shipments import find_shipment

CLOCKS_DIFFER = timedelta(hours=1)
Line = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class NotSent(Conflict):
    """Nothing happens to a parcel that has no label."""

    hint = "Buy its label first (create_shipment)."


class EventInTheFuture(Invalid):
    """Carriers report what has happened."""

    hint = "Give the time in UTC, or leave `occurred_at` out for now."


class RecordTrackingEvent(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")
    code: Annotated[TrackingCode, CODE_WORDS] = Field(description="What happened.")
    occurred_at: Instant | None = Field(default=None, description="When, by the carrier's clock, UTC; omit for now.")
    place: Line | None = Field(default=None, description="Where.")
    description: Line | None = Field(default=None, description="In the carrier's words.")


class TrackingRecorded(Result):
    """What the event changed."""

    shipment: str = Field(description="The shipment's reference.")
    recorded: bool = Field(description="Whether it is new; the same event counts once.")
    before: FulfilmentStatus = Field(description="How far the shipment was.")
    status: FulfilmentStatus = Field(description="How far it is.")
    delivered_at: datetime | None = Field(description="When it arrived, UTC.")
    after_its_end: bool = Field(
        description="Whether the carrier reports something after the parcel's end: have a look."
    )
    order: str = Field(description="The order's number.")
    order_status: OrderStatus = Field(description="Where the order stands; paid and all arrived, it is completed.")


@tool(
    room="transport",
    route="POST /shipments/{shipment}/events",
    effect=Effect.write,
    permission="transport:write",
    raises=[Ambiguous, EventInTheFuture, NotSent],
    examples=["SHP-1012 was delivered this morning", "Record that SHP-1007 is held at customs in Basel"],
)
async def record_tracking_event(ctx: Context, args: RecordTrackingEvent) -> TrackingRecorded:
    """Record what a carrier says happened to a shipment, once, in any order.

    The last event by the carrier's clock says where it is, until it has arrived. A paid order of which all has arrived is
    completed.
    """
    at = args.occurred_at or ctx.now()
    if at > ctx.now() + CLOCKS_DIFFER:
        raise EventInTheFuture(f"{words.moment(at, ctx.merchant.zone)} has not come yet.")
    found = await find_shipment(ctx, args.shipment)
    key = {"merchant_id": ctx.merchant.id, "id": found.order_id}
    order = await ctx.db.get_one(Order, key, with_for_update={"key_share": True})
    shipment = await ctx.find(Fulfilment, found.reference, for_update=True)
    if shipment.status in (FulfilmentStatus.draft, FulfilmentStatus.rated):
        raise NotSent(f"{shipment.reference} is {shipment.status}: it has no label yet.")

    before, scans = shipment.status, await _scans(ctx, shipment)
    event = Scan(args.code, at)
    new = event not in scans
    if new:
        ctx.new(
            TrackingEvent, fulfilment_id=shipment.id, code=args.code, place=args.place, description=args.description,
            occurred_at=at,
        )  # fmt: skip
        _advance(ctx, order, shipment, [*scans, event])
        _tell(ctx, shipment, args, at)
        await _complete(ctx, order, shipment)
    else:
        ctx.tell(f"That {shipment.reference} is {words.word(args.code)} was recorded before.")
    stray = before in (*FINAL, FulfilmentStatus.voided) and args.code is not TrackingCode.delivered
    return TrackingRecorded(
        shipment=shipment.reference, recorded=new, before=before, status=shipment.status, delivered_at=shipment.delivered_at,
        after_its_end=new and stray, order=order.reference, order_status=order.status,
    )  # fmt: skip


async def _scans(ctx: Context, shipment: Fulfilment) -> list[Scan]:
    query = select(TrackingEvent.code, TrackingEvent.occurred_at).where(
        TrackingEvent.merchant_id == ctx.merchant.id, TrackingEvent.fulfilment_id == shipment.id
    )
    return [Scan(code, at) for code, at in await ctx.db.execute(query)]


def _advance(ctx: Context, order: Order, shipment: Fulfilment, scans: list[Scan]) -> None:
    """Move the shipment to where all of its events leave it. What has ended stays where it is."""
    found_later = scans[-1].occurred_at == max(scan.occurred_at for scan in scans)
    if shipment.status is FulfilmentStatus.lost and not found_later:
        return
    came = standing(scans)
    if came.status in (None, shipment.status) or came.status not in Fulfilment.MOVES[shipment.status]:
        return
    ctx.edit(shipment, None, delivered_at=came.delivered_at)
    ctx.move(shipment, came.status, order_id=order.id)


def _tell(ctx: Context, shipment: Fulfilment, args: RecordTrackingEvent, at: datetime) -> None:
    where = f" in {outside(args.place)}" if args.place else ""
    what = words.word(args.code)
    ctx.tell(
        f"{shipment.reference} ({shipment.carrier}): {what}{where}, {words.moment(at, ctx.merchant.zone)}. "
        f"With that it is {words.word(shipment.status)}."
    )


class _Open(NamedTuple):
    reference: str


async def _complete(ctx: Context, order: Order, shipment: Fulfilment) -> None:
    """The order is completed when it is paid and all of it has arrived."""
    paid = order.payment_state in (PaymentState.paid, PaymentState.partly_refunded)
    whole = order.units_fulfilled == order.units and order.status is OrderStatus.confirmed
    if shipment.status is not FulfilmentStatus.delivered or not paid or not whole:
        return
    query = """
        select f.reference from fulfilments f where f.merchant_id = %(m)s and f.order_id = %(order)s and f.id <> %(this)s
          and f.status not in ('delivered', 'voided', 'draft') and (f.status <> 'rated' or f.shipped_at is not null)
        union all select 'hold' from order_holds h where h.merchant_id = %(m)s and h.order_id = %(order)s and h.released_at is null
    """
    params = {"m": ctx.merchant.id, "order": order.id, "this": shipment.id}
    if await ctx.sql.rows(query, params, as_=_Open):
        return
    ctx.edit(order, None, completed_at=ctx.now())
    ctx.move(order, OrderStatus.completed, order_id=order.id)
    ctx.tell(f"With that all of {order.reference} has arrived, and it is completed.")
