"""Cancelling an order: what it held, used and took is given back, in one transaction with what has to be done outside."""

from collections import Counter
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from db.models.inventory import Reservation, ReservationStatus
from db.models.orders import CancelReason, NoteVisibility, Order, OrderNote, OrderStatus, PaymentState
from db.models.products import Promotion, PromotionUse, Variant
from db.models.warehouse import Warehouse
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, Synonyms, Text
from tools.contract.shop_settings import CANCEL_REASONS, chosen
from tools.rules.links import keep_link_true
from tools.rules.refunds import MoneyBack, let_go, refund, stop_charges, tell_what_stays, tenders
from tools.rules.reservation import release
from tools.rules.shipments import void_prepared
from tools.rules.standing import OrderAlreadyShipped, OrderLinesLocked, refuse_locked, refuse_shipped
from tools.rules.told import named_order, tell_units

REASON_WORDS = Synonyms(
    {
        "customer_request": (
            "customer asked",
            "changed her mind",
            "changed his mind",
            "changed their mind",
            "customer wants",
        ),
        "no_longer_needed": ("not needed", "does not need it any more", "doesn't want it"),
        "ordered_by_mistake": ("by mistake", "accident", "wrong item ordered", "mistake"),
        "duplicate": ("twice", "double", "duplicated", "ordered twice"),
        "out_of_stock": ("sold out", "not available", "no stock"),
        "not_paid": ("unpaid", "never paid", "payment did not come", "no payment"),
        "suspected_fraud": ("fraud", "fraudulent", "suspicious", "stolen card"),
        "undeliverable": ("cannot be delivered", "bad address", "wrong address"),
    }
)


class OrderDoesNotExpire(Conflict):
    """Only a pending order that nobody paid expires."""


class CancelReasonNotAccepted(Conflict):
    """This shop cancels for the reasons that it chose alone."""


class CancelOrder(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    reason: Annotated[CancelReason, REASON_WORDS] = Field(
        default=CancelReason.unspecified, description="Why it is cancelled; left out where nobody said."
    )
    note: Text | None = Field(default=None, description="What colleagues should know; kept as an internal note.")


class CancelledOrder(Result):
    """What became of the order."""

    reference: str = Field(description="The order's number.")
    status: OrderStatus = Field(description="Cancelled; expired when nobody paid in time.")
    reason: CancelReason = Field(description="Why.")
    released_units: int = Field(description="Units that go back on sale.")
    refunds: list[MoneyBack] = Field(description="What is refunded.")
    voids: list[MoneyBack] = Field(description="Authorizations that are let go.")
    voided_shipments: list[str] = Field(description="Shipments that will not leave.")
    version: int = Field(description="Grows with each change.")


@tool(
    room="orders",
    route="DELETE /orders/{order}",
    effect=Effect.money,
    permission="orders:cancel",
    raises=[OrderAlreadyShipped, OrderDoesNotExpire, OrderLinesLocked, CancelReasonNotAccepted],
    examples=["Cancel order 1042, the customer changed her mind", "Stop ORD-1042, it was ordered twice", "Cancel 1042"],
)
async def cancel_order(ctx: Context, args: CancelOrder) -> CancelledOrder:
    """Stop an unshipped order, release its stock and refund what was paid.

    Authorized money is let go, promotions may be used again, parcels not yet handed over are voided. Once something has
    left, it cannot be cancelled: use `request_return`.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_shipped(order)
    to = _outcome(ctx, order, args.reason)
    if to is OrderStatus.cancelled:
        await refuse_locked(ctx, order)
        await _refuse_reason(ctx, order, args.reason)
    _tell(ctx, order, to, args.reason)

    ctx.edit(order, None, cancel_reason=args.reason, cancelled_at=ctx.now() if to is OrderStatus.cancelled else None)
    ctx.move(order, to, order_id=order.id, reason=args.reason)
    ctx.stops()
    if args.note:
        ctx.new(OrderNote, order_id=order.id, visibility=NoteVisibility.internal, text=args.note, author=ctx.actor.name)
    await _give_promotions_back(ctx, order)
    units = await _release_stock(ctx, order, to)
    shipments = await void_prepared(ctx, order)
    refunds, voids = await _give_money_back(ctx, order)
    if args.note:
        ctx.tell(f"Noted for colleagues: “{words.quoted(args.note)}”")
    return CancelledOrder(
        reference=order.reference,
        status=to,
        reason=args.reason,
        released_units=units,
        refunds=refunds,
        voids=voids,
        voided_shipments=shipments,
        version=order.version,
    )


async def _refuse_reason(ctx: Context, order: Order, reason: CancelReason) -> None:
    accepted = await chosen(ctx, CANCEL_REASONS)
    if accepted and reason not in accepted:
        named = words.listed(f"`{one}`" for one in accepted)
        raise CancelReasonNotAccepted(
            f"{order.reference} cannot be cancelled for the reason {words.word(reason)}.",
            hint=f"The setting `orders.cancel_reasons` accepts {named}.",
        )


def _outcome(ctx: Context, order: Order, reason: CancelReason) -> OrderStatus:
    """The system lets an unpaid order expire; people cancel, whatever the reason."""
    if reason is not CancelReason.not_paid or not ctx.actor.reference.startswith("system:"):
        return OrderStatus.cancelled
    if order.status is not OrderStatus.pending or order.payment_state is not PaymentState.unpaid:
        raise OrderDoesNotExpire(f"{order.reference} is {order.status} and {order.payment_state}.")
    return OrderStatus.expired


def _tell(ctx: Context, order: Order, to: OrderStatus, reason: CancelReason) -> None:
    total = Money(amount=order.total, currency=order.currency)
    becomes = "expires, unpaid" if to is OrderStatus.expired else f"is cancelled ({words.word(reason)})"
    ctx.tell(f"{named_order(order)}, {total}, {becomes}.")


async def _give_promotions_back(ctx: Context, order: Order) -> None:
    query = (
        select(PromotionUse, Promotion)
        .join(
            Promotion,
            (Promotion.merchant_id == PromotionUse.merchant_id) & (Promotion.id == PromotionUse.promotion_id),
        )
        .where(
            PromotionUse.merchant_id == ctx.merchant.id,
            PromotionUse.order_id == order.id,
            PromotionUse.released_at.is_(None),
        )
        .order_by(Promotion.id)
        .with_for_update(key_share=True, of=Promotion)
    )
    for use, promotion in await ctx.db.execute(query):
        use.released_at = ctx.now()
        promotion.used -= 1
        ctx.tell(f"{promotion.name} ({promotion.reference}) may be used once more.")


async def _release_stock(ctx: Context, order: Order, to: OrderStatus) -> int:
    query = (
        select(Reservation, Variant.sku, Warehouse.name)
        .join(Variant, (Variant.merchant_id == Reservation.merchant_id) & (Variant.id == Reservation.variant_id))
        .join(
            Warehouse, (Warehouse.merchant_id == Reservation.merchant_id) & (Warehouse.id == Reservation.warehouse_id)
        )
        .where(
            Reservation.merchant_id == ctx.merchant.id,
            Reservation.order_id == order.id,
            Reservation.status == ReservationStatus.active,
        )
        .order_by(Reservation.id)
        .with_for_update(key_share=True, of=Reservation)
    )
    found = (await ctx.db.execute(query)).all()
    status = ReservationStatus.expired if to is OrderStatus.expired else ReservationStatus.released
    units = await release(ctx, [held for held, _, _ in found], status)
    freed, promised = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for held, sku, place in found:
        freed[place, sku] += held.quantity
        promised[place, sku] += held.backordered
    tell_units(ctx, freed, "goes back on sale", "go back on sale")
    tell_units(ctx, promised, "on back order is let go", "on back order are let go")
    return units


async def _give_money_back(ctx: Context, order: Order) -> tuple[list[MoneyBack], list[MoneyBack]]:
    """All that is not under way already: captured money is refunded, authorized money let go, a charge not made."""
    held = stop_charges(ctx, await tenders(ctx, order))
    await keep_link_true(ctx, order, due=0)
    refunds, voids = await refund(ctx, held), await let_go(ctx, held)
    tell_what_stays(ctx, held)
    if not held:
        ctx.tell("Nothing was paid, so no money goes back.")
    return refunds, voids
