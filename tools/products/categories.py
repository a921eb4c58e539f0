"""The shelves of the shop."""

from typing import NamedTuple

from pydantic import Field

from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import find_category


class ListCategories(Paged):
    """Which part of the tree."""

    below: CategoryRef | None = Field(
        default=None, description="Only this category and those below it: `CAT-7`, its slug or its name."
    )


class CategorySummary(Result):
    """A category, at its place in the tree."""

    reference: str = Field(description="Category, such as `CAT-7`.")
    name: str = Field(description="What it is called.")
    slug: str = Field(description="Its name in web addresses.")
    parent: str | None = Field(description="The category above it; null at the top.")
    depth: int = Field(description="How far below the top of this list it stands: 0, 1, 2 and so on.")
    path: str = Field(description="The names from the top down to it, such as `Kitchen / Mugs`.")
    products: int = Field(description="Products that stand in it itself, archived ones not counted.")
    products_below: int = Field(description="Products in it and in all below it.")
    version: int = Field(description="Grows with each change.")


class Shelf(NamedTuple):
    reference: str
    name: str
    slug: str
    parent: str | None
    depth: int
    path: str
    products: int
    products_below: int
    version: int
    place: str


# `place` orders the tree as people read it: each category before those below it, sisters by position, then by name. As text,
# for the cursor, its parts stand apart by U+001F.
_TREE = """
with recursive sisters as (
    select c.*, to_char(c.position, 'FM0000000000') || lower(c.name) || ' ' || c.id as nth
    from categories c where c.merchant_id = %(m)s
), tree as (
    select s.*, 0 as depth, s.name as path, array[s.nth] as place, null as parent
    from sisters s where case when %(below)s::uuid is null then s.parent_id is null else s.id = %(below)s end
    union all
    select s.*, t.depth + 1, t.path || ' / ' || s.name, t.place || s.nth, t.reference
    from sisters s join tree t on s.parent_id = t.id
), counted as (
    select category_id as id, count(*) as products from products
    where merchant_id = %(m)s and status <> 'archived' and category_id is not null group by category_id
)
select t.reference, t.name, t.slug, coalesce(t.parent, u.reference) as parent, t.depth, t.path, t.version,
       array_to_string(t.place, chr(31)) as place,
       coalesce(k.products, 0) as products,
       (select coalesce(sum(k.products), 0)::bigint from tree b join counted k on k.id = b.id
        where b.place[1:t.depth + 1] = t.place) as products_below
from tree t
left join counted k on k.id = t.id
left join categories u on u.merchant_id = %(m)s and u.id = t.parent_id
where %(after)s::text is null or t.place > string_to_array(%(after)s, chr(31))
order by t.place limit %(limit)s
"""


@tool(
    route="GET /products/categories",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["Show me the category tree", "How many products stand in Garden and below?"],
)
async def list_categories(ctx: Context, args: ListCategories) -> Page[CategorySummary]:
    """List the categories as a tree, with how many products each holds.

    Each category comes before those below it; `depth` and `path` say where it stands.
    """
    top = await find_category(ctx, args.below) if args.below else None
    after = place(args.after, str)
    params = {"m": ctx.merchant.id, "below": top and top.id, "after": after and after[0]}
    return await paged(
        ctx,
        args,
        _TREE,
        params,
        as_=Shelf,
        show=lambda row: CategorySummary.model_validate(row._asdict()),
        at=lambda row: (row.place,),
    )
