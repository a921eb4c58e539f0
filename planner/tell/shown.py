"""Values of results as people read them: money with its decimals, times in the merchant's zone, tables in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from planner.fill.values import FIRST_DAY
from planner.read.money import written
from planner.tell.columns import CALLED, HIDDEN, Row, choose, is_figure, is_money
from planner.tell.voice import Voice, words

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$")
WEEKLY = ("pickup_days",)  # days of the week, 1 is Monday
DECIMAL = re.compile(r"\d+(?:\.\d+)?E[+-]?\d+")  # a short decimal of a result: 1E+1 is 10
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LONGEST = 120  # characters of a cell
TIMES = ("day", "week", "month")
FEW, WIDTH = 3, 12  # rows from which a chart tells more than its figures; characters of its longest bar
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def value(said: Any, voice: Voice, *, of: str = "") -> str:
    """One value as text for a cell or a line; "" for nothing. `of` is the list that shows it: its words may be its own."""
    match said:
        case None:
            return ""
        case bool():
            return voice.say("yes_word" if said else "no_word")
        case {"amount": int() as amount, "currency": str() as currency}:
            return written(amount, currency)
        case int():
            return str(said)
        case float():
            return f"{said:,.2f}".rstrip("0").rstrip(".")
        case str():
            return _text(said, voice, of)
        case dict():
            return _object(cast(Row, said), voice)
        case list():
            return _list(cast(list[Any], said), voice)
        case _:
            return str(said)


def _text(said: str, voice: Voice, of: str) -> str:
    if INSTANT.match(said):
        return moment(said, voice)
    if DAY.fullmatch(said):
        return said
    if DECIMAL.fullmatch(said):
        return value(float(said), voice)
    if re.fullmatch(r"[a-z]+(?:_[a-z]+)*", said):
        return voice.word(said, tool=of)
    plain = re.sub(r"\s+", " ", said).strip()
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def moment(stamp: str, voice: Voice) -> str:
    """An instant by the merchant's wall clock: "2026-11-22 15:03"."""
    return (
        datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(voice.setting.zone).strftime("%Y-%m-%d %H:%M")
    )


def named(row: Row) -> str:
    """What a thing is called, before its number."""
    return next((str(row[key]) for key in ("name", "title", "sku", "reference") if row.get(key)), "")


def _object(said: Row, voice: Voice) -> str:
    if str(said.get("reference", "")).startswith("CAT-") and said.get("name"):
        return str(said["name"])
    called = [value(said[key], voice) for key in CALLED if said.get(key)]
    if called:
        return " ".join(called[:2])
    parts = [
        value(part, voice) for key, part in said.items() if key not in HIDDEN and not isinstance(part, (dict, list))
    ]
    return ", ".join(part for part in parts if part)


def _list(said: Sequence[Any], voice: Voice) -> str:
    if len(said) > 4:
        return f"{len(said)}"
    return ", ".join(filter(None, (value(part, voice) for part in said)))


def table(rows: Sequence[Row], voice: Voice, args: Mapping[str, Any] | None = None, *, of: str = "") -> str:
    """Rows as a Markdown table of the columns that matter; what all rows share is said in a line above it.

    `of` is the list's name: of some lists it is known which columns people want.
    """
    wanted = cast(Sequence[str], words()["columns"].get(of, ()))
    columns = choose(rows, args or {}, wanted)
    grouped = str((args or {}).get("group_by") or "group")
    heads = [capital(voice.label(grouped if key == "group" else key)) for key in columns.keys]
    right = [all(row.get(key) is None or is_figure(row.get(key)) for row in rows) for key in columns.keys]
    cells = [[_cell(row.get(key), voice, of) for key in columns.keys] for row in rows]
    drawn = right.index(True) if grouped in TIMES and True in right else None  # the figure that a chart is made of
    bars = _bars([row.get(columns.keys[drawn]) for row in rows]) if drawn is not None else []
    if drawn is not None and bars:
        heads.insert(drawn + 1, "")
        right.insert(drawn + 1, False)
        cells = [[*each[: drawn + 1], bar, *each[drawn + 1 :]] for each, bar in zip(cells, bars, strict=True)]
    lines = [_line(heads), _line("---:" if figures else "---" for figures in right), *map(_line, cells)]
    shared = ", ".join(f"{voice.label(key)} {_cell(said, voice, of)}" for key, said in columns.shared.items())
    return "\n".join([*([voice.say("same_in_rows", facts=shared), ""] if shared else []), *lines])


def _bars(figures: Sequence[Any]) -> list[str]:
    """Figures over time as bars, the highest of full width; none for a few, for gaps, and for what goes below zero."""
    amounts = [one["amount"] if is_money(one) else one for one in figures]
    if len(amounts) < FEW or not all(isinstance(one, int | float) and one >= 0 for one in amounts) or not any(amounts):
        return []
    eighths = [round(8 * WIDTH * one / max(amounts)) for one in amounts]
    return ["█" * (one // 8) + EIGHTHS[one % 8] for one in eighths]


def _cell(said: Any, voice: Voice, of: str) -> str:
    return value(said, voice, of=of).replace("|", r"\|").replace("<", "&lt;")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def facts(said: Row, voice: Voice, args: Mapping[str, Any] | None = None) -> str:
    """An object as a list of facts, and its lists of objects as tables below it."""
    lines: list[str] = []
    tables: list[str] = []
    for key, part in said.items():
        if key in HIDDEN or key.endswith("_left_out") or part in (None, "", [], {}):
            continue
        rows = rows_of(part)
        head = capital(voice.label(key))
        if rows:
            left_out = said.get(f"{key}_left_out")
            heading = "" if key == "groups" else f"**{head}**\n\n"
            tables.append(f"{heading}{table(rows, voice, args, of=key)}")
            tables += [voice.say("left_out", n=left_out)] if left_out else []
        elif isinstance(part, dict) and not is_money(part) and _nested(cast(Row, part)):
            inner = ", ".join(
                f"{voice.label(k)} {shown}"
                for k, v in cast(Row, part).items()
                if k not in HIDDEN and (shown := value(v, voice))
            )
            lines.append(f"- {head}: {inner}")
        else:
            told = weekdays(part, voice) if key in WEEKLY else value(part, voice)
            lines.append(f"- {head}: {told}".replace("<", "&lt;"))
    return "\n\n".join([*(["\n".join(lines)] if lines else []), *tables])


def weekdays(days: Sequence[int], voice: Voice) -> str:
    """Days of the week by their names, 1 is Monday; three or more that follow each other by the first and the last."""
    names = voice.say("weekdays").split(", ")
    if len(days) > 2 and [*days] == [*range(days[0], days[0] + len(days))]:
        return voice.say("from_to", first=names[days[0] - 1], last=names[days[-1] - 1])
    return ", ".join(names[day - 1] for day in days)


def rows_of(part: Any) -> list[Row]:
    """A list of objects; none for anything else."""
    rows = cast(list[Any], part) if isinstance(part, list) else []
    return cast(list[Row], rows) if all(isinstance(row, dict) and not is_money(row) for row in rows) else []


def _nested(said: Row) -> bool:
    return not any(said.get(key) for key in CALLED)


def period(start: str | None, end: str | None, voice: Voice) -> str:
    """The days of a period, its last day included: "9 to 15 November 2026"; of one under way, those that have begun."""
    first, last = _day(start, voice), _day(end, voice, before=True)
    if first and first.date() == FIRST_DAY.date():
        return voice.say("all_time")
    if first and last:
        return _days(first, max(first, min(last, voice.setting.now)) if last.tzinfo else last, voice)
    return (
        voice.say("since", **{"from": voice.day(first)})
        if first
        else voice.say("until", to=voice.day(last))
        if last
        else ""
    )


def day(stamp: str, voice: Voice) -> str:
    """The day of an instant: "2 November 2026"."""
    found = _day(stamp, voice)
    return voice.day(found) if found else ""


def _day(stamp: str | None, voice: Voice, *, before: bool = False) -> datetime | None:
    if not stamp:
        return None
    day = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    day = day.astimezone(voice.setting.zone) if day.tzinfo else day
    return day - timedelta(microseconds=1) if before else day


def _days(first: datetime, last: datetime, voice: Voice) -> str:
    if first.date() == last.date():
        return voice.day(last)
    same_month = (first.year, first.month) == (last.year, last.month)
    start = f"{first.day}{'.' if voice.language == 'de' else ''}"
    start = start if same_month else voice.day(first, year=first.year != last.year)
    return voice.say("period", **{"from": start, "to": voice.day(last)})


def capital(text: str) -> str:
    """A text with its first letter large."""
    return text[:1].upper() + text[1:]
