"""Figures over time are drawn beside themselves, in any place where text is shown."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from planner.read.reading import Setting
from planner.tell import shown
from planner.tell.voice import Voice

VOICE = Voice(Setting(datetime(2026, 11, 22, 13, 3, tzinfo=UTC), ZoneInfo("Europe/Paris"), "EUR"), "en")


def days(*amounts: int | None) -> list[dict[str, Any]]:
    money = [None if one is None else {"amount": one, "currency": "EUR"} for one in amounts]
    return [{"group": f"2026-11-{16 + n}", "net_sales": one, "orders": 4 + n} for n, one in enumerate(money)]


def test_each_day_has_a_bar_beside_the_first_figure_and_the_highest_the_longest() -> None:
    lines = shown.table(days(24_000, 12_000, 500), VOICE, {"group_by": "day"}).splitlines()

    assert lines == [
        "| Day | Net sales |  | Orders |",
        "| --- | ---: | --- | ---: |",
        "| 2026-11-16 | 240.00 EUR | ████████████ | 4 |",
        "| 2026-11-17 | 120.00 EUR | ██████ | 5 |",
        "| 2026-11-18 | 5.00 EUR | ▎ | 6 |",
    ]


@pytest.mark.parametrize(
    ("rows", "by"),
    [
        (days(24_000, 12_000), "day"),  # two are compared at a glance
        (days(24_000, -12_000, 500), "day"),
        (days(24_000, None, 500), "day"),
        (days(24_000, 12_000, 500), "country"),
    ],
)
def test_what_no_bars_can_tell_has_none(rows: list[dict[str, Any]], by: str) -> None:
    assert "█" not in shown.table(rows, VOICE, {"group_by": by})
