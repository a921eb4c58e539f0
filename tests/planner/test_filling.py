"""Arguments of changes, as people say them: which way prices go, which lines are meant, points, consents, addresses, names."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.fill import slots
from planner.fill.filled import Told
from planner.read.fields import read
from planner.read.grounds import Ground
from planner.read.reader import Mention
from planner.read.reading import Reading, Setting
from tools import registry

PARIS = Setting(datetime(2026, 11, 22, 14, 3, tzinfo=ZoneInfo("Europe/Paris")), ZoneInfo("Europe/Paris"), "EUR")


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


def filled(
    index: Index, tool: str, text: str, mentions: tuple[Mention, ...] = (), grounds: tuple[Ground, ...] = ()
) -> dict[str, Any]:
    """What a tool of the product would be called with, and who would be looked up for it."""
    reading = replace(Reading.of(text, index.vocabulary, PARIS, mentions), grounds=grounds, grounded=bool(grounds))
    told = Told(PARIS, index.lexicon, index.openers, index.tools[tool].words, writes=registry.tool(tool).writes)
    found = slots.fill(read(registry.tool(tool).schema), reading, told)
    return {**found.args, **found.people}


def named(text: str, words: str, kind: str) -> tuple[Mention, ...]:
    """What the reader says that some of the words name."""
    start = text.index(words)
    return (Mention(start, start + len(words), kind, 0.9),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10 % off everything tagged winter", {"percent": -10}),
        ("put the prices of winter things up by 3 percent", {"percent": 3}),
        ("all winter things 2 euros cheaper", {"by_amount": -200}),
        ("winter things at 9.95 euros", {"to_amount": 995}),
        ("change the prices of winter things by 10 percent", {}),
    ],
)
def test_which_way_prices_go_is_said_or_asked(index: Index, text: str, told: dict[str, Any]) -> None:
    found = filled(index, "change_prices", text)

    assert {name: found[name] for name in ("percent", "by_amount", "to_amount") if name in found} == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("add 2 MUG-BLUE to ORD-1042", {"add": [{"sku": "MUG-BLUE", "quantity": 2}]}),
        ("make it 3 MUG-BLUE on ORD-1042", {"quantities": [{"sku": "MUG-BLUE", "quantity": 3}]}),
        ("remove MUG-BLUE from ORD-1042", {"remove": ["MUG-BLUE"]}),
        ("swap MUG-BLUE for MUG-RED on ORD-1042", {"swaps": [{"sku": "MUG-BLUE", "to": "MUG-RED"}]}),
        ("send MUG-RED instead of MUG-BLUE with ORD-1042", {"swaps": [{"sku": "MUG-BLUE", "to": "MUG-RED"}]}),
        ("replace 2 MUG-BLUE by MUG-RED on ORD-1042", {"swaps": [{"sku": "MUG-BLUE", "to": "MUG-RED", "quantity": 2}]}),
    ],
)
def test_lines_of_an_order_are_added_taken_out_or_swapped(index: Index, text: str, told: dict[str, Any]) -> None:
    assert filled(index, "change_order_lines", text) == {"order": "ORD-1042", **told}


def test_a_line_that_is_bought_has_what_one_costs(index: Index) -> None:
    found = filled(index, "create_purchase_order", "order 50 MUG-BLUE from Atelier Brume at 6 euros")

    assert found["lines"] == [{"sku": "MUG-BLUE", "quantity": 50, "unit_cost": 600}]


@pytest.mark.parametrize(
    ("text", "points"), [("give CUS-301 100 points", 100), ("take 40 points off CUS-301, wrong entry: minus 40", -40)]
)
def test_points_are_given_or_taken(index: Index, text: str, points: int) -> None:
    assert filled(index, "adjust_loyalty_points", text)["points"] == points


def test_a_number_of_points_is_nobodys_reference(index: Index) -> None:
    assert filled(index, "adjust_loyalty_points", "give her 300 points") == {"points": 300}


@pytest.mark.parametrize(
    ("text", "granted"),
    [
        ("CUS-301 agreed to our newsletter", True),
        ("CUS-301 does not want marketing e-mails any more", False),
        ("CUS-301 ne veut plus de mails", False),
        ("CUS-301 möchte keine Mails mehr", False),
    ],
)
def test_a_consent_is_given_or_taken_back(index: Index, text: str, granted: bool) -> None:
    found = filled(index, "set_consent", text)

    assert (found["customer"], found["channel"], found["granted"]) == ("CUS-301", "email", granted)


def test_an_address_may_be_written_out_where_its_number_would_do(index: Index) -> None:
    found = filled(index, "change_order_address", "send ORD-1042 to 5 rue de la Paix, 75002 Paris, France instead")

    assert found["shipping_address"] == {
        "line1": "5 rue de la Paix",
        "postcode": "75002",
        "city": "Paris",
        "country": "FR",
    }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ORD-1042 must go to Bondgenotenlaan 88, same town, same postcode", {"line1": "Bondgenotenlaan 88"}),
        ("the street of ORD-1042: 14 rue des Filatiers, 31000.", {"line1": "14 rue des Filatiers", "postcode": "31000"}),
        (
            "ORD-1042 to Aachener Str. 114, 50674 Köln. thx a lot",
            {"line1": "Aachener Str. 114", "postcode": "50674", "city": "Köln"},
        ),
        (
            "ORD-1042 goes to 77 Elm Avenue, Suite 4, Chicago IL 60644 USA",
            {
                "line1": "77 Elm Avenue", "line2": "Suite 4", "city": "Chicago", "region": "IL", "postcode": "60644",
                "country": "US",
            },
        ),
    ],
)  # fmt: skip
def test_of_an_address_as_much_is_said_as_changes(index: Index, text: str, address: dict[str, str]) -> None:
    assert filled(index, "change_order_address", text)["shipping_address"] == address


def test_a_number_of_a_house_alone_is_no_street(index: Index) -> None:
    found = filled(index, "change_order_address", "the house number of ORD-1042 is 14b instead of 14, rest stays")

    assert "shipping_address" not in found


def test_an_address_may_have_a_state_and_a_suite_and_no_country(index: Index) -> None:
    found = filled(index, "change_order_address", "ORD-1042 goes to 77 Elm Avenue, Suite 4, Chicago IL 60644")

    assert found["shipping_address"] == {
        "line1": "77 Elm Avenue",
        "line2": "Suite 4",
        "city": "Chicago",
        "region": "IL",
        "postcode": "60644",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bring the price of MUG-BLUE down to 9.90", {"to_amount": 990}),
        ("take 2.50 euros off the price of MUG-BLUE", {"by_amount": -250}),
    ],
)
def test_what_a_price_becomes_is_not_by_how_much_it_changes(index: Index, text: str, told: dict[str, int]) -> None:
    assert filled(index, "change_prices", text) == {"skus": ["MUG-BLUE"], **told}


def test_by_how_much_a_price_changes_is_not_what_it_becomes(index: Index) -> None:
    assert filled(index, "set_price", "MUG-BLUE 2 euros up") == {"sku": "MUG-BLUE"}
    assert filled(index, "change_prices", "MUG-BLUE 2 euros cheaper") == {"skus": ["MUG-BLUE"], "by_amount": -200}


def test_a_promotion_that_stops_on_a_day_does_not_begin_on_it(index: Index) -> None:
    found = filled(index, "update_promotion", "stop PRO-7 on 4 December")

    assert found == {"promotion": "PRO-7", "ends_at": "2026-12-04T23:00:00Z"}


def test_a_list_of_which_nothing_was_said_is_left_out_rather_than_empty(index: Index) -> None:
    assert filled(index, "confirm_pick", "PCK-7 is picked, all there") == {"pick": "PCK-7"}


def test_a_long_number_is_anothers_and_stays_as_it_is(index: Index) -> None:
    text = "void the label on 357962501027"

    assert filled(index, "cancel_shipment", text, named(text, "357962501027", "ref")) == {"shipment": "357962501027"}


def test_of_a_thing_that_is_named_alone_the_one_quantity_is_how_many(index: Index) -> None:
    text = "create a PO for 200 portable chargers SCARF-GREY"

    assert filled(index, "create_purchase_order", text, named(text, "200", "quantity"))["lines"] == [
        {"sku": "SCARF-GREY", "quantity": 200}
    ]


@pytest.mark.parametrize(
    ("text", "sellable"), [("hide SCARF-GREY from the shop", False), ("put SCARF-GREY back on sale", True)]
)
def test_a_variant_is_taken_off_sale_and_put_back_in_everyday_words(index: Index, text: str, sellable: bool) -> None:
    assert filled(index, "update_variant", text) == {"sku": "SCARF-GREY", "sellable": sellable}


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("purchase orders expected tomorrow", 23, 23), ("purchase orders expected this week", 16, 22)],
)
def test_what_is_expected_in_a_period_is_neither_before_nor_after_it(
    index: Index, text: str, first: int, last: int
) -> None:
    told = {"expected_from": f"2026-11-{first}", "expected_until": f"2026-11-{last}"}

    assert filled(index, "list_purchase_orders", text) == told


@pytest.mark.parametrize(
    ("text", "found_by_the_reader", "kind", "whole"),
    [
        ("forecast for the travel mug sage", "mug sage", "product", "travel mug sage"),
        ("forecast for the product mug sage", "mug sage", "product", "mug sage"),
        ("forget Emre Brandt", "Brandt", "person", "Emre Brandt"),
        ("forget the customer Emre Brandt", "Brandt", "person", "Emre Brandt"),
    ],
)
def test_a_name_is_taken_whole(index: Index, text: str, found_by_the_reader: str, kind: str, whole: str) -> None:
    tool, field = ("forecast_demand", "sku") if kind == "product" else ("erase_customer", "customer")

    assert filled(index, tool, text, named(text, found_by_the_reader, kind))[field] == whole


@pytest.mark.parametrize(
    ("tool", "said", "told"),
    [
        ("revenue_report", "what came in last month by payment type?", "method"),
        ("sales_report", "sales of last month by type of payment", "payment_method"),
    ],
)
def test_money_is_told_apart_by_how_it_was_paid_however_that_is_called(
    index: Index, tool: str, said: str, told: str
) -> None:
    assert filled(index, tool, said)["group_by"] == told


@pytest.mark.parametrize(
    ("said", "limit"), [("what's the oldest unpaid order?", 1), ("which are the oldest orders?", None)]
)
def test_the_oldest_is_one_and_the_oldest_ones_are_several(index: Index, said: str, limit: int | None) -> None:
    assert filled(index, "list_orders", said).get("limit") == limit


@pytest.mark.parametrize("said", ["max 8 orders", "at most 8 orders", "no more than 8 orders"])
def test_how_many_orders_a_pick_list_takes_at_most_is_heard(index: Index, said: str) -> None:
    assert filled(index, "create_pick_list", f"new pick list for WH-1001, {said}")["at_most"] == 8
