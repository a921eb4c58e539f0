"""Which columns of a list a reader wants: its name, what was asked about, figures, states, dates; and what all rows share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from planner.read.words import words_of

COLUMNS = 8
ENOUGH = 6  # other texts fill up to here
AT_MOST = {"name": 3, "figure": 5, "state": 3, "date": 1}
HIDDEN = frozenset({"id", "version", "etag", "next", "cursor", "has_more", "more", "hash", "links", "rank"})
CALLED = ("reference", "sku", "name", "title", "label", "code", "email")
OWN = ("group", "reference", "sku", "key", "code", "number")
MAIN = ("count", "net", "revenue", "spend", "total", "orders", "units", "quantity", "average", "change")
STATED = frozenset({"zone", "currency"})  # every amount carries its currency, every period its zone
BOUNDS = words_of(
    "min max from until to at least most above below over under after before since start end sort by order"
)
NEWEST = words_of("newest oldest latest recent recently first")
DATE = re.compile(r"^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$")
REFERENCE = re.compile(r"^[A-Z]{2,5}-\d+$")
WORD = re.compile(r"^[a-z]+(?:_[a-z]+)*$")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """The columns to show, in order, and the values that all rows share, which one sentence tells."""

    keys: tuple[str, ...]
    shared: Mapping[str, Any]


def choose(rows: Sequence[Row], args: Mapping[str, Any], known: Sequence[str] = ()) -> Columns:
    """The columns for these rows, which a call with these arguments returned; of `known` ones those that say something."""
    kinds = {key: kind for key in _keys(rows) if (kind := _kind(key, _filled(rows, key)))}
    if any(key in kinds for key in known):
        asked = [key for key in _wanted(kinds, args) if key not in known]
        return Columns(tuple(key for key in (*known, *asked) if key in kinds), {})
    kinds = {
        key: kind for key, kind in kinds.items() if key not in args or f"{key}_for" not in kinds
    }  # why, not that it is
    own = next((key for key in OWN if key in kinds), "")
    named = own or any(kind == "name" for kind in kinds.values())
    kinds = {key: kind for key, kind in kinds.items() if not (named and kind == "reference" and key != own)}
    first = own or next((key for key, kind in kinds.items() if kind == "name"), next(iter(kinds), ""))
    wanted = [key for key in _wanted(kinds, args) if key != first]
    equal = {key for key in kinds if len(rows) > 1 and key not in (first, *wanted) and _same(rows, key)}
    left = [key for key in kinds if key not in equal and key not in (first, *wanted)]
    shared = {key: rows[0][key] for key in kinds if key in equal and _tells(key, rows[0][key], args)}
    return Columns(tuple(_picked(first, wanted, left, kinds)), shared)


def is_money(said: Any) -> bool:
    return isinstance(said, dict) and set(cast(Row, said)) == {"amount", "currency"}


def is_figure(said: Any) -> bool:
    return is_money(said) or (isinstance(said, int | float) and not isinstance(said, bool))


def weight(key: str) -> int:
    """How early a figure is told: net, orders, units and averages before fees and taxes, and the past after all."""
    parts = key.split("_")
    return len(MAIN) + 1 if "before" in parts else next((n for n, word in enumerate(MAIN) if word in parts), len(MAIN))


def _picked(first: str, wanted: Sequence[str], left: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    by_kind = {
        kind: [key for key in left if kinds[key] == kind][:most] for kind, most in AT_MOST.items() if kind != "figure"
    }
    figures = sorted((key for key in left if kinds[key] == "figure"), key=weight)[: AT_MOST["figure"]]
    keys = [first, *by_kind["name"], *wanted, *figures, *by_kind["state"], *by_kind["date"]][:COLUMNS]
    texts = [key for key in left if kinds[key] in ("text", "reference")]
    return [*keys, *texts[: max(0, ENOUGH - len(keys))]]


def _keys(rows: Sequence[Row]) -> Iterable[str]:
    return (key for key in dict.fromkeys(key for row in rows for key in row) if key not in HIDDEN)


def _filled(rows: Sequence[Row], key: str) -> list[Any]:
    return [row[key] for row in rows if row.get(key) not in (None, "", [], {})]


def _kind(key: str, values: Sequence[Any]) -> str:
    """What a column holds; "" for nothing to show: empty ones, lists, links, objects without a name."""
    if not values or any(isinstance(value, list) for value in values):
        return ""
    if all(isinstance(value, dict) and not is_money(value) for value in values):
        called = all(any(cast(Row, value).get(name) for name in CALLED) for value in values)
        return "name" if called else ""
    if all(map(is_figure, values)):
        return "figure"
    if any(isinstance(value, dict) for value in values):
        return ""
    texts = [str(value) for value in values]
    if any(text.startswith(("http://", "https://")) for text in texts):
        return ""
    if all(map(DATE.match, texts)):
        return "date" if key not in OWN else "text"
    if all(map(REFERENCE.match, texts)):
        return "reference"
    if key.endswith(("name", "title")):
        return "name"
    stated = isinstance(values[0], bool) or key.endswith(("status", "state")) or all(map(WORD.match, texts))
    return "state" if stated and key not in OWN else "text"


def _wanted(kinds: Mapping[str, str], args: Mapping[str, Any]) -> list[str]:
    """The columns that an argument speaks of: `sort=spend`, `total_min`, `placed_from`; dates for "newest"."""
    found: list[str] = []
    for name, said in args.items():
        by_order = bool({"sort", "by", "order"} & set(name.split("_")))
        parts = set((str(said) if by_order else name).lower().split("_"))
        if by_order and parts & NEWEST:
            found += [key for key, kind in kinds.items() if kind == "date"][:1]
        elif parts - BOUNDS:
            found += [key for key in kinds if parts - BOUNDS <= set(key.split("_"))][:1]
    return list(dict.fromkeys(found))


def _same(rows: Sequence[Row], key: str) -> bool:
    return all(row.get(key) == rows[0].get(key) for row in rows)


def _tells(key: str, said: Any, args: Mapping[str, Any]) -> bool:
    """Whether a shared value is news: not what was asked for, nor that something is not so."""
    nothing = said in (None, False, 0, "none") or (is_money(said) and said["amount"] == 0)
    return not nothing and key not in STATED and key not in args
