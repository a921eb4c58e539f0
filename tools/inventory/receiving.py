"""Goods from suppliers at the door: counted, the broken ones set aside, and what they cost."""

from collections.abc import Mapping, Sequence
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from db.models.inventory import MovementKind, PurchaseOrder, PurchaseOrderLine, PurchaseOrderStatus
from db.models.warehouse import Warehouse
from db.transitions import check_move
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict, StaleVersion
from tools.contract.fields import PurchaseOrderRef, Text, VariantRef
from tools.contract.shop_settings import DELIVERY_TOLERANCE, chosen
from tools.inventory.costs import CostInAnotherCurrency, costs_held, enter_costs, refuse_other_currency
from tools.inventory.purchase_orders import PurchaseOrderDetail, detail
from tools.inventory.purchasing import left_of, lines_of, take_off
from tools.rules.lookup import find_variants
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.stock import Level, Posting, locked, post
from tools.rules.told import goods

MOST = 1_000_000


class NotOrdered(Conflict):
    """The purchase order has none of it."""


class MoreThanOrdered(Conflict):
    """More came than was ordered, by more than the shop tolerates."""

    hint = (
        "Receive what was ordered and send the rest back; or create a purchase order for it; or raise the setting "
        "`inventory.delivery_tolerance_percent`."
    )


class UnitsDelivered(Input):
    sku: VariantRef = Field(description="A variant of the order, by SKU such as `MUG-BLUE`.")
    received: int = Field(default=0, ge=0, le=MOST, description="Units that came in good order.")
    damaged: int = Field(default=0, ge=0, le=MOST, description="Units that came damaged: on hand, not for sale.")

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.units:
            raise ValueError("Say how many units were received or damaged.")
        return self

    @property
    def units(self) -> int:
        return self.received + self.damaged


class ReceivePurchaseOrder(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"purchase_order": "PO-1001", "lines": [{"sku": "MUG-BLUE", "received": 58, "damaged": 2}]}]
        }
    )

    purchase_order: PurchaseOrderRef = Field(description="The purchase order, such as `PO-1001`.")
    lines: list[UnitsDelivered] | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="What came; what is not named is still to come. Omit: all that was still to come, in good order.",
    )
    complete: bool = Field(default=False, description="Nothing more will come: what is missing is no longer incoming.")
    note: Text | None = Field(default=None, description="What a colleague should know.")
    version: int | None = Field(default=None, ge=1, description="The version that was read.")


@tool(
    route="POST /purchase-orders/{purchase_order}/receipts",
    effect=Effect.write,
    permission="inventory:write",
    raises=[CostInAnotherCurrency, MoreThanOrdered, NotOrdered, StaleVersion, WarehouseClosed],
    examples=["PO-1007 has arrived, all complete", "Of PO-1012 came 58 MUG-BLUE, 2 of them broken"],
)
async def receive_purchase_order(ctx: Context, args: ReceivePurchaseOrder) -> PurchaseOrderDetail:
    """Book what a supplier delivered: whole, in part, too much, or damaged.

    What came is on hand; damaged units are on hand and not for sale. The average cost goes on with it. An order is received
    when all came, or so nearly all as the shop's tolerance says; of any other the rest is still incoming, unless `complete`.
    """
    order = await ctx.find(PurchaseOrder, args.purchase_order, for_update=True)
    check_move(PurchaseOrder.MOVES, order.status, PurchaseOrderStatus.received, order.reference)
    warehouse = await ctx.db.get_one(Warehouse, {"merchant_id": ctx.merchant.id, "id": order.warehouse_id})
    refuse_closed(warehouse)
    lines = await lines_of(ctx, order)
    percent = await chosen(ctx, DELIVERY_TOLERANCE)
    came = await _came(ctx, args, order, lines)
    _refuse_too_many(came, order, percent)

    await _value(ctx, order, came)
    await _put_away(ctx, order, came, args.note)
    ended = args.complete or all(left_of(line) <= _tolerated(line, percent) for line in lines)
    short = {line.variant.sku: left_of(line) for line in lines if left_of(line)}
    if ended:
        await take_off(ctx, order, lines)
    _move_on(ctx, order, lines, percent, ended=ended)
    ctx.event("delivered", order, units={one.sku: one.units for one in came.values()})
    ctx.edit(order, args.version, received_at=ctx.now() if ended else None)
    await ctx.db.flush()
    _tell(ctx, order, warehouse.name, came)
    _tell_rest(ctx, order, short, ended=ended)
    return await detail(ctx, order.id)


Came = Mapping[PurchaseOrderLine, UnitsDelivered]


async def _came(
    ctx: Context, args: ReceivePurchaseOrder, order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]
) -> dict[PurchaseOrderLine, UnitsDelivered]:
    """What came of each line: what was said, else all that is left, which then stands on the card as numbers."""
    if args.lines is None:
        whole = {line: UnitsDelivered(sku=line.variant.sku, received=left_of(line)) for line in lines if left_of(line)}
        ctx.settled = args.model_copy(update={"lines": list(whole.values())})
        return whole
    ordered = {line.variant_id: line for line in lines}
    variants = await find_variants(ctx, [delivered.sku for delivered in args.lines])
    came: dict[PurchaseOrderLine, UnitsDelivered] = {}
    for variant, delivered in zip(variants, args.lines, strict=True):
        if variant.id not in ordered:
            brought = words.listed(line.variant.sku for line in lines)
            raise NotOrdered(f"{order.reference} brings no {variant.sku}.", hint=f"It brings {brought}.")
        line = ordered[variant.id]
        before = came.get(line)
        came[line] = UnitsDelivered(
            sku=variant.sku,
            received=delivered.received + (before.received if before else 0),
            damaged=delivered.damaged + (before.damaged if before else 0),
        )
    return came


def _tolerated(line: PurchaseOrderLine, percent: int) -> int:
    """By how many units a line may differ from what was ordered."""
    return line.quantity * percent // 100


def _refuse_too_many(came: Came, order: PurchaseOrder, percent: int) -> None:
    for line, delivered in came.items():
        most = line.quantity + _tolerated(line, percent)
        if line.received + delivered.units > most:
            raise MoreThanOrdered(
                f"{line.quantity} {line.variant.sku} are ordered with {order.reference} and {line.received} have come; "
                f"with {delivered.units} more it would be {line.received + delivered.units}, and at most {most} are taken "
                f"({percent} % more than ordered)."
            )


async def _value(ctx: Context, order: PurchaseOrder, came: Came) -> None:
    """The average costs go on. Variants are locked before their stock, by everybody who locks both."""
    if not came:
        return
    held = await costs_held(ctx, [line.variant_id for line in came])
    for line in came:
        refuse_other_currency(line.variant.sku, held[line.variant_id], order.currency)
    await enter_costs(ctx, {line: delivered.units for line, delivered in came.items()}, held, order.currency)


async def _put_away(ctx: Context, order: PurchaseOrder, came: Came, note: str | None) -> None:
    of: dict[UUID, PurchaseOrderLine] = {line.variant_id: line for line in came}
    levels = await locked(ctx, [(variant_id, order.warehouse_id) for variant_id in of], opening=True)
    postings = [_posting(level, of[level.variant_id], came[of[level.variant_id]]) for level in levels.values()]
    await post(ctx, postings, MovementKind.receipt, subject=("purchase_order", order.id), note=note)
    for line, delivered in came.items():
        line.received += delivered.units
        line.damaged += delivered.damaged


def _posting(level: Level, line: PurchaseOrderLine, delivered: UnitsDelivered) -> Posting:
    """What comes beyond the order was not incoming."""
    return Posting(
        level, on_hand=delivered.units, damaged=delivered.damaged, incoming=-min(left_of(line), delivered.units),
        unit_cost=line.unit_cost,
    )  # fmt: skip


def _move_on(
    ctx: Context, order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], percent: int, *, ended: bool
) -> None:
    """Received when all but what is tolerated came; closed when nothing more will come of what is missing."""
    whole = all(left_of(line) <= _tolerated(line, percent) for line in lines)
    if whole:
        ctx.move(order, to=PurchaseOrderStatus.received)
        return
    if order.status is PurchaseOrderStatus.sent:
        ctx.move(order, to=PurchaseOrderStatus.partially_received)
    if ended:
        ctx.move(order, to=PurchaseOrderStatus.closed)


def _tell(ctx: Context, order: PurchaseOrder, place: str, came: Came) -> None:
    good = {line.variant.sku: one.received for line, one in came.items() if one.received}
    broken = {line.variant.sku: one.damaged for line, one in came.items() if one.damaged}
    if good:
        arrive = "arrives" if sum(good.values()) == 1 else "arrive"
        on_sale = "is for sale there" if sum(good.values()) == 1 else "are for sale there"
        ctx.tell(f"{goods(good)} of {order.reference} {arrive} in {place}, and {on_sale}.")
    if broken:
        arrive = "arrives" if sum(broken.values()) == 1 else "arrive"
        aside = words.are(sum(broken.values()))
        ctx.tell(f"{goods(broken)} of {order.reference} {arrive} damaged in {place}, and {aside} set aside.")
    over = {line.variant.sku: line.received - line.quantity for line in came if line.received > line.quantity}
    if over:
        ctx.tell(
            f"Of that {goods(over)} {words.are(sum(over.values()))} more than ordered, within what the shop takes."
        )


def _tell_rest(ctx: Context, order: PurchaseOrder, short: Mapping[str, int], *, ended: bool) -> None:
    if not short:
        ctx.tell(f"With that all of {order.reference} has come.")
        return
    rest = f"{goods(short)} {words.are(sum(short.values()))}"
    gone = f"{rest} not expected any more: {order.reference} is complete with what has come."
    ctx.tell(gone if ended else f"{rest} still to come.")
