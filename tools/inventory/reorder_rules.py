"""When it is time to buy more of a variant, how much, from whom, and how long that takes."""

from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.products import Variant
from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Days, SupplierRef, VariantRef, WarehouseRef
from tools.inventory.places import NotTracked, refuse_untracked, the_warehouse
from tools.inventory.suppliers import SupplierInactive, find_supplier, refuse_inactive
from tools.rules.lookup import find_variant
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.stock import Level, locked
from tools.rules.told import tell_edits

MOST = 1_000_000


class TargetTooLow(Conflict):
    """The stock to buy up to is not above the stock at which to buy."""

    hint = "Give a `reorder_target` above the `reorder_point`, or null for no target: then the forecast says how much."


class SetReorderRule(Input):
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where; may be left out when the variant lies in one warehouse only."
    )
    reorder_point: int | None = Field(
        default=None, ge=0, le=MOST, description="At so many available units or fewer it is time to buy; null: no rule."
    )
    reorder_target: int | None = Field(
        default=None, ge=1, le=MOST, description="Up to so many units to buy; null: what the forecast says."
    )
    supplier: SupplierRef | None = Field(
        default=None, description="From whom: `SUP-1001`, or a name; null: nobody is set."
    )
    lead_time_days: Days | None = Field(
        default=None, ge=0, le=365, description="Days from the order to the goods; null: the supplier's own."
    )


class ReorderRule(Result):
    """When to buy more of a variant for a warehouse."""

    sku: str = Field(description="The variant's SKU.")
    warehouse: str = Field(description="The warehouse's reference.")
    reorder_point: int | None = Field(description="At so many available units or fewer it is time to buy.")
    reorder_target: int | None = Field(description="Up to so many units to buy.")
    supplier: str | None = Field(description="The supplier's reference.")
    supplier_name: str | None = Field(description="What the supplier is called.")
    lead_time_days: int | None = Field(description="Days from the order to the goods; null: the supplier's own.")
    available: int = Field(description="Units that can be sold from there now.")


class _Rule(NamedTuple):
    reorder_point: int | None
    reorder_target: int | None
    supplier_id: UUID | None
    lead_time_days: int | None


class _Supplier(NamedTuple):
    id: UUID
    reference: str
    name: str


_READ = """
select reorder_point, reorder_target, supplier_id, lead_time_days from stock_levels where merchant_id = %(m)s and id = %(id)s
"""
_WRITE = """
update stock_levels
set reorder_point = %(reorder_point)s, reorder_target = %(reorder_target)s, supplier_id = %(supplier_id)s,
    lead_time_days = %(lead_time_days)s, updated_at = %(now)s, version = version + 1
where merchant_id = %(m)s and id = %(id)s
"""
_SUPPLIER = "select id, reference, name from suppliers where merchant_id = %(m)s and id = %(id)s"


@tool(
    route="PUT /inventory/{sku}/reorder-rule",
    effect=Effect.write,
    permission="inventory:write",
    raises=[TargetTooLow, SupplierInactive, NotTracked, WarehouseClosed],
    examples=[
        "Reorder MUG-BLUE when fewer than 20 are left",
        "Set the reorder point of TSH-BLK-M in Lille to 15, up to 60, from SUP-1001",
    ],
)
async def set_reorder_rule(ctx: Context, args: SetReorderRule) -> ReorderRule:
    """Say when to buy more of a variant for a warehouse, how much, from whom.

    What is not given stays as it is; null takes it away. list_stock finds what is at its reorder point, suggest_reorders says
    what to buy.
    """
    variant = await find_variant(ctx, args.sku)
    refuse_untracked(variant)
    warehouse = await the_warehouse(ctx, variant, args.warehouse)
    refuse_closed(warehouse)
    level = (await locked(ctx, [(variant.id, warehouse.id)], opening=True))[variant.id, warehouse.id]
    (before,) = await ctx.sql.rows(_READ, {"m": ctx.merchant.id, "id": level.id}, as_=_Rule)
    rule = await _changed(ctx, before, args)
    _refuse_low_target(variant, rule)

    await ctx.sql.execute(_WRITE, {"m": ctx.merchant.id, "id": level.id, "now": ctx.now(), **rule._asdict()})
    _record(ctx, level, before, rule)
    ctx.event(
        "reorder_rule_set", variant, warehouse=warehouse.reference, **args.model_dump(exclude={"sku", "warehouse"})
    )
    supplier = await _supplier(ctx, rule.supplier_id)
    await _tell(ctx, variant, warehouse, before, rule, supplier)
    return ReorderRule(
        sku=variant.sku,
        warehouse=warehouse.reference,
        reorder_point=rule.reorder_point,
        reorder_target=rule.reorder_target,
        supplier=supplier.reference if supplier else None,
        supplier_name=supplier.name if supplier else None,
        lead_time_days=rule.lead_time_days,
        available=level.available,
    )


async def _changed(ctx: Context, before: _Rule, args: SetReorderRule) -> _Rule:
    """The rule with what was said in place of what it was."""
    said: dict[str, Any] = args.model_dump(include=set(_Rule._fields), exclude_unset=True)
    if args.supplier:
        supplier = await find_supplier(ctx, args.supplier)
        refuse_inactive(supplier)
        said["supplier_id"] = supplier.id
    elif "supplier" in args.model_fields_set:
        said["supplier_id"] = None
    return before._replace(**said)


def _refuse_low_target(variant: Variant, rule: _Rule) -> None:
    point, target = rule.reorder_point, rule.reorder_target
    if point is not None and target is not None and target <= point:
        raise TargetTooLow(f"{variant.sku} would be bought at {point} units, up to {target}.")


def _record(ctx: Context, level: Level, before: _Rule, rule: _Rule) -> None:
    after = rule._asdict()
    if level.new:
        place = {"variant_id": level.variant_id, "warehouse_id": level.warehouse_id}
        ctx.changes.inserted("stock_levels", [{"id": level.id, **place, **after}])
        return
    differs = {name: value for name, value in after.items() if getattr(before, name) != value}
    ctx.changes.updated("stock_levels", level.id, {name: getattr(before, name) for name in differs}, differs)


async def _supplier(ctx: Context, id_: UUID | None) -> _Supplier | None:
    return await ctx.sql.row(_SUPPLIER, {"m": ctx.merchant.id, "id": id_}, as_=_Supplier) if id_ else None


async def _tell(
    ctx: Context, variant: Variant, warehouse: Warehouse, before: _Rule, rule: _Rule, supplier: _Supplier | None
) -> None:
    whose, told = f"{variant.sku} in {warehouse.name}", len(ctx.sentences)
    earlier = supplier if rule.supplier_id == before.supplier_id else await _supplier(ctx, before.supplier_id)
    edits = [
        ("reorder point", _units(before.reorder_point), _units(rule.reorder_point)),
        ("stock to buy up to", _units(before.reorder_target), _units(rule.reorder_target)),
        ("supplier", earlier.name if earlier else None, supplier.name if supplier else None),
        ("lead time", _days(before.lead_time_days), _days(rule.lead_time_days)),
    ]
    tell_edits(ctx, whose, edits)
    if len(ctx.sentences) == told:
        ctx.tell(f"The reorder rule of {whose} stays as it is.")


def _units(count: int | None) -> str | None:
    return None if count is None else words.count(count, "unit")


def _days(count: int | None) -> str | None:
    return None if count is None else words.count(count, "day")
