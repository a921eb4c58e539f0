"""Reports on orders: what was sold, and how the shop is doing. The terms are explained in `tools/rules/sales.py`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from db.models.orders import Channel
from db.money import Currency, Money, rounded
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Invalid, NotFound
from tools.contract.fields import (
    CategoryRef,
    City,
    Country,
    PeriodEnd,
    PeriodStart,
    ProductRef,
    Synonyms,
    UntrustedText,
)
from tools.rules.lookup import find_category, find_product
from tools.rules.periods import Period, Step, asked_period, days_back
from tools.rules.sales import CHANNEL_WORDS, By, Elsewhere, Figures, Only, around, growth, sales

MOST_ROWS = 400
WRITTEN_BY_BUYERS = (By.region, By.city)
STEPS: dict[By | None, Step] = {By.day: Step.day, By.week: Step.week, By.month: Step.month}


class TooManyRows(Invalid):
    """A report by days, weeks or months has a row for each."""

    hint = "Ask for a shorter period, or group by week or month."


class SalesReport(Input):
    """Which period, and what to tell apart."""

    placed_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, 30 days before its end."
    )
    placed_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )
    group_by: Annotated[
        By,
        Synonyms({
            "day": ("daily", "per day", "day by day"),
            "week": ("weekly", "per week", "week by week"),
            "month": ("monthly", "per month", "month by month"),
            "channel": ("sales channel", "channels", "where they were sold"),
            "country": ("countries", "per country"),
            "region": ("regions", "state", "province"),
            "city": ("cities", "town", "towns"),
            "product": ("products", "item", "article", "per product"),
            "category": ("categories", "shelf", "per category"),
            "payment_method": (
                *("payment methods", "payment type", "type of payment", "how it was paid", "way of paying"),
                "means of payment",
            ),
        }),
    ] | None = Field(default=None, description="What to tell apart; unless said, only the totals.")  # fmt: skip
    channel: Annotated[Channel, CHANNEL_WORDS] | None = Field(default=None, description="Only orders of this channel.")
    country: Country | None = Field(default=None, description="Only orders sent to this country, ISO 3166 alpha-2.")
    city: City | None = Field(default=None, description="Only orders sent to this city, as buyers write it.")
    product: ProductRef | None = Field(
        default=None, description="Only this product, by `PRD-7`, a SKU or its title; shipping is then left out."
    )
    category: CategoryRef | None = Field(
        default=None, description="Only this category with all below it, such as `CAT-7`; shipping is then left out."
    )
    currency: Currency | None = Field(
        default=None, description="Only orders in this currency; unless said, the shop's own."
    )
    limit: int = Field(
        default=20, ge=1, le=100, description="How many groups at most; days, weeks and months are all shown.",
        json_schema_extra={"x-kind": "limit"},
    )  # fmt: skip


class SalesFigures(Result):
    """What was sold and what went back, in minor units of one currency."""

    gross: Money = Field(
        description="Price times quantity and adjustments, before discounts, without tax and shipping, minor units."
    )
    discounts: Money = Field(description="Discounts given, without tax, minor units.")
    refunds: Money = Field(description="Given back in the period, without tax, minor units.")
    net: Money = Field(description="Net sales: gross less discounts and refunds, minor units.")
    shipping: Money = Field(description="Charged for shipping, without tax, minor units.")
    tax: Money = Field(description="Tax in orders and their shipping, less that in refunds, minor units.")
    total: Money = Field(description="Net sales, shipping and tax together, minor units.")
    orders: int = Field(description="Orders placed; drafts, cancelled and expired ones are not counted.")
    units: int = Field(description="Units ordered, less those taken out again.")
    average_order_value: Money | None = Field(
        description="Gross less discounts, divided by orders, minor units; null without orders."
    )
    units_per_order: float | None = Field(description="Units divided by orders; null without orders.")


class SalesGroup(SalesFigures):
    """The figures of a day, a country, a product and so on."""

    group: str = Field(description="What is told apart; days, weeks and months by their first day.")
    reference: str | None = Field(description="Its product or category, such as `PRD-7`.")
    net_before: Money | None = Field(description="Its net sales in the period before, minor units; null for days.")


class PlaceGroup(SalesGroup):
    """The figures of a region or a city, as the buyers wrote it."""

    group: UntrustedText = Field(description="The region or city.")


class OtherCurrency(Result):
    """Orders that these figures leave out."""

    currency: str = Field(description="ISO 4217 code.")
    orders: int = Field(description="Orders placed in that currency in the period.")


class SalesReported(Result):
    """Sales of a period, in one currency."""

    placed_from: datetime = Field(description="Beginning of the period, UTC.")
    placed_until: datetime = Field(description="Its end, exclusive, UTC.")
    before_from: datetime = Field(description="Beginning of the period before, UTC.")
    before_until: datetime = Field(
        description="Its end, exclusive, UTC; of a period that is not over, as much is compared as has passed."
    )
    zone: str = Field(description="The time zone whose days, weeks and months these are.")
    currency: str = Field(description="The currency of these figures, ISO 4217.")
    totals: SalesFigures = Field(description="All of the period.")
    before: SalesFigures = Field(description="All of the period before.")
    sold_since: datetime | None = Field(
        description="The day of the shop's first order, UTC: what was before it is no measure. Null before there is one."
    )
    change: float | None = Field(
        description="By how many per cent net sales grew; null from nothing, and where the period before began before the shop did."
    )
    groups: list[SalesGroup] = Field(description="What was told apart: by time, or the highest net sales first.")
    groups_left_out: int = Field(description="How many groups are not shown, for `limit`.")
    other_currencies: list[OtherCurrency] = Field(description="What is left out, for it is in other currencies.")


@tool(
    route="GET /analytics/sales",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[TooManyRows, NotFound, Ambiguous],
    examples=["What did we sell last week?", "Revenue by country this quarter, compared with the one before"],
)
async def sales_report(ctx: Context, args: SalesReport) -> SalesReported:
    """Report sales of a period: gross, discounts, refunds, net, tax, orders.

    Told apart by time, place, channel, payment method, product or category, and compared with the period before, like with
    like: as many days or months, the same days of the week or month before, and of a period under way what has passed.
    Terms as in Shopify's reports: gross is price times quantity, net is gross less discounts and refunds, all without tax;
    an order counts on the day on which it was placed, a refund on the day on which the money went. Drafts, cancelled and
    expired orders do not count. Amounts are minor units of one currency: other currencies are named, never added.
    """
    period = asked_period(ctx, args.placed_from, args.placed_until)
    _fits(period, args.group_by, ctx)
    before = period.before(ctx.merchant.zone, ctx.now())
    currency = args.currency or ctx.merchant.currency
    limit = None if args.group_by in STEPS else args.limit
    found = await sales(
        ctx, {"now": period, "before": before}, currency, by=args.group_by, only=await _only(ctx, args), limit=limit
    )
    since, elsewhere = await around(ctx, period, currency)
    whole = {row.period: row for row in found if row.whole}
    now, earlier = whole.get("now"), whole.get("before")
    groups = _groups(ctx, args.group_by, period, found, currency)
    return SalesReported(
        placed_from=period.start, placed_until=period.until, before_from=before.start, before_until=before.until,
        zone=ctx.merchant.zone.key, currency=currency, totals=SalesFigures(**_figures(now, currency)),
        before=SalesFigures(**_figures(earlier, currency)),
        sold_since=since, change=growth(now.net if now else 0, earlier.net if earlier else 0, since, before), groups=groups,
        groups_left_out=0 if limit is None or now is None else max(now.groups - len(groups), 0),
        other_currencies=_others(elsewhere),
    )  # fmt: skip


def _fits(period: Period, by: By | None, ctx: Context) -> None:
    if by in STEPS and (rows := len(period.steps(STEPS[by], ctx.merchant.zone))) > MOST_ROWS:
        raise TooManyRows(f"By {by}, that period has {rows} rows; {MOST_ROWS} are shown at most.")


async def _only(ctx: Context, args: SalesReport) -> Only:
    product = (await find_product(ctx, args.product)).id if args.product else None
    category = (await find_category(ctx, args.category)).id if args.category else None
    return Only(args.channel, args.country, product, category, args.city and args.city.lower())


def _figures(row: Figures | None, currency: str) -> dict[str, Any]:
    """The fields of `SalesFigures`; zeros where nothing happened."""
    names = ("gross", "discounts", "refunds", "net", "shipping", "tax", "total")
    orders = row.orders if row else 0
    average = rounded(Decimal(row.gross - row.discounts) / orders) if row and orders else None
    return {
        **{name: Money(amount=getattr(row, name) if row else 0, currency=currency) for name in names},
        "orders": orders,
        "units": row.units if row else 0,
        "units_per_order": round(row.units / orders, 2) if row and orders else None,
        "average_order_value": None if average is None else Money(amount=average, currency=currency),
    }


def _groups(ctx: Context, by: By | None, period: Period, found: Sequence[Figures], currency: str) -> list[SalesGroup]:
    rows = {row.key: row for row in found if not row.whole and row.period == "now"}
    if by in STEPS:
        steps = [day.isoformat() for day in period.steps(STEPS[by], ctx.merchant.zone)]
        return [_group(SalesGroup, step, rows.get(step), None, currency) for step in steps]
    before = {row.key: row.net for row in found if not row.whole and row.period == "before"}
    kind = PlaceGroup if by in WRITTEN_BY_BUYERS else SalesGroup
    return [
        _group(kind, row.name or row.key or "Not known", row, before.get(row.key, 0), currency) for row in rows.values()
    ]


def _group(kind: type[SalesGroup], label: str, row: Figures | None, before: int | None, currency: str) -> SalesGroup:
    return kind(
        group=label, reference=row.reference if row else None,
        net_before=None if before is None else Money(amount=before, currency=currency), **_figures(row, currency),
    )  # fmt: skip


def _others(elsewhere: Sequence[Elsewhere]) -> list[OtherCurrency]:
    return [OtherCurrency(currency=other.currency, orders=other.orders) for other in elsewhere]


# ---- key figures ---------------------------------------------------------------------------------------------------------


class OrderKpis(Input):
    """Which currency."""

    currency: Currency | None = Field(default=None, description="Currency of the figures; unless said, the shop's own.")


class WindowKpis(Result):
    """The key figures of the last days. Rates and times are of the orders of all currencies."""

    days: int = Field(description="How many days, today included.")
    placed_from: datetime = Field(description="Beginning, UTC.")
    placed_until: datetime = Field(description="End, exclusive, UTC.")
    revenue: Money = Field(description="Net sales, as in `sales_report`, minor units.")
    orders: int = Field(description="Orders placed in the currency; drafts, cancelled and expired ones not counted.")
    average_order_value: Money | None = Field(description="As in `sales_report`, minor units; null without orders.")
    cancel_rate: float | None = Field(
        description="Per cent of the orders placed that were cancelled since; null without."
    )
    return_rate: float | None = Field(
        description="Per cent of the units shipped, of orders placed, that came back; null without."
    )
    hours_to_ship: float | None = Field(
        description="Hours from order to first parcel, the median of those that left in this time; null without."
    )


class OpenOrders(Result):
    """Orders that are not done with, by how far they are."""

    pending: int = Field(description="Placed, and not confirmed: mostly waiting for payment.")
    to_ship: int = Field(description="Confirmed, and nothing has left.")
    partly_shipped: int = Field(description="Confirmed, and some has left.")
    shipped: int = Field(description="All has left, and the order is not completed.")
    on_hold: int = Field(description="Of all these, held back for a reason.")


class Kpis(Result):
    """How the shop is doing."""

    zone: str = Field(description="The time zone whose days these are.")
    currency: str = Field(description="The currency of the amounts, ISO 4217.")
    windows: list[WindowKpis] = Field(description="Today, the last 7 days, the last 30 days.")
    open_orders: OpenOrders = Field(description="Orders of all currencies that are open now.")


class _Rates(NamedTuple):
    cancel_rates: list[float | None]
    return_rates: list[float | None]
    hours_to_ship: list[float | None]
    pending: int
    to_ship: int
    partly_shipped: int
    shipped: int
    on_hold: int


# A credit is no order that was cancelled.
_RATES = """
with windows as (
    select * from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) with ordinality as w(starts, ends, nth)
), rates as (
    select w.nth,
           round(100.0 * count(*) filter (where o.status = 'cancelled') / nullif(count(o.id), 0), 1)::float8 as cancelled,
           round(100.0 * sum(o.units_returned) / nullif(sum(o.units_fulfilled), 0), 1)::float8 as returned
    from windows w
    left join orders o on o.merchant_id = %(m)s and o.placed_at >= w.starts and o.placed_at < w.ends and o.status <> 'draft'
      and o.placed_at >= %(earliest)s and not (o.status = 'cancelled' and o.total < 0)
    group by w.nth
), parcels as (
    select f.order_id, min(f.shipped_at) as first from fulfilments f
    where f.merchant_id = %(m)s and f.order_id in (
        select order_id from fulfilments where merchant_id = %(m)s and shipped_at >= %(earliest)s
    ) and f.shipped_at is not null
    group by f.order_id
), shipping as (
    select w.nth, round((percentile_cont(0.5) within group (order by extract(epoch from p.first - o.placed_at)) / 3600)::numeric, 1)
        ::float8 as hours
    from windows w join parcels p on p.first >= w.starts and p.first < w.ends
    join orders o on o.merchant_id = %(m)s and o.id = p.order_id
    group by w.nth
)
select array_agg(r.cancelled order by r.nth) as cancel_rates, array_agg(r.returned order by r.nth) as return_rates,
       array_agg(s.hours order by r.nth) as hours_to_ship, min(u.pending) as pending, min(u.to_ship) as to_ship,
       min(u.partly_shipped) as partly_shipped, min(u.shipped) as shipped, min(u.on_hold) as on_hold
from rates r left join shipping s on s.nth = r.nth
cross join (
    select count(*) filter (where o.status = 'pending') as pending,
           count(*) filter (where o.status = 'confirmed' and o.fulfilment_state = 'unfulfilled') as to_ship,
           count(*) filter (where o.status = 'confirmed' and o.fulfilment_state = 'partly_fulfilled') as partly_shipped,
           count(*) filter (where o.status = 'confirmed' and o.fulfilment_state = 'fulfilled') as shipped,
           count(*) filter (where exists (select from order_holds h where h.merchant_id = %(m)s and h.order_id = o.id
                                          and h.released_at is null)) as on_hold
    from orders o where o.merchant_id = %(m)s and o.status in ('pending', 'confirmed')
) u
"""


@tool(
    route="GET /analytics/kpis",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[],
    examples=["How is the shop doing today?", "What is our average order value and return rate?"],
)
async def order_kpis(ctx: Context, args: OrderKpis) -> Kpis:
    """Show the key figures of today, 7 and 30 days, and what is open now.

    Revenue is net sales and terms are as in `sales_report`; for other periods or groups use that. Amounts are minor units of one
    currency; orders in others are left out of them.
    """
    currency = args.currency or ctx.merchant.currency
    windows = {days: days_back(ctx, days) for days in (1, 7, 30)}
    found = await sales(ctx, {str(days): period for days, period in windows.items()}, currency)
    starts = [period.start for period in windows.values()]
    params = {
        "m": ctx.merchant.id,
        "starts": starts,
        "ends": [period.until for period in windows.values()],
        "earliest": min(starts),
    }
    (rates,) = await ctx.sql.rows(_RATES, params, as_=_Rates)
    sold = {row.period: _figures(row, currency) for row in found}
    shown: list[WindowKpis] = []
    for nth, (days, period) in enumerate(windows.items()):
        figures = sold.get(str(days)) or _figures(None, currency)
        shown.append(
            WindowKpis(
                days=days, placed_from=period.start, placed_until=period.until, revenue=figures["net"],
                orders=figures["orders"], average_order_value=figures["average_order_value"],
                cancel_rate=rates.cancel_rates[nth], return_rate=rates.return_rates[nth], hours_to_ship=rates.hours_to_ship[nth],
            )
        )  # fmt: skip
    open_orders = OpenOrders.model_validate(rates, from_attributes=True)
    return Kpis(zone=ctx.merchant.zone.key, currency=currency, windows=shown, open_orders=open_orders)
