"""Ordering from suppliers, and calling orders off."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from db.models.inventory import PurchaseOrder, PurchaseOrderLine, PurchaseOrderStatus, Supplier
from db.models.products import Variant
from db.models.warehouse import Warehouse
from db.money import Currency, Money, rounded
from db.transitions import check_move
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, StaleVersion
from tools.contract.fields import (
    Day,
    MinorUnits,
    PurchaseOrderRef,
    Quantity,
    SupplierRef,
    Text,
    VariantRef,
    WarehouseRef,
)
from tools.inventory.costs import CostInAnotherCurrency, costs_now, refuse_other_currency
from tools.inventory.places import NotTracked, open_warehouses, refuse_untracked
from tools.inventory.purchase_orders import PurchaseOrderDetail, detail, today
from tools.inventory.suppliers import SupplierInactive, SupplierUnknown, find_supplier, refuse_inactive, usual_supplier
from tools.rules.lookup import find_variants, find_warehouse
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.stock import Posting, locked, post
from tools.rules.told import goods

MOST = 1_000_000


class CostUnknown(Conflict):
    """Nobody has said what a unit costs."""

    hint = "Give the line's `unit_cost` in minor units of the order's currency."


class OrderedTwice(Invalid):
    """A variant is in the order twice."""

    hint = "Name each variant once, with all its units."


class DayHasPassed(Invalid):
    """Goods that are ordered now come today at the earliest."""

    hint = "Give a later `expected_on`, or leave it out: then the supplier's lead time says when."


class UnitsOrdered(Input):
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(gt=0, le=MOST, description="Units to order.")
    unit_cost: MinorUnits | None = Field(
        default=None,
        ge=0,
        le=10**12,
        description="What a unit costs, minor units of the order's currency; omit: what it cost until now.",
    )


class CreatePurchaseOrder(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"supplier": "SUP-1001", "lines": [{"sku": "MUG-BLUE", "quantity": 60, "unit_cost": 420}]}]
        }
    )

    supplier: SupplierRef | None = Field(
        default=None, description="From whom: `SUP-1001`, or a name; omit: whoever the goods are bought from."
    )
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where it shall come to; may be left out when the shop has one open warehouse."
    )
    lines: list[UnitsOrdered] = Field(min_length=1, max_length=200, description="What is ordered.")
    currency: Currency | None = Field(
        default=None, description="What the costs are in, ISO 4217; omit: what the supplier is paid in."
    )
    expected_on: Day | None = Field(
        default=None, description="When it should come, in the shop's time zone; omit: after the supplier's lead time."
    )
    note: Text | None = Field(default=None, description="What a colleague should know.")


class Bought(NamedTuple):
    """A line of an order before it is one."""

    variant: Variant
    quantity: int
    unit_cost: Decimal

    @property
    def total(self) -> int:
        return rounded(self.unit_cost * self.quantity)


@tool(
    route="POST /purchase-orders",
    effect=Effect.money,
    permission="suppliers:write",
    raises=[
        Ambiguous, CostInAnotherCurrency, CostUnknown, DayHasPassed, NotTracked, OrderedTwice, SupplierInactive,
        SupplierUnknown, WarehouseClosed,
    ],
    examples=["Order 60 MUG-BLUE from SUP-1001", "Buy 40 TSH-BLK-M at 6.20 from Atelier Brun for Lille"],
)  # fmt: skip
async def create_purchase_order(ctx: Context, args: CreatePurchaseOrder) -> PurchaseOrderDetail:
    """Order goods from a supplier for a warehouse.

    They are incoming there from then on. Costs are minor units of the order's currency: 420 is 4.20 EUR. Nothing is sent to
    the supplier by this: the order is recorded as placed. What comes is booked with receive_purchase_order, and what to order
    is what suggest_reorders says.
    """
    supplier = await _supplier(ctx, args)
    refuse_inactive(supplier)
    warehouse = await _warehouse(ctx, args.warehouse)
    refuse_closed(warehouse)
    currency = args.currency or supplier.currency
    lines = await _lines(ctx, args, currency)
    expected = args.expected_on or today(ctx) + timedelta(days=await _lead_time(ctx, supplier, warehouse, lines))
    if expected < today(ctx):
        raise DayHasPassed(f"It would be expected on {words.day(expected)}, and today is {words.day(today(ctx))}.")
    ctx.settled = _settled(args, supplier, warehouse, currency, expected, lines)

    levels = await locked(ctx, [(line.variant.id, warehouse.id) for line in lines], opening=True)
    order = await _add(ctx, supplier, warehouse, currency, expected, lines, args.note)
    coming = [Posting(levels[line.variant.id, warehouse.id], incoming=line.quantity) for line in lines]
    await post(ctx, coming)
    await ctx.db.flush()
    ctx.event("sent", order, supplier=supplier.reference, units=sum(line.quantity for line in lines))
    total = Money(amount=order.total, currency=currency)
    ctx.moves_money(total)
    units = goods({line.variant.sku: line.quantity for line in lines})
    ctx.tell(f"{units} {words.are(_units(lines))} ordered from {supplier.name} for {warehouse.name}, for {total}.")
    ctx.tell(f"The delivery is expected on {words.day(expected)}; until it is booked, none of it can be sold.")
    return await detail(ctx, order.id)


def _units(lines: Sequence[Bought]) -> int:
    return sum(line.quantity for line in lines)


async def _supplier(ctx: Context, args: CreatePurchaseOrder) -> Supplier:
    """Who was named, else the one from whom all that is ordered is bought."""
    if args.supplier:
        return await find_supplier(ctx, args.supplier)
    variants = await find_variants(ctx, [line.sku for line in args.lines])
    return await usual_supplier(ctx, variants)


async def _warehouse(ctx: Context, written: str | None) -> Warehouse:
    if written:
        return await find_warehouse(ctx, written)
    places = await open_warehouses(ctx)
    if not places:
        raise WarehouseClosed("Every warehouse of the shop is closed.")
    if len(places) > 1:
        named = ", ".join(f"{place.name} ({place.reference})" for place in places)
        raise Ambiguous(f"It may come to several warehouses: {named}.", hint="Say to which one, as `warehouse`.")
    return places[0]


async def _lines(ctx: Context, args: CreatePurchaseOrder, currency: str) -> list[Bought]:
    """What is bought at which cost, each variant once."""
    variants = await find_variants(ctx, [line.sku for line in args.lines])
    now = await costs_now(ctx, [variant.id for variant in variants])
    lines: list[Bought] = []
    for variant, line in zip(variants, args.lines, strict=True):
        refuse_untracked(variant)
        if variant in [other.variant for other in lines]:
            raise OrderedTwice(f"{variant.sku} is in the order twice.")
        cost = now[variant.id]
        refuse_other_currency(variant.sku, cost, currency)
        known = cost.average if cost.currency == currency else None
        if line.unit_cost is None and known is None:
            raise CostUnknown(f"What {variant.sku} costs in {currency} is not known.")
        lines.append(
            Bought(
                variant, line.quantity, Decimal(line.unit_cost) if line.unit_cost is not None else known or Decimal()
            )
        )
    return lines


class _LeadTime(NamedTuple):
    days: int | None


async def _lead_time(ctx: Context, supplier: Supplier, warehouse: Warehouse, lines: Sequence[Bought]) -> int:
    """The longest that a rule says of what is bought from this supplier, else the supplier's own."""
    query = """
        select max(lead_time_days) as days from stock_levels
        where merchant_id = %(m)s and warehouse_id = %(w)s and supplier_id = %(s)s and variant_id = any(%(variants)s)
    """
    variants = [line.variant.id for line in lines]
    params = {"m": ctx.merchant.id, "w": warehouse.id, "s": supplier.id, "variants": variants}
    (ruled,) = await ctx.sql.rows(query, params, as_=_LeadTime)
    return supplier.lead_time_days if ruled.days is None else ruled.days


def _settled(
    args: CreatePurchaseOrder,
    supplier: Supplier,
    warehouse: Warehouse,
    currency: str,
    expected: date,
    lines: Sequence[Bought],
) -> CreatePurchaseOrder:
    """What was left open, as it is on the card: supplier, place, currency, day, and costs that are whole minor units."""
    costs = [
        line if bought.unit_cost % 1 else line.model_copy(update={"unit_cost": int(bought.unit_cost)})
        for line, bought in zip(args.lines, lines, strict=True)
    ]
    update = {"supplier": supplier.reference, "warehouse": warehouse.reference, "currency": currency}
    return args.model_copy(update={**update, "expected_on": expected, "lines": costs})


async def _add(
    ctx: Context,
    supplier: Supplier,
    warehouse: Warehouse,
    currency: str,
    expected: date,
    lines: Sequence[Bought],
    note: str | None,
) -> PurchaseOrder:
    order = await ctx.add(
        PurchaseOrder, status=PurchaseOrderStatus.sent, supplier_id=supplier.id, warehouse_id=warehouse.id,
        currency=currency, total=sum(line.total for line in lines), note=note, ordered_at=ctx.now(), expected_on=expected,
    )  # fmt: skip
    for line in lines:
        ctx.new(
            PurchaseOrderLine, purchase_order_id=order.id, variant_id=line.variant.id, quantity=line.quantity,
            received=0, damaged=0, unit_cost=line.unit_cost,
        )  # fmt: skip
    return order


class CancelPurchaseOrder(Input):
    purchase_order: PurchaseOrderRef = Field(description="The purchase order, such as `PO-1001`.")
    reason: Text | None = Field(default=None, description="Why; a colleague reads it.")
    version: int | None = Field(default=None, ge=1, description="The version that was read.")


@tool(
    route="DELETE /purchase-orders/{purchase_order}",
    effect=Effect.goods,
    permission="suppliers:write",
    raises=[StaleVersion],
    examples=["Cancel PO-1007", "Call off what is still missing of PO-1012, the supplier cannot deliver"],
)
async def cancel_purchase_order(ctx: Context, args: CancelPurchaseOrder) -> PurchaseOrderDetail:
    """Call off what has not come of a purchase order: it is no longer incoming.

    What has come stays. An order of which something came is closed, any other is cancelled. The supplier is not told by this.
    """
    order = await ctx.find(PurchaseOrder, args.purchase_order, for_update=True)
    partly = order.status is PurchaseOrderStatus.partially_received
    to = PurchaseOrderStatus.closed if partly else PurchaseOrderStatus.cancelled
    check_move(PurchaseOrder.MOVES, order.status, to, order.reference)
    lines = await lines_of(ctx, order)

    await take_off(ctx, order, lines)
    ctx.move(order, to=to, reason=args.reason)
    ctx.edit(order, args.version)
    ctx.stops()
    await ctx.db.flush()
    supplier = await ctx.db.get_one(Supplier, {"merchant_id": ctx.merchant.id, "id": order.supplier_id})
    left = {line.variant.sku: left_of(line) for line in lines if left_of(line)}
    coming = (
        f"{goods(left)} {words.are(sum(left.values()))} no longer incoming" if left else "nothing of it was incoming"
    )
    ctx.tell(f"{order.reference} with {supplier.name} is {'closed' if partly else 'cancelled'}; {coming}.")
    if args.reason:
        ctx.tell(f"Noted for colleagues: “{words.quoted(args.reason)}”")
    return await detail(ctx, order.id)


async def lines_of(ctx: Context, order: PurchaseOrder) -> list[PurchaseOrderLine]:
    """An order's lines, each with its variant."""
    query = select(PurchaseOrderLine).where(
        PurchaseOrderLine.merchant_id == ctx.merchant.id, PurchaseOrderLine.purchase_order_id == order.id
    )
    query = query.options(joinedload(PurchaseOrderLine.variant)).order_by(PurchaseOrderLine.id)
    return list((await ctx.db.scalars(query)).all())


def left_of(line: PurchaseOrderLine) -> int:
    """Units that are still to come."""
    return max(0, line.quantity - line.received)


async def take_off(ctx: Context, order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> None:
    """What has not come is no longer incoming."""
    left: dict[UUID, int] = {line.variant_id: left_of(line) for line in lines if left_of(line)}
    levels = await locked(ctx, [(variant_id, order.warehouse_id) for variant_id in left])
    await post(ctx, [Posting(level, incoming=-left[level.variant_id]) for level in levels.values()])
