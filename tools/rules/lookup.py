"""What people mean by the name of a thing that several rooms handle: a SKU, a product, a category, a warehouse, a customer."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from db.models.customers import Customer, CustomerStatus
from db.models.products import Category, Product, Variant
from db.models.warehouse import Warehouse
from db.references import Kind
from db.text import fold
from tools.contract.context import Context
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.outside import outside

Named = TypeVar("Named", Variant, Product, Category, Warehouse, Customer)

_TABLES = {"product": "products", "category": "categories", "warehouse": "warehouses"}

# The products that a name fits best, our own references before all others, titles last and of those that are still sold first;
# several of the same rank are ambiguous.
# Parameters: `product_name(ctx, written)`.
PRODUCTS_NAMED = """
select id from (
    select id, 1 as rank from products where merchant_id = %(m)s and reference = %(product)s
    union select product_id, 1 from variants where merchant_id = %(m)s and reference = %(variant)s
    union select id, 2 from products where merchant_id = %(m)s and external_reference = %(written)s
    union select product_id, 2 from variants where merchant_id = %(m)s and sku = %(written)s
    union select product_id, 3 from variants where merchant_id = %(m)s and sku_key = %(key)s
    union select id, case status when 'archived' then 5 else 4 end from products
    where merchant_id = %(m)s and title_key = %(title)s
) named order by rank fetch first row with ties
"""

# A category with all below it. Parameters: `m` and `category`, its id.
WITH_ALL_BELOW = """
with recursive below as (
    select id from categories where merchant_id = %(m)s and id = %(category)s
    union select c.id from categories c join below on c.parent_id = below.id where c.merchant_id = %(m)s
) select id from below
"""


MOST_NAMESAKES = 5  # customers of one name of whom an error tells
MOST_LOOKED_UP = 2_000  # rows that words may fit, and still be looked up before the list is sorted
_CAN_BE_LOOKED_UP = re.compile(r"[^\W_]{3}")  # the index is one of three letters together


class Found(NamedTuple):
    id: UUID


class Near(NamedTuple):
    name: str


async def find_variant(ctx: Context, written: str, *, for_update: bool = False) -> Variant:
    """The variant of a `VAR-7`, else of a SKU as written, a SKU that differs in case, another shop's number, or the title of a
    product that has no other.

    Raises `Ambiguous` with all that fit, or `NotFound` with the nearest SKUs.
    """
    (variant,) = await find_variants(ctx, [written], for_update=for_update)
    return variant


async def find_variants(ctx: Context, written: Sequence[str], *, for_update: bool = False) -> list[Variant]:
    """The same for many names at once, in their order."""
    names = [name.strip() for name in written]
    query = select(Variant).where(
        Variant.merchant_id == ctx.merchant.id,
        or_(
            Variant.sku.in_(names),
            Variant.sku_key.in_([name.casefold() for name in names]),
            Variant.reference.in_([Kind.variant.canonical(name) for name in names]),
            Variant.external_reference.in_(names),
        ),
    )
    found = await _rows(ctx, query.order_by(Variant.id), for_update)
    return [await _variant_named(ctx, name, found, for_update) for name in names]


async def _variant_named(ctx: Context, name: str, found: list[Variant], for_update: bool) -> Variant:
    key, reference = name.casefold(), Kind.variant.canonical(name)
    meant = _first(
        [variant for variant in found if variant.reference == reference],
        [variant for variant in found if variant.sku == name],
        [variant for variant in found if variant.sku_key == key],
        [variant for variant in found if variant.external_reference == name],
    )
    if not meant:
        titled = select(Product.id).where(Product.merchant_id == ctx.merchant.id, Product.title_key == fold(name))
        query = select(Variant).where(Variant.merchant_id == ctx.merchant.id, Variant.product_id.in_(titled))
        meant = await _rows(ctx, query.where(Variant.archived_at.is_(None)).order_by(Variant.id), for_update)
    if not meant:
        raise await no_variant(ctx, name)
    return _only(ctx, Kind.variant, meant, name, [f"{variant.sku} ({variant.reference})" for variant in meant])


async def no_variant(ctx: Context, written: str) -> NotFound:
    """The error for a SKU that nothing has, with the nearest that something has."""
    query = """
        select sku as name from variants where merchant_id = %(m)s
        order by greatest(similarity(sku_key, %(key)s), similarity(reference, %(key)s)) desc, id limit 3
    """
    near = await ctx.sql.rows(query, {"m": ctx.merchant.id, "key": written.strip().casefold()}, as_=Near)
    return _none("variant", written, [row.name for row in near])


def product_name(ctx: Context, written: str) -> dict[str, Any]:
    """The parameters of `PRODUCTS_NAMED`."""
    name = written.strip()
    return {
        "m": ctx.merchant.id, "written": name, "key": name.casefold(), "title": fold(name),
        "product": Kind.product.canonical(name), "variant": Kind.variant.canonical(name),
    }  # fmt: skip


async def find_product(ctx: Context, written: str, *, for_update: bool = False) -> Product:
    """The product of a `PRD-7`, another shop's number, a SKU of one of its variants, or its title, whatever the case and accents.

    Raises `Ambiguous` or `NotFound`.
    """
    ids = [row.id for row in await ctx.sql.rows(PRODUCTS_NAMED, product_name(ctx, written), as_=Found)]
    if not ids:
        raise await no_product(ctx, written)
    query = select(Product).where(Product.merchant_id == ctx.merchant.id, Product.id.in_(ids))
    found = await _rows(ctx, query, for_update)
    return _only(ctx, Kind.product, found, written, [f"{product.title} ({product.reference})" for product in found])


async def products_like(ctx: Context, written: str) -> list[UUID]:
    """The product of a reference or SKU, else all whose titles have the words: those that "the mugs" means. Raises `NotFound`."""
    found = await ctx.sql.rows(PRODUCTS_NAMED, product_name(ctx, written), as_=Found)
    if not found:
        titled = """
            select id from products where merchant_id = %(m)s and search like all(%(words)s::text[])
              and unaccent(lower(title)) like all(%(words)s::text[])
        """
        found = await ctx.sql.rows(titled, {"m": ctx.merchant.id, "words": containing(written)}, as_=Found)
    if not found:
        raise await no_product(ctx, written)
    return [row.id for row in found]


async def no_product(ctx: Context, written: str) -> NotFound:
    """The error for a product that nobody knows, with those whose titles are nearest."""
    return await _nowhere(ctx, "product", "title", written)


async def find_category(ctx: Context, written: str) -> Category:
    """The category of a `CAT-7`, its slug or its name, whatever the case and accents. Raises `Ambiguous` or `NotFound`."""
    name, reference = written.strip(), Kind.category.canonical(written)
    query = select(Category).where(
        Category.merchant_id == ctx.merchant.id,
        or_(
            Category.reference == reference,
            Category.slug == name,
            Category.external_reference == name,
            _alike(Category.name, name),
        ),
    )
    found = await _rows(ctx, query)
    meant = _first([category for category in found if name in (category.slug, category.name)], found)
    meant = _first([category for category in found if category.reference == reference], meant)
    if not meant:
        raise await _nowhere(ctx, "category", "name", written)
    return _only(ctx, Kind.category, meant, written, [f"{category.name} ({category.reference})" for category in meant])


async def find_warehouse(ctx: Context, written: str) -> Warehouse:
    """The warehouse of a `WH-1`, its code or its name, whatever the case and accents. Raises `Ambiguous` or `NotFound`."""
    name, reference = written.strip(), Kind.warehouse.canonical(written)
    query = select(Warehouse).where(
        Warehouse.merchant_id == ctx.merchant.id,
        or_(
            Warehouse.reference == reference,
            Warehouse.external_reference == name,
            _alike(Warehouse.code, name),
            _alike(Warehouse.name, name),
        ),
    )
    found = await _rows(ctx, query)
    meant = _first([place for place in found if name == place.code], found)
    meant = _first([place for place in found if place.reference == reference], meant)
    if not meant:
        raise await _nowhere(ctx, "warehouse", "name", written)
    return _only(ctx, Kind.warehouse, meant, written, [f"{place.name} ({place.reference})" for place in meant])


async def find_customer(ctx: Context, written: str, *, for_update: bool = False, by_name: bool = True) -> Customer:
    """The customer of a `CUS-7`, another shop's number, or an e-mail address; after a merge, who they are now.

    Whom only a name says is found to be read, never `for_update`: another of that name may come. Raises `Ambiguous` or `NotFound`.
    """
    name, reference = written.strip(), Kind.customer.canonical(written)
    query = select(Customer).where(
        Customer.merchant_id == ctx.merchant.id,
        or_(
            Customer.reference == reference,
            Customer.external_reference == name,
            Customer.email_key == name.casefold(),
        ),
    )
    found = await _rows(ctx, query, for_update)
    meant = _first([customer for customer in found if customer.reference == reference], found)
    if not meant and by_name and not for_update:
        called = select(Customer).where(Customer.merchant_id == ctx.merchant.id, Customer.name_key == fold(name))
        gone = (CustomerStatus.merged, CustomerStatus.erased)
        meant = await _rows(ctx, called.where(Customer.status.not_in(gone)).order_by(Customer.id).limit(MOST_NAMESAKES))
    if not meant and "@" in name:
        raise NotFound(f"There is no customer with the e-mail {name}.", hint="Search by name with list_customers.")
    if not meant:
        raise await ctx.not_found(Kind.customer, written)
    named = [f"{outside(customer.name)} ({customer.reference})" for customer in meant]
    customer = _only(ctx, Kind.customer, meant, written, named)
    while customer.merged_into_id is not None:  # more than once where others are merged in this very moment
        survivor = Customer.id == customer.merged_into_id
        (customer,) = await _rows(
            ctx, select(Customer).where(Customer.merchant_id == ctx.merchant.id, survivor), for_update
        )
        ctx.means(Kind.customer, written, customer.reference)
    return customer


def containing(text: str) -> list[str]:
    """LIKE patterns for `like all(...)`: one for each word of a text, folded, whatever signs are in it."""
    escaped = fold(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [f"%{word}%" for word in escaped.split()]


# Of prices `r` those that hold now for everybody who buys one; the latest counts. Parameter: `now`.
HOLDS_NOW = """r.merchant_id = %(m)s and r.customer_group is null and r.min_quantity = 1
      and r.valid_from <= %(now)s and (r.valid_until is null or r.valid_until > %(now)s)"""


class Way(NamedTuple):
    """A condition on the rows of a list, and what finds the rows that it fits.

    `search` is SQL: `select id from {search} as id` gives their ids, and where too many fit, as many as the parameter `most` says.
    None: nothing finds them, and the condition is looked at row by row.
    """

    search: str | None
    fits: str


def can_be_looked_up(text: str) -> bool:
    return _CAN_BE_LOOKED_UP.search(text) is not None


def by_words(search: str, fits: str, text: str) -> Way:
    """The way to the rows that words fit: too short ones are in no index."""
    return Way(search if can_be_looked_up(text) else None, fits)


def quickest(page: str, id_: str, ways: Sequence[Way]) -> tuple[str, str]:
    """A list's `{words}` condition, whichever way is quickest: the WITH of the statement, and its page.

    What fits few rows is looked up, before the sort: by the first of the ways that finds few. Where each finds many, the page is
    looked for along the sort, by all that they fit, and ends there. Only one of these runs. Parameter: `most`.
    """
    found, pages, tried = list[str](), list[str](), list[str]()
    for number, way in enumerate(ways):
        if way.search is None:
            continue
        fresh = " and ".join(tried) or "true"
        found.append(
            f"found{number} as materialized (select id from {way.search} as id where {fresh}), "
            f"few{number} as (select {fresh} and count(*) < %(most)s as yes from found{number})"
        )
        looked_up = f"{id_} in (select id from found{number}) and (select yes from few{number})"
        pages.append(
            page.format(words=" and ".join([looked_up, *(_fits(other) for other in ways if other is not way)]))
        )
        tried.append(f"not (select yes from few{number})")
    pages.append(page.format(words=" and ".join([*map(_fits, ways), *tried]) or "true"))
    return f"with {', '.join(found)}" if found else "", " union all ".join(f"({one})" for one in pages)


def _fits(way: Way) -> str:
    """The condition as one of which the planner assumes that half fit: it would take LIKE, or a value unknown to it, to be rare."""
    return f"coalesce({way.fits}, false)"


async def _rows(ctx: Context, query: Select[Named], for_update: bool = False) -> list[Named]:
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list((await ctx.db.scalars(query)).all())


def _alike(column: Any, name: str) -> Any:
    return func.unaccent(func.lower(column)) == func.unaccent(func.lower(name))


def _first(*readings: list[Named]) -> list[Named]:
    """The first reading that anything fits."""
    fitting = [reading for reading in readings if reading]
    return fitting[0] if fitting else []


def _only(ctx: Context, kind: Kind, meant: list[Named], written: str, named: Sequence[str]) -> Named:
    if len(meant) > 1:
        raise Ambiguous(f"{written} fits {', '.join(named)}.")
    ctx.means(kind, written, meant[0].reference)
    return meant[0]


async def _nowhere(ctx: Context, word: str, named: str, written: str) -> NotFound:
    query = f"""
        select {named} || ' (' || reference || ')' as name from {_TABLES[word]} where merchant_id = %(m)s
        order by greatest(similarity(lower({named}), lower(%(w)s)), similarity(lower(reference), lower(%(w)s))) desc, id limit 3
    """
    near = await ctx.sql.rows(query, {"m": ctx.merchant.id, "w": written.strip()}, as_=Near)
    return _none(word, written, [row.name for row in near])


def _none(word: str, written: str, nearest: list[str]) -> NotFound:
    hint = f"The nearest are {', '.join(nearest)}." if nearest else f"This shop has no {word} yet."
    return NotFound(f"There is no {word} {written}.", hint=hint, nearest=nearest)
