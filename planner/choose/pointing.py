"""What a sentence points at: "cancel it", "her addresses", "the second one", "the one in Lyon".

Its reference takes the words' place, where only one thing can be meant.
"""

import re
from collections.abc import Sequence

from planner.choose.decide import Desk
from planner.converse.things import Thing, shown
from planner.read.reading import Reading
from planner.read.words import ORDINALS, fold

THING = re.compile(r"\b(?:it|this one|that one)\b(?!'s)", re.I)
OWNER = re.compile(r"\b(?:her|his|their|its)\b(?=\s+\w)", re.I)
PERSON = re.compile(r"\b(?:she|he|him|they|her)\b", re.I)
PEOPLE = ("customer", "user")
PLACES = {**ORDINALS, "last": -1}
NTH = re.compile(
    rf"\b(?:the\s+)?({'|'.join(PLACES)})\s+(?:one|of\s+(?:them|these|those)|in\s+the\s+list|row|entry)\b"
    rf"|^(?:and\s+)?the\s+({'|'.join(PLACES)})(?=\W*$)",
    re.I,
)
THE_ONE = re.compile(r"\b(?:the\s+one|that\s+one)\s+(?:in|to|from|of|for|by|with|at)\s+(?:the\s+)?([^?!.,;]+)", re.I)
ALONE = re.compile(r"^(?:and|what about|how about|only|just)?\s*[A-Z][\w-]*\W*$")


def resolved(text: str, earlier: Sequence[str], desk: Desk) -> str:
    """The text with the reference that it points to, where that is certain; as it is, where it names something itself."""
    reading = _read(text, desk)
    if reading.free("reference", "foreign", "code") or any(reading.free("email")):
        return text
    things = shown(desk.talk)
    picked = _picked(text, things)
    if picked:
        return picked
    if not (THING.search(text) or OWNER.search(text) or PERSON.search(text)):
        return text
    named = [span.value for said in earlier for span in _read(said, desk).free("reference")]
    alone = things[0] if len(things) == 1 else None
    thing = _only(
        [value for value in named if not _person(value, desk)] or _alone(alone) or _spoken_of(desk, people=False)
    )
    if thing and THING.search(text):
        return THING.sub(thing, text, count=1)
    if thing and re.search(r"\bits\b", text, re.I):
        return OWNER.sub(f"{thing}'s", text, count=1)
    buyer = [alone.refers["customer"]] if alone and "customer" in alone.refers else []
    person = _only([value for value in named if _person(value, desk)] or buyer or _spoken_of(desk, people=True))
    if person and OWNER.search(text):
        return OWNER.sub(f"{person}'s", text, count=1)
    return PERSON.sub(person, text, count=1) if person else text


def _picked(text: str, things: Sequence[Thing]) -> str | None:
    """With one of the rows that were shown, told by its place or by what it has and no other row."""
    nth = NTH.search(text)
    place = PLACES[(nth[1] or nth[2]).lower()] if nth else 0
    if nth and -len(things) <= place < len(things):
        return _told(text, nth, things[place])
    one = THE_ONE.search(text)
    having = [thing for thing in things if one and _has(thing, one[1])]
    return _told(text, one, having[0]) if one and len(having) == 1 else None


def _has(thing: Thing, said: str) -> bool:
    return all(word in thing.said for word in fold(said).split())


def _told(text: str, found: re.Match[str], thing: Thing) -> str:
    whole = f"{text[: found.start()]}{thing.reference}{text[found.end() :]}"
    return f"show {thing.reference}" if ALONE.search(whole) else whole


def _alone(thing: Thing | None) -> list[str]:
    return [thing.reference] if thing else []


def _read(text: str, desk: Desk) -> Reading:
    return Reading.of(text, desk.index.vocabulary, desk.talk.setting)


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


def _person(value: str, desk: Desk) -> bool:
    return desk.index.vocabulary.prefixes.get(value.partition("-")[0], "") in PEOPLE


def _spoken_of(desk: Desk, *, people: bool) -> list[str]:
    """The references of people, or of things, in the latest message that has any."""
    prefixes = [prefix for prefix, noun in desk.index.vocabulary.prefixes.items() if (noun in PEOPLE) == people]
    return desk.talk.mentioned(*prefixes)
