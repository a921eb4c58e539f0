"""An order paid as it is placed: what the shop takes by itself is booked within the placing, others are asked after the commit.

The provider `manual` is a table of the shop's own: nobody outside has to be asked, so no intent stands for it. Only its tokens
that behave like a provider's (declined, late, to be confirmed …) go the way of every other provider.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field, model_validator

from db.model import new_id
from db.models.orders import Order
from db.models.payments import CREDIT, PaymentMethod, PaymentStatus, SavedMethod, TransactionKind, TransactionOutcome
from db.money import Money
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Input
from tools.contract.errors import Forbidden
from tools.contract.fields import SavedMethodRef
from tools.contract.plain import as_jsonb
from tools.flows.settling import confirm_paid
from tools.rules.books import sides_of
from tools.rules.charging import Means, charge, label_of, method_for, refuse_unusable
from tools.rules.paying import MANUAL, PaymentStanding, Token, provider_of_token

TAKEN_AT_ONCE = (None, "tok_ok")  # tokens of `manual` behind which nothing is to be tried out
_PAYMENT = (
    "merchant_id", "id", "order_id", "status", "method", "method_label", "saved_method_id", "provider", "currency",
    "authorized", "captured", "voided", "refunded", "charged_back", "version", "created_at", "updated_at",
)  # fmt: skip
_MOVED = (
    "merchant_id", "id", "payment_id", "order_id", "kind", "outcome", "amount", "currency", "provider", "actor", "occurred_at",
    "created_at",
)  # fmt: skip
_BOOKED = (
    "merchant_id", "id", "journal_id", "account", "amount", "currency", "order_id", "payment_id", "occurred_at", "created_at",
)  # fmt: skip
# Goes with the statement that places an order, once all of it is held (`ok`); the payment's number is `paying`'s.
TAKE = f"""
, paying as (
    insert into counters as c (merchant_id, id, name, value, created_at)
    select %(m)s, %(pay_counter)s, '{Kind.payment.value}', 1001, %(now)s from ok
    on conflict (merchant_id, name) do update set value = c.value + 1
    returning '{Kind.payment.value}-' || value as reference
), paid as (
    insert into payments (reference, {", ".join(_PAYMENT)})
    select paying.reference, {", ".join(f"p.{column}" for column in _PAYMENT)}
    from paying cross join jsonb_populate_record(null::payments, %(payment)s) p
), moved as (
    insert into payment_transactions ({", ".join(_MOVED)})
    select {", ".join(f"t.{column}" for column in _MOVED)}
    from ok cross join jsonb_populate_recordset(null::payment_transactions, %(moved)s) t
), booked as (
    insert into journal_entries (description, {", ".join(_BOOKED)})
    select 'capture of ' || paying.reference, {", ".join(f"j.{column}" for column in _BOOKED)}
    from paying cross join jsonb_populate_recordset(null::journal_entries, %(booked)s) j
)"""
TAKEN = "(select reference from paying)"


class PaidBy(Input):
    """By what an order is paid."""

    method: SavedMethodRef | None = Field(
        default=None, description="A saved method of the customer's, gift card or store credit: `PM-12`."
    )
    token: Token | None = Field(default=None, description="Or the provider's token for a card; never a card number.")
    capture: bool = Field(
        default=True, description="Take the money at once; otherwise it is promised, and captured later."
    )

    @model_validator(mode="after")
    def one_of_them(self) -> "PaidBy":
        if self.method and self.token:
            raise ValueError("It is paid by a `method` or by a `token`, not both.")
        return self


class Paying(NamedTuple):
    """How a new order is to be paid; `at_once` is whether the shop takes the money by itself."""

    means: Means
    capture: bool
    at_once: bool


@dataclass(frozen=True)
class Taking:
    """The rows of a payment that is taken with the placing, and what the statement needs for them."""

    payment: dict[str, Any]
    moved: list[dict[str, Any]]
    booked: list[dict[str, Any]]

    @property
    def params(self) -> dict[str, Any]:
        rows = {"payment": self.payment, "moved": self.moved, "booked": self.booked}
        return {"pay_counter": new_id()} | {name: as_jsonb(row) for name, row in rows.items()}


async def paying(ctx: Context, by: PaidBy, customer_id: UUID | None, currency: str) -> Paying:
    """Look up what an order is to be paid by. Raises `Forbidden`, `MethodNotUsable`, `ProviderNotSetUp`."""
    if not ctx.may("payments:write"):
        raise Forbidden(
            f"To have an order paid needs the permission payments:write, which {ctx.actor.name} lacks.",
            hint="Place it without `payment`.",
            permission="payments:write",
        )
    method = await ctx.find(SavedMethod, by.method) if by.method else None
    if method:
        refuse_unusable(ctx, method, customer_id, currency)
    provider = (method.provider or MANUAL) if method else provider_of_token(ctx, by.token)
    token = method.token if method else by.token
    at_once = provider == MANUAL and token in TAKEN_AT_ONCE and not (method and method.method in CREDIT)
    return Paying(Means(method, by.token), by.capture, at_once)


def taking(ctx: Context, order: Mapping[str, Any], paid: Paying) -> Taking:
    """The payment of an order that is written as paid: promised and taken in one, as money that is there."""
    now, method, amount = ctx.now(), paid.means.method, order["total"]
    own: dict[str, Any] = {"merchant_id": ctx.merchant.id, "created_at": now, "currency": order["currency"]}
    payment = own | {
        "id": new_id(), "order_id": order["id"], "status": PaymentStatus.captured if paid.capture else PaymentStatus.authorized,
        "method": method.method if method else PaymentMethod.card, "method_label": label_of(method) if method else None,
        "saved_method_id": method and method.id, "provider": MANUAL, "authorized": amount,
        "captured": amount if paid.capture else 0, "voided": 0, "refunded": 0, "charged_back": 0, "version": 1, "updated_at": now,
    }  # fmt: skip
    kinds = (TransactionKind.authorization, TransactionKind.capture)[: 1 + paid.capture]
    common = own | {"payment_id": payment["id"], "order_id": order["id"], "occurred_at": now}
    moved = [
        common | {"id": new_id(), "kind": kind, "outcome": TransactionOutcome.succeeded, "amount": amount, "provider": MANUAL,
                  "actor": ctx.actor.reference}
        for kind in kinds
    ]  # fmt: skip
    booked = [
        common | {"id": new_id(), "journal_id": moved[-1]["id"], "account": account, "amount": sign * amount}
        for account, sign in sides_of(kinds[-1], MANUAL) or ()
    ]
    return Taking(payment, moved, booked)


def taken(ctx: Context, rows: Taking, reference: str, order: str) -> PaymentStanding:
    """What was written by the placing, told: as changes, events and on the card."""
    payment = rows.payment
    ctx.changes.inserted("payments", [payment | {"reference": reference}])
    ctx.changes.inserted("payment_transactions", rows.moved)
    ctx.changes.inserted("journal_entries", [line | {"description": f"capture of {reference}"} for line in rows.booked])
    money, about = Money(amount=payment["authorized"], currency=payment["currency"]), payment["order_id"]
    ctx.moves_money(money)
    ctx.happened(
        str(payment["status"]), "payment", payment["id"], order_id=about, before="pending", amount=money.amount,
        currency=money.currency,
    )  # fmt: skip
    ctx.happened("confirmed", "order", about, order_id=about, before="pending")
    ctx.tell_if_asked(lambda: _tell(ctx, payment, money))
    return _standing(payment, reference, order)


def _tell(ctx: Context, payment: Mapping[str, Any], money: Money) -> None:
    by = payment["method_label"] or words.word(payment["method"])
    becomes = "charged" if payment["captured"] else "authorized, and taken later"
    ctx.tell(f"{money} are {becomes} ({by}): it is confirmed.")


def _standing(payment: Mapping[str, Any], reference: str, order: str) -> PaymentStanding:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=payment["currency"])

    return PaymentStanding(
        payment=reference, order=order, method=payment["method"], status=payment["status"], amount=money(payment["authorized"]),
        authorized=money(payment["authorized"]), captured=money(payment["captured"]), refunded=money(0), intent=None, version=1,
    )  # fmt: skip


async def ask_for(ctx: Context, reference: str, paid: Paying) -> tuple[PaymentStanding, Order]:
    """Have an order that was placed by this very call paid by credit, which is taken now, or by a provider, who is asked later.

    Raises `NotEnoughCredit`.
    """
    order = await ctx.find(Order, reference, for_update=True)
    method = paid.means.method
    means = Means(await method_for(ctx, order, method.reference)) if method else paid.means
    begun = await charge(ctx, order, means, order.total, capture=paid.capture)
    if begun.captured.amount:
        await confirm_paid(ctx, order)
    return begun, order
