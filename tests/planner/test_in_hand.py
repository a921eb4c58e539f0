"""The record in hand stays the subject; what stood open is dropped, narrowed or chosen from in the person's own words."""

from typing import Any

import pytest

from planner.converse import things
from planner.converse.memory import Call, Result
from planner.read import acts
from tests.planner.conftest import Conversation

NO = {"error": {"code": "Rejected", "message": "No."}}
ORDER = {
    "reference": "ORD-1042",
    "status": "confirmed",
    "payment_state": "paid",
    "customer": "CUS-301",
    "total": {"amount": 4250, "currency": "EUR"},
}


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("has it been paid?", "get_order"),
        ("cancel", "cancel_order"),
        ("stornieren bitte", "cancel_order"),
        ("add a note: he rings back on tuesday", "add_order_note"),
    ],
)
def test_a_turn_that_names_nothing_is_about_the_record_in_hand(talk: Conversation, said: str, tool: str) -> None:
    talk.say("show order 1042", ORDER)
    talk.say(said)

    assert [(name, args["order"]) for name, args in talk.calls] == [(tool, "ORD-1042")]


@pytest.mark.parametrize(
    "said", ["what is running low?", "how much did we sell last week?", "show the addresses of CUS-302"]
)
def test_a_request_that_is_certain_by_itself_leaves_the_record_alone(talk: Conversation, said: str) -> None:
    talk.say("show order 1042", ORDER)
    talk.say(said)

    assert talk.calls
    assert all("ORD-1042" not in str(args) for _, args in talk.calls)


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("wait no, she just rang, she pays on friday. leave it", "she just rang, she pays on friday"),
        ("finalement non, je passe demain", "je passe demain"),
        ("non laisse tomber, il prend le rouge", "il prend le rouge"),
        ("ach nein, lass gut sein, er holt es ab", "er holt es ab"),
        ("hm no, keep it", ""),
        ("leave it, show me order 7 instead", "show me order 7 instead"),
        ("leave it at the door", None),
        ("laisse la commande en attente", None),
    ],
)
def test_a_matter_is_dropped_anywhere_in_a_turn(said: str, rest: str | None) -> None:
    assert acts.dropped(said) == rest


@pytest.mark.parametrize(
    "said",
    [
        "wait no, he rang, he pays on monday. leave it",
        "finalement non, il garde tout",
        "nein, lass gut sein, er behält sie",
        "forget it, I do it tomorrow",
    ],
)
def test_what_is_dropped_is_not_done_and_its_reason_is_no_request(talk: Conversation, said: str) -> None:
    talk.say("cancel ORD-1042", NO)
    answer = talk.say(said)

    assert talk.calls == []
    assert answer.text in (
        "All right, nothing was done.",
        "D'accord, rien n'a été fait.",
        "In Ordnung, nichts wurde getan.",
    )


def test_beside_what_is_dropped_another_wish_is_done(talk: Conversation) -> None:
    talk.say("cancel ORD-1042", NO)
    talk.say("leave it, cancel ORD-1043 instead")

    assert talk.calls == [("cancel_order", {"order": "ORD-1043"})]


def test_only_this_one_of_the_changes_that_were_put_is_put_again(talk: Conversation) -> None:
    moved = {"variant": "MUG-BLUE", "quantity": 10, "from_warehouse": "Paris", "to_warehouse": "Lyon"}
    talk.say("transfer 10 MUG-BLUE from Paris to Lyon", NO)
    talk.say("only blue sorry")

    assert talk.calls == [("transfer_stock", moved)]


def stock(sku: str, warehouse: str, available: int) -> dict[str, Any]:
    return {"sku": sku, "product": "PRD-1", "warehouse": warehouse, "available": available}


def test_what_has_most_is_told_by_thing_where_its_rows_are_several(talk: Conversation) -> None:
    rows = [
        stock("MUG-BLUE", "WH-1", 9),
        stock("MUG-BLUE", "WH-2", 0),
        stock("MUG-RED", "WH-1", 3),
        stock("MUG-RED", "WH-2", 1),
    ]
    talk.say("what is running low?", {"data": rows, "has_more": False})
    talk.say("which is the lowest")

    assert talk.calls
    assert all("MUG-RED" in args.values() and "MUG-BLUE" not in args.values() for _, args in talk.calls)


def test_a_row_to_choose_is_called_by_what_a_person_reads() -> None:
    row = {
        "reference": "TCK-1",
        "subject": "Invoice has the wrong address",
        "status": "waiting_for_us",
        "customer": "CUS-301",
        "email": "ana@example.com",
        "opened_at": "2026-11-20T10:00:00Z",
    }
    found = things.kept([Result(Call("list_tickets", {}), {"data": [row]}, aside=False)], {"TCK": "ticket"})

    assert found[0]["label"] == "TCK-1, Invoice has the wrong address, waiting for us, 2026-11-20"


def test_another_of_the_same_goods_is_told_by_what_sets_it_apart(talk: Conversation) -> None:
    talk.say("how many MUG-BLUE are available?", {"available": 3})
    talk.say("and the white one?")

    assert talk.calls
    assert "mug white" in str(talk.calls[0][1])
