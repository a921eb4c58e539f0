"""Arguments that are names: a city, a customer, a product, a reason, by what the reader says that the words name."""

import re
from collections.abc import Collection, Sequence

from planner.fill.filled import Filled
from planner.read.fields import Field, Kind
from planner.read.reading import Reading

REFERENCED = {
    "customer": ("customer", "person"),
    "user": ("person",),
    "product": ("product",),
    "variant": ("product",),
    "category": ("category",),
    "warehouse": ("warehouse", "place"),
}
LOOKED_UP = ("customer", "user", "product", "variant")  # by a reader, for a name is no reference
WORDED = {
    Kind.city: ("place",),
    Kind.reason_text: ("reason",),
    Kind.note: ("text",),
    Kind.phone: ("phone",),
    Kind.postcode: ("code", "number", "place"),
}
LISTED = {"tag": ("tag",)}
ARTICLE = re.compile(r"^(?:the|a|an|my|our|le|la|les|der|die|das|den|dem)\s+", re.I)


def fill(fields: Sequence[Field], reading: Reading, filled: Filled, *, searched: Collection[str]) -> None:
    """What is open yet and named: references first, then words. `searched` are the kinds that the tool's search is for."""
    for f in sorted(fields, key=lambda f: not f.required):
        if f.name in filled.args or f.name in filled.people or f.kind in (Kind.parts, Kind.skip):
            continue
        if f.kind is Kind.reference:
            _reference(f, reading, filled)
        elif f.kind in WORDED:
            _put(f, WORDED[f.kind], reading, filled)
        elif f.kind is Kind.search:
            _put(f, tuple(searched), reading, filled)
        elif f.many and f.kind is Kind.text and f.name.rstrip("s") in LISTED:
            said = [_said(reading, *one[:2]) for one in reading.named(*LISTED[f.name.rstrip("s")])]
            filled.args |= {f.name: said} if said else {}


def _reference(f: Field, reading: Reading, filled: Filled) -> None:
    kinds = REFERENCED.get(f.reference, ())
    if f.reference not in LOOKED_UP:
        _put(f, kinds, reading, filled)
        return
    for one in reading.named(*kinds):
        if any(
            span.start < one.end and one.start < span.end
            for span in reading.free("reference", "foreign", "code", "email")
        ):
            continue
        filled.people[f.name] = _said(reading, one.start, one.end)
        return


def _put(f: Field, kinds: Sequence[str], reading: Reading, filled: Filled) -> None:
    found = reading.named(*kinds)
    if found:
        said = _said(reading, found[0].start, found[0].end)
        filled.args[f.name] = [said] if f.many else said


def _said(reading: Reading, start: int, end: int) -> str:
    reading.claim(start, end)
    return ARTICLE.sub("", reading.text[start:end]).strip()
