"""Moving many orders at once: each goes its own way, and what one refuses keeps none of the others."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import or_, select

from db.models.orders import Order, OrderStatus
from db.references import Kind, oldest_first
from db.transitions import IllegalMove as MoveRefused
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, IllegalMove, NotFound, ShopError
from tools.contract.fields import OrderRef, UntrustedText
from tools.orders.status import (
    BECOMES,
    WANTED_WORDS,
    Holding,
    StatusHasItsOwnTool,
    WantedStatus,
    by_hand,
    move_by_hand,
)
from tools.rules.reservation import shipping_from, tell_held
from tools.rules.stock import locked

SAID = 3  # refusals that a card tells; the others are counted


class SetOrderStatuses(Input):
    orders: list[OrderRef] = Field(
        min_length=1, max_length=200, description="The orders, such as `ORD-1042` and `ORD-1043`."
    )
    status: Annotated[WantedStatus, WANTED_WORDS] = Field(
        description="Pending (places drafts), confirmed or completed; the others have operations of their own."
    )


class OrderRefused(Result):
    """Why an order stayed as it was."""

    code: str = Field(description="The name of the rule.")
    message: UntrustedText = Field(description="What is, and what was asked.")
    hint: str = Field(description="What to do.")


class OrderOutcome(Result):
    """What became of one of the orders."""

    order: str = Field(description="The order's number; as it was written when there is no such order.")
    moved: bool = Field(description="Whether its status changed.")
    before: OrderStatus | None = Field(description="Its status before; null when there is no such order.")
    status: OrderStatus | None = Field(description="Its status now; null when there is no such order.")
    refused: OrderRefused | None = Field(description="Why it did not change; null when it did.")


class OrdersMoved(Result):
    """What became of the orders, one row for each, in the order in which they were named."""

    moved: int = Field(description="How many orders changed.")
    refused: int = Field(description="How many stayed as they were.")
    data: list[OrderOutcome] = Field(description="A row for each order.")


@tool(
    route="POST /orders/status-changes",
    effect=Effect.write,
    permission="orders:write",
    raises=[StatusHasItsOwnTool],
    examples=["Confirm orders 1042, 1043 and 1047", "Mark ORD-1017 and ORD-1019 as completed"],
)
async def set_order_statuses(ctx: Context, args: SetOrderStatuses) -> OrdersMoved:
    """Place, confirm or complete many orders at once, with a result for each.

    What one order refuses keeps none of the others. For a single order: set_order_status.
    """
    to = by_hand(args.status)
    named = await _find(ctx, args.orders)
    orders = sorted((one for one in named if isinstance(one, Order)), key=lambda order: order.id)
    if not orders:
        raise await ctx.not_found(Kind.order, args.orders[0])
    if to is OrderStatus.pending:
        await _lock_stock(ctx, orders)

    before = {order.id: order.status for order in orders}
    refusals: dict[UUID, ShopError] = {}
    holdings: list[Holding] = []
    for order in orders:
        try:
            holding = await move_by_hand(ctx, order, to)
        except MoveRefused as refused:
            refusals[order.id] = IllegalMove(str(refused))
        except ShopError as refused:
            refusals[order.id] = refused
        else:
            ctx.edit(order, None)
            holdings += [holding] if holding else []
    rows = [
        _row(one.reference, one, before[one.id], refusals.get(one.id))
        if isinstance(one, Order)
        else _row(one.details["order"], None, None, one)
        for one in named
    ]
    _tell(ctx, rows, to, holdings)
    return OrdersMoved(moved=sum(row.moved for row in rows), refused=sum(not row.moved for row in rows), data=rows)


async def _find(ctx: Context, written: Sequence[str]) -> list[Order | ShopError]:
    """The orders that are meant, each once, locked in one order for everybody; in the place of one, why there is none."""
    own, foreign = Order.reference, Order.external_reference
    query = select(Order).where(
        Order.merchant_id == ctx.merchant.id,
        or_(own.in_([Kind.order.canonical(name) for name in written]), foreign.in_([name.strip() for name in written])),
    )
    locking = query.order_by(Order.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    orders = (await ctx.db.scalars(locking)).all()
    named: list[Order | ShopError] = []
    for name in dict.fromkeys(written):
        fitting = [order for order in orders if order.reference == Kind.order.canonical(name)]
        fitting = fitting or [order for order in orders if order.external_reference == name.strip()]
        if not fitting:
            named.append(NotFound(f"There is no order {name}.", hint="list_orders finds orders.", order=name))
        elif len(fitting) > 1:
            fits = words.listed(oldest_first(order.reference for order in fitting))
            named.append(Ambiguous(f"{name} fits {fits}.", order=name))
        elif fitting[0] not in named:
            ctx.means(Kind.order, name, fitting[0].reference)
            named.append(fitting[0])
    return named


class _Place(NamedTuple):
    variant_id: UUID
    warehouse_id: UUID


async def _lock_stock(ctx: Context, drafts: Sequence[Order]) -> None:
    """All levels that any of the drafts may take from, in the one order in which everybody locks them: order by order they
    would be locked crosswise.
    """
    places = await ctx.sql.rows(
        """
        select distinct s.variant_id, s.warehouse_id from order_lines l
        join stock_levels s on s.merchant_id = %(m)s and s.variant_id = l.variant_id
        where l.merchant_id = %(m)s and l.order_id = any(%(orders)s) and s.warehouse_id = any(%(warehouses)s)
        """,
        {"m": ctx.merchant.id, "orders": [order.id for order in drafts], "warehouses": list(await shipping_from(ctx))},
        as_=_Place,
    )
    await locked(ctx, [(place.variant_id, place.warehouse_id) for place in places])


def _row(name: str, order: Order | None, before: OrderStatus | None, refused: ShopError | None) -> OrderOutcome:
    why = OrderRefused(code=refused.code(), message=refused.message, hint=refused.advice) if refused else None
    return OrderOutcome(
        order=name, moved=refused is None, before=before, status=order.status if order else None, refused=why
    )


def _tell(ctx: Context, rows: Sequence[OrderOutcome], to: OrderStatus, holdings: Sequence[Holding]) -> None:
    moved = [row.order for row in rows if row.moved]
    if moved:
        one = len(moved) == 1
        ctx.tell(f"{words.listed(moved)} {BECOMES[to] if one else BECOMES[to].replace('is', 'are', 1)}.")
    held = [row for holding in holdings for row in holding.held]
    needs = [need for holding in holdings for need in holding.needs]
    tell_held(ctx, held, needs, {id_: name for holding in holdings for id_, name in holding.warehouses.items()})
    refused = [row.refused.message for row in rows if row.refused]
    for message in refused[:SAID]:
        ctx.tell(f"This one stays as it is: {message}")
    if (left := len(refused) - SAID) > 0:
        ctx.tell(
            f"{words.count(left, 'more order stays', 'more orders stay')} as {'it is' if left == 1 else 'they are'}."
        )
