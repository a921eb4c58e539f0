"""What the catalogue lacks, counted and listed."""

from typing import Any

import pytest
from sqlalchemy import select

from db.models.products import Variant
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_category
from tests.tools.selling import rows_of
from tools.backoffice.settings import set_setting
from tools.contract.call import call, opened
from tools.contract.page import Total
from tools.products.creation import create_product
from tools.products.issues import CheckCatalogue, IssueKind, check_catalogue
from tools.products.searching import meaning_the_same, search_products

WHOLE: dict[str, Any] = {
    "description": "Turned by hand.", "category": "Wood", "media": [{"url": "https://x.example/1.jpg"}],
    "attributes": {"Material": "oak"}, "on_sale": True,
}  # fmt: skip


async def choose(do: Do, setting: str, value: Any) -> None:
    await call(do.shop, set_setting, {"key": setting, "value": value, "version": 0}, do.caller, key=setting)


def sold(sku: str, **more: Any) -> dict[str, Any]:
    return {
        "sku": sku,
        "options": {"Size": sku},
        "price": 1_999,
        "weight_grams": 300,
        "barcode": "4006381333931",
    } | more


@pytest.fixture
async def catalogue(mine: NewShop, do: Do) -> None:
    """A bowl and a tray on sale that lack this and that, a voucher that needs no weight, and an empty draft."""
    async with rows_of(mine) as sql:
        make_category(sql, "Wood")
    await do(
        create_product, title="Bowl", variants=[sold("BOWL"), sold("BOWL-L", price=None, weight_grams=None)], **WHOLE
    )
    await do(create_product, title="Tray", variants=[sold("TRAY", barcode=None)], on_sale=True)
    voucher = sold("VOUCHER", tracked=False, weight_grams=None, barcode=None)
    await do(create_product, title="Voucher", variants=[voucher], **WHOLE)
    await do(create_product, title="Draft", variants=[{"sku": "DRAFT"}])


async def test_what_is_on_sale_is_looked_through(do: Do, catalogue: None) -> None:
    issues = await do(check_catalogue)

    assert [(issue.kind.value, issue.title, issue.sku) for issue in issues.data] == [
        ("no_price", "Bowl", "BOWL-L"), ("no_weight", "Bowl", "BOWL-L"), ("no_barcode", "Tray", "TRAY"),
        ("no_image", "Tray", None), ("no_category", "Tray", None), ("no_description", "Tray", None),
    ]  # fmt: skip
    assert issues.products == 3
    assert {(row.kind, row.count) for row in issues.counts} == {(issue.kind, 1) for issue in issues.data}
    assert issues.data[0].lacks == "a price"


async def test_the_catalogue_is_looked_through_once_for_its_page_and_its_counts(mine: NewShop, catalogue: None) -> None:
    async with opened(mine.shop, check_catalogue, mine.caller("owner")) as (ctx, _):
        before = len(ctx.sql.statements)
        issues = await check_catalogue.run(ctx, CheckCatalogue(kind=IssueKind.no_image, count=True))

        assert sum("from products" in statement for statement in ctx.sql.statements[before:]) == 1
    assert issues.total == Total(rows=1)
    assert sum(row.count for row in issues.counts) == 6


async def test_attributes_that_channels_ask_for_are_a_setting(do: Do, catalogue: None) -> None:
    await choose(do, "products.required_attributes", ["material", "origin"])

    issues = await do(check_catalogue, kind="no_attribute")

    assert [(issue.title, issue.lacks) for issue in issues.data] == [
        ("Bowl", "the attribute origin"), ("Tray", "the attribute material"), ("Tray", "the attribute origin"),
        ("Voucher", "the attribute origin"),
    ]  # fmt: skip
    assert (await do(check_catalogue, kind="no_attribute", attributes=["MATERIAL"])).counts[0].count == 1


async def test_issues_have_pages_and_a_shelf(do: Do, catalogue: None) -> None:
    first = await do(check_catalogue, attributes=["origin"], limit=5)
    second = await do(check_catalogue, attributes=["origin"], limit=5, after=first.next)

    assert len(first.data) == 5
    assert [(issue.kind, issue.title) for issue in second.data] == [
        (IssueKind.no_description, "Tray"), (IssueKind.no_attribute, "Bowl"), (IssueKind.no_attribute, "Tray"),
        (IssueKind.no_attribute, "Voucher"),
    ]  # fmt: skip
    assert {issue.title for issue in (await do(check_catalogue, category="Wood")).data} == {"Bowl"}


async def test_drafts_are_looked_through_before_they_go_on_sale(mine: NewShop, do: Do, catalogue: None) -> None:
    issues = await do(check_catalogue, drafts=True)

    assert {issue.title for issue in issues.data} == {"Draft"}
    assert len(issues.data) == 6
    async with rows_of(mine) as sql:
        variant = (
            await sql.session.scalars(select(Variant).where(Variant.sku == "DRAFT", Variant.merchant_id == mine.id))
        ).one()
        variant.archived_at = LONG_AGO
    assert {issue.kind.value for issue in (await do(check_catalogue, drafts=True)).data} == {
        "no_image", "no_category", "no_description",
    }  # fmt: skip


# ---- synonyms ------------------------------------------------------------------------------------------------------------


def test_a_text_is_said_in_other_ways() -> None:
    synonyms = [["Couch", "Sofa", "settee"], ["grey", "gray"]]

    assert meaning_the_same("grey COUCH", synonyms) == [
        "grey COUCH", "grey sofa", "grey settee", "gray couch", "gray sofa", "gray settee",
    ]  # fmt: skip
    assert meaning_the_same("couchette", synonyms) == ["couchette"]


async def test_what_the_shop_calls_the_same_is_found_too(do: Do) -> None:
    await do(create_product, title="Linen sofa", variants=[{"sku": "S-1"}], on_sale=True)
    before = await do(search_products, text="couch")

    await choose(do, "products.search_synonyms", [["couch", "sofa"]])
    after = await do(search_products, text="Couch")

    assert before.found == 0
    assert [product.title for product in after.data] == ["Linen sofa"]
