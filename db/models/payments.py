"""Payments: what was promised, taken and given back, and the double-entry ledger behind it.

The transactions are the truth, the amounts on a payment and on its order are their caches. Amounts are minor units of the
payment's currency. No card number is ever stored.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import many, minor_units, one
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.customers import Customer
    from db.models.orders import Order


class PaymentMethod(StrEnum):
    card = "card"
    paypal = "paypal"
    bank_transfer = "bank_transfer"
    direct_debit = "direct_debit"
    cash = "cash"
    invoice = "invoice"
    gift_card = "gift_card"
    store_credit = "store_credit"
    marketplace = "marketplace"
    other = "other"


class PaymentStatus(StrEnum):
    pending = "pending"
    requires_action = "requires_action"
    authorized = "authorized"
    partially_captured = "partially_captured"
    captured = "captured"
    partially_refunded = "partially_refunded"
    refunded = "refunded"
    voided = "voided"
    expired = "expired"
    failed = "failed"
    cancelled = "cancelled"
    disputed = "disputed"
    won = "won"
    lost = "lost"


class TransactionKind(StrEnum):
    authorization = "authorization"
    capture = "capture"
    void = "void"
    refund = "refund"
    refund_reversal = "refund_reversal"  # it did not arrive: the provider has the money again
    chargeback = "chargeback"
    chargeback_reversal = "chargeback_reversal"


class TransactionOutcome(StrEnum):
    pending = "pending"
    succeeded = "succeeded"
    failed = "failed"


class LedgerAccount(StrEnum):
    """`clearing` is money at the providers and the bank, `receivables` what customers owe (below zero: what they have prepaid),
    `store_credit` and `gift_cards` what the shop owes for them, `fees` what providers kept of their payouts, `goodwill` what it
    gave away."""

    clearing = "clearing"
    receivables = "receivables"
    store_credit = "store_credit"
    gift_cards = "gift_cards"
    chargebacks = "chargebacks"
    fees = "fees"
    goodwill = "goodwill"
    opening = "opening"


class DisputeStatus(StrEnum):
    needs_response = "needs_response"
    under_review = "under_review"
    won = "won"
    lost = "lost"


class PayoutStatus(StrEnum):
    in_transit = "in_transit"
    paid = "paid"
    failed = "failed"


class PaymentLinkStatus(StrEnum):
    pending = "pending"  # the provider is being asked for it
    open = "open"
    paid = "paid"
    expired = "expired"
    void = "void"  # what it asks for is not due any more
    failed = "failed"


class CreditReason(StrEnum):
    """Why credit was given, or taken."""

    goodwill = "goodwill"
    refund = "refund"  # given instead of money
    sold = "sold"  # a gift card that was paid for
    opening = "opening"  # owed since before the shop was here
    spent = "spent"
    returned = "returned"  # what was paid with it comes back
    correction = "correction"


ELSEWHERE = (
    "import"  # the provider of money that came before the shop was here: what is still done with it is done by hand
)
CREDIT = (PaymentMethod.gift_card, PaymentMethod.store_credit)  # paid from what the shop owes; no provider is asked


_OVER = frozenset({PaymentStatus.failed, PaymentStatus.cancelled})
_KEPT = frozenset({PaymentStatus.captured, PaymentStatus.partially_captured})
_LIVE = text("status in ('pending', 'open')")


class SavedMethod(Tenant, Referenced, Versioned, Base):
    """A way of paying that can be used again: a card by its brand, last digits and the provider's token; a gift card; store credit.

    `balance` is what is left of credit, in minor units: a cache of its entries. A gift card belongs to whoever has its code, of
    which only the SHA-256 is here. What was removed stays, for the payments that were made with it.
    """

    __tablename__ = "saved_methods"
    __table_args__ = referenced(
        to("customers", "customer_id"),
        unique("code_digest"),
        unique("provider", "token"),
        index("customer_id", "id"),
        CheckConstraint(
            "(method in ('gift_card', 'store_credit')) = (balance is not null)", name="credit_has_a_balance"
        ),
        CheckConstraint("balance >= 0", name="balance_is_not_negative"),
        CheckConstraint("customer_id is not null or method = 'gift_card'", name="whose"),
    )

    customer_id: Mapped[uuid.UUID | None]
    method: Mapped[PaymentMethod] = mapped_column(one_of(PaymentMethod, "method"))
    brand: Mapped[str | None]
    last_four: Mapped[str | None]
    currency: Mapped[str]
    balance: Mapped[int | None]
    provider: Mapped[str | None]
    token: Mapped[str | None]
    code_digest: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    customer: Mapped["Customer | None"] = one("SavedMethod", "customer_id", "Customer")


class CreditEntry(Tenant, Base):
    """Credit that was given (above zero) or taken; the sum of a method's entries is its balance. Append-only.

    `journal_id` is the ledger's side of it.
    """

    __tablename__ = "credit_entries"
    __table_args__ = (
        to("saved_methods", "saved_method_id"),
        to("orders", "order_id"),
        index("saved_method_id", "id"),
        CheckConstraint("amount <> 0", name="amount"),
    )

    saved_method_id: Mapped[uuid.UUID]
    journal_id: Mapped[uuid.UUID]
    amount: Mapped[int]
    reason: Mapped[CreditReason] = mapped_column(one_of(CreditReason, "reason"))
    order_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]

    saved_method: Mapped[SavedMethod] = one("CreditEntry", "saved_method_id", "SavedMethod")
    order: Mapped["Order | None"] = one("CreditEntry", "order_id", "Order")


class Payment(Tenant, Referenced, Versioned, Stateful, Base):
    """One tender of an order. `captured` never passes what is authorized and not voided, `refunded` never what was captured.

    Money taken at once (cash, a transfer) is authorized and captured in one transaction each.
    """

    __tablename__ = "payments"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("saved_methods", "saved_method_id"),
        unique("provider", "provider_reference"),
        index("order_id"),
        index("status", "id"),
        index("created_at", "id"),
        index("status", "created_at", "id"),
        index("method", "created_at", "id"),
        index("provider", "created_at", "id"),
        index("authorized", "id"),
        CheckConstraint("voided >= 0 and captured >= 0 and captured + voided <= authorized", name="captured"),
        CheckConstraint(
            "refunded >= 0 and charged_back >= 0 and refunded + charged_back <= captured", name="never_over_refunded"
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )
    MOVES: ClassVar[dict[PaymentStatus, frozenset[PaymentStatus]]] = {
        PaymentStatus.pending: frozenset(
            {PaymentStatus.requires_action, PaymentStatus.authorized, PaymentStatus.captured} | _OVER
        ),
        PaymentStatus.requires_action: frozenset({PaymentStatus.authorized, PaymentStatus.captured} | _OVER),
        PaymentStatus.authorized: frozenset(
            {PaymentStatus.partially_captured, PaymentStatus.captured, PaymentStatus.voided, PaymentStatus.expired}
            | _OVER
        ),
        PaymentStatus.partially_captured: frozenset(
            {PaymentStatus.captured, PaymentStatus.partially_refunded, PaymentStatus.refunded, PaymentStatus.disputed}
        ),
        PaymentStatus.captured: frozenset(
            {PaymentStatus.partially_refunded, PaymentStatus.refunded, PaymentStatus.disputed}
        ),
        PaymentStatus.partially_refunded: _KEPT | {PaymentStatus.refunded, PaymentStatus.disputed},
        PaymentStatus.disputed: frozenset({PaymentStatus.won, PaymentStatus.lost}),
        # Disputed again: by another dispute.
        PaymentStatus.won: frozenset(
            {PaymentStatus.partially_refunded, PaymentStatus.refunded, PaymentStatus.disputed}
        ),
        PaymentStatus.refunded: _KEPT | {PaymentStatus.partially_refunded},  # a refund that did not arrive
        PaymentStatus.lost: frozenset(),
        PaymentStatus.voided: frozenset(),
        PaymentStatus.expired: frozenset(),
        PaymentStatus.failed: frozenset(),
        PaymentStatus.cancelled: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    status: Mapped[PaymentStatus] = mapped_column(one_of(PaymentStatus, "status"))
    method: Mapped[PaymentMethod] = mapped_column(one_of(PaymentMethod, "method"))
    method_label: Mapped[str | None]
    saved_method_id: Mapped[uuid.UUID | None]
    provider: Mapped[str]
    provider_reference: Mapped[str | None]
    currency: Mapped[str]
    authorized: Mapped[int] = minor_units()
    captured: Mapped[int] = minor_units()
    voided: Mapped[int] = minor_units()
    refunded: Mapped[int] = minor_units()
    charged_back: Mapped[int] = minor_units()

    order: Mapped["Order"] = one("Payment", "order_id", "Order", "payments")
    saved_method: Mapped[SavedMethod | None] = one("Payment", "saved_method_id", "SavedMethod")
    transactions: Mapped[list["PaymentTransaction"]] = many(
        "PaymentTransaction", "payment_id", "Payment", "payment", order_by="PaymentTransaction.id"
    )


class PaymentTransaction(Tenant, Base):
    """One thing that was asked of a provider, or told by it, and how it ended. Append-only; only `succeeded` ones count.

    The provider's own reference appears once; a pending row has none yet, and another row records its end. `saved_method_id` is
    where a refund went, if that was not the payment's own way.
    """

    __tablename__ = "payment_transactions"
    __table_args__ = (
        to("payments", "payment_id"),
        to("orders", "order_id"),
        to("saved_methods", "saved_method_id"),
        unique("provider", "provider_reference"),
        index("payment_id", "id"),
        index("order_id", "id"),
        index("occurred_at", "id"),
        CheckConstraint("amount >= 0", name="amount_is_not_negative"),
    )

    payment_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    kind: Mapped[TransactionKind] = mapped_column(one_of(TransactionKind, "kind"))
    outcome: Mapped[TransactionOutcome] = mapped_column(one_of(TransactionOutcome, "outcome"))
    amount: Mapped[int]
    currency: Mapped[str]
    provider: Mapped[str]
    provider_reference: Mapped[str | None]
    reason: Mapped[str | None]
    saved_method_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]

    payment: Mapped[Payment] = one("PaymentTransaction", "payment_id", "Payment", "transactions")
    order: Mapped["Order"] = one("PaymentTransaction", "order_id", "Order")
    saved_method: Mapped[SavedMethod | None] = one("PaymentTransaction", "saved_method_id", "SavedMethod")


class ProviderEvent(Tenant, Base):
    """What a provider told by itself, once each. One whose payment is not known yet waits for it: its `payment_id` is null."""

    __tablename__ = "provider_events"
    __table_args__ = (
        to("payments", "payment_id"),
        unique("provider", "event"),
        index("provider", "provider_reference"),
    )

    provider: Mapped[str]
    event: Mapped[str]
    happened: Mapped[str]
    provider_reference: Mapped[str | None]
    payment_id: Mapped[uuid.UUID | None]
    told: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]

    payment: Mapped[Payment | None] = one("ProviderEvent", "payment_id", "Payment")


class PaymentLink(Tenant, Referenced, Versioned, Stateful, Base):
    """A page of a provider's on which the customer pays what is open of an order: one at a time, for the amount that is due.

    What comes through it becomes a payment once the provider tells of it, late too: a link that is over may still be paid.
    """

    __tablename__ = "payment_links"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("payments", "payment_id"),
        unique("provider", "provider_reference"),
        index("order_id"),
        index("payment_id"),
        index("status", "expires_at"),
        Index("uq_payment_links_one_alive", "merchant_id", "order_id", unique=True, postgresql_where=_LIVE),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(status = 'paid') = (payment_id is not null)", name="paid_by_a_payment"),
    )
    MOVES: ClassVar[dict[PaymentLinkStatus, frozenset[PaymentLinkStatus]]] = {
        PaymentLinkStatus.pending: frozenset(
            {PaymentLinkStatus.open, PaymentLinkStatus.failed, PaymentLinkStatus.void, PaymentLinkStatus.paid}
        ),
        PaymentLinkStatus.open: frozenset({PaymentLinkStatus.paid, PaymentLinkStatus.expired, PaymentLinkStatus.void}),
        PaymentLinkStatus.expired: frozenset({PaymentLinkStatus.paid}),
        PaymentLinkStatus.void: frozenset({PaymentLinkStatus.paid}),
        PaymentLinkStatus.paid: frozenset(),
        PaymentLinkStatus.failed: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID | None]
    status: Mapped[PaymentLinkStatus] = mapped_column(one_of(PaymentLinkStatus, "status"))
    provider: Mapped[str]
    provider_reference: Mapped[str | None]
    url: Mapped[str | None]
    amount: Mapped[int]
    currency: Mapped[str]
    expires_at: Mapped[datetime]

    order: Mapped["Order"] = one("PaymentLink", "order_id", "Order")
    payment: Mapped[Payment | None] = one("PaymentLink", "payment_id", "Payment")


class Dispute(Tenant, Referenced, Versioned, Stateful, Base):
    """A customer's bank wants the money of a payment back. It is charged back when the dispute is lost."""

    __tablename__ = "disputes"
    __table_args__ = referenced(
        to("payments", "payment_id"),
        to("orders", "order_id"),
        unique("provider", "provider_reference"),
        index("payment_id"),
        index("status", "id"),
        CheckConstraint("amount > 0", name="amount"),
    )
    MOVES: ClassVar[dict[DisputeStatus, frozenset[DisputeStatus]]] = {
        DisputeStatus.needs_response: frozenset({DisputeStatus.under_review, DisputeStatus.won, DisputeStatus.lost}),
        DisputeStatus.under_review: frozenset({DisputeStatus.won, DisputeStatus.lost}),
        DisputeStatus.won: frozenset(),
        DisputeStatus.lost: frozenset(),
    }

    payment_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    status: Mapped[DisputeStatus] = mapped_column(one_of(DisputeStatus, "status"))
    provider: Mapped[str]
    provider_reference: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    due_by: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]

    payment: Mapped[Payment] = one("Dispute", "payment_id", "Payment")
    order: Mapped["Order"] = one("Dispute", "order_id", "Order")


class Payout(Tenant, Referenced, Stateful, Base):
    """Money that a provider sent to the bank: what it took, less what it gave back and its fees."""

    __tablename__ = "payouts"
    __table_args__ = referenced(unique("provider", "provider_reference"), index("arrives_at", "id"))
    MOVES: ClassVar[dict[PayoutStatus, frozenset[PayoutStatus]]] = {
        PayoutStatus.in_transit: frozenset({PayoutStatus.paid, PayoutStatus.failed}),
        PayoutStatus.paid: frozenset({PayoutStatus.failed}),
        PayoutStatus.failed: frozenset(),
    }

    provider: Mapped[str]
    provider_reference: Mapped[str]
    status: Mapped[PayoutStatus] = mapped_column(one_of(PayoutStatus, "status"))
    amount: Mapped[int]
    fees: Mapped[int] = minor_units()
    currency: Mapped[str]
    arrives_at: Mapped[datetime]


class ManualRequest(Tenant, Base):
    """What the provider `manual` was asked and answered: its own memory, no part of the shop's books. `told` waits to be told."""

    __tablename__ = "manual_requests"
    __table_args__ = (unique("key"), index("provider_reference"), index("told_at", "id"))

    key: Mapped[str]
    deed: Mapped[str]
    provider_reference: Mapped[str | None]
    amount: Mapped[int]
    currency: Mapped[str]
    outcome: Mapped[str]
    answer: Mapped[dict[str, Any]]
    told: Mapped[list[Any]]
    told_at: Mapped[datetime | None]


class JournalEntry(Tenant, Base):
    """A line of the double-entry ledger: debits above zero, credits below; the lines of a `journal_id` sum to zero. Append-only."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        to("orders", "order_id"),
        to("payments", "payment_id"),
        index("journal_id"),
        index("account", "occurred_at"),
        index("occurred_at", "id"),
        index("order_id"),
        index("payment_id"),
        CheckConstraint("amount <> 0", name="amount"),
    )

    journal_id: Mapped[uuid.UUID]
    account: Mapped[LedgerAccount] = mapped_column(one_of(LedgerAccount, "account"))
    amount: Mapped[int]
    currency: Mapped[str]
    order_id: Mapped[uuid.UUID | None]
    payment_id: Mapped[uuid.UUID | None]
    description: Mapped[str]
    occurred_at: Mapped[datetime]

    order: Mapped["Order | None"] = one("JournalEntry", "order_id", "Order")
    payment: Mapped[Payment | None] = one("JournalEntry", "payment_id", "Payment")
