"""A second period, where one is to be compared with the other: "yesterday compared with the Friday before"."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from planner.fill import values
from planner.fill.filled import Filled
from planner.read import periods
from planner.read.fields import Field, Kind
from planner.read.reading import Setting

COMPARES = re.compile(
    r"\b(?:compar\w+|versus|vs|against|than|gegenüber|verglichen|im vergleich|par rapport|contre)\b", re.I
)
WEEK = timedelta(days=7)


class Other(NamedTuple):
    """How the second period was said, and what it is as arguments."""

    said: str
    args: Mapping[str, Any]


def other_period(text: str, fields: Sequence[Field], filled: Filled, setting: Setting) -> Other | None:
    """The period that found no place because another one was named before it; None where nothing is compared."""
    bounds = [f for f in fields if f.kind in (Kind.period_start, Kind.period_end)]
    later = [s for s in filled.unplaced if s.kind == "period" and (s.value.start is not None or s.value.before)]
    start = next((filled.args[f.name] for f in bounds if f.name in filled.args), None)
    if len(bounds) != 2 or len(later) != 1 or start is None or not COMPARES.search(text):
        return None
    said, period = text[later[0].start : later[0].end].strip(), later[0].value
    if period.before:
        told = [values.local(filled.args[f.name], setting) if f.name in filled.args else None for f in bounds]
        begins, ends = told if bounds[0].kind is Kind.period_start else reversed(told)
        before = periods.back(begins, ends, period.before) if begins else None
        return Other(said, values.period_args(bounds, *before, setting)) if before else None
    asked = values.period_args(bounds, period.start, period.end, setting)
    if asked.get(bounds[0].name) == start:  # "the Friday before": not the one that was named first
        first, last = (moment and moment - WEEK for moment in (period.start, period.end))
        asked = values.period_args(bounds, first, last, setting)
    return Other(said, asked)
