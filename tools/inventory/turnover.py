"""How fast the stock sells: what turns over, how old it is, and what nobody buys."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Days, Synonyms
from tools.contract.page import Page, Paged, Total, page_of, place, total_of
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


class _Told(NamedTuple):
    """The rows of a page, of the stock by currency, and of the count, as JSON."""

    page: list[dict[str, Any]]
    stock: list[dict[str, Any]]
    counted: list[dict[str, Any]]


# At the beginning of the period there was what is there now, less what has moved since. Of what is there the youngest came last:
# arrivals are counted back from now until they make up the stock; those of all variants in one go, for one by one they take longer.
# Names and the last sale are looked up for the page alone.
_TURNED = """
with moved as (
    select x.variant_id as id, coalesce(sum(x.quantity) filter (where x.occurred_at >= %(start)s), 0)::int as change,
           coalesce(-sum(x.quantity) filter (where x.occurred_at >= %(start)s and x.kind in ('sale', 'return')), 0)::int as sold,
           bool_or(x.kind = 'sale' and x.occurred_at >= %(dead_since)s) as still_sold
    from stock_movements x
    where x.merchant_id = %(m)s and x.occurred_at >= least(%(start)s::timestamptz, %(dead_since)s::timestamptz)
    group by x.variant_id
), held as (
    select s.variant_id as id, sum(s.on_hand)::int as units from stock_levels s where s.merchant_id = %(m)s group by s.variant_id
), came as (
    select x.variant_id as id, x.quantity, date_part('day', %(now)s - x.occurred_at)::int as days,
           sum(x.quantity) over (
               partition by x.variant_id order by x.occurred_at desc, x.id desc rows unbounded preceding
           ) - x.quantity as younger
    from stock_movements x where x.merchant_id = %(m)s and x.quantity > 0 and x.kind <> 'transfer_in'
), aged as (
    select n.id, min(n.stock) as units, {bands}, sum(n.units::bigint * n.days)::numeric / nullif(sum(n.units), 0) as days
    from (
        select h.id, h.units as stock, least(c.quantity, h.units - c.younger)::int as units, c.days
        from held h left join came c on c.id = h.id and c.younger < h.units
    ) n group by n.id
), figures as (
    select h.*, h.units - coalesce(m.change, 0) as before, coalesce(m.sold, 0) as sold, k.average, k.currency,
           coalesce(m.still_sold, false) as still_sold, round(h.units * k.average)::bigint as amount
    from aged h
    join variants v on v.merchant_id = %(m)s and v.id = h.id
    left join moved m on m.id = h.id
    {cost}
    where (h.units > 0 or coalesce(m.sold, 0) > 0) and {conditions}
), paced as materialized (
    select *, case when units > 0 and days >= %(dead_after)s and not still_sold then 'dead'
                   when units > 0 and units * %(days)s > sold * %(slow_after)s and days >= %(young)s then 'slow'
                   else 'moving' end as pace, coalesce(amount, 0) as tied
    from figures
)
"""
# The page, the stock and the count, of figures that are worked out once.
_TOLD = """
, page as (
    select * from paced where {paced} and {further} order by tied desc, id limit %(limit)s
), shown as (
    select f.id, v.sku, p.title, f.pace, f.units as on_hand, f.amount, f.currency, f.sold,
           round(f.sold * 2 * 365.0 / %(days)s / nullif(f.units + greatest(f.before, 0), 0), 2)::float as turns_per_year,
           case when f.sold > 0 then (f.units::bigint * %(days)s / f.sold)::int end as lasts_days,
           round(f.days)::int as average_age_days, (
               select (max(x.occurred_at) at time zone %(zone)s)::date from stock_movements x
               where x.merchant_id = %(m)s and x.variant_id = f.id and x.kind = 'sale'
           ) as last_sold_on, f.tied
    from page f
    join variants v on v.merchant_id = %(m)s and v.id = f.id
    join products p on p.merchant_id = %(m)s and p.id = v.product_id
    order by f.tied desc, f.id
), stock as (
    select currency, sum(units)::int as units, coalesce(sum(amount), 0)::bigint as amount,
           coalesce(sum(round(greatest(before, 0) * average)), 0)::bigint as before,
           coalesce(sum(round(sold * average)), 0)::bigint as sold,
           coalesce(sum(amount) filter (where pace = 'slow'), 0)::bigint as slow,
           coalesce(sum(amount) filter (where pace = 'dead'), 0)::bigint as dead,
           count(*) filter (where pace = 'dead')::int as dead_variants,
           array[{units}] as band_units, array[{amounts}] as band_amounts
    from paced group by average is null, currency order by amount desc, currency
), counted as (
    select currency, count(*) as rows, sum(tied) as amount from paced where %(count)s and {paced}
    group by currency order by amount desc, currency
)
select array(select row_to_json(s) from shown s) as page, array(select row_to_json(s) from stock s) as stock,
       array(select row_to_json(c) from counted c) as counted
"""
_NTH = range(1, len(AGES) + 2)
_BANDS = ", ".join(
    f"sum(n.units) filter (where n.days >= {since} and n.days < {until}) as band{nth}"
    for nth, since, until in zip(_NTH, (0, *AGES), (*AGES, 10**6), strict=True)
)
_BAND_UNITS = ", ".join(f"coalesce(sum(band{nth}), 0)::int" for nth in _NTH)
_BAND_AMOUNTS = ", ".join(f"coalesce(sum(round(band{nth} * average)), 0)::bigint" for nth in _NTH)


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
    after = place(args.after, int, UUID)
    of_category = "v.product_id in (select p.id from products p where p.merchant_id = %(m)s and p.category_id in ({}))"
    turned = _TURNED.format(
        cost=COSTS_NOW, bands=_BANDS, conditions=of_category.format(WITH_ALL_BELOW) if category else "true"
    )
    told_of = _TOLD.format(
        paced="pace = %(pace)s" if args.pace else "true", further="(-tied, id) > (%(tied)s, %(id)s)" if after else "true",
        units=_BAND_UNITS, amounts=_BAND_AMOUNTS,
    )  # fmt: skip
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "now": ctx.now(), "start": period.start, "zone": ctx.merchant.zone.key, "days": args.days,
        "dead_after": args.dead_after, "dead_since": ctx.now() - timedelta(days=args.dead_after), "slow_after": args.slow_after,
        "young": AGES[0], "category": category and category.id, "pace": args.pace and args.pace.value, "limit": args.limit + 1,
        "count": args.counts, **dict(zip(("tied", "id"), after or (None, None), strict=True)),
    }  # fmt: skip
    (told,) = await ctx.sql.rows(turned + told_of, params, as_=_Told)
    stock = [_Stock(**row) for row in told.stock]
    page = page_of(
        [_Variant(**row) for row in told.page], args.limit, _Variant.shown, lambda row: (-row.tied, row.id),
        _total(told.counted) if args.counts else None,
    )  # fmt: skip
    return Turnover(
        stock=[_whole(row, args.days) for row in stock if row.currency],
        units_without_cost=sum(row.units for row in stock if not row.currency),
        moved_from=period.start, moved_until=ctx.now(), zone=ctx.merchant.zone.key, **dict(page),
    )  # fmt: skip


def _total(counted: Sequence[Mapping[str, Any]]) -> Total:
    sums = [Money(amount=one["amount"], currency=one["currency"]) for one in counted if one["currency"]]
    return total_of(sum(one["rows"] for one in counted), sums)


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
