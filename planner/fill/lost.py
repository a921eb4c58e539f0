"""What was said and has no place in a call: it is told, or asked about, and never dropped in silence."""

import re
from collections.abc import Sequence
from datetime import timedelta

from planner.fill import values
from planner.fill.filled import Filled, Told
from planner.fill.spoken import words
from planner.read import acts
from planner.read.entities import Span
from planner.read.fields import ORDERLY, Field, Kind
from planner.read.reading import Reading
from planner.read.words import words_of

MANNERLY = r"(?: possible| you (?:can|could|would)| (?:it|that)['’]?s? (?:is )?(?:still )?(?:not too late|possible|ok(?:ay)?|fine))"
SEPARATING = re.compile(
    rf"\b(?:(?:except|excluding|unless|only if|if(?!{MANNERLY})|but|apart from|other than)\b.*"
    r"|half of|the \w+ (?:line|item|one|half))\b",
    re.I,
)
NEVER_DROPPED = ("reference", "foreign", "code", "email", "money", "percent", "period", "country", "number", "quoted")
NARROWING = words_of("the a an my our her his their these those only just some both all of")
PASSING = ("one", "two", "three", "today", "this morning", "in this morning", "this afternoon", "yesterday", "tonight")
LATE = "late"
FIRST = r"\b((?:oldest|newest|latest|biggest|largest|highest|dearest|cheapest|smallest|lowest|longest waiting)(?: ones?)? first)\b"


def _narrows(reading: Reading, start: int) -> bool:
    """Whether unknown words stand where they narrow down what is meant: "cancel the blue mugs from order 1042"."""
    before = reading.text[:start].lower().split()[-2:]
    placed = len(before) > 1 and before[0] in ("in", "into", "at", "on", "for", "to", "by")
    return bool(before) and before[-1] in NARROWING and not placed


def _is_today(span: Span, told: Told) -> bool:
    """ "It's the first of December": the day on which it is said."""
    start = span.value.start if span.kind == "period" else None
    return (
        start is not None and span.value.end == start + timedelta(days=1) and start.date() == told.setting.local.date()
    )


def conclude(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    for f in fields:
        if f.many and f.name in filled.args and not isinstance(filled.args[f.name], list):
            filled.args[f.name] = [filled.args[f.name]]
        if f.many and filled.args.get(f.name) == []:
            del filled.args[f.name]  # nothing was said of it
    if {"counted", "delta"} <= filled.args.keys() and (swapped := acts.swaps(reading.text)) and swapped[0][0].isdigit():
        filled.args["counted"] = int(swapped[0][0])  # "79 not 81, two are broken"
        del filled.args["delta"]
    known = {*filled.args, *filled.people, *filled.which}
    filled.missing = [f for f in fields if f.required and f.name not in known]
    counts = any(f.many and f.parts for f in filled.missing)  # "send two from lille to lyon", of what was spoken of
    said_in_passing = PASSING[3:] if counts else PASSING if told.writes else PASSING[:3]
    filled.unplaced = [
        s
        for s in reading.free(*NEVER_DROPPED)
        if reading.text[s.start : s.end].lower() not in said_in_passing and not _is_today(s, told)
    ]
    currencies = {s.currency for s in reading.spans if s.kind == "money"} - {"", told.setting.currency}
    if currencies and not any(f.kind is Kind.currency for f in fields):
        filled.doubts.append(f"amounts in {', '.join(sorted(currencies))}")
    if told.writes and (named := values.IN_CURRENCY.search(reading.text)) and "currency" not in filled.args:
        filled.doubts.append(named[0])
    filled.doubts += [reading.text[start:end] for start, end in reading.names(told.openers)]
    filled.doubts += [m[0] for m in SEPARATING.finditer(reading.text) if reading.open(*m.span())]
    filled.unused = [reading.text[start:end] for start, end in reading.unknown(told.known)]
    strange = reading.unknown({*told.known, *told.own})
    filled.strange = [reading.text[start:end] for start, end in strange if _narrows(reading, start)]
    for said in (*_lost(reading, told), *_untold(fields, reading, told)):
        filled.strange += [said] if said not in filled.strange else []
        filled.unused += [said] if said not in filled.unused else []


def _untold(fields: Sequence[Field], reading: Reading, told: Told) -> list[str]:
    """That something is late, or shall come first, said to a list that can tell neither apart."""
    known = {f.name for f in fields}
    if told.writes or not any(f.kind is Kind.limit for f in fields):
        return []
    late = reading.search(rf"\b({LATE}|{words()['flags'][LATE]})\b") if LATE not in known | {*told.own} else None
    first = None if known & {*ORDERLY} else reading.search(FIRST)
    return [m[1] for m in (late, first) if m]


def _lost(reading: Reading, told: Told) -> list[str]:
    """What is a thing of the shop and found no place: goods and shelves, and to a reader whoever else was named."""
    kinds = ("category", "brand", *(() if told.writes else ("customer", "supplier", "carrier", "city")))
    open_ones = [ground for ground in reading.grounds if reading.open(ground.start, ground.end)]
    return [reading.text[one.start : one.end] for one in open_ones if one.goods or one.of(*kinds, fits=("exact",))]
