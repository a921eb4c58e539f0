"""What to buy, how much, from whom, and why: the forecast against what is there and what is coming."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from statistics import NormalDist
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.products import Variant
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, SupplierRef, VariantRef
from tools.contract.page import Page, Paged, page_of, place, total_of
from tools.contract.shop_settings import REVIEW_DAYS, SERVICE_LEVEL, chosen
from tools.inventory.costs import COST_NOW
from tools.inventory.demand import Bought, bought_in, in_weeks
from tools.inventory.suppliers import find_supplier
from tools.rules.lookup import WITH_ALL_BELOW, find_category, find_variant

HISTORY = 52  # weeks that are looked at
ASSUMED_LEAD_TIME = 14  # days, where neither a rule nor a supplier says


class Because(StrEnum):
    promised = "promised"
    reorder_rule = "reorder_rule"
    forecast = "forecast"


class SuggestReorders(Paged):
    supplier: SupplierRef | None = Field(default=None, description="Only what this supplier sells.")
    category: CategoryRef | None = Field(default=None, description="Only this category, with all below it.")
    sku: VariantRef | None = Field(default=None, description="Only this variant, by SKU such as `MUG-BLUE`.")


class Suggestion(Result):
    """A variant to buy. Warehouses are taken together; units that lie in closed ones do not count."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="The product's title.")
    quantity: int = Field(description="Units to buy.")
    why: str = Field(description="The reason, in a sentence.")
    because: Because = Field(
        description="What asks for it first: units promised already, the shop's own reorder rule, or the forecast."
    )
    supplier: str | None = Field(description="From whom, its reference; null: nobody is known.")
    supplier_name: str | None = Field(description="What the supplier is called.")
    purchase: Money | None = Field(description="What the units cost at today's average, minor units; null: not known.")
    available: int = Field(description="Units that can be sold now.")
    backordered: int = Field(description="Units promised beyond the stock.")
    incoming: int = Field(description="Units that open purchase orders and transfers will bring.")
    weekly_demand: float = Field(description="Units expected to be sold in a week.")
    lead_time_days: int = Field(description="Days from the order to the goods.")
    lead_time_demand: float = Field(description="Units expected to be sold until the goods come.")
    safety_stock: int = Field(description="Units kept for when demand is higher than expected in that time.")
    needed: int = Field(
        description="Units to have, with all that is ordered: for the lead time, the review and safety."
    )
    reorder_point: int | None = Field(description="The rule's reorder point; null: no rule.")
    reorder_target: int | None = Field(description="The rule's target; null: none.")
    days_of_cover: int | None = Field(description="Days for which the available units last; null: nothing sells.")


class Reorders(Page[Suggestion]):
    """What to buy, what runs out first at the top."""

    costs: list[Money] = Field(description="What all of it costs, minor units, currency by currency.")
    basis: str = Field(description="For how long the quantities last, and how safely, as the shop's settings say.")


class _Stocked(NamedTuple):
    id: UUID
    sku: str
    title: str
    available: int
    backordered: int
    incoming: int
    reorder_point: int | None
    reorder_target: int | None
    supplier: str | None
    supplier_name: str | None
    lead_time_days: int | None
    average: float | None
    currency: str | None


# Who sells it: whom a rule names, else whoever was bought from last. What was not sold, is promised to nobody and is above its
# reorder point is never due: most of a large catalogue. So the supplier is looked up of what is due alone, and stock is added up
# once: each of several workers would do it for itself.
_STOCKED = """
with stock as materialized (
    select s.variant_id as id, sum(s.on_hand - s.reserved - s.damaged)::int as available, sum(s.incoming)::int as incoming,
           sum(s.reorder_point)::int as reorder_point, sum(s.reorder_target)::int as reorder_target,
           max(s.lead_time_days) as lead_time_days
    from stock_levels s
    where s.merchant_id = %(m)s and s.warehouse_id = any(array(
        select w.id from warehouses w where w.merchant_id = %(m)s and w.active))
    group by s.variant_id
), owed as (
    select variant_id as id, sum(backordered)::int as units from reservations
    where merchant_id = %(m)s and status = 'active' and backordered > 0 group by variant_id
)
select v.id, v.sku, p.title, coalesce(t.available, 0) as available, coalesce(d.units, 0) as backordered,
       coalesce(t.incoming, 0) as incoming, t.reorder_point, t.reorder_target, s.reference as supplier, s.name as supplier_name,
       coalesce(t.lead_time_days, s.lead_time_days) as lead_time_days, k.average::float as average, k.currency
from variants v
join products p on p.merchant_id = %(m)s and p.id = v.product_id and p.status = 'active'
left join stock t on t.id = v.id
left join owed d on d.id = v.id
left join lateral (
    select l.supplier_id from stock_levels l join warehouses w on w.merchant_id = %(m)s and w.id = l.warehouse_id and w.active
    where l.merchant_id = %(m)s and l.variant_id = v.id and l.supplier_id is not null order by w.priority, w.id limit 1
) r on true
left join lateral (
    select o.supplier_id from purchase_order_lines l
    join purchase_orders o on o.merchant_id = %(m)s and o.id = l.purchase_order_id
    where l.merchant_id = %(m)s and l.variant_id = v.id and r.supplier_id is null order by o.id desc limit 1
) b on true
left join suppliers s on s.merchant_id = %(m)s and s.id = coalesce(r.supplier_id, b.supplier_id) and s.active
{cost}
where v.merchant_id = %(m)s and v.tracked and v.sellable and v.archived_at is null and (
    v.id = any(%(bought)s::uuid[]) or d.units > 0
    or coalesce(t.available, 0) + coalesce(t.incoming, 0) - coalesce(d.units, 0) <= t.reorder_point
) and {conditions}
order by v.id
"""


@dataclass(frozen=True)
class _Planned:
    """A variant with what is expected of it; `spread` is by how much its demand in the lead time usually misses."""

    row: _Stocked
    weekly: float
    spread: float
    service: float
    review: int

    @property
    def lead(self) -> int:
        return ASSUMED_LEAD_TIME if self.row.lead_time_days is None else self.row.lead_time_days

    @property
    def position(self) -> int:
        """What there will be when all that was ordered has come, and all that was promised has gone."""
        return self.row.available + self.row.incoming - self.row.backordered

    @property
    def lead_demand(self) -> float:
        return self.weekly * self.lead / 7

    @property
    def safety(self) -> int:
        return ceil(NormalDist().inv_cdf(self.service) * self.spread)

    @property
    def needed(self) -> int:
        return ceil(self.weekly * (self.lead + self.review) / 7) + self.safety

    @property
    def because(self) -> Because | None:
        """What asks for it; None when there is enough."""
        if self.position < 0:
            return Because.promised
        if self.row.reorder_point is not None and self.position <= self.row.reorder_point:
            return Because.reorder_rule
        return Because.forecast if self.weekly and self.position < self.lead_demand + self.safety else None

    @property
    def quantity(self) -> int:
        return max(1, max(self.needed, self.row.reorder_target or 0, self.row.reorder_point or 0) - self.position)

    @property
    def cover(self) -> int | None:
        return int(max(0, self.row.available) * 7 / self.weekly) if self.weekly else None

    @property
    def cost(self) -> Money | None:
        if self.row.average is None or not self.row.currency:
            return None
        return Money(amount=round(self.row.average * self.quantity), currency=self.row.currency)

    @property
    def urgency(self) -> tuple[int, str]:
        """What is promised already comes first, then what runs out first."""
        if self.because is Because.promised:
            return -1, self.row.sku
        return min(10_000, 10_000 if self.cover is None else self.cover), self.row.sku


@tool(
    route="GET /inventory/reorder-suggestions",
    effect=Effect.read,
    permission="inventory:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["What should we reorder?", "What do we have to buy from SUP-1001, and how much?"],
)
async def suggest_reorders(ctx: Context, args: SuggestReorders) -> Reorders:
    """Suggest what to buy, how much and from whom, with the reason and each figure.

    A variant is suggested when what is available and incoming, less what is promised, is at its reorder point, or less than the
    forecast until a delivery could come plus a safety stock. The quantity lasts for the lead time and the shop's review days,
    and reaches the rule's target. Settings: `inventory.service_level_percent`, `inventory.review_days`.
    """
    service, review = await chosen(ctx, SERVICE_LEVEL), await chosen(ctx, REVIEW_DAYS)
    variant = await find_variant(ctx, args.sku) if args.sku else None
    bought = await bought_in(ctx, HISTORY, variant.id if variant else None)
    planned = _planned(await _stocked(ctx, args, variant, bought), bought, service, review)
    due = sorted((one for one in planned if one.because), key=lambda one: one.urgency)
    after = place(args.after, int, str, unknown=False)
    following = [one for one in due if after is None or one.urgency > after]
    costs = _summed(due)
    total = total_of(len(due), costs) if args.counts else None
    page = page_of(following, args.limit, _shown, lambda one: one.urgency, total)
    return Reorders(costs=costs, basis=_basis(service, review), **dict(page))


async def _stocked(
    ctx: Context, args: SuggestReorders, variant: Variant | None, bought: Sequence[Bought]
) -> list[_Stocked]:
    """What may have to be bought."""
    conditions: list[str] = ["true"]
    params: dict[str, Any] = {"m": ctx.merchant.id, "bought": list({one.variant_id for one in bought})}
    if args.supplier:
        conditions.append("s.id = %(supplier)s")
        params["supplier"] = (await find_supplier(ctx, args.supplier)).id
    if args.category:
        conditions.append(f"p.category_id in ({WITH_ALL_BELOW})")
        params["category"] = (await find_category(ctx, args.category)).id
    if variant:
        conditions.append("v.id = %(variant)s")
        params["variant"] = variant.id
    query = _STOCKED.format(cost=COST_NOW, conditions=" and ".join(conditions))
    return await ctx.sql.rows(query, params, as_=_Stocked)


def _planned(stocked: Sequence[_Stocked], bought: Sequence[Bought], service: int, review: int) -> list[_Planned]:
    """Each variant with its forecast: all at once, as columns of numbers."""
    if not stocked:
        return []
    import numpy as np

    from tools.rules.forecasting import expected, spread_over

    sold = in_weeks(bought, [row.id for row in stocked], HISTORY)
    leads = [ASSUMED_LEAD_TIME if row.lead_time_days is None else row.lead_time_days for row in stocked]
    weeks = np.clip(np.ceil(np.array(leads) / 7), 1, HISTORY // 2).astype(np.int64)
    weekly, spread = expected(sold), spread_over(sold, weeks)
    return [_Planned(row, float(weekly[n]), float(spread[n]), service / 100, review) for n, row in enumerate(stocked)]


def _summed(due: Sequence[_Planned]) -> list[Money]:
    sums: dict[str, int] = {}
    for cost in (one.cost for one in due):
        if cost:
            sums[cost.currency] = sums.get(cost.currency, 0) + cost.amount
    return [Money(amount=amount, currency=currency) for currency, amount in sorted(sums.items())]


def _shown(one: _Planned) -> Suggestion:
    row = one.row
    return Suggestion(
        sku=row.sku,
        title=row.title,
        quantity=one.quantity,
        why=_why(one),
        because=one.because or Because.forecast,
        supplier=row.supplier,
        supplier_name=row.supplier_name,
        purchase=one.cost,
        available=row.available,
        backordered=row.backordered,
        incoming=row.incoming,
        weekly_demand=round(one.weekly, 1),
        lead_time_days=one.lead,
        lead_time_demand=round(one.lead_demand, 1),
        safety_stock=one.safety,
        needed=one.needed,
        reorder_point=row.reorder_point,
        reorder_target=row.reorder_target,
        days_of_cover=one.cover,
    )


def _basis(service: int, review: int) -> str:
    return (
        f"What is suggested lasts {words.count(review, 'day')} beyond the lead time; the safety stock covers demand "
        f"in {service} of 100 lead times."
    )


def _why(one: _Planned) -> str:
    row = one.row
    there = f"{row.available:,} available, {row.incoming:,} incoming"
    if one.because is Because.promised:
        return f"{row.backordered:,} are promised beyond the stock, with {there}."
    if one.because is Because.reorder_rule:
        return f"With {there} it is at its reorder point of {words.count(row.reorder_point or 0, 'unit')}."
    return (
        f"{there} do not last the {words.count(one.lead, 'day')} until a delivery: "
        f"{one.lead_demand:,.0f} expected sales, {one.safety:,} for safety."
    )
