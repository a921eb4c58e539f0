"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from db.models.customers import Customer
from tests.factories import NewShop, make_customer
from tools.contract.call import call
from tools.customers import addresses


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
