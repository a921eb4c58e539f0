"""Promotions: which of them an order may have, and how much each takes off its lines. Never below zero.

Of those that apply, the first is taken and then each that goes together with all before it: by priority, codes before automatic
ones, what takes most off before what takes less. They then take their discount by priority, automatic ones before codes,
percentages before amounts, each from what those before it left. In whichever order the lines are written, the sums are the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import ConfigDict

from db.exact import Exact
from db.models.products import DiscountClass, PromotionKind, PromotionScope, PromotionStatus
from db.money import Money, Rounding, rounded, share
from db.text import fold


class Promotion(Exact):
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
    customer_tags: frozenset[str]
    segment_id: UUID | None = None
    minimum_subtotal: int | None
    minimum_quantity: int | None
    combines_with: frozenset[DiscountClass]
    priority: int
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

    @property
    def discount_class(self) -> DiscountClass:
        if self.kind is PromotionKind.free_shipping:
            return DiscountClass.shipping
        return DiscountClass.order if self.applies_to is PromotionScope.everything else DiscountClass.products

    def goes_with(self, other: "Promotion") -> bool:
        """Whether an order may have both."""
        return other.discount_class in self.combines_with and self.discount_class in other.combines_with


@dataclass(frozen=True)
class Item:
    """Units of a product: `subtotal` is their price before any discount, `categories` are its shelf and those above."""

    product: UUID
    categories: frozenset[UUID]
    quantity: int
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
    customer_tags: frozenset[str]  # folded
    segments: frozenset[UUID] = frozenset()  # that the customer is in


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
    if promotion.status is not PromotionStatus.active:
        return f"it is {promotion.status}"
    if promotion.starts_at > basket.now:
        return f"it starts on {promotion.starts_at:%Y-%m-%d at %H:%M} UTC"
    if promotion.ends_at is not None and promotion.ends_at <= basket.now:
        return f"it ended on {promotion.ends_at:%Y-%m-%d at %H:%M} UTC"
    return _not_for_the_customer(promotion, basket) or _not_for_the_goods(promotion, basket)


def _not_for_the_customer(promotion: Promotion, basket: Basket) -> str | None:
    if promotion.customer_group is not None and fold(promotion.customer_group) != fold(basket.customer_group or ""):
        return f"it is for customers of the group {promotion.customer_group}"
    if promotion.customer_tags and basket.customer_tags.isdisjoint(map(fold, promotion.customer_tags)):
        return f"it is for customers with the tag {' or '.join(sorted(promotion.customer_tags))}"
    if promotion.segment_id is not None and promotion.segment_id not in basket.segments:
        return "it is for customers of a segment, and who orders is not in it"
    if promotion.usage_limit_per_customer is not None and not basket.customer:
        return "it is limited for each customer, and the order names none"
    return None


def _not_for_the_goods(promotion: Promotion, basket: Basket) -> str | None:
    currency = promotion.currency or basket.home
    counts_money = promotion.currency is not None or promotion.minimum_subtotal is not None
    if counts_money and currency != basket.currency:
        return f"it is for orders in {currency}, and this one is in {basket.currency}"
    items = [item for item in basket.items if concerns(promotion, item)]
    if not items:
        return "none of the products is in it"
    subtotal, quantity = sum(item.subtotal for item in items), sum(item.quantity for item in items)
    has = "the order has" if promotion.applies_to is PromotionScope.everything else "what it is for comes to"
    if promotion.minimum_subtotal is not None and subtotal < promotion.minimum_subtotal:
        least, there = (Money(amount=units, currency=currency) for units in (promotion.minimum_subtotal, subtotal))
        return f"it begins at {least}, and {has} {there}"
    if promotion.minimum_quantity is not None and quantity < promotion.minimum_quantity:
        return f"it begins at {promotion.minimum_quantity} units, and {has} {quantity}"
    return None


def together(promotions: Iterable[Promotion], items: Sequence[Item], rounding: Rounding) -> list[Promotion]:
    """Those of the promotions that an order gets: each goes together with all that come before it."""
    promotions = list(promotions)
    worth = {one.id: sum(sum(parts) for parts in taken_off([one], items, rounding).values()) for one in promotions}
    taken: list[Promotion] = []
    for promotion in sorted(promotions, key=lambda one: (-one.priority, one.automatic, -worth[one.id], one.id)):
        if all(promotion.goes_with(other) for other in taken):
            taken.append(promotion)
    return taken


def taken_off(promotions: Iterable[Promotion], items: Sequence[Item], rounding: Rounding) -> dict[UUID, list[int]]:
    """What each promotion takes off each item, in minor units. Free shipping takes off none."""
    left = [item.subtotal for item in items]
    given: dict[UUID, list[int]] = {}
    for promotion in sorted(promotions, key=_when):
        concerned = [at for at, item in enumerate(items) if concerns(promotion, item)]
        if promotion.kind is PromotionKind.free_shipping or not concerned:
            continue
        places = sorted(concerned, key=lambda at: _who(items[at]))
        weights = [left[at] for at in places]
        given[promotion.id] = [0] * len(items)
        for at, part in zip(places, share(_worth(promotion, sum(weights), rounding), weights), strict=True):
            given[promotion.id][at] = part
            left[at] -= part
    return given


def _when(promotion: Promotion) -> tuple[int, bool, bool, UUID]:
    """Which of the promotions takes its discount first."""
    percentage = promotion.kind is PromotionKind.percentage
    return -promotion.priority, not promotion.automatic, not percentage, promotion.id


def _who(item: Item) -> tuple[int, UUID]:
    """Which of the items a unit goes to that cannot be shared: what costs more, then always the same product."""
    return -item.subtotal, item.product


def _worth(promotion: Promotion, left: int, rounding: Rounding) -> int:
    if promotion.percent is not None:
        return rounded(left * promotion.percent / 100, rounding)
    return min(promotion.amount or 0, left)
