"""What stands beside the demo shop's payments: saved cards, gift cards, store credit, disputes, payouts."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from db.models.payments import (
    CreditEntry,
    CreditReason,
    Dispute,
    DisputeStatus,
    JournalEntry,
    LedgerAccount,
    PaymentMethod,
    PaymentStatus,
    Payout,
    PayoutStatus,
    SavedMethod,
)
from db.seed.demo_events import event
from db.seed.demo_money import PROVIDER
from db.seed.demo_orders import Sale
from db.seed.draft import ACTOR, Draft, Row

# How much, in which currency's cents, since how many days; and what was given as a gesture.
GIFT_CARDS = ((5_000, 40), (2_500, 33), (10_000, 12), (3_000, 5))
GESTURES = ((1_000, 48), (500, 21), (1_500, 9), (800, 2))
DISPUTES = (
    (DisputeStatus.needs_response, "fraudulent", 6),
    (DisputeStatus.needs_response, "product_not_received", 12),
    (DisputeStatus.under_review, "product_unacceptable", 25),
    (DisputeStatus.won, "duplicate", 60),
)
ANSWER_WITHIN = timedelta(days=9)
WEEKS = 8
FEE = 0.014


def write_credit(draft: Draft, sales: Sequence[tuple[Sale, Row]]) -> None:
    """Drawn by itself, so that the rest of the shop stays as it is."""
    rng = random.Random("credit")
    buyers = {sale.buyer.customer["id"]: sale.buyer.customer for sale, _ in sales[-400:]}
    customers = list(buyers.values())
    for customer in rng.sample(customers, min(40, len(customers))):
        _save_card(draft, rng, customer)
    for amount, days in GIFT_CARDS:
        card = _credit(draft, PaymentMethod.gift_card, None, days)
        card.update(code_digest=hashlib.sha256(card["reference"].encode()).hexdigest(), last_four=f"7K{days:02}")
        _give(draft, card, amount, CreditReason.sold)
    for (amount, days), customer in zip(GESTURES, customers, strict=False):
        _give(draft, _credit(draft, PaymentMethod.store_credit, customer, days), amount, CreditReason.goodwill)
    _dispute(draft, sales)
    _pay_out(draft)


def _save_card(draft: Draft, rng: random.Random, customer: Row) -> None:
    at = max(customer["created_at"], draft.now - timedelta(days=200))
    brand, last = rng.choice((("Visa", "4242"), ("Mastercard", "4444"), ("Visa", "0077")))
    draft.add(
        SavedMethod, at, customer_id=customer["id"], method=PaymentMethod.card, brand=brand, last_four=last,
        currency="EUR", provider=PROVIDER, token=f"tok_ok_{customer['reference']}",
    )  # fmt: skip


def _credit(draft: Draft, method: PaymentMethod, customer: Row | None, days: int) -> Row:
    return draft.add(
        SavedMethod, draft.now - timedelta(days=days), customer_id=customer["id"] if customer else None, method=method,
        currency="EUR", balance=0,
    )  # fmt: skip


def _give(draft: Draft, held: Row, amount: int, reason: CreditReason) -> None:
    at: datetime = held["created_at"]
    gift = held["method"] is PaymentMethod.gift_card
    owed = LedgerAccount.gift_cards if gift else LedgerAccount.store_credit
    against = LedgerAccount.clearing if reason is CreditReason.sold else LedgerAccount.goodwill
    journal = _journal(draft, at, ((owed, -amount), (against, amount)), f"{reason} on {held['reference']}")
    draft.add(
        CreditEntry, at, saved_method_id=held["id"], journal_id=journal, amount=amount, reason=reason, order_id=None,
        actor=ACTOR, occurred_at=at,
    )  # fmt: skip
    held["balance"] += amount


def _journal(draft: Draft, at: datetime, sides: Sequence[tuple[LedgerAccount, int]], description: str) -> str:
    journal = draft.id(at)
    for account, value in sides:
        draft.add(
            JournalEntry, at, journal_id=journal, account=account, amount=value, currency="EUR", order_id=None,
            payment_id=None, description=description, occurred_at=at,
        )  # fmt: skip
    return journal


def _dispute(draft: Draft, sales: Sequence[tuple[Sale, Row]]) -> None:
    """Orders of some days ago, paid by card and arrived."""
    for status, reason, days in DISPUTES:
        at = draft.now - timedelta(days=days)
        fitting = (
            (sale, payment)
            for sale, payment in reversed(sales)
            if payment["status"] is PaymentStatus.captured and sale.method is PaymentMethod.card
            and sale.at < at - timedelta(days=10) and sale.row["status"] == "completed"
        )  # fmt: skip
        found = next(fitting, None)
        if found is None:
            continue
        sale, payment = found
        payment["status"] = PaymentStatus.won if status is DisputeStatus.won else PaymentStatus.disputed
        answered = None if status is DisputeStatus.needs_response else at + timedelta(days=2)
        dispute = draft.add(
            Dispute, at, payment_id=payment["id"], order_id=sale.row["id"], status=status, provider=PROVIDER,
            provider_reference=f"dp_demo_{days}", amount=payment["captured"], currency="EUR", reason=reason,
            evidence={"uncategorized_text": "Delivered, and signed for."} if answered else {}, opened_at=at,
            due_by=at + ANSWER_WITHIN, submitted_at=answered,
        )  # fmt: skip
        event(draft, sale.row, "disputed", at, subject=("payment", payment))
        event(draft, sale.row, "opened", at, subject=("dispute", dispute), amount=dispute["amount"], currency="EUR")


def _pay_out(draft: Draft) -> None:
    """What the provider took in each of the last weeks, less its fee, on the Friday after."""
    moved: dict[int, int] = defaultdict(int)
    for row in draft.rows["payment_transactions"]:
        sign = {"capture": 1, "refund": -1}.get(row["kind"], 0) if row["outcome"] == "succeeded" else 0
        moved[(draft.now - row["occurred_at"]).days // 7] += sign * row["amount"]
    for week in range(WEEKS, 0, -1):
        amount = moved[week]
        if amount <= 0:
            continue
        at = draft.now - timedelta(days=7 * week - 2)
        fees = round(amount * FEE)
        payout = draft.add(
            Payout, at, provider=PROVIDER, provider_reference=f"po_demo_{week}", amount=amount - fees, fees=fees,
            currency="EUR", arrives_at=at + timedelta(days=3),
            status=PayoutStatus.in_transit if at + timedelta(days=3) > draft.now else PayoutStatus.paid,
        )  # fmt: skip
        sides = (LedgerAccount.fees, fees), (LedgerAccount.clearing, -fees)
        _journal(draft, at, sides, f"fees of {payout['reference']}")
