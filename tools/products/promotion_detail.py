"""Promotions as they are shown, and finding one by the names that people use: its reference, its code, its name."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import and_, or_, select, true

from db.models.products import DiscountClass, Promotion, PromotionKind, PromotionStatus
from db.money import Money
from db.references import Kind
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import Hint, PeriodEnd, PeriodStart, PromotionRef, Search, Synonyms
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import MOST_LOOKED_UP, MOST_NAMESAKES, by_words, containing, quickest


class PromotionState(StrEnum):
    """Where a promotion stands today: its status, and whether its time has come or is over."""

    draft = "draft"
    scheduled = "scheduled"
    running = "running"
    paused = "paused"
    ended = "ended"


STATE_WORDS = Synonyms({
    "draft": ("prepared", "being prepared", "not started"),
    "scheduled": ("planned", "upcoming", "coming up", "coming", "future"),
    "running": ("active", "live", "current", "valid", "in force", "at the moment", "right now", "going on"),
    "paused": ("on pause", "suspended", "stopped for now"),
    "ended": ("over", "finished", "expired", "past", "old", "lapsed"),
})  # fmt: skip
Percent = Annotated[Decimal, Hint("percent")]


class ForWhat(Result):
    """A product, or a category with all below it."""

    reference: str = Field(description="Its reference.")
    name: str = Field(description="What it is called.")


class PromotionDetail(Result):
    """A promotion: what it gives, for what and whom, when and how often."""

    reference: str = Field(description="Promotion, such as `PRO-7`.")
    name: str = Field(description="What it is called.")
    state: PromotionState = Field(description="Where it stands now; ended also once its time is over.")
    code: str | None = Field(description="What buyers type; null when it is automatic.")
    kind: PromotionKind = Field(description="A percentage, an amount, or free shipping.")
    percent: Percent | None = Field(description="Percent off what it is for; null for other kinds.")
    amount: Money | None = Field(description="Taken off what it is for, minor units; null for other kinds.")
    products: list[ForWhat] = Field(description="The products that it is for; empty is not only some.")
    categories: list[ForWhat] = Field(description="The categories that it is for; empty is not only some.")
    customer_group: str | None = Field(description="Only for customers of this price group.")
    customer_tags: list[str] = Field(description="Only for customers with one of these tags; empty is everybody.")
    segment: ForWhat | None = Field(description="Only for customers who are in this segment when they order.")
    minimum_subtotal: Money | None = Field(description="What it is for has to cost that much, minor units.")
    minimum_quantity: int | None = Field(description="So many units of what it is for have to be bought.")
    starts_at: datetime = Field(description="From when, UTC.")
    ends_at: datetime | None = Field(description="Until when, UTC; null is open.")
    usage_limit: int | None = Field(description="How many orders may have it; null is no limit.")
    usage_limit_per_customer: int | None = Field(description="How many of one customer's; null is no limit.")
    used: int = Field(description="How many orders that stand have it.")
    combines_with: list[DiscountClass] = Field(description="Classes that it goes together with; empty: exclusive.")
    priority: int = Field(description="Higher ones go first.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class _Shown(NamedTuple):
    id: UUID
    reference: str
    name: str
    state: PromotionState
    code: str | None
    kind: PromotionKind
    percent: Decimal | None
    amount: int | None
    currency: str
    products: list[dict[str, str]]
    categories: list[dict[str, str]]
    customer_group: str | None
    customer_tags: list[str]
    segment: dict[str, str] | None
    minimum_subtotal: int | None
    minimum_quantity: int | None
    starts_at: datetime
    ends_at: datetime | None
    usage_limit: int | None
    usage_limit_per_customer: int | None
    used: int
    combines_with: list[str]
    priority: int
    version: int

    def shown(self) -> PromotionDetail:
        def money(amount: int | None) -> Money | None:
            return None if amount is None else Money(amount=amount, currency=self.currency)

        amounts = {"amount": money(self.amount), "minimum_subtotal": money(self.minimum_subtotal)}
        percent = self.percent.normalize() if self.percent is not None else None
        return PromotionDetail.model_validate({**self._asdict(), **amounts, "percent": percent})


def _targets(table: str, column: str, name: str) -> str:
    return f"""(
     select coalesce(json_agg(json_build_object('reference', x.reference, 'name', x.{name}) order by x.{name}, x.id), '[]')
     from promotion_targets t join {table} x on x.merchant_id = %(m)s and x.id = t.{column}
     where t.merchant_id = %(m)s and t.promotion_id = p.id) as {table}"""


_COLUMNS = f"""
p.id, p.reference, p.name, case
    when p.status = 'active' and p.ends_at <= %(now)s then 'ended'
    when p.status = 'active' and p.starts_at > %(now)s then 'scheduled'
    when p.status = 'active' then 'running' else p.status end as state,
p.code, p.kind, p.percent, p.amount, coalesce(p.currency, %(home)s) as currency,
{_targets("products", "product_id", "title")}, {_targets("categories", "category_id", "name")},
p.customer_group, p.customer_tags, (
    select json_build_object('reference', s.reference, 'name', s.name) from segments s
    where s.merchant_id = %(m)s and s.id = p.segment_id) as segment,
p.minimum_subtotal, p.minimum_quantity, p.starts_at, p.ends_at, p.usage_limit,
p.usage_limit_per_customer, p.used, p.combines_with, p.priority, p.version
"""
_WORDS = "p.words_key like all(%(words)s::text[])"
_NAMED = "search_promotions(%(words)s::text[], %(most)s)"
_IN_STATE = {
    PromotionState.draft: "p.status = 'draft'",
    PromotionState.scheduled: "p.status = 'active' and p.starts_at > %(now)s",
    PromotionState.running: "p.status = 'active' and p.starts_at <= %(now)s and (p.ends_at is null or p.ends_at > %(now)s)",
    PromotionState.paused: "p.status = 'paused'",
    PromotionState.ended: "(p.status = 'ended' or p.status = 'active' and p.ends_at <= %(now)s)",
}


class ListPromotions(Paged):
    """Which promotions are wanted."""

    state: Annotated[PromotionState, STATE_WORDS] | None = Field(default=None, description="Where they stand now.")
    promotion: PromotionRef | None = Field(default=None, description="One of them: `PRO-7`, its code or its name.")
    automatic: bool | None = Field(default=None, description="True: those without a code; false: those with one.")
    text: Search | None = Field(default=None, description="Words of the name, or part of the code.")
    starts_from: PeriodStart | None = Field(default=None, description="Begins at this instant or later, UTC.")
    starts_until: PeriodEnd | None = Field(default=None, description="Begins before this instant, UTC.")
    ends_from: PeriodStart | None = Field(default=None, description="Ends at this instant or later, UTC.")
    ends_until: PeriodEnd | None = Field(default=None, description="Ends before this instant, UTC.")


@tool(
    route="GET /promotions",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["Which promotions are running?", "Show me the code SPRING10", "Which discount codes have ended?"],
)
async def list_promotions(ctx: Context, args: ListPromotions) -> Page[PromotionDetail]:
    """List promotions and codes, running, planned or over.

    The newest come first. Each is told with what it gives, for what and whom, when, how often, and how often it was used.
    """
    (after,) = place(args.after, UUID) or (None,)
    one = await find_promotion(ctx, args.promotion) if args.promotion else None
    conditions = {
        _IN_STATE[args.state] if args.state else "": args.state,
        "p.id = %(one)s": one,
        "p.automatic = %(automatic)s": args.automatic is not None,
        "p.id < %(after)s": after,
        "p.starts_at >= %(starts_from)s": args.starts_from,
        "p.starts_at < %(starts_until)s": args.starts_until,
        "p.ends_at >= %(ends_from)s": args.ends_from,
        "p.ends_at < %(ends_until)s": args.ends_until,
    }
    where = " and ".join(["p.merchant_id = %(m)s", *(condition for condition, asked in conditions.items() if asked)])
    page = f"select p.* from promotions p where {where} and {{words}} order by p.id desc limit %(limit)s"
    found, page = quickest(page, "p.id", [by_words(_NAMED, _WORDS, args.text)] if args.text else [])
    params: dict[str, Any] = args.model_dump() | _params(ctx) | {
        "one": one and one.id, "automatic": args.automatic, "after": after,
        "words": containing(args.text or ""), "most": MOST_LOOKED_UP,
    }  # fmt: skip
    return await paged(
        ctx,
        args,
        f"{found} select {_COLUMNS} from ({page}) p order by p.id desc limit %(limit)s",
        params,
        as_=_Shown,
        show=_Shown.shown,
        at=lambda row: (row.id,),
    )


async def read_promotion(ctx: Context, id_: UUID) -> PromotionDetail:
    """A promotion as it stands now, in this transaction."""
    query = f"select {_COLUMNS} from promotions p where p.merchant_id = %(m)s and p.id = %(id)s"
    (found,) = await ctx.sql.rows(query, _params(ctx) | {"id": id_}, as_=_Shown)
    return found.shown()


def _params(ctx: Context) -> dict[str, Any]:
    return {"m": ctx.merchant.id, "now": ctx.now(), "home": ctx.merchant.currency}


async def find_promotion(ctx: Context, written: str, *, for_update: bool = False) -> Promotion:
    """The promotion of a `PRO-7`, of a code whatever its case, of another shop's number, or of a name that no other has.

    A code that several have had is that of the one that lives, else of the latest. Raises `NotFound` or `Ambiguous`.
    """
    name, reference = written.strip(), Kind.promotion.canonical(written)
    by_name = or_(
        Promotion.reference == reference, Promotion.external_reference == name, Promotion.code_key == name.casefold()
    )
    found = await _rows(ctx, by_name, for_update)
    readings = (
        [one for one in found if one.reference == reference],
        [one for one in found if one.external_reference == name],
        [one for one in found if one.status is not PromotionStatus.ended],
        found[-1:],
    )
    meant = next(filter(None, readings), None)
    if meant is None:
        words = and_(true(), *(Promotion.words_key.like(pattern) for pattern in containing(name)))
        called = await _rows(ctx, words, for_update)
        meant = [one for one in called if one.status is not PromotionStatus.ended] or called
    if not meant:
        raise await ctx.not_found(Kind.promotion, written)
    if len(meant) > 1:
        raise Ambiguous(f"{written} fits {', '.join(f'{one.name} ({one.reference})' for one in meant)}.")
    ctx.means(Kind.promotion, written, meant[0].reference)
    return meant[0]


async def _rows(ctx: Context, condition: Any, for_update: bool) -> list[Promotion]:
    query = select(Promotion).where(Promotion.merchant_id == ctx.merchant.id, condition).order_by(Promotion.id)
    query = query.limit(MOST_NAMESAKES)
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list((await ctx.db.scalars(query)).all())
