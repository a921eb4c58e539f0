"""A list about somebody that came out empty, asked again by who they are alone.

What else was said may have been about something else ("she has people coming on Friday"), or not so: that there is none today is
told, and then what there is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.choose.decisions import Desk, Step
from planner.converse.memory import Result
from planner.read.fields import Field, Kind

SOFT = (Kind.period_start, Kind.period_end, Kind.moment, Kind.choice, Kind.flag, Kind.city, Kind.country)
ORDERLY = ("sort", "by", "group_by", "count")  # how it is told, and not what
GOODS = ("product", "variant")


def wider(result: Result, desk: Desk) -> Step | None:
    """The call without what else narrowed it; None where it found something, or was about nobody."""
    tool = desk.index.tools.get(result.call.tool)
    found = cast(Mapping[str, Any], result.value).get("data") if isinstance(result.value, Mapping) else None
    if tool is None or tool.entry.writes or found != []:
        return None
    args = result.call.args
    told = [f for f in tool.fields if f.name in args and f.name not in ORDERLY]
    less = {f.name for f in told if f.kind in SOFT or (f.kind is Kind.reference and f.reference in GOODS)}
    if not less or not _of_somebody(told, args, desk):
        return None
    return Step(tool.entry.name, {name: value for name, value in args.items() if name not in less})


def _of_somebody(told: Sequence[Field], args: Mapping[str, Any], desk: Desk) -> bool:
    """Whether a customer is named, by reference or by a name that the shop knows."""
    grounds = desk.reading(desk.english(desk.talk.request)).grounds
    known = [ground.said.casefold() for ground in grounds if ground.of("customer")]
    searched = (str(args[f.name]).casefold() for f in told if f.kind is Kind.search)
    return any(f.reference == "customer" for f in told) or any(one in known for one in searched)
