"""Lists of products by price and by stock: whichever way a page of them is looked for, it shows the same."""

import random
from datetime import timedelta
from typing import Any

import pytest

from db.models.products import ProductStatus
from db.models.warehouse import Warehouse
from db.session import Transaction
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_bundle,
    make_order,
    make_order_reservation,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tests.tools.selling import rows_of
from tests.tools.test_products_reading import product_of
from tools.products.listing import ProductSort, ProductSummary, list_products


async def arrange_shelves(mine: NewShop, chance: random.Random) -> None:
    """Eleven products of a few prices and stocks, each of which several have; some have no price in euros, or are not counted."""
    async with rows_of(mine) as sql:
        here = await warehouse_of(sql)
        for nth in range(8):
            small = make_variant(
                sql, title=f"Mug {nth % 5}", price=chance.choice((500, 700)), currency=chance.choice(("EUR", "EUR", "USD")),
                tracked=nth != 3,
            )  # fmt: skip
            product = await product_of(sql, small, updated_at=LONG_AGO + timedelta(days=nth % 3))
            large = make_variant(
                sql, product=product, price=chance.choice((500, 1_100)), currency=chance.choice(("EUR", "USD"))
            )
            make_stock(sql, large, here.id, chance.choice((0, 0, 1, 6))).reorder_point = chance.choice((None, 2))
            large.archived_at = LONG_AGO if nth in (1, 2) else None
        await arrange_plain_ones(sql, here, chance)
        make_bundle(sql, "SET", (make_variant(sql, warehouse=here, stock=chance.choice((0, 3))), 1), price=1_100)
        await product_of(sql, make_variant(sql, price=100), status=ProductStatus.archived)


async def arrange_plain_ones(sql: Transaction, here: Warehouse, chance: random.Random) -> None:
    """Twelve products of which all that lies there can be sold, and three of which not: it is held, closed in, or not on sale."""
    second, closed = make_warehouse(sql), make_warehouse(sql)
    closed.active = False
    plain = [
        make_variant(sql, title=f"Bowl {nth % 4}", price=600 + nth % 3, stock=0, warehouse=here) for nth in range(12)
    ]
    for variant in plain:
        make_stock(sql, variant, second.id, chance.choice((0, 0, 1, 2, 5)))
        make_stock(sql, make_variant(sql, product=await product_of(sql, variant)), here.id, chance.choice((0, 0, 1, 3)))
    held, shut_in, not_sold = [make_variant(sql, title=title) for title in ("Held", "Shut in", "Not sold")]
    level = make_stock(sql, held, here.id, chance.choice((2, 3)))
    make_order_reservation(sql, level, make_order(sql), 2)
    make_stock(sql, shut_in, closed.id, 4)
    make_stock(sql, not_sold, here.id, 4)
    not_sold.sellable = False


@pytest.mark.parametrize("sort", list(ProductSort))
@pytest.mark.parametrize(
    "filters",
    [{}, {"stock": "in_stock"}, {"stock": "low_stock"}, {"stock": "out_of_stock"}, {"min_price": 600}],
    ids=str,
)
async def test_all_ways_of_looking_for_a_page_show_the_same_products(
    mine: NewShop,
    do: Do,
    chance: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    sort: ProductSort,
    filters: dict[str, Any],
) -> None:
    """Each is looked at; among the first, of which there are enough; among one, and then of all together, one by one, or most
    along an index.
    """
    await arrange_shelves(mine, chance)
    whole = (await do(list_products, sort=sort, limit=50, **filters)).data
    assert whole or filters == {"stock": "low_stock"}

    for few, some, first in ((0, 0, 500), (0, 0, 1), (0, 500, 1), (0, 18, 1)):
        monkeypatch.setattr("tools.products.offers.FEW", few)
        monkeypatch.setattr("tools.products.offers.SOME", some)
        monkeypatch.setattr("tools.products.offers.FIRST", first)
        pages, after, further = list[ProductSummary](), None, True
        while further:
            page = await do(list_products, sort=sort, limit=3, after=after, **filters)
            pages, after, further = pages + page.data, page.next, page.has_more

        assert pages == whole


async def test_a_product_that_has_no_variant_left_is_out_of_stock_and_comes_last_of_the_least(
    mine: NewShop, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, title="Cup", stock=3, warehouse=await warehouse_of(sql))
        make_variant(sql, title="Bowl", stock=0, warehouse=await warehouse_of(sql))
        make_variant(sql, title="Jug").archived_at = LONG_AGO
    for name in ("FEW", "SOME", "FIRST"):
        monkeypatch.setattr(f"tools.products.offers.{name}", 0)

    least = (await do(list_products, sort="least_stock")).data
    none = (await do(list_products, stock="out_of_stock")).data

    assert [(row.title, row.available) for row in least] == [("Bowl", 0), ("Cup", 3), ("Jug", None)]
    assert [row.title for row in none] == ["Jug", "Bowl"]
