"""Reports on money: what was asked of providers and how it went, what was given back and why, what came in."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from db.models.payments import TransactionKind
from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Invalid
from tools.contract.fields import PeriodEnd, PeriodStart, Synonyms, UntrustedText
from tools.rules.periods import Period, asked_period, percent_change

MOST_ROWS = 400


class TellApart(StrEnum):
    day = "day"
    week = "week"
    month = "month"
    method = "method"
    provider = "provider"
    reason = "reason"


APART_WORDS = Synonyms(
    {
        "day": ("daily", "per day"),
        "week": ("weekly", "per week"),
        "month": ("monthly", "per month"),
        "method": (
            *("payment method", "payment type", "type of payment", "how it was paid", "way of paying"),
            *("moyen de paiement", "Zahlungsart"),
        ),
        "provider": ("gateway", "processor"),
        "reason": ("why", "cause"),
    }
)
Apart = Annotated[TellApart, APART_WORDS]
_GROUPS = {
    TellApart.day: "to_char(t.occurred_at at time zone %(zone)s, 'YYYY-MM-DD')",
    TellApart.week: "to_char(date_trunc('week', t.occurred_at at time zone %(zone)s), 'YYYY-MM-DD')",
    TellApart.month: "to_char(t.occurred_at at time zone %(zone)s, 'YYYY-MM')",
    TellApart.method: "p.method",
    TellApart.provider: "t.provider",
    TellApart.reason: "coalesce(t.reason, 'not said')",
}


class TooManyGroups(Invalid):
    """A report has so many rows and no more."""

    hint = "Ask for a shorter period, or tell apart by week or month."


class MoneyReport(Input):
    """Which period, and what to tell apart."""

    occurred_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, 30 days before its end."
    )
    occurred_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )
    group_by: Apart | None = Field(default=None, description="What to tell apart; unless said, only the totals.")
    currency: Currency | None = Field(default=None, description="In this currency; unless said, the shop's own.")


class TransactionReport(MoneyReport):
    """Of what was asked of providers."""


class RefundReport(MoneyReport):
    """Of what was given back."""


class RevenueReport(MoneyReport):
    """Of what came in."""


class TransactionFigures(Result):
    """What was asked of providers in a group, and how it went."""

    group: UntrustedText | None = Field(description="What is told apart; null for all together.")
    attempts: int = Field(description="Authorizations, captures, voids and refunds that ended.")
    succeeded: int = Field(description="Those that succeeded.")
    failed: int = Field(description="Those that failed.")
    success_pct: float | None = Field(description="Per cent of authorizations that succeeded; null without any.")
    authorized: Money = Field(description="Promised, in minor units.")
    captured: Money = Field(description="Taken, in minor units.")
    refunded: Money = Field(description="Given back, in minor units.")


class TransactionsReported(Result):
    """What was asked of providers, and how it went."""

    start: datetime = Field(description="Beginning of the period, UTC.")
    until: datetime = Field(description="Its end, exclusive, UTC.")
    total: TransactionFigures = Field(description="All together.")
    groups: list[TransactionFigures] = Field(description="Each group.")


class RefundFigures(Result):
    """What was given back in a group."""

    group: UntrustedText | None = Field(description="What is told apart; null for all together.")
    refunds: int = Field(description="How many refunds.")
    orders: int = Field(description="Of how many orders.")
    refunded: Money = Field(description="Given back, in minor units.")
    as_credit: Money = Field(description="Of it as store credit or on gift cards, in minor units.")
    charged_back: Money = Field(description="Taken back by customers' banks, in minor units, beside it.")


class RefundsReported(Result):
    """What was given back."""

    start: datetime = Field(description="Beginning of the period, UTC.")
    until: datetime = Field(description="Its end, exclusive, UTC.")
    total: RefundFigures = Field(description="All together.")
    refund_rate_pct: float | None = Field(description="Given back, in per cent of what was taken in the period.")
    groups: list[RefundFigures] = Field(description="Each group.")


class RevenueFigures(Result):
    """What came in in a group."""

    group: UntrustedText | None = Field(description="What is told apart; null for all together.")
    payments: int = Field(description="How many payments money was taken by.")
    captured: Money = Field(description="Taken, in minor units.")
    refunded: Money = Field(description="Given back and charged back, in minor units.")
    net: Money = Field(description="Taken less given back, in minor units.")


class RevenueReported(Result):
    """What came in, as payments have it."""

    start: datetime = Field(description="Beginning of the period, UTC.")
    until: datetime = Field(description="Its end, exclusive, UTC.")
    total: RevenueFigures = Field(description="All together.")
    before: RevenueFigures = Field(description="The period before.")
    change_pct: float | None = Field(description="By how many per cent net grew; null where there was nothing before.")
    groups: list[RevenueFigures] = Field(description="Each group.")


class _Sums(NamedTuple):
    """The sums of a group of transactions; all figures of the three reports are made of these."""

    name: str | None
    attempts: int
    succeeded: int
    failed: int
    tried: int
    promised: int
    refunds: int
    orders: int
    payments: int
    authorized: int
    captured: int
    refunded: int
    as_credit: int
    charged_back: int


_DONE = "filter (where t.outcome = 'succeeded' and t.kind = '{}')"
_SUMS = f"""
select {{group}} as name, count(*) filter (where t.outcome <> 'pending') as attempts,
       count(*) filter (where t.outcome = 'succeeded') as succeeded, count(*) filter (where t.outcome = 'failed') as failed,
       count(*) filter (where t.kind = 'authorization' and t.outcome <> 'pending') as tried,
       count(*) {_DONE.format("authorization")} as promised, count(*) {_DONE.format("refund")} as refunds,
       count(distinct t.order_id) {_DONE.format("refund")} as orders,
       count(distinct t.payment_id) {_DONE.format("capture")} as payments,
       coalesce(sum(t.amount) {_DONE.format("authorization")}, 0)::bigint as authorized,
       coalesce(sum(t.amount) {_DONE.format("capture")}, 0)::bigint as captured,
       (coalesce(sum(t.amount) {_DONE.format("refund")}, 0)
        - coalesce(sum(t.amount) {_DONE.format("refund_reversal")}, 0))::bigint as refunded,
       coalesce(sum(t.amount) filter (where t.outcome = 'succeeded' and t.kind = 'refund'
                                      and t.provider in ('store_credit', 'gift_card')), 0)::bigint as as_credit,
       (coalesce(sum(t.amount) {_DONE.format("chargeback")}, 0)
        - coalesce(sum(t.amount) {_DONE.format("chargeback_reversal")}, 0))::bigint as charged_back
from payment_transactions t join payments p on p.merchant_id = %(m)s and p.id = t.payment_id
where t.merchant_id = %(m)s and t.occurred_at >= %(start)s and t.occurred_at < %(until)s and t.currency = %(currency)s
  and t.kind = any(%(kinds)s)
"""
_ALL = tuple(TransactionKind)
_BACK = (
    TransactionKind.refund, TransactionKind.refund_reversal, TransactionKind.chargeback, TransactionKind.chargeback_reversal,
)  # fmt: skip
_IN = (TransactionKind.capture, *_BACK)


class _Reported(NamedTuple):
    period: Period
    currency: str
    total: _Sums
    groups: list[_Sums]

    def money(self, amount: int) -> Money:
        return Money(amount=amount, currency=self.currency)


async def _reported(ctx: Context, args: MoneyReport, kinds: tuple[TransactionKind, ...]) -> _Reported:
    period = asked_period(ctx, args.occurred_from, args.occurred_until)
    currency = args.currency or ctx.merchant.currency
    total = await _sums(ctx, period, currency, kinds)
    groups = await _grouped(ctx, args, period, currency, kinds) if args.group_by else []
    return _Reported(period, currency, total, groups)


async def _sums(ctx: Context, period: Period, currency: str, kinds: tuple[TransactionKind, ...]) -> _Sums:
    (sums,) = await ctx.sql.rows(_SUMS.format(group="null::text"), _params(ctx, period, currency, kinds), as_=_Sums)
    return sums


async def _grouped(
    ctx: Context, args: MoneyReport, period: Period, currency: str, kinds: tuple[TransactionKind, ...]
) -> list[_Sums]:
    assert args.group_by is not None
    over_time = args.group_by in (TellApart.day, TellApart.week, TellApart.month)
    order = "name" if over_time else "captured desc, refunded desc, name"
    query = f"{_SUMS.format(group=_GROUPS[args.group_by])} group by 1 order by {order} limit {MOST_ROWS + 1}"
    groups = await ctx.sql.rows(query, _params(ctx, period, currency, kinds), as_=_Sums)
    if len(groups) > MOST_ROWS:
        raise TooManyGroups(f"There are more than {MOST_ROWS} groups.")
    return groups


def _params(ctx: Context, period: Period, currency: str, kinds: tuple[TransactionKind, ...]) -> dict[str, Any]:
    return {
        "m": ctx.merchant.id, "start": period.start, "until": period.until, "currency": currency,
        "zone": str(ctx.merchant.zone), "kinds": [kind.value for kind in kinds],
    }  # fmt: skip


@tool(
    route="GET /analytics/payments/transactions",
    effect=Effect.read,
    permission="analytics:read",
    raises=[TooManyGroups],
    heavy=True,
    examples=["How many payments failed this month?", "Success rate of payments by method in the last 30 days"],
)
async def transaction_report(ctx: Context, args: TransactionReport) -> TransactionsReported:
    """Report what was asked of payment providers, and how much of it succeeded."""
    found = await _reported(ctx, args, _ALL)

    def figures(row: _Sums) -> TransactionFigures:
        return TransactionFigures(
            group=row.name, attempts=row.attempts, succeeded=row.succeeded, failed=row.failed,
            success_pct=round(100 * row.promised / row.tried, 1) if row.tried else None,
            authorized=found.money(row.authorized), captured=found.money(row.captured), refunded=found.money(row.refunded),
        )  # fmt: skip

    return TransactionsReported(
        start=found.period.start, until=found.period.until, total=figures(found.total),
        groups=[figures(row) for row in found.groups],
    )  # fmt: skip


@tool(
    route="GET /analytics/payments/refunds",
    effect=Effect.read,
    permission="analytics:read",
    raises=[TooManyGroups],
    heavy=True,
    examples=["How much did we refund this month?", "Refunds by reason since January"],
)
async def refund_report(ctx: Context, args: RefundReport) -> RefundsReported:
    """Report what was given back: as money, as credit, and by customers' banks."""
    found = await _reported(ctx, args, _IN)

    def figures(row: _Sums) -> RefundFigures:
        return RefundFigures(
            group=row.name, refunds=row.refunds, orders=row.orders, refunded=found.money(row.refunded),
            as_credit=found.money(row.as_credit), charged_back=found.money(row.charged_back),
        )  # fmt: skip

    taken = found.total.captured
    return RefundsReported(
        start=found.period.start, until=found.period.until, total=figures(found.total),
        refund_rate_pct=round(100 * found.total.refunded / taken, 1) if taken else None,
        groups=[figures(row) for row in found.groups if row.refunds or row.charged_back],
    )  # fmt: skip


@tool(
    route="GET /analytics/payments/revenue",
    effect=Effect.read,
    permission="analytics:read",
    raises=[TooManyGroups],
    heavy=True,
    examples=["What money came in last week?", "Payments received per month this year, by method"],
)
async def revenue_report(ctx: Context, args: RevenueReport) -> RevenueReported:
    """Report the money that came in: taken less given back.

    Compared with the period before. It counts payments when they were taken; what was sold, whenever it is paid, is
    sales_report.
    """
    found = await _reported(ctx, args, _IN)
    before = await _sums(ctx, found.period.before(ctx.merchant.zone, ctx.now()), found.currency, _IN)

    def figures(row: _Sums) -> RevenueFigures:
        back = row.refunded + row.charged_back
        return RevenueFigures(
            group=row.name, payments=row.payments, captured=found.money(row.captured), refunded=found.money(back),
            net=found.money(row.captured - back),
        )  # fmt: skip

    now, then = figures(found.total), figures(before)
    return RevenueReported(
        start=found.period.start, until=found.period.until, total=now, before=then,
        change_pct=percent_change(now.net.amount, then.net.amount), groups=[figures(row) for row in found.groups],
    )  # fmt: skip
