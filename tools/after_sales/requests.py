"""Returns of which nothing comes: called off, or waited for in vain."""

from datetime import timedelta

from pydantic import Field

from db.models.after_sales import Return, ReturnStatus
from tools.after_sales.fields import ReturnRef
from tools.after_sales.rows import locked_return
from tools.after_sales.shown import ReturnStanding, lines_of, state_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Text
from tools.contract.shop_settings import RETURN_DAYS, chosen
from tools.rules.told import named_order


class ReturnUnderWay(Conflict):
    """It has come in, or was settled: nothing is left to be called off."""

    hint = "What came in is inspected (inspect_return) and settled (settle_return)."


class CancelReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    note: Text | None = Field(default=None, description="Why, in a few words; it is added to the note.")


@tool(
    route="DELETE /returns/{rma}",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[ReturnUnderWay],
    examples=["Ana keeps the lamp after all, drop RMA-17", "Cancel return 1023"],
)
async def cancel_return(ctx: Context, args: CancelReturn) -> ReturnStanding:
    """Call a return off before anything of it came in: the customer keeps the goods.

    The units may be asked for again. A return that the shop does not want is reject_return.
    """
    row, order = await locked_return(ctx, args.rma)
    if row.exchange_order_id or ReturnStatus.cancelled not in Return.MOVES[row.status]:
        raise ReturnUnderWay(f"{row.reference} is {words.word(row.status)}, so it cannot be called off.")

    ctx.edit(row, None, note="\n".join(part for part in (row.note, args.note) if part) or None)
    ctx.move(row, ReturnStatus.cancelled, order_id=order.id)
    ctx.tell(
        f"{row.reference} of {named_order(order)} is called off; the customer keeps the goods, and nothing is refunded."
    )
    return state_of(row, order, await lines_of(ctx, row))


class ExpireReturn(Input):
    rma: ReturnRef = Field(description="The return that nothing came of, such as `RMA-17`.")


@tool(
    route="POST /returns/{rma}/expiry",
    effect=Effect.record,
    permission="after_sales:write",
    raises=[],
    examples=[],
    internal=True,
)
async def expire_return(ctx: Context, args: ExpireReturn) -> ReturnStanding:
    """End a return that was approved long ago, and whose goods never came; one that was sent goods ahead is still waited for."""
    row, order = await locked_return(ctx, args.rma)
    days = timedelta(days=await chosen(ctx, RETURN_DAYS))
    waits = ReturnStatus.expired in Return.MOVES[row.status] and row.exchange_order_id is None
    if waits and row.approved_at is not None and row.approved_at + days <= ctx.now():
        ctx.edit(row, None)
        ctx.move(row, ReturnStatus.expired, order_id=order.id)
    return state_of(row, order, await lines_of(ctx, row))
