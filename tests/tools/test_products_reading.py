"""Reading the catalogue: one product, lists of them, the search, the shelves."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db.models.products import Category, Price, Product, ProductStatus, Variant, search_text
from db.money import Money
from db.session import Transaction
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_category,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tests.tools.selling import rows_of
from tools.contract.call import Shop, opened
from tools.contract.declare import Tool
from tools.contract.errors import Ambiguous, Invalid, NotFound
from tools.products.categories import list_categories
from tools.products.detail import get_product
from tools.products.listing import ProductSort, ProductSummary, list_products
from tools.products.searching import search_products


async def product_of(sql: Transaction, variant: Variant, **changed: Any) -> Product:
    """The product of a variant that was just made, with something changed."""
    await sql.session.flush()
    product = (await sql.session.scalars(select(Product).where(Product.id == variant.product_id))).one()
    for name, value in changed.items():
        setattr(product, name, value)
    product.search = search_text(product.title, product.brand, product.tags or [], [variant.sku])
    return product


def add_price(sql: Transaction, variant: Variant, amount: int, **more: Any) -> None:
    sql.session.add(
        Price(merchant_id=sql.merchant, variant_id=variant.id, amount=amount, created_at=LONG_AGO, **{
            "currency": "EUR", "valid_from": LONG_AGO, **more,
        })
    )  # fmt: skip


async def ends_after(sql: Transaction, variant: Variant, days: int) -> None:
    """Its first price makes room for a next one."""
    await sql.session.flush()
    price = (await sql.session.scalars(select(Price).where(Price.variant_id == variant.id))).one()
    price.valid_until = LONG_AGO + timedelta(days=days)
    await sql.session.flush()


def titles(page: Any) -> list[str]:
    return [product.title for product in page.data]


# ---- one product ---------------------------------------------------------------------------------------------------------


async def test_a_product_shows_what_all_its_variants_come_to(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        small = make_variant(sql, "TEE-S", price=1_999, warehouse=await warehouse_of(sql), stock=5)
        product = await product_of(sql, small)
        large = make_variant(sql, "TEE-L", price=2_499, warehouse=await warehouse_of(sql), stock=7, product=product)
        gone = make_variant(sql, "TEE-XL", price=9_999, product=product)
        gone.archived_at = LONG_AGO
        await ends_after(sql, large, days=1)
        add_price(sql, large, 2_299, valid_from=LONG_AGO + timedelta(days=1))
        add_price(sql, small, 1_500, min_quantity=10)
        add_price(sql, small, 1_200, customer_group="wholesale")
        add_price(sql, small, 900, currency="USD")

    shown = await do(get_product, product="TEE-S")

    assert shown.price_from == Money(amount=1_999, currency="EUR")
    assert shown.price_to == Money(amount=2_299, currency="EUR")
    assert (shown.on_hand, shown.available) == (12, 12)


async def test_a_product_shows_its_variants_prices_and_stock(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        first, second = await warehouse_of(sql), make_warehouse(sql, code="LYS", priority=1)
        closed = make_warehouse(sql, code="OLD", priority=2)
        closed.active = False
        mug = make_variant(sql, "MUG", price=1_999, warehouse=first, stock=5, category=make_category(sql, "Mugs"))
        level = make_stock(sql, mug, second.id, 7)
        level.reserved, level.damaged, level.reorder_point = 2, 1, 4
        make_stock(sql, mug, closed.id, 100)
        add_price(sql, mug, 1_799, min_quantity=10, compare_at=1_999)
        await product_of(
            sql, mug, attributes={"material": "clay"}, media=[{"url": "https://x.example/1.jpg", "alt": ""}]
        )

    product = await do(get_product, product="mug")

    assert product.category is not None
    assert (product.category.name, product.attributes, product.media[0].url) == (
        "Mugs", {"material": "clay"}, "https://x.example/1.jpg",
    )  # fmt: skip
    (variant,) = product.variants
    assert [(price.price.amount, price.min_quantity) for price in variant.prices] == [(1_999, 1), (1_799, 10)]
    assert variant.prices[1].compare_at is not None
    assert [(place.name, place.available, place.reorder_point) for place in variant.stock] == [
        ("Warehouse MAIN", 5, None), ("Warehouse LYS", 4, 4),
    ]  # fmt: skip
    assert variant.available == 9


async def test_only_prices_that_hold_now_are_shown(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG", price=1_999)
        await ends_after(sql, mug, days=36_500)
        add_price(sql, mug, 999, valid_from=LONG_AGO - timedelta(days=9), valid_until=LONG_AGO)
        add_price(sql, mug, 2_999, valid_from=LONG_AGO + timedelta(days=36_500))

    product = await do(get_product, product="MUG")

    assert [price.price.amount for price in product.variants[0].prices] == [1_999]


async def test_a_sku_that_fits_two_products_is_asked_about_and_an_unknown_one_not_found(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "tee", title="Shirt")
        make_variant(sql, "TEE", title="Golf tee")

    with pytest.raises(Ambiguous, match="Shirt"):
        await do(get_product, product="Tee")
    with pytest.raises(NotFound, match="nope"):
        await do(get_product, product="nope")


# ---- lists ---------------------------------------------------------------------------------------------------------------


async def arrange_shelf(mine: NewShop) -> None:
    """Three products: a mug with stock, a teapot that is low, a tray that is sold out and costs more."""
    async with rows_of(mine) as sql:
        here = await warehouse_of(sql)
        kitchen = make_category(sql, "Kitchen")
        mug = make_variant(sql, "MUG", title="Blue mug", price=1_200, warehouse=here, stock=9)
        await product_of(sql, mug, category_id=make_category(sql, "Mugs", kitchen).id, brand="Terra", tags=["Gift"])
        pot = make_variant(sql, "POT", title="Teapot", price=3_500)
        make_stock(sql, pot, here.id, 2).reorder_point = 2
        await product_of(sql, pot, category_id=kitchen.id, brand="Terra", attributes={"material": "Clay"})
        tray = make_variant(sql, "TRAY", title="oak tray", price=4_900, warehouse=here, stock=0)
        await product_of(sql, tray, status=ProductStatus.draft, options=[{"name": "Size", "values": ["S", "L"]}])
        gone = make_variant(sql, "GONE", title="Gone")
        await product_of(sql, gone, status=ProductStatus.archived)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["Blue mug", "oak tray", "Teapot"]),
        ({"category": "kitchen"}, ["Blue mug", "Teapot"]),
        ({"category": "Mugs"}, ["Blue mug"]),
        ({"brand": "terra"}, ["Blue mug", "Teapot"]),
        ({"status": "draft"}, ["oak tray"]),
        ({"status": "archived"}, ["Gone"]),
        ({"stock": "in_stock"}, ["Blue mug", "Teapot"]),
        ({"stock": "low_stock"}, ["Teapot"]),
        ({"stock": "out_of_stock"}, ["oak tray"]),
        ({"min_price": 3_500}, ["oak tray", "Teapot"]),
        ({"min_price": 1_300, "max_price": 4_000}, ["Teapot"]),
        ({"max_price": 3_500}, ["Blue mug", "Teapot"]),
        ({"max_price": 3_500, "currency": "USD"}, []),
        ({"tag": "gift"}, ["Blue mug"]),
        ({"attribute": "Material"}, ["Teapot"]),
        ({"attribute": "material=clay"}, ["Teapot"]),
        ({"attribute": "material=wood"}, []),
        ({"attribute": "size=l"}, ["oak tray"]),
        ({"brand": "Terra", "stock": "low_stock", "max_price": 4_000}, ["Teapot"]),
    ],
)
async def test_products_are_listed_by_what_they_are(
    mine: NewShop, do: Do, filters: dict[str, Any], expected: list[str]
) -> None:
    await arrange_shelf(mine)

    page = await do(list_products, **filters, sort="alphabetical")

    assert titles(page) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("newest", ["oak tray", "Teapot", "Blue mug"]),
        ("alphabetical", ["Blue mug", "oak tray", "Teapot"]),
        ("cheapest", ["Blue mug", "Teapot", "oak tray"]),
        ("dearest", ["oak tray", "Teapot", "Blue mug"]),
        ("least_stock", ["oak tray", "Teapot", "Blue mug"]),
    ],
)
async def test_products_are_listed_in_the_order_that_was_asked_for(
    mine: NewShop, do: Do, sort: str, expected: list[str]
) -> None:
    await arrange_shelf(mine)

    assert titles(await do(list_products, sort=sort)) == expected


async def test_a_listed_product_says_its_prices_and_stock(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        here = await warehouse_of(sql)
        small = make_variant(sql, "TEE-S", title="Tee", price=1_500, warehouse=here, stock=3)
        product = await product_of(sql, small)
        make_variant(sql, "TEE-L", product=product, price=1_800, warehouse=here, stock=4)
        add_price(sql, small, 1_000, customer_group="staff")

    (tee,) = (await do(list_products)).data

    assert tee.price_from is not None
    assert tee.price_to is not None
    assert (tee.price_from.amount, tee.price_to.amount, tee.available, tee.variants) == (1_500, 1_800, 7, 2)
    assert tee.skus == ["TEE-S", "TEE-L"]


async def test_a_price_range_wants_one_variant_inside_it(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        small = make_variant(sql, price=500)
        make_variant(sql, product=await product_of(sql, small), price=5_000)

    assert (await do(list_products, min_price=1_000, max_price=2_000)).data == []
    assert len((await do(list_products, min_price=1_000)).data) == 1


async def test_what_is_not_counted_is_in_stock_while_it_may_be_sold(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "EBOOK", title="E-book", tracked=False)
        make_variant(sql, "SECRET", title="Secret", tracked=False).sellable = False

    page = await do(list_products, sort="alphabetical")

    assert [(p.title, p.stock.value, p.available) for p in page.data] == [
        ("E-book", "in_stock", None), ("Secret", "out_of_stock", None),
    ]  # fmt: skip


async def read_on(do: Do, tool: Tool[Any, Any], mine: NewShop, **arguments: Any) -> list[ProductSummary]:
    """All pages of two, while somebody adds and renames other products."""
    seen: list[ProductSummary] = []
    after = None
    while True:
        page = await do(tool, limit=2, after=after, **arguments)
        seen += page.data
        assert page.has_more == (page.next is not None)
        if not page.has_more:
            return seen
        after = page.next
        async with rows_of(mine) as sql:
            make_variant(sql, title="Unrelated", price=100)


@pytest.mark.parametrize("sort", list(ProductSort))
async def test_no_product_comes_twice_or_is_missed_while_pages_are_read(
    mine: NewShop, do: Do, sort: ProductSort
) -> None:
    async with rows_of(mine) as sql:
        for nth in range(7):
            make_variant(sql, f"M-{nth}", title=f"Mug {nth // 2}", price=500 + nth // 2)

    seen = await read_on(do, list_products, mine, sort=sort)

    assert len({product.reference for product in seen}) == len(seen)
    assert {f"M-{nth}" for nth in range(7)} <= {product.skus[0] for product in seen}


async def test_a_cursor_of_another_order_is_refused(mine: NewShop, do: Do) -> None:
    await arrange_shelf(mine)
    page = await do(list_products, limit=1)

    with pytest.raises(Invalid, match="cursor"):
        await do(list_products, limit=1, sort="cheapest", after=page.next)
    with pytest.raises(Invalid, match="cursor"):
        await do(list_products, after="nonsense")


async def test_an_unknown_category_is_not_an_empty_list(mine: NewShop, do: Do) -> None:
    with pytest.raises(NotFound, match="There is no category Attic"):
        await do(list_products, category="Attic")
    with pytest.raises(NotFound, match="There is no category Attic"):
        await do(search_products, text="mug", category="Attic")


# ---- search --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["blue mug", "bleu mugg", "MUGS", "MUG-B", "terra mug", "búlé mug", "gift"])
async def test_products_are_found_by_words_with_typing_errors(mine: NewShop, do: Do, text: str) -> None:
    async with rows_of(mine) as sql:
        await product_of(sql, make_variant(sql, "MUG-BLUE", title="Blue mug"), brand="Terra", tags=["gift"])
        make_variant(sql, "RAKE", title="Garden rake")

    found = await do(search_products, text=text)

    assert titles(found) == ["Blue mug"]
    assert found.found == 1


async def test_the_likest_comes_first(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        for title in ("Mug rack, blue", "Blue mug", "Blue muslin"):
            make_variant(sql, title=title)

    assert titles(await do(search_products, text="blue mug"))[0] == "Blue mug"


async def test_what_was_found_can_be_narrowed_down(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        here = await warehouse_of(sql)
        mugs, pots = make_category(sql, "Mugs"), make_category(sql, "Pots")
        for nth, (price, brand) in enumerate([(900, "Terra"), (1_900, "Terra"), (2_100, "Luna"), (9_900, None)]):
            thing = make_variant(sql, title=f"Blue thing {nth}", price=price, warehouse=here, stock=nth)
            await product_of(sql, thing, brand=brand, category_id=(pots if nth == 3 else mugs).id)

    found = await do(search_products, text="blue", limit=1)
    narrowed = await do(search_products, text="blue", category=found.facets.categories[0].value, max_price=2_000)

    assert found.found == 4
    assert [(facet.label, facet.products) for facet in found.facets.categories] == [("Mugs", 3), ("Pots", 1)]
    assert [(facet.value, facet.products) for facet in found.facets.brands] == [("Terra", 2), ("Luna", 1)]
    assert [(facet.value, facet.products) for facet in found.facets.stock] == [("in_stock", 3), ("out_of_stock", 1)]
    assert [(band.lowest.amount, band.below.amount, band.products) for band in found.facets.prices] == [
        (0, 2_000, 2), (2_000, 4_000, 1), (8_000, 10_000, 1),
    ]  # fmt: skip
    assert narrowed.found == 2


async def test_no_product_is_found_twice_while_pages_are_read(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        for nth in range(7):
            make_variant(sql, f"M-{nth}", title="Blue mug")

    seen = await read_on(do, search_products, mine, text="blue mug")

    assert len({product.reference for product in seen}) == len(seen) == 7


async def test_another_merchants_products_are_not_found(mine: NewShop, other: NewShop, do: Do) -> None:
    async with rows_of(other) as sql:
        make_variant(sql, title="Blue mug")

    found = await do(search_products, text="blue mug")

    assert (found.data, found.found) == ([], 0)
    assert (await do(list_products)).data == []


# ---- shelves -------------------------------------------------------------------------------------------------------------


async def arrange_tree(mine: NewShop) -> dict[str, Category]:
    """Home (Kitchen (Mugs, Pots)), Garden; three mugs, one archived, and a pot."""
    async with rows_of(mine) as sql:
        home, garden = make_category(sql, "Home"), make_category(sql, "Garden")
        kitchen = make_category(sql, "Kitchen", home)
        pots, mugs = make_category(sql, "Pots", kitchen), make_category(sql, "Mugs", kitchen)
        home.position, garden.position = 0, 1
        for category in (mugs, mugs, mugs, pots):
            make_variant(sql, category=category)
        await product_of(sql, make_variant(sql, category=mugs), status=ProductStatus.archived)
    return {category.name: category for category in (home, garden, kitchen, pots, mugs)}


async def test_categories_are_a_tree_with_counts(mine: NewShop, do: Do) -> None:
    await arrange_tree(mine)

    page = await do(list_categories)

    assert [(c.path, c.depth, c.products, c.products_below) for c in page.data] == [
        ("Home", 0, 0, 4),
        ("Home / Kitchen", 1, 0, 4),
        ("Home / Kitchen / Mugs", 2, 3, 3),
        ("Home / Kitchen / Pots", 2, 1, 1),
        ("Garden", 0, 0, 0),
    ]


async def test_a_part_of_the_tree_can_be_asked_for(mine: NewShop, do: Do) -> None:
    tree = await arrange_tree(mine)

    page = await do(list_categories, below="kitchen")

    assert [(c.name, c.parent, c.depth) for c in page.data] == [
        ("Kitchen", tree["Home"].reference, 0),
        ("Mugs", tree["Kitchen"].reference, 1),
        ("Pots", tree["Kitchen"].reference, 1),
    ]


async def test_the_tree_is_read_in_pages_without_a_gap(mine: NewShop, do: Do) -> None:
    await arrange_tree(mine)

    first = await do(list_categories, limit=2)
    second = await do(list_categories, limit=2, after=first.next)
    third = await do(list_categories, limit=2, after=second.next)

    assert [c.name for page in (first, second, third) for c in page.data] == [
        "Home",
        "Kitchen",
        "Mugs",
        "Pots",
        "Garden",
    ]
    assert third.next is None
    assert second.data[0].products_below == 3


# ---- what it costs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "statements"),
    [
        (get_product, {"product": "MUG"}, 1),
        (list_products, {"sort": "cheapest", "stock": "in_stock"}, 1),
        (search_products, {"text": "mug"}, 2),  # what means the same in this shop is read first
        (list_categories, {}, 1),
    ],
    ids=["get", "list", "search", "categories"],
)
async def test_reading_takes_one_statement(
    mine: NewShop, shop: Shop, tool: Tool[Any, Any], arguments: dict[str, Any], statements: int
) -> None:
    await arrange_shelf(mine)

    async with opened(shop, tool, mine.caller("viewer")) as (ctx, _):
        before = len(ctx.sql.statements)
        await tool.run(ctx, tool.input.model_validate(arguments))

        assert len(ctx.sql.statements) - before == statements


async def test_stock_is_counted_from_active_warehouses_alone(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        old = make_warehouse(sql)
        old.active = False
        make_variant(sql, warehouse=old, stock=5)

    (product,) = (await do(list_products)).data

    assert (product.available, product.stock.value) == (0, "out_of_stock")
