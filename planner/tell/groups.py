"""A list that counted its rows apart: how many match, what most of them have, and a line for each."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.choose.index import Tool
from planner.converse.memory import Result
from planner.read.fields import Kind
from planner.tell import lists, shown
from planner.tell.columns import Row
from planner.tell.voice import Voice


def told(rows: Sequence[Row], page: Row, result: Result, tool: Tool | None, voice: Voice) -> str:
    """The whole answer; "" where nothing was to be counted apart."""
    f = next((one for one in (tool.fields if tool else ()) if one.kind is Kind.apart), None)
    column = str(result.call.args.get(f.name) or "") if f else ""
    total: Mapping[str, Any] = page[lists.TOTAL] if isinstance(page.get(lists.TOTAL), dict) else {}
    if not column or not total:
        return ""
    counted = lists.counted(rows, page, result, tool, voice, sums=True)
    if not (groups := cast(Sequence[Row], total.get("groups") or ())):
        return " ".join([counted, voice.say("too_many_apart")]) if total.get("more") else counted
    lines = [_line(group, column, result.call.tool, voice) for group in groups]
    most = voice.say("most_of_them", what=lines[0][column], n=f"{lines[0]['count']:,}") if lines[1:] else ""
    return "\n\n".join([" ".join(filter(None, [counted, most])), shown.table(lines, voice, {})])


def _line(group: Row, column: str, tool: str, voice: Voice) -> dict[str, Any]:
    """A group as a row of a table; what is in several currencies as a list."""
    sums = cast(Sequence[Row], group.get("sums") or ())
    value = str(group.get("value") or "")
    named = voice.word(value, tool=tool) if value and value.islower() else value or voice.say("nothing_there")
    money = {"total": sums[0] if len(sums) == 1 else [shown.value(one, voice) for one in sums]} if sums else {}
    return {column: named, **money, "count": group["rows"]}
