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
    MOST_LOOKED_UP,
    WITH_ALL_BELOW,
    can_be_looked_up,
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
        "in_stock": ("available", "on the shelf"),
        "below_reorder_point": ("low", "running low", "to reorder", "nearly gone", "below reorder", "running out"),
        "out_of_stock": ("sold out", "run out", "ran out", "gone", "empty", "none left", "zero"),
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
    """The figure that a list is sorted by, before the variant and the warehouse.

    `stands` is the figure of most rows, as an index has it; None: it is nought. `apart` are the others, which few are, and `found`
    is where they are found. No index has what is reserved: each order would have to write it.
    """

    figure: str
    stands: str | None
    apart: str
    found: str
    direction: str = "asc"


_AVAILABLE = "s.on_hand - s.reserved - s.damaged"
_HELD = """(s.variant_id, s.warehouse_id) in (
    select r.variant_id, r.warehouse_id from reservations r where r.merchant_id = %(m)s and r.status = 'active')"""
# Below zero, so that the most come first where what is `scarce` comes last: of those that are gone the newest lead that list.
_SORTS = {
    StockSort.available: _Order(f"-({_AVAILABLE})", "s.emptiness", "s.reserved > 0", _HELD),
    StockSort.scarce: _Order(f"-({_AVAILABLE})", "s.emptiness", "s.reserved > 0", _HELD, "desc"),
    StockSort.on_hand: _Order("-s.on_hand", "s.emptiness", "s.damaged > 0", "true"),
    StockSort.reserved: _Order("-s.reserved", None, "s.reserved > 0", _HELD),
    StockSort.damaged: _Order("-s.damaged", None, "s.damaged > 0", "true"),
    StockSort.incoming: _Order("-s.incoming", None, "s.incoming > 0", "true"),
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
    variant_id: UUID
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
_ALL = "stock_levels s join variants v on v.merchant_id = %(m)s and v.id = s.variant_id"
# Of a few rows, each with its variant: all of a shop's variants would be read for these where many are expected.
_APART = """stock_levels s cross join lateral (
    select v.* from variants v where v.merchant_id = %(m)s and v.id = s.variant_id offset 0
) v"""
# Of some goods, by SKU: their stock is looked up until the page is full (OFFSET is a fence).
_OF_GOODS = """(
    select v.* from variants v where v.merchant_id = %(m)s and {goods} {beyond} order by v.sku
) v cross join lateral (select s.* from stock_levels s where s.merchant_id = %(m)s and s.variant_id = v.id offset 0) s"""
_ROWS = """
select s.*, v.sku, v.title as variant, {figure} as place
from {source}
where s.merchant_id = %(m)s and (v.archived_at is null and v.tracked or s.on_hand <> 0 or s.incoming <> 0) {filters}
order by {order} limit %(limit)s
"""
# The page is found by what lies on the shelves and its SKU alone: joined with all that is shown, every row would be sorted in full.
_LIST = f"""
with {{found}} page as ({{rows}})
select s.sku, p.title, s.variant, s.variant_id, p.reference as product, w.reference as warehouse, w.name as warehouse_name,
       s.warehouse_id, s.on_hand, s.reserved, s.damaged, {_AVAILABLE} as available, s.incoming, s.reorder_point, s.place, (
           select json_build_object('amount', r.amount, 'currency', r.currency) from prices r
           where r.variant_id = s.variant_id and r.currency = %(home)s and {HOLDS_NOW}
           order by r.valid_from desc limit 1
       ) as price
from page s
join products p on p.merchant_id = %(m)s and p.id = s.product_id
join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id
order by {{order}} limit %(limit)s
"""


# What words fit is looked up where it is not too much, however far down the list it is. By a figure, all of its stock is sorted; by
# SKU, that of a page is read.
MOST_BY_SKU = 5 * MOST_LOOKED_UP
_FOUND = """
found as materialized (select id from variants_called(%(words)s, %(most)s) as id),
few as (select count(*) < %(most)s as yes from found),
"""
_IS_FOUND = "(select yes from few) and v.id = any(array(select id from found))"
_FITS = """exists (
    select from products p
    where p.merchant_id = %(m)s and p.id = v.product_id and p.search || ' ' || v.title_key like all(%(words)s::text[]))"""
_OF_CATEGORY = f"""v.product_id = any(array(
    select p.id from products p where p.merchant_id = %(m)s and p.category_id in ({WITH_ALL_BELOW})))"""
_BEYOND = " and (v.sku, s.warehouse_id) > (%(sku)s, %(warehouse_id)s)"
_BEYOND_FIGURE = " and ({figure}, s.variant_id, s.warehouse_id) {than} (%(place)s, %(variant_id)s, %(warehouse_id)s)"
_BEYOND_NONE = " and (%(place)s::int < 0 or (s.variant_id, s.warehouse_id) {than} (%(variant_id)s, %(warehouse_id)s))"


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
    by = _SORTS.get(args.sort)
    since = place(args.after, int, UUID, UUID) if by else place(args.after, str, UUID)
    if since:
        names = ("place", "variant_id", "warehouse_id") if by else ("sku", "warehouse_id")
        params |= dict(zip(names, since, strict=True))
    found, rows, order = _page(args, by, "".join(f" and {condition}" for condition in filters), since is not None)
    most = MOST_LOOKED_UP if by else MOST_BY_SKU
    return await paged(
        ctx,
        args,
        _LIST.format(found=found, rows=rows, order=order),
        params | {"m": ctx.merchant.id, "home": ctx.merchant.currency, "now": ctx.now(), "most": most + 1},
        as_=_StockRow,
        show=_stock_line,
        at=lambda row: (row.place, row.variant_id, row.warehouse_id) if by else (row.sku, row.warehouse_id),
    )


def _page(args: ListStock, by: _Order | None, narrowed: str, further: bool) -> tuple[str, str, str]:
    """The WITH before a page, its rows, and their order."""
    goods = _OF_CATEGORY if args.category else ""
    of_goods = goods and f" and {goods}"
    looks_up = args.text is not None and can_be_looked_up(args.text)
    fits = f" and {_FITS}" * bool(args.text) + " and not (select yes from few)" * looks_up
    if by:
        rows, order = _by_figure(by, narrowed + fits + of_goods, further)
    else:
        rows, order = _by_sku(goods, narrowed + fits, further), "s.sku, s.warehouse_id"
    if not looks_up:
        return "", rows, order
    return _FOUND, f"({_of_found(by, narrowed + of_goods, further)}) union all ({rows})", order


def _by_sku(goods: str, narrowed: str, further: bool) -> str:
    """The rows of a page by SKU, of all or of some goods."""
    source = _OF_GOODS.format(goods=goods, beyond="and v.sku >= %(sku)s" if further else "") if goods else _ALL
    filters = narrowed + (_BEYOND if further else "")
    return _ROWS.format(figure="0", source=source, filters=filters, order="v.sku, s.warehouse_id")


def _of_found(by: _Order | None, narrowed: str, further: bool) -> str:
    """The rows of a page of what was looked up, which is all sorted."""
    source = _OF_GOODS.format(goods=_IS_FOUND, beyond="")
    if not by:
        beyond, order = _BEYOND, "v.sku, s.warehouse_id"
        return _ROWS.format(figure="0", source=source, filters=narrowed + beyond * further, order=order)
    beyond = _BEYOND_FIGURE.format(figure=by.figure, than="<" if by.direction == "desc" else ">")
    order = ", ".join(f"{column} {by.direction}" for column in (by.figure, "s.variant_id", "s.warehouse_id"))
    return _ROWS.format(figure=by.figure, source=source, filters=narrowed + beyond * further, order=order)


def _by_figure(by: _Order, narrowed: str, further: bool) -> tuple[str, str]:
    """The rows of a page by a figure, and their order: most as an index has them, and those that stand apart."""
    than = "<" if by.direction == "desc" else ">"
    order = f"s.variant_id {by.direction}, s.warehouse_id {by.direction}"
    apart = _ROWS.format(
        figure=by.figure, source=_APART, order=f"{by.figure} {by.direction}, {order}",
        filters=f" and {by.apart} and {by.found}{narrowed}"
        + (_BEYOND_FIGURE.format(figure=by.figure, than=than) if further else ""),
    )  # fmt: skip
    beyond = _BEYOND_FIGURE if by.stands else _BEYOND_NONE
    others = _ROWS.format(
        figure=by.stands or "0", source=_ALL, order=f"{by.stands} {by.direction}, {order}" if by.stands else order,
        filters=f" and not {by.apart}{narrowed}" + (beyond.format(figure=by.stands, than=than) if further else ""),
    )  # fmt: skip
    page = f"s.place {by.direction}, {order}"
    return f"select * from (({apart}) union all ({others})) s order by {page} limit %(limit)s", page


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
        params["category"] = (await find_category(ctx, args.category)).id
    if args.state:
        filters.append(_STATES[args.state])
    if args.text:
        params["words"] = containing(args.text)
    return filters, params


def _stock_line(row: _StockRow) -> StockLine:
    return StockLine.model_validate(row._asdict())
