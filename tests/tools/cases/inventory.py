"""Valid arguments for each tool of the room, in a shop that has what they name."""

from datetime import timedelta
from typing import Any

from tests.factories import NewShop, make_order, make_variant, make_warehouse, number, warehouse_of
from tools.contract.call import call
from tools.contract.declare import Tool
from tools.inventory import purchasing, receiving, reservations, suppliers, transfers


async def _done(mine: NewShop, tool: Tool[Any, Any], arguments: dict[str, Any]) -> str:
    """The reference of what the owner made with a tool."""
    outcome = await call(mine.shop, tool, arguments, mine.caller("owner"), key=f"case-{number()}")
    assert outcome.result is not None
    return outcome.result.reference


async def _stocked(mine: NewShop) -> tuple[str, str, str]:
    """A variant with 10 units in one of two warehouses: its SKU, and the references of both, those with the units first."""
    async with mine.shop.database.transaction(mine.id) as sql:
        main, second = await warehouse_of(sql), make_warehouse(sql, code="LYON", priority=1)
        variant = make_variant(sql, "MUG-BLUE", title="Stoneware mug, blue", stock=10, warehouse=main)
        await sql.commit()
    return variant.sku, main.reference, second.reference


async def _sent(mine: NewShop) -> tuple[str, str]:
    """A transfer of 4 units under way, and the SKU that it brings."""
    sku, main, second = await _stocked(mine)
    arguments = {"from_warehouse": main, "to_warehouse": second, "lines": [{"sku": sku, "quantity": 4}]}
    return await _done(mine, transfers.transfer_stock, arguments), sku


async def list_stock(mine: NewShop) -> dict[str, Any]:
    sku, _, _ = await _stocked(mine)
    return {"sku": sku, "state": "in_stock"}


async def check_availability(mine: NewShop) -> dict[str, Any]:
    sku, _, _ = await _stocked(mine)
    return {"sku": sku, "quantity": 5}


async def reserve_stock(mine: NewShop) -> dict[str, Any]:
    sku, main, _ = await _stocked(mine)
    return {"sku": sku, "quantity": 3, "warehouse": main, "days": 2, "reason": "customer_request"}


async def release_reservation(mine: NewShop) -> dict[str, Any]:
    sku, _, _ = await _stocked(mine)
    return {"reservation": await _done(mine, reservations.reserve_stock, {"sku": sku, "quantity": 2})}


async def list_reservations(mine: NewShop) -> dict[str, Any]:
    sku, _, _ = await _stocked(mine)
    await _done(mine, reservations.reserve_stock, {"sku": sku, "quantity": 2})
    return {"sku": sku}


async def adjust_stock(mine: NewShop) -> dict[str, Any]:
    sku, _, second = await _stocked(mine)
    return {"sku": sku, "warehouse": second, "delta": 3, "reason": "found", "note": "behind the shelf"}


async def transfer_stock(mine: NewShop) -> dict[str, Any]:
    sku, main, second = await _stocked(mine)
    lines = [{"sku": sku, "quantity": 4}]
    return {"from_warehouse": main, "to_warehouse": second, "lines": lines, "expected_on": "2030-01-15"}


async def receive_transfer(mine: NewShop) -> dict[str, Any]:
    transfer, sku = await _sent(mine)
    return {"transfer": transfer, "lines": [{"sku": sku, "received": 2, "damaged": 1}]}


async def list_transfers(mine: NewShop) -> dict[str, Any]:
    _, sku = await _sent(mine)
    return {"sku": sku, "status": "in_transit"}


async def list_stock_movements(mine: NewShop) -> dict[str, Any]:
    sku, _, _ = await _stocked(mine)
    return {"sku": sku, "kind": "opening", "moved_from": "2019-01-01T00:00:00Z"}


async def _supplier(mine: NewShop) -> str:
    return await _done(mine, suppliers.create_supplier, {"name": "Atelier Brun", "lead_time_days": 10})


async def list_suppliers(mine: NewShop) -> dict[str, Any]:
    await _supplier(mine)
    return {"text": "atelier"}


async def create_supplier(mine: NewShop) -> dict[str, Any]:
    return {"name": "Olaria do Sul", "email": "orders@olaria.example", "country": "PT", "lead_time_days": 21}


async def update_supplier(mine: NewShop) -> dict[str, Any]:
    return {"supplier": await _supplier(mine), "lead_time_days": 14, "phone": "+33 4 72 00 10 10"}


async def set_reorder_rule(mine: NewShop) -> dict[str, Any]:
    sku, main, _ = await _stocked(mine)
    supplier = await _supplier(mine)
    return {"sku": sku, "warehouse": main, "reorder_point": 12, "reorder_target": 40, "supplier": supplier}


async def _ordered(mine: NewShop) -> tuple[str, str]:
    """A purchase order of 20 units, and their SKU."""
    sku, main, _ = await _stocked(mine)
    lines = [{"sku": sku, "quantity": 20, "unit_cost": 420}]
    wanted = {"supplier": await _supplier(mine), "warehouse": main, "lines": lines}
    return await _done(mine, purchasing.create_purchase_order, wanted), sku


async def create_purchase_order(mine: NewShop) -> dict[str, Any]:
    sku, main, _ = await _stocked(mine)
    lines = [{"sku": sku, "quantity": 20, "unit_cost": 420}]
    return {"supplier": await _supplier(mine), "warehouse": main, "lines": lines, "note": "as last time"}


async def list_purchase_orders(mine: NewShop) -> dict[str, Any]:
    _, sku = await _ordered(mine)
    return {"sku": sku, "open": True}


async def get_purchase_order(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _ordered(mine)
    return {"purchase_order": reference}


async def cancel_purchase_order(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _ordered(mine)
    return {"purchase_order": reference, "reason": "The kiln broke"}


async def receive_purchase_order(mine: NewShop) -> dict[str, Any]:
    reference, sku = await _ordered(mine)
    return {"purchase_order": reference, "lines": [{"sku": sku, "received": 12, "damaged": 2}], "note": "two boxes"}


async def inventory_valuation(mine: NewShop) -> dict[str, Any]:
    sku, _, second = await _stocked(mine)
    lines = [{"sku": sku, "quantity": 20, "unit_cost": 420}]
    wanted = {"supplier": await _supplier(mine), "warehouse": second, "lines": lines}
    purchase = await _done(mine, purchasing.create_purchase_order, wanted)
    await _done(mine, receiving.receive_purchase_order, {"purchase_order": purchase})
    return {"group_by": "category", "warehouse": second}


async def _sold(mine: NewShop) -> str:
    """A variant of which 3 units sold each week for half a year, and of which a few are left."""
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", title="Stoneware mug, blue", stock=4, warehouse=await warehouse_of(sql))
        for week in range(1, 27):
            make_order(sql, variant, 3, placed_at=mine.shop.clock() - timedelta(weeks=week))
        await sql.commit()
    return variant.sku


async def inventory_turnover(mine: NewShop) -> dict[str, Any]:
    await _stocked(mine)
    return {"pace": "dead", "days": 90}


async def abc_analysis(mine: NewShop) -> dict[str, Any]:
    await _sold(mine)
    return {"by": "revenue", "only": "A"}


async def forecast_demand(mine: NewShop) -> dict[str, Any]:
    return {"sku": await _sold(mine), "weeks": 4}


async def suggest_reorders(mine: NewShop) -> dict[str, Any]:
    return {"sku": await _sold(mine)}
