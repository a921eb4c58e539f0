"""A result as models are told of it: what is empty left out, a table's header once, money as `12.50 EUR`.

    placed_from: 2026-11-08T23:00Z
    totals
      net: 25424.77 EUR
      orders: 309
    data(reference|status=paid|total|customer.name|customer.city|lines(sku|quantity)): 2
      ORD-1042|80.80 EUR|<untrusted id=1f6ab2c4>Ana Torres|Lyon</untrusted>|1
        MUG-BLUE|2
      ORD-1043|19.99 EUR|||0

A list of objects has its columns in brackets and how many rows follow; what is the same in all rows stands beside its column.
An object in a row has columns of its own (`customer.name`), a list in a row has its number of rows, which follow that row.
A text that could be taken for something else is quoted as in JSON.
`planner/results.py` reads the same back.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from db.money import major

Json = dict[str, Any]
Columns = dict[str, "Column"]
ASKED_FOR = "data"  # the one list that is told of when it is empty
_NOT_PLAIN = re.compile(r'["\[{\s]|.*[|\x00-\x1f\x7f\u0085\u2028\u2029]|.*\s$', re.DOTALL)
_OTHER = re.compile(r"true|false|null|-?\d+(\.\d+)?([eE][+-]?\d+)?|-?\d+(\.\d+)? [A-Z]{3}")
_BETWEEN_MARKS = re.compile(r"</untrusted>\|<untrusted id=\w+>")  # one span for cells side by side
_WORD = re.compile(r"\w+")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


def told(result: Mapping[str, Any]) -> str:
    """The result as text."""
    return "\n".join(_lines(result, ""))


def _lines(whole: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, part in whole.items():
        if _is_empty(part) and name != ASKED_FOR:
            continue
        if isinstance(part, dict) and _has_columns(cast(Json, part)):
            yield f"{indent}{name}"
            yield from _lines(cast(Json, part), indent + "  ")
        elif _are_rows(part) or part == []:
            rows = Table(cast(list[Json], part))
            columns = _columns(rows)
            yield f"{indent}{name}{_header(columns)}: {len(rows)}"
            yield from _rows(rows, columns, indent + "  ")
        else:
            yield f"{indent}{name}: {_cell(part)}"


def _is_empty(part: Any) -> bool:
    if isinstance(part, dict):
        return all(_is_empty(one) for one in cast(Json, part).values())
    return part is None or part == []


def _is_money(part: Any) -> bool:
    money = cast(Json, part) if isinstance(part, dict) else {}
    return set(money) == {"amount", "currency"} and isinstance(money["amount"], int)


def _has_columns(part: Json) -> bool:
    return not _is_money(part) and all(_WORD.fullmatch(name) for name in part)


def _are_rows(part: Any) -> bool:
    rows = cast(list[Any], part) if isinstance(part, list) else []
    return bool(rows) and all(isinstance(row, dict) and _has_columns(cast(Json, row)) for row in rows)


@dataclass(frozen=True)
class Column:
    """What stands beside a column's name: the columns of the rows inside it, or the value that all rows share."""

    inside: Columns = field(default_factory=dict[str, "Column"])
    shared: str | None = None


class Table(list[Json]):
    """Rows that are flat: a field of an object in them is `customer.name`."""

    def __init__(self, whole: list[Json]) -> None:
        super().__init__(_flat(row) for row in whole)
        self.whole = whole


# ---- tables --------------------------------------------------------------------------------------------------------------


def _flat(row: Json) -> Json:
    """A row with the fields of its objects beside its own, without what is empty; lists of rows are flat in turn."""
    found: Json = {}
    for name, part in row.items():
        if _is_empty(part):
            continue
        if isinstance(part, dict) and _has_columns(cast(Json, part)):
            found |= {f"{name}.{inner}": one for inner, one in _flat(cast(Json, part)).items()}
        else:
            found[name] = Table(cast(list[Json], part)) if _are_rows(part) else part
    return found


def _columns(rows: Iterable[Json]) -> Columns:
    """The columns in order: each with those of the rows inside it, where all of its values are lists of rows."""
    found: dict[str, list[Any]] = {}
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007  # how many there are is needed below
        for name, part in row.items():
            found.setdefault(name, []).append(part)
    return {name: _column(parts, count) for name, parts in found.items()}


def _column(parts: list[Any], rows: int) -> Column:
    if all(isinstance(part, Table) for part in parts):
        return Column(inside=_columns(row for part in parts for row in part))
    same = rows > 1 and len(parts) == rows and len({repr(part) for part in parts}) == 1
    shared = _plain(parts[0]) if same else None
    return Column(shared=shared if shared and not set(shared) & set("=()<") else None)


def _header(columns: Columns) -> str:
    heads = [
        f"{name}={column.shared}" if column.shared else f"{name}{_header(column.inside) if column.inside else ''}"
        for name, column in columns.items()
    ]
    return f"({'|'.join(heads)})"


def _rows(rows: Iterable[Json], columns: Columns, indent: str) -> Iterator[str]:
    shown = {name: column.inside for name, column in columns.items() if column.shared is None}
    for row in rows:
        cells = (str(len(row.get(name, ()))) if inside else _cell(row.get(name)) for name, inside in shown.items())
        yield indent + _BETWEEN_MARKS.sub("|", "|".join(cells))
        for name, inside in shown.items():
            if inside:
                yield from _rows(row.get(name, ()), inside, indent + "  ")


# ---- values --------------------------------------------------------------------------------------------------------------


def _cell(value: Any) -> str:
    """One value: plain where it cannot be taken for another, else as JSON."""
    plain = _plain(value)
    if plain is not None:
        return plain
    if isinstance(value, Table):
        return orjson.dumps(value.whole).decode()
    if isinstance(value, list) and value:
        items = [_plain(one) for one in cast(list[Any], value)]
        if all(item and not set(item) & set(",[]") for item in items):
            return f"[{', '.join(cast(list[str], items))}]"
    return orjson.dumps(value).decode()


def _plain(value: Any) -> str | None:
    match value:
        case None:
            return ""
        case bool() | int() | float():
            return orjson.dumps(value).decode()
        case str():
            shorter = _INSTANT.sub(_to_the_minute, value) if _INSTANT.fullmatch(value) else value
            return None if not value or _NOT_PLAIN.match(value) or _OTHER.fullmatch(value) else shorter
        case {"amount": int() as amount, "currency": str() as currency} if _is_money(value):
            return f"{major(amount, currency).replace(',', '')} {currency}"
        case _:
            return None


def _to_the_minute(instant: re.Match[str]) -> str:
    """Seconds are told where there are any, fractions of them never."""
    minute, seconds, zone = instant.groups()
    return f"{minute}{'' if seconds == ':00' else seconds or ''}{zone}"
