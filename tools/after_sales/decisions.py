"""Whether a return that was asked for is taken."""

from pydantic import Field

from db.models.after_sales import Return, ReturnStatus
from db.models.orders import Order
from tools.after_sales.fields import ReturnRef
from tools.after_sales.rows import locked_return
from tools.after_sales.shown import Coming, ReturnStanding, lines_of, state_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Text
from tools.rules.told import goods, named_order


class ReturnAlreadyDecided(Conflict):
    """It was approved, rejected or called off before."""

    hint = "get_return shows where it stands. What was rejected can be asked for again with request_return."


class ApproveReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    keeps_goods: bool = Field(
        default=False, description="The customer need not send anything back: it is settled without the goods."
    )
    note: Text | None = Field(default=None, description="What colleagues should know.")


class RejectReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    note: Text = Field(description="Why it is not taken.")


@tool(
    route="POST /returns/{rma}/approve",
    effect=Effect.goods,
    permission="after_sales:write",
    raises=[ReturnAlreadyDecided],
    examples=["Yes to RMA-17, she may send it back", "Approve return 1023, and she can keep the broken mugs"],
)
async def approve_return(ctx: Context, args: ApproveReturn) -> ReturnStanding:
    """Say yes to a return that was asked for, so that the goods can come.

    With `keeps_goods` nothing has to come: it can be settled at once, for goods that are not worth the parcel. The money follows
    with settle_return.
    """
    row, order = await locked_return(ctx, args.rma)
    lines = await lines_of(ctx, row)
    _refuse_decided(row)

    ctx.edit(row, None, approved_at=ctx.now(), note=_noted(row, args.note), keeps_goods=args.keeps_goods)
    ctx.move(row, ReturnStatus.approved, order_id=order.id, goodwill=row.goodwill)
    if args.keeps_goods:
        for line, _ in lines:
            line.accepted = line.quantity
        ctx.move(row, ReturnStatus.accepted, order_id=order.id, keeps_goods=True)
    _tell(ctx, row, order, lines)
    return state_of(row, order, lines)


def _tell(ctx: Context, row: Return, order: Order, lines: list[Coming]) -> None:
    units = {of.sku: line.quantity for line, of in lines}
    comes = "without the goods: the customer keeps" if row.keeps_goods else "and waits for"
    ctx.tell(f"{row.reference} of {named_order(order)} is approved {comes} {goods(units)}.")
    if row.goodwill:
        ctx.tell("The policy would not take it: this is goodwill.")
    ctx.tell(f"{words.money(row.refund, row.currency)} would be due for it, wanted as {words.word(row.wanted)}.")


@tool(
    route="POST /returns/{rma}/reject",
    effect=Effect.goods,
    permission="after_sales:write",
    raises=[ReturnAlreadyDecided],
    examples=["No to RMA-23, the candle is half burnt", "Reject return 1031: personalised items are excluded"],
)
async def reject_return(ctx: Context, args: RejectReturn) -> ReturnStanding:
    """Say no to a return that was asked for, with the reason.

    Nothing comes, and nothing is paid. The units may be asked for again. What came in and does not pass is told by inspect_return.
    """
    row, order = await locked_return(ctx, args.rma)
    _refuse_decided(row)

    ctx.edit(row, None, note=_noted(row, args.note))
    ctx.move(row, ReturnStatus.declined, order_id=order.id)
    ctx.tell(f"{row.reference} of {named_order(order)} is rejected: “{words.quoted(args.note)}”. Nothing is refunded.")
    return state_of(row, order, await lines_of(ctx, row))


def _refuse_decided(row: Return) -> None:
    if row.status is not ReturnStatus.requested:
        raise ReturnAlreadyDecided(f"{row.reference} is {words.word(row.status)} already.")


def _noted(row: Return, note: str | None) -> str | None:
    """What the customer said, and what is noted now."""
    return "\n".join(part for part in (row.note, note) if part) or None
