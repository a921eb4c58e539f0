"""Where inside a warehouse units lie: moves between bins and the floor, each as a pair that sums to zero.

Who moves units has locked the stock level of the variant in that warehouse: its bins' rows change under that lock alone. Bins
themselves, which many variants share, are locked after all levels, by id. So nobody deadlocks, and nobody takes a unit twice.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from db.model import new_id
from db.models.warehouse import Bin, BinMoveKind, BinMovement, BinStock
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Conflict

Place = tuple[UUID, UUID]  # a variant and a warehouse


class BinFull(Conflict):
    """The bin takes no more units."""

    hint = "Put fewer there, or choose another bin: list_bins shows which have room."


class NotInBin(Conflict):
    """By the books the bin has fewer units of it."""

    hint = "Name the bin where they lie (list_bins shows it), or count this one with count_stock."


class Move(NamedTuple):
    """Units of a variant from one bin to another; no bin is the floor."""

    place: Place
    units: int
    source: UUID | None
    target: UUID | None


class Lying(NamedTuple):
    """Units of a variant in a bin."""

    bin_id: UUID
    variant_id: UUID
    warehouse_id: UUID
    code: str
    walk: int
    quantity: int

    @property
    def place(self) -> Place:
        return self.variant_id, self.warehouse_id


_LYING = """
select b.id as bin_id, s.variant_id, s.warehouse_id, b.code, b.walk, s.quantity
from bin_stock s join bins b on b.merchant_id = %(m)s and b.id = s.bin_id
where s.merchant_id = %(m)s and s.quantity > 0
  and (s.variant_id, s.warehouse_id) in (select * from unnest(%(variants)s::uuid[], %(warehouses)s::uuid[]))
order by b.kind = 'bulk', b.walk, b.id
"""


async def lying(ctx: Context, places: Collection[Place]) -> list[Lying]:
    """What lies in bins of these variants in these warehouses, along the walk, bulk bins last."""
    await ctx.sql.flush()
    params = {
        "m": ctx.merchant.id,
        "variants": [variant for variant, _ in places],
        "warehouses": [warehouse for _, warehouse in places],
    }
    return await ctx.sql.rows(_LYING, params, as_=Lying)


async def shift(
    ctx: Context, moves: Sequence[Move], kind: BinMoveKind, subject: tuple[str, UUID] | None = None
) -> Counter[Place]:
    """Move units. Returns by how many the units in bins change at each place: the caller posts it as `binned`.

    Raises `NotInBin` and `BinFull`.
    """
    used = {bin_id for move in moves for bin_id in (move.source, move.target) if bin_id}
    bins = await _locked(ctx, used)
    stock = await _stock(ctx, used, {move.place[0] for move in moves})
    binned = Counter[Place]()
    for move in moves:
        pair = new_id()
        for bin_id, units in ((move.source, -move.units), (move.target, move.units)):
            ctx.new(
                BinMovement, move_id=pair, warehouse_id=move.place[1], bin_id=bin_id, variant_id=move.place[0], kind=kind,
                quantity=units, subject_kind=subject[0] if subject else None, subject_id=subject[1] if subject else None,
                actor=ctx.actor.reference, occurred_at=ctx.now(),
            )  # fmt: skip
            if bin_id:
                _book(ctx, bins[bin_id], stock, move.place, units)
                binned[move.place] += units
    _refuse_overfull(bins.values())
    await ctx.db.flush()
    return binned


async def _locked(ctx: Context, ids: Collection[UUID]) -> dict[UUID, Bin]:
    query = select(Bin).where(Bin.merchant_id == ctx.merchant.id, Bin.id.in_(ids)).order_by(Bin.id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {row.id: row for row in (await ctx.db.scalars(query)).all()}


async def _stock(ctx: Context, bins: Collection[UUID], variants: Collection[UUID]) -> dict[tuple[UUID, UUID], BinStock]:
    query = select(BinStock).where(
        BinStock.merchant_id == ctx.merchant.id, BinStock.bin_id.in_(bins), BinStock.variant_id.in_(variants)
    )
    rows = (await ctx.db.scalars(query.execution_options(populate_existing=True))).all()
    return {(row.bin_id, row.variant_id): row for row in rows}


def _book(ctx: Context, bin_: Bin, stock: dict[tuple[UUID, UUID], BinStock], place: Place, units: int) -> None:
    variant, warehouse = place
    row = stock.get((bin_.id, variant))
    if row is None:
        row = ctx.new(BinStock, warehouse_id=warehouse, bin_id=bin_.id, variant_id=variant, quantity=0)
        stock[bin_.id, variant] = row
    if row.quantity + units < 0:
        raise NotInBin(f"{bin_.code} has {words.count(row.quantity, 'unit')} of it in the books, not {-units:,}.")
    row.quantity += units
    bin_.units += units


def _refuse_overfull(bins: Iterable[Bin]) -> None:
    for bin_ in bins:
        if bin_.capacity is not None and bin_.units > bin_.capacity:
            raise BinFull(f"{bin_.code} takes {words.count(bin_.capacity, 'unit')}, and would have {bin_.units:,}.")


async def vacate(ctx: Context, leaving: Mapping[Place, int]) -> None:
    """Take so many units out of bins, along the walk, onto the floor: they leave, and nobody said from which bin."""
    left, moves = dict(leaving), list[Move]()
    for here in await lying(ctx, leaving):
        units = min(left[here.place], here.quantity)
        if units:
            moves.append(Move(here.place, units, here.bin_id, None))
            left[here.place] -= units
    await shift(ctx, moves, BinMoveKind.left)
