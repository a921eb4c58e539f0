"""Moving stock: lock the levels in one order for everybody, look at them, then write counts and ledger in one statement.

Whoever changes a stock level comes through here, or locks by (variant_id, warehouse_id) as `locked` does: so nobody deadlocks,
and what was looked at still holds when it is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.inventory import AdjustmentReason, MovementKind
from tools.contract.context import Context
from tools.contract.errors import Conflict
from tools.rules.bins import Place, vacate
from tools.rules.picked import hand_over, waiting_at

_COUNTS = ("on_hand", "damaged", "reserved", "incoming", "binned")


class NotEnoughStock(Conflict):
    """More units are asked for than can be sold from there."""

    hint = "Take fewer, or take them from another warehouse: check_availability shows where they lie and when more will come."


class Level(NamedTuple):
    """The units of a variant in a warehouse; `new` when this very call opened the row."""

    id: UUID
    variant_id: UUID
    warehouse_id: UUID
    on_hand: int
    reserved: int
    damaged: int
    incoming: int
    binned: int
    new: bool

    @property
    def available(self) -> int:
        """What can be sold from here now."""
        return self.on_hand - self.reserved - self.damaged

    @property
    def place(self) -> Place:
        return self.variant_id, self.warehouse_id


@dataclass(frozen=True)
class Posting:
    """Signed changes of a locked level's counts."""

    level: Level
    on_hand: int = 0
    damaged: int = 0
    reserved: int = 0
    incoming: int = 0
    binned: int = 0  # of those moves that `bins.shift` made
    unit_cost: Decimal | None = None  # of units that were bought

    @property
    def before(self) -> dict[str, int]:
        """The counts that it changes, as they were."""
        return {name: getattr(self.level, name) for name in _COUNTS if getattr(self, name)}

    @property
    def after(self) -> dict[str, int]:
        return {name: count + getattr(self, name) for name, count in self.before.items()}

    @property
    def moves_units(self) -> bool:
        return bool(self.on_hand or self.damaged)


_OPEN = """
insert into stock_levels (merchant_id, id, variant_id, product_id, warehouse_id, created_at, updated_at)
select %(m)s, place.id, place.variant_id, v.product_id, place.warehouse_id, %(now)s, %(now)s
from unnest(%(ids)s::uuid[], %(variants)s::uuid[], %(warehouses)s::uuid[]) as place(id, variant_id, warehouse_id)
join variants v on v.merchant_id = %(m)s and v.id = place.variant_id
order by place.variant_id, place.warehouse_id
on conflict (merchant_id, warehouse_id, variant_id) do nothing
"""
_LOCK = """
select s.id, s.variant_id, s.warehouse_id, s.on_hand, s.reserved, s.damaged, s.incoming, s.binned,
       s.id = any(%(ids)s::uuid[]) as new
from stock_levels s
join unnest(%(variants)s::uuid[], %(warehouses)s::uuid[]) as place(variant_id, warehouse_id)
    on place.variant_id = s.variant_id and place.warehouse_id = s.warehouse_id
where s.merchant_id = %(m)s
order by s.variant_id, s.warehouse_id
for no key update of s
"""
_POST = """
with posting as (
    select * from unnest(
        %(ids)s::uuid[], %(movements)s::uuid[], %(variants)s::uuid[], %(warehouses)s::uuid[],
        %(on_hand)s::int[], %(damaged)s::int[], %(reserved)s::int[], %(incoming)s::int[], %(binned)s::int[],
        %(unit_costs)s::numeric[]
    ) as p(id, movement, variant_id, warehouse_id, on_hand, damaged, reserved, incoming, binned, unit_cost)
), counted as (
    update stock_levels s
    set on_hand = s.on_hand + p.on_hand, damaged = s.damaged + p.damaged,
        reserved = s.reserved + p.reserved, incoming = s.incoming + p.incoming,
        binned = s.binned + p.binned, updated_at = %(now)s
    from posting p where s.merchant_id = %(m)s and s.id = p.id
)
insert into stock_movements (merchant_id, id, warehouse_id, variant_id, kind, reason, quantity, damaged,
                             unit_cost, subject_kind, subject_id, order_id, actor, note, occurred_at, created_at)
select %(m)s, p.movement, p.warehouse_id, p.variant_id, %(kind)s, %(reason)s, p.on_hand, p.damaged,
       p.unit_cost, %(subject_kind)s, %(subject_id)s, %(order_id)s, %(actor)s, %(note)s, %(now)s, %(now)s
from posting p where p.on_hand <> 0 or p.damaged <> 0
"""


async def locked(ctx: Context, places: Iterable[Place], *, opening: bool = False) -> dict[Place, Level]:
    """The levels of these variants in these warehouses, locked until the end of the call.

    A place where the variant never lay is left out, unless `opening` it: then it has a level of zeros, and has to be posted to.
    """
    ordered = sorted(set(places))
    params = {
        "m": ctx.merchant.id,
        "now": ctx.now(),
        "ids": [new_id() for _ in ordered],
        "variants": [variant for variant, _ in ordered],
        "warehouses": [warehouse for _, warehouse in ordered],
    }
    if opening:
        await ctx.sql.execute(_OPEN, params)
    levels = await ctx.sql.rows(_LOCK, params, as_=Level)
    return {(level.variant_id, level.warehouse_id): level for level in levels}


async def post(
    ctx: Context,
    postings: Sequence[Posting],
    kind: MovementKind | None = None,
    *,
    reason: AdjustmentReason | None = None,
    subject: tuple[str, UUID] | None = None,
    order_id: UUID | None = None,
    note: str | None = None,
) -> None:
    """Change the counts of locked levels, at most one posting each; a movement says where units came from or went.

    `kind` is needed where units come, go or are set aside; to reserve, or to announce what will come, needs none. What leaves
    a warehouse is taken from the floor, and from bins where the floor has too few.
    """
    if kind is MovementKind.sale and order_id:
        await hand_over(ctx, order_id, {one.level.place: -one.on_hand for one in postings if one.on_hand < 0}, subject)
    postings = await _out_of_bins(ctx, postings)
    movements = [new_id() for _ in postings]
    cause = {
        "kind": kind, "reason": reason, "order_id": order_id, "note": note,
        "subject_kind": subject[0] if subject else None, "subject_id": subject[1] if subject else None,
    }  # fmt: skip
    params = {
        "m": ctx.merchant.id,
        "now": ctx.now(),
        "actor": ctx.actor.reference,
        "ids": [posting.level.id for posting in postings],
        "movements": movements,
        "variants": [posting.level.variant_id for posting in postings],
        "warehouses": [posting.level.warehouse_id for posting in postings],
        **{name: [getattr(posting, name) for posting in postings] for name in _COUNTS},
        "unit_costs": [posting.unit_cost for posting in postings],
    }
    await ctx.sql.execute(_POST, params | cause)
    _tell(ctx, postings, movements, cause)


async def _out_of_bins(ctx: Context, postings: Sequence[Posting]) -> Sequence[Posting]:
    """What leaves is not in a bin any more. What was picked for orders stays on the floor for them."""
    leaving = [one for one in postings if one.on_hand < 0 and one.level.binned and not one.binned]
    if not leaving:
        return postings
    waiting = await waiting_at(ctx, [one.level.place for one in leaving])
    taken: dict[Place, int] = {}
    for one in leaving:
        floor = one.level.on_hand - one.level.binned - waiting[one.level.place]
        if (units := min(one.level.binned, -one.on_hand - floor)) > 0:
            taken[one.level.place] = units
    if taken:
        await vacate(ctx, taken)
    return [replace(one, binned=-taken[one.level.place]) if one.level.place in taken else one for one in postings]


def _tell(ctx: Context, postings: Sequence[Posting], movements: Sequence[UUID], cause: Mapping[str, Any]) -> None:
    for posting, movement in zip(postings, movements, strict=True):
        level = posting.level
        place = {"variant_id": level.variant_id, "warehouse_id": level.warehouse_id}
        if level.new:
            ctx.changes.inserted("stock_levels", [{"id": level.id, **place, **posting.after}])
        else:
            ctx.changes.updated("stock_levels", level.id, posting.before, posting.after)
        if posting.moves_units:
            moved = {"id": movement, **place, "quantity": posting.on_hand, "damaged": posting.damaged, **cause}
            if posting.unit_cost is not None:
                moved["unit_cost"] = posting.unit_cost
            ctx.changes.inserted("stock_movements", [moved])
