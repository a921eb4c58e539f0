"""Changing products, and taking them out of the catalogue."""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from sqlalchemy import select

from db.models.orders import OrderStatus
from db.models.products import Category, Product, ProductStatus, Variant, search_text
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, IllegalMove, Invalid, NotFound, StaleVersion
from tools.contract.fields import CategoryRef, Name, ProductRef, Synonyms, Written
from tools.products.attributes import Attribute, AttributeNotOfType, of_their_types
from tools.products.creation import Prose, UnknownTaxClass, tax_class_exists
from tools.products.detail import Medium, ProductDetail, read_product
from tools.rules.lookup import find_category, find_product
from tools.rules.tags import retagged
from tools.rules.told import tell_edits


class EmptyProductField(Invalid):
    """What every product has cannot be empty."""

    hint = "Leave out what shall stay as it is; only brand and category may be null."


class OpenOrdersNeedIt(Conflict):
    """What customers have bought and not got yet stays in the catalogue."""

    hint = "Ship or cancel these orders first, or only stop selling it: `stop_selling_only`."


class SaleStatus(StrEnum):
    """What `update_product` can make of a product; `archive_product` does the rest."""

    draft = "draft"
    active = "active"
    inactive = "inactive"
    discontinued = "discontinued"


ON_THE_SITE = ("on the site", "on the website", "on the shop")
OFF_THE_SITE = (
    "off the site", "off the website", "off the shop", "of the site", "of the shop", "from the site", "from the website",
)  # fmt: skip
SALE_WORDS = Synonyms({
    "draft": ("unfinished", "back to draft"),
    "active": ("publish", "online", "live", "on sale", "for sale", "activate", *ON_THE_SITE),
    "inactive": ("unpublish", "offline", "hide", "off sale", "not for sale", "pause", "deactivate", *OFF_THE_SITE),
    "discontinued": ("phase out", "sell off", "while stocks last", "discontinue"),
})  # fmt: skip
MAY_BE_EMPTY = ("brand", "category")
_NOT_A_COLUMN = {"product", "version", "status", "category", "attributes", "tags_add", "tags_remove"}


class UpdateProduct(Input):
    """Which product, and what of it changes; what is left out stays."""

    product: ProductRef = Field(description="Product: `PRD-7`, a SKU of one of its variants, or its title.")
    title: Name | None = Field(default=None, description="What it is called.")
    description: Prose | None = Field(default=None, description="What the shop says of it.")
    brand: Name | None = Field(default=None, description="Whose make it is; null takes it away.")
    category: CategoryRef | None = Field(
        default=None, description="Category: `CAT-7`, its slug or its name; null takes it away."
    )
    status: Annotated[SaleStatus, SALE_WORDS] | None = Field(default=None, description="Whether it is sold.")
    tags: list[Written] | None = Field(default=None, max_length=100, description="All its tags from now on.")
    tags_add: list[Written] = Field(default=[], max_length=100, description="Tags to add to those that there are.")
    tags_remove: list[Written] = Field(
        default=[], max_length=100, description="Tags to take away, whatever the case; the others stay."
    )
    attributes: dict[Written, Attribute | None] | None = Field(
        default=None, max_length=100, description='Attributes to set, null takes one away: `{"material": "oak"}`.'
    )
    tax_class: Written | None = Field(default=None, description="Which of the shop's tax rates apply.")
    media: list[Medium] | None = Field(default=None, max_length=100, description="All its pictures from now on.")
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")


@tool(
    route="PATCH /products/{product}",
    effect=Effect.write,
    permission="products:write",
    raises=[EmptyProductField, UnknownTaxClass, AttributeNotOfType, IllegalMove, StaleVersion, NotFound, Ambiguous],
    examples=["Rename PRD-1012 to Oak serving tray", "Take MUG-BLUE offline for now"],
    version_required=True,
)
async def update_product(ctx: Context, args: UpdateProduct) -> ProductDetail:
    """Change a product's title, text, brand, category, tags, attributes or status.

    Fields that are left out stay. To take it out for good, use `archive_product`; orders keep the names that they had.
    """
    given = args.model_dump(exclude_unset=True, exclude=_NOT_A_COLUMN)
    empty = sorted(n for n in args.model_fields_set - {"version"} if getattr(args, n) is None and n not in MAY_BE_EMPTY)
    if empty:
        raise EmptyProductField(f"{', '.join(empty)} of a product cannot be empty.")
    if args.tax_class is not None:
        await tax_class_exists(ctx, args.tax_class)
    category = await find_category(ctx, args.category) if args.category else None
    if "category" in args.model_fields_set:
        given["category_id"] = category.id if category else None

    product = await find_product(ctx, args.product, for_update=True)
    if args.attributes is not None:
        merged: dict[str, Any] = {**product.attributes, **await of_their_types(ctx, args.attributes)}
        given["attributes"] = {name: value for name, value in merged.items() if value is not None}
    if args.tags_add or args.tags_remove:
        given["tags"] = retagged(given.get("tags", product.tags), args.tags_add, args.tags_remove)
    await _tell(ctx, product, args, given, category)
    ctx.edit(product, args.version, **given)
    if {"title", "brand", "tags"} & given.keys():
        product.search = search_text(product.title, product.brand, product.tags, await _skus_of(ctx, product))
    if args.status is not None and args.status.value != product.status.value:
        ctx.move(product, ProductStatus(args.status))
    if given:
        ctx.event("changed", product, fields=sorted(given))

    await ctx.sql.flush()
    return await read_product(ctx, product.reference)


_BECOMES = {
    SaleStatus.draft: "is a draft again, and not on sale",
    SaleStatus.active: "is on sale from now on",
    SaleStatus.inactive: "is not on sale any more",
    SaleStatus.discontinued: "is sold only while it lasts",
}


_WAS = {
    ProductStatus.draft: "a draft",
    ProductStatus.active: "on sale",
    ProductStatus.inactive: "not on sale",
    ProductStatus.discontinued: "sold while it lasts",
    ProductStatus.archived: "archived",
}


async def _tell(
    ctx: Context, product: Product, args: UpdateProduct, given: dict[str, Any], category: Category | None
) -> None:
    whose, told = f"{product.title} ({product.reference})", len(ctx.sentences)
    if given.get("title", product.title) != product.title:
        ctx.tell(f"{whose} is called “{args.title}” from now on.")
    if args.status is not None and args.status.value != product.status.value:
        ctx.tell(f"{whose} {_BECOMES[args.status]} (until now: {_WAS[product.status]}).")
    edits = [(words.word(name), _worded(getattr(product, name)), _worded(given[name])) for name in _TOLD & given.keys()]
    if given.get("category_id", product.category_id) != product.category_id:
        before = await ctx.db.get(Category, (ctx.merchant.id, product.category_id)) if product.category_id else None
        edits.append(("category", before.name if before else None, category.name if category else None))
    tell_edits(ctx, whose, sorted(edits, key=lambda edit: edit[0]))
    if given.get("media", product.media) != product.media:
        ctx.tell(f"{whose} has {words.count(len(given['media']), 'picture')} from now on; it had {len(product.media)}.")
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose} stays as it is.")


_TOLD = {"description", "brand", "tags", "attributes", "tax_class"}


def _worded(value: str | list[str] | dict[str, Attribute] | None) -> str | None:
    """A field of a product, as a sentence has it."""
    if not value:
        return None
    if isinstance(value, str):
        return words.quoted(value)
    return words.listed(value if isinstance(value, list) else (f"{name} {part}" for name, part in value.items()))


async def _skus_of(ctx: Context, product: Product) -> list[str]:
    query = select(Variant.sku).where(Variant.merchant_id == ctx.merchant.id, Variant.product_id == product.id)
    return list((await ctx.db.scalars(query.order_by(Variant.position, Variant.id))).all())


class ArchiveProduct(Input):
    """Which product, and how far."""

    product: ProductRef = Field(description="Product: `PRD-7`, a SKU of one of its variants, or its title.")
    stop_selling_only: bool = Field(
        default=False, description="True only stops selling it, so that open orders can still be shipped."
    )
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")


class ArchivedProduct(Result):
    """A product that is no longer sold."""

    reference: str = Field(description="Product, such as `PRD-7`.")
    title: str = Field(description="What it is called.")
    status: ProductStatus = Field(description="archived, or inactive where selling was only stopped.")
    units_left: int = Field(description="Units of it that still lie in the warehouses.")
    open_orders: list[str] = Field(description="Orders that still need units of it.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class _Need(NamedTuple):
    reference: str
    units: int


class _Left(NamedTuple):
    units: int


_NEEDED = """
select o.reference, sum(l.quantity - l.cancelled - l.fulfilled) as units
from order_lines l join orders o on o.merchant_id = l.merchant_id and o.id = l.order_id
where l.merchant_id = %(m)s and l.product_id = %(product)s and o.status = any(%(open)s)
  and l.fulfilled < l.quantity - l.cancelled
group by o.reference, o.placed_at order by o.placed_at
"""
_LEFT = """
select coalesce(sum(s.on_hand), 0)::bigint as units
from stock_levels s join variants v on v.merchant_id = s.merchant_id and v.id = s.variant_id
where s.merchant_id = %(m)s and v.product_id = %(product)s
"""


@tool(
    route="DELETE /products/{product}",
    effect=Effect.goods,
    permission="products:write",
    raises=[OpenOrdersNeedIt, IllegalMove, StaleVersion, NotFound, Ambiguous],
    examples=["Archive PRD-1031, we no longer make it", "Stop selling TSHIRT-BLACK-M but keep the open orders"],
)
async def archive_product(ctx: Context, args: ArchiveProduct) -> ArchivedProduct:
    """Take a product out of the catalogue for good, keeping its history.

    It is refused while open orders need units of it; `stop_selling_only` then makes it inactive. Nothing is deleted:
    `update_product` can make an archived product a draft again, and an inactive one active.
    """
    product = await find_product(ctx, args.product, for_update=True)
    params = {"m": ctx.merchant.id, "product": product.id, "open": [OrderStatus.pending, OrderStatus.confirmed]}
    needed = await ctx.sql.rows(_NEEDED, params, as_=_Need)
    if needed and not args.stop_selling_only:
        raise _still_needed(product, needed)
    (left,) = await ctx.sql.rows(_LEFT, params, as_=_Left)

    ctx.edit(product, args.version)
    ctx.move(product, ProductStatus.inactive if args.stop_selling_only else ProductStatus.archived)
    named = f"{product.title} ({product.reference})"
    stops = "is not on sale any more" if args.stop_selling_only else "leaves the catalogue, and is not sold any more"
    ctx.tell(f"{named} {stops}.")
    if left.units:
        ctx.tell(
            f"{words.count(left.units, 'unit')} of it still {'lies' if left.units == 1 else 'lie'} in the warehouses."
        )
    if needed:
        get = "order still gets" if len(needed) == 1 else "orders still get"
        ctx.tell(f"{len(needed)} open {get} theirs: {words.listed(order.reference for order in needed)}.")
    return ArchivedProduct(
        reference=product.reference, title=product.title, status=product.status, units_left=left.units,
        open_orders=[order.reference for order in needed], version=product.version,
    )  # fmt: skip


def _still_needed(product: Product, needed: list[_Need]) -> OpenOrdersNeedIt:
    units, orders = sum(order.units for order in needed), len(needed)
    return OpenOrdersNeedIt(
        f"{orders} open {'order needs' if orders == 1 else 'orders need'} {units} more "
        f"{'unit' if units == 1 else 'units'} of {product.title} ({product.reference}): {_some(needed)}.",
        orders=[order.reference for order in needed],
        units=units,
    )


def _some(needed: list[_Need]) -> str:
    """Ten orders by name, and how many more."""
    more = f" and {len(needed) - 10} more" if len(needed) > 10 else ""
    return ", ".join(order.reference for order in needed[:10]) + more
