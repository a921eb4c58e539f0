"""Which few variants bring in most of the money."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, PeriodEnd, PeriodStart, Synonyms
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import WITH_ALL_BELOW, find_category
from tools.rules.periods import Period, asked_period, days_back
from tools.rules.sales import COUNTED

DAYS = 365


class Measure(StrEnum):
    revenue = "revenue"
    margin = "margin"


class AbcClass(StrEnum):
    a = "A"
    b = "B"
    c = "C"


class AbcAnalysis(Paged):
    by: Annotated[
        Measure,
        Synonyms({"revenue": ("sales", "turnover", "net sales"), "margin": ("profit", "gross profit", "earnings")}),
    ] = Field(default=Measure.revenue, description="What counts: net sales, or what is left of them after cost.")
    only: AbcClass | None = Field(default=None, description="Only this class.")
    category: CategoryRef | None = Field(default=None, description="Only this category, with all below it.")
    placed_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, a year before its end."
    )
    placed_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )
    currency: Currency | None = Field(
        default=None, description="Only orders in this currency; unless said, the shop's own."
    )


class RankedVariant(Result):
    """A variant, and its part of what is earned."""

    rank: int = Field(description="Its place: 1 brings in most.")
    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="The product's title.")
    abc: AbcClass = Field(description="A: together 80 % of all, B: the next 15 %, C: the rest.")
    units: int = Field(description="Units ordered.")
    revenue: Money = Field(description="Sales after discounts, without tax, minor units.")
    margin: Money | None = Field(
        description="Sales less cost, of what has a known cost, minor units; null: of nothing."
    )
    share: float = Field(description="Its part of the whole, in per cent.")
    cumulative: float = Field(description="The part of all down to this one, in per cent.")


class ClassTotal(Result):
    """A class as a whole."""

    abc: AbcClass = Field(description="The class.")
    variants: int = Field(description="How many variants are in it.")
    amount: Money = Field(description="What they bring in together, minor units.")
    share: float = Field(description="Their part of the whole, in per cent.")


class AbcRanking(Page[RankedVariant]):
    """Variants by what they bring in, the best first."""

    by: Measure = Field(description="What counts.")
    classes: list[ClassTotal] = Field(description="Each class as a whole.")
    units_without_cost: int = Field(description="Units sold of which the cost is not known; no margin counts them.")
    placed_from: datetime = Field(description="Beginning of the period, UTC.")
    placed_until: datetime = Field(description="Its end, exclusive, UTC.")
    zone: str = Field(description="The shop's time zone.")
    currency: str = Field(description="The currency of the orders that were looked at, ISO 4217.")


class _Ranked(NamedTuple):
    rank: int
    sku: str
    title: str
    abc: AbcClass
    units: int
    revenue: int
    margin: int | None
    share: float
    cumulative: float

    def shown(self, currency: str) -> RankedVariant:
        margin = None if self.margin is None else Money(amount=self.margin, currency=currency)
        revenue = Money(amount=self.revenue, currency=currency)
        return RankedVariant.model_validate({**self._asdict(), "revenue": revenue, "margin": margin})


class _Class(NamedTuple):
    abc: AbcClass
    variants: int
    amount: int
    share: float
    without_cost: int


# Credits, by which records from elsewhere take goods back, are taken off on the day they were written, at what the goods cost now.
# A class is left when the others before it have filled it: the variant that crosses 80 % is still an A. What loses money is C.
_SOLD = """
with facts as (
    select l.variant_id as id, l.total - l.tax as revenue, l.quantity - l.cancelled as units, l.unit_cost as cost
    from orders o
    cross join lateral (select * from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id offset 0) l
    where o.merchant_id = %(m)s and o.placed_at >= %(start)s and o.placed_at < %(until)s and o.status = any(%(counted)s)
      and o.currency = %(currency)s and l.variant_id is not null
    union all
    select v.id, a.amount, a.quantity, case when v.cost_currency = %(currency)s then v.cost end
    from order_adjustments a
    cross join lateral (select * from orders o where o.merchant_id = %(m)s and o.id = a.order_id offset 0) o
    join variants v on v.merchant_id = %(m)s and v.product_id = a.product_id and v.sku = a.sku
    where a.merchant_id = %(m)s and a.occurred_at >= %(start)s and a.occurred_at < %(until)s
      and o.status = 'cancelled' and o.total < 0 and o.currency = %(currency)s
), sold as (
    select id, sum(revenue)::bigint as revenue, sum(units)::int as units,
           round(sum(revenue - cost * units))::bigint as margin,
           greatest(coalesce(sum(units) filter (where cost is null), 0), 0)::int as without_cost
    from facts group by id
), measured as (
    select v.sku, p.title, s.*, coalesce({measure}, 0) as amount
    from sold s
    join variants v on v.merchant_id = %(m)s and v.id = s.id
    join products p on p.merchant_id = %(m)s and p.id = v.product_id
    where {conditions}
), ranked as (
    select *, row_number() over best as rank, sum(greatest(amount, 0)) over best as upto,
           nullif(sum(greatest(amount, 0)) over (), 0) as whole
    from measured window best as (order by amount desc, sku rows unbounded preceding)
), classed as (
    select *, case when amount <= 0 or whole is null then 'C' when upto - amount < 0.80 * whole then 'A'
                   when upto - amount < 0.95 * whole then 'B' else 'C' end as abc
    from ranked
)
"""
_PAGE = """
select rank, sku, title, abc, units, revenue, margin, coalesce(round(100.0 * amount / whole, 2), 0)::float as share,
       coalesce(round(100.0 * upto / whole, 2), 0)::float as cumulative
from classed where (%(only)s::text is null or abc = %(only)s) and rank > %(rank)s order by rank limit %(limit)s
"""
_CLASSES = """
select abc, count(*)::int as variants, sum(amount)::bigint as amount,
       coalesce(round(100.0 * sum(amount) / max(whole), 2), 0)::float as share, sum(without_cost)::int as without_cost
from classed group by abc order by abc
"""


@tool(
    route="GET /analytics/inventory/abc",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["Which items make 80 % of our sales?", "ABC analysis by margin for this year"],
)
async def abc_analysis(ctx: Context, args: AbcAnalysis) -> AbcRanking:
    """Sort variants into A, B and C by revenue or margin: the few that matter most.

    A are those that together make up 80 % of the whole, B the next 15 %, C the rest. Of orders placed in the period; drafts,
    cancelled and expired ones are left out; credits are taken off, refunds are not. Cost is what it was when the order was placed.
    """
    currency = args.currency or ctx.merchant.currency
    period = _period(ctx, args)
    category = await find_category(ctx, args.category) if args.category else None
    sold = _SOLD.format(
        measure=f"s.{args.by.value}", conditions=f"p.category_id in ({WITH_ALL_BELOW})" if category else "true"
    )
    after = place(args.after, int)
    params = {
        "m": ctx.merchant.id, "counted": COUNTED, "currency": currency, "category": category and category.id,
        "only": args.only and args.only.value, "rank": after[0] if after else 0, **period._asdict(),
    }  # fmt: skip
    classes = await ctx.sql.rows(sold + _CLASSES, params, as_=_Class)
    page = await paged(
        ctx, args, sold + _PAGE, params, as_=_Ranked, show=lambda row: row.shown(currency), at=lambda row: (row.rank,)
    )
    return AbcRanking(
        by=args.by, placed_from=period.start, placed_until=period.until, zone=ctx.merchant.zone.key, currency=currency,
        classes=[_total(row, currency) for row in classes],
        units_without_cost=sum(row.without_cost for row in classes), **dict(page),
    )  # fmt: skip


def _period(ctx: Context, args: AbcAnalysis) -> Period:
    until = args.placed_until or days_back(ctx, 1).until
    year = (until.astimezone(ctx.merchant.zone) - timedelta(days=DAYS)).astimezone(UTC)
    return asked_period(ctx, args.placed_from or year, until)


def _total(row: _Class, currency: str) -> ClassTotal:
    amount = Money(amount=row.amount, currency=currency)
    return ClassTotal(abc=row.abc, variants=row.variants, amount=amount, share=row.share)
