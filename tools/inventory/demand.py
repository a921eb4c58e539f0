"""What was asked for in each week, for forecasts: units ordered, by the shop's own weeks, from Monday on."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from tools.contract.context import Context
from tools.rules.sales import COUNTED

if TYPE_CHECKING:
    from tools.rules.forecasting import Weeks


class Demand(NamedTuple):
    """A row of units for each variant, a column for each whole week from `first` on; the week under way is left out."""

    first: date
    weeks: "Weeks"


class _Sold(NamedTuple):
    variant_id: UUID
    week: int
    units: int


# Either the lines of one variant, or those of all orders of the time.
_OF_ONE = """
order_lines l join orders o on o.merchant_id = %(m)s and o.id = l.order_id
where l.merchant_id = %(m)s and l.variant_id = any(%(variants)s) and
"""
_OF_ALL = """
orders o cross join lateral (select * from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id offset 0) l
where o.merchant_id = %(m)s and l.variant_id is not null and
"""
_SOLD = """
select l.variant_id, ((o.placed_at at time zone %(zone)s)::date - %(first)s::date) / 7 as week,
       sum(l.quantity - l.cancelled)::int as units
from {lines} o.placed_at >= %(since)s and o.placed_at < %(until)s and o.status = any(%(counted)s)
group by 1, 2
"""


async def demand(ctx: Context, variants: Sequence[UUID], weeks: int) -> Demand:
    """The last whole weeks' demand of the variants, in their order."""
    import numpy as np

    this_week = monday(ctx)
    first = this_week - timedelta(weeks=weeks)
    query = _SOLD.format(lines=_OF_ONE if len(variants) == 1 else _OF_ALL)
    params = {
        "m": ctx.merchant.id, "variants": list(variants), "zone": ctx.merchant.zone.key, "first": first,
        "since": _midnight(ctx, first), "until": _midnight(ctx, this_week), "counted": COUNTED,
    }  # fmt: skip
    row_of = {variant: row for row, variant in enumerate(variants)}
    sold = np.zeros((len(variants), weeks))
    for found in await ctx.sql.rows(query, params, as_=_Sold):
        if found.variant_id in row_of:
            sold[row_of[found.variant_id], found.week] = found.units
    return Demand(first, sold)


def monday(ctx: Context) -> date:
    """The first day of the week under way."""
    today = ctx.now().astimezone(ctx.merchant.zone).date()
    return today - timedelta(days=today.weekday())


def _midnight(ctx: Context, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ctx.merchant.zone).astimezone(UTC)
