"""How many units can be promised, and when."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.products import ON_SALE, Variant
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import Day, Quantity, VariantRef, WarehouseRef
from tools.rules.lookup import find_variant, find_warehouse


class CheckAvailability(Input):
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity | None = Field(
        default=None, gt=0, le=1_000_000, description="Units wanted; the answer then says whether, and from when."
    )
    by: Day | None = Field(
        default=None, description="The day by which they are wanted, in the shop's time zone; omit: now."
    )
    warehouse: WarehouseRef | None = Field(
        default=None, description="Only from this warehouse; omit: from all that ship."
    )


class Promise(Result):
    """From that day on so many units can be promised."""

    on: date = Field(description="A day in the shop's time zone.")
    available: int = Field(description="Units that can be promised from that day on, unless sold before.")


class Supply(Result):
    """Units on their way."""

    reference: str = Field(description="The purchase order or transfer that brings them.")
    warehouse: str = Field(description="The warehouse that they come to.")
    quantity: int = Field(description="Units still to come.")
    expected_on: date | None = Field(description="The day on which they are expected; null: nobody knows.")
    counted: bool = Field(description="Whether they are promised: not while their day is unknown, or has passed.")


class WarehouseAvailability(Result):
    """A variant in one warehouse that ships."""

    warehouse: str = Field(description="The warehouse's reference.")
    name: str = Field(description="What the warehouse is called.")
    on_hand: int = Field(description="Units on the shelf, reserved and damaged ones included.")
    reserved: int = Field(description="Units held back.")
    damaged: int = Field(description="Units set aside that cannot be sold.")
    backordered: int = Field(description="Units promised beyond the stock; what comes serves them first.")
    available: int = Field(description="Units that can be promised from here now.")
    by_date: list[Promise] = Field(description="Today, and each day on which more will come.")


class ComponentAvailability(Result):
    """What is in a bundle, and what there is of it."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units in each bundle.")
    available: int | None = Field(description="Units that can be promised now; null: not counted.")
    bundles: int | None = Field(description="Bundles that these are enough for; null: not counted.")


class Availability(Result):
    """What can be promised of a variant. Of an untracked one (made to order, digital) any quantity, while it is sellable; of a
    bundle what the scarcest of its components allows, and `warehouses` are theirs to say. What is not on sale is not promised.
    """

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="The variant's title.")
    tracked: bool = Field(description="Whether its stock is counted.")
    sellable: bool = Field(description="Whether it is on sale, and all that is in it; else orders of it are refused.")
    backorder_allowed: bool = Field(description="Whether orders beyond the stock are taken.")
    available: int | None = Field(description="Units that can be promised now, warehouses together; null: not counted.")
    by_date: list[Promise] = Field(description="Today, and each day on which more will come, warehouses together.")
    warehouses: list[WarehouseAvailability] = Field(description="The same for each warehouse, in the shop's own order.")
    supplies: list[Supply] = Field(description="What open purchase orders and transfers will bring.")
    components: list[ComponentAvailability] = Field(description="What is in it, when it is a bundle.")
    asked: int | None = Field(description="The quantity asked about.")
    enough: bool | None = Field(
        description="Whether the quantity is there by the day asked; null: no quantity was asked."
    )
    earliest: date | None = Field(
        description="The first day on which the quantity is there; null: not by what is known."
    )


class _Level(NamedTuple):
    id: UUID
    reference: str
    name: str
    on_hand: int
    reserved: int
    damaged: int
    backordered: int

    @property
    def free(self) -> int:
        """Below zero while more was promised than lies here."""
        return self.on_hand - self.reserved - self.damaged - self.backordered


class _Coming(NamedTuple):
    reference: str
    warehouse_id: UUID
    warehouse: str
    quantity: int
    expected_on: date | None


_LEVELS = """
select w.id, w.reference, w.name, coalesce(s.on_hand, 0) as on_hand, coalesce(s.reserved, 0) as reserved,
       coalesce(s.damaged, 0) as damaged,
       (select coalesce(sum(r.backordered), 0)::int from reservations r where r.merchant_id = %(m)s and r.status = 'active'
            and r.variant_id = %(variant)s and r.warehouse_id = w.id) as backordered
from warehouses w
left join stock_levels s on s.merchant_id = w.merchant_id and s.warehouse_id = w.id and s.variant_id = %(variant)s
where w.merchant_id = %(m)s and w.active and (%(warehouse)s::uuid is null or w.id = %(warehouse)s)
order by w.priority, w.id
"""
_COMING = """
select coming.reference, w.id as warehouse_id, w.reference as warehouse, coming.quantity, coming.expected_on
from (
    select o.reference, o.warehouse_id, l.quantity - l.received as quantity, o.expected_on
    from purchase_order_lines l
    join purchase_orders o on o.merchant_id = l.merchant_id and o.id = l.purchase_order_id
    where l.merchant_id = %(m)s and l.variant_id = %(variant)s and l.quantity > l.received
        and o.status in ('sent', 'partially_received')
    union all
    select t.reference, t.to_warehouse_id, l.quantity - l.received - l.damaged - l.lost, t.expected_on
    from transfer_lines l
    join transfers t on t.merchant_id = l.merchant_id and t.id = l.transfer_id
    where l.merchant_id = %(m)s and l.variant_id = %(variant)s and l.quantity > l.received + l.damaged + l.lost
        and t.status in ('in_transit', 'partially_received')
) coming
join warehouses w on w.merchant_id = %(m)s and w.id = coming.warehouse_id and w.active
where %(warehouse)s::uuid is null or w.id = %(warehouse)s
order by coming.expected_on nulls last, coming.reference
"""


@tool(
    route="GET /inventory/{sku}/availability",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=["Can I promise 50 MUG-BLUE by Friday?", "When do we get more TSH-BLK-M?", "Is MUG-RED available?"],
)
async def check_availability(ctx: Context, args: CheckAvailability) -> Availability:
    """Tell how many units can be promised now and later, and from which warehouse.

    Counts what open purchase orders and transfers will bring, on the day they are expected, less what is promised already.
    A supply without a day, or with a day that has passed, is listed and not counted. Of a bundle there is what its components
    allow.
    """
    variant = await find_variant(ctx, args.sku)
    warehouse = await find_warehouse(ctx, args.warehouse) if args.warehouse else None
    today = ctx.now().astimezone(ctx.merchant.zone).date()
    at = warehouse.id if warehouse else None
    parts = (
        await _components(ctx, variant) if variant.bundle else [_Component(variant.id, variant.sku, 1, variant.tracked)]
    )
    stocks = [await _stock(ctx, part, at, today) for part in parts if part.tracked]
    by_date = _together(stocks) if stocks else []
    on_sale = await _on_sale(ctx, [variant.id, *(part.id for part in parts)])
    enough, earliest = _reached(by_date, args.quantity, args.by or today)
    if not stocks:
        enough, earliest = True if args.quantity else None, today
    if not on_sale:
        enough, earliest = False if args.quantity else None, None
    return Availability(
        sku=variant.sku,
        title=variant.title,
        tracked=variant.tracked,
        sellable=on_sale,
        backorder_allowed=variant.allow_backorder,
        available=by_date[0].available if by_date else None,
        by_date=by_date,
        warehouses=[_in_warehouse(level, stocks[0].coming, today) for level in stocks[0].levels]
        if variant.tracked
        else [],
        supplies=[_supply(supply, today) for stock in stocks for supply in stock.coming],
        components=_shown(parts, stocks) if variant.bundle else [],
        asked=args.quantity,
        enough=enough,
        earliest=earliest,
    )


class _OnSale(NamedTuple):
    all: bool


_ON_SALE = """
select bool_and(v.sellable and v.archived_at is null and p.status = any(%(on_sale)s)) as all
from variants v join products p on p.merchant_id = %(m)s and p.id = v.product_id
where v.merchant_id = %(m)s and v.id = any(%(variants)s)
"""


async def _on_sale(ctx: Context, variants: list[UUID]) -> bool:
    params = {"m": ctx.merchant.id, "variants": variants, "on_sale": [status.value for status in ON_SALE]}
    (found,) = await ctx.sql.rows(_ON_SALE, params, as_=_OnSale)
    return found.all


class _Component(NamedTuple):
    id: UUID
    sku: str
    quantity: int
    tracked: bool


_COMPONENTS = """
select v.id, v.sku, b.quantity, v.tracked
from bundle_components b join variants v on v.merchant_id = %(m)s and v.id = b.component_id
where b.merchant_id = %(m)s and b.variant_id = %(variant)s order by b.position
"""


async def _components(ctx: Context, bundle: Variant) -> list[_Component]:
    return await ctx.sql.rows(_COMPONENTS, {"m": ctx.merchant.id, "variant": bundle.id}, as_=_Component)


class _Stock(NamedTuple):
    """What there is and will be of a variant."""

    part: _Component
    levels: list[_Level]
    coming: list[_Coming]
    by_date: list[Promise]


async def _stock(ctx: Context, part: _Component, warehouse: UUID | None, today: date) -> _Stock:
    params = {"m": ctx.merchant.id, "variant": part.id, "warehouse": warehouse}
    levels = await ctx.sql.rows(_LEVELS, params, as_=_Level)
    coming = await ctx.sql.rows(_COMING, params, as_=_Coming)
    return _Stock(part, levels, coming, _promised(levels, coming, today))


def _together(stocks: list[_Stock]) -> list[Promise]:
    """How many there can be, day by day, of what takes so many units of each: as many as the scarcest allows."""
    days = sorted({promise.on for stock in stocks for promise in stock.by_date})
    return [Promise(on=day, available=min(_enough_for(stock, day) for stock in stocks)) for day in days]


def _enough_for(stock: _Stock, day: date) -> int:
    units = [promise.available for promise in stock.by_date if promise.on <= day]
    return units[-1] // stock.part.quantity


def _shown(parts: list[_Component], stocks: list[_Stock]) -> list[ComponentAvailability]:
    units = {stock.part.id: stock.by_date[0].available for stock in stocks}
    return [
        ComponentAvailability(
            sku=part.sku, quantity=part.quantity, available=units.get(part.id),
            bundles=units[part.id] // part.quantity if part.tracked else None,
        )
        for part in parts
    ]  # fmt: skip


def _promised(levels: Iterable[_Level], coming: Iterable[_Coming], today: date) -> list[Promise]:
    """Today, and each day on which more comes: a warehouse's shortfall is its own, another's units do not fill it."""
    free = {level.id: level.free for level in levels}
    days = {today: sum(max(0, units) for units in free.values())}
    for supply in coming:
        if _is_counted(supply, today) and supply.expected_on:
            free[supply.warehouse_id] += supply.quantity
            days[supply.expected_on] = sum(max(0, units) for units in free.values())
    return [Promise(on=day, available=units) for day, units in days.items()]


def _is_counted(supply: _Coming, today: date) -> bool:
    return supply.expected_on is not None and supply.expected_on >= today


def _reached(by_date: list[Promise], quantity: int | None, by: date) -> tuple[bool | None, date | None]:
    """Whether the quantity is there by that day, and the first day on which it is."""
    if quantity is None:
        return None, None
    earliest = next((promise.on for promise in by_date if promise.available >= quantity), None)
    return earliest is not None and earliest <= by, earliest


def _in_warehouse(level: _Level, coming: Iterable[_Coming], today: date) -> WarehouseAvailability:
    by_date = _promised([level], [supply for supply in coming if supply.warehouse_id == level.id], today)
    return WarehouseAvailability(
        warehouse=level.reference,
        name=level.name,
        on_hand=level.on_hand,
        reserved=level.reserved,
        damaged=level.damaged,
        backordered=level.backordered,
        available=by_date[0].available,
        by_date=by_date,
    )


def _supply(supply: _Coming, today: date) -> Supply:
    return Supply(
        reference=supply.reference,
        warehouse=supply.warehouse,
        quantity=supply.quantity,
        expected_on=supply.expected_on,
        counted=_is_counted(supply, today),
    )
