"""By what a list is to count its rows apart: "returns by reason", "which carrier has the most late parcels"."""

import re
from collections.abc import Sequence

from planner.fill import conditions
from planner.fill.filled import Filled, Told
from planner.fill.spoken import said
from planner.read.fields import Field, Kind
from planner.read.reading import Reading

PEOPLE = ("assignee", "picker")
WHO = r"\bwho\s+(?:has|have|had|got|picks?|picked|does|did|is|are)\b.*?\bmost\b"


def fill(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """The column, where one is said after "by" or "per", or as that of which there is the most."""
    f = next((one for one in fields if one.kind is Kind.apart), None)
    choices = [one for one in f.choices if not conditions.unlikely(f, one.value, reading, told)] if f else []
    phrases = {phrase.lower(): choice.value for choice in choices for phrase in choice.phrases}
    if f is None or not phrases or f.name in filled.args:
        return
    column = rf"(?P<column>{'|'.join(sorted(map(re.escape, phrases), key=len, reverse=True))})"
    for way in (rf"\b(?:{'|'.join(f.cues)})\s+(?:the\s+|their\s+)?{column}(?:s|es)?\b", *_most(column)):
        found = re.search(way, reading.text, re.I)
        if found and reading.open(*found.span()):
            reading.claim(*found.span())
            filled.args[f.name] = phrases[found["column"].lower()]
            filled.args |= {one.name: conditions.ONE for one in fields if one.kind is Kind.limit}
            return
    person = next((value for value in phrases.values() if value in PEOPLE), None)
    found = re.search(WHO, reading.text, re.I) if person else None
    if found and reading.open(*found.span()):
        reading.claim(*found.span())
        filled.args |= {f.name: person} | {one.name: conditions.ONE for one in fields if one.kind is Kind.limit}


def _most(column: str) -> tuple[str, str]:
    """ "The most common reason", "which country has the most"."""
    return (
        rf"\b{said('most_of')}\s+{column}(?:s|es)?\b(?!\s+(?:orders?|tickets?|parcels?|returns?|payments?)\b)",
        rf"\b(?:which|what)\s+{column}(?:s|es)?(?:\s+\w+){{0,3}}?\s+(?:has|have|had|gets?|got|is|are|causes?|makes?|gives?|brings?)\b.*?\bmost\b",
    )
