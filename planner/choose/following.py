"""Fragments that go on from what was shown: "and yesterday?", "only those to Lyon", "by country", "how many?", "the oldest"."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from planner.choose.decide import Desk, Step
from planner.fill import slots, values
from planner.read import periods
from planner.read.fields import Field, Kind
from planner.read.reading import Reading

FOLLOWS = re.compile(
    r"^(?:(?:and|what about|how about|same (?:for|with|thing)|only|just|now|but|or|for|in|by|per|to|from|since|until|without|not"
    r"|sorted|ordered|yesterday|today|last|this|tomorrow|those|these)\b"
    r"|(?:and )?(?:which (?:one )?is )?the"
    r" (?:oldest|newest|latest|biggest|largest|smallest|cheapest|most expensive|highest|lowest|best|worst)\b)",
    re.I,
)
THE_MOST = re.compile(
    r"^(?:and )?(?:which (?:one )?is )?the (?:\w+est|most \w+|best|worst)(?: one| order| product)?\W*$", re.I
)
HOW_MANY = re.compile(
    r"^(?:and |so )?how (?:many|much)(?: (?:are|is|were) (?:there|they|these|those|that|it|es)| of (?:them|these|those))?"
    r"(?: in (?:all|total)| altogether)?\W*$",
    re.I,
)  # of what was shown
NARROWS = re.compile(r"^(?:only|just|and (?:in|for|from|to|by)|in|for|from|by|per)\b", re.I)
LIKELY = 0.8  # of a probability: from here on a fragment is a request of its own


def follow_up(text: str, desk: Desk) -> Step | None:
    """ "And the week before?": the last reading call again, with what is new."""
    last = desk.talk.last_call()
    if (
        last is None
        or last.tool not in desk.offered
        or desk.index.tools[last.tool].entry.writes
        or not (FOLLOWS.search(text) or HOW_MANY.search(text))
    ):
        return None
    if HOW_MANY.search(text):
        return Step(last.tool, last.args)
    best = desk.index.rank(text, among=desk.offered, limit=1)
    tool = desk.index.tools[last.tool]
    reading = desk.reading(text)
    new = _counted_back(tool.fields, last.args, reading, desk)
    filled = slots.fill(tool.fields, reading, desk.told(tool))
    new |= filled.args
    strays = [span for span in filled.unplaced if not (span.kind == "period" and span.value.before)]
    limit = next((f.name for f in tool.fields if f.kind is Kind.limit), None)
    if new and limit and THE_MOST.search(text):
        new[limit] = 1
    if not new or strays or filled.people or (best and best[0].name != last.tool and best[0].score > 0.8):
        return None
    return Step(last.tool, {**_without_period(tool.fields, last.args, new), **new})


def _counted_back(fields: Sequence[Field], args: Mapping[str, Any], reading: Reading, desk: Desk) -> dict[str, Any]:
    units = [span.value.before for span in reading.free("period") if span.value.before]
    start = next((str(args[f.name]) for f in fields if f.kind is Kind.period_start and args.get(f.name)), None)
    if not units or start is None:
        return {}
    return values.period_args(
        list(fields), *periods.back(values.local(start, desk.talk.setting), units[0]), desk.talk.setting
    )


def _without_period(fields: Sequence[Field], args: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A new period replaces the old one whole: "since Monday" has no end."""
    times = {f.name for f in fields if f.kind in (Kind.period_start, Kind.period_end)}
    return {name: value for name, value in args.items() if not (name in times and times & set(new))}


def only_narrows(text: str, desk: Desk) -> bool:
    """Whether a fragment would narrow what was shown, and asks for nothing for certain by itself."""
    if not NARROWS.search(text) or desk.talk.last_call() is None:
        return False
    return max(desk.index.wishes(text).values()) < LIKELY
