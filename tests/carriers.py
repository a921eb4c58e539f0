"""Carriers of a test: what is configured is what people would configure."""

from typing import Any

from tests.factories import NewShop, make_customer, make_stock, make_variant, make_warehouse, number, warehouse_of
from tools.contract.call import call
from tools.flows import create_order as placing
from tools.orders import status
from tools.transport.configuring import configure_carrier

COLIVIA: dict[str, Any] = {
    "carrier": "colivia",
    "name": "Colivia",
    "tracking_prefix": "CO",
    "cutoff": "16:00",
    "services": [
        {"code": "home", "name": "Home", "delivery_days": [1, 2, 3, 4, 5, 6]},
        {"code": "express", "name": "Express", "max_grams": 10_000, "max_mm": 1_000},
    ],
    "zones": [
        {"code": "corsica", "countries": ["FR"], "postcodes": ["20"]},
        {"code": "domestic", "countries": ["FR"]},
        {"code": "neighbours", "countries": ["DE", "BE"]},
    ],
    "surcharges": [{"name": "fuel", "percent": 10}, {"name": "bulky", "amount": 500, "over_mm": 1_200}],
    "rates": [
        {"service": "home", "zone": "domestic", "up_to_grams": 2_000, "price": 500, "days_min": 1, "days_max": 2},
        {"service": "home", "zone": "domestic", "up_to_grams": 30_000, "price": 1_200, "days_min": 1, "days_max": 2},
        {"service": "home", "zone": "corsica", "up_to_grams": 30_000, "price": 1_500, "days_min": 2, "days_max": 4},
        {"service": "home", "zone": "neighbours", "up_to_grams": 30_000, "price": 1_900, "days_min": 2, "days_max": 3},
        {"service": "express", "zone": "domestic", "up_to_grams": 10_000, "price": 1_400, "days_min": 1, "days_max": 1},
    ],
}
NORDLINK: dict[str, Any] = {
    "carrier": "nordlink",
    "name": "Nordlink",
    "pickup_days": [1, 3, 5],
    "services": [{"code": "europe", "name": "Europe"}],
    "zones": [{"code": "anywhere"}],
    "rates": [
        {"service": "europe", "zone": "anywhere", "up_to_grams": 30_000, "price": 540, "days_min": 3, "days_max": 5}
    ],
}


async def with_carriers(mine: NewShop, *carriers: dict[str, Any]) -> None:
    """The shop sends with these: Colivia unless said."""
    for carrier in carriers or (COLIVIA,):
        await call(mine.shop, configure_carrier, carrier, mine.caller("owner"), key=f"carrier-{number()}")


SOLD = [{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "BOWL", "quantity": 1}, {"sku": "ENGRAVING", "quantity": 1}]


async def sold(mine: NewShop, *lines: dict[str, Any], bowls: int = 5) -> str:
    """A confirmed order: 3 mugs from Lille, a bowl from Lyon (or on back order), and an engraving that is not counted."""
    async with mine.shop.database.transaction(mine.id) as sql:
        main, second = await warehouse_of(sql), make_warehouse(sql, code=f"LYON{number()}", priority=1)
        make_variant(sql, "MUG-BLUE", title="Stoneware mug, blue", stock=8, warehouse=main)
        bowl = make_variant(sql, "BOWL", title="Oak bowl", price=3_900, stock=0, warehouse=main, allow_backorder=True)
        make_stock(sql, bowl, second.id, bowls)
        make_variant(sql, "ENGRAVING", title="Engraving", price=500, tracked=False)
        customer = make_customer(sql, email=f"ana{number()}@example.com")
        await sql.commit()
    owner = mine.caller("owner")
    arguments = {"customer": customer.reference, "lines": list(lines or SOLD)}
    placed = await call(mine.shop, placing.create_order, arguments, owner, key=f"order-{number()}")
    assert placed.result is not None
    confirmed = {"order": placed.result.reference, "status": "confirmed"}
    await call(mine.shop, status.set_order_status, confirmed, owner, key=f"order-{number()}")
    return placed.result.reference
