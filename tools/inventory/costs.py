"""What a unit costs: a moving average over all that was bought, which each receipt takes further.

    average = (units there x average before + units that came x their cost) / (units there + units that came)

It is kept by variant, for all warehouses together (a transfer changes nothing), in one currency: a shop that buys a variant in
another one first sells out, or enters the order at the rate that it pays. Amounts are never converted here.
"""

from collections.abc import Collection, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.inventory import PurchaseOrderLine
from tools.contract.context import Context
from tools.contract.errors import Conflict

FOUR_DECIMALS = Decimal("0.0001")

# Of variants `v`, as `k`: the average cost and its currency, what a product's owner entered before anything was bought included.
COST_NOW = """
cross join lateral (
    select coalesce(c.average, v.cost) as average, coalesce(c.currency, v.cost_currency) as currency,
           coalesce(c.number, 0) as number
    from (select 1) one
    left join lateral (
        select average, currency, number from stock_costs c where c.merchant_id = %(m)s and c.variant_id = v.id
        order by c.number desc limit 1
    ) c on true
) k
"""
# The same where all of a shop's variants are asked for: read in one go, and not one by one.
COSTS_NOW = """
left join (
    select distinct on (variant_id) variant_id, average, currency from stock_costs where merchant_id = %(m)s
    order by variant_id, number desc
) latest on latest.variant_id = v.id
cross join lateral (
    select coalesce(latest.average, v.cost) as average, coalesce(latest.currency, v.cost_currency) as currency
) k
"""


class CostInAnotherCurrency(Conflict):
    """The stock that is there was bought in another currency, and amounts are never converted."""

    hint = "Enter the order in that currency, at the rate that you pay: `currency` and `unit_cost` say so."


class CostNow(NamedTuple):
    """What the units of a variant cost on average until now; `number` counts the receipts that made it."""

    variant_id: UUID
    average: Decimal | None
    currency: str | None
    number: int
    units: int

    def after(self, units: int, unit_cost: Decimal) -> Decimal:
        """The average with so many units more."""
        before = unit_cost if self.average is None else self.average
        return ((self.units * before + units * unit_cost) / (self.units + units)).quantize(FOUR_DECIMALS, ROUND_HALF_UP)


_NOW = f"""
select v.id as variant_id, k.average, k.currency, k.number,
       (select coalesce(sum(s.on_hand), 0)::int from stock_levels s where s.merchant_id = %(m)s and s.variant_id = v.id) as units
from variants v {COST_NOW} where v.merchant_id = %(m)s and v.id = any(%(variants)s)
"""
_LOCK = """
select v.id as variant_id from variants v where v.merchant_id = %(m)s and v.id = any(%(variants)s) order by v.id
for no key update of v
"""
_ENTER = """
insert into stock_costs (merchant_id, id, variant_id, number, purchase_order_line_id, currency, units_before, average_before,
                         units, unit_cost, average, created_at)
select %(m)s, e.id, e.variant_id, e.number, e.line, %(currency)s, e.units_before, e.average_before, e.units, e.unit_cost,
       e.average, %(now)s
from unnest(%(ids)s::uuid[], %(variants)s::uuid[], %(numbers)s::int[], %(lines)s::uuid[], %(before)s::int[],
            %(averages_before)s::numeric[], %(units)s::int[], %(unit_costs)s::numeric[], %(averages)s::numeric[])
     as e(id, variant_id, number, line, units_before, average_before, units, unit_cost, average)
"""
_KEEP = """
update variants v set cost = e.average, cost_currency = %(currency)s, updated_at = %(now)s, version = v.version + 1
from unnest(%(variants)s::uuid[], %(averages)s::numeric[]) as e(id, average)
where v.merchant_id = %(m)s and v.id = e.id
"""


class _Locked(NamedTuple):
    variant_id: UUID


async def costs_now(ctx: Context, variants: Collection[UUID]) -> dict[UUID, CostNow]:
    """What each of the variants costs now."""
    params = {"m": ctx.merchant.id, "variants": list(variants)}
    return {cost.variant_id: cost for cost in await ctx.sql.rows(_NOW, params, as_=CostNow)}


async def costs_held(ctx: Context, variants: Collection[UUID]) -> dict[UUID, CostNow]:
    """The same, and nobody else changes them until the end of the call. To be asked before stock levels are locked."""
    params = {"m": ctx.merchant.id, "variants": list(variants)}
    await ctx.sql.rows(_LOCK, params, as_=_Locked)
    return await costs_now(ctx, variants)


def refuse_other_currency(sku: str, cost: CostNow, currency: str) -> None:
    if cost.units and cost.average is not None and cost.currency != currency:
        raise CostInAnotherCurrency(
            f"The {cost.units} {sku} on hand were bought in {cost.currency}, and these would be in {currency}."
        )


async def enter_costs(
    ctx: Context, came: Mapping[PurchaseOrderLine, int], held: Mapping[UUID, CostNow], currency: str
) -> None:
    """Units came: the average of each variant goes on, and is what the variant costs from now on."""
    entries = [_entry(line, units, held[line.variant_id], currency) for line, units in came.items()]
    columns = {name: [entry[name] for entry in entries] for name in entries[0]}
    params = {
        "m": ctx.merchant.id, "now": ctx.now(), "currency": currency, "ids": columns["id"],
        "variants": columns["variant_id"], "numbers": columns["number"], "lines": columns["purchase_order_line_id"],
        "before": columns["units_before"], "averages_before": columns["average_before"], "units": columns["units"],
        "unit_costs": columns["unit_cost"], "averages": columns["average"],
    }  # fmt: skip
    await ctx.sql.execute(_ENTER, params)
    await ctx.sql.execute(_KEEP, params)
    ctx.changes.inserted("stock_costs", entries)
    for line, entry in zip(came, entries, strict=True):
        before = {"cost": line.variant.cost, "cost_currency": line.variant.cost_currency}
        after = {"cost": entry["average"], "cost_currency": currency}
        differs = {name: value for name, value in after.items() if before[name] != value}
        ctx.changes.updated("variants", line.variant_id, {name: before[name] for name in differs}, differs)


def _entry(line: PurchaseOrderLine, units: int, cost: CostNow, currency: str) -> dict[str, object]:
    known = cost if cost.currency == currency else cost._replace(average=None)
    return {
        "id": new_id(), "variant_id": line.variant_id, "number": cost.number + 1, "purchase_order_line_id": line.id,
        "currency": currency, "units_before": cost.units, "average_before": known.average, "units": units,
        "unit_cost": line.unit_cost, "average": known.after(units, line.unit_cost),
    }  # fmt: skip
