"""Asking for a return, and calling it off."""

from collections.abc import Sequence
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from db.models.after_sales import Return, ReturnReason, ReturnStatus, ReturnWish
from db.models.files import File
from db.models.orders import Order
from tools.after_sales.fields import Reason, ReturnRef, Wish
from tools.after_sales.rows import locked_return
from tools.after_sales.shown import ReturnStanding, lines_of, state_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous, Conflict
from tools.contract.fields import CustomerRef, FileRef, OrderRef, Quantity, Text, VariantRef
from tools.contract.outside import outside
from tools.rules.lookup import find_customer
from tools.rules.return_policy import policy_at
from tools.rules.returns import (
    Due,
    NotInOrder,
    ReturnNotAllowed,
    Sold,
    Verdict,
    due_of,
    fits,
    impossible,
    meant,
    open_return,
    sold,
    verdict,
)
from tools.rules.told import named_order

LATEST = 20  # orders of a customer that are looked through for what comes back


class ReturnUnderWay(Conflict):
    """It has come in, or was settled: nothing is left to be called off."""

    hint = "What came in is inspected (inspect_return) and settled (settle_return)."


class UnitsComingBack(Input):
    """Units of a line of the order."""

    sku: VariantRef = Field(description="What comes back: a SKU such as `MUG-BLUE`, or words of its title.")
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="Units; omit for all of it that can come back."
    )
    reason: Reason | None = Field(default=None, description="Why these, where it is another reason than the return's.")


class RequestReturn(Input):
    order: OrderRef | None = Field(
        default=None, description="The order, such as `ORD-1042`; omit where `customer` says whose."
    )
    customer: CustomerRef | None = Field(
        default=None, description="Who bought it, where the order is not known: their latest order that has the goods."
    )
    sku: VariantRef | None = Field(
        default=None,
        description="What comes back, where it is one thing: a SKU such as `MUG-BLUE`, or words of its title.",
    )
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="Units of it; omit for all of it that can come back."
    )
    lines: list[UnitsComingBack] = Field(
        default=[],
        max_length=200,
        description="Several things; omit it and `sku` for all that the customer has of the order.",
    )
    reason: Reason = Field(description="Why it comes back.")
    wanted: Wish = Field(
        default=ReturnWish.refund, description="What the customer wants: refund, credit, exchange, repair."
    )
    note: Text | None = Field(default=None, description="What the customer said.")
    photos: list[FileRef] = Field(default=[], max_length=20, description="Files that show it, such as `FILE-12`.")
    goodwill: bool = Field(default=False, description="Take it though the policy does not; say why in the note.")

    @model_validator(mode="after")
    def says_of_what(self) -> Self:
        if self.order is None and self.customer is None:
            raise ValueError("Give the `order`, or the `customer` whose order it is.")
        if (self.sku or self.quantity) and self.lines:
            raise ValueError("Give `sku` and `quantity` for one thing, or `lines` for several.")
        if self.quantity and not self.sku:
            raise ValueError("Say of what there are so many, as `sku`.")
        return self

    @property
    def goods(self) -> list[UnitsComingBack]:
        """What was named, if anything was."""
        return [UnitsComingBack(sku=self.sku, quantity=self.quantity)] if self.sku else self.lines


class CancelReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    note: Text | None = Field(default=None, description="Why, in a few words; it is added to the note.")


@tool(
    route="POST /returns",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[ReturnNotAllowed, NotInOrder],
    examples=[
        "The blue mugs of order 1042 came broken, 5 of them; she wants her money back",
        "Ana Torres wants to return the shirt from ORD-1017, it is too small",
        "CUS-301 sends the lamp back and would like store credit",
    ],
)
async def request_return(ctx: Context, args: RequestReturn) -> ReturnStanding:
    """Ask for a return of units that the customer has, for a reason.

    The policy of the order's day decides, and is named in the answer: see check_return_eligibility. Nothing is paid yet: it is
    approved, received, inspected, and settled. For a swap in one go: exchange_items. What has not left is cancelled instead.
    """
    order = await _order(ctx, args)
    lines = await sold(ctx, order)
    policy = await policy_at(ctx, order.placed_at)
    reasons: dict[UUID, ReturnReason] = {}
    asked: list[Verdict] = []
    for line, units, reason in _wanted(ctx, args, order, lines):
        reasons[line.id] = reason
        asked.append(verdict(ctx, policy, line, units, reason))
    refuse_asked(order, asked, goodwill=args.goodwill)
    due = due_of(ctx, order, lines, asked)
    photos = [(await ctx.find(File, photo)).reference for photo in args.photos]

    ctx.settled = args.model_copy(update={"order": order.reference})
    goodwill = args.goodwill and not all(one.allowed for one in asked)
    row = await open_return(
        ctx, order, asked, due, reasons, wanted=args.wanted, note=args.note, photos=photos, goodwill=goodwill
    )
    _tell(ctx, order, row, asked, due)
    await ctx.db.flush()
    return state_of(row, order, await lines_of(ctx, row))


class _Latest(NamedTuple):
    reference: str
    sku: str
    title: str
    options: dict[str, str]


_LATEST = """
select o.reference, l.sku, l.title, l.options from (
    select id, reference, placed_at from orders
    where merchant_id = %(m)s and customer_id = %(c)s and units_fulfilled > units_returned order by placed_at desc limit %(latest)s
) o join order_lines l on l.merchant_id = %(m)s and l.order_id = o.id and l.fulfilled > l.returned
order by o.placed_at desc, l.position
"""


async def _order(ctx: Context, args: RequestReturn) -> Order:
    """The order that was named, or the customer's only one that has all of the goods, locked. Raises `NotInOrder`, `Ambiguous`."""
    if args.order:
        return await ctx.find(Order, args.order, for_update=True)
    customer = await find_customer(ctx, args.customer or "")
    rows = await ctx.sql.rows(_LATEST, {"m": ctx.merchant.id, "c": customer.id, "latest": LATEST}, as_=_Latest)
    orders: dict[str, list[_Latest]] = {}
    for row in rows:
        orders.setdefault(row.reference, []).append(row)
    asked = [one.sku for one in args.goods]
    fitting = [name for name, lines in orders.items() if all(any(_is(line, it) for line in lines) for it in asked)]
    if not fitting:
        what = words.listed(outside(one) for one in asked) if asked else "anything to send back"
        there = words.listed([f"{row.sku} ({row.reference})" for row in rows] or ["nothing that has left"])
        raise NotInOrder(f"No order of {customer.reference} has {what}.", hint=f"Of theirs there is {there}.")
    if len(fitting) > 1:
        raise Ambiguous(f"Several orders of {customer.reference} have it: {words.listed(fitting)}.")
    return await ctx.find(Order, fitting[0], for_update=True)


def _is(line: _Latest, written: str) -> bool:
    return line.sku.casefold() == written.casefold() or fits(written, line.title, line.sku, line.options)


def _wanted(
    ctx: Context, args: RequestReturn, order: Order, lines: Sequence[Sold]
) -> list[tuple[Sold, int | None, ReturnReason]]:
    """Line, units and reason of what was asked; of all that is left, where nothing was named. Each line once."""
    if not args.goods:
        return [(line, None, args.reason) for line in lines if line.left > 0]
    wanted: dict[UUID, tuple[Sold, int | None, ReturnReason]] = {}
    for one in args.goods:
        line = meant(ctx, lines, one.sku, order.reference)
        before = wanted.get(line.id)
        both = before[1] + one.quantity if before and before[1] and one.quantity else one.quantity
        wanted[line.id] = (line, both, one.reason or args.reason)
    return list(wanted.values())


def refuse_asked(order: Order, asked: Sequence[Verdict], *, goodwill: bool) -> None:
    """Raise where nothing can come back, or the policy does not take it and nobody takes it all the same."""
    if not asked:
        raise ReturnNotAllowed(
            f"Nothing of {order.reference} can come back: {order.units_fulfilled} of {order.units} units have left.",
            hint="What has not left is cancelled (cancel_order); what came back is in get_order.",
        )
    for one in asked:
        if one.allowed or (goodwill and not impossible(one.line, one.units)):
            continue
        hint = "get_order shows its parcels and returns." if impossible(one.line, one.units) else ""
        raise ReturnNotAllowed(f"{one.line.sku} of {order.reference}: {one.why}", hint=hint)


def _tell(ctx: Context, order: Order, row: Return, asked: Sequence[Verdict], due: Due) -> None:
    goods = words.listed(f"{one.units:,} {one.line.sku} ({words.word(row.reason)})" for one in asked)
    ctx.tell(f"A return of {named_order(order)} is asked for: {goods}.")
    kept = f", {due.money(due.fee)} of it kept" if due.fee else ""
    ctx.tell(f"It would give {due.money(due.refund)}{kept}, wanted as {words.word(row.wanted)}.")
    for one in asked:
        ctx.tell(f"{one.line.sku}: {one.why}")
    if row.goodwill:
        ctx.tell("It is taken all the same, as goodwill.")


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
