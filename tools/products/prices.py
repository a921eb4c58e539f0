"""What a variant costs from when on, and what it has cost."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from db.models.products import Repriced
from db.money import Currency, Money
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, NotFound
from tools.contract.fields import MinorUnits, Name, PeriodEnd, PeriodStart, VariantRef
from tools.contract.page import Page, Paged, paged, place
from tools.products.creation import CurrencyNotSold
from tools.products.listing import money
from tools.products.repricing import Held, PriceInThePast, PricePlanned, Window, Wish, held, keep, reprice, window_of
from tools.rules.lookup import find_variant


class CostsThatAlready(Conflict):
    """It has that price at that moment, and nothing would change."""

    hint = "Give another price, or another moment."


class SetPrice(Input):
    """Which variant, what it shall cost, and when."""

    sku: VariantRef = Field(description="Variant: its SKU, or `VAR-7`.")
    amount: MinorUnits = Field(ge=0, description="Price of a unit, minor units.")
    currency: Currency | None = Field(
        default=None, description="ISO 4217 code, one in which the shop sells; unless said, the shop's own."
    )
    compare_at: MinorUnits | None = Field(
        default=None, description="A higher price, to be shown struck through, minor units; unless said, none."
    )
    customer_group: Name | None = Field(
        default=None,
        description="Only for customers of this price group, such as `wholesale`; unless said, for everybody.",
    )
    min_quantity: int = Field(
        default=1, ge=1, le=100_000, description="Only from so many units on, such as 10; every unit then costs that."
    )
    valid_from: PeriodStart | None = Field(
        default=None, description="From when it holds, UTC; unless said, from now on."
    )
    valid_until: PeriodEnd | None = Field(
        default=None,
        description="Until when, exclusive, UTC; the price before it then goes on. Unless said, until a next price begins.",
    )


class PriceSet(Result):
    """A price that holds, or will."""

    change: str = Field(description="The change, such as `PCH-7`: with it undo_price_change takes it back.")
    sku: str = Field(description="SKU.")
    price: Money = Field(description="What a unit costs, minor units.")
    compare_at: Money | None = Field(description="The price shown struck through, minor units.")
    customer_group: str | None = Field(description="Whose price it is; null is everybody's.")
    min_quantity: int = Field(description="From how many units on.")
    before: Money | None = Field(description="What it cost until then, minor units; null if it had no such price.")
    valid_from: datetime = Field(description="From when it holds, UTC.")
    valid_until: datetime | None = Field(description="Until when, UTC; null is until a next price.")
    lowest_before: Money | None = Field(
        description="Of a reduction, the lowest price of the 30 days before it, minor units: in the EU, what it is announced from."
    )


@tool(
    route="POST /variants/{sku}/prices",
    effect=Effect.money,
    permission="prices:write",
    raises=[CurrencyNotSold, PriceInThePast, PricePlanned, CostsThatAlready, NotFound, Ambiguous],
    examples=["Set the price of MUG-BLUE to 17.90", "LAMP-OAK costs 59 euros from Friday until Monday, instead of 79"],
)
async def set_price(ctx: Context, args: SetPrice) -> PriceSet:
    """Set what a variant costs, from now on or for a time.

    It ends the price before it, and history is kept. With `valid_until` the price before it goes on afterwards. A price for a
    `customer_group` or from a `min_quantity` on stands beside everybody's: an order gets its group's, then the one of the highest
    quantity that it reaches. Minor units: 1999 is 19.99 EUR. For many at once, `change_prices`.
    """
    currency, group = sold_in(ctx, args.currency), await spelling(ctx, args.customer_group)
    window = window_of(ctx, currency, args.valid_from, args.valid_until, group, args.min_quantity)
    if args.compare_at is not None and args.compare_at <= args.amount:
        raise Invalid(f"compare_at {args.compare_at} has to be above the price, which is {args.amount}.")
    variant = await find_variant(ctx, args.sku)
    (before,) = await held(ctx, [variant.id], window)
    if (before.amount, before.compare_at) == (args.amount, args.compare_at) and before.valid_until == args.valid_until:
        raise CostsThatAlready(f"{before.sku} costs {words.money(args.amount, window.currency)} then already.")

    wish = Wish(before, args.amount, args.compare_at)
    ends = await reprice(ctx, window, [wish])
    until, lowest = ends[variant.id], await _lowest_before(ctx, before, args.amount, window)
    _tell(ctx, wish, window, until, lowest)
    told = f"{before.sku} at {words.money(args.amount, window.currency)}{whose(window)}"
    change = await keep(ctx, told, window, [(wish, Repriced.changed)], ends)
    return PriceSet(
        change=change.reference, sku=before.sku, price=Money(amount=args.amount, currency=window.currency),
        compare_at=money(args.compare_at, window.currency), customer_group=group, min_quantity=args.min_quantity,
        before=money(before.amount, window.currency),
        valid_from=window.starts, valid_until=until, lowest_before=money(lowest, window.currency),
    )  # fmt: skip


def sold_in(ctx: Context, currency: str | None) -> str:
    """The currency of new prices. Raises `CurrencyNotSold`."""
    if currency is not None and currency not in ctx.merchant.currencies:
        raise CurrencyNotSold(f"The shop sells in {', '.join(ctx.merchant.currencies)}, not in {currency}.")
    return currency or ctx.merchant.currency


class _Spelt(NamedTuple):
    name: str


# From name to name along an index: a shop has few groups, and many customers and prices of each.
_NAMES = """{table}_of(name) as (
    (select customer_group from {table} where merchant_id = %(m)s and customer_group is not null order by customer_group limit 1)
    union all select (
        select g.customer_group from {table} g where g.merchant_id = %(m)s and g.customer_group > {table}_of.name
        order by g.customer_group limit 1)
    from {table}_of where {table}_of.name is not null
)"""
_SPELT = f"""
with recursive {_NAMES.format(table="customers")}, {_NAMES.format(table="prices")}
select name from (select name from customers_of union all select name from prices_of) known where folded(name) = %(group)s limit 1
"""


async def spelling(ctx: Context, group: str | None) -> str | None:
    """A price group as the shop writes it, whatever the case: customers and prices of one group are to meet."""
    known = await ctx.sql.row(_SPELT, {"m": ctx.merchant.id, "group": fold(group)}, as_=_Spelt) if group else None
    return known.name if known else group


def whose(window: Window) -> str:
    """` for wholesale from 10 units on`, where a price is not everybody's of one unit."""
    quantity = f" from {window.least:,} units on" if window.least > 1 else ""
    return f"{f' for {window.group}' if window.group else ''}{quantity}"


def _tell(ctx: Context, wish: Wish, window: Window, until: datetime | None, lowest: int | None) -> None:
    before, zone, amount = wish.held, ctx.merchant.zone, wish.amount or 0
    special = whose(window)
    if before.amount is None:
        none = "no such price" if special else "none"
        ctx.tell(f"{before.sku} gets a price of {words.money(amount, window.currency)}{special}; it had {none}.")
    elif before.amount == amount:
        ctx.tell(f"The price of {before.sku}{special} stays at {words.money(amount, window.currency)}.")
    else:
        ctx.tell(words.repriced("price", f"{before.sku}{special}", before.amount, amount, window.currency))
    if wish.compare_at is not None:
        ctx.tell(f"It is shown with {words.money(wish.compare_at, window.currency)} struck through.")
    if until is not None or window.starts > ctx.now():
        starts = "now" if window.starts == ctx.now() else words.moment(window.starts, zone)
        ctx.tell(f"It holds from {starts} {f'until {words.moment(until, zone)}' if until else 'on'}.")
    if lowest is not None:
        ctx.tell(f"The lowest price of the 30 days before was {words.money(lowest, window.currency)}.")


# ---- history -------------------------------------------------------------------------------------------------------------


class PriceState(StrEnum):
    past = "past"
    current = "current"
    planned = "planned"


class GetPriceHistory(Paged):
    """Of which variant."""

    sku: VariantRef = Field(description="Variant: its SKU, or `VAR-7`.")
    currency: Currency | None = Field(default=None, description="Prices in this currency; unless said, the shop's own.")
    customer_group: Name | None = Field(
        default=None, description="Prices of this price group, such as `wholesale`; unless said, those of everybody."
    )
    min_quantity: int = Field(default=1, ge=1, le=100_000, description="Prices from so many units on.")


class PricePeriod(Result):
    """A price, and when it held."""

    price: Money = Field(description="What a unit cost, minor units.")
    compare_at: Money | None = Field(description="The price shown struck through, minor units.")
    state: PriceState = Field(description="Whether it is over, holds now, or is planned.")
    valid_from: datetime = Field(description="From when, UTC.")
    valid_until: datetime | None = Field(description="Until when, UTC; null is until a next price.")
    before: Money | None = Field(description="The price just before it, minor units; null where there was none.")
    lowest_before: Money | None = Field(
        description="Of a reduction, the lowest price of the 30 days before it, minor units; null where it is none."
    )


class PriceHistory(Page[PricePeriod]):
    """What a variant costs, cost and will cost, the latest first; everybody who buys one, unless a group was asked for."""

    sku: str = Field(description="SKU.")
    title: str = Field(description="What the variant is called.")
    currency: str = Field(description="The currency of the prices, ISO 4217.")
    price: Money | None = Field(description="What it costs now, minor units; null without a price.")
    lowest_before: Money | None = Field(
        description="Where the price of now is a reduction: the lowest price of the 30 days before it, minor units."
    )


class _Period(NamedTuple):
    amount: int
    compare_at: int | None
    valid_from: datetime
    valid_until: datetime | None
    before: int | None
    lowest_before: int | None


# Prices that follow each other without a gap and are the same are one: a sale that was prolonged began when it began. The 30
# days of a reduction begin with a day of the shop's, so that they are never an hour short (directive 98/6/EC, article 6a).
_SINCE = "((date_trunc('day', {starts} at time zone %(zone)s) - interval '30 days') at time zone %(zone)s)"
_HISTORY = f"""
with own as (
    select amount, compare_at, valid_from, valid_until,
           amount = lag(amount) over by_time and valid_from = lag(valid_until) over by_time as goes_on
    from prices
    where merchant_id = %(m)s and variant_id = %(variant)s and currency = %(currency)s
      and customer_group is not distinct from %(group)s::text and min_quantity = %(least)s
    window by_time as (order by valid_from)
), told as (
    select *, count(*) filter (where goes_on is not true) over (order by valid_from) as nth from own
), periods as (
    select nth, min(amount) as amount, (array_agg(compare_at order by valid_from desc))[1] as compare_at,
           min(valid_from) as valid_from, nullif(max(coalesce(valid_until, 'infinity')), 'infinity') as valid_until
    from told group by nth
), compared as (
    select p.*, b.amount as before, case when p.amount < b.amount then (
        select min(o.amount) from own o
        where o.valid_from < p.valid_from and coalesce(o.valid_until, 'infinity') > {_SINCE.format(starts="p.valid_from")}
    ) end as lowest_before
    from periods p
    left join periods b on b.nth = p.nth - 1
)
select amount, compare_at, valid_from, valid_until, before, lowest_before from compared
where {{further}} order by valid_from desc limit %(limit)s
"""
_LOWEST = f"""
select min(amount)::bigint as amount from prices
where merchant_id = %(m)s and variant_id = %(variant)s and currency = %(currency)s
  and customer_group is not distinct from %(group)s::text and min_quantity = %(least)s
  and valid_from < %(starts)s and coalesce(valid_until, 'infinity') > {_SINCE.format(starts="%(starts)s::timestamptz")}
"""


class _Lowest(NamedTuple):
    amount: int | None


async def _lowest_before(ctx: Context, before: Held, amount: int, window: Window) -> int | None:
    """The lowest price of the 30 days before a reduction; None for anything else."""
    if before.amount is None or amount >= before.amount:
        return None
    params = {
        "m": ctx.merchant.id, "variant": before.variant_id, "starts": window.starts, "zone": ctx.merchant.zone.key, **window.of,
    }  # fmt: skip
    (found,) = await ctx.sql.rows(_LOWEST, params, as_=_Lowest)
    return found.amount


@tool(
    route="GET /variants/{sku}/prices",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["What has MUG-BLUE cost over time?", "Lowest price of LAMP-OAK in the 30 days before the sale"],
)
async def get_price_history(ctx: Context, args: GetPriceHistory) -> PriceHistory:
    """Show what a variant costs, has cost and will cost, the latest first.

    Of each reduction it tells the lowest price of the 30 days before, from which the EU has it announced. Which groups and
    quantities have prices of their own, `get_product` tells.
    """
    variant = await find_variant(ctx, args.sku)
    currency, now, after = args.currency or ctx.merchant.currency, ctx.now(), place(args.after, datetime)
    params = {
        "m": ctx.merchant.id, "variant": variant.id, "currency": currency, "zone": ctx.merchant.zone.key, "now": now,
        "after": after and after[0], "group": await spelling(ctx, args.customer_group), "least": args.min_quantity,
    }  # fmt: skip
    page = await paged(
        ctx,
        args,
        _HISTORY.format(further="valid_from < %(after)s" if after else "true"),
        params,
        as_=_Period,
        show=lambda row: _shown(row, currency, now),
        at=lambda row: (row.valid_from,),
    )
    held_now = "valid_from <= %(now)s and (valid_until is null or valid_until > %(now)s)"
    current = await ctx.sql.row(_HISTORY.format(further=held_now), {**params, "limit": 1}, as_=_Period)
    return PriceHistory(
        sku=variant.sku, title=variant.title, currency=currency, price=money(current.amount if current else None, currency),
        lowest_before=money(current.lowest_before if current else None, currency), **dict(page),
    )  # fmt: skip


def _shown(row: _Period, currency: str, now: datetime) -> PricePeriod:
    over = row.valid_until is not None and row.valid_until <= now
    state = PriceState.past if over else PriceState.planned if row.valid_from > now else PriceState.current
    return PricePeriod(
        price=Money(amount=row.amount, currency=currency), compare_at=money(row.compare_at, currency), state=state,
        valid_from=row.valid_from, valid_until=row.valid_until, before=money(row.before, currency),
        lowest_before=money(row.lowest_before, currency),
    )  # fmt: skip
