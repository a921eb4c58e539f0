"""Disputes: a customer's bank wants money back. The shop answers with what it knows of the order; and payouts of providers."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.backoffice import Intent
from db.models.orders import Order
from db.models.payments import Dispute, DisputeStatus, Payout, PayoutStatus
from db.money import Money
from tools.contract import words
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import (
    CustomerRef,
    DisputeRef,
    OrderRef,
    PayoutRef,
    PeriodEnd,
    PeriodStart,
    Search,
    Synonyms,
    Text,
    Untrusted,
    UntrustedText,
)
from tools.contract.page import Page, Paged, paged
from tools.contract.sorting import HIGHEST, NEWEST, OLDEST, Asked, By, at, within
from tools.rules.lookup import find_customer
from tools.rules.refunds import EVIDENCE
from tools.rules.whose import of_orders

UNDECIDED = ("needs_response", "under_review")
STATUS_WORDS = Synonyms(
    {
        "needs_response": (
            "open",
            "waiting for us",
            "to answer",
            "must answer",
            "have to answer",
            "need to answer",
            "offen",
        ),
        "under_review": ("answered", "being looked at"),
    }
)


class DisputeSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    amount = "amount"
    due_by = "due_by"


SORT_WORDS = Synonyms(
    {"newest": NEWEST, "oldest": OLDEST, "amount": HIGHEST, "due_by": ("due first", "by due date", "most urgent first")}
)
_NEVER = "'9999-01-01 00:00+00'::timestamptz"  # an answer that nobody waits for
_SORTS = {
    DisputeSort.newest: By("d.id", UUID, "d.id"),
    DisputeSort.oldest: By("d.id", UUID, "d.id", descending=False),
    DisputeSort.amount: By("d.amount", int, "d.id"),
    DisputeSort.due_by: By(f"coalesce(d.due_by, {_NEVER})", datetime, "d.id", descending=False),
}


class DisputeNotOpen(Conflict):
    """It was answered, or is over: a bank takes one answer."""

    hint = "list_disputes shows which still need a response."


class ListDisputes(Paged):
    dispute: DisputeRef | None = Field(default=None, description="Only this one, such as `DSP-1001`.")
    status: Annotated[DisputeStatus, STATUS_WORDS] | None = Field(default=None, description="Where the dispute stands.")
    open: bool | None = Field(default=None, description="Only those that are not decided yet, or only those that are.")
    order: OrderRef | None = Field(default=None, description="Only about this order.")
    customer: CustomerRef | None = Field(default=None, description="Only about orders of this customer.")
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    opened_from: PeriodStart | None = Field(default=None, description="Opened at this instant or later, UTC.")
    opened_until: PeriodEnd | None = Field(default=None, description="Opened before this instant, UTC.")
    due_from: PeriodStart | None = Field(default=None, description="To be answered at this instant or later, UTC.")
    due_until: PeriodEnd | None = Field(default=None, description="To be answered before this instant, UTC.")
    submitted_from: PeriodStart | None = Field(default=None, description="Answered at this instant or later, UTC.")
    submitted_until: PeriodEnd | None = Field(default=None, description="Answered before this instant, UTC.")
    count_by: Annotated[str, columns("status")] | None = COUNT_BY
    sort: Annotated[DisputeSort, SORT_WORDS] = Field(
        default=DisputeSort.newest, description="Newest, oldest, the highest amount, or the next answer due first."
    )


class RespondToDispute(Input):
    dispute: DisputeRef = Field(description="The dispute, such as `DSP-1001`.")
    explanation: Text | None = Field(
        default=None,
        max_length=3000,
        description="What the shop says to it, in addition to what it knows of the order.",
    )


class DisputeLine(Result):
    """A dispute about a payment."""

    reference: str = Field(description="The dispute's reference.")
    status: DisputeStatus = Field(description="Where it stands.")
    payment: str = Field(description="The payment that it is about.")
    order: str = Field(description="Its order.")
    customer: UntrustedText | None = Field(description="Who bought.")
    amount: Money = Field(description="What is wanted back, in minor units.")
    reason: UntrustedText = Field(description="Why, as the bank says.")
    opened_at: datetime = Field(description="Since when, UTC.")
    due_by: datetime | None = Field(description="Until when the shop has to answer, UTC.")
    submitted_at: datetime | None = Field(description="When it answered, UTC.")
    evidence: Annotated[dict[str, str], Untrusted()] = Field(
        description="What was sent; of one that needs a response, what the shop knows of the order and would send."
    )


class DisputeAnswered(Result):
    """The answer that goes to the customer's bank."""

    reference: str = Field(description="The dispute's reference.")
    evidence: Annotated[dict[str, str], Untrusted()] = Field(description="What is sent.")
    intent: str | None = Field(description="What stands for it until the provider has it; null once it has.")
    version: int = Field(description="Grows with each change.")


class _Line(NamedTuple):
    id: UUID
    place: Any
    amount: int
    currency: str
    status: str
    shown: dict[str, Any]


# What the shop knows of an order by itself: who bought what, where it went, when it arrived. Of alias `o`.
_EVIDENCE = """jsonb_strip_nulls(jsonb_build_object(
    'customer_name', o.customer_name, 'customer_email_address', o.email,
    'product_description', (select string_agg(l.quantity - l.cancelled || ' x ' || l.title || ' (' || l.sku || ')', ', '
                                              order by l.position)
                            from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id and l.quantity > l.cancelled),
    'shipping_address', nullif(concat_ws(', ', o.shipping_address ->> 'line1', o.shipping_address ->> 'postcode',
                                         o.shipping_address ->> 'city', o.shipping_address ->> 'country'), ''),
    'service_date', to_char(o.placed_at at time zone 'UTC', 'YYYY-MM-DD'))
    || coalesce((
        select jsonb_build_object('shipping_carrier', f.carrier, 'shipping_tracking_number', f.tracking_number,
                                  'shipping_date', to_char(f.shipped_at at time zone 'UTC', 'YYYY-MM-DD'),
                                  'uncategorized_text', 'Delivered on ' || to_char(f.delivered_at at time zone 'UTC', 'YYYY-MM-DD'))
        from fulfilments f where f.merchant_id = %(m)s and f.order_id = o.id and f.shipped_at is not null
        order by f.delivered_at nulls last, f.id limit 1), '{}'))"""
_LINE = f"""
d.reference, d.status, p.reference as payment, o.reference as order, o.customer_name as customer, d.reason, d.opened_at, d.due_by,
d.submitted_at, json_build_object('amount', d.amount, 'currency', d.currency) as amount,
case when d.status = 'needs_response' then {_EVIDENCE} else d.evidence end as evidence
"""
_FROM = """
disputes d join payments p on p.merchant_id = %(m)s and p.id = d.payment_id
join orders o on o.merchant_id = %(m)s and o.id = d.order_id
"""


async def _asked(ctx: Context, args: ListDisputes) -> Asked:
    """The conditions of the list, each with its parameter."""
    asked: Asked = {}
    if args.dispute:
        asked["d.id = %(dispute)s"] = ("dispute", (await ctx.find(Dispute, args.dispute)).id)
    if args.status:
        asked["d.status = %(status)s"] = ("status", args.status.value)
    if args.open is not None:
        undecided = "d.status = any(%(undecided)s)" if args.open else "d.status <> all(%(undecided)s)"
        asked[undecided] = ("undecided", list(UNDECIDED))
    if args.order:
        asked["d.order_id = %(order)s"] = ("order", (await ctx.find(Order, args.order)).id)
    if args.customer:
        asked["o.customer_id = %(customer)s"] = ("customer", (await find_customer(ctx, args.customer)).id)
    asked |= within(args, _WHEN)
    return asked


_WHEN = {
    "opened_from": "d.opened_at >= %(opened_from)s",
    "opened_until": "d.opened_at < %(opened_until)s",
    "due_from": "d.due_by >= %(due_from)s",
    "due_until": "d.due_by < %(due_until)s",
    "submitted_from": "d.submitted_at >= %(submitted_from)s",
    "submitted_until": "d.submitted_at < %(submitted_until)s",
}


@tool(
    route="GET /disputes",
    effect=Effect.read,
    permission="payments:read",
    raises=[],
    examples=["Which disputes need a response?", "Show the chargebacks that we lost"],
)
async def list_disputes(ctx: Context, args: ListDisputes) -> Page[DisputeLine]:
    """List disputes about payments, with the evidence that the shop has.

    The newest first. Of one that needs a response it is what the shop knows of the order and would send.
    """
    by = _SORTS[args.sort]
    asked = await _asked(ctx, args)
    said, words = await of_orders(ctx, args.text, "d.order_id") if args.text else ("", {})
    beyond, since = by.since(args.after)
    conditions = "".join(f" and {condition}" for condition in (*asked, said, *beyond) if condition)
    params = {"m": ctx.merchant.id, **dict(asked.values()), **words, **since}
    query = f"""
        select d.id, {by.column} as place, d.amount, d.currency, d.status,
               (select row_to_json(shown) from (select {_LINE}) shown) as shown from {_FROM}
        where d.merchant_id = %(m)s {conditions}
        order by {by.order} limit %(limit)s
    """
    return await paged(
        ctx, args, query, params, as_=_Line, show=lambda row: DisputeLine.model_validate(_texts(row.shown)),
        at=at, money=("listed.amount", "listed.currency"),
    )  # fmt: skip


def _texts(shown: dict[str, Any]) -> dict[str, Any]:
    return shown | {"evidence": {name: str(value) for name, value in shown["evidence"].items() if value}}


async def _once_sent(ctx: Context, answered: DisputeAnswered) -> DisputeAnswered:
    intent = await ctx.find(Intent, answered.intent or "")
    return answered.model_copy(update={"intent": answered.intent if intent.status == "pending" else None})


@tool(
    route="POST /disputes/{dispute}/evidence",
    effect=Effect.outside,
    permission="payments:write",
    raises=[DisputeNotOpen],
    examples=[
        "Answer dispute DSP-1001 with what we know",
        "Respond to DSP-1002: she picked it up in the store herself",
    ],
    afterwards=_once_sent,
)
async def respond_to_dispute(ctx: Context, args: RespondToDispute) -> DisputeAnswered:
    """Answer a dispute with what the shop knows of the order.

    That is what was bought, where it went, when it arrived, and what the shop adds. The customer's bank takes one answer, and
    decides. Nothing is refunded by this.
    """
    dispute = await ctx.find(Dispute, args.dispute, for_update=True)
    if dispute.status is not DisputeStatus.needs_response or dispute.submitted_at:
        raise DisputeNotOpen(f"{dispute.reference} is {words.word(dispute.status)}: nothing can be added to it.")
    params = {"m": ctx.merchant.id, "id": dispute.id}
    query = "select d.id, d.id as place, d.amount, d.currency, d.status,"
    query += f" (select row_to_json(shown) from (select {_LINE}) shown) as shown from {_FROM}"
    (row,) = await ctx.sql.rows(f"{query} where d.merchant_id = %(m)s and d.id = %(id)s", params, as_=_Line)
    evidence = {name: str(value) for name, value in row.shown["evidence"].items() if value}
    if args.explanation:
        evidence["uncategorized_text"] = " ".join(filter(None, [args.explanation, evidence.get("uncategorized_text")]))
    ctx.edit(dispute, None, evidence=evidence, submitted_at=ctx.now())
    ctx.event("answered", dispute, order_id=dispute.order_id)
    money = Money(amount=dispute.amount, currency=dispute.currency)
    intent = await ctx.intend(
        EVIDENCE, ("dispute", dispute.id), order_id=dispute.order_id, money=money, dispute=dispute.reference
    )
    ctx.tell(f"The bank gets our answer to {dispute.reference} ({money} of {row.shown['order']}); it takes one alone.")
    ctx.tell(f"It says: {words.listed(words.word(name) for name in evidence)}.")
    return DisputeAnswered(
        reference=dispute.reference, evidence=evidence, intent=intent.reference, version=dispute.version
    )


# ---- payouts -------------------------------------------------------------------------------------------------------------


class PayoutSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    amount = "amount"
    fees = "fees"


PAYOUT_SORT_WORDS = Synonyms(
    {"newest": NEWEST, "oldest": OLDEST, "amount": HIGHEST, "fees": ("highest fees", "by fees")}
)
_PAYOUT_SORTS = {
    PayoutSort.newest: By("y.arrives_at", datetime, "y.id"),
    PayoutSort.oldest: By("y.arrives_at", datetime, "y.id", descending=False),
    PayoutSort.amount: By("y.amount", int, "y.id"),
    PayoutSort.fees: By("y.fees", int, "y.id"),
}


class ListPayouts(Paged):
    payout: PayoutRef | None = Field(default=None, description="Only this one, such as `POT-7`.")
    status: PayoutStatus | None = Field(default=None, description="Where the payout stands.")
    provider: str | None = Field(default=None, max_length=40, description="Who sent it, such as `manual` or `stripe`.")
    arrives_from: PeriodStart | None = Field(default=None, description="At the bank at this instant or later, UTC.")
    arrives_until: PeriodEnd | None = Field(default=None, description="At the bank before this instant, UTC.")
    sort: Annotated[PayoutSort, PAYOUT_SORT_WORDS] = Field(
        default=PayoutSort.newest, description="Newest, oldest, the highest amount or fees first."
    )


class PayoutLine(Result):
    """Money that a provider sent to the bank."""

    reference: str = Field(description="The payout's reference.")
    provider: str = Field(description="Who sent it.")
    provider_reference: UntrustedText = Field(description="The provider's name for it.")
    status: PayoutStatus = Field(description="Where it stands.")
    amount: Money = Field(description="What arrives, in minor units.")
    fees: Money = Field(description="What the provider kept of it, as far as it said so, in minor units.")
    taken: Money = Field(
        description="What was captured through it since its payout before, less refunds, in minor units."
    )
    arrives_at: datetime = Field(description="When it is at the bank, UTC.")


_PAYOUTS = """
select y.id, {by} as place, y.amount, y.currency, (select row_to_json(shown) from (select y.reference, y.provider,
    y.provider_reference, y.status, y.arrives_at, json_build_object('amount', y.amount, 'currency', y.currency) as amount,
    json_build_object('amount', y.fees, 'currency', y.currency) as fees) shown) as shown,
    y.provider, y.arrives_at as until, coalesce((
        select max(b.arrives_at) from payouts b where b.merchant_id = %(m)s and b.provider = y.provider
          and b.currency = y.currency and b.arrives_at < y.arrives_at), 'epoch') as since
from payouts y
where y.merchant_id = %(m)s and (%(payout)s::uuid is null or y.id = %(payout)s)
  and (%(status)s::text is null or y.status = %(status)s)
  and (%(from)s::timestamptz is null or y.arrives_at >= %(from)s)
  and (%(until)s::timestamptz is null or y.arrives_at < %(until)s)
  and (%(provider)s::text is null or y.provider = %(provider)s) {beyond}
order by {order} limit %(limit)s
"""


# Of a payout whose period is given: of periods that it does not know, the planner would read all that was ever taken.
_TAKEN = """
select {nth} as nth, coalesce(sum(case when t.kind = 'capture' then t.amount else -t.amount end), 0)::bigint as amount
from payment_transactions t
where t.merchant_id = %(m)s and t.provider = %(provider{nth})s and t.currency = %(currency{nth})s and t.outcome = 'succeeded'
  and t.kind in ('capture', 'refund', 'chargeback')
  and t.occurred_at > %(since{nth})s::timestamptz and t.occurred_at <= %(until{nth})s::timestamptz
"""


class _PaidOut(NamedTuple):
    id: UUID
    place: Any
    amount: int
    currency: str
    shown: dict[str, Any]
    provider: str
    until: datetime
    since: datetime


class _Taken(NamedTuple):
    nth: int
    amount: int


@tool(
    route="GET /payouts",
    effect=Effect.read,
    permission="payments:read",
    raises=[],
    examples=["What did Stripe pay out this month?", "List the payouts that failed"],
)
async def list_payouts(ctx: Context, args: ListPayouts) -> Page[PayoutLine]:
    """List what providers paid out to the bank, with fees and what was taken."""
    by = _PAYOUT_SORTS[args.sort]
    beyond, since = by.since(args.after)
    params = {
        "m": ctx.merchant.id, "status": args.status, "from": args.arrives_from, "until": args.arrives_until,
        "provider": args.provider, "payout": (await ctx.find(Payout, args.payout)).id if args.payout else None, **since,
    }  # fmt: skip
    query = _PAYOUTS.format(by=by.column, order=by.order, beyond="".join(f" and {condition}" for condition in beyond))
    page = await paged(
        ctx, args, query, params, as_=_PaidOut, show=lambda row: row,
        at=at, money=("listed.amount", "listed.currency"),
    )  # fmt: skip
    taken = await _taken(ctx, page.data)
    lines = [
        PayoutLine.model_validate(row.shown | {"taken": amount}) for row, amount in zip(page.data, taken, strict=True)
    ]
    return Page(data=lines, next=page.next, has_more=page.has_more, total=page.total)


async def _taken(ctx: Context, payouts: Sequence[_PaidOut]) -> list[Money]:
    """What was taken since the payout before each, less what was given back; one statement, however many there are."""
    if not payouts:
        return []
    params: dict[str, Any] = {"m": ctx.merchant.id}
    for nth, row in enumerate(payouts):
        given = {"provider": row.provider, "currency": row.currency, "since": row.since, "until": row.until}
        params |= {f"{name}{nth}": value for name, value in given.items()}
    query = " union all ".join(_TAKEN.format(nth=nth) for nth in range(len(payouts)))
    amounts = {row.nth: row.amount for row in await ctx.sql.rows(query, params, as_=_Taken)}
    return [Money(amount=amounts[nth], currency=row.currency) for nth, row in enumerate(payouts)]
