"""Money that came in and goods that left before the shop was here: payments with their ledger, and the warehouse they left from."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from db.models.payments import (
    ELSEWHERE,
    LedgerAccount,
    PaymentMethod,
    PaymentStatus,
    TransactionKind,
    TransactionOutcome,
)
from db.references import Kind
from importers.intake import ACTOR, Intake

WAREHOUSE = "BEFORE"
_NOT_KNOWN = "Not known"


class Entry(NamedTuple):
    """Money that was captured or refunded, in minor units."""

    kind: TransactionKind
    amount: int
    at: datetime


class Tender(NamedTuple):
    """A payment of an order, with all that happened to it, in its order; `saved` is the customer's method that it was."""

    order: str
    method: PaymentMethod
    entries: Sequence[Entry]
    saved: str | None = None
    label: str | None = None

    def sum(self, kind: TransactionKind) -> int:
        return sum(entry.amount for entry in self.entries if entry.kind is kind)

    @property
    def status(self) -> PaymentStatus:
        refunded = self.sum(TransactionKind.refund)
        if not refunded:
            return PaymentStatus.captured
        whole = refunded == self.sum(TransactionKind.capture)
        return PaymentStatus.refunded if whole else PaymentStatus.partially_refunded


def write_payments(intake: Intake, tenders: Sequence[Tender], currency: str) -> None:
    """Write payments with their transactions, and the ledger's side of each. What was captured was authorized at once."""
    references = intake.references(Kind.payment, len(tenders))
    begun = [tender.entries[0].at for tender in tenders]
    ids = [intake.id(at) for at in begun]
    captured = [tender.sum(TransactionKind.capture) for tender in tenders]
    intake.add(
        "payments",
        {
            "id": ids, "order_id": [tender.order for tender in tenders], "reference": references,
            "status": [tender.status.value for tender in tenders], "method": [tender.method.value for tender in tenders],
            "method_label": [tender.label for tender in tenders], "saved_method_id": [tender.saved for tender in tenders],
            "authorized": captured, "refunded": [tender.sum(TransactionKind.refund) for tender in tenders],
            "created_at": begun,
        },
        {"provider": ELSEWHERE, "currency": currency, "updated_at": intake.now},
        {"captured": "authorized"},
    )  # fmt: skip
    authorized = [Entry(TransactionKind.authorization, amount, at) for amount, at in zip(captured, begun, strict=True)]
    moved = [
        _Moved(payment, reference, tender, entry)
        for payment, reference, tender, first in zip(ids, references, tenders, authorized, strict=True)
        for entry in (first, *tender.entries)
    ]
    _write_transactions(intake, moved, currency)
    _write_journals(intake, [row for row in moved if row.entry.kind is not TransactionKind.authorization], currency)


class _Moved(NamedTuple):
    payment: str
    reference: str
    tender: Tender
    entry: Entry


def _write_transactions(intake: Intake, moved: Sequence[_Moved], currency: str) -> None:
    intake.add(
        "payment_transactions",
        {
            "id": [intake.id(row.entry.at) for row in moved], "payment_id": [row.payment for row in moved],
            "order_id": [row.tender.order for row in moved], "kind": [row.entry.kind.value for row in moved],
            "amount": [row.entry.amount for row in moved], "occurred_at": [row.entry.at for row in moved],
        },
        {
            "outcome": TransactionOutcome.succeeded.value, "currency": currency, "provider": ELSEWHERE, "actor": ACTOR,
        },
        {"created_at": "occurred_at"},
    )  # fmt: skip


def _write_journals(intake: Intake, moved: Sequence[_Moved], currency: str) -> None:
    """Into the clearing account from what customers owe, and back."""
    moved = [row for row in moved if row.entry.amount]
    at = [row.entry.at for row in moved]
    journals = [intake.id(moment) for moment in at]
    amounts = [row.entry.amount if row.entry.kind is TransactionKind.capture else -row.entry.amount for row in moved]
    for account, sign in ((LedgerAccount.clearing, 1), (LedgerAccount.receivables, -1)):
        intake.add(
            "journal_entries",
            {
                "id": [intake.id(moment) for moment in at], "journal_id": journals, "occurred_at": at,
                "order_id": [row.tender.order for row in moved], "payment_id": [row.payment for row in moved],
                "amount": [sign * amount for amount in amounts],
                "description": [f"{row.entry.kind} of {row.reference}" for row in moved],
            },
            {"account": account.value, "currency": currency},
            {"created_at": "occurred_at"},
        )  # fmt: skip


def warehouse(intake: Intake) -> str:
    """Where goods left from before the shop was here; nothing leaves from there now."""
    found = intake.rows("select id::text from warehouses where merchant_id = %(m)s and code = %(code)s", code=WAREHOUSE)
    if found:
        return found[0][0]
    made = intake.id(intake.now)
    intake.add(
        "warehouses",
        {"id": [made], "reference": intake.references(Kind.warehouse, 1)},
        {
            "code": WAREHOUSE, "name": "Before the import", "line1": _NOT_KNOWN, "city": _NOT_KNOWN, "postcode": "",
            "country": intake.country, "active": False, "created_at": intake.now, "updated_at": intake.now,
        },
    )  # fmt: skip
    return made
