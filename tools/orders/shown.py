"""How orders are shown: the pieces that several answers of the room have in common."""

from datetime import datetime

from pydantic import Field

from db.models.orders import Channel, FulfilmentState, OrderStatus, PaymentState, ReturnState
from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Result
from tools.contract.fields import Synonyms, UntrustedText

STATUS_WORDS = Synonyms(
    {
        "draft": ("quote", "not placed"),
        "pending": ("new", "waiting", "unconfirmed", "awaiting payment"),
        "confirmed": ("accepted", "approved", "in progress", "to ship", "ready to ship", "processing"),
        "completed": ("done", "finished", "closed", "complete"),
        "cancelled": ("canceled", "called off"),
        "expired": ("lapsed", "timed out"),
    }
)
PAYMENT_WORDS = Synonyms(
    {
        "unpaid": (
            "not paid",
            "nothing paid",
            "never paid",
            "outstanding",
            "owe",
            "owing",
            "not yet paid",
            "still to pay",
        ),
        "authorized": ("authorised", "reserved", "pre-authorised"),
        "partly_paid": ("partially paid", "part paid"),
        "paid": ("settled", "captured"),
        "partly_refunded": ("partially refunded",),
        "refunded": ("paid back", "money back"),
    }
)
FULFILMENT_WORDS = Synonyms(
    {
        "unfulfilled": ("unshipped", "not shipped", "not sent", "not dispatched"),
        "partly_fulfilled": ("partially shipped", "partly shipped"),
        "fulfilled": ("shipped", "sent", "dispatched"),
    }
)
OPEN_WORDS = Synonyms(
    {
        "true": (
            "to ship", "to be shipped", "to be sent", "to go out", "to send out", "to dispatch", "to be dispatched",
            "need shipping", "ready to ship", "wait to be shipped", "waiting to ship", "waiting to be shipped", "waiting to go out",
        ),
    }
)  # fmt: skip
METHOD_WORDS = Synonyms(
    {
        "card": ("credit card", "debit card", "visa", "mastercard"),
        "paypal": ("pay pal",),
        "bank_transfer": ("transfer", "wire", "wire transfer", "by bank"),
        "direct_debit": ("debit", "sepa"),
        "cash": ("in cash", "cash on delivery"),
        "invoice": ("on account", "on invoice"),
        "gift_card": ("voucher", "gift voucher"),
        "store_credit": ("credit note", "shop credit"),
        "marketplace": ("through the marketplace",),
    }
)
RETURN_WORDS = Synonyms(
    {"none": ("nothing returned",), "partly_returned": ("partially returned",), "returned": ("sent back", "came back")}
)

# Who sees whose name and address: who may read customers, and the warehouse on what it ships. Parameters: `sight(ctx)`.
NAME_SEEN = "(%(names)s or %(ships)s and o.status = 'confirmed')"


def sight(ctx: Context) -> dict[str, bool]:
    """What of a customer's data the caller sees: e-mail and phone, name and address, the latter on parcels to be sent."""
    contact = ctx.may("customers:read")
    return {
        "contact": contact,
        "names": contact or ctx.may("customers:address"),
        "ships": ctx.may("warehouse:write"),
    }


def money(column: str, currency: str = "o.currency") -> str:
    """SQL for `Money` in a JSON answer."""
    return f"json_build_object('amount', {column}, 'currency', {currency})"


ON_HOLD = """
exists (select from order_holds h where h.merchant_id = %(m)s and h.order_id = o.id and h.released_at is null)"""
# The columns of `OrderBrief`, from orders o and customers c.
BRIEF = f"""
o.reference, o.external_reference, o.status, o.payment_state, o.fulfilment_state, o.return_state, {ON_HOLD} as on_hold,
o.channel, o.placed_at, c.reference as customer, case when {NAME_SEEN} then o.customer_name end as customer_name,
{money("o.total")} as total"""


class PostalAddress(Result):
    """An address as it was when the order was placed."""

    name: UntrustedText | None = Field(default=None, description="Who receives it.")
    company: UntrustedText | None = Field(default=None, description="Company.")
    line1: UntrustedText | None = Field(default=None, description="Street and number.")
    line2: UntrustedText | None = Field(default=None, description="Floor, building, care of.")
    city: UntrustedText | None = Field(default=None, description="City.")
    region: UntrustedText | None = Field(default=None, description="Region or state.")
    postcode: UntrustedText | None = Field(default=None, description="Postcode.")
    country: str | None = Field(default=None, description="ISO 3166 alpha-2.")
    phone: UntrustedText | None = Field(default=None, description="Phone number for the carrier.")


class OrderBrief(Result):
    """An order in a line: what it is, where it stands, what it comes to."""

    reference: str = Field(description="The order's number.")
    external_reference: UntrustedText | None = Field(description="Its number in the system that it came from.")
    status: OrderStatus = Field(description="Where the order itself stands.")
    payment_state: PaymentState = Field(description="How far it is paid.")
    fulfilment_state: FulfilmentState = Field(description="How much of it has left.")
    return_state: ReturnState = Field(description="How much of what left came back.")
    on_hold: bool = Field(description="Whether a hold keeps it from being picked, captured or shipped.")
    channel: Channel = Field(description="Where it came in.")
    placed_at: datetime = Field(description="When it was placed, UTC.")
    customer: str | None = Field(description="The customer's reference; null for a guest.")
    customer_name: UntrustedText | None = Field(description="Who bought; null where the caller may not see it.")
    total: Money = Field(description="What the customer pays, in minor units.")
