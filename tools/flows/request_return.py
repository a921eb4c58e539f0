"""Asking for a return: money back, store credit, or other goods for what comes back."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from db.models.after_sales import Return, ReturnReason, ReturnWish
from db.models.files import File
from db.models.orders import Order
from db.models.payments import CREDIT, SavedMethod
from tools.after_sales.fields import Reason, Wish
from tools.after_sales.shown import ReturnStanding, lines_of, state_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous
from tools.contract.fields import CustomerRef, FileRef, OrderRef, Quantity, SavedMethodRef, Text, VariantRef
from tools.contract.outside import outside
from tools.contract.shop_settings import EXCHANGE_WITHIN_PRODUCT, chosen
from tools.flows.exchange_items import ExchangeNeedsCustomer, customer_of, wish_for
from tools.orders.edits import SwapOfAnotherProduct
from tools.orders.quote import quote, variant_of
from tools.orders.wishes import NewLine, NoPriceInCurrency, VariantNotSellable
from tools.rules.charging import MethodNotUsable, method_for
from tools.rules.credit import NotEnoughCredit, refuse_short
from tools.rules.lookup import find_customer
from tools.rules.refunds import tenders
from tools.rules.return_policy import policy_at
from tools.rules.returns import (
    Due,
    NotInOrder,
    OrderReturnedBefore,
    ReturnNotAllowed,
    Sold,
    Verdict,
    due_of,
    fits,
    meant,
    open_return,
    refuse_asked,
    refuse_too_soon_or_again,
    sold,
    spread,
    verdict,
)
from tools.rules.told import goods, named_order

LATEST = 20  # orders of a customer that are looked through for what comes back


class UnitsComingBack(Input):
    """Units of a line of the order."""

    sku: VariantRef = Field(description="What comes back: a SKU such as `MUG-BLUE`, or words of its title.")
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="Units; omit for all of it that can come back."
    )
    to: VariantRef | None = Field(
        default=None, description="In an exchange, what is wanted for each of them, by SKU such as `MUG-WHITE`."
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
    to: VariantRef | None = Field(
        default=None, description="In an exchange, what is wanted for it instead, by SKU such as `MUG-WHITE`."
    )
    wanted: Wish = Field(
        default=ReturnWish.refund, description="What the customer wants: refund, credit, exchange, repair."
    )
    settle_by: SavedMethodRef | None = Field(
        default=None,
        description="Where the refund goes, if not simply back: the method that it was paid with, a gift card or store credit, "
        "such as `PM-12`. In an exchange, any method of the customer's: it pays or gets the difference.",
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
        if (self.quantity or self.to) and not self.sku:
            raise ValueError("Say what comes back, as `sku`.")
        if any(one.to for one in self.goods) and self.wanted is not ReturnWish.exchange:
            raise ValueError("Other goods are wanted (`to`) in an exchange: say `wanted`: exchange.")
        if self.settle_by and self.wanted not in (ReturnWish.refund, ReturnWish.exchange):
            raise ValueError("A refund or an exchange is settled by a method; store credit and repairs are not.")
        return self

    @property
    def goods(self) -> list[UnitsComingBack]:
        """What was named, if anything was."""
        return [UnitsComingBack(sku=self.sku, quantity=self.quantity, to=self.to)] if self.sku else self.lines


@tool(
    room="after_sales",
    route="POST /returns",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[
        ReturnNotAllowed, OrderReturnedBefore, NotInOrder, MethodNotUsable, NotEnoughCredit, ExchangeNeedsCustomer,
        SwapOfAnotherProduct, VariantNotSellable, NoPriceInCurrency,
    ],
    examples=[
        "The blue mugs of order 1042 came broken, 5 of them; she wants her money back",
        "Ana Torres wants to return the shirt from ORD-1017, it is too small",
        "CUS-301 sends the lamp back and would like store credit",
    ],
)  # fmt: skip
async def request_return(ctx: Context, args: RequestReturn) -> ReturnStanding:
    """Ask for a return of units that the customer has, for a reason.

    The policy of the order's day decides, and is named in the answer: see check_return_eligibility. Nothing is paid yet: it is
    approved, received, inspected, and settled. For a swap in one go: exchange_items. What has not left is cancelled instead.
    """
    order = await _order(ctx, args)
    lines = await sold(ctx, order)
    await refuse_too_soon_or_again(ctx, order, lines)
    policy = await policy_at(ctx, order.placed_at)
    wanted = _wanted(ctx, args, order, lines)
    asked = [verdict(ctx, policy, one.line, one.units, one.reason) for one in wanted]
    refuse_asked(order, asked, goodwill=args.goodwill)
    due = due_of(ctx, order, lines, asked)
    instead = await _instead(ctx, order, wanted, due)
    method = await _settled_by(ctx, order, args, instead.difference or 0)
    photos = [(await ctx.find(File, photo)).reference for photo in args.photos]

    ctx.settled = args.model_copy(update={"order": order.reference})
    goodwill = args.goodwill and not all(one.allowed for one in asked)
    row = await open_return(
        ctx, order, asked, due, {one.line.id: one.reason for one in wanted}, wanted=args.wanted, note=args.note,
        photos=photos, goodwill=goodwill, wants=instead.wants, difference=instead.difference,
        saved_method_id=method and method.id,
    )  # fmt: skip
    _tell(ctx, order, row, asked, due)
    _tell_instead(ctx, row, instead, method)
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


class _Want(NamedTuple):
    """Units of a line that come back, all that are left where none are named; `to` is what is wanted for them: SKU and units."""

    line: Sold
    units: int | None
    reason: ReturnReason
    to: list[tuple[str, int]]


def _wanted(ctx: Context, args: RequestReturn, order: Order, lines: Sequence[Sold]) -> list[_Want]:
    """What was asked, line by line; all that is left, where nothing was named. Each line once."""
    if not args.goods:
        return [_Want(line, None, args.reason, []) for line in lines if line.left > 0]
    asked: dict[str, tuple[list[Sold], list[UnitsComingBack]]] = {}
    for one in args.goods:
        alike = meant(ctx, lines, one.sku, order.reference)
        asked.setdefault(alike[0].sku, (alike, []))[1].append(one)
    return [want for alike, ones in asked.values() for want in _spread(args, alike, ones)]


def _spread(args: RequestReturn, alike: Sequence[Sold], ones: Sequence[UnitsComingBack]) -> list[_Want]:
    """What was asked of one SKU, over the lines that it is on, in the order in which it was asked."""
    rest = sum(max(line.left, 0) for line in alike) - sum(one.quantity or 0 for one in ones)
    queue = [(one, one.quantity or max(rest, 0)) for one in ones]
    wants: list[_Want] = []
    for line, units in spread(alike, sum(units for _, units in queue) or None):
        reason, left, to = queue[0][0].reason or args.reason, units or 0, list[tuple[str, int]]()
        while left and queue:
            one, there = queue.pop(0)
            part = min(left, there)
            left -= part
            to += [(one.to, part)] if one.to else []
            queue[:0] = [(one, there - part)] if part < there else []
        wants.append(_Want(line, units, reason, to))
    return wants


class _Instead(NamedTuple):
    """What is wanted for what comes back: rows by line, and what it costs more, or less, than what comes back gives."""

    wants: dict[UUID, list[dict[str, Any]]]
    difference: int | None


async def _instead(ctx: Context, order: Order, wanted: Sequence[_Want], due: Due) -> _Instead:
    """Quoted at the prices of the day, and sent free of charge. Raises what keeps it from being ordered."""
    named = [(want.line, sku, units) for want in wanted for sku, units in want.to]
    if not named:
        return _Instead({}, None)
    new = [NewLine(sku=sku, quantity=units) for _, sku, units in named]
    quoted = await quote(ctx, wish_for(order, await customer_of(ctx, order), new), sent=False)
    within = await chosen(ctx, EXCHANGE_WITHIN_PRODUCT)
    wants: dict[UUID, list[dict[str, Any]]] = {}
    for line, sku, units in named:
        variant = await variant_of(ctx, sku, quoted.found)
        if within and variant.product_id != line.product_id:
            raise SwapOfAnotherProduct(f"{line.sku} is {line.title}, and {variant.sku} is {variant.product_title}.")
        wants.setdefault(line.id, []).append({"sku": variant.sku, "quantity": units})
    return _Instead(wants, quoted.amounts.total - due.refund)


async def _settled_by(ctx: Context, order: Order, args: RequestReturn, difference: int) -> SavedMethod | None:
    """What settles it. Raises `MethodNotUsable`, `NotEnoughCredit`."""
    if args.settle_by is None:
        return None
    held = await tenders(ctx, order)
    method = await method_for(ctx, order, args.settle_by)
    own = any(tender.payment.saved_method_id == method.id for tender in held)
    if args.wanted is ReturnWish.refund and not own and method.method not in CREDIT:
        raise MethodNotUsable(
            f"{order.reference} was not paid with {method.reference}.",
            hint="A refund goes back to what was paid with, or onto a gift card or store credit of the customer's.",
        )
    if method.method in CREDIT:
        refuse_short(method, difference)
    return method


def _tell(ctx: Context, order: Order, row: Return, asked: Sequence[Verdict], due: Due) -> None:
    goods = words.listed(f"{one.units:,} {one.line.sku} ({words.word(row.reason)})" for one in asked)
    ctx.tell(f"A return of {named_order(order)} is asked for: {goods}.")
    kept = f", {due.money(due.fee)} of it kept" if due.fee else ""
    ctx.tell(f"It would give {due.money(due.refund)}{kept}, wanted as {words.word(row.wanted)}.")
    for one in asked:
        ctx.tell(f"{one.line.sku}: {one.why}")
    if row.goodwill:
        ctx.tell("It is taken all the same, as goodwill.")


def _tell_instead(ctx: Context, row: Return, instead: _Instead, method: SavedMethod | None) -> None:
    if instead.difference is not None:
        sent = goods({want["sku"]: want["quantity"] for wants in instead.wants.values() for want in wants})
        more, money = instead.difference > 0, words.money(abs(instead.difference), row.currency)
        ctx.tell(f"{sent} are wanted for it, which costs {money} {'more' if more else 'less'} at the prices of today.")
    if method:
        ctx.tell(f"It is settled by {method.reference}.")
