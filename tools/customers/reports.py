"""Who buys how much, and who buys how lately, how often and for how much."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from db.models.customers import ConsentChannel
from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Country, PeriodEnd, PeriodStart, Synonyms
from tools.customers.consents import CHANNEL_WORDS
from tools.customers.fields import Said
from tools.rules.lookup import find_category
from tools.rules.periods import asked_period
from tools.rules.sales import COUNTED, Figures, Only, around, growth, sales


class SalesByCustomer(Input):
    """Which period."""

    placed_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, 30 days before its end."
    )
    placed_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )
    country: Country | None = Field(default=None, description="Only orders sent to this country, ISO 3166 alpha-2.")
    category: CategoryRef | None = Field(
        default=None, description="Only this category with all below it, such as `CAT-7`; shipping is then left out."
    )
    consent: Annotated[ConsentChannel, CHANNEL_WORDS] | None = Field(
        default=None, description="Only customers who agreed to marketing by this channel."
    )
    currency: Currency | None = Field(
        default=None, description="Only orders in this currency; unless said, the shop's own."
    )
    limit: int = Field(
        default=20, ge=1, le=100, description="How many customers at most.", json_schema_extra={"x-kind": "limit"}
    )


class CustomerSales(Result):
    """What a customer bought in a period, in minor units of one currency."""

    customer: str | None = Field(description="The customer's reference; null for all guests together.")
    name: Said = Field(description="What they are called.")
    orders: int = Field(description="Orders placed; drafts, cancelled and expired ones are not counted.")
    units: int = Field(description="Units ordered, less those taken out again.")
    net: Money = Field(
        description="Net sales: gross less discounts and refunds, without tax and shipping, minor units."
    )
    refunds: Money = Field(description="Given back in the period, without tax, minor units.")
    total: Money = Field(description="Net sales, shipping and tax together, minor units.")
    share: float | None = Field(description="Per cent of all net sales of the period; null where there were none.")
    net_before: Money = Field(description="Their net sales in the period before, minor units.")


class OrdersElsewhere(Result):
    """Orders that these figures leave out."""

    currency: str = Field(description="ISO 4217 code.")
    orders: int = Field(description="Orders placed in that currency in the period.")


class SalesOfCustomers(Result):
    """Who bought how much in a period, in one currency."""

    placed_from: datetime = Field(description="Beginning of the period, UTC.")
    placed_until: datetime = Field(description="Its end, exclusive, UTC.")
    currency: str = Field(description="The currency of these figures, ISO 4217.")
    net: Money = Field(description="Net sales of the period, of all customers, minor units.")
    change: float | None = Field(
        description="By how many per cent they grew from the period before; null from nothing."
    )
    customers: list[CustomerSales] = Field(description="The highest net sales first.")
    customers_left_out: int = Field(description="How many customers are not shown, for `limit`.")
    other_currencies: list[OrdersElsewhere] = Field(description="What is left out, for it is in other currencies.")


@tool(
    route="GET /analytics/customers/sales",
    effect=Effect.read,
    permission="customers:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["Sales by customer last month", "Which customers brought the most this quarter?"],
)
async def sales_by_customer(ctx: Context, args: SalesByCustomer) -> SalesOfCustomers:
    """Report the sales of a period by customer, the highest first.

    Terms and rules are those of sales_report: net is gross less discounts and refunds, without tax. Amounts are minor units of one
    currency; orders in others are counted and not added. Guests are one line.
    """
    period = asked_period(ctx, args.placed_from, args.placed_until)
    before, currency = period.before(ctx.merchant.zone, ctx.now()), args.currency or ctx.merchant.currency
    category = (await find_category(ctx, args.category)).id if args.category else None
    only = Only(country=args.country, category=category, consent=args.consent)
    found = await sales(ctx, {"now": period, "before": before}, currency, by="customer", only=only, limit=args.limit)
    whole = {row.period: row for row in found if row.whole}
    earlier = {row.key: row.net for row in found if not row.whole and row.period == "before"}
    net, net_before = (whole[name].net if name in whole else 0 for name in ("now", "before"))
    rows = [row for row in found if not row.whole and row.period == "now"]
    ctx.discloses(len(rows))
    since, elsewhere = await around(ctx, period, currency)
    return SalesOfCustomers(
        placed_from=period.start, placed_until=period.until, currency=currency, net=Money(amount=net, currency=currency),
        change=growth(net, net_before, since, before),
        customers=[_sales(row, net, earlier.get(row.key, 0), currency) for row in rows],
        customers_left_out=max(whole["now"].groups - len(rows), 0) if rows else 0,
        other_currencies=[OrdersElsewhere(currency=row.currency, orders=row.orders) for row in elsewhere],
    )  # fmt: skip


def _sales(row: Figures, net: int, before: int, currency: str) -> CustomerSales:
    return CustomerSales(
        customer=row.reference, name=row.name or "Guests", orders=row.orders, units=row.units,
        net=Money(amount=row.net, currency=currency), refunds=Money(amount=row.refunds, currency=currency),
        total=Money(amount=row.total, currency=currency), share=round(100 * row.net / net, 1) if net else None,
        net_before=Money(amount=before, currency=currency),
    )  # fmt: skip


# ---- recency, frequency, monetary value ----------------------------------------------------------------------------------


class RfmGroup(StrEnum):
    """How lately (recent, a while ago, long ago) crossed with how much (much, some, little)."""

    champions = "champions"
    growing = "growing"
    new = "new"
    loyal = "loyal"
    fading = "fading"
    passing = "passing"
    at_risk = "at_risk"
    hibernating = "hibernating"
    lost = "lost"


GROUP_WORDS = Synonyms(
    {
        "champions": ("best customers", "stars", "top customers"),
        "growing": ("potential loyalists", "promising"),
        "new": ("newcomers", "first-time buyers", "recent customers"),
        "loyal": ("regulars", "faithful"),
        "fading": ("need attention", "cooling off"),
        "passing": ("about to sleep", "occasional"),
        "at_risk": ("at risk", "cannot lose them", "slipping away", "about to leave"),
        "hibernating": ("asleep", "dormant", "sleeping"),
        "lost": ("gone", "churned"),
    }
)
_MEANS = {
    RfmGroup.champions: "bought lately, often and for much",
    RfmGroup.growing: "bought lately, and more than once or little",
    RfmGroup.new: "bought lately, for the first time or for little",
    RfmGroup.loyal: "buy often and for much, and did a while ago",
    RfmGroup.fading: "are in the middle in everything",
    RfmGroup.passing: "bought little, a while ago",
    RfmGroup.at_risk: "bought often and for much, and not for long",
    RfmGroup.hibernating: "bought some, long ago",
    RfmGroup.lost: "bought little, long ago",
}


class SegmentCustomers(Input):
    """Whose scores."""

    currency: Currency | None = Field(
        default=None, description="Only orders in this currency; unless said, the shop's own."
    )
    group: Annotated[RfmGroup, GROUP_WORDS] | None = Field(
        default=None, description="Name the customers of this group, too: those who spent most first."
    )
    limit: int = Field(
        default=20, ge=1, le=100, description="How many customers of that group at most.",
        json_schema_extra={"x-kind": "limit"},
    )  # fmt: skip


class ScoredGroup(Result):
    """Customers whose scores are alike."""

    group: RfmGroup = Field(description="The group.")
    means: str = Field(description="What its customers did.")
    customers: int = Field(description="How many they are.")
    orders: int = Field(description="Orders that they placed.")
    spend: Money = Field(description="What those cost, less refunds, minor units.")
    share: float | None = Field(description="Per cent of what all customers spent; null where nothing was.")
    days_since_order: int = Field(description="Days since the last order, on average.")


class ScoredCustomer(Result):
    """A customer with their scores."""

    customer: str = Field(description="The customer's reference.")
    name: Said = Field(description="What they are called.")
    recency: int = Field(description="1 to 5; 5: bought more lately than four fifths of all.")
    frequency: int = Field(description="1 to 5; 5: has more orders than four fifths of all.")
    monetary: int = Field(description="1 to 5; 5: spent more than four fifths of all.")
    orders: int = Field(description="Orders in the currency.")
    spend: Money = Field(description="What those cost, less refunds, minor units.")
    last_order_at: datetime = Field(description="When the last one was placed, UTC.")


class ScoredCustomers(Result):
    """All who ever bought, by how lately, how often and for how much."""

    currency: str = Field(description="The currency of the orders looked at, ISO 4217.")
    customers: int = Field(description="How many bought in it.")
    groups: list[ScoredGroup] = Field(description="The groups that have anybody in them, those who spent most first.")
    members: list[ScoredCustomer] = Field(description="Customers of the group that was asked for.")
    members_left_out: int = Field(description="How many more of them there are.")


class _Group(NamedTuple):
    group: RfmGroup
    customers: int
    orders: int
    spend: int
    days_since_order: int


class _Member(NamedTuple):
    customer: str
    name: str
    recency: int
    frequency: int
    monetary: int
    orders: int
    spend: int
    last_order_at: datetime


class _Elsewhere(NamedTuple):
    sells: bool


# Whether a shop has orders in another currency: two looks into an index.
_ELSEWHERE = """
select exists (select from orders where merchant_id = %(m)s and currency < %(currency)s)
       or exists (select from orders where merchant_id = %(m)s and currency > %(currency)s) as sells
"""
# Who bought how much: as figures that are kept say it of a shop that sells in its home currency alone, else as orders do. Credits
# are taken off, and are no orders.
_BY_FIGURES = """
select id as customer_id, last_order_at as last, orders, spend from customer_figures where merchant_id = %(m)s and orders > 0
"""
_BY_ORDERS = """
select customer_id, max(placed_at) filter (where counts) as last, count(*) filter (where counts)::int as orders,
       sum(total - refunded)::bigint as spend
from orders cross join lateral (select status = any(%(counted)s) as counts) c
where merchant_id = %(m)s and customer_id is not null and currency = %(currency)s and (counts or total < 0)
group by customer_id having bool_or(counts)
"""
# A fifth is told by rank, and who ties with somebody has the same: of shops where most buy once, no toss of a coin decides. Whoever
# comes after the last of a fifth has one more: among n, that is number (n - 1) * fifths / 5, rounded up; of one, there is none.
_SCORED = """
with bought as ({bought}), marks as (
    select array(select ((fifth * (n - 1) + 4) / 5 - 0.5) / n from generate_series(1, 4) as fifth)::float8[] as at
    from (select count(*) as n from bought) counted where n > 1
), lasts as materialized (
    select percentile_disc((select at from marks)) within group (order by last) as last,
           percentile_disc((select at from marks)) within group (order by orders) as orders,
           percentile_disc((select at from marks)) within group (order by spend) as spend
    from bought
), borders as materialized (
    select array(select date_add(date_trunc('day', at, %(zone)s), '1 day', %(zone)s) from unnest(last) as at) as days, orders, spend
    from lasts
), scored as (
    select b.*, 1 + width_bucket(b.last, days) as recency, 1 + coalesce(width_bucket(b.orders - 1, l.orders), 0) as frequency,
           1 + coalesce(width_bucket(b.spend - 1, l.spend), 0) as monetary
    from bought b cross join borders l
), grouped as (
    select *, (%(groups)s::text[])[
        case when recency >= 4 then 1 when recency = 3 then 4 else 7 end
        + case when frequency + monetary >= 8 then 0 when frequency + monetary >= 5 then 1 else 2 end] as "group"
    from scored
)
"""
_GROUPS = f"""
{_SCORED}
select "group", count(*)::int as customers, sum(orders)::int as orders, sum(spend)::bigint as spend,
       round(extract(epoch from avg(%(now)s - last)) / 86400)::int as days_since_order
from grouped group by "group" order by spend desc, "group"
"""
_MEMBERS = f"""
{_SCORED}
select c.reference as customer, c.name, g.recency, g.frequency, g.monetary, g.orders, g.spend, g.last as last_order_at
from (select * from grouped where "group" = %(group)s order by spend desc, customer_id limit %(limit)s) g
join customers c on c.merchant_id = %(m)s and c.id = g.customer_id
order by g.spend desc, g.customer_id
"""


@tool(
    route="GET /analytics/customers/segments",
    effect=Effect.read,
    permission="customers:read",
    heavy=True,
    raises=[],
    examples=["Segment our customers by recency, frequency and value", "Which good customers are at risk of leaving?"],
)
async def segment_customers(ctx: Context, args: SegmentCustomers) -> ScoredCustomers:
    """Group customers by how lately, how often and for how much they bought.

    Each gets 1 to 5 for recency, frequency and monetary value, by fifths of all who ever bought in one currency; equal ones get the
    same. `group` names the customers of one group. Amounts are minor units of that currency.
    """
    currency = args.currency or ctx.merchant.currency
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "counted": COUNTED, "currency": currency, "zone": ctx.merchant.zone.key, "now": ctx.now(),
        "groups": [group.value for group in RfmGroup], "group": args.group and args.group.value, "limit": args.limit,
    }  # fmt: skip
    (elsewhere,) = await ctx.sql.rows(_ELSEWHERE, params, as_=_Elsewhere)
    bought = _BY_FIGURES if currency == ctx.merchant.currency and not elsewhere.sells else _BY_ORDERS
    groups = await ctx.sql.rows(_GROUPS.format(bought=bought), params, as_=_Group)
    members = await ctx.sql.rows(_MEMBERS.format(bought=bought), params, as_=_Member) if args.group else []
    ctx.discloses(len(members))
    size = next((row.customers for row in groups if row.group == args.group), 0)
    return ScoredCustomers(
        currency=currency, customers=sum(row.customers for row in groups), groups=_groups(groups, currency),
        members=[
            ScoredCustomer.model_validate(row._asdict() | {"spend": Money(amount=row.spend, currency=currency)})
            for row in members
        ],
        members_left_out=size - len(members),
    )  # fmt: skip


def _groups(rows: Sequence[_Group], currency: str) -> list[ScoredGroup]:
    whole = sum(row.spend for row in rows)
    return [
        ScoredGroup(
            group=row.group, means=_MEANS[RfmGroup(row.group)], customers=row.customers, orders=row.orders,
            spend=Money(amount=row.spend, currency=currency), days_since_order=row.days_since_order,
            share=round(100 * row.spend / whole, 1) if whole else None,
        )
        for row in rows
    ]  # fmt: skip
