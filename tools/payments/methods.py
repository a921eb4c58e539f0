"""Ways of paying that a customer can use again: tokens of a provider, store credit, gift cards. Never a card number."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import Field, StringConstraints

from db.models.customers import Customer, CustomerStatus
from db.models.payments import CREDIT, PaymentMethod, SavedMethod
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, NotFound
from tools.contract.fields import CustomerRef, SavedMethodRef, UntrustedText
from tools.payments.reading import METHOD_WORDS
from tools.rules.lookup import find_customer
from tools.rules.paying import Last4, ProviderNotSetUp, Token, provider_of_token

Brand = Annotated[str, StringConstraints(min_length=1, max_length=30, pattern=r"^[^\d]+$")]


class CustomerGone(Conflict):
    """The customer was erased, or is blocked."""

    hint = "Nothing is kept of somebody who was erased; unblock who is blocked first."


class MethodNotTokens(Conflict):
    """Only what a provider keeps behind a token is saved: credit is given, and cash is cash."""

    hint = "Give store credit with issue_store_credit, a gift card with issue_gift_card."


class CreditStays(Conflict):
    """Credit that is left belongs to the customer."""

    hint = "Let it be spent, or take it with issue_store_credit and an amount below zero."


class SavePaymentMethod(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    token: Token = Field(description="The provider's token, such as `pm_…`; never a card number.")
    method: Annotated[PaymentMethod, METHOD_WORDS] = Field(
        default=PaymentMethod.card, description="What it stands for."
    )
    brand: Brand | None = Field(default=None, description="What kind of card, such as Visa.")
    last_four: Last4 | None = Field(default=None, description="Its last four digits, no more.")


class ListPaymentMethods(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")


class RemovePaymentMethod(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    method: SavedMethodRef = Field(description="The method, such as `PM-12`.")


class MethodLine(Result):
    """A way of paying that can be used again."""

    reference: str = Field(description="The method's reference, such as `PM-12`.")
    method: PaymentMethod = Field(description="What it is.")
    brand: UntrustedText | None = Field(description="What kind of card.")
    last_four: UntrustedText | None = Field(description="Its last digits.")
    provider: str | None = Field(description="Who keeps it; null for credit of the shop.")
    balance: Money | None = Field(description="What is left of credit, in minor units; null for what is none.")
    expires_at: datetime | None = Field(description="Until when it can be used, UTC.")
    saved_at: datetime = Field(description="Since when it is there, UTC.")


class MethodList(Result):
    """The ways in which a customer can pay."""

    customer: str = Field(description="The customer's reference.")
    methods: list[MethodLine] = Field(description="The newest first.")


class MethodRemoved(Result):
    reference: str = Field(description="The method that is not used any more.")
    customer: str = Field(description="Whose it was.")


class _Row(NamedTuple):
    reference: str
    method: PaymentMethod
    brand: str | None
    last_four: str | None
    provider: str | None
    balance: int | None
    currency: str
    expires_at: datetime | None
    saved_at: datetime


_METHODS = """
select reference, method, brand, last_four, provider, balance, currency, expires_at, created_at as saved_at
from saved_methods where merchant_id = %(m)s and customer_id = %(c)s and removed_at is null order by id desc limit 100
"""


@tool(
    route="POST /customers/{customer}/payment-methods",
    effect=Effect.write,
    permission="payments:write",
    raises=[CustomerGone, MethodNotTokens, ProviderNotSetUp],
    examples=["Save the card behind tok_ok for Ana, a Visa ending 4242", "Keep pm_1Nx for CUS-1001"],
)
async def save_payment_method(ctx: Context, args: SavePaymentMethod) -> MethodLine:
    """Keep a provider's token as a way in which a customer pays again.

    Card numbers are never taken: a token stands for the card. Store credit and gift cards are issued, not saved.
    """
    customer = await customer_to_pay(ctx, args.customer)
    if args.method in CREDIT or args.method not in (
        PaymentMethod.card,
        PaymentMethod.paypal,
        PaymentMethod.direct_debit,
    ):
        raise MethodNotTokens(f"No provider keeps {words.word(args.method)} behind a token.")
    method = await ctx.add(
        SavedMethod, customer_id=customer.id, method=args.method, brand=args.brand, last_four=args.last_four,
        currency=ctx.merchant.currency, provider=provider_of_token(ctx, args.token), token=args.token,
    )  # fmt: skip
    ctx.event("saved", method, customer=customer.reference)
    ctx.tell(f"A {words.word(args.method)} is kept for {customer.name} ({customer.reference}), to be paid with again.")
    return MethodLine(
        reference=method.reference, method=method.method, brand=method.brand, last_four=method.last_four,
        provider=method.provider, balance=None, expires_at=None, saved_at=ctx.now(),
    )  # fmt: skip


@tool(
    route="GET /customers/{customer}/payment-methods",
    effect=Effect.read,
    permission="payments:read",
    raises=[NotFound, Ambiguous],
    examples=["Which cards does Ana have saved?", "How much store credit does CUS-1001 have?"],
)
async def list_payment_methods(ctx: Context, args: ListPaymentMethods) -> MethodList:
    """List a customer's saved methods, gift cards and store credit, with balances."""
    customer = await find_customer(ctx, args.customer)
    rows = await ctx.sql.rows(_METHODS, {"m": ctx.merchant.id, "c": customer.id}, as_=_Row)
    ctx.discloses(1)
    return MethodList(customer=customer.reference, methods=[_line(row) for row in rows])


def _line(row: _Row) -> MethodLine:
    shown: dict[str, Any] = row._asdict()
    currency = shown.pop("currency")
    balance = None if row.balance is None else Money(amount=row.balance, currency=currency)
    return MethodLine.model_validate(shown | {"balance": balance})


@tool(
    route="DELETE /customers/{customer}/payment-methods/{method}",
    effect=Effect.write,
    permission="payments:write",
    raises=[CreditStays],
    examples=["Remove PM-1012 from Ana's payment methods", "Forget the card PM-12 of CUS-1001"],
)
async def remove_payment_method(ctx: Context, args: RemovePaymentMethod) -> MethodRemoved:
    """Take a saved method away: nothing is paid with it any more.

    What was paid with it stays, and refunds go back to it. Credit that is left is not taken away.
    """
    customer = await find_customer(ctx, args.customer, for_update=True)
    method = await ctx.find(SavedMethod, args.method, for_update=True)
    if method.customer_id != customer.id or method.removed_at:
        raise NotFound(f"{customer.reference} has no payment method {args.method}.")
    if method.balance:
        left = words.money(method.balance, method.currency)
        raise CreditStays(f"{method.reference} still has {left}.")
    ctx.edit(method, None, removed_at=ctx.now())
    ctx.event("removed", method, customer=customer.reference)
    ctx.tell(f"{method.reference} of {customer.name} ({customer.reference}) is not used any more.")
    return MethodRemoved(reference=method.reference, customer=customer.reference)


async def customer_to_pay(ctx: Context, written: str) -> Customer:
    customer = await find_customer(ctx, written, for_update=True)
    if customer.status in (CustomerStatus.erased, CustomerStatus.blocked):
        raise CustomerGone(f"{customer.reference} is {customer.status}.")
    return customer
