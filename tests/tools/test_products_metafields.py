"""Attributes on their way in and out of product sheets, as Shopify's columns of metafields."""

import csv
import io

from tests.conftest import Do
from tests.factories import NewShop
from tests.sheets import MUG, errors_of, exported, imported, sheet
from tests.tools.till import choose
from tools.products.detail import get_product

MATERIAL, WASHABLE = "Material (product.metafields.custom.material)", "Washable (product.metafields.custom.washable)"


async def test_metafields_of_a_sheet_are_attributes_of_the_types_that_the_shop_chose(mine: NewShop, do: Do) -> None:
    types = {"material": {"type": "choice", "values": ["Oak", "Ash"]}, "washable": {"type": "boolean"}}
    await choose(mine, "products.attribute_types", types)
    further = {"(product.metafields.test.care)": "By hand", "Variant Image": "https://img.example/mug.jpg"}
    job = await imported(mine, sheet({**MUG, MATERIAL: "oak", WASHABLE: "TRUE", **further}))

    assert job.result is not None
    assert job.result["ignored_columns"] == ["Variant Image"]
    assert (await do(get_product, product="mug")).attributes == {"material": "Oak", "washable": True, "care": "By hand"}
    content = await exported(mine)
    (row,) = csv.DictReader(io.StringIO(content.decode()))
    assert {name: text for name, text in row.items() if "metafields" in name} == {
        "care (product.metafields.custom.care)": "By hand", "material (product.metafields.custom.material)": "Oak",
        "washable (product.metafields.custom.washable)": "true",
    }  # fmt: skip
    again = await imported(mine, content)
    assert again.result is not None
    assert again.result["outcome"] == "unchanged"
    await imported(mine, sheet({**MUG, MATERIAL: "Ash", WASHABLE: ""}))
    assert (await do(get_product, product="mug")).attributes == {"material": "Ash", "care": "By hand"}


async def test_a_metafield_that_is_not_of_its_type_is_refused_with_its_column(mine: NewShop, do: Do) -> None:
    types = {"washable": {"type": "boolean"}}
    await choose(mine, "products.attribute_types", types)

    job = await imported(mine, sheet({**MUG, WASHABLE: "by hand"}))

    assert await errors_of(mine, job) == [(2, "Washable", "AttributeNotOfType")]
