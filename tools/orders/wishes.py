"""What is wished of an order before it is one: who buys what, sent where; and why the shop may have to refuse."""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from db.models.orders import Channel
from db.money import Currency
from tools.contract.declare import Input
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import (
    AddressRef,
    City,
    Country,
    CustomerRef,
    Email,
    Hint,
    Name,
    Quantity,
    Text,
    VariantRef,
)
from tools.rules.sales import CHANNEL_WORDS

Short = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Phone = Annotated[str, StringConstraints(min_length=3, max_length=40), Hint("phone")]


class CustomerMayNotOrder(Conflict):
    """The customer is blocked, or was erased."""

    hint = "Unblock the customer first, if that is right, or place the order for somebody else."


class VariantNotSellable(Conflict):
    """A variant is not on sale."""

    hint = "Leave it out, take another variant, or put it on sale again."


class NoPriceInCurrency(Conflict):
    """A variant has no price in the order's currency; prices are never converted."""


class NoShippingAddress(Invalid):
    """It is not known where to send the order."""

    hint = (
        "Give a `shipping_address`, or a customer who has a default one. Only orders of the channel `store` go without."
    )


class AddressOfAnother(Conflict):
    """The address belongs to another customer."""

    hint = "Name one of the customer's own addresses, or write the address out."


class NoShippingMethod(Conflict):
    """No way of sending takes such a parcel there in the order's currency."""


class PromotionUnknown(Invalid):
    """No promotion has that code."""

    hint = "Leave the code out, or correct it: list_promotions shows them."


class PromotionNotApplicable(Conflict):
    """The order does not meet what the promotion asks."""

    hint = "Leave the code out, or change the order."


class PromotionUsedUp(Conflict):
    """The promotion was given as often as it may be."""

    hint = "Leave the code out; an automatic promotion is left out when the order is sent again."


class NewLine(Input):
    """Units of a variant that somebody wants to buy."""

    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(default=1, ge=1, le=100_000, description="Units.")


class CorrectedAddress(Input):
    """An address of an order that is written out as far as it is another one than before."""

    name: Name | None = Field(default=None, description="Who receives it; omit for the customer.")
    company: Short | None = Field(default=None, description="Company.")
    line1: Short = Field(description="Street and number.")
    line2: Short | None = Field(default=None, description="Floor, building, care of.")
    city: City | None = Field(default=None, description="City; omit to keep the one it has, with region and postcode.")
    region: Short | None = Field(default=None, description="Region or state, where addresses or taxes need it.")
    postcode: Short | None = Field(default=None, description="Postcode.")
    country: Country | None = Field(
        default=None,
        description="ISO 3166 alpha-2, such as FR; omit for the one that the order goes to, else the shop's own.",
    )
    phone: Phone | None = Field(default=None, description="Phone number for the carrier.")


class WrittenAddress(CorrectedAddress):
    """An address that is written out."""

    city: City = Field(description="City.")

    def kept(self, name: str | None) -> dict[str, Any]:
        """As an order keeps it: for whom, where it does not say."""
        return self.model_dump() | {"name": self.name or name}


class OrderWish(Input):
    """What prices are made for."""

    customer: CustomerRef | None = Field(default=None, description="Who buys, such as `CUS-301`; omit for a guest.")
    email: Email | None = Field(
        default=None,
        description="A guest's e-mail; the order is a customer's if it is theirs. Omit for a customer's own.",
    )
    name: Name | None = Field(default=None, description="A guest's name; omit for a customer's own.")
    lines: list[NewLine] = Field(min_length=1, max_length=200, description="What is bought: SKU and quantity.")
    shipping_address: AddressRef | WrittenAddress | None = Field(
        default=None,
        description="Where to: an address of the customer (`ADR-7`), or written out; omit for their default.",
    )
    billing_address: AddressRef | WrittenAddress | None = Field(
        default=None, description="Whom to bill, likewise; omit for the customer's default, else as shipped."
    )
    channel: Annotated[Channel, CHANNEL_WORDS] | None = Field(
        default=None, description="Where the order came in; omit for the shop's usual channel."
    )
    currency: Currency | None = Field(default=None, description="ISO 4217; omit for the shop's home currency.")
    shipping_method: Short | None = Field(
        default=None, description="Code of the shipping method; omit for the first that goes there."
    )
    promotion_codes: list[Short] = Field(default=[], max_length=10, description="Codes of promotions.")
    note: Text | None = Field(default=None, description="What the customer wants to say about the order.")

    @model_validator(mode="after")
    def customer_or_guest(self) -> Self:
        if self.customer is not None and self.name is not None:
            raise ValueError("`name` is for guests: a customer has one.")
        return self
