"""What a merchant sees: the columns that matter, what all rows share in one line, and reports in plain sentences."""

import re
from typing import Any

import pytest

from planner.tell.unopened import not_open, rooms
from planner.tell.voice import words
from prompts.voices import operations
from tests.planner.conftest import Conversation
from tests.planner.test_conversation import page
from tools import registry


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
        "More than 2 variants (25 October to 22 November 2026, Europe/Paris) run low. The first 2 are shown."
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

    assert answer.text.startswith(
        "Average order value 85.64 EUR, net sales 25,424.77 EUR, 309 orders, 883 units (9 to 15"
    )
    assert "13.1 % more average order value than the period before" in answer.text


def test_a_period_that_has_an_end_before_is_compared_with_it_by_its_days(talk: Conversation) -> None:
    answer = talk.say("how much did we sell last week?", {**REPORT, "before_until": "2026-11-06T23:00:00Z"})

    assert "than the period before (2 to 6 November 2026):" in answer.text


@pytest.mark.parametrize(
    ("began", "told"),
    [
        ("2026-11-08T23:00:00Z", "(2 to 8 November 2026) there are no sales to compare with: the first order was placed on 9"),
        ("2026-11-05T23:00:00Z", "(2 to 8 November 2026) there are sales from 6 November 2026 on only: net sales 22,764.59"),
        ("2026-11-01T23:00:00Z", "That is 11.7 % more net sales than the period before (2 to 8 November 2026):"),
    ],
)  # fmt: skip
def test_a_time_before_the_shop_sold_anything_is_no_measure(talk: Conversation, began: str, told: str) -> None:
    before = {"before_until": "2026-11-08T23:00:00Z", "sold_since": began}

    answer = talk.say("how much did we sell last week?", {**REPORT, **before})

    assert told in answer.text
    assert ("%" in answer.text) == ("%" in told)


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


# ---- the answer first ----------------------------------------------------------------------------------------------------

MUG: dict[str, Any] = {
    "reference": "PRD-1001",
    "title": "Stoneware mug",
    "brand": "Atelier Brume",
    "variants": [
        {
            "sku": "MUG-BLUE",
            "title": "Blue",
            "weight_grams": 380,
            "prices": [
                {"price": euros(1800), "min_quantity": 1},
                {"price": euros(1620), "customer_group": "trade", "min_quantity": 1},
            ],
            "available": 3,
            "stock": [{"name": "Lyon", "available": 3}],
        },
        {"sku": "MUG-SAGE", "title": "Sage", "prices": [{"price": euros(1900), "min_quantity": 1}], "available": 7},
    ],
}


def first(text: str) -> str:
    return text.splitlines()[0]


def placed(**changed: Any) -> dict[str, Any]:
    """One order as it is shown alone."""
    states = {"payment_state": "paid", "fulfilment_state": "fulfilled", "return_state": "none"}
    return {
        **order(1042),
        **states,
        "shipments": [{"status": "in_transit", "shipped_at": "2026-11-20T09:00:00Z"}],
        **changed,
    }


def test_a_price_question_is_answered_with_the_price_alone(talk: Conversation) -> None:
    assert talk.say("show me product MUG-BLUE, its price", MUG).text == "MUG-BLUE costs 18.00 EUR (trade: 16.20 EUR)."


def test_a_product_that_is_shown_begins_with_price_and_stock(talk: Conversation) -> None:
    answer = talk.say("show me product PRD-1001", MUG)

    assert first(answer.text) == ("Stoneware mug costs from 18.00 EUR to 19.00 EUR. 10 of Stoneware mug are available.")
    assert heads(answer.text) == ["SKU", "Title", "Price", "Available"]


def test_a_fact_that_nobody_entered_is_not_known_here(talk: Conversation) -> None:
    answer = talk.say("show me product MUG-BLUE, its barcode", MUG)

    assert answer.text == "The barcode of MUG-BLUE is not known here."


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Yes: ORD-1042 is paid and on its way. It left on 20 November 2026."),
        (
            {"payment_state": "unpaid", "fulfilment_state": "unfulfilled", "shipments": []},
            "No: ORD-1042 is unpaid and not shipped.",
        ),
    ],
)
def test_a_yes_or_no_question_is_answered_yes_or_no(talk: Conversation, changed: dict[str, Any], said: str) -> None:
    assert talk.say("is order ORD-1042 paid?", placed(**changed)).text == said


def test_where_an_order_is_takes_one_line_and_not_the_whole_order(talk: Conversation) -> None:
    answer = talk.say("where is order ORD-1042?", placed())

    assert answer.text == "ORD-1042 is paid and on its way. It left on 20 November 2026."


def test_how_many_asks_for_the_count_of_all_that_match_and_says_it_first(talk: Conversation) -> None:
    total = {"rows": 49, "more": False, "sums": [euros(348210)]}

    answer = talk.say("how many orders are confirmed?", {**page(order(1042), order(1043), more=True), "total": total})

    assert talk.calls[0][1].get("count") is True
    assert first(answer.text) == ("49 orders are confirmed. Together they come to 3,482.10 EUR. The first 2 are shown.")


def test_rows_that_are_shown_are_counted_and_what_they_come_to_is_not_told_unasked(talk: Conversation) -> None:
    total = {"rows": 49, "more": False, "sums": [euros(348_210)]}

    answer = talk.say("show confirmed orders", {**page(order(1042), order(1043), more=True), "total": total})

    assert talk.calls[0][1].get("count") is True
    assert first(answer.text) == "49 orders are confirmed. The first 2 are shown."


def test_of_the_last_few_not_all_are_counted(talk: Conversation) -> None:
    talk.say("show the last three confirmed orders", page(order(1042)))

    assert "count" not in talk.calls[0][1]


def test_a_fact_about_the_one_row_that_was_found_is_told_alone(talk: Conversation) -> None:
    row = {"reference": "CUS-301", "name": "Ana Torres", "email": "ana@example.com", "spend": euros(100)}

    answer = talk.say("what is the e-mail of the customer in Lyon? find customers in Lyon", page(row))

    assert answer.text == "The e-mail of Ana Torres is ana@example.com."


def test_an_empty_list_says_by_which_filters(talk: Conversation) -> None:
    answer = talk.say("show confirmed orders to Lyon", page())

    assert answer.text == "No order to Lyon is confirmed."


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("wie viele MUG-BLUE haben wir auf Lager?", "3 Stück MUG-BLUE sind verfügbar: Lyon 3."),
        ("combien de MUG-BLUE avons-nous en stock ?", "3 MUG-BLUE sont disponibles : Lyon 3."),
    ],
)
def test_an_answer_is_in_the_language_of_the_question(talk: Conversation, asked: str, said: str) -> None:
    answer = talk.say(asked, page({"sku": "MUG-BLUE", "warehouse_name": "Lyon", "available": 3}))

    assert answer.text == said


@pytest.mark.parametrize(("said", "begins"), [("hello", "Hello."), ("Hilfe", "Ich mache"), ("aide", "Je transforme")])
def test_a_greeting_tells_what_the_shops_state_makes_worth_asking(talk: Conversation, said: str, begins: str) -> None:
    windows = [{"days": days, "orders": days, "revenue": euros(days * 100)} for days in (1, 7, 30)]
    kpis = {"open_orders": {"to_ship": 93, "pending": 0}, "windows": windows}

    answer = talk.say(said, page(), kpis, page({"sku": "MUG-BLUE", "available": 3}))

    assert [name for name, _ in talk.calls] == ["list_approvals", "order_kpis", "low_stock_products"]
    assert answer.text.startswith(begins)
    assert "93 " in answer.text
    assert answer.text.count("\n- ") == 3


def test_a_figure_in_a_greeting_comes_from_a_tool_or_is_not_said(talk: Conversation) -> None:
    refused = {"error": {"code": "Forbidden", "message": "Not allowed."}}

    answer = talk.say("hello", refused, refused, refused)

    assert answer.text.count("\n- ") == 3
    assert "waiting" not in answer.text


def test_a_request_that_was_not_understood_offers_at_most_two_things_to_look_up(talk: Conversation) -> None:
    answer = talk.say("flurbl the orders thing grumpf")

    offered = answer.additional_kwargs.get("pending", {"options": []})["options"]
    assert len(offered) <= 2
    assert not any(talk.planner.index.tools[option["tool"]].entry.writes for option in offered)


@pytest.mark.parametrize("language", ["en", "fr", "de"])
@pytest.mark.parametrize("room", list(rooms()))
def test_what_is_not_open_yet_is_said_with_what_can_be_done_meanwhile(room: str, language: str) -> None:
    for operation in ("refund_payment", *rooms()[room]["operations"], ""):
        said = not_open(operation, room, language)

        assert rooms()[room]["name"][language] in said
        assert said.endswith(".")
        assert not re.search(r"[{}]", said)


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Refund payment"), ("fr", "Rembourser un paiement"), ("de", "Zahlung erstatten")]
)
def test_what_is_not_open_yet_is_called_by_a_name_in_the_questions_language(language: str, title: str) -> None:
    assert title in not_open("refund_payment", "payments", language)


def test_nothing_stands_in_for_an_operation_that_is_open() -> None:
    assert [name for room in rooms().values() for name in room["operations"] if name in registry.tools()] == []


def test_every_operation_that_is_not_open_has_a_name_in_each_language() -> None:
    planned = {one.name: one.room for one in operations() if one.name not in registry.tools() and one.room != "~talk"}

    for language in ("fr", "de"):
        unnamed = [
            name
            for name, room in planned.items()
            if name.replace("_", " ").capitalize() in not_open(name, room, language)
        ]
        assert unnamed == []


def test_every_table_of_words_has_all_three_languages() -> None:
    for table in ("frames", "nouns", "filters", "suggestions"):
        for name, known in words()[table].items():
            assert {"en", "fr", "de"} == set(known), name
