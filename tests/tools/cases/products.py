"""Valid arguments for each tool of the room, in a shop that has what they name."""

import uuid
from datetime import timedelta
from typing import Any

from tests.factories import NewShop, make_category, make_order, make_promotion, make_variant, warehouse_of
from tests.sheets import LAMP, MUG, sheet, uploaded
from tools.contract.call import call
from tools.products import price_changes as repricing


async def _on_shelf(mine: NewShop) -> tuple[str, str]:
    """A mug with 3 units left of which 2 were sold just now: its SKU, and the reference of its category."""
    async with mine.shop.database.transaction(mine.id) as sql:
        category = make_category(sql, "Mugs", slug="mugs")
        variant = make_variant(
            sql, "MUG-BLUE", title="Stoneware mug, blue", warehouse=await warehouse_of(sql), stock=3, category=category
        )
        make_order(sql, variant, 2, placed_at=mine.shop.clock())
        await sql.commit()
    return variant.sku, category.reference


async def _unsold(mine: NewShop) -> str:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", title="Stoneware mug, blue", warehouse=await warehouse_of(sql))
        await sql.commit()
    return variant.sku


async def list_products(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category, "stock": "in_stock", "max_price": 5_000, "sort": "cheapest"}


async def get_product(mine: NewShop) -> dict[str, Any]:
    sku, _ = await _on_shelf(mine)
    return {"product": sku}


async def create_product(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {
        "title": "Oak tray",
        "category": category,
        "variants": [
            {"sku": "TRAY-S", "options": {"Size": "S"}, "price": 2_490, "weight_grams": 800},
            {"sku": "TRAY-L", "options": {"Size": "L"}, "price": 2_990, "barcode": "4006381333931"},
        ],
    }


async def update_product(mine: NewShop) -> dict[str, Any]:
    return {"product": await _unsold(mine), "title": "Green mug", "brand": "Terra", "status": "inactive", "version": 1}


async def archive_product(mine: NewShop) -> dict[str, Any]:
    return {"product": await _unsold(mine)}


async def search_products(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"text": "blue mugg", "category": category}


async def list_categories(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"below": category}


async def low_stock_products(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category, "cover_days": 60}


async def top_selling_products(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category, "by": "revenue"}


async def _on_offer(mine: NewShop) -> str:
    """A code that runs: its reference."""
    async with mine.shop.database.transaction(mine.id) as sql:
        promotion = make_promotion(sql, "SPRING10", percent=10)
        await sql.commit()
    return promotion.reference


async def create_promotion(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {
        "name": "Mugs in spring", "code": "SPRING10", "amount": 500, "categories": [category], "minimum_subtotal": 2_000,
        "customer_tags": ["club"], "usage_limit": 100, "usage_limit_per_customer": 1, "combines_with": ["shipping"],
        "ends_at": (mine.shop.clock() + timedelta(days=30)).isoformat(),
    }  # fmt: skip


async def list_promotions(mine: NewShop) -> dict[str, Any]:
    await _on_offer(mine)
    return {"state": "running", "automatic": False, "text": "spring"}


async def update_promotion(mine: NewShop) -> dict[str, Any]:
    promotion, (sku, _) = await _on_offer(mine), await _on_shelf(mine)
    return {
        "promotion": promotion,
        "percent": 15,
        "products": [sku],
        "minimum_quantity": 2,
        "priority": 5,
        "status": "paused",
    }


async def end_promotion(mine: NewShop) -> dict[str, Any]:
    return {"promotion": await _on_offer(mine)}


async def set_price(mine: NewShop) -> dict[str, Any]:
    return {
        "sku": await _unsold(mine), "amount": 1_490, "compare_at": 1_999,
        "valid_from": "2190-11-27T00:00:00Z", "valid_until": "2190-11-30T00:00:00Z",
    }  # fmt: skip


async def get_price_history(mine: NewShop) -> dict[str, Any]:
    return {"sku": await _unsold(mine)}


async def change_prices(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category, "percent": "-10", "round_to": "ends_95", "strike_through": True}


async def undo_price_change(mine: NewShop) -> dict[str, Any]:
    arguments = await change_prices(mine)
    made = await call(mine.shop, repricing.change_prices, arguments, mine.caller("owner"), key=uuid.uuid4().hex)
    assert made.result is not None
    return {"change": made.result.change}


async def add_variant(mine: NewShop) -> dict[str, Any]:
    sku = await _unsold(mine)
    in_it = [{"sku": sku, "quantity": 2}]
    return {"product": sku, "sku": "MUG-PAIR", "options": {"Style": "A pair"}, "price": 3_490, "components": in_it}


async def update_variant(mine: NewShop) -> dict[str, Any]:
    return {
        "sku": await _unsold(mine),
        "weight_grams": 380,
        "barcode": "4006381333931",
        "sellable": False,
        "version": 1,
    }


async def create_category(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"name": "Small mugs", "parent": category, "position": 2}


async def move_category(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        kitchen = make_category(sql, "Kitchen")
        await sql.commit()
    return {"category": category, "parent": kitchen.reference, "name": "Cups"}


async def check_catalogue(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category, "attributes": ["material"]}


async def product_revenue(mine: NewShop) -> dict[str, Any]:
    sku, _ = await _on_shelf(mine)
    return {"product": sku}


async def product_performance(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category}


async def import_products(mine: NewShop) -> dict[str, Any]:
    return {"file": await uploaded(mine, sheet(LAMP, MUG)), "if_wrong": "skip"}


async def export_products(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category}
