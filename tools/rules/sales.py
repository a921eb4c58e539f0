"""What was sold and what went back, in the terms of the trade, from order lines and payments.

The terms are Shopify's (help.shopify.com, "Sales reports"), so that merchants find the figures that they know:

    gross     price x quantity, and what was charged or taken off beside it, before discounts, tax and shipping
    net       gross - discounts - refunds
    total     net + shipping + tax: what customers were charged, less what went back to them
    average order value    (gross - discounts) / orders

Where we decide ourselves: all but tax and total are without tax, whichever way the shop quotes its prices; an order counts on the
day on which it was placed while it is pending, confirmed or completed, so drafts never do, and a cancelled or expired order is
taken out together with its refunds; a refund (or a chargeback, less its reversal) counts on the day on which the money went, in
full: its order's share of tax reduces tax, the rest reduces net, spread over the order's lines by what they cost the customer.
Adjustments, of records that came from elsewhere, count on their own day, those of a credit (`db/models/orders.py`) as refunds.
Amounts of one currency alone are added up.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from db.models import orders
from db.models.orders import Channel
from tools.contract.context import Context
from tools.contract.fields import Synonyms
from tools.rules.lookup import WITH_ALL_BELOW
from tools.rules.periods import Period, day_begun, percent_change

COUNTED = [status.value for status in orders.COUNTED]


CHANNEL_WORDS = Synonyms(
    {
        "web": ("online", "website", "webshop", "web shop"),
        "phone": ("by phone", "call", "called", "telephone"),
        "email": ("mail", "by e-mail"),
        "store": ("shop", "counter", "in person", "in store", "till"),
        "marketplace": ("amazon", "ebay", "etsy"),
        "api": ("program", "integration"),
    }
)
# Of payments `p`: what was tried in vain, or let go again, is not how an order was paid.
COUNTS_AS_PAYMENT = "p.status not in ('failed', 'cancelled', 'voided', 'expired')"


class By(StrEnum):
    """What figures are told apart by. Days, weeks and months are the merchant's; a city is one of its country."""

    day = "day"
    week = "week"
    month = "month"
    channel = "channel"
    country = "country"
    region = "region"
    city = "city"
    product = "product"
    category = "category"
    payment_method = "payment_method"


Key = By | Literal["customer"]  # buyers are told apart where personal data may be read


class Only(NamedTuple):
    """Which sales are looked at; a product's or a category's leave shipping out."""

    channel: Channel | None = None
    country: str | None = None
    product: UUID | None = None
    category: UUID | None = None  # with all below it
    city: str | None = None  # as buyers wrote it, in small letters
    consent: str | None = None  # a channel to which the buyer has agreed


EVERYTHING = Only()


class Figures(NamedTuple):
    """Minor units and counts of a group in a period; `whole` is all of the period, and an empty `key` where nothing is known."""

    period: str
    whole: bool
    key: str
    place: int
    groups: int
    gross: int
    discounts: int
    refunds: int
    net: int
    shipping: int
    tax: int
    units: int
    orders: int
    name: str | None
    reference: str | None

    @property
    def total(self) -> int:
        return self.net + self.shipping + self.tax


class Elsewhere(NamedTuple):
    """Orders that are left out because they are in another currency."""

    currency: str
    orders: int


class Around(NamedTuple):
    """`sold_since`: when the day began, by the shop's clock, of its first order that counts, UTC; None while there is none."""

    sold_since: datetime | None
    elsewhere: list[Elsewhere]


class _Around(NamedTuple):
    first: datetime | None
    others: list[tuple[str, int]]


_LOCAL = "to_char(date_trunc('{step}', f.at at time zone %(zone)s), 'YYYY-MM-DD')"
_KEYS: dict[Key | None, str] = {
    None: "null",
    By.day: _LOCAL.format(step="day"),
    By.week: _LOCAL.format(step="week"),
    By.month: _LOCAL.format(step="month"),
    By.channel: "f.channel",
    By.country: "f.ship_country",
    By.region: "concat_ws(', ', f.ship_region, f.ship_country)",
    By.city: "concat_ws(', ', initcap(f.ship_city), f.ship_country)",
    By.product: "f.product_id::text",
    By.category: "(select p.category_id::text from products p where p.merchant_id = %(m)s and p.id = f.product_id)",
    By.payment_method: f"""(
        select p.method from payments p where p.merchant_id = %(m)s and p.order_id = f.order_id and {COUNTS_AS_PAYMENT}
        order by p.captured desc, p.authorized desc, p.id limit 1)""",
    "customer": "(select o.customer_id::text from orders o where o.merchant_id = %(m)s and o.id = f.order_id)",
}
_IN_CATEGORY = (
    f"f.product_id in (select id from products where merchant_id = %(m)s and category_id in ({WITH_ALL_BELOW}))"
)
_AGREED = """coalesce((
    select s.granted from orders o join consents s on s.merchant_id = %(m)s and s.customer_id = o.customer_id
    where o.merchant_id = %(m)s and o.id = f.order_id and s.channel = %(consent)s
    order by s.occurred_at desc, s.id desc limit 1), false)"""
_NAMED: dict[Key | None, tuple[str, str]] = {
    By.product: ("title", "products"), By.category: ("name", "categories"), "customer": ("name", "customers"),
}  # fmt: skip
_OF_LINES = (By.product, By.category)  # what a line is told apart by, and an order's shipping is not

# Each join names the bounds of all periods, too: they are what the planner can look up in an index. What hangs on an order is
# looked up order by order (`offset 0` says so): a plan that reads a whole table grows with the shop, not with the period.
_FACTS = """
with periods as (
    select * from unnest(%(names)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p(period, starts, ends)
), goods as (
    select p.period, o.placed_at as at, o.id as order_id, {of_order}, l.product_id, true as of_line, true as placed,
           l.total - l.tax + d.discount as gross, d.discount, 0 as refund, 0 as shipping, l.tax, l.quantity - l.cancelled as units
    from periods p
    join orders o on o.merchant_id = %(m)s and o.placed_at >= p.starts and o.placed_at < p.ends
      and o.placed_at >= %(earliest)s and o.placed_at < %(latest)s
    cross join lateral (select * from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id offset 0) l
    cross join lateral (
        select case when o.prices_include_tax then round(l.discount / (1 + l.tax_rate)) else l.discount end as discount
    ) d
    where o.status = any(%(counted)s) and o.currency = %(currency)s
), carriage as (
    select p.period, o.placed_at, o.id, {of_order}, null::uuid, false, true, 0, 0, 0,
           o.shipping - case when o.prices_include_tax then o.shipping_tax else 0 end, o.shipping_tax, 0
    from periods p
    join orders o on o.merchant_id = %(m)s and o.placed_at >= p.starts and o.placed_at < p.ends
      and o.placed_at >= %(earliest)s and o.placed_at < %(latest)s
    where o.status = any(%(counted)s) and o.currency = %(currency)s
), given_back as (
    select p.period, t.id, t.occurred_at, t.order_id, {of_order}, s.amount - x.tax as net, x.tax
    from periods p
    join payment_transactions t on t.merchant_id = %(m)s and t.occurred_at >= p.starts and t.occurred_at < p.ends
      and t.occurred_at >= %(earliest)s and t.occurred_at < %(latest)s
    cross join lateral (select * from orders o where o.merchant_id = %(m)s and o.id = t.order_id offset 0) o
    cross join lateral (
        select case when t.kind in ('refund_reversal', 'chargeback_reversal') then -t.amount else t.amount end::numeric as amount
    ) s
    cross join lateral (select round(s.amount * o.tax / greatest(o.total, 1)) as tax) x
    where t.kind in ('refund', 'refund_reversal', 'chargeback', 'chargeback_reversal') and t.outcome = 'succeeded'
      and t.currency = %(currency)s and o.status = any(%(counted)s)
), spread as (
    select b.*, l.product_id, l.total as line, sum(l.total) over (partition by b.period, b.id) as lines,
           sum(l.total) over upto as upto, row_number() over upto as nth
    from given_back b
    left join lateral (select * from order_lines l where l.merchant_id = %(m)s and l.order_id = b.order_id offset 0) l on true
    window upto as (partition by b.period, b.id order by l.position)
), refunds as (
    select period, occurred_at, order_id, channel, ship_country, ship_region, ship_city, product_id, true, false, 0, 0, {net}, 0,
           -{tax}, 0
    from spread
), adjusted as (
    select p.period, a.occurred_at, a.order_id, {of_order}, a.product_id, true, false,
           case when c.credit then 0 else a.amount end, 0, case when c.credit then -a.amount else 0 end, 0, 0, 0
    from periods p
    join order_adjustments a on a.merchant_id = %(m)s and a.occurred_at >= p.starts and a.occurred_at < p.ends
      and a.occurred_at >= %(earliest)s and a.occurred_at < %(latest)s
    cross join lateral (select * from orders o where o.merchant_id = %(m)s and o.id = a.order_id offset 0) o
    cross join lateral (select o.status = 'cancelled' and o.total < 0 as credit) c
    where o.currency = %(currency)s and (o.status = any(%(counted)s) or c.credit)
), facts as (
    select * from goods union all select * from carriage where %(carriage)s union all select * from refunds
    union all select * from adjusted
)
"""
# A line's part of a refund: what falls to the lines up to it, less what fell to those before, so that no cent is lost.
_PART = """
case when lines > 0 then round({what} * upto / lines) - round({what} * (upto - line) / lines) when nth = 1 then {what} else 0 end
"""
_SALES = (
    _FACTS.format(
        of_order="o.channel, o.ship_country, o.ship_region, o.ship_city",
        net=_PART.format(what="net").strip(),
        tax=_PART.format(what="tax").strip(),
    )
    + """
, keyed as (
    select f.*, {key} as key from facts f where {conditions}
), figures as (
    select period, grouping(key) = 1 as whole, coalesce(key, '') as key, sum(gross)::bigint as gross,
           sum(discount)::bigint as discounts, sum(refund)::bigint as refunds, sum(gross - discount - refund)::bigint as net,
           sum(shipping)::bigint as shipping, sum(tax)::bigint as tax, sum(units) as units,
           count(distinct order_id) filter (where placed) as orders
    from keyed group by grouping sets ((period, key), (period)) having grouping(key) = 1 or {belongs}
), ranked as (
    select *, row_number() over (partition by period, whole order by {rank} desc, key) as place from figures
), page as (
    select key from ranked
    where not whole and period = %(first)s
      and (%(after)s::bigint is null or {rank} < %(after)s or {rank} = %(after)s and key > %(after_key)s)
    order by {rank} desc, key limit %(limit)s
)
select r.*, (select count(*) from ranked where not whole and period = %(first)s) as groups, {names}
from ranked r where r.whole or r.key in (select key from page) order by r.whole desc, r.place
"""
)


async def sales(
    ctx: Context,
    periods: Mapping[str, Period],
    currency: str,
    *,
    by: Key | None = None,
    only: Only = EVERYTHING,
    rank: Literal["net", "units"] = "net",
    limit: int | None = None,
    after: tuple[int, str] | None = None,
) -> list[Figures]:
    """The figures of each period as a whole, and of the first period's groups in all periods, those that rank highest first.

    A period in which nothing happened has no row. `after` is the rank and the key of the last group that was seen.
    """
    key = f"case when f.of_line then {_KEYS[by]} end" if by in _OF_LINES else _KEYS[by]
    query = _SALES.format(
        key=key,
        conditions=_conditions(only),
        rank=rank,
        names=_names_of(by),
        belongs="bool_or(of_line)" if by in _OF_LINES else "true",
    )
    starts, ends = [period.start for period in periods.values()], [period.until for period in periods.values()]
    params = {
        "m": ctx.merchant.id, "zone": ctx.merchant.zone.key, "currency": currency, "counted": COUNTED, "names": list(periods),
        "starts": starts, "ends": ends, "earliest": min(starts), "latest": max(ends), "first": next(iter(periods)),
        "limit": limit if by else 0, "carriage": only.product is None and only.category is None,
        "after": after and after[0], "after_key": after and after[1], **only._asdict(),
    }  # fmt: skip
    return await ctx.sql.rows(query, params, as_=Figures)


def growth(now: int, before: int, since: datetime | None, earlier: Period) -> float | None:
    """By how many per cent a figure grew since the period `earlier`; None from nothing, or where the shop began within it."""
    return percent_change(now, before) if since and since <= earlier.start else None


async def around(ctx: Context, period: Period, currency: str) -> Around:
    """What figures of a period leave out, and how far back figures of the shop go."""
    query = """
        select (select placed_at from orders where merchant_id = %(m)s and status = any(%(counted)s)
                order by placed_at, id limit 1) as first,
               coalesce(json_agg(json_build_array(c.currency, c.orders) order by c.orders desc, c.currency)
                        filter (where c.currency is not null), '[]') as others
        from (
            select currency, count(*) as orders from orders
            where merchant_id = %(m)s and placed_at >= %(start)s and placed_at < %(until)s
              and status = any(%(counted)s) and currency <> %(currency)s
            group by currency
        ) c
    """
    params = {"m": ctx.merchant.id, "counted": COUNTED, "currency": currency, **period._asdict()}
    found = await ctx.sql.row(query, params, as_=_Around)
    assert found is not None
    since = day_begun(found.first, ctx.merchant.zone) if found.first else None
    return Around(since, [Elsewhere(*one) for one in found.others])


def _conditions(only: Only) -> str:
    """What limits the facts."""
    asked = {
        "f.channel = %(channel)s": only.channel,
        "f.ship_country = %(country)s": only.country,
        "f.product_id = %(product)s": only.product,
        _IN_CATEGORY: only.category,
        "lower(f.ship_city) = %(city)s": only.city,
        _AGREED: only.consent,
    }
    return " and ".join(condition for condition, value in asked.items() if value is not None) or "true"


def _names_of(by: Key | None) -> str:
    """The name and reference that go with a key; keys of products, categories and customers are their ids."""
    if by not in _NAMED:
        return "null as name, null as reference"
    name, table = _NAMED[by]
    named = f"(select t.{{}} from {table} t where t.merchant_id = %(m)s and t.id = nullif(r.key, '')::uuid)"
    return f"{named.format(name)} as name, {named.format('reference')} as reference"
