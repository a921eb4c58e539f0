"""Valid arguments for each tool of the room, in a shop that has what they name."""

from datetime import timedelta
from typing import Any

from db.models.customers import Customer
from db.models.transport import FulfilmentStatus
from tests.aftermath import make_shipment, pay
from tests.factories import (
    NewShop,
    make_customer,
    make_promotion,
    make_stock,
    make_variant,
    make_warehouse,
    number,
    warehouse_of,
)
from tools.contract.call import call
from tools.flows import create_order as placing
from tools.orders import holds

ELSEWHERE = {"name": "Ana Torres", "line1": "12 rue Mercière", "city": "Lyon", "postcode": "69002", "country": "FR"}
SOLD = [{"sku": "MUG-BLUE", "quantity": 6}, {"sku": "BOWL", "quantity": 1}, {"sku": "ENGRAVING", "quantity": 2}]


async def _shelves(mine: NewShop) -> Customer:
    """A customer, and three variants: mugs in two warehouses, a bowl that may be back-ordered, and an untracked service."""
    async with mine.shop.database.transaction(mine.id) as sql:
        main, second = await warehouse_of(sql), make_warehouse(sql, code="LYON", priority=1)
        mugs = make_variant(sql, "MUG-BLUE", title="Stoneware mug, blue", stock=4, warehouse=main)
        make_stock(sql, mugs, second.id, 8)
        make_variant(sql, "BOWL", title="Oak bowl", price=3_900, stock=0, warehouse=main, allow_backorder=True)
        make_variant(sql, "ENGRAVING", title="Engraving", price=500, tracked=False)
        make_promotion(sql, "SPRING10", percent=10)
        customer = make_customer(sql, email="ana.torres@example.com")
        await sql.commit()
    return customer


async def _placed(mine: NewShop, **more: Any) -> tuple[str, Customer]:
    """The reference of an order, and who bought it."""
    customer = await _shelves(mine)
    arguments = {"customer": customer.reference, "lines": SOLD, "promotion_codes": ["SPRING10"]} | more
    outcome = await call(mine.shop, placing.create_order, arguments, mine.caller("owner"), key=f"case-{number()}")
    assert outcome.result is not None
    return outcome.result.reference, customer


async def create_order(mine: NewShop) -> dict[str, Any]:
    customer = await _shelves(mine)
    return {
        "customer": customer.reference,
        "lines": SOLD,
        "promotion_codes": ["SPRING10"],
        "channel": "phone",
        "payment": {},
    }


async def list_orders(mine: NewShop) -> dict[str, Any]:
    _, customer = await _placed(mine)
    return {"customer": customer.reference, "status": ["pending"], "sku": "MUG-BLUE", "total_min": 1_000}


async def get_order(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    return {"order": reference}


async def set_order_status(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine, draft=True)
    return {"order": reference, "status": "pending", "version": 1}


async def set_order_statuses(mine: NewShop) -> dict[str, Any]:
    return {"orders": [(await _placed(mine, draft=True))[0]], "status": "pending"}


async def hold_order(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    return {"order": reference, "reason": "address_check", "note": "The house number is missing.", "owner": "USR-1002"}


async def release_order(mine: NewShop) -> dict[str, Any]:
    arguments = await hold_order(mine)
    await call(mine.shop, holds.hold_order, arguments, mine.caller("owner"), key=f"case-{number()}")
    return {"order": arguments["order"]}


async def change_order_address(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    return {"order": reference, "shipping_address": ELSEWHERE, "billing_address": ELSEWHERE, "version": 1}


async def mark_order_paid(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    return {"order": reference, "method": "bank_transfer", "amount": 5_000, "transfer": "TRN 2041"}


async def change_order_lines(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, reference, authorized=5_000, captured=5_000)
        await make_shipment(sql, reference, FulfilmentStatus.draft)
        await sql.commit()
    edits = {"quantities": [{"sku": "MUG-BLUE", "quantity": 1}], "add": [{"sku": "ENGRAVING", "quantity": 1}]}
    return {"order": reference, "remove": ["BOWL"], "version": 1, **edits}


async def change_order_payment(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, reference, authorized=5_000, captured=5_000)
        await pay(sql, reference, authorized=1_000)
        await sql.commit()
    return {"order": reference, "method": "card", "label": "Visa ending 4242"}


async def cancel_order(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, reference, authorized=5_000, captured=5_000)
        await pay(sql, reference, authorized=1_000)
        await make_shipment(sql, reference, FulfilmentStatus.draft)
        await sql.commit()
    return {"order": reference, "reason": "customer_request", "note": "She changed her mind."}


async def add_order_note(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    return {"order": reference, "text": "Gift wrap, please."}


async def get_order_timeline(mine: NewShop) -> dict[str, Any]:
    reference, _ = await _placed(mine)
    return {"order": reference}


async def sales_report(mine: NewShop) -> dict[str, Any]:
    await _placed(mine)
    tomorrow = mine.shop.clock() + timedelta(days=1)
    return {
        "placed_from": tomorrow - timedelta(days=8),
        "placed_until": tomorrow,
        "product": "MUG-BLUE",
        "group_by": "day",
    }


async def order_kpis(mine: NewShop) -> dict[str, Any]:
    await _placed(mine)
    return {}
