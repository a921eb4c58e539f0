"""Whose a record is and where they live, said beside its number: "cancel ORD-1042 of Anna Weber in Lyon".

The number says which record is meant; the card and the answer show whose it is. So the name needs no place in the call.
"""

import re
from functools import lru_cache

from planner.choose.belonging import NAMED
from planner.choose.index import Tool
from planner.fill.filled import Filled
from planner.read import pointers
from planner.read.fields import Kind
from planner.read.goods import OF_PEOPLE
from planner.read.reading import Reading

PLACES = ("place", "city")


def unsaid(tool: Tool, filled: Filled, reading: Reading) -> None:
    """Takes names of people and of their towns out of what found no place, where a record is called by its number."""
    records = (f for f in tool.fields if f.kind is Kind.reference and f.reference not in NAMED)
    if not any(f.name in filled.args for f in records):
        return
    named = [text for start, end, kind in _names(reading) if (text := _beside(reading.text, start, end, kind))]
    for left in (filled.doubts, filled.strange, filled.unused):
        left[:] = [said for said in left if not any(said in name for name in named)]


def _names(reading: Reading) -> list[tuple[int, int, str]]:
    """Where people and towns stand, by the reader's word or because the shop has them."""
    heard = [(one.start, one.end, one.kind) for one in reading.mentions if one.kind in (*OF_PEOPLE, *PLACES)]
    known = [(one.start, one.end, kind) for one in reading.grounds for kind in ("customer", "city") if one.of(kind)]
    written = [(start, end, OF_PEOPLE[0]) for start, end in reading.names() if _person(reading.text, start, end)]
    return [*heard, *known, *written]


def _person(text: str, start: int, end: int) -> bool:
    """Whether capitals are somebody's: a whole name, one with a title, or one who lives somewhere."""
    told = pointers.words()
    titled = re.search(rf"(?<!\w)(?:{told['titles']})\s+$", text[:start], re.I)
    lives = re.match(rf"\s+(?:{told['lives']})\s+\w", text[end:], re.I)
    return " " in text[start:end] or bool(titled or lives)


def _beside(text: str, start: int, end: int, kind: str) -> str:
    """The name, where the words around it say that the record is theirs; "" elsewhere: "send ORD-1042 to Anna Weber"."""
    leads, follows = _around(kind in OF_PEOPLE)
    theirs = kind in OF_PEOPLE and follows.match(text[end:])
    return text[start:end] if theirs or leads.search(text[:start]) else ""


@lru_cache(maxsize=2)
def _around(people: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    told = pointers.words()
    title = rf"(?:(?:{told['titles']})\s+)"
    before = rf"(?:{told['whose']})\s*{title}?|{title}|[,;:–-]\s*" if people else rf"(?:{told['lives']})\s+"
    return re.compile(rf"(?<!\w)(?:{before})$", re.I), re.compile(r"['’]s\b")
