"""What every table has in common: the wall between merchants, identifiers, statuses.

A tenant table carries `merchant_id` first in its primary key, in every unique constraint and in every foreign key, so that
one merchant's row can never point at another's and the schema may be partitioned or distributed by merchant.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Date,
    Enum,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> uuid.UUID:
    """A version 7 UUID (RFC 9562): sorted by the millisecond in which it was made."""
    return uuid7()


class Base(AsyncAttrs, DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: TIMESTAMP(timezone=True),
        date: Date,
        uuid.UUID: Uuid,
        str: Text,
        int: BigInteger,
        Decimal: Numeric(20, 4),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class Tenant:
    """A row behind the wall: its merchant, its id, and the moment at which it was made (UTC)."""

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-30)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-20)
    created_at: Mapped[datetime] = mapped_column(sort_order=90)


class Referenced:
    """A tenant row that people name: `ORD-1042`, or the name that it brought from another system."""

    reference: Mapped[str] = mapped_column(sort_order=-10)
    source: Mapped[str | None] = mapped_column(sort_order=80)
    external_reference: Mapped[str | None] = mapped_column(sort_order=81)


class Versioned:
    """A tenant row that people edit: its version is the ETag, and grows with each change."""

    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1", sort_order=85)
    updated_at: Mapped[datetime] = mapped_column(sort_order=91)


def to(table: str, *columns: str, name: str | None = None, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A foreign key that stays inside one merchant: `to("orders", "order_id")`."""
    return ForeignKeyConstraint(
        ["merchant_id", *columns], [f"{table}.merchant_id", f"{table}.id"], name=name, ondelete=ondelete
    )


def unique(*columns: str) -> UniqueConstraint:
    """Unique within one merchant."""
    return UniqueConstraint("merchant_id", *columns)


def index(*columns: str, **options: Any) -> Index:
    """An index within one merchant. Its name follows the naming convention."""
    return Index(None, "merchant_id", *columns, **options)


def by_words(column: str) -> Index:
    """An index that finds parts of words. What was written last lies on a list that each search reads whole: it is kept short."""
    return index(
        column,
        postgresql_using="gin",
        postgresql_ops={column: "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": 512},
    )


def referenced(*more: Any) -> tuple[Any, ...]:
    """Table arguments of a `Referenced` table, and whatever else it declares."""
    return (unique("reference"), unique("source", "external_reference"), index("external_reference"), *more)


def _values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


def one_of(values: type[StrEnum], name: str) -> Enum:
    """A text column that holds one of the values, with a CHECK constraint of that name."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=name,
        values_callable=_values,
    )


class Stateful:
    """A row with a status: the dict beside the model says which moves are allowed; `db.transitions.move` makes them."""

    MOVES: ClassVar[Any]  # a mapping of each status to those that may follow it
