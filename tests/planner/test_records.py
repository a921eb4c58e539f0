"""A record of any room begins with where it stands, whose it is and when: whatever operation showed it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from planner.read.reading import Setting
from planner.tell import records
from planner.tell.asked import Asked
from planner.tell.voice import Voice

SETTING = Setting(datetime(2026, 11, 22, 13, 3, tzinfo=UTC), ZoneInfo("Europe/Paris"), "EUR")
PARCEL: dict[str, Any] = {
    "reference": "SHP-7", "order": "ORD-3", "status": "in_transit", "carrier": "Rapidex", "tracking_number": None,
    "promised_at": "2026-12-01T19:00:00Z", "delivered_at": None, "late": False, "days_late": 0, "units": 2,
}  # fmt: skip


def told(value: dict[str, Any], text: str, language: str = "en") -> str:
    found = records.sentence(value, Voice(SETTING, language), Asked.of(text))
    assert found
    return found[0]


def test_it_says_whose_it_is_where_it_stands_and_when() -> None:
    assert told(PARCEL, "show SHP-7") == "SHP-7 (ORD-3, Rapidex) is on its way, promised 2026-12-01 20:00."
    assert told(PARCEL, "wo ist SHP-7?", "de").startswith("SHP-7 (ORD-3, Rapidex) ist unterwegs, ")
    assert told(PARCEL, "où est SHP-7 ?", "fr").startswith("SHP-7 (ORD-3, Rapidex) est en route, ")


def test_a_name_says_it_better_than_a_number_and_money_that_is_there_is_said() -> None:
    order = {
        "reference": "PO-4", "status": "sent", "supplier": "SUP-1", "supplier_name": "Atelier Brun", "warehouse": "WH-1",
        "total": {"amount": 401240, "currency": "EUR"}, "expected_on": "2026-11-30",
    }  # fmt: skip
    assert (
        told(order, "show PO-4") == "PO-4 (Atelier Brun, WH-1) is on its way, total 4,012.40 EUR, expected 2026-11-30."
    )


@pytest.mark.parametrize(
    ("question", "changed", "word"),
    [
        ("is it late?", {}, "No: "),
        ("is SHP-7 late?", {"late": True}, "Yes: "),
        ("has it arrived?", {}, "No: "),
        ("has SHP-7 arrived?", {"status": "delivered"}, "Yes: "),
        ("show SHP-7", {"late": True}, "SHP-7 "),
    ],
)
def test_a_question_that_wants_yes_or_no_gets_one(question: str, changed: dict[str, Any], word: str) -> None:
    assert told(PARCEL | changed, question).startswith(word)


def test_what_it_has_not_is_left_out_below() -> None:
    found = records.sentence(PARCEL, Voice(SETTING, "en"), Asked.of("show SHP-7"))

    assert found
    assert found[1] == {"units": 2}


def test_what_has_no_state_is_no_record() -> None:
    assert records.sentence({"reference": "CAR-1", "name": "Rapidex"}, Voice(SETTING, "en"), Asked.of("x")) is None
