"""How people ask for every operation of the catalogue, open or not, voice by voice: to train a reader of requests, and test it.

Each voice was written apart, by an author who saw an operation's one sentence (`operations.tsv`), not its schema nor the other
voices. Figures that leave one voice out are the ones to believe. What a phrasing names stands in marks: `[quantity:3]`.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

VOICES = (
    "dictation",
    "direct",
    "french",
    "french_shop",
    "german",
    "german_shop",
    "jargon",
    "phone",
    "plain",
    "second_language",
    "support",
)
KINDS = frozenset(
    (
        "order", "customer", "product", "quantity", "money", "percent", "period", "place", "warehouse", "person", "category", "tag",
        "status", "channel", "carrier", "supplier", "ref", "email", "phone", "reason", "text", "code", "number",
    )
)  # fmt: skip
MARK = re.compile(r"\[(\w+):([^\[\]]*)\]")


class Operation(NamedTuple):
    """An operation of the catalogue, or a class of talk that no operation answers: `~hello`, `~help`, `~beyond`."""

    room: str
    name: str
    reads: bool
    sentence: str


class Span(NamedTuple):
    """What a phrasing names: where it stands in the text, and its kind."""

    start: int
    end: int
    kind: str


class Phrasing(NamedTuple):
    """One way of asking for an operation, without its marks."""

    voice: str
    operation: str
    text: str
    spans: tuple[Span, ...]


@cache
def operations() -> tuple[Operation, ...]:
    """The catalogue's operations in its order, then the classes of talk."""
    lines = (files(__name__) / "operations.tsv").read_text(encoding="utf-8").splitlines()
    told = [line.split("\t") for line in lines]
    return tuple(Operation(room, name, effect == "read", sentence) for room, name, effect, sentence in told)


def phrasings(voice: str) -> Iterator[Phrasing]:
    """All that a voice says, room by room. Raises `ValueError` for a mark of no kind."""
    rooms = dict.fromkeys("talk" if one.name.startswith("~") else one.room for one in operations())
    for room in rooms:
        operation = ""
        for line in (files(__name__) / voice / f"{room}.md").read_text(encoding="utf-8").splitlines():
            if line.startswith("## "):
                operation = line[3:].strip()
            elif line.startswith("- "):
                yield _read(voice, operation, line[2:].strip())


def _read(voice: str, operation: str, marked: str) -> Phrasing:
    text, place, spans = "", 0, list[Span]()
    for mark in MARK.finditer(marked):
        if mark[1] not in KINDS:
            raise ValueError(f"{voice}, {operation}: there is no kind {mark[1]}.")
        text += marked[place : mark.start()]
        spans.append(Span(len(text), len(text) + len(mark[2]), mark[1]))
        text += mark[2]
        place = mark.end()
    return Phrasing(voice, operation, text + marked[place:], tuple(spans))
