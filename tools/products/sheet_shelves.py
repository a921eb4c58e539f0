"""The categories by their paths (`Kitchen > Mugs`), and those that a sheet names and the shop lacks."""

from typing import NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.products import Category
from db.text import fold
from tools.contract.context import Context

_PATHS = """
with recursive tree as (
    select id, slug, array[name] as path from categories where merchant_id = %(m)s and parent_id is null
    union all
    select c.id, c.slug, t.path || c.name from categories c join tree t on c.parent_id = t.id where c.merchant_id = %(m)s
)
select id, slug, path from tree order by id
"""


class _Shelf(NamedTuple):
    id: UUID
    slug: str
    path: list[str]


class New(NamedTuple):
    """A category that has to be made, after the ones above it."""

    id: UUID
    parent: UUID | None
    name: str
    slug: str


Path = tuple[str, ...]


class Shelves:
    """The tree, as an import finds it and goes on building it."""

    def __init__(self, shelves: list[_Shelf]) -> None:
        self._paths = {shelf.id: _key(shelf.path) for shelf in shelves}
        self._by_path: dict[Path, UUID] = {}
        for shelf in shelves:
            self._by_path.setdefault(_key(shelf.path), shelf.id)
        self._slugs = {shelf.slug for shelf in shelves}
        self.new: list[New] = []
        self.made = 0

    @classmethod
    async def of(cls, ctx: Context) -> "Shelves":
        return cls(await ctx.sql.rows(_PATHS, {"m": ctx.merchant.id}, as_=_Shelf))

    def place(self, path: list[str], now: UUID | None) -> UUID | None:
        """The category of a path, a new one where there is none. Of two of one path, the one in which the product stands stays."""
        if not path:
            return None
        if now is not None and self._paths.get(now) == _key(path):
            return now
        parent: UUID | None = None
        for depth in range(1, len(path) + 1):
            key = _key(path[:depth])
            parent = self._by_path.get(key) or self._add(key, path[depth - 1], parent)
        return parent

    def _add(self, key: Path, name: str, parent: UUID | None) -> UUID:
        slug = "-".join(fold(part).replace(" ", "-") for part in key[-1:])
        while slug in self._slugs:
            slug += "-2"
        self._slugs.add(slug)
        added = New(new_id(), parent, name, slug)
        self._by_path[key] = added.id
        self._paths[added.id] = key
        self.new.append(added)
        self.made += 1
        return added.id

    async def write(self, ctx: Context, references: list[str]) -> None:
        """Make those that were added since the last time."""
        for shelf, reference in zip(self.new, references, strict=True):
            ctx.new(
                Category,
                id=shelf.id,
                reference=reference,
                parent_id=shelf.parent,
                name=shelf.name,
                slug=shelf.slug,
                position=0,
            )
            await ctx.sql.flush()
        self.new.clear()


def _key(path: list[str]) -> Path:
    return tuple(fold(name) for name in path)
