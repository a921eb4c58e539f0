"""Finding products by words, as people type them."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.money import Money
from db.text import fold
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import Search
from tools.contract.page import Page, page_of, place, total_of
from tools.contract.shop_settings import SYNONYMS, chosen
from tools.products.listing import COLUMNS, Listed, ProductFilters, ProductSummary, conditions_of
from tools.products.offers import IN_STOCK, OFFER

MOST = 1000  # products that a search with filters looks at, the likest first
MOST_SAID = 12  # ways of saying the same that are looked for
UNFILTERED = 200  # and one without: what each costs and how many there are is read for its facets


class SearchProducts(ProductFilters):
    """Which words, and which products."""

    text: Search = Field(description="Words of a title, a brand or a tag, or a SKU; typing errors are forgiven.")


class Facet(Result):
    """How many of the products found have a value."""

    value: str = Field(description="The value, to be given as the filter of that name.")
    label: str = Field(description="What people call it.")
    products: int = Field(description="How many of the products found have it.")


class PriceBand(Result):
    """How many of the products found cost so much, in their cheapest variant."""

    lowest: Money = Field(description="From this price on, minor units.")
    below: Money = Field(description="Up to this price, which is not in it, minor units.")
    products: int = Field(description="How many of the products found are in it.")


class Facets(Result):
    """What the products found have in common, the most frequent first; twenty values at most."""

    categories: list[Facet] = Field(description="By category.")
    brands: list[Facet] = Field(description="By brand.")
    prices: list[PriceBand] = Field(description="By lowest price, in bands.")
    stock: list[Facet] = Field(description="By state of stock.")


class FoundProducts(Page[ProductSummary]):
    """Products that were found, the likest first."""

    found: int = Field(
        description=f"How many products fit; no more than the {UNFILTERED} likest were looked at, {MOST} with filters."
    )
    currency: str = Field(description="The currency of the prices, ISO 4217.")
    facets: Facets = Field(description="What can be narrowed down to, over all that was found.")


class Answer(NamedTuple):
    found: int
    page: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    brands: list[dict[str, Any]]
    prices: list[dict[str, Any]]
    stock: list[dict[str, Any]]


_FACET = """
(select coalesce(jsonb_agg(to_jsonb(f) order by f.products desc, f.value), '[]')
 from (select {value} as value, min({label}) as label, count(*) as products from found where {value} is not null
       group by 1 order by 3 desc, 1 limit 20) f) as {name}
"""
# Bands of equal width, 1, 2 or 5 and zeros: six at most reach from nothing to the highest price. Their width is worked out once
# (OFFSET is a fence), and not for each price.
_PRICES = """
(select coalesce(jsonb_agg(jsonb_build_object(
            'lowest', b.nth * w.width, 'below', (b.nth + 1) * w.width, 'products', b.products) order by b.nth), '[]')
 from (select (unit * case when top <= unit then 1 when top <= 2 * unit then 2 when top <= 5 * unit then 5 else 10 end)::bigint
       as width
       from (select top, power(10::numeric, floor(log(top))) as unit
             from (select greatest(max(price_from), 5) / 5.0 as top from found) t) u offset 0) w
 cross join lateral (select price_from / w.width as nth, count(*) as products from found
                     where price_from is not null group by 1) b) as prices
"""
_SEARCH = """
with found as materialized (
    select {columns}, h.score as rank, c.reference as shelf
    from (
        select product_id, max(score) as score
        from unnest(%(texts)s::text[]) as asked(text) cross join lateral search_products(asked.text, %(most)s)
        group by product_id order by score desc, product_id limit %(most)s
    ) h
    join products p on p.merchant_id = %(m)s and p.id = h.product_id
    left join categories c on c.merchant_id = %(m)s and c.id = p.category_id
    cross join lateral ({offer}) o
    where {conditions}
), page as (
    select * from found where {further} order by rank desc, id desc limit %(limit)s
)
select (select count(*) from found) as found,
       (select coalesce(jsonb_agg(to_jsonb(page) - 'shelf' order by rank desc, id desc), '[]') from page) as page,
       {categories}, {brands}, {prices}, {stock}
"""


@tool(
    route="GET /products/search",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["Do we have a blue teapot?", "Find linnen napkins under 30 euros that are in stock"],
)
async def search_products(ctx: Context, args: SearchProducts) -> FoundProducts:
    """Search the catalogue by words, forgiving typing errors, with facets.

    The likest come first; the shop's setting `products.search_synonyms` says which words mean the same.
    Without words, use `list_products`; for stock by warehouse, `get_product`.
    """
    conditions, params = await conditions_of(ctx, args)
    conditions += f" and {IN_STOCK}" if args.stock else ""
    conditions += " and o.in_range" if args.min_price is not None or args.max_price is not None else ""
    after = place(args.after, float, UUID)
    if after:
        params |= {"after": after[0], "after_id": after[1]}
    query = _SEARCH.format(
        columns=COLUMNS, offer=OFFER, conditions=conditions, prices=_PRICES,
        further="(rank, id) < (%(after)s::real, %(after_id)s)" if after else "true",
        categories=_FACET.format(value="shelf", label="category", name="categories"),
        brands=_FACET.format(value="brand", label="brand", name="brands"),
        stock=_FACET.format(value="stock", label="replace(stock, '_', ' ')", name="stock"),
    )  # fmt: skip
    filtered = args.model_dump(exclude={"text", "limit", "after", "count", "currency"}, exclude_none=True)
    most = MOST if filtered else UNFILTERED
    texts = meaning_the_same(args.text, await chosen(ctx, SYNONYMS))
    (answer,) = await ctx.sql.rows(query, {**params, "texts": texts, "most": most, "limit": args.limit + 1}, as_=Answer)
    currency = params["currency"]
    rows = [Listed(**row) for row in answer.page]
    total = total_of(answer.found) if args.counts else None
    page = page_of(rows, args.limit, lambda row: row.shown(currency), lambda row: (float(row.rank), row.id), total)
    return FoundProducts(found=answer.found, currency=currency, facets=_facets(answer, currency), **dict(page))


def meaning_the_same(text: str, synonyms: Sequence[Sequence[str]]) -> list[str]:
    """The text, and the text with each of its words for which the shop has synonyms said in another way."""
    texts = [text]
    for group in ([fold(word) for word in words] for words in synonyms):
        said = [(word, re.compile(rf"\b{re.escape(word)}\b")) for word in group]
        texts += [
            pattern.sub(lambda _, other=other: other, fold(one))
            for one in texts for word, pattern in said if pattern.search(fold(one)) for other in group if other != word
        ]  # fmt: skip
    return list(dict.fromkeys(texts))[:MOST_SAID]


def _facets(answer: Answer, currency: str) -> Facets:
    bands = [
        PriceBand(
            lowest=Money(amount=band["lowest"], currency=currency),
            below=Money(amount=band["below"], currency=currency),
            products=band["products"],
        )
        for band in answer.prices
    ]
    return Facets.model_validate({**answer._asdict(), "prices": bands})
