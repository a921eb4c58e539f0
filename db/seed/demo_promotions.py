"""The demo shop's promotions, and what they take off an order."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from db.models.products import Promotion, PromotionKind, PromotionScope, PromotionStatus, PromotionTarget
from db.money import rounded, share
from db.seed.demo_catalogue import Catalogue, Sku
from db.seed.demo_demand import black_friday
from db.seed.draft import Draft, Row


@dataclass(frozen=True)
class Offer:
    """A promotion; `chance` is how many of those who could use its code do."""

    row: Row
    shelf: str
    chance: float

    def holds(self, moment: datetime) -> bool:
        return self.row["starts_at"] <= moment and (self.row["ends_at"] is None or moment < self.row["ends_at"])

    def discounts(self, lines: list[tuple[Sku, int]]) -> list[int]:
        """What it takes off each line, given as its variant and subtotal, in minor units."""
        eligible = [subtotal if sku.shelf.startswith(self.shelf) else 0 for sku, subtotal in lines]
        if sum(eligible) == 0 or sum(eligible) < (self.row["minimum_subtotal"] or 0):
            return [0] * len(lines)
        if self.row["kind"] is PromotionKind.percentage:
            off = rounded(Decimal(sum(eligible)) * self.row["percent"] / 100)
        else:
            off = min(self.row["amount"] or 0, sum(eligible))
        return share(off, eligible)


def write_promotions(draft: Draft, catalogue: Catalogue) -> list[Offer]:
    """Two automatic sales of the season, four codes of which one is paused, and one that is being prepared."""
    today = draft.today
    friday, january, july = _last(black_friday, today), _last(_january, today), _last(_july, today)
    percentage, amount = PromotionKind.percentage, PromotionKind.amount
    plans: list[tuple[str, str | None, PromotionKind, int, str, date, date | None, float]] = [
        ("Winter sale on textiles", None, percentage, 15, "Bedroom", january, january + timedelta(21), 1.0),
        ("Summer of linen", "SUMMER15", percentage, 15, "Clothing", july, july + timedelta(24), 0.5),
        ("Black Friday weekend", None, percentage, 20, "", friday, friday + timedelta(4), 1.0),
        ("Welcome to Fernway", "WELCOME10", percentage, 10, "", today - timedelta(400), None, 0.05),
        ("Tea time", "TEATIME5", amount, 500, "Pantry > Tea", today - timedelta(60), None, 0.7),
        ("Free delivery", "FREESHIP", PromotionKind.free_shipping, 0, "", today - timedelta(90), None, 0.06),
        ("Spring cleaning", "SPRING10", percentage, 10, "Bathroom", today + timedelta(20), today + timedelta(50), 0.0),
    ]
    offers = [_write(draft, catalogue, plan) for plan in plans]
    return sorted(offers, key=lambda offer: offer.chance, reverse=True)


def _write(draft: Draft, catalogue: Catalogue, plan: tuple[Any, ...]) -> Offer:
    name, code, kind, value, shelf, starts, ends, chance = plan
    over = ends is not None and ends <= draft.today
    written = draft.at(min(starts, draft.today) - timedelta(days=10), 11 * 3600)
    status = PromotionStatus.ended if over else PromotionStatus.draft if chance == 0 else PromotionStatus.active
    row = draft.add(
        Promotion, written, status=status, name=name, code=code, code_key=code and code.lower(), automatic=code is None,
        kind=kind, percent=Decimal(value) if kind is PromotionKind.percentage else None,
        amount=value if kind is PromotionKind.amount else None, currency="EUR" if kind is PromotionKind.amount else None,
        applies_to=PromotionScope.categories if shelf else PromotionScope.everything,
        minimum_subtotal=1_500 if kind is PromotionKind.amount else None, starts_at=draft.at(starts),
        ends_at=ends and draft.at(ends), usage_limit_per_customer=1 if code == "WELCOME10" else None,
    )  # fmt: skip
    if shelf:
        category = catalogue.categories[shelf]
        draft.add(PromotionTarget, written, promotion_id=row["id"], category_id=category["id"])
    return Offer(row, shelf, chance)


def _last(feast: Any, today: date) -> date:
    """The latest of a yearly day that is over with all that followed it."""
    return next(day for year in (today.year, today.year - 1) if (day := feast(year)) < today - timedelta(days=28))


def _january(year: int) -> date:
    return date(year, 1, 8)


def _july(year: int) -> date:
    return date(year, 7, 3)
