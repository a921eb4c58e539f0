"""Figures that are kept, because adding them up would take longer with every order: what each customer bought.

A call's last statement brings them up to date from its change set, which no tool writes by hand: whatever changes an order
keeps them, and nobody has to think of it. A credit (`db/models/orders.py`) is no order, and counts in the spend. They are locked
with the call's last statement alone, customer by customer, so that orders of different customers never wait for each other.
`shopkeeper check` adds everything up again.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from db.models.customers import Customer
from db.models.orders import COUNTED, Order
from tools.contract.changes import Change, Kind
from tools.contract.context import Context

_MOVES_THE_LAST = {"customer_id", "placed_at"}

# Part of LEAVE, `after` what it locks before. Each order counts once as it is now, and is taken out once as it was before: of a
# call that made orders and changed none, nothing is taken out, and no last order looked for.
_KEEP = """
, touched as (
    select t.id, t.before from jsonb_to_recordset(%(touched)s) as t(id uuid, before jsonb)
), sides as (
    select 1 as sign, o.customer_id, o.status = any({counted}) as counts, o.total, o.placed_at, o.currency,
           o.total - o.refunded as spend
    from touched t join orders o on o.merchant_id = %(merchant)s and o.id = t.id{before}
), kept as (
    select customer_id as id, coalesce(sum(sign) filter (where counts), 0) as orders,
           coalesce(sum(sign * spend) filter (where currency = %(home)s), 0) as spend,
           max(placed_at) filter (where sign = 1 and counts) as latest
    from sides where customer_id is not null and (counts or total < 0) group by customer_id
    union all
    select unnest(%(registered)s::uuid[]), 0, 0, null
), figures as (
    insert into customer_figures as f (merchant_id, id, orders, spend, last_order_at, created_at)
    select %(merchant)s, id, sum(orders), sum(spend), {last}, %(now)s
    from kept {after} group by id order by id
    on conflict (merchant_id, id) do update
    set orders = f.orders + excluded.orders, spend = f.spend + excluded.spend, last_order_at = {becomes}
)
"""
_COUNTED = f"'{{{','.join(COUNTED)}}}'"
_BEFORE = f"""
    union all
    select -1, b.customer_id, b.status = any({_COUNTED}), b.total, b.placed_at, b.currency, b.total - b.refunded
    from touched t left join orders o on o.merchant_id = %(merchant)s and o.id = t.id
    cross join lateral jsonb_populate_record(o, t.before) b where t.before is not null"""
_LATEST, _LATER = "coalesce(max(latest), 'epoch')", "greatest(f.last_order_at, excluded.last_order_at)"
_LOOKED_FOR = f"""case when id = any(%(recounted)s::uuid[]) then coalesce((
               select max(o.placed_at) from orders o
               where o.merchant_id = %(merchant)s and o.customer_id = kept.id and o.status = any({_COUNTED})
           ), 'epoch') else {_LATEST} end"""
_FOUND = f"case when f.id = any(%(recounted)s::uuid[]) then excluded.last_order_at else {_LATER} end"
_LOCK = """
select f.id from customer_figures f
where f.merchant_id = %(merchant)s and (f.id = any(%(before)s::uuid[]) or f.id in (
    select o.customer_id from orders o where o.merchant_id = %(merchant)s and o.id = any(%(orders)s::uuid[])))
order by f.id for no key update
"""


def keep(*, changed: bool, after: str) -> str:
    """The part of LEAVE that keeps figures; `changed` where an order was there before."""
    before, last, becomes = (_BEFORE, _LOOKED_FOR, _FOUND) if changed else ("", _LATEST, _LATER)
    return _KEEP.format(counted=_COUNTED, before=before, last=last, becomes=becomes, after=after)


class Figures(NamedTuple):
    """What figures a call touches: whether it changed orders that were there, and the parameters of `keep`."""

    changed: bool
    params: dict[str, Any]


class Held(NamedTuple):
    """A customer whose figures this call alone changes until it ends."""

    id: UUID


class Touched(NamedTuple):
    """An order that the call changed: the columns that differ, as they were and as they are. A new order has no `before`."""

    before: dict[str, Any] | None
    after: dict[str, Any]

    @property
    def may_take_the_last_away(self) -> bool:
        """Whether the customer's last order may be another now."""
        if self.before is None:
            return False
        stops = self.before.get("status") in COUNTED and self.after.get("status") not in COUNTED
        return stops or not _MOVES_THE_LAST.isdisjoint(self.before)


async def figures_of(ctx: Context) -> Figures | None:
    """None when the call changed nothing that figures are kept of."""
    touched: dict[UUID, Touched] = {}
    registered: list[UUID] = []
    for change in ctx.changes.rows:
        if change.table == Order.__tablename__:
            touched[change.id] = _with(touched.get(change.id), change)
        elif change.table == Customer.__tablename__ and change.kind is Kind.insert:
            registered.append(change.id)
    if not touched and not registered:
        return None
    return Figures(any(order.before is not None for order in touched.values()), {
        "touched": Jsonb([{"id": id_, "before": order.before} for id_, order in touched.items()], dumps=_dumps),
        "registered": registered, "recounted": await _recounted(ctx, touched), "home": ctx.merchant.currency,
    })  # fmt: skip


def _dumps(rows: Any) -> bytes:
    return orjson.dumps(rows, default=str)


def _with(earlier: Touched | None, change: Change) -> Touched:
    """A call may change an order more than once: what counts is how it was before all of it."""
    if change.kind is Kind.insert or (earlier and earlier.before is None):
        return Touched(None, change.after)
    return Touched(
        change.before | (earlier.before or {} if earlier else {}), (earlier.after if earlier else {}) | change.after
    )


async def _recounted(ctx: Context, touched: Mapping[UUID, Touched]) -> list[UUID]:
    """The customers whose last order has to be looked for, their figures locked: two such calls at once would miss each other."""
    orders = {id_: order.before or {} for id_, order in touched.items() if order.may_take_the_last_away}
    if not orders:
        return []
    before = [was["customer_id"] for was in orders.values() if was.get("customer_id")]
    params = {"merchant": ctx.merchant.id, "orders": list(orders), "before": before}
    return [held.id for held in await ctx.sql.rows(_LOCK, params, as_=Held)]
