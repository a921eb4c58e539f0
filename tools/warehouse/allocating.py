"""Which warehouses ship what of an order."""

from collections import Counter
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order, OrderStatus
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef
from tools.rules.allocation import Site, allot, opened, sites_for
from tools.rules.standing import OrderClosed, refuse_closed
from tools.rules.stock import post
from tools.rules.told import named_order, tell_units
from tools.warehouse.claims import fixed, take_off_lists


class NothingToAllocate(Conflict):
    """The order holds no stock: it is a draft, has left, or has only what is not counted."""

    hint = "get_order shows what it holds and what has left."


class AllocateOrder(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")


class AllocatedLine(Result):
    """Units of a variant that a warehouse ships."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units held there.")
    backordered: int = Field(description="Units promised from the next delivery there.")


class AllocatedParcel(Result):
    """What one warehouse ships of the order."""

    warehouse: str = Field(description="The warehouse's reference.")
    warehouse_name: str = Field(description="What it is called.")
    why: str = Field(description="Why this one.")
    lines: list[AllocatedLine] = Field(description="What it ships.")


class AllocatedOrder(Result):
    """Which warehouses ship what of an order."""

    reference: str = Field(description="The order's number.")
    changed: bool = Field(description="Whether anything is held elsewhere than before.")
    parcels: list[AllocatedParcel] = Field(description="One for each warehouse.")
    taken_off: list[str] = Field(description="Pick lists that nobody had started, and that it was taken off.")


@tool(
    route="POST /orders/{order}/allocation",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[NothingToAllocate, OrderClosed],
    examples=["Allocate ORD-1042 again", "Which warehouse should ship order 1042? Allocate it"],
)
async def allocate_order(ctx: Context, args: AllocateOrder) -> AllocatedOrder:
    """Decide which warehouses ship what: fewest parcels, then nearest, then cheapest.

    What the order holds moves between warehouses in one go; what waited for a delivery is held where it lies now. Units
    that were picked, or are being picked, stay where they are. Nothing is held twice.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_closed(order, "where it ships from")
    sites = await sites_for(ctx, order)
    taken_off = await take_off_lists(ctx, order)
    staying = await fixed(ctx, [order.id])
    allocation = await opened(ctx, [order.id], [site.id for site in sites])
    if order.status is OrderStatus.draft or not allocation.held:
        raise NothingToAllocate(f"{order.reference} ({order.status}) holds no stock.")
    before = await _held(ctx, order)

    await allot(ctx, order, sites, staying, allocation)
    await ctx.db.flush()
    if postings := allocation.postings():
        await post(ctx, postings)
    after = await _held(ctx, order)
    changed = _spots(before) != _spots(after)
    if changed:
        ctx.event("allocated", order, order_id=order.id, parcels=len(after))
    _tell(ctx, order, before, after, taken_off)
    return AllocatedOrder(
        reference=order.reference,
        changed=changed,
        parcels=_parcels(after, sites),
        taken_off=taken_off,
    )


class _Holding(NamedTuple):
    warehouse: UUID
    reference: str
    name: str
    sku: str
    quantity: int
    backordered: int


_HELD = """
select w.id as warehouse, w.reference, w.name, v.sku, sum(r.quantity)::int as quantity, sum(r.backordered)::int as backordered
from reservations r
join warehouses w on w.merchant_id = %(m)s and w.id = r.warehouse_id
join variants v on v.merchant_id = %(m)s and v.id = r.variant_id
where r.merchant_id = %(m)s and r.order_id = %(order)s and r.status = 'active'
group by w.id, w.reference, w.name, w.priority, v.sku order by sum(r.quantity) desc, w.priority, v.sku
"""


async def _held(ctx: Context, order: Order) -> list[_Holding]:
    return await ctx.sql.rows(_HELD, {"m": ctx.merchant.id, "order": order.id}, as_=_Holding)


def _spots(held: list[_Holding]) -> Counter[tuple[str, str, str]]:
    spots = Counter[tuple[str, str, str]]()
    for one in held:
        spots[one.name, one.sku, "held"] += one.quantity
        spots[one.name, one.sku, "promised"] += one.backordered
    return +spots


def _tell(ctx: Context, order: Order, before: list[_Holding], after: list[_Holding], taken_off: list[str]) -> None:
    was, now = _spots(before), _spots(after)
    if was == now:
        where = words.listed(dict.fromkeys(one.name for one in after))
        ctx.tell(f"{named_order(order)} ships from {where}, as before.")
    for what, one, many in (
        ("held", "is held", "are held"),
        ("promised", "waits for the next delivery", "wait for the next delivery"),
    ):
        tell_units(ctx, {(p, s): n for (p, s, kind), n in (now - was).items() if kind == what}, one, many)
    freed = {(place, sku): units for (place, sku, kind), units in (was - now).items() if kind == "held"}
    tell_units(ctx, freed, "goes back on sale", "go back on sale")
    if was != now:
        parcels = words.count(len({one.name for one in after if one.quantity}), "parcel")
        ctx.tell(f"With that {named_order(order)} ships in {parcels}.")
    if taken_off:
        ctx.tell(f"It is taken off {words.listed(taken_off)}, which nobody has started.")


def _parcels(held: list[_Holding], sites: list[Site]) -> list[AllocatedParcel]:
    near = {site.id: site for site in sites}
    names = list(dict.fromkeys((one.warehouse, one.reference, one.name) for one in held))
    return [
        AllocatedParcel(
            warehouse=reference,
            warehouse_name=name,
            why=_why(near.get(id_), len(names)),
            lines=[
                AllocatedLine(sku=one.sku, quantity=one.quantity, backordered=one.backordered)
                for one in held
                if one.warehouse == id_
            ],
        )
        for id_, reference, name in names
    ]


_NEAR = ("in the same postal area", "in the same region", "in the same country", "abroad")


def _why(site: Site | None, parcels: int) -> str:
    if site is None:
        return "closed, and no other warehouse has the units"
    return f"{'holds all of it' if parcels == 1 else 'needed to ship all of it'}, {_NEAR[site.distance]}"
