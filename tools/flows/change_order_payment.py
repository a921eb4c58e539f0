"""Another way of paying for an order: the new one is charged first, and only then is the old one let go or given back."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from db.models.orders import Order, OrderStatus
from db.models.payments import Payment, PaymentMethod, PaymentStatus, SavedMethod
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, SavedMethodRef
from tools.contract.shop_settings import CHANGE_PAYMENT_ONCE, chosen
from tools.flows.settling import confirm_paid
from tools.orders.shown import METHOD_WORDS
from tools.orders.wishes import Short
from tools.rules.charging import Means, MethodNotUsable, charge, method_for
from tools.rules.credit import NotEnoughCredit
from tools.rules.paying import ProviderNotSetUp
from tools.rules.refunds import (
    CHARGE,
    ChargeUnderWay,
    MoneyBack,
    Tender,
    intend,
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


class PaymentChangedBefore(Conflict):
    """How it is paid was changed, or settled otherwise, and this shop lets that be done once."""

    hint = "The setting `orders.payment_changes_once` says so. Let the customer keep to the payments that there are."


class MethodIsWaitedFor(Conflict):
    """Money that comes of its own accord cannot be charged, so what was paid cannot be given back for it beforehand."""

    hint = "Record the money once it is there (mark_order_paid), and refund the old payment then."


class ChangeOrderPayment(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    method: Annotated[PaymentMethod, METHOD_WORDS] | None = Field(
        default=None, description="By what it is paid from now on; omit where `saved` names a method that is saved."
    )
    saved: SavedMethodRef | None = Field(
        default=None, description="A saved method of the customer's, gift card or store credit: `PM-12`."
    )
    label: Short | None = Field(
        default=None, description="Which one, such as `Visa ending 4242`; never a whole card number."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")

    @model_validator(mode="after")
    def names_one(self) -> Self:
        if (self.method is None) == (self.saved is None):
            raise ValueError("Give the `method`, or a `saved` one.")
        if self.saved and self.label:
            raise ValueError("A saved method has its own label.")
        return self


class PaymentChanged(Result):
    """How the order is paid from now on, and what becomes of what was paid."""

    reference: str = Field(description="The order's number.")
    payment: str = Field(description="The new payment's reference.")
    method: PaymentMethod = Field(description="By what it is paid from now on.")
    amount: Money = Field(description="What is to be paid that way, in minor units.")
    charge: str | None = Field(
        description="What stands for the charge until it is done; null where the money is there, or comes of its own accord."
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
        PaymentChangedBefore, MethodNotUsable, NotEnoughCredit, ProviderNotSetUp,
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
    await _refuse_again(ctx, order, held)
    saved = await method_for(ctx, order, args.saved) if args.saved else None
    _refuse_same(order, held, args, saved)
    came = sum(tender.kept + tender.promised for tender in held)
    if came and args.method and args.method in WAITED_FOR:
        raise MethodIsWaitedFor(
            f"{words.money(came, order.currency)} were paid for {order.reference}; a payment by "
            f"{words.word(args.method)} comes when it comes."
        )

    ctx.edit(order, args.version)
    amount = Money(amount=came or order.total, currency=order.currency)
    begun = await (_pay_with(ctx, order, saved, amount) if saved else _pay(ctx, order, args, amount))
    ctx.event("payment_changed", order, order_id=order.id, method=begun.method, payment=begun.payment)
    refunds, voids = await refund(ctx, held, after=begun.charge), await let_go(ctx, held, after=begun.charge)
    tell_what_stays(ctx, held)
    if saved and begun.charge is None:
        await confirm_paid(ctx, order)
    return PaymentChanged(
        reference=order.reference,
        payment=begun.payment,
        method=begun.method,
        amount=amount,
        charge=begun.charge,
        refunds=refunds,
        voids=voids,
        cancelled=_stop_waiting(ctx, held),
        version=order.version,
    )


async def _refuse_again(ctx: Context, order: Order, held: Sequence[Tender]) -> None:
    """Raise where the shop lets this be changed once, and the order has not the one payment that it began with."""
    if not await chosen(ctx, CHANGE_PAYMENT_ONCE):
        return
    came = [tender.payment.reference for tender in held if tender.payment.captured or tender.promised]
    if len(came) > 1 or order.refunded:
        raise PaymentChangedBefore(f"{order.reference} has been paid by {words.listed(came)}, or refunded in part.")


def _refuse_same(order: Order, held: Sequence[Tender], args: ChangeOrderPayment, saved: SavedMethod | None) -> None:
    for tender in held:
        payment = tender.payment
        counts = tender.kept or tender.promised or payment.status in _WAITING
        same = (
            payment.saved_method_id == saved.id
            if saved
            else (payment.method, payment.method_label) == (args.method, args.label)
        )
        if counts and same:
            raise SamePaymentMethod(
                f"{order.reference} is paid by {words.word(payment.method)} ({payment.reference}) already."
            )


class _Begun(NamedTuple):
    """The new payment, and what stands for its charge until it is done."""

    payment: str
    method: PaymentMethod
    charge: str | None


async def _pay_with(ctx: Context, order: Order, saved: SavedMethod, amount: Money) -> _Begun:
    begun = await charge(ctx, order, Means(saved), amount.amount, capture=True)
    if begun.intent:
        ctx.tell("Only once that is done does anything go back.")
    return _Begun(begun.payment, begun.method, begun.intent)


async def _pay(ctx: Context, order: Order, args: ChangeOrderPayment, amount: Money) -> _Begun:
    """A payment by hand; nothing is charged where the money comes of its own accord."""
    assert args.method is not None
    payment = await ctx.add(
        Payment, order_id=order.id, status=PaymentStatus.pending, method=args.method, method_label=args.label,
        provider="manual", currency=order.currency, authorized=0, captured=0, voided=0, refunded=0, charged_back=0,
    )  # fmt: skip
    which = f" ({args.label})" if args.label else ""
    ctx.tell(f"{named_order(order)}, {amount}, is paid by {words.word(args.method)}{which} from now on.")
    if args.method in WAITED_FOR:
        ctx.tell("Nothing is charged: it is paid once the money is there.")
        return _Begun(payment.reference, args.method, None)
    ctx.moves_money(amount)
    ctx.tell(f"{amount} are charged first; only then does anything go back.")
    intent = await intend(ctx, CHARGE, payment, amount.amount)
    return _Begun(payment.reference, args.method, intent.intent)


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
