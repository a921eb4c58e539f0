"""The way into a shop for many rows at once: sets of them, inside the wall, and a record of how far a file has come.

The connection is app_rt's, in autocommit mode. Each batch is one transaction with its line in `imports`, so that an import that
was killed goes on after the last whole batch, and no row is there twice.
"""

import hashlib
import random
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql

from db.figures import ADD_UP
from db.model import Base, new_id
from db.references import TAKE, Kind

ACTOR = "system:import"
_HELD = "products", "customers", "orders"
_LOW = (1 << 62) - 1
_VERSION_7 = 0x7 << 76 | 0x2 << 62


class ImportRefused(Exception):
    """The file cannot go into this shop; `hint` says what to do. Nothing was changed."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Intake:
    """A merchant's shop, while a file goes into it: `begin`, then batches of `add` that end with `keep`, then `finish`."""

    def __init__(
        self, connection: psycopg.Connection[TupleRow], merchant: uuid.UUID, country: str, now: datetime
    ) -> None:
        self.connection = connection
        self.merchant = merchant
        self.country = country
        self.now = now
        self.import_id = new_id()
        self.lines = 0
        self._draw = random.Random(self.import_id.int).getrandbits

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Inside the wall. A commit that a power cut takes back takes its line in `imports` along: nobody waits for the disk."""
        with self.connection.transaction():
            self.connection.execute(sql.SQL("set local app.merchant_id = {}").format(sql.Literal(str(self.merchant))))
            self.connection.execute("set local synchronous_commit = off")
            yield

    def begin(self, source: str, file: Path) -> dict[str, Any] | None:
        """Note the file, or find where it was left; returns its report so far, or None when all of it is in.

        Raises `ImportRefused` for a shop that has other goods, customers or orders: it would no longer be either of the two.
        """
        digest = digest_of(file)
        with self.transaction():
            found = self.rows(
                "select id, lines, report, finished_at from imports"
                " where merchant_id = %(m)s and source = %(source)s and digest = %(digest)s",
                source=source,
                digest=digest,
            )
            if found:
                self.import_id, self.lines, report, finished = found[0]
                return None if finished else report
            for table in _HELD:
                if self.rows(f"select 1 from {table} where merchant_id = %(m)s limit 1"):
                    raise ImportRefused(
                        f"The shop has {table} already, and not from {file.name}.",
                        hint="Name another shop: the import makes it. What is in this one stays as it is.",
                    )
            self.add(
                "imports",
                {"id": [self.import_id], "source": [source], "name": [file.name], "digest": [digest]},
                {"lines": 0, "report": Jsonb({}), "created_at": self.now},
            )
        return {}

    def keep(self, lines: int, report: Mapping[str, Any]) -> None:
        """As part of a batch: so many lines are in. Raises `ImportRefused` when another process brought them in meanwhile."""
        moved = self.connection.execute(
            "update imports set lines = lines + %s, report = %s where merchant_id = %s and id = %s and lines = %s",
            (lines, Jsonb(report), self.merchant, self.import_id, self.lines),
        ).rowcount
        if not moved:
            raise ImportRefused(
                "Another process imports this file into this shop.", hint="Let it end, and run this again."
            )
        self.lines += lines

    def finish(self) -> None:
        """As part of the last batch: the figures that are kept are added up, and the file is in."""
        self.connection.execute(ADD_UP, {"merchant": self.merchant})
        self.connection.execute(
            "update imports set finished_at = %s where merchant_id = %s and id = %s",
            (self.now, self.merchant, self.import_id),
        )

    def rows(self, query: str, **params: Any) -> list[TupleRow]:
        return self.connection.execute(query.encode(), {"m": self.merchant, **params}).fetchall()

    def id(self, at: datetime) -> str:
        """A version 7 UUID (RFC 9562) of that instant: rows lie in the order in which they happened."""
        drawn = self._draw(74)
        return f"{(int(at.timestamp()) * 1000 << 80) | drawn >> 62 << 64 | drawn & _LOW | _VERSION_7:032x}"

    def references(self, kind: Kind, count: int) -> list[str]:
        """The next references of a kind."""
        if not count:
            return []
        params = {
            "merchant": self.merchant,
            "id": new_id(),
            "name": kind.value,
            "count": count,
            "now": self.now,
        }
        ((last,),) = self.connection.execute(TAKE, params).fetchall()
        return [kind.reference(number) for number in range(last - count + 1, last + 1)]

    def add(
        self,
        table: str,
        columns: Mapping[str, Sequence[Any]],
        same: Mapping[str, Any] | None = None,
        computed: Mapping[str, str] | None = None,
        then: str = "",
    ) -> None:
        """Insert rows, column by column; `same` is alike in all, `computed` is SQL over the columns, `then` what follows."""
        same, computed = same or {}, computed or {}
        if not next(iter(columns.values())):
            return
        given_arrays = ", ".join(f"%({name})s::{_type(table, name)}[]" for name in columns)
        given = [f"%({name})s::{_type(table, name)}" for name in same]
        statement = f"""
            insert into {table} (merchant_id, {", ".join([*columns, *same, *computed])})
            select %(merchant)s, {", ".join([*columns, *given, *computed.values()])}
            from unnest({given_arrays}) as given ({", ".join(columns)}) {then}
        """
        arrays = {name: _array(values) for name, values in columns.items()}
        self.connection.execute(statement.encode(), {"merchant": self.merchant, **arrays, **same})


def _array(values: Sequence[Any]) -> str:
    """An array as PostgreSQL reads it. psycopg's own way, fit for arrays of arrays, took as long as all else here together."""
    return "{" + ",".join([_quoted(value) if isinstance(value, str) else _plain(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(value: object) -> str:
    return "NULL" if value is None else str(value)


@cache
def _type(table: str, column: str) -> str:
    return Base.metadata.tables[table].columns[column].type.compile(postgresql.dialect())


def digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
