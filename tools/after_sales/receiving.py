"""Goods that come back: what came is set aside until somebody has looked at it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from db.models.after_sales import Return, ReturnStatus
from db.models.inventory import MovementKind
from db.models.orders import Order
from db.models.products import Variant
from db.models.warehouse import Warehouse
from tools.after_sales.fields import ReturnRef
from tools.after_sales.rows import locked_return, returned_line
from tools.after_sales.shown import Coming, ReturnStanding, lines_of, state_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, Text, VariantRef, WarehouseRef
from tools.rules.lookup import find_warehouse
from tools.rules.returns import NotInOrder, sold
from tools.rules.stock import Posting, locked, post
from tools.rules.told import named_order, tell_units

_COMES = (
    ReturnStatus.approved, ReturnStatus.label_sent, ReturnStatus.in_transit, ReturnStatus.received, ReturnStatus.expired,
)  # fmt: skip


class ReturnNotExpected(Conflict):
    """Nothing of this return can come in: it is not approved, or over."""

    hint = "Approve it first (approve_return), or ask for another return (request_return)."


class MoreThanExpected(Conflict):
    """More came than the return is for."""

    hint = "Receive what it is for; for the rest ask for another return with request_return."


class NoWarehouseForReturns(Conflict):
    """The warehouse is closed, or none is open."""

    hint = "Name an open warehouse, or open one again: list_stock shows where goods lie."


class UnitsThatCame(Input):
    """Units of a line of the return."""

    sku: VariantRef = Field(description="What came: a SKU such as `MUG-BLUE`, or words of its title.")
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="Units; omit for all that are still to come."
    )


class ReceiveReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    lines: list[UnitsThatCame] = Field(default=[], max_length=200, description="What came; omit for all of it.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where it came to; omit for the one that sent the order."
    )
    note: Text | None = Field(default=None, description="What colleagues should know.")


class _Place(NamedTuple):
    id: UUID


_PLACE = """
select w.id from warehouses w
where w.merchant_id = %(m)s and w.active
order by exists (select from fulfilments f where f.merchant_id = %(m)s and f.order_id = %(order)s and f.warehouse_id = w.id) desc,
         w.priority, w.id limit 1
"""


@tool(
    route="POST /returns/{rma}/receipts",
    effect=Effect.write,
    permission="returns:receive",
    raises=[ReturnNotExpected, MoreThanExpected, NoWarehouseForReturns, NotInOrder],
    examples=["The parcel of RMA-17 came in", "RMA-1023 is here, but only 3 of the 5 mugs were in it"],
)
async def receive_return(ctx: Context, args: ReceiveReturn) -> ReturnStanding:
    """Book the goods of an approved return in, set aside until inspected.

    They are not for sale until then. What is missing may come later. How the goods are, and what becomes of them, is
    inspect_return.
    """
    row, order = await locked_return(ctx, args.rma)
    lines = await lines_of(ctx, row)
    if row.status not in _COMES:
        raise ReturnNotExpected(f"{row.reference} is {words.word(row.status)}, so nothing of it can come in.")
    came = _came(ctx, args, row, lines)
    if row.status is ReturnStatus.expired:
        await _refuse_asked_anew(ctx, row, order, lines)
    warehouse = await _warehouse(ctx, args, row, order)

    await _set_aside(ctx, row, order, warehouse, came)
    for (line, of), units in came:
        line.received += units
        of.returned += units
    total = sum(units for _, units in came)
    ctx.edit(order, None, units_returned=order.units_returned + total)
    note = "\n".join(part for part in (row.note, args.note) if part) or None
    ctx.edit(row, None, warehouse_id=warehouse.id, received_at=row.received_at or ctx.now(), note=note)
    if row.status is not ReturnStatus.received:
        ctx.move(row, ReturnStatus.received, order_id=order.id, units=total)
    else:
        ctx.event("received", row, order_id=order.id, units=total)
    _tell(ctx, row, order, warehouse, lines, came)
    return state_of(row, order, lines)


async def _refuse_asked_anew(ctx: Context, row: Return, order: Order, lines: Sequence[Coming]) -> None:
    """What comes after its time is taken, unless it is another return's by now."""
    theirs = {line.id: line for line in await sold(ctx, order)}
    for coming, of in lines:
        line = theirs.get(of.id)
        if line is None or line.left < coming.quantity:
            others = words.listed(line.returns) if line and line.returns else "no parcel of the customer's"
            raise ReturnNotExpected(
                f"{row.reference} has expired, and its {of.sku} {words.are(coming.quantity)} in {others} by now.",
                hint="Book it in there (receive_return).",
            )


def _came(ctx: Context, args: ReceiveReturn, row: Return, lines: Sequence[Coming]) -> list[tuple[Coming, int]]:
    """Which lines of it came, and how many units. Raises `MoreThanExpected`, `NotInOrder`."""
    wanted: list[tuple[Coming, int | None]] = [(one, None) for one in lines if one.line.received < one.line.quantity]
    if args.lines:
        wanted = [(returned_line(ctx, lines, one.sku, row), one.quantity) for one in args.lines]
    came: list[tuple[Coming, int]] = []
    for one, units in wanted:
        left = one.line.quantity - one.line.received - sum(more for other, more in came if other is one)
        if left < (units or 1):
            raise MoreThanExpected(
                f"{row.reference} is for {one.line.quantity:,} {one.of.sku}, of which {one.line.received:,} came before; "
                f"{units or 1:,} more cannot come."
            )
        came.append((one, units or left))
    if not came:
        raise MoreThanExpected(f"All of {row.reference} came in before.")
    return came


async def _warehouse(ctx: Context, args: ReceiveReturn, row: Return, order: Order) -> Warehouse:
    """Where it came to: what was named, where the rest of it is, else the warehouse that sent the order."""
    if args.warehouse:
        named = await find_warehouse(ctx, args.warehouse)
        if not named.active:
            raise NoWarehouseForReturns(f"{named.name} ({named.reference}) is closed.")
        return named
    id_ = row.warehouse_id
    if id_ is None:
        found = await ctx.sql.row(_PLACE, {"m": ctx.merchant.id, "order": order.id}, as_=_Place)
        if found is None:
            raise NoWarehouseForReturns("Every warehouse of the shop is closed.")
        id_ = found.id
    return await ctx.db.get_one(Warehouse, (ctx.merchant.id, id_))


async def counted_variants(ctx: Context, lines: Sequence[Coming]) -> dict[UUID, UUID]:
    """The variants of lines whose stock is counted, by the line's id."""
    variants = {line.id: line.variant_id for line, _ in lines if line.variant_id}
    query = select(Variant.id).where(
        Variant.merchant_id == ctx.merchant.id, Variant.id.in_(variants.values()), Variant.tracked
    )
    counted = set((await ctx.db.scalars(query)).all())
    return {line: variant for line, variant in variants.items() if variant in counted}


async def _set_aside(
    ctx: Context, row: Return, order: Order, warehouse: Warehouse, came: Sequence[tuple[Coming, int]]
) -> None:
    counted = await counted_variants(ctx, [one for one, _ in came])
    units = Counter[UUID]()
    for (line, _), more in came:
        if line.id in counted:
            units[counted[line.id]] += more
    levels = await locked(ctx, [(variant, warehouse.id) for variant in units], opening=True)
    postings = [Posting(levels[id_, warehouse.id], on_hand=more, damaged=more) for id_, more in sorted(units.items())]
    if postings:
        await post(ctx, postings, MovementKind.return_, subject=("return", row.id), order_id=order.id)


def _tell(
    ctx: Context,
    row: Return,
    order: Order,
    warehouse: Warehouse,
    lines: Sequence[Coming],
    came: Sequence[tuple[Coming, int]],
) -> None:
    ctx.tell(f"{row.reference} of {named_order(order)} comes in.")
    units = {(warehouse.name, one.of.sku): more for one, more in came}
    tell_units(ctx, units, "is set aside until it is inspected", "are set aside until they are inspected")
    still = [f"{left:,} {of.sku}" for line, of in lines if (left := line.quantity - line.received)]
    if still:
        ctx.tell(f"Still to come: {words.listed(still)}.")
