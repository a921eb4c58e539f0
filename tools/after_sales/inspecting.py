"""Looking at what came back: how each unit is decides what becomes of it, and whether it is paid for."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import select

from db.models.after_sales import Condition, Disposition, Return, ReturnInspection, ReturnStatus
from db.models.inventory import MovementKind
from db.models.orders import Order
from tools.after_sales.fields import HowItIs, ReturnRef, WhatBecomes
from tools.after_sales.receiving import counted_variants
from tools.after_sales.rows import locked_return, returned_line
from tools.after_sales.shown import Coming, ReturnStanding, lines_of, state_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, Text, VariantRef
from tools.rules.returns import NotInOrder, due_for
from tools.rules.stock import Posting, locked, post
from tools.rules.told import named_order

BECOMES = {
    Condition.as_new: Disposition.restock,
    Condition.opened: Disposition.restock,
    Condition.used: Disposition.refurbish,
    Condition.damaged: Disposition.dispose,
    Condition.missing: None,
}
_LEAVES = (Disposition.dispose, Disposition.supplier, None)


class ReturnNotReceived(Conflict):
    """Nothing of it is there to be looked at."""

    hint = "Book what came with receive_return first; get_return shows where the return stands."


class MoreThanReceived(Conflict):
    """More units were looked at than are there."""

    hint = "get_return shows what was received and inspected. What came besides is received first."


class NoLongerSetAside(Conflict):
    """Fewer units are set aside in the warehouse than came in by the return."""

    hint = "Somebody put them back or wrote them off: list_stock_movements shows it. Correct it with adjust_stock."


class InspectedLine(Input):
    """Units that are in the same condition."""

    sku: VariantRef = Field(description="What it is: a SKU such as `MUG-BLUE`, or words of its title.")
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="Units; omit for all of it that nobody has looked at yet."
    )
    condition: HowItIs = Field(description="How they are: as new, opened, used, damaged, missing.")
    disposition: WhatBecomes | None = Field(
        default=None,
        description="What becomes of them; unless said: as new and opened restock, used refurbish, damaged dispose.",
    )
    accept: bool | None = Field(
        default=None, description="Whether they are paid for; omit for what the policy says of the condition."
    )
    note: Text | None = Field(default=None, description="What was seen.")


class InspectReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    condition: HowItIs | None = Field(default=None, description="How all of it is; omit where `units` says it.")
    disposition: WhatBecomes | None = Field(default=None, description="What becomes of all of it, with `condition`.")
    accept: bool | None = Field(default=None, description="Whether all of it is paid for, with `condition`.")
    note: Text | None = Field(default=None, description="What was seen, with `condition`.")
    units: list[InspectedLine] = Field(default=[], max_length=200, description="Units by their condition.")

    @model_validator(mode="after")
    def says_how_it_is(self) -> Self:
        if (self.condition is None) == (not self.units):
            raise ValueError("Give `condition` for all of it, or `units` with the condition of each.")
        return self


class Looked(NamedTuple):
    """Units of a line, how they are and what becomes of them."""

    of: Coming
    units: int
    condition: Condition
    disposition: Disposition | None
    accepted: bool
    note: str | None


@tool(
    route="POST /returns/{rma}/inspections",
    effect=Effect.write,
    permission="returns:receive",
    raises=[ReturnNotReceived, MoreThanReceived, NoLongerSetAside, NotInOrder],
    examples=[
        "RMA-17 is like new, back on the shelf",
        "We unpacked RMA-1023: one mug fine, two chipped and for the bin",
        "The shirt of RMA-1031 was worn, we do not pay for it",
    ],
)
async def inspect_return(ctx: Context, args: InspectReturn) -> ReturnStanding:
    """Say how received units are, and so what becomes of them.

    The condition decides that, and whether they are paid for. Restocked units are on sale again; those to be refurbished stay set
    aside; the others leave the stock. When all are looked at, the return is accepted, whole or in part, or rejected: then it is
    settled.
    """
    row, order = await locked_return(ctx, args.rma)
    lines = await lines_of(ctx, row)
    if row.status not in (ReturnStatus.received, ReturnStatus.inspecting):
        raise ReturnNotReceived(f"{row.reference} is {words.word(row.status)}, so there is nothing to inspect.")
    looked = _looked(ctx, args, row, lines, await _inspected(ctx, lines))

    if row.status is ReturnStatus.received:
        ctx.move(row, ReturnStatus.inspecting, order_id=order.id)
    await _move_stock(ctx, row, order, looked)
    for one in looked:
        _note(ctx, order, one)
    ctx.edit(row, None)
    await ctx.db.flush()
    _tell(ctx, row, order, looked)
    inspected = await _inspected(ctx, lines)
    if all(line.received == inspected.get(line.id, 0) for line, _ in lines):
        await _finish(ctx, row, order, lines)
    return state_of(row, order, lines)


class _Seen(NamedTuple):
    line: UUID
    units: int


async def _inspected(ctx: Context, lines: Sequence[Coming]) -> dict[UUID, int]:
    """Units of each line that were there, and were looked at."""
    query = """
        select return_line_id as line, sum(quantity)::int as units from return_inspections
        where merchant_id = %(m)s and return_line_id = any(%(lines)s) and condition <> 'missing' group by return_line_id
    """
    params = {"m": ctx.merchant.id, "lines": [line.id for line, _ in lines]}
    return {row.line: row.units for row in await ctx.sql.rows(query, params, as_=_Seen)}


def _looked(
    ctx: Context, args: InspectReturn, row: Return, lines: Sequence[Coming], before: dict[UUID, int]
) -> list[Looked]:
    """What was looked at, by units that are alike. Raises `MoreThanReceived`, `NotInOrder`."""
    left = {line.id: line.received - before.get(line.id, 0) for line, _ in lines}
    said = [(returned_line(ctx, lines, one.sku, row), one) for one in args.units]
    if args.condition:
        said = [
            (
                one,
                InspectedLine(
                    sku=one.of.sku,
                    condition=args.condition,
                    disposition=args.disposition,
                    accept=args.accept,
                    note=args.note,
                ),
            )
            for one in lines
            if left[one.line.id]
        ]
    looked: list[Looked] = []
    for of, one in said:
        units = one.quantity or left[of.line.id]
        if units > left[of.line.id] or not units:
            raise MoreThanReceived(
                f"{left[of.line.id]:,} {of.of.sku} of {row.reference} are there and not looked at yet, of "
                f"{of.line.received:,} that came in; {max(units, 1):,} were said."
            )
        left[of.line.id] -= units
        looked.append(_judged(of, units, one))
    if not looked:
        raise MoreThanReceived(f"All that came in of {row.reference} was looked at before.")
    return looked


def _judged(of: Coming, units: int, said: InspectedLine) -> Looked:
    """What the condition makes of units: what is missing is neither kept nor paid for."""
    becomes = None if said.condition is Condition.missing else said.disposition or BECOMES[said.condition]
    accepted = said.condition in of.terms.conditions if said.accept is None else said.accept
    return Looked(of, units, said.condition, becomes, accepted and becomes is not None, said.note)


async def _move_stock(ctx: Context, row: Return, order: Order, looked: Sequence[Looked]) -> None:
    """Restocked units are no longer set aside; what is thrown away, sent to the supplier or missing is no longer there."""
    counted = await counted_variants(ctx, [one.of for one in looked])
    released, gone, skus = Counter[UUID](), Counter[UUID](), dict[UUID, str]()
    for one in looked:
        variant = counted.get(one.of.line.id)
        if variant and one.disposition is not Disposition.refurbish:
            released[variant] += one.units
            gone[variant] += one.units if one.disposition in _LEAVES else 0
            skus[variant] = one.of.of.sku
    place = row.warehouse_id
    if not released or place is None:
        return
    levels = await locked(ctx, [(variant, place) for variant in released])
    postings: list[Posting] = []
    for variant, units in sorted(released.items()):
        level = levels[variant, place]
        if level.damaged < units:
            raise NoLongerSetAside(
                f"{level.damaged:,} {skus[variant]} are set aside there, and {units:,} were looked at."
            )
        postings.append(Posting(level, on_hand=-gone[variant], damaged=-units))
    await post(ctx, postings, MovementKind.return_, subject=("return", row.id), order_id=order.id)


def _note(ctx: Context, order: Order, one: Looked) -> None:
    """Write down what was seen; what is missing did not come back after all."""
    line, of = one.of
    ctx.new(
        ReturnInspection, return_line_id=line.id, quantity=one.units, condition=one.condition, disposition=one.disposition,
        accepted=one.accepted, note=one.note, actor=ctx.actor.reference, inspected_at=ctx.now(),
    )  # fmt: skip
    if one.condition is Condition.missing:
        line.received -= one.units
        of.returned -= one.units
        ctx.edit(order, None, units_returned=order.units_returned - one.units)
    line.accepted += one.units if one.accepted else 0
    line.restocked += one.units if one.disposition is Disposition.restock else 0


async def _finish(ctx: Context, row: Return, order: Order, lines: Sequence[Coming]) -> None:
    """All is looked at: what is due is of the units that are paid for. In an exchange in advance, what was given stays given."""
    await _sum_up(ctx, lines)
    asked, accepted = (sum(count) for count in zip(*((line.quantity, line.accepted) for line, _ in lines), strict=True))
    if row.exchange_order_id is None:
        for line, _ in lines:
            line.refund = line.refund * line.accepted // line.quantity
        parts = [(one.terms, one.line.refund) for one in lines]
        due = due_for(ctx, order, parts, row.shipping if accepted == asked else 0)
        ctx.edit(row, None, refund=due.refund, fee=due.fee, shipping=due.shipping)
    passed = ReturnStatus.accepted if accepted == asked else ReturnStatus.partially_accepted
    ctx.move(row, passed if accepted else ReturnStatus.rejected, order_id=order.id, accepted=accepted, asked=asked)
    money = words.money(row.refund, row.currency)
    ctx.tell(
        f"All is inspected: {words.count(accepted, 'unit')} of {asked:,} {words.are(accepted)} paid for, {money} are due."
        if accepted
        else "All is inspected, and nothing of it is paid for."
    )


async def _sum_up(ctx: Context, lines: Sequence[Coming]) -> None:
    """The condition and disposition that all units of a line share are the line's."""
    query = select(ReturnInspection).where(
        ReturnInspection.merchant_id == ctx.merchant.id,
        ReturnInspection.return_line_id.in_([line.id for line, _ in lines]),
    )
    seen = (await ctx.db.scalars(query)).all()
    for line, _ in lines:
        conditions = {one.condition for one in seen if one.return_line_id == line.id}
        dispositions = {one.disposition for one in seen if one.return_line_id == line.id}
        line.condition = conditions.pop() if len(conditions) == 1 else None
        line.disposition = dispositions.pop() if len(dispositions) == 1 else None


def _tell(ctx: Context, row: Return, order: Order, looked: Sequence[Looked]) -> None:
    ctx.tell(f"{row.reference} of {named_order(order)} is inspected.")
    for disposition, one, many in _FATES:
        alike = [it for it in looked if it.disposition is disposition]
        if alike:
            ctx.tell(f"{_named(alike)} {one if sum(it.units for it in alike) == 1 else many}.")
    if unpaid := [it for it in looked if not it.accepted]:
        ctx.tell(f"Not paid for: {_named(unpaid)}.")


def _named(looked: Sequence[Looked]) -> str:
    return words.listed(f"{it.units:,} {it.of.of.sku} ({words.word(it.condition)})" for it in looked)


_FATES = (
    (Disposition.restock, "goes back on sale", "go back on sale"),
    (Disposition.refurbish, "stays set aside, to be refurbished", "stay set aside, to be refurbished"),
    (Disposition.supplier, "leaves the stock, for the supplier", "leave the stock, for the supplier"),
    (Disposition.dispose, "is thrown away", "are thrown away"),
    (None, "did not come after all", "did not come after all"),
)
