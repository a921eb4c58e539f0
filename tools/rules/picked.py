"""What was picked for orders and has not left: it waits on the floor to be packed, and is nobody else's."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from db.models.warehouse import Package, PackageStatus, PickTask
from tools.contract.context import Context
from tools.rules.bins import Place


class Waiting(NamedTuple):
    """Units of an order line that were picked in a warehouse, and wait there."""

    order_id: UUID
    order_line_id: UUID
    variant_id: UUID
    warehouse_id: UUID
    units: int


# Never more than the order still holds there: of one that was cancelled, or wants fewer, the rest is just on the floor.
_WAITING = """
select t.order_id, t.order_line_id, t.variant_id, t.warehouse_id, least(t.units, r.units)::int as units from (
    select order_id, order_line_id, variant_id, warehouse_id, sum(picked - gone) as units from pick_tasks
    where merchant_id = %(m)s and picked > gone and {which}
    group by order_id, order_line_id, variant_id, warehouse_id
) t cross join lateral (
    select coalesce(sum(r.quantity), 0) as units from reservations r
    where r.merchant_id = %(m)s and r.order_id = t.order_id and r.order_line_id = t.order_line_id
      and r.warehouse_id = t.warehouse_id and r.status = 'active'
) r where least(t.units, r.units) > 0
"""
_AT = "(variant_id, warehouse_id) in (select * from unnest(%(variants)s::uuid[], %(warehouses)s::uuid[]))"


async def waiting_for(ctx: Context, orders: Collection[UUID]) -> list[Waiting]:
    """What waits to be packed of these orders."""
    await ctx.sql.flush()
    query = _WAITING.format(which="order_id = any(%(orders)s::uuid[])")
    return await ctx.sql.rows(query, {"m": ctx.merchant.id, "orders": list(orders)}, as_=Waiting)


async def waiting_at(ctx: Context, places: Collection[Place]) -> Counter[Place]:
    """How many units of these variants wait in these warehouses, for whichever order."""
    await ctx.sql.flush()
    params = {
        "m": ctx.merchant.id,
        "variants": [variant for variant, _ in places],
        "warehouses": [warehouse for _, warehouse in places],
    }
    units = Counter[Place]()
    for row in await ctx.sql.rows(_WAITING.format(which=_AT), params, as_=Waiting):
        units[row.variant_id, row.warehouse_id] += row.units
    return units


async def hand_over(
    ctx: Context, order_id: UUID, leaving: Mapping[Place, int], subject: tuple[str, UUID] | None
) -> None:
    """Units of an order leave: those that were picked for it first, and with them the packages that they are in."""
    query = select(PickTask).where(
        PickTask.merchant_id == ctx.merchant.id, PickTask.order_id == order_id, PickTask.picked > PickTask.gone
    )
    locking = query.order_by(PickTask.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    tasks = (await ctx.db.scalars(locking)).all()
    left = dict(leaving)
    for task in tasks:
        units = min(left.get((task.variant_id, task.warehouse_id), 0), task.picked - task.gone)
        if units > 0:
            task.gone += units
            left[task.variant_id, task.warehouse_id] -= units
    if tasks:
        await _packages_leave(ctx, order_id, tasks, subject)


async def _packages_leave(
    ctx: Context, order_id: UUID, tasks: Collection[PickTask], subject: tuple[str, UUID] | None
) -> None:
    """A package whose units are not all there any more has left; the first that was packed leaves first."""
    there = Counter[Place]()
    for task in tasks:
        there[task.order_line_id, task.warehouse_id] += task.picked - task.gone
    packages = await sealed_packages(ctx, order_id)
    packed = Counter[Place]()
    for package in packages:
        packed.update({(line.order_line_id, package.warehouse_id): line.quantity for line in package.lines})
    for package in packages:
        lines = {(line.order_line_id, package.warehouse_id): line.quantity for line in package.lines}
        if any(packed[line] > there[line] for line in lines):
            packed.subtract(lines)
            ctx.move(package, PackageStatus.handed_over, order_id=order_id)
            package.fulfilment_id = subject[1] if subject and subject[0] == "shipment" else None


async def sealed_packages(ctx: Context, order_id: UUID) -> list[Package]:
    """The packages of an order that are closed and have not left, with what is in them, in the order of packing; locked."""
    query = select(Package).where(
        Package.merchant_id == ctx.merchant.id,
        Package.order_id == order_id,
        Package.status == PackageStatus.sealed,
    )
    query = query.options(selectinload(Package.lines)).order_by(Package.id).with_for_update(key_share=True)
    return list((await ctx.db.scalars(query)).all())
