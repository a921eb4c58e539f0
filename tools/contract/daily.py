"""What somebody answers for today: the money that their calls moved, and what they stopped.

It is kept as a figure, because adding up the day's audit would take longer with every call of the day. Each call that moves or
stops something counts itself, in its own transaction and before its last statement: the figure's row is the lock under which
those of one person follow each other. Where it is of another day it begins anew with what the audit has of this one, so that a
change of the shop's time zone needs no thought. `shopkeeper check` adds everything up again.
"""

from datetime import datetime
from typing import NamedTuple

from tools.contract.actors import Shopfront
from tools.contract.context import Context, Produced


class Spent(NamedTuple):
    """Minor units of the home currency that were moved, and how often something was cancelled or blocked."""

    money: int
    stops: int


# A call counts for whoever answers for it: the person who approved it, else the actor.
_COUNT = """
with so_far as (
    select coalesce(sum(money), 0) as money, coalesce(sum(stops), 0) as stops from (
        select money, stops from audit_entries
        where merchant_id = %(m)s and actor = %(actor)s and approved_by is null and created_at >= %(since)s
        union all
        select money, stops from audit_entries
        where merchant_id = %(m)s and approved_by = %(actor)s and created_at >= %(since)s
    ) e where not exists (select from daily_totals where merchant_id = %(m)s and actor = %(actor)s and since = %(since)s)
)
insert into daily_totals as d (merchant_id, actor, since, money, stops)
select %(m)s, %(actor)s, %(since)s, so_far.money + %(money)s, so_far.stops + %(stops)s from so_far
on conflict (merchant_id, actor) do update set since = excluded.since,
    money = case when d.since = excluded.since then d.money + %(money)s else excluded.money end,
    stops = case when d.since = excluded.since then d.stops + %(stops)s else excluded.stops end
returning money, stops
"""
# What was approved counts at once for whoever may approve. Asked with their figure locked, so that no decision goes unseen.
_PROMISED = """
select coalesce(sum(amount), 0)::bigint as money, coalesce(sum((card ->> 'stops')::int), 0)::bigint as stops from approvals
where merchant_id = %(m)s and decided_by = %(actor)s and status = 'approved' and decided_at >= %(since)s
"""


def day_start(now: datetime, shop: Shopfront) -> datetime:
    """The merchant's midnight."""
    return now.astimezone(shop.zone).replace(hour=0, minute=0, second=0, microsecond=0)


async def spent_before(ctx: Context, *, counting: bool) -> Spent:
    """What the actor answers for today, without this call. `counting` has the call count from now on."""
    added = ctx.produced if counting else Produced()
    spent = await _count(ctx, ctx.actor.reference, added)
    ctx.counted = counting
    promised = Spent(0, 0)
    if ctx.actor.is_member or "approvals:decide" in ctx.actor.named:  # others cannot have approved anything
        promised = await ctx.sql.row(_PROMISED, _day(ctx, ctx.actor.reference), as_=Spent) or promised
    return Spent(spent.money - added.money + promised.money, spent.stops - added.stops + promised.stops)


async def count_today(ctx: Context) -> None:
    """The call counts for whoever answers for it, unless it does already."""
    if not ctx.counted and (ctx.produced.money or ctx.produced.stops):
        await _count(ctx, ctx.approval.decided_by if ctx.approval else ctx.actor.reference, ctx.produced)


async def _count(ctx: Context, actor: str, added: Produced) -> Spent:
    params = _day(ctx, actor) | {"money": added.money, "stops": added.stops}
    return await ctx.sql.row(_COUNT, params, as_=Spent) or Spent(0, 0)


def _day(ctx: Context, actor: str) -> dict[str, object]:
    return {"m": ctx.merchant.id, "actor": actor, "since": day_start(ctx.now(), ctx.merchant)}
