"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from tests.factories import NewShop, make_category, make_order, make_variant, warehouse_of
from tests.sheets import LAMP, MUG, sheet, uploaded


async def _on_shelf(mine: NewShop) -> tuple[str, str]:
    """A mug with 3 units left of which 2 were sold just now: its SKU, and the reference of its category."""
    async with mine.shop.database.transaction(mine.id) as sql:
        category = make_category(sql, "Mugs")
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


async def import_products(mine: NewShop) -> dict[str, Any]:
    return {"file": await uploaded(mine, sheet(LAMP, MUG)), "if_wrong": "skip"}


async def export_products(mine: NewShop) -> dict[str, Any]:
    _, category = await _on_shelf(mine)
    return {"category": category}
