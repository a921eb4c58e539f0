"""Putting products into the catalogue, changing them, and taking them out."""

from typing import Any

import pytest
from sqlalchemy import select

from db.models.backoffice import Event, MerchantProfile, TaxRate
from db.models.orders import Order, OrderLine, OrderStatus
from db.models.products import Price, Product, ProductStatus, Variant
from tests.conftest import Do
from tests.factories import NewShop, make_category, make_order, make_variant, warehouse_of
from tests.tools.selling import rows_of
from tests.tools.till import choose
from tools.contract.actors import Hand
from tools.contract.call import Shop
from tools.contract.errors import IllegalMove, Invalid, NotFound, StaleVersion, VersionRequired
from tools.products.attributes import AttributeNotOfType
from tools.products.changes import EmptyProductField, OpenOrdersNeedIt, archive_product, update_product
from tools.products.creation import (
    BarcodeNotGtin,
    CurrencyNotSold,
    OptionsDiffer,
    SkuTaken,
    UnknownTaxClass,
    VariantTwice,
    create_product,
)
from tools.products.detail import get_product
from tools.products.listing import list_products
from tools.products.searching import search_products


def tee(sku: str, size: str, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "options": {"Size": size}, "price": 1_999} | more


# ---- creating ------------------------------------------------------------------------------------------------------------


async def test_a_new_product_has_its_variants_options_and_prices(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        shirts = make_category(sql, "Shirts")
        profile = (
            await sql.session.scalars(select(MerchantProfile).where(MerchantProfile.merchant_id == mine.id))
        ).one()
        profile.currencies = ["EUR", "USD"]

    product = await do(
        create_product, title="Tee", brand="Terra", category="shirts", tags=["summer"], attributes={"organic": True},
        media=[{"url": "https://x.example/tee.jpg"}],
        variants=[
            tee("TEE-S", "S", compare_at=2_499, cost=700, weight_grams=180, barcode="4006381333931"),
            tee("TEE-L", "L", more_prices=[{"currency": "USD", "amount": 2_299}], allow_backorder=True),
        ],
    )  # fmt: skip

    assert (product.status, product.version) == (ProductStatus.draft, 1)
    assert product.category is not None
    assert product.category.reference == shirts.reference
    assert [(option.name, option.values) for option in product.options] == [("Size", ["S", "L"])]
    small, large = product.variants
    assert (small.sku, small.title, small.barcode, small.weight_grams) == ("TEE-S", "S", "4006381333931", 180)
    assert small.cost is not None
    assert small.prices[0].compare_at is not None
    assert (small.cost.amount, small.prices[0].price.amount, small.prices[0].compare_at.amount) == (700, 1_999, 2_499)
    assert [(price.price.amount, price.price.currency) for price in large.prices] == [(1_999, "EUR"), (2_299, "USD")]
    assert (large.allow_backorder, large.available) == (True, 0)
    assert await do(get_product, product="tee-l") == product


async def test_a_product_put_on_sale_at_once_can_be_found_at_once(mine: NewShop, do: Do) -> None:
    await do(create_product, title="Oak tray", variants=[{"sku": "TRAY", "price": 2_490}], on_sale=True)

    (found,) = (await do(search_products, text="oak tray", status="active")).data

    assert found.skus == ["TRAY"]


async def test_a_single_variant_is_called_as_its_product(mine: NewShop, do: Do) -> None:
    product = await do(create_product, title="Oak tray", variants=[{"sku": "TRAY"}])

    assert [(variant.title, variant.options, variant.prices) for variant in product.variants] == [("Oak tray", {}, [])]
    assert product.options == []


async def test_who_made_a_product_is_an_event(mine: NewShop, do: Do) -> None:
    product = await do(create_product, title="Oak tray", variants=[{"sku": "TRAY"}])
    await do(update_product, product=product.reference, version=1, title="Ash tray", status="active")

    async with rows_of(mine) as sql:
        events = await sql.session.scalars(
            select(Event).where(Event.merchant_id == mine.id, Event.subject_kind == "product").order_by(Event.id)
        )
        assert [(event.kind, event.data) for event in events] == [
            ("created", {}), ("active", {"before": "draft"}), ("changed", {"fields": ["title"]}),
        ]  # fmt: skip


async def test_a_sku_in_use_is_refused_whatever_its_case(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        taken = make_variant(sql, "MUG-BLUE", title="Blue mug")

    with pytest.raises(SkuTaken, match=f"MUG-BLUE is {taken.reference} of Blue mug"):
        await do(create_product, title="Mug", variants=[{"sku": "mug-blue"}])
    with pytest.raises(SkuTaken, match="TEE and tee are one SKU"):
        await do(create_product, title="Tee", variants=[tee("TEE", "S"), tee("tee", "L")])


async def test_a_sku_has_no_slash(do: Do) -> None:
    with pytest.raises(Invalid, match="variants/0/sku"):
        await do(create_product, title="Tee", variants=[{"sku": "TEE/S"}])


@pytest.mark.parametrize(
    ("barcode", "says"),
    [
        ("4006381333932", "ends in 2; its check digit would be 1"),
        ("400638133393", "ends in 3; its check digit would be 0"),
        ("12345", "does not have the 8, 12, 13 or 14 digits"),
        ("ABCDEFGH", "does not have the 8, 12, 13 or 14 digits"),
    ],
)
async def test_a_barcode_passes_its_check_digit(do: Do, barcode: str, says: str) -> None:
    with pytest.raises(BarcodeNotGtin, match=says):
        await do(create_product, title="Tee", variants=[{"sku": "TEE", "barcode": barcode}])


@pytest.mark.parametrize("barcode", ["96385074", "036000291452", "4006381333931", "98412345678908", "4006381 333931"])
async def test_every_kind_of_gtin_is_kept_as_digits(do: Do, barcode: str) -> None:
    product = await do(create_product, title="Tee", variants=[{"sku": "TEE", "barcode": barcode}])

    assert product.variants[0].barcode == barcode.replace(" ", "")


async def test_variants_choose_the_same_options_and_not_the_same_values(do: Do) -> None:
    with pytest.raises(OptionsDiffer, match="TEE-S chooses Size, and TEE-L Colour"):
        await do(
            create_product, title="Tee", variants=[tee("TEE-S", "S"), {"sku": "TEE-L", "options": {"Colour": "Red"}}]
        )
    with pytest.raises(VariantTwice, match="TEE-1, TEE-2 are not told apart"):
        await do(create_product, title="Tee", variants=[tee("TEE-1", "S"), tee("TEE-2", "s"), tee("TEE-3", "M")])


async def test_prices_are_in_currencies_that_the_shop_sells_in_one_of_each(do: Do) -> None:
    with pytest.raises(CurrencyNotSold, match="TEE has a price in USD; the shop sells in EUR"):
        await do(
            create_product, title="Tee", variants=[{"sku": "TEE", "more_prices": [{"currency": "USD", "amount": 1}]}]
        )
    with pytest.raises(Invalid, match="TEE has two prices in one currency"):
        await do(
            create_product, title="Tee",
            variants=[{"sku": "TEE", "price": 100, "more_prices": [{"currency": "EUR", "amount": 200}]}],
        )  # fmt: skip


@pytest.mark.parametrize(
    "prices",
    [
        {"price": 1_000, "compare_at": 1_000},
        {"compare_at": 1_000},
        {"more_prices": [{"currency": "EUR", "amount": 9, "compare_at": 8}]},
    ],
)
async def test_a_price_to_compare_with_is_above_the_price(do: Do, prices: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="has to be above the price"):
        await do(create_product, title="Tee", variants=[{"sku": "TEE", **prices}])


async def test_a_tax_class_has_a_rate(mine: NewShop, do: Do) -> None:
    with pytest.raises(UnknownTaxClass, match="reduced; there are standard"):
        await do(create_product, title="Book", variants=[{"sku": "BOOK"}], tax_class="reduced")
    async with rows_of(mine) as sql:
        standard = (await sql.session.scalars(select(TaxRate).where(TaxRate.merchant_id == mine.id))).one()
        standard.tax_class = "reduced"

    product = await do(create_product, title="Book", variants=[{"sku": "BOOK"}], tax_class="reduced")

    assert product.tax_class == "reduced"


async def test_an_unknown_category_stops_it_and_nothing_is_written(mine: NewShop, do: Do) -> None:
    with pytest.raises(NotFound, match="There is no category Attic"):
        await do(create_product, title="Tee", variants=[tee("TEE", "S")], category="Attic")

    async with rows_of(mine) as sql:
        for table in (Product, Variant, Price):
            assert (await sql.session.scalars(select(table).where(table.merchant_id == mine.id))).all() == []


# ---- changing ------------------------------------------------------------------------------------------------------------


async def test_what_is_left_out_of_a_change_stays(mine: NewShop, do: Do) -> None:
    await do(
        create_product, title="Tee", brand="Terra", tags=["summer"], attributes={"organic": True, "fit": "slim"},
        variants=[tee("TEE", "S")],
    )  # fmt: skip

    changed = await do(
        update_product, product="TEE", version=1, description="Soft.", attributes={"fit": None, "weight": 180}
    )

    assert (changed.title, changed.brand, changed.tags, changed.version) == ("Tee", "Terra", ["summer"], 2)
    assert (changed.description, changed.attributes) == ("Soft.", {"organic": True, "weight": 180})


async def test_brand_and_category_can_be_taken_away_and_nothing_else(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_category(sql, "Shirts")
    await do(create_product, title="Tee", brand="Terra", category="Shirts", variants=[tee("TEE", "S")])

    changed = await do(update_product, product="TEE", version=1, brand=None, category=None)

    assert (changed.brand, changed.category) == (None, None)
    with pytest.raises(EmptyProductField, match="tags, title of a product cannot be empty"):
        await do(update_product, product="TEE", version=2, title=None, tags=None)


async def test_a_renamed_product_is_found_by_its_new_words_and_its_skus(mine: NewShop, do: Do) -> None:
    await do(create_product, title="Tee", variants=[tee("TEE-S", "S")])

    await do(update_product, product="TEE-S", version=1, title="Linen blouse", brand="Luna")

    for text in ("linen blouse", "luna", "TEE-S"):
        assert (await do(search_products, text=text)).found == 1


async def test_a_change_needs_the_version_that_was_read(mine: NewShop, do: Do) -> None:
    await do(create_product, title="Tee", variants=[tee("TEE", "S")])
    await do(update_product, product="TEE", version=1, title="Tee shirt")

    with pytest.raises(VersionRequired):
        await do(update_product, product="TEE", title="T")
    with pytest.raises(StaleVersion, match="is at version 2, and you read version 1"):
        await do(update_product, product="TEE", version=1, title="T")


async def test_a_status_moves_as_products_do(mine: NewShop, do: Do) -> None:
    await do(create_product, title="Tee", variants=[tee("TEE", "S")])

    with pytest.raises(IllegalMove) as refused:
        await do(update_product, product="TEE", version=1, status="discontinued")
    await do(update_product, product="TEE", version=1, status="active")
    again = await do(update_product, product="TEE", version=2, status="active")

    assert refused.value.details["allowed_moves"] == ["active", "archived"]
    assert again.status is ProductStatus.active


async def test_only_the_fields_that_changed_are_on_the_card(mine: NewShop, do: Do) -> None:
    await do(create_product, title="Tee", variants=[tee("TEE", "S")])

    card = (await do.outcome(update_product, preview=True, product="TEE", version=1, brand="Luna")).card

    assert card is not None
    (change,) = [change for change in card.changes if change["row"] == "product"]
    assert change["fields"]["brand"] == [None, "Luna"]
    assert "title" not in change["fields"]


# ---- taking out ----------------------------------------------------------------------------------------------------------


async def test_an_archived_product_keeps_its_history_and_can_come_back_as_a_draft(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG", warehouse=await warehouse_of(sql), stock=4)
        make_order(sql, mug, 2, status=OrderStatus.cancelled)

    archived = await do(archive_product, product="MUG")
    back = await do(update_product, product="MUG", version=archived.version, status="draft")

    assert (archived.status, archived.units_left, archived.open_orders) == (ProductStatus.archived, 4, [])
    assert back.status is ProductStatus.draft
    assert [variant.sku for variant in back.variants] == ["MUG"]


async def test_a_product_that_open_orders_need_stays(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG", title="Blue mug")
        waiting = make_order(sql, mug, 3)
        pending = make_order(sql, mug, 1, status=OrderStatus.pending)
        await sql.session.flush()
        for order, fulfilled in ((waiting, 1), (make_order(sql, mug, 1), 1)):
            await sql.session.flush()
            line = (await sql.session.scalars(select(OrderLine).where(OrderLine.order_id == order.id))).one()
            line.fulfilled = order.units_fulfilled = fulfilled

    with pytest.raises(OpenOrdersNeedIt, match=r"2 open orders need 3 more units of Blue mug") as refused:
        await do(archive_product, product="MUG")

    assert set(refused.value.details["orders"]) == {waiting.reference, pending.reference}
    assert refused.value.details["units"] == 3
    assert (await do(get_product, product="MUG")).status is ProductStatus.active


async def test_selling_can_be_stopped_while_open_orders_wait(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        order = make_order(sql, make_variant(sql, "MUG"), 3)

    stopped = await do(archive_product, product="MUG", stop_selling_only=True)

    assert (stopped.status, stopped.open_orders) == (ProductStatus.inactive, [order.reference])
    async with rows_of(mine) as sql:
        kept = (await sql.session.scalars(select(Order).where(Order.id == order.id))).one()
        assert kept.status is OrderStatus.confirmed


async def test_what_is_archived_is_not_archived_again_nor_by_an_old_version(mine: NewShop, do: Do) -> None:
    await do(create_product, title="Tee", variants=[tee("TEE", "S")])

    with pytest.raises(StaleVersion):
        await do(archive_product, product="TEE", version=7)
    await do(archive_product, product="TEE", version=1)
    with pytest.raises(IllegalMove, match="is archived and cannot become archived"):
        await do(archive_product, product="TEE")


async def test_a_model_shows_a_card_that_says_what_is_left(mine: NewShop, shop: Shop) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "MUG", title="Blue mug", warehouse=await warehouse_of(sql), stock=4)

    model = Do(shop, mine.caller("manager", hand=Hand.model))
    outcome = await model.outcome(archive_product, product="MUG")

    assert outcome.approval is not None
    assert outcome.card is not None
    assert outcome.card.sentences[1:] == ["4 units of it still lie in the warehouses."]


async def test_a_tag_comes_or_goes_and_the_others_stay(do: Do) -> None:
    made = await do(create_product, title="Tee", tags=["Summer", "new"], variants=[{"sku": "TEE", "price": 1_000}])

    added = await do(update_product, product=made.reference, version=made.version, tags_add=["Gift", "NEW"])
    found = await do(search_products, text="gift")
    removed = await do(update_product, product=made.reference, version=added.version, tags_remove=["summer"])

    assert added.tags == ["Summer", "new", "Gift"]
    assert [product.reference for product in found.data] == [made.reference]
    assert removed.tags == ["new", "Gift"]


# ---- typed attributes ----------------------------------------------------------------------------------------------------


async def test_attributes_are_of_the_types_that_the_shop_chose_and_are_compared_by_them(mine: NewShop, do: Do) -> None:
    types = {
        "Volume": {"type": "number", "unit": "ml"}, "dishwasher": {"type": "boolean"}, "since": {"type": "date"},
        "glaze": {"type": "choice", "values": ["Matt", "Gloss"]}, "pieces": {"type": "integer"},
    }  # fmt: skip
    await choose(mine, "products.attribute_types", types)
    written = {
        "volume": "350",
        "dishwasher": "yes",
        "since": "2026-03-01",
        "glaze": "matt",
        "pieces": 2,
        "maker": "Luna",
    }
    mug = await do(create_product, title="Mug", variants=[{"sku": "MUG"}], attributes=written)
    await do(create_product, title="Jug", variants=[{"sku": "JUG"}], attributes={"volume": 1_200.5})

    async def found(attribute: str) -> list[str]:
        return [row.title for row in (await do(list_products, attribute=attribute, sort="alphabetical")).data]

    assert mug.attributes == {
        "Volume": 350, "dishwasher": True, "since": "2026-03-01", "glaze": "Matt", "pieces": 2, "maker": "Luna",
    }  # fmt: skip
    assert [await found(one) for one in ("volume>=350", "volume > 350", "since<2026-04-01", "glaze=matt", "maker")] == [
        ["Jug", "Mug"], ["Jug"], ["Mug"], ["Mug"], ["Mug"],
    ]  # fmt: skip
    for name, value, says in (
        ("volume", "big", "Volume is a number of ml, and not big"), ("glaze", "raw", "glaze is one of Matt, Gloss"),
        ("pieces", 1.5, "pieces is a whole number, and not 1.5"), ("since", "1 May", "since is a day such as"),
        ("dishwasher", "maybe", "dishwasher is true or false"),
    ):  # fmt: skip
        with pytest.raises(AttributeNotOfType, match=says):
            await do(update_product, product="MUG", attributes={name: value}, version=1)
    with pytest.raises(Invalid, match="big is no number and no day"):
        await found("volume>big")
