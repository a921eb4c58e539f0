"""What is asked about somebody and comes out empty is looked for more widely; what a refusal asks for is asked."""

from tests.planner.conftest import Conversation

NOTHING = {"data": [], "has_more": False}
ORDERS = {
    "data": [{"reference": "ORD-1042", "customer": "CUS-7", "customer_name": "Anna Klein", "status": "completed"}],
    "has_more": False,
}
SALES = {"totals": {"net": {"amount": 100000, "currency": "EUR"}}, "placed_from": "2026-11-13T23:00:00Z"}
WHERE = {
    "error": {
        "code": "Ambiguous",
        "message": "MUG-BLUE may be in several warehouses: Lyon (WH-1001), Lille (WH-1002).",
        "hint": "Say in which one, as `warehouse`.",
    }
}


def test_nobody_s_orders_of_a_week_are_followed_by_theirs_of_any_time(talk: Conversation) -> None:
    answer = talk.say("orders of CUS-7 last week", NOTHING, ORDERS)

    (first, narrow), (second, wide) = talk.calls
    assert first == second == "list_orders"
    assert narrow.keys() - wide.keys() == {"placed_from", "placed_to"}
    assert answer.text.startswith("There is no order of CUS-7 (9 to 15 November 2026")
    assert "ORD-1042" in answer.text


def test_where_there_is_nothing_of_theirs_at_all_that_is_said_alone(talk: Conversation) -> None:
    answer = talk.say("orders of CUS-7 last week", NOTHING, NOTHING)

    assert answer.text == "There is no order of CUS-7."


def test_a_list_about_nobody_that_is_empty_is_an_answer(talk: Conversation) -> None:
    talk.say("unpaid orders of last week", NOTHING)

    assert len(talk.calls) == 1


def test_what_a_refusal_asks_for_is_asked_and_completes_the_call(talk: Conversation) -> None:
    answer = talk.say("adjust MUG-BLUE by -3, damaged", WHERE)
    (name, before), said = talk.calls[-1], answer.text
    talk.say("Lille")

    assert said.endswith("Which warehouse is it?")
    assert talk.calls == [(name, {**before, "warehouse": "Lille"})]


def test_a_greeting_before_a_wish_is_no_greeting(talk: Conversation) -> None:
    for said in ("Good morning, what is running low?", "guten morgen! was wird knapp?", "bonjour, what runs low?"):
        talk.say(said)

        assert [name for name, _ in talk.calls] == ["low_stock_products"]


def test_a_report_compared_with_the_one_before_is_told_against_it(talk: Conversation) -> None:
    talk.say("sales from 14 to 15 November", SALES)
    talk.say("compared to the weekend before?")

    (_, earlier), (_, again) = talk.calls
    assert [day[:10] for day in earlier.values()] == ["2026-11-06", "2026-11-08"]
    assert [day[:10] for day in again.values()] == ["2026-11-13", "2026-11-15"]


def test_two_states_beside_each_other_are_asked_each(talk: Conversation) -> None:
    talk.say("approvals that are approved or rejected")

    assert sorted(args["status"] for _, args in talk.calls) == ["approved", "rejected"]
