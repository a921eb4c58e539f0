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


class Bought(NamedTuple):
    """Units of a variant that were ordered in a week: 0 is the first that is looked at."""

    variant_id: UUID
    week: int
    units: int


# Either the lines of one variant, or those of all orders of the time.
_OF_ONE = """
order_lines l join orders o on o.merchant_id = %(m)s and o.id = l.order_id
where l.merchant_id = %(m)s and l.variant_id = %(variant)s and
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


async def demand(ctx: Context, variant: UUID, weeks: int) -> Demand:
    """The last whole weeks' demand of a variant."""
    bought = await bought_in(ctx, weeks, variant)
    return Demand(monday(ctx) - timedelta(weeks=weeks), in_weeks(bought, [variant], weeks))


async def bought_in(ctx: Context, weeks: int, variant: UUID | None = None) -> list[Bought]:
    """What was bought in so many whole weeks; of one variant, or of all."""
    this_week = monday(ctx)
    first = this_week - timedelta(weeks=weeks)
    params = {
        "m": ctx.merchant.id, "variant": variant, "zone": ctx.merchant.zone.key, "first": first,
        "since": _midnight(ctx, first), "until": _midnight(ctx, this_week), "counted": COUNTED,
    }  # fmt: skip
    return await ctx.sql.rows(_SOLD.format(lines=_OF_ONE if variant else _OF_ALL), params, as_=Bought)


def in_weeks(bought: Sequence[Bought], variants: Sequence[UUID], weeks: int) -> "Weeks":
    """A row of units for each of the variants, in their order, and a column for each week."""
    import numpy as np

    row_of = {variant: row for row, variant in enumerate(variants)}
    units = np.zeros((len(variants), weeks))
    for one in bought:
        if one.variant_id in row_of:
            units[row_of[one.variant_id], one.week] = one.units
    return units


def monday(ctx: Context) -> date:
    """The first day of the week under way."""
    today = ctx.now().astimezone(ctx.merchant.zone).date()
    return today - timedelta(days=today.weekday())


def _midnight(ctx: Context, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ctx.merchant.zone).astimezone(UTC)
