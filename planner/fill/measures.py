"""Figures with a unit, by the unit that ends a field's name (`weight_grams`, `length_mm`), and marks such as "4 out of 5"."""

import re
from collections.abc import Sequence
from typing import Any

from planner.fill.spoken import said
from planner.read import money
from planner.read.fields import Field, Kind
from planner.read.reading import Reading
from planner.read.words import NUMBER, number

UNITS = {  # of a field's unit: how much each unit that people say is
    "grams": {"kg": 1000, "kgs": 1000, "kilo": 1000, "kilos": 1000, "kilogram": 1000, "kilograms": 1000, "g": 1, "gr": 1, "gram": 1,
              "grams": 1, "gramm": 1, "grammes": 1, "gramme": 1},
    "mm": {"mm": 1, "millimetres": 1, "cm": 10, "centimetres": 10, "centimètres": 10, "zentimeter": 10, "m": 1000},
}  # fmt: skip
FIGURE = r"\d+(?:[.,]\d+)?"
SIDES = re.compile(
    rf"(?<![\w.,])({FIGURE})\s*(?:[x×*]|by)\s*({FIGURE})\s*(?:[x×*]|by)\s*({FIGURE})\s*(mm|cm|m)?(?!\w)", re.I
)
OF_MANY = re.compile(rf"\b{NUMBER}\s*(?:{said('marks')}\s*)?(?:/|{said('out_of')})\s*{NUMBER}\b", re.I)
STARS = re.compile(rf"\b{NUMBER}[\s-]*{said('stars')}\b", re.I)
NPS = re.compile(rf"\bnps\b\D{{0,25}}?{NUMBER}\b", re.I)
O_CLOCK = r"(?:\s*(?:o['’]?clock|uhr|heures?|h))?"
HOURS = (
    rf"\b(?:between|from|zwischen|von|entre|de)\s+(?P<h1>{NUMBER[1:-1]})(?:[:.h](?P<m1>[0-5]\d))?{O_CLOCK}"
    rf"\s*(?:and|to|until|till|und|bis|et|à|-|–)\s*(?P<h2>{NUMBER[1:-1]})(?:[:.h](?P<m2>[0-5]\d))?{O_CLOCK}\s*(?P<half>[ap]\.?m)?(?![\w%€])"
)
EARLIEST = 7  # an hour before is one of the afternoon
FIVE, TEN = 5, 10  # the greatest marks of stars, and of the net promoter score


def fill(fields: Sequence[Field], reading: Reading) -> dict[str, Any]:
    """What is weighed, measured and marked; of a list of parcels, the one that was told."""
    args = _sides(fields, reading) | _measured(fields, reading) | _marks(fields, reading) | _hours(fields, reading)
    for f in fields:
        if f.many and f.parts and any(_unit(part) for part in f.parts):
            plain = [part for part in f.parts if _unit(part)]
            if told := _sides(plain, reading) | _measured(plain, reading):
                args[f.name] = [told]
    return args


def _hours(fields: Sequence[Field], reading: Reading) -> dict[str, Any]:
    """ "Between two and four", of a time that begins and one that ends: hours of a working day, 14:00 to 16:00."""
    ends = [next((f for f in fields if f.name == f"ready_{end}"), None) for end in ("from", "until")]
    m = reading.search(HOURS, group=0) if all(ends) else None
    if m is None:
        return {}
    reading.claim(*m.span())
    told = [_clock(m[hour], m[minute], m["half"]) for hour, minute in (("h1", "m1"), ("h2", "m2"))]
    return {f.name: said for f, said in zip(ends, told, strict=True) if f and said}


def _clock(hour: str, minute: str | None, half: str | None) -> str:
    said = number(hour)
    afternoon = said < EARLIEST or (half or "").startswith("p")
    return f"{said + 12 if afternoon and said < 12 else said:02}:{minute or '00'}"


def _unit(f: Field) -> str:
    unit = f.name.rsplit("_", 1)[-1]
    return unit if unit in UNITS and f.kind is Kind.number else ""


def _measured(fields: Sequence[Field], reading: Reading) -> dict[str, Any]:
    args: dict[str, Any] = {}
    for f in fields:
        known = UNITS.get(_unit(f))
        if known is None or (f.name in args):
            continue
        units = "|".join(sorted(known, key=len, reverse=True))
        label = re.escape(f.label.split()[0])
        figure = rf"(?<![\w.,])({FIGURE})\s?-?({units})(?!\w)"
        if _unit(f) == "mm":  # a length tells which one it is
            figure = rf"\b{label}\w*\b[^\d,;]{{0,20}}?{figure}|{figure}\s+{label.removesuffix('th').removesuffix('t')}"
        if m := reading.search(figure, group=0):
            said, unit = [part for part in m.groups() if part]
            reading.claim(*m.span())
            args[f.name] = round(money.figure(said) * known[unit.lower()])
    return args


def _sides(fields: Sequence[Field], reading: Reading) -> dict[str, Any]:
    """ "30 x 20 x 10 cm": length, width and height."""
    sides = [f for name in ("length_mm", "width_mm", "height_mm") for f in fields if f.name == name]
    m = SIDES.search(reading.text) if len(sides) == 3 else None
    if m is None or not reading.open(*m.span()):
        return {}
    reading.claim(*m.span())
    whole = UNITS["mm"][(m[4] or "cm").lower()]
    return {f.name: round(money.figure(said) * whole) for f, said in zip(sides, m.groups()[:3], strict=True)}


def _marks(fields: Sequence[Field], reading: Reading) -> dict[str, Any]:
    """ "4 out of 5" is for the figure whose greatest value is 5."""
    by_top = {f.top: f for f in fields if f.kind is Kind.number and f.top in (FIVE, TEN)}
    for pattern, top in ((OF_MANY, None), (STARS, FIVE), (NPS, TEN)) if by_top else ():
        for m in pattern.finditer(reading.text):
            f = by_top.get(number(m[2]) if top is None else top)
            if f and reading.open(*m.span()) and number(m[1]) <= (f.top or 0):
                reading.claim(*m.span())
                return {f.name: number(m[1])}
    return {}
