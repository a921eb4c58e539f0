"""What an answer showed, in its order, for those who point at it: "the second one", "the one in Lyon", "it", "her last order"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from planner.converse.memory import Conversation, Result
from planner.converse.results import rows_of
from planner.read.words import fold

MOST = 25
SAID = 200  # characters of a row's words that are kept


@dataclass(frozen=True)
class Thing:
    """A row of an answer, or what the answer was about."""

    reference: str
    refers: Mapping[str, str]  # the references in it, by what they name: its own, and its buyer's
    said: str  # its words, folded


def kept(results: Sequence[Result], prefixes: Mapping[str, str]) -> list[dict[str, Any]]:
    """The things of a turn's results, as JSON. `prefixes` has the nouns of references: `ORD` names an order."""
    found: list[dict[str, Any]] = []
    for result in results:
        rows, said = (
            rows_of(result.value),
            {fold(value) for value in result.call.args.values() if isinstance(value, str)},
        )
        called = [row for row in rows if said & {fold(str(row[key])) for key in ("title", "name") if row.get(key)}]
        for row in called if len(called) == 1 else rows:
            refers = _references(row, prefixes)
            own = str(row.get("sku") or row.get("reference") or next(iter(refers.values()), ""))
            if own:
                words = fold(" ".join(value for value in row.values() if isinstance(value, str)))
                found.append({"reference": own, "refers": refers, "said": words[:SAID]})
    return found[:MOST]


def shown(talk: Conversation) -> list[Thing]:
    """What the latest answer showed that showed anything."""
    for message in reversed(talk.earlier):
        did = cast(dict[str, Any], message.additional_kwargs).get("did")
        stored = cast(dict[str, Any], did).get("shown") if isinstance(did, dict) else None
        if stored:
            return [Thing(one["reference"], one["refers"], one["said"]) for one in stored]
    return []


def _references(row: Mapping[str, Any], prefixes: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {"variant": str(row["sku"])} if isinstance(row.get("sku"), str) else {}
    for value in row.values():
        prefix = value.partition("-")[0] if isinstance(value, str) and re.fullmatch(r"[A-Z]{2,4}-\d+", value) else ""
        if prefix in prefixes:
            found.setdefault(prefixes[prefix], str(value))
    return found
