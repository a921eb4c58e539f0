"""The rows that most operations of the room work on, locked in one order for everybody: the order, then its return."""

from collections.abc import Sequence

from sqlalchemy import select

from db.models.after_sales import Return
from db.models.orders import Order
from db.references import Kind
from tools.after_sales.shown import Coming
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Ambiguous
from tools.contract.outside import outside
from tools.rules.returns import NotInOrder, fits


async def locked_return(ctx: Context, written: str) -> tuple[Return, Order]:
    """A return and its order, both locked until the end of the call."""
    found = await ctx.find(Return, written)
    query = select(Order).where(Order.merchant_id == ctx.merchant.id, Order.id == found.order_id)
    order = (await ctx.db.scalars(query.with_for_update(key_share=True))).one()
    return await ctx.find(Return, written, for_update=True), order


def returned_line(ctx: Context, lines: Sequence[Coming], written: str, row: Return) -> Coming:
    """The line of a return that people mean by a SKU or words of a title. Raises `NotInOrder`, `Ambiguous`."""
    key = written.strip().casefold()
    variant = Kind.variant.canonical(written)
    named = [one for one in lines if one.of.sku.casefold() == key or _variant(one) == variant]
    found = named or [one for one in lines if fits(written, one.of.title, one.of.sku, one.of.options)]
    there = words.listed(f"{one.line.quantity:,} {one.of.sku} ({one.of.title})" for one in lines)
    if not found:
        raise NotInOrder(f"{row.reference} has no {outside(written)}.", hint=f"It is for {there}.")
    if len(found) > 1:
        raise Ambiguous(f"{outside(written)} fits several lines of {row.reference}.", hint=f"It is for {there}.")
    if meant := _variant(found[0]):
        ctx.means(Kind.variant, written, meant)
    return found[0]


def _variant(coming: Coming) -> str | None:
    return coming.of.variant.reference if coming.of.variant else None
