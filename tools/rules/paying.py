"""What several operations of payments share: who is asked, what a payment is shown as, and why something cannot be."""

from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints

from db.models.orders import Order
from db.models.payments import Payment, PaymentMethod, PaymentStatus
from db.money import Money
from tools.contract.card_numbers import has_one
from tools.contract.context import Context
from tools.contract.declare import Result
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import Untrusted

MANUAL, STRIPE = "manual", "stripe"
_STRIPES = ("pm_", "card_", "src_")


class ProviderNotSetUp(Conflict):
    """The payment provider is not set up here."""

    hint = "list_payment_providers shows what is; the installation's settings name the others."


class NothingToChargeBy(Invalid):
    """It has to be said by what it is paid: this shop has a provider that moves money."""

    hint = (
        "Name a saved `method` or the provider's `token`; or let the customer pay by create_payment_link. Money that came by"
        " itself is mark_order_paid. The token `tok_ok` tries it with the test provider, which moves none."
    )


class PaymentNotCapturable(Conflict):
    """Nothing of the payment waits to be taken."""

    hint = "get_payment shows its state; only what is authorized can be captured."


class CaptureExceedsAuthorization(Conflict):
    """No more is taken than was authorized."""

    hint = "Capture what is left, or authorize the rest by another payment."


class PaymentNotRefundable(Conflict):
    """Nothing of the payment can be given back."""

    hint = "get_payment shows what it holds: only captured money, not given back and not disputed, can be refunded."


class RefundExceedsBalance(Conflict):
    """No more is given back than was captured and is still there."""

    hint = "Refund what is left, or leave the amount out for all of it."


def _no_card_number(text: str) -> str:
    if has_one(text):
        raise ValueError("this looks like a card number, which is never taken: give the provider's token for it")
    return text


Token = Annotated[
    str, StringConstraints(min_length=3, max_length=200, pattern=r"^\S+$"), AfterValidator(_no_card_number)
]
Last4 = Annotated[str, StringConstraints(pattern=r"^\d{4}$")]


class ChargeTooLittle(Invalid):
    """Something has to be paid."""

    hint = "Give an amount above 0, in minor units."


class PaymentStanding(Result):
    """Where a payment stands. Amounts are minor units."""

    payment: str = Field(description="The payment's reference, such as `PAY-1042`.")
    order: str = Field(description="The order that it is for.")
    method: PaymentMethod = Field(description="By what it is paid.")
    status: PaymentStatus = Field(description="Where it stands; pending while the provider is being asked.")
    amount: Money = Field(description="What this call asked for.")
    authorized: Money = Field(description="Promised.")
    captured: Money = Field(description="Taken.")
    refunded: Money = Field(description="Given back.")
    intent: str | None = Field(description="What stands for it until the provider has done it; null once it is done.")
    failure: Annotated[str | None, Untrusted()] = Field(
        default=None, description="Why it failed, as the provider says."
    )
    action_url: Annotated[str | None, Untrusted()] = Field(
        default=None, description="Where the customer confirms it, when that is needed."
    )
    says: Annotated[str | None, Untrusted()] = Field(default=None, description="What the provider adds.")
    version: int = Field(description="Grows with each change.")


def standing(order: Order, payment: Payment, amount: int, intent: str | None) -> PaymentStanding:
    def money(minor: int) -> Money:
        return Money(amount=minor, currency=payment.currency)

    return PaymentStanding(
        payment=payment.reference, order=order.reference, method=payment.method, status=payment.status,
        amount=money(amount), authorized=money(payment.authorized - payment.voided), captured=money(payment.captured),
        refunded=money(payment.refunded + payment.charged_back), intent=intent, version=payment.version,
    )  # fmt: skip


class _Seen(NamedTuple):
    status: str
    authorized: int
    captured: int
    refunded: int
    version: int
    intent_status: str | None
    outcome: dict[str, Any] | None


_SEEN = """
select p.status, p.authorized - p.voided as authorized, p.captured, p.refunded + p.charged_back as refunded, p.version,
       i.status as intent_status, i.outcome
from payments p left join intents i on i.merchant_id = %(m)s and i.reference = %(intent)s
where p.merchant_id = %(m)s and p.reference = %(payment)s
"""


async def as_it_stands(ctx: Context, shown: PaymentStanding) -> PaymentStanding:
    """The same payment once its provider was asked."""
    params = {"m": ctx.merchant.id, "payment": shown.payment, "intent": shown.intent}
    (seen,) = await ctx.sql.rows(_SEEN, params, as_=_Seen)
    said = seen.outcome or {}

    def money(minor: int) -> Money:
        return Money(amount=minor, currency=shown.amount.currency)

    return shown.model_copy(
        update={
            "status": PaymentStatus(seen.status), "authorized": money(seen.authorized), "captured": money(seen.captured),
            "refunded": money(seen.refunded), "version": seen.version, "failure": said.get("code"),
            "intent": shown.intent if seen.intent_status == "pending" else None,
            "action_url": said.get("action_url"), "says": said.get("says"),
        }
    )  # fmt: skip


def provider_of_token(ctx: Context, token: str | None) -> str:
    """Whose token it is; without one the test provider's, unless it could be taken for a real one (`NothingToChargeBy`).

    Raises `ProviderNotSetUp`.
    """
    if token is None and STRIPE in ctx.site.providers:
        raise NothingToChargeBy("It is not said by what it is paid.")
    name = STRIPE if token and token.startswith(_STRIPES) else MANUAL
    if name not in ctx.site.providers:
        raise ProviderNotSetUp(f"The token is one of {name}, which is not set up here.")
    return name
