"""Moving units inside a warehouse: from the floor onto the shelves, and from bin to bin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from pydantic import ConfigDict, Field

from db.models.products import Variant
from db.models.warehouse import BinMoveKind, Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, VariantRef, WarehouseRef
from tools.rules.bins import BinFull, Move, NotInBin, Place, lying, shift
from tools.rules.lookup import find_variant, find_variants, find_warehouse
from tools.rules.picked import waiting_at
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.stock import Level, Posting, locked, post
from tools.warehouse.picking import promised_units
from tools.warehouse.shelves import BinCode, find_bin

MOST = 1_000_000


class SameBin(Conflict):
    """A move would end where it begins."""

    hint = "Name two bins."


class PromisedToPick(Conflict):
    """Somebody is on the way to fetch them from there."""

    hint = "Move fewer, or confirm the pick lists first: list_pick_lists shows what is under way."


class NotOnTheFloor(Conflict):
    """Fewer units lie on the floor than were to be put away; what was picked for orders is theirs."""

    hint = "warehouse_capacity says how many lie on the floor; list_bins shows what is in bins already."


class NoRoom(Conflict):
    """No bin has room for it."""

    hint = "Name a bin, set up another with create_bin, or move something with move_stock."


class MoveStock(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(gt=0, le=MOST, description="Units to move.")
    from_bin: BinCode = Field(description="The bin that they leave, such as `R-09`.")
    to_bin: BinCode = Field(description="The bin that gets them, such as `A-01-2`.")


class StockMoved(Result):
    """Where the units lie now."""

    sku: str = Field(description="The variant's SKU.")
    warehouse: str = Field(description="The warehouse's reference.")
    quantity: int = Field(description="Units moved.")
    from_bin: str = Field(description="The bin that they left.")
    left: int = Field(description="Units of it that are left there.")
    to_bin: str = Field(description="The bin that got them.")
    there: int = Field(description="Units of it that are there now.")


@tool(
    route="POST /warehouses/{warehouse}/moves",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[BinFull, NotInBin, PromisedToPick, SameBin],
    examples=["Move 20 MUG-BLUE from R-09 to A-01-2 in Lyon", "Refill A-03-1 with 12 BOWL from R-02, WH-1001"],
)
async def move_stock(ctx: Context, args: MoveStock) -> StockMoved:
    """Move units from one bin to another in the same warehouse.

    Between warehouses it is transfer_stock; from the floor into a bin, put_away.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    variant = await find_variant(ctx, args.sku)
    source, target = await find_bin(ctx, warehouse, args.from_bin), await find_bin(ctx, warehouse, args.to_bin)
    if source.id == target.id:
        raise SameBin(f"{source.code} would give to itself.")
    place = variant.id, warehouse.id
    await locked(ctx, [place])
    there = Counter({one.bin_id: one.quantity for one in await lying(ctx, [place])})
    _refuse_what_is_not_there(variant, source.code, there[source.id], args.quantity)
    promised = (await promised_units(ctx, warehouse, [variant.id]))[variant.id, source.id]
    if args.quantity > there[source.id] - promised:
        raise PromisedToPick(
            f"{source.code} has {there[source.id]:,} {variant.sku}, and {promised:,} of them are to be picked; "
            f"{args.quantity:,} were to be moved."
        )

    await shift(ctx, [Move(place, args.quantity, source.id, target.id)], BinMoveKind.move)
    ctx.tell(f"{args.quantity:,} {variant.sku} in {warehouse.name} go from {source.code} to {target.code}.")
    return StockMoved(
        sku=variant.sku,
        warehouse=warehouse.reference,
        quantity=args.quantity,
        from_bin=source.code,
        left=there[source.id] - args.quantity,
        to_bin=target.code,
        there=there[target.id] + args.quantity,
    )


def _refuse_what_is_not_there(variant: Variant, bin_: str, there: int, wanted: int) -> None:
    if wanted > there:
        raise NotInBin(f"{bin_} has {there:,} {variant.sku} in the books; {wanted:,} were to be moved.")


class UnitsPutAway(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sku": "MUG-BLUE", "quantity": 20, "bin": "A-01-2"}]})

    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity | None = Field(
        default=None, gt=0, le=MOST, description="Units to put away; omit: all of it that lies on the floor."
    )
    bin: BinCode | None = Field(
        default=None, description="The bin; omit: where it lies already if there is room, else an empty one."
    )


class PutAway(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    lines: list[UnitsPutAway] = Field(min_length=1, max_length=100, description="What is put away.")


class PutInBin(Result):
    """Units that lie in a bin now."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units put there.")
    bin: str = Field(description="The bin.")


class StockPutAway(Result):
    """What was put where."""

    warehouse: str = Field(description="The warehouse's reference.")
    lines: list[PutInBin] = Field(description="What lies where now.")


@tool(
    route="POST /warehouses/{warehouse}/put-aways",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[BinFull, NoRoom, NotOnTheFloor, WarehouseClosed],
    examples=["Put the 40 MUG-BLUE in Lyon into A-01-2", "Put away all BOWL that lie on the floor in WH-1001"],
)
async def put_away(ctx: Context, args: PutAway) -> StockPutAway:
    """Bring units from the floor onto the shelves.

    What has just been received or returned lies on the floor. Without a bin the best one is chosen: where the variant lies
    already, else the first empty one on the walk that has room.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    refuse_closed(warehouse)
    variants = await find_variants(ctx, [line.sku for line in args.lines])
    places: list[Place] = [(variant.id, warehouse.id) for variant in variants]
    levels = await locked(ctx, places)
    loose = await on_the_floor(ctx, levels)
    moves: list[Move] = []
    rooms = await roomy_bins(ctx, warehouse, [variant.id for variant in variants])
    for variant, line in zip(variants, args.lines, strict=True):
        units = loose[variant.id, warehouse.id] if line.quantity is None else line.quantity
        _refuse_what_is_no_longer_loose(variant, warehouse, loose[variant.id, warehouse.id], units)
        loose[variant.id, warehouse.id] -= units
        targets = [((await find_bin(ctx, warehouse, line.bin)).id, units)] if line.bin else rooms.take(variant, units)
        moves += [Move((variant.id, warehouse.id), count, None, bin_id) for bin_id, count in targets]

    binned = await shift(ctx, moves, BinMoveKind.put_away)
    await post(ctx, [Posting(levels[place], binned=units) for place, units in binned.items()])
    return await _shown(ctx, warehouse, variants, moves)


async def on_the_floor(ctx: Context, levels: Mapping[Place, Level]) -> Counter[Place]:
    """Units that lie in no bin and were not picked for anybody; the levels are locked."""
    waiting = await waiting_at(ctx, list(levels))
    return Counter({place: level.on_hand - level.binned - waiting[place] for place, level in levels.items()})


def _refuse_what_is_no_longer_loose(variant: Variant, warehouse: Warehouse, loose: int, units: int) -> None:
    if units > loose or not units:
        raise NotOnTheFloor(
            f"{words.count(max(0, loose), 'unit')} of {variant.sku} {words.are(loose)} on the floor of {warehouse.name}"
            + (f"; {units:,} were to be put away." if units else ".")
        )


class _Room(NamedTuple):
    id: UUID
    code: str
    room: int
    variants: list[UUID]


_ROOMS = """
select b.id, b.code, coalesce(b.capacity - b.units, 1000000) as room, array(
    select s.variant_id from bin_stock s where s.merchant_id = %(m)s and s.bin_id = b.id and s.quantity > 0
) as variants
from bins b
where b.merchant_id = %(m)s and b.warehouse_id = %(w)s and (b.capacity is null or b.units < b.capacity) and (
    b.units = 0 or exists (select from bin_stock s where s.merchant_id = %(m)s and s.bin_id = b.id and s.quantity > 0
                               and s.variant_id = any(%(variants)s::uuid[]))
)
order by b.kind = 'bulk', b.walk, b.id limit 500
"""


class Rooms:
    """Bins with room, along the walk; what is promised in one is not offered again."""

    def __init__(self, warehouse: Warehouse, bins: Sequence[_Room]) -> None:
        self.warehouse = warehouse
        self.bins = bins
        self.left = {one.id: one.room for one in bins}
        self.of = {one.id: set(one.variants) for one in bins}

    def best(self, variant_id: UUID) -> list[_Room]:
        """Where the variant lies already, then empty ones."""
        theirs = [one for one in self.bins if variant_id in self.of[one.id] and self.left[one.id]]
        return theirs + [one for one in self.bins if not self.of[one.id] and self.left[one.id]]

    def take(self, variant: Variant, units: int) -> list[tuple[UUID, int]]:
        """The bins for so many units: one if one has room for all. Raises `NoRoom`."""
        best = self.best(variant.id)
        whole = [one for one in best if self.left[one.id] >= units]
        targets: list[tuple[UUID, int]] = []
        for one in whole[:1] or best:
            count = min(units, self.left[one.id])
            if count:
                targets.append((one.id, count))
                self.left[one.id] -= count
                self.of[one.id].add(variant.id)
                units -= count
        if units:
            raise NoRoom(
                f"{self.warehouse.name} has no bin with room for {words.count(units, 'unit')} of {variant.sku}."
            )
        return targets


async def roomy_bins(ctx: Context, warehouse: Warehouse, variants: Sequence[UUID]) -> Rooms:
    """The bins where these variants could go."""
    params = {"m": ctx.merchant.id, "w": warehouse.id, "variants": list(variants)}
    return Rooms(warehouse, await ctx.sql.rows(_ROOMS, params, as_=_Room))


class _Code(NamedTuple):
    id: UUID
    code: str


async def _shown(
    ctx: Context, warehouse: Warehouse, variants: Sequence[Variant], moves: Sequence[Move]
) -> StockPutAway:
    query = "select id, code from bins where merchant_id = %s and id = any(%s)"
    rows = await ctx.sql.rows(query, (ctx.merchant.id, [move.target for move in moves]), as_=_Code)
    codes = {row.id: row.code for row in rows}
    skus = {variant.id: variant.sku for variant in variants}
    lines = [
        PutInBin(sku=skus[move.place[0]], quantity=move.units, bin=codes[move.target]) for move in moves if move.target
    ]
    put = words.listed(f"{line.quantity:,} {line.sku} into {line.bin}" for line in lines)
    ctx.tell(f"In {warehouse.name} {words.are(sum(line.quantity for line in lines))} put away: {put}.")
    return StockPutAway(warehouse=warehouse.reference, lines=lines)
