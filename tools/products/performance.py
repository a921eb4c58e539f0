"""What products bring in, and how well they do: revenue, margin, returns, stock turn; each against the period before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Channel
from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Country, PeriodEnd, PeriodStart, ProductRef
from tools.contract.page import Page, Paged, cursor, place, total_of
from tools.rules.lookup import find_category, find_product
from tools.rules.periods import Period, asked_period, percent_change
from tools.rules.sales import CHANNEL_WORDS, COUNTED, By, Figures, Only, sales


class SoldProducts(Paged):
    """Which products, which sales."""

    product: ProductRef | None = Field(
        default=None, description="Only this product: `PRD-7`, a SKU of one of its variants, or its title."
    )
    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    placed_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, 30 days before its end."
    )
    placed_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )
    channel: Annotated[Channel, CHANNEL_WORDS] | None = Field(default=None, description="Only orders of this channel.")
    country: Country | None = Field(default=None, description="Only orders sent to this country, ISO 3166 alpha-2.")
    currency: Currency | None = Field(
        default=None, description="Only orders in this currency; unless said, the shop's own."
    )


class ProductRevenue(SoldProducts):
    """Which products, which sales."""


class ProductPerformance(SoldProducts):
    """Which products, which sales."""


class Compared(Result):
    """The periods of a report, and what it was made of."""

    placed_from: datetime = Field(description="Beginning of the period, UTC.")
    placed_until: datetime = Field(description="Its end, exclusive, UTC.")
    before_from: datetime = Field(description="Beginning of the period before, UTC.")
    before_until: datetime = Field(
        description="Its end, exclusive, UTC; of a period that is not over, as much is compared as has passed."
    )
    zone: str = Field(description="The shop's time zone.")
    currency: str = Field(description="The currency of the orders that were looked at, ISO 4217.")
    products: int = Field(description="How many products were sold, or were given money back for.")


class RevenueOfProduct(Result):
    """What a product brought in."""

    product: str | None = Field(description="Product, such as `PRD-7`; null for what is not in the catalogue.")
    title: str = Field(description="What it is called.")
    revenue: Money = Field(description="Net sales: after discounts and refunds, without tax and shipping, minor units.")
    share: float | None = Field(
        description="Per cent of the revenue of all that was looked at; null where that is nothing."
    )
    units: int = Field(description="Units ordered.")
    orders: int = Field(description="Orders with units of it.")
    gross: Money = Field(description="Before discounts and refunds, without tax, minor units.")
    discounts: Money = Field(description="Taken off by promotions, minor units.")
    refunds: Money = Field(description="Given back in the period, minor units.")
    revenue_before: Money = Field(description="Net sales of the period before, minor units.")
    change: float | None = Field(description="By how many per cent the revenue grew; null from nothing.")


class RevenueOfProducts(Page[RevenueOfProduct], Compared):
    """What products brought in, the most first."""

    revenue: Money = Field(description="Net sales of all that was looked at, minor units.")
    revenue_before: Money = Field(description="The same of the period before, minor units.")
    change: float | None = Field(description="By how many per cent it grew; null from nothing.")


@tool(
    route="GET /analytics/products/revenue",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["How much revenue did each product bring last month?", "Revenue of MUG-BLUE this year against last year"],
)
async def product_revenue(ctx: Context, args: ProductRevenue) -> RevenueOfProducts:
    """Show what products brought in: gross, discounts, refunds, net.

    Revenue is net sales, as in `sales_report`: of orders placed in the period, drafts, cancelled and expired ones left out.
    Only orders of one currency. With cost, margin and returns it is `product_performance`.
    """
    report = await _report(ctx, args)
    now, before = report.whole("now"), report.whole("before")
    return RevenueOfProducts(
        data=[_revenue(report, row) for row in report.shown], revenue=report.money(now), revenue_before=report.money(before),
        change=percent_change(now, before) if before else None, **report.about(),
    )  # fmt: skip


def _revenue(report: "_Report", row: Figures) -> RevenueOfProduct:
    whole, before = report.whole("now"), report.net_before(row)
    return RevenueOfProduct(
        product=row.reference, title=row.name or "Not in the catalogue", revenue=report.money(row.net), units=row.units,
        share=round(100 * row.net / whole, 1) if whole else None, orders=row.orders, gross=report.money(row.gross),
        discounts=report.money(row.discounts), refunds=report.money(row.refunds), revenue_before=report.money(before),
        change=percent_change(row.net, before),
    )  # fmt: skip


# ---- what both are made of -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Report:
    """The figures of a page of products, and of all, in both periods."""

    args: SoldProducts
    currency: str
    zone: str
    period: Period
    before: Period
    figures: Sequence[Figures]

    @property
    def rows(self) -> list[Figures]:
        return [row for row in self.figures if row.period == "now" and not row.whole]

    @property
    def shown(self) -> list[Figures]:
        return self.rows[: self.args.limit]

    def whole(self, period: str) -> int:
        return sum(row.net for row in self.figures if row.period == period and row.whole)

    def net_before(self, row: Figures) -> int:
        return sum(
            other.net for other in self.figures if (other.period, other.key, other.whole) == ("before", row.key, False)
        )

    def units_before(self, row: Figures) -> int:
        return sum(
            other.units
            for other in self.figures
            if (other.period, other.key, other.whole) == ("before", row.key, False)
        )

    def money(self, amount: int) -> Money:
        return Money(amount=amount, currency=self.currency)

    def about(self) -> dict[str, Any]:
        more = len(self.rows) > self.args.limit
        last, count = (self.shown[-1] if more else None), self.rows[0].groups if self.rows else 0
        return {
            "has_more": more, "next": last and cursor(last.net, last.key), "products": count,
            "total": total_of(count) if self.args.counts else None, "zone": self.zone, "currency": self.currency,
            "placed_from": self.period.start, "placed_until": self.period.until, "before_from": self.before.start,
            "before_until": self.before.until,
        }  # fmt: skip


async def _report(ctx: Context, args: SoldProducts) -> _Report:
    currency = args.currency or ctx.merchant.currency
    period = asked_period(ctx, args.placed_from, args.placed_until)
    before = period.before(ctx.merchant.zone, ctx.now())
    product = await find_product(ctx, args.product) if args.product else None
    category = await find_category(ctx, args.category) if args.category else None
    after = place(args.after, int, str)
    found = await sales(
        ctx, {"now": period, "before": before}, currency, by=By.product, rank="net", limit=args.limit + 1,
        only=Only(args.channel, args.country, product.id if product else None, category.id if category else None),
        after=after and (after[0], after[1]),
    )  # fmt: skip
    return _Report(args, currency, ctx.merchant.zone.key, period, before, found)


# ---- performance ---------------------------------------------------------------------------------------------------------


class PerformanceOfProduct(Result):
    """How well a product does."""

    product: str | None = Field(description="Product, such as `PRD-7`; null for what is not in the catalogue.")
    title: str = Field(description="What it is called.")
    revenue: Money = Field(description="Net sales: after discounts and refunds, without tax and shipping, minor units.")
    units: int = Field(description="Units ordered.")
    margin: Money | None = Field(
        description="Revenue less what the units cost when they were ordered, minor units; null if that is not known of all."
    )
    margin_rate: float | None = Field(
        description="The margin in per cent of the revenue; null where that is not known."
    )
    units_without_cost: int = Field(description="Units of which it is not known what they cost.")
    returned: int = Field(description="Of these units, how many came back.")
    return_rate: float | None = Field(description="The same in per cent; null if none was ordered.")
    stock_turn: float | None = Field(
        description="How often the stock was sold in the period: units by the mean of what lay there at its beginning and its end;"
        " null without stock."
    )
    revenue_before: Money = Field(description="Net sales of the period before, minor units.")
    units_before: int = Field(description="Units ordered in the period before.")
    margin_rate_before: float | None = Field(description="The margin of the period before in per cent of its revenue.")
    return_rate_before: float | None = Field(description="Units of the period before that came back, in per cent.")
    stock_turn_before: float | None = Field(description="How often the stock was sold in the period before.")
    change: float | None = Field(description="By how many per cent the revenue grew; null from nothing.")


class PerformanceOfProducts(Page[PerformanceOfProduct], Compared):
    """How well products do, those with the highest revenue first."""


class _Goods(NamedTuple):
    product_id: UUID
    period: str
    units: int
    uncosted: int
    cost: Decimal
    returned: int


class _Stock(NamedTuple):
    product_id: UUID
    period: str
    mean: Decimal


# What hangs on an order is looked up order by order (`offset 0` says so), as in `sales`: it grows with the period, not the shop.
_GOODS = """
with periods as (
    select * from unnest(%(names)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p(period, starts, ends)
)
select l.product_id, p.period, sum(l.quantity - l.cancelled) as units,
       coalesce(sum(l.quantity - l.cancelled) filter (where l.unit_cost is null), 0)::bigint as uncosted,
       coalesce(sum(l.unit_cost * (l.quantity - l.cancelled)), 0) as cost, sum(l.returned) as returned
from periods p
join orders o on o.merchant_id = %(m)s and o.placed_at >= p.starts and o.placed_at < p.ends
  and o.placed_at >= %(earliest)s and o.placed_at < %(latest)s
cross join lateral (select * from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id offset 0) l
where o.status = any(%(counted)s) and o.currency = %(currency)s and l.product_id = any(%(products)s::uuid[])
  and (%(channel)s::text is null or o.channel = %(channel)s) and (%(country)s::text is null or o.ship_country = %(country)s)
group by l.product_id, p.period
"""
# What lay there at a moment is what lies there now, less what has moved since.
_MEAN = """
with periods as (
    select * from unnest(%(names)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p(period, starts, ends)
)
select v.product_id, p.period, sum(s.on_hand - (x.since_start + x.since_end) / 2.0) as mean
from periods p
cross join variants v
cross join lateral (
    select coalesce(sum(s.on_hand), 0) as on_hand from stock_levels s where s.merchant_id = %(m)s and s.variant_id = v.id
) s
cross join lateral (
    select coalesce(sum(t.quantity), 0) as since_start,
           coalesce(sum(t.quantity) filter (where t.occurred_at >= p.ends), 0) as since_end
    from stock_movements t where t.merchant_id = %(m)s and t.variant_id = v.id and t.occurred_at >= p.starts
) x
where v.merchant_id = %(m)s and v.product_id = any(%(products)s::uuid[]) and v.tracked
group by v.product_id, p.period
"""


@tool(
    route="GET /analytics/products/performance",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["How do our products perform?", "Margin and return rate of the Garden products this quarter"],
)
async def product_performance(ctx: Context, args: ProductPerformance) -> PerformanceOfProducts:
    """Show how products do: revenue, units, margin, return rate, stock turn.

    Each against the period before, those with the highest revenue first. The margin is what is left of net sales after what
    the units cost; a product of which a cost is not known has none. Only orders of one currency.
    """
    report = await _report(ctx, args)
    periods = {"now": report.period, "before": report.before}
    starts, ends = [period.start for period in periods.values()], [period.until for period in periods.values()]
    params = {
        "m": ctx.merchant.id, "names": list(periods), "starts": starts, "ends": ends, "earliest": min(starts), "latest": max(ends),
        "counted": COUNTED, "currency": report.currency, "products": [UUID(row.key) for row in report.shown if row.key],
        "channel": args.channel, "country": args.country,
    }  # fmt: skip
    goods = {(row.product_id, row.period): row for row in await ctx.sql.rows(_GOODS, params, as_=_Goods)}
    stock = {(row.product_id, row.period): row for row in await ctx.sql.rows(_MEAN, params, as_=_Stock)}
    return PerformanceOfProducts(
        data=[_performance(report, row, goods, stock) for row in report.shown], **report.about()
    )


def _performance(
    report: _Report, row: Figures, goods: Mapping[tuple[UUID, str], _Goods], stock: Mapping[tuple[UUID, str], _Stock]
) -> PerformanceOfProduct:
    before = report.net_before(row)
    was, is_ = [_rates(row.key, period, net, goods, stock) for period, net in (("before", before), ("now", row.net))]
    return PerformanceOfProduct(
        product=row.reference, title=row.name or "Not in the catalogue", revenue=report.money(row.net), units=row.units,
        margin=None if is_.margin is None else report.money(is_.margin), margin_rate=is_.margin_rate,
        units_without_cost=is_.uncosted, returned=is_.returned, return_rate=is_.return_rate, stock_turn=is_.stock_turn,
        revenue_before=report.money(before), units_before=report.units_before(row), margin_rate_before=was.margin_rate,
        return_rate_before=was.return_rate, stock_turn_before=was.stock_turn, change=percent_change(row.net, before),
    )  # fmt: skip


class _Rates(NamedTuple):
    margin: int | None
    margin_rate: float | None
    uncosted: int
    returned: int
    return_rate: float | None
    stock_turn: float | None


def _rates(
    key: str, period: str, net: int, goods: Mapping[tuple[UUID, str], _Goods], stock: Mapping[tuple[UUID, str], _Stock]
) -> _Rates:
    sold = goods.get((UUID(key), period)) if key else None
    if sold is None:
        return _Rates(None, None, 0, 0, None, None)
    lay = stock.get((UUID(key), period))
    margin = None if sold.uncosted else net - round(sold.cost)
    return _Rates(
        margin=margin, margin_rate=None if margin is None or net <= 0 else round(100 * margin / net, 1), uncosted=sold.uncosted,
        returned=sold.returned, return_rate=round(100 * sold.returned / sold.units, 1) if sold.units else None,
        stock_turn=round(float(sold.units / lay.mean), 2) if lay and lay.mean > 0 else None,
    )  # fmt: skip
