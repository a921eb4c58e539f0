"""Paying with a way that a customer has saved, or with a token: which may be used, what is charged to it, what goes back onto it.

Order, payments and then the saved method are locked, in this order. Credit of ours moves at once; providers are asked after the
commit.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.orders import Order
from db.models.payments import CREDIT, Payment, PaymentMethod, PaymentStatus, SavedMethod
from db.money import Money
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Conflict
from tools.rules.credit import onto_credit, refuse_short, spend
from tools.rules.paying import MANUAL, STRIPE, PaymentStanding, ProviderNotSetUp, provider_of_token, standing
from tools.rules.refunds import AUTHORIZE, CHARGE, MoneyBack, Tender, intend, refund, refund_through
from tools.rules.told import named_order


class MethodNotUsable(Conflict):
    """The saved method cannot be used here: it was removed, has expired, is another's, or of another currency."""

    hint = "list_payment_methods shows the customer's methods; a token of the provider works too."


class Means(NamedTuple):
    """By what is paid: a saved method that is locked, or the provider's token."""

    method: SavedMethod | None = None
    token: str | None = None


async def method_for(ctx: Context, order: Order, written: str) -> SavedMethod:
    """A saved method that can pay for the order, locked. Raises `MethodNotUsable`."""
    method = await ctx.find(SavedMethod, written, for_update=True)
    refuse_unusable(ctx, method, order.customer_id, order.currency)
    return method


def refuse_unusable(ctx: Context, method: SavedMethod, customer_id: UUID | None, currency: str) -> None:
    """Raise where it cannot pay an order of that customer in that currency."""
    whose = method.customer_id in (None, customer_id) or method.method is PaymentMethod.gift_card
    over = method.expires_at is not None and method.expires_at <= ctx.now()
    if method.removed_at or over or not whose:
        why = "was removed" if method.removed_at else "has expired" if over else "is another customer's"
        raise MethodNotUsable(f"{method.reference} {why}.")
    if method.method in CREDIT and method.currency != currency:
        raise MethodNotUsable(f"{method.reference} is in {method.currency}, and the order in {currency}.")


def label_of(method: SavedMethod) -> str | None:
    """`Visa ending 4242`, where it has such digits."""
    return f"{(method.brand or method.method).title()} ending {method.last_four}" if method.last_four else None


async def charge(ctx: Context, order: Order, means: Means, amount: int, *, capture: bool) -> PaymentStanding:
    """Have so much of a locked order paid; its card says by what. Raises `NotEnoughCredit`, `ProviderNotSetUp`."""
    money, method = Money(amount=amount, currency=order.currency), means.method
    ctx.moves_money(money)
    if method and method.method in CREDIT:
        refuse_short(method, amount)
        payment = await spend(ctx, order, method, amount)
        left = words.money(method.balance or 0, order.currency)
        ctx.tell(f"{money} of {named_order(order)} are paid from {method.reference}: {left} are left on it.")
        return standing(order, payment, amount, None)
    await ctx.take_ahead(Kind.payment, Kind.intent)
    payment = await _begin(ctx, order, means)
    intent = await intend(ctx, CHARGE if capture else AUTHORIZE, payment, amount, token=means.token)
    becomes = "charged" if capture else "authorized, and taken later"
    by = payment.method_label or words.word(payment.method)
    ctx.tell(f"{money} of {named_order(order)} are {becomes} ({by}).")
    return standing(order, payment, amount, intent.intent)


async def _begin(ctx: Context, order: Order, means: Means) -> Payment:
    saved = means.method
    provider = (saved.provider or MANUAL) if saved else provider_of_token(ctx, means.token)
    if provider not in ctx.site.providers:
        raise ProviderNotSetUp(
            f"{saved.reference if saved else 'It'} is a method of {provider}, which is not set up here."
        )
    return await ctx.add(
        Payment, id=new_id(), order_id=order.id, status=PaymentStatus.pending, method=saved.method if saved else PaymentMethod.card,
        method_label=label_of(saved) if saved else None, saved_method_id=saved.id if saved else None, provider=provider,
        currency=order.currency, authorized=0, captured=0, voided=0, refunded=0, charged_back=0,
    )  # fmt: skip


async def refund_onto(
    ctx: Context, order: Order, held: Sequence[Tender], method: SavedMethod, most: int, *, for_return: str | None = None
) -> list[MoneyBack]:
    """So much of what was paid goes onto one locked method: what it paid itself first, then what others did.

    Onto credit of ours anything may go, and by hand, too. What a provider took it gives back only where it came from: raises
    `MethodNotUsable`.
    """
    own = [tender for tender in held if tender.payment.saved_method_id == method.id]
    backs = await refund(ctx, own, most, for_return=for_return)
    for tender in held:
        left = min(tender.refundable, most - sum(back.amount.amount for back in backs))
        if tender in own or left <= 0:
            continue
        payment = tender.payment
        if method.method in CREDIT:
            backs.append(await _as_credit(ctx, order, payment, method, left))
        elif STRIPE in (payment.provider, method.provider):
            raise MethodNotUsable(
                f"{payment.reference} was paid another way, so nothing of it goes back onto {method.reference}.",
                hint="Leave the method out, or name a gift card or store credit.",
            )
        else:
            backs.append(await refund_through(ctx, payment, left, for_return=for_return, onto=method))
    return backs


async def _as_credit(ctx: Context, order: Order, payment: Payment, method: SavedMethod, amount: int) -> MoneyBack:
    money = Money(amount=amount, currency=payment.currency)
    credit = await onto_credit(ctx, order, payment, method, amount)
    ctx.moves_money(money)
    ctx.tell(f"{money} of {payment.reference} go onto {credit.method}: {credit.balance} are on it then.")
    return MoneyBack(payment=payment.reference, amount=money, intent=None)
