"""Pronouns: "cancel it", "her addresses". The one thing that was named last takes their place, when only one can be meant."""

import re
from collections.abc import Sequence

from planner.choose.decide import Desk

THING = re.compile(r"\b(?:it|this one|that one)\b(?!'s)", re.I)
OWNER = re.compile(r"\b(?:her|his|their)\b(?=\s+\w)", re.I)
PERSON = re.compile(r"\b(?:she|he|him|they|her)\b", re.I)
PEOPLE = ("customer", "user")


def resolved(text: str, earlier: Sequence[str], desk: Desk) -> str:
    """The text with its first pronoun replaced by the reference it points to, where that is certain."""
    reading = desk.reading(text)
    if reading.free("reference", "foreign", "code"):
        return text
    named = [span.value for said in earlier for span in desk.reading(said).free("reference")]
    if any(reading.free("email")) or not (THING.search(text) or OWNER.search(text) or PERSON.search(text)):
        return text
    thing = _only([value for value in named if not _person(value, desk)] or _spoken_of(desk, people=False))
    if thing and THING.search(text):
        return THING.sub(thing, text, count=1)
    person = _only([value for value in named if _person(value, desk)] or _spoken_of(desk, people=True))
    if person and OWNER.search(text):
        return OWNER.sub(f"{person}'s", text, count=1)
    return PERSON.sub(person, text, count=1) if person else text


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


def _person(value: str, desk: Desk) -> bool:
    return desk.index.vocabulary.prefixes.get(value.partition("-")[0], "") in PEOPLE


def _spoken_of(desk: Desk, *, people: bool) -> list[str]:
    """The references of people, or of things, in the latest message that has any."""
    prefixes = [prefix for prefix, noun in desk.index.vocabulary.prefixes.items() if (noun in PEOPLE) == people]
    return desk.talk.mentioned(*prefixes)
