"""Which of the things that were shown is meant: by its day, its name, its amount, its place among them, or alone."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from planner.choose import pointing
from planner.choose.decisions import Desk
from planner.choose.index import Index
from planner.converse.memory import Conversation as Held
from tests.planner.conftest import Conversation


def row(number: int, customer: str, placed_at: str, **more: Any) -> dict[str, Any]:
    return {"reference": f"ORD-{number}", "customer": customer, "placed_at": placed_at, **more}


ROWS = [
    row(1, "Rhys Wright", "2026-11-20T10:00:00Z", due_at="2026-12-02T10:00:00Z"),
    row(2, "Ann Wright", "2026-11-20T10:00:00Z", due_at="2026-11-24T10:00:00Z"),
    row(3, "Elif Fischer", "2026-11-22T09:00:00Z", due_at="2026-11-28T10:00:00Z"),
]
ORDERS = {"data": ROWS, "has_more": False}
PROMOTIONS = {
    "data": [
        {"reference": "ORD-7", "title": "Spring cleaning", "status": "draft"},
        {"reference": "ORD-8", "title": "Tea time", "status": "confirmed"},
    ],
    "has_more": False,
}


def pointed(talk: Conversation, index: Index, said: str) -> pointing.Pointed:
    desk = Desk(index, frozenset(index.tools), Held.of([*talk.messages, HumanMessage(said)]))
    return pointing.resolved(said, (), desk)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("the oldest one", "ORD-2"),  # of those of the oldest day, what is due first
        ("cancel the one from today", "ORD-3"),
        ("celle d'aujourd'hui, annule-la", "ORD-3"),
        ("rembourse la 2e", "ORD-2"),
    ],
)
def test_a_row_is_told_by_its_day_and_by_what_comes_first_among_equals(
    talk: Conversation, index: Index, said: str, meant: str
) -> None:
    talk.say("show all pending orders", ORDERS)

    assert pointed(talk, index, said).things == (meant,)


@pytest.mark.parametrize("said", ["cancel the 45,00", "annule celle à 45,00 €", "die mit 45,00 stornieren"])
def test_a_row_is_told_by_its_amount(talk: Conversation, index: Index, said: str) -> None:
    rows = [
        {**one, "total": {"amount": total, "currency": "EUR"}}
        for one, total in zip(ROWS, (900, 4500, 100), strict=True)
    ]
    talk.say("show all pending orders", {"data": rows, "has_more": False})

    assert pointed(talk, index, said).things == ("ORD-2",)


def test_an_amount_that_no_row_has_is_not_half_a_one(talk: Conversation, index: Index) -> None:
    talk.say("show all pending orders", {"data": [{**ROWS[0], "note": "35 cm"}, ROWS[1]], "has_more": False})

    assert pointed(talk, index, "cancel that, the 35,80").things == ()


def test_the_other_one_is_that_of_the_list_from_which_the_first_was_opened(talk: Conversation, index: Index) -> None:
    talk.say("show all pending orders", {"data": ROWS[:2], "has_more": False})
    talk.say("what is in the first one?", {**ROWS[0], "lines": [{"sku": "MUG-RED", "quantity": 1}] * 2})

    assert pointed(talk, index, "and the other?").things == ("ORD-2",)


@pytest.mark.parametrize(("said", "meant"), [("turn off tea time", "ORD-8"), ("is spring one ready?", "ORD-7")])
def test_a_row_is_told_by_its_name(talk: Conversation, index: Index, said: str, meant: str) -> None:
    talk.say("show all pending orders", PROMOTIONS)

    assert pointed(talk, index, said).things == (meant,)


def test_a_day_of_the_month_is_no_row(talk: Conversation, index: Index) -> None:
    talk.say("show all pending orders", ORDERS)

    assert pointed(talk, index, "move it to the 2nd").things == ()


def test_of_a_list_with_one_row_it_is_that_row_and_not_what_stands_beside_it(talk: Conversation, index: Index) -> None:
    talk.say("show all pending orders", {"data": [{**ROWS[0], "to": "ADR-9", "held": "RSV-3"}], "has_more": False})

    assert pointed(talk, index, "cancel it").things == ("ORD-1",)


@pytest.mark.parametrize(("said", "meant"), [("how many of the two are left?", 2), ("wie viele von den beiden?", 2)])
def test_both_are_what_was_shown_one_after_the_other(talk: Conversation, index: Index, said: str, meant: int) -> None:
    for sku in ("MUG-GREEN", "MUG-BLUE", "MUG-RED"):
        talk.say(f"how many {sku} are in stock?", {"data": [{"sku": sku, "warehouse": "WH-1"}] * 2, "has_more": False})

    assert pointed(talk, index, said).things == ("MUG-BLUE", "MUG-RED")[-meant:]


def test_from_there_is_from_the_place_that_was_asked_about(talk: Conversation, index: Index) -> None:
    talk.say("how many MUG-BLUE are in Paris?", {"data": [], "has_more": False})

    assert pointed(talk, index, "send 5 from there to Lyon").text == "send 5 from Paris to Lyon"
