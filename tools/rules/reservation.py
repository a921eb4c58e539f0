"""Holding stock for an order: one statement that locks, chooses warehouses and reserves all lines or nothing; and letting go.

Locks are taken in one order by everybody: the order, its customer, promotions, reservations, stock levels by
(variant_id, warehouse_id), the order's shipments and payments, and last a counter. So nobody deadlocks, and nobody sells a unit
twice; the CHECK `never_oversold` is the last wall.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.inventory import Reservation, ReservationStatus
from tools.contract.context import Context
from tools.contract.plain import as_jsonb
from tools.rules.stock import NotEnoughStock, Posting, locked, post
from tools.rules.told import tell_units


@dataclass(frozen=True)
class Need:
    """Units of a tracked variant that an order line wants."""

    line: UUID
    variant: UUID
    sku: str
    position: int
    quantity: int
    backorder: bool


# Which warehouse: the first in the merchant's order that holds all lines; if none does, lines are split in that order. Lines of
# one variant stand in a queue: the units that each wants are a stretch of the queue, those of each warehouse a stretch of the
# supply, and a line gets from a warehouse what both have in common. `ok` has its row when every line is held, or may wait for the
# next delivery at the first warehouse. `materialized` is meaning, not tuning: what was locked is looked at once. Between this and
# RESERVE a statement defines `number`, from `ok` alone. A level is written as it was locked, all that a CHECK compares with it: a
# row that somebody changed after this statement began is checked once in its old version, before the new one is looked up.
ALLOT = """
need as (
    select *, sum(quantity) over (partition by variant order by position) - quantity as begins
    from jsonb_to_recordset(%(need)s) as need(line uuid, variant uuid, position int, quantity int, backorder boolean)
), wanted as (
    select variant, sum(quantity) as quantity from need group by variant
), place as (
    select * from unnest(%(warehouses)s::uuid[]) with ordinality as place(id, rank)
), stock as materialized (
    select s.id, s.variant_id, s.warehouse_id, s.on_hand, s.reserved, s.damaged, s.binned,
           s.on_hand - s.reserved - s.damaged as available
    from stock_levels s
    where s.merchant_id = %(m)s and s.warehouse_id = any(%(warehouses)s::uuid[])
      and s.variant_id = any(array(select variant from need)) {unless}
    order by s.variant_id, s.warehouse_id for no key update of s
), whole as (
    select min(place.rank) as rank from place where exists (select from need) and not exists (
        select from wanted left join stock on stock.variant_id = wanted.variant and stock.warehouse_id = place.id
        where coalesce(stock.available, 0) < wanted.quantity
    )
), supply as (
    select stock.*, place.rank,
           sum(stock.available) over (partition by stock.variant_id order by place.rank) - stock.available as begins
    from stock join place on place.id = stock.warehouse_id cross join whole where coalesce(whole.rank, place.rank) = place.rank
), taken as (
    select s.id, s.variant_id, s.warehouse_id, s.rank, need.line, need.position, greatest(0,
        least(s.begins + s.available, need.begins + need.quantity) - greatest(s.begins, need.begins)) as quantity
    from supply s join need on need.variant = s.variant_id
), level as (
    select stock.*, coalesce((select sum(taken.quantity) from taken where taken.id = stock.id), 0)::int as quantity from stock
), short as (
    select need.*, need.quantity - coalesce((select sum(quantity) from taken where taken.line = need.line), 0) as missing
    from need
), allotted as (
    select line, position, variant_id, warehouse_id, rank, sum(quantity)::int as quantity, sum(waiting)::int as backordered from (
        select line, position, variant_id, warehouse_id, rank, quantity, 0 as waiting from taken where quantity > 0
        union all
        select short.line, short.position, short.variant, place.id, place.rank, 0, short.missing
        from short join place on place.rank = 1 where short.missing > 0
    ) parts group by line, position, variant_id, warehouse_id, rank
), ok as materialized (
    select true as yes where not exists (
        select from short where missing > 0 and not (backorder and exists (select from place))
    ) {unless}
)"""
RESERVE = """
held as (
    insert into reservations (merchant_id, id, reference, status, reason, warehouse_id, variant_id, quantity, backordered,
                              order_id, order_line_id, created_at)
    select %(m)s, (%(spare)s::uuid[])[(row_number() over walk)::int], number.reference || '-' || %(named)s + row_number() over walk,
           'active', 'order', warehouse_id, variant_id, quantity, backordered, %(order_id)s, line, %(now)s
    from allotted cross join number window walk as (order by position, rank)
    returning id, reference, status, reason, warehouse_id, variant_id, quantity, backordered, order_id, order_line_id
), kept as (
    update stock_levels s set reserved = level.reserved + level.quantity, on_hand = level.on_hand, damaged = level.damaged,
           binned = level.binned, updated_at = %(now)s
    from level cross join ok where s.merchant_id = %(m)s and s.id = level.id and level.quantity > 0
      and s.id = any(array(select id from level))
)"""
RESERVED = """
(select reference from number) as reference,
coalesce((select json_agg(level) from level), '[]') as stock,
coalesce((select json_agg(held order by reference) from held), '[]') as held"""

_FOR_AN_ORDER = f"""
with {ALLOT.format(unless="")}, number as (select %(reference)s::text as reference from ok), {RESERVE}
select {RESERVED}
"""


class _Warehouse(NamedTuple):
    id: UUID
    name: str


async def shipping_from(ctx: Context) -> dict[UUID, str]:
    """The warehouses that ship, by name, in the merchant's order."""
    query = "select id, name from warehouses where merchant_id = %s and active order by priority, id"
    return {row.id: row.name for row in await ctx.sql.rows(query, (ctx.merchant.id,), as_=_Warehouse)}


class Reserved(NamedTuple):
    """What the statement found and did; without `reference` it did nothing."""

    reference: str | None
    stock: list[dict[str, Any]]
    held: list[dict[str, Any]]


def reserving(needs: Sequence[Need], warehouses: Sequence[UUID], order: UUID, named: int = 0) -> dict[str, Any]:
    """The parameters of ALLOT and RESERVE: `warehouses` in the merchant's order; `named` is its last reservation's number."""
    return {
        "need": as_jsonb([vars(need) for need in needs]),
        "warehouses": list(warehouses),
        "spare": [new_id() for _ in range(len(needs) * len(warehouses))],
        "order_id": order,
        "named": named,
    }


async def reserve(
    ctx: Context, reference: str, order: UUID, needs: Sequence[Need], warehouses: Sequence[UUID], named: int = 0
) -> list[dict[str, Any]]:
    """Hold stock for the lines of an order that exists; returns the reservations. Raises `NotEnoughStock`."""
    params = {"m": ctx.merchant.id, "now": ctx.now(), "reference": reference} | reserving(
        needs, warehouses, order, named
    )
    reserved = await ctx.sql.row(_FOR_AN_ORDER, params, as_=Reserved)
    assert reserved is not None
    if reserved.reference is None:
        raise shortage(needs, reserved.stock)
    tell(ctx, reserved.stock, reserved.held)
    return reserved.held


def tell(ctx: Context, stock: Sequence[dict[str, Any]], held: Sequence[dict[str, Any]]) -> None:
    """What the statement wrote."""
    ctx.changes.inserted("reservations", [row | {"id": UUID(row["id"])} for row in held])
    for level in stock:
        if level["quantity"]:
            before = {"reserved": level["reserved"]}
            after = {"reserved": level["reserved"] + level["quantity"]}
            ctx.changes.updated("stock_levels", UUID(level["id"]), before, after)


def tell_held(
    ctx: Context, held: Sequence[dict[str, Any]], needs: Sequence[Need], warehouses: Mapping[UUID, str]
) -> None:
    """What is held where, in sentences. `warehouses` are their names."""
    skus = {str(need.variant): need.sku for need in needs}
    positions = {str(need.line): need.position for need in needs}
    units, promised = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in sorted(held, key=lambda row: positions[row["order_line_id"]]):
        at = warehouses[UUID(row["warehouse_id"])], skus[row["variant_id"]]
        units[at] += row["quantity"]
        promised[at] += row["backordered"]
    tell_units(ctx, units, "is held", "are held")
    tell_units(ctx, promised, "waits for the next delivery", "wait for the next delivery")


def shortage(needs: Sequence[Need], stock: Sequence[dict[str, Any]]) -> NotEnoughStock:
    """The refusal, with the numbers of each variant that is short: its lines together."""
    wanted, available = Counter[str](), Counter[str]()
    for need in needs:
        wanted[str(need.variant)] += need.quantity
    for level in stock:
        available[level["variant_id"]] += level["available"]
    skus = {str(need.variant): need.sku for need in needs if not need.backorder}
    short = [
        {"sku": sku, "wanted": wanted[variant], "available": available[variant]}
        for variant, sku in skus.items()
        if available[variant] < wanted[variant]
    ]
    said = "; ".join(f"{line['sku']} has {line['available']} available, {line['wanted']} were asked" for line in short)
    return NotEnoughStock(
        f"{said}. Nothing was reserved." if short else "No warehouse is active, so nothing can be held.",
        hint="Order fewer, wait for the next delivery (check_availability says when), or let the variant be back-ordered.",
        lines=short,
    )


async def release(
    ctx: Context, reservations: Sequence[Reservation], to: ReservationStatus = ReservationStatus.released
) -> int:
    """Let go of locked, active reservations; returns how many units go back on sale."""
    places = [
        (reservation.variant_id, reservation.warehouse_id) for reservation in reservations if reservation.quantity
    ]
    levels = await locked(ctx, places)
    freed = dict.fromkeys(places, 0)
    for reservation in reservations:
        ctx.move(reservation, to, order_id=reservation.order_id, quantity=reservation.quantity)
        reservation.closed_at = ctx.now()
        if reservation.quantity:
            freed[reservation.variant_id, reservation.warehouse_id] += reservation.quantity
    if freed:
        await post(ctx, [Posting(levels[place], reserved=-units) for place, units in freed.items()])
    return sum(freed.values())
