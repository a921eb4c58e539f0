"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.cases.inventory import create_purchase_order as buying
from tests.tools.shelves import on_list, ordered, picked, shelve, two_places
from tools.inventory.adjustments import adjust_stock
from tools.inventory.purchasing import create_purchase_order
from tools.warehouse.places import create_warehouse as opening
from tools.warehouse.walking import start_pick as setting_out

NANTES = {"code": "NAN", "name": "Nantes", "line1": "8 quai de la Fosse", "city": "Nantes", "postcode": "44000"}


def _do(mine: NewShop) -> Do:
    return Do(mine.shop, mine.caller("owner"))


async def _shelved(mine: NewShop) -> tuple[str, str]:
    """A warehouse with 10 mugs, 6 of them in a bin, and an order of 2."""
    place = await two_places(mine, MUG_BLUE=(0, 10), MUG_RED=(0, 4))
    await shelve(_do(mine), {"A-01-1": {"MUG-BLUE": 6}, "A-01-2": {}}, place, capacity=40)
    return place, await ordered(_do(mine), MUG_BLUE=2)


async def list_warehouses(mine: NewShop) -> dict[str, Any]:
    return {"active": True}


async def get_warehouse(mine: NewShop) -> dict[str, Any]:
    await _do(mine)(opening, **NANTES)
    return {"warehouse": "nantes"}


async def create_warehouse(mine: NewShop) -> dict[str, Any]:
    return NANTES


async def update_warehouse(mine: NewShop) -> dict[str, Any]:
    made = await _do(mine)(opening, **NANTES)
    return {"warehouse": made.reference, "name": "Nantes Port", "priority": 9, "version": made.version}


async def close_warehouse(mine: NewShop) -> dict[str, Any]:
    return {"warehouse": (await _do(mine)(opening, **NANTES)).reference}


async def list_bins(mine: NewShop) -> dict[str, Any]:
    place, _ = await _shelved(mine)
    return {"warehouse": place, "sku": "MUG-BLUE", "kind": "picking", "empty": False}


async def create_bin(mine: NewShop) -> dict[str, Any]:
    made = await _do(mine)(opening, **NANTES)
    return {"warehouse": made.reference, "code": "A-01-2", "zone": "A", "capacity": 40}


async def allocate_order(mine: NewShop) -> dict[str, Any]:
    """Five mugs that lie in two warehouses, until more come to one of them."""
    await two_places(mine, MUG_BLUE=(3, 2))
    order = await ordered(_do(mine), MUG_BLUE=5)
    await _do(mine)(adjust_stock, sku="MUG-BLUE", warehouse="WH-1", delta=4, reason="found")
    return {"order": order}


async def create_pick_list(mine: NewShop) -> dict[str, Any]:
    place, order = await _shelved(mine)
    return {"warehouse": place, "orders": [order]}


async def _listed(mine: NewShop) -> str:
    place, order = await _shelved(mine)
    return (await on_list(_do(mine), order, warehouse=place)).reference


async def get_pick_list(mine: NewShop) -> dict[str, Any]:
    return {"pick": await _listed(mine)}


async def list_pick_lists(mine: NewShop) -> dict[str, Any]:
    place, order = await _shelved(mine)
    await on_list(_do(mine), order, warehouse=place)
    return {"warehouse": place, "status": "open", "order": order}


async def start_pick(mine: NewShop) -> dict[str, Any]:
    return {"pick": await _listed(mine)}


async def confirm_pick(mine: NewShop) -> dict[str, Any]:
    pick = await _listed(mine)
    await _do(mine)(setting_out, pick=pick)
    return {"pick": pick, "lines": [{"sku": "MUG-BLUE", "bin": "A-01-1", "picked": 1}]}


async def report_mispick(mine: NewShop) -> dict[str, Any]:
    place, order = await _shelved(mine)
    done = await picked(_do(mine), order, warehouse=place)
    return {"pick": done.reference, "sku": "MUG-BLUE", "got": "MUG-RED", "note": "the handle is red"}


async def plan_packing(mine: NewShop) -> dict[str, Any]:
    _, order = await _shelved(mine)
    return {"order": order}


async def pack_order(mine: NewShop) -> dict[str, Any]:
    place, order = await _shelved(mine)
    await picked(_do(mine), order, warehouse=place)
    lines = [{"sku": "MUG-BLUE", "quantity": 2}]
    return {"order": order, "warehouse": place, "packages": [{"box": "M", "weight_grams": 940, "lines": lines}]}


async def receive_inbound(mine: NewShop) -> dict[str, Any]:
    wanted = await buying(mine)
    bought = await _do(mine)(create_purchase_order, **wanted)
    sku = wanted["lines"][0]["sku"]
    lines = [{"sku": sku, "received": 12, "damaged": 2}]
    return {"warehouse": wanted["warehouse"], "purchase_order": bought.reference, "lines": lines, "note": "two boxes"}


async def put_away(mine: NewShop) -> dict[str, Any]:
    place, _ = await _shelved(mine)
    return {"warehouse": place, "lines": [{"sku": "MUG-BLUE", "quantity": 4, "bin": "A-01-2"}]}


async def move_stock(mine: NewShop) -> dict[str, Any]:
    place, _ = await _shelved(mine)
    return {"warehouse": place, "sku": "MUG-BLUE", "quantity": 3, "from_bin": "A-01-1", "to_bin": "A-01-2"}


async def count_stock(mine: NewShop) -> dict[str, Any]:
    place, _ = await _shelved(mine)
    lines = [{"sku": "MUG-BLUE", "bin": "A-01-1", "counted": 5}]
    return {"warehouse": place, "lines": lines, "note": "one is chipped"}


async def warehouse_capacity(mine: NewShop) -> dict[str, Any]:
    place, order = await _shelved(mine)
    await picked(_do(mine), order, warehouse=place)
    return {"warehouse": place}


async def warehouse_performance(mine: NewShop) -> dict[str, Any]:
    place, order = await _shelved(mine)
    await picked(_do(mine), order, warehouse=place)
    return {"warehouse": place, "days": 7}
