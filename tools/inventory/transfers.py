"""Units on their way from one warehouse to another."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from db.models.inventory import MovementKind, Transfer, TransferLine, TransferStatus
from db.models.products import Variant
from db.models.warehouse import Warehouse
from db.transitions import check_move
from tools.contract import words
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import (
    Day,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Quantity,
    Synonyms,
    Text,
    TransferRef,
    UntrustedText,
    VariantRef,
    WarehouseRef,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import NEWEST, OLDEST, Asked, By, sorted_page, within
from tools.inventory.places import NotTracked, refuse_untracked
from tools.rules.lookup import find_variant, find_variants, find_warehouse, products_like
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.stock import Level, NotEnoughStock, Place, Posting, locked, post
from tools.rules.told import goods

STATUS_WORDS = Synonyms(
    {
        "in_transit": ("on the way", "under way", "sent", "open"),
        "partially_received": ("partly received", "partly arrived"),
        "received": ("arrived", "done", "complete"),
    }
)


class SameWarehouse(Conflict):
    """A transfer would end where it begins."""

    hint = "Name two warehouses."


class NotInTransfer(Conflict):
    """The transfer brings none of it."""


class MoreThanSent(Conflict):
    """More would have arrived, or been lost, than is still on its way."""

    hint = "Receive what was sent; book what came beyond it with adjust_stock, reason `found`."


class UnitsSent(Input):
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(gt=0, le=1_000_000, description="Units to send.")


class TransferStock(Input):
    from_warehouse: WarehouseRef = Field(description="The warehouse that the units leave.")
    to_warehouse: WarehouseRef = Field(description="The warehouse that gets them.")
    lines: list[UnitsSent] = Field(min_length=1, max_length=100, description="What is sent.")
    expected_on: Day | None = Field(
        default=None, description="The day on which it should arrive, in the shop's time zone."
    )
    note: Text | None = Field(default=None, description="What a colleague should know.")


class UnitsArrived(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sku": "MUG-BLUE", "received": 18, "damaged": 2}]})

    sku: VariantRef = Field(description="A variant of the transfer, by SKU such as `MUG-BLUE`.")
    received: int = Field(default=0, ge=0, le=1_000_000, description="Units that arrived in good order.")
    damaged: int = Field(
        default=0, ge=0, le=1_000_000, description="Units that arrived damaged: on hand, not for sale."
    )
    lost: int = Field(default=0, ge=0, le=1_000_000, description="Units that will not arrive any more.")

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.units:
            raise ValueError("Say how many units were received, damaged or lost.")
        return self

    @property
    def units(self) -> int:
        return self.received + self.damaged + self.lost


class ReceiveTransfer(Input):
    transfer: TransferRef = Field(description="The transfer, such as `TRF-1003`.")
    lines: list[UnitsArrived] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="What arrived, was damaged or lost; what is not named is still on its way. Omit: all of it arrived well.",
    )


class TransferredLine(Result):
    """Units of one variant: sent = received + damaged + lost + still on the way."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units sent.")
    received: int = Field(description="Units that arrived in good order.")
    damaged: int = Field(description="Units that arrived damaged.")
    lost: int = Field(description="Units that never arrived.")
    in_transit: int = Field(description="Units still on their way.")


class TransferDetail(Result):
    """A transfer between two warehouses."""

    reference: str = Field(description="The transfer's reference.")
    status: TransferStatus = Field(description="How far it is.")
    from_warehouse: str = Field(description="The reference of the warehouse that sent it.")
    to_warehouse: str = Field(description="The reference of the warehouse that gets it.")
    lines: list[TransferredLine] = Field(description="What was sent, and what became of it.")
    note: UntrustedText | None = Field(description="What was noted.")
    shipped_at: datetime | None = Field(description="When it left, UTC.")
    expected_on: date | None = Field(description="The day on which it should arrive, in the shop's time zone.")
    received_at: datetime | None = Field(description="When the last of it was accounted for, UTC.")
    version: int = Field(description="Grows with each change.")


@tool(
    route="POST /inventory/transfers",
    effect=Effect.write,
    permission="inventory:write",
    raises=[NotEnoughStock, SameWarehouse, NotTracked, WarehouseClosed],
    examples=["Transfer 20 MUG-BLUE from Lille to Lyon", "Send 5 TSH-BLK-M and 3 TSH-WHT-L from WH-1 to WH-2"],
)
async def transfer_stock(ctx: Context, args: TransferStock) -> TransferDetail:
    """Send units from one warehouse to another: they leave at once.

    They are on hand nowhere until receive_transfer books their arrival, and incoming at the target meanwhile.
    """
    source, target = await find_warehouse(ctx, args.from_warehouse), await find_warehouse(ctx, args.to_warehouse)
    if source.id == target.id:
        raise SameWarehouse(f"{source.name} ({source.reference}) would send to itself.")
    refuse_closed(target)
    sent = await _summed(ctx, args.lines)
    levels = await _levels(ctx, sent, source, target)
    _refuse_what_is_not_there(levels, sent, source)

    transfer = await ctx.add(
        Transfer, status=TransferStatus.in_transit, from_warehouse_id=source.id, to_warehouse_id=target.id, note=args.note,
        shipped_at=ctx.now(), expected_on=args.expected_on,
    )  # fmt: skip
    leaving = [Posting(levels[variant.id, source.id], on_hand=-units) for variant, units in sent]
    coming = [Posting(levels[variant.id, target.id], incoming=units) for variant, units in sent]
    await post(ctx, leaving + coming, MovementKind.transfer_out, subject=("transfer", transfer.id))
    lines = [
        ctx.new(
            TransferLine, transfer_id=transfer.id, variant_id=variant.id, quantity=units, received=0, damaged=0, lost=0
        )
        for variant, units in sent
    ]
    skus = {variant.id: variant.sku for variant, _ in sent}
    leave = "leaves" if sum(units for _, units in sent) == 1 else "leave"
    ctx.tell(f"{goods({variant.sku: units for variant, units in sent})} {leave} {source.name} for {target.name}.")
    expected = (
        f"The arrival is expected on {words.day(args.expected_on)}; until it"
        if args.expected_on
        else "Until the arrival"
    )
    ctx.tell(f"{expected} is booked, none of that can be sold.")
    return _detail(transfer, source.reference, target.reference, [(skus[line.variant_id], line) for line in lines])


async def _summed(ctx: Context, lines: Sequence[UnitsSent]) -> list[tuple[Variant, int]]:
    """Each variant once, with all its units."""
    variants = await find_variants(ctx, [line.sku for line in lines])
    units: Counter[UUID] = Counter()
    for variant, line in zip(variants, lines, strict=True):
        refuse_untracked(variant)
        units[variant.id] += line.quantity
    return [(variant, units[variant.id]) for variant in dict.fromkeys(variants)]


async def _levels(
    ctx: Context, sent: Sequence[tuple[Variant, int]], source: Warehouse, target: Warehouse
) -> dict[Place, Level]:
    """Both ends, locked; the target's are opened where the variant never lay."""
    return await locked(ctx, [(variant.id, end.id) for variant, _ in sent for end in (source, target)], opening=True)


def _refuse_what_is_not_there(
    levels: dict[Place, Level], sent: Sequence[tuple[Variant, int]], source: Warehouse
) -> None:
    short = [
        f"{variant.sku}: {levels[variant.id, source.id].available} available, {units} asked"
        for variant, units in sent
        if levels[variant.id, source.id].available < units
    ]
    if short:
        raise NotEnoughStock(f"{source.name} ({source.reference}) cannot send that. {'; '.join(short)}.")


@tool(
    route="POST /inventory/transfers/{transfer}/receipt",
    effect=Effect.write,
    permission="inventory:write",
    raises=[MoreThanSent, NotInTransfer],
    examples=["Transfer TRF-1003 has arrived", "Of TRF-1003 only 18 MUG-BLUE came, 2 are broken"],
)
async def receive_transfer(ctx: Context, args: ReceiveTransfer) -> TransferDetail:
    """Book the arrival of a transfer: whole, in part, damaged or lost.

    What arrived is on hand at the target; damaged units are on hand there and not for sale; lost ones are written off.
    What is not accounted for stays in transit, and can be received later.
    """
    transfer = await ctx.find(Transfer, args.transfer, for_update=True)
    check_move(Transfer.MOVES, transfer.status, TransferStatus.received, transfer.reference)
    lines = await _lines(ctx, transfer)
    arrivals = await _arrivals(ctx, args, transfer, lines)

    for line in lines:
        _book(line, arrivals.get(line.variant_id))
    _move_on(ctx, transfer, lines)
    levels = await locked(ctx, [(variant_id, transfer.to_warehouse_id) for variant_id in arrivals])
    postings = [_posting(level, arrivals[level.variant_id]) for level in levels.values()]
    await post(ctx, postings, MovementKind.transfer_in, subject=("transfer", transfer.id))
    ends = await _warehouses(ctx, transfer)
    source, target = ends[transfer.from_warehouse_id], ends[transfer.to_warehouse_id]
    _tell(ctx, transfer, target.name, lines, arrivals)
    return _detail(transfer, source.reference, target.reference, [(line.variant.sku, line) for line in lines])


def _tell(
    ctx: Context, transfer: Transfer, target: str, lines: Sequence[TransferLine], arrivals: dict[UUID, UnitsArrived]
) -> None:
    skus = {line.variant_id: line.variant.sku for line in lines}
    for kind, one, many in (
        ("received", f"arrives in {target}, and is for sale there", f"arrive in {target}, and are for sale there"),
        ("damaged", f"arrives damaged in {target}, and is set aside", f"arrive damaged in {target}, and are set aside"),
        ("lost", "is lost on the way, and written off", "are lost on the way, and written off"),
    ):
        units = {skus[id_]: getattr(arrived, kind) for id_, arrived in arrivals.items() if getattr(arrived, kind)}
        if units:
            ctx.tell(f"{goods(units)} {one if sum(units.values()) == 1 else many}.")
    left = {line.variant.sku: _left(line) for line in lines if _left(line)}
    if left:
        ctx.tell(f"{goods(left)} of {transfer.reference} {words.are(sum(left.values()))} still on the way.")
    else:
        ctx.tell(f"With that all of {transfer.reference} is accounted for.")


async def _lines(ctx: Context, transfer: Transfer) -> list[TransferLine]:
    query = select(TransferLine).where(
        TransferLine.merchant_id == ctx.merchant.id, TransferLine.transfer_id == transfer.id
    )
    query = query.options(joinedload(TransferLine.variant)).order_by(TransferLine.id)
    return list((await ctx.db.scalars(query)).all())


async def _arrivals(
    ctx: Context, args: ReceiveTransfer, transfer: Transfer, lines: Sequence[TransferLine]
) -> dict[UUID, UnitsArrived]:
    """What arrived of each variant: what was said, else all that is left, which then stands on the card as numbers."""
    left = {line.variant_id: _left(line) for line in lines}
    if args.lines is None:
        whole = {
            line.variant_id: UnitsArrived(sku=line.variant.sku, received=_left(line)) for line in lines if _left(line)
        }
        ctx.settled = args.model_copy(update={"lines": list(whole.values())})
        return whole
    variants = await find_variants(ctx, [arrived.sku for arrived in args.lines])
    arrivals: dict[UUID, UnitsArrived] = {}
    for variant, arrived in zip(variants, args.lines, strict=True):
        if variant.id not in left:
            brought = ", ".join(line.variant.sku for line in lines)
            raise NotInTransfer(f"{transfer.reference} brings no {variant.sku}.", hint=f"It brings {brought}.")
        together = _together(arrivals.get(variant.id), arrived)
        if together.units > left[variant.id]:
            raise MoreThanSent(
                f"{left[variant.id]} {variant.sku} of {transfer.reference} are still on their way; "
                f"{together.units} would be received, damaged or lost."
            )
        arrivals[variant.id] = together
    return arrivals


def _together(first: UnitsArrived | None, second: UnitsArrived) -> UnitsArrived:
    """A variant that was named twice."""
    if first is None:
        return second
    return UnitsArrived(
        sku=second.sku,
        received=first.received + second.received,
        damaged=first.damaged + second.damaged,
        lost=first.lost + second.lost,
    )


def _book(line: TransferLine, arrived: UnitsArrived | None) -> None:
    if arrived:
        line.received += arrived.received
        line.damaged += arrived.damaged
        line.lost += arrived.lost


def _left(line: TransferLine) -> int:
    return line.quantity - line.received - line.damaged - line.lost


def _posting(level: Level, arrived: UnitsArrived) -> Posting:
    return Posting(level, on_hand=arrived.received + arrived.damaged, damaged=arrived.damaged, incoming=-arrived.units)


def _move_on(ctx: Context, transfer: Transfer, lines: Sequence[TransferLine]) -> None:
    done = not any(_left(line) for line in lines)
    to = TransferStatus.received if done else TransferStatus.partially_received
    if transfer.status is not to:
        ctx.move(transfer, to=to)
    ctx.edit(transfer, None, received_at=ctx.now() if done else None)


async def _warehouses(ctx: Context, transfer: Transfer) -> dict[UUID, Warehouse]:
    ends = [transfer.from_warehouse_id, transfer.to_warehouse_id]
    query = select(Warehouse).where(Warehouse.merchant_id == ctx.merchant.id, Warehouse.id.in_(ends))
    return {warehouse.id: warehouse for warehouse in (await ctx.db.scalars(query)).all()}


def _detail(transfer: Transfer, source: str, target: str, lines: Sequence[tuple[str, TransferLine]]) -> TransferDetail:
    return TransferDetail(
        reference=transfer.reference,
        status=transfer.status,
        from_warehouse=source,
        to_warehouse=target,
        lines=[_line(sku, line) for sku, line in lines],
        note=transfer.note,
        shipped_at=transfer.shipped_at,
        expected_on=transfer.expected_on,
        received_at=transfer.received_at,
        version=transfer.version,
    )


def _line(sku: str, line: TransferLine) -> TransferredLine:
    return TransferredLine(
        sku=sku,
        quantity=line.quantity,
        received=line.received,
        damaged=line.damaged,
        lost=line.lost,
        in_transit=_left(line),
    )


class TransferSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    expected_on = "expected_on"


SORT_WORDS = Synonyms(
    {"newest": NEWEST, "oldest": OLDEST, "expected_on": ("next expected", "expected first", "next to arrive")}
)
_SORTS = {
    TransferSort.newest: By("t.id", UUID, "t.id"),
    TransferSort.oldest: By("t.id", UUID, "t.id", descending=False),
    TransferSort.expected_on: By("coalesce(t.expected_on, '9999-01-01'::date)", date, "t.id", descending=False),
}


class ListTransfers(Paged):
    transfer: TransferRef | None = Field(default=None, description="Only this one, such as `TRF-7`.")
    status: Annotated[TransferStatus, STATUS_WORDS] | None = Field(default=None, description="Only in this state.")
    open: bool | None = Field(default=None, description="Only those that are still to arrive, or only the others.")
    warehouse: WarehouseRef | None = Field(default=None, description="Only from or to this warehouse.")
    sku: VariantRef | None = Field(default=None, description="Only those that bring this variant.")
    shipped_from: PeriodStart | None = Field(default=None, description="Left at this instant or later, UTC.")
    shipped_until: PeriodEnd | None = Field(default=None, description="Left before this instant, UTC.")
    expected_from: Day | None = Field(
        default=None, description="Expected on this day or later, in the shop's time zone."
    )
    expected_until: Day | None = Field(
        default=None, description="Expected on this day or before, in the shop's time zone."
    )
    received_from: PeriodStart | None = Field(default=None, description="Arrived in full then or later, UTC.")
    received_until: PeriodEnd | None = Field(default=None, description="Arrived in full before then, UTC.")
    product: ProductWords | None = Field(
        default=None, description="Only those that bring this product: `PRD-7`, a SKU, or words of its title."
    )
    count_by: Annotated[str, columns("status", "from_warehouse", "to_warehouse")] | None = COUNT_BY
    sort: Annotated[TransferSort, SORT_WORDS] = Field(
        default=TransferSort.newest, description="Newest, oldest, or the next expected first."
    )


class _TransferRow(NamedTuple):
    id: UUID
    place: Any
    reference: str
    status: TransferStatus
    from_warehouse: str
    to_warehouse: str
    lines: list[dict[str, Any]]
    note: str | None
    shipped_at: datetime | None
    expected_on: date | None
    received_at: datetime | None
    version: int


_LIST = """
select t.id, {by} as place, t.reference, t.status, source.reference as from_warehouse, target.reference as to_warehouse,
       t.note, t.shipped_at, t.expected_on, t.received_at, t.version,
       array(select json_build_object('sku', v.sku, 'quantity', l.quantity, 'received', l.received, 'damaged', l.damaged,
                                      'lost', l.lost, 'in_transit', l.quantity - l.received - l.damaged - l.lost)
             from transfer_lines l join variants v on v.merchant_id = l.merchant_id and v.id = l.variant_id
             where l.merchant_id = t.merchant_id and l.transfer_id = t.id order by l.id) as lines
from transfers t
join warehouses source on source.merchant_id = t.merchant_id and source.id = t.from_warehouse_id
join warehouses target on target.merchant_id = t.merchant_id and target.id = t.to_warehouse_id
where t.merchant_id = %(m)s {filters}
order by {order} limit %(limit)s
"""
_BRINGS = """t.id in (select transfer_id from transfer_lines where merchant_id = %(m)s and variant_id = %(variant)s)"""

_BRINGS_SOME = """t.id in (
    select l.transfer_id from variants v join transfer_lines l on l.merchant_id = %(m)s and l.variant_id = v.id
    where v.merchant_id = %(m)s and v.product_id = any(%(products)s::uuid[]))"""


@tool(
    route="GET /inventory/transfers",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=["Which transfers are on their way to Lyon?", "Show the open transfers"],
)
async def list_transfers(ctx: Context, args: ListTransfers) -> Page[TransferDetail]:
    """List transfers between warehouses with what they bring, newest first."""
    asked = await _asked(ctx, args)
    params = dict(asked.values())
    return await sorted_page(ctx, args, _LIST, _SORTS[args.sort], asked, params, as_=_TransferRow, show=_shown)


_WHEN = {
    "shipped_from": "t.shipped_at >= %(shipped_from)s",
    "shipped_until": "t.shipped_at < %(shipped_until)s",
    "expected_from": "t.expected_on >= %(expected_from)s",
    "expected_until": "t.expected_on <= %(expected_until)s",
    "received_from": "t.received_at >= %(received_from)s",
    "received_until": "t.received_at < %(received_until)s",
}


async def _asked(ctx: Context, args: ListTransfers) -> Asked:
    """The conditions of the list, each with its parameter."""
    asked: Asked = {}
    if args.transfer:
        asked["t.id = %(transfer)s"] = ("transfer", (await ctx.find(Transfer, args.transfer)).id)
    if args.status:
        asked["t.status = %(status)s"] = ("status", args.status.value)
    if args.open is not None:
        over = "t.status <> all(%(over)s)" if args.open else "t.status = any(%(over)s)"
        asked[over] = ("over", [TransferStatus.received.value, TransferStatus.cancelled.value])
    if args.warehouse:
        ends = "%(warehouse)s in (t.from_warehouse_id, t.to_warehouse_id)"
        asked[ends] = ("warehouse", (await find_warehouse(ctx, args.warehouse)).id)
    if args.sku:
        asked[_BRINGS] = ("variant", (await find_variant(ctx, args.sku)).id)
    if args.product:
        asked[_BRINGS_SOME] = ("products", await products_like(ctx, args.product))
    asked |= within(args, _WHEN)
    return asked


def _shown(row: _TransferRow) -> TransferDetail:
    return TransferDetail.model_validate(row._asdict())
