"""Values of results as people read them: money with its decimals, times in the merchant's zone, tables in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from planner.read.money import written
from planner.read.reading import Setting
from planner.tell.columns import CALLED, HIDDEN, Row, choose, is_figure, is_money

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$")
LONGEST = 120  # characters of a cell


def value(said: Any, setting: Setting) -> str:
    """One value as text for a cell or a line; "" for nothing."""
    match said:
        case None:
            return ""
        case bool():
            return "yes" if said else "no"
        case {"amount": int() as amount, "currency": str() as currency}:
            return written(amount, currency)
        case float():
            return f"{said:,.2f}".rstrip("0").rstrip(".")
        case int():
            return str(said)
        case str():
            return _text(said, setting)
        case dict():
            return _object(cast(Row, said), setting)
        case list():
            return _list(cast(list[Any], said), setting)
        case _:
            return str(said)


def _text(said: str, setting: Setting) -> str:
    if INSTANT.match(said):
        return moment(said, setting)
    if re.fullmatch(r"[a-z]+(?:_[a-z]+)+", said):
        return said.replace("_", " ")
    plain = re.sub(r"\s+", " ", said).strip()
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def moment(stamp: str, setting: Setting) -> str:
    """An instant by the merchant's wall clock: "2026-11-22 15:03"."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(setting.zone).strftime("%Y-%m-%d %H:%M")


def _object(said: Row, setting: Setting) -> str:
    called = [value(said[key], setting) for key in CALLED if said.get(key)]
    if called:
        return " ".join(called[:2])
    parts = [
        value(part, setting) for key, part in said.items() if key not in HIDDEN and not isinstance(part, dict | list)
    ]
    return ", ".join(part for part in parts if part)


def _list(said: Sequence[Any], setting: Setting) -> str:
    if len(said) > 4:
        return f"{len(said)}"
    return ", ".join(filter(None, (value(part, setting) for part in said)))


def label(key: str) -> str:
    """`placed_at` is "placed", `average_order_value` is "average order value"."""
    return key.removesuffix("_at").replace("_", " ")


def table(rows: Sequence[Row], setting: Setting, args: Mapping[str, Any] | None = None) -> str:
    """Rows as a Markdown table of the columns that matter; what all rows share is said in a line above it."""
    columns = choose(rows, args or {})
    grouped = str((args or {}).get("group_by") or "group")
    heads = [label(grouped if key == "group" else key).capitalize() for key in columns.keys]
    right = [all(row.get(key) is None or is_figure(row.get(key)) for row in rows) for key in columns.keys]
    lines = [_line(heads), _line("---:" if figures else "---" for figures in right)]
    lines += [_line(_cell(row.get(key), setting) for key in columns.keys) for row in rows]
    shared = ", ".join(f"{label(key)} {_cell(said, setting)}" for key, said in columns.shared.items())
    return "\n".join([*([f"The same in every row: {shared}.", ""] if shared else []), *lines])


def _cell(said: Any, setting: Setting) -> str:
    return value(said, setting).replace("|", r"\|").replace("<", "&lt;")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def facts(said: Row, setting: Setting, args: Mapping[str, Any] | None = None) -> str:
    """An object as a list of facts, and its lists of objects as tables below it."""
    lines: list[str] = []
    tables: list[str] = []
    for key, part in said.items():
        if key in HIDDEN or key.endswith("_left_out") or part in (None, "", [], {}):
            continue
        rows = (
            cast(list[Row], part)
            if isinstance(part, list) and all(isinstance(row, dict) for row in cast(list[Any], part))
            else []
        )
        if rows and not all(is_money(row) for row in rows):
            left_out = said.get(f"{key}_left_out")
            heading = "" if key == "groups" else f"**{label(key).capitalize()}**\n\n"
            tables.append(f"{heading}{table(rows, setting, args)}")
            tables += [f"{left_out} more are not shown."] if left_out else []
        elif isinstance(part, dict) and not is_money(part) and _nested(cast(Row, part)):
            inner = ", ".join(
                f"{label(k)} {shown}"
                for k, v in cast(Row, part).items()
                if k not in HIDDEN and (shown := value(v, setting))
            )
            lines.append(f"- {label(key).capitalize()}: {inner}")
        else:
            lines.append(f"- {label(key).capitalize()}: {value(part, setting)}".replace("<", "&lt;"))
    return "\n\n".join([*(["\n".join(lines)] if lines else []), *tables])


def _nested(said: Row) -> bool:
    return not any(said.get(key) for key in CALLED)


def period(start: str | None, end: str | None, setting: Setting) -> str:
    """The days of a period, its last day included: "9 to 15 November 2026"."""
    first, last = _day(start, setting), _day(end, setting, before=True)
    if first and last:
        return _days(first, last)
    return f"since {_date(first)}" if first else f"until {_date(last)}" if last else ""


def day(stamp: str, setting: Setting) -> str:
    """The day of an instant: "2 November 2026"."""
    return _date(_day(stamp, setting))


def _day(stamp: str | None, setting: Setting, *, before: bool = False) -> datetime | None:
    if not stamp:
        return None
    day = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    day = day.astimezone(setting.zone) if day.tzinfo else day
    return day - timedelta(microseconds=1) if before else day


def _date(day: datetime | None) -> str:
    return f"{day.day} {day:%B %Y}" if day else ""


def _days(first: datetime, last: datetime) -> str:
    if first.date() == last.date():
        return _date(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {_date(last)}"
    return f"{first.day} {first:%B}{'' if first.year == last.year else f' {first.year}'} to {_date(last)}"
