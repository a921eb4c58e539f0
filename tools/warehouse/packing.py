"""Packing: which boxes an order needs, and closing them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order
from db.models.warehouse import Package, PackageLine, PackageStatus, Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, NotFound
from tools.contract.fields import OrderRef, Quantity, VariantRef, WarehouseRef
from tools.contract.shop_settings import BOXES, Box, chosen
from tools.rules.allocation import Portion
from tools.rules.boxes import BARE, Filled, Thing, boxed
from tools.rules.lookup import find_variants, find_warehouse
from tools.rules.picked import sealed_packages, waiting_for
from tools.rules.standing import OrderClosed, OrderOnHold, refuse_closed, refuse_held
from tools.rules.told import goods


class NothingToPack(Conflict):
    """Nothing of the order was picked and waits to be packed."""

    hint = "Pick it first: create_pick_list, start_pick, confirm_pick. list_pick_lists shows what is under way."


class NotPicked(Conflict):
    """More would be packed than was picked and is not in a package yet."""

    hint = "Pack what was picked; pick the rest first."


class WeightUnknown(Conflict):
    """Nobody has said what it weighs, so nobody knows what the package weighs."""

    hint = "Give `weight_grams` of the package, or set the variant's weight with update_variant."


class PackedLine(Result):
    """Units of a variant in a package."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units in the package.")


class PlannedPackage(Result):
    """A box that is needed, with what goes in."""

    warehouse: str = Field(description="The reference of the warehouse that packs it.")
    warehouse_name: str = Field(description="What the warehouse is called.")
    box: str = Field(description="The box; `none`: it fits into no box and travels as it is.")
    length_mm: int = Field(description="The box's longest side, millimetres.")
    width_mm: int = Field(description="Its next side, millimetres.")
    height_mm: int = Field(description="Its shortest side, millimetres.")
    weight_grams: int = Field(description="What it weighs with what is in it, grams.")
    fill_percent: int = Field(description="How full it is by volume, per cent.")
    lines: list[PackedLine] = Field(description="What goes in, by SKU.")


class PackingPlan(Result):
    """The boxes that an order needs."""

    reference: str = Field(description="The order's number.")
    packages: list[PlannedPackage] = Field(description="The boxes, warehouse by warehouse.")
    weight_grams: int = Field(description="All of it together, grams.")
    unmeasured: list[str] = Field(description="SKUs without weight or sides, for which a usual size was taken.")


class PlanPacking(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")


@tool(
    route="GET /orders/{order}/packing-plan",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[NothingToPack],
    examples=["Which boxes do we need for ORD-1042?", "How should order 1042 be packed, and how heavy is it?"],
)
async def plan_packing(ctx: Context, args: PlanPacking) -> PackingPlan:
    """Say which boxes an order needs, what goes where, and what each weighs.

    For what is held for it, picked or not, warehouse by warehouse. The boxes are the setting `warehouse.boxes`.
    """
    order = await ctx.find(Order, args.order)
    things = await _things(ctx, order)
    if not things:
        raise NothingToPack(f"Nothing is held for {order.reference} ({order.status}).")
    boxes = await chosen(ctx, BOXES)
    places = dict.fromkeys((thing.warehouse, thing.warehouse_name, thing.warehouse_id) for thing in things)
    packages = [
        _planned(one, place, name)
        for place, name, id_ in places
        for one in boxed([unit for thing in things if thing.warehouse_id == id_ for unit in thing.units()], boxes)
    ]
    return PackingPlan(
        reference=order.reference,
        packages=packages,
        weight_grams=sum(package.weight_grams for package in packages),
        unmeasured=sorted({thing.sku for thing in things if thing.sides is None or not thing.weight_grams}),
    )


class _Things(NamedTuple):
    """Units of an order line that a warehouse packs."""

    order_line_id: UUID
    warehouse_id: UUID
    warehouse: str
    warehouse_name: str
    sku: str
    counted: bool
    quantity: int
    weight_grams: int | None
    length_mm: int | None
    width_mm: int | None
    height_mm: int | None

    @property
    def sides(self) -> tuple[int, int, int] | None:
        if not (self.length_mm and self.width_mm and self.height_mm):
            return None
        length, width, height = sorted((self.length_mm, self.width_mm, self.height_mm), reverse=True)
        return length, width, height

    def units(self, count: int | None = None) -> list[Thing]:
        one = Thing(self.order_line_id, self.sku, self.sides, self.weight_grams)
        return [one] * (self.quantity if count is None else count)


# What is not counted but weighs something (made to order) travels with the first warehouse that packs.
_THINGS = """
with held as (
    select r.order_line_id, r.warehouse_id, r.variant_id, sum(r.quantity)::int as quantity from reservations r
    where r.merchant_id = %(m)s and r.order_id = %(order)s and r.status = 'active' and r.quantity > 0
    group by r.order_line_id, r.warehouse_id, r.variant_id
    union all
    select l.id, (select r.warehouse_id from reservations r where r.merchant_id = %(m)s and r.order_id = %(order)s
                      and r.status = 'active' and r.quantity > 0 order by r.id limit 1),
           v.id, l.quantity - l.cancelled - l.fulfilled
    from order_lines l join variants v on v.merchant_id = %(m)s and v.id = l.variant_id and not v.tracked and v.weight_grams > 0
    where l.merchant_id = %(m)s and l.order_id = %(order)s and l.quantity - l.cancelled > l.fulfilled
)
select h.order_line_id, h.warehouse_id, w.reference as warehouse, w.name as warehouse_name, v.sku, v.tracked as counted, h.quantity,
       v.weight_grams,
       v.length_mm, v.width_mm, v.height_mm
from held h
join warehouses w on w.merchant_id = %(m)s and w.id = h.warehouse_id
join variants v on v.merchant_id = %(m)s and v.id = h.variant_id
join order_lines l on l.merchant_id = %(m)s and l.id = h.order_line_id
order by w.priority, w.id, l.position
"""


async def _things(ctx: Context, order: Order) -> list[_Things]:
    return await ctx.sql.rows(_THINGS, {"m": ctx.merchant.id, "order": order.id}, as_=_Things)


def _planned(one: Filled, place: str, name: str) -> PlannedPackage:
    skus = Counter(thing.sku for thing in one.things)
    return PlannedPackage(
        warehouse=place,
        warehouse_name=name,
        box=one.box.code,
        length_mm=one.box.length_mm,
        width_mm=one.box.width_mm,
        height_mm=one.box.height_mm,
        weight_grams=one.grams,
        fill_percent=one.percent,
        lines=[PackedLine(sku=sku, quantity=units) for sku, units in sorted(skus.items())],
    )


class UnitsPacked(Input):
    sku: VariantRef = Field(description="A variant of the order, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(gt=0, le=1_000_000, description="Units in the package.")


class PackageGiven(Input):
    lines: list[UnitsPacked] = Field(min_length=1, max_length=100, description="What is in it.")
    box: str | None = Field(
        default=None, min_length=1, max_length=20, description="The box, such as `M`; omit: the smallest that takes it."
    )
    weight_grams: int | None = Field(
        default=None, gt=0, le=1_000_000, description="What the scales say, grams; omit: added up from the variants."
    )


class PackOrder(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where it is packed; may be left out when it waits in one warehouse only."
    )
    packages: list[PackageGiven] | None = Field(
        default=None, min_length=1, max_length=50,
        description="What is in which package. Omit: all that was picked, in the boxes that plan_packing says.",
    )  # fmt: skip


class PackageDetail(Result):
    """A package that is closed and waits for its label."""

    reference: str = Field(description="The package's reference.")
    status: PackageStatus = Field(description="Whether it is still there.")
    box: str = Field(description="The box; `none`: it travels as it is.")
    length_mm: int = Field(description="Its longest side, millimetres.")
    width_mm: int = Field(description="Its next side, millimetres.")
    height_mm: int = Field(description="Its shortest side, millimetres.")
    weight_grams: int = Field(description="What it weighs, grams.")
    lines: list[PackedLine] = Field(description="What is in it, by SKU.")


class PackedOrder(Result):
    """The packages of an order."""

    reference: str = Field(description="The order's number.")
    warehouse: str = Field(description="The reference of the warehouse that packed it.")
    packages: list[PackageDetail] = Field(description="What was closed now.")
    left: int = Field(description="Units of the order that were picked there and are in no package yet.")


@tool(
    route="POST /orders/{order}/packages",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[NotPicked, NothingToPack, OrderClosed, OrderOnHold, WeightUnknown],
    examples=["Pack ORD-1042", "ORD-1042 is packed in one L box, 2300 g"],
)
async def pack_order(ctx: Context, args: PackOrder) -> PackedOrder:
    """Close the boxes of an order: what was picked goes in, and each is weighed.

    Only what was picked is packed, each unit once. A label is bought for the package afterwards.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_closed(order, "what is packed of it")
    await refuse_held(ctx, order, "packed")
    things, free = await _waiting(ctx, order)
    warehouse = await _where(ctx, args, order, things, free)
    here = [thing for thing in things if thing.warehouse_id == warehouse.id]
    boxes = await chosen(ctx, BOXES)
    planned = [unit for thing in here for unit in thing.units(free[thing.order_line_id, warehouse.id])]
    filled = await _as_said(ctx, args.packages, here, boxes) if args.packages else boxed(planned, boxes)
    _refuse_unpicked(order, here, free, filled)
    weights = _weights(args.packages or [], filled)

    packages = [await _seal(ctx, order, warehouse, one, grams) for one, grams in zip(filled, weights, strict=True)]
    _tell(ctx, order, warehouse, packages)
    return PackedOrder(
        reference=order.reference,
        warehouse=warehouse.reference,
        packages=packages,
        left=len(planned) - sum(len(one.things) for one in filled),
    )


async def _waiting(ctx: Context, order: Order) -> tuple[list[_Things], Counter[Portion]]:
    """What can be packed, and how many units of each line in each warehouse are picked and in no package."""
    things = await _things(ctx, order)
    free = Counter({(row.order_line_id, row.warehouse_id): row.units for row in await waiting_for(ctx, [order.id])})
    free.update({(one.order_line_id, one.warehouse_id): one.quantity for one in things if not one.counted})
    for package in await sealed_packages(ctx, order.id):
        free.subtract({(line.order_line_id, package.warehouse_id): line.quantity for line in package.lines})
    return things, free


async def _where(
    ctx: Context, args: PackOrder, order: Order, things: Sequence[_Things], free: Mapping[Portion, int]
) -> Warehouse:
    """The warehouse that was named, else the only one where something waits."""
    waiting = {t.warehouse: t.warehouse_name for t in things if free.get((t.order_line_id, t.warehouse_id), 0) > 0}
    if not waiting:
        raise NothingToPack(f"Nothing of {order.reference} waits to be packed.")
    if args.warehouse is None and len(waiting) > 1:
        places = words.listed(f"{name} ({reference})" for reference, name in waiting.items())
        raise Ambiguous(f"{order.reference} waits to be packed in {places}.", hint="Say which, as `warehouse`.")
    warehouse = await find_warehouse(ctx, args.warehouse or next(iter(waiting)))
    if warehouse.reference not in waiting:
        places = words.listed(f"{name} ({reference})" for reference, name in waiting.items())
        raise NothingToPack(f"Nothing of {order.reference} waits in {warehouse.name}.", hint=f"It waits in {places}.")
    return warehouse


async def _as_said(
    ctx: Context, packages: Sequence[PackageGiven], here: Sequence[_Things], boxes: Sequence[Box]
) -> list[Filled]:
    """The packages as somebody packed them."""
    written = [line.sku for package in packages for line in package.lines]
    skus = {name: variant.sku for name, variant in zip(written, await find_variants(ctx, written), strict=True)}
    things = {thing.sku: thing for thing in here}
    filled: list[Filled] = []
    for package in packages:
        units: list[Thing] = []
        for line in package.lines:
            if skus[line.sku] not in things:
                raise NotPicked(f"No {skus[line.sku]} of this order is held there.")
            units += things[skus[line.sku]].units(line.quantity)
        box = _box(package.box, boxes) if package.box else boxed(units, boxes)[0].box
        filled.append(Filled(box, units))
    return filled


def _box(written: str, boxes: Sequence[Box]) -> Box:
    named = {box.code.casefold(): box for box in boxes}
    if written.casefold() not in named:
        codes = words.listed(box.code for box in boxes)
        raise NotFound(f"There is no box {written}.", hint=f"The boxes are {codes}: the setting `warehouse.boxes`.")
    return named[written.casefold()]


def _refuse_unpicked(
    order: Order, here: Sequence[_Things], free: Mapping[Portion, int], filled: Sequence[Filled]
) -> None:
    packed = Counter(thing.line for one in filled for thing in one.things)
    for thing in here:
        units = max(0, free.get((thing.order_line_id, thing.warehouse_id), 0))
        if packed[thing.order_line_id] > units:
            raise NotPicked(
                f"{words.count(units, 'unit')} of {thing.sku} of {order.reference} {words.are(units)} picked and in no package "
                f"yet; {packed[thing.order_line_id]:,} were to be packed."
            )


def _weights(given: Sequence[PackageGiven], filled: Sequence[Filled]) -> list[int]:
    """What each package weighs: what the scales said, else the sum, if everything in it has a weight."""
    said = [package.weight_grams for package in given] or [None] * len(filled)
    for grams, one in zip(said, filled, strict=True):
        unknown = sorted({thing.sku for thing in one.things if not thing.grams})
        if grams is None and unknown:
            raise WeightUnknown(
                f"Nobody has said what {words.listed(unknown)} {'weighs' if len(unknown) == 1 else 'weigh'}."
            )
    return [grams or one.grams for grams, one in zip(said, filled, strict=True)]


async def _seal(ctx: Context, order: Order, warehouse: Warehouse, one: Filled, grams: int) -> PackageDetail:
    package = await ctx.add(
        Package, order_id=order.id, warehouse_id=warehouse.id, status=PackageStatus.sealed, box=one.box.code,
        length_mm=one.box.length_mm, width_mm=one.box.width_mm, height_mm=one.box.height_mm, weight_grams=grams,
        packed_by=ctx.actor.reference, packed_at=ctx.now(),
    )  # fmt: skip
    for line, units in one.lines.items():
        ctx.new(PackageLine, package_id=package.id, order_line_id=line, quantity=units)
    ctx.event("packed", package, order_id=order.id, box=package.box, weight_grams=grams)
    skus = Counter(thing.sku for thing in one.things)
    return PackageDetail(
        reference=package.reference,
        status=package.status,
        box=package.box,
        length_mm=package.length_mm,
        width_mm=package.width_mm,
        height_mm=package.height_mm,
        weight_grams=grams,
        lines=[PackedLine(sku=sku, quantity=units) for sku, units in sorted(skus.items())],
    )


def _tell(ctx: Context, order: Order, warehouse: Warehouse, packages: Sequence[PackageDetail]) -> None:
    for package in packages[:5]:
        box = "as it is, without a box" if package.box == BARE else f"in box {package.box}"
        there = goods({line.sku: line.quantity for line in package.lines})
        ctx.tell(f"{there} of {order.reference} {box} in {warehouse.name}, {words.grams(package.weight_grams)}.")
    if len(packages) > 5:
        ctx.tell(f"And {len(packages) - 5} packages more.")
