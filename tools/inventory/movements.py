"""The ledger: every unit that came, left or was set aside."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.inventory import AdjustmentReason, MovementKind
from db.models.orders import Order
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.fields import (
    ColleagueRef,
    OrderRef,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Synonyms,
    UntrustedText,
    VariantRef,
    WarehouseRef,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import NEWEST, OLDEST, By, sorted_page
from tools.rules.colleagues import colleague
from tools.rules.lookup import find_variant, find_warehouse, products_like

KIND_WORDS = Synonyms(
    {
        "opening": ("opening stock", "initial stock", "starting stock"),
        "receipt": ("receipts", "received", "deliveries", "goods in", "arrived from the supplier"),
        "sale": ("sales", "sold", "shipped"),
        "return": ("returns", "came back"),
        "adjustment": ("adjustments", "corrections", "write-offs", "counts"),
        "transfer_out": ("transfers out", "sent away", "moved out"),
        "transfer_in": ("transfers in", "moved in"),
    }
)
REASON_WORDS = Synonyms(
    {
        "counted": ("count", "recount", "stock take", "stocktake", "inventory count", "cycle count"),
        "damaged": ("broken", "smashed", "cracked", "defective", "spoiled", "wet", "breakage"),
        "lost": ("missing", "disappeared", "cannot be found", "shrinkage"),
        "stolen": ("theft", "shoplifted", "shoplifting"),
        "found": ("turned up", "surplus", "extra"),
        "expired": ("out of date", "past its date", "perished"),
        "sample": ("samples", "giveaway", "gift", "photo shoot", "press"),
        "correction": ("typo", "mistake", "wrong entry", "entered wrongly"),
    }
)


class Direction(StrEnum):
    """Which way units went: onto the shelves, or off them."""

    into = "into"
    out = "out"


DIRECTION_WORDS = Synonyms(
    {
        "into": (
            "came in", "came", "come in", "coming in", "went in", "arrived", "was delivered to us", "incoming", "rein",
            "herein", "kam", "kam an", "reingekommen", "eingegangen", "angekommen", "est entré", "est rentré", "est arrivé",
            "rentré", "entrées",
        ),
        "out": (
            "went out", "gone out", "go out", "left", "outgoing", "raus", "rausgegangen", "abgegangen", "est sorti", "sorties",
        ),
    }
)  # fmt: skip


class MovementSort(StrEnum):
    newest = "newest"
    oldest = "oldest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST})
_SORTS = {
    MovementSort.newest: By("x.occurred_at", datetime, "x.id"),
    MovementSort.oldest: By("x.occurred_at", datetime, "x.id", descending=False),
}


class ListStockMovements(Paged):
    sku: VariantRef | None = Field(default=None, description="Only this variant, by SKU such as `MUG-BLUE`.")
    warehouse: WarehouseRef | None = Field(default=None, description="Only this warehouse.")
    kind: Annotated[MovementKind, KIND_WORDS] | None = Field(default=None, description="Only movements of this kind.")
    direction: Annotated[Direction, DIRECTION_WORDS] | None = Field(
        default=None, description="Only what came onto the shelves, or what left them."
    )
    reason: Annotated[AdjustmentReason, REASON_WORDS] | None = Field(
        default=None, description="Only adjustments for this reason."
    )
    moved_from: PeriodStart | None = Field(default=None, description="From this instant on, UTC.")
    moved_until: PeriodEnd | None = Field(default=None, description="Before this instant, UTC.")
    product: ProductWords | None = Field(
        default=None, description="Only of this product: `PRD-7`, a SKU, or words of its title."
    )
    order: OrderRef | None = Field(default=None, description="Only for this order, such as `ORD-1042`.")
    actor: ColleagueRef | None = Field(default=None, description="Only by this colleague: `USR-1002` or a name.")
    count_by: Annotated[str, columns("kind", "reason", "warehouse")] | None = COUNT_BY
    sort: Annotated[MovementSort, SORT_WORDS] = Field(
        default=MovementSort.newest, description="Newest or oldest first."
    )


class StockMove(Result):
    """Units that came, left or were set aside."""

    moved_at: datetime = Field(description="When, UTC.")
    sku: str = Field(description="The variant's SKU.")
    warehouse: str = Field(description="The warehouse's reference.")
    kind: MovementKind = Field(description="What moved them.")
    reason: AdjustmentReason | None = Field(description="Why they were adjusted; null for other kinds.")
    quantity: int = Field(description="Signed change of the units on hand.")
    damaged: int = Field(description="Signed change of the units set aside as damaged.")
    order: str | None = Field(description="The order that they were for.")
    subject: str | None = Field(description="The shipment, transfer, purchase order, return or count that moved them.")
    actor: str = Field(description="Who moved them: a user's or key's reference, or a part of the system.")
    note: UntrustedText | None = Field(description="What was noted.")


class _MoveRow(NamedTuple):
    id: UUID
    place: Any
    moved_at: datetime
    sku: str
    warehouse: str
    kind: MovementKind
    reason: AdjustmentReason | None
    quantity: int
    damaged: int
    order: str | None
    subject: str | None
    actor: str
    note: str | None


# What a movement was for is sought kind by kind until it is found: eight tables that were joined took longer to plan than to read.
_LIST = """
select x.id, {by} as place, x.occurred_at as moved_at, v.sku, w.reference as warehouse, x.kind, x.reason, x.quantity, x.damaged,
       o.reference as order, x.actor, x.note, coalesce(
           (select reference from fulfilments where merchant_id = %(m)s and id = x.subject_id),
           (select reference from transfers where merchant_id = %(m)s and id = x.subject_id),
           (select reference from purchase_orders where merchant_id = %(m)s and id = x.subject_id),
           (select reference from returns where merchant_id = %(m)s and id = x.subject_id),
           (select reference from stock_counts where merchant_id = %(m)s and id = x.subject_id)) as subject
from (
    select * from stock_movements x where x.merchant_id = %(m)s {filters}
    order by {order} limit %(limit)s
) x
join variants v on v.merchant_id = %(m)s and v.id = x.variant_id
join warehouses w on w.merchant_id = %(m)s and w.id = x.warehouse_id
left join orders o on o.merchant_id = %(m)s and o.id = x.order_id
order by {order}
"""

_OF_PRODUCT = """x.variant_id in (
    select id from variants where merchant_id = %(m)s and product_id = any(%(products)s::uuid[]))"""


@tool(
    route="GET /inventory/movements",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=[
        "What happened to the stock of MUG-BLUE?",
        "Show last week's stock corrections",
        "What came into WH-1 today?",
    ],
)
async def list_stock_movements(ctx: Context, args: ListStockMovements) -> Page[StockMove]:
    """List what came into stock and what went out, newest first, and why.

    The sum of a variant's quantities in a warehouse is what it has on hand.
    """
    conditions, params = await _asked(ctx, args)
    return await sorted_page(ctx, args, _LIST, _SORTS[args.sort], conditions, params, as_=_MoveRow, show=_shown)


async def _asked(ctx: Context, args: ListStockMovements) -> tuple[list[str], dict[str, Any]]:
    """The conditions of the list, and their parameters."""
    variant = await find_variant(ctx, args.sku) if args.sku else None
    warehouse = await find_warehouse(ctx, args.warehouse) if args.warehouse else None
    products = await products_like(ctx, args.product) if args.product else None
    order = await ctx.find(Order, args.order) if args.order else None
    actor = await colleague(ctx, args.actor) if args.actor else None
    asked: dict[str, tuple[str, Any]] = {
        "x.variant_id = %(variant)s": ("variant", variant.id if variant else None),
        "x.warehouse_id = %(warehouse)s": ("warehouse", warehouse.id if warehouse else None),
        "x.kind = %(kind)s": ("kind", args.kind and args.kind.value),
        "sign(x.quantity) = %(sign)s": ("sign", args.direction and (1 if args.direction is Direction.into else -1)),
        "x.reason = %(reason)s": ("reason", args.reason and args.reason.value),
        _OF_PRODUCT: ("products", products),
        "x.order_id = %(order)s": ("order", order and order.id),
        "x.actor = %(actor)s": ("actor", actor and actor.reference),
        "x.occurred_at >= %(from)s": ("from", args.moved_from),
        "x.occurred_at < %(until)s": ("until", args.moved_until),
    }
    given = {condition: pair for condition, pair in asked.items() if pair[1] is not None}
    return list(given), dict(given.values())


def _shown(row: _MoveRow) -> StockMove:
    return StockMove.model_validate(row._asdict())
