"""Every list can be narrowed by whatever a row shows of people, places, goods, times and states, and sorted by its figures."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest

from db import clock
from tests.conftest import Do
from tests.factories import NewShop
from tools import registry
from tools.contract.declare import Tool
from tools.contract.page import Paged

AnyTool = Tool[Any, Any]
Schema = Mapping[str, Any]
LISTS = [one for name, one in registry.tools().items() if name.startswith("list_") and issubclass(one.input, Paged)]
# What a column shows, and by which of these inputs a list is narrowed to it.
WORDS = ("text", "search", "name")
PEOPLE = {
    "customer": ("customer", "text"),
    "customer_name": ("customer", "text"),
    "assignee": ("assignee",),
    "picker": ("picker",),
    "actor": ("actor",),
    "asker": ("asker",),
    "asker_name": ("asker",),
    "decided_by": ("decided_by",),
    "supplier": ("supplier",),
    "supplier_name": ("supplier",),
    "email": ("email", *WORDS),
}
PLACES = {
    "city": ("city",),
    "to_city": ("city",),
    "country": ("country",),
    "to_country": ("country",),
    "region": ("region", "country"),
    "postcode": ("postcode",),
    "warehouse": ("warehouse",),
    "warehouse_name": ("warehouse",),
    "from_warehouse": ("warehouse",),
    "to_warehouse": ("warehouse",),
}
GOODS = {
    "sku": ("sku", "product"),
    "skus": ("text", "category"),
    "goods": ("product",),
    "contents": ("sku",),
    "product": ("product",),
    "category": ("category",),
    "brand": ("brand",),
    "carrier": ("carrier",),
    "provider": ("provider",),
    "method": ("method",),
    "order": ("order",),
}
NARROWED = PEOPLE | PLACES | GOODS
# Lists of what a shop has a page of: everything is seen at once.
SHORT = {
    "list_addresses", "list_api_keys", "list_carriers", "list_categories", "list_promotions", "list_segments", "list_sessions",
    "list_shipping_methods", "list_suppliers", "list_tax_rates", "list_users", "list_warehouses",
}  # fmt: skip
UNFILTERED = {
    "list_customers.created_at": "customers are asked for by when they bought",
    "list_products.updated_at": "sorted by: recently_changed",
    "list_products.skus": "one SKU is get_variant's and search_products'",
    "list_late_shipments.status": "one that is late is under way",
    "list_late_shipments.shipped_at": "the latest come first, whenever they left",
    "list_late_shipments.promised_at": "all of them were promised for before now",
    "list_late_shipments.delivered_at": "none of them has arrived",
    "list_interactions.delivery": "of one customer, all is seen at once",
    "list_late_shipments.order": "where the parcel of one order is, track_shipment says",
}
UNSORTED = {
    "list_orders.lines": "what was bought, not how much",
    "list_stock.reorder_point": "a rule, not a figure of the shelf",
    "list_stock.price": "prices are list_products'",
    "list_stock_movements.quantity": "an index of every movement would cost each sale; a period's figures are reports'",
    "list_stock_movements.damaged": "the same",
    "list_reservations.quantity": "the same",
    "list_reservations.backordered": "the same",
    "list_payments.captured": "largest and smallest are of what was authorized",
    "list_payments.refunded": "the same; refunds are refund_report's",
    "list_payouts.taken": "worked out of each row that is shown",
    "list_shipments.units": "worked out of each row that is shown",
    "list_shipments.weight_grams": "what weighs most costs most",
    "list_late_shipments.units": "the latest come first",
    "list_late_shipments.cost": "the same",
    "list_late_shipments.weight_grams": "the same",
    "list_late_shipments.days_late": "it is sorted by it",
    "list_late_shipments.silent_hours": "narrowed by it",
    "list_pick_lists.stops": "worked out of each row that is shown",
    "list_pick_lists.units": "the same",
    "list_pick_lists.picked": "the same",
    "list_bins.walk": "it is sorted by it",
    "list_bins.units": "in walking order",
    "list_bins.capacity": "the same",
    "list_bins.quantity": "the same",
    "list_returns.units": "worked out of each row that is shown",
    "list_returns.refunded": "all of the refund, or nothing",
    "list_warranty_claims.quantity": "mostly one",
    "list_products.variants": "by stock and price",
    "list_products.price_to": "cheapest and dearest",
}
SORTED_AS = {
    ("list_products", "price_from"): "cheapest",
    ("list_products", "available"): "least_stock",
    ("list_payments", "authorized"): "largest",
}


def columns(tool: AnyTool) -> dict[str, Schema]:
    """What a row of the list shows, each as the schemas that it may be."""
    schema = tool.output.model_json_schema()
    row = schema["properties"]["data"]["items"]["$ref"].rpartition("/")[2]
    return {name: _plain(one, schema["$defs"]) for name, one in schema["$defs"][row]["properties"].items()}


def _plain(schema: Schema, defs: Mapping[str, Schema]) -> Schema:
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    one = options[0]
    name = str(one.get("$ref", "")).rpartition("/")[2]
    return {**defs[name], "is": name} if name else one


def filters_for(name: str, column: Schema) -> list[tuple[str, ...]]:
    """By which inputs a list may be narrowed to a column: one of each."""
    if column.get("format") in ("date-time", "date"):
        stem = name.removesuffix("_at").removesuffix("_on").removesuffix("_by").removesuffix("_until")
        return [(f"{stem}_from",), (f"{stem}_until",)]
    return [NARROWED[name]] if name in NARROWED else []


def states(tool: AnyTool) -> Iterator[str]:
    """The enums that a list is narrowed by."""
    schema = tool.input.model_json_schema()
    yield from schema.get("$defs", {})


@pytest.mark.parametrize("tool", LISTS, ids=lambda tool: tool.name)
def test_whatever_a_row_shows_a_list_is_narrowed_by(tool: AnyTool) -> None:
    inputs, enums = set(tool.input.model_fields), set(states(tool))
    lacking = {
        f"{tool.name}.{name}"
        for name, column in columns(tool).items()
        if not all(inputs & set(any_of) for any_of in filters_for(name, column))
        or ("enum" in column and column["is"] not in enums and name not in inputs)
    }

    assert tool.name in SHORT or lacking - UNFILTERED.keys() == set()


@pytest.mark.parametrize("tool", LISTS, ids=lambda tool: tool.name)
def test_whatever_figure_a_row_shows_a_list_is_sorted_by(tool: AnyTool) -> None:
    schema = tool.input.model_json_schema()
    sort = _plain(schema["properties"].get("sort", {}), schema.get("$defs", {}))
    name = str(sort.get("is", ""))
    offered = set(schema.get("$defs", {}).get(name, {}).get("enum", ()))
    figures = {
        column
        for column, one in columns(tool).items()
        if (one.get("is") == "Money" or one.get("type") in ("integer", "number"))
        and column not in ("version", "priority")
    }
    lacking = {
        f"{tool.name}.{column}" for column in figures if SORTED_AS.get((tool.name, column), column) not in offered
    }

    assert tool.name in SHORT or lacking - UNSORTED.keys() == set()


def test_no_exception_is_left_that_nothing_needs() -> None:
    shown = {f"{tool.name}.{column}" for tool in LISTS for column in columns(tool)}

    assert (UNFILTERED.keys() | UNSORTED.keys()) - shown == set()
    assert {tool.name for tool in LISTS} >= SHORT


async def _arranged(tool: AnyTool, mine: NewShop) -> dict[str, Any]:
    """What a list cannot do without, in a shop that was arranged for it."""
    case = importlib.import_module(f"tests.tools.cases.{tool.room}")
    given = await getattr(case, tool.name)(mine)
    return {name: given[name] for name in tool.schema.get("required", [])}


SORTED = [tool for tool in LISTS if "sort" in tool.input.model_fields]


@pytest.mark.parametrize("tool", SORTED, ids=lambda tool: tool.name)
async def test_in_each_order_page_by_page_comes_what_comes_at_once(tool: AnyTool, mine: NewShop, do: Do) -> None:
    needed = await _arranged(tool, mine)
    for sort in _orders_of(tool):
        whole = await do(tool, **needed, sort=sort, limit=100)
        rows: list[Any] = []
        after: str | None = None
        while True:
            page = await do(tool, **needed, sort=sort, limit=1, after=after)
            rows += page.data
            after = page.next
            if after is None:
                break
        assert rows == whole.data, sort


def _orders_of(tool: AnyTool) -> list[str]:
    """The values of a list's `sort`."""
    values = cast(Sequence[str], type(tool.input.model_fields["sort"].default))
    return [str(one) for one in values]


@pytest.mark.parametrize("tool", LISTS, ids=lambda tool: tool.name)
async def test_each_filter_that_names_no_row_is_understood_by_the_database(
    tool: AnyTool, mine: NewShop, do: Do
) -> None:
    """One by one, and where nothing fits it the list is empty, or all of it."""
    schema = tool.input.model_json_schema()
    needed = await _arranged(tool, mine) if "required" in schema else {}
    for name, one in schema["properties"].items():
        value = _sample(_plain(one, schema.get("$defs", {})))
        if value is None or name in {*needed, "tool", "after", "limit", "count", "email"} or "x-reference" in str(one):
            continue
        page = await do(tool, **needed, **{name: value}, count=True, limit=1)
        assert page.total.rows >= len(page.data), name


def _sample(schema: Schema) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return None
    by_format = {"date-time": f"{clock.now():%Y-%m-%dT%H:%M:%SZ}", "date": f"{clock.now():%Y-%m-%d}"}
    if schema.get("pattern"):
        by_format[""] = "EUR" if "3" in schema["pattern"] else "fr"
    by_type = {"boolean": True, "integer": 1, "string": by_format.get(schema.get("format", ""), "fr")}
    return by_type.get(schema.get("type", ""))
