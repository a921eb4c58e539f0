"""The demo shop's payments: authorized, captured, voided, given back, each in the ledger."""

from datetime import datetime, timedelta

from db.models.orders import HoldReason
from db.models.payments import (
    JournalEntry,
    LedgerAccount,
    ManualRequest,
    Payment,
    PaymentMethod,
    PaymentStatus,
    PaymentTransaction,
    TransactionKind,
    TransactionOutcome,
)
from db.seed.demo_events import event
from db.seed.demo_orders import Sale
from db.seed.draft import ACTOR, Draft, Row

PROVIDER = "manual"
LABELS = {
    PaymentMethod.card: ("Visa ending 4242", "Mastercard ending 4444", "Visa ending 0077"),
    PaymentMethod.paypal: ("PayPal",),
}
CACHES = {
    TransactionKind.authorization: "authorized",
    TransactionKind.capture: "captured",
    TransactionKind.void: "voided",
    TransactionKind.refund: "refunded",
}
DEEDS = {
    TransactionKind.authorization: "authorize", TransactionKind.capture: "capture", TransactionKind.void: "void",
    TransactionKind.refund: "refund",
}  # fmt: skip
REMEMBERED = timedelta(days=35)  # for which the provider has its own list, to be compared with the shop's


def pay(draft: Draft, sale: Sale) -> Row:
    """The sale's payment, with all that happened to it."""
    rng, total = draft.random, sale.row["total"]
    payment = draft.add(
        Payment, sale.at, order_id=sale.row["id"], status=PaymentStatus.pending, method=sale.method, currency="EUR",
        method_label=rng.choice(LABELS.get(sale.method, (None,))), provider=PROVIDER, provider_reference=f"demo-{sale.serial}",
    )  # fmt: skip
    if sale.paid_at is None or (sale.cancelled_at and sale.paid_at > sale.cancelled_at):
        if sale.stopped_at:
            payment.update(status=PaymentStatus.cancelled, updated_at=sale.stopped_at)
            event(draft, sale.row, "cancelled", sale.stopped_at, subject=("payment", payment))
        return payment
    if sale.method is PaymentMethod.card and rng.random() < 0.03:
        record(draft, sale, payment, TransactionKind.authorization, total, sale.at, "insufficient_funds")
    record(draft, sale, payment, TransactionKind.authorization, total, sale.paid_at)
    payment["status"] = PaymentStatus.authorized
    if sale.held is HoldReason.fraud_review:
        return payment
    if sale.cancelled_at and rng.random() < 0.3:
        record(draft, sale, payment, TransactionKind.void, total, sale.cancelled_at)
        payment["status"] = PaymentStatus.voided
        return payment
    record(draft, sale, payment, TransactionKind.capture, total, sale.paid_at)
    payment["status"] = PaymentStatus.captured
    if sale.cancelled_at:
        refund(draft, sale, payment, total, sale.cancelled_at, "order_cancelled")
    elif sale.row["status"] == "completed" and rng.random() < 0.006:
        refund(draft, sale, payment, 500, min(sale.row["completed_at"] + timedelta(days=2), draft.now), "goodwill")
    return payment


def refund(draft: Draft, sale: Sale, payment: Row, amount: int, at: datetime, reason: str) -> int:
    """Give back, as far as there is something left; returns how much."""
    amount = min(amount, payment["captured"] - payment["refunded"])
    if amount:
        record(draft, sale, payment, TransactionKind.refund, amount, at, reason)
        whole = payment["refunded"] == payment["captured"]
        payment["status"] = PaymentStatus.refunded if whole else PaymentStatus.partially_refunded
    return amount


def record(
    draft: Draft, sale: Sale, payment: Row, kind: TransactionKind, amount: int, at: datetime, reason: str | None = None
) -> None:
    """A transaction with its provider; what succeeded is on the payment, on the order and in the ledger."""
    failed = kind is TransactionKind.authorization and reason is not None
    draft.add(
        PaymentTransaction, at, payment_id=payment["id"], order_id=sale.row["id"], kind=kind, amount=amount, currency="EUR",
        outcome=TransactionOutcome.failed if failed else TransactionOutcome.succeeded, provider=PROVIDER,
        provider_reference=f"demo-{len(draft.rows['payment_transactions']) + 1}", reason=reason, actor=ACTOR, occurred_at=at,
    )  # fmt: skip
    if failed:
        return
    if at > draft.now - REMEMBERED and kind in DEEDS:
        _remember(draft, payment, kind, amount, at)
    payment[CACHES[kind]] += amount
    payment["updated_at"] = sale.row["updated_at"] = max(at, sale.row["updated_at"])
    sale.row["authorized"] = payment["authorized"] - payment["voided"]
    sale.row["paid"], sale.row["refunded"] = payment["captured"], payment["refunded"]
    if kind in (TransactionKind.capture, TransactionKind.refund):
        event(draft, sale.row, CACHES[kind], at, subject=("payment", payment), amount=amount, currency="EUR")
        _book(draft, sale, payment, kind, amount, at)


def _remember(draft: Draft, payment: Row, kind: TransactionKind, amount: int, at: datetime) -> None:
    """The provider's own record of the last transaction."""
    name = draft.rows["payment_transactions"][-1]["provider_reference"]
    answer = {"outcome": "succeeded", "reference": payment["provider_reference"], "transaction": name}
    draft.add(
        ManualRequest, at, key=name, deed=DEEDS[kind], provider_reference=payment["provider_reference"], amount=amount,
        currency="EUR", outcome="succeeded", answer=answer, told=[], told_at=at,
    )  # fmt: skip


def _book(draft: Draft, sale: Sale, payment: Row, kind: TransactionKind, amount: int, at: datetime) -> None:
    sign = 1 if kind is TransactionKind.capture else -1
    journal = draft.id(at)
    for account, value in ((LedgerAccount.clearing, sign * amount), (LedgerAccount.receivables, -sign * amount)):
        draft.add(
            JournalEntry, at, journal_id=journal, account=account, amount=value, currency="EUR", order_id=sale.row["id"],
            payment_id=payment["id"], description=f"{kind} of {payment['reference']}", occurred_at=at,
        )  # fmt: skip
