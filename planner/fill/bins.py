"""Bins: what stands on a shelf, `A-01-2`, where a tool has a place for it; elsewhere such a code is an item's."""

import re
from collections.abc import Sequence
from itertools import permutations
from typing import Any, cast

from planner.fill.filled import Filled
from planner.fill.spoken import said
from planner.read.fields import Field, Kind
from planner.read.reading import Reading

BIN = re.compile(r"(?<![\w@./-])(?:[a-z]{1,8}(?:-\d{1,3}){1,3}|[a-z]\d{1,2})(?![\w@-])", re.I)
STANDARD = re.compile(r"(?<![\w@./-])[a-z]{1,2}-\d{2}-\d{1,2}(?![\w@-])", re.I)  # "A-01-2"
SHELF = rf"\s+(?:{said('shelf')}\s+)?$"
FROM = re.compile(rf"\b{said('leaving')}{SHELF}", re.I)
TO = re.compile(rf"(?:\b{said('going')}|->|→){SHELF}", re.I)
LEFT = ("from", "source")


def fill(fields: Sequence[Field], reading: Reading, filled: Filled) -> list[str]:
    """Fills the bins of a tool; those that are left are for its lines (`attach`), and so is what they count."""
    plain = [f for f in fields if _of_a_bin(f)]
    if not plain and not any(_of_a_bin(part) for f in fields for part in f.parts):
        for m in STANDARD.finditer(reading.text) if any(one.goods for one in reading.grounds) else ():
            reading.claim(*m.span())  # where the goods lie that are named
        return []
    owned = [span for span in reading.spans if span.kind in ("reference", "email", "url", "money", "period")]
    found = [m for m in BIN.finditer(reading.text) if reading.open(*m.span()) and not any(
        span.start < m.end() and m.start() < span.end for span in owned
    )]  # fmt: skip
    for f, m in _led(plain, found, reading.text):
        filled.args[f.name] = m[0].upper()
    for m in found:
        reading.claim(*m.span())
    return [] if plain else [m[0].upper() for m in found]


def attach(codes: Sequence[str], fields: Sequence[Field], filled: Filled) -> None:
    """One bin for all lines, or one for each."""
    for f in fields:
        part = next((part for part in f.parts if _of_a_bin(part)), None)
        lines = cast(list[dict[str, Any]], filled.args.get(f.name, [])) if part and f.many else []
        if part and len(codes) in (1, len(lines)):
            filled.args[f.name] = [
                {**line, part.name: codes[min(nth, len(codes) - 1)]} for nth, line in enumerate(lines)
            ]


def _of_a_bin(f: Field) -> bool:
    return f.kind is Kind.text and not f.many and ("bin" in f.name.split("_") or bool(BIN.fullmatch(f.example)))


def _led(fields: Sequence[Field], found: Sequence[re.Match[str]], text: str) -> list[tuple[Field, re.Match[str]]]:
    """Which bin is which: by the word before it, else in the order in which they are said."""
    if len(fields) != 2 or not found:
        return list(zip(fields, found[:1], strict=False))
    if len(found) == 1:
        leaves = FROM.search(text[: found[0].start()]) is not None
        return [(f, found[0]) for f in fields if f.name.startswith(LEFT) == leaves]
    pairs = [list(zip(order, found, strict=False)) for order in permutations(fields)]

    def fits(pair: list[tuple[Field, re.Match[str]]]) -> int:
        return sum(_fits(f, text[: m.start()]) for f, m in pair)

    return max(pairs, key=fits)


def _fits(f: Field, before: str) -> int:
    return int((FROM if f.name.startswith(LEFT) else TO).search(before) is not None)
