"""Payments as they stand: each with all that was asked of its provider and told by it; lists; and which providers there are."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order, PaymentState
from db.models.payments import Payment, PaymentMethod, PaymentStatus, TransactionKind, TransactionOutcome
from db.money import Currency, Money
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import (
    CustomerRef,
    MinorUnits,
    OrderRef,
    PaymentRef,
    PeriodEnd,
    PeriodStart,
    Search,
    Synonyms,
    UntrustedText,
)
from tools.contract.page import Page, Paged, paged
from tools.contract.sorting import HIGHEST, LOWEST, NEWEST, OLDEST, By, at
from tools.rules.lookup import find_customer
from tools.rules.whose import of_orders

METHOD_WORDS = Synonyms(
    {
        "card": ("credit card", "visa", "mastercard", "carte", "Karte"),
        "bank_transfer": ("transfer", "wire", "virement", "Überweisung"),
        "direct_debit": ("debit", "sepa", "Lastschrift"),
        "gift_card": ("voucher", "gift voucher"),
        "store_credit": ("credit note", "shop credit"),
    }
)
STATUS_WORDS = Synonyms(
    {
        "captured": ("taken", "successful", "paid"),
        "authorized": ("authorised", "reserved", "not captured yet", "not captured", "uncaptured"),
        "failed": ("declined", "rejected"),
        "disputed": ("chargeback", "contested"),
        "pending": ("open", "waiting"),
    }
)


class TransactionLine(Result):
    """One thing that was asked of a provider, or told by it."""

    kind: TransactionKind = Field(description="What it was.")
    outcome: TransactionOutcome = Field(description="How it ended; only what succeeded counts.")
    amount: Money = Field(description="How much, in minor units.")
    provider: str = Field(description="Who moved the money; store_credit or gift_card where it stayed in the shop.")
    provider_reference: UntrustedText | None = Field(description="The provider's name for it.")
    reason: UntrustedText | None = Field(description="Why it was wanted, or why it failed.")
    by: str = Field(description="Who or what did it.")
    occurred_at: datetime = Field(description="When, UTC.")


class PaymentUnderWay(Result):
    """What is being asked of the provider at this moment."""

    intent: str = Field(description="What stands for it.")
    kind: str = Field(description="What is asked.")
    amount: Money = Field(description="How much, in minor units.")
    attempts: int = Field(description="How often it was asked so far.")
    waits_for: str | None = Field(description="What has to be done first.")
    action_url: UntrustedText | None = Field(description="Where the customer confirms it, when that is needed.")


class PaymentLine(Result):
    """A payment, in one line."""

    reference: str = Field(description="The payment's reference.")
    order: str = Field(description="The order that it is for.")
    customer: UntrustedText | None = Field(description="Who pays.")
    status: PaymentStatus = Field(description="Where it stands.")
    method: PaymentMethod = Field(description="By what.")
    method_label: UntrustedText | None = Field(description="Which card or account, by its last digits.")
    provider: str = Field(description="Who handles it.")
    authorized: Money = Field(description="Promised and not let go, in minor units.")
    captured: Money = Field(description="Taken, in minor units.")
    refunded: Money = Field(description="Given back, charged back too, in minor units.")
    created_at: datetime = Field(description="When it was begun, UTC.")


class PaymentDetail(PaymentLine):
    """A payment with all that happened to it."""

    order_payment_state: PaymentState = Field(description="How far its order is paid.")
    provider_reference: UntrustedText | None = Field(description="The provider's name for the payment.")
    saved_method: str | None = Field(description="The saved method that it was made with, such as `PM-12`.")
    voided: Money = Field(description="Let go, in minor units.")
    charged_back: Money = Field(description="Taken back by the customer's bank, in minor units.")
    refundable: Money = Field(description="What can still be refunded, in minor units; nothing while it is disputed.")
    transactions: list[TransactionLine] = Field(description="All that happened, the oldest first.")
    under_way: list[PaymentUnderWay] = Field(description="What is being asked of the provider at this moment.")
    disputes: list[str] = Field(description="Disputes about it.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class GetPayment(Input):
    payment: PaymentRef = Field(description="The payment, such as `PAY-1042`.")


_MONEY = "json_build_object('amount', {}, 'currency', p.currency)"
_LINE = f"""
p.reference, o.reference as "order", o.customer_name as customer, p.status, p.method, p.method_label, p.provider, p.created_at,
{_MONEY.format("p.authorized - p.voided")} as authorized, {_MONEY.format("p.captured")} as captured,
{_MONEY.format("p.refunded + p.charged_back")} as refunded
"""
_GET = f"""
select (select row_to_json(shown) from (select {_LINE}, o.payment_state as order_payment_state, p.provider_reference,
    s.reference as saved_method, p.version, {_MONEY.format("p.voided")} as voided,
    {_MONEY.format("p.charged_back")} as charged_back,
    {
    _MONEY.format('''case when p.status in ('partially_captured', 'captured', 'partially_refunded', 'won')
        then p.captured - p.refunded - p.charged_back - coalesce((
            select sum(i.amount) from intents i where i.merchant_id = %(m)s and i.order_id = o.id and i.subject_id = p.id
              and i.status = 'pending' and i.kind = 'refund_payment'), 0) else 0 end''')
} as refundable,
    (select coalesce(json_agg(json_build_object('kind', t.kind, 'outcome', t.outcome, 'provider', t.provider,
         'amount', json_build_object('amount', t.amount, 'currency', t.currency), 'by', t.actor, 'reason', t.reason,
         'provider_reference', t.provider_reference, 'occurred_at', t.occurred_at) order by t.id), '[]')
     from payment_transactions t where t.merchant_id = %(m)s and t.payment_id = p.id) as transactions,
    (select coalesce(json_agg(json_build_object('intent', i.reference, 'kind', i.kind, 'attempts', i.attempts,
         'amount', json_build_object('amount', i.amount, 'currency', i.currency), 'waits_for', i.arguments ->> 'after',
         'action_url', i.outcome ->> 'action_url') order by i.id), '[]')
     from intents i where i.merchant_id = %(m)s and i.order_id = o.id and i.subject_id = p.id and i.status = 'pending')
        as under_way,
    (select coalesce(json_agg(d.reference order by d.id), '[]') from disputes d
     where d.merchant_id = %(m)s and d.payment_id = p.id) as disputes
) shown) as shown
from payments p join orders o on o.merchant_id = %(m)s and o.id = p.order_id
left join saved_methods s on s.merchant_id = %(m)s and s.id = p.saved_method_id
where p.merchant_id = %(m)s and p.id = %(id)s
"""


class _Got(NamedTuple):
    shown: dict[str, Any]


@tool(
    route="GET /payments/{payment}",
    effect=Effect.read,
    permission="payments:read",
    raises=[NotFound, Ambiguous],
    examples=["Show payment PAY-1042", "Why did PAY-1042 fail?"],
)
async def get_payment(ctx: Context, args: GetPayment) -> PaymentDetail:
    """Show one payment: attempts, captures, refunds, and what is under way."""
    payment = await ctx.find(Payment, args.payment)
    (got,) = await ctx.sql.rows(_GET, {"m": ctx.merchant.id, "id": payment.id}, as_=_Got)
    return PaymentDetail.model_validate(got.shown)


class PaymentSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    largest = "largest"
    smallest = "smallest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST, "largest": HIGHEST, "smallest": LOWEST})


class ListPayments(Paged):
    order: OrderRef | None = Field(default=None, description="Of this order.")
    customer: CustomerRef | None = Field(default=None, description="Of this customer's orders.")
    status: Annotated[PaymentStatus, STATUS_WORDS] | None = Field(default=None, description="Where the payment stands.")
    order_payment_state: PaymentState | None = Field(default=None, description="How far the order is paid.")
    method: Annotated[PaymentMethod, METHOD_WORDS] | None = Field(default=None, description="By what it is paid.")
    provider: str | None = Field(
        default=None, max_length=40, description="Who handles it, such as `manual` or `stripe`."
    )
    currency: Currency | None = Field(default=None, description="In this currency.")
    min_amount: MinorUnits | None = Field(default=None, ge=0, description="Of at least so many minor units.")
    max_amount: MinorUnits | None = Field(default=None, ge=0, description="Of at most so many minor units.")
    created_from: PeriodStart | None = Field(default=None, description="Begun at this instant or later, UTC.")
    created_until: PeriodEnd | None = Field(default=None, description="Begun before this instant, UTC.")
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    count_by: Annotated[str, columns("status", "method", "provider")] | None = COUNT_BY
    sort: Annotated[PaymentSort, SORT_WORDS] = Field(
        default=PaymentSort.newest, description="Newest, oldest, or the highest or lowest amount first."
    )


class _Line(NamedTuple):
    id: UUID
    place: Any
    size: int
    currency: str
    status: str
    method: str
    provider: str
    shown: dict[str, Any]


_CONDITIONS = {
    "order": "p.order_id = %(order)s",
    "customer": "p.order_id in (select id from orders where merchant_id = %(m)s and customer_id = %(customer)s)",
    "status": "p.status = %(status)s",
    "order_payment_state": "o.payment_state = %(order_payment_state)s",
    "method": "p.method = %(method)s",
    "provider": "p.provider = %(provider)s",
    "currency": "p.currency = %(currency)s",
    "min_amount": "p.authorized >= %(min_amount)s",
    "max_amount": "p.authorized <= %(max_amount)s",
    "created_from": "p.created_at >= %(created_from)s",
    "created_until": "p.created_at < %(created_until)s",
}
_SORTS = {
    PaymentSort.newest: By("p.created_at", datetime, "p.id"),
    PaymentSort.oldest: By("p.created_at", datetime, "p.id", descending=False),
    PaymentSort.largest: By("p.authorized", int, "p.id"),
    PaymentSort.smallest: By("p.authorized", int, "p.id", descending=False),
}


@tool(
    route="GET /payments",
    effect=Effect.read,
    permission="payments:read",
    raises=[NotFound, Ambiguous],
    examples=[
        "Which payments failed today?",
        "List the card payments of ana@example.com",
        "Authorized payments that nobody captured",
    ],
)
async def list_payments(ctx: Context, args: ListPayments) -> Page[PaymentLine]:
    """List payments by method, provider, state, amount or date, the newest first.

    One payment with all that happened to it is get_payment; orders by how far they are paid are list_orders.
    """
    params: dict[str, Any] = args.model_dump() | {"m": ctx.merchant.id}
    if args.order:
        params["order"] = (await ctx.find(Order, args.order)).id
    if args.customer:
        params["customer"] = (await find_customer(ctx, args.customer)).id
    by = _SORTS[args.sort]
    conditions = [sql for name, sql in _CONDITIONS.items() if params[name] is not None]
    said, words = await of_orders(ctx, args.text, "p.order_id") if args.text else ("", {})
    beyond, since = by.since(args.after)
    where = " and ".join(["p.merchant_id = %(m)s", *conditions, *filter(None, [said]), *beyond])
    query = f"""
        select p.id, {by.column} as place, p.authorized as size, p.currency, p.status, p.method, p.provider,
               (select row_to_json(shown) from (select {_LINE}) shown) as shown
        from payments p join orders o on o.merchant_id = %(m)s and o.id = p.order_id
        where {where} order by {by.order} limit %(limit)s
    """
    return await paged(
        ctx, args, query, params | words | since, as_=_Line, show=lambda row: PaymentLine.model_validate(row.shown), at=at,
        money=("listed.size", "listed.currency"),
    )  # fmt: skip


# ---- who handles payments ------------------------------------------------------------------------------------------------


class ProviderLine(Result):
    """A payment provider, and how it did lately."""

    name: str = Field(description="What it is called.")
    set_up: bool = Field(description="Whether it can be used here.")
    moves_money: bool = Field(description="Whether real money moves; `manual` moves none.")
    healthy: bool = Field(description="Whether it answers: nothing has waited for it for more than ten minutes.")
    waiting: int = Field(description="Requests that it has not answered yet.")
    succeeded: int = Field(description="What it did in the last 24 hours.")
    failed: int = Field(description="What it declined in the last 24 hours.")
    currencies: list[str] = Field(description="The currencies that the shop sells in.")
    last_event_at: datetime | None = Field(description="When it last told something by itself, UTC.")


class ProviderList(Result):
    """All payment providers."""

    providers: list[ProviderLine] = Field(description="Each provider.")


class ListPaymentProviders(Input):
    """Nothing is asked."""


class _Health(NamedTuple):
    name: str
    waiting: int
    oldest: datetime | None
    succeeded: int
    failed: int
    last_event_at: datetime | None


_HEALTH = """
select n.name, coalesce(w.waiting, 0) as waiting, w.oldest, coalesce(t.succeeded, 0) as succeeded,
       coalesce(t.failed, 0) as failed, e.last_event_at
from unnest(%(names)s::text[]) as n(name)
left join lateral (
    select count(*) as waiting, min(i.created_at) as oldest
    from intents i join payments p on p.merchant_id = %(m)s and p.id = i.subject_id
    where i.merchant_id = %(m)s and i.status = 'pending' and p.provider = n.name and not i.arguments ? 'after') w on true
left join lateral (
    select count(*) filter (where x.outcome = 'succeeded') as succeeded, count(*) filter (where x.outcome = 'failed') as failed
    from payment_transactions x
    where x.merchant_id = %(m)s and x.provider = n.name and x.occurred_at > %(now)s - interval '24 hours') t on true
left join lateral (
    select max(v.created_at) as last_event_at from provider_events v where v.merchant_id = %(m)s and v.provider = n.name) e on true
"""
PROVIDERS = ("manual", "stripe")
_PATIENCE = 600  # seconds


@tool(
    route="GET /payments/providers",
    effect=Effect.read,
    permission="payments:read",
    raises=[],
    examples=["Which payment providers do we have?", "Is Stripe working?"],
)
async def list_payment_providers(ctx: Context, args: ListPaymentProviders) -> ProviderList:
    """List the payment providers: which are set up, and whether they answer."""
    params = {"m": ctx.merchant.id, "now": ctx.now(), "names": list(PROVIDERS)}
    found = await ctx.sql.rows(_HEALTH, params, as_=_Health)
    return ProviderList(
        providers=[
            ProviderLine(
                name=row.name, set_up=row.name in ctx.site.providers, moves_money=row.name != "manual",
                healthy=row.oldest is None or (ctx.now() - row.oldest).total_seconds() < _PATIENCE, waiting=row.waiting,
                succeeded=row.succeeded, failed=row.failed, currencies=list(ctx.merchant.currencies),
                last_event_at=row.last_event_at,
            )
            for row in found
        ]
    )  # fmt: skip
