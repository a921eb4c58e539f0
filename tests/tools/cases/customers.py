"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from db.models.customers import Customer
from db.models.orders import Order, OrderStatus
from tests.factories import NewShop, make_customer, make_order, make_variant
from tools import registry
from tools.contract.call import call
from tools.customers import addresses, interactions, loyalty, segments


async def _customer(mine: NewShop) -> Customer:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, email="ana.torres@example.com")
        await sql.commit()
    return customer


async def list_customers(mine: NewShop) -> dict[str, Any]:
    await _customer(mine)
    return {"text": "torres", "city": "Lyon", "sort": "spend"}


async def get_customer(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _customer(mine)).reference}


async def create_customer(mine: NewShop) -> dict[str, Any]:
    address = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "fr"}
    return {"name": "Paul Martin", "email": "Paul@example.com", "tags": ["VIP"], "address": address}


async def update_customer(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _customer(mine)).reference, "phone": "+33 6 12 34 56 78", "tags": ["wholesale"]}


async def add_address(mine: NewShop) -> dict[str, Any]:
    place = {"line1": "Hauptstr. 5", "city": "Berlin", "postcode": "10115", "country": "DE"}
    return {"customer": (await _customer(mine)).reference, "default_shipping": True} | place


async def update_address(mine: NewShop) -> dict[str, Any]:
    customer = (await _customer(mine)).reference
    page = (await call(mine.shop, addresses.list_addresses, {"customer": customer}, mine.caller("owner"))).result
    assert page is not None
    return {"customer": customer, "address": page.data[0].reference, "postcode": "69003"}


async def list_addresses(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _customer(mine)).reference}


async def _with_order(mine: NewShop) -> tuple[Customer, Order]:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, email="ana.torres@example.com")
        order = make_order(sql, make_variant(sql, "MUG-BLUE", title="Stoneware mug, blue"), customer=customer)
        await sql.commit()
    return customer, order


async def tag_customer(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _customer(mine)).reference, "add": ["VIP"]}


async def set_consent(mine: NewShop) -> dict[str, Any]:
    proof = {"source": "checkout form", "wording": "2026-01", "ip": "192.0.2.7"}
    return {"customer": (await _customer(mine)).reference, "channel": "email", "granted": True, **proof}


async def log_interaction(mine: NewShop) -> dict[str, Any]:
    customer, order = await _with_order(mine)
    said = {"channel": "phone", "subject": "Asked when the parcel arrives", "summary": "Told her: on Friday."}
    return {"customer": customer.reference, "order": order.reference, **said}


async def list_interactions(mine: NewShop) -> dict[str, Any]:
    said = await log_interaction(mine)
    await call(mine.shop, interactions.log_interaction, said, mine.caller("owner"), key="logged")
    return {"customer": said["customer"]}


async def get_loyalty(mine: NewShop) -> dict[str, Any]:
    given = await adjust_loyalty_points(mine)
    await call(mine.shop, loyalty.adjust_loyalty_points, given, mine.caller("owner"), key="given")
    return {"customer": given["customer"]}


async def adjust_loyalty_points(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _customer(mine)).reference, "points": 120, "reason": "gift", "note": "Broken mug"}


async def notify_customer(mine: NewShop) -> dict[str, Any]:
    customer, order = await _with_order(mine)
    said = {"template": "order_message", "fields": {"message": "The blue mug comes separately."}}
    return {"customer": customer.reference, "order": order.reference, **said}


async def create_segment(mine: NewShop) -> dict[str, Any]:
    await _with_order(mine)
    return {"name": "Lyon regulars", "filter": 'orders >= 1 and city = "Lyon"'}


async def list_segments(mine: NewShop) -> dict[str, Any]:
    await call(mine.shop, segments.create_segment, await create_segment(mine), mine.caller("owner"), key="segment")
    return {}


async def sales_by_customer(mine: NewShop) -> dict[str, Any]:
    await _with_order(mine)
    return {"placed_from": "2019-12-01T00:00:00Z", "placed_until": "2020-02-01T00:00:00Z"}


async def segment_customers(mine: NewShop) -> dict[str, Any]:
    await _with_order(mine)
    return {"group": "new"}


async def merge_customers(mine: NewShop) -> dict[str, Any]:
    kept, _ = await _with_order(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        gone = make_customer(sql, "A. Torres", email="a.torres@example.org")
        make_order(sql, customer=gone)
        await sql.commit()
    for name, said in (
        ("adjust_loyalty_points", {"points": 200}),
        ("log_interaction", {"subject": "A call"}),
        ("set_consent", {"channel": "email", "granted": False}),
    ):
        await call(mine.shop, registry.tool(name), {"customer": gone.reference, **said}, mine.caller("owner"), key=name)
    return {"customer": kept.reference, "duplicate": gone.reference}


async def erase_customer(mine: NewShop) -> dict[str, Any]:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, email="ana.torres@example.com")
        make_order(sql, customer=customer, status=OrderStatus.cancelled)
        await sql.commit()
    said = {"customer": customer.reference, "subject": "Ana Torres asked to be forgotten"}
    await call(mine.shop, interactions.log_interaction, said, mine.caller("owner"), key="asked")
    return {"customer": customer.reference}


async def export_customer_data(mine: NewShop) -> dict[str, Any]:
    customer, _ = await _with_order(mine)
    return {"customer": customer.reference}
