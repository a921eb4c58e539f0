"""What the pieces of a sentence are in the shop: goods, a place, a person; and what was said of goods that they do not come in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from planner.read.goods import Phrase, means_something
from planner.read.words import fold

GOODS = ("product", "variant")
SHELVES = ("category", "brand", "tag")
PLACES = ("warehouse", "city")
PARTNERS = ("supplier", "carrier", "promotion")  # each by its name in the reference that wants one
SURE = ("exact", "begins", "words")
FITS = (*SURE, "near")
KINDS = {  # what the shop calls what is named, and what the reader was taught to call it
    "product": "product", "variant": "product", "customer": "customer", "category": "category", "tag": "tag",
    "supplier": "supplier", "carrier": "carrier", "promotion": "code", "warehouse": "warehouse", "city": "place",
}  # fmt: skip


class Row(NamedTuple):
    """Something of the shop that a phrase may mean, as `search_shop` tells it."""

    kind: str
    reference: str
    name: str
    about: str
    fits: str
    comes_in: str
    lacks: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Row":
        return cls(*(str(row.get(key) or "") for key in cls._fields))


@dataclass(frozen=True)
class Ground:
    """A piece of a text, and what it is in the shop."""

    start: int
    end: int
    said: str
    rows: tuple[Row, ...]
    also: tuple[tuple[int, int], ...] = ()  # where it is said once more, less closely

    def of(self, *kinds: str, fits: Sequence[str] = SURE) -> list[Row]:
        """The rows of these kinds that fit best, as far as they fit so well."""
        rows = [row for row in self.rows if row.kind in kinds and row.fits in fits]
        return [row for row in rows if row.fits == rows[0].fits]

    @property
    def products(self) -> list[Row]:
        return [row for row in self.goods if row.kind == "product"]

    @property
    def variants(self) -> list[Row]:
        return [row for row in self.goods if row.kind == "variant"]

    @property
    def goods(self) -> list[Row]:
        """What it is of goods, by all of its words; or nearly, where it says something that they do not come in."""
        sure = [row for row in self.rows if row.kind in GOODS and row.fits == "exact"]
        return sure or [row for row in self.rows if row.kind in GOODS and (row.lacks or row.fits in SURE)]

    @property
    def lacks(self) -> str:
        """What was said of goods that they do not come in: "red"."""
        return self.goods[0].lacks if self.goods else ""


def placed(phrases: Sequence[Phrase], told: Mapping[str, Sequence[Row]]) -> tuple[Ground, ...]:
    """What the phrases of a text are, without overlaps: whole names of goods first, then people and places, the longest first."""
    known = [(phrase, tuple(told[phrase.asked.casefold()])) for phrase in phrases if told.get(phrase.asked.casefold())]
    others = [
        Ground(p.start, p.end, p.asked, named)
        for p, rows in known
        if (_partner(rows) or not (p.goods and any(row.kind in (*GOODS, *SHELVES) for row in rows)))
        and (named := _named(rows, p.asked))
    ]
    found: list[Ground] = []
    for phrase, rows in sorted(known, key=lambda one: (not _of_goods(*one), one[0].start - one[0].end)):
        ground = None if _partner(rows) else _goods(phrase, rows, others)
        if ground and not (_overlap(ground, found) or _in_a_name(ground, others)):
            general = [one for one in found if phrase.standing and _general(one, ground)]
            found = [one for one in found if one not in general]
            found.append(replace(ground, also=tuple((one.start, one.end) for one in general)))
    for ground in sorted(others, key=lambda one: (one.start - one.end, one.rows[0].fits != SURE[0])):
        if not _overlap(ground, found):
            found.append(ground)
    return tuple(sorted(found, key=lambda one: one.start))


def heard(placed: Sequence[Ground], named: Sequence[tuple[int, int]]) -> tuple[Ground, ...]:
    """Without single words that several goods begin with, where the reader hears other goods named: "water damage" of a duvet."""

    def is_heard(one: Ground) -> bool:
        return any(start < one.end and one.start < end for start, end in named)

    others = any(one.goods and is_heard(one) for one in placed)
    vague = [one for one in placed if len(one.products) > 1 and " " not in one.said and not is_heard(one)]
    return tuple(one for one in placed if not others or one not in vague)


def _overlap(ground: Ground, found: Sequence[Ground]) -> bool:
    return any(ground.start < one.end and one.start < ground.end for one in found)


def _of_goods(phrase: Phrase, rows: Sequence[Row]) -> bool:
    """Whether words of goods are in it, or goods are called so: "watering cans" before "watering"."""
    return phrase.goods or any(row.fits == SURE[0] and row.kind in GOODS for row in rows)


def _in_a_name(ground: Ground, others: Sequence[Ground]) -> bool:
    """Whether it is a piece of somebody's whole name, and goods only begin so: "lea", of Léa Garnier, is no leather.

    Of the name of a promotion it is a piece whatever is called so: the "tea" of "Tea time".
    """
    longer = [one for one in others if one.start <= ground.start and ground.end <= one.end and one.said != ground.said]
    kinds = (*PARTNERS, *(() if ground.rows[0].fits == SURE[0] else ("customer",)))
    return any(row.kind in kinds and row.fits == SURE[0] for one in longer for row in one.rows)


def _partner(rows: Sequence[Row]) -> bool:
    """Whether a supplier, a carrier or a promotion is called so, more than any goods are: "nordic wool", of Nordic Wool Mill."""
    fits = {
        kind: min((FITS.index(row.fits) for row in rows if row.kind in kind), default=len(FITS))
        for kind in (PARTNERS, GOODS)
    }
    return fits[PARTNERS] < min(len(SURE), fits[GOODS])


def _named(rows: Sequence[Row], asked: str) -> tuple[Row, ...]:
    """Who and what is called so: a customer by whole words of the name, lest everybody whose name begins so is meant."""
    words = fold(asked).split()
    return tuple(row for row in rows if _called(row, words, len(asked) > 4))


def _called(row: Row, words: Sequence[str], long: bool) -> bool:
    if row.fits == "exact" or (row.fits in SURE and row.kind in (*PLACES, *PARTNERS)):
        return True
    if row.fits in SURE and row.kind == "customer":
        return {*words} <= {*fold(row.name).replace("-", " ").split()}
    return row.fits == "near" and long and row.kind in (*PLACES, *PARTNERS, "customer")


def _goods(phrase: Phrase, rows: Sequence[Row], others: Sequence[Ground]) -> Ground | None:
    ground = Ground(phrase.start, phrase.end, phrase.asked, tuple(rows))
    exact = [row for row in rows if row.fits == "exact" and row.kind in (*GOODS, *SHELVES)]
    if exact or not ground.goods:
        return ground if exact else None
    if not ground.lacks:
        return ground if len(phrase.asked.split()) > 1 or ground.goods[0].fits == "begins" else None
    inside = [one for one in others if phrase.start <= one.start and one.end <= phrase.end and not one.goods]
    elsewhere = {word for one in inside for word in fold(one.said).split()}
    lacks = [word for word in ground.lacks.split() if word not in elsewhere and means_something(word)]
    if lacks:
        return replace(ground, rows=tuple(row._replace(lacks=" ".join(lacks)) for row in ground.rows))
    rows = tuple(row._replace(lacks="", fits="exact") for row in ground.goods)
    if not inside:
        return replace(ground, rows=rows)
    first, last = min(one.start for one in inside), max(one.end for one in inside)
    return replace(ground, end=first, rows=rows) if last >= phrase.end else replace(ground, start=last, rows=rows)


def _general(one: Ground, other: Ground) -> bool:
    """Whether a name is said once more, and closer: "the jute rugs …: 14 of the smallest ones"."""
    whole = [row.name for row in one.products]
    return bool(whole) and len(one.variants) != 1 and any(row.about.split(" / ")[0] in whole for row in other.variants)
