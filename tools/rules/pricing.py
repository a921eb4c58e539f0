"""Pricing: from prices, promotions, shipping and tax to what an order costs. Pure functions of minor units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from db.exact import Exact
from db.models.products import PromotionKind
from db.money import Rounding
from tools.rules.promotions import Item, Promotion, taken_off
from tools.rules.tax import Rate, rate_for, taxes


class Offer(Exact):
    """A price that holds now, in the order's currency, for everybody or for the customer's group."""

    model_config = ConfigDict(frozen=True)

    amount: int
    customer_group: str | None
    min_quantity: int


class Tier(Exact):
    """From that weight on, a parcel costs that much."""

    model_config = ConfigDict(frozen=True)

    above_weight: int
    price: int


class Method(Exact):
    """A way of sending."""

    model_config = ConfigDict(frozen=True)

    code: str
    name: str
    countries: list[str]
    currency: str
    price: int
    free_above: int | None
    max_weight_grams: int | None
    tiers: list[Tier]
    tax_class: str

    def serves(self, country: str, currency: str, weight: int) -> bool:
        """Whether a parcel of so many grams can go there by it; a method without countries goes everywhere."""
        carried = self.max_weight_grams is None or weight <= self.max_weight_grams
        return carried and currency == self.currency and (not self.countries or country in self.countries)

    def charge(self, goods: int, weight: int) -> int:
        """What the parcel costs: nothing for goods worth `free_above`, else the last tier that its weight reaches."""
        if self.free_above is not None and goods >= self.free_above:
            return 0
        reached = [tier for tier in self.tiers if tier.above_weight <= weight]
        return max(reached, key=lambda tier: tier.above_weight).price if reached else self.price


@dataclass(frozen=True)
class Parcel:
    """How an order is sent, and where to, as far as its price depends on it."""

    method: Method
    weight: int
    country: str
    region: str | None


@dataclass(frozen=True)
class Amounts:
    """What an order costs, in minor units. `lines` are (subtotal, discount, tax, total); `given` is what each promotion gave, and
    `shares` what of it each line has."""

    lines: list[tuple[int, int, int, int]]
    subtotal: int
    discount: int
    shipping: int
    shipping_tax: int
    tax: int
    total: int
    given: dict[UUID, int]
    shares: dict[UUID, list[int]]

    def discounts(self, promotions: Sequence[Promotion], at: int) -> list[dict[str, Any]]:
        """What makes up the discount of the item `at`, as a line keeps it."""
        shares = [(promotion.reference, self.shares.get(promotion.id)) for promotion in promotions]
        return [
            {"promotion": reference, "amount": parts[at]}
            for reference, parts in shares
            if parts is not None and parts[at]
        ]


def price_of(offers: Sequence[Offer], quantity: int) -> int | None:
    """The unit price of so many: the group's own goes before everybody's, then the highest quantity that is reached."""
    reached = [offer for offer in offers if offer.min_quantity <= quantity]
    best = max(reached, key=lambda offer: (offer.customer_group is not None, offer.min_quantity), default=None)
    return best.amount if best else None


def add_up(
    items: Sequence[Item],
    promotions: Sequence[Promotion],
    parcel: Parcel | None,
    rates: Sequence[Rate],
    *,
    included: bool,
    rounding: Rounding,
) -> Amounts:
    """The amounts of an order. `included` where prices contain tax; without a parcel nothing is sent, and nothing charged for it.

    total = subtotal - discount + shipping (+ tax, where it is not included)
    """
    shares = taken_off(promotions, items, rounding)
    given = {promotion: sum(parts) for promotion, parts in shares.items()}
    discounts = [sum(parts[at] for parts in shares.values()) for at in range(len(items))]
    goods = [item.subtotal - discount for item, discount in zip(items, discounts, strict=True)]
    charge = parcel.method.charge(sum(goods), parcel.weight) if parcel else 0
    for promotion in promotions:
        if promotion.kind is PromotionKind.free_shipping:
            given[promotion.id], charge = charge, 0
    at = rate_for(rates, parcel.method.tax_class, parcel.country, parcel.region) if parcel else items[0].tax_rate
    *parts, shipping_tax = taxes(
        [*goods, charge], [*(item.tax_rate for item in items), at], included=included, rounding=rounding
    )
    on_top = [0 if included else part for part in parts]
    lines = [
        (item.subtotal, discount, part, item.subtotal - discount + more)
        for item, discount, part, more in zip(items, discounts, parts, on_top, strict=True)
    ]
    tax = sum(parts) + shipping_tax
    return Amounts(
        lines=lines,
        subtotal=sum(item.subtotal for item in items),
        discount=sum(discounts),
        shipping=charge,
        shipping_tax=shipping_tax,
        tax=tax,
        total=sum(goods) + charge + (0 if included else tax),
        given={promotion: amount for promotion, amount in given.items() if amount},
        shares=shares,
    )
