"""What a promotion gives, for what and whom, as cards say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.models.products import DiscountClass, Promotion, PromotionKind, PromotionScope, PromotionStatus
from tools.contract import words
from tools.contract.context import Context
from tools.rules.told import tell_edits

_CLASSES = {
    DiscountClass.products: "discounts on products",
    DiscountClass.order: "discounts on everything",
    DiscountClass.shipping: "free shipping",
}


@dataclass(frozen=True)
class Target:
    """A product or a category that a promotion is for; `column` is that of `promotion_targets`."""

    column: str
    id: UUID
    name: str


def named(promotion: Promotion) -> str:
    """`Spring sale (PRO-7, code SPRING10)`."""
    code = f", code {promotion.code}" if promotion.code and promotion.code != promotion.name else ""
    return f"{promotion.name} ({promotion.reference}{code})"


def gives(promotion: Promotion) -> str:
    """`10 % off`, `5.00 EUR off`, `free shipping`."""
    if promotion.percent is not None:
        return f"{words.percent(promotion.percent)} off"
    if promotion.amount is not None and promotion.currency is not None:
        return f"{words.money(promotion.amount, promotion.currency)} off"
    return "free shipping"


def when(ctx: Context, at: datetime) -> str:
    return words.moment(at, ctx.merchant.zone)


def terms(ctx: Context, promotion: Promotion, targets: Sequence[Target], segment: str | None) -> dict[str, str | None]:
    """All that a promotion says, by what it is called."""
    least, currency = promotion.minimum_subtotal, promotion.currency or ctx.merchant.currency
    scope = "products" if promotion.applies_to is PromotionScope.products else "categories"
    everywhere = len(promotion.combines_with) == len(DiscountClass)
    classes = [_CLASSES[DiscountClass(name)] for name in promotion.combines_with]
    return {
        "discount": gives(promotion),
        scope: words.listed(target.name for target in targets) if targets else None,
        "customer group": promotion.customer_group,
        "customer tags": words.listed(promotion.customer_tags) if promotion.customer_tags else None,
        "segment": segment,
        "least subtotal": None if least is None else words.money(least, currency),
        "least quantity": _count(promotion.minimum_quantity, "unit"),
        "start": when(ctx, promotion.starts_at),
        "end": when(ctx, promotion.ends_at) if promotion.ends_at else None,
        "limit": _count(promotion.usage_limit, "order"),
        "limit for a customer": _count(promotion.usage_limit_per_customer, "order"),
        "combination": None if everywhere else f"with {words.listed(classes)} only" if classes else "none, it is exclusive",
        "priority": str(promotion.priority) if promotion.priority else None,
    }  # fmt: skip


def _count(number: int | None, what: str) -> str | None:
    return None if number is None else words.count(number, what)


def tell_new(ctx: Context, promotion: Promotion, targets: Sequence[Target], segment: str | None) -> None:
    said = terms(ctx, promotion, targets, segment)
    given, of = said.pop("discount"), said.pop("products", None) or said.pop("categories", None)
    takes = (
        f"takes {given} {of or 'the whole order'}" if promotion.amount or promotion.percent else "makes shipping free"
    )
    only = f" for orders with {of}" if of and promotion.kind is PromotionKind.free_shipping else ""
    whose = f"for whoever types {promotion.code}" if promotion.code else "for every order that meets it, without a code"
    draft = " It is a draft, and not given yet." if promotion.status is PromotionStatus.draft else ""
    ctx.tell(f"{promotion.name} {takes}{only}, {whose}.{draft}")  # its reference is not drawn for good yet
    starts, ends = said.pop("start"), said.pop("end")
    ctx.tell(f"It runs from {starts} {f'until {ends}' if ends else 'on, with no end'}.")
    more = [f"{what} {term}" for what, term in said.items() if term]
    if more:
        ctx.tell(f"Its conditions: {'; '.join(more)}.")


def tell_changed(ctx: Context, promotion: Promotion, called: str, was: dict[str, Any], becomes: dict[str, Any]) -> None:
    """`called` and `was` are its name and its terms until now."""
    whose = named(promotion)
    if called != promotion.name:
        ctx.tell(f"{called} ({promotion.reference}) is called “{promotion.name}” from now on.")
    labels = list(dict.fromkeys([*was, *becomes]))
    tell_edits(ctx, whose, [(label, was.get(label), becomes.get(label)) for label in labels])
