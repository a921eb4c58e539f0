"""Variants as somebody wants them: what they cost, whether they are on sale, and what a bundle is on an order.

A bundle is sold at its own price, and becomes lines of what is in it: these share the price, so that whatever comes after the sale
(stock, parcels, returns, tax, figures) knows single things alone.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ConfigDict, Field

from db.exact import Exact
from db.models.products import ON_SALE, ProductStatus
from db.money import share
from tools.contract.context import Context
from tools.orders.wishes import NoPriceInCurrency, VariantNotSellable
from tools.rules.pricing import Offer, price_of


class Read(Exact):
    """What a statement read."""

    model_config = ConfigDict(frozen=True)


class Part(Read):
    """Units of a variant in each bundle."""

    variant: UUID
    quantity: int


class Wanted(Read):
    """A variant with the prices that it may have; of a bundle, what is in it."""

    id: UUID
    reference: str
    external_reference: str | None
    sku: str
    sku_key: str
    product_id: UUID
    title: str
    options: dict[str, Any]
    weight_grams: int | None
    cost: Decimal | None
    cost_currency: str | None
    tracked: bool
    sellable: bool
    allow_backorder: bool
    archived: bool
    product_title: str
    status: ProductStatus
    tax_class: str
    categories: frozenset[UUID]
    offers: list[Offer]
    components: list[Part] = Field(default=[])

    @property
    def name(self) -> str:
        """How a line is called: the product, and which of its variants."""
        if self.title.startswith(self.product_title) or not self.title:
            return self.title or self.product_title
        return f"{self.product_title}, {self.title}"


class PricedPart(NamedTuple):
    """Units of a variant in each bundle at one price, in minor units."""

    variant: Wanted
    units: int
    unit_price: int


def split(price: int, parts: Sequence[tuple[Wanted, int]]) -> list[PricedPart]:
    """The price of a bundle, unit by unit of what is in it: in proportion to what these cost by themselves, to the minor unit.

    Equal units may differ by one minor unit; they are two parts then.
    """
    units = [variant for variant, quantity in parts for _ in range(quantity)]
    shares = share(price, [price_of(variant.offers, 1) or 0 for variant in units])
    variants = {variant.id: variant for variant, _ in parts}
    priced = Counter((variant.id, part) for variant, part in zip(units, shares, strict=True))
    return [PricedPart(variants[id_], count, part) for (id_, part), count in priced.items()]


def refuse_unsellable(variant: Wanted, parts: Sequence[tuple[Wanted, int]] = ()) -> None:
    """Raise unless it is on sale, and all that is in it."""
    for one in (variant, *(part for part, _ in parts)):
        named = f"{one.sku} ({one.product_title})"
        so = (
            "so it cannot be ordered" if one is variant else f"so {variant.sku}, which it is part of, cannot be ordered"
        )
        if one.archived or one.status not in ON_SALE:
            raise VariantNotSellable(f"{named} is {ProductStatus.archived if one.archived else one.status}, {so}.")
        if not one.sellable:
            raise VariantNotSellable(f"{named} is not for sale at present, {so}.")


def no_price(ctx: Context, skus: Sequence[str], currency: str) -> NoPriceInCurrency:
    return NoPriceInCurrency(
        f"There is no price in {currency} for {', '.join(skus)}.",
        hint=f"Set one, or order in another currency: this shop sells in {', '.join(ctx.merchant.currencies)}.",
    )
