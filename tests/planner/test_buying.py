"""What requests about buying name: suppliers, and how few are few enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from planner.fill import named, values
from planner.fill.filled import Filled
from planner.read.fields import Field, read
from planner.read.reading import Reading, Setting
from planner.tell import things
from planner.tell.asked import Asked
from planner.tell.voice import Voice

PARIS = Setting(datetime(2026, 11, 22, 14, 3, tzinfo=ZoneInfo("Europe/Paris")), ZoneInfo("Europe/Paris"), "EUR")
SUPPLIER = {"type": "string", "x-reference": "supplier", "x-prefix": "SUP"}


def fields(**properties: dict[str, Any]) -> Sequence[Field]:
    return read({"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("text", "supplier"),
    [
        ("order 60 MUG-BLUE from Atelier Brume for Lyon", "Atelier Brume"),
        ("open purchase orders of supplier Verrerie du Lac", "Verrerie du Lac"),
        ("commandes chez Casa Nordeste", "Casa Nordeste"),
        ("order 60 MUG-BLUE from SUP-1001", None),
        ("what came from there", None),
    ],
)
def test_a_supplier_is_named_after_the_words_that_lead_to_one(text: str, supplier: str | None) -> None:
    filled = Filled()

    named.suppliers(fields(supplier=SUPPLIER), Reading(text, []), filled)

    assert filled.args.get("supplier") == supplier


@pytest.mark.parametrize(
    ("text", "few"),
    [
        ("reorder MUG-BLUE when fewer than 20 are left", 20),
        ("buy more when it falls to 8", 8),
        ("nachbestellen unter 15", 15),
        ("reorder when it lasts less than 5 days", None),
    ],
)
def test_how_few_are_few_enough_to_buy_more(text: str, few: int | None) -> None:
    point = fields(reorder_point={"type": "integer"})

    assert values.fill(list(point), Reading(text, []), PARIS).get("reorder_point") == few


def test_a_forecast_is_a_sentence_with_its_interval_and_how_far_to_trust_it() -> None:
    weeks = [{"week_of": "2026-11-23", "expected": 12.9, "low": 1.0, "high": 33.3}]
    found = {
        "sku": "MUG-BLUE",
        "expected": 102.6,
        "low": 51.9,
        "high": 188.2,
        "trust": "It missed by 49%.",
        "weeks": weeks,
    }

    told = things.told(found, {}, Voice(PARIS, "en"), Asked.of("forecast MUG-BLUE"))

    assert told == (
        "MUG-BLUE is expected to sell 103 units until 2026-11-29, between 52 and 188. It missed by 49%.",
        {"weeks": weeks},
    )
