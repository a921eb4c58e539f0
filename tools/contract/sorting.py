"""By what a list is sorted: a column that is never null, with the id beside it, so that a page is read from its place on."""

from typing import Any, NamedTuple
from uuid import UUID

from tools.contract.page import place

# Words for what comes first, for `Synonyms` of a list's `sort`.
NEWEST = ("latest", "most recent", "last")
OLDEST = ("longest waiting", "longest open", "longest ago")
HIGHEST = ("biggest", "largest", "highest", "highest amount", "by amount", "most expensive", "dearest", "top")
LOWEST = ("lowest", "lowest amount", "cheapest", "least")


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
