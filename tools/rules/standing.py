"""What an order's standing still allows: the refusals that several operations share, asked once its row is locked."""

from typing import NamedTuple

from db.models.orders import HoldReason, Order, OrderStatus
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Conflict
from tools.contract.shop_settings import LOCK_CHANGED_ORDERS, chosen

OPEN = (OrderStatus.draft, OrderStatus.pending, OrderStatus.confirmed)


class OrderAlreadyShipped(Conflict):
    """Some of it has left; only a return can bring it back."""

    hint = "Use request_return for what has left."


class OrderClosed(Conflict):
    """It is completed, cancelled or expired, and stays as it is."""

    hint = "Place a new order instead; what was sent comes back by request_return."


class OrderOnHold(Conflict):
    """A hold is open: until it is released the order is not picked, captured or shipped."""

    hint = "Look into why it is held, then release_order."


class OrderLinesLocked(Conflict):
    """Its lines were changed once, and this shop lets them change no more than that, nor such an order be cancelled."""

    hint = "The setting `orders.lines_change_once` says so. A return is possible once it has arrived."


class Hold(NamedTuple):
    """A hold that is open."""

    reason: HoldReason


class _Changed(NamedTuple):
    version: int


def refuse_closed(order: Order, what: str) -> None:
    """Raise unless the order is open; `what` would change, as in "its address"."""
    if order.status not in OPEN:
        raise OrderClosed(f"{order.reference} is {order.status}, so {what} cannot be changed any more.")


def refuse_shipped(order: Order) -> None:
    """Raise when something of it has left."""
    if order.units_fulfilled:
        raise OrderAlreadyShipped(f"{order.units_fulfilled} of {order.units} units of {order.reference} have left.")


async def refuse_held(ctx: Context, order: Order, deed: str) -> None:
    """Raise while a hold is open; `deed` is what waits, as in "completed"."""
    holds = await ctx.sql.rows(
        "select reason from order_holds where merchant_id = %s and order_id = %s and released_at is null order by id",
        (ctx.merchant.id, order.id),
        as_=Hold,
    )
    if holds:
        why = words.listed(words.word(hold.reason) for hold in holds)
        raise OrderOnHold(f"{order.reference} is on hold ({why}), so it is not {deed}.")


async def refuse_locked(ctx: Context, order: Order) -> None:
    """Raise when its lines were changed before, where the shop allows that once."""
    if not await chosen(ctx, LOCK_CHANGED_ORDERS):
        return
    query = "select version from order_changes where merchant_id = %s and order_id = %s order by version desc limit 1"
    changed = await ctx.sql.row(query, (ctx.merchant.id, order.id), as_=_Changed)
    if changed:
        raise OrderLinesLocked(f"The lines of {order.reference} were changed already, and that is possible once.")
