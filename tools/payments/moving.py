"""Money that is taken, let go or given back through a payment that exists."""

from typing import Annotated

from pydantic import Field

from db.models.customers import Customer
from db.models.orders import Order
from db.models.payments import Payment, PaymentMethod
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict, StaleVersion
from tools.contract.fields import MinorUnits, PaymentRef, Synonyms, Text
from tools.rules.credit import refund_as_credit
from tools.rules.paying import (
    CaptureExceedsAuthorization,
    PaymentNotCapturable,
    PaymentNotRefundable,
    PaymentStanding,
    RefundExceedsBalance,
    as_it_stands,
    standing,
)
from tools.rules.refunds import CAPTURE, VOID, Tender, intend, refund_through, tenders
from tools.rules.standing import OrderOnHold, refuse_held
from tools.rules.told import named_order

REFUND_TO = Synonyms(
    {"store_credit": ("voucher", "credit", "credit note", "shop credit"), "original": ("card", "money")}
)


class NobodyToCredit(Conflict):
    """The order has no customer, so nobody can be given store credit."""

    hint = "Refund it to the original method."


class CapturePayment(Input):
    payment: PaymentRef = Field(description="The payment, such as `PAY-1042`.")
    amount: MinorUnits | None = Field(
        default=None, gt=0, description="Minor units of the payment's currency; omit to take all that is authorized."
    )
    final: bool = Field(
        default=False, description="Nothing more is taken afterwards: what is left of the authorization is let go."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


class VoidPayment(Input):
    payment: PaymentRef = Field(description="The payment, such as `PAY-1042`.")
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


class RefundPayment(Input):
    payment: PaymentRef = Field(description="The payment to refund, such as `PAY-1042`.")
    amount: MinorUnits | None = Field(
        default=None, gt=0, description="Minor units of the payment's currency; omit to refund all that is left."
    )
    to: Annotated[str, REFUND_TO] = Field(
        default="original",
        pattern="^(original|store_credit)$",
        description="Back to the `original` method, or as `store_credit`.",
    )
    reason: Text | None = Field(default=None, max_length=200, description="Why, for whoever looks at the payment.")
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


@tool(
    route="POST /payments/{payment}/capture",
    effect=Effect.money,
    permission="payments:write",
    raises=[PaymentNotCapturable, CaptureExceedsAuthorization, OrderOnHold],
    examples=["Capture PAY-1042", "Take 20 euros of payment PAY-1042, the rest comes with the second parcel"],
    afterwards=as_it_stands,
)
async def capture_payment(ctx: Context, args: CapturePayment) -> PaymentStanding:
    """Take money that a payment has authorized, all of it or a part.

    Several times, if need be. Amounts are minor units of the payment's currency. The sum never passes what was authorized. An
    order on hold is not charged.
    """
    order, tender = await _held(ctx, args.payment, args.version)
    payment = tender.payment
    if not tender.promised:
        raise PaymentNotCapturable(
            f"{payment.reference} is {words.word(payment.status)}: nothing of it waits to be taken."
        )
    await refuse_held(ctx, order, "charged")
    amount = args.amount or tender.promised
    if amount > tender.promised:
        asked, left = (words.money(value, payment.currency) for value in (amount, tender.promised))
        raise CaptureExceedsAuthorization(
            f"{asked} were to be captured of {payment.reference}, and {left} are authorized."
        )
    ctx.settled = args.model_copy(update={"amount": amount})
    # With the last capture a provider lets go of the rest, and of what another one is about to take.
    final = args.final or (amount == tender.promised and not tender.being_taken)
    intent = await intend(ctx, CAPTURE, payment, amount, final=final)
    ctx.moves_money(intent.amount)
    ctx.tell(f"{intent.amount} of {named_order(order)} are taken ({payment.reference}).")
    if final and amount < tender.promised:
        ctx.tell(f"{words.money(tender.promised - amount, payment.currency)} are let go.")
    return standing(order, payment, amount, intent.intent)


@tool(
    route="POST /payments/{payment}/void",
    effect=Effect.money,
    permission="payments:write",
    raises=[PaymentNotCapturable],
    examples=["Void PAY-1042", "Let go of the authorization PAY-1042, she pays cash"],
    afterwards=as_it_stands,
)
async def void_payment(ctx: Context, args: VoidPayment) -> PaymentStanding:
    """Let go of what a payment has authorized and nobody took.

    What was captured already stays: give it back with refund_payment.
    """
    order, tender = await _held(ctx, args.payment, args.version)
    payment = tender.payment
    if not tender.promised:
        raise PaymentNotCapturable(
            f"{payment.reference} is {words.word(payment.status)}: nothing of it is authorized and not taken.",
            hint="What was taken goes back with refund_payment.",
        )
    intent = await intend(ctx, VOID, payment, tender.promised)
    ctx.moves_money(intent.amount)
    ctx.tell(f"{intent.amount} of {named_order(order)}, authorized on {payment.reference}, are let go and not taken.")
    return standing(order, payment, tender.promised, intent.intent)


@tool(
    route="POST /payments/{payment}/refunds",
    effect=Effect.money,
    permission="payments:refund",
    raises=[PaymentNotRefundable, RefundExceedsBalance, NobodyToCredit],
    examples=["Refund PAY-1042 in full", "Give 15 euros of PAY-1042 back, her mug arrived broken"],
    afterwards=as_it_stands,
)
async def refund_payment(ctx: Context, args: RefundPayment) -> PaymentStanding:
    """Give all or part of a captured payment back.

    To the way it was paid, or as store credit. Amounts are minor units of the payment's currency: 1500 is 15.00 EUR, and 1500
    JPY. The sum never passes what was captured.
    """
    order, tender = await _held(ctx, args.payment, args.version)
    payment, left = tender.payment, tender.refundable
    if not left:
        raise PaymentNotRefundable(
            f"{payment.reference} is {words.word(payment.status)}: nothing of it can be given back."
        )
    amount = args.amount or left
    if amount > left:
        asked, there = (words.money(value, payment.currency) for value in (amount, left))
        raise RefundExceedsBalance(f"{asked} were to be refunded through {payment.reference}, and {there} are left.")
    ctx.settled = args.model_copy(update={"amount": amount})
    if args.to == PaymentMethod.store_credit.value:
        await _as_credit(ctx, order, payment, amount)
        return standing(order, payment, amount, None)
    back = await refund_through(ctx, payment, amount, reason=args.reason)
    return standing(order, payment, amount, back.intent)


async def _as_credit(ctx: Context, order: Order, payment: Payment, amount: int) -> None:
    if order.customer_id is None:
        raise NobodyToCredit(f"{order.reference} was placed by nobody that the shop knows.")
    customer = await ctx.db.get_one(Customer, (ctx.merchant.id, order.customer_id))
    await refund_as_credit(ctx, order, customer, [(payment, amount)])


async def _held(ctx: Context, written: str, version: int | None) -> tuple[Order, Tender]:
    """A payment with its order, both locked: the order first, as everywhere."""
    payment = await ctx.find(Payment, written)
    order = await ctx.db.get_one(
        Order, (ctx.merchant.id, payment.order_id), with_for_update={"key_share": True}, populate_existing=True
    )
    await ctx.db.refresh(payment, with_for_update={"key_share": True})
    if version is not None and version != payment.version:
        raise StaleVersion(
            f"{payment.reference} is at version {payment.version}, and you read version {version}.",
            version=payment.version,
        )
    held = await tenders(ctx, order)
    return order, next(tender for tender in held if tender.payment.id == payment.id)
