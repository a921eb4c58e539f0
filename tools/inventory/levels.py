"""What lies where."""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.fields import CategoryRef, ProductRef, Search, Synonyms, VariantRef, WarehouseRef
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import (
    HOLDS_NOW,
    WITH_ALL_BELOW,
    containing,
    find_category,
    find_product,
    find_variant,
    find_warehouse,
)


class StockState(StrEnum):
    in_stock = "in_stock"
    below_reorder_point = "below_reorder_point"
    out_of_stock = "out_of_stock"


STATE_WORDS = Synonyms(
    {
        "in_stock": ("available", "on the shelf", "left"),
        "below_reorder_point": ("low", "running low", "to reorder", "nearly gone", "below reorder", "running out"),
        "out_of_stock": ("sold out", "gone", "empty", "none left", "zero"),
    }
)


class StockSort(StrEnum):
    sku = "sku"
    available = "available"
    scarce = "scarce"
    on_hand = "on_hand"
    reserved = "reserved"
    damaged = "damaged"
    incoming = "incoming"


SORT_WORDS = Synonyms(
    {
        "sku": ("by sku", "alphabetical", "alphabetically"),
        "available": ("most available", "most stock", "highest stock", "most units"),
        "scarce": ("least available", "lowest stock", "fewest units", "scarcest", "fewest first"),
        "on_hand": ("most on hand",),
        "reserved": ("most reserved",),
        "damaged": ("most damaged",),
        "incoming": ("most incoming", "most on the way"),
    }
)


class _Order(NamedTuple):
    """The figure that a list is sorted by, before the SKU and the warehouse."""

    by: str
    direction: str = "desc"


_AVAILABLE = "s.on_hand - s.reserved - s.damaged"
_SORTS = {
    StockSort.sku: _Order("0"),
    StockSort.available: _Order(_AVAILABLE),
    StockSort.scarce: _Order(_AVAILABLE, "asc"),
    StockSort.on_hand: _Order("s.on_hand"),
    StockSort.reserved: _Order("s.reserved"),
    StockSort.damaged: _Order("s.damaged"),
    StockSort.incoming: _Order("s.incoming"),
}


class ListStock(Paged):
    sku: VariantRef | None = Field(default=None, description="Only this variant, by SKU such as `MUG-BLUE`.")
    product: ProductRef | None = Field(default=None, description="Only variants of this product.")
    warehouse: WarehouseRef | None = Field(default=None, description="Only what lies in this warehouse.")
    category: CategoryRef | None = Field(default=None, description="Only this category, with all below it.")
    state: Annotated[StockState, STATE_WORDS] | None = Field(
        default=None, description="Only what is in stock, at or below its reorder point, or out of stock, by warehouse."
    )
    text: Search | None = Field(default=None, description="Words of the title, brand, tags or SKU.")
    sort: Annotated[StockSort, SORT_WORDS] = Field(
        default=StockSort.sku, description="By SKU, or the most or fewest units of a kind first."
    )


class StockLine(Result):
    """The units of a variant in a warehouse."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="The product's title.")
    variant: str = Field(description="The variant's own title.")
    product: str = Field(description="The product's reference.")
    warehouse: str = Field(description="The warehouse's reference.")
    warehouse_name: str = Field(description="What the warehouse is called.")
    on_hand: int = Field(description="Units on the shelf, reserved and damaged ones included.")
    reserved: int = Field(description="Units held back for orders, checkouts or people.")
    damaged: int = Field(description="Units set aside that cannot be sold.")
    available: int = Field(description="Units that can be sold now: on hand less reserved less damaged.")
    incoming: int = Field(description="Units that open purchase orders and transfers will bring.")
    reorder_point: int | None = Field(
        description="At so many available units or fewer it is time to buy; null: no rule."
    )
    price: Money | None = Field(description="What a unit costs now, minor units of the shop's own currency.")


class _StockRow(NamedTuple):
    sku: str
    title: str
    variant: str
    product: str
    warehouse: str
    warehouse_name: str
    warehouse_id: UUID
    on_hand: int
    reserved: int
    damaged: int
    available: int
    incoming: int
    reorder_point: int | None
    place: int
    price: dict[str, Any] | None


_STATES = {
    StockState.in_stock: "s.on_hand - s.reserved - s.damaged > 0",
    StockState.below_reorder_point: "s.on_hand - s.reserved - s.damaged <= s.reorder_point",
    StockState.out_of_stock: "s.on_hand - s.reserved - s.damaged <= 0",
}
# The page is found by what lies on the shelves and its SKU alone: joined with all that is shown, every row would be sorted in full.
_LIST = f"""
with page as (
    select s.*, v.sku, v.title as variant, v.product_id, {{by}} as place
    from stock_levels s join variants v on v.merchant_id = %(m)s and v.id = s.variant_id
    where s.merchant_id = %(m)s and (v.archived_at is null and v.tracked or s.on_hand <> 0 or s.incoming <> 0) {{filters}}
    order by place {{direction}}, v.sku, s.warehouse_id limit %(limit)s
)
select s.sku, p.title, s.variant, p.reference as product, w.reference as warehouse, w.name as warehouse_name, s.warehouse_id,
       s.on_hand, s.reserved, s.damaged, {_AVAILABLE} as available, s.incoming, s.reorder_point, s.place, (
           select json_build_object('amount', r.amount, 'currency', r.currency) from prices r
           where r.variant_id = s.variant_id and r.currency = %(home)s and {HOLDS_NOW}
           order by r.valid_from desc limit 1
       ) as price
from page s
join products p on p.merchant_id = %(m)s and p.id = s.product_id
join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id
order by s.place {{direction}}, s.sku, s.warehouse_id limit %(limit)s
"""


_OF_PRODUCT = "exists (select from products p where p.merchant_id = %(m)s and p.id = v.product_id and {})"
_BEYOND = """({by} {than} %(place)s or {by} = %(place)s and (v.sku, s.warehouse_id) > (%(sku)s, %(warehouse_id)s))"""


@tool(
    route="GET /inventory",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=["How many MUG-BLUE do we have?", "What is out of stock in Lyon?", "Show the stock of the Mugs category"],
)
async def list_stock(ctx: Context, args: ListStock) -> Page[StockLine]:
    """Show how many units of each variant lie in each warehouse.

    One row for a variant and a warehouse: on hand, reserved, damaged, available, incoming, reorder point. By SKU.
    When units will come, or whether an amount can be promised, is a question for check_availability.
    """
    filters, params = await _asked(ctx, args)
    by = _SORTS[args.sort]
    if since := place(args.after, int, str, UUID):
        filters.append(_BEYOND.format(by=by.by, than="<" if by.direction == "desc" else ">"))
        params |= {"place": since[0], "sku": since[1], "warehouse_id": since[2]}
    narrowed = "".join(f" and {condition}" for condition in filters)
    query = _LIST.format(by=by.by, direction=by.direction, filters=narrowed)
    return await paged(
        ctx,
        args,
        query,
        params | {"m": ctx.merchant.id, "home": ctx.merchant.currency, "now": ctx.now()},
        as_=_StockRow,
        show=_stock_line,
        at=lambda row: (row.place, row.sku, row.warehouse_id),
    )


async def _asked(ctx: Context, args: ListStock) -> tuple[list[str], dict[str, Any]]:
    """The conditions of the list, and their parameters."""
    filters: list[str] = []
    params: dict[str, Any] = {}
    if args.sku:
        filters.append("s.variant_id = %(variant)s")
        params["variant"] = (await find_variant(ctx, args.sku)).id
    if args.product:
        filters.append("v.product_id = %(product)s")
        params["product"] = (await find_product(ctx, args.product)).id
    if args.warehouse:
        filters.append("s.warehouse_id = %(warehouse)s")
        params["warehouse"] = (await find_warehouse(ctx, args.warehouse)).id
    if args.category:
        filters.append(_OF_PRODUCT.format(f"p.category_id in ({WITH_ALL_BELOW})"))
        params["category"] = (await find_category(ctx, args.category)).id
    if args.state:
        filters.append(_STATES[args.state])
    if args.text:
        filters.append(_OF_PRODUCT.format("p.search || ' ' || unaccent(lower(v.title)) like all(%(words)s::text[])"))
        params["words"] = containing(args.text)
    return filters, params


def _stock_line(row: _StockRow) -> StockLine:
    return StockLine.model_validate(row._asdict())
