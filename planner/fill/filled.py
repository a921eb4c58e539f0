"""What an attempt to fill a tool's arguments is told, and what it gives back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.read.entities import Span
from planner.read.fields import Field
from planner.read.grounds import Ground, Row
from planner.read.reading import Setting


@dataclass(frozen=True)
class Which:
    """A narrow question: of several things that fit, which is meant. Or that none does, and what there is instead."""

    noun: str
    said: str
    options: tuple[tuple[str, str], ...]  # value and label
    choices: str  # what the thing comes in: "20 cm, 24 cm, 28 cm"
    lacks: str = ""
    at: int | None = None  # the line that lacks it

    @classmethod
    def of(cls, ground: Ground, reference: str, *, at: int | None = None) -> "Which":
        rows = ground.variants if reference == "variant" and ground.variants else ground.products or ground.variants
        titles = list(dict.fromkeys(row.name if row.kind == "product" else row.about.split(" / ")[0] for row in rows))
        own = {row.about.partition(" / ")[2] or row.about for row in rows if row.kind == "variant"}
        labels = [row.name if row.kind == "product" else row.about for row in rows]
        values = [row.reference if row.kind == "product" else row.name for row in rows]
        one = len(titles) == 1
        told = sorted_as_told(own, rows) if one and own else titles if not one else [_plain(rows[0].comes_in)]
        return cls(
            titles[0] if one else reference,
            ground.said,
            tuple(zip(values, labels, strict=True)),
            ", ".join(told),
            ground.lacks,
            at,
        )


def sorted_as_told(own: Collection[str], rows: Sequence[Row]) -> list[str]:
    """What tells the variants of one product apart, in the shop's order."""
    return [said for row in rows if (said := row.about.partition(" / ")[2] or row.about) in own]


def _plain(comes_in: str) -> str:
    """ "20 cm, 24 cm" for "Size: 20 cm, 24 cm"; of several options each is named."""
    return comes_in if ";" in comes_in else comes_in.partition(": ")[2]


@dataclass
class Filled:
    """Arguments found, required fields still missing, and what was said that has no place."""

    args: dict[str, Any] = field(default_factory=lambda: dict[str, Any]())
    missing: list[Field] = field(default_factory=lambda: list[Field]())
    # Further references of a single field.
    more: dict[str, list[str]] = field(default_factory=lambda: dict[str, list[str]]())
    unplaced: list[Span] = field(default_factory=lambda: list[Span]())
    unused: list[str] = field(default_factory=lambda: list[str]())  # words without a place
    strange: list[str] = field(default_factory=lambda: list[str]())  # those of them that the tool's examples never say
    # Reference field: the name or e-mail to look up, or how the record is found (`choose.belonging`).
    people: dict[str, Any] = field(default_factory=lambda: dict[str, Any]())
    which: dict[str, Which] = field(default_factory=lambda: dict[str, Which]())  # fields of which several things fit
    doubts: list[str] = field(default_factory=lambda: list[str]())


@dataclass(frozen=True)
class Told:
    """What is known beside the sentence: the setting, the words that the tool's own texts hold, the openers of requests."""

    setting: Setting
    known: Collection[str]
    openers: Collection[str]
    own: Collection[str] = ()
    writes: bool = False
    heard: frozenset[str] = frozenset()  # what the reader was taught that rows can be asked for, "field=value"
