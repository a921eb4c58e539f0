"""Paying for an order: one way, or split over several. Credit of ours is taken at once; providers are asked after the commit."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from db.models.orders import Order, OrderStatus
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import MinorUnits, OrderRef, SavedMethodRef
from tools.flows.mark_order_paid import MoreThanIsOwed, OrderAlreadyPaid, OrderNotPayable
from tools.flows.settling import confirm_paid
from tools.rules.charging import Means, MethodNotUsable, charge, method_for
from tools.rules.credit import NotEnoughCredit
from tools.rules.paying import NothingToChargeBy, PaymentStanding, ProviderNotSetUp, Token, as_it_stands
from tools.rules.refunds import ChargeUnderWay, Tender, tenders
from tools.rules.standing import OrderOnHold, refuse_held


class Share(Input):
    """A part of what is paid, and by what."""

    method: SavedMethodRef | None = Field(
        default=None, description="A saved method, gift card or store credit: `PM-12`."
    )
    token: Token | None = Field(default=None, description="Or the provider's token for a card; never a card number.")
    amount: MinorUnits | None = Field(
        default=None, gt=0, description="How much, in minor units of the order's currency; one part takes the rest."
    )


class AuthorizePayment(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    method: SavedMethodRef | None = Field(
        default=None, description="A saved method, gift card or store credit: `PM-12`."
    )
    token: Token | None = Field(default=None, description="Or the provider's token for a card; never a card number.")
    amount: MinorUnits | None = Field(
        default=None, gt=0, description="Minor units of the order's currency; omit for all that is open."
    )
    capture: bool = Field(default=False, description="Take the money at once; otherwise it is captured later.")
    split: list[Share] = Field(
        default=[], max_length=5, description="Several ways instead of one: parts by method or token, with amounts."
    )

    @model_validator(mode="after")
    def _one_way_or_several(self) -> Self:
        if self.split and (self.method or self.token or self.amount):
            raise ValueError("Give `split`, or `method`, `token` and `amount`, not both.")
        if any(share.method and share.token for share in self.shares):
            raise ValueError("A part is paid by a `method` or by a `token`, not both.")
        if sum(share.amount is None for share in self.shares) > 1:
            raise ValueError("One part alone can be without an amount: it takes the rest.")
        return self

    @property
    def shares(self) -> list[Share]:
        return self.split or [Share(method=self.method, token=self.token, amount=self.amount)]


class PaymentsBegun(Result):
    """What an order is paid by."""

    order: str = Field(description="The order's number.")
    payments: list[PaymentStanding] = Field(
        description="A payment for each way, in the order in which they were named."
    )
    open: Money = Field(description="What is neither paid, nor authorized, nor being asked for, in minor units.")


async def _as_they_stand(ctx: Context, begun: PaymentsBegun) -> PaymentsBegun:
    return begun.model_copy(update={"payments": [await as_it_stands(ctx, one) for one in begun.payments]})


@tool(
    room="payments",
    route="POST /orders/{order}/payments",
    effect=Effect.money,
    permission="payments:write",
    raises=[
        OrderNotPayable, OrderAlreadyPaid, MoreThanIsOwed, OrderOnHold, ChargeUnderWay, MethodNotUsable, NotEnoughCredit,
        NothingToChargeBy, ProviderNotSetUp,
    ],
    examples=[
        "Authorize order 1042 on Ana's saved card PM-12",
        "Charge ORD-1017 to PM-1004 and take the money right away",
        "Pay order 1042 with gift card PM-1020 and put the rest on PM-12",
    ],
    afterwards=_as_they_stand,
)  # fmt: skip
async def authorize_payment(ctx: Context, args: AuthorizePayment) -> PaymentsBegun:
    """Have what is open of an order promised, or taken with `capture`.

    By a saved method or a token, or split over several. Amounts are minor units of the order's currency. Gift cards and store
    credit are taken at once. An order whose whole total is authorized is confirmed. Money that came by itself is
    mark_order_paid.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    if order.status in (OrderStatus.draft, OrderStatus.cancelled, OrderStatus.expired):
        raise OrderNotPayable(f"{order.reference} is {order.status}, so nothing can be paid for it.")
    if args.capture:
        await refuse_held(ctx, order, "charged")
    held = await tenders(ctx, order)
    open_ = order.total - sum(tender.kept + tender.promised + tender.coming for tender in held)
    parts = await _parts(ctx, order, args.shares, held, open_)

    begun: list[PaymentStanding] = []
    for means, amount in parts:
        begun.append(await charge(ctx, order, means, amount, capture=args.capture))
    if any(payment.captured.amount for payment in begun):  # credit; of the others the providers tell
        await confirm_paid(ctx, order)
    left = open_ - sum(amount for _, amount in parts)
    if not args.split:
        ctx.settled = args.model_copy(update={"amount": parts[0][1]})
    return PaymentsBegun(order=order.reference, payments=begun, open=Money(amount=left, currency=order.currency))


async def _parts(
    ctx: Context, order: Order, shares: Sequence[Share], held: Sequence[Tender], open_: int
) -> list[tuple[Means, int]]:
    """Who pays how much. Raises where it does not fit what is open."""
    if open_ <= 0:
        if any(tender.charged for tender in held):
            raise ChargeUnderWay(f"All that is open of {order.reference} is being charged already.")
        raise OrderAlreadyPaid(f"{order.reference} is paid, or authorized: {words.money(order.total, order.currency)}.")
    named = sum(share.amount or 0 for share in shares)
    rest = open_ - named
    if rest < 0 or (rest == 0 and any(share.amount is None for share in shares)):
        asked, left = words.money(named, order.currency), words.money(open_, order.currency)
        raise MoreThanIsOwed(f"{asked} were to be paid for {order.reference}, and {left} are open.")
    return [(await _means(ctx, order, share), share.amount or rest) for share in shares]


async def _means(ctx: Context, order: Order, share: Share) -> Means:
    return Means(await method_for(ctx, order, share.method) if share.method else None, share.token)
