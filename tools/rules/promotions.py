"""Promotions: which of them an order may have, and how much each takes off its lines. Never below zero.

All that apply are taken: automatic ones before codes, percentages before amounts, each from what those before it left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models.products import PromotionKind, PromotionScope, PromotionStatus
from db.money import Money, Rounding, rounded, share


class Promotion(BaseModel):
    """A promotion as it stands, with the products and shelves that it is for, and how often this customer has had it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    reference: str
    status: PromotionStatus
    name: str
    code: str | None
    automatic: bool
    kind: PromotionKind
    percent: Decimal | None
    amount: int | None
    currency: str | None
    applies_to: PromotionScope
    products: frozenset[UUID]
    categories: frozenset[UUID]
    customer_group: str | None
    minimum_subtotal: int | None
    starts_at: datetime
    ends_at: datetime | None
    usage_limit: int | None
    usage_limit_per_customer: int | None
    used: int
    used_by_customer: int

    @property
    def used_up(self) -> bool:
        """Whether it was given as often as it may be, to everybody together or to this customer."""
        everybody = self.usage_limit is not None and self.used >= self.usage_limit
        return everybody or (
            self.usage_limit_per_customer is not None and self.used_by_customer >= self.usage_limit_per_customer
        )


@dataclass(frozen=True)
class Item:
    """Units of a product: `subtotal` is their price before any discount, `categories` are its shelf and those above."""

    product: UUID
    categories: frozenset[UUID]
    subtotal: int
    tax_rate: Decimal


@dataclass(frozen=True)
class Basket:
    """What promotions look at. `customer` is whether the order has one; `home` the shop's own currency."""

    items: Sequence[Item]
    currency: str
    home: str
    now: datetime
    customer: bool
    customer_group: str | None

    @property
    def subtotal(self) -> int:
        return sum(item.subtotal for item in self.items)


def concerns(promotion: Promotion, item: Item) -> bool:
    """Whether a promotion is for that item."""
    match promotion.applies_to:
        case PromotionScope.everything:
            return True
        case PromotionScope.products:
            return item.product in promotion.products
        case PromotionScope.categories:
            return not promotion.categories.isdisjoint(item.categories)


def objection(promotion: Promotion, basket: Basket) -> str | None:
    """Why an order may not have a promotion, as the end of a sentence; None when it may. Limits of use are `used_up`."""
    currency = promotion.currency or basket.home
    counts_money = promotion.currency is not None or promotion.minimum_subtotal is not None
    if promotion.status is not PromotionStatus.active:
        return f"it is {promotion.status}"
    if promotion.starts_at > basket.now:
        return f"it starts on {promotion.starts_at:%Y-%m-%d at %H:%M} UTC"
    if promotion.ends_at is not None and promotion.ends_at <= basket.now:
        return f"it ended on {promotion.ends_at:%Y-%m-%d at %H:%M} UTC"
    if promotion.customer_group is not None and promotion.customer_group != basket.customer_group:
        return f"it is for customers of the group {promotion.customer_group}"
    if promotion.usage_limit_per_customer is not None and not basket.customer:
        return "it is limited for each customer, and the order names none"
    if counts_money and currency != basket.currency:
        return f"it is for orders in {currency}, and this one is in {basket.currency}"
    if promotion.minimum_subtotal is not None and basket.subtotal < promotion.minimum_subtotal:
        least, has = (Money(amount=units, currency=currency) for units in (promotion.minimum_subtotal, basket.subtotal))
        return f"it begins at {least}, and the order has {has}"
    if not any(concerns(promotion, item) for item in basket.items):
        return "none of the products is in it"
    return None


def taken_off(
    promotions: Sequence[Promotion], items: Sequence[Item], rounding: Rounding
) -> tuple[list[int], dict[UUID, int]]:
    """What the promotions take off each item, and what each promotion gives, in minor units. Free shipping takes off no item."""
    left = [item.subtotal for item in items]
    given: dict[UUID, int] = {}
    for promotion in sorted(promotions, key=lambda one: (not one.automatic, one.kind is not PromotionKind.percentage)):
        if promotion.kind is PromotionKind.free_shipping:
            continue
        places = [place for place, item in enumerate(items) if concerns(promotion, item)]
        weights = [left[place] for place in places]
        parts = share(_worth(promotion, sum(weights), rounding), weights)
        for place, part in zip(places, parts, strict=True):
            left[place] -= part
        given[promotion.id] = sum(parts)
    return [item.subtotal - rest for item, rest in zip(items, left, strict=True)], given


def _worth(promotion: Promotion, left: int, rounding: Rounding) -> int:
    if promotion.percent is not None:
        return rounded(left * promotion.percent / 100, rounding)
    return min(promotion.amount or 0, left)
