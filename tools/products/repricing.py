"""Writing prices: of everybody or of a group, of one unit or from a quantity on, from a moment on, for many variants in one go.

A new price ends the one before it; where it has an end of its own, the one before it goes on after that. What is planned for
later stays: a price without an end lasts until the next one begins. What has held is history, and never rewritten. Who writes
prices locks their variants first, in one order; that no two hold at once is the database's own rule.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.products import PriceChange, PriceChangeLine, Repriced
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Conflict, Invalid

NAMED = 10  # variants that a refusal names


class PriceInThePast(Invalid):
    """What a thing has cost is history, and stays as it was."""

    hint = "Leave `valid_from` out for a price from now on, or give a moment to come."


class PricePlanned(Conflict):
    """Another price is planned to begin before this one would end."""

    hint = "Let it end when the planned one begins, leave the end out, or undo the planned change with undo_price_change first."


class PricesChangedSince(Conflict):
    """Prices are no longer what the change was made of."""

    hint = "Preview the change again, and apply what it shows then."


@dataclass(frozen=True)
class Window:
    """In which currency, from when and until when (without an end until a next price begins); whose, and from how many units."""

    currency: str
    starts: datetime
    until: datetime | None = None
    group: str | None = None
    least: int = 1

    @property
    def of(self) -> dict[str, Any]:
        """The parameters of `_OF`."""
        return {"currency": self.currency, "group": self.group, "least": self.least}


class Held(NamedTuple):
    """What a variant costs at the beginning of a window, if it costs anything, and when its next price begins."""

    variant_id: UUID
    reference: str
    sku: str
    id: UUID | None
    amount: int | None
    compare_at: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    next_from: datetime | None
    set_at: datetime | None


@dataclass(frozen=True)
class Wish:
    """What a variant shall cost; `until` where that differs from the window's. No amount ends its price."""

    held: Held
    amount: int | None
    compare_at: int | None = None
    until: datetime | None = None


_LOCK = """
select id from variants where merchant_id = %(m)s and id = any(%(variants)s::uuid[]) order by id for no key update
"""
_OF = """r.merchant_id = %(m)s and r.variant_id = v.id and r.currency = %(currency)s
      and r.customer_group is not distinct from %(group)s::text and r.min_quantity = %(least)s"""
_HELD = f"""
select v.id as variant_id, v.reference, v.sku, p.id, p.amount, p.compare_at, p.valid_from, p.valid_until, n.next_from,
       p.created_at as set_at
from variants v
left join lateral (
    select r.* from prices r
    where {_OF} and r.valid_from <= %(starts)s and (r.valid_until is null or r.valid_until > %(starts)s)
    order by r.valid_from desc limit 1
) p on true
cross join lateral (select min(r.valid_from) as next_from from prices r where {_OF} and r.valid_from > %(starts)s) n
where v.merchant_id = %(m)s and v.id = any(%(variants)s::uuid[]) order by v.sku
"""
_END = """
with gone as (
    delete from prices where merchant_id = %(m)s and id = any(%(gone)s::uuid[])
)
update prices set valid_until = %(starts)s where merchant_id = %(m)s and id = any(%(ended)s::uuid[])
"""
_BEGIN = """
insert into prices (merchant_id, id, variant_id, currency, amount, compare_at, customer_group, min_quantity, valid_from,
                    valid_until, created_at)
select %(m)s, id, variant_id, %(currency)s, amount, compare_at, %(group)s, %(least)s, valid_from, valid_until, %(now)s
from unnest(%(ids)s::uuid[], %(variants)s::uuid[], %(amounts)s::bigint[], %(compared)s::bigint[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[]) as n(id, variant_id, amount, compare_at, valid_from, valid_until)
"""
_KEEP = """
insert into price_change_lines (merchant_id, id, change_id, variant_id, sku, outcome, amount_before, compare_at_before, held_until,
                                amount, compare_at, valid_until, created_at)
select %(m)s, n.*, %(now)s
from unnest(%(id)s::uuid[], %(change_id)s::uuid[], %(variant_id)s::uuid[], %(sku)s::text[], %(outcome)s::text[],
            %(amount_before)s::bigint[], %(compare_at_before)s::bigint[], %(held_until)s::timestamptz[], %(amount)s::bigint[],
            %(compare_at)s::bigint[], %(valid_until)s::timestamptz[]) as n
"""


def window_of(
    ctx: Context,
    currency: str,
    starts: datetime | None,
    until: datetime | None,
    group: str | None = None,
    least: int = 1,
) -> Window:
    """From now on unless said. Raises `PriceInThePast`, or `Invalid` for a window without a moment in it."""
    begins, zone = starts or ctx.now(), ctx.merchant.zone
    if begins < ctx.now():
        raise PriceInThePast(f"{words.moment(begins, zone)} is over: prices can be set from now on.")
    if until is not None and until <= begins:
        raise Invalid(
            f"A price from {words.moment(begins, zone)} until {words.moment(until, zone)} would never hold.",
            hint="`valid_until` is exclusive and has to be later than `valid_from`.",
        )
    return Window(currency, begins, until, group, least)


async def held(ctx: Context, variants: Sequence[UUID], window: Window) -> list[Held]:
    """What the variants cost at the beginning of the window, by SKU; nobody else sets their prices until the call's end."""
    params = {"m": ctx.merchant.id, "variants": list(variants), "starts": window.starts, **window.of}
    await ctx.sql.execute(_LOCK, params)
    return await ctx.sql.rows(_HELD, params, as_=Held)


async def reprice(
    ctx: Context, window: Window, wishes: Sequence[Wish], *, resumes: bool = True
) -> dict[UUID, datetime | None]:
    """Let these prices hold; returns until when, by variant. With `resumes`, what a price interrupts goes on after it.

    Raises `PricePlanned` with the variants that have a price of their own planned within the window.
    """
    _nothing_is_planned(ctx, window, wishes)
    ends = {wish.held.variant_id: wish.until or window.until or wish.held.next_from for wish in wishes}
    replaced = [wish.held for wish in wishes if wish.held.id is not None]
    gone = [price for price in replaced if price.valid_from == window.starts]  # it never held
    ended = [price for price in replaced if price.valid_from != window.starts]
    begun = [
        _price(ctx, wish.held, window.starts, ends[wish.held.variant_id], wish)
        for wish in wishes
        if wish.amount is not None
    ]
    begun += [
        _price(ctx, price, end, price.valid_until, price)
        for price in replaced
        if resumes and (end := ends[price.variant_id]) and (price.valid_until is None or price.valid_until > end)
    ]
    own = {"m": ctx.merchant.id, "now": ctx.now(), **window.of}
    lists = {"gone": [price.id for price in gone], "ended": [price.id for price in ended]}
    await ctx.sql.execute(_END, {**own, **lists, "starts": window.starts})
    await ctx.sql.execute(_BEGIN, own | _columns(begun, {
        "ids": "id", "variants": "variant_id", "amounts": "amount", "compared": "compare_at", "starts": "valid_from",
        "ends": "valid_until",
    }))  # fmt: skip
    for price in gone:
        ctx.changes.deleted(
            "prices", _id(price), {"sku": price.sku, "amount": price.amount, "valid_from": price.valid_from}
        )
    for price in ended:
        ctx.changes.updated("prices", _id(price), {"valid_until": price.valid_until}, {"valid_until": window.starts})
    whose = {"currency": window.currency, "customer_group": window.group, "min_quantity": window.least}
    ctx.changes.inserted("prices", [row | whose for row in begun])
    return ends


async def keep(
    ctx: Context,
    told: str,
    window: Window,
    lines: Iterable[tuple[Wish, Repriced]],
    ends: Mapping[UUID, datetime | None],
) -> PriceChange:
    """What was changed, so that it can be undone."""
    change = await ctx.add(
        PriceChange, told=told, currency=window.currency, customer_group=window.group, min_quantity=window.least,
        actor=ctx.actor.reference, valid_from=window.starts,
    )  # fmt: skip
    await ctx.sql.flush()
    rows = [
        {
            "id": new_id(), "change_id": change.id, "variant_id": wish.held.variant_id, "sku": wish.held.sku,
            "outcome": outcome.value, "amount_before": wish.held.amount, "compare_at_before": wish.held.compare_at,
            "held_until": wish.held.valid_until,
            "amount": wish.amount, "compare_at": wish.compare_at, "valid_until": ends.get(wish.held.variant_id),
        }
        for wish, outcome in lines
    ]  # fmt: skip
    await ctx.sql.execute(
        _KEEP, {"m": ctx.merchant.id, "now": ctx.now()} | _columns(rows, {name: name for name in rows[0]})
    )
    ctx.changes.inserted(PriceChangeLine.__tablename__, rows)
    ctx.event("prices_set", change, variants=len(rows))
    return change


def some(skus: Sequence[str]) -> str:
    """Variants that a refusal names, and how many more there are."""
    return words.listed(skus, NAMED)


def _nothing_is_planned(ctx: Context, window: Window, wishes: Sequence[Wish]) -> None:
    until = window.until
    planned = [wish.held for wish in wishes if until and wish.held.next_from and wish.held.next_from < until]
    if planned:
        skus = [price.sku for price in planned]
        begins = words.moment(min(price.next_from for price in planned if price.next_from), ctx.merchant.zone)
        has = "has a price" if len(skus) == 1 else "have prices"
        raise PricePlanned(
            f"{some(skus)} {has} planned to begin before that ends, the first on {begins}.", skus=skus[:NAMED]
        )


def _price(ctx: Context, of: Held, starts: datetime, until: datetime | None, costs: Wish | Held) -> dict[str, Any]:
    return {
        "id": new_id(), "variant_id": of.variant_id, "sku": of.sku, "amount": costs.amount, "compare_at": costs.compare_at,
        "valid_from": starts, "valid_until": until,
    }  # fmt: skip


def _id(price: Held) -> UUID:
    assert price.id is not None
    return price.id


def _columns(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, list[Any]]:
    """Rows as the columns of an `unnest`."""
    return {parameter: [row[column] for row in rows] for parameter, column in names.items()}
