"""Refunds that did not arrive: the account is closed, the card is gone. What counted them counts them no more."""

from sqlalchemy import select

from db.models.after_sales import Return
from db.models.backoffice import Intent
from db.models.orders import Order
from db.models.payments import Payment, PaymentTransaction, TransactionKind, TransactionOutcome
from tools.contract.context import Context
from tools.rules.books import record
from tools.rules.refunds import REFUND


async def not_given_back(ctx: Context, intent: Intent, amount: int) -> None:
    """A return counts what it gives from the moment it is settled: so much of it is not given."""
    name = intent.arguments.get("for_return")
    if name is None:
        return
    query = select(Return).where(Return.merchant_id == ctx.merchant.id, Return.reference == name)
    row = (await ctx.db.scalars(query.with_for_update(key_share=True))).one()
    ctx.edit(row, None, refunded=max(0, row.refunded - amount))
    ctx.event("refund_failed", row, order_id=row.order_id, amount=amount, currency=row.currency)


async def take_back(ctx: Context, order: Order, payment: Payment, refund: PaymentTransaction, reason: str) -> None:
    """A refund that was counted is with the provider again: payment, order, ledger and return follow, once."""
    if refund.kind is not TransactionKind.refund or refund.outcome is not TransactionOutcome.succeeded:
        return
    name = f"{refund.provider_reference}/failed"
    if await told_of(ctx, payment, name):
        return
    kind = TransactionKind.refund_reversal
    record(ctx, order, payment, kind, refund.amount, provider_reference=name, reason=reason)
    asked = select(Intent).where(
        Intent.merchant_id == ctx.merchant.id,
        Intent.order_id == order.id,
        Intent.kind == REFUND,
        Intent.outcome["transaction"].astext == refund.provider_reference,
    )
    if intent := (await ctx.db.scalars(asked)).first():
        await not_given_back(ctx, intent, refund.amount)


async def told_of(ctx: Context, payment: Payment, transaction: str) -> PaymentTransaction | None:
    """What is in the books under the provider's name for a movement."""
    query = select(PaymentTransaction).where(
        PaymentTransaction.merchant_id == ctx.merchant.id,
        PaymentTransaction.provider == payment.provider,
        PaymentTransaction.provider_reference == transaction,
    )
    return (await ctx.db.scalars(query)).first()
