"""Goods for other goods: the return of the old ones and the order of the new ones are one, and the difference is settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import Field

from db.models.after_sales import Return, ReturnReason, ReturnStatus, ReturnWish
from db.models.customers import Customer
from db.models.orders import Order, OrderStatus
from db.models.payments import Payment, SavedMethod
from db.money import Money
from tools.after_sales.fields import Reason
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, Quantity, Text, VariantRef
from tools.flows.create_order import CreateOrder, create_order
from tools.flows.settling import confirm_paid
from tools.orders.status import move_by_hand
from tools.orders.wishes import NewLine, NoPriceInCurrency, NoShippingAddress, VariantNotSellable, WrittenAddress
from tools.rules.charging import Means, charge, refund_onto
from tools.rules.credit import refund_as_credit, spend, store_credit
from tools.rules.refunds import ChargeUnderWay, MoneyBack, Tender, refund, refuse_while_charged, tenders
from tools.rules.return_policy import policy_at
from tools.rules.returns import (
    NotInOrder,
    OrderReturnedBefore,
    ReturnNotAllowed,
    Verdict,
    due_of,
    meant,
    open_return,
    refuse_asked,
    refuse_too_soon_or_again,
    sold,
    spread,
    verdict,
)
from tools.rules.stock import NotEnoughStock
from tools.rules.told import goods, named_order

_PARTS = ("name", "company", "line1", "line2", "city", "region", "postcode", "country", "phone")


class ExchangeNeedsCustomer(Conflict):
    """Goods are exchanged for customers that the shop knows: what they have paid stays theirs between the two orders."""

    hint = "Take the goods back with request_return and place a new order; or register the guest with create_customer."


class ExchangedUnits(Input):
    """Units of a line of the order, and what the customer gets for them."""

    sku: VariantRef = Field(description="What comes back: a SKU such as `MUG-BLUE`, or words of its title.")
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="Units; omit for all of it that can come back."
    )
    new_sku: VariantRef = Field(description="What is sent for each of them, by SKU such as `MUG-WHITE`.")


class ExchangeItems(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    items: list[ExchangedUnits] = Field(min_length=1, max_length=100, description="What is swapped for what.")
    reason: Reason = Field(default=ReturnReason.changed_mind, description="Why; unless said, a changed mind.")
    goodwill: bool = Field(default=False, description="Do it though the policy does not; say why in the note.")
    note: Text | None = Field(default=None, description="What the customer said.")


class ItemsExchanged(Result):
    """The return and the new order, and what became of the difference."""

    order: str = Field(description="The order that the goods were of.")
    rma: str = Field(description="The return of the old goods; they have to come in.")
    new_order: str = Field(description="The order of the new goods.")
    status: OrderStatus = Field(description="Where the new order stands: confirmed once nothing is open.")
    says: str = Field(description="What happened, as a sentence.")
    worth: Money = Field(description="What the old goods give, fees taken off, in minor units.")
    total: Money = Field(description="What the new goods cost, in minor units.")
    paid: Money = Field(description="What of that the old goods pay, in minor units.")
    due: Money = Field(description="What the customer has still to pay, in minor units.")
    refunds: list[MoneyBack] = Field(description="What goes back to the customer.")
    rule: list[str] = Field(description="Which rule of which policy takes the goods back.")


@dataclass(frozen=True)
class Replaced:
    """New goods for old ones. `moved` is what was paid for the old ones and pays the new ones now; `due` is open still."""

    order: Order
    moved: int
    due: int
    refunds: list[MoneyBack]

    @property
    def given(self) -> int:
        return self.moved + sum(back.amount.amount for back in self.refunds)


@tool(
    room="after_sales",
    route="POST /orders/{order}/exchanges",
    effect=Effect.money,
    permission="after_sales:write",
    raises=[
        ReturnNotAllowed, OrderReturnedBefore, NotInOrder, ExchangeNeedsCustomer, NotEnoughStock, VariantNotSellable,
        NoPriceInCurrency, NoShippingAddress, ChargeUnderWay,
    ],
    examples=[
        "Swap the shirt M of ORD-1017 for an L",
        "She got the green mug and wants the blue one, order 1042",
        "Exchange two SOCKS-GREY of ORD-1033 for SOCKS-NAVY, he ordered the wrong colour",
    ],
)  # fmt: skip
async def exchange_items(ctx: Context, args: ExchangeItems) -> ItemsExchanged:
    """Swap delivered goods for others: the return and the new order in one.

    What was paid for the old goods pays the new ones, sent free of charge at today's prices. What is over goes back the way it was
    paid; what is missing is open on the new order, which is confirmed once it is paid. Before something has left use
    change_order_lines.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    lines = await sold(ctx, order)
    await refuse_too_soon_or_again(ctx, order, lines)
    policy = await policy_at(ctx, order.placed_at)
    asked: list[Verdict] = []
    wants: list[NewLine] = []
    for item in args.items:
        for line, units in spread(meant(ctx, lines, item.sku, order.reference), item.quantity):
            one = verdict(ctx, policy, line, units, args.reason)
            asked.append(one)
            wants.append(NewLine(sku=item.new_sku, quantity=max(one.units, 1)))
    refuse_asked(order, asked, goodwill=args.goodwill)
    due = due_of(ctx, order, lines, asked)

    ctx.tell(f"An exchange for {named_order(order)}: {_swaps(asked, wants)}.")
    reasons: dict[UUID, ReturnReason] = {one.line.id: args.reason for one in asked}
    goodwill = args.goodwill and not all(one.allowed for one in asked)
    row = await open_return(
        ctx, order, asked, due, reasons, status=ReturnStatus.approved, wanted=ReturnWish.exchange, note=args.note,
        goodwill=goodwill,
    )  # fmt: skip
    replaced = await replace(ctx, order, row, wants, due.refund)
    if goodwill:
        ctx.tell("The policy would not take the goods back: this is goodwill.")
    return _shown(order, row, replaced, asked)


async def replace(
    ctx: Context, order: Order, row: Return, wants: Sequence[NewLine], value: int, method: SavedMethod | None = None
) -> Replaced:
    """Order new goods for what a return of a locked order gives; the difference goes back, or stays open on the new order.

    It is settled by the customer's `method`, locked, where one was named.
    """
    customer = await customer_of(ctx, order)
    new = await _order(ctx, wish_for(order, customer, wants))
    held = await tenders(ctx, order)
    refuse_while_charged(order, held)
    available = sum(tender.refundable for tender in held)
    moved = min(value, new.total, available)
    await _pay_with(ctx, order, new, customer, held, moved)
    over = min(value, available) - moved
    refunds = await (refund_onto(ctx, order, held, method, over) if method else refund(ctx, held, over))
    due = new.total - moved
    if due and method:
        await charge(ctx, new, Means(method), due, capture=True)
        await confirm_paid(ctx, new)
        due = 0
    elif due:
        ctx.tell(f"{words.money(due, new.currency)} are still to be paid for the new goods, before they are sent.")
    elif new.status is OrderStatus.pending:
        await move_by_hand(ctx, new, OrderStatus.confirmed)
        ctx.tell("The new order is paid and confirmed.")
    replaced = Replaced(new, moved, due, refunds)
    ctx.edit(row, None, exchange_order_id=new.id, refunded=replaced.given)
    return replaced


async def customer_of(ctx: Context, order: Order) -> Customer:
    if order.customer_id is None:
        raise ExchangeNeedsCustomer(f"{order.reference} is of a guest.")
    return await ctx.db.get_one(Customer, (ctx.merchant.id, order.customer_id))


def wish_for(order: Order, customer: Customer, wants: Sequence[NewLine]) -> CreateOrder:
    """The new order goes where the old one went."""
    address: dict[str, Any] = {part: order.shipping_address.get(part) for part in _PARTS}
    known = {part: value for part, value in address.items() if value}
    return CreateOrder(
        customer=customer.reference,
        lines=list(wants),
        shipping_address=WrittenAddress.model_validate(known) if known else None,
        channel=order.channel,
        currency=order.currency,
        note=f"Exchange for {order.reference}",
    )


async def _order(ctx: Context, wish: CreateOrder) -> Order:
    """The new order, locked. What replaces other goods is sent free of charge, and its card says so in the place of its own."""
    said = len(ctx.sentences)
    placed = await create_order(ctx, wish)
    del ctx.sentences[said:]
    new = await ctx.find(Order, placed.reference, for_update=True)
    charged = new.shipping + (0 if new.prices_include_tax else new.shipping_tax)
    if charged:
        ctx.edit(new, None, tax=new.tax - new.shipping_tax, total=new.total - charged, shipping=0, shipping_tax=0)
    sent = goods({line.sku: line.quantity for line in placed.lines})
    cost, are = words.money(new.total, new.currency), words.are(new.units)
    ctx.tell(f"{sent} {are} ordered and held for it, {cost}, sent free of charge.")
    return new


async def _pay_with(
    ctx: Context, order: Order, new: Order, customer: Customer, held: Sequence[Tender], amount: int
) -> None:
    """What the old order's payments hold becomes credit, and the credit pays the new order."""
    if not amount:
        return
    await refund_as_credit(ctx, order, customer, split(held, amount))
    await spend(ctx, new, await store_credit(ctx, customer, order.currency), amount)
    ctx.tell(f"{words.money(amount, new.currency)} of it pay for the new goods.")


def split(held: Sequence[Tender], amount: int) -> list[tuple[Payment, int]]:
    """Which payment gives how much of an amount, the oldest first."""
    parts: list[tuple[Payment, int]] = []
    for tender in held:
        part = min(tender.refundable, amount - sum(given for _, given in parts))
        parts.append((tender.payment, part))
    return parts


def _swaps(asked: Sequence[Verdict], wants: Sequence[NewLine]) -> str:
    pairs = zip(asked, wants, strict=True)
    return words.listed(f"{one.units:,} {one.line.sku} come back for {one.units:,} {new.sku}" for one, new in pairs)


def _shown(order: Order, row: Return, replaced: Replaced, asked: Sequence[Verdict]) -> ItemsExchanged:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=order.currency)

    new = replaced.order
    over = sum(back.amount.amount for back in replaced.refunds)
    open_ = f"{money(replaced.due)} are still to be paid" if replaced.due else "nothing is open"
    rest = f"{money(over)} go back to the customer" if over else open_
    return ItemsExchanged(
        order=order.reference,
        rma=row.reference,
        new_order=new.reference,
        status=new.status,
        says=f"{row.reference} brings the old goods of {order.reference} back, {new.reference} sends the new ones: {rest}.",
        worth=money(row.refund),
        total=money(new.total),
        paid=money(replaced.moved),
        due=money(replaced.due),
        refunds=replaced.refunds,
        rule=[one.terms.named for one in asked],
    )
