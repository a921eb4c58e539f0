"""What a conversation is about stays its subject: what is asked about a row, a record that is told by its day or its state alone,
the place that was spoken of; and a question of ours that is open hears a new wish."""

import pytest

from tests.planner.conftest import Conversation
from tests.planner.test_rows import ORDERS

NO = {"error": {"code": "Rejected", "message": "No."}}


# ---- what is done about it ------------------------------------------------------------------------------------------------


def test_a_row_that_is_told_by_what_none_has_is_asked_for_with_the_rows_to_choose_from(talk: Conversation) -> None:
    talk.say("show all pending orders", ORDERS)
    answer = talk.say("cancel the one from Leeds")

    assert talk.calls == []
    assert "ORD-1, Rhys Wright" in answer.text


def test_which_of_them_are_so_asks_the_list_again(talk: Conversation) -> None:
    talk.say("show all pending orders", ORDERS)
    before = dict(talk.calls[0][1])
    talk.say("which of them are paid?")

    assert talk.calls == [("list_orders", {**before, "payment_status": "paid"})]


def test_what_is_asked_of_a_row_may_be_asked_of_what_belongs_to_it(talk: Conversation) -> None:
    rows = [{"reference": "ORD-1", "buyer": "CUS-301"}, {"reference": "ORD-2", "buyer": "CUS-302"}]
    talk.say("show all pending orders", {"data": rows, "has_more": False})
    talk.say("which addresses does the second one have?")

    assert talk.calls == [("list_addresses", {"customer": "CUS-302"})]


def test_a_record_named_by_its_noun_and_its_day_is_of_whom_the_conversation_is_about(talk: Conversation) -> None:
    talk.say("customers in Lyon", {"data": [{"reference": "CUS-301", "name": "Ann Wright"}], "has_more": False})
    talk.say("and the order from today?")

    assert [(name, args["customer"]) for name, args in talk.calls] == [("list_orders", "CUS-301")]
    assert talk.calls[0][1]["placed_from"] == "2026-11-21T23:00:00Z"


def test_a_record_that_is_told_by_its_state_alone_is_the_one_in_hand(talk: Conversation) -> None:
    talk.say("show order 1042", {"reference": "ORD-1042", "customer": "CUS-301", "payment_status": "unpaid"})
    talk.say("what happened to the unpaid order?")

    assert [args for _, args in talk.calls] == [{"order": "ORD-1042"}]


def test_the_other_end_of_a_transfer_is_the_place_that_was_asked_about(talk: Conversation) -> None:
    talk.say("how many MUG-BLUE are in Lyon?", {"data": [], "has_more": False})
    talk.say("transfer 10 MUG-BLUE from Paris")

    moved = {"variant": "MUG-BLUE", "quantity": 10, "from_warehouse": "Paris", "to_warehouse": "Lyon"}
    assert talk.calls == [("transfer_stock", moved)]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("no, rather say that she comes by", "she comes by"),
        ("hm no, don't say tuesday, say she comes by", "she comes by"),
        ("non, dis plutôt qu'elle passe", "elle passe"),
    ],
)
def test_what_was_to_be_written_is_put_again_in_other_words(talk: Conversation, said: str, text: str) -> None:
    talk.say("add a note to ORD-1042: he rings back on tuesday", NO)
    talk.say(said)

    assert [args.get("text") for name, args in talk.calls if name == "add_order_note"] == [text]


# ---- a question that is open ----------------------------------------------------------------------------------------------


def test_a_new_wish_beside_an_open_question_is_heard(talk: Conversation) -> None:
    talk.say("transfer MUG-BLUE from Paris to Lyon")
    talk.say("write on ORD-1042 that she rings back tomorrow")

    assert [name for name, _ in talk.calls] == ["add_order_note"]


def test_agreement_is_no_text_to_be_written(talk: Conversation) -> None:
    talk.say("add a note to ORD-1042")
    talk.say("good, save and close it")

    assert all("good" not in str(args) for _, args in talk.calls)
