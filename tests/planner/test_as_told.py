"""What people say around a change and a list: from today, two euro off, three instead of four, not gone out, of all time."""

from typing import Any

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.read import acts, mood
from planner.read.language import to_english
from planner.read.spelling import mended
from tests.planner.test_filling import PARIS, filled


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


@pytest.mark.parametrize("said", ["from today", "today", "from now on"])
def test_what_is_changed_today_is_changed_now(index: Index, said: str) -> None:
    assert filled(index, "set_price", f"set MUG-BLUE to 12.90 {said}") == {"sku": "MUG-BLUE", "amount": 1290}


def test_what_is_changed_for_today_only_ends_with_the_day(index: Index) -> None:
    told = filled(index, "set_price", "set MUG-BLUE to 12.90, only today")

    assert "valid_from" not in told
    assert told["valid_until"] > PARIS.now.isoformat()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2 euro off MUG-BLUE", {"skus": ["MUG-BLUE"], "by_amount": -200}),
        ("MUG-BLUE 2 euro up", {"skus": ["MUG-BLUE"], "by_amount": 200}),
        ("make MUG-BLUE and MUG-RED 44.90", {"skus": ["MUG-BLUE", "MUG-RED"], "to_amount": 4490}),
        (
            "drop MUG-BLUE to 15 flat, old price next to it",
            {"skus": ["MUG-BLUE"], "to_amount": 1500, "strike_through": True},
        ),
        ("MUG-BLUE to 9.90, old price crossed out", {"skus": ["MUG-BLUE"], "to_amount": 990, "strike_through": True}),
    ],
)
def test_a_rule_of_prices_is_told_by_how_much_or_what_they_become(
    index: Index, text: str, told: dict[str, Any]
) -> None:
    assert filled(index, "change_prices", text) == told


@pytest.mark.parametrize("text", ["we sit on 94 of MUG-BLUE, drop it to 15", "MUG-BLUE from 12 EUR to 15 EUR"])
def test_a_price_is_what_it_is_set_to(index: Index, text: str) -> None:
    assert filled(index, "set_price", text) == {"sku": "MUG-BLUE", "amount": 1500}


@pytest.mark.parametrize(
    "text",
    [
        "which orders have not completely gone out yet",
        "what has not left the house",
        "orders that have not gone out",
    ],
)
def test_what_has_not_gone_out_is_open(index: Index, text: str) -> None:
    assert filled(index, "list_orders", text)["open"] is True


def test_that_nothing_was_paid_is_unpaid(index: Index) -> None:
    told = filled(index, "list_orders", "goods fully shipped, nothing paid")

    assert (told["payment_state"], told["fulfilment_state"]) == (["unpaid"], ["fulfilled"])


def test_neither_of_two_states_is_wanted_where_both_are_excepted(index: Index) -> None:
    told = filled(index, "list_orders", "unpaid orders not counting cancelled or expired")

    assert told["status"] == ["draft", "pending", "confirmed", "completed"]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("a pickup today between two and four", ("14:00", "16:00")),
        ("a pickup from 9 to 11:30", ("09:00", "11:30")),
        ("un enlèvement entre 14h et 16h", ("14:00", "16:00")),
        ("Abholung zwischen 14 und 16 Uhr", ("14:00", "16:00")),
    ],
)
def test_hours_are_those_of_a_working_day(index: Index, text: str, hours: tuple[str, str]) -> None:
    told = filled(index, "schedule_pickup", text)

    assert (told["ready_from"], told["ready_until"]) == hours


@pytest.mark.parametrize("said", ["of all time", "ever", "all-time"])
def test_what_is_asked_of_all_time_is_not_of_the_last_weeks(index: Index, said: str) -> None:
    assert filled(index, "sales_by_customer", f"our best customer {said}")["placed_from"] < "2001"


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("he wants 4 MUG-BLUE not 2", 4),
        ("3 MUG-BLUE instead of 5", 3),
        ("only one MUG-BLUE instead of two", 1),
        ("she wants only one MUG-BLUE, not two", 1),
    ],
)
def test_how_many_there_shall_be_is_not_how_many_there_were(index: Index, text: str, quantity: int) -> None:
    [line] = filled(index, "change_order_lines", text)["quantities"]

    assert line == {"sku": "MUG-BLUE", "quantity": quantity}


def test_what_she_does_not_want_is_taken_out(index: Index) -> None:
    assert filled(index, "change_order_lines", "she doesn't want MUG-BLUE")["remove"] == ["MUG-BLUE"]


@pytest.mark.parametrize("text", ["write her that, nice and short", "write him that, friendly"])
def test_how_something_is_to_be_written_is_not_what(index: Index, text: str) -> None:
    assert "text" not in filled(index, "reply_to_ticket", text)


@pytest.mark.parametrize(
    "said", ["still possible? pls do", "Geht das noch?", "tu peux arranger ça ?", "is it too late?"]
)
def test_whether_it_can_be_done_is_asked_of_a_wish(said: str) -> None:
    assert mood.possible(f"he wants four mugs, not two, {said}")
    assert not mood.possible("what do we have left of the mugs?")


def test_a_slip_at_the_end_of_a_past_is_mended() -> None:
    assert mended("nobody answerd yet") == "nobody answered yet"


@pytest.mark.parametrize(
    "said", ["which orders has nobody paid", "who ordrd n hasnt payd?", "orders that no one has paid"]
)
def test_what_nobody_has_paid_is_unpaid(index: Index, said: str) -> None:
    assert filled(index, "list_orders", to_english(said))["payment_state"] == ["unpaid"]


@pytest.mark.parametrize(("said", "first"), [("in October", "2026-10-01"), ("in March", "2027-03-01")])
def test_a_month_of_what_is_expected_is_the_nearer_one(index: Index, said: str, first: str) -> None:
    assert filled(index, "list_purchase_orders", f"purchase orders expected {said}")["expected_from"] == first


def test_money_that_came_on_a_day_came_on_the_last_of_that_name(index: Index) -> None:
    told = filled(index, "mark_order_paid", "ORD-7 was paid by bank transfer on 11 November")

    assert told["received_at"].startswith("2026-11-10T23:00")  # its midnight in Paris


@pytest.mark.parametrize("said", ["restrict this to", "limit it to", "kindly narrow them down to", "filter by"])
def test_what_is_shown_is_restricted(said: str) -> None:
    assert acts.narrows(f"{said} Germany")
