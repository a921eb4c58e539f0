"""Counting: what is in bins, or on the floor, and what the books say becomes what is there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import Select, func, select, tuple_

from db.model import new_id
from db.models.inventory import AdjustmentReason, MovementKind, Reservation, ReservationStatus
from db.models.products import Variant
from db.models.warehouse import Bin, BinMoveKind, PickTask, StockCount, StockCountLine, Warehouse
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, Text, UntrustedText, VariantRef, WarehouseRef
from tools.inventory.adjustments import BelowReserved
from tools.inventory.places import NotTracked, refuse_untracked
from tools.rules.bins import BinFull, Move, Place, lying, shift
from tools.rules.lookup import find_variants, find_warehouse
from tools.rules.stock import Level, Posting, locked, post
from tools.warehouse.moving import on_the_floor
from tools.warehouse.shelves import BinCode, find_bin


class BeingPicked(Conflict):
    """Somebody is fetching units from there at this moment: nobody knows which of them are on the cart."""

    hint = "Have the pick list confirmed first, then count."


class CountedTwice(Conflict):
    """The same variant in the same bin stands twice on the count."""

    hint = "Give one number for each variant and bin."


class CountedUnits(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sku": "MUG-BLUE", "bin": "A-01-2", "counted": 11}]})

    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    bin: BinCode | None = Field(
        default=None, description="The bin; omit for the floor, without what was picked for orders."
    )
    counted: Quantity = Field(ge=0, le=1_000_000, description="Units that are there, damaged ones included.")


class CountStock(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    lines: list[CountedUnits] = Field(min_length=1, max_length=200, description="What was counted where.")
    note: Text | None = Field(default=None, description="What a colleague should know.")


class CountedLine(Result):
    """A variant in a bin, as the books had it and as it is."""

    sku: str = Field(description="The variant's SKU.")
    bin: str | None = Field(description="The bin; null: the floor.")
    expected: int = Field(description="Units by the books.")
    counted: int = Field(description="Units that are there.")
    difference: int = Field(description="Units more (or with a minus, fewer) than by the books.")
    found_again: int = Field(description="Units held back since a pick did not find them, and let go by this count.")


class CountBooked(Result):
    """A count, and what it changed."""

    reference: str = Field(description="The count's reference.")
    warehouse: str = Field(description="The warehouse's reference.")
    lines: list[CountedLine] = Field(description="What was counted.")
    difference: int = Field(description="By how many units the stock changes in all.")
    note: UntrustedText | None = Field(description="What was noted.")


@dataclass
class _Line:
    variant: Variant
    bin: Bin | None
    counted: int
    expected: int = 0
    freed: int = 0

    @property
    def difference(self) -> int:
        return self.counted - self.expected

    @property
    def where(self) -> tuple[UUID, UUID | None]:
        return self.variant.id, self.bin.id if self.bin else None


@tool(
    room="warehouse",
    route="POST /warehouses/{warehouse}/counts",
    effect=Effect.goods,
    permission="warehouse:write",
    raises=[BeingPicked, BelowReserved, BinFull, CountedTwice, NotTracked],
    examples=["We counted 11 MUG-BLUE in A-01-2 in Lyon", "Cycle count WH-1001: 40 BOWL in A-03-1, 12 BOWL in R-02"],
)
async def count_stock(ctx: Context, args: CountStock) -> CountBooked:
    """Enter a count of bins or the floor: differences correct the stock.

    Each difference is a movement in the ledger. Units that a pick did not find, and that were held back until now, are let go:
    the count says what is there. Nothing is counted while somebody picks from it.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    lines = await _lines(ctx, args, warehouse)
    held = await _held_back(ctx, lines, warehouse)
    levels = await locked(ctx, [(line.variant.id, warehouse.id) for line in lines], opening=True)
    await _refuse_under_way(ctx, lines, warehouse)
    await _expect(ctx, lines, levels, warehouse)
    freed = await _let_go(ctx, lines, held, warehouse)

    id_ = new_id()
    moves = [_move(line, warehouse) for line in lines if line.bin and line.difference]
    binned = await shift(ctx, moves, BinMoveKind.counted, ("stock_count", id_))
    postings = _postings(lines, levels, binned, freed)
    _refuse_what_is_reserved(lines, postings, warehouse)
    if postings:
        await post(
            ctx, postings, MovementKind.adjustment, reason=AdjustmentReason.counted, subject=("stock_count", id_),
            note=args.note,
        )  # fmt: skip
    (reference,) = await ctx.take(Kind.stock_count)
    count = ctx.new(
        StockCount, id=id_, reference=reference, warehouse_id=warehouse.id, note=args.note, actor=ctx.actor.reference,
        counted_at=ctx.now(),
    )  # fmt: skip
    for line in lines:
        ctx.new(
            StockCountLine, count_id=id_, bin_id=line.bin.id if line.bin else None, variant_id=line.variant.id,
            expected=line.expected, counted=line.counted,
        )  # fmt: skip
    ctx.event("counted", count, lines=len(lines), difference=sum(line.difference for line in lines))
    _tell(ctx, warehouse, lines)
    return _shown(count, warehouse, lines)


async def _lines(ctx: Context, args: CountStock, warehouse: Warehouse) -> list[_Line]:
    variants = await find_variants(ctx, [line.sku for line in args.lines])
    lines: list[_Line] = []
    for variant, said in zip(variants, args.lines, strict=True):
        refuse_untracked(variant)
        bin_ = await find_bin(ctx, warehouse, said.bin) if said.bin else None
        line = _Line(variant, bin_, said.counted)
        if line.where in {other.where for other in lines}:
            raise CountedTwice(f"{variant.sku} {_in(line)} stands twice on the count.")
        lines.append(line)
    return lines


def _in(line: _Line) -> str:
    return f"in {line.bin.code}" if line.bin else "on the floor"


def _not_found(ctx: Context, lines: Sequence[_Line], warehouse: Warehouse) -> Select[PickTask]:
    """Picks that did not find units there."""
    where = tuple_(PickTask.variant_id, func.coalesce(PickTask.bin_id, warehouse.id))
    return select(PickTask).where(
        PickTask.merchant_id == ctx.merchant.id,
        PickTask.warehouse_id == warehouse.id,
        PickTask.missing > 0,
        where.in_([(line.variant.id, line.bin.id if line.bin else warehouse.id) for line in lines]),
    )


async def _held_back(ctx: Context, lines: Sequence[_Line], warehouse: Warehouse) -> Sequence[Reservation]:
    """What was held back since then; locked, before the stock."""
    tasks = (await ctx.db.scalars(_not_found(ctx, lines, warehouse))).all()
    query = select(Reservation).where(
        Reservation.merchant_id == ctx.merchant.id,
        Reservation.id.in_([task.held_id for task in tasks]),
        Reservation.status == ReservationStatus.active,
    )
    return (await ctx.db.scalars(query.order_by(Reservation.id).with_for_update(key_share=True))).all()


class _Busy(NamedTuple):
    reference: str
    picker: str
    variant_id: UUID
    bin_id: UUID | None


async def _refuse_under_way(ctx: Context, lines: Sequence[_Line], warehouse: Warehouse) -> None:
    query = """
        select p.reference, p.picker, t.variant_id, t.bin_id
        from pick_tasks t join pick_lists p on p.merchant_id = %(m)s and p.id = t.pick_list_id and p.status = 'picking'
        where t.merchant_id = %(m)s and t.warehouse_id = %(w)s and t.variant_id = any(%(variants)s::uuid[]) and t.status = 'open'
    """
    params = {"m": ctx.merchant.id, "w": warehouse.id, "variants": [line.variant.id for line in lines]}
    busy = {(row.variant_id, row.bin_id): row for row in await ctx.sql.rows(query, params, as_=_Busy)}
    for line in lines:
        if found := busy.get(line.where):
            raise BeingPicked(f"{found.picker} is fetching {line.variant.sku} {_in(line)} with {found.reference}.")


async def _expect(ctx: Context, lines: Sequence[_Line], levels: dict[Place, Level], warehouse: Warehouse) -> None:
    shelves = {(one.variant_id, one.bin_id): one.quantity for one in await lying(ctx, list(levels))}
    loose = await on_the_floor(ctx, levels)
    for line in lines:
        floor = max(0, loose[line.variant.id, warehouse.id])
        line.expected = shelves.get((line.variant.id, line.bin.id), 0) if line.bin else floor


async def _let_go(
    ctx: Context, lines: Sequence[_Line], held: Sequence[Reservation], warehouse: Warehouse
) -> Counter[UUID]:
    """What was held back is free: the count says what there is. Returns how many units of each variant."""
    by_where, freed = {line.where: line for line in lines}, Counter[UUID]()
    for one in held:
        ctx.move(one, ReservationStatus.released, quantity=one.quantity)
        one.closed_at = ctx.now()
        freed[one.variant_id] += one.quantity
    locking = _not_found(ctx, lines, warehouse).order_by(PickTask.id).with_for_update(key_share=True)
    for task in (await ctx.db.scalars(locking.execution_options(populate_existing=True))).all():
        by_where[task.variant_id, task.bin_id].freed += task.missing
        task.missing, task.held_id = 0, None
    await ctx.db.flush()
    return freed


def _move(line: _Line, warehouse: Warehouse) -> Move:
    """What is found comes into the bin by way of the floor, and what is not goes that way."""
    assert line.bin is not None
    ends = (None, line.bin.id) if line.difference > 0 else (line.bin.id, None)
    return Move((line.variant.id, warehouse.id), abs(line.difference), *ends)


def _postings(
    lines: Sequence[_Line], levels: dict[Place, Level], binned: Counter[Place], freed: Counter[UUID]
) -> list[Posting]:
    changes = Counter[UUID]()
    for line in lines:
        changes[line.variant.id] += line.difference
    return [
        Posting(level, on_hand=changes[level.variant_id], binned=binned[level.place], reserved=-freed[level.variant_id])
        for level in levels.values()
        if level.new or changes[level.variant_id] or binned[level.place] or freed[level.variant_id]
    ]


def _refuse_what_is_reserved(lines: Sequence[_Line], postings: Sequence[Posting], warehouse: Warehouse) -> None:
    skus = {line.variant.id: line.variant.sku for line in lines}
    for one in postings:
        if one.level.available + one.on_hand - one.reserved < 0:
            left = one.level.on_hand + one.on_hand
            raise BelowReserved(
                f"By this count {warehouse.name} has {left:,} {skus[one.level.variant_id]}, and "
                f"{one.level.reserved + one.reserved:,} are reserved and {one.level.damaged:,} damaged."
            )


def _tell(ctx: Context, warehouse: Warehouse, lines: Sequence[_Line]) -> None:
    other = [line for line in lines if line.difference]
    for line in other[:5]:
        more = f"{abs(line.difference):,} {'more' if line.difference > 0 else 'fewer'} than"
        ctx.tell(
            f"{line.variant.sku} {_in(line)} in {warehouse.name} is counted at {line.counted:,}, {more} by the books."
        )
    if len(other) > 5:
        ctx.tell(f"And {len(other) - 5} more counts differ from the books.")
    same = [line for line in lines if not line.difference]
    if same:
        found = words.listed(dict.fromkeys(line.variant.sku for line in same))
        ctx.tell(f"{found} in {warehouse.name} {words.are(len(same))} as the books say.")
    if freed := sum(line.freed for line in lines):
        ctx.tell(f"{words.count(freed, 'unit')} that a pick did not find {words.are(freed)} held back no longer.")


def _shown(count: StockCount, warehouse: Warehouse, lines: Sequence[_Line]) -> CountBooked:
    return CountBooked(
        reference=count.reference,
        warehouse=warehouse.reference,
        lines=[
            CountedLine(
                sku=line.variant.sku,
                bin=line.bin.code if line.bin else None,
                expected=line.expected,
                counted=line.counted,
                difference=line.difference,
                found_again=line.freed,
            )
            for line in lines
        ],
        difference=sum(line.difference for line in lines),
        note=count.note,
    )
