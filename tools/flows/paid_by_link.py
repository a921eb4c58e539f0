"""What comes by a payment link: its provider tells of a payment that nobody knows yet, and names the link."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from db.model import new_id
from db.models.orders import Order, OrderStatus
from db.models.payments import Payment, PaymentLink, PaymentLinkStatus, PaymentMethod, PaymentStatus
from tools.contract.context import Context
from tools.rules.refunds import refund, tenders


class _Named(NamedTuple):
    id: UUID
    order_id: UUID


# By our id, which its provider keeps for us; by the provider's name for it; by our reference, where somebody books by hand.
_NAMED = """
select id, order_id from payment_links
where merchant_id = %(m)s and provider = %(provider)s
  and (id::text = %(name)s or provider_reference = %(name)s or reference = %(name)s)
"""


async def begun_by_link(ctx: Context, provider: str, name: str, reference: str) -> UUID | None:
    """The payment that begins with the first word of it; None for a link that nobody knows. A link that is over counts, too."""
    found = await ctx.sql.row(_NAMED, {"m": ctx.merchant.id, "provider": provider, "name": name}, as_=_Named)
    if found is None:
        return None
    lock: Any = {"with_for_update": {"key_share": True}, "populate_existing": True}
    order = await ctx.db.get_one(Order, (ctx.merchant.id, found.order_id), **lock)
    link = await ctx.db.get_one(PaymentLink, (ctx.merchant.id, found.id), **lock)
    twin = select(Payment.id).where(
        Payment.merchant_id == ctx.merchant.id, Payment.provider == provider, Payment.provider_reference == reference
    )
    if known := (await ctx.db.scalars(twin)).first():  # another event of it was booked while the order was waited for
        return known
    payment = await ctx.add(
        Payment, id=new_id(), order_id=order.id, status=PaymentStatus.pending, method=PaymentMethod.other,
        method_label=f"by link {link.reference}", provider=provider, provider_reference=reference, currency=order.currency,
        authorized=0, captured=0, voided=0, refunded=0, charged_back=0,
    )  # fmt: skip
    await ctx.sql.flush()
    if link.status is not PaymentLinkStatus.paid:
        ctx.edit(link, None, payment_id=payment.id)
        ctx.move(link, PaymentLinkStatus.paid, order_id=order.id, amount=link.amount, currency=link.currency)
        await ctx.sql.flush()
    return payment.id


async def give_back_what_is_too_much(ctx: Context, order: Order, payment: Payment) -> None:
    """A link may be paid just when the order is paid otherwise, or called off: what is not owed goes back the same way."""
    await ctx.sql.flush()
    held = await tenders(ctx, order)
    own = [tender for tender in held if tender.payment.id == payment.id]
    if order.status in (OrderStatus.cancelled, OrderStatus.expired):
        await refund(ctx, own)
        return
    over = sum(tender.kept + tender.promised for tender in held) - order.total
    if over > 0:
        await refund(ctx, own, over)
