"""What an attempt to fill a tool's arguments is told, and what it gives back."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from planner.read.entities import Span
from planner.read.fields import Field
from planner.read.reading import Setting


@dataclass
class Filled:
    """Arguments found, required fields still missing, and what was said that has no place."""

    args: dict[str, Any] = field(default_factory=lambda: dict[str, Any]())
    missing: list[Field] = field(default_factory=lambda: list[Field]())
    more: dict[str, list[str]] = field(
        default_factory=lambda: dict[str, list[str]]()
    )  # further references of a single field
    unplaced: list[Span] = field(default_factory=lambda: list[Span]())
    unused: list[str] = field(default_factory=lambda: list[str]())  # words without a place
    strange: list[str] = field(default_factory=lambda: list[str]())  # those of them that the tool's examples never say
    people: dict[str, str] = field(
        default_factory=lambda: dict[str, str]()
    )  # reference field: the name or e-mail to look up
    doubts: list[str] = field(default_factory=lambda: list[str]())


@dataclass(frozen=True)
class Told:
    """What is known beside the sentence: the setting, the words that the tool's own texts hold, the openers of requests."""

    setting: Setting
    known: Collection[str]
    openers: Collection[str]
    own: Collection[str] = ()
    writes: bool = False
