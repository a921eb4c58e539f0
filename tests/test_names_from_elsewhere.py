"""Our own reference always wins: whatever another system calls a row, it never stands before one of ours, in any look-up."""

import uuid
from typing import Any

import pytest
from pydantic import ValidationError

from db.model import Base
from db.models.products import Product
from db.references import TABLES, Kind, kind_of
from tests.arranged import AnyTool, arguments_of
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_variant, make_warehouse, number
from tests.test_approved_calls import TABLE_OF, named
from tests.test_every_tool import each, fields
from tools import registry
from tools.contract.call import Shop, call, validated
from tools.contract.context import Context
from tools.flows.cancel_order import cancel_order
from tools.orders.detail import get_order
from tools.rules.lookup import find_customer, find_product, find_variant, find_warehouse

TOOLS = list(registry.tools().values())
WRITTEN = [
    (tool, path) for tool in TOOLS for path, _ in fields(tool.input) if path.rpartition(".")[2] == "external_reference"
]


async def _double(mine: NewShop, table: str, reference: str) -> None:
    """A second row like the one of that reference, which another system calls by it."""
    async with mine.shop.database.transaction(mine.id) as sql:
        own: dict[str, Any] = {
            "id": uuid.uuid4(), "reference": f"{TABLES[table].value}-{number()}", "source": "elsewhere",
            "external_reference": reference,
        }  # fmt: skip
        # What has to be unique in the shop is another's in the double.
        own |= {name: f"other-{number()}" for name in UNIQUE.get(table, ())}
        own |= {"is_default_shipping": False, "is_default_billing": False} if table == "addresses" else {}
        names = [column.name for column in Base.metadata.tables[table].columns if column.computed is None]
        values = ", ".join(f"%({name})s" if name in own else f'"{name}"' for name in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        copied = await sql.execute(
            f"insert into {table} ({quoted}) select {values} from {table} where merchant_id = %(m)s and reference = %(r)s",
            own | {"m": mine.id, "r": reference},
        )
        assert copied == 1
        await sql.commit()


UNIQUE = {
    "variants": ("sku", "sku_key", "option_key", "barcode"),
    "customers": ("email", "email_key"),
    "categories": ("slug",),
    "warehouses": ("code",),
    "api_keys": ("secret_hash",),
    "shipping_methods": ("code",),
    "promotions": ("code", "code_key"),
    "files": ("upload_key",),
    "carriers": ("code", "endpoint_hash"),
    "disputes": ("provider_reference",),
}


def _names_rows(tool: AnyTool) -> bool:
    return "x-reference" in str(tool.schema)


@each([tool for tool in TOOLS if _names_rows(tool)])
async def test_a_name_from_elsewhere_never_shadows_a_reference_of_ours(
    tool: AnyTool, shop: Shop, mine: NewShop
) -> None:
    """Each tool is called by our references, each of which another system uses for another row."""
    arguments = await arguments_of(tool, mine)
    ours = {
        (TABLE_OF[kind], kind.canonical(written))
        for kinds, written in named(validated(tool, arguments))
        for kind in kinds
        if kind_of(kind.canonical(written)) is kind and kind is not Kind.user  # a person is in a shop once
    }
    for table, reference in ours:
        await _double(mine, table, reference)

    outcome = await call(shop, tool, arguments, mine.caller("owner"), key=f"k-{number()}")

    assert outcome.result is not None


async def test_a_number_from_elsewhere_leaves_the_real_order_within_reach(do: Do, mine: NewShop) -> None:
    from tests.tools.cases.orders import cancel_order as placed

    reference = (await placed(mine))["order"]
    await _double(mine, "orders", reference)

    shown = await do(get_order, order=reference.lower())
    cancelled = await do(cancel_order, order=reference, reason="customer_request")

    assert shown.reference == cancelled.reference == reference


async def test_look_ups_with_names_of_their_own_prefer_our_references_too(ctx: Context) -> None:
    variant, customer, warehouse = make_variant(ctx.sql), make_customer(ctx.sql), make_warehouse(ctx.sql)
    await ctx.sql.flush()
    product = await ctx.db.get_one(Product, (ctx.merchant.id, variant.product_id))
    make_variant(ctx.sql, sku=variant.reference)
    make_variant(ctx.sql, sku=product.reference)
    make_warehouse(ctx.sql, code=warehouse.reference)
    other = make_customer(ctx.sql)
    other.source, other.external_reference = "elsewhere", customer.reference
    await ctx.sql.flush()

    assert (await find_variant(ctx, variant.reference)).id == variant.id
    assert (await find_product(ctx, product.reference)).id == product.id
    assert (await find_warehouse(ctx, warehouse.reference)).id == warehouse.id
    assert (await find_customer(ctx, customer.reference)).id == customer.id


# ---- what may be written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tool", "path"), WRITTEN, ids=[f"{tool.name}-{path}" for tool, path in WRITTEN])
@pytest.mark.parametrize("ours", ["ORD-1001", "cus-7", "#APR-3"])
def test_a_name_from_elsewhere_that_looks_like_ours_is_refused(tool: AnyTool, path: str, ours: str) -> None:
    assert "." not in path, "nested: call it as its model is"

    with pytest.raises(ValidationError) as refused:
        tool.input.model_validate({"source": "amazon", path: ours})

    problem = next(one["msg"] for one in refused.value.errors() if one["loc"] == (path,))
    assert f"{ours} looks like a reference of this shop's own" in problem


def test_there_are_inputs_that_take_a_name_from_elsewhere() -> None:
    assert {tool.name for tool, _ in WRITTEN} >= {"create_order", "create_customer"}


@pytest.mark.parametrize(
    ("written", "kind"),
    [("ORD-1001", Kind.order), (" var-7", Kind.variant), ("#WH-1", Kind.warehouse), ("1042", None), ("#1042", None),
     ("MP-700007", None), ("ORD-1001-A", None), ("408-1234567-1234567", None)],
)  # fmt: skip
def test_what_looks_like_a_reference_of_ours(written: str, kind: Kind | None) -> None:
    assert kind_of(written) is kind


@pytest.mark.parametrize("sku", ["VAR-7", "prd-12"])
async def test_a_sku_does_not_look_like_a_variants_or_a_products_reference(do: Do, sku: str) -> None:
    from tools.contract.errors import Invalid
    from tools.products.creation import create_product

    with pytest.raises(Invalid, match="looks like a reference of this shop's own"):
        await do(create_product, title="Mug", variants=[{"sku": sku}])
