"""One more variant of a product, changes of one, and what is made to order."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from db.models.backoffice import Event
from db.models.orders import OrderStatus
from db.models.products import Product, Variant
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_variant, warehouse_of
from tests.tools.selling import rows_of
from tools.backoffice.taxes import set_tax_rate
from tools.contract.errors import NotFound, StaleVersion, VersionRequired
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.inventory.adjustments import adjust_stock
from tools.inventory.levels import list_stock
from tools.orders.wishes import VariantNotSellable
from tools.products.changes import OpenOrdersNeedIt
from tools.products.creation import (
    BarcodeNotGtin,
    CurrencyNotSold,
    OptionsDiffer,
    SkuTaken,
    UnknownTaxClass,
    VariantTwice,
    create_product,
)
from tools.products.searching import search_products
from tools.products.variants import EmptyVariantField, OrdersHoldNothing, StockIsCounted, add_variant, update_variant


@pytest.fixture
async def tee(do: Do) -> str:
    """A shirt in S and M: its reference."""
    variants = [{"sku": f"TEE-{size}", "options": {"Size": size}, "price": 1_999} for size in ("S", "M")]
    return (await do(create_product, title="Tee", variants=variants, on_sale=True)).reference


async def told(do: Do, **arguments: Any) -> list[str]:
    card = (await do.outcome(update_variant, preview=True, version=1, **arguments)).card
    assert card is not None
    return card.sentences


# ---- one more ------------------------------------------------------------------------------------------------------------


async def test_a_product_gets_one_more_choice(do: Do, tee: str) -> None:
    product = await do(
        add_variant, product=tee, version=1, sku="TEE-XL", options={"Size": "XL"}, price=2_199, barcode="4006381333931"
    )

    large = product.variants[-1]
    assert (large.sku, large.title, large.options, large.barcode) == ("TEE-XL", "XL", {"Size": "XL"}, "4006381333931")
    assert str(large.prices[0].price) == "21.99 EUR"
    assert product.options[0].values == ["S", "M", "XL"]
    assert product.version == 2
    assert (await do(search_products, text="TEE-XL")).found == 1


@pytest.mark.parametrize(
    ("arguments", "refusal", "says"),
    [
        ({"options": {"Size": "m"}}, VariantTwice, "TEE-M is that choice already: Size m"),
        ({"options": {"Colour": "Red"}}, OptionsDiffer, "told apart by Size, and TEE-XL by Colour"),
        ({}, OptionsDiffer, "TEE-XL by no option"),
        ({"options": {"Size": "XL"}, "sku": "tee-s"}, SkuTaken, "TEE-S is VAR-"),
        ({"options": {"Size": "XL"}, "barcode": "4006381333932"}, BarcodeNotGtin, "check digit would be 1"),
        ({"options": {"Size": "XL"}, "more_prices": [{"currency": "USD", "amount": 1}]}, CurrencyNotSold, "USD"),
        ({"options": {"Size": "XL"}, "version": 7}, StaleVersion, "you read version 7"),
        ({"options": {"Size": "XL"}, "product": "PRD-9"}, NotFound, "no product PRD-9"),
    ],
)
async def test_a_variant_that_cannot_be_is_refused(
    do: Do, tee: str, arguments: dict[str, Any], refusal: type[Exception], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        await do(add_variant, **{"product": tee, "sku": "TEE-XL", **arguments})


async def test_a_product_without_options_gets_some_from_its_only_variant(do: Do) -> None:
    tray = (await do(create_product, title="Tray", variants=[{"sku": "TRAY"}])).reference

    await do(update_variant, sku="TRAY", version=1, options={"Wood": "Oak"})
    product = await do(add_variant, product=tray, sku="TRAY-ASH", options={"Wood": "Ash"})

    assert [(option.name, option.values) for option in product.options] == [("Wood", ["Oak", "Ash"])]


# ---- changes -------------------------------------------------------------------------------------------------------------


async def test_what_is_left_out_of_a_change_stays(do: Do, tee: str) -> None:
    await do(update_variant, sku="TEE-S", version=1, weight_grams=180, cost=700, barcode="96385074")

    changed = await do(update_variant, sku="tee-s", version=2, barcode=None, allow_backorder=True)

    small = changed.variants[0]
    assert (small.weight_grams, str(small.cost), small.barcode) == (180, "7.00 EUR", None)
    assert (small.allow_backorder, small.sellable, small.version) == (True, True, 3)


async def test_another_choice_changes_what_the_product_offers(do: Do, tee: str) -> None:
    changed = await do(update_variant, sku="TEE-M", version=1, options={"Size": "L"})

    assert changed.options[0].values == ["S", "L"]
    with pytest.raises(VariantTwice, match="TEE-S is that choice already"):
        await do(update_variant, sku="TEE-M", version=2, options={"Size": "s"})
    with pytest.raises(OptionsDiffer):
        await do(update_variant, sku="TEE-M", version=2, options={"Colour": "Red"})


async def test_a_change_of_a_variant_needs_the_version_that_was_read(do: Do, tee: str) -> None:
    with pytest.raises(VersionRequired):
        await do(update_variant, sku="TEE-S", weight_grams=1)
    with pytest.raises(StaleVersion, match="is at version 1, and you read version 2"):
        await do(update_variant, sku="TEE-S", version=2, weight_grams=1)
    with pytest.raises(EmptyVariantField, match="options and title of a variant"):
        await do(update_variant, sku="TEE-S", version=1, title=None, options=None)
    with pytest.raises(BarcodeNotGtin):
        await do(update_variant, sku="TEE-S", version=1, barcode="123")


async def test_the_card_says_what_becomes_of_it(do: Do, tee: str) -> None:
    assert await told(do, sku="TEE-S", sellable=False, weight_grams=1_500, cost=700, options={"Size": "XS"}) == [
        "TEE-S (Tee) is not sold any more.",
        "The options of TEE-S (Tee) change from Size S to Size XS.",
        "The cost of TEE-S (Tee) is 7.00 EUR from now on (until now: none).",
        "The weight of TEE-S (Tee) is 1.5 kg from now on (until now: none).",
    ]
    assert await told(do, sku="TEE-S", sellable=True) == ["TEE-S (Tee) stays as it is."]


async def test_who_changed_a_variant_is_an_event(mine: NewShop, do: Do, tee: str) -> None:
    await do(add_variant, product=tee, sku="TEE-L", options={"Size": "L"})
    await do(update_variant, sku="TEE-L", version=1, weight_grams=200)

    async with rows_of(mine) as sql:
        events = await sql.session.scalars(
            select(Event).where(Event.merchant_id == mine.id, Event.subject_kind == "variant").order_by(Event.id)
        )
        assert [(event.kind, event.data) for event in events] == [
            ("created", {}),
            ("changed", {"fields": ["weight_grams"]}),
        ]


# ---- counted or not ------------------------------------------------------------------------------------------------------


async def test_what_lies_in_the_warehouses_is_counted_until_it_is_gone(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "PRINT", warehouse=await warehouse_of(sql), stock=3)
        ana = make_customer(sql)
    await do(create_order, customer=ana.reference, lines=[{"sku": "PRINT", "quantity": 1}])

    with pytest.raises(
        StockIsCounted, match=r"Of PRINT 3 lie in the warehouses, 1 are held and 0 .*ORD-1001 waits for it"
    ):
        await do(update_variant, sku="PRINT", version=1, tracked=False)


async def test_what_is_made_to_order_is_sold_while_it_may_be_and_never_held(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "PRINT", warehouse=await warehouse_of(sql), stock=2)
        ana = make_customer(sql)
    await do(adjust_stock, sku="PRINT", warehouse="WH-1", counted=0)

    assert (await told(do, sku="PRINT", tracked=False))[0].startswith("PRINT (Blue mug) is not counted any more")
    changed = await do(update_variant, sku="PRINT", version=1, tracked=False)
    listed = await do(list_stock, state="out_of_stock")
    order = await do(create_order, customer=ana.reference, lines=[{"sku": "PRINT", "quantity": 500}])

    assert changed.variants[0].available is None
    assert listed.data == []
    assert [line.held for line in order.lines] == [[]]
    with pytest.raises(OrdersHoldNothing, match=f"{order.reference} waits for PRINT and holds none of it"):
        await do(update_variant, sku="PRINT", version=2, tracked=True)


async def test_what_nobody_waits_for_is_counted_again(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        variant = make_variant(sql, "PRINT", tracked=False)
        make_order(sql, variant, 2, status=OrderStatus.cancelled)

    changed = await do(update_variant, sku="PRINT", version=1, tracked=True)

    assert (changed.variants[0].tracked, changed.variants[0].available) == (True, 0)


async def test_options_of_two_variants_added_at_once_stay_their_own(mine: NewShop, do: Do, tee: str) -> None:
    sizes = ("L", "XL", "XXL")
    await asyncio.gather(*(do(add_variant, product=tee, sku=f"TEE-{size}", options={"Size": size}) for size in sizes))

    async with rows_of(mine) as sql:
        product = (await sql.session.scalars(select(Product).where(Product.merchant_id == mine.id))).one()
        variants = (await sql.session.scalars(select(Variant.position).where(Variant.merchant_id == mine.id))).all()
    assert sorted(product.options[0]["values"]) == ["L", "M", "S", "XL", "XXL"]
    assert sorted(variants) == [0, 1, 2, 3, 4]


async def test_a_variant_may_be_taxed_otherwise_than_its_product(mine: NewShop, do: Do, tee: str) -> None:
    await do(set_tax_rate, country="FR", tax_class="children", rate="5.5", name="TVA 5.5 %")
    with pytest.raises(UnknownTaxClass, match="No tax rate is of the class toys"):
        await do(update_variant, sku="TEE-S", tax_class="toys", version=1)

    product = await do(update_variant, sku="TEE-S", tax_class="children", tracked=False, version=1)
    await do(update_variant, sku="TEE-M", tracked=False, version=1)
    lines = [{"sku": sku, "quantity": 1} for sku in ("TEE-S", "TEE-M")]
    placed = await do(create_order, channel="store", lines=lines)

    assert [variant.tax_class for variant in product.variants] == ["children", "standard"]
    assert [line.tax.amount for line in placed.lines] == [104, 333]  # 19.99 less 19.99 / 1.055; 19.99 / 6


# ---- archived ------------------------------------------------------------------------------------------------------------


async def test_a_variant_leaves_the_catalogue_and_its_product_goes_on(mine: NewShop, do: Do, tee: str) -> None:
    await do(adjust_stock, sku="TEE-M", delta=3, reason="found")
    await do(create_product, title="Pair", variants=[{"sku": "PAIR", "price": 3_000, "components": [{"sku": "TEE-M"}]}])

    sentences = await told(do, sku="TEE-M", archived=True)
    product = await do(update_variant, sku="TEE-M", archived=True, version=1)

    assert sentences == [
        "TEE-M (Tee) leaves the catalogue, and is not sold any more.",
        "3 units of it still lie in the warehouses.",
        "PAIR, of which it is part, is not sold either.",
    ]
    assert [(one.sku, one.archived) for one in product.variants] == [("TEE-S", False), ("TEE-M", True)]
    assert product.options[0].values == ["S"]
    wish = {"channel": "store", "lines": [{"sku": "TEE-M", "quantity": 1}]}
    with pytest.raises(VariantNotSellable, match=r"TEE-M .* is archived"):
        await do(create_order, **wish)
    assert (await do(add_variant, product=tee, sku="TEE-L", options={"Size": "L"})).options[0].values == ["S", "L"]
    moved = await do(update_variant, sku="TEE-S", options={"Size": "XS"}, version=1)
    assert moved.options[0].values == ["XS", "L"]
    assert (await told(do, sku="TEE-L", archived=False)) == ["TEE-L (Tee) stays as it is."]

    back = await do(update_variant, sku="TEE-M", archived=False, version=2)
    assert (back.options[0].values, back.variants[1].archived) == (["XS", "M", "L"], False)
    await do(create_order, **wish)


async def test_a_variant_that_open_orders_need_stays_in_the_catalogue(mine: NewShop, do: Do, tee: str) -> None:
    await do(adjust_stock, sku="TEE-M", delta=3, reason="found")
    order = await do(create_order, channel="store", lines=[{"sku": "TEE-M", "quantity": 1}])

    with pytest.raises(OpenOrdersNeedIt, match=f"{order.reference} needs TEE-M"):
        await do(update_variant, sku="TEE-M", archived=True, version=1)
    await do(cancel_order, order=order.reference)
    archived = await do(update_variant, sku="TEE-M", archived=True, version=1)
    assert archived.variants[-1].archived
    only = await do(update_variant, sku="TEE-S", archived=True, version=1)
    assert only.options[0].values == ["S"]  # the last one's, for whoever takes it back
    assert [
        one.archived for one in (await do(update_variant, sku="TEE-S", options={"Size": "XS"}, version=2)).variants
    ] == [True] * 2
