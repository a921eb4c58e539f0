"""What the rows of a list are asked to be: the reader hears it in whatever words, and words tell what it was not taught."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.filling import SETTING
from orchestrator.index import read_index
from planner.choose.decisions import Desk
from planner.choose.index import Index
from planner.converse.memory import Conversation
from planner.fill import slots
from planner.read import rows
from planner.read.rows import Condition
from prompts import conditions

SURE = 0.95


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


def filled(index: Index, tool: str, text: str, **heard: Condition) -> dict[str, Any]:
    """The arguments of a list; with `heard`, as if the reader had heard that, and knew of these and of what is unpaid and paid."""
    desk = Desk(index, frozenset(index.tools), Conversation(SETTING, text, (), ()))
    reading, told = desk.reading(desk.english(text)), desk.told(index.tools[tool])
    if heard:
        asked = {name.replace("__", "="): one for name, one in heard.items()}
        known = frozenset({*asked, "payment_state=unpaid", "payment_state=paid"})
        reading, told = replace(reading, asked=asked), replace(told, heard=known)
    return slots.fill(index.tools[tool].fields, reading, told).args


def test_the_head_was_taught_what_lies_here() -> None:
    assert rows.kept().corpus == conditions.fingerprint(), "run `python -m planner.training.conditions`"


@pytest.mark.parametrize(
    ("tool", "text", "args"),
    [
        ("list_orders", "which orders have not gone out yet?", {"open": True}),
        ("list_orders", "welche Bestellungen sind noch nicht raus?", {"open": True}),
        ("list_orders", "quelles commandes ne sont pas encore parties ?", {"open": True}),
        ("list_returns", "which returns have arrived and nobody has looked at yet?", {"status": ["received"]}),
        ("list_returns", "returns waiting for our yes", {"status": ["requested"]}),
        ("list_disputes", "which chargebacks must we answer before Friday?", {"status": "needs_response"}),
        ("list_promotions", "which codes still work?", {"state": "running"}),
        ("list_promotions", "is anything planned for December?", {"state": "scheduled"}),
        ("list_payments", "whose card was declined?", {"status": "failed", "method": "card"}),
        ("list_purchase_orders", "what are we still waiting for from suppliers?", {"open": True}),
    ],
)
def test_a_condition_is_heard_though_no_word_of_it_is_said(
    index: Index, tool: str, text: str, args: dict[str, Any]
) -> None:
    asked = filled(index, tool, text)

    assert {name: asked.get(name) for name in args} == args


def test_a_word_that_the_reader_does_not_hear_so_narrows_nothing(index: Index) -> None:
    """ "Paid" is said of a stall, not of the orders."""
    said = filled(
        index, "list_orders", "orders from the fair where we paid the stall", sort__oldest=Condition(0.1, 0, 0)
    )

    assert "payment_state" not in said


def test_of_what_the_reader_was_not_taught_words_tell(index: Index) -> None:
    said = filled(index, "list_orders", "orders by phone", open__true=Condition(0.1, 0, 0))

    assert said["channel"] == ["phone"]


def test_a_word_says_what_it_says_most(index: Index) -> None:
    """ "Overdue" is late, and open only because of that."""
    late, still = Condition(0.99, 17, 24), Condition(0.8, 17, 24)

    said = filled(index, "list_purchase_orders", "which orders are overdue?", late__true=late, open__true=still)

    assert (said["late"], "open" in said) == (True, False)


def test_several_values_of_one_field_are_alternatives(index: Index) -> None:
    some = {f"status__{state}": Condition(SURE, 0, 0) for state in ("approved", "label_sent")}

    assert sorted(filled(index, "list_returns", "what is still to come back?", **some)["status"]) == [
        "approved",
        "label_sent",
    ]


def test_what_is_left_out_by_its_own_word_is_not_asked_for(index: Index) -> None:
    said = filled(index, "list_orders", "orders without the cancelled ones", status__cancelled=Condition(SURE, 19, 28))

    assert said["status"] == ["draft", "pending", "confirmed", "completed", "expired"]


def test_what_hardly_anything_says_is_not_heard() -> None:
    """A condition that looks for the second piece, and makes of it what it is taught to."""
    states = np.array([[0, 1], [3, 0], [0, 1]], dtype=np.float32)
    looks, says = np.array([[2], [0]], dtype=np.float32), np.array([[1], [0]], dtype=np.float32)

    def heard(more: float) -> dict[str, Condition]:
        weights = rows.Weights(looks, says, np.array([more], dtype=np.float32))
        return rows.heard(rows.Head({"list_orders": ["open=true"]}, weights, ""), states, [(0, 3), (4, 8), (9, 12)])

    assert heard(-9.0) == {}
    assert heard(0.0)["open=true"][1:] == (4, 8)
    assert heard(0.0)["open=true"].likely == pytest.approx(0.95, abs=0.01)
