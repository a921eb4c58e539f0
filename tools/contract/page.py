"""Lists: bounded, ordered, and the answer says whether more follows. A cursor is opaque: the last row's place in the order."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import Field

from tools.contract.declare import Input, Result
from tools.contract.errors import Invalid

Item = TypeVar("Item")


class Paged(Input):
    """The input of a list."""

    limit: int = Field(
        default=20, ge=1, le=100, description="How many rows at most.", json_schema_extra={"x-kind": "limit"}
    )
    after: str | None = Field(default=None, max_length=400, description="The `next` of the page before.")


class Page(Result, Generic[Item]):
    """A piece of a list. `next` is given as `after` to get the following piece."""

    data: list[Item] = Field(description="The rows of this page.")
    next: str | None = Field(default=None, description="Where the next page begins; null at the end.")
    has_more: bool = Field(default=False, description="Whether another page follows.")


def cursor(*place: Any) -> str:
    """A place in an order, as text that callers hand back unread."""
    return base64.urlsafe_b64encode(orjson.dumps(place, default=str)).decode().rstrip("=")


def place(after: str | None, *kinds: type[Any]) -> tuple[Any, ...] | None:
    """What `cursor` wrote: `place(args.after, datetime, UUID)`. Raises `Invalid` for anything else."""
    if after is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        return tuple(_read(kind, value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, binascii.Error) as unreadable:
        raise Invalid(
            "`after` is not a cursor of this list.",
            hint="Give the `next` of the page before, with the same filters and sort.",
        ) from unreadable


def _read(kind: type[Any], value: Any) -> Any:
    if value is None and kind is not UUID:  # what a list is sorted by may be unknown, an id is not
        return None
    if type(value) is not (str if kind in (datetime, UUID) else kind):
        raise TypeError(f"{value!r} is not {kind}")
    if kind is datetime:
        return datetime.fromisoformat(str(value))
    return UUID(value) if kind is UUID else value


def page_of(
    rows: Sequence[Any], limit: int, show: Callable[[Any], Item], at: Callable[[Any], tuple[Any, ...]]
) -> Page[Item]:
    """A page from `limit + 1` rows: the one too many says that more follows."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(data=[show(row) for row in shown], next=cursor(*at(shown[-1])) if more else None, has_more=more)
