"""The double-entry ledger behind payments, refunds and credit: what each account has, and the lines that made it so."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order
from db.models.payments import LedgerAccount, Payment
from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import OrderRef, PaymentRef, PeriodEnd, PeriodStart, Synonyms
from tools.contract.page import cursor, place

ACCOUNT_WORDS = Synonyms(
    {
        "clearing": ("bank", "money at the providers"),
        "receivables": ("debtors", "what customers owe"),
        "gift_cards": ("vouchers",),
        "goodwill": ("given away", "gestures"),
    }
)


class GetLedger(Input):
    limit: int = Field(
        default=20, ge=1, le=100, description="How many lines at most.", json_schema_extra={"x-kind": "limit"}
    )
    after: str | None = Field(default=None, max_length=400, description="The `next` of the page before.")
    account: Annotated[LedgerAccount, ACCOUNT_WORDS] | None = Field(default=None, description="Lines of this account.")
    order: OrderRef | None = Field(default=None, description="About this order.")
    payment: PaymentRef | None = Field(default=None, description="About this payment.")
    currency: Currency | None = Field(default=None, description="In this currency.")
    occurred_from: PeriodStart | None = Field(default=None, description="Of this instant or later, UTC.")
    occurred_until: PeriodEnd | None = Field(default=None, description="Before this instant, UTC.")


class AccountBalance(Result):
    """What an account has: debits above zero, credits below."""

    account: LedgerAccount = Field(description="The account.")
    balance: Money = Field(description="The sum of its lines that were asked for, in minor units.")


class LedgerLine(Result):
    """A line of the ledger."""

    journal: UUID = Field(description="The journal that it belongs to; its lines sum to zero.")
    occurred_at: datetime = Field(description="When, UTC.")
    account: LedgerAccount = Field(description="The account.")
    amount: Money = Field(description="Debit above zero, credit below, in minor units.")
    description: str = Field(description="What it is for.")
    order: str | None = Field(description="The order that it is about.")
    payment: str | None = Field(description="The payment that it is about.")


class Ledger(Result):
    """The ledger, or the part of it that was asked for."""

    balances: list[AccountBalance] = Field(
        description="Each account, over all the lines that fit, not this page alone."
    )
    balanced: bool = Field(description="Whether all the shop's lines sum to zero in each currency.")
    data: list[LedgerLine] = Field(description="The lines of this page, the newest first.")
    next: str | None = Field(description="Where the next page begins; null at the end.")
    has_more: bool = Field(description="Whether another page follows.")


class _Line(NamedTuple):
    id: UUID
    journal: UUID
    occurred_at: datetime
    account: str
    amount: int
    currency: str
    description: str
    order: str | None
    payment: str | None


class _Balance(NamedTuple):
    account: str
    currency: str
    balance: int


class _Off(NamedTuple):
    currency: str


_CONDITIONS = {
    "account": "j.account = %(account)s",
    "order": "j.order_id = %(order)s",
    "payment": "j.payment_id = %(payment)s",
    "currency": "j.currency = %(currency)s",
    "occurred_from": "j.occurred_at >= %(occurred_from)s",
    "occurred_until": "j.occurred_at < %(occurred_until)s",
}
_OFF = "select currency from journal_entries where merchant_id = %(m)s group by currency having sum(amount) <> 0"


@tool(
    route="GET /ledger",
    effect=Effect.read,
    permission="payments:read",
    raises=[NotFound, Ambiguous],
    heavy=True,
    examples=["Show the ledger of this month", "How much do we owe in gift cards?", "The ledger lines of order 1042"],
)
async def get_ledger(ctx: Context, args: GetLedger) -> Ledger:
    """Show the double-entry ledger behind payments, refunds and credit.

    Each account with its balance, and the lines, the newest first. Debits are above zero, credits below; all of it sums to
    zero. `clearing` is money at providers and bank, `store_credit` and `gift_cards` are what the shop owes.
    """
    params: dict[str, Any] = args.model_dump() | {"m": ctx.merchant.id, "limit": args.limit + 1}
    if args.order:
        params["order"] = (await ctx.find(Order, args.order)).id
    if args.payment:
        params["payment"] = (await ctx.find(Payment, args.payment)).id
    narrowed = [sql for name, sql in _CONDITIONS.items() if params[name] is not None]
    where = " and ".join(["j.merchant_id = %(m)s", *narrowed])
    balances = await ctx.sql.rows(
        f"select j.account, j.currency, sum(j.amount)::bigint as balance from journal_entries j where {where}"
        " group by j.account, j.currency order by j.account, j.currency",
        params,
        as_=_Balance,
    )
    balanced = not await ctx.sql.rows(_OFF, params, as_=_Off) if narrowed else _balance(balances)
    rows = await _lines(ctx, args, where, params)
    shown = rows[: args.limit]
    more = len(rows) > args.limit
    return Ledger(
        balances=[
            AccountBalance(account=LedgerAccount(row.account), balance=Money(amount=row.balance, currency=row.currency))
            for row in balances
        ],
        balanced=balanced,
        data=[_shown(row) for row in shown],
        next=cursor(shown[-1].occurred_at, shown[-1].id) if more else None,
        has_more=more,
    )


def _balance(accounts: Sequence[_Balance]) -> bool:
    """Whether they sum to zero in each currency."""
    sums = Counter[str]()
    for account in accounts:
        sums[account.currency] += account.balance
    return not any(sums.values())


async def _lines(ctx: Context, args: GetLedger, where: str, params: dict[str, Any]) -> list[_Line]:
    if since := place(args.after, datetime, UUID):
        where += " and (j.occurred_at, j.id) < (%(place)s, %(place_id)s)"
        params = params | {"place": since[0], "place_id": since[1]}
    query = f"""
        select j.id, j.journal_id as journal, j.occurred_at, j.account, j.amount, j.currency, j.description,
               o.reference as order, p.reference as payment
        from journal_entries j left join orders o on o.merchant_id = %(m)s and o.id = j.order_id
        left join payments p on p.merchant_id = %(m)s and p.id = j.payment_id
        where {where} order by j.occurred_at desc, j.id desc limit %(limit)s
    """
    return await ctx.sql.rows(query, params, as_=_Line)


def _shown(row: _Line) -> LedgerLine:
    return LedgerLine(
        journal=row.journal, occurred_at=row.occurred_at, account=LedgerAccount(row.account),
        amount=Money(amount=row.amount, currency=row.currency), description=row.description, order=row.order,
        payment=row.payment,
    )  # fmt: skip
