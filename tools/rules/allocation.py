"""Which warehouses ship what of an order: in the fewest parcels, then from the nearest, then the cheapest.

What is decided is written into the order's reservations. Whoever allocates has locked the order; here its reservations are locked,
then the stock levels of its variants in every warehouse, in the one order for everybody: nothing is held twice.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from db.models.inventory import Reservation, ReservationReason, ReservationStatus
from db.models.orders import Order
from db.text import fold
from tools.contract.context import Context
from tools.rules.bins import Place
from tools.rules.stock import Level, Posting, locked

Portion = tuple[UUID, UUID]  # an order line and a warehouse
WEIGHED = 10  # warehouses of which every combination is looked at; of more, the nearest
COSTS_OF = timedelta(days=90)


class Want(NamedTuple):
    """What an order line still needs, in the order of its lines."""

    line: UUID
    variant: UUID
    units: int


class Site(NamedTuple):
    """A warehouse as an order's address sees it: how far away (0 is near by), and what a parcel from there costs on average."""

    id: UUID
    name: str
    distance: int
    cost: int


class _Site(NamedTuple):
    id: UUID
    name: str
    country: str
    region: str | None
    postcode: str
    cost: int | None


_SITES = """
select w.id, w.name, w.country, w.region, w.postcode, (
    select round(avg(f.cost))::int from fulfilments f
    join orders o on o.merchant_id = %(m)s and o.id = f.order_id and o.ship_country = %(country)s
    where f.merchant_id = %(m)s and f.warehouse_id = w.id and f.currency = %(home)s and f.cost > 0 and f.shipped_at > %(since)s
) as cost
from warehouses w where w.merchant_id = %(m)s and w.active order by w.priority, w.id
"""
_UNKNOWN = 1 << 40  # dearer than any that is known


async def sites_for(ctx: Context, order: Order) -> list[Site]:
    """The warehouses that ship, the best for the order's address first; equals in the merchant's own order."""
    params = {
        "m": ctx.merchant.id, "country": order.ship_country, "home": ctx.merchant.currency, "since": ctx.now() - COSTS_OF,
    }  # fmt: skip
    rows = await ctx.sql.rows(_SITES, params, as_=_Site)
    sites = [Site(row.id, row.name, _distance(row, order), _UNKNOWN if row.cost is None else row.cost) for row in rows]
    return sorted(sites, key=lambda site: (site.distance, site.cost))


def _distance(site: _Site, order: Order) -> int:
    """In steps, for addresses have no coordinates: the same postal area, the same region, the same country, abroad."""
    if site.country != order.ship_country:
        return 3
    if order.ship_postcode and site.postcode[:2] == order.ship_postcode.strip()[:2]:
        return 0
    return 1 if site.region and order.ship_region and fold(site.region) == fold(order.ship_region) else 2


def plan(
    wants: Sequence[Want], free: Mapping[Place, int], sites: Sequence[Site], fixed: Mapping[Portion, int]
) -> Counter[Portion]:
    """How many units of each line which warehouse ships. `fixed` is what stays where it is; what nobody has is left out."""
    bound = {warehouse for (_, warehouse), units in fixed.items() if units}
    chosen = _chosen(wants, free, sites, bound)
    left, planned = Counter(free), Counter({portion: units for portion, units in fixed.items() if units})
    for want in wants:
        here = {portion: units for portion, units in fixed.items() if portion[0] == want.line}
        left.subtract({(want.variant, warehouse): units for (_, warehouse), units in here.items()})
    for want in wants:
        needed = want.units - sum(units for (line, _), units in fixed.items() if line == want.line)
        whole = [site for site in chosen if left[want.variant, site.id] >= needed]
        for site in whole or chosen:
            units = max(0, min(needed, left[want.variant, site.id]))
            planned[want.line, site.id] += units
            left[want.variant, site.id] -= units
            needed -= units
    return +planned


def _chosen(
    wants: Sequence[Want], free: Mapping[Place, int], sites: Sequence[Site], bound: set[UUID]
) -> Sequence[Site]:
    """The fewest warehouses that have together what all of them have of it; of as many, the nearest, then the cheapest."""
    needed = Counter[UUID]()
    for want in wants:
        needed[want.variant] += want.units
    stocked = [site for site in sites if site.id in bound or any(free.get((v, site.id), 0) > 0 for v in needed)]
    stocked = [site for site in stocked if site.id in bound] + [site for site in stocked if site.id not in bound]
    weighed = sorted(stocked[:WEIGHED], key=sites.index)
    there = {v: min(units, sum(free.get((v, site.id), 0) for site in weighed)) for v, units in needed.items()}

    def suffices(some: Iterable[Site]) -> bool:
        ids = [site.id for site in some]
        return bound.issubset(ids) and all(sum(free.get((v, id_), 0) for id_ in ids) >= there[v] for v in there)

    def far_and_dear(some: Iterable[Site]) -> tuple[float, int]:
        return sum(site.distance for site in some), sum(site.cost for site in some)

    for count in range(len(weighed) + 1):
        enough = [some for some in combinations(weighed, count) if suffices(some)]
        if enough:
            return min(enough, key=far_and_dear)
    return weighed


@dataclass
class Allocation:
    """The reservations of some orders, and the stock levels that they may be moved between, all locked."""

    held: list[Reservation]
    levels: dict[Place, Level]
    reserved: Counter[Place] = field(default_factory=Counter[Place])  # by which the reserved units change

    def free(self) -> Counter[Place]:
        """What can be held, at each place."""
        return Counter({place: level.available - self.reserved[place] for place, level in self.levels.items()})

    def postings(self, binned: Mapping[Place, int] | None = None) -> list[Posting]:
        """The changes of the levels, together with units that go into bins or out of them."""
        binned = binned or {}
        return [
            Posting(level, reserved=self.reserved[place], binned=binned.get(place, 0))
            for place, level in self.levels.items()
            if self.reserved[place] or binned.get(place)
        ]


async def opened(
    ctx: Context, orders: Sequence[UUID], warehouses: Sequence[UUID], more: Iterable[Place] = ()
) -> Allocation:
    """Lock what these orders hold, and the levels of it in these warehouses and where it is held now; and `more` levels."""
    query = select(Reservation).where(
        Reservation.merchant_id == ctx.merchant.id,
        Reservation.order_id.in_(orders),
        Reservation.status == ReservationStatus.active,
    )
    locking = query.order_by(Reservation.id).with_for_update(key_share=True)
    held = list((await ctx.db.scalars(locking.execution_options(populate_existing=True))).all())
    places = {(one.variant_id, warehouse) for one in held for warehouse in (*warehouses, one.warehouse_id)}
    return Allocation(held, await locked(ctx, places | set(more)))


async def allot(
    ctx: Context, order: Order, sites: Sequence[Site], fixed: Mapping[Portion, int], allocation: Allocation
) -> Counter[Portion]:
    """Hold an order's units where `plan` says, and promise the rest from the next delivery. Returns what is held now."""
    held = [one for one in allocation.held if one.order_id == order.id and one.status is ReservationStatus.active]
    free, wanted, there = allocation.free(), Counter[tuple[UUID, UUID]](), Counter[Portion]()
    for one in held:
        assert one.order_line_id is not None
        free[one.variant_id, one.warehouse_id] += one.quantity
        there[one.order_line_id, one.warehouse_id] += one.quantity
        wanted[one.order_line_id, one.variant_id] += one.quantity + one.backordered
    wants = [Want(line, variant, units) for (line, variant), units in sorted(wanted.items())]
    planned = plan(wants, free, sites, there & Counter(fixed))
    waits = {want.line: want.units - sum(n for (line, _), n in planned.items() if line == want.line) for want in wants}
    await _hold(ctx, order, held, _rows(wants, planned, waits, held), allocation)
    return planned


_Row = tuple[UUID, UUID, UUID]  # line, variant, warehouse


def _rows(
    wants: Sequence[Want], planned: Counter[Portion], waits: Mapping[UUID, int], held: Sequence[Reservation]
) -> dict[_Row, tuple[int, int]]:
    """The reservations that there shall be, as (held, promised): what is promised waits where the line is held, or was."""
    rows: dict[_Row, tuple[int, int]] = {}
    for want in wants:
        here = [warehouse for line, warehouse in planned if line == want.line]
        before = [one.warehouse_id for one in held if one.order_line_id == want.line]
        for warehouse in here:
            rows[want.line, want.variant, warehouse] = planned[want.line, warehouse], 0
        if waits[want.line]:
            first = (here or before)[0]
            rows[want.line, want.variant, first] = planned[want.line, first], waits[want.line]
    return rows


async def _hold(
    ctx: Context,
    order: Order,
    held: Sequence[Reservation],
    rows: Mapping[_Row, tuple[int, int]],
    allocation: Allocation,
) -> None:
    """Change what is held into what shall be; a reservation that stays as it is is not touched."""
    left = dict(rows)
    for one in held:
        assert one.order_line_id is not None
        place = one.variant_id, one.warehouse_id
        units, waits = left.pop((one.order_line_id, *place), (0, 0))
        allocation.reserved[place] += units - one.quantity
        if units + waits == 0:
            ctx.move(one, ReservationStatus.released, order_id=order.id, quantity=one.quantity)
            one.closed_at = ctx.now()
        elif (units, waits) != (one.quantity, one.backordered):
            one.quantity, one.backordered = units, waits
    names = await _names(ctx, order, len(left))
    for name, ((line, variant, warehouse), (units, waits)) in zip(names, left.items(), strict=True):
        allocation.reserved[variant, warehouse] += units
        row = ctx.new(
            Reservation, reference=name, status=ReservationStatus.active, reason=ReservationReason.order,
            warehouse_id=warehouse, variant_id=variant, quantity=units, backordered=waits, order_id=order.id,
            order_line_id=line,
        )  # fmt: skip
        allocation.held.append(row)


class _Count(NamedTuple):
    reservations: int


async def _names(ctx: Context, order: Order, count: int) -> list[str]:
    """The next references of an order's reservations."""
    if not count:
        return []
    query = "select count(*)::int as reservations from reservations where merchant_id = %s and order_id = %s"
    await ctx.sql.flush()
    named = await ctx.sql.row(query, (ctx.merchant.id, order.id), as_=_Count)
    first = named.reservations + 1 if named else 1
    return [f"{order.reference}-{first + n}" for n in range(count)]
