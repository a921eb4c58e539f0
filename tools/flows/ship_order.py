"""Shipping an order, whole or in part: what it held leaves the stock, a label is bought, and the order says how far it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints
from sqlalchemy import select

from db.model import new_id
from db.models.inventory import MovementKind, Reservation, ReservationStatus
from db.models.orders import FulfilmentState, Order, OrderLine, OrderStatus
from db.models.products import Variant
from db.models.transport import Carrier, Fulfilment, FulfilmentLine, FulfilmentStatus
from db.models.warehouse import Warehouse
from db.parcel_numbers import parcel_number
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, StaleVersion
from tools.contract.fields import CarrierRef, OrderRef, Quantity, VariantRef, WarehouseRef
from tools.rules.lookup import find_variants, find_warehouse
from tools.rules.picked import sealed_packages
from tools.rules.standing import OrderOnHold, refuse_held
from tools.rules.stock import Posting, locked, post
from tools.rules.told import goods, named_order
from tools.transport.carriers import CarrierInactive, find_carrier, refuse_inactive
from tools.transport.connected import BUY_LABEL, use
from tools.transport.customs import Contents
from tools.transport.promises import by_evening
from tools.transport.quotes import (
    CHOOSE_WORDS,
    UNKNOWN_WEIGHT,
    ChooseBy,
    DestinationUnknown,
    Journey,
    NoWarehouse,
    NoWayToSend,
    Offer,
    first_warehouse,
    no_way,
    offers,
    packed,
    ranked_by,
    receiver_of,
)
from tools.transport.rating import Destination, Parcel
from tools.transport.shipments import ShipmentDetail, compact_number, detail
from tools.transport.terms import Code

SERIALS_FROM = 10_000_000  # of tracking numbers: the shipment's own number is added


class OrderNotConfirmed(Conflict):
    """Only a confirmed order is shipped."""

    hint = "Record its payment (mark_order_paid), or confirm it (set_order_status), and ship it then."


class NothingToShip(Conflict):
    """Nothing of the order is there to leave."""

    hint = "get_order shows what has left and what waits; check_availability says when more will come."


class NotOnTheOrder(Invalid):
    """The order has none of it."""


class MoreThanLeft(Conflict):
    """More units are to be shipped than the order still waits for, or holds there."""

    hint = "Ship what is held now, and the rest when it has come."


class SeveralWarehouses(Conflict):
    """Parcels that were packed leave from one place."""

    hint = "Name the `warehouse` that they leave from, and ship the rest with another call."


class UnitsShipped(Input):
    sku: VariantRef = Field(description="A variant of the order, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(gt=0, le=1_000_000, description="Units to ship.")


class CreateShipment(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"order": "ORD-1042", "lines": [{"sku": "MUG-BLUE", "quantity": 2}], "by": "cheapest"}]
        }
    )

    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    lines: list[UnitsShipped] | None = Field(
        default=None, min_length=1, max_length=200, description="What leaves; omit for all that is held for the order."
    )
    warehouse: WarehouseRef | None = Field(
        default=None, description="Only what is held there; omit for a shipment from each warehouse that holds some."
    )
    carrier: CarrierRef | None = Field(default=None, description="With whom; omit to have one chosen.")
    service: Code | None = Field(default=None, description="By which of the carrier's services, by its code.")
    by: Annotated[ChooseBy, CHOOSE_WORDS] = Field(
        default=ChooseBy.best, description="How a service is chosen where none is said: cheapest, fastest or best."
    )
    parcels: list[Parcel] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="The packed parcels; omit: what was packed for it, else one by the goods' weights.",
    )
    tracking_number: Annotated[str, StringConstraints(min_length=4, max_length=60)] | None = Field(
        default=None,
        description="The number of a label that was bought elsewhere: then none is bought, and nothing priced.",
    )
    version: int | None = Field(default=None, description="The order's version that was read; a later one is refused.")


class OrderShipped(Result):
    """What left, and what of the order stays."""

    reference: str = Field(description="The order's number.")
    fulfilment_state: FulfilmentState = Field(description="How much of the order has left.")
    shipments: list[ShipmentDetail] = Field(description="The new shipments, one for each warehouse.")
    units_left: int = Field(description="Units of the order that have not left yet.")
    version: int = Field(description="The order's version; grows with each change.")


@dataclass
class Load:
    """What leaves from one warehouse."""

    warehouse: Warehouse
    units: dict[OrderLine, int] = field(default_factory=dict[OrderLine, int])
    held: dict[UUID, int] = field(default_factory=dict[UUID, int])  # of these, by variant, what lay in stock
    id: UUID = field(default_factory=new_id)


Lines = dict[UUID, tuple[OrderLine, Variant | None]]


async def _as_they_stand(ctx: Context, shown: OrderShipped) -> OrderShipped:
    """The same shipments once their labels were asked for."""
    order = await ctx.find(Order, shown.reference)
    found = [await ctx.find(Fulfilment, one.reference) for one in shown.shipments]
    return OrderShipped(
        reference=order.reference, fulfilment_state=order.fulfilment_state,
        shipments=[await detail(ctx, one.id) for one in found], units_left=order.units - order.units_fulfilled,
        version=order.version,
    )  # fmt: skip


@tool(
    room="transport",
    route="POST /orders/{order}/shipments",
    effect=Effect.goods,
    permission="transport:write",
    afterwards=_as_they_stand,
    raises=[
        Ambiguous, CarrierInactive, DestinationUnknown, MoreThanLeft, NothingToShip, NotOnTheOrder, NoWarehouse, NoWayToSend,
        OrderNotConfirmed, OrderOnHold, SeveralWarehouses, StaleVersion,
    ],
    examples=["Ship order 1042", "Send 2 MUG-BLUE of ORD-1017 with Rapidex Express", "Ship ORD-1042 the cheapest way"],
)  # fmt: skip
async def create_shipment(ctx: Context, args: CreateShipment) -> OrderShipped:
    """Ship an order, whole or in part: its stock leaves, and a label is bought.

    Where no carrier is said, the best is chosen by price and punctuality. One shipment leaves from each warehouse that holds
    some of it; what is on back order stays. get_shipping_label gives the label. Of a carrier that is asked by a connector the
    label is bought right after: until then the shipment is rated, and without one it is voided and its stock held again.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    if order.status is not OrderStatus.confirmed:
        raise OrderNotConfirmed(f"{order.reference} is {order.status}, and only a confirmed order is shipped.")
    await refuse_held(ctx, order, "shipped")
    lines = await _lines(ctx, order)
    loads = await _loads(ctx, order, args, lines)

    carrier = await _named_carrier(ctx, args)
    offered = [await _offer(ctx, order, load, lines, args, carrier) for load in loads]
    for load, (offer, parcels) in zip(loads, offered, strict=True):
        await _write(ctx, order, load, offer, parcels, args, carrier)
    await _leave(ctx, order, loads, args.version)
    _tell_rest(ctx, order, lines)
    if len(loads) == 1 and offered[0][0] is not None:
        rate = offered[0][0].rate
        ctx.settled = args.model_copy(update={"carrier": rate.carrier, "service": rate.service})
    shown = [await detail(ctx, load.id) for load in loads]
    await ctx.db.refresh(order, ["fulfilment_state"])
    return OrderShipped(
        reference=order.reference, fulfilment_state=order.fulfilment_state, shipments=shown,
        units_left=order.units - order.units_fulfilled, version=order.version,
    )  # fmt: skip


async def _lines(ctx: Context, order: Order) -> Lines:
    query = (
        select(OrderLine, Variant)
        .outerjoin(Variant, (Variant.merchant_id == ctx.merchant.id) & (Variant.id == OrderLine.variant_id))
        .where(OrderLine.merchant_id == ctx.merchant.id, OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    return {line.id: (line, variant) for line, variant in (await ctx.db.execute(query)).all()}


def _left(line: OrderLine) -> int:
    return line.quantity - line.cancelled - line.fulfilled


# ---- what leaves from where ----------------------------------------------------------------------------------------------


async def _loads(ctx: Context, order: Order, args: CreateShipment, lines: Lines) -> list[Load]:
    """The units that leave, by the warehouse that holds them; their reservations are used up."""
    wanted = await _wanted(ctx, order, args, lines)
    warehouse = await find_warehouse(ctx, args.warehouse) if args.warehouse else None
    loads: dict[UUID, Load] = {}
    for held, place in await _held(ctx, order, warehouse):
        line = lines[held.order_line_id][0] if held.order_line_id else None
        units = min(held.quantity, wanted[line]) if line else 0
        if line and units:
            wanted[line] -= units
            load = loads.setdefault(place.id, Load(place))
            load.units[line] = load.units.get(line, 0) + units
            load.held[held.variant_id] = load.held.get(held.variant_id, 0) + units
            _use_up(ctx, held, units)
    untracked = [line for line, variant in lines.values() if variant is None or not variant.tracked]
    if rest := {line: wanted.pop(line) for line in untracked if wanted[line]}:
        first = next(iter(loads.values()), None) or Load(warehouse or await first_warehouse(ctx))
        loads.setdefault(first.warehouse.id, first).units.update(rest)
    _refuse_short(order, args, loads, wanted, warehouse)
    return list(loads.values())


async def _wanted(ctx: Context, order: Order, args: CreateShipment, lines: Lines) -> dict[OrderLine, int]:
    """How many units of each line shall leave: all that is left, or what was said."""
    if args.lines is None:
        return {line: _left(line) for line, _ in lines.values()}
    wanted = {line: 0 for line, _ in lines.values()}
    for variant, asked in zip(await find_variants(ctx, [one.sku for one in args.lines]), args.lines, strict=True):
        left = asked.quantity
        for line in (line for line in wanted if line.variant_id == variant.id):
            taken = min(left, _left(line) - wanted[line])
            wanted[line] += taken
            left -= taken
        if not any(line.variant_id == variant.id for line in wanted):
            there = words.listed(line.sku for line in wanted)
            raise NotOnTheOrder(f"{order.reference} has no {variant.sku}.", hint=f"It has {there}.")
        if left:
            waits = sum(_left(line) for line in wanted if line.variant_id == variant.id)
            raise MoreThanLeft(
                f"{asked.quantity} {variant.sku} of {order.reference} were to be shipped, and {waits} have not left yet."
            )
    return wanted


async def _held(ctx: Context, order: Order, warehouse: Warehouse | None) -> Sequence[tuple[Reservation, Warehouse]]:
    query = (
        select(Reservation, Warehouse)
        .join(Warehouse, (Warehouse.merchant_id == ctx.merchant.id) & (Warehouse.id == Reservation.warehouse_id))
        .where(
            Reservation.merchant_id == ctx.merchant.id,
            Reservation.order_id == order.id,
            Reservation.status == ReservationStatus.active,
            Reservation.quantity > 0,
        )
        .order_by(Reservation.id)
        .with_for_update(key_share=True, of=Reservation)
    )
    if warehouse is not None:
        query = query.where(Reservation.warehouse_id == warehouse.id)
    return [(held, place) for held, place in (await ctx.db.execute(query)).all()]


def _use_up(ctx: Context, held: Reservation, units: int) -> None:
    """Units that leave are held no more; what stays, here or on back order, is held on."""
    if units < held.quantity or held.backordered:
        held.quantity -= units
        return
    ctx.move(held, ReservationStatus.consumed, order_id=held.order_id, quantity=units)
    held.closed_at = ctx.now()


def _refuse_short(
    order: Order,
    args: CreateShipment,
    loads: dict[UUID, Load],
    wanted: dict[OrderLine, int],
    warehouse: Warehouse | None,
) -> None:
    where = f" in {warehouse.name}" if warehouse else ""
    short = {line.sku: units for line, units in wanted.items() if units}
    if args.lines is not None and short:
        raise MoreThanLeft(f"{goods(short)} of {order.reference} {words.are(sum(short.values()))} not held{where}.")
    if not loads:
        waits = (
            f": {goods(short)} {words.are(sum(short.values()))} not held{where}" if short else ": all of it has left"
        )
        raise NothingToShip(f"Nothing of {order.reference} can be shipped{waits}.")
    if args.parcels and len(loads) > 1:
        places = words.listed(load.warehouse.name for load in loads.values())
        raise SeveralWarehouses(f"{order.reference} is held in {places}.")


# ---- with whom -----------------------------------------------------------------------------------------------------------


async def _named_carrier(ctx: Context, args: CreateShipment) -> Carrier | None:
    if args.carrier is None:
        return None
    carrier = await find_carrier(ctx, args.carrier)
    refuse_inactive(carrier)
    return carrier


async def _offer(
    ctx: Context, order: Order, load: Load, lines: Lines, args: CreateShipment, carrier: Carrier | None
) -> tuple[Offer | None, list[Parcel]]:
    """The service that takes the load, and its parcels; none where the label was bought elsewhere."""
    measured = args.parcels or await _packages(ctx, order, load)
    parcels = measured or [packed(sum(units * _grams(lines[line.id][1]) for line, units in load.units.items()))]
    if args.tracking_number is not None:
        return None, parcels
    if not order.ship_country:
        raise DestinationUnknown(f"{order.reference} has no country to go to.", hint="Give it an address first.")
    journey = Journey(
        load.warehouse,
        Destination(order.ship_country, order.ship_postcode or ""),
        parcels,
        estimated=not measured,
        receiver=receiver_of(order),
        contents=Contents(order.id, {line.id: units for line, units in load.units.items()}),
    )
    offered, refused = await offers(ctx, journey, carrier, args.service)
    if not offered:
        raise no_way(journey, offered, refused)
    best = (await ranked_by(ctx, journey, offered, args.by))[0].rate
    return next(offer for offer in offered if offer.rate == best), parcels


async def _packages(ctx: Context, order: Order, load: Load) -> list[Parcel]:
    """The packages in which just what leaves was packed; none where it was not, or not all of it, or more."""
    sealed = [one for one in await sealed_packages(ctx, order.id) if one.warehouse_id == load.warehouse.id]
    inside = Counter[UUID]()
    for line in (line for package in sealed for line in package.lines):
        inside[line.order_line_id] += line.quantity
    if inside != {line.id: units for line, units in load.units.items()}:
        return []
    return [
        Parcel(weight_grams=one.weight_grams, length_mm=one.length_mm, width_mm=one.width_mm, height_mm=one.height_mm)
        for one in sealed
    ]


def _grams(variant: Variant | None) -> int:
    return (variant and variant.weight_grams) or UNKNOWN_WEIGHT


# ---- the deed ------------------------------------------------------------------------------------------------------------


async def _leave(ctx: Context, order: Order, loads: Sequence[Load], version: int | None) -> None:
    """Stock goes out as movements of the shipments, which stand by now, and the order counts what has left."""
    await ctx.sql.flush()
    levels = await locked(ctx, [(variant, load.warehouse.id) for load in loads for variant in load.held])
    for load in loads:
        for line, units in load.units.items():
            line.fulfilled += units
        postings = [
            Posting(levels[variant, load.warehouse.id], on_hand=-units, reserved=-units)
            for variant, units in load.held.items()
        ]
        if postings:
            await post(ctx, postings, MovementKind.sale, subject=("shipment", load.id), order_id=order.id)
    sent = sum(count for load in loads for count in load.units.values())
    ctx.edit(order, version, units_fulfilled=order.units_fulfilled + sent)


async def _write(
    ctx: Context,
    order: Order,
    load: Load,
    offer: Offer | None,
    parcels: list[Parcel],
    args: CreateShipment,
    named: Carrier | None,
) -> None:
    """The shipment with its label's number, and what the card says of it."""
    (reference,) = await ctx.take(Kind.shipment)
    carrier = offer.carrier if offer else named
    rate = offer.rate if offer else None
    connected = offer.connected if offer else None
    number = None if connected else args.tracking_number or _own_number(carrier, reference, load)
    promised = by_evening(rate.promised_on, ctx.merchant.zone) if rate else None
    shipment = ctx.new(
        Fulfilment, id=load.id, reference=reference, order_id=order.id, warehouse_id=load.warehouse.id,
        status=FulfilmentStatus.rated if connected else FulfilmentStatus.label_purchased,
        carrier_id=carrier.id if carrier else None, connector_reference=connected.parcel if connected else None,
        carrier=carrier.name if carrier else "unknown", service=rate.service if rate else args.service,
        tracking_number=compact_number(number) if number else None, currency=rate.price.currency if rate else order.currency,
        cost=rate.price.amount if rate else None, weight_grams=sum(parcel.weight_grams for parcel in parcels),
        ship_to=order.shipping_address, parcels=[parcel.model_dump(exclude_none=True) for parcel in parcels],
        charges=[charge.model_dump() for charge in rate.charges] if rate else [], promised_at=promised, shipped_at=ctx.now(),
    )  # fmt: skip
    for line, units in load.units.items():
        ctx.new(FulfilmentLine, fulfilment_id=shipment.id, order_line_id=line.id, quantity=units)
    if rate and (order.promised_on is None or order.promised_on < rate.promised_on):
        order.promised_on = rate.promised_on
    if rate and connected:
        await use(ctx, connected)
        await ctx.intend(
            BUY_LABEL, ("shipment", shipment.id), order_id=order.id, money=rate.price, parcel=connected.parcel,
            price=connected.price, carrier=connected.carrier,
        )  # fmt: skip
    ctx.event("rated" if connected else "shipped", shipment, order_id=order.id, carrier=shipment.carrier)
    _tell(ctx, order, load, offer, shipment)


def _own_number(carrier: Carrier | None, reference: str, load: Load) -> str:
    serial = SERIALS_FROM + int(reference.partition("-")[2])
    return parcel_number(carrier.tracking_prefix if carrier else "XX", serial, load.warehouse.country)


def _tell(ctx: Context, order: Order, load: Load, offer: Offer | None, shipment: Fulfilment) -> None:
    units: dict[str, int] = {}
    for line, count in load.units.items():
        units[line.sku] = units.get(line.sku, 0) + count
    leave = "leaves" if sum(units.values()) == 1 else "leave"
    how = f"with {shipment.carrier}" if shipment.carrier_id else "with a label that was bought elsewhere"
    if offer:
        rate = offer.rate
        how = f"with {rate.named} for {rate.price}, promised for {words.day(rate.promised_on)}"
    ctx.tell(f"{goods(units)} of {named_order(order)} {leave} {load.warehouse.name} {how}.")


def _tell_rest(ctx: Context, order: Order, lines: Lines) -> None:
    rest = {line.sku: _left(line) for line, _ in lines.values() if _left(line)}
    if rest:
        stays = "stays" if sum(rest.values()) == 1 else "stay"
        ctx.tell(f"{goods(rest)} of {order.reference} {stays}, to be shipped later.")
    else:
        ctx.tell(f"With that all of {order.reference} has left.")
