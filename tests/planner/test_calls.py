"""From a request to one call: the tool and every argument, on Sunday 22 November 2026 in Paris."""

from typing import Any

import pytest

from tests.planner.conftest import Conversation

READS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "Which paid orders from Germany are not shipped yet?",
        "list_orders",
        {"payment_status": "paid", "country": "DE", "fulfilment_status": "unfulfilled"},
    ),
    (
        "show orders over 100 eur from last month",
        "list_orders",
        {"min_total": 10000, "placed_from": "2026-09-30T22:00:00Z", "placed_to": "2026-10-31T23:00:00Z"},
    ),
    (
        "orders between 50 and 80 euros this week",
        "list_orders",
        {"min_total": 5000, "max_total": 8000, "placed_from": "2026-11-15T23:00:00Z", "placed_to": "2026-11-22T23:00:00Z"},
    ),
    ("the last 5 orders", "list_orders", {"limit": 5}),
    ("orders that haven't been paid", "list_orders", {"payment_status": "unpaid"}),
    ("where do we stand with #W3547545?", "get_order", {"order": "#W3547545"}),
    ("what happened to order 1042?", "get_order_timeline", {"order": "ORD-1042"}),
    (
        "revenue per day for the last 7 days",
        "sales_report",
        {"group_by": "day", "start": "2026-11-15T23:00:00Z", "end": "2026-11-22T23:00:00Z"},
    ),
    ("how many MUG-BLUE are left in Lyon?", "list_stock", {"variant": "MUG-BLUE", "warehouse": "Lyon"}),
    ("stock with fewer than 10 units", "list_stock", {"below": 10}),
    (
        "can we deliver 20 MUG-BLUE by Friday?",
        "check_availability",
        {"variant": "MUG-BLUE", "quantity": 20, "by": "2026-11-27"},
    ),
    ("which customers have spent more than 500 euros?", "list_customers", {"min_spent": 50000}),
    ("do we sell yoga mats?", "search_products", {"query": "yoga mats"}),
    ("which approvals expired last week?", "list_approvals", {"status": "expired", "start": "2026-11-09", "end": "2026-11-16"}),
    ("montre les commandes impayées de la semaine dernière", "list_orders", {
        "payment_status": "unpaid", "placed_from": "2026-11-08T23:00:00Z", "placed_to": "2026-11-15T23:00:00Z",
    }),
]  # fmt: skip

WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("cancel order 1042", "cancel_order", {"order": "ORD-1042"}),
    ("please cancel 1042, the customer changed their mind", "cancel_order", {"order": "ORD-1042", "reason": "customer_request"}),
    ("3 MUG-BLUE got wet, take them off stock", "adjust_stock", {"variant": "MUG-BLUE", "delta": -3, "reason": "damaged"}),
    ("we found 4 more LAMP-OAK in Lyon", "adjust_stock", {
        "variant": "LAMP-OAK", "delta": 4, "reason": "found", "warehouse": "Lyon",
    }),
    ("move 10 MUG-BLUE to Lyon from the Berlin warehouse", "transfer_stock", {
        "variant": "MUG-BLUE", "quantity": 10, "from_warehouse": "Berlin", "to_warehouse": "Lyon",
    }),
    ("create a product \"Blue Mug\" at 9.99 EUR", "create_product", {"name": "Blue Mug", "price": 999}),
    ("new order for CUS-301: 2 MUG-BLUE and one TSH-BLK-M", "create_order", {
        "customer": "CUS-301",
        "lines": [{"variant": "MUG-BLUE", "quantity": 2}, {"variant": "TSH-BLK-M", "quantity": 1}],
    }),
    ("add a note to ORD-1042: call ana@example.com before 5 December", "add_order_note", {
        "order": "ORD-1042", "text": "call ana@example.com before 5 December",
    }),
    ("set the VAT in Germany to 19 %", "set_tax_rate", {"country": "DE", "percent": 19.0}),
    ("add an address for CUS-301: 12 Rue de la Paix, 75002 Paris, France", "add_address", {
        "customer": "CUS-301",
        "address": {"line1": "12 Rue de la Paix", "postcode": "75002", "city": "Paris", "country": "FR"},
    }),
    ("rename PRD-7 to \"Large Blue Mug\"", "update_product", {"product": "PRD-7", "name": "Large Blue Mug"}),
    ("create a customer Ana Torres, ana@example.com", "create_customer", {"name": "Ana Torres", "email": "ana@example.com"}),
    ("set the reservation time to 60 minutes", "set_setting", {"key": "reservation_minutes", "value": 60}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tool", "args"), [*READS, *WRITES])
def test_a_request_becomes_a_call_with_all_its_arguments(
    talk: Conversation, text: str, tool: str, args: dict[str, Any]
) -> None:
    talk.say(text)

    (called,) = talk.calls
    assert (called[0], {name: value for name, value in called[1].items() if name != "count"}) == (tool, args)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("cancel an order", "order"),
        ("reserve some MUG-BLUE", "quantity"),
        ("adjust the stock of MUG-BLUE by 5", "change"),
        ("change the contact details of CUS-5", "e-mail"),
    ],
)
def test_a_write_that_lacks_something_asks_for_it(talk: Conversation, text: str, asked: str) -> None:
    answer = talk.say(text)

    assert talk.calls == []
    assert asked in answer.text
    assert answer.additional_kwargs["pending"]["kind"] == "slots"


@pytest.mark.parametrize(
    ("text", "left_over"),
    [
        ("cancel order 1042 unless it is paid", "unless it is paid"),
        ("cancel the blue mugs from order 1042", "blue mugs"),
        ("reserve 20 NOTE-A5 until Friday", "until Friday"),
        ("keep 2 MUG-BLUE back for Ana", "Ana"),
    ],
)
def test_a_write_never_drops_a_part_of_the_request_in_silence(talk: Conversation, text: str, left_over: str) -> None:
    answer = talk.say(text)

    assert talk.calls == []
    assert left_over in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "has order 1042 been cancelled?",
        "why was order 1042 cancelled?",
        "don't cancel order 1042",
        "please do not cancel ORD-1042",
        "how do I cancel an order?",
        "tell me a joke",
        "hello, how are you?",
        "what is the weather tomorrow?",
        "asdf qwer",
        "cancel all orders from yesterday",
    ],
)
def test_what_is_no_instruction_writes_nothing(talk: Conversation, text: str) -> None:
    talk.say(text)

    written = {"cancel_order", "set_order_status", "create_order", "create_task"}
    assert not {name for name, _ in talk.calls} & written


def test_a_reading_call_says_which_part_it_could_not_use(talk: Conversation) -> None:
    answer = talk.say("is the blue mug available in Lyon?", {"data": [], "has_more": False})

    assert "I could not use “Lyon” here." in answer.text
