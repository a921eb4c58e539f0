"""What is asked for often is likelier, at all and after what was answered; counted in what was said at shops."""

import pytest

from orchestrator.index import asked
from planner.read import habits
from planner.read.habits import Asked, Habits

ROOMS = {
    "list_orders": "orders",
    "get_order": "orders",
    "hold_order": "orders",
    "list_tickets": "after_sales",
    "get_ticket": "after_sales",
}
SAID = [
    *[Asked("list_orders")] * 20,
    *[Asked("list_tickets")] * 5,
    *[Asked("get_order", "list_orders")] * 20,
    *[Asked("get_ticket", "list_tickets")] * 3,
]


def of_said() -> Habits:
    return Habits(habits.counted(ROOMS, SAID))


def test_the_counts_are_of_todays_days() -> None:
    assert habits.kept().of == habits.mark(asked()), "run `make index`"


def test_what_is_asked_for_often_is_likelier_where_the_reader_is_undecided() -> None:
    told = of_said().weighed({"list_orders": 0.5, "list_tickets": 0.5})

    assert told["list_orders"] > told["list_tickets"] > 0.2
    assert sum(told.values()) == pytest.approx(1)


def test_after_an_answer_what_was_asked_for_after_such_counts_and_not_what_opens_a_conversation() -> None:
    undecided = {"list_orders": 0.25, "get_order": 0.25, "list_tickets": 0.25, "get_ticket": 0.25}

    after_orders, after_tickets = (of_said().weighed(undecided, after) for after in ("list_orders", "list_tickets"))

    assert max(after_orders, key=lambda name: after_orders[name]) == "get_order"
    assert max(after_tickets, key=lambda name: after_tickets[name]) == "get_ticket"


def test_after_an_answer_another_of_its_room_is_likelier_though_nobody_asked_for_it_yet() -> None:
    undecided = {"hold_order": 0.5, "list_tickets": 0.5}

    after_orders, after_tickets = (of_said().weighed(undecided, after) for after in ("list_orders", "list_tickets"))

    assert after_orders["hold_order"] > 2 * after_tickets["hold_order"]


def test_against_a_reader_that_is_certain_no_habit_counts() -> None:
    told = of_said().weighed({"get_ticket": 0.98, "get_order": 0.02}, "list_orders")

    assert max(told, key=lambda name: told[name]) == "get_ticket"


def test_an_operation_that_nobody_counted_counts_like_the_seldomest() -> None:
    told = of_said().weighed({"list_orders": 0.5, "of_a_room_to_come": 0.5})

    assert 0 < told["of_a_room_to_come"] < told["list_orders"]
