"""Lists: bounded, ordered, and the answer says whether more follows. A cursor is opaque: the last row's place in the order.

Every list counts all that match, and adds up its money, when it is asked to: with the first page, by its own statement.
"""

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import orjson
from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Input, Result
from tools.contract.errors import Invalid

Item = TypeVar("Item")
Row = TypeVar("Row")

MOST_COUNTED = (
    10_000  # a list that is longer says so; the figures of all of a large shop are a report's, which has its places
)

CALLED_SO = {"supplier": "supplier_name"}  # of a column that is a reference: where the name stands


class Paged(Input):
    """The input of a list."""

    limit: int = Field(
        default=20, ge=1, le=100, description="How many rows at most.", json_schema_extra={"x-kind": "limit"}
    )
    after: str | None = Field(default=None, max_length=400, description="The `next` of the page before.")
    count: bool = Field(
        default=False,
        description="Count all that match, and add up their money; with the first page.",
        json_schema_extra={"x-kind": "count"},
    )

    @property
    def apart(self) -> str | None:
        """The column that all that match are counted apart by, where the list can do so and was asked to."""
        return getattr(self, "count_by", None)

    @property
    def counts(self) -> bool:
        """Whether this page comes with the total: pages that follow would only say it again."""
        return (self.count or self.apart is not None) and self.after is None


class Group(Result):
    """Those of all that match that have the same in the column that they are counted apart by."""

    value: str | None = Field(description="What they have there; null for nothing.")
    rows: int = Field(description="How many they are.")
    sums: list[Money] = Field(default=[], description="What they come to, minor units, by currency.")


class Total(Result):
    """All that match, on whichever page."""

    rows: int = Field(description="How many match.")
    more: bool = Field(default=False, description=f"More than that do: counting ends at {MOST_COUNTED:,}.")
    sums: list[Money] = Field(
        default=[], description="What they come to, minor units, by currency; empty where more than `rows` match."
    )
    groups: list[Group] = Field(
        default=[], description="The same apart by `count_by`, the most rows first; empty where more than `rows` match."
    )


class Page(Result, Generic[Item]):
    """A piece of a list. `next` is given as `after` to get the following piece."""

    data: list[Item] = Field(description="The rows of this page.")
    next: str | None = Field(default=None, description="Where the next page begins; null at the end.")
    has_more: bool = Field(default=False, description="Whether another page follows.")
    total: Total | None = Field(default=None, description="All that match, where `count` asked for it.")


def cursor(*place: Any) -> str:
    """A place in an order, as text that callers hand back unread."""
    return base64.urlsafe_b64encode(orjson.dumps(place, default=str)).decode().rstrip("=")


def place(after: str | None, *kinds: type[Any], unknown: bool = True) -> tuple[Any, ...] | None:
    """What `cursor` wrote: `place(args.after, datetime, UUID)`. Raises `Invalid` for anything else.

    `unknown`: what the list is sorted by may be null; an id is never.
    """
    if after is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        return tuple(_read(kind, value, unknown) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError) as unreadable:
        raise Invalid(
            "`after` is not a cursor of this list.",
            hint="Give the `next` of the page before, with the same filters and sort.",
        ) from unreadable


def _read(kind: type[Any], value: Any, unknown: bool) -> Any:
    if value is None and unknown and kind is not UUID:
        return None
    if type(value) is not (str if kind in (datetime, UUID) else kind):
        raise TypeError(f"{value!r} is not {kind}")
    if kind is datetime:
        return datetime.fromisoformat(str(value))
    return UUID(value) if kind is UUID else value


def page_of(
    rows: Sequence[Any],
    limit: int,
    show: Callable[[Any], Item],
    at: Callable[[Any], tuple[Any, ...]],
    total: Total | None = None,
) -> Page[Item]:
    """A page from `limit + 1` rows: the one too many says that more follows."""
    shown = rows[:limit]
    more = len(rows) > limit
    following = cursor(*at(shown[-1])) if more else None
    return Page(data=[show(row) for row in shown], next=following, has_more=more, total=total)


class _Counted(NamedTuple):
    value: str | None
    currency: str | None
    rows: int
    amount: int | None


async def paged(
    ctx: Context,
    args: Paged,
    query: str,
    params: Mapping[str, Any],
    *,
    as_: type[Row],
    show: Callable[[Row], Item],
    at: Callable[[Row], tuple[Any, ...]],
    money: tuple[str, str] = ("0", "null::text"),
) -> Page[Item]:
    """A page of a statement that ends at `limit %(limit)s`. `money` is SQL: which of its columns is added up, in which currency."""
    rows = await ctx.sql.rows(query, {**params, "limit": args.limit + 1}, as_=as_)
    total = await _total(ctx, args, query, params, money) if args.counts else None
    return page_of(rows, args.limit, show, at, total)


async def _total(ctx: Context, args: Paged, query: str, params: Mapping[str, Any], money: tuple[str, str]) -> Total:
    """The list itself, counted: what is shown of a row is not worked out, for nobody looks at it."""
    amount, currency = money
    value = f"listed.{CALLED_SO.get(args.apart, args.apart)}::text" if args.apart else "null::text"
    counted = await ctx.sql.rows(
        f"""
        select {value} as value, {currency} as currency, count(*) as rows, sum({amount})::bigint as amount from ({query}) listed
        group by 1, 2 order by 4 desc, 2
        """,
        {**params, "limit": MOST_COUNTED + 1},
        as_=_Counted,
    )
    whole = total_of(sum(row.rows for row in counted), _sums(counted))
    return whole.model_copy(update={"groups": _groups(counted) if args.apart and not whole.more else []})


def _sums(counted: Sequence[_Counted]) -> list[Money]:
    """What they come to in each currency, the most first."""
    found = Counter[str]()
    for row in counted:
        if row.currency and row.amount is not None:
            found[row.currency] += row.amount
    return [Money(amount=amount, currency=currency) for currency, amount in found.most_common()]


def _groups(counted: Sequence[_Counted]) -> list[Group]:
    """Each value with its rows, the most first."""
    by: dict[str | None, list[_Counted]] = {}
    for row in counted:
        by.setdefault(row.value, []).append(row)
    groups = [Group(value=value, rows=sum(row.rows for row in rows), sums=_sums(rows)) for value, rows in by.items()]
    return sorted(groups, key=lambda group: (-group.rows, group.value or ""))


def total_of(rows: int, sums: Sequence[Money] = ()) -> Total:
    """What is said of so many: beyond the most that are counted there is no sum, for it would be one of some."""
    more = rows > MOST_COUNTED
    return Total(rows=MOST_COUNTED if more else rows, more=more, sums=[] if more else list(sums))
