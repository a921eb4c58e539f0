"""By what a list is sorted: a column that is never null, with the id beside it, so that a page is read from its place on."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from tools.contract.context import Context
from tools.contract.page import Item, Page, Paged, paged, place

Row = TypeVar("Row")
Asked = dict[str, tuple[str, Any]]  # the conditions of a list, each with the name and the value of its parameter

# Words for what comes first, for `Synonyms` of a list's `sort`.
NEWEST = ("latest", "most recent", "last")
OLDEST = ("longest waiting", "longest open", "longest ago")
HIGHEST = (
    "biggest", "largest", "highest", "highest amount", "by amount", "by value", "by total", "by sum", "most expensive", "dearest",
    "top",
)  # fmt: skip
LOWEST = ("lowest", "lowest amount", "lowest total", "cheapest", "least")


class By(NamedTuple):
    """A column with its type, and the id beside it; the highest first, unless it ascends. A row has both, as `place` and `id`."""

    column: str
    kind: type[Any]
    id: str
    descending: bool = True

    @property
    def direction(self) -> str:
        return "desc" if self.descending else "asc"

    @property
    def order(self) -> str:
        return f"{self.column} {self.direction}, {self.id} {self.direction}"

    def since(self, after: str | None) -> tuple[list[str], dict[str, Any]]:
        """The condition on what follows a cursor, and its parameters. Raises `Invalid` for the cursor of another list or sort."""
        found = place(after, self.kind, UUID)
        if found is None:
            return [], {}
        beyond = f"({self.column}, {self.id}) {'<' if self.descending else '>'} (%(place)s, %(place_id)s)"
        return [beyond], {"place": found[0], "place_id": found[1]}


def at(row: Any) -> tuple[Any, UUID]:
    """Where a row stands in the list that it is of."""
    return row.place, row.id


def within(args: Paged, periods: Mapping[str, str]) -> Asked:
    """The conditions of those periods that are asked for: `{"due_from": "d.due_by >= %(due_from)s"}`."""
    given = {name: getattr(args, name) for name in periods}
    return {periods[name]: (name, value) for name, value in given.items() if value is not None}


async def sorted_page(
    ctx: Context,
    args: Paged,
    query: str,
    by: By,
    conditions: Iterable[str],
    params: Mapping[str, Any],
    *,
    as_: type[Row],
    show: Callable[[Row], Item],
    money: tuple[str, str] = ("0", "null::text"),
) -> Page[Item]:
    """A page of a statement with places for what it is sorted `{by}`, the `{filters}` and the `{order}`; see `paged`."""
    beyond, since = by.since(args.after)
    filters = "".join(f" and {condition}" for condition in (*conditions, *beyond) if condition)
    whole = query.format(by=by.column, order=by.order, filters=filters)
    return await paged(
        ctx, args, whole, {"m": ctx.merchant.id, **params, **since}, as_=as_, show=show, at=at, money=money
    )
