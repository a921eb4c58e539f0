"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from tests.carriers import COLIVIA, NORDLINK, sold, with_carriers
from tests.factories import NewShop, number
from tools.contract.call import call
from tools.flows import ship_order

BOX = {"weight_grams": 1_800, "length_mm": 300, "width_mm": 200, "height_mm": 200}


async def list_carriers(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine, COLIVIA, NORDLINK)
    return {"active": True}


async def get_carrier(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine)
    return {"carrier": "CAR-1001"}


async def configure_carrier(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine)
    changed = [{**COLIVIA["rates"][0], "price": 550}, *COLIVIA["rates"][2:]]
    return {"carrier": "colivia", "cutoff": "17:30", "surcharges": [], "rates": changed}


async def remove_carrier(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine)
    return {"carrier": "CAR-1001"}


async def quote_rates(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine, COLIVIA, NORDLINK)
    return {"order": await sold(mine), "parcels": [BOX]}


async def choose_carrier(mine: NewShop) -> dict[str, Any]:
    return await quote_rates(mine) | {"by": "fastest"}


async def _shipped(mine: NewShop, **more: Any) -> str:
    """The reference of a shipment whose label is not used yet."""
    arguments = await create_shipment(mine) | more
    outcome = await call(mine.shop, ship_order.create_shipment, arguments, mine.caller("owner"), key=f"case-{number()}")
    assert outcome.result is not None
    return outcome.result.shipments[0].reference


async def create_shipment(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine)
    return {
        "order": await sold(mine),
        "lines": [{"sku": "MUG-BLUE", "quantity": 2}],
        "carrier": "colivia",
        "parcels": [BOX],
    }


async def cancel_shipment(mine: NewShop) -> dict[str, Any]:
    return {"shipment": await _shipped(mine)}


async def get_shipment(mine: NewShop) -> dict[str, Any]:
    return {"shipment": await _shipped(mine)}


async def list_shipments(mine: NewShop) -> dict[str, Any]:
    await _shipped(mine)
    return {"carrier": "CAR-1001", "status": ["label_purchased"], "sku": "MUG-BLUE", "late": False}


async def get_shipping_label(mine: NewShop) -> dict[str, Any]:
    return {"shipment": await _shipped(mine), "format": "zpl"}


async def record_tracking_event(mine: NewShop) -> dict[str, Any]:
    return {
        "shipment": await _shipped(mine),
        "code": "picked_up",
        "occurred_at": "2026-01-05T10:00:00Z",
        "place": "Lille",
    }


async def track_shipment(mine: NewShop) -> dict[str, Any]:
    return {"shipment": await _shipped(mine)}


async def list_late_shipments(mine: NewShop) -> dict[str, Any]:
    await _shipped(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update fulfilments set promised_at = '2026-01-05' where merchant_id = %s", (mine.id,))
        await sql.commit()
    return {"carrier": "CAR-1001", "silent_hours": 1}
