"""Lists of products: by what they are, or by words; and what both show of each."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.products import ProductStatus
from db.money import Currency, Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, Invalid, NotFound
from tools.contract.fields import CategoryRef, MinorUnits, Name, Synonyms, Written
from tools.contract.page import Page, Paged, paged, place
from tools.products.attributes import day_in, number_in
from tools.products.offers import IN_RANGE, OFFER, ORDERED, Sort, page_by
from tools.rules.lookup import WITH_ALL_BELOW, find_category


class ProductStock(StrEnum):
    in_stock = "in_stock"
    low_stock = "low_stock"
    out_of_stock = "out_of_stock"


class ProductSort(StrEnum):
    newest = "newest"
    alphabetical = "alphabetical"
    recently_changed = "recently_changed"
    cheapest = "cheapest"
    dearest = "dearest"
    least_stock = "least_stock"


STATUS_WORDS = Synonyms({
    "draft": ("unfinished", "not published yet"),
    "active": ("live", "online", "published", "on sale", "for sale"),
    "inactive": ("offline", "unpublished", "hidden", "not on sale", "paused"),
    "discontinued": ("phased out", "sell-through", "while stocks last", "selling off"),
    "archived": ("deleted", "removed", "taken out"),
})  # fmt: skip
STOCK_WORDS = Synonyms({
    "in_stock": ("available", "on stock", "still there"),
    "low_stock": ("low", "running low", "running out", "almost gone", "nearly sold out"),
    "out_of_stock": ("sold out", "unavailable", "none left", "nothing left", "empty"),
})  # fmt: skip
SORT_WORDS = Synonyms({
    "newest": ("latest", "most recent", "new"),
    "alphabetical": ("by title", "by name", "a to z"),
    "recently_changed": ("last changed", "recently edited", "recently updated"),
    "cheapest": ("lowest price", "low to high"),
    "dearest": ("most expensive", "highest price", "high to low"),
    "least_stock": ("fewest units", "lowest stock"),
})  # fmt: skip


class ProductFilters(Paged):
    """Which products."""

    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    brand: Name | None = Field(default=None, description="Brand, whatever the case.")
    status: Annotated[ProductStatus, STATUS_WORDS] | None = Field(
        default=None, description="Status; unless said, all but the archived ones."
    )
    stock: Annotated[ProductStock, STOCK_WORDS] | None = Field(
        default=None, description="State of stock; those low in stock are in stock, too."
    )
    min_price: MinorUnits | None = Field(
        default=None, ge=0, description="A variant costs that much or more, minor units of `currency`."
    )
    max_price: MinorUnits | None = Field(
        default=None, ge=0, description="A variant, the same one, costs that much or less, minor units of `currency`."
    )
    currency: Currency | None = Field(default=None, description="Currency of the prices; unless said, the shop's own.")
    tag: Written | None = Field(default=None, description="Tag, whatever the case.")
    attribute: Written | None = Field(
        default=None,
        description="Attribute or option that it has, as `name` or `name=value`: `material=oak`; of numbers and days also"
        " `volume>=500`, `<`, `<=` and `>`.",
    )


class ProductSummary(Result):
    """A product in a list."""

    reference: str = Field(description="Product, such as `PRD-7`.")
    title: str = Field(description="What it is called.")
    status: ProductStatus = Field(description="Whether it is sold.")
    brand: str | None = Field(description="Whose make it is.")
    category: str | None = Field(description="The shelf on which it stands.")
    tags: list[str] = Field(description="Its tags.")
    variants: int = Field(description="How many variants it has.")
    skus: list[str] = Field(description="SKUs of its first five variants.")
    price_from: Money | None = Field(description="The lowest price of a variant, minor units; null without one.")
    price_to: Money | None = Field(description="The highest price of a variant, minor units.")
    available: int | None = Field(description="Units that can be sold now; null if they are not counted.")
    stock: ProductStock = Field(description="low_stock: a variant is at or under its reorder point.")
    image: str | None = Field(description="Where its main picture lies.")
    updated_at: datetime = Field(description="When it was last changed, UTC.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class Listed(NamedTuple):
    """A row of a list; `rank` is what it is ordered by."""

    id: UUID
    reference: str
    title: str
    status: ProductStatus
    brand: str | None
    category: str | None
    tags: list[str]
    variants: int
    skus: list[str] | None
    price_from: int | None
    price_to: int | None
    available: int | None
    stock: ProductStock
    image: str | None
    updated_at: datetime
    version: int
    rank: Any

    def shown(self, currency: str) -> ProductSummary:
        prices = {"price_from": money(self.price_from, currency), "price_to": money(self.price_to, currency)}
        return ProductSummary.model_validate({**self._asdict(), "skus": self.skus or [], **prices})


def money(amount: int | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=currency)


COLUMNS = """
p.id, p.reference, p.title, p.status, p.brand, c.name as category, p.tags, o.variants, o.skus, o.price_from, o.price_to,
o.available, o.stock, p.media -> 0 ->> 'url' as image, p.updated_at, p.version
"""
_CHOICE = """
(exists (select from jsonb_each_text(p.attributes) a
         where lower(a.key) = %(name)s and (%(value)s::text is null or lower(a.value) = %(value)s))
 or exists (select from jsonb_array_elements(p.options) x, jsonb_array_elements_text(x -> 'values') y
            where lower(x ->> 'name') = %(name)s and (%(value)s::text is null or lower(y) = %(value)s)))
"""
_COMPARED = """
exists (select from jsonb_each(p.attributes) a where lower(a.key) = %(name)s and case jsonb_typeof(a.value)
        when 'number' then a.value::numeric {sign} %(number)s::numeric
        when 'string' then a.value #>> '{{}}' {sign} %(day)s and a.value #>> '{{}}' ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' end)
"""
_SIGN = re.compile(r"(<=|>=|<|>|=)")
_CONDITIONS = {
    "category": f"p.category_id in ({WITH_ALL_BELOW})",
    "brand": "lower(p.brand) = lower(%(brand)s)",
    "status": "p.status = %(status)s",
    "tag": "exists (select from unnest(p.tags) tag where lower(tag) = lower(%(tag)s))",
    "attribute": _CHOICE,
}


SORTS = {
    ProductSort.newest: Sort("p.id", UUID, descending=True),
    ProductSort.alphabetical: Sort("lower(p.title)", str),
    ProductSort.recently_changed: Sort("p.updated_at", datetime, descending=True),
    ProductSort.cheapest: Sort("coalesce(o.price_from, 9223372036854775807)", int, prices=True),
    ProductSort.dearest: Sort("coalesce(o.price_to, -1)", int, descending=True, prices=True),
    ProductSort.least_stock: Sort("coalesce(o.available, 9223372036854775807)::bigint", int, stock=True),
}


class ListProducts(ProductFilters):
    """Which products, in which order."""

    sort: Annotated[ProductSort, SORT_WORDS] = Field(default=ProductSort.newest, description="Which come first.")


_LIST = """
{page}
select {columns}, p.rank
from page p left join categories c on c.merchant_id = %(m)s and c.id = p.category_id cross join lateral ({offer}) o
order by {order}
"""


@tool(
    route="GET /products",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["List the active products in Kitchen", "Which products under 20 euros are sold out?"],
)
async def list_products(ctx: Context, args: ListProducts) -> Page[ProductSummary]:
    """List products by category, brand, status, price, stock, tag or attribute.

    To find products by words of their title, use `search_products`.
    """
    sort = SORTS[args.sort]
    conditions, params = await conditions_of(ctx, args)
    if args.min_price is not None or args.max_price is not None:
        conditions += f" and {IN_RANGE}"
    after = place(args.after, sort.kind, UUID)
    if after:
        params |= {"after": after[0], "after_id": after[1]}
    narrowed = any((args.category, args.brand, args.tag, args.attribute))
    page = page_by(sort, conditions, params.get("stock", ()), narrowed=narrowed, further=after is not None)
    query = _LIST.format(page=page, columns=COLUMNS, offer=OFFER, order=ORDERED.format(rank="p.rank", way=sort.way))
    return await paged(
        ctx,
        args,
        query,
        params,
        as_=Listed,
        show=lambda row: row.shown(params["currency"]),
        at=lambda row: (row.rank, row.id),
    )


async def conditions_of(ctx: Context, args: ProductFilters) -> tuple[str, dict[str, Any]]:
    """The filters as conditions on a product `p`, with their parameters, and those of the conditions on its offer."""
    asked = {name: getattr(args, name) for name in _CONDITIONS if getattr(args, name) is not None}
    conditions = [_CONDITIONS[name] for name in asked] or ["true"]
    if args.status is None:
        conditions.append("p.status <> 'archived'")
    if args.category is not None:
        asked["category"] = (await find_category(ctx, args.category)).id
    if args.stock is not None:
        asked["stock"] = [args.stock, ProductStock.low_stock] if args.stock is ProductStock.in_stock else [args.stock]
    if args.attribute is not None:
        name, sign, value = [*(part.strip() for part in _SIGN.split(args.attribute.lower(), maxsplit=1)), "", ""][:3]
        asked |= {"name": name, "value": value or None, "number": number_in(value), "day": day_in(value)}
        if sign in ("<", "<=", ">", ">="):
            if asked["number"] is None and asked["day"] is None:
                raise Invalid(f"{value or 'Nothing'} is no number and no day.", hint="Compare as in volume>=500.")
            conditions[conditions.index(_CHOICE)] = _COMPARED.format(sign=sign)
    own = {
        "m": ctx.merchant.id, "now": ctx.now(), "currency": args.currency or ctx.merchant.currency,
        "min_price": args.min_price, "max_price": args.max_price,
    }  # fmt: skip
    return " and ".join(conditions), {**own, **asked}
