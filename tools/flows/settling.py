"""How money that was asked for came out: an intent's outcome, or what a provider told by itself, in the shop's books.

Order, payment and intents are locked, in this order; what was booked once is not booked again, whichever way it is heard of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from db.models.orders import Order, OrderStatus
from db.models.payments import (
    ELSEWHERE,
    Payment,
    PaymentStatus,
    ProviderEvent,
    TransactionKind,
    TransactionOutcome,
)
from tools.contract.context import Context
from tools.flows.bounced_refunds import not_given_back, take_back, told_of
from tools.orders.status import move_by_hand
from tools.rules.books import LAPSED, note, record
from tools.rules.credit import give_back, paid_with_credit
from tools.rules.links import keep_link_true
from tools.rules.paying import MANUAL
from tools.rules.refunds import AUTHORIZE, CAPTURE, CHARGE, COMING, REFUND, VOID, Tender, let_go, refund, tenders
from tools.rules.under_way import under_way

KINDS = {
    AUTHORIZE: (TransactionKind.authorization,),
    CHARGE: (TransactionKind.authorization, TransactionKind.capture),
    CAPTURE: (TransactionKind.capture,),
    VOID: (TransactionKind.void,),
    REFUND: (TransactionKind.refund,),
}
_WAITING = (PaymentStatus.pending, PaymentStatus.requires_action)


@dataclass(frozen=True)
class Came:
    """What a provider said: `outcome` is succeeded, pending, needs_action or failed; `reference` is its name for the payment."""

    outcome: str
    reference: str | None = None
    transaction: str | None = None
    code: str | None = None
    action_url: str | None = None
    says: str | None = None
    at: datetime | None = None

    def as_outcome(self) -> dict[str, Any]:
        shown = {
            "outcome": self.outcome, "code": self.code, "action_url": self.action_url, "says": self.says,
            "transaction": self.transaction,
        }  # fmt: skip
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True)
class Heard:
    """What a provider told by itself; see `connectors/payments`. `total`: the amount is all so far."""

    happened: str
    at: datetime
    transaction: str | None
    amount: int | None
    total: bool
    details: dict[str, Any]


async def locked(ctx: Context, payment_id: Any) -> tuple[Order, Payment, list[Intent]]:
    """A payment with its order and what is under way for it, locked in the order that everybody keeps."""
    payment = await ctx.db.get_one(Payment, (ctx.merchant.id, payment_id))
    lock: Any = {"with_for_update": {"key_share": True}, "populate_existing": True}
    order = await ctx.db.get_one(Order, (ctx.merchant.id, payment.order_id), **lock)
    payment = await ctx.db.get_one(Payment, (ctx.merchant.id, payment_id), **lock)
    return order, payment, await under_way(ctx, order.id)


async def settle(
    ctx: Context, order: Order, payment: Payment, intent: Intent, came: Came, pending: Sequence[Intent]
) -> list[str]:
    """Book the outcome of an intent that is under way; returns the references of what waited for it and may go on."""
    if came.reference and payment.provider_reference is None:
        payment.provider_reference = came.reference
    intent.outcome = came.as_outcome()
    waited = [one for one in pending if one.arguments.get("after") == intent.reference]
    match came.outcome:
        case "succeeded":
            await _book(ctx, order, payment, intent, came, pending)
            ctx.move(intent, IntentStatus.succeeded, order_id=order.id)
            await _go_on(ctx, order)
            if intent.kind in COMING and order.status in (OrderStatus.cancelled, OrderStatus.expired):
                await _too_late(ctx, order)
            return [one.reference for one in waited]
        case "failed":
            await _fail(ctx, order, payment, intent, came)
            for one in waited:
                ctx.move(one, IntentStatus.cancelled, order_id=order.id)
        case _:
            needs = PaymentStatus.requires_action
            if came.outcome == "needs_action" and payment.status is PaymentStatus.pending:
                ctx.edit(payment, None)
                ctx.move(payment, needs, order_id=order.id)
    return []


async def _book(
    ctx: Context, order: Order, payment: Payment, intent: Intent, came: Came, pending: Sequence[Intent]
) -> None:
    amount, onto = intent.amount or 0, intent.arguments.get("onto")
    if intent.kind == REFUND and paid_with_credit(payment) and not onto:
        await give_back(ctx, order, payment, amount)
        return
    kinds, by_hand = KINDS[intent.kind], onto or payment.provider == ELSEWHERE
    for kind in kinds:
        name = came.transaction if kind is kinds[-1] else None
        record(
            ctx, order, payment, kind, amount, provider=MANUAL if by_hand else None, provider_reference=name, at=came.at,
            reason=intent.arguments.get("reason"), saved_method_id=UUID(onto) if onto else None,
        )  # fmt: skip
    if intent.kind == CAPTURE and intent.arguments.get("final"):
        # What another is taking, or letting go, is not let go with the rest.
        others = [one for one in pending if one.subject_id == payment.id and one is not intent]
        if left := Tender(payment, others).left:
            record(ctx, order, payment, TransactionKind.void, left)


async def _fail(ctx: Context, order: Order, payment: Payment, intent: Intent, came: Came) -> None:
    note(
        ctx, payment, KINDS[intent.kind][-1], TransactionOutcome.failed, intent.amount or 0,
        provider_reference=came.transaction, reason=came.code or "declined", at=came.at,
    )  # fmt: skip
    ctx.move(intent, IntentStatus.failed, order_id=order.id, code=came.code)
    if intent.kind in COMING and payment.status in _WAITING:
        ctx.edit(payment, None)
        ctx.move(payment, PaymentStatus.failed, order_id=order.id, code=came.code)
    if intent.kind == REFUND:
        await not_given_back(ctx, intent, intent.amount or 0)


async def _go_on(ctx: Context, order: Order) -> None:
    """An order that waited for its payment is confirmed once all of it is authorized or paid; a link asks for what is due now."""
    await keep_link_true(ctx, order)
    if order.status is OrderStatus.pending and order.authorized >= order.total:
        await move_by_hand(ctx, order, OrderStatus.confirmed)


async def _too_late(ctx: Context, order: Order) -> None:
    """Money that came for an order that was called off meanwhile goes back."""
    await ctx.sql.flush()
    held = await tenders(ctx, order)
    await refund(ctx, held)
    await let_go(ctx, held)


async def confirm_paid(ctx: Context, order: Order) -> None:
    """The same, for who books by himself."""
    await _go_on(ctx, order)


# ---- what providers tell by themselves -----------------------------------------------------------------------------------


async def hear(ctx: Context, order: Order, payment: Payment, pending: Sequence[Intent], told: Heard) -> list[str]:
    """Book what a provider told of a payment, unless it is booked; returns what waited for it and may go on."""
    if told.happened == "refund_failed":
        return await _refund_failed(ctx, order, payment, pending, told)
    if told.transaction and await told_of(ctx, payment, told.transaction):
        return []
    own = [one for one in pending if one.subject_id == payment.id]
    came = Came("succeeded", transaction=told.transaction, at=told.at)
    match told.happened:
        case "authorized":
            return await _heard_of(ctx, order, payment, pending, own, (AUTHORIZE,), told, came)
        case "captured":
            return await _heard_of(ctx, order, payment, pending, own, (CHARGE, CAPTURE), told, came)
        case "refunded":
            return await _heard_of(ctx, order, payment, pending, own, (REFUND,), told, came)
        case "voided" | "expired":
            return await _heard_of(ctx, order, payment, pending, own, (VOID,), told, came)
        case "failed" if begun := [one for one in own if one.kind in COMING]:
            failed = Came("failed", code=str(told.details.get("code") or "declined"), at=told.at)
            return await settle(ctx, order, payment, begun[0], failed, pending)
        case _:
            return []


async def _heard_of(
    ctx: Context,
    order: Order,
    payment: Payment,
    pending: Sequence[Intent],
    own: Sequence[Intent],
    kinds: tuple[str, ...],
    told: Heard,
    came: Came,
) -> list[str]:
    """The end of what was asked for; else something that was done at the provider's own desk."""
    amount = _new_of(payment, own, kinds, told)
    if amount <= 0:
        return []
    named = [one for one in own if one.reference == told.details.get("intent")]
    asked = named or [one for one in own if one.kind in kinds and (one.amount == amount or one.kind in COMING)]
    if asked:
        return await settle(ctx, order, payment, asked[0], came, pending)
    missing = payment.captured + amount - (payment.authorized - payment.voided)
    if kinds[-1] == CAPTURE and missing > 0:
        record(ctx, order, payment, TransactionKind.authorization, missing, at=told.at)
    kind = KINDS[kinds[-1]][-1]
    if kind is TransactionKind.refund:
        amount = min(amount, payment.captured - payment.refunded - payment.charged_back)
    if amount > 0:
        reason = LAPSED if told.happened == "expired" else None
        record(ctx, order, payment, kind, amount, provider_reference=told.transaction, reason=reason, at=told.at)
        await _go_on(ctx, order)
    return []


async def _refund_failed(
    ctx: Context, order: Order, payment: Payment, pending: Sequence[Intent], told: Heard
) -> list[str]:
    """One that is under way has failed; one that was counted is counted no more; of one that is not known yet, it is kept."""
    code, named = str(told.details.get("code") or "refund_failed"), told.details.get("intent")
    if told.transaction and (booked := await told_of(ctx, payment, told.transaction)):
        await take_back(ctx, order, payment, booked, code)
        return []
    own = [one for one in pending if one.subject_id == payment.id and one.kind == REFUND]
    asked = [one for one in own if (one.reference == named if named else one.amount == told.amount)]
    if asked:
        failed = Came("failed", transaction=told.transaction, code=code, at=told.at)
        return await settle(ctx, order, payment, asked[0], failed, pending)
    if told.transaction:
        note(
            ctx, payment, TransactionKind.refund, TransactionOutcome.failed, told.amount or 0,
            provider_reference=told.transaction, reason=code, at=told.at,
        )  # fmt: skip
    return []


def _new_of(payment: Payment, own: Sequence[Intent], kinds: tuple[str, ...], told: Heard) -> int:
    """How much of what was told is not booked yet. What is being taken while the rest lapses is told by its own outcome."""
    so_far = {AUTHORIZE: payment.authorized, CAPTURE: payment.captured, REFUND: payment.refunded}.get(kinds[-1], 0)
    if kinds[-1] == VOID:
        return payment.authorized - payment.captured - payment.voided - Tender(payment, own).being_taken
    if kinds[-1] == AUTHORIZE and so_far:
        return 0
    return (told.amount or 0) - (so_far if told.total else 0)


async def hear_what_waited(ctx: Context, order: Order, payment: Payment, pending: Sequence[Intent]) -> list[str]:
    """Events that came before anybody knew the provider's name for this payment."""
    query = select(ProviderEvent).where(
        ProviderEvent.merchant_id == ctx.merchant.id,
        ProviderEvent.provider == payment.provider,
        ProviderEvent.provider_reference == payment.provider_reference,
        ProviderEvent.payment_id.is_(None),
    )
    going_on: list[str] = []
    for event in (await ctx.db.scalars(query.order_by(ProviderEvent.occurred_at, ProviderEvent.id))).all():
        event.payment_id = payment.id
        await ctx.sql.flush()
        left = [one for one in pending if one.status is IntentStatus.pending]
        going_on += await hear(ctx, order, payment, left, heard(event))
    return going_on


def heard(event: ProviderEvent) -> Heard:
    told = event.told
    return Heard(
        event.happened, event.occurred_at, told.get("transaction"), told.get("amount"), bool(told.get("total")),
        dict(told.get("details") or {}),
    )  # fmt: skip
