"""Links by which customers pay: one is there for each amount that is due, and void as soon as something else is due."""

from typing import Any

from sqlalchemy import select

from db.models.backoffice import IntentStatus
from db.models.orders import Order
from db.models.payments import PaymentLink, PaymentLinkStatus
from tools.contract import words
from tools.contract.context import Context
from tools.rules.refunds import LINK, UNLINK
from tools.rules.under_way import under_way

ALIVE = (PaymentLinkStatus.pending, PaymentLinkStatus.open)


async def link_of(ctx: Context, order: Order) -> PaymentLink | None:
    """The link by which the order can be paid, locked; the order is, too."""
    query = select(PaymentLink).where(
        PaymentLink.merchant_id == ctx.merchant.id,
        PaymentLink.order_id == order.id,
        PaymentLink.status.in_(ALIVE),
    )
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await ctx.db.scalars(locked)).first()


async def keep_link_true(ctx: Context, order: Order, due: int | None = None) -> None:
    """Make the order's link void, unless it asks for exactly what is still due."""
    link = await link_of(ctx, order)
    left = order.total - order.authorized + order.refunded if due is None else due
    if link is not None and link.amount != left:
        await void_link(ctx, link)


async def void_link(ctx: Context, link: PaymentLink) -> None:
    """Nothing is paid by it any more: here at once, with its provider after the commit."""
    ctx.tell(f"{link.reference}, by which {words.money(link.amount, link.currency)} could be paid, becomes void.")
    making = link.status is PaymentLinkStatus.pending
    asked = next(iter(await under_way(ctx, link.order_id, subject=link.id, kind=LINK)), None) if making else None
    ctx.edit(link, None)
    ctx.move(link, PaymentLinkStatus.void, order_id=link.order_id)
    if asked and not asked.attempts:
        ctx.move(asked, IntentStatus.cancelled, order_id=link.order_id)
    else:
        await close_link(ctx, link, after=asked.reference if asked else None)


async def close_link(ctx: Context, link: PaymentLink, *, after: str | None = None) -> None:
    """Have the provider take its page away; one that is only being made, once it is there."""
    waits: dict[str, Any] = {"after": after} if after else {}
    await ctx.intend(UNLINK, ("payment_link", link.id), order_id=link.order_id, link=link.reference, **waits)
