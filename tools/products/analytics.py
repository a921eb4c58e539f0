"""What runs low, and what sells."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Channel
from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Country, Days, PeriodEnd, PeriodStart, Synonyms
from tools.contract.page import Page, Paged, cursor, paged, place, total_of
from tools.rules.lookup import WITH_ALL_BELOW, find_category
from tools.rules.periods import asked_period, percent_change
from tools.rules.sales import CHANNEL_WORDS, COUNTED, By, Figures, Only, sales


class LowStockProducts(Paged):
    """What counts as low."""

    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    cover_days: Days = Field(
        default=14, ge=0, le=365, description="Also what lasts fewer days than this, at the recent rate of sale."
    )
    sales_days: int = Field(default=28, ge=1, le=365, description="From how many days the rate of sale is taken.")


class LowStockVariant(Result):
    """A variant of which more should be bought."""

    sku: str = Field(description="SKU.")
    variant: str = Field(description="Variant, such as `VAR-7`.")
    product: str = Field(description="Its product, such as `PRD-7`.")
    title: str = Field(description="What the product is called.")
    variant_title: str = Field(description="Which of its variants it is.")
    available: int = Field(description="Units that can be sold now, from all active warehouses.")
    incoming: int = Field(description="Units on their way to them.")
    reorder_point: int | None = Field(description="At how many units to buy more: the warehouses' together.")
    sold: int = Field(description="Units ordered in the period.")
    days_of_cover: float | None = Field(description="For how many days it lasts at that rate; null if none was sold.")
    lasts_until: date | None = Field(description="The day on which it runs out at that rate, in the shop's time zone.")


class LowStock(Page[LowStockVariant]):
    """What runs low, the most urgent first."""

    sold_from: datetime = Field(description="Beginning of the period from which the rate of sale is taken, UTC.")
    sold_until: datetime = Field(description="Its end, exclusive, UTC.")
    zone: str = Field(description="The shop's time zone.")


class _Low(NamedTuple):
    id: UUID
    sku: str
    variant: str
    product: str
    title: str
    variant_title: str
    available: int
    incoming: int
    reorder_point: int | None
    sold: int
    tenths: int | None
    urgency: int

    def shown(self, today: date) -> LowStockVariant:
        cover = None if self.tenths is None else self.tenths / 10
        until = None if cover is None or cover > 3650 else today + timedelta(days=int(cover))
        return LowStockVariant.model_validate({**self._asdict(), "days_of_cover": cover, "lasts_until": until})


# `tenths` of a day for which a variant lasts; what nobody buys is the least urgent, and is looked at only where what is bought
# fills no page: a shop may have a hundred times as many.
_STATE = """
    select v.id, v.sku, v.reference as variant, p.reference as product, p.title, v.title as variant_title,
           coalesce(stock.available, 0) as available, coalesce(stock.incoming, 0) as incoming, stock.reorder_point,
           {sold} as sold, {tenths} as tenths, {urgency} as urgency
    from {of}
    join products p on p.merchant_id = %(m)s and p.id = v.product_id and p.status = 'active'
    cross join lateral (
        select sum(s.on_hand - s.reserved - s.damaged) as available, sum(s.incoming) as incoming,
               sum(s.reorder_point) as reorder_point
        from stock_levels s join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id and w.active
        where s.merchant_id = %(m)s and s.variant_id = v.id
    ) stock
    where v.merchant_id = %(m)s and v.tracked and v.sellable and v.archived_at is null and {{conditions}}
      and (coalesce(stock.available, 0) <= coalesce(stock.reorder_point, 0) or {short})
"""
_SOLD = _STATE.format(
    sold="sold.units",
    tenths="coalesce(stock.available, 0) * 10 * %(days)s / sold.units",
    urgency="coalesce(stock.available, 0) * 10 * %(days)s / sold.units",
    of="sold join variants v on v.merchant_id = %(m)s and v.id = sold.id",
    short="coalesce(stock.available, 0) * %(days)s < %(cover)s * sold.units",
)
_UNSOLD = _STATE.format(
    sold="0::bigint", tenths="null::bigint", urgency="9223372036854775807", of="variants v", short="false"
)
_LOW = f"""
with sold as (
    select l.variant_id as id, sum(l.quantity - l.cancelled) as units
    from orders o
    cross join lateral (select * from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id offset 0) l
    where o.merchant_id = %(m)s and o.placed_at >= %(since)s and o.placed_at < %(until)s and o.status = any(%(counted)s)
      and l.variant_id is not null
    group by l.variant_id having sum(l.quantity - l.cancelled) > 0
), urgent as materialized (
    select * from ({_SOLD}) low where {{further}} order by urgency, -sold, id limit %(limit)s
)
select * from urgent
union all
select * from (
    select * from ({_UNSOLD} and v.id not in (select id from sold)) low
    where (select count(*) from urgent) < %(limit)s and {{further}} order by id limit %(limit)s
) low
order by urgency, sold desc, id limit %(limit)s
"""


@tool(
    route="GET /analytics/products/low-stock",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["What is running low?", "Which garden products last less than a week?"],
)
async def low_stock_products(ctx: Context, args: LowStockProducts) -> LowStock:
    """List variants that run low, with how many days they last.

    A variant is low when the available units are at or under its reorder point, or last fewer than `cover_days` days at the
    rate of the last `sales_days`; also when nothing is left. Only what is on sale and counted; incoming units do not count
    as cover. Most urgent first. To buy more, see the purchase orders; for one warehouse, `list_stock`.
    """
    until = ctx.now()
    since = (until.astimezone(ctx.merchant.zone) - timedelta(days=args.sales_days)).astimezone(UTC)
    category = await find_category(ctx, args.category) if args.category else None
    after = place(args.after, int, int, UUID)
    query = _LOW.format(
        conditions=f"p.category_id in ({WITH_ALL_BELOW})" if category else "true",
        further="(urgency, -sold, id) > (%(urgency)s, %(unsold)s, %(id)s)" if after else "true",
    )
    params = {
        "m": ctx.merchant.id, "since": since, "until": until, "counted": COUNTED, "days": args.sales_days,
        "cover": args.cover_days, "category": category and category.id,
        **dict(zip(("urgency", "unsold", "id"), after or (None, None, None), strict=True)),
    }  # fmt: skip
    today = until.astimezone(ctx.merchant.zone).date()
    page = await paged(
        ctx,
        args,
        query,
        params,
        as_=_Low,
        show=lambda row: row.shown(today),
        at=lambda row: (row.urgency, -row.sold, row.id),
    )
    return LowStock(sold_from=since, sold_until=until, zone=ctx.merchant.zone.key, **dict(page))


class Ranking(StrEnum):
    units = "units"
    revenue = "revenue"


class TopSellingProducts(Paged):
    """Which period, ranked by what."""

    by: Annotated[
        Ranking,
        Synonyms({
            "units": ("quantity", "pieces", "number sold", "most sold", "popular"),
            "revenue": ("turnover", "sales value", "value", "money", "net sales", "worth", "earned", "takings", "income"),
        }),
    ] = Field(default=Ranking.units, description="What counts: units sold, or net sales.")  # fmt: skip
    placed_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, 30 days before its end."
    )
    placed_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )
    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    country: Country | None = Field(default=None, description="Only orders sent to this country, ISO 3166 alpha-2.")
    channel: Annotated[Channel, CHANNEL_WORDS] | None = Field(default=None, description="Only orders of this channel.")
    currency: Currency | None = Field(
        default=None, description="Only orders in this currency; unless said, the shop's own."
    )


class TopSeller(Result):
    """A product, and what was sold of it."""

    rank: int = Field(description="Its place: 1 sells best.")
    product: str | None = Field(description="Product, such as `PRD-7`; null for what is not in the catalogue.")
    title: str = Field(description="What it is called.")
    units: int = Field(description="Units ordered.")
    orders: int = Field(description="Orders with units of it.")
    revenue: Money = Field(description="Net sales: after discounts and refunds, without tax and shipping, minor units.")
    units_before: int = Field(description="Units ordered in the period before.")
    revenue_before: Money = Field(description="Net sales of the period before, minor units.")
    change: float | None = Field(
        description="By how many per cent it grew, in what it is ranked by; null from nothing."
    )


class TopSellers(Page[TopSeller]):
    """What sold best."""

    placed_from: datetime = Field(description="Beginning of the period, UTC.")
    placed_until: datetime = Field(description="Its end, exclusive, UTC.")
    before_from: datetime = Field(description="Beginning of the period before, UTC.")
    before_until: datetime = Field(
        description="Its end, exclusive, UTC; of a period that is not over, as much is compared as has passed."
    )
    zone: str = Field(description="The shop's time zone.")
    currency: str = Field(description="The currency of the orders that were looked at, ISO 4217.")
    products: int = Field(description="How many products were sold, or were given money back for.")


@tool(
    route="GET /analytics/products/top-selling",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["What were our bestsellers last month?", "Top ten products by revenue this year"],
)
async def top_selling_products(ctx: Context, args: TopSellingProducts) -> TopSellers:
    """Rank products by units or revenue sold in a period, against the one before.

    What counts as sold, and revenue (net sales), are as in `sales_report`: of orders placed in the period, drafts, cancelled
    and expired ones left out. Only orders of one currency.
    """
    currency = args.currency or ctx.merchant.currency
    period = asked_period(ctx, args.placed_from, args.placed_until)
    before = period.before(ctx.merchant.zone, ctx.now())
    category = await find_category(ctx, args.category) if args.category else None
    after = place(args.after, int, str)
    found = await sales(
        ctx, {"now": period, "before": before}, currency, by=By.product,
        only=Only(args.channel, args.country, category=category.id if category else None),
        rank="units" if args.by is Ranking.units else "net", limit=args.limit + 1, after=after and (after[0], after[1]),
    )  # fmt: skip
    earlier = {row.key: row for row in found if row.period == "before" and not row.whole}
    rows = [row for row in found if row.period == "now" and not row.whole]
    shown = [_seller(row, earlier.get(row.key), args.by, currency) for row in rows[: args.limit]]
    more = len(rows) > args.limit
    last = rows[args.limit - 1] if more else None
    return TopSellers(
        data=shown, has_more=more, next=cursor(_measure(last, args.by), last.key) if last else None, zone=ctx.merchant.zone.key,
        placed_from=period.start, placed_until=period.until, before_from=before.start, before_until=before.until, currency=currency,
        products=rows[0].groups if rows else 0,
        total=total_of(rows[0].groups if rows else 0) if args.counts else None,
    )  # fmt: skip


def _measure(row: Figures, by: Ranking) -> int:
    return row.units if by is Ranking.units else row.net


def _seller(row: Figures, before: Figures | None, by: Ranking, currency: str) -> TopSeller:
    return TopSeller(
        rank=row.place, product=row.reference, title=row.name or "Not in the catalogue", units=row.units, orders=row.orders,
        revenue=Money(amount=row.net, currency=currency), units_before=before.units if before else 0,
        revenue_before=Money(amount=before.net if before else 0, currency=currency),
        change=percent_change(_measure(row, by), _measure(before, by)) if before else None,
    )  # fmt: skip
