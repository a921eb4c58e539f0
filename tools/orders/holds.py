"""Holding an order back, and letting it go on: each hold is a row, and "on hold" is an order with an open one."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from db.models.backoffice import Membership
from db.models.orders import HoldReason, Order, OrderHold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, Synonyms, Text, UserRef
from tools.orders.detail import OrderHoldDetail
from tools.rules.standing import OrderAlreadyShipped, OrderClosed, refuse_closed
from tools.rules.told import named_order

HOLD_WORDS = Synonyms(
    {
        "customer_request": ("customer asked", "customer is away", "customer wants", "on holiday", "vacation"),
        "fraud_review": ("fraud", "fraudulent", "suspicious", "looks fishy", "scam"),
        "payment_review": ("payment check", "payment problem", "check the payment", "chargeback"),
        "address_check": ("address", "wrong address", "address unclear", "check the address"),
        "out_of_stock": ("no stock", "sold out", "waiting for stock", "missing goods"),
        "other": ("something else", "another reason"),
    }
)


class OrderAlreadyOnHold(Conflict):
    """It is held for that reason already."""

    hint = "Add what is new with add_order_note, or hold it for another reason as well."


class OrderNotOnHold(Conflict):
    """No hold of that kind is open."""

    hint = "get_order shows the holds of an order, open and released."


class HoldOrder(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    reason: Annotated[HoldReason, HOLD_WORDS] = Field(
        default=HoldReason.unspecified, description="Why it waits; left out where nobody said."
    )
    note: Text | None = Field(default=None, description="What colleagues should know about the hold.")
    owner: UserRef | None = Field(
        default=None, description="The colleague who looks after it, such as `USR-1002`; omit for whoever holds it."
    )


class ReleaseOrder(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    reason: Annotated[HoldReason, HOLD_WORDS] | None = Field(
        default=None, description="Release only what is held for this reason; omit to release every hold."
    )


class HeldOrder(Result):
    """What holds the order now, and what was released by this call."""

    reference: str = Field(description="The order's number.")
    on_hold: bool = Field(description="Whether a hold keeps it from being picked, captured or shipped.")
    holds: list[OrderHoldDetail] = Field(description="The holds that are open.")
    released: list[OrderHoldDetail] = Field(description="The holds that this call released.")
    version: int = Field(description="Grows with each change.")


@tool(
    route="POST /orders/{order}/hold",
    effect=Effect.write,
    permission="orders:write",
    raises=[OrderAlreadyOnHold, OrderAlreadyShipped, OrderClosed],
    examples=[
        "Put order 1042 on hold, the address looks wrong",
        "Hold ORD-1042 for a fraud review",
        "Stop ORD-1017 from going out until Ana is back from holiday",
    ],
)
async def hold_order(ctx: Context, args: HoldOrder) -> HeldOrder:
    """Keep an order from being picked, captured or shipped until it is released.

    Its stock stays held. A hold does not stop an unpaid order from lapsing: confirm it for that. Several reasons may hold an
    order at once.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_closed(order, "whether it is held")
    if order.units_fulfilled == order.units:
        raise OrderAlreadyShipped(f"All {order.units} units of {order.reference} have left.")
    owner = (await ctx.find(Membership, args.owner)).reference if args.owner else ctx.actor.reference
    held = await _open(ctx, order)
    if args.reason in [hold.reason for hold in held]:
        raise OrderAlreadyOnHold(f"{order.reference} is on hold already: {words.word(args.reason)}.")

    ctx.edit(order, None)
    hold = ctx.new(OrderHold, order_id=order.id, reason=args.reason, note=args.note, owner=owner, placed_at=ctx.now())
    ctx.event("held", order, order_id=order.id, reason=args.reason, owner=owner)
    _tell_held(ctx, order, args)
    return _shown(order, [*held, hold], [])


@tool(
    route="POST /orders/{order}/release",
    effect=Effect.write,
    permission="orders:write",
    raises=[OrderNotOnHold],
    examples=["Release order 1042", "ORD-1042 can go out now", "The address of ORD-1017 is checked, take it off hold"],
)
async def release_order(ctx: Context, args: ReleaseOrder) -> HeldOrder:
    """Let an order that was on hold go on; every hold, or those of one reason.

    It goes on where it stood. What an order holds of the stock is not meant: that is let go by cancelling it.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    held = await _open(ctx, order)
    released = [hold for hold in held if args.reason in (None, hold.reason)]
    if not released:
        raise OrderNotOnHold(
            f"{order.reference} is on hold for {_reasons(held)}, not for {words.word(args.reason or 'anything')}."
            if held
            else f"{order.reference} is not on hold."
        )

    ctx.edit(order, None)
    for hold in released:
        hold.released_at, hold.released_by = ctx.now(), ctx.actor.reference
        ctx.event("released", order, order_id=order.id, reason=hold.reason)
    left = [hold for hold in held if hold not in released]
    _tell_released(ctx, order, released, left)
    return _shown(order, left, released)


async def _open(ctx: Context, order: Order) -> list[OrderHold]:
    """The open holds of a locked order, oldest first."""
    query = select(OrderHold).where(
        OrderHold.merchant_id == ctx.merchant.id, OrderHold.order_id == order.id, OrderHold.released_at.is_(None)
    )
    return list((await ctx.db.scalars(query.order_by(OrderHold.id))).all())


def _tell_held(ctx: Context, order: Order, args: HoldOrder) -> None:
    why = "" if args.reason is HoldReason.unspecified else f" ({words.word(args.reason)})"
    ctx.tell(f"{named_order(order)} is put on hold{why}: it is not picked, captured or shipped until it is released.")
    if args.note:
        ctx.tell(f"Noted on the hold: “{words.quoted(args.note)}”")
    if order.expires_at:
        ctx.tell(
            f"It lapses on {words.moment(order.expires_at, ctx.merchant.zone)} all the same, unless it is paid or confirmed."
        )


def _tell_released(ctx: Context, order: Order, released: list[OrderHold], left: list[OrderHold]) -> None:
    ctx.tell(f"{named_order(order)} is no longer on hold for: {_reasons(released)}.")
    if left:
        ctx.tell(f"It stays on hold for: {_reasons(left)}.")


def _reasons(holds: list[OrderHold]) -> str:
    return words.listed(words.word(hold.reason) for hold in holds)


def _shown(order: Order, held: list[OrderHold], released: list[OrderHold]) -> HeldOrder:
    return HeldOrder(
        reference=order.reference,
        on_hold=bool(held),
        holds=[OrderHoldDetail.model_validate(hold, from_attributes=True) for hold in held],
        released=[OrderHoldDetail.model_validate(hold, from_attributes=True) for hold in released],
        version=order.version,
    )
