"""What tools answered, read back from the compact text in which models are told of it.

reference: ORD-1042
total: 80.80 EUR
data(sku|status=active|price|held(warehouse|quantity)): 1
  MUG-BLUE|19.99 EUR|1
    WH-1|2
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

LINE = re.compile(r"( *)(\w+)(\(.*\))?(?:: (.*))?")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
MONEY = re.compile(r"(-?\d+)(?:\.(\d+))? ([A-Z]{3})")
MARKED = re.compile(r"(?:^|(?<=[|\[]))<untrusted\b[^>]*>(.*?)</untrusted>", re.IGNORECASE)
AS_TEXT = "\0"  # before a cell that outsiders wrote: their `12` is no number


class Unlike(ValueError):
    """The text is not of this form."""


def read(text: str) -> dict[str, Any]:
    """The result as an object. Raises `Unlike` for a text that is none."""
    lines = Lines(text.split("\n"))
    found = _object(lines, 0)
    if not found or lines.left:
        raise Unlike(text)
    return found


class Lines:
    """The lines that are still to be read."""

    def __init__(self, lines: list[str]) -> None:
        self.left = lines[::-1]

    def take(self) -> str:
        if not self.left:
            raise Unlike("It ends too early.")
        return self.left.pop()


def _object(lines: Lines, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while lines.left:
        line = LINE.fullmatch(lines.left[-1])
        if line is None or len(line[1]) < depth:
            break
        lines.take()
        _, name, header, value = line.groups()
        if header is not None:
            found[name] = _rows(lines, _columns(header), _count(value))
        else:
            found[name] = _object(lines, depth + 2) if value is None else _value(value)
        if found[name] == {}:
            raise Unlike(line[0])
    return found


def _count(value: str | None) -> int:
    if value is None or not value.isdigit():
        raise Unlike(str(value))
    return int(value)


@dataclass
class Column:
    """The columns of the rows inside it, or the value that all rows share."""

    inside: "dict[str, Column]" = field(default_factory=dict[str, "Column"])
    shared: str = ""


def _columns(header: str) -> dict[str, Column]:
    """The columns of `(sku|status=active|held(warehouse|quantity))`."""
    found = Column()
    above = [found]
    for name, shared, mark in re.findall(r"([\w.]*)(?:=([^|()]*))?([(|)])", header):
        if name:
            above[-1].inside[name] = Column(shared=shared)
        if mark == "(":
            above.append(above[-1].inside[name] if name else found)
        elif mark == ")":
            above.pop()
    return found.inside


def _rows(lines: Lines, columns: dict[str, Column], count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    shown = [column for column in columns.values() if not column.shared]
    for _ in range(count):
        cells = list(_cells(_as_text(lines.take().lstrip(" "))))
        if len(cells) != max(1, len(shown)):
            raise Unlike("|".join(cells))
        left = iter(cells)
        row: dict[str, Any] = {}
        for name, column in columns.items():
            cell = column.shared or next(left)
            if column.inside and cell != "0":
                _put(row, name, _rows(lines, column.inside, _count(cell)))
            elif cell and not column.inside:
                _put(row, name, _value(cell))
        found.append(row)
    return found


def _as_text(line: str) -> str:
    return MARKED.sub(lambda span: "|".join(AS_TEXT + cell for cell in span[1].split("|")), line)


def _put(row: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for step in path:
        row = row.setdefault(step, {})
    row[last] = value


def _cells(line: str) -> Iterator[str]:
    """The cells of a row; what begins as JSON may have a `|` in it."""
    place = 0
    while True:
        end = _end_of_json(line, place) if line[place : place + 1] in ('"', "[", "{") else None
        end = end or min((at for at in (line.find("|", place),) if at >= 0), default=len(line))
        yield line[place:end]
        if end >= len(line):
            return
        place = end + 1


def _end_of_json(line: str, place: int) -> int | None:
    try:
        return json.JSONDecoder().raw_decode(line, place)[1]
    except ValueError:
        return None


def _value(cell: str) -> Any:
    if cell.startswith(AS_TEXT):
        return cell.removeprefix(AS_TEXT)
    if cell in ("true", "false") or NUMBER.fullmatch(cell):
        return json.loads(cell)
    if money := MONEY.fullmatch(cell):
        return {"amount": int(money[1] + (money[2] or "")), "currency": money[3]}
    if cell[:1] not in ('"', "[", "{"):
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return [_value(one) for one in cell[1:-1].split(", ")]


def rows_of(result: Any) -> list[dict[str, Any]]:
    """The rows of a page, of a bare list, or the object itself."""
    if isinstance(result, dict):
        whole = cast(dict[str, Any], result)
        data = whole.get("data", whole.get("found"))
        return rows_of(data) if isinstance(data, list) else [whole]
    if isinstance(result, list):
        return [cast(dict[str, Any], row) for row in cast(list[Any], result) if isinstance(row, dict)]
    return []
