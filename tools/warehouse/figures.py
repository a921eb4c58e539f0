"""How full a warehouse is, and how well it works: computed from what happened."""

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from pydantic import Field

from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import Days, WarehouseRef
from tools.rules.lookup import find_warehouse

FULLEST = 5


class WarehouseCapacity(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")


class ZoneFill(Result):
    """How full a zone is."""

    storage_zone: str | None = Field(description="The zone; null: bins without one.")
    bins: int = Field(description="Its bins.")
    empty_bins: int = Field(description="Those with nothing in them.")
    units: int = Field(description="Units in its bins.")
    capacity: int = Field(description="Units that its bins take, of those where that is known.")


class FullBin(Result):
    """One of the fullest bins."""

    code: str = Field(description="What stands on the bin.")
    units: int = Field(description="Units in it.")
    capacity: int = Field(description="Units that it takes.")


class Capacity(Result):
    """How full a warehouse is."""

    warehouse: str = Field(description="The warehouse's reference.")
    warehouse_name: str = Field(description="What it is called.")
    on_hand: int = Field(description="Units that lie there.")
    in_bins: int = Field(description="Units in bins.")
    on_the_floor: int = Field(description="Units in no bin: to be put away, or picked and waiting to be packed.")
    waiting_to_be_packed: int = Field(description="Units among those on the floor that were picked for orders.")
    incoming: int = Field(description="Units on their way there.")
    bins: int = Field(description="How many bins it has.")
    empty_bins: int = Field(description="Bins with nothing in them.")
    capacity: int = Field(description="Units that the bins take, of those where that is known.")
    fill_percent: int | None = Field(description="How full those bins are, per cent; null: no bin's capacity is known.")
    zones: list[ZoneFill] = Field(description="The same by zone.")
    fullest: list[FullBin] = Field(description="The fullest bins.")


class _Zone(NamedTuple):
    storage_zone: str | None
    bins: int
    empty_bins: int
    units: int
    capacity: int
    bounded: int


class _Stock(NamedTuple):
    on_hand: int
    binned: int
    incoming: int
    waiting: int


_ZONES = """
select zone as storage_zone, count(*)::int as bins, (count(*) filter (where units = 0))::int as empty_bins,
       sum(units)::int as units, coalesce(sum(capacity), 0)::int as capacity,
       (coalesce(sum(units) filter (where capacity is not null), 0))::int as bounded
from bins where merchant_id = %(m)s and warehouse_id = %(w)s group by zone order by zone nulls last
"""
_STOCK = """
select coalesce(sum(on_hand), 0)::int as on_hand, coalesce(sum(binned), 0)::int as binned,
       coalesce(sum(incoming), 0)::int as incoming, (
           select coalesce(sum(least(t.units, r.units)), 0)::int from (
               select order_id, order_line_id, sum(picked - gone) as units from pick_tasks
               where merchant_id = %(m)s and warehouse_id = %(w)s and picked > gone group by order_id, order_line_id
           ) t cross join lateral (
               select coalesce(sum(quantity), 0) as units from reservations r
               where r.merchant_id = %(m)s and r.order_id = t.order_id and r.order_line_id = t.order_line_id
                 and r.warehouse_id = %(w)s and r.status = 'active'
           ) r
       ) as waiting
from stock_levels where merchant_id = %(m)s and warehouse_id = %(w)s
"""
_FULLEST = """
select code, units, capacity from bins
where merchant_id = %(m)s and warehouse_id = %(w)s and capacity is not null and units > 0
order by units::float / capacity desc, walk, id limit %(limit)s
"""


class _Bin(NamedTuple):
    code: str
    units: int
    capacity: int


@tool(
    route="GET /warehouses/{warehouse}/capacity",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    examples=["How full is the Lyon warehouse?", "How much lies on the floor in WH-1001?"],
)
async def warehouse_capacity(ctx: Context, args: WarehouseCapacity) -> Capacity:
    """Say how full a warehouse is: bins by zone, and what lies on the floor.

    Units on the floor are in no bin: to be put away, or picked and waiting to be packed.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    params = {"m": ctx.merchant.id, "w": warehouse.id, "limit": FULLEST}
    zones = await ctx.sql.rows(_ZONES, params, as_=_Zone)
    (stock,) = await ctx.sql.rows(_STOCK, params, as_=_Stock)
    fullest = await ctx.sql.rows(_FULLEST, params, as_=_Bin)
    capacity = sum(zone.capacity for zone in zones)
    return Capacity(
        warehouse=warehouse.reference,
        warehouse_name=warehouse.name,
        on_hand=stock.on_hand,
        in_bins=stock.binned,
        on_the_floor=stock.on_hand - stock.binned,
        waiting_to_be_packed=stock.waiting,
        incoming=stock.incoming,
        bins=sum(zone.bins for zone in zones),
        empty_bins=sum(zone.empty_bins for zone in zones),
        capacity=capacity,
        fill_percent=round(100 * sum(zone.bounded for zone in zones) / capacity) if capacity else None,
        zones=[ZoneFill.model_validate(zone._asdict()) for zone in zones],
        fullest=[FullBin.model_validate(one._asdict()) for one in fullest],
    )


class WarehousePerformance(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    days: Days = Field(default=30, ge=1, le=366, description="How many days back from now.")


class PickerFigures(Result):
    """What one person picked."""

    picker: str = Field(description="Who: a user's or key's reference.")
    lists: int = Field(description="Pick lists that they finished.")
    units: int = Field(description="Units that they fetched.")
    units_per_hour: Decimal | None = Field(description="Units an hour, from setting out to confirming.")
    mispicked: int = Field(description="Units among them that were something else.")


class WarehouseFigures(Result):
    """How well a warehouse worked."""

    warehouse: str = Field(description="The warehouse's reference.")
    warehouse_name: str = Field(description="What it is called.")
    days: int = Field(description="How many days back from now.")
    lists: int = Field(description="Pick lists that were finished.")
    orders: int = Field(description="Orders on them.")
    units_asked: int = Field(description="Units that were to be fetched.")
    units_picked: int = Field(description="Units that were there, and were fetched.")
    short_percent: Decimal | None = Field(description="Units that were not there, per cent of those asked for.")
    mispicked: int = Field(description="Units that turned out to be something else.")
    accuracy_percent: Decimal | None = Field(description="Fetched units that were the right ones, per cent.")
    units_per_hour: Decimal | None = Field(description="Units an hour, from setting out to confirming.")
    packages: int = Field(description="Packages that were closed.")
    parcels: int = Field(description="Parcels that left.")
    hours_to_ship: Decimal | None = Field(description="Hours from an order's confirmation until it left, the median.")
    units_received: int = Field(description="Units that came from suppliers and other warehouses.")
    units_put_away: int = Field(description="Units that were brought into bins.")
    counted: int = Field(description="Times that a variant was counted in a bin or on the floor.")
    count_accuracy_percent: Decimal | None = Field(description="Counts that found what the books said, per cent.")
    pickers: list[PickerFigures] = Field(description="The same picking by person, most units first.")


class _Picker(NamedTuple):
    picker: str
    lists: int
    units: int
    hours: float
    mispicked: int


class _Sums(NamedTuple):
    orders: int
    asked: int
    picked: int
    missing: int
    packages: int
    parcels: int
    hours_to_ship: float | None
    received: int
    put_away: int
    counted: int
    exact: int


_PICKERS = """
select p.picker, count(*)::int as lists, coalesce(sum(t.units), 0)::int as units,
       coalesce(sum(extract(epoch from p.finished_at - p.started_at)) / 3600, 0)::float as hours,
       coalesce(sum(x.units), 0)::int as mispicked
from pick_lists p
cross join lateral (
    select sum(picked) as units from pick_tasks where merchant_id = %(m)s and pick_list_id = p.id
) t
cross join lateral (
    select sum(quantity) as units from mispicks where merchant_id = %(m)s and pick_list_id = p.id
) x
where p.merchant_id = %(m)s and p.warehouse_id = %(w)s and p.finished_at >= %(since)s
group by p.picker order by 3 desc, p.picker
"""
_SUMS = """
select t.orders, t.asked, t.picked, t.missing, (
    select count(*)::int from packages where merchant_id = %(m)s and warehouse_id = %(w)s and packed_at >= %(since)s
) as packages, f.parcels, f.hours as hours_to_ship, (
    select coalesce(sum(quantity), 0)::int from stock_movements
    where merchant_id = %(m)s and warehouse_id = %(w)s and occurred_at >= %(since)s and kind in ('receipt', 'transfer_in')
) as received, (
    select coalesce(sum(quantity), 0)::int from bin_movements
    where merchant_id = %(m)s and warehouse_id = %(w)s and occurred_at >= %(since)s and kind = 'put_away' and quantity > 0
) as put_away, c.counted, c.exact
from (
    select count(distinct t.order_id)::int as orders,
           coalesce(sum(t.quantity) filter (where t.status <> 'dropped'), 0)::int as asked,
           coalesce(sum(t.picked), 0)::int as picked,
           coalesce(sum(t.quantity - t.picked) filter (where t.status = 'short'), 0)::int as missing
    from pick_lists p join pick_tasks t on t.merchant_id = %(m)s and t.pick_list_id = p.id
    where p.merchant_id = %(m)s and p.warehouse_id = %(w)s and p.finished_at >= %(since)s
) t cross join (
    select count(*)::int as parcels,
           percentile_cont(0.5) within group (order by extract(epoch from f.shipped_at - o.confirmed_at)) / 3600 as hours
    from fulfilments f join orders o on o.merchant_id = %(m)s and o.id = f.order_id
    where f.merchant_id = %(m)s and f.warehouse_id = %(w)s and f.shipped_at >= %(since)s and f.status <> 'voided'
) f cross join (
    select count(*)::int as counted, (count(*) filter (where l.counted = l.expected))::int as exact
    from stock_counts c join stock_count_lines l on l.merchant_id = %(m)s and l.count_id = c.id
    where c.merchant_id = %(m)s and c.warehouse_id = %(w)s and c.counted_at >= %(since)s
) c
"""


@tool(
    route="GET /warehouses/{warehouse}/performance",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    heavy=True,
    examples=["How well did Lyon pick last month?", "How accurate are the counts in WH-1002 over the last 90 days?"],
)
async def warehouse_performance(ctx: Context, args: WarehousePerformance) -> WarehouseFigures:
    """Say how fast and how exactly a warehouse picks, packs, ships and counts.

    Computed from what happened in the last days, in all and by picker.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    params = {"m": ctx.merchant.id, "w": warehouse.id, "since": ctx.now() - timedelta(days=args.days)}
    pickers = await ctx.sql.rows(_PICKERS, params, as_=_Picker)
    (sums,) = await ctx.sql.rows(_SUMS, params, as_=_Sums)
    mispicked = sum(one.mispicked for one in pickers)
    return WarehouseFigures(
        warehouse=warehouse.reference,
        warehouse_name=warehouse.name,
        days=args.days,
        lists=sum(one.lists for one in pickers),
        orders=sums.orders,
        units_asked=sums.asked,
        units_picked=sums.picked,
        short_percent=_percent(sums.missing, sums.asked),
        mispicked=mispicked,
        accuracy_percent=_percent(sums.picked - mispicked, sums.picked),
        units_per_hour=_rate(sums.picked, sum(one.hours for one in pickers)),
        packages=sums.packages,
        parcels=sums.parcels,
        hours_to_ship=None if sums.hours_to_ship is None else round(Decimal(str(sums.hours_to_ship)), 1),
        units_received=sums.received,
        units_put_away=sums.put_away,
        counted=sums.counted,
        count_accuracy_percent=_percent(sums.exact, sums.counted),
        pickers=[
            PickerFigures(
                picker=one.picker,
                lists=one.lists,
                units=one.units,
                units_per_hour=_rate(one.units, one.hours),
                mispicked=one.mispicked,
            )
            for one in pickers
        ],
    )


def _percent(part: int, whole: int) -> Decimal | None:
    return round(Decimal(100 * part) / whole, 1) if whole else None


def _rate(units: int, hours: float) -> Decimal | None:
    return round(Decimal(units) / Decimal(str(hours)), 1) if hours else None
