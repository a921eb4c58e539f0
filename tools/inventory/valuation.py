"""What the stock is worth, at what it cost."""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Synonyms, WarehouseRef
from tools.contract.page import Page, Paged, paged, place
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


class _Total(NamedTuple):
    currency: str | None
    units: int
    amount: int | None


# Each level is rounded by itself: so that groups of any kind add up to the same total.
_VALUED = """
with valued as (
    select s.warehouse_id, p.category_id, k.currency, s.on_hand as units, round(s.on_hand * k.average)::bigint as amount,
           round(s.damaged * k.average)::bigint as damaged
    from stock_levels s
    join variants v on v.merchant_id = %(m)s and v.id = s.variant_id
    join products p on p.merchant_id = %(m)s and p.id = v.product_id
    {cost}
    where s.merchant_id = %(m)s and s.on_hand > 0 {filters}
)
"""
_GROUPS = """
, grouped as (
    select {key} as id, currency, sum(units)::int as units, sum(amount)::bigint as amount, sum(damaged)::bigint as damaged
    from valued where amount is not null group by 1, 2
), named as (
    select coalesce(t.name, 'No category') as name, t.reference, g.currency, g.units, g.amount, g.damaged,
           concat(g.currency, g.id) as key
    from grouped g left join {table} t on t.merchant_id = %(m)s and t.id = g.id
)
select * from named where {further} order by amount desc, key limit %(limit)s
"""
_TOTALS = """
select currency, sum(units)::int as units, sum(amount)::bigint as amount from valued group by amount is null, currency
order by amount desc nulls last, currency
"""
_GROUPED = {ValuedBy.warehouse: ("warehouse_id", "warehouses"), ValuedBy.category: ("category_id", "categories")}


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
    valued = _VALUED.format(cost=COSTS_NOW, filters="".join(f" and {condition}" for condition in filters))
    totals = await ctx.sql.rows(valued + _TOTALS, params, as_=_Total)
    key, table = _GROUPED[args.group_by]
    after = place(args.after, int, str)
    groups = _GROUPS.format(key=key, table=table, further="(-amount, key) > (%(amount)s, %(key)s)" if after else "true")
    amount, last = after or (None, None)
    page = await paged(
        ctx, args, valued + groups, params | {"amount": amount, "key": last}, as_=_Row, show=_Row.shown,
        at=lambda row: (-row.amount, row.key), money=("amount", "currency"),
    )  # fmt: skip
    return Valuation(
        totals=[
            StockTotal(units=row.units, value=Money(amount=row.amount, currency=row.currency))
            for row in totals
            if row.amount is not None and row.currency
        ],
        units_without_cost=sum(row.units for row in totals if row.amount is None),
        **dict(page),
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
