"""The books of money: what happened to a payment is a transaction; payment, order and ledger follow from it in the same call."""

import uuid
from datetime import datetime
from typing import NamedTuple

from db.model import new_id
from db.models.orders import Order
from db.models.payments import (
    JournalEntry,
    LedgerAccount,
    Payment,
    PaymentMethod,
    PaymentStatus,
    PaymentTransaction,
    Payout,
    TransactionKind,
    TransactionOutcome,
)
from tools.contract.context import Context

# Where the money of a transaction lies; that of a provider is at the bank, or on its way there.
LIABILITIES = {
    PaymentMethod.store_credit.value: LedgerAccount.store_credit,
    PaymentMethod.gift_card.value: LedgerAccount.gift_cards,
}
_AMOUNTS = {
    TransactionKind.authorization: ("authorized", 1),
    TransactionKind.capture: ("captured", 1),
    TransactionKind.void: ("voided", 1),
    TransactionKind.refund: ("refunded", 1),
    TransactionKind.refund_reversal: ("refunded", -1),
    TransactionKind.chargeback: ("charged_back", 1),
    TransactionKind.chargeback_reversal: ("charged_back", -1),
}
LAPSED = "expired"  # why an authorization was let go: nobody took it in time
_DISPUTED = (PaymentStatus.disputed, PaymentStatus.won, PaymentStatus.lost)


class Side(NamedTuple):
    """An account and what an amount adds to it: +1 is a debit."""

    account: LedgerAccount
    sign: int


def record(
    ctx: Context,
    order: Order,
    payment: Payment,
    kind: TransactionKind,
    amount: int,
    *,
    provider: str | None = None,
    provider_reference: str | None = None,
    reason: str | None = None,
    saved_method_id: uuid.UUID | None = None,
    at: datetime | None = None,
) -> PaymentTransaction:
    """A transaction that succeeded, with all that follows; order and payment are locked.

    `provider` is who moved the money, where it was not the payment's own: store credit instead of a refund to the card.
    `saved_method_id` is what it went onto then.
    """
    done = note(
        ctx, payment, kind, TransactionOutcome.succeeded, amount, provider=provider, reason=reason, at=at,
        provider_reference=provider_reference, saved_method_id=saved_method_id,
    )  # fmt: skip
    column, sign = _AMOUNTS[kind]
    ctx.edit(payment, None, **{column: getattr(payment, column) + sign * amount})
    _follow(order, kind, amount)
    ctx.edit(order, None)
    if (status := status_after(payment, kind, reason)) is not payment.status:
        ctx.move(payment, status, order_id=order.id, amount=amount, currency=payment.currency)
    else:
        ctx.event(column, payment, order_id=order.id, amount=amount, currency=payment.currency)
    if sides := sides_of(kind, done.provider):
        journal(
            ctx, done.id, sides, amount, payment.currency, f"{kind.value.replace('_', ' ')} of {payment.reference}",
            order_id=order.id, payment_id=payment.id, at=done.occurred_at,
        )  # fmt: skip
    return done


def note(
    ctx: Context,
    payment: Payment,
    kind: TransactionKind,
    outcome: TransactionOutcome,
    amount: int,
    *,
    provider: str | None = None,
    provider_reference: str | None = None,
    reason: str | None = None,
    saved_method_id: uuid.UUID | None = None,
    at: datetime | None = None,
) -> PaymentTransaction:
    """A transaction by itself: what was asked, or failed, counts in no sum."""
    return ctx.new(
        PaymentTransaction, id=new_id(), payment_id=payment.id, order_id=payment.order_id, kind=kind, outcome=outcome,
        amount=amount, currency=payment.currency, provider=provider or payment.provider,
        provider_reference=provider_reference, reason=reason, saved_method_id=saved_method_id, actor=ctx.actor.reference,
        occurred_at=at or ctx.now(),
    )  # fmt: skip


def journal(
    ctx: Context,
    journal_id: uuid.UUID,
    sides: tuple[Side, Side],
    amount: int,
    currency: str,
    description: str,
    *,
    order_id: uuid.UUID | None = None,
    payment_id: uuid.UUID | None = None,
    at: datetime | None = None,
) -> None:
    """Two lines of the ledger that sum to zero."""
    for account, sign in sides:
        ctx.new(
            JournalEntry, journal_id=journal_id, account=account, amount=sign * amount, currency=currency,
            order_id=order_id, payment_id=payment_id, description=description, occurred_at=at or ctx.now(),
        )  # fmt: skip


def book_fees(ctx: Context, payout: Payout, fees: int) -> None:
    """What a provider kept is not at the bank; it keeps it of a payout that fails, too. Below zero where it gave some back."""
    if fees != payout.fees:
        sides = Side(LedgerAccount.fees, 1), Side(LedgerAccount.clearing, -1)
        journal(ctx, new_id(), sides, fees - payout.fees, payout.currency, f"fees of {payout.reference}")
        payout.fees = fees


def status_after(payment: Payment, kind: TransactionKind, reason: str | None = None) -> PaymentStatus:
    """What its amounts say of a payment after a transaction of that kind."""
    disputed = payment.status in _DISPUTED and kind is not TransactionKind.refund
    if disputed or kind in (TransactionKind.chargeback, TransactionKind.chargeback_reversal):
        return payment.status  # the dispute says how it ended
    if payment.refunded:
        whole = payment.refunded + payment.charged_back == payment.captured
        return PaymentStatus.refunded if whole else PaymentStatus.partially_refunded
    if not payment.captured:
        gone = PaymentStatus.expired if reason == LAPSED else PaymentStatus.voided
        return gone if payment.voided == payment.authorized else PaymentStatus.authorized
    whole = payment.captured == payment.authorized - payment.voided
    return PaymentStatus.captured if whole else PaymentStatus.partially_captured


def _follow(order: Order, kind: TransactionKind, amount: int) -> None:
    """The order's caches: authorized less voided, captured, given back."""
    match kind:
        case TransactionKind.authorization:
            order.authorized += amount
        case TransactionKind.void:
            order.authorized -= amount
        case TransactionKind.capture:
            order.paid += amount
        case TransactionKind.refund | TransactionKind.chargeback:
            order.refunded += amount
        case TransactionKind.refund_reversal | TransactionKind.chargeback_reversal:
            order.refunded -= amount


def sides_of(kind: TransactionKind, provider: str) -> tuple[Side, Side] | None:
    """The accounts that such a movement of a provider's goes between; nothing for what moves no money."""
    place = LIABILITIES.get(provider, LedgerAccount.clearing)
    match kind:
        case TransactionKind.capture:
            return Side(place, 1), Side(LedgerAccount.receivables, -1)
        case TransactionKind.refund:
            return Side(place, -1), Side(LedgerAccount.receivables, 1)
        case TransactionKind.refund_reversal:
            return Side(place, 1), Side(LedgerAccount.receivables, -1)
        case TransactionKind.chargeback:
            return Side(place, -1), Side(LedgerAccount.chargebacks, 1)
        case TransactionKind.chargeback_reversal:
            return Side(place, 1), Side(LedgerAccount.chargebacks, -1)
        case _:
            return None
