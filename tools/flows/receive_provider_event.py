"""What a payment provider tells by itself, booked: each event once, late ones and those out of order too."""

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from db.model import new_id
from db.models.backoffice import Intent, IntentStatus
from db.models.orders import Order
from db.models.payments import (
    Dispute,
    DisputeStatus,
    Payment,
    PaymentStatus,
    Payout,
    PayoutStatus,
    ProviderEvent,
    TransactionKind,
)
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import Instant
from tools.flows.paid_by_link import begun_by_link, give_back_what_is_too_much
from tools.flows.settling import Heard, hear, hear_what_waited, locked
from tools.rules.books import book_fees, record
from tools.rules.refunds import FEES

Happened = Literal[
    "authorized", "captured", "failed", "voided", "expired", "refunded", "refund_failed", "dispute_opened",
    "dispute_updated", "dispute_won", "dispute_lost", "payout", "other",
]  # fmt: skip
_ENDS = {"dispute_won": DisputeStatus.won, "dispute_lost": DisputeStatus.lost}


class ReceiveProviderEvent(Input):
    endpoint: str = Field(
        max_length=100,
        description="The address that the provider was given: the shop's id, a dot, the provider's name.",
    )
    event: str = Field(min_length=1, max_length=200, description="The event's id, by which it is known again.")
    happened: Happened = Field(description="What happened.")
    at: Instant = Field(description="When, UTC.")
    reference: str | None = Field(default=None, max_length=200, description="The provider's name for the payment.")
    transaction: str | None = Field(default=None, max_length=200, description="Its name for this very movement.")
    amount: int | None = Field(default=None, ge=0, description="How much, in minor units of `currency`.")
    currency: str | None = Field(default=None, max_length=3, description="The currency.")
    total: bool = Field(default=False, description="The amount is all so far, not this time's.")
    details: dict[str, Any] = Field(default={}, description="What else the provider says of it.")

    @property
    def provider(self) -> str:
        return self.endpoint.rpartition(".")[2]


class EventReceived(Result):
    """What became of an event."""

    event: str = Field(description="The event's id.")
    became: Literal["booked", "known", "waiting", "noted"] = Field(
        description="Booked; known before; waiting for a payment that is not known yet; or noted, as nothing follows from it."
    )
    payment: str | None = Field(description="The payment that it is about.")
    going_on: list[str] = Field(description="What waited for it and may be done now.")


@tool(
    room="payments",
    route="POST /payments/events/{endpoint}",
    effect=Effect.record,
    permission="secrets:write",
    raises=[],
    examples=[
        "Book the event evt_123 of the provider manual: PAY-1042 was captured",
        "Receive the dispute event by hand",
    ],
    for_people=True,
)
async def receive_provider_event(ctx: Context, args: ReceiveProviderEvent) -> EventReceived:
    """Book what a payment provider tells: its signed webhook comes to this address.

    Each event counts once, late or out of order too. By hand, an owner books one that the provider's own pages show.
    """
    kept = await _keep(ctx, args)
    if kept is None:
        return EventReceived(event=args.event, became="known", payment=None, going_on=[])
    if args.happened == "payout":
        paid = words.money(args.amount, args.currency) if args.amount and args.currency else "money"
        ctx.tell(f"The provider {args.provider} says that it paid out {paid}.")
        await _pay_out(ctx, args)
        return EventReceived(event=args.event, became="booked", payment=None, going_on=[])
    if args.happened == "other" or args.reference is None:
        return EventReceived(event=args.event, became="noted", payment=None, going_on=[])
    query = select(Payment.id).where(
        Payment.merchant_id == ctx.merchant.id,
        Payment.provider == args.provider,
        Payment.provider_reference == args.reference,
    )
    found = (await ctx.db.scalars(query)).first()
    link = args.details.get("link") if found is None and args.happened == "captured" else None
    if link:
        found = await begun_by_link(ctx, args.provider, str(link), args.reference)
    if found is None:
        return EventReceived(event=args.event, became="waiting", payment=None, going_on=[])

    order, payment, pending = await locked(ctx, found)
    kept.payment_id = payment.id
    ctx.tell(f"The provider {args.provider} says that {payment.reference} was {words.word(args.happened)}.")
    if args.happened.startswith("dispute"):
        await _dispute(ctx, order, payment, args)
        return EventReceived(event=args.event, became="booked", payment=payment.reference, going_on=[])
    told = Heard(args.happened, args.at, args.transaction, args.amount, args.total, args.details)
    going_on = await hear(ctx, order, payment, pending, told)
    if link:
        await ctx.sql.flush()
        going_on += await hear_what_waited(ctx, order, payment, pending)
        await give_back_what_is_too_much(ctx, order, payment)
    return EventReceived(event=args.event, became="booked", payment=payment.reference, going_on=going_on)


async def _keep(ctx: Context, args: ReceiveProviderEvent) -> ProviderEvent | None:
    """The event, kept; None for one that is known. Deliveries of one event have one key, so that they follow each other."""
    known = select(ProviderEvent.id).where(
        ProviderEvent.merchant_id == ctx.merchant.id,
        ProviderEvent.provider == args.provider,
        ProviderEvent.event == args.event,
    )
    if (await ctx.db.scalars(known)).first():
        return None
    told = args.model_dump(mode="json", include={"transaction", "amount", "currency", "total", "details"})
    return ctx.new(
        ProviderEvent, provider=args.provider, event=args.event, happened=args.happened,
        provider_reference=args.reference, told=told, occurred_at=args.at,
    )  # fmt: skip


async def _dispute(ctx: Context, order: Order, payment: Payment, args: ReceiveProviderEvent) -> None:
    """A dispute begins, moves on or ends, whichever of these is heard of first."""
    name = str(args.details.get("dispute") or args.transaction or args.event)
    query = select(Dispute).where(
        Dispute.merchant_id == ctx.merchant.id,
        Dispute.provider == args.provider,
        Dispute.provider_reference == name,
    )
    dispute = (await ctx.db.scalars(query.with_for_update(key_share=True))).first()
    if dispute is None:
        dispute = await _open(ctx, order, payment, args, name)
    reviewed = args.happened == "dispute_updated" and args.details.get("status") == "under_review"
    if reviewed and dispute.status is DisputeStatus.needs_response:
        ctx.edit(dispute, None)
        ctx.move(dispute, DisputeStatus.under_review, order_id=order.id)
    end = _ENDS.get(args.happened)
    if end is None or dispute.status in _ENDS.values():
        return
    ctx.edit(dispute, None)
    ctx.move(dispute, end, order_id=order.id)
    left = min(dispute.amount, payment.captured - payment.refunded - payment.charged_back)
    if end is DisputeStatus.lost and left:  # the money is gone, whatever else became of the payment
        record(ctx, order, payment, TransactionKind.chargeback, left, reason=dispute.reason, at=args.at)
    if payment.status is PaymentStatus.disputed:
        ctx.edit(payment, None)
        ctx.move(payment, PaymentStatus.won if end is DisputeStatus.won else PaymentStatus.lost, order_id=order.id)


async def _open(ctx: Context, order: Order, payment: Payment, args: ReceiveProviderEvent, name: str) -> Dispute:
    days = args.details.get("due_days")
    dispute = await ctx.add(
        Dispute, payment_id=payment.id, order_id=order.id, status=DisputeStatus.needs_response, provider=args.provider,
        provider_reference=name, amount=args.amount or payment.captured, currency=payment.currency,
        reason=str(args.details.get("reason") or "general"), evidence={}, opened_at=args.at,
        due_by=args.at + timedelta(days=int(days)) if days else None,
    )  # fmt: skip
    ctx.event("opened", dispute, order_id=order.id, amount=dispute.amount, currency=dispute.currency)
    if PaymentStatus.disputed in Payment.MOVES[payment.status]:
        ctx.edit(payment, None)
        ctx.move(payment, PaymentStatus.disputed, order_id=order.id)
    return dispute


async def _pay_out(ctx: Context, args: ReceiveProviderEvent) -> None:
    """A payout, as it stands now; the last word of the provider counts. What it kept is said, or asked once that can be told."""
    name, status = args.transaction or args.event, PayoutStatus(str(args.details.get("status") or "paid"))
    query = select(Payout).where(
        Payout.merchant_id == ctx.merchant.id, Payout.provider == args.provider, Payout.provider_reference == name
    )
    payout = (await ctx.db.scalars(query.with_for_update(key_share=True))).first()
    if payout is None:
        (reference,) = await ctx.take(Kind.payout)
        payout = ctx.new(
            Payout, id=new_id(), reference=reference, provider=args.provider, provider_reference=name, status=status,
            amount=args.amount or 0, fees=0, currency=(args.currency or "").upper(), arrives_at=args.at,
        )  # fmt: skip
    elif status in Payout.MOVES[payout.status]:
        ctx.move(payout, status)
    if "fees" in args.details:
        book_fees(ctx, payout, int(args.details["fees"]))
    elif args.details.get("complete"):
        await ctx.intend(FEES, ("payout", payout.id), provider=args.provider, payout=name)


class SettleFees(Input):
    intent: str = Field(description="What the provider was asked by, such as `INT-12`.")
    fees: int = Field(description="What it kept of the payout, minor units of its currency; below zero: gave back.")


class FeesSettled(Result):
    intent: str = Field(description="What the provider was asked by.")
    payout: str = Field(description="The payout's reference.")
    going_on: list[str] = Field(description="What follows from it, and may be asked now.")


@tool(
    room="payments",
    route="POST /payouts/intents/{intent}/outcome",
    effect=Effect.record,
    permission="payments:write",
    raises=[],
    examples=[],
    internal=True,
)
async def settle_fees(ctx: Context, args: SettleFees) -> FeesSettled:
    """Book what a provider kept of a payout; what was booked already stays."""
    intent = await ctx.find(Intent, args.intent, for_update=True)
    payout = await ctx.db.get_one(Payout, (ctx.merchant.id, intent.subject_id), with_for_update={"key_share": True})
    if intent.status is IntentStatus.pending:
        book_fees(ctx, payout, args.fees)
        intent.outcome = {"fees": args.fees}
        ctx.move(intent, IntentStatus.succeeded)
    return FeesSettled(intent=args.intent, payout=payout.reference, going_on=list(ctx.intents))
