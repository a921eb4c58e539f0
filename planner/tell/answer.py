"""Answers from the results of tools: a sentence that says what they are about, then a table or a list of facts.

Every number stands in a result; the period, the zone and the filters that were used are stated with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.choose.decide import Desk
from planner.choose.index import Tool
from planner.converse.memory import Result
from planner.read.fields import Field, Kind
from planner.read.reading import Setting
from planner.tell import figures, shown
from planner.tell.columns import NEWEST, STATED, is_figure

Error = Mapping[str, Any]


def compose(results: Sequence[Result], notes: Sequence[str], desk: Desk) -> str:
    """The whole answer. "" when there is nothing to tell."""
    parts = [_told(result, desk) for result in results]
    if len(results) > 1:
        parts = [_headed(_title(result, desk), part) for result, part in zip(results, parts, strict=True)]
    return "\n\n".join([*parts, *notes])


def problem(value: Any) -> Error | None:
    """The error in a result, if it is one."""
    error = cast(Mapping[str, Any], value).get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return cast(Error, error) if isinstance(error, dict) else None


def _headed(title: str, part: str) -> str:
    """A part under its title, unless its first words say the same."""
    return part if title.lower() in part[:60].lower() else f"**{title}**\n\n{part}"


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
    main, used = (
        figures.sentence(value, desk.talk.setting) if not (tool and tool.entry.writes) else ("", frozenset[str]())
    )
    about = _about(result, tool, desk, timed=bool(main)) if not (tool and tool.entry.writes) else ""
    told = {key: part for key, part in value.items() if key not in used and not (lead and key == "reference")}
    first = " ".join(filter(None, [lead, main, figures.capital(about)]))
    return "\n\n".join(filter(None, [first, shown.facts(told, desk.talk.setting, result.call.args)]))


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
    setting, args = desk.talk.setting, result.call.args
    beside = {key: value for key, value in page.items() if key not in ("data", "next", "has_more")}
    when, used = figures.period(beside, setting)
    told = _about(result, tool, desk, timed=bool(when)).rstrip(".")
    if not rows:
        return f"No {_noun(result.call.tool, 0)} found{': ' + told if told else ''}."
    more = bool(page.get("has_more"))
    lead = f"{len(rows)} {_noun(result.call.tool, len(rows))}{', ' + told if told else ''}{'; there are more' if more else ''}."
    left = {
        key: value for key, value in beside.items() if key not in (*used, *STATED) and not key.startswith("before_")
    }
    counted = {key: value for key, value in left.items() if is_figure(value)}
    counted |= {} if more else figures.sums(rows)
    counts = [figures.figure(key, value, setting) for key, value in counted.items()]
    others = {key: value for key, value in left.items() if not is_figure(value)}
    first = " ".join(filter(None, [lead, figures.capital(when) + "." if when else "", _all(counts, rows)]))
    rest = f"To see more, say how many (“the first {_next(len(rows))}”) or narrow the request down." if more else ""
    return "\n\n".join(filter(None, [first, shown.table(rows, setting, args), shown.facts(others, setting), rest]))


def _all(counts: Sequence[str], rows: Sequence[Any]) -> str:
    """Figures of the whole list; of one row they are its own."""
    told = ", ".join(counts)
    return "" if not counts else f"In all {told}." if len(rows) > 1 else f"{figures.capital(told)}."


def _next(count: int) -> int:
    """A round number of rows above those shown."""
    return next((size for size in (10, 20, 50, 100) if size > count), count * 2)


def _noun(name: str, count: int) -> str:
    """`list_orders` lists orders: "1 order", "2 orders"; `low_stock_products` are themselves what they list."""
    verb, _, rest = name.partition("_")
    noun = (rest if verb in ("list", "search", "find") else name).replace("_", " ")
    if not noun.endswith("s"):
        return f"{noun} entry" if count == 1 else f"{noun} entries"
    if count != 1:
        return noun
    if noun.endswith("sses"):
        return noun.removesuffix("es")
    return noun[:-3] + "y" if noun.endswith("ies") else noun.removesuffix("s")


def _lead(value: Mapping[str, Any], tool: Tool | None) -> str:
    """The thing's own name; for a write, that it is done."""
    called = str(value.get("reference") or value.get("sku") or value.get("name") or "")
    if tool and tool.entry.writes:
        return f"Done: {tool.title.lower()}{f' {called}' if called else ''}."
    return f"**{called}**" if called else ""


def _about(result: Result, tool: Tool | None, desk: Desk, *, timed: bool = False) -> str:
    """The filters of the call, in words: period with its zone, unless the result tells it (`timed`), then the others."""
    if tool is None:
        return ""
    args = result.call.args
    setting = desk.talk.setting
    bounds = {
        f.kind: str(args[f.name])
        for f in tool.fields
        if f.kind in (Kind.period_start, Kind.period_end) and args.get(f.name)
    }
    when = "" if timed else shown.period(bounds.get(Kind.period_start), bounds.get(Kind.period_end), setting)
    told = [f"{when} ({setting.zone.key})"] if when else []
    told += [_filter(f, args[f.name], setting) for f in tool.fields if f.name in args and _tells(f)]
    return ", ".join(told) + "." if told else ""


def _tells(f: Field) -> bool:
    return not f.required and f.kind not in (Kind.period_start, Kind.period_end, Kind.limit, Kind.skip)


def _filter(f: Field, said: Any, setting: Setting) -> str:
    """One argument in words: "status confirmed", "newest first", "by country"."""
    value = shown.value({"amount": said, "currency": setting.currency} if f.kind is Kind.money else said, setting)
    if {"sort", "by", "order"} & set(f.name.split("_")) and f.kind is Kind.choice:
        return f"{value} first" if str(said) in NEWEST else f"by {value}"
    return f"{f.label} {value}"
