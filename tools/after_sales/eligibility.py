"""What of an order may come back, asked before anybody asks for it."""

from datetime import date

from pydantic import Field

from db.models.after_sales import Condition, ReturnReason, WayBack
from db.models.orders import Order
from db.money import Money
from tools.after_sales.fields import Reason
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import OrderRef, Quantity, VariantRef
from tools.rules.return_policy import fee_of, policy_at
from tools.rules.returns import Due, NotInOrder, Verdict, due_of, meant, sold, spread, verdict


class CheckReturnEligibility(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    reason: Reason = Field(
        default=ReturnReason.changed_mind, description="Why it would come back; unless said, a changed mind."
    )
    sku: VariantRef | None = Field(
        default=None, description="Only this: a SKU such as `MUG-BLUE`, or words of the title; omit for all lines."
    )
    quantity: Quantity | None = Field(
        default=None, ge=1, le=100_000, description="So many units; omit for all of them."
    )


class EligibleLine(Result):
    """What the policy says of a line of the order."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    returnable: bool = Field(description="Whether it may come back.")
    units: int = Field(description="Units that this is about.")
    until: date | None = Field(description="The last day; null before it has arrived.")
    why: str = Field(description="Which rule of which policy says so, and what it says.")
    conditions: list[Condition] = Field(description="Conditions in which it is paid for.")
    worth: Money = Field(description="What was paid for these units, in minor units.")
    fee: Money = Field(description="What would be kept of this line alone, in minor units.")
    way_back: WayBack = Field(description="Who pays for the parcel back.")


class ReturnEligibility(Result):
    """What may come back, and what it would give."""

    order: str = Field(description="The order's number.")
    says: str = Field(description="The answer, as a sentence.")
    reason: ReturnReason = Field(description="The reason that it is about.")
    policy: int = Field(description="The policy of the order's day; 0 is the built-in one.")
    refund: Money = Field(description="What all that may come back would give, less fees, in minor units.")
    fee: Money = Field(description="What would be kept of that, in minor units.")
    shipping: Money = Field(description="What of it is the order's shipping, in minor units.")
    lines: list[EligibleLine] = Field(description="Line by line.")


@tool(
    route="GET /orders/{order}/return-eligibility",
    effect=Effect.read,
    permission="after_sales:read",
    raises=[NotInOrder],
    examples=[
        "Can order 1042 still be sent back?",
        "Until when may she return the blue mug of ORD-1042, and what does it cost her?",
        "It arrived broken, do we have to take ORD-1017 back?",
    ],
)
async def check_return_eligibility(ctx: Context, args: CheckReturnEligibility) -> ReturnEligibility:
    """Say per line whether it may come back, until when, by which rule, for how much.

    The policy is that of the day on which the order was placed. Amounts are minor units of the order's currency. To ask for the
    return itself: request_return.
    """
    order = await ctx.find(Order, args.order)
    lines = await sold(ctx, order)
    policy = await policy_at(ctx, order.placed_at)
    alike = [meant(ctx, lines, args.sku, order.reference)] if args.sku else [[line] for line in lines]
    wanted = [part for same in alike for part in spread(same, args.quantity)]
    judged = [verdict(ctx, policy, line, units, args.reason) for line, units in wanted]
    coming = [one for one in judged if one.allowed]
    due = due_of(ctx, order, lines, coming)
    return ReturnEligibility(
        order=order.reference,
        says=_answer(order, judged, coming, due),
        reason=args.reason,
        policy=policy.number,
        refund=due.money(due.refund),
        fee=due.money(due.fee),
        shipping=due.money(due.shipping),
        lines=[_shown(ctx, one, due) for one in judged],
    )


def _answer(order: Order, judged: list[Verdict], coming: list[Verdict], due: Due) -> str:
    if not judged:
        return f"{order.reference} has no lines."
    if not coming:
        return f"No: {words.listed(f'{one.line.sku}: {one.why}' for one in judged)}"
    goods = words.listed(f"{one.units:,} {one.line.sku}" for one in coming)
    kept = f", of which {due.money(due.fee)} is kept" if due.fee else ""
    payer = {one.terms.way_back for one in coming}
    pays = "The shop" if payer == {WayBack.shop} else "The customer" if payer == {WayBack.customer} else "Each for some"
    last = min((one.until for one in coming if one.until), default=None)
    until = f" until {words.day(last)}" if last else ""
    gives = f"it gives {due.money(due.refund)}{kept}"
    return f"Yes, {goods} of {order.reference} can come back{until}: {gives}. {pays} pays the way back."


def _shown(ctx: Context, one: Verdict, due: Due) -> EligibleLine:
    worth = one.worth if one.allowed else 0
    fee = fee_of(ctx, [(one.terms, worth)], due.currency)
    return EligibleLine(
        sku=one.line.sku, title=one.line.title, returnable=one.allowed, units=one.units, until=one.until, why=one.why,
        conditions=list(one.terms.conditions), worth=due.money(worth), fee=due.money(fee), way_back=one.terms.way_back,
    )  # fmt: skip
