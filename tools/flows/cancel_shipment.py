"""Taking a shipment back before anybody has scanned it: the label is void, and its units are held for the order again."""

from typing import NamedTuple

from pydantic import Field
from sqlalchemy import select

from db.models.backoffice import IntentStatus
from db.models.inventory import MovementKind, Reservation, ReservationReason, ReservationStatus
from db.models.orders import FulfilmentState, Order, OrderLine
from db.models.products import Variant
from db.models.transport import Fulfilment, FulfilmentLine, FulfilmentStatus, TrackingCode, TrackingEvent
from db.models.warehouse import Warehouse
from db.money import Money
from db.transitions import check_move
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict
from tools.contract.fields import ShipmentRef
from tools.rules.standing import OrderClosed, refuse_closed
from tools.rules.stock import Posting, locked, post
from tools.rules.told import goods
from tools.rules.under_way import under_way
from tools.transport.connected import BUY_LABEL, TAKE_BACK_LABEL
from tools.transport.shipments import find_shipment

MOVED_NOTHING = (FulfilmentStatus.draft, FulfilmentStatus.rated)  # prepared alone: its units never left
UNUSED = (TrackingCode.pending, TrackingCode.unknown, TrackingCode.cancelled)


class LabelUsed(Conflict):
    """The carrier has scanned it, or what it brought has come back: a label is void only while it is unused."""

    hint = "Have it stopped with reroute_shipment; what comes back is booked as a return."


class CancelShipment(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")


class ShipmentCancelled(Result):
    """What became of it."""

    reference: str = Field(description="The shipment's reference.")
    order: str = Field(description="The order's number.")
    status: FulfilmentStatus = Field(description="Its status now: voided.")
    units_back: int = Field(description="Units that are held for the order again.")
    cost_saved: Money | None = Field(description="What its label would have cost, minor units; null where nobody said.")
    fulfilment_state: FulfilmentState = Field(description="How much of the order has left.")


@tool(
    room="transport",
    route="DELETE /shipments/{shipment}",
    effect=Effect.goods,
    permission="transport:write",
    raises=[Ambiguous, LabelUsed, OrderClosed],
    examples=["Cancel shipment SHP-1012, it was packed wrong", "Void the label of SHP-1007"],
)
async def cancel_shipment(ctx: Context, args: CancelShipment) -> ShipmentCancelled:
    """Void a shipment's label while it is unused; its units are held again.

    Once the carrier has scanned it, it cannot be cancelled: stop it with reroute_shipment.
    """
    found = await find_shipment(ctx, args.shipment)
    order = await ctx.db.get_one(
        Order, {"merchant_id": ctx.merchant.id, "id": found.order_id}, with_for_update={"key_share": True}
    )
    shipment = await ctx.find(Fulfilment, found.reference, for_update=True)
    check_move(Fulfilment.MOVES, shipment.status, FulfilmentStatus.voided, shipment.reference)
    refuse_closed(order, "what was shipped of it")
    await _refuse_used(ctx, shipment)

    place = await ctx.db.get_one(Warehouse, {"merchant_id": ctx.merchant.id, "id": shipment.warehouse_id})
    prepared = shipment.status in MOVED_NOTHING and shipment.shipped_at is None
    units = {} if prepared else await take_back(ctx, order, shipment)
    if shipment.connector_reference is not None:
        await _call_off(ctx, shipment)
    ctx.edit(shipment, None)
    ctx.move(shipment, FulfilmentStatus.voided, order_id=order.id)
    saved = None if shipment.cost is None else Money(amount=shipment.cost, currency=shipment.currency)
    spared = f", and {saved} are saved" if saved else ""
    ctx.tell(f"The label of {shipment.reference} ({order.reference}, {shipment.carrier}) is void{spared}.")
    if units:
        back = "is" if sum(units.values()) == 1 else "are"
        ctx.tell(f"{goods(units)} {back} held for {order.reference} again in {place.name}.")
    await ctx.db.flush()
    await ctx.db.refresh(order, ["fulfilment_state"])
    return ShipmentCancelled(
        reference=shipment.reference, order=order.reference, status=shipment.status, units_back=sum(units.values()),
        cost_saved=saved, fulfilment_state=order.fulfilment_state,
    )  # fmt: skip


async def _refuse_used(ctx: Context, shipment: Fulfilment) -> None:
    query = select(TrackingEvent).where(
        TrackingEvent.merchant_id == ctx.merchant.id,
        TrackingEvent.fulfilment_id == shipment.id,
        TrackingEvent.code.not_in(UNUSED),
    )
    scanned = (await ctx.db.scalars(query.order_by(TrackingEvent.occurred_at).limit(1))).first()
    if scanned:
        at = words.moment(scanned.occurred_at, ctx.merchant.zone)
        raise LabelUsed(f"{shipment.reference} was scanned on {at} ({words.word(scanned.code)}).")
    back = [row.sku for row in await ctx.sql.rows(_CAME_BACK, {"m": ctx.merchant.id, "f": shipment.id}, as_=_Back)]
    if back:
        raise LabelUsed(f"{shipment.reference} brought {words.listed(back)}, of which units have come back already.")


class _Back(NamedTuple):
    sku: str


# More came back than would have left without it: it has been with the customer, whether it was scanned or not.
_CAME_BACK = """
select l.sku from fulfilment_lines f join order_lines l on l.merchant_id = %(m)s and l.id = f.order_line_id
where f.merchant_id = %(m)s and f.fulfilment_id = %(f)s and l.returned > greatest(0, l.fulfilled - f.quantity)
order by l.position
"""


async def _call_off(ctx: Context, shipment: Fulfilment) -> None:
    """A label that is not asked for yet is not bought; one that is bought, or just being bought, is given back."""
    buying = next(iter(await under_way(ctx, shipment.order_id, subject=shipment.id, kind=BUY_LABEL)), None)
    if buying is None:
        await ask_label_back(ctx, shipment)
        ctx.tell(f"{shipment.carrier} is asked to give its money back, which may take weeks.")
    elif not buying.attempts:
        ctx.move(buying, IntentStatus.cancelled, order_id=shipment.order_id)
    else:
        ctx.tell(f"The label is just being bought; then {shipment.carrier} is asked to give the money back.")


async def ask_label_back(ctx: Context, shipment: Fulfilment) -> None:
    saved = None if shipment.cost is None else Money(amount=shipment.cost, currency=shipment.currency)
    subject = ("shipment", shipment.id)
    await ctx.intend(
        TAKE_BACK_LABEL, subject, order_id=shipment.order_id, money=saved, parcel=shipment.connector_reference
    )


async def take_back(ctx: Context, order: Order, shipment: Fulfilment) -> dict[str, int]:
    """The units, by SKU: on the shelf, and held for the order as before."""
    query = (
        select(OrderLine, FulfilmentLine.quantity, Variant)
        .join(
            FulfilmentLine,
            (FulfilmentLine.merchant_id == ctx.merchant.id) & (FulfilmentLine.order_line_id == OrderLine.id),
        )
        .outerjoin(Variant, (Variant.merchant_id == ctx.merchant.id) & (Variant.id == OrderLine.variant_id))
        .where(OrderLine.merchant_id == ctx.merchant.id, FulfilmentLine.fulfilment_id == shipment.id)
        .order_by(OrderLine.position)
    )
    content: list[tuple[OrderLine, int, Variant | None]] = [
        (line, units, variant) for line, units, variant in await ctx.db.execute(query)
    ]
    counted = [(line, units, variant) for line, units, variant in content if variant is not None and variant.tracked]
    levels = await locked(ctx, [(variant.id, shipment.warehouse_id) for _, _, variant in counted])
    units_of = {level.variant_id: 0 for level in levels.values()}
    for _, units, variant in counted:
        units_of[variant.id] += units
    if units_of:
        postings = [
            Posting(level, on_hand=units_of[level.variant_id], reserved=units_of[level.variant_id])
            for level in levels.values()
        ]
        await post(
            ctx, postings, MovementKind.sale, subject=("shipment", shipment.id), order_id=order.id, note="Label voided"
        )
    await _hold_again(ctx, order, shipment, [(line, units) for line, units, _ in counted])
    back: dict[str, int] = {}
    for line, units, _ in content:
        line.fulfilled -= units
        back[line.sku] = back.get(line.sku, 0) + units
    ctx.edit(order, None, units_fulfilled=order.units_fulfilled - sum(units for _, units, _ in content))
    return back


async def _hold_again(ctx: Context, order: Order, shipment: Fulfilment, counted: list[tuple[OrderLine, int]]) -> None:
    query = select(Reservation.reference).where(
        Reservation.merchant_id == ctx.merchant.id, Reservation.order_id == order.id
    )
    named = len((await ctx.db.scalars(query)).all())
    for number, (line, units) in enumerate(counted, start=named + 1):
        ctx.new(
            Reservation, reference=f"{order.reference}-{number}", status=ReservationStatus.active,
            reason=ReservationReason.order, warehouse_id=shipment.warehouse_id, variant_id=line.variant_id, quantity=units,
            order_id=order.id, order_line_id=line.id,
        )  # fmt: skip
