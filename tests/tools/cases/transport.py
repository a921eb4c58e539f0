"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from tests.carriers import COLIVIA, NORDLINK, sold, with_carriers
from tests.factories import NewShop, number
from tests.sheets import uploaded
from tools.contract.call import call
from tools.flows import ship_order
from tools.transport import claims

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


async def import_rate_card(mine: NewShop) -> dict[str, Any]:
    await with_carriers(mine)
    card = (
        b"service;zone;up_to_grams;price;days_min;days_max\nhome;domestic;2000;5,50;1;2\nhome;corsica;5000;9,00;2;4\n"
    )
    return {"carrier": "CAR-1001", "file": await uploaded(mine, card)}


async def schedule_pickup(mine: NewShop) -> dict[str, Any]:
    await _shipped(mine)
    return {"carrier": "CAR-1001", "warehouse": "WH-1", "ready_from": "15:00", "ready_until": "17:30"}


async def create_manifest(mine: NewShop) -> dict[str, Any]:
    await _shipped(mine)
    return {"carrier": "CAR-1001", "warehouse": "WH-1"}


async def prepare_customs(mine: NewShop) -> dict[str, Any]:
    shipment = await _shipped(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        abroad = "update fulfilments set ship_to = ship_to || %s::jsonb where merchant_id = %s"
        await sql.execute(abroad, ('{"country": "CH", "postcode": "8001", "city": "Zürich"}', mine.id))
        await sql.commit()
    return {"shipment": shipment, "items": [{"sku": "MUG-BLUE", "hs_code": "6912.00", "origin": "PT"}]}


async def validate_address(mine: NewShop) -> dict[str, Any]:
    return {"order": await sold(mine), "postcode": "6901"}


async def reroute_shipment(mine: NewShop) -> dict[str, Any]:
    elsewhere = {"line1": "8 quai Rambaud", "postcode": "69002", "city": "Lyon"}
    return {"shipment": await _shipped(mine), **elsewhere, "note": "Ring twice"}


async def open_carrier_claim(mine: NewShop) -> dict[str, Any]:
    shipment = await _shipped(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update fulfilments set promised_at = '2026-01-05' where merchant_id = %s", (mine.id,))
        await sql.commit()
    return {"shipment": shipment, "kind": "lost", "evidence": ["Photo of the empty shelf"]}


async def list_carrier_claims(mine: NewShop) -> dict[str, Any]:
    arguments = await open_carrier_claim(mine)
    await call(mine.shop, claims.open_carrier_claim, arguments, mine.caller("owner"), key=f"case-{number()}")
    return {"carrier": "CAR-1001", "status": "open"}


async def carrier_performance(mine: NewShop) -> dict[str, Any]:
    await _shipped(mine)
    return {"group_by": "lane", "carrier": "CAR-1001"}
