"""Importing products: what a sheet's lines become, what is refused and how, and that nothing is ever half imported."""

import csv
import io
from typing import Any, NamedTuple

import pytest

from orchestrator import jobs
from tests.conftest import Do
from tests.factories import NewShop, make_category, make_variant, warehouse_of
from tests.oracle import tables_of
from tests.sheets import (
    LAMP,
    LARGE_LAMP,
    MUG,
    SECOND_PICTURE,
    errors_of,
    exported,
    imported,
    result_of,
    sheet,
    uploaded,
)
from tests.tools.misfits import misfits
from tests.tools.probes import count
from tools.backoffice.taxes import set_tax_rate
from tools.contract.context import Context
from tools.contract.errors import NotFound
from tools.contract.jobs import Progress
from tools.products import imports
from tools.products.categories import list_categories
from tools.products.changes import update_product
from tools.products.creation import create_product
from tools.products.detail import get_product
from tools.products.importing import Batch, Drawn
from tools.products.imports import ImportProducts, StockNeedsPermission, import_products
from tools.products.sheet import NotAProductSheet
from tools.products.variants import update_variant
from tools.rules.spreadsheets import NotReadable


async def test_a_product_arrives_with_all_that_the_sheet_says_of_it(mine: NewShop, do: Do) -> None:
    job = await imported(mine, sheet(LAMP, LARGE_LAMP, SECOND_PICTURE))

    result = result_of(job)
    assert (result["outcome"], result["lines"], result["products_new"], result["variants_new"]) == ("imported", 3, 1, 2)
    lamp = await do(get_product, product="brass-lamp")
    assert (lamp.title, lamp.brand, lamp.status, lamp.tags) == ("Brass lamp", "Lumen", "active", ["new", "warm, soft"])
    assert lamp.category is not None
    assert lamp.category.name == "Lamps"
    assert lamp.attributes == {"type": "Table lamp", "seo_title": "Lamps of brass"}
    assert [(medium.url[-8:], medium.alt) for medium in lamp.media] == [("lamp.jpg", "A lamp"), ("back.jpg", "")]
    small, large = lamp.variants
    assert (small.sku, small.options, small.barcode, small.weight_grams, small.available) == (
        "LAMP-S", {"Size": "S"}, "4006381333931", 900, 4,
    )  # fmt: skip
    assert [(price.price.amount, price.compare_at and price.compare_at.amount) for price in small.prices] == [
        (3_990, 4_990)
    ]
    assert (large.sku, large.options, large.available) == ("LAMP-L", {"Size": "L"}, 0)
    assert await count(mine, "variants", "sku = 'LAMP-S' and cost = 1234.5 and cost_currency = 'EUR'") == 1
    assert await misfits(mine) == {}


async def test_categories_of_a_sheet_are_those_that_create_category_would_make(mine: NewShop, do: Do) -> None:
    await imported(mine, sheet(MUG | {"Product Category": "Home & living > Cups, mugs"}))

    assert [(line.name, line.slug) for line in (await do(list_categories)).data] == [
        ("Home & living", "home-living"),
        ("Cups, mugs", "home-living-cups-mugs"),
    ]


async def test_a_category_deeper_than_any_shop_may_have_is_an_error_of_its_line(mine: NewShop) -> None:
    job = await imported(mine, sheet(MUG | {"Product Category": " > ".join("ABCDEFG")}))

    assert job.status == "failed"
    assert [(line, column) for line, column, _ in await errors_of(mine, job)] == [(2, "Product Category")]


async def test_importing_the_same_again_changes_nothing(mine: NewShop) -> None:
    content = sheet(LAMP, LARGE_LAMP, SECOND_PICTURE, MUG)
    await imported(mine, content)
    before = await catalogue_of(mine)

    result = result_of(await imported(mine, content))

    assert (result["outcome"], result["products_unchanged"], result["variants_changed"]) == ("unchanged", 2, 0)
    assert await catalogue_of(mine) == before


async def test_an_import_holds_nothing_of_what_it_has_written_and_its_audit_names_it_all_the_same(
    mine: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would weigh more with each product: a file may have any number of them."""
    monkeypatch.setattr(imports, "AT_ONCE", 2)
    held: list[int] = []
    write = Batch.write

    async def watched(self: Batch, numbers: Drawn) -> None:
        await write(self, numbers)
        held.append(len(self.ctx.changes.rows))

    monkeypatch.setattr(Batch, "write", watched)
    mugs = [
        MUG | {"Handle": f"mug-{nth}", "Variant SKU": f"MUG-{nth}", "Variant Inventory Qty": "3"} for nth in range(6)
    ]

    await imported(mine, sheet(*(mug | {"Product Category": f"Mugs {nth}"} for nth, mug in enumerate(mugs))))

    assert held[0] == held[1] == held[2] > 0
    assert await count(mine, "audit_entries", "tool = 'import_products' and cardinality(\"references\") = 6") == 1


async def catalogue_of(mine: NewShop) -> dict[str, Any]:
    tables = await tables_of(mine)
    return {
        name: tables[name]
        for name in ("products", "variants", "prices", "categories", "stock_levels", "stock_movements")
    }


async def test_what_is_known_by_handle_or_sku_is_updated_and_what_the_sheet_leaves_out_stays(
    mine: NewShop, do: Do
) -> None:
    await imported(mine, sheet(LAMP, LARGE_LAMP))
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "MUG-STONE", title="Old mug", warehouse=await warehouse_of(sql), stock=7)
        await sql.commit()
    row = {"Handle": "brass-lamp", "Title": "Brass table lamp", "Variant SKU": "lamp-s", "Variant Price": "44.00"}

    mug = MUG | {"Option1 Name": "Style", "Option1 Value": "MUG-STONE", "Variant Inventory Qty": "100"}
    result = result_of(await imported(mine, sheet(row, mug)))

    assert (result["products_changed"], result["products_new"], result["prices_changed"]) == (2, 0, 2)
    lamp = await do(get_product, product="brass-lamp")
    assert (lamp.title, lamp.brand, lamp.description) == ("Brass table lamp", "Lumen", "<p>Warm light.</p>")
    assert [price.price.amount for variant in lamp.variants for price in variant.prices] == [4_400, 5_990]
    known = await do(get_product, product="MUG-STONE")
    assert (known.title, known.available) == ("Stone mug", 7)
    assert await count(mine, "prices", "amount = 3990 and valid_until is not null") == 1


async def test_a_wrong_line_is_named_and_nothing_is_imported(mine: NewShop) -> None:
    before = await catalogue_of(mine)
    bad = {
        "Handle": "vase",
        "Title": "",
        "Variant SKU": "VASE/1",
        "Variant Price": "12 euros",
        "Variant Barcode": "4006381333932",
    }

    job = await imported(mine, sheet(LAMP, bad, MUG | {"Handle": "mug", "Variant Price": "1,234"}))

    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem["code"] == "LinesCannotBeImported"
    assert await errors_of(mine, job) == [(3, "Variant Price", "NotAnAmount"), (4, "Variant Price", "NotAnAmount")]
    assert job.failed == 2
    assert await catalogue_of(mine) == before


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ({"Title": ""}, "Title", "TitleMissing"),
        ({"Variant SKU": "A/B"}, "Variant SKU", "InvalidCell"),
        ({"Variant SKU": "VAR-7"}, "Variant SKU", "InvalidCell"),
        ({"Handle": "PRD-7"}, "Handle", "InvalidCell"),
        ({"Handle": ""}, "Handle", "HandleMissing"),
        ({"Variant Barcode": "4006381333932"}, "Variant Barcode", "BarcodeNotGtin"),
        ({"Variant Barcode": "4.00638E+12"}, "Variant Barcode", "BarcodeNotGtin"),
        ({"Variant Compare At Price": "11.00"}, "Variant Compare At Price", "InvalidCell"),
        ({"Variant Price": "1.999"}, "Variant Price", "TooManyDecimals"),
        ({"Variant Price": "-5"}, "Variant Price", "NotAnAmount"),
        ({"Variant Price": "1,234"}, "Variant Price", "NotAnAmount"),
        ({"Variant Grams": "a lot"}, "Variant Grams", "NotANumber"),
        ({"Variant Grams": "1e999"}, "Variant Grams", "NotANumber"),
        ({"Status": "sold"}, "Status", "UnknownStatus"),
        ({"Published": "maybe"}, "Published", "NotYesOrNo"),
        ({"Variant Taxable": "FALSE"}, "Variant Taxable", "TaxClassNeeded"),
        ({"Image Src": "javascript:alert(1)"}, "Image Src", "InvalidCell"),
        ({"Gift Card": "TRUE"}, "Gift Card", "GiftCard"),
        ({"Option1 Name": "Size", "Option1 Value": ""}, "Option1 Value", "InvalidCell"),
    ],
)  # fmt: skip
async def test_each_kind_of_wrong_cell_is_told_with_its_line_and_column(
    mine: NewShop, cells: dict[str, str], column: str, code: str
) -> None:
    job = await imported(mine, sheet(LAMP, MUG | cells))

    assert await errors_of(mine, job) == [(3, column, code)]
    assert job.problem is not None
    assert job.problem["code"] == "LinesCannotBeImported"


async def test_a_product_cannot_be_told_apart_or_comes_twice(mine: NewShop) -> None:
    twice = LARGE_LAMP | {"Option1 Value": "S"}
    job = await imported(mine, sheet(LAMP, twice, MUG, LAMP | {"Variant SKU": "LAMP-X"}, MUG | {"Handle": "other"}))

    assert await errors_of(mine, job) == [
        (3, "Option1 Value", "VariantTwice"), (5, "Handle", "ComesTwice"), (6, "Variant SKU", "ComesTwice"),
    ]  # fmt: skip


async def test_a_sku_of_another_product_and_another_handle_are_refused(mine: NewShop) -> None:
    await imported(mine, sheet(LAMP, MUG))

    theirs = await imported(mine, sheet(LAMP | {"Variant SKU": "MUG-STONE"}))
    renamed = await imported(mine, sheet(MUG | {"Handle": "cup"}))

    assert await errors_of(mine, theirs) == [(2, "Variant SKU", "SkuTaken")]
    assert await errors_of(mine, renamed) == [(2, "Handle", "HandleDiffers")]


async def test_products_with_errors_are_left_out_when_asked_for(mine: NewShop) -> None:
    job = await imported(mine, sheet(LAMP, MUG | {"Variant Price": "much"}), if_wrong="skip")

    result = result_of(job)
    assert (result["outcome"], result["products_new"], result["errors"], job.failed) == ("imported", 1, 1, 1)
    assert await errors_of(mine, job) == [(3, "Variant Price", "NotAnAmount")]
    assert await count(mine, "products", "true") == 1


async def test_a_dry_run_tells_the_same_and_leaves_the_shop_as_it_was(mine: NewShop) -> None:
    before = await catalogue_of(mine)

    result = result_of(await imported(mine, sheet(LAMP, LARGE_LAMP, MUG), dry_run=True))

    assert (result["outcome"], result["products_new"], result["variants_new"], result["categories_new"]) == (
        "dry_run",
        2,
        3,
        2,
    )
    assert await catalogue_of(mine) == before


async def test_the_card_says_what_the_file_would_do(mine: NewShop, do: Do) -> None:
    await imported(mine, sheet(MUG))
    file = await uploaded(mine, sheet(LAMP, MUG | {"Variant Price": "13.00"}))

    card = (await do.outcome(import_products, file=file, preview=True)).card

    assert card is not None
    assert card.sentences == [
        f"The file products.csv ({file}) has 2 lines: 1 product new and 1 product changed.", "2 prices are new or change.",
    ]  # fmt: skip


async def test_a_line_without_a_sku_gets_the_same_one_each_time(mine: NewShop) -> None:
    content = sheet(LAMP | {"Variant SKU": ""}, LARGE_LAMP | {"Variant SKU": ""})

    first = result_of(await imported(mine, content))
    again = result_of(await imported(mine, content))

    assert (first["skus_made"], again["outcome"]) == (2, "unchanged")
    assert await count(mine, "variants", "sku in ('brass-lamp-s', 'brass-lamp-l')") == 2


async def test_a_status_moves_as_statuses_do(mine: NewShop, do: Do) -> None:
    await imported(mine, sheet(LAMP))

    offline = await imported(mine, sheet({"Handle": "brass-lamp", "Title": "Brass lamp", "Published": "FALSE"}))
    back_to_draft = await imported(mine, sheet({"Handle": "brass-lamp", "Title": "Brass lamp", "Status": "draft"}))
    archived = await imported(mine, sheet({"Handle": "brass-lamp", "Title": "Brass lamp", "Status": "archived"}))

    assert result_of(offline)["products_changed"] == 1
    assert (await do(get_product, product="brass-lamp")).status == "inactive"
    assert await errors_of(mine, back_to_draft) == [(2, "Status", "IllegalMove")]
    assert await errors_of(mine, archived) == [(2, "Status", "ArchivesByHand")]


async def test_opening_stock_needs_the_permission_to_change_stock(mine: NewShop) -> None:
    from tools.contract.call import call

    file = await uploaded(mine, sheet(LAMP))
    program = await mine.key(scopes=["products:*"])

    with pytest.raises(StockNeedsPermission):
        await call(mine.shop, import_products, {"file": file}, program, key="1")
    without = await call(mine.shop, import_products, {"file": file, "opening_stock": False}, program, key="2")

    assert without.result is not None
    await jobs.work_off(mine.shop, mine.id, without.result.job)
    assert await count(mine, "variants", "sku = 'LAMP-S'") == 1
    assert await count(mine, "stock_levels", "true") == 0


async def test_a_variant_that_lies_in_a_warehouse_goes_on_being_counted(mine: NewShop) -> None:
    await imported(mine, sheet(LAMP))

    job = await imported(mine, sheet(LAMP | {"Variant Inventory Tracker": ""}))

    assert await errors_of(mine, job) == [(2, "Variant Inventory Tracker", "StockIsCounted")]


async def test_two_hundred_products_more_take_a_few_statements_more(ctx: Context, mine: NewShop) -> None:
    taken: list[int] = []
    for number in (200, 400, 600):
        rows = (
            MUG | {"Handle": f"m{number}-{n}", "Variant SKU": f"M{number}-{n}", "Variant Inventory Qty": "1"}
            for n in range(number)
        )
        file, before = await uploaded(mine, sheet(*rows)), len(ctx.sql.statements)
        args = ImportProducts(file=file)
        checked = await imports.check(ctx, args, Progress())
        numbers = {
            kind: iter([f"{kind.value}-{number}-{n}" for n in range(count)]) for kind, count in checked.needs.items()
        }
        await imports.carry_out(ctx, args, Progress(), numbers)
        taken.append(len(ctx.sql.statements) - before)

    assert taken[1] - taken[0] == taken[2] - taken[1] <= 15


# ---- files as they come --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + sheet(LAMP),
        sheet(LAMP, separator=";"),
        sheet(LAMP, separator="\t"),
        sheet(LAMP).replace(b"Handle", b"URL handle").replace(b"Variant SKU", b"SKU").replace(b"Body (HTML)", b"description"),
        sheet(LAMP) + b"\r\n,,,\r\n",
    ],
    ids=["byte order mark", "semicolons", "tabs", "newer template", "empty lines"],
)  # fmt: skip
async def test_what_spreadsheet_programs_make_of_a_sheet_is_read(mine: NewShop, content: bytes) -> None:
    assert result_of(await imported(mine, content))["variants_new"] == 1


async def test_line_ends_within_quotes_stay_and_lines_are_counted_as_in_the_file(mine: NewShop, do: Do) -> None:
    prose = "One\r\ntwo\n\nthree"
    job = await imported(mine, sheet(LAMP | {"Body (HTML)": prose}, MUG | {"Variant Price": "x"}), if_wrong="skip")

    assert (await do(get_product, product="brass-lamp")).description == prose
    assert await errors_of(mine, job) == [(6, "Variant Price", "NotAnAmount")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (sheet(LAMP | {"Title": "Grün"}).decode().encode("latin-1"), "Line 2 is not in UTF-8 after “brass-lamp,Gr”"),
        (sheet(LAMP).decode().encode("utf-16"), "UTF-16"),
        (sheet(LAMP) + b'broken,"never closed\n' + b"more\n" * 3, "A quote that is opened on line 3 is not closed"),
        (sheet(LAMP) + b"a,\0\n", "bytes that no text has"),
        (sheet(LAMP).replace(b"\r\n", b"\r"), "old Macintosh"),
        (sheet(LAMP) + b'"a" b,c\r\n', "a quote inside a cell has to be doubled"),
    ],
    ids=["latin-1", "utf-16", "open quote", "nul", "old macintosh", "quote"],
)  # fmt: skip
async def test_a_file_that_cannot_be_read_is_told_why_and_what_to_do(mine: NewShop, content: bytes, said: str) -> None:
    with pytest.raises(NotReadable) as refused:
        await imported(mine, content)

    assert said in refused.value.message
    assert refused.value.advice
    assert await count(mine, "products", "true") == 0


@pytest.mark.parametrize(
    ("end", "said"),
    [(b"\xff\xfe\n", "Line 303 is not in UTF-8"), (b"x" * 3_000_000, "Line 303 has more than 1,048,576 bytes")],
)
async def test_a_large_file_that_breaks_off_fails_in_its_job_with_all_that_was_wrong_before(
    mine: NewShop, end: bytes, said: str
) -> None:
    many = [MUG | {"Handle": f"mug-{n}", "Variant SKU": f"M{n}", "Body (HTML)": "x" * 1_000} for n in range(300)]
    many[9]["Variant Price"] = "much"

    job = await imported(mine, sheet(*many, MUG) + end)

    assert job.problem is not None
    assert job.problem["code"] == "NotReadable"
    assert said in job.problem["message"]
    assert await errors_of(mine, job) == [(11, "Variant Price", "NotAnAmount")]
    assert await count(mine, "products", "true") == 0


async def test_a_file_without_the_columns_of_products_is_refused_at_once(mine: NewShop, do: Do) -> None:
    for content in (b"name,price\nMug,12\n", b"Handle,Title,Title\na,b,c\n", b"\n\n"):
        file = await uploaded(mine, content)
        with pytest.raises(NotAProductSheet):
            await do(import_products, file=file)


async def test_a_line_with_more_cells_than_columns_is_an_error_of_its_own(mine: NewShop) -> None:
    job = await imported(mine, sheet(MUG) + b"cup,Cup,CUP,3.00,more,cells\r\n")

    assert await errors_of(mine, job) == [(3, "", "TooManyCells")]


async def test_columns_that_nothing_reads_are_named(mine: NewShop) -> None:
    assert result_of(await imported(mine, sheet(MUG | {"Colour of the box": "red"})))["ignored_columns"] == [
        "Colour of the box"
    ]


async def test_another_shops_file_is_not_found(mine: NewShop, other: NewShop, do: Do) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        await do(import_products, file=await uploaded(other, sheet(MUG)))


# ---- and out again -------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    title: str


async def test_an_export_that_is_imported_again_leaves_the_shop_exactly_as_it_was(mine: NewShop, do: Do) -> None:
    await imported(mine, sheet(LAMP, LARGE_LAMP, SECOND_PICTURE, MUG | {"Title": "=1+1", "Tags": '\'=cmd, "a, b"'}))
    async with mine.shop.database.transaction(mine.id) as sql:
        place = await warehouse_of(sql)
        shelf = make_category(sql, "Mugs", parent=make_category(sql, "Kitchen"))
        make_variant(sql, "MUG-OWN", title="Mug", warehouse=place, category=shelf)
        make_variant(sql, "MADE", title="Made to order", tracked=False)
        await sql.commit()
    choices = [
        {"sku": f"T-{n}", "options": {"A": f"{n}", "B": "x", "C": "y", "D": "z"}, "price": 100 + n, "cost": 7}
        for n in range(3)
    ]
    await do(
        create_product,
        title="Many options",
        variants=choices,
        attributes={"material": "oak", "type": "Box", "foldable": True, "volume": 1.5, "-odd (name)": " wide "},
        on_sale=True,
    )
    sold_off = await do(get_product, product="MADE")
    await do(update_product, product="MADE", status="discontinued", version=sold_off.version)
    before = await catalogue_of(mine)

    content = await exported(mine)
    result = result_of(await imported(mine, content))

    assert (result["outcome"], result["errors"], result["products_unchanged"]) == ("unchanged", 0, 5)
    assert await catalogue_of(mine) == before


async def test_an_export_arrives_in_another_shop(mine: NewShop, other: NewShop) -> None:
    await imported(
        mine, sheet(LAMP, LARGE_LAMP, SECOND_PICTURE, MUG | {"Height (product.metafields.custom.h)": "9 cm"})
    )
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "MUG-OWN", title="Mug")
        await sql.commit()
    content = await exported(mine)

    result = result_of(await imported(other, content))

    assert (result["products_new"], result["variants_new"], result["errors"]) == (3, 4, 0)
    assert await exported(other) == content


async def test_a_variant_that_is_not_taxed_is_exported_and_imported_as_such(mine: NewShop, do: Do) -> None:
    await imported(mine, sheet(LAMP, LARGE_LAMP))
    await do(set_tax_rate, country="FR", tax_class="exempt", rate=0)
    large = (await do(get_product, product="LAMP-L")).variants[1]
    await do(update_variant, sku="LAMP-L", tax_class="exempt", version=large.version)

    content = await exported(mine)

    rows = {row["Variant SKU"]: row["Variant Taxable"] for row in csv.DictReader(io.StringIO(content.decode()))}
    assert rows == {"LAMP-S": "TRUE", "LAMP-L": "FALSE"}
    assert result_of(await imported(mine, content))["outcome"] == "unchanged"


async def test_text_that_a_spreadsheet_program_would_run_is_made_harmless(mine: NewShop) -> None:
    titles = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "'=quoted already", "plain"]
    await imported(
        mine, sheet(*({**MUG, "Handle": f"m{n}", "Variant SKU": f"M{n}", "Title": "x"} for n in range(len(titles))))
    )
    async with mine.shop.database.transaction(mine.id) as sql:
        for n, title in enumerate(titles):
            await sql.execute(
                "update products set title = %s where external_reference = %s and merchant_id = %s",
                (title, f"m{n}", mine.id),
            )
        await sql.commit()

    rows = list(csv.DictReader(io.StringIO((await exported(mine)).decode())))

    assert [row["Title"] for row in rows] == ["'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(A1)", "''=quoted already", "plain"]


async def test_an_export_has_the_products_that_were_asked_for(mine: NewShop) -> None:
    await imported(mine, sheet(LAMP, MUG))

    drafts, lamps = await exported(mine, status="draft"), await exported(mine, category="Lamps")

    assert b"mug" in drafts
    assert b"brass-lamp" not in drafts
    assert b"brass-lamp" in lamps
    assert b"MUG-STONE" not in lamps
