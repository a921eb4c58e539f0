"""What somebody answers for today: the money that their calls moved, and what they stopped.

It is kept as a figure, because adding up the day's audit would take longer with every call of the day. Each call that moves or
stops something counts itself, in its own transaction: the figure's row is the lock under which those of one person follow each
other. Where it is of another day it begins anew with what the audit has of this one, so that a change of the shop's time zone needs
no thought. `shopkeeper check` adds everything up again.

Most calls are counted by their last statement (COUNT, a part of LEAVE): a limit goes with it, and the CHECK `within_the_day`
refuses what is beyond. Whoever may approve and has a limit is counted before (`spent_before`): what they have approved counts in
their day too, and is looked up with their figure locked.
"""

from datetime import datetime
from typing import Any, NamedTuple

from tools.contract.actors import Actor, Shopfront
from tools.contract.context import NO_LIMIT, Context, Day, Produced


class Spent(NamedTuple):
    """Minor units of the home currency that were moved, and how often something was cancelled or blocked."""

    money: int
    stops: int


# A call counts for whoever answers for it: the person who approved it, else the actor.
_SO_FAR = """
so_far as (
    select coalesce(sum(money), 0) as money, coalesce(sum(stops), 0) as stops from (
        select money, stops from audit_entries
        where merchant_id = %(merchant)s and actor = %(responsible)s and approved_by is null and created_at >= %(since)s
        union all
        select money, stops from audit_entries
        where merchant_id = %(merchant)s and approved_by = %(responsible)s and created_at >= %(since)s
    ) e where not exists (
        select from daily_totals where merchant_id = %(merchant)s and actor = %(responsible)s and since = %(since)s)
)"""
_ADD = """
    insert into daily_totals as d (merchant_id, actor, since, money, stops, most_money, most_stops)
    select %(merchant)s, %(responsible)s, %(since)s, so_far.money + %(money)s, so_far.stops + %(stops)s,
           %(most_money)s::bigint, %(most_stops)s::bigint from so_far
    on conflict (merchant_id, actor) do update set since = excluded.since,
        money = case when d.since = excluded.since then d.money + %(money)s else excluded.money end,
        stops = case when d.since = excluded.since then d.stops + %(stops)s else excluded.stops end,
        most_money = excluded.most_money, most_stops = excluded.most_stops
    returning money, stops
"""
_COUNT_NOW = f"with {_SO_FAR} {_ADD}"
COUNT = f", {_SO_FAR}, counted as ({_ADD})"
AFTER_THE_DAY = "where exists (select from counted)"
WITHIN = "ck_daily_totals_within_the_day"
# What was approved counts at once for whoever may approve. Asked with their figure locked, so that no decision goes unseen.
_PROMISED = """
select coalesce(sum(amount), 0)::bigint as money, coalesce(sum((card ->> 'stops')::int), 0)::bigint as stops from approvals
where merchant_id = %(merchant)s and decided_by = %(responsible)s and status = 'approved' and decided_at >= %(since)s
"""


def day_start(now: datetime, shop: Shopfront) -> datetime:
    """The merchant's midnight."""
    return now.astimezone(shop.zone).replace(hour=0, minute=0, second=0, microsecond=0)


async def spent_before(ctx: Context, *, counting: bool) -> Spent:
    """What the actor answers for today, without this call. `counting` has the call count from now on."""
    added = ctx.produced if counting else Produced()
    params = _params(ctx, ctx.actor.reference, added, NO_LIMIT)
    spent = await ctx.sql.row(_COUNT_NOW, params, as_=Spent) or Spent(0, 0)
    ctx.counted = counting
    promised = Spent(0, 0)
    if may_have_approved(ctx.actor):
        promised = await ctx.sql.row(_PROMISED, params, as_=Spent) or promised
    return Spent(spent.money - added.money + promised.money, spent.stops - added.stops + promised.stops)


def may_have_approved(actor: Actor) -> bool:
    """Whether something may count in their day that they did not do themselves."""
    return actor.is_member or "approvals:decide" in actor.named


def to_count(ctx: Context) -> dict[str, Any] | None:
    """The parameters of COUNT; none when the call moved and stopped nothing, or counts already."""
    if ctx.counted or not (ctx.produced.money or ctx.produced.stops):
        return None
    responsible = ctx.approval.decided_by if ctx.approval else ctx.actor.reference
    return _params(ctx, responsible, ctx.produced, NO_LIMIT if ctx.approval else ctx.day)


def _params(ctx: Context, responsible: str, added: Produced, most: Day) -> dict[str, Any]:
    return {
        "merchant": ctx.merchant.id, "responsible": responsible, "since": day_start(ctx.now(), ctx.merchant),
        "money": added.money, "stops": added.stops, "most_money": most.money, "most_stops": most.stops,
    }  # fmt: skip
