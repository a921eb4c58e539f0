"""Something else was fetched than was asked for."""

from collections.abc import Sequence

from pydantic import Field

from db.models.products import Variant
from db.models.warehouse import Bin, BinMoveKind, Mispick, PickList, PickStatus, PickTask
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, Text, UntrustedText, VariantRef
from tools.rules.bins import BinFull, Move, Place, lying, shift
from tools.rules.lookup import find_variant
from tools.rules.picked import sealed_packages
from tools.rules.stock import Posting, locked, post
from tools.warehouse.claims import PickRef, claimed


class NothingMispicked(Conflict):
    """The list brought fewer units of it, or they are packed or gone already."""

    hint = "get_pick_list shows what it brought. Open the package, or take it back as a return, when it has left."


class ReportMispick(Input):
    pick: PickRef = Field(description="The pick list, such as `PCK-1001`.")
    sku: VariantRef = Field(description="The variant that was asked for and is not there, by SKU.")
    quantity: Quantity = Field(default=1, gt=0, le=10_000, description="Units of it that are not there.")
    got: VariantRef | None = Field(default=None, description="The variant that was fetched instead, by SKU.")
    note: Text | None = Field(default=None, description="What a colleague should know.")


class MispickReported(Result):
    """What is put right by it."""

    reference: str = Field(description="The pick list's reference.")
    sku: str = Field(description="The variant that was asked for.")
    quantity: int = Field(description="Units that are to be picked again.")
    orders: list[str] = Field(description="The orders that they are picked for again.")
    put_back: list[str] = Field(description="Bins that have the units by the books again.")
    got: str | None = Field(description="The variant that was fetched instead; it lies on the floor now.")
    got_from: list[str] = Field(description="Bins that it was taken from, by the books.")
    note: UntrustedText | None = Field(description="What was noted.")


@tool(
    route="POST /pick-lists/{pick}/mispicks",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[BinFull, NothingMispicked],
    examples=["On PCK-1004 a MUG-RED was picked instead of a MUG-BLUE", "PCK-1012: wrong bowl, 2 BOWL are missing"],
)
async def report_mispick(ctx: Context, args: ReportMispick) -> MispickReported:
    """Say that something else was fetched than was asked for, found when packing.

    What was asked for is in its bin by the books again, and its order is picked again. What was fetched instead lies on the
    floor, to be put away.
    """
    pick, tasks, orders = await claimed(ctx, args.pick)
    variant = await find_variant(ctx, args.sku)
    got = await find_variant(ctx, args.got) if args.got else None
    if got is variant:
        raise NothingMispicked(f"{variant.sku} is what {pick.reference} asked for.")
    wrong = await _wrong(ctx, pick, tasks, variant, args.quantity)
    place, other = (variant.id, pick.warehouse_id), (got.id, pick.warehouse_id) if got else None
    levels = await locked(ctx, [place, *([other] if other else [])])

    moves = [Move(place, units, None, task.bin_id) for task, units in wrong if task.bin_id]
    taken = await _taken(ctx, other, args.quantity, wrong) if other else []
    binned = await shift(ctx, [*moves, *taken], BinMoveKind.mispick, ("pick_list", pick.id))
    for task, units in wrong:
        task.gone += units
        ctx.new(
            Mispick, pick_list_id=pick.id, pick_task_id=task.id, got_variant_id=got.id if got else None, quantity=units,
            note=args.note, actor=ctx.actor.reference, occurred_at=ctx.now(),
        )  # fmt: skip
    if postings := [Posting(levels[at], binned=units) for at, units in binned.items() if units]:
        await post(ctx, postings)
    ctx.event("mispicked", pick, sku=variant.sku, quantity=args.quantity, got=got.sku if got else None)
    named = [order.reference for order in orders if order.id in {task.order_id for task, _ in wrong}]
    bins = await _codes(ctx, taken)
    _tell(ctx, pick, variant, got, args.quantity, named)
    return MispickReported(
        reference=pick.reference,
        sku=variant.sku,
        quantity=args.quantity,
        orders=named,
        put_back=list(dict.fromkeys(task.bin.code for task, _ in wrong if task.bin)),
        got=got.sku if got else None,
        got_from=bins,
        note=args.note,
    )


async def _wrong(
    ctx: Context, pick: PickList, tasks: Sequence[PickTask], variant: Variant, units: int
) -> list[tuple[PickTask, int]]:
    """The tasks that brought it, as many as wait and are in no package; the last stop first."""
    packed: dict[object, int] = {}
    for order_id in {task.order_id for task in tasks}:
        for package in await sealed_packages(ctx, order_id):
            for line in package.lines:
                packed[line.order_line_id] = packed.get(line.order_line_id, 0) + line.quantity
    left, wrong = units, list[tuple[PickTask, int]]()
    for task in reversed(tasks):
        waits = task.picked - task.gone - packed.get(task.order_line_id, 0)
        if pick.status is PickStatus.picked and task.variant_id == variant.id and min(left, waits) > 0:
            wrong.append((task, min(left, waits)))
            left -= min(left, waits)
    if left:
        waits = units - left
        raise NothingMispicked(
            f"{words.count(waits, 'unit')} of {variant.sku} of {pick.reference} ({pick.status}) "
            f"{'waits' if waits == 1 else 'wait'} to be packed; {units:,} were reported."
        )
    return wrong


async def _taken(ctx: Context, place: Place, units: int, wrong: Sequence[tuple[PickTask, int]]) -> list[Move]:
    """What was fetched instead, out of the bins where it lies by the books: the one that was named on the list first."""
    named = {task.bin_id for task, _ in wrong}
    moves: list[Move] = []
    for here in sorted(await lying(ctx, [place]), key=lambda one: one.bin_id not in named):
        if count := min(units, here.quantity):
            moves.append(Move(place, count, here.bin_id, None))
            units -= count
    return moves


async def _codes(ctx: Context, moves: Sequence[Move]) -> list[str]:
    return [(await ctx.db.get_one(Bin, {"merchant_id": ctx.merchant.id, "id": move.source})).code for move in moves]


def _tell(
    ctx: Context, pick: PickList, variant: Variant, got: Variant | None, units: int, orders: Sequence[str]
) -> None:
    again = f"{words.are(units)} to be picked again for {words.listed(orders)}"
    ctx.tell(
        f"{units:,} {variant.sku} of {pick.reference} {'was' if units == 1 else 'were'} not what was fetched, and {again}."
    )
    if got:
        lies = "lies" if units == 1 else "lie"
        ctx.tell(f"The {units:,} {got.sku} that came instead {lies} on the floor, to be put away.")
