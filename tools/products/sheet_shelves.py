"""The categories by their paths (`Kitchen > Mugs`), and those that a sheet names and the shop lacks."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.products import Category
from db.text import fold
from tools.contract.context import Context
from tools.products.shelves import Shelf, path_of, slug_of, tree_of


class New(NamedTuple):
    """A category that has to be made, after the ones above it."""

    id: UUID
    parent: UUID | None
    name: str
    slug: str


Path = tuple[str, ...]


class Shelves:
    """The tree, as an import finds it and goes on building it."""

    def __init__(self, tree: Mapping[UUID, Shelf]) -> None:
        self._paths = {id_: _key(path_of(tree, id_)) for id_ in tree}
        self._by_path: dict[Path, UUID] = {}
        for id_, path in self._paths.items():
            self._by_path.setdefault(path, id_)
        self._slugs = {id_: shelf.slug for id_, shelf in tree.items()}
        self.new: list[New] = []
        self.made = 0

    @classmethod
    async def of(cls, ctx: Context) -> "Shelves":
        return cls(await tree_of(ctx))

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
        slug = slug_of(name, self._slugs[parent] if parent else None, self._slugs.values())
        added = New(new_id(), parent, name, slug)
        self._slugs[added.id] = slug
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
