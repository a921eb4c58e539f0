"""Pick lists: what one person fetches in one walk, for one order or for several."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order, OrderStatus
from db.models.warehouse import PickList, PickStatus, PickTask, TaskStatus, Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, WarehouseRef
from tools.rules.bins import Lying, Place, lying
from tools.rules.lookup import find_warehouse
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.standing import OrderOnHold, refuse_held
from tools.rules.stock import locked
from tools.rules.told import goods
from tools.warehouse.claims import fixed, lock_orders
from tools.warehouse.picks import PickListDetail, pick_detail


class OrderNotReady(Conflict):
    """Only a confirmed order is picked: one that is pending may still lapse."""

    hint = "Wait for its payment, or record it with mark_order_paid; a closed order is not picked."


class NothingToPick(Conflict):
    """Nothing there waits to be picked."""

    hint = "get_order shows where its units are held; allocate_order decides it anew; list_pick_lists shows what is under way."


class CreatePickList(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    orders: list[OrderRef] | None = Field(
        default=None, min_length=1, max_length=50, description="The orders; omit: those that wait longest."
    )
    at_most: int = Field(
        default=10,
        ge=1,
        le=50,
        description="How many orders at most, where none are named.",
        json_schema_extra={"x-kind": "limit"},
    )


class _Id(NamedTuple):
    id: UUID


# Those that wait longest and lack nothing, which nobody else is taking at this moment.
_NEXT = """
select o.id from orders o
where o.merchant_id = %(m)s and o.status = 'confirmed'
  and o.id in (
      select r.order_id from reservations r
      where r.merchant_id = %(m)s and r.warehouse_id = %(w)s and r.status = 'active' and r.order_id is not null
      group by r.order_id having sum(r.quantity) > coalesce((
          select sum(case t.status when 'open' then t.quantity else t.picked - t.gone end) from pick_tasks t
          where t.merchant_id = %(m)s and t.order_id = r.order_id and t.warehouse_id = %(w)s
      ), 0)
  )
  and not exists (select from reservations r where r.merchant_id = %(m)s and r.order_id = o.id and r.status = 'active'
                      and r.backordered > 0)
  and not exists (select from order_holds h where h.merchant_id = %(m)s and h.order_id = o.id and h.released_at is null)
order by o.placed_at, o.id limit %(limit)s
for no key update of o skip locked
"""


@tool(
    route="POST /warehouses/{warehouse}/pick-lists",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[NothingToPick, OrderNotReady, OrderOnHold, WarehouseClosed],
    examples=["Make a pick list for the next 10 orders in Lyon", "Pick list for ORD-1042 in WH-1001"],
)
async def create_pick_list(ctx: Context, args: CreatePickList) -> PickListDetail:
    """Write down what is to be fetched, bin by bin along the walk.

    For the named orders, or for those that wait longest and lack nothing. Each unit is on one list only, whoever makes lists
    at the same time.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    refuse_closed(warehouse)
    orders = await _orders(ctx, args, warehouse)
    wanted = await _wanted(ctx, orders, warehouse)
    if not wanted:
        raise _nothing(warehouse, [order.reference for order in orders] if args.orders else [])

    stops = await _stops(ctx, wanted, warehouse)
    pick = await ctx.add(PickList, warehouse_id=warehouse.id, status=PickStatus.open)
    for position, (line, bin_id, units) in enumerate(stops, 1):
        ctx.new(
            PickTask, pick_list_id=pick.id, position=position, status=TaskStatus.open, warehouse_id=warehouse.id,
            order_id=line.order_id, order_line_id=line.order_line_id, variant_id=line.variant_id, bin_id=bin_id, quantity=units,
        )  # fmt: skip
    concerned = {line.order_id for line, _, _ in stops}
    ctx.event("created", pick, orders=len(concerned), units=sum(units for _, _, units in stops))
    _tell(ctx, warehouse, [order for order in orders if order.id in concerned], stops)
    return await pick_detail(ctx, pick)


async def _orders(ctx: Context, args: CreatePickList, warehouse: Warehouse) -> list[Order]:
    """The orders, locked; named ones have to be ready."""
    if args.orders is None:
        params = {"m": ctx.merchant.id, "w": warehouse.id, "limit": args.at_most}
        ids = [row.id for row in await ctx.sql.rows(_NEXT, params, as_=_Id)]
        return await lock_orders(ctx, ids)
    named = [await ctx.find(Order, written) for written in args.orders]
    orders = await lock_orders(ctx, {order.id for order in named})
    for order in orders:
        if order.status is not OrderStatus.confirmed:
            raise OrderNotReady(f"{order.reference} is {order.status}.")
        await refuse_held(ctx, order, "picked")
    return orders


class _Line(NamedTuple):
    order_id: UUID
    order_line_id: UUID
    variant_id: UUID
    sku: str
    quantity: int


_HELD_HERE = """
select r.order_id, r.order_line_id, r.variant_id, v.sku, sum(r.quantity)::int as quantity
from reservations r
join variants v on v.merchant_id = %(m)s and v.id = r.variant_id
join order_lines l on l.merchant_id = %(m)s and l.id = r.order_line_id
join orders o on o.merchant_id = %(m)s and o.id = r.order_id
where r.merchant_id = %(m)s and r.order_id = any(%(orders)s::uuid[]) and r.warehouse_id = %(w)s and r.status = 'active'
group by r.order_id, r.order_line_id, r.variant_id, v.sku, l.position, o.placed_at, o.id
order by o.placed_at, o.id, l.position
"""


async def _wanted(ctx: Context, orders: Sequence[Order], warehouse: Warehouse) -> list[_Line]:
    """What is held there for the orders, less what was picked or is on another list."""
    ids = [order.id for order in orders]
    params = {"m": ctx.merchant.id, "orders": ids, "w": warehouse.id}
    lines = await ctx.sql.rows(_HELD_HERE, params, as_=_Line)
    taken = await fixed(ctx, ids)
    left = [line._replace(quantity=line.quantity - taken[line.order_line_id, warehouse.id]) for line in lines]
    return [line for line in left if line.quantity > 0]


Stop = tuple[_Line, UUID | None, int]


class _Promised(NamedTuple):
    variant_id: UUID
    bin_id: UUID | None
    units: int


_PROMISED = """
select variant_id, bin_id, sum(case status when 'open' then quantity else 0 end + missing)::int as units from pick_tasks
where merchant_id = %(m)s and warehouse_id = %(w)s and variant_id = any(%(variants)s::uuid[])
  and (status = 'open' or picked > gone or missing > 0)
group by variant_id, bin_id
"""


async def promised_units(
    ctx: Context, warehouse: Warehouse, variants: Sequence[UUID]
) -> Counter[tuple[UUID, UUID | None]]:
    """What open pick lists will take from each bin, and what was not found there: not to be counted on."""
    params = {"m": ctx.merchant.id, "w": warehouse.id, "variants": list(variants)}
    rows = await ctx.sql.rows(_PROMISED, params, as_=_Promised)
    return Counter({(row.variant_id, row.bin_id): row.units for row in rows})


async def _stops(ctx: Context, wanted: Sequence[_Line], warehouse: Warehouse) -> list[Stop]:
    """Where each unit is fetched: from a bin that has all of a line, else from several; along the walk, the floor at its end."""
    places: list[Place] = [(line.variant_id, warehouse.id) for line in wanted]
    await locked(ctx, places)
    shelves = await lying(ctx, places)
    promised = await promised_units(ctx, warehouse, [variant for variant, _ in places])
    left = {(one.variant_id, one.bin_id): one.quantity - promised[one.variant_id, one.bin_id] for one in shelves}
    walk = {one.bin_id: (one.walk, one.bin_id) for one in shelves}
    stops = [stop for line in wanted for stop in _fetch(line, shelves, left)]
    return sorted(stops, key=lambda stop: (stop[1] is None, walk[stop[1]] if stop[1] else ()))


def _fetch(line: _Line, shelves: Sequence[Lying], left: dict[tuple[UUID, UUID], int]) -> list[Stop]:
    here = [one.bin_id for one in shelves if one.variant_id == line.variant_id]
    whole = [bin_id for bin_id in here if left[line.variant_id, bin_id] >= line.quantity]
    stops: list[Stop] = []
    needed = line.quantity
    for bin_id in whole[:1] or here:
        units = max(0, min(needed, left[line.variant_id, bin_id]))
        if units:
            stops.append((line, bin_id, units))
            left[line.variant_id, bin_id] -= units
            needed -= units
    return [*stops, (line, None, needed)] if needed else stops


def _nothing(warehouse: Warehouse, named: Sequence[str]) -> NothingToPick:
    if named:
        return NothingToPick(f"Of {words.listed(named)} nothing waits to be picked in {warehouse.name}.")
    return NothingToPick(f"No order waits to be picked in {warehouse.name}.")


def _tell(ctx: Context, warehouse: Warehouse, orders: Sequence[Order], stops: Sequence[Stop]) -> None:
    units = Counter[str]()
    for line, _, count in stops:
        units[line.sku] += count
    named = words.listed(order.reference for order in orders)
    ctx.tell(f"A pick list in {warehouse.name} for {named}: {goods(units)}, in {words.count(len(stops), 'stop')}.")
