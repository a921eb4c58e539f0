"""The day or the person that a question asks for is said first, by the column that its words mean."""

from typing import Any

import pytest

from bench.filling import SETTING
from planner.tell import questions
from planner.tell.asked import Asked
from planner.tell.voice import Voice

ORDERED = {"reference": "PO-1138", "ordered_at": "2026-10-24T07:00:00Z", "expected_on": "2026-11-11"}
DUE = [
    {"reference": "DSP-1", "opened_at": "2026-11-20T08:00:00Z", "due_by": "2026-12-02T08:00:00Z"},
    {"reference": "DSP-2", "opened_at": "2026-11-21T08:00:00Z", "due_by": "2026-12-03T08:00:00Z"},
]


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "when does PO-1138 arrive?", "PO-1138: expected 2026-11-11."),
        ("en", "when was PO-1138 ordered?", "PO-1138: ordered 2026-10-24 09:00."),
        ("de", "wann kommt PO-1138?", "PO-1138: erwartet am 2026-11-11."),
        ("fr", "quand arrive PO-1138 ?", "PO-1138 : attendu le 2026-11-11."),
        ("en", "show PO-1138", ""),
    ],
)
def test_when_is_answered_by_the_day_that_the_words_mean(language: str, text: str, said: str) -> None:
    assert questions.told([ORDERED], Voice(SETTING, language), Asked.of(text)) == said


def test_a_few_rows_are_told_each_and_many_are_not() -> None:
    asked, voice = Asked.of("when do we have to answer the chargebacks?"), Voice(SETTING)

    assert questions.told(DUE, voice, asked) == "DSP-1: answer by 2026-12-02 09:00; DSP-2: answer by 2026-12-03 09:00."
    assert questions.told(DUE * 3, voice, asked) == ""


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "who looks after TCK-1001?", "TCK-1001: assigned to nobody."),
        ("de", "wer bearbeitet TCK-1001?", "TCK-1001: zugewiesen an niemand."),
    ],
)
def test_nobody_is_an_answer(language: str, text: str, said: str) -> None:
    ticket: dict[str, Any] = {"reference": "TCK-1001", "customer_name": "Ana Torres"}

    told = questions.told([ticket], Voice(SETTING, language), Asked.of(text))

    assert told.startswith("TCK-1001: ")
    assert told.endswith(said.rpartition(" ")[2])
