"""Another way of paying for an order: the new one is charged first, and only then is the old one let go or given back."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from db.models.orders import Order, OrderStatus
from db.models.payments import Payment, PaymentMethod, PaymentStatus
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef
from tools.orders.shown import METHOD_WORDS
from tools.orders.wishes import Short
from tools.rules.refunds import (
    CHARGE,
    ChargeUnderWay,
    MoneyBack,
    Tender,
    let_go,
    refund,
    refuse_while_charged,
    tell_what_stays,
    tenders,
)
from tools.rules.standing import (
    OrderAlreadyShipped,
    OrderClosed,
    OrderOnHold,
    refuse_closed,
    refuse_held,
    refuse_shipped,
)
from tools.rules.told import named_order

WAITED_FOR = (PaymentMethod.bank_transfer, PaymentMethod.cash, PaymentMethod.invoice)  # nobody can fetch it
_WAITING = (PaymentStatus.pending, PaymentStatus.requires_action)


class OrderNotPlaced(Conflict):
    """A draft is not paid for yet."""

    hint = "Place it first: set_order_status, pending."


class SamePaymentMethod(Conflict):
    """The order is paid that way already."""

    hint = "Name another method, or another card by its `label`."


class MethodIsWaitedFor(Conflict):
    """Money that comes of its own accord cannot be charged, so what was paid cannot be given back for it beforehand."""

    hint = "Record the money once it is there (mark_order_paid), and refund the old payment then."


class ChangeOrderPayment(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    method: Annotated[PaymentMethod, METHOD_WORDS] = Field(description="By what it is paid from now on.")
    label: Short | None = Field(
        default=None, description="Which one, such as `Visa ending 4242`; never a whole card number."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


class PaymentChanged(Result):
    """How the order is paid from now on, and what becomes of what was paid."""

    reference: str = Field(description="The order's number.")
    payment: str = Field(description="The new payment's reference.")
    method: PaymentMethod = Field(description="By what it is paid from now on.")
    amount: Money = Field(description="What is to be paid that way, in minor units.")
    charge: str | None = Field(
        description="What stands for the charge until it is done; null where the money comes of its own accord."
    )
    refunds: list[MoneyBack] = Field(description="What goes back once the new payment is charged.")
    voids: list[MoneyBack] = Field(description="Authorizations that are let go once the new payment is charged.")
    cancelled: list[str] = Field(description="Payments that nothing came of, and that are not waited for any more.")
    version: int = Field(description="Grows with each change.")


@tool(
    room="orders",
    route="PATCH /orders/{order}/payment-method",
    effect=Effect.money,
    permission="payments:write",
    raises=[
        OrderClosed, OrderAlreadyShipped, OrderOnHold, OrderNotPlaced, ChargeUnderWay, SamePaymentMethod, MethodIsWaitedFor,
    ],
    examples=[
        "Ana wants to pay order 1042 by PayPal instead",
        "Charge ORD-1017 to her other card, the Visa ending 4242",
    ],
)  # fmt: skip
async def change_order_payment(ctx: Context, args: ChangeOrderPayment) -> PaymentChanged:
    """Have an order paid another way before anything of it has left.

    The new method is charged first; what was paid or authorized before goes back once that is done, and stays where it is if
    it fails. Money that comes by itself is recorded by mark_order_paid.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_closed(order, "how it is paid")
    if order.status is OrderStatus.draft:
        raise OrderNotPlaced(f"{order.reference} is a draft.")
    refuse_shipped(order)
    await refuse_held(ctx, order, "charged")
    held = await tenders(ctx, order)
    refuse_while_charged(order, held)
    _refuse_same(order, held, args)
    came = sum(tender.kept + tender.promised for tender in held)
    if came and args.method in WAITED_FOR:
        raise MethodIsWaitedFor(
            f"{words.money(came, order.currency)} were paid for {order.reference}; a payment by "
            f"{words.word(args.method)} comes when it comes."
        )

    ctx.edit(order, args.version)
    amount = Money(amount=came or order.total, currency=order.currency)
    payment = await ctx.add(
        Payment, order_id=order.id, status=PaymentStatus.pending, method=args.method, method_label=args.label,
        provider="manual", currency=order.currency, authorized=0, captured=0, voided=0, refunded=0, charged_back=0,
    )  # fmt: skip
    ctx.event("payment_changed", order, order_id=order.id, method=args.method, payment=payment.reference)
    which = f" ({args.label})" if args.label else ""
    ctx.tell(f"{named_order(order)}, {amount}, is paid by {words.word(args.method)}{which} from now on.")
    charge = await _charge(ctx, order, payment, amount)
    refunds, voids = await refund(ctx, held, after=charge), await let_go(ctx, held, after=charge)
    tell_what_stays(ctx, held)
    return PaymentChanged(
        reference=order.reference,
        payment=payment.reference,
        method=args.method,
        amount=amount,
        charge=charge,
        refunds=refunds,
        voids=voids,
        cancelled=_stop_waiting(ctx, held),
        version=order.version,
    )


def _refuse_same(order: Order, held: Sequence[Tender], args: ChangeOrderPayment) -> None:
    for tender in held:
        payment = tender.payment
        counts = tender.kept or tender.promised or payment.status in _WAITING
        if counts and (payment.method, payment.method_label) == (args.method, args.label):
            raise SamePaymentMethod(
                f"{order.reference} is paid by {words.word(args.method)} ({payment.reference}) already."
            )


async def _charge(ctx: Context, order: Order, payment: Payment, amount: Money) -> str | None:
    """What is to be charged; nothing where the money comes of its own accord."""
    if payment.method in WAITED_FOR:
        ctx.tell("Nothing is charged: it is paid once the money is there.")
        return None
    charge = await ctx.intend(
        CHARGE, ("payment", payment.id), order_id=order.id, money=amount, payment=payment.reference
    )
    ctx.moves_money(amount)
    ctx.tell(f"{amount} are charged first; only then does anything go back.")
    return charge.reference


def _stop_waiting(ctx: Context, held: Sequence[Tender]) -> list[str]:
    """Payments that nothing came of are cancelled."""
    stopped = [tender.payment for tender in held if tender.payment.status in _WAITING]
    for payment in stopped:
        ctx.edit(payment, None)
        ctx.move(payment, PaymentStatus.cancelled, order_id=payment.order_id)
    if stopped:
        ctx.tell(
            f"{words.listed(payment.reference for payment in stopped)}, which nothing came of, is not waited for any more."
        )
    return [payment.reference for payment in stopped]
