"""The rows that most operations of the room work on, locked in one order for everybody: the order, then its return."""

from sqlalchemy import select

from db.models.after_sales import Return
from db.models.orders import Order
from tools.contract.context import Context


async def locked_return(ctx: Context, written: str) -> tuple[Return, Order]:
    """A return and its order, both locked until the end of the call."""
    found = await ctx.find(Return, written)
    query = select(Order).where(Order.merchant_id == ctx.merchant.id, Order.id == found.order_id)
    order = (await ctx.db.scalars(query.with_for_update(key_share=True))).one()
    return await ctx.find(Return, written, for_update=True), order
