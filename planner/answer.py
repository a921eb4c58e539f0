"""Answers from the results of tools: a sentence that says what they are about, then a table or a list of facts.

Every number stands in a result; the period, the zone and the filters that were used are stated with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner import shown
from planner.decide import Desk
from planner.fields import Kind
from planner.index import Tool
from planner.memory import Result

Error = Mapping[str, Any]


def compose(results: Sequence[Result], notes: Sequence[str], desk: Desk) -> str:
    """The whole answer. "" when there is nothing to tell."""
    parts = [_told(result, desk) for result in results]
    if len(results) > 1:
        parts = [f"**{_title(result, desk)}**\n\n{part}" for result, part in zip(results, parts, strict=True)]
    return "\n\n".join([*parts, *notes])


def problem(value: Any) -> Error | None:
    """The error in a result, if it is one."""
    error = cast(Mapping[str, Any], value).get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return cast(Error, error) if isinstance(error, dict) else None


def _title(result: Result, desk: Desk) -> str:
    tool = desk.index.tools.get(result.call.tool)
    return tool.title if tool else result.call.tool.replace("_", " ").capitalize()


def _told(result: Result, desk: Desk) -> str:
    error = problem(result.value)
    if error is not None:
        return _failure(error)
    tool = desk.index.tools.get(result.call.tool)
    found: object = result.value
    if isinstance(found, str):
        return found
    whole = cast(Mapping[str, Any], found) if isinstance(found, dict) else None
    rows = _rows(result.value)
    if rows is not None:
        return _listed(rows, whole or {}, result, tool, desk)
    value: Mapping[str, Any] = {"result": found} if whole is None else whole
    lead = _lead(value, tool)
    about = _about(result, tool, desk) if not (tool and tool.entry.writes) else ""
    told: Mapping[str, Any] = {key: part for key, part in value.items() if key != "reference"} if lead else value
    return "\n\n".join(filter(None, [" ".join(filter(None, [lead, about])), shown.facts(told, desk.talk.setting)]))


def _failure(error: Error) -> str:
    """What went wrong and what to do, in the tool's own words."""
    message, hint = str(error.get("message") or "").strip(), str(error.get("hint") or "").strip()
    if error.get("code") == "Rejected":
        return " ".join(filter(None, ["It was not approved, so nothing was done.", message, hint]))
    return " ".join(filter(None, ["That did not work:" if message else "That did not work.", message, hint]))


def _rows(value: Any) -> list[dict[str, Any]] | None:
    data = cast(Mapping[str, Any], value).get("data") if isinstance(value, dict) else value
    if not isinstance(data, list):
        return None
    rows = cast(list[Any], data)
    return [row if isinstance(row, dict) else {"value": row} for row in rows]


def _listed(rows: list[dict[str, Any]], page: Mapping[str, Any], result: Result, tool: Tool | None, desk: Desk) -> str:
    noun = _noun(result.call.tool, len(rows))
    about = _about(result, tool, desk)
    if not rows:
        return f"No {_noun(result.call.tool, 0)} found{': ' + about if about else '.'}"
    lead = f"{len(rows)} {noun}{': ' + about if about else '.'}"
    rest = "There are more: narrow the request down, or ask for a higher number." if page.get("has_more") else ""
    beside = {key: value for key, value in page.items() if key not in ("data", "next", "has_more")}
    extra = shown.facts(beside, desk.talk.setting) if beside else ""
    return "\n\n".join(filter(None, [lead, shown.table(rows, desk.talk.setting), extra, rest]))


def _noun(name: str, count: int) -> str:
    """`list_orders` lists orders: "1 order", "2 orders"."""
    verb, _, noun = name.partition("_")
    noun = (noun or verb).replace("_", " ")
    if verb not in ("list", "search", "find"):
        return "row" if count == 1 else "rows"
    if count == 1:
        return (
            noun.removesuffix("es")
            if noun.endswith("sses")
            else noun[:-3] + "y"
            if noun.endswith("ies")
            else noun.removesuffix("s")
        )
    return noun if noun.endswith("s") else "rows"


def _lead(value: Mapping[str, Any], tool: Tool | None) -> str:
    """The thing's own name; for a write, that it is done."""
    called = str(value.get("reference") or value.get("sku") or value.get("name") or "")
    if tool and tool.entry.writes:
        return f"Done: {tool.title.lower()}{f' {called}' if called else ''}."
    return f"**{called}**" if called else ""


def _about(result: Result, tool: Tool | None, desk: Desk) -> str:
    """The filters of the call, in words: period with its zone, then the others."""
    if tool is None:
        return ""
    args = result.call.args
    setting = desk.talk.setting
    bounds = {
        f.kind: str(args[f.name])
        for f in tool.fields
        if f.kind in (Kind.period_start, Kind.period_end) and args.get(f.name)
    }
    when = shown.period(bounds.get(Kind.period_start), bounds.get(Kind.period_end), setting)
    told = [f"{when} ({setting.zone.key})"] if when else []
    for f in tool.fields:
        if (
            f.name in args
            and f.kind not in (Kind.period_start, Kind.period_end, Kind.limit, Kind.skip)
            and not f.required
        ):
            value = {"amount": args[f.name], "currency": setting.currency} if f.kind is Kind.money else args[f.name]
            told.append(f"{f.label} {shown.value(value, setting)}")
    return ", ".join(told) + "." if told else ""
