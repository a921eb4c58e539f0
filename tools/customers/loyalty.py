"""Loyalty: points are a ledger, whose sum never falls below zero; tiers are the shop's choice."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field

from db.models.customers import Customer, CustomerFigures, LoyaltyEntry, LoyaltyReason
from db.models.orders import Order
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import CustomerRef, Delta, OrderRef, Synonyms, Text
from tools.contract.shop_settings import LOYALTY_TIERS, chosen
from tools.customers.addresses import CustomerErased, writable
from tools.customers.fields import Said
from tools.customers.interactions import OrderOfAnother
from tools.rules.lookup import find_customer

MOST_AT_ONCE, MOST = 1_000_000, 2_000_000_000
REASON_WORDS = Synonyms(
    {
        "purchase": ("bought", "order", "for buying"),
        "refund": ("returned", "sent back"),
        "redemption": ("redeemed", "spent", "used", "cashed in"),
        "gift": ("goodwill", "present", "bonus", "birthday", "apology"),
        "correction": ("mistake", "adjustment", "fix"),
        "expiry": ("expired", "lapsed", "too old"),
    }
)
SPENT = (LoyaltyReason.redemption, LoyaltyReason.expiry)  # what is taken so was earned all the same


class NotEnoughPoints(Conflict):
    """Nobody has fewer points than none."""

    hint = "Take no more than there are; get_loyalty shows them."


class PointsOutOfRange(Invalid):
    """Some points, and no more than a ledger holds."""

    hint = "Give a number from -1,000,000 to 1,000,000 that is not 0."


class GetLoyalty(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    limit: int = Field(default=20, ge=1, le=100, description="How many entries of the history at most.")


class AdjustLoyaltyPoints(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    points: Delta = Field(description="Points to give; below zero: to take.")
    reason: Annotated[LoyaltyReason, REASON_WORDS] = Field(
        default=LoyaltyReason.correction, description="Purchase, refund, redemption, gift, correction or expiry."
    )
    order: OrderRef | None = Field(default=None, description="The order that it is for, such as `ORD-1042`.")
    note: Text | None = Field(default=None, description="Why, for whoever looks at the history.")


class PointsEntry(Result):
    """Points that were given, or taken."""

    occurred_at: datetime = Field(description="When, UTC.")
    points: int = Field(description="How many; below zero where they were taken.")
    reason: LoyaltyReason = Field(description="Why.")
    order: str | None = Field(description="The order that it is for.")
    note: Said | None = Field(description="What was noted.")
    by: str = Field(description="Who gave or took them.")


class Loyalty(Result):
    """A customer's points, and what they come to."""

    customer: str = Field(description="The customer's reference.")
    name: Said = Field(description="What they are called.")
    points: int = Field(description="Points that they have, to spend.")
    earned: int = Field(description="Points that they ever earned, spent or not: the tier goes by these.")
    tier: str = Field(description="Their tier.")
    next_tier: str | None = Field(description="The tier above; null at the top.")
    points_to_next_tier: int | None = Field(description="Points still to be earned for it; null at the top.")
    history: list[PointsEntry] = Field(description="The last entries, the newest first.")
    history_left_out: int = Field(description="How many older entries are not shown.")


class _Entry(NamedTuple):
    occurred_at: datetime
    points: int
    reason: str
    order: str | None
    note: str | None
    by: str


class _Sum(NamedTuple):
    points: int
    earned: int
    entries: int


_HISTORY = """
select l.occurred_at, l.points, l.reason, o.reference as order, l.note, l.actor as by
from loyalty_entries l left join orders o on o.merchant_id = %(m)s and o.id = l.order_id
where l.merchant_id = %(m)s and l.customer_id = %(c)s order by l.occurred_at desc, l.id desc limit %(limit)s
"""
_SUM = """
select f.points, l.earned, l.entries from customer_figures f cross join lateral (
    select coalesce(sum(points) filter (where reason <> all(%(spent)s)), 0)::int as earned, count(*) as entries
    from loyalty_entries where merchant_id = %(m)s and customer_id = %(c)s
) l where f.merchant_id = %(m)s and f.id = %(c)s
"""


@tool(
    route="GET /customers/{customer}/loyalty",
    effect=Effect.read,
    permission="customers:read",
    raises=[],
    examples=["How many points does CUS-1001 have?", "Which tier is ana@example.com, and what does she need for gold?"],
)
async def get_loyalty(ctx: Context, args: GetLoyalty) -> Loyalty:
    """Show a customer's points, tier, history and what the next tier needs.

    Tiers go by all points ever earned: whoever spends points keeps the tier. The shop sets them: `customers.loyalty_tiers`.
    """
    customer = await find_customer(ctx, args.customer)
    ctx.discloses(1)
    return await _loyalty(ctx, customer, args.limit)


@tool(
    route="POST /customers/{customer}/loyalty/adjustments",
    effect=Effect.money,
    permission="customers:write",
    raises=[NotEnoughPoints, PointsOutOfRange, OrderOfAnother, CustomerErased],
    examples=["Give CUS-1001 100 points for the broken mug", "Take 50 points off ana@example.com, she redeemed them"],
)
async def adjust_loyalty_points(ctx: Context, args: AdjustLoyaltyPoints) -> Loyalty:
    """Give a customer loyalty points, or take some; never more than there are.

    Points are a ledger: what was given is never changed, but taken by another entry.
    """
    if not 0 < abs(args.points) <= MOST_AT_ONCE or args.reason is LoyaltyReason.merge:
        asked = "for a merge, which merge_customers does" if args.reason is LoyaltyReason.merge else f"{args.points:,}"
        raise PointsOutOfRange(f"Points cannot be changed by {asked}.")
    customer = await writable(ctx, args.customer)
    order = await ctx.find(Order, args.order) if args.order else None
    if order and order.customer_id != customer.id:
        raise OrderOfAnother(f"{order.reference} is not an order of {customer.reference}.")
    before = await _loyalty(ctx, customer, 1)
    await give_points(ctx, customer, args.points, args.reason, order=order, note=args.note)
    await ctx.sql.flush()

    after = await _loyalty(ctx, customer, 20)
    whose, much = f"{customer.name} ({customer.reference})", words.count(abs(args.points), "loyalty point")
    given = f"gets {much}" if args.points > 0 else f"loses {much}"
    ctx.tell(f"{whose} {given} ({words.word(args.reason)}): {after.points:,} from now on, {before.points:,} until now.")
    if after.tier != before.tier:
        ctx.tell(f"That makes them {after.tier}; they were {before.tier}.")
    return after


async def give_points(
    ctx: Context,
    customer: Customer,
    points: int,
    reason: LoyaltyReason,
    *,
    order: Order | None = None,
    note: str | None = None,
) -> None:
    """An entry of the ledger, and the sum that is kept of it; the customer is locked. Raises `NotEnoughPoints`."""
    await ctx.sql.flush()  # an entry of this very call is read, too
    figures = await ctx.db.get_one(
        CustomerFigures, (ctx.merchant.id, customer.id), with_for_update={"key_share": True}, populate_existing=True
    )
    if not 0 <= figures.points + points <= MOST:
        raise NotEnoughPoints(
            f"{customer.reference} has {figures.points:,} points, and {abs(points):,} were to be "
            f"{'taken' if points < 0 else 'added'}.",
            points=figures.points,
        )
    figures.points += points
    ctx.new(
        LoyaltyEntry, customer_id=customer.id, points=points, reason=reason, order_id=order.id if order else None,
        actor=ctx.actor.reference, note=note, occurred_at=ctx.now(),
    )  # fmt: skip
    ctx.event("points_given" if points > 0 else "points_taken", customer, points=points, reason=reason)


async def _loyalty(ctx: Context, customer: Customer, limit: int) -> Loyalty:
    params = {"m": ctx.merchant.id, "c": customer.id, "limit": limit, "spent": [reason.value for reason in SPENT]}
    (summed,) = await ctx.sql.rows(_SUM, params, as_=_Sum)
    history = await ctx.sql.rows(_HISTORY, params, as_=_Entry)
    tier, following, missing = tier_of(await chosen(ctx, LOYALTY_TIERS), summed.earned)
    return Loyalty(
        customer=customer.reference, name=customer.name, points=summed.points, earned=summed.earned, tier=tier,
        next_tier=following, points_to_next_tier=missing, history_left_out=summed.entries - len(history),
        history=[PointsEntry.model_validate(entry._asdict()) for entry in history],
    )  # fmt: skip


def tier_of(tiers: Mapping[str, int], earned: int) -> tuple[str, str | None, int | None]:
    """The tier of so many points, the one above, and what is missing for that. The first tier needs nothing."""
    reached = [name for name, points in tiers.items() if points <= max(earned, 0)]
    above = [(name, points - max(earned, 0)) for name, points in tiers.items() if points > max(earned, 0)]
    following, missing = above[0] if above else (None, None)
    return reached[-1], following, missing
