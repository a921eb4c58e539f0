"""Columns and relationships that many tables have. Defaults stand on the server too, for statements that bypass the ORM."""

from typing import Any

from sqlalchemy import Computed, Integer
from sqlalchemy.orm import mapped_column, relationship


def minor_units() -> Any:
    """Minor units of the row's currency, 0 unless said."""
    return mapped_column(default=0, server_default="0")


def count() -> Any:
    """A count of things, 0 unless said."""
    return mapped_column(Integer, default=0, server_default="0")


def flag(value: bool) -> Any:
    """Yes or no, with what it is unless said."""
    return mapped_column(default=value, server_default="true" if value else "false")


def words() -> Any:
    """A list of words, empty unless said."""
    return mapped_column(default=list, server_default="{}")


def folded(expression: str) -> Any:
    """Text that is searched for parts of its words, folded; the database writes it, by its function `folded`."""
    return mapped_column(Computed(f"folded({expression})", persisted=True))


def details() -> Any:
    """A JSON object, empty unless said."""
    return mapped_column(default=dict, server_default="{}")


def items() -> Any:
    """A JSON list, empty unless said."""
    return mapped_column(default=list, server_default="[]")


def many(child: str, column: str, parent: str, back: str, **options: Any) -> Any:
    """The rows that point to this one: `lines = many("OrderLine", "order_id", "Order", "order")`.

    Relationships are loaded on purpose (`selectinload`), never by touching them. That each foreign key has one also tells
    the session which rows to insert first. Only `column` is carried over from parent to child; `merchant_id` is everybody's,
    and each row says its own.
    """
    return relationship(
        primaryjoin=_meet(child, column, parent), back_populates=back, lazy="raise", passive_deletes="all", **options
    )


def one(child: str, column: str, parent: str, back: str | None = None) -> Any:
    """The row that this one points to: `order = one("OrderLine", "order_id", "Order", "lines")`."""
    join = _meet(child, column, parent)
    return relationship(
        primaryjoin=join, back_populates=back, lazy="raise", remote_side=f"[{parent}.id, {parent}.merchant_id]"
    )


def _meet(child: str, column: str, parent: str) -> str:
    return f"and_(foreign({child}.{column}) == {parent}.id, {child}.merchant_id == {parent}.merchant_id)"
