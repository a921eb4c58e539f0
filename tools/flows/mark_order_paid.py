"""Money that came by itself: a transfer on the account, cash over the counter. Payment, order and ledger agree at once."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from db.models.orders import Order, OrderStatus, PaymentState
from db.models.payments import (
    JournalEntry,
    LedgerAccount,
    Payment,
    PaymentMethod,
    PaymentStatus,
    PaymentTransaction,
    TransactionKind,
    TransactionOutcome,
)
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import Instant, MinorUnits, OrderRef
from tools.orders.shown import METHOD_WORDS
from tools.orders.status import move_by_hand
from tools.orders.wishes import Short
from tools.rules.links import keep_link_true
from tools.rules.refunds import ChargeUnderWay, Tender, refuse_while_charged, tenders
from tools.rules.told import named_order

MANUAL = "manual"  # the provider of money that nobody fetches


class OrderNotPayable(Conflict):
    """Nothing can be paid for an order that is not placed, or was called off."""

    hint = "Place a draft first (set_order_status, pending); an order that was called off has to be placed anew."


class OrderAlreadyPaid(Conflict):
    """Nothing of it is open."""

    hint = "get_order shows its payments."


class MoreThanIsOwed(Conflict):
    """More is recorded than the order still costs."""

    hint = "Record what is open, and give the rest back to the customer."


class PaymentAlreadyRecorded(Conflict):
    """The same transfer was recorded before."""

    hint = "Each transfer counts once. If it is another one, give its own reference."


class PaidInTheFuture(Invalid):
    """Money is recorded once it is there."""

    hint = "Leave `received_at` out for money that came just now."


class MarkOrderPaid(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    method: Annotated[PaymentMethod, METHOD_WORDS] | None = Field(
        default=None, description="How the money came; omit for the way that the order was to be paid, else `other`."
    )
    amount: MinorUnits | None = Field(
        default=None, gt=0, le=10**12, description="Minor units of the order's currency; omit for all that is open."
    )
    received_at: Instant | None = Field(default=None, description="When the money came, UTC; omit for now.")
    transfer: Short | None = Field(
        default=None, description="The bank's or the receipt's own reference; the same one counts once."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


class OrderPaid(Result):
    """What was recorded, and where the order stands with it."""

    reference: str = Field(description="The order's number.")
    payment: str = Field(description="The payment's reference.")
    method: PaymentMethod = Field(description="How the money came.")
    amount: Money = Field(description="What was recorded, in minor units.")
    paid: Money = Field(description="Taken from the customer so far, in minor units.")
    open: Money = Field(description="What is still to be paid, in minor units.")
    payment_state: PaymentState = Field(description="How far it is paid.")
    status: OrderStatus = Field(description="Where the order itself stands; what was waiting for payment is confirmed.")
    version: int = Field(description="Grows with each change.")


@tool(
    room="orders",
    route="POST /orders/{order}/payments/manual",
    effect=Effect.money,
    permission="payments:write",
    raises=[OrderNotPayable, OrderAlreadyPaid, MoreThanIsOwed, PaymentAlreadyRecorded, PaidInTheFuture, ChargeUnderWay],
    examples=[
        "Order 1042 has been paid by bank transfer",
        "Ana paid ORD-1017 in cash",
        "20 euros came in for ORD-1042 by transfer this morning",
    ],
)
async def mark_order_paid(ctx: Context, args: MarkOrderPaid) -> OrderPaid:
    """Record money that came for an order by itself: a transfer or cash, or a part.

    Amounts are minor units of the order's currency. A pending order that is paid in full is confirmed; one that is paid in
    part does not lapse any more. Nothing is charged by this: it says what has arrived.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    _refuse_unpayable(ctx, order, args)
    held = await tenders(ctx, order)
    refuse_while_charged(order, held)
    open_ = order.total - sum(tender.kept for tender in held)
    amount = args.amount or open_
    _refuse_amount(order, open_, amount)
    await _refuse_twice(ctx, args.transfer)

    ctx.edit(order, args.version, authorized=order.authorized + amount, paid=order.paid + amount)
    payment = await _take(ctx, order, args, amount, held)
    _book(ctx, payment, amount, args)
    ctx.settled = args.model_copy(update={"amount": amount, "method": payment.method})
    money = Money(amount=amount, currency=order.currency)
    ctx.moves_money(money)
    ctx.tell(f"{money} for {named_order(order)} are recorded as paid by {words.word(payment.method)}.")
    await _confirm(ctx, order, held, open_ - amount)
    await keep_link_true(ctx, order, due=open_ - amount - sum(tender.promised for tender in held))
    await ctx.db.flush()
    await ctx.db.refresh(order, ["payment_state"])
    return OrderPaid(
        reference=order.reference,
        payment=payment.reference,
        method=payment.method,
        amount=money,
        paid=Money(amount=order.paid, currency=order.currency),
        open=Money(amount=open_ - amount, currency=order.currency),
        payment_state=order.payment_state,
        status=order.status,
        version=order.version,
    )


def _refuse_unpayable(ctx: Context, order: Order, args: MarkOrderPaid) -> None:
    if order.status in (OrderStatus.draft, OrderStatus.cancelled, OrderStatus.expired):
        raise OrderNotPayable(f"{order.reference} is {order.status}, so nothing can be paid for it.")
    if order.payment_state is PaymentState.refunded:
        raise OrderAlreadyPaid(f"{order.reference} was paid, and given back whole.")
    if args.received_at and args.received_at > ctx.now():
        raise PaidInTheFuture(f"{words.moment(args.received_at, ctx.merchant.zone)} has not come yet.")


def _refuse_amount(order: Order, open_: int, amount: int) -> None:
    if open_ <= 0:
        paid = words.money(order.total, order.currency)
        raise OrderAlreadyPaid(
            f"{order.reference} is paid: {paid}.",
            hint=f"{OrderAlreadyPaid.hint} What came on top has to go back to the customer.",
        )
    if amount > open_:
        asked, left = words.money(amount, order.currency), words.money(open_, order.currency)
        raise MoreThanIsOwed(f"{asked} were to be recorded for {order.reference}, and {left} are open.")


async def _refuse_twice(ctx: Context, transfer: str | None) -> None:
    """Two at once meet at the unique constraint of the transactions."""
    if transfer is None:
        return
    query = (
        select(Order.reference)
        .join(
            PaymentTransaction,
            (PaymentTransaction.merchant_id == ctx.merchant.id) & (PaymentTransaction.order_id == Order.id),
        )
        .where(
            Order.merchant_id == ctx.merchant.id,
            PaymentTransaction.provider == MANUAL,
            PaymentTransaction.provider_reference == transfer,
        )
    )
    if found := (await ctx.db.scalars(query)).first():
        raise PaymentAlreadyRecorded(f"The transfer {transfer} was recorded for {found} already.")


async def _take(ctx: Context, order: Order, args: MarkOrderPaid, amount: int, held: Sequence[Tender]) -> Payment:
    """The payment that was waiting for it, or a new one."""
    waiting = _waiting(held, args.method)
    if waiting is None:
        return await ctx.add(
            Payment, order_id=order.id, status=PaymentStatus.captured, method=args.method or PaymentMethod.other,
            provider=MANUAL, currency=order.currency, authorized=amount, captured=amount,
            voided=0, refunded=0, charged_back=0,
        )  # fmt: skip
    ctx.edit(waiting, None, authorized=amount, captured=amount)
    ctx.move(waiting, PaymentStatus.captured, order_id=order.id, amount=amount, currency=order.currency)
    return waiting


def _waiting(held: Sequence[Tender], method: PaymentMethod | None) -> Payment | None:
    """The first payment that waits for money of its own accord, and of that way if one was named."""
    pending = [t.payment for t in held if t.payment.status is PaymentStatus.pending]
    fitting = [one for one in pending if one.provider == MANUAL and method in (None, one.method)]
    return fitting[0] if fitting else None


def _book(ctx: Context, payment: Payment, amount: int, args: MarkOrderPaid) -> None:
    """Promised and taken in one, as money that is there; the ledger has it from the customer, in a journal named by the taking."""
    common = {"order_id": payment.order_id, "payment_id": payment.id, "currency": payment.currency}
    at = args.received_at or ctx.now()
    _, taking = (
        ctx.new(
            PaymentTransaction, kind=kind, outcome=TransactionOutcome.succeeded, amount=amount, provider=MANUAL,
            provider_reference=transfer, reason=None, actor=ctx.actor.reference, occurred_at=at, **common,
        )
        for kind, transfer in ((TransactionKind.authorization, None), (TransactionKind.capture, args.transfer))
    )  # fmt: skip
    for account, value in ((LedgerAccount.clearing, amount), (LedgerAccount.receivables, -amount)):
        ctx.new(
            JournalEntry, journal_id=taking.id, account=account, amount=value, occurred_at=at,
            description=f"capture of {payment.reference}", **common,
        )  # fmt: skip


async def _confirm(ctx: Context, order: Order, held: Sequence[Tender], left: int) -> None:
    """What was waiting for its payment goes on; what is left to pay by hand is waited for no longer once all is there."""
    if left:
        ctx.tell(f"{words.money(left, order.currency)} are still open, so it does not lapse and is not confirmed yet.")
        return
    for tender in held:
        payment = tender.payment
        if payment.provider == MANUAL and payment.status is PaymentStatus.pending:
            ctx.edit(payment, None)
            ctx.move(payment, PaymentStatus.cancelled, order_id=order.id)
    if promised := sum(tender.promised for tender in held):
        ctx.tell(f"{words.money(promised, order.currency)} authorized on other payments are not taken by this.")
    if order.status is OrderStatus.pending:
        await move_by_hand(ctx, order, OrderStatus.confirmed)
        ctx.tell(f"{order.reference} is paid in full and confirmed.")
