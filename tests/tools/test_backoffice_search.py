"""What in the shop is called so, or nearly: people, goods, shelves, brands, tags, places, orders, suppliers, carriers, codes."""

import pytest
from sqlalchemy import select

from db.models.backoffice import Role
from db.models.customers import CustomerStatus
from db.models.products import Product, PromotionStatus, Variant, search_text
from db.session import Transaction
from tests.carriers import with_carriers
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_category,
    make_customer,
    make_order,
    make_promotion,
    make_supplier,
    make_variant,
    make_warehouse,
)
from tests.tools.selling import rows_of
from tools.backoffice.search import Named, search_shop
from tools.contract.context import Context
from tools.contract.errors import Invalid


@pytest.fixture
async def stocked(mine: NewShop) -> NewShop:
    """A shop with one thing of each kind."""
    async with rows_of(mine) as sql:
        make_customer(sql, "Ana Torres", email="ana@example.com")
        mug = make_variant(sql, "MUG-BLUE", title="Café mug", category=make_category(sql, "Tableware"))
        make_warehouse(sql, code="QUAI").name = "Northern hall"
        order = make_order(sql, mug)
        order.reference, order.ship_city = "ORD-1042", "Besançon"
        await _described(sql, mug, "Marlow", ["gift"])
        make_promotion(sql, "TEATIME5", percent=5, name="Discount at teatime")
        make_promotion(sql, "BYGONE", percent=5).status = PromotionStatus.ended
        make_supplier(sql, "Atelier Brume")
    await with_carriers(mine)
    return mine


async def _described(sql: Transaction, variant: Variant, brand: str, tags: list[str]) -> None:
    await sql.session.flush()
    product = (await sql.session.scalars(select(Product).where(Product.id == variant.product_id))).one()
    product.brand, product.tags = brand, tags
    product.search = search_text(product.title, brand, tags, [variant.sku])


async def found(do: Do, *words: str) -> list[Named]:
    return (await do(search_shop, words=list(words))).found


def told(rows: list[Named]) -> list[str]:
    """What was found, in short: `exact city Lyon`."""
    return [f"{row.fits} {row.kind} {row.name}" for row in rows]


MEANT = {
    "Ana Torres": "exact customer Ana Torres",
    "torres ana": "words customer Ana Torres",
    "Ana Tores": "near customer Ana Torres",
    "ana@example.com": "exact customer Ana Torres",
    "cafe MUG": "exact product Café mug",
    "caf": "begins product Café mug",
    "mugs, café": "exact product Café mug",
    "coffee mug": "near product Café mug",
    "cafe mgu": None,
    "café mugs": "exact product Café mug",
    "mug-blue": "exact variant MUG-BLUE",
    "MUG BLEU": "near product Café mug",
    "tablewear": "near category Tableware",
    "marlow": "exact brand Marlow",
    "Gift": "exact tag gift",
    "quai": "exact warehouse Northern hall",
    "northern": "begins warehouse Northern hall",
    "besancon": "exact city Besançon",
    "besancom": "near city Besançon",
    "1042": "exact order ORD-1042",
    "#ord-1042": "exact order ORD-1042",
    "ord-1042": "exact order ORD-1042",
    "brume": "words supplier Atelier Brume",
    "atelier brum": "begins supplier Atelier Brume",
    "colivia": "exact carrier Colivia",
    "teatime5": "exact promotion Discount at teatime",
    "discount at Teatime": "exact promotion Discount at teatime",
    "bygone": None,
    "10422": None,
    "of nobody": None,
    "100% _": None,
    "--": None,
}


async def test_a_name_is_found_whatever_its_kind_case_accents_and_typing_errors(do: Do, stocked: NewShop) -> None:
    best = {words: next(iter(told(await found(do, words))), None) for words in MEANT}

    assert best == MEANT


async def test_each_is_told_with_its_reference_and_what_tells_it_from_its_like(do: Do, stocked: NewShop) -> None:
    rows = await found(do, "ana torres", "mug-blue", "ord-1042", "marlow", "besançon")
    about = {str(row.kind): (row.words, row.reference, row.about) for row in rows if row.fits == "exact"}

    assert about["order"] == ("ord-1042", "ORD-1042", "confirmed")
    assert about["brand"] == ("marlow", None, None)
    assert about["city"] == ("besançon", None, None)
    assert about["customer"][2] == "ana@example.com"
    assert about["customer"][1] is not None
    assert about["variant"][2] == "Café mug"


async def test_the_best_of_each_phrase_comes_first_then_the_second_best(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        for name in ("Lyonel Petit", "Paul Lyon", "Emma Roy"):
            make_customer(sql, name)
        make_order(sql).ship_city = "Lyon"

    rows = await found(do, "lyon", "emma roy")

    assert told(rows) == [
        "exact city Lyon",
        "exact customer Emma Roy",
        "begins customer Lyonel Petit",
        "words customer Paul Lyon",
    ]


async def test_words_of_options_and_ranks_of_size_tell_a_variant_from_its_sisters(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        first = make_variant(sql, "PAN-20", title="Frying pan")
        await sql.session.flush()
        product = (await sql.session.scalars(select(Product).where(Product.id == first.product_id))).one()
        product.options = [{"name": "Size", "values": ["20 cm", "24 cm", "28 cm"]}]
        sisters = [first, *(make_variant(sql, sku, product=product) for sku in ("PAN-24", "PAN-28"))]
        for variant, size in zip(sisters, product.options[0]["values"], strict=True):
            variant.title, variant.options, variant.option_key = size, {"Size": size}, size

    meant = {
        words: told(await found(do, words))[:1] for words in ("28cm frying pans", "the smallest pan", "fryng pan 24 cm")
    }
    (whole, *_), (red, *_) = await found(do, "frying pans"), await found(do, "red frying pans")

    assert meant == {
        "28cm frying pans": ["exact variant PAN-28"],
        "the smallest pan": ["exact variant PAN-20"],
        "fryng pan 24 cm": ["exact variant PAN-24"],
    }
    assert (whole.name, whole.comes_in, whole.lacks) == ("Frying pan", "Size: 20 cm, 24 cm, 28 cm", None)
    assert (red.fits, red.lacks) == ("near", "red")


async def test_twenty_are_told_at_most_and_kinds_take_turns(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        for nth in range(25):
            make_customer(sql, f"Marlow {nth}")
        make_variant(sql, title="Marlow bowl")

    rows = await found(do, "marlow")

    assert len(rows) == 20
    assert {row.kind for row in rows[:2]} == {"customer", "product"}


async def test_what_fits_as_it_was_written_is_not_looked_for_nearly(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        make_customer(sql, "Clara Marten")
        make_customer(sql, "Clara Martin")

    assert told(await found(do, "martin")) == ["words customer Clara Martin"]
    assert told(await found(do, "martinn")) == ["near customer Clara Martin"]


async def test_a_part_of_a_compound_is_near(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "X-1", title="Kaffeebecher")

    assert told(await found(do, "becher")) == ["near product Kaffeebecher"]


async def test_numbers_of_imported_shops_are_orders_or_skus_as_they_are(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        order = make_order(sql, make_variant(sql, "9612497925"))
        order.source, order.external_reference = "tau2", "#W2611340"
        make_variant(sql, "9612497926")

    assert told(await found(do, "9612497925")) == ["exact variant 9612497925"]
    for written in ("#W2611340", "w2611340"):
        (row,) = await found(do, written)
        assert (row.kind, row.reference, row.name) == ("order", order.reference, "#W2611340")


async def test_a_variant_is_found_by_its_products_title_with_its_own(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        shirt = make_variant(sql, "SHIRT-BLACK-M", title="Linen shirt")
        await sql.session.flush()
        shirt.title = "Black / M"

    assert told(await found(do, "black linen shirt")) == ["exact variant SHIRT-BLACK-M", "exact product Linen shirt"]


async def test_customers_who_were_merged_or_erased_are_not_found(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        remaining = make_customer(sql, "Ana Torres")
        merged = make_customer(sql, "Ana Torres")
        await sql.session.flush()
        merged.status, merged.merged_into_id = CustomerStatus.merged, remaining.id
        make_customer(sql, "Ana Torres").status = CustomerStatus.erased

    assert [row.reference for row in await found(do, "ana torres")] == [remaining.reference]


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        (Role.viewer, {"customer", "order", "city"}),
        (Role.warehouse, {"customer"}),
        (Role.support, set[str]()),
    ],
)
async def test_nobody_finds_what_they_may_not_read(stocked: NewShop, role: Role, hidden: set[str]) -> None:
    everything = ("ana torres", "café mug", "mug-blue", "tableware", "marlow", "gift", "quai", "besançon", "ord-1042")
    kinds = {str(row.kind) for row in await found(Do(stocked.shop, stocked.caller("owner")), *everything)}
    seen = {
        str(row.kind) for row in await found(Do(stocked.shop, stocked.caller(role)), *everything, "ana@example.com")
    }

    assert len(kinds) == 9
    assert seen == kinds - hidden


async def test_another_merchants_names_are_not_found(do: Do, mine: NewShop, other: NewShop) -> None:
    async with rows_of(other) as sql:
        make_customer(sql, "Ana Torres")
        make_order(sql, make_variant(sql, "MUG-BLUE", category=make_category(sql))).ship_city = "Lyon"

    assert await found(do, "ana torres", "ana tores", "blue mug", "mug-blue", "mugs", "lyon", "lyonn") == []


@pytest.mark.parametrize("words", [[], ["x"] * 13, ["x" * 81], [" "]])
async def test_a_dozen_phrases_of_eighty_characters_are_enough(do: Do, words: list[str]) -> None:
    with pytest.raises(Invalid, match="words"):
        await do(search_shop, words=words)


async def test_all_phrases_are_looked_for_together(ctx: Context) -> None:
    before = len(ctx.sql.statements)
    await search_shop.run(ctx, search_shop.input(words=["ana torres", "blue mug", "lyon", "MUG-BLUE", "1042"]))

    assert len(ctx.sql.statements) - before == 3  # names; the words of goods; what these goods come in


async def test_a_phrase_asked_twice_is_looked_for_once(do: Do, stocked: NewShop) -> None:
    assert told(await found(do, "besançon", "besançon")) == ["exact city Besançon"]
