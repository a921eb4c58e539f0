"""Walking a pick list: somebody sets out, and says what was there and what was not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from db.models.inventory import Reservation, ReservationReason, ReservationStatus
from db.models.orders import Order, OrderStatus
from db.models.warehouse import BinMoveKind, PickList, PickStatus, PickTask, TaskStatus
from db.transitions import check_move
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, VariantRef
from tools.rules.allocation import Allocation, Portion, Site, allot, opened, sites_for
from tools.rules.bins import Move, Place, lying, shift
from tools.rules.lookup import find_variants
from tools.rules.picked import waiting_at, waiting_for
from tools.rules.stock import Level, post
from tools.rules.told import goods
from tools.warehouse.claims import PickRef, claimed, end, fixed
from tools.warehouse.picks import PickListDetail, pick_detail


class PickTaken(Conflict):
    """Somebody else is on the way with this list."""

    hint = "Take another one: list_pick_lists with status `open` shows what waits."


class PickNotStarted(Conflict):
    """Nobody has set out with this list."""

    hint = "Start it with start_pick; then confirm what was fetched."


class NotOnPickList(Conflict):
    """The list asks for none of it there."""


class MoreThanAsked(Conflict):
    """More was fetched than the list asks for."""

    hint = "Put back what is too much, and confirm what was asked."


class StartPick(Input):
    pick: PickRef = Field(description="The pick list, such as `PCK-1001`.")


@tool(
    route="POST /pick-lists/{pick}/start",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[PickTaken],
    examples=["I start PCK-1004", "Start picking PCK-1012"],
)
async def start_pick(ctx: Context, args: StartPick) -> PickListDetail:
    """Set out with a pick list: it is one person's from then on.

    Orders that were cancelled or put on hold meanwhile are left out of it.
    """
    pick, tasks, orders = await claimed(ctx, args.pick)
    if pick.status is PickStatus.picking:
        raise PickTaken(f"{pick.reference} was started by {pick.picker}.")
    check_move(PickList.MOVES, pick.status, PickStatus.picking, pick.reference)
    left_out = await _not_ready(ctx, orders)
    going = [task for task in tasks if task.status is TaskStatus.open and task.order_id not in left_out]
    for task in tasks:
        if task.order_id in left_out and task.status is TaskStatus.open:
            end(task, TaskStatus.dropped)

    if not going:
        ctx.edit(pick, None)
        ctx.move(pick, PickStatus.cancelled)
        ctx.tell(f"Nothing of {pick.reference} is to be picked any more, so it is cancelled.")
        return await pick_detail(ctx, pick)
    ctx.edit(pick, None, picker=ctx.actor.reference, started_at=ctx.now())
    ctx.move(pick, PickStatus.picking)
    units = Counter[str]()
    for task in going:
        units[task.variant.sku] += task.quantity
    ctx.tell(f"{ctx.actor.name} sets out with {pick.reference}: {goods(units)}, {words.count(len(going), 'stop')}.")
    if left_out:
        gone = words.listed(order.reference for order in orders if order.id in left_out)
        ctx.tell(f"{gone} {'is' if len(left_out) == 1 else 'are'} left out: cancelled or on hold.")
    return await pick_detail(ctx, pick)


class _Id(NamedTuple):
    id: UUID


async def _not_ready(ctx: Context, orders: Sequence[Order]) -> set[UUID]:
    """Those of the orders that are not picked now."""
    held = await ctx.sql.rows(
        "select distinct order_id as id from order_holds where merchant_id = %s and order_id = any(%s) and released_at is null",
        (ctx.merchant.id, [order.id for order in orders]),
        as_=_Id,
    )
    return {row.id for row in held} | {order.id for order in orders if order.status is not OrderStatus.confirmed}


class PickedUnits(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sku": "MUG-BLUE", "bin": "A-01-2", "picked": 3}]})

    sku: VariantRef = Field(description="A variant of the list, by SKU such as `MUG-BLUE`.")
    bin: str | None = Field(
        default=None, min_length=1, max_length=40, description="The bin; omit: all stops of the variant together."
    )
    picked: Quantity = Field(ge=0, le=1_000_000, description="Units that were there, and were fetched.")


class ConfirmPick(Input):
    pick: PickRef = Field(description="The pick list, such as `PCK-1001`.")
    lines: list[PickedUnits] | None = Field(
        default=None, min_length=1, max_length=200,
        description="What was fetched, where it is not what was asked; what is not named was there. Omit: all was there.",
    )  # fmt: skip

    @model_validator(mode="after")
    def names_each_once(self) -> Self:
        named = [(line.sku.casefold(), (line.bin or "").casefold()) for line in self.lines or []]
        if len(set(named)) < len(named):
            raise ValueError("Name each SKU and bin once.")
        return self


class ShortPick(Result):
    """Units that were not there, and what becomes of them."""

    order: str = Field(description="The order that wanted them.")
    sku: str = Field(description="The variant's SKU.")
    bin: str | None = Field(description="Where they were looked for; null: on the floor.")
    missing: int = Field(description="Units that were not there.")


class OrderAfterPick(Result):
    """What an order that came short holds now."""

    order: str = Field(description="The order's number.")
    moved: list[str] = Field(description="Where units are held for it now, as `2 MUG-BLUE in Lille`.")
    backordered: int = Field(description="Units that it waits for.")


class ConfirmedPick(Result):
    """What became of a pick list."""

    reference: str = Field(description="The pick list's reference.")
    status: PickStatus = Field(description="Picked.")
    units: int = Field(description="Units that were asked for.")
    picked: int = Field(description="Units that were fetched, and wait to be packed.")
    put_back: int = Field(description="Fetched units that no order wants any more: on the floor, to be put away.")
    short: list[ShortPick] = Field(description="What was not there.")
    orders: list[OrderAfterPick] = Field(description="Orders that came short: where their units are held now.")


@dataclass
class _Outcome:
    """How a task went: `kept` of the units fetched are for its order, `missing` were not there."""

    task: PickTask
    kept: int
    missing: int


@tool(
    route="POST /pick-lists/{pick}/confirm",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[MoreThanAsked, NotOnPickList, PickNotStarted],
    examples=["PCK-1004 is picked, all there", "On PCK-1012 only 3 MUG-BLUE were in A-01-2"],
)
async def confirm_pick(ctx: Context, args: ConfirmPick) -> ConfirmedPick:
    """Say what was fetched: it leaves its bins and waits to be packed.

    What was not there is held back until somebody counts the bin. Its order gets the units from another bin or warehouse, in
    the fewest parcels; where nobody has any, it waits for the next delivery.
    """
    pick, tasks, orders = await claimed(ctx, args.pick)
    if pick.status is PickStatus.open:
        raise PickNotStarted(f"{pick.reference} waits to be picked.")
    check_move(PickList.MOVES, pick.status, PickStatus.picked, pick.reference)
    tasks = [task for task in tasks if task.status is TaskStatus.open]
    fetched = await _fetched(ctx, args, pick, tasks)

    sites = {order.id: await sites_for(ctx, order) for order in orders}
    everywhere = {site.id for some in sites.values() for site in some} | {pick.warehouse_id}
    here = {(task.variant_id, task.warehouse_id) for task in tasks}
    allocation = await opened(ctx, [order.id for order in orders], sorted(everywhere), here)
    moves = await _moves(ctx, fetched, allocation.levels)
    binned = await shift(ctx, moves, BinMoveKind.pick, ("pick_list", pick.id))
    outcomes = await _outcomes(ctx, fetched, allocation)
    short = [outcome for outcome in outcomes if outcome.missing]
    await _hold_back(ctx, pick, short, allocation)
    after = [
        await _reallocate(ctx, order, sites[order.id], allocation)
        for order in orders
        if order.id in {outcome.task.order_id for outcome in short}
    ]
    await ctx.db.flush()
    if postings := allocation.postings(binned):
        await post(ctx, postings)
    ctx.edit(pick, None, finished_at=ctx.now())
    ctx.move(pick, PickStatus.picked, picked=sum(fetched.values()), missing=sum(one.missing for one in short))
    result = _result(pick, outcomes, {order.id: order.reference for order in orders}, after)
    _tell(ctx, outcomes, result)
    return result


async def _fetched(ctx: Context, args: ConfirmPick, pick: PickList, tasks: Sequence[PickTask]) -> dict[PickTask, int]:
    """Units fetched for each task: what was asked, but where something else was said; that goes to the tasks in their order."""
    fetched = {task: task.quantity for task in tasks}
    lines = args.lines or []
    variants = await find_variants(ctx, [line.sku for line in lines])
    for variant, line in zip(variants, lines, strict=True):
        here = [t for t in tasks if t.variant_id == variant.id and _at(t, line.bin)]
        if not here:
            where = f" in {line.bin}" if line.bin else ""
            raise NotOnPickList(
                f"{pick.reference} asks for no {variant.sku}{where}.",
                hint=f"It asks for {words.listed(dict.fromkeys(task.variant.sku for task in tasks))}.",
            )
        asked, left = sum(task.quantity for task in here), line.picked
        if left > asked:
            raise MoreThanAsked(f"{pick.reference} asks for {asked:,} {variant.sku}; {left:,} were fetched.")
        for task in here:
            fetched[task] = min(task.quantity, left)
            left -= fetched[task]
    return fetched


def _at(task: PickTask, written: str | None) -> bool:
    return written is None or (task.bin is not None and task.bin.code.casefold() == written.casefold())


async def _moves(ctx: Context, fetched: Mapping[PickTask, int], levels: Mapping[Place, Level]) -> list[Move]:
    """Out of the bins onto the floor. What a bin does not have by the books came from the floor, or from the next bin that does."""
    places: set[Place] = {(task.variant_id, task.warehouse_id) for task in fetched}
    shelves, waiting = await lying(ctx, places), await waiting_at(ctx, places)
    there = {(one.variant_id, one.bin_id): one.quantity for one in shelves}
    loose = {place: levels[place].on_hand - levels[place].binned - waiting[place] for place in places}
    moves: list[Move] = []
    for task, needed in fetched.items():
        place, own = (task.variant_id, task.warehouse_id), [task.bin_id] if task.bin_id else []
        others = [one.bin_id for one in shelves if one.variant_id == task.variant_id and one.bin_id != task.bin_id]
        for bin_id in (*own, None, *others):
            if bin_id is None:
                units = min(needed, max(0, loose[place]))
                loose[place] -= units
            elif units := min(needed, there.get((task.variant_id, bin_id), 0)):
                there[task.variant_id, bin_id] -= units
                moves.append(Move(place, units, bin_id, None))
            needed -= units
    return moves


async def _outcomes(ctx: Context, fetched: Mapping[PickTask, int], allocation: Allocation) -> list[_Outcome]:
    """What of it the orders still want: less than was asked where lines were changed or cancelled meanwhile."""
    wanted = Counter[Portion]()
    for one in allocation.held:
        if one.order_line_id:
            wanted[one.order_line_id, one.warehouse_id] += one.quantity
    for row in await waiting_for(ctx, {task.order_id for task in fetched}):
        wanted[row.order_line_id, row.warehouse_id] -= row.units
    outcomes: list[_Outcome] = []
    for task, units in fetched.items():
        portion = task.order_line_id, task.warehouse_id
        kept = min(units, max(0, wanted[portion]))
        missing = max(0, min(task.quantity, wanted[portion]) - units)
        wanted[portion] -= kept + missing
        task.picked, task.gone = units, units - kept
        whole = TaskStatus.picked if kept == task.quantity else TaskStatus.dropped
        end(task, TaskStatus.short if missing else whole)
        outcomes.append(_Outcome(task, kept, missing))
    return outcomes


async def _hold_back(ctx: Context, pick: PickList, short: Sequence[_Outcome], allocation: Allocation) -> None:
    """What was not there is not for sale until the bin is counted; its order waits for it, until it is held elsewhere."""
    for outcome in short:
        task, left = outcome.task, outcome.missing
        for one in allocation.held:
            if (one.order_line_id, one.warehouse_id) == (task.order_line_id, task.warehouse_id):
                units = min(left, one.quantity)
                one.quantity, one.backordered, left = one.quantity - units, one.backordered + units, left - units
        where = task.bin.code if task.bin else "the floor"
        held = await ctx.add(
            Reservation, status=ReservationStatus.active, reason=ReservationReason.quality, warehouse_id=task.warehouse_id,
            variant_id=task.variant_id, quantity=outcome.missing, backordered=0,
            note=f"Not found in {where} on {pick.reference}; held back until it is counted.",
        )  # fmt: skip
        task.missing, task.held_id = outcome.missing, held.id


async def _reallocate(
    ctx: Context, order: Order, sites: Sequence[Site], allocation: Allocation
) -> tuple[Order, dict[str, dict[UUID, int]], int]:
    """Hold what was missing elsewhere, if it is there. Returns where units are held anew, by warehouse, and how many wait."""
    await ctx.db.flush()
    before = _held(order, allocation)
    await allot(ctx, order, sites, await fixed(ctx, [order.id]), allocation)
    names, anew = {site.id: site.name for site in sites}, dict[str, dict[UUID, int]]()
    for (variant, warehouse), units in (_held(order, allocation) - before).items():
        anew.setdefault(names.get(warehouse, "a closed warehouse"), {})[variant] = units
    waits = sum(one.backordered for one in allocation.held if one.order_id == order.id and _active(one))
    return order, anew, waits


def _active(reservation: Reservation) -> bool:
    return reservation.status is ReservationStatus.active


def _held(order: Order, allocation: Allocation) -> Counter[Place]:
    units = Counter[Place]()
    for one in allocation.held:
        if one.order_id == order.id and _active(one):
            units[one.variant_id, one.warehouse_id] += one.quantity
    return units


After = Sequence[tuple[Order, dict[str, dict[UUID, int]], int]]


def _result(pick: PickList, outcomes: Sequence[_Outcome], orders: Mapping[UUID, str], after: After) -> ConfirmedPick:
    skus = {outcome.task.variant_id: outcome.task.variant.sku for outcome in outcomes}
    return ConfirmedPick(
        reference=pick.reference,
        status=pick.status,
        units=sum(one.task.quantity for one in outcomes),
        picked=sum(one.kept for one in outcomes),
        put_back=sum(one.task.gone for one in outcomes),
        short=[
            ShortPick(
                order=orders[one.task.order_id],
                sku=one.task.variant.sku,
                bin=one.task.bin.code if one.task.bin else None,
                missing=one.missing,
            )
            for one in outcomes
            if one.missing
        ],
        orders=[
            OrderAfterPick(
                order=order.reference,
                moved=[f"{units} {skus[v]} in {place}" for place, here in anew.items() for v, units in here.items()],
                backordered=waits,
            )
            for order, anew, waits in after
        ],
    )


def _tell(ctx: Context, outcomes: Sequence[_Outcome], result: ConfirmedPick) -> None:
    fetched, missing = Counter[str](), Counter[str]()
    for one in outcomes:
        fetched[one.task.variant.sku] += one.kept
        missing[one.task.variant.sku] += one.missing
    if result.picked:
        waits = "waits" if result.picked == 1 else "wait"
        ctx.tell(f"{goods(+fetched)} of {result.reference} {waits} to be packed.")
    if result.put_back:
        ctx.tell(
            f"{words.count(result.put_back, 'unit')} no order wants any more {words.are(result.put_back)} on the floor."
        )
    if result.short:
        gone = sum(missing.values())
        was = "was not there, and is" if gone == 1 else "were not there, and are"
        ctx.tell(f"{goods(+missing)} of {result.reference} {was} held back until somebody counts.")
    for order in result.orders[:3]:
        instead = f"gets {words.listed(order.moved)} instead" if order.moved else ""
        waits = f"waits for {words.count(order.backordered, 'unit')} of the next delivery" if order.backordered else ""
        ctx.tell(f"{order.order} {' and '.join(filter(None, (instead, waits)))}.")
    if not result.picked and not result.short:
        ctx.tell(f"Nothing of {result.reference} was picked.")
