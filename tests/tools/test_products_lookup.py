"""What people mean by a name: SKUs, references, other shops' numbers, titles of shelves and warehouses."""

import pytest
from sqlalchemy import select

from db.models.products import Product, Variant
from tests.factories import NewShop, make_category, make_customer, make_variant, make_warehouse
from tests.tools.selling import rows_of
from tools.contract.context import Context
from tools.contract.errors import Ambiguous, NotFound
from tools.products.detail import read_product
from tools.rules.lookup import find_category, find_customer, find_product, find_variant, find_warehouse


async def test_a_sku_as_written_wins_over_one_that_differs_in_case(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        lower, upper = make_variant(sql, "mug-blue"), make_variant(sql, "MUG-BLUE")

    assert (await find_variant(ctx, "mug-blue", for_update=True)).id == lower.id
    assert (await find_variant(ctx, " MUG-BLUE ")).id == upper.id
    with pytest.raises(Ambiguous, match=f"{lower.reference}.*{upper.reference}|{upper.reference}.*{lower.reference}"):
        await find_variant(ctx, "Mug-Blue")


async def test_a_variant_is_also_known_by_its_reference_and_by_its_number_elsewhere(
    mine: NewShop, ctx: Context
) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG-BLUE")
        mug.source, mug.external_reference = "amazon", "B00X"

    for written in ("mug-blue", mug.reference, mug.reference.lower(), "B00X"):
        assert (await find_variant(ctx, written)).id == mug.id


async def test_a_number_is_a_sku_and_not_the_end_of_a_reference(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "X").reference = "VAR-4711"
        numbered = make_variant(sql, "4711")

    assert (await find_variant(ctx, "4711")).id == numbered.id


async def test_an_unknown_sku_names_the_nearest(mine: NewShop, other: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        for sku in ("MUG-BLUE", "MUG-RED", "TRAY-OAK", "RAKE"):
            make_variant(sql, sku)
    async with rows_of(other) as sql:
        make_variant(sql, "MUG-BLUM")

    with pytest.raises(NotFound, match="There is no variant MUG-BLU") as unknown:
        await find_variant(ctx, "MUG-BLU")

    assert unknown.value.details["nearest"][:2] == ["MUG-BLUE", "MUG-RED"]
    assert "MUG-BLUE, MUG-RED" in unknown.value.advice


async def test_a_product_is_known_by_any_of_its_skus(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        small = make_variant(sql, "TEE-S")
        await sql.session.flush()
        product = (await sql.session.scalars(select(Product).where(Product.id == small.product_id))).one()
        product.source, product.external_reference = "shopify", "gid-9"
        large = make_variant(sql, "TEE-L", product=product)

    for written in (product.reference, "gid-9", "TEE-S", "tee-l", large.reference):
        assert (await find_product(ctx, written)).id == product.id


async def test_a_sku_that_fits_two_products_is_asked_about(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "tee", title="Shirt")
        make_variant(sql, "TEE", title="Golf tee")

    with pytest.raises(Ambiguous, match=r"Shirt .*Golf tee|Golf tee .*Shirt"):
        await find_product(ctx, "Tee")


async def test_a_product_is_known_by_its_title_whatever_the_case_and_accents(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG-1", title="Blue Café Mug")
        make_variant(sql, "MUG-2", title="Blue Café Mug, large")

    for written in ("Blue Café Mug", " blue  CAFE mug"):
        assert (await find_product(ctx, written, for_update=True)).id == mug.product_id
        assert (await find_variant(ctx, written)).id == mug.id
        assert (await read_product(ctx, written)).variants[0].sku == "MUG-1"


async def test_a_title_that_two_products_have_is_asked_about_unless_one_is_archived(
    mine: NewShop, ctx: Context
) -> None:
    async with rows_of(mine) as sql:
        mugs = [make_variant(sql, title="Blue mug") for _ in range(2)]
    with pytest.raises(Ambiguous, match=r"fits Blue mug \(PRD-\d+\), Blue mug \(PRD-"):
        await find_product(ctx, "blue mug")

    async with rows_of(mine) as sql:
        await sql.execute(
            "update products set status = 'archived' where merchant_id = %s and id = %s", (mine.id, mugs[0].product_id)
        )
    assert (await find_product(ctx, "blue mug")).id == mugs[1].product_id


async def test_a_title_is_no_name_of_one_of_several_variants(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        small = make_variant(sql, "TEE-S", title="Shirt")
        await sql.session.flush()
        product = (await sql.session.scalars(select(Product).where(Product.id == small.product_id))).one()
        make_variant(sql, "TEE-L", product=product)

    with pytest.raises(Ambiguous, match=r"shirt fits TEE-S \(VAR-\d+\), TEE-L \(VAR-"):
        await find_variant(ctx, "shirt")


async def test_a_sku_wins_over_a_title(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        named = make_variant(sql, "rake", title="Garden rake")
        make_variant(sql, "R-2", title="Rake")

    assert (await find_variant(ctx, "Rake")).id == named.id
    assert (await find_product(ctx, "Rake")).id == named.product_id


async def test_a_customers_full_name_is_enough_to_read_unless_two_have_it(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        asa = make_customer(sql, "Åsa Torres")
        make_customer(sql, "Åsa Torres-Lund")
        twins = [make_customer(sql, "Lea Martin") for _ in range(2)]

    assert (await find_customer(ctx, "asa torres")).id == asa.id
    for written, for_update in (("asa torres", True), ("asa", False)):
        with pytest.raises(NotFound, match=f"There is no customer {written}"):
            await find_customer(ctx, written, for_update=for_update)
    with pytest.raises(Ambiguous) as refused:
        await find_customer(ctx, "lea martin")
    assert all(twin.reference in str(refused.value) for twin in twins)


async def test_an_unknown_product_names_those_with_the_nearest_titles(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        for title in ("Garden rake", "Oak tray", "Blue mug"):
            make_variant(sql, title=title)

    with pytest.raises(NotFound, match="There is no product oak try") as unknown:
        await find_product(ctx, "oak try")

    assert unknown.value.details["nearest"][0].startswith("Oak tray (PRD-")


async def test_a_category_is_known_by_name_slug_or_reference_whatever_the_accents(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        cafe = make_category(sql, "Café & Thé")

    for written in ("cafe & the", "CAFÉ & THÉ", cafe.slug, cafe.reference.lower()):
        assert (await find_category(ctx, written)).id == cafe.id


async def test_two_categories_of_one_name_are_asked_about(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        first = make_category(sql, "Sale")
        make_category(sql, "sale", first)

    assert (await find_category(ctx, "Sale")).id == first.id
    with pytest.raises(Ambiguous, match=r"Sale \(CAT-.*sale \(CAT-|sale \(CAT-.*Sale \(CAT-"):
        await find_category(ctx, "SALE")
    with pytest.raises(NotFound, match="There is no category Garden"):
        await find_category(ctx, "Garden")


async def test_a_warehouse_is_known_by_code_name_or_reference(mine: NewShop, ctx: Context) -> None:
    async with rows_of(mine) as sql:
        lyon = make_warehouse(sql, code="LYS")

    for written in ("lys", "Warehouse lys", lyon.reference.lower()):
        assert (await find_warehouse(ctx, written)).id == lyon.id
    with pytest.raises(NotFound, match="There is no warehouse Madrid"):
        await find_warehouse(ctx, "Madrid")


async def test_another_merchants_names_mean_nothing_here(mine: NewShop, other: NewShop, ctx: Context) -> None:
    async with rows_of(other) as sql:
        theirs = make_variant(sql, "THEIRS")

    for written in ("THEIRS", theirs.reference):
        with pytest.raises(NotFound):
            await find_variant(ctx, written)
    assert (await ctx.db.scalars(select(Variant))).all() == []
