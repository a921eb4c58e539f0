"""What a call changes: collected from the unit of work and from what the hot statements return, never written by hand.

A preview shows it, an approval card keeps it, and when an approved call runs, what matters of it is compared with the card.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

import orjson
from pydantic import BaseModel
from sqlalchemy import event, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, UOWTransaction

from db.references import TABLES

NEW = "new"
# Columns without meaning of their own: versions, and secrets and keys that each run draws anew.
LEFT_OUT = frozenset(
    {
        "version",
        "secret_hash",
        "token_hash",
        "password_hash",
        "last_four",
        "ledger_key",
        "code_digest",
        "move_id",
        "journal_id",
    }
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:?\d\d|Z)")
_NAMES = re.compile(r"\b(?:[A-Z]{1,4}-\d+(?:-\d+)?|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


class Kind(StrEnum):
    insert = "insert"
    update = "update"
    delete = "delete"
    erase = "erase"


@dataclass(frozen=True)
class Change:
    """One row: an inserted row has `after`, a deleted one `before`, an updated one the columns that differ in both.

    An erased one has neither: it is of the books and of conversations, which go on meanwhile, and lost what it said of a person.
    """

    table: str
    kind: Kind
    id: UUID
    before: dict[str, Any]
    after: dict[str, Any]

    def shown(self) -> dict[str, Any]:
        """For people: which row, and what becomes of it; a reference drawn in a preview is "new"."""
        named = NEW if self.kind is Kind.insert else self.before.get("reference") or self.after.get("reference")
        fields = {
            name: value if self.kind is not Kind.update else [self.before.get(name), value]
            for name, value in (self.after or self.before).items()
            if not _plumbing(name)
        }
        return {"row": singular(self.table), "reference": named, "change": self.kind.value, "fields": fields}

    def material(self, drawn: "Drawn") -> list[Any]:
        """What must be the same when the approved call runs: values, and for numbers that were updated their difference."""
        fields = {
            name: _difference(self.before.get(name), value) if self.kind is Kind.update else value
            for name, value in (self.after or self.before).items()
            if name not in LEFT_OUT
        }
        return [self.table, self.kind.value, drawn.told(self.id), drawn.told(fields)]


class Drawn:
    """What a run draws anew each time: the ids and references of the rows that it makes, and the time by its clock."""

    def __init__(self, rows: Iterable[Change], now: datetime) -> None:
        made = [row for row in rows if row.kind is Kind.insert]
        self._new = {str(row.id): f"new {row.table}" for row in made}
        self._new |= {str(row.after["reference"]): NEW for row in made if row.after.get("reference")}
        self._now = now

    def told(self, value: Any) -> Any:
        """The value with what was drawn by the run told in a way that is the same in each."""
        if isinstance(value, BaseModel):
            return self.told(value.model_dump(mode="json"))
        if isinstance(value, Mapping):
            return {str(name): self.told(one) for name, one in cast(Mapping[Any, Any], value).items()}
        if isinstance(value, (list, tuple)):
            return [self.told(one) for one in cast(list[Any], value)]
        if isinstance(value, datetime):
            return self._moment(value)
        if isinstance(value, UUID):
            return self._new.get(str(value), str(value))
        if isinstance(value, str):
            return self._moment(datetime.fromisoformat(value)) if _INSTANT.fullmatch(value) else self._text(value)
        return value

    def _moment(self, at: datetime) -> str:
        """A time reckoned from the run's clock is whole seconds away from it; any other means itself."""
        away = at - self._now
        return str(at.astimezone(UTC)) if away.microseconds else f"now and {away.total_seconds():.0f} s"

    def _text(self, text: str) -> str:
        return _NAMES.sub(lambda found: self._new.get(found[0], found[0]), text)


@dataclass
class Changes:
    """The change set of a call; `now` is its clock."""

    now: datetime
    rows: list[Change] = field(default_factory=list[Change])
    _named: set[str] = field(default_factory=set[str])  # references of rows that were let go

    def inserted(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows that a raw statement inserted; each with its `id`."""
        self.rows += [Change(table, Kind.insert, row["id"], {}, dict(row)) for row in rows]

    def updated(self, table: str, id_: UUID, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """A row that a raw statement updated: the columns that it changed, before and after, and `reference` to name it."""
        self.rows.append(Change(table, Kind.update, id_, dict(before), dict(after)))

    def deleted(self, table: str, id_: UUID, before: Mapping[str, Any]) -> None:
        self.rows.append(Change(table, Kind.delete, id_, dict(before), {}))

    def erased(self, table: str, ids: Iterable[UUID]) -> None:
        """Rows that lost what they said of a person: no card shows them, and a decision does not hang on how many there are."""
        self.rows += [Change(table, Kind.erase, id_, {}, {}) for id_ in ids]

    def watch(self, session: AsyncSession) -> None:
        """Collect what the ORM flushes."""
        event.listen(session.sync_session, "after_flush", self._collect)

    def references(self) -> list[str]:
        """The references of the rows concerned, for the audit."""
        named = {str(change.after.get("reference") or change.before.get("reference") or "") for change in self.rows}
        return sorted((named | self._named) - {"", NEW})

    def let_go(self) -> None:
        """Forget the rows so far, but for their references: of a job that nobody previews, and whose rows no figure is kept of.

        They would weigh many times as much as the file that it reads.
        """
        self._named.update(self.references())
        self.rows.clear()

    def shown(self) -> list[dict[str, Any]]:
        return [_plain(change.shown()) for change in self.rows if change.kind is not Kind.erase]

    def digest(self) -> str:
        """SHA-256 of the material changes, whatever their order."""
        drawn = Drawn(self.rows, self.now)
        material = (_json(change.material(drawn)) for change in self.rows if change.kind is not Kind.erase)
        return hashlib.sha256(b"\n".join(sorted(material))).hexdigest()

    def _collect(self, session: Session, _: UOWTransaction) -> None:
        for row in session.new:
            self.rows.append(Change(row.__tablename__, Kind.insert, row.id, {}, _columns(row)))
        for row in session.deleted:
            self.rows.append(Change(row.__tablename__, Kind.delete, row.id, _columns(row), {}))
        for row in session.dirty:
            before, after = _edited(row)
            if after:
                named = {"reference": row.reference} if hasattr(row, "reference") else {}
                self.rows.append(Change(row.__tablename__, Kind.update, row.id, named | before, after))


def singular(table: str) -> str:
    """`stock_levels` is "stock level"; a table with references is called as its references are."""
    kind = TABLES.get(table)
    word = kind.name.rstrip("_") if kind else table.removesuffix("s")
    return word.replace("_", " ")


def _columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in inspect(row).mapper.column_attrs}


def _edited(row: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    state = inspect(row)
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if history.has_changes():
            before[column.key] = history.deleted[0] if history.deleted else None
            after[column.key] = history.added[0] if history.added else None
    return before, after


def _plumbing(name: str) -> bool:
    """Whether a column is no business of people's."""
    return name in ("id", "merchant_id", "reference", "version", "position", "last_four") or name.endswith(
        ("_id", "_at", "_key", "_hash")
    )


def _difference(before: Any, after: Any) -> Any:
    numbers = isinstance(before, int) and isinstance(after, int) and not isinstance(after, bool)
    return ["by", after - before] if numbers else after


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_other, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    return orjson.loads(_json(value))


def _other(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
