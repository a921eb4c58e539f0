"""Which of a list's times a period narrows, and how it is told."""

from typing import Any

import pytest

from bench.filling import PARIS, SETTING
from orchestrator.index import read_index
from planner.choose.index import Index
from planner.converse.memory import Call, Result
from planner.fill import slots
from planner.fill.filled import Told
from planner.read.language import to_english
from planner.read.reading import Reading
from planner.tell import lists
from planner.tell.voice import Voice

THIS_WEEK = ("2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z")
NEXT_WEEK = ("2026-11-30", "2026-12-06")


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


def filled(index: Index, tool: str, text: str) -> dict[str, Any]:
    entry, said = index.tools[tool], to_english(text)
    reading = Reading.of(said, index.vocabulary, SETTING, index.mentions(said))
    told = Told(SETTING, index.lexicon, index.openers, entry.words, entry.entry.writes)
    return slots.fill(entry.fields, reading, told).args


@pytest.mark.parametrize(
    ("tool", "text", "time", "period"),
    [
        ("list_shipments", "what did we ship this week?", "shipped", THIS_WEEK),
        ("list_shipments", "which parcels arrived this week?", "delivered", THIS_WEEK),
        ("list_shipments", "which parcels are promised for this week?", "promised", THIS_WEEK),
        ("list_disputes", "disputes opened this week", "opened", THIS_WEEK),
        ("list_disputes", "which chargebacks are due this week?", "due", THIS_WEEK),
        ("list_purchase_orders", "what did we order this week?", "ordered", THIS_WEEK),
        ("list_purchase_orders", "was wurde diese Woche bestellt?", "ordered", THIS_WEEK),
        ("list_purchase_orders", "which purchase orders come next week?", "expected", NEXT_WEEK),
        ("list_purchase_orders", "purchase orders of next week", "expected", NEXT_WEEK),
        ("list_promotions", "which promotions end this week?", "ends", THIS_WEEK),
    ],
)
def test_the_word_beside_a_period_says_which_time_it_is(
    index: Index, tool: str, text: str, time: str, period: tuple[str, str]
) -> None:
    args = filled(index, tool, text)

    assert {name: value for name, value in args.items() if name.endswith(("_from", "_until"))} == {
        f"{time}_from": period[0],
        f"{time}_until": period[1],
    }


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("what did we ship this wk", "what did we ship this week"),
        ("parcels of the last 30d", "parcels of the last 30 days"),
        ("disputes opened yday", "disputes opened yesterday"),
        ("which parcels are promised for tmrw", "which parcels are promised for tomorrow"),
    ],
)
def test_a_span_of_time_may_be_typed_short(index: Index, text: str, whole: str) -> None:
    tool = "list_disputes" if "disputes" in text else "list_shipments"

    assert filled(index, tool, text) == filled(index, tool, whole) != {}


@pytest.mark.parametrize("text", ["wk@shop.example wants his parcel", "a 12m rope"])
def test_letters_that_are_no_span_of_time_stay(text: str) -> None:
    assert to_english(text) == text


def test_the_word_of_a_time_is_no_state(index: Index) -> None:
    assert "status" not in filled(index, "list_disputes", "disputes opened this week")
    assert filled(index, "list_disputes", "open disputes") == {"open": True}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "(expected 30 November to 6 December 2026, Europe/Paris)"),
        ("fr", "(attendus 30 novembre au 6 décembre 2026, Europe/Paris)"),
        ("de", "(erwartet 30. November bis 6. Dezember 2026, Europe/Paris)"),
    ],
)
def test_a_time_is_told_once_with_its_word(index: Index, language: str, said: str) -> None:
    args = {"expected_from": NEXT_WEEK[0], "expected_until": NEXT_WEEK[1]}
    result = Result(Call("list_purchase_orders", args), {"data": []}, aside=False)

    beside, _ = lists.filters(result, index.tools["list_purchase_orders"], Voice(SETTING, language))

    assert beside == [said]
    assert SETTING.zone == PARIS


def test_of_the_times_in_a_change_those_in_the_command_count(index: Index) -> None:
    said = "Spring in the middle of December? Move the end of PRO-1003 to 12 March."

    assert filled(index, "update_promotion", said) == {"promotion": "PRO-1003", "ends_at": "2027-03-12T23:00:00Z"}
