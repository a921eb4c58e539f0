"""A shop while it is being invented: its rows by table, their ids and references, and the way into the database.

What is in the shop depends on nothing but the moment; ids also on the merchant, so that two shops share none.
"""

import random
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import ColumnDefault, Table

from db.model import Base
from db.references import TABLES
from db.statistics import refresh_statistics

Row = dict[str, Any]
Connection = psycopg.Connection[TupleRow]

ACTOR = "system:demo"
BATCH = 5_000
_LOW = (1 << 62) - 1
_VERSION_7 = 0x7 << 76 | 0x2 << 62


class Draft:
    """`add` makes a row, `write` puts all of them into the database."""

    def __init__(self, merchant: uuid.UUID, now: datetime, zone: ZoneInfo, numbers: dict[str, int]) -> None:
        self.merchant = merchant
        self.now = now.astimezone(UTC).replace(microsecond=0)  # what would happen later has not happened
        self.zone = zone
        self.today = self.day_of(now)
        self.numbers = numbers  # the last number of each kind of reference
        self.random = random.Random("fernway")
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self._ids = random.Random(str(merchant))

    def at(self, day: date, seconds: float = 0) -> datetime:
        """The instant at which the merchant's clock shows so many seconds after midnight."""
        return (datetime.combine(day, time(), self.zone) + timedelta(seconds=round(seconds))).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def id(self, at: datetime) -> str:
        """A version 7 UUID (RFC 9562) of that instant, in its 32 digits: a start makes a quarter of a million."""
        drawn = self._ids.getrandbits(74)
        return f"{(int(at.timestamp()) * 1000 << 80) | drawn >> 62 << 64 | drawn & _LOW | _VERSION_7:032x}"

    def add(self, model: type[Base], at: datetime, **values: Any) -> Row:
        """A row of that instant; what is not given has its default, and a reference the next number."""
        table = model.__tablename__
        row = {**_defaults(table), **values}
        row["merchant_id"] = self.merchant
        row["id"] = self.id(at)
        row["created_at"] = at
        if "updated_at" in row:
            row["updated_at"] = at
        if "reference" in row:
            kind = TABLES[table]
            self.numbers[kind] = self.numbers.get(kind, 1000) + 1
            row["reference"] = kind.reference(self.numbers[kind])
        self.rows[table].append(row)
        return row

    def write(self, connection: Connection, progress: Callable[[str], None]) -> None:
        """Insert all rows, table by table, set by set; parents before children. A set is encoded while the one before goes in."""
        tables = [
            (table.name, self.rows[table.name]) for table in Base.metadata.sorted_tables if table.name in self.rows
        ]
        sets = [(name, rows, start) for name, rows in tables for start in range(0, len(rows), BATCH)]
        with ThreadPoolExecutor(1) as encoder:
            ahead = deque[Future[str]]()
            for number, (table, rows, start) in enumerate(sets):
                ahead += [
                    encoder.submit(_encoded, rows, start) for _, rows, start in sets[number + len(ahead) : number + 2]
                ]
                if start == 0 and len(rows) >= BATCH:
                    progress(f"{len(rows):,} rows of {table}")
                _insert(connection, table, list(rows[0]), ahead.popleft().result())
                # All are in: what points to them is looked up in what they are now.
                if BATCH <= len(rows) <= start + BATCH:
                    refresh_statistics(connection, [table])


def _encoded(rows: list[Row], start: int) -> str:
    return orjson.dumps(rows[start : start + BATCH], default=_plain).decode()


def _insert(connection: Connection, table: str, columns: list[str], rows: str) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("insert into {0} ({1}) select {1} from json_populate_recordset(null::{0}, %s::json)")
    connection.execute(statement.format(sql.Identifier(table), names), [rows])


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{value!r} does not go into a row")


@cache
def _defaults(name: str) -> Row:
    """A row of a table as it is when nothing is said."""
    table: Table = Base.metadata.tables[name]
    return {column.name: _default(column.default) for column in table.columns if column.computed is None}


def _default(default: Any) -> Any:
    if not isinstance(default, ColumnDefault):
        return None
    return default.arg(None) if default.is_callable else default.arg
