"""Credit that a shop owes: store credit and gift cards. Each is a ledger, whose sum never falls below zero.

Other rooms call these within their own transaction: `give_credit` for a gift of the shop, `refund_as_credit` for what an order's
payments hold, `spend` to pay with it, `give_back` for what was paid with it. Locks are taken in the order order, payments,
customer, credit.
"""

import uuid
from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import select

from db.model import new_id
from db.models.customers import Customer
from db.models.orders import Order
from db.models.payments import (
    CREDIT,
    CreditEntry,
    CreditReason,
    LedgerAccount,
    Payment,
    PaymentMethod,
    PaymentStatus,
    SavedMethod,
    TransactionKind,
)
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Result
from tools.contract.errors import Conflict
from tools.rules.books import LIABILITIES, Side, journal, record

# Where what is given comes from, and what is taken goes to.
_AGAINST = {
    CreditReason.goodwill: LedgerAccount.goodwill,
    CreditReason.correction: LedgerAccount.goodwill,
    CreditReason.sold: LedgerAccount.clearing,
    CreditReason.opening: LedgerAccount.opening,
    CreditReason.refund: LedgerAccount.receivables,
    CreditReason.spent: LedgerAccount.receivables,
    CreditReason.returned: LedgerAccount.receivables,
}
MOST = 10**12  # minor units on one balance


class NotEnoughCredit(Conflict):
    """Nobody has less credit than none."""

    hint = "Take no more than there is; list_payment_methods shows it."


class Credit(Result):
    """Credit that was given, or taken."""

    method: str = Field(description="What it is on, such as `PM-12`.")
    amount: Money = Field(description="How much, in minor units; below zero where it was taken.")
    balance: Money = Field(description="What is on it now, in minor units.")


async def give_credit(
    ctx: Context,
    customer: Customer,
    money: Money,
    reason: CreditReason = CreditReason.goodwill,
    *,
    order: Order | None = None,
) -> Credit:
    """Give a customer store credit in a currency, or take some where the amount is below zero. Raises `NotEnoughCredit`.

    It says on the card what it does, and counts as money that moves.
    """
    held = await store_credit(ctx, customer, money.currency)
    credit = await give_on(ctx, held, money.amount, reason, order=order)
    ctx.moves_money(money)
    gets, much = (
        ("gets", money) if money.amount > 0 else ("loses", Money(amount=-money.amount, currency=money.currency))
    )
    ctx.tell(
        f"{customer.name} ({customer.reference}) {gets} {much} of store credit ({words.word(reason)}): "
        f"{credit.balance} from now on."
    )
    return credit


async def give_on(
    ctx: Context,
    held: SavedMethod,
    amount: int,
    reason: CreditReason,
    *,
    order: Order | None = None,
) -> Credit:
    """The same on credit that is known and locked, with the ledger's side of it, and without a word on the card."""
    journal_id = new_id()
    sides = Side(LIABILITIES[held.method], -1), Side(_AGAINST[reason], 1)
    journal(
        ctx, journal_id, sides, amount, held.currency, f"{words.word(reason)} on {held.reference}",
        order_id=order.id if order else None,
    )  # fmt: skip
    return _enter(ctx, held, amount, reason, journal_id, order_id=order.id if order else None)


async def refund_as_credit(
    ctx: Context, order: Order, customer: Customer, payments: Sequence[tuple[Payment, int]]
) -> Credit | None:
    """Give so much of each payment back as store credit: nothing goes to a provider. None where nothing was to be given.

    The payments are locked and the amounts what they hold: see `tools.rules.refunds.tenders`.
    """
    credit: Credit | None = None
    total = sum(amount for _, amount in payments)
    for payment, amount in payments:
        if amount:
            held = await store_credit(ctx, customer, payment.currency)
            credit = await onto_credit(ctx, order, payment, held, amount)
    if credit is None:
        return None
    money = Money(amount=total, currency=order.currency)
    ctx.moves_money(money)
    ctx.tell(f"{customer.name} ({customer.reference}) gets {money} as store credit: {credit.balance} from now on.")
    return Credit(method=credit.method, amount=money, balance=credit.balance)


async def onto_credit(ctx: Context, order: Order, payment: Payment, held: SavedMethod, amount: int) -> Credit:
    """So much of a payment goes onto credit that is locked, instead of the way it came."""
    done = record(
        ctx, order, payment, TransactionKind.refund, amount, provider=held.method.value, reason=held.method.value,
        saved_method_id=held.id,
    )  # fmt: skip
    return _enter(ctx, held, amount, CreditReason.refund, done.id, order_id=order.id)


async def spend(ctx: Context, order: Order, held: SavedMethod, amount: int) -> Payment:
    """Pay so much of an order with credit that is locked: taken at once, for it is the shop's own. Raises `NotEnoughCredit`."""
    refuse_short(held, amount)
    payment = await ctx.add(
        Payment, order_id=order.id, status=PaymentStatus.pending, method=held.method, saved_method_id=held.id,
        method_label=held.reference, provider=held.method.value, currency=order.currency,
        authorized=0, captured=0, voided=0, refunded=0, charged_back=0,
    )  # fmt: skip
    payment.id = payment.id or new_id()
    record(ctx, order, payment, TransactionKind.authorization, amount)
    done = record(ctx, order, payment, TransactionKind.capture, amount)
    _enter(ctx, held, -amount, CreditReason.spent, done.id, order_id=order.id)
    return payment


async def give_back(ctx: Context, order: Order, payment: Payment, amount: int) -> Credit:
    """What was paid with credit is on it again: a refund that no provider is asked for. Order and payment are locked."""
    held = await ctx.db.get_one(
        SavedMethod,
        (ctx.merchant.id, payment.saved_method_id),
        with_for_update={"key_share": True},
        populate_existing=True,
    )
    done = record(ctx, order, payment, TransactionKind.refund, amount, provider=held.method.value)
    return _enter(ctx, held, amount, CreditReason.returned, done.id, order_id=order.id)


def paid_with_credit(payment: Payment) -> bool:
    """Whether what was paid goes back onto credit of ours."""
    return payment.method in CREDIT and payment.saved_method_id is not None


def refuse_short(held: SavedMethod, amount: int) -> None:
    """Raise `NotEnoughCredit` where less than the amount is on it."""
    if (held.balance or 0) < amount:
        left, asked = words.money(held.balance or 0, held.currency), words.money(amount, held.currency)
        raise NotEnoughCredit(f"{held.reference} has {left}, and {asked} were to be taken.", balance=held.balance)


async def store_credit(ctx: Context, customer: Customer, currency: str) -> SavedMethod:
    """The customer's store credit in a currency, locked; the first time it is made. The customer's row keeps two from making it."""
    await ctx.sql.flush()  # what this very call has given is read, too
    await ctx.db.get_one(Customer, (ctx.merchant.id, customer.id), with_for_update={"key_share": True})
    query = select(SavedMethod).where(
        SavedMethod.merchant_id == ctx.merchant.id,
        SavedMethod.customer_id == customer.id,
        SavedMethod.method == PaymentMethod.store_credit,
        SavedMethod.currency == currency,
        SavedMethod.removed_at.is_(None),
    )
    locked = query.order_by(SavedMethod.id).limit(1).with_for_update(key_share=True)
    found = (await ctx.db.scalars(locked.execution_options(populate_existing=True))).first()
    return found or await ctx.add(
        SavedMethod, customer_id=customer.id, method=PaymentMethod.store_credit, currency=currency, balance=0
    )


def _enter(
    ctx: Context, held: SavedMethod, amount: int, reason: CreditReason, journal_id: uuid.UUID, *,
    order_id: uuid.UUID | None,
) -> Credit:  # fmt: skip
    """An entry, and the balance that is kept of them."""
    if amount < 0:
        refuse_short(held, -amount)
    balance = (held.balance or 0) + amount
    if balance > MOST:
        raise NotEnoughCredit(f"{held.reference} would have {words.money(balance, held.currency)}: more than can be.")
    ctx.edit(held, None, balance=balance)
    ctx.new(
        CreditEntry, saved_method_id=held.id, journal_id=journal_id, amount=amount, reason=reason, order_id=order_id,
        actor=ctx.actor.reference, occurred_at=ctx.now(),
    )  # fmt: skip
    ctx.event(
        "credited" if amount > 0 else "debited", held, order_id=order_id, amount=abs(amount), currency=held.currency,
        reason=reason,
    )  # fmt: skip
    return Credit(
        method=held.reference,
        amount=Money(amount=amount, currency=held.currency),
        balance=Money(amount=balance, currency=held.currency),
    )
