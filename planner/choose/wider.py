"""A list about somebody that came out empty, asked again by who they are alone.

What else was said may have been about something else ("she has people coming on Friday"), or not so: that there is none today is
told, and then what there is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.choose.decisions import Desk, Step
from planner.converse.memory import Result
from planner.read.fields import ORDERLY, Field, Kind

FEW = 5  # orders of somebody of whom it is not known what is wished
SOFT = (Kind.period_start, Kind.period_end, Kind.moment, Kind.choice, Kind.flag, Kind.city, Kind.country)
GOODS = ("product", "variant")


def wider(result: Result, desk: Desk) -> Step | None:
    """The call without what else narrowed it; None where it found something, or was about nobody."""
    tool = desk.index.tools.get(result.call.tool)
    found = cast(Mapping[str, Any], result.value).get("data") if isinstance(result.value, Mapping) else None
    if tool is None or tool.entry.writes or found != []:
        return None
    args = result.call.args
    told = [f for f in tool.fields if f.name in args and f.name not in (*ORDERLY, "count")]
    less = {f.name for f in told if f.kind in SOFT or (f.kind is Kind.reference and f.reference in GOODS)}
    if not (less and _of_somebody(told, args, desk)):
        less = {f.name for f in told if f.reference in GOODS} if _vague(desk) else set[str]()
    if not less:
        return None
    return Step(tool.entry.name, {name: value for name, value in args.items() if name not in less})


def _vague(desk: Desk) -> bool:
    """Whether what was taken for goods only begins so: the "lunch" for which the suppliers disappear, of a lunch box."""
    named = [ground for ground in desk.named if ground.goods]
    return bool(named) and all(ground.goods[0].fits != "exact" and " " not in ground.said for ground in named)


def _of_somebody(told: Sequence[Field], args: Mapping[str, Any], desk: Desk) -> bool:
    """Whether a customer is named, by reference or by a name that the shop knows."""
    known = [ground.said.casefold() for ground in desk.named if ground.of("customer")]
    searched = (str(args[f.name]).casefold() for f in told if f.kind is Kind.search)
    return any(f.reference == "customer" for f in told) or any(one in known for one in searched)


def known_of(desk: Desk) -> tuple[str, Step] | None:
    """Whom a message names, and what is shown of them where no more of it was understood: the newest orders, or all called so."""
    people = [ground for ground in desk.named if ground.of("customer", fits=("exact",))]
    if len(people) != 1:
        return None
    rows = people[0].of("customer", fits=("exact",))
    if len(rows) == 1 and "list_orders" in desk.offered:
        return rows[0].name, Step("list_orders", {"customer": rows[0].reference, "limit": FEW})
    towns = {row.name for ground in desk.named for row in ground.of("city", fits=("exact",))}
    lives = {"city": towns.pop()} if len(towns) == 1 else {}
    if "list_customers" not in desk.offered:
        return None
    return rows[0].name, Step("list_customers", {"text": people[0].said, **lives})
