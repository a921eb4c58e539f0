"""Spans of time as merchants say them, on Sunday 22 November 2026."""

from datetime import datetime

import pytest

from planner.read.periods import Period, back, find

NOW = datetime.fromisoformat("2026-11-22T14:03")


def days(period: Period) -> tuple[str | None, str | None]:
    return (
        period.start.date().isoformat() if period.start else None,
        period.end.date().isoformat() if period.end else None,
    )


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("today", "2026-11-22", "2026-11-23"),
        ("yesterday's orders", "2026-11-21", "2026-11-22"),
        ("todays orders and those before", "2026-11-22", "2026-11-23"),
        ("yesterdays sales", "2026-11-21", "2026-11-22"),
        ("last night", "2026-11-21", "2026-11-22"),
        ("what comes this coming week", "2026-11-22", "2026-11-30"),
        ("will it last before christmas", None, "2026-12-25"),
        ("until xmas eve", None, "2026-12-25"),
        ("since christmas", "2025-12-25", None),
        ("this week", "2026-11-16", "2026-11-23"),
        ("last week", "2026-11-09", "2026-11-16"),
        ("on fri 20", "2026-11-20", "2026-11-21"),
        ("Tuesday the 17th", "2026-11-17", "2026-11-18"),
        ("fri 13 to mon 16", "2026-11-13", "2026-11-17"),
        ("thu 22", "2026-10-22", "2026-10-23"),
        ("this summer", "2026-06-01", "2026-09-01"),
        ("last summer", "2026-06-01", "2026-09-01"),
        ("last autumn", "2025-09-01", "2025-12-01"),
        ("over the last winter", "2025-12-01", "2026-03-01"),
        ("since spring", "2026-03-01", None),
        ("next winter", "2026-12-01", "2027-03-01"),
        ("who has not ordered for 3 months", "2026-08-23", "2026-11-23"),
        ("the week before last", "2026-11-02", "2026-11-09"),
        ("the last 7 days", "2026-11-16", "2026-11-23"),
        ("over the past fortnight", "2026-11-09", "2026-11-23"),
        ("last month", "2026-10-01", "2026-11-01"),
        ("in October", "2026-10-01", "2026-11-01"),
        ("in December", "2025-12-01", "2026-01-01"),
        ("October 2024", "2024-10-01", "2024-11-01"),
        ("Q3", "2026-07-01", "2026-10-01"),
        ("last quarter", "2026-07-01", "2026-10-01"),
        ("in 2025", "2025-01-01", "2026-01-01"),
        ("since Monday", "2026-11-16", None),
        ("since the start of the year", "2026-01-01", None),
        ("since the 1st", "2026-11-01", None),
        ("since midnight", "2026-11-22", None),
        ("starting tuesday", "2026-11-17", None),
        ("at the end of the month", "2026-11-30", "2026-12-01"),
        ("at the start of the month", "2026-11-01", "2026-11-02"),
        ("the black friday weekend", "2025-11-28", "2025-12-02"),
        ("before last Tuesday", None, "2026-11-17"),
        ("between 3 October and 9 November", "2026-10-03", "2026-11-10"),
        ("from 1 to 15 November", "2026-11-01", "2026-11-16"),
        ("from Monday to Wednesday", "2026-11-16", "2026-11-19"),
        ("on 2026-10-03", "2026-10-03", "2026-10-04"),
        ("on 3.10.2026", "2026-10-03", "2026-10-04"),
        ("two weeks ago", "2026-11-08", "2026-11-09"),
        ("on Black Friday", "2025-11-28", "2025-11-29"),
        ("last weekend", "2026-11-14", "2026-11-16"),
        ("orders from yesterday", "2026-11-21", "2026-11-22"),
        ("older than three days", None, "2026-11-19"),
        ("in the third quarter", "2026-07-01", "2026-10-01"),
    ],
)
def test_a_period_has_a_first_day_and_the_day_after_its_last(said: str, start: str | None, end: str | None) -> None:
    (period,) = find(said, NOW)

    assert days(period) == (start, end)


@pytest.mark.parametrize("said", ["Ana Torres", "the last three orders", "may I ask", "a second address", "order 1042"])
def test_what_is_no_period_is_left_alone(said: str) -> None:
    assert find(said, NOW) == []


def test_a_day_that_the_calendar_lacks_is_no_period() -> None:
    assert find("on 31 November 2025", NOW) == []


def test_friday_is_the_past_one_in_a_report_and_the_coming_one_for_a_deadline() -> None:
    (past,) = find("on Friday", NOW)
    (coming,) = find("on Friday", NOW, ahead=True)

    assert days(past) == ("2026-11-20", "2026-11-21")
    assert days(coming) == ("2026-11-27", "2026-11-28")


def test_the_week_before_counts_back_from_a_period_spoken_of_earlier() -> None:
    (period,) = find("and the week before?", NOW)
    start, end = back(datetime.fromisoformat("2026-11-09T00:00"), None, period.before)

    assert (start.isoformat(), end.isoformat()) == ("2026-11-02T00:00:00", "2026-11-09T00:00:00")


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("since the first of October", "2026-10-01", None),
        ("on the twenty second of November", "2026-11-22", "2026-11-23"),
        ("mid November", "2026-11-11", "2026-11-21"),
        ("in the first half of October", "2026-10-01", "2026-10-16"),
        ("late February", "2026-02-21", "2026-03-01"),
        ("the weekend before last", "2026-11-14", "2026-11-16"),
        ("waiting since 9 days", "2026-11-17", None),
        ("since new year", "2026-01-01", None),
        ("week 47", "2026-11-16", "2026-11-23"),
        ("week 52", "2025-12-22", "2025-12-29"),
    ],
)
def test_days_and_parts_of_months_in_words(said: str, first: str, last: str | None) -> None:
    (period,) = find(said, datetime.fromisoformat("2026-11-25T10:00"))

    assert [day and day.date().isoformat() for day in (period.start, period.end)] == [first, last]


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("and a week earlier?", "2026-11-14", "2026-11-16"),
        ("the weekend before?", "2026-11-14", "2026-11-16"),
        ("compared to the one before", "2026-11-14", "2026-11-16"),
        ("a year before", "2025-11-21", "2025-11-23"),
        ("same weekend last year", "2025-11-22", "2025-11-24"),
        ("vs the same week last year", "2025-11-22", "2025-11-24"),
        ("this time last year", "2025-11-21", "2025-11-23"),
    ],
)
def test_a_week_earlier_is_the_same_days_of_the_week_before(said: str, first: str, last: str) -> None:
    (period,) = find(said, datetime.fromisoformat("2026-11-25T10:00"))
    weekend = datetime.fromisoformat("2026-11-21T00:00"), datetime.fromisoformat("2026-11-23T00:00")

    assert [day.date().isoformat() for day in back(*weekend, period.before)] == [first, last]


def test_the_one_before_a_month_is_the_month_before() -> None:
    (period,) = find("and the one before?", NOW)
    october = datetime.fromisoformat("2026-10-01T00:00"), datetime.fromisoformat("2026-11-01T00:00")

    assert [day.date().isoformat() for day in back(*october, period.before)] == ["2026-09-01", "2026-10-01"]
