"""What a merchant sees: the columns that matter, what all rows share in one line, and reports in plain sentences."""

from typing import Any

from tests.planner.conftest import Conversation
from tests.planner.test_conversation import page


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def order(number: int, *, status: str = "confirmed", total: int = 8080) -> dict[str, Any]:
    return {
        "reference": f"ORD-{number}",
        "status": status,
        "on_hold": False,
        "channel": "web",
        "external_reference": None,
        "customer": f"CUS-{number - 700}",
        "customer_name": f"Ana {number}",
        "placed_at": "2026-11-14T23:30:00Z",
        "lines": [{"sku": "MUG-BLUE", "quantity": 2}],
        "units": number - 1040,
        "total": euros(total),
    }


def heads(text: str) -> list[str]:
    """The headings of the first table."""
    line = next(line for line in text.splitlines() if line.startswith("| "))
    return [head.strip() for head in line.strip("|").split("|")]


def test_a_row_shows_its_own_name_then_amounts_and_states_but_no_other_references(talk: Conversation) -> None:
    answer = talk.say("show all orders", page(order(1042), order(1043, status="completed", total=1999)))

    assert heads(answer.text) == ["Reference", "Customer", "Total", "Units", "Status"]


def test_what_all_rows_share_is_said_above_the_table(talk: Conversation) -> None:
    answer = talk.say("show all orders", page(order(1042), order(1043, status="completed")))

    assert "The same in every row: channel web, placed 2026-11-15 00:30, total 80.80 EUR." in answer.text
    assert not {"Channel", "Placed", "On hold", "External reference"} & set(heads(answer.text))


def test_the_column_that_a_list_was_narrowed_by_is_shown(talk: Conversation) -> None:
    rows = [
        {
            "reference": f"CUS-{n}",
            "email": f"{n}@example.com",
            "orders": n,
            "last_seen": "2026-11-14",
            "spent": euros(n),
        }
        for n in (301, 302)
    ]

    answer = talk.say("which customers have spent more than 500 euros?", page(*rows))

    assert heads(answer.text)[:2] == ["Reference", "Spent"]


def test_a_list_says_how_many_of_what_and_how_to_get_the_rest(talk: Conversation) -> None:
    rows = [{"sku": "MUG-BLUE", "available": 3}, {"sku": "MUG-SAGE", "available": 6}]
    counted = {"zone": "Europe/Paris", "sold_from": "2026-10-25T16:00:00Z", "sold_until": "2026-11-22T16:00:00Z"}

    answer = talk.say("what is running low?", {**page(*rows, more=True), **counted})

    assert answer.text.splitlines()[0] == (
        "More than 2 variants run low. The first 2 are shown. (25 October to 22 November 2026, Europe/Paris)"
    )
    assert answer.text.splitlines()[-1] == "For more, say “the first 10”, or narrow it down."


NOW = {"gross": euros(2661274), "net": euros(2542477), "orders": 309, "units": 883, "average_order_value": euros(8564)}
PAST = {"gross": euros(2359585), "net": euros(2276459), "orders": 311, "units": 842, "average_order_value": euros(7569)}
REPORT: dict[str, Any] = {
    "placed_from": "2026-11-08T23:00:00Z",
    "placed_until": "2026-11-15T23:00:00Z",
    "before_from": "2026-11-01T23:00:00Z",
    "zone": "Europe/Paris",
    "currency": "EUR",
    "totals": NOW,
    "before": PAST,
    "change": 11.7,
    "groups": [],
    "groups_left_out": 1,
}


def test_a_report_is_told_in_sentences_with_its_change_and_without_field_names(talk: Conversation) -> None:
    answer = talk.say("how much did we sell last week?", REPORT)

    assert answer.text == (
        "Net sales 25,424.77 EUR, 309 orders, 883 units, average order value 85.64 EUR (9 to 15 November 2026, Europe/Paris). "
        "That is 11.7 % more net sales than the period before (from 2 November 2026): "
        "net sales 22,764.59 EUR, 311 orders, 842 units."
    )


def test_the_figure_that_was_asked_for_comes_first_and_is_the_one_compared(talk: Conversation) -> None:
    answer = talk.say("what was the average order value last week?", REPORT)

    assert answer.text.startswith("Average order value 85.64 EUR, net sales 25,424.77 EUR, 309 orders, 883 units (9 to 15")
    assert "13.1 % more average order value than the period before" in answer.text


def test_a_period_that_has_an_end_before_is_compared_with_it_by_its_days(talk: Conversation) -> None:
    answer = talk.say("how much did we sell last week?", {**REPORT, "before_until": "2026-11-06T23:00:00Z"})

    assert "than the period before (2 to 6 November 2026):" in answer.text


def test_the_groups_of_a_report_show_their_key_first_under_its_own_name(talk: Conversation) -> None:
    groups = [{**NOW, "reference": None, "group": "FR"}, {**PAST, "reference": None, "group": "DE"}]

    answer = talk.say("revenue by country last week", {**REPORT, "groups": groups})

    assert heads(answer.text)[:3] == ["Country", "Net sales", "Orders"]
    assert "1 more are not shown." in answer.text


def test_units_that_lie_in_several_places_are_told_together(talk: Conversation) -> None:
    lyon = {
        "sku": "MUG-BLUE",
        "warehouse": "WH-1",
        "warehouse_name": "Lyon",
        "on_hand": 5,
        "available": 3,
        "reorder_point": 9,
    }
    lille = lyon | {"warehouse": "WH-2", "warehouse_name": "Lille", "on_hand": 2, "available": 1, "reorder_point": None}

    two = talk.say("How many MUG-BLUE do we have?", page(lyon, lille))
    one = talk.say("How many MUG-BLUE do we have?", page(lyon))

    assert two.text == "4 of MUG-BLUE are available: Lyon 3, Lille 1. 7 on hand."
    assert one.text == "3 of MUG-BLUE are available: Lyon 3. 5 on hand."


def test_units_of_a_list_that_goes_on_are_not_added_up(talk: Conversation) -> None:
    lyon = {"sku": "MUG-BLUE", "warehouse_name": "Lyon", "available": 3}

    answer = talk.say("How many MUG-BLUE do we have?", page(lyon, lyon) | {"has_more": True})

    assert "In all" not in answer.text
