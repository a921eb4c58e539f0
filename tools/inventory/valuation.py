"""What the stock is worth, at what it cost."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Synonyms, WarehouseRef
from tools.contract.page import Page, Paged, Total, page_of, place, total_of
from tools.inventory.costs import COSTS_NOW
from tools.rules.lookup import WITH_ALL_BELOW, find_category, find_warehouse


class ValuedBy(StrEnum):
    warehouse = "warehouse"
    category = "category"


VALUED_BY_WORDS = Synonyms(
    {
        "warehouse": ("location", "place", "depot", "site"),
        "category": ("shelf", "department", "product group", "kind of product"),
    }
)


class InventoryValuation(Paged):
    group_by: Annotated[ValuedBy, VALUED_BY_WORDS] = Field(
        default=ValuedBy.warehouse, description="Told apart by warehouse or by category."
    )
    warehouse: WarehouseRef | None = Field(default=None, description="Only what lies in this warehouse.")
    category: CategoryRef | None = Field(default=None, description="Only this category, with all below it.")


class ValuedStock(Result):
    """The stock of a warehouse or a category, in one currency."""

    name: str = Field(description="The warehouse or category; goods without a category are under `No category`.")
    reference: str | None = Field(description="Its reference.")
    units: int = Field(description="Units on hand that were bought in this currency.")
    value: Money = Field(description="What they cost, at the moving average, minor units.")
    damaged_value: Money = Field(description="What those among them cost that are set aside as damaged, minor units.")


class StockTotal(Result):
    """All that was asked for, in one currency."""

    units: int = Field(description="Units on hand that were bought in this currency.")
    value: Money = Field(description="What they cost, at the moving average, minor units.")


class Valuation(Page[ValuedStock]):
    """What the stock is worth now, the most valuable first."""

    totals: list[StockTotal] = Field(description="All of it, currency by currency.")
    units_without_cost: int = Field(description="Units on hand of which nobody knows the cost; they are in no value.")


class _Row(NamedTuple):
    name: str
    reference: str | None
    currency: str
    units: int
    amount: int
    damaged: int
    key: str

    def shown(self) -> ValuedStock:
        return ValuedStock(
            name=self.name, reference=self.reference, units=self.units,
            value=Money(amount=self.amount, currency=self.currency),
            damaged_value=Money(amount=self.damaged, currency=self.currency),
        )  # fmt: skip


class _Told(NamedTuple):
    """The rows of a page, of all stock by currency, and of the count, as JSON."""

    page: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    counted: list[dict[str, Any]]


# Each level is rounded by itself: so that groups of any kind add up to the same total. All is read once, for both.
_VALUED = """
with valued as materialized (
    select {key} as id, k.average is null as unknown, k.currency, sum(s.on_hand)::int as units,
           sum(round(s.on_hand * k.average))::bigint as amount, sum(round(s.damaged * k.average))::bigint as damaged
    from stock_levels s
    join variants v on v.merchant_id = %(m)s and v.id = s.variant_id
    join products p on p.merchant_id = %(m)s and p.id = v.product_id
    {cost}
    where s.merchant_id = %(m)s and s.on_hand > 0 {filters}
    group by 1, 2, 3
), named as (
    select coalesce(t.name, 'No category') as name, t.reference, g.currency, g.units, g.amount, g.damaged,
           concat(g.currency, g.id) as key
    from valued g left join {table} t on t.merchant_id = %(m)s and t.id = g.id where not g.unknown
), page as (
    select * from named where {further} order by amount desc, key limit %(limit)s
), totals as (
    select currency, sum(units)::int as units, sum(amount)::bigint as amount from valued group by unknown, currency
    order by amount desc nulls last, currency
), counted as (
    select currency, count(*) as rows, sum(amount) as amount from named where %(count)s
    group by currency order by amount desc, currency
)
select array(select row_to_json(p) from page p) as page, array(select row_to_json(t) from totals t) as totals,
       array(select row_to_json(c) from counted c) as counted
"""
_GROUPED = {ValuedBy.warehouse: ("s.warehouse_id", "warehouses"), ValuedBy.category: ("p.category_id", "categories")}


@tool(
    route="GET /analytics/inventory/valuation",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["What is our stock worth?", "Stock value by category in the main warehouse"],
)
async def inventory_valuation(ctx: Context, args: InventoryValuation) -> Valuation:
    """Say what the stock on hand is worth at cost, by warehouse or category.

    At the moving average of what was bought, as of now, currency by currency. Units are those of the stock ledger, damaged and
    reserved ones included; what is on its way is not.
    """
    filters, params = await _asked(ctx, args)
    key, table = _GROUPED[args.group_by]
    after = place(args.after, int, str)
    query = _VALUED.format(
        key=key, table=table, cost=COSTS_NOW, filters="".join(f" and {condition}" for condition in filters),
        further="(-amount, key) > (%(amount)s, %(key)s)" if after else "true",
    )  # fmt: skip
    params |= dict(zip(("amount", "key"), after or (None, None), strict=True))
    (told,) = await ctx.sql.rows(query, params | {"limit": args.limit + 1, "count": args.counts}, as_=_Told)
    rows, known = [_Row(**row) for row in told.page], [row for row in told.totals if row["amount"] is not None]
    page = page_of(
        rows, args.limit, _Row.shown, lambda row: (-row.amount, row.key), _total(told.counted) if args.counts else None
    )
    return Valuation(
        totals=[
            StockTotal(units=row["units"], value=Money(amount=row["amount"], currency=row["currency"])) for row in known
        ],
        units_without_cost=sum(row["units"] for row in told.totals if row["amount"] is None),
        **dict(page),
    )


def _total(counted: Sequence[Mapping[str, Any]]) -> Total:
    return total_of(
        sum(one["rows"] for one in counted),
        [Money(amount=one["amount"], currency=one["currency"]) for one in counted],
    )


async def _asked(ctx: Context, args: InventoryValuation) -> tuple[list[str], dict[str, Any]]:
    """The conditions, and their parameters."""
    filters: list[str] = []
    params: dict[str, Any] = {"m": ctx.merchant.id}
    if args.warehouse:
        filters.append("s.warehouse_id = %(warehouse)s")
        params["warehouse"] = (await find_warehouse(ctx, args.warehouse)).id
    if args.category:
        filters.append(f"p.category_id in ({WITH_ALL_BELOW})")
        params["category"] = (await find_category(ctx, args.category)).id
    return filters, params
