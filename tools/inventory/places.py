"""Which warehouse is meant, and which variants have stock at all."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from db.models.products import Variant
from db.models.warehouse import Warehouse
from tools.contract.context import Context
from tools.contract.errors import Ambiguous, Conflict
from tools.rules.lookup import find_warehouse
from tools.rules.places import WarehouseClosed


class NotTracked(Conflict):
    """The variant has no stock: it is made to order or digital, and sold while it is sellable."""

    hint = "Nothing has to be reserved, moved or corrected for it. To count its stock, set `tracked` on the variant."


class _Place(NamedTuple):
    id: UUID
    on_hand: int


def refuse_untracked(variant: Variant) -> None:
    if not variant.tracked:
        raise NotTracked(f"The stock of {variant.sku} is not counted.")


async def open_warehouses(ctx: Context) -> list[Warehouse]:
    """The warehouses that ship, in the shop's own order."""
    query = select(Warehouse).where(Warehouse.merchant_id == ctx.merchant.id, Warehouse.active)
    return list((await ctx.db.scalars(query.order_by(Warehouse.priority, Warehouse.id))).all())


async def the_warehouse(ctx: Context, variant: Variant, written: str | None) -> Warehouse:
    """The warehouse that was named, else the only one that has the variant. Raises `Ambiguous`, `WarehouseClosed`."""
    if written:
        return await find_warehouse(ctx, written)
    warehouses = await open_warehouses(ctx)
    if not warehouses:
        raise WarehouseClosed("Every warehouse of the shop is closed.")
    query = "select warehouse_id as id, on_hand from stock_levels where merchant_id = %(m)s and variant_id = %(v)s"
    units = {
        row.id: row.on_hand for row in await ctx.sql.rows(query, {"m": ctx.merchant.id, "v": variant.id}, as_=_Place)
    }
    stocked = [warehouse for warehouse in warehouses if warehouse.id in units] or warehouses
    if len(stocked) != 1:
        places = ", ".join(f"{place.name} ({place.reference}) has {units.get(place.id, 0)}" for place in stocked)
        raise Ambiguous(
            f"{variant.sku} may be in several warehouses: {places}.", hint="Say in which one, as `warehouse`."
        )
    return stocked[0]
