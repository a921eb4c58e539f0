"""Putting up categories, and moving them in the tree."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.products import Category
from db.text import fold, slug
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import AlreadyTaken, Ambiguous, Conflict, Invalid, NotFound, StaleVersion
from tools.contract.fields import CategoryRef, Name
from tools.rules.lookup import find_category
from tools.rules.told import tell_edits

LEVELS = 6  # of categories below each other


class CategoryTaken(AlreadyTaken):
    """Two categories that stand in the same place have different names, and no two have one web name."""

    hint = "Use the one that is there, or choose another name."


class CategoryInItself(Conflict):
    """A category stands neither in itself nor in one that stands in it."""

    hint = "Move the lower one out first, or choose another place."


class TooDeep(Conflict):
    """Nobody finds what stands too far down."""

    hint = "Choose a place further up."


class EmptyCategoryName(Invalid):
    """A category has a name and a position."""

    hint = "Leave out what shall stay as it is; only `parent` may be null, which is the top."


class CreateCategory(Input):
    """What it is called, and where it stands."""

    name: Name = Field(description="What it is called.")
    parent: CategoryRef | None = Field(
        default=None,
        description="The category above it: `CAT-7`, its slug or its name; unless said, it stands at the top.",
    )
    slug: str | None = Field(
        default=None, max_length=200, pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        description="Its name in web addresses; unless said, made of the names down to it.",
    )  # fmt: skip
    position: int = Field(
        default=0, ge=0, le=1_000_000, description="Its place among its sisters: the lowest comes first."
    )


class CategoryPlaced(Result):
    """A category, where it stands."""

    reference: str = Field(description="Category, such as `CAT-7`.")
    name: str = Field(description="What it is called.")
    slug: str = Field(description="Its name in web addresses.")
    parent: str | None = Field(description="The category above it; null at the top.")
    path: str = Field(description="The names from the top down to it, such as `Kitchen / Mugs`.")
    position: int = Field(description="Its place among its sisters.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


@tool(
    route="POST /products/categories",
    effect=Effect.write,
    permission="products:write",
    raises=[CategoryTaken, TooDeep, NotFound, Ambiguous],
    examples=["Create a category Teapots under Kitchen", "New top category called Outdoor"],
)
async def create_category(ctx: Context, args: CreateCategory) -> CategoryPlaced:
    """Put up a category, at the top or below another one.

    Products come into it with `update_product`.
    """
    parent = await find_category(ctx, args.parent) if args.parent else None
    tree = await _tree(ctx)
    above = path_of(tree, parent.id) if parent else []
    _is_not_too_deep(args.name, len(above) + 1)
    _name_is_free(tree, args.name, parent)
    web_name = args.slug or slug_of(args.name, parent.slug if parent else None, {shelf.slug for shelf in tree.values()})
    if any(shelf.slug == web_name for shelf in tree.values()):
        raise CategoryTaken(f"The web name {web_name} is another category's.")

    category = await ctx.add(
        Category, name=args.name, slug=web_name, parent_id=parent and parent.id, position=args.position
    )
    ctx.event("created", category)
    ctx.tell(f"A category {args.name} is put up {_where(above)}.")
    return _placed(category, [*above, args.name], parent)


class MoveCategory(Input):
    """Which category, and where it stands from now on; what is left out stays."""

    category: CategoryRef = Field(description="Category: `CAT-7`, its slug or its name.")
    parent: CategoryRef | None = Field(
        default=None, description="The category above it: `CAT-7`, its slug or its name; null is the top."
    )
    position: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Its place among its sisters: the lowest comes first."
    )
    name: Name | None = Field(default=None, description="What it is called from now on; its web name stays.")
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")


@tool(
    route="PATCH /products/categories/{category}",
    effect=Effect.write,
    permission="products:write",
    raises=[EmptyCategoryName, CategoryInItself, CategoryTaken, TooDeep, StaleVersion, NotFound, Ambiguous],
    examples=["Move Teapots below Kitchen", "Rename the category Deco to Decoration"],
)
async def move_category(ctx: Context, args: MoveCategory) -> CategoryPlaced:
    """Move a category with all below it to another place, or rename it.

    Its products stay in it, and its web name stays, so that links go on. To move a product, use `update_product`.
    """
    if any(name in args.model_fields_set and getattr(args, name) is None for name in ("name", "position")):
        raise EmptyCategoryName("A category cannot be without a name or a position.")
    named = await find_category(ctx, args.category)
    parent = await find_category(ctx, args.parent) if args.parent else None
    tree = await _tree(ctx)
    category = await ctx.find(Category, named.reference, for_update=True)
    was_below, moves = category.parent_id, "parent" in args.model_fields_set
    below = (parent and parent.id) if moves else was_below
    above = path_of(tree, below) if below else []
    if below and category.id in _line(tree, below):
        raise CategoryInItself(f"{category.name} ({category.reference}) cannot stand in {' / '.join(above)}.")
    _is_not_too_deep(category.name, len(above) + _height(tree, category.id))
    name = args.name or category.name
    if below != was_below or fold(name) != fold(category.name):
        _name_is_free(tree, name, tree[below] if below else None)

    whose, before = f"{category.name} ({category.reference})", path_of(tree, was_below) if was_below else []
    given = {"name": args.name, "position": args.position, "parent_id": below}
    if below != was_below:
        ctx.tell(f"{whose} moves with all below it, from {_place(before)} to {_place(above)}.")
    tell_edits(ctx, whose, [("name", category.name, name), ("position", str(category.position), str(
        category.position if args.position is None else args.position))])  # fmt: skip
    if not ctx.sentences:
        ctx.tell(f"{whose} stays as it is.")
    ctx.edit(
        category,
        args.version,
        **{key: value for key, value in given.items() if value is not None or key == "parent_id"},
    )
    ctx.event("moved" if below != was_below else "changed", category)
    return _placed(category, [*above, name], tree[below] if below else None)


# ---- the tree ------------------------------------------------------------------------------------------------------------


class Shelf(NamedTuple):
    id: UUID
    reference: str
    parent_id: UUID | None
    name: str
    slug: str


async def _tree(ctx: Context) -> dict[UUID, Shelf]:
    """All categories, which nobody else moves until the call's end: two moves at once could close a circle."""
    locked = "select id from categories where merchant_id = %(m)s order by id for no key update"
    await ctx.sql.execute(locked, {"m": ctx.merchant.id})
    return await tree_of(ctx)


async def tree_of(ctx: Context) -> dict[UUID, Shelf]:
    """All categories, the oldest first."""
    query = "select id, reference, parent_id, name, slug from categories where merchant_id = %(m)s order by id"
    return {shelf.id: shelf for shelf in await ctx.sql.rows(query, {"m": ctx.merchant.id}, as_=Shelf)}


def _line(tree: Mapping[UUID, Shelf], id_: UUID) -> list[UUID]:
    """A category and those above it, the lowest first."""
    line: list[UUID] = []
    above: UUID | None = id_
    while above is not None:
        line.append(above)
        above = tree[above].parent_id
    return line


def path_of(tree: Mapping[UUID, Shelf], id_: UUID) -> list[str]:
    return [tree[above].name for above in reversed(_line(tree, id_))]


def _height(tree: dict[UUID, Shelf], id_: UUID) -> int:
    """How many levels a category and those below it have."""
    return max(line.index(id_) + 1 for line in (_line(tree, other) for other in tree) if id_ in line)


def _is_not_too_deep(name: str, depth: int) -> None:
    if depth > LEVELS:
        raise TooDeep(f"{name} would reach down to level {depth}; there are {LEVELS}.")


def _name_is_free(tree: dict[UUID, Shelf], name: str, parent: Category | Shelf | None) -> None:
    sisters = (shelf for shelf in tree.values() if shelf.parent_id == (parent and parent.id))
    if same := next((shelf for shelf in sisters if fold(shelf.name) == fold(name)), None):
        where = f"in {parent.name}" if parent else "at the top"
        raise CategoryTaken(f"There is a category {same.name} ({same.reference}) {where} already.")


def slug_of(name: str, parent: str | None, taken: Collection[str]) -> str:
    """`kitchen-mugs`, by the parent's own; with a number where that is taken."""
    own = slug(name) or "category"
    wanted = f"{parent}-{own}" if parent else own
    return next(
        free for free in (wanted, *(f"{wanted}-{nth}" for nth in range(2, len(taken) + 3))) if free not in taken
    )


def _where(above: list[str]) -> str:
    return f"in {' / '.join(above)}" if above else "at the top"


def _place(above: list[str]) -> str:
    return " / ".join(above) or "the top"


def _placed(category: Category, path: list[str], parent: Category | Shelf | None) -> CategoryPlaced:
    return CategoryPlaced(
        reference=category.reference, name=category.name, slug=category.slug, parent=parent.reference if parent else None,
        path=" / ".join(path), position=category.position, version=category.version,
    )  # fmt: skip
