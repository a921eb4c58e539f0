"""How fast the stock sells: what turns over, how old it is, and what nobody buys."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Days, Synonyms
from tools.contract.page import Page, Paged, paged, place
from tools.inventory.costs import COSTS_NOW
from tools.rules.lookup import WITH_ALL_BELOW, find_category
from tools.rules.periods import days_back

AGES = (30, 90, 180, 365)  # days


class StockPace(StrEnum):
    moving = "moving"
    slow = "slow"
    dead = "dead"


PACE_WORDS = Synonyms(
    {
        "moving": ("selling well", "healthy"),
        "slow": ("slow moving", "slow-moving", "sluggish", "overstocked", "too much of"),
        "dead": (
            "dead stock", "not selling", "unsold", "nobody bought", "not sold", "does not sell", "not moved", "shelf warmers",
            "nobody buys", "stale",
        ),
    }
)  # fmt: skip


class InventoryTurnover(Paged):
    pace: Annotated[StockPace, PACE_WORDS] | None = Field(
        default=None, description="Only what sells, what sells slowly, or what has not sold at all."
    )
    category: CategoryRef | None = Field(default=None, description="Only this category, with all below it.")
    days: Days = Field(default=365, ge=7, le=730, description="Over how many days, today included.")
    dead_after: Days = Field(
        default=180, ge=7, le=730, description="After so many days without a sale, stock that is as old is dead."
    )
    slow_after: Days = Field(
        default=180, ge=7, le=3650, description="Stock that lasts for more days than this at its pace is slow."
    )


class TurnedVariant(Result):
    """A variant's stock in all warehouses, and how fast it sells."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="The product's title.")
    pace: StockPace = Field(description="Whether it sells, sells slowly, or not at all.")
    on_hand: int = Field(description="Units on the shelves now.")
    value: Money | None = Field(description="What they cost, minor units; null: the cost is not known.")
    sold: int = Field(description="Units that left for customers in the period, less what came back.")
    turns_per_year: float | None = Field(
        description="How often the average stock is sold in a year; null where there was none."
    )
    lasts_days: int | None = Field(description="Days for which the stock lasts at that pace; null if none was sold.")
    average_age_days: int | None = Field(
        description="How old the units are on average, when the oldest are sold first."
    )
    last_sold_on: date | None = Field(description="Day of the last sale, in the shop's time zone; null: never.")


class AgeBand(Result):
    """The part of the stock that came so long ago."""

    from_days: int = Field(description="At least so many days old.")
    to_days: int | None = Field(description="Fewer days old than this; null: any number.")
    units: int = Field(description="Units of that age.")
    value: Money = Field(description="What they cost, minor units.")


class TurnedStock(Result):
    """The whole stock that was asked for, in one currency."""

    value: Money = Field(description="What is on hand now, at cost, minor units.")
    average_value: Money = Field(description="Half of what was there at the beginning and of what is now, minor units.")
    cost_of_sales: Money = Field(description="What the units cost that were sold in the period, minor units.")
    turns_per_year: float | None = Field(description="How often the average stock is sold in a year.")
    slow_value: Money = Field(description="What the slow stock cost, minor units.")
    dead_value: Money = Field(description="What the dead stock cost, minor units.")
    dead_variants: int = Field(description="How many variants are dead stock.")
    ages: list[AgeBand] = Field(description="How old it is, the youngest first, when the oldest units are sold first.")


class Turnover(Page[TurnedVariant]):
    """How fast the stock sells, what ties up most money first."""

    stock: list[TurnedStock] = Field(description="All of it, currency by currency.")
    units_without_cost: int = Field(description="Units on hand of which nobody knows the cost; no value counts them.")
    moved_from: datetime = Field(description="Beginning of the period, UTC.")
    moved_until: datetime = Field(description="Its end, UTC: now.")
    zone: str = Field(description="The shop's time zone.")


class _Variant(NamedTuple):
    id: UUID
    sku: str
    title: str
    pace: StockPace
    on_hand: int
    amount: int | None
    currency: str | None
    sold: int
    turns_per_year: float | None
    lasts_days: int | None
    average_age_days: int | None
    last_sold_on: date | None
    tied: int

    def shown(self) -> TurnedVariant:
        value = None if self.amount is None or not self.currency else Money(amount=self.amount, currency=self.currency)
        return TurnedVariant(
            **{name: getattr(self, name) for name in TurnedVariant.model_fields if name != "value"}, value=value
        )


class _Stock(NamedTuple):
    currency: str | None
    units: int
    amount: int
    before: int
    sold: int
    slow: int
    dead: int
    dead_variants: int
    band_units: list[int]
    band_amounts: list[int]


# At the beginning of the period there was what is there now, less what has moved since. Of what is there the youngest came last:
# arrivals are counted back from now until they make up the stock; those of all variants in one go, for one by one they take longer.
_TURNED = """
with moved as (
    select x.variant_id as id, sum(x.quantity)::int as change,
           coalesce(-sum(x.quantity) filter (where x.kind in ('sale', 'return')), 0)::int as sold
    from stock_movements x where x.merchant_id = %(m)s and x.occurred_at >= %(start)s group by x.variant_id
), held as (
    select s.variant_id as id, sum(s.on_hand)::int as units from stock_levels s where s.merchant_id = %(m)s group by s.variant_id
), aged as (
    select n.id, n.stock as units, array[{bands}] as ages, sum(n.units * n.days)::numeric / nullif(sum(n.units), 0) as days
    from (
        select h.id, h.units as stock, least(c.quantity, h.units - c.younger) as units,
               extract(day from %(now)s - c.occurred_at)::bigint as days
        from held h left join (
            select x.variant_id, x.quantity, x.occurred_at,
                   sum(x.quantity) over (partition by x.variant_id order by x.occurred_at desc, x.id desc) - x.quantity as younger
            from stock_movements x where x.merchant_id = %(m)s and x.quantity > 0 and x.kind <> 'transfer_in'
        ) c on c.variant_id = h.id and c.younger < h.units
    ) n group by n.id, n.stock
), figures as materialized (
    select v.id, v.sku, p.title, h.units, h.units - coalesce(m.change, 0) as before, coalesce(m.sold, 0) as sold, k.average,
           k.currency, h.ages, h.days, (
               select max(x.occurred_at) from stock_movements x
               where x.merchant_id = %(m)s and x.variant_id = v.id and x.kind = 'sale'
           ) as last_sale
    from aged h
    join variants v on v.merchant_id = %(m)s and v.id = h.id
    join products p on p.merchant_id = %(m)s and p.id = v.product_id
    left join moved m on m.id = h.id
    {cost}
    where (h.units > 0 or coalesce(m.sold, 0) > 0) and {conditions}
), paced as (
    select *, case when units > 0 and days >= %(dead_after)s
                        and coalesce(last_sale, 'epoch') < %(now)s - make_interval(days => %(dead_after)s) then 'dead'
                   when units > 0 and units * %(days)s > sold * %(slow_after)s and days >= %(young)s then 'slow'
                   else 'moving' end as pace
    from figures
)
"""
_PAGE = """
, shown as (
    select id, sku, title, pace, units as on_hand, round(units * average)::bigint as amount, currency, sold,
           round(sold * 2 * 365.0 / %(days)s / nullif(units + greatest(before, 0), 0), 2)::float as turns_per_year,
           case when sold > 0 then (units::bigint * %(days)s / sold)::int end as lasts_days, round(days)::int as average_age_days,
           (last_sale at time zone %(zone)s)::date as last_sold_on, coalesce(round(units * average)::bigint, 0) as tied
    from paced where %(pace)s::text is null or pace = %(pace)s
)
select * from shown where {further} order by tied desc, id limit %(limit)s
"""
_STOCK = """
select currency, sum(units)::int as units, coalesce(sum(round(units * average)), 0)::bigint as amount,
       coalesce(sum(round(greatest(before, 0) * average)), 0)::bigint as before,
       coalesce(sum(round(sold * average)), 0)::bigint as sold,
       coalesce(sum(round(units * average)) filter (where pace = 'slow'), 0)::bigint as slow,
       coalesce(sum(round(units * average)) filter (where pace = 'dead'), 0)::bigint as dead,
       count(*) filter (where pace = 'dead')::int as dead_variants,
       array[{units}] as band_units, array[{amounts}] as band_amounts
from paced group by average is null, currency order by amount desc, currency
"""
_BANDS = ", ".join(
    f"coalesce(sum(n.units) filter (where n.days >= {since} and n.days < {until}), 0)::int"
    for since, until in zip((0, *AGES), (*AGES, 10**6), strict=True)
)
_BAND_UNITS = ", ".join(f"coalesce(sum(ages[{n}]), 0)::int" for n in range(1, len(AGES) + 2))
_BAND_AMOUNTS = ", ".join(f"coalesce(sum(round(ages[{n}] * average)), 0)::bigint" for n in range(1, len(AGES) + 2))


@tool(
    route="GET /analytics/inventory/turnover",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["What is dead stock?", "How fast does our stock turn over?", "Which goods have we had for too long?"],
)
async def inventory_turnover(ctx: Context, args: InventoryTurnover) -> Turnover:
    """Tell how fast stock sells, how old it is, and what nobody buys.

    Turnover is the cost of what left for customers, less returns, over the average stock, both at today's average cost. Dead
    stock has lain for `dead_after` days and not sold once in them. Warehouses are taken together, what ties up most comes first.
    """
    category = await find_category(ctx, args.category) if args.category else None
    period = days_back(ctx, args.days)
    turned = _TURNED.format(
        cost=COSTS_NOW, bands=_BANDS, conditions=f"p.category_id in ({WITH_ALL_BELOW})" if category else "true"
    )
    after = place(args.after, int, UUID)
    tied, last = after or (None, None)
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "now": ctx.now(), "start": period.start, "zone": ctx.merchant.zone.key, "days": args.days,
        "dead_after": args.dead_after, "slow_after": args.slow_after, "young": AGES[0], "category": category and category.id,
        "pace": args.pace and args.pace.value, "tied": tied, "id": last,
    }  # fmt: skip
    stock = await ctx.sql.rows(turned + _STOCK.format(units=_BAND_UNITS, amounts=_BAND_AMOUNTS), params, as_=_Stock)
    listed = turned + _PAGE.format(further="(-tied, id) > (%(tied)s, %(id)s)" if after else "true")
    page = await paged(
        ctx, args, listed, params, as_=_Variant, show=_Variant.shown, at=lambda row: (-row.tied, row.id),
        money=("coalesce(amount, 0)", "currency"),
    )  # fmt: skip
    return Turnover(
        stock=[_whole(row, args.days) for row in stock if row.currency],
        units_without_cost=sum(row.units for row in stock if not row.currency),
        moved_from=period.start, moved_until=ctx.now(), zone=ctx.merchant.zone.key, **dict(page),
    )  # fmt: skip


def _whole(row: _Stock, days: int) -> TurnedStock:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency or "")

    average = (row.before + row.amount) // 2
    bands = zip((0, *AGES), (*AGES, None), row.band_units, row.band_amounts, strict=True)
    return TurnedStock(
        value=money(row.amount), average_value=money(average), cost_of_sales=money(row.sold),
        turns_per_year=round(row.sold * 365 / days / average, 2) if average else None,
        slow_value=money(row.slow), dead_value=money(row.dead), dead_variants=row.dead_variants,
        ages=[AgeBand(from_days=a, to_days=b, units=units, value=money(amount)) for a, b, units, amount in bands],
    )  # fmt: skip
