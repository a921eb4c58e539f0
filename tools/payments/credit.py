"""Store credit and gift cards, given by hand. A gift card belongs to whoever has its code, which is shown once."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from db.models.payments import CreditReason, PaymentMethod, SavedMethod
from db.money import Currency, Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Invalid, NotFound
from tools.contract.fields import CustomerRef, Delta, Hint, MinorUnits, SecretText, Synonyms, UntrustedText
from tools.payments.methods import CustomerGone, customer_to_pay
from tools.rules.credit import Credit, NotEnoughCredit, give_credit, give_on

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that is read as something else
REASONS = Synonyms(
    {
        "goodwill": ("apology", "sorry", "broken", "late", "present", "gift", "compensation", "geste", "Kulanz"),
        "correction": ("mistake", "fix", "adjustment"),
        "sold": ("bought", "paid for", "sale"),
        "refund": ("instead of money",),
    }
)
GiftCardRef = Annotated[str, StringConstraints(min_length=1, max_length=60), Hint("code")]


class NothingToGive(Invalid):
    """Some credit, and not none; a gift card begins above zero."""

    hint = "Give an amount in minor units: 1500 is 15.00 EUR."


class ReasonIsNotByHand(Invalid):
    """Some reasons stand for what other operations do."""

    hint = "Use goodwill or correction; for a gift card that was paid for, sold."


class IssueStoreCredit(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    amount: Delta = Field(description="Minor units of the currency; below zero to take credit away.")
    currency: Currency | None = Field(default=None, description="The currency; omit for the shop's own.")
    reason: Annotated[CreditReason, REASONS] = Field(
        default=CreditReason.goodwill, description="Goodwill, or correction of a mistake."
    )


class IssueGiftCard(Input):
    amount: MinorUnits = Field(gt=0, le=10**10, description="What is on it, in minor units of the currency.")
    currency: Currency | None = Field(default=None, description="The currency; omit for the shop's own.")
    reason: Annotated[CreditReason, REASONS] = Field(
        default=CreditReason.goodwill, description="Goodwill, or sold where it was paid for."
    )
    customer: CustomerRef | None = Field(
        default=None, description="Whom it is for; it may be spent by whoever has its code."
    )
    valid_days: int | None = Field(default=None, ge=1, le=3650, description="Days until it expires; omit for never.")


class GetGiftCard(Input):
    card: GiftCardRef = Field(description="Its code, or its reference such as `PM-12`.")


class GiftCardIssued(Result):
    """A new gift card. Its code is shown this once."""

    reference: str = Field(description="The card's reference, such as `PM-12`.")
    code: SecretText = Field(description="What the holder pays with; shown once.")
    balance: Money = Field(description="What is on it, in minor units.")
    expires_at: datetime | None = Field(description="Until when it can be used, UTC.")


class CreditLine(Result):
    """Credit that was given, or taken."""

    occurred_at: datetime = Field(description="When, UTC.")
    amount: Money = Field(description="How much, in minor units; below zero where it was taken.")
    reason: CreditReason = Field(description="Why.")
    order: str | None = Field(description="The order that it is about.")
    by: str = Field(description="Who did it.")


class GiftCard(Result):
    """A gift card, and what became of it."""

    reference: str = Field(description="The card's reference.")
    ends_in: UntrustedText | None = Field(description="The last four characters of its code.")
    customer: str | None = Field(description="Whom it is for, if it was said.")
    balance: Money = Field(description="What is left on it, in minor units.")
    usable: bool = Field(description="Whether it can be paid with: it is neither removed nor expired nor empty.")
    expires_at: datetime | None = Field(description="Until when it can be used, UTC.")
    issued_at: datetime = Field(description="When it was issued, UTC.")
    history: list[CreditLine] = Field(description="The last 50 entries, the newest first.")


class _Card(NamedTuple):
    reference: str
    ends_in: str | None
    customer: str | None
    balance: int
    currency: str
    removed: bool
    expires_at: datetime | None
    issued_at: datetime


class _Entry(NamedTuple):
    occurred_at: datetime
    amount: int
    reason: str
    order: str | None
    by: str


_CARD = """
select s.reference, s.last_four as ends_in, c.reference as customer, s.balance, s.currency, s.removed_at is not null as removed,
       s.expires_at, s.created_at as issued_at
from saved_methods s left join customers c on c.merchant_id = %(m)s and c.id = s.customer_id
where s.merchant_id = %(m)s and s.method = 'gift_card'
  and (s.reference = %(reference)s or s.external_reference = %(written)s or s.code_digest = %(digest)s)
"""
_ENTRIES = """
select e.occurred_at, e.amount, e.reason, o.reference as order, e.actor as by
from credit_entries e join saved_methods s on s.merchant_id = %(m)s and s.id = e.saved_method_id
left join orders o on o.merchant_id = %(m)s and o.id = e.order_id
where e.merchant_id = %(m)s and s.reference = %(reference)s order by e.id desc limit 50
"""


@tool(
    route="POST /customers/{customer}/store-credit",
    effect=Effect.money,
    permission="payments:refund",
    raises=[NotEnoughCredit, NothingToGive, ReasonIsNotByHand, CustomerGone],
    examples=[
        "Give Ana 15 euros store credit for the late parcel",
        "Take 5 euros of store credit off CUS-1001, it was a mistake",
    ],
)
async def issue_store_credit(ctx: Context, args: IssueStoreCredit) -> Credit:
    """Give a customer credit to spend in the shop, or take some away.

    Amounts are minor units. Credit is a ledger: what was given is never changed, and it never falls below zero. A refund as
    store credit is refund_payment.
    """
    if not args.amount:
        raise NothingToGive("No credit at all was to be given.")
    _refuse_reason(args.reason, CreditReason.goodwill, CreditReason.correction)
    customer = await customer_to_pay(ctx, args.customer)
    money = Money(amount=args.amount, currency=args.currency or ctx.merchant.currency)
    return await give_credit(ctx, customer, money, args.reason)


@tool(
    route="POST /gift-cards",
    effect=Effect.money,
    permission="payments:refund",
    raises=[ReasonIsNotByHand, CustomerGone],
    examples=["Issue a gift card of 50 euros, it was paid in the store", "A 20 euro gift card for Ana, as an apology"],
)
async def issue_gift_card(ctx: Context, args: IssueGiftCard) -> GiftCardIssued:
    """Make a gift card with an amount on it, and a code that is shown once.

    Amounts are minor units. Whoever has the code pays with it. The code is stored nowhere: keep it, or send it on.
    """
    _refuse_reason(args.reason, CreditReason.goodwill, CreditReason.sold)
    customer = await customer_to_pay(ctx, args.customer) if args.customer else None
    code = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    money = Money(amount=args.amount, currency=args.currency or ctx.merchant.currency)
    card = await ctx.add(
        SavedMethod, customer_id=customer.id if customer else None, method=PaymentMethod.gift_card,
        currency=money.currency, balance=0, code_digest=_digest(code), last_four=code[-4:],
        expires_at=ctx.now() + timedelta(days=args.valid_days) if args.valid_days else None,
    )  # fmt: skip
    await ctx.sql.flush()
    credit = await give_on(ctx, card, money.amount, args.reason)
    ctx.moves_money(money)
    whose = f" for {customer.name} ({customer.reference})" if customer else ""
    until = f", until {words.day(card.expires_at)}" if card.expires_at else ""
    ctx.tell(f"A gift card of {money} is issued{whose} ({words.word(args.reason)}){until}.")
    return GiftCardIssued(reference=card.reference, code=code, balance=credit.balance, expires_at=card.expires_at)


@tool(
    route="GET /gift-cards/{card}",
    effect=Effect.read,
    permission="payments:read",
    raises=[NotFound, Ambiguous],
    examples=["What is left on the gift card PM-1020?", "Look up gift card ABCD-EFGH-JKLM-NPQR"],
)
async def get_gift_card(ctx: Context, args: GetGiftCard) -> GiftCard:
    """Show what is left on a gift card and what was paid with it."""
    written = args.card.strip()
    params = {
        "m": ctx.merchant.id, "written": written, "reference": written.upper(), "digest": _digest(written.upper()),
    }  # fmt: skip
    found = await ctx.sql.rows(_CARD, params, as_=_Card)
    if not found:
        raise NotFound(f"There is no gift card {words.quoted(written)}.", hint="Give its code, or its reference PM-….")
    card = found[0]
    entries = await ctx.sql.rows(_ENTRIES, params | {"reference": card.reference}, as_=_Entry)
    over = card.removed or (card.expires_at is not None and card.expires_at <= ctx.now())
    return GiftCard(
        reference=card.reference, ends_in=card.ends_in, customer=card.customer, expires_at=card.expires_at,
        balance=Money(amount=card.balance, currency=card.currency), usable=not over and card.balance > 0,
        issued_at=card.issued_at,
        history=[
            CreditLine.model_validate(entry._asdict() | {"amount": Money(amount=entry.amount, currency=card.currency)})
            for entry in entries
        ],
    )  # fmt: skip


def _refuse_reason(reason: CreditReason, *allowed: CreditReason) -> None:
    if reason not in allowed:
        raise ReasonIsNotByHand(f"Credit for {words.word(reason)} is not given by hand.")


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
