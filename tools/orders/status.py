"""The moves that a person makes by hand: place a draft, confirm, complete. All others belong to other operations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.customers import Customer, CustomerStatus
from db.models.orders import Order, OrderStatus
from db.models.products import ON_SALE
from db.money import Money
from db.transitions import check_move
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, Synonyms
from tools.contract.shop_settings import EXPIRE_UNPAID_AFTER, chosen
from tools.orders.wishes import CustomerMayNotOrder, VariantNotSellable
from tools.rules.reservation import Need, reserve, shipping_from, tell_held
from tools.rules.standing import OrderOnHold, refuse_held
from tools.rules.stock import NotEnoughStock
from tools.rules.told import named_order


class StatusHasItsOwnTool(Conflict):
    """That status is the outcome of another operation, and is not set by hand."""


class OrderNotShipped(Conflict):
    """Units are still held for the order."""

    hint = "Ship what is held (create_shipment), or cancel the order, before it is completed."


class WantedStatus(StrEnum):
    pending = "pending"
    confirmed = "confirmed"
    completed = "completed"
    cancelled = "cancelled"
    expired = "expired"
    on_hold = "on_hold"
    paid = "paid"
    refunded = "refunded"
    shipped = "shipped"
    delivered = "delivered"
    returned = "returned"


WANTED_WORDS = Synonyms(
    {
        "pending": ("placed", "place"),
        "confirmed": ("confirm", "accepted", "accept", "approved", "approve"),
        "completed": ("complete", "done", "finished", "close", "closed"),
        "cancelled": ("canceled", "cancel"),
        "on_hold": ("hold", "held", "pause", "paused"),
        "shipped": ("sent", "dispatched", "fulfilled"),
    }
)
_ITS_TOOL = {
    WantedStatus.cancelled: "cancel_order",
    WantedStatus.expired: "cancel_order, with the reason not_paid",
    WantedStatus.on_hold: "hold_order",
    WantedStatus.paid: "capture_payment, or mark_order_paid for cash and bank transfers",
    WantedStatus.refunded: "refund_payment",
    WantedStatus.shipped: "create_shipment",
    WantedStatus.delivered: "record_tracking_event",
    WantedStatus.returned: "request_return",
}


class SetOrderStatus(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    status: Annotated[WantedStatus, WANTED_WORDS] = Field(
        description="Pending (places a draft), confirmed or completed; the others have operations of their own."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


class OrderMoved(Result):
    """Where the order stands now."""

    reference: str = Field(description="The order's number.")
    status: OrderStatus = Field(description="Its status now.")
    before: OrderStatus = Field(description="Its status before.")
    placed_at: datetime = Field(description="When it was placed, UTC.")
    confirmed_at: datetime | None = Field(description="When it was confirmed, UTC.")
    completed_at: datetime | None = Field(description="When it was completed, UTC.")
    expires_at: datetime | None = Field(description="When it lapses unless it is paid or confirmed, UTC.")
    version: int = Field(description="Grows with each change.")


@tool(
    route="PATCH /orders/{order}/status",
    effect=Effect.write,
    permission="orders:write",
    raises=[
        StatusHasItsOwnTool, OrderNotShipped, OrderOnHold, NotEnoughStock, CustomerMayNotOrder, VariantNotSellable,
    ],
    examples=["Confirm order 1042", "Mark ORD-1042 as completed", "Place the draft ORD-1050"],
)  # fmt: skip
async def set_order_status(ctx: Context, args: SetOrderStatus) -> OrderMoved:
    """Place a draft, confirm an order, or complete it.

    Placing a draft holds its stock; a confirmed order does not lapse any more. Cancelling, holding, paying, shipping and
    returning are operations of their own: the error names them.
    """
    to = by_hand(args.status)
    order = await ctx.find(Order, args.order, for_update=True)
    before = order.status
    ctx.edit(order, args.version)
    holding = await move_by_hand(ctx, order, to)
    total = Money(amount=order.total, currency=order.currency)
    ctx.tell(f"{named_order(order)}, {total}, {BECOMES[order.status]}.")
    if holding:
        tell_held(ctx, holding.held, holding.needs, holding.warehouses)
    if order.status is OrderStatus.confirmed:
        ctx.tell("It does not lapse any more, paid or not.")
    if order.expires_at:
        ctx.tell(f"It lapses on {words.moment(order.expires_at, ctx.merchant.zone)} unless it is paid or confirmed.")
    return OrderMoved(
        reference=order.reference,
        status=order.status,
        before=before,
        placed_at=order.placed_at,
        confirmed_at=order.confirmed_at,
        completed_at=order.completed_at,
        expires_at=order.expires_at,
        version=order.version,
    )


@dataclass(frozen=True)
class Holding:
    """What a draft that was placed holds: the reservations, what they are for, and the names of the warehouses."""

    held: list[dict[str, Any]]
    needs: list[Need]
    warehouses: dict[UUID, str]


def by_hand(wanted: WantedStatus) -> OrderStatus:
    """The status, when people set it by hand. Raises `StatusHasItsOwnTool`."""
    if wanted in _ITS_TOOL:
        raise StatusHasItsOwnTool(
            f"An order becomes {wanted} by {_ITS_TOOL[wanted]}, not by setting its status.",
            hint=f"Use {_ITS_TOOL[wanted]}.",
        )
    return OrderStatus(wanted)


async def move_by_hand(ctx: Context, order: Order, to: OrderStatus) -> Holding | None:
    """Move a locked order. What refuses it does so before anything is written, so that other orders of a call may go on."""
    check_move(Order.MOVES, order.status, to, order.reference)
    if to is OrderStatus.completed:
        await refuse_held(ctx, order, "completed")
        await _refuse_unshipped(ctx, order)
    holding = await _hold_stock(ctx, order) if to is OrderStatus.pending else None
    ctx.move(order, to=to, order_id=order.id)
    match to:
        case OrderStatus.pending:
            order.placed_at = ctx.now()
            order.expires_at = lapses = ctx.now() + timedelta(hours=await chosen(ctx, EXPIRE_UNPAID_AFTER))
            ctx.enqueue("expire_order", at=lapses, order=order.reference)
        case OrderStatus.confirmed:
            order.confirmed_at, order.expires_at = ctx.now(), None
        case _:
            order.completed_at = ctx.now()
    return holding


BECOMES = {
    OrderStatus.pending: "is placed",
    OrderStatus.confirmed: "is confirmed",
    OrderStatus.completed: "is completed",
}


class _DraftLine(NamedTuple):
    line: UUID
    variant: UUID
    sku: str
    position: int
    quantity: int
    backorder: bool
    tracked: bool
    on_sale: bool


_DRAFT_LINES = """
select l.id as line, v.id as variant, v.sku, l.position, l.quantity - l.cancelled as quantity, v.allow_backorder as backorder,
       v.tracked, v.sellable and v.archived_at is null and p.status = any(%(on_sale)s) and not exists (
           select from order_bundles b
           join variants whole on whole.merchant_id = %(m)s and whole.id = b.variant_id
           join products sold on sold.merchant_id = %(m)s and sold.id = b.product_id
           where b.merchant_id = %(m)s and b.id = l.bundle_id
             and not (whole.sellable and whole.archived_at is null and sold.status = any(%(on_sale)s))
       ) as on_sale
from order_lines l
join variants v on v.merchant_id = l.merchant_id and v.id = l.variant_id
join products p on p.merchant_id = v.merchant_id and p.id = v.product_id
where l.merchant_id = %(m)s and l.order_id = %(order)s and l.quantity > l.cancelled order by l.position
"""


async def _hold_stock(ctx: Context, order: Order) -> Holding:
    """A draft keeps its prices and promotions; its stock is held from now on."""
    customer = await ctx.db.get(Customer, (ctx.merchant.id, order.customer_id)) if order.customer_id else None
    if customer and customer.status in (CustomerStatus.blocked, CustomerStatus.erased):
        raise CustomerMayNotOrder(f"{customer.reference} is {customer.status} and may not order.")
    params = {"m": ctx.merchant.id, "order": order.id, "on_sale": [status.value for status in ON_SALE]}
    lines = await ctx.sql.rows(_DRAFT_LINES, params, as_=_DraftLine)
    if gone := ", ".join(dict.fromkeys(line.sku for line in lines if not line.on_sale)):
        raise VariantNotSellable(f"{gone} went off sale since {order.reference} was written.")
    needs = [
        Need(line.line, line.variant, line.sku, line.position, line.quantity, line.backorder)
        for line in lines
        if line.tracked
    ]
    warehouses = await shipping_from(ctx)
    held = await reserve(ctx, order.reference, order.id, needs, list(warehouses))
    return Holding(held, needs, warehouses)


class _Held(NamedTuple):
    units: int


async def _refuse_unshipped(ctx: Context, order: Order) -> None:
    query = """
        select coalesce(sum(quantity + backordered), 0)::int as units from reservations
        where merchant_id = %s and order_id = %s and status = 'active'
    """
    held = await ctx.sql.row(query, (ctx.merchant.id, order.id), as_=_Held)
    if held and held.units:
        raise OrderNotShipped(f"{order.reference} still has {held.units} units waiting to be shipped.")
