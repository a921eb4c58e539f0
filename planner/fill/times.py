"""Which time is meant, where a list can be narrowed by several: parcels that left, are promised or arrived in a period.

What is said beside the period decides; else a period that is to come means what is due or expected, and any other the list's own
time, which is the first that it declares.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from planner.read.fields import Field, Kind
from planner.read.periods import NOT_BOUGHT, Period
from planner.read.reading import Reading

BOUNDS = ("_from", "_until")
TIMES = (Kind.period_start, Kind.period_end, Kind.moment)


@lru_cache(maxsize=1)
def words() -> Mapping[str, Mapping[str, Any]]:
    """The words of each time, in three languages (`planner/data/times.json`)."""
    return json.loads(files("planner.data").joinpath("times.json").read_text(encoding="utf-8"))


def stem(field: Field) -> str:
    """ "due" of `due_from` and of `due_until`; "" of any other field."""
    ends = next((end for end in BOUNDS if field.name.endswith(end)), "") if field.kind in TIMES else ""
    return field.name.removesuffix(ends) if ends else ""


def stems(fields: Sequence[Field]) -> list[str]:
    """The times of a list that have a beginning and an end, its own first."""
    names = {f.name for f in fields}
    both = [f for f in fields if stem(f) and all(f"{stem(f)}{end}" in names for end in BOUNDS)]
    both.sort(key=lambda f: f.kind is Kind.moment)
    return list(dict.fromkeys(stem(f) for f in both))


def main(fields: Sequence[Field]) -> list[Field]:
    """The fields without those of the other times than a list's own."""
    return _only(fields, stems(fields), 0)


def meant(fields: Sequence[Field], reading: Reading, now: datetime) -> list[Field]:
    """The fields without those of the times that the sentence does not speak of.

    The word that tells which is taken, where it would else be heard as a state: "opened last week" are not the open ones.
    """
    found = stems(fields)
    _leave(found, reading)
    spans = [span for span in reading.free("period") if not span.value.before]
    if len(found) < 2 or not spans:
        return _only(fields, found, 0)
    to_come = spans[0].value.end is None or spans[0].value.end > now
    cued = [(_apart(m, spans[0].start), name, m) for name in found for m in cues(name, reading.text)]
    if cued:
        _, name, m = min(cued, key=lambda one: one[0])
        if words()[name].get("plain") or (to_come and words()[name].get("ahead")):
            reading.claim(*m.span())
        return _only(fields, found, found.index(name))
    begins = spans[0].value.start
    later = begins is not None and begins > now
    return _only(
        fields, found, next((n for n, name in enumerate(found) if later and words().get(name, {}).get("ahead")), 0)
    )


def _leave(found: Sequence[str], reading: Reading) -> None:
    """What is no time of the list's is left out: "which orders have to go out today?", whenever they were placed."""
    for name in found:
        other = words().get(name, {}).get("not")
        if other and (m := re.search(rf"\b{other}\b", reading.text, re.I)):
            reading.claim(*m.span(1))


def bounds(fields: Sequence[Field], period: Period, text: str) -> tuple[datetime | None, datetime | None]:
    """From when until when; of what was last done, and not since, until the period begins: "who hasn't bought since January?"."""
    if period.start and NOT_BOUGHT.search(text) and any(stem(f).startswith("last_") for f in fields):
        return None, period.start
    return period.start, period.end


def cues(name: str, text: str) -> list[re.Match[str]]:
    """Where a time's own words stand."""
    said = words().get(name, {}).get("cues")
    return list(re.finditer(rf"(?<![\w-])(?:{said})(?![\w-])", text, re.I)) if said else []


def _apart(m: re.Match[str], at: int) -> int:
    return at - m.end() if m.end() <= at else m.start() - at


def _only(fields: Sequence[Field], found: Sequence[str], nth: int) -> list[Field]:
    others = {name for n, name in enumerate(found) if n != nth}
    return [f for f in fields if stem(f) not in others]
