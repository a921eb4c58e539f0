"""How people ask for every operation of the catalogue, open or not, voice by voice: to train a reader of requests, and test it.

Each voice was written apart, by an author who saw an operation's one sentence (`operations.tsv`), not its schema nor the other
voices. Figures that leave one voice out are the ones to believe. What a phrasing names stands in marks: `[quantity:3]`.

Some voices go on from an answer (`ONWARD`): what is said next after an operation, and which operation that asks for.

Some tell a shop's days (`DAYS`): whole messages and conversations as they come there, long stories and three words, by authors who
each invented a shop and saw the operations' sentences. They ask for what people ask for, often or seldom, and not for everything.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

VOICES = (
    "clipped", "counter", "dictation", "direct", "floor", "hurried", "jargon", "letters", "owner", "phone", "plain",
    "second_language", "support", "french", "french_boss", "french_brief", "french_counter", "french_shop", "french_support",
    "german", "german_boss", "german_brief", "german_counter", "german_shop", "german_support",
)  # fmt: skip
ONWARD = ("onward", "onward_french", "onward_german", "onward_talk")
DAYS = (
    "english_baking", "english_bicycles", "english_boardgames", "english_candles", "english_electronics", "english_fabrics",
    "english_fashion", "english_furniture", "english_gadgets", "english_hiking", "english_honey", "english_kids",
    "english_lamps", "english_mowers", "english_music", "english_pets", "english_plants", "english_printing", "english_quilts",
    "english_skate", "english_sneakers", "english_spices", "english_stationery", "english_surf", "english_tea",
    "english_vitamins", "english_wine", "english_workwear", "english_yarn", "french_baby", "french_beer", "french_books",
    "french_cheese", "french_chocolate", "french_cosmetics", "french_fishing", "french_linen", "french_organic",
    "french_outdoor", "french_toys", "german_alpine", "german_bikes", "german_coffee", "german_deli", "german_games",
    "german_garden", "german_knives", "german_lamps", "german_nursery", "german_pets", "german_tools",
)  # fmt: skip
NOTHING_NEW = "-"  # a turn of a conversation that only agrees, refuses or corrects a figure
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
    """One way of asking for an operation, without its marks; `after` is the operation that was answered before it, to `said`."""

    voice: str
    operation: str
    text: str
    spans: tuple[Span, ...]
    after: str = ""
    said: str = ""


@cache
def operations() -> tuple[Operation, ...]:
    """The catalogue's operations in its order, then the classes of talk."""
    lines = (files(__name__) / "operations.tsv").read_text(encoding="utf-8").splitlines()
    told = [line.split("\t") for line in lines]
    return tuple(Operation(room, name, effect == "read", sentence) for room, name, effect, sentence in told)


def phrasings(voice: str) -> Iterator[Phrasing]:
    """All that a voice says, room by room. Raises `ValueError` for a mark of no kind."""
    for operation, marked in _lines(voice, [*dict.fromkeys(_file(one) for one in operations())]):
        yield _read(voice, operation, marked)


def onward(voice: str) -> Iterator[Phrasing]:
    """All that a voice goes on with, room by room of the operation before. Raises `ValueError` for a mark of no kind."""
    for before, line in _lines(voice, [*dict.fromkeys(one.room for one in operations() if one.room != "~talk")]):
        marked, operation = line.rsplit(" > ", 1)
        yield _read(voice, operation, marked.strip())._replace(after=before)


def day(author: str) -> Iterator[Phrasing]:
    """What was said at a shop, each turn after the operation before it; those that ask for nothing new are left out.

    Raises `ValueError` for a mark of no kind.
    """
    yield from told(author, (files(__name__) / "days" / f"{author}.tsv").read_text(encoding="utf-8"))


def told(author: str, text: str) -> Iterator[Phrasing]:
    """The same of a text, which has an operation and what was said in each line.

    An empty line stands after each conversation and each single request.
    """
    before = said = ""
    for line in text.splitlines():
        operation, _, marked = line.partition("\t")
        if operation and operation != NOTHING_NEW:
            yield (one := _read(author, operation, marked))._replace(after=before, said=said)
            before, said = (before, said) if operation.startswith("~") else (operation, one.text)
        elif not operation:
            before = said = ""


def _file(one: Operation) -> str:
    return "talk" if one.name.startswith("~") else one.room


def _lines(voice: str, rooms: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each phrasing with the operation above it."""
    operation = ""
    for room in rooms:
        for line in (files(__name__) / voice / f"{room}.md").read_text(encoding="utf-8").splitlines():
            if line.startswith("## "):
                operation = line[3:].strip()
            elif line.startswith("- "):
                yield operation, line[2:].strip()


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
