"""What a call changes: collected from the unit of work and from what the hot statements return, never written by hand.

A preview shows it, an approval card keeps it, and when an approved call runs, what matters of it is compared with the card.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy import event, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, UOWTransaction

from db.references import TABLES

NEW = "new"


class Kind(StrEnum):
    insert = "insert"
    update = "update"
    delete = "delete"


@dataclass(frozen=True)
class Change:
    """One row: an inserted row has `after`, a deleted one `before`, an updated one the columns that differ in both."""

    table: str
    kind: Kind
    id: uuid.UUID
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

    def material(self) -> list[Any]:
        """What must be the same when the approved call runs: values, and for numbers that were updated their difference."""
        fields = {
            name: _difference(self.before.get(name), value) if self.kind is Kind.update else value
            for name, value in (self.after or self.before).items()
            if not _plumbing(name)
        }
        return [self.table, self.kind.value, None if self.kind is Kind.insert else str(self.id), fields]


@dataclass
class Changes:
    """The change set of a call."""

    rows: list[Change] = field(default_factory=list[Change])

    def inserted(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows that a raw statement inserted; each with its `id`."""
        self.rows += [Change(table, Kind.insert, row["id"], {}, dict(row)) for row in rows]

    def updated(self, table: str, id_: uuid.UUID, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """A row that a raw statement updated: the columns that it changed, before and after, and `reference` to name it."""
        self.rows.append(Change(table, Kind.update, id_, dict(before), dict(after)))

    def deleted(self, table: str, id_: uuid.UUID, before: Mapping[str, Any]) -> None:
        self.rows.append(Change(table, Kind.delete, id_, dict(before), {}))

    def watch(self, session: AsyncSession) -> None:
        """Collect what the ORM flushes."""
        event.listen(session.sync_session, "after_flush", self._collect)

    def references(self) -> list[str]:
        """The references of the rows concerned, for the audit."""
        named = {str(change.after.get("reference") or change.before.get("reference") or "") for change in self.rows}
        return sorted(named - {"", NEW})

    def shown(self) -> list[dict[str, Any]]:
        return [_plain(change.shown()) for change in self.rows]

    def digest(self) -> str:
        """SHA-256 of the material changes, whatever their order."""
        return hashlib.sha256(b"\n".join(sorted(_json(change.material()) for change in self.rows))).hexdigest()

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
    """Whether a column is no business of people's, or differs with each run."""
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
