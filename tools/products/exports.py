"""Exporting products as a sheet, in the columns in which they are imported."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.products import ProductStatus
from db.money import exponent
from db.session import Transaction
from db.text import slug
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef
from tools.contract.files import FileResult, Piece
from tools.products.attributes import as_text
from tools.products.importing import HANDLE
from tools.products.listing import STATUS_WORDS
from tools.products.sheet import (
    ATTRIBUTES,
    COLUMNS,
    MOST_OPTIONS,
    NO_CHOICE,
    WRITTEN_OPTIONS,
    as_listed,
    metafield_of,
    shown_status,
)
from tools.rules.lookup import HOLDS_NOW, WITH_ALL_BELOW, find_category
from tools.rules.spreadsheets import row_of

AT_ONCE = 200  # products of a piece


class ExportProducts(Input):
    """Which products."""

    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    status: Annotated[ProductStatus, STATUS_WORDS] | None = Field(
        default=None, description="Status; unless said, all but the archived ones."
    )


class _Attribute(NamedTuple):
    name: str


# What is known of any of them, each in a column of its own.
_ATTRIBUTES = """
select distinct name from products p, jsonb_object_keys(p.attributes) as name
where p.merchant_id = %(m)s and {conditions} and name <> all(%(columns)s) order by name
"""


class _Product(NamedTuple):
    id: UUID
    reference: str
    handle: str | None
    status: ProductStatus
    title: str
    description: str
    brand: str | None
    path: list[str] | None
    tags: list[str]
    attributes: dict[str, Any]
    options: list[dict[str, Any]]
    media: list[dict[str, str]]
    variants: list[dict[str, Any]]


# A variant is taxed unless its class, or its product's, has nothing but rates of 0. What is counted lies in active warehouses.
_PIECE = f"""
with recursive tree as (
    select id, array[name] as path from categories where merchant_id = %(m)s and parent_id is null
    union all
    select c.id, t.path || c.name from categories c join tree t on c.parent_id = t.id where c.merchant_id = %(m)s
)
select p.id, p.reference, case when p.source = '{HANDLE}' then p.external_reference end as handle, p.status, p.title,
       p.description, p.brand, t.path, p.tags, p.attributes, p.options, p.media,
       coalesce((select jsonb_agg(to_jsonb(v) order by v.position, v.id) from (
           select v.id, v.position, v.sku, v.options, v.barcode, v.weight_grams, v.tracked, v.allow_backorder,
                  case when v.cost_currency = %(home)s then v.cost::text end as cost, h.amount as price, h.compare_at, s.units,
                  k.class = 'standard' or exists (
                      select from tax_rates x where x.merchant_id = %(m)s and x.tax_class = k.class and x.rate > 0) as taxable
           from variants v
           cross join lateral (select coalesce(v.tax_class, p.tax_class) as class) k
           left join lateral (
               select r.amount, r.compare_at from prices r
               where r.variant_id = v.id and r.currency = %(home)s and {HOLDS_NOW}
               order by r.valid_from desc limit 1
           ) h on true
           left join lateral (
               select sum(s.on_hand - s.damaged) as units from stock_levels s
               join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id and w.active
               where s.merchant_id = %(m)s and s.variant_id = v.id
           ) s on true
           where v.merchant_id = %(m)s and v.product_id = p.id and v.archived_at is null
       ) v), '[]') as variants
from products p left join tree t on t.id = p.category_id
where p.merchant_id = %(m)s and {{conditions}} and (%(after)s::uuid is null or p.id > %(after)s) order by p.id limit {AT_ONCE}
"""


@tool(
    route="GET /products/export",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["Export all products as CSV", "Download the kitchen products as a spreadsheet"],
)
async def export_products(ctx: Context, args: ExportProducts) -> FileResult:
    """Save products as a CSV file, in the columns of Shopify's product CSV.

    Importing it again changes nothing. Archived products are left out unless they are asked for; prices are those that hold now,
    in the shop's own currency.
    """
    category = await find_category(ctx, args.category) if args.category else None
    conditions = ["p.status = %(status)s" if args.status else "p.status <> 'archived'"]
    if category:
        conditions.append(f"p.category_id in ({WITH_ALL_BELOW})")
    query = _PIECE.format(conditions=" and ".join(conditions))
    known = _ATTRIBUTES.format(conditions=" and ".join(conditions))
    home = ctx.merchant.currency
    params = {
        "m": ctx.merchant.id,
        "home": home,
        "now": ctx.now(),
        "status": args.status,
        "category": category and category.id,
        "columns": list(ATTRIBUTES.values()),
    }
    attributes = {metafield_of(row.name): row.name for row in await ctx.sql.rows(known, params, as_=_Attribute)}

    async def next_piece(sql: Transaction, place: Any) -> Piece:
        after, begins = (None, True) if place == () else (place, False)
        found = await sql.rows(query, {**params, "after": after}, as_=_Product)
        lines = [row_of([*_HEADER, *attributes])] if begins else []
        lines += [row_of(row) for product in found for row in _rows(product, home, attributes)]
        return Piece(b"".join(lines), found[-1].id if len(found) == AT_ONCE else None)

    day = ctx.now().astimezone(ctx.merchant.zone).date()
    return FileResult.of(ctx, export_products, args, name=f"products-{day}.csv", next_piece=next_piece)


_FURTHER = [
    f"Option{number} {part}" for number in range(WRITTEN_OPTIONS + 1, MOST_OPTIONS + 1) for part in ("Name", "Value")
]
_HEADER = (*COLUMNS, *_FURTHER)


def _rows(product: _Product, currency: str, attributes: Mapping[str, str]) -> list[list[Any]]:
    """A product's lines: its own columns on the first, a variant and a picture on each as long as there are any."""
    handle = product.handle or f"{slug(product.title)[:80]}-p{product.reference.partition('-')[2]}"
    names = _option_names(product)
    rows: list[list[Any]] = []
    for number, (variant, picture) in enumerate(zip_longest(product.variants, product.media)):
        cells: dict[str, Any] = {"Handle": handle}
        if number == 0:
            cells |= _of_product(product, names, attributes)
        if variant:
            cells |= _of_variant(variant, names, currency)
        if picture:
            cells |= {
                "Image Src": picture["url"],
                "Image Position": number + 1,
                "Image Alt Text": picture.get("alt", ""),
            }
        rows.append([cells.get(column, "") for column in (*_HEADER, *attributes)])
    return rows


def _option_names(product: _Product) -> list[str]:
    """In the product's order; a variant's own where the product has none."""
    listed = [option["name"] for option in product.options]
    return list(dict.fromkeys([*listed, *(name for variant in product.variants for name in variant["options"])])) or [
        NO_CHOICE[0]
    ]


def _of_product(product: _Product, names: list[str], attributes: Mapping[str, str]) -> dict[str, Any]:
    status, published = shown_status(product.status)
    return {
        "Title": product.title, "Body (HTML)": product.description, "Vendor": product.brand or "",
        "Product Category": " > ".join(product.path or []), "Tags": as_listed(product.tags), "Published": _yes(published),
        "Gift Card": "FALSE", "Status": status, **{f"Option{place} Name": name for place, name in enumerate(names, 1)},
        **{column: as_text(product.attributes.get(name, "")) for column, name in {**ATTRIBUTES, **attributes}.items()},
    }  # fmt: skip


def _of_variant(variant: dict[str, Any], names: list[str], currency: str) -> dict[str, Any]:
    tracked, default = variant["tracked"], "" if variant["options"] else NO_CHOICE[1]
    return {
        **{f"Option{place} Value": variant["options"].get(name, default) for place, name in enumerate(names, 1)},
        "Variant SKU": variant["sku"],
        "Variant Grams": _known(variant["weight_grams"]),
        "Variant Inventory Tracker": "shopify" if tracked else "",
        "Variant Inventory Qty": _known(variant["units"]) if tracked else "",
        "Variant Inventory Policy": "continue" if variant["allow_backorder"] else "deny",
        "Variant Fulfillment Service": "manual",
        "Variant Price": _amount(variant["price"], currency),
        "Variant Compare At Price": _amount(variant["compare_at"], currency),
        "Variant Requires Shipping": _yes(tracked or variant["weight_grams"] is not None),
        "Variant Taxable": _yes(variant["taxable"]),
        "Variant Barcode": variant["barcode"] or "",
        "Variant Weight Unit": "g",
        "Cost per item": _amount(variant["cost"], currency),
    }


def _known(number: int | None) -> int | str:
    return "" if number is None else number


def _yes(holds: bool) -> str:
    return "TRUE" if holds else "FALSE"


def _amount(minor: int | str | None, currency: str) -> str:
    """`12.90`; a cost that is a fraction of a cent keeps its decimals."""
    if minor is None:
        return ""
    places = exponent(currency)
    whole, _, decimals = f"{Decimal(minor).scaleb(-places):f}".partition(".")
    decimals = decimals.rstrip("0").ljust(places, "0")
    return f"{whole}.{decimals}" if decimals else whole
