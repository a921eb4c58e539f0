"""Where things that are said find their argument by what a field declares: bins, units, marks, tags, people, second references."""

from typing import Any

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.read.grounds import Ground, Row
from tests.planner.test_filling import filled, named


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


@pytest.mark.parametrize(
    ("tool", "text", "told"),
    [
        ("move_stock", "7 JUG-CLAY from c-02-1 to d-11", {"from_bin": "C-02-1", "to_bin": "D-11", "sku": "JUG-CLAY"}),
        ("move_stock", "7 JUG-CLAY nach D-11, von C-02-1", {"from_bin": "C-02-1", "to_bin": "D-11"}),
        ("create_bin", "add shelf E-05-2", {"code": "E-05-2"}),
        ("issue_store_credit", "give CUS-1077 12.50 euros of credit", {"amount": 1250}),
        ("issue_store_credit", "take 5 € of credit off CUS-1077", {"amount": -500}),
        ("merge_customers", "CUS-1077 and CUS-1090 are one person", {"customer": "CUS-1077", "duplicate": "CUS-1090"}),
        ("set_reorder_rule", "reorder JUG-CLAY at 15, up to 80", {"reorder_point": 15, "reorder_target": 80}),
        ("submit_survey", "CUS-1077 gives us 3 out of 5", {"score": 3}),
        ("submit_survey", "CUS-1077 gives us 9 out of 10", {"recommend": 9}),
        ("update_variant", "JUG-CLAY weighs 1.4 kg", {"weight_grams": 1400}),
        ("update_variant", "JUG-CLAY is 30 x 20 x 12 cm", {"length_mm": 300, "width_mm": 200, "height_mm": 120}),
        ("quote_rates", "what does a parcel of 2,5 kg cost", {"parcels": [{"weight_grams": 2500}]}),
        (
            "receive_purchase_order",
            "PO-1012: 18 of 20 JUG-CLAY, 2 of them broken",
            {"lines": [{"sku": "JUG-CLAY", "received": 18, "damaged": 2}]},
        ),
        (
            "exchange_items",
            "ORD-1042: JUG-CLAY instead of JUG-SAND",
            {"items": [{"sku": "JUG-SAND", "new_sku": "JUG-CLAY"}]},
        ),
    ],
)
def test_what_is_said_finds_the_field_that_declares_it(
    index: Index, tool: str, text: str, told: dict[str, Any]
) -> None:
    found = filled(index, tool, text)

    assert {name: found.get(name) for name in told} == told


@pytest.mark.parametrize(
    ("tool", "text", "words", "kind", "told"),
    [
        ("start_pick", "starting PICK-7", "PICK-7", "ref", {"pick": "PCK-7"}),
        ("start_pick", "starting pick thirty four", "pick thirty four", "ref", {"pick": None}),
        ("assign_ticket", "give TCK-9 to marta", "marta", "person", {"assignee": "marta"}),
        ("schedule_pickup", "book a parcelo pick-up", "parcelo", "carrier", {"carrier": "parcelo"}),
        ("tag_customer", "mark CUS-1077 as press", "press", "tag", {"add": ["press"]}),
        ("tag_customer", "CUS-1077 ist nicht mehr press", "press", "tag", {"remove": ["press"]}),
    ],
)
def test_a_name_goes_where_a_name_is_taken(
    index: Index, tool: str, text: str, words: str, kind: str, told: dict[str, Any]
) -> None:
    found = filled(index, tool, text, named(text, words, kind))

    assert {name: found.get(name) for name in told} == told


def test_of_two_suppliers_that_are_called_so_none_is_taken(index: Index) -> None:
    def told(*names: str) -> object:
        rows = tuple(Row("supplier", f"SUP-{n}", name, "", "begins", "", "") for n, name in enumerate(names, 1))
        ground = Ground(16, 23, "atelier", rows)
        return filled(index, "list_purchase_orders", "what comes from atelier", grounds=(ground,)).get("supplier")

    assert told("Atelier Brun") == "SUP-1"
    assert told("Atelier Brun", "Atelier Brume") == "atelier"
