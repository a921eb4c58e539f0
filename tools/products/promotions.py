"""Starting promotions, changing and ending them. What an order gets of them is `tools.rules.promotions`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from db.models.customers import Segment
from db.models.products import (
    DiscountClass,
    Promotion,
    PromotionKind,
    PromotionScope,
    PromotionStatus,
    PromotionTarget,
)
from db.money import Currency
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import AlreadyTaken, Ambiguous, Conflict, IllegalMove, Invalid, NotFound, StaleVersion
from tools.contract.fields import (
    CategoryRef,
    Hint,
    Instant,
    MinorUnits,
    Name,
    NotOurs,
    PeriodEnd,
    PeriodStart,
    ProductRef,
    PromotionRef,
    SegmentRef,
    Synonyms,
    Written,
)
from tools.products.creation import CurrencyNotSold
from tools.products.promotion_detail import Percent, PromotionDetail, find_promotion, read_promotion
from tools.products.promotion_terms import Target, gives, named, tell_changed, tell_new, terms, when
from tools.rules.lookup import find_category, find_product
from tools.rules.segments import find_segment


class PromotionCodeTaken(AlreadyTaken):
    """A code stands for one promotion while that lives, whatever its case."""

    hint = "Choose another code, or end that promotion first: end_promotion."


class PromotionEndsTooEarly(Invalid):
    """A promotion ends after it starts, and a new one after now."""

    hint = "Give a later `ends_at`, or leave it open."


class PromotionOfAnotherKind(Conflict):
    """A percentage stays a percentage, an amount an amount."""

    hint = "End it, and create another one."


class EmptyPromotionField(Invalid):
    """What every promotion has cannot be empty."""

    hint = "Leave out what shall stay as it is."


class PromotionHasEnded(Conflict):
    """A promotion that was ended stays as it was."""

    hint = "Create another one; the code is free again."


class LimitBelowUse(Conflict):
    """A limit is not less than how often the promotion was given already."""

    hint = "Give that many or more, or end the promotion."


COMBINES = {
    "products": ("product discounts", "item discounts"),
    "order": ("order discounts", "discounts on everything"),
    "shipping": ("free shipping", "shipping discounts"),
}
Code = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^\S+$"), NotOurs, Hint("sku")]
Off = Annotated[Percent, Field(gt=0, le=100, max_digits=7, decimal_places=4)]
Class = Annotated[DiscountClass, Synonyms(COMBINES)]
Tags = list[Written]


def _once(values: list[str]) -> list[str]:
    return list({fold(value): value for value in reversed(values)}.values())[::-1]


class CreatePromotion(Input):
    """What the new promotion gives, for what and whom, when and how often."""

    name: Name | None = Field(default=None, description="What it is called; unless said, its code, or what it gives.")
    code: Code | None = Field(
        default=None, description="What buyers type, such as `SPRING10`; without one it is automatic."
    )
    percent: Off | None = Field(default=None, description="Percent off what it is for: 10 is 10 %.")
    amount: MinorUnits | None = Field(
        default=None, gt=0, description="Instead: taken off what it is for together, minor units of `currency`."
    )
    free_shipping: bool = Field(
        default=False,
        description="Instead: nothing is charged for sending.",
        json_schema_extra={"x-synonyms": {"true": ["free delivery", "free postage", "ships free", "free shipping"]}},
    )
    currency: Currency | None = Field(
        default=None, description="ISO 4217 of its amounts; the home currency unless said."
    )
    products: list[ProductRef] = Field(
        default=[], max_length=50, description="Only for these products: `PRD-7`, SKUs or titles."
    )
    categories: list[CategoryRef] = Field(
        default=[], max_length=50, description="Only for these categories with all below: `CAT-7`, slugs or names."
    )
    customer_group: Name | None = Field(default=None, description="Only for customers of this price group.")
    customer_tags: Annotated[Tags, AfterValidator(_once)] = Field(
        default=[], max_length=20, description="Only for customers with one of these tags."
    )
    segment: SegmentRef | None = Field(
        default=None, description="Only for customers who are in this segment when they order: `SEG-7` or its name."
    )
    minimum_subtotal: MinorUnits | None = Field(
        default=None, gt=0, description="What it is for has to cost that much, minor units of `currency`."
    )
    minimum_quantity: int | None = Field(
        default=None, ge=1, le=100_000, description="So many units of what it is for have to be bought."
    )
    starts_at: PeriodStart | None = Field(default=None, description="From when, UTC; now unless said.")
    ends_at: PeriodEnd | None = Field(default=None, description="Until when, UTC; open unless said.")
    usage_limit: int | None = Field(default=None, ge=1, le=2_000_000_000, description="How many orders may have it.")
    usage_limit_per_customer: int | None = Field(
        default=None, ge=1, le=2_000_000_000, description="How many orders of one customer may have it."
    )
    combines_with: list[Class] = Field(
        default=[*DiscountClass],
        max_length=3,
        description="Discounts that an order may have beside it: on `products`, on the `order`, on `shipping`; none: exclusive.",
    )
    priority: int = Field(default=0, ge=-1_000, le=1_000, description="Higher ones go first where not all go together.")
    draft: bool = Field(default=False, description="True only prepares it; update_promotion makes it active.")

    @model_validator(mode="after")
    def _gives_one_thing(self) -> Self:
        if [self.percent is not None, self.amount is not None, self.free_shipping].count(True) != 1:
            raise ValueError("Give one of `percent`, `amount` and `free_shipping`.")
        return _of_one_sort(self)

    @property
    def kind(self) -> PromotionKind:
        if self.free_shipping:
            return PromotionKind.free_shipping
        return PromotionKind.percentage if self.percent is not None else PromotionKind.amount


def _of_one_sort(args: Any) -> Any:
    if args.products and args.categories:
        raise ValueError("Give `products` or `categories`, not both.")
    return args


@tool(
    route="POST /promotions",
    effect=Effect.money,
    permission="prices:write",
    raises=[PromotionCodeTaken, PromotionEndsTooEarly, CurrencyNotSold, NotFound, Ambiguous],
    examples=[
        "Create the code SPRING10 for 10 % off until the end of April",
        "20 % off all candles this weekend, automatically",
        "Free shipping from 60 euros on with the code SHIPFREE, once for each customer",
    ],
)
async def create_promotion(ctx: Context, args: CreatePromotion) -> PromotionDetail:
    """Start a promotion or a discount code.

    It takes a percentage or an amount off what it is for, or makes shipping free; `create_order` applies it, and no line falls
    below zero. Amounts are minor units: 500 is 5.00 EUR. With a code it is for whoever types it, without one for every order.
    """
    starts = args.starts_at or ctx.now()
    if args.ends_at is not None and args.ends_at <= max(starts, ctx.now()):
        raise PromotionEndsTooEarly(f"It would end on {when(ctx, args.ends_at)}; {_start(ctx, starts)}.")
    currency = _currency(ctx, args)
    targets = await _targets(ctx, args.products, args.categories)
    segment = await find_segment(ctx, args.segment) if args.segment else None
    if args.code:
        await _free_the_code(ctx, args.code)

    plain = args.model_dump(include={
        "code", "percent", "amount", "customer_group", "customer_tags", "minimum_subtotal", "minimum_quantity", "ends_at",
        "usage_limit", "usage_limit_per_customer", "priority",
    })  # fmt: skip
    promotion = await ctx.add(
        Promotion, status=PromotionStatus.draft if args.draft else PromotionStatus.active,
        name=args.name or args.code or _title(args, currency), code_key=args.code and args.code.casefold(),
        automatic=args.code is None, kind=args.kind, currency=currency, applies_to=_scope(args.products, args.categories),
        combines_with=_classes(args.combines_with), starts_at=starts, segment_id=segment and segment.id, **plain,
    )  # fmt: skip
    for target in targets:
        ctx.new(PromotionTarget, promotion_id=promotion.id, **{target.column: target.id})
    ctx.event("created", promotion)
    tell_new(ctx, promotion, targets, segment.name if segment else None)
    await ctx.sql.flush()
    return await read_promotion(ctx, promotion.id)


def _currency(ctx: Context, args: CreatePromotion) -> str | None:
    """That of its amounts; none where it has none, and so is for orders in every currency."""
    if args.amount is None and args.minimum_subtotal is None:
        return None
    currency = args.currency or ctx.merchant.currency
    if currency not in ctx.merchant.currencies:
        raise CurrencyNotSold(f"The shop sells in {', '.join(ctx.merchant.currencies)}, and not in {currency}.")
    return currency


def _title(args: CreatePromotion, currency: str | None) -> str:
    if args.percent is not None:
        return f"{words.percent(args.percent)} off"
    return f"{words.money(args.amount, currency)} off" if args.amount and currency else "Free shipping"


def _start(ctx: Context, starts: datetime) -> str:
    return f"it starts on {when(ctx, starts)}" if starts > ctx.now() else f"it is {when(ctx, ctx.now())} now"


def _scope(products: Sequence[str], categories: Sequence[str]) -> PromotionScope:
    if products:
        return PromotionScope.products
    return PromotionScope.categories if categories else PromotionScope.everything


def _classes(wanted: Iterable[DiscountClass]) -> list[str]:
    """Each class once, in their own order."""
    return [one.value for one in DiscountClass if one in wanted]


async def _targets(ctx: Context, products: Sequence[str], categories: Sequence[str]) -> list[Target]:
    """What a promotion is for, each once."""
    goods = [await find_product(ctx, written) for written in products]
    shelves = [await find_category(ctx, written) for written in categories]
    found = [Target("product_id", one.id, one.title) for one in goods]
    found += [Target("category_id", one.id, one.name) for one in shelves]
    return list(dict.fromkeys(found))


async def _standing(ctx: Context, promotion: Promotion) -> list[tuple[PromotionTarget, Target]]:
    """What it is for until now."""
    query = (
        select(PromotionTarget)
        .options(selectinload(PromotionTarget.product), selectinload(PromotionTarget.category))
        .where(PromotionTarget.merchant_id == ctx.merchant.id, PromotionTarget.promotion_id == promotion.id)
        .order_by(PromotionTarget.id)
    )
    return [(row, _target(row)) for row in (await ctx.db.scalars(query)).all()]


def _target(row: PromotionTarget) -> Target:
    if row.product is not None:
        return Target("product_id", row.product.id, row.product.title)
    assert row.category is not None  # it has one of both
    return Target("category_id", row.category.id, row.category.name)


async def _retarget(
    ctx: Context, promotion: Promotion, standing: Sequence[tuple[PromotionTarget, Target]], wanted: Sequence[Target]
) -> None:
    kept = {target for _, target in standing}
    for row, target in standing:
        if target not in wanted:
            await ctx.db.delete(row)
    for target in wanted:
        if target not in kept:
            ctx.new(PromotionTarget, promotion_id=promotion.id, **{target.column: target.id})


async def _free_the_code(ctx: Context, code: str) -> None:
    """End the promotion that had the code and whose time is over. Raises `PromotionCodeTaken` for one that lives."""
    query = select(Promotion).where(
        Promotion.merchant_id == ctx.merchant.id,
        Promotion.code_key == code.casefold(),
        Promotion.status != PromotionStatus.ended,
    )
    holder = (await ctx.db.scalars(query.with_for_update(key_share=True))).one_or_none()
    if holder is None:
        return
    if holder.ends_at is None or holder.ends_at > ctx.now():
        raise PromotionCodeTaken(f"The code {code} is that of {named(holder)}, which is {holder.status}.")
    ctx.edit(holder, None)
    ctx.move(holder, PromotionStatus.ended)
    ctx.tell(f"{named(holder)}, over since {when(ctx, holder.ends_at)}, is ended for good and leaves its code.")
    await ctx.sql.flush()  # before the new one takes the code


class PromotionSwitch(StrEnum):
    active = "active"
    paused = "paused"


SWITCH_WORDS = Synonyms({
    "active": ("start", "activate", "switch on", "resume", "go on", "unpause"),
    "paused": ("pause", "suspend", "stop for now", "switch off for now", "on hold"),
})  # fmt: skip
MAY_BE_EMPTY = {
    "customer_group", "segment", "minimum_subtotal", "minimum_quantity", "ends_at", "usage_limit", "usage_limit_per_customer",
}  # fmt: skip
_NOT_A_COLUMN = {"promotion", "version", "status", "products", "categories", "segment", "combines_with"}


class UpdatePromotion(Input):
    """Which promotion, and what of it changes; what is left out stays."""

    promotion: PromotionRef = Field(description="Promotion: `PRO-7`, its code or its name.")
    name: Name | None = Field(default=None, description="What it is called.")
    status: Annotated[PromotionSwitch, SWITCH_WORDS] | None = Field(
        default=None, description="paused: no order gets it for now; active: orders get it, from `starts_at` on."
    )
    percent: Off | None = Field(default=None, description="Percent off, of a percentage: 10 is 10 %.")
    amount: MinorUnits | None = Field(
        default=None, gt=0, description="Taken off, of an amount, minor units of the promotion's currency."
    )
    products: list[ProductRef] | None = Field(
        default=None, max_length=50, description="All products that it is for from now on; empty: all there are."
    )
    categories: list[CategoryRef] | None = Field(
        default=None, max_length=50, description="All categories that it is for from now on; empty: all there are."
    )
    customer_group: Name | None = Field(default=None, description="Only for this price group; null: for all.")
    customer_tags: Annotated[Tags, AfterValidator(_once)] | None = Field(
        default=None, max_length=20, description="Only for customers with one of these tags; empty: for all."
    )
    segment: SegmentRef | None = Field(
        default=None, description="Only for customers of this segment: `SEG-7` or its name; null: for all."
    )
    minimum_subtotal: MinorUnits | None = Field(
        default=None, gt=0, description="What it is for has to cost that much, minor units; null is no minimum."
    )
    minimum_quantity: int | None = Field(
        default=None, ge=1, le=100_000, description="So many units of what it is for; null is no minimum."
    )
    starts_at: Instant | None = Field(default=None, description="From when, UTC.")
    ends_at: Instant | None = Field(default=None, description="Until when, UTC; null is open.")
    usage_limit: int | None = Field(
        default=None, ge=1, le=2_000_000_000, description="How many orders may have it; null is no limit."
    )
    usage_limit_per_customer: int | None = Field(
        default=None, ge=1, le=2_000_000_000, description="How many orders of one customer; null is no limit."
    )
    combines_with: list[Class] | None = Field(
        default=None,
        max_length=3,
        description="Classes of discounts that an order may have beside it; empty: exclusive.",
    )
    priority: int | None = Field(default=None, ge=-1_000, le=1_000, description="Higher ones go first.")
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")

    @model_validator(mode="after")
    def _is_of_one_sort(self) -> Self:
        return _of_one_sort(self)


@tool(
    route="PATCH /promotions/{promotion}",
    effect=Effect.money,
    permission="prices:write",
    raises=[
        EmptyPromotionField, PromotionOfAnotherKind, PromotionHasEnded, PromotionEndsTooEarly, LimitBelowUse, IllegalMove,
        StaleVersion, NotFound, Ambiguous,
    ],
    examples=["Extend SPRING10 until the end of May", "Pause the promotion PRO-1004", "Make WELCOME10 15 percent"],
)  # fmt: skip
async def update_promotion(ctx: Context, args: UpdatePromotion) -> PromotionDetail:
    """Change a promotion's terms or dates.

    Orders that were placed keep what they got. `paused` stops it for a while; to stop it for good, use `end_promotion`.
    """
    given = args.model_dump(exclude_unset=True, exclude=_NOT_A_COLUMN)
    empty = sorted(n for n in args.model_fields_set - {"version"} if getattr(args, n) is None and n not in MAY_BE_EMPTY)
    if empty:
        raise EmptyPromotionField(f"{', '.join(empty)} of a promotion cannot be empty.")
    replaced = args.products is not None or args.categories is not None
    targets = await _targets(ctx, args.products or [], args.categories or [])
    segment = await find_segment(ctx, args.segment) if args.segment else None
    promotion = await find_promotion(ctx, args.promotion, for_update=True)
    _refuse_what_cannot_be(ctx, promotion, given)

    standing = await _standing(ctx, promotion)
    before = [target for _, target in standing]
    if replaced:
        given["applies_to"] = _scope(args.products or [], args.categories or [])
    if args.combines_with is not None:
        given["combines_with"] = _classes(args.combines_with)
    if args.minimum_subtotal is not None and promotion.currency is None:
        given["currency"] = ctx.merchant.currency
    asked = await ctx.db.get(Segment, (ctx.merchant.id, promotion.segment_id)) if promotion.segment_id else None
    was, called = terms(ctx, promotion, before, asked.name if asked else None), promotion.name
    if "segment" in args.model_fields_set:
        asked, given["segment_id"] = segment, segment and segment.id
    ctx.edit(promotion, args.version, **given)
    if replaced:
        await _retarget(ctx, promotion, standing, targets)
    becomes = terms(ctx, promotion, targets if replaced else before, asked.name if asked else None)
    tell_changed(ctx, promotion, called, was, becomes)
    if args.status is not None and args.status.value != promotion.status.value:
        ctx.move(promotion, PromotionStatus(args.status))
        ctx.tell(f"{named(promotion)} {_BECOMES[args.status]}.")
    if given:
        ctx.event("changed", promotion, fields=sorted(given))
    if not ctx.sentences:
        ctx.tell(f"{named(promotion)} stays as it is.")
    await ctx.sql.flush()
    return await read_promotion(ctx, promotion.id)


_BECOMES = {
    PromotionSwitch.active: "is given from its start on",
    PromotionSwitch.paused: "is paused, and no order gets it until it goes on",
}


def _refuse_what_cannot_be(ctx: Context, promotion: Promotion, given: dict[str, Any]) -> None:
    if promotion.status is PromotionStatus.ended:
        raise PromotionHasEnded(f"{named(promotion)} was ended; nothing of it can be changed.")
    for field, kind in (("percent", PromotionKind.percentage), ("amount", PromotionKind.amount)):
        if field in given and promotion.kind is not kind:
            raise PromotionOfAnotherKind(f"{named(promotion)} gives {gives(promotion)}, and no {field}.")
    starts, ends = (given.get(name, getattr(promotion, name)) for name in ("starts_at", "ends_at"))
    if ends is not None and ends <= starts:
        raise PromotionEndsTooEarly(f"It would end on {when(ctx, ends)}; {_start(ctx, starts)}.")
    limit = given.get("usage_limit")
    if limit is not None and limit < promotion.used:
        raise LimitBelowUse(f"{named(promotion)} was given {promotion.used} times already, and {limit} were asked.")


class EndPromotion(Input):
    """Which promotion."""

    promotion: PromotionRef = Field(description="Promotion: `PRO-7`, its code or its name.")
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")


@tool(
    route="DELETE /promotions/{promotion}",
    effect=Effect.money,
    permission="prices:write",
    raises=[IllegalMove, StaleVersion, NotFound, Ambiguous],
    examples=["End SPRING10 now", "Stop the promotion PRO-1004", "The code FRIENDS20 must not work any more"],
)
async def end_promotion(ctx: Context, args: EndPromotion) -> PromotionDetail:
    """Stop a promotion or a code now.

    It is over for good, and its code is free again; orders that have it keep what they got. To stop it for a while only, pause
    it with `update_promotion`.
    """
    promotion = await find_promotion(ctx, args.promotion, for_update=True)
    ctx.edit(promotion, args.version)
    ctx.move(promotion, PromotionStatus.ended)
    if promotion.starts_at < ctx.now() and (promotion.ends_at is None or promotion.ends_at > ctx.now()):
        promotion.ends_at = ctx.now()
    ctx.tell(f"{named(promotion)} ends now, and no order gets it any more.")
    kept = "order that has it keeps" if promotion.used == 1 else "orders that have it keep"
    ctx.tell(f"{promotion.used:,} {kept} it." if promotion.used else "No order has it.")
    await ctx.sql.flush()
    return await read_promotion(ctx, promotion.id)
