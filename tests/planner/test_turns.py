"""Turns within their conversation: corrections of a change, replies beside a question, words that point, fragments that go on."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from planner.choose import pointing
from planner.choose.decisions import Desk
from planner.choose.index import Index
from planner.converse.memory import Conversation as Held
from tests.planner.conftest import Conversation

NO = {"error": {"code": "Rejected", "message": "No."}}
SALES = {"gross": {"amount": 100000, "currency": "EUR"}}
MOVED = {"variant": "MUG-BLUE", "quantity": 10, "from_warehouse": "Paris", "to_warehouse": "Lyon"}


def order(number: int, city: str, total: int, day: int) -> dict[str, Any]:
    return {
        "reference": f"ORD-{number}",
        "city": city,
        "total": {"amount": total, "currency": "EUR"},
        "placed_at": f"2026-11-{day:02}T10:00:00Z",
    }


ROWS = [order(1, "Lyon", 900, 3), order(2, "Gent", 4500, 1), order(3, "Köln", 100, 2)]
ORDERS = {"data": ROWS, "has_more": False}


# ---- a change that was put to the person ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("make it 15", {"quantity": 15}),
        ("hm no, 15", {"quantity": 15}),
        ("15 not 10, sorry", {"quantity": 15}),
        ("not 10 but 15", {"quantity": 15}),
        ("no, from Nantes", {"from_warehouse": "Nantes"}),
        ("sorry, I meant MUG-RED", {"variant": "MUG-RED"}),
        ("quatsch, 15 meinte ich", {"quantity": 15}),
        ("nein, 15 statt 10", {"quantity": 15}),
        ("non pardon, plutôt 15", {"quantity": 15}),
        ("no, MUG-RED and 15", {"variant": "MUG-RED", "quantity": 15}),
    ],
)
def test_a_correction_puts_the_change_again_with_what_is_other(
    talk: Conversation, said: str, other: dict[str, Any]
) -> None:
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", NO)
    talk.say(said)

    assert talk.calls == [("transfer_stock", {**MOVED, **other})]


def test_a_correction_that_cannot_be_carried_says_so_and_does_nothing_else(talk: Conversation) -> None:
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", NO)
    answer = talk.say("no, I meant 3 % of them")

    assert talk.calls == []
    assert "I could not carry" in answer.text


def test_a_bare_figure_is_a_rate_only_as_far_as_rates_go(talk: Conversation) -> None:
    talk.say("set the VAT in Germany to 19 %", NO)
    talk.say("make it 21", NO)
    assert talk.calls == [("set_tax_rate", {"country": "DE", "percent": 21.0})]

    for said in ("make it round, 79", "make it 20 €"):
        talk.say(said, NO)
        assert [args for name, args in talk.calls if name == "set_tax_rate"] == []


def test_the_same_is_done_for_another_thing_and_one_more_is_added_to_a_refused_one(talk: Conversation) -> None:
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", {"reference": "TRF-1"})
    talk.say("same for MUG-RED but 5")
    assert talk.calls == [("transfer_stock", {**MOVED, "variant": "MUG-RED", "quantity": 5})]

    talk.messages.pop()
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", NO)
    talk.say("und MUG-GREEN auch", {"reference": "TRF-2"}, {"reference": "TRF-3"})
    assert talk.calls == [("transfer_stock", MOVED), ("transfer_stock", {**MOVED, "variant": "MUG-GREEN"})]


def test_yes_tells_what_is_done_puts_again_what_was_refused_and_else_asks_what(talk: Conversation) -> None:
    assert "No question of mine is open" in talk.say("yes").text

    talk.say("cancel order 1042", {"reference": "ORD-1042", "status": "cancelled"})
    assert "That is done already: Cancel order (order ORD-1042)." in talk.say("yes go ahead").text
    assert talk.calls == []

    talk.say("cancel order 1043", NO)
    talk.say("bon ok vas-y")
    assert talk.calls == [("cancel_order", {"order": "ORD-1043"})]


# ---- a question that is open ------------------------------------------------------------------------------------------------


def test_a_question_beside_an_open_one_is_answered_and_the_open_one_is_named_and_returned_to(
    talk: Conversation,
) -> None:
    talk.say("transfer MUG-BLUE from Paris to Lyon")
    answer = talk.say("btw is order 1044 paid?", {"reference": "ORD-1044", "payment_status": "paid"})
    assert talk.calls == [("get_order", {"order": "ORD-1044"})]
    assert "Still open: Transfer stock" in answer.text

    talk.say("ok, back to the transfer, 10 pieces and go ahead")
    assert talk.calls == [("transfer_stock", MOVED)]


def test_of_two_readings_that_were_offered_the_one_is_returned_to_that_is_named(talk: Conversation) -> None:
    options: list[dict[str, Any]] = [
        {"tool": name, "text": "move 10 MUG-BLUE to Lyon", "args": {}} for name in ("list_stock", "transfer_stock")
    ]
    talk.messages += [
        HumanMessage("…"),
        AIMessage("Which?", additional_kwargs={"pending": {"kind": "choice", "options": options}}),
    ]
    talk.say("is order 1044 paid?", {"reference": "ORD-1044", "payment_status": "paid"})

    talk.say("ok. back to the transfer, from Paris and go ahead")
    assert talk.calls == [("transfer_stock", MOVED)]


def test_nobody_is_taken_from_an_example_in_a_question(talk: Conversation) -> None:
    talk.messages += [HumanMessage("points"), AIMessage("Which customer? Such as CUS-1001.")]
    talk.say("show her addresses")

    assert talk.calls == []


def test_what_is_known_already_of_an_open_question_can_be_corrected(talk: Conversation) -> None:
    talk.say("transfer MUG-BLUE from Paris to Lyon")
    talk.say("no, MUG-RED, 10 pieces")

    assert talk.calls == [("transfer_stock", {**MOVED, "variant": "MUG-RED"})]


# ---- words that point -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("hold the second one", "ORD-2"),
        ("the last one on that list", "ORD-3"),
        ("cancel the biggest one", "ORD-2"),
        ("the cheapest one please", "ORD-3"),
        ("the oldest one", "ORD-2"),
        ("what is in the one to Lyon", "ORD-1"),
        ("le premier, il est payé ?", "ORD-1"),
        ("la plus grosse, annule-la", "ORD-2"),
        ("celle de Gent", "ORD-2"),
        ("der zweite", "ORD-2"),
        ("die letzte davon stornieren", "ORD-3"),
        ("die nach Köln bitte", "ORD-3"),
    ],
)
def test_a_row_is_pointed_at_by_its_place_by_what_it_has_most_of_and_by_its_words(
    talk: Conversation, index: Index, said: str, meant: str
) -> None:
    talk.say("show all pending orders", ORDERS)

    found = pointing.resolved(
        said, (), Desk(index, frozenset(index.tools), Held.of([*talk.messages, HumanMessage(said)]))
    )

    assert found.things == (meant,)
    assert meant in found.text


def test_the_medium_one_is_no_figure(talk: Conversation) -> None:
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", NO)
    talk.say("same for the MUG-RED one but 5", {"reference": "TRF-1"})

    assert talk.calls == [("transfer_stock", MOVED), ("transfer_stock", {**MOVED, "variant": "MUG-RED", "quantity": 5})]


def test_the_other_one_is_the_one_that_the_last_change_was_not_about(talk: Conversation) -> None:
    talk.say("show all pending orders", {"data": ROWS[:2], "has_more": False})
    talk.say("cancel the first one", NO)
    talk.say("no sorry, I meant the other one, leave that one as it was")

    assert talk.calls == [("cancel_order", {"order": "ORD-2"})]


def test_words_that_point_at_nothing_are_not_answered_with_everything(talk: Conversation) -> None:
    for said in ("her last order?", "cancel the second one", "how much of them did we sell last month?"):
        answer = talk.say(said)

        assert talk.calls == []
        assert "Which one do you mean?" in answer.text


# ---- fragments that go on ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "said", "other"),
    [
        (
            "how much did we sell last week?",
            "and in October?",
            {"start": "2026-09-30T22:00:00Z", "end": "2026-10-31T23:00:00Z"},
        ),
        ("how much did we sell last week?", "only Belgium", {"country": "BE"}),
        ("how much did we sell last week?", "by channel", {"group_by": "channel"}),
        (
            "combien avons-nous vendu la semaine dernière ?",
            "et la semaine d'avant ?",
            {"start": "2026-11-01T23:00:00Z", "end": "2026-11-08T23:00:00Z"},
        ),
        ("wie viel haben wir letzte Woche verkauft?", "nur Belgien", {"country": "BE"}),
        (
            "wie viel haben wir letzte Woche verkauft?",
            "und die Woche davor?",
            {"start": "2026-11-01T23:00:00Z", "end": "2026-11-08T23:00:00Z"},
        ),
    ],
)
def test_a_fragment_is_the_same_look_up_with_one_thing_other(
    talk: Conversation, first: str, said: str, other: dict[str, Any]
) -> None:
    talk.say(first, SALES)
    before = dict(talk.calls[0][1])
    talk.say(said)

    assert talk.calls == [("sales_report", {**before, **other})]


def test_a_fragment_that_cannot_be_carried_says_so_and_what_could(talk: Conversation) -> None:
    talk.say("how much did we sell last week?", SALES)
    answer = talk.say("without the blue mugs")

    assert talk.calls == []
    assert "I cannot narrow down what was shown" in answer.text
    assert "country" in answer.text


def test_a_fragment_with_nothing_before_it_is_no_request(talk: Conversation) -> None:
    talk.say("hello", *[{"error": {"message": "Not now."}}] * 3)

    assert "Which one do you mean?" in talk.say("and a month ago?").text
    assert talk.calls == []


# ---- several wishes ---------------------------------------------------------------------------------------------------------


def test_a_wish_that_depends_on_an_answer_waits_for_it(talk: Conversation) -> None:
    answer = talk.say(
        "is order 1042 paid? if not cancel ORD-1042", {"reference": "ORD-1042", "payment_status": "unpaid"}
    )
    assert talk.calls == [("get_order", {"order": "ORD-1042"})]
    assert "I waited with “if not cancel ORD-1042”" in answer.text

    talk.say("yes")
    assert talk.calls == [("cancel_order", {"order": "ORD-1042"})]


def test_the_same_for_several_things_is_one_change_after_the_other(talk: Conversation) -> None:
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", {"reference": "TRF-1"})
    talk.say("reserve 3 MUG-BLUE and MUG-RED x 4", {"reference": "RES-1"}, {"reference": "RES-2"})

    assert [name for name, _ in talk.calls] == ["reserve_stock", "reserve_stock"]
