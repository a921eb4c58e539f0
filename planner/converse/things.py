"""What an answer showed, in its order, for those who point at it: "the second one", "the one in Lyon", "it", "her last order"."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from planner.converse.memory import Conversation, Result
from planner.converse.results import rows_of
from planner.read.words import fold

MOST = 25
BACK = 4  # answers in which a list is looked for
SAID = 200  # characters of a row's words that are kept
TOLD, LONGEST = 3, 40  # words of a row that tell it from others, and the letters of each
REFERENCE = re.compile(r"[A-Z]{2,4}-\d+")
NAMES = ("title", "name", "subject")  # how a thing is called
PARTS = ("variants", "lines", "items")  # of a thing that is shown alone: what people point at inside it
UNREADABLE = re.compile(r"[A-Z]{2,4}-\d+|[\d\s+().:TZ-]+|\S*@\S*")
TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+Z?)?")

Figure = float | str


@dataclass(frozen=True)
class Thing:
    """A row of an answer, or what the answer was about."""

    reference: str
    refers: Mapping[str, str]  # the references in it, by what they name: its own, and its buyer's
    said: str  # its words, folded
    label: str = ""  # how it is called where one of several is to be chosen
    # Its numbers, amounts and times, by column.
    figures: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    inner: bool = False  # a part of the thing that was shown: a variant of a product, a line of an order
    called: str = ""  # its name, folded
    inside: str = ""  # the names of what is in it, folded: the goods of an order


def kept(results: Sequence[Result], prefixes: Mapping[str, str]) -> list[dict[str, Any]]:
    """The things of a turn's results, as JSON. `prefixes` has the nouns of references: `ORD` names an order."""
    found: list[dict[str, Any]] = []
    for result in results:
        rows, said = (
            rows_of(result.value),
            {fold(value) for value in result.call.args.values() if isinstance(value, str)},
        )
        called = [row for row in rows if said & {fold(str(row[key])) for key in ("title", "name") if row.get(key)}]
        told = called if len(called) == 1 else rows
        found += [thing for row in told if (thing := _thing(row, prefixes))]
        if len(told) == 1:
            parts = [cast(list[Any], told[0][name]) for name in PARTS if isinstance(told[0].get(name), list)]
            inner = [thing for rows in parts for row in rows_of(rows) if (thing := _thing(row, prefixes))]
            found += [{**thing, "inner": True} for thing in inner]
    return found[:MOST]


def shown(talk: Conversation) -> list[Thing]:
    """What the latest answer showed that showed anything, without what is inside of it."""
    return [thing for thing in shown_whole(talk) if not thing.inner]


def shown_whole(talk: Conversation) -> list[Thing]:
    """The same, with the parts of a thing that was shown alone."""
    return next((things for did in talk.did() if (things := _stored(did))), list[Thing]())


def last_list(talk: Conversation) -> list[Thing]:
    """What was shown together last, where what is shown now was opened from there; [] where it was not."""
    opened: set[str] = set()
    for did, _ in zip(talk.did(), range(BACK), strict=False):
        rows = [thing for thing in _stored(did) if not thing.inner]
        if len({row.reference for row in rows}) > 1:
            return rows if opened <= {row.reference for row in rows} else []
        opened |= {row.reference for row in rows}
    return []


def _stored(did: Mapping[str, Any]) -> list[Thing]:
    return [
        Thing(
            one["reference"],
            one["refers"],
            one["said"],
            one.get("label", ""),
            one.get("figures", {}),
            one.get("inner", False),
            one.get("called", ""),
            one.get("inside", ""),
        )
        for one in cast(list[dict[str, Any]], did.get("shown") or [])
    ]


def _thing(row: Mapping[str, Any], prefixes: Mapping[str, str]) -> dict[str, Any] | None:
    refers = _references(row, prefixes)
    own = str(row.get("sku") or row.get("reference") or next(iter(refers.values()), ""))
    if not own:
        return None
    words = fold(" ".join(value for value in row.values() if isinstance(value, str)))
    inside = fold(" ".join(_inside(row)))[:SAID]
    told = {"reference": own, "refers": refers, "said": words[:SAID], "label": _label(own, row)}
    called = next((str(row[name]) for name in NAMES if isinstance(row.get(name), str)), "")
    told |= {name: said for name, said in (("called", fold(called)), ("inside", inside)) if said}
    return {**told, "figures": dict(_figures(row))}


def _inside(row: Mapping[str, Any]) -> Iterator[str]:
    """What is in it, by its names: the goods of an order, so that "the one with the honey" is known."""
    for part in row.values():
        for inner in rows_of(part) if isinstance(part, list) else ():
            yield from (str(inner[name]) for name in NAMES if isinstance(inner.get(name), str))


def _label(own: str, row: Mapping[str, Any]) -> str:
    """A row in a few words: what it is called, whose it is, how it stands; no keys, addresses or times of day."""
    named = sorted(row.items(), key=lambda one: not one[0].endswith(NAMES))  # whose it is before how it stands
    texts = [value for _, value in named if isinstance(value, str) and value != own]
    words = [text for text in texts if not UNREADABLE.fullmatch(text) and len(text) <= LONGEST]
    days = [text[:10] for text in texts if TIME.fullmatch(text)]
    said = [*(word.replace("_", " ") for word in words[:TOLD]), *days[:1]]
    return ", ".join(dict.fromkeys([own, *said]))


def _figures(row: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    found: list[tuple[str, Figure]] = []
    for name, value in row.items():
        amount = cast(dict[str, Any], value).get("amount") if isinstance(value, dict) else value
        if isinstance(amount, int | float) and not isinstance(amount, bool):
            found.append((name, float(amount)))
        elif isinstance(amount, str) and TIME.fullmatch(amount):
            found.append((name, amount))
    return found


def _references(row: Mapping[str, Any], prefixes: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {"variant": str(row["sku"])} if isinstance(row.get("sku"), str) else {}
    for value in row.values():
        prefix = value.partition("-")[0] if isinstance(value, str) and REFERENCE.fullmatch(value) else ""
        if prefix in prefixes:
            found.setdefault(prefixes[prefix], str(value))
    return found
