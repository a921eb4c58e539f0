"""Links by which customers pay what is open: made with the provider after the commit, and over when their time is."""

from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import Field

from db.model import new_id
from db.models.backoffice import Intent, IntentStatus
from db.models.orders import Order, OrderStatus, PaymentState
from db.models.payments import PaymentLink, PaymentLinkStatus
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import OrderRef, UntrustedText
from tools.flows.mark_order_paid import OrderAlreadyPaid, OrderNotPayable
from tools.flows.settle_intent import IntentSettled
from tools.rules.links import close_link, link_of, void_link
from tools.rules.paying import MANUAL, STRIPE, ProviderNotSetUp
from tools.rules.refunds import LINK, ChargeUnderWay, tenders
from tools.rules.standing import OrderOnHold, refuse_held
from tools.rules.told import named_order


class PaymentLinkExists(Conflict):
    """The order has a link for what is open: two would let the customer pay twice."""

    hint = "Send that one; with `replace` it becomes void and another is made."


class CreatePaymentLink(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    valid_days: int = Field(default=7, ge=1, le=90, description="Days for which it can be paid by the link.")
    provider: str | None = Field(
        default=None, max_length=40, description="Whose page it is; omit for the provider that moves money."
    )
    replace: bool = Field(default=False, description="Make another one where there is one; the old one becomes void.")


class PaymentLinkMade(Result):
    """A page on which the customer pays what is open of an order."""

    reference: str = Field(description="The link's reference, such as `LNK-1001`.")
    order: str = Field(description="The order that is paid by it.")
    status: PaymentLinkStatus = Field(description="Where it stands; pending while the provider is being asked.")
    url: UntrustedText | None = Field(description="What the customer is sent; null until the provider has made it.")
    amount: Money = Field(description="What is paid by it, in minor units.")
    provider: str = Field(description="Whose page it is.")
    expires_at: datetime = Field(description="Until when it can be paid, UTC.")
    intent: str | None = Field(description="What stands for it until the provider has made it; null once it is there.")
    failure: UntrustedText | None = Field(default=None, description="Why it failed, as the provider says.")
    says: UntrustedText | None = Field(default=None, description="What the provider adds.")


class _Seen(NamedTuple):
    status: str
    url: str | None
    intent_status: str | None
    outcome: dict[str, Any] | None


_SEEN = """
select l.status, l.url, i.status as intent_status, i.outcome
from payment_links l left join intents i on i.merchant_id = %(m)s and i.reference = %(intent)s
where l.merchant_id = %(m)s and l.reference = %(link)s
"""


async def _as_it_stands(ctx: Context, made: PaymentLinkMade) -> PaymentLinkMade:
    (seen,) = await ctx.sql.rows(
        _SEEN, {"m": ctx.merchant.id, "link": made.reference, "intent": made.intent}, as_=_Seen
    )
    said = seen.outcome or {}
    return made.model_copy(
        update={
            "status": PaymentLinkStatus(seen.status), "url": seen.url, "failure": said.get("code"), "says": said.get("says"),
            "intent": made.intent if seen.intent_status == "pending" else None,
        }
    )  # fmt: skip


@tool(
    room="payments",
    route="POST /orders/{order}/payment-links",
    effect=Effect.outside,
    permission="payments:write",
    raises=[
        OrderNotPayable, OrderAlreadyPaid, OrderOnHold, ChargeUnderWay, ProviderNotSetUp, PaymentLinkExists,
    ],
    examples=[
        "Make a payment link for order 1042",
        "Ana wants to pay the rest of ORD-1017 online, create a link for three days",
    ],
    afterwards=_as_it_stands,
)  # fmt: skip
async def create_payment_link(ctx: Context, args: CreatePaymentLink) -> PaymentLinkMade:
    """Make a link by which the customer pays what is open of an order.

    For all that is neither paid nor authorized, and as long as that is due: once something else pays for it, or the order is
    called off, the link is void. It is not sent to anybody by this.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    if order.status in (OrderStatus.draft, OrderStatus.cancelled, OrderStatus.expired):
        raise OrderNotPayable(f"{order.reference} is {order.status}, so nothing can be paid for it.")
    await refuse_held(ctx, order, "charged")
    provider = _provider(ctx, args.provider)
    due = await _due(ctx, order)
    await _make_room(ctx, order, due, replace=args.replace)

    expires = ctx.now() + timedelta(days=args.valid_days)
    if order.status is OrderStatus.pending and order.payment_state is PaymentState.unpaid and order.expires_at:
        expires = min(expires, order.expires_at)  # it does not outlive what is paid by it
    link = await ctx.add(
        PaymentLink, id=new_id(), order_id=order.id, status=PaymentLinkStatus.pending, provider=provider, amount=due.amount,
        currency=due.currency, expires_at=expires,
    )  # fmt: skip
    ctx.event("created", link, order_id=order.id, amount=due.amount, currency=due.currency)
    intent = await ctx.intend(LINK, ("payment_link", link.id), order_id=order.id, money=due, link=link.reference)
    until = words.moment(expires, ctx.merchant.zone)
    ctx.tell(f"{due} of {named_order(order)} can be paid by a link of {provider} until {until}.")
    return PaymentLinkMade(
        reference=link.reference, order=order.reference, status=link.status, url=None, amount=due, provider=provider,
        expires_at=expires, intent=intent.reference,
    )  # fmt: skip


def _provider(ctx: Context, named: str | None) -> str:
    """The one that moves money where it is set up."""
    name = named or (STRIPE if STRIPE in ctx.site.providers else MANUAL)
    if name not in ctx.site.providers:
        raise ProviderNotSetUp(f"{name} is not set up here.")
    return name


async def _due(ctx: Context, order: Order) -> Money:
    """What is neither paid, nor authorized, nor being asked for."""
    held = await tenders(ctx, order)
    due = order.total - sum(tender.kept + tender.promised + tender.coming for tender in held)
    if due <= 0 and any(tender.charged for tender in held):
        raise ChargeUnderWay(f"All that is open of {order.reference} is being charged already.")
    if due <= 0 or order.payment_state is PaymentState.refunded:
        paid = words.money(order.total, order.currency)
        raise OrderAlreadyPaid(f"{order.reference} needs no payment link: {paid} are paid, and nothing is open.")
    return Money(amount=due, currency=order.currency)


async def _make_room(ctx: Context, order: Order, due: Money, *, replace: bool) -> None:
    """One link for what is due: one for another amount makes room, one for the same where that is wished, or its time is over."""
    link = await link_of(ctx, order)
    if link is None:
        return
    if link.amount == due.amount and link.expires_at > ctx.now() and not replace:
        until = words.moment(link.expires_at, ctx.merchant.zone)
        raise PaymentLinkExists(f"{order.reference} can be paid by {link.reference} until {until}: {link.url or due}.")
    await void_link(ctx, link)
    await ctx.sql.flush()  # one alone is alive at any time


# ---- what the worker does with them ----------------------------------------------------------------------------------------


class SettlePaymentLink(Input):
    intent: str = Field(description="What was done outside, such as `INT-12`.")
    outcome: Literal["succeeded", "pending", "needs_action", "failed"] = Field(description="What was said of it.")
    reference: str | None = Field(default=None, description="The provider's name for the link.")
    code: str | None = Field(default=None, description="Why it failed.")
    action_url: str | None = Field(default=None, description="Where the customer pays.")
    says: str | None = Field(default=None, description="What the provider wants to be known.")


@tool(
    room="payments",
    route="POST /payments/links/{intent}/outcome",
    effect=Effect.record,
    permission="payments:write",
    raises=[],
    examples=[],
    internal=True,
)
async def settle_payment_link(ctx: Context, args: SettlePaymentLink) -> IntentSettled:
    """Book whether a provider made a link, or took it away; one that was called off meanwhile stays void."""
    intent = await ctx.find(Intent, args.intent)
    await ctx.db.get_one(Order, (ctx.merchant.id, intent.order_id), with_for_update={"key_share": True})
    await ctx.db.refresh(intent, with_for_update={"key_share": True})
    if intent.status is not IntentStatus.pending:
        return IntentSettled(intent=args.intent, status=intent.status, going_on=[])
    made, done = intent.kind == LINK, args.outcome == "succeeded"
    said = {"outcome": args.outcome, "code": args.code, "says": args.says}
    intent.outcome = {name: value for name, value in said.items() if value is not None}
    ctx.move(intent, IntentStatus.succeeded if done else IntentStatus.failed, order_id=intent.order_id, code=args.code)
    if not made:
        return IntentSettled(intent=args.intent, status=intent.status, going_on=[])
    lock: Any = {"with_for_update": {"key_share": True}}
    link = await ctx.db.get_one(PaymentLink, (ctx.merchant.id, intent.subject_id), **lock)
    if done:
        ctx.edit(link, None, provider_reference=args.reference, url=args.action_url)
    if link.status is PaymentLinkStatus.pending:
        ctx.edit(link, None)
        ctx.move(link, PaymentLinkStatus.open if done else PaymentLinkStatus.failed, order_id=link.order_id)
    return IntentSettled(intent=args.intent, status=intent.status, going_on=await _waited(ctx, intent, done=done))


async def _waited(ctx: Context, intent: Intent, *, done: bool) -> list[str]:
    """What was to be done with a link as soon as it is there: nothing where it never is."""
    waiting = await ctx.sql.rows(_WAITING, {"m": ctx.merchant.id, "after": intent.reference}, as_=_Waiting)
    if done:
        return [one.reference for one in waiting]
    for one in waiting:
        ctx.move(await ctx.find(Intent, one.reference), IntentStatus.cancelled, order_id=intent.order_id)
    return []


class _Waiting(NamedTuple):
    reference: str


_WAITING = """
select reference from intents
where merchant_id = %(m)s and status = 'pending' and arguments ->> 'after' = %(after)s order by id for no key update
"""


class ExpirePaymentLink(Input):
    link: str = Field(description="The link whose time is over, such as `LNK-1001`.")


class PaymentLinkExpired(Result):
    reference: str = Field(description="The link's reference.")
    status: PaymentLinkStatus = Field(description="Where it stands now.")


@tool(
    room="payments",
    route="POST /payments/links/{link}/expiry",
    effect=Effect.record,
    permission="payments:write",
    raises=[],
    examples=[],
    internal=True,
)
async def expire_payment_link(ctx: Context, args: ExpirePaymentLink) -> PaymentLinkExpired:
    """End a link whose time is over; its provider takes the page away."""
    found = await ctx.find(PaymentLink, args.link)
    await ctx.db.get_one(Order, (ctx.merchant.id, found.order_id), with_for_update={"key_share": True})
    await ctx.db.refresh(found, with_for_update={"key_share": True})
    if found.status is PaymentLinkStatus.open and found.expires_at <= ctx.now():
        ctx.edit(found, None)
        ctx.move(found, PaymentLinkStatus.expired, order_id=found.order_id)
        await close_link(ctx, found)
    return PaymentLinkExpired(reference=found.reference, status=found.status)
