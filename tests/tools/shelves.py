"""A warehouse at work, for tests: bins with units in them, orders that wait, lists that are picked."""

from typing import Any

from tests.conftest import Do
from tests.factories import NewShop, make_stock, make_variant, make_warehouse, warehouse_of
from tests.tools.till import LYON, writing
from tools.flows.create_order import create_order
from tools.orders.status import set_order_status
from tools.warehouse.moving import put_away
from tools.warehouse.picking import create_pick_list
from tools.warehouse.picks import PickListDetail
from tools.warehouse.shelves import create_bin
from tools.warehouse.walking import ConfirmedPick, confirm_pick, start_pick


async def shelve(do: Do, bins: dict[str, dict[str, int]], warehouse: str = "WH-1", **more: Any) -> None:
    """Bins along the walk, and what is put into each: `{"A-1": {"MUG-BLUE": 6}}`."""
    for code, units in bins.items():
        await do(create_bin, warehouse=warehouse, code=code, **more)
        if units:
            lines = [{"sku": sku, "quantity": count, "bin": code} for sku, count in units.items()]
            await do(put_away, warehouse=warehouse, lines=lines)


async def two_places(mine: NewShop, **units: tuple[int, int]) -> str:
    """Variants with so many units in the first and in a second warehouse, in the shop's region: `MUG=(4, 6)`. Its reference."""
    async with writing(mine) as sql:
        main, second = await warehouse_of(sql), make_warehouse(sql, code="LYON", priority=1)
        for sku, (here, there) in units.items():
            variant = make_variant(sql, sku.replace("_", "-"), stock=here, warehouse=main)
            make_stock(sql, variant, second.id, there)
    return second.reference


async def ordered(do: Do, **units: int) -> str:
    """The reference of a confirmed order: `ordered(do, MUG_BLUE=2)`."""
    lines = [{"sku": sku.replace("_", "-"), "quantity": count} for sku, count in units.items()]
    placed = await do(create_order, shipping_address=LYON, lines=lines)
    await do(set_order_status, order=placed.reference, status="confirmed", version=placed.version)
    return placed.reference


async def on_list(do: Do, *orders: str, warehouse: str = "WH-1") -> PickListDetail:
    return await do(create_pick_list, warehouse=warehouse, orders=list(orders))


async def picked(
    do: Do, *orders: str, warehouse: str = "WH-1", lines: list[dict[str, Any]] | None = None
) -> ConfirmedPick:
    """The orders picked there, all found but for what `lines` say."""
    pick = (await on_list(do, *orders, warehouse=warehouse)).reference
    await do(start_pick, pick=pick)
    return await do(confirm_pick, pick=pick, **({"lines": lines} if lines else {}))
