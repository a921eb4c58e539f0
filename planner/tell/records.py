"""A record of any room, told by what records have: its state, whose or what it is, what it comes to, and when.

"SHP-12247 (ORD-10936, Rapidex) is on its way, promised 2026-12-01 20:00." Which fields say so stands in `data/answers.json`, by
their names in the order of their weight, and is no room's alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from planner.read.words import stem, tokens
from planner.tell import shown
from planner.tell.asked import Asked
from planner.tell.columns import Row, is_money
from planner.tell.voice import Voice, words

STATES = ("status", "state")
OF, MONEY, WHEN = 3, 1, 1  # parts of each kind that a sentence takes
NAMED = "_name"  # `supplier_name` says who `supplier` is


def sentence(value: Row, voice: Voice, asked: Asked) -> tuple[str, Row] | None:
    """The sentence, and what else is to be shown; None for what has no reference or no state."""
    state = next((key for key in STATES if isinstance(value.get(key), str)), "")
    if not state or not value.get("reference"):
        return None
    said = dict(_parts(value))
    of = [shown.value(value[key], voice) for key, kind in said.items() if kind == "of"]
    beside = [f"{voice.label(key)} {shown.value(value[key], voice)}" for key, kind in said.items() if kind != "of"]
    record = f"{value['reference']} ({', '.join(of)})" if of else str(value["reference"])
    told = voice.say("order", order=record, states=voice.word(str(value[state])))
    whole = f"{told[:-1]}, {', '.join(beside)}." if beside else told
    left = {key: part for key, part in value.items() if key not in (*said, state, "reference") and not _is_noise(part)}
    so = _is_so(value, str(value[state]), asked)
    return (whole if so is None else voice.say("yes" if so else "no", what=whole)), left


def _parts(value: Row) -> Iterator[tuple[str, str]]:
    """The fields that are told in the sentence, and what each says."""
    known = cast(Mapping[str, Sequence[str]], words()["record"])
    there = [key for key in known["of"] if isinstance(value.get(key), str) and not value.get(f"{key}{NAMED}")]
    money = [key for key in known["money"] if is_money(value.get(key)) and value[key]["amount"]]
    when = [key for key in known["when"] if value.get(key)]
    for kind, keys, most in (("of", there, OF), ("money", money, MONEY), ("when", when, WHEN)):
        yield from ((key, kind) for key in keys[:most])


def _is_so(value: Row, state: str, asked: Asked) -> bool | None:
    """The answer to "has it arrived?" and "is it late?"; None where neither was asked."""
    if not asked.closed:
        return None
    named = {stem(word) for word in tokens(asked.text)}
    marked = [
        key for key, part in value.items() if isinstance(part, bool) and {stem(w) for w in key.split("_")} <= named
    ]
    if marked:
        return bool(value[marked[0]])
    known = cast(Mapping[str, Sequence[str]], words()["yes"])
    topic = next((topic.name for topic in asked.topics if topic.name in known), None)
    return state in known[topic] if topic else None


def _is_noise(part: Any) -> bool:
    """What a record has not, or has none of."""
    return part is None or part is False or part in ("", 0, [], {}) or (is_money(part) and not part["amount"])
