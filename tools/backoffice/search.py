"""What in the shop is called so, or nearly: one question for names of every kind.

One phrase a name: a sentence has several, a search box one. A phrase that fits as it was written is not looked for nearly: who
writes Lyon means the city, and not Lea Lyons. A bare number may be an order's, a SKU or another shop's number, and fits as it is
or not at all; customers and products of ours say their kind (CUS-301), or each number would mean five things. Kinds take turns,
for twenty customers who are called Lyon shall not hide the city. Goods are found by everyday names, too, whatever the order of the
words: "28cm frying pans", "the big wool duvet" (`tools/rules/goods.py`).
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Annotated, Any, NamedTuple

from pydantic import Field, StringConstraints

from db.references import Kind, kind_of
from db.text import fold
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import Hint, UntrustedText
from tools.rules import goods

MOST = 20  # in all: a phrase that fits more is no name, and lists search on

Phrase = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), Hint("search")]


class NamedKind(StrEnum):
    """What has names. Brands, tags and cities have no reference: the name itself is the filter of lists."""

    customer = "customer"
    product = "product"
    variant = "variant"
    category = "category"
    brand = "brand"
    tag = "tag"
    warehouse = "warehouse"
    city = "city"
    order = "order"
    supplier = "supplier"
    carrier = "carrier"
    promotion = "promotion"


class Fit(StrEnum):
    """How a name fits what was asked, the best first."""

    exact = "exact"
    begins = "begins"
    words = "words"
    near = "near"


# Whoever may not read it finds nothing of it; a product's are its variants, brand and tags. Cities are those of orders.
_SEEN = {
    "order": "orders:read", "city": "orders:read", "customer": "customers:read", "product": "products:read",
    "warehouse": "inventory:read", "supplier": "inventory:read", "carrier": "transport:read", "promotion": "products:read",
}  # fmt: skip
_SEARCH = "select * from search_shop(%(asked)s, %(keys)s, %(spoken)s, %(refs)s, %(kinds)s, %(most)s)"
MOST_CANDIDATES = 150  # rows of single words, among which the goods are that a phrase of several may mean
MOST_ARTICLES = 10  # of a product, that are told apart; of more, what it comes in is told
# What the goods are called that these references name. Parameters: `references`.
_GOODS = """
select p.reference, p.title, coalesce(p.brand, '') as brand, coalesce(c.name, '') as category, p.options,
       (select coalesce(jsonb_agg(jsonb_build_array(v.reference, v.sku, v.title, v.options) order by v.position), '[]')
        from variants v where v.merchant_id = %(m)s and v.product_id = p.id and v.archived_at is null) as articles
from products p left join categories c on c.merchant_id = %(m)s and c.id = p.category_id
where p.merchant_id = %(m)s and p.status <> 'archived' and p.id in (
    select id from products where merchant_id = %(m)s and reference = any(%(references)s)
    union select product_id from variants where merchant_id = %(m)s and reference = any(%(references)s))
"""


class SearchShop(Input):
    """What to look for."""

    words: list[Phrase] = Field(
        min_length=1,
        max_length=12,
        description="Names, SKUs or numbers, such as `Ana Torres`; each is looked for by itself, with all of its words.",
    )


class Named(Result):
    """Something of the shop that a phrase may mean."""

    words: str = Field(description="The phrase that it fits, as it was asked.")
    kind: NamedKind = Field(description="What it is.")
    reference: str | None = Field(description="Its reference, such as `CUS-301`; null for a brand, a tag or a city.")
    name: UntrustedText = Field(description="What it is called: a name, a title, a SKU, an order's number elsewhere.")
    about: UntrustedText | None = Field(
        description="What tells it from its like: e-mail, brand, a variant's title, a warehouse's code, an order's status."
    )
    fits: Fit = Field(description="Whether the name is the phrase, begins with it, has its words, or is like it.")
    comes_in: UntrustedText | None = Field(
        default=None, description="Of a product: what it comes in, such as `Colour: Blue, White`."
    )
    lacks: str | None = Field(
        default=None, description="Words of the phrase that nothing in it is called by, such as a colour."
    )


class NamesFound(Result):
    """What the phrases may mean."""

    found: list[Named] = Field(
        description=f"The best of each phrase first, then the second best of each; {MOST} at most."
    )


class _Row(NamedTuple):
    nth: int
    kind: NamedKind
    reference: str | None
    name: str
    about: str | None
    fits: float


@tool(
    route="GET /search",
    effect=Effect.read,
    permission="merchant:read",
    raises=[],
    examples=["What do we have that is called Marlow?", "Is Aurora a customer or a product?"],
)
async def search_shop(ctx: Context, args: SearchShop) -> NamesFound:
    """Find what in the shop is called so, or nearly, of whatever kind.

    Customers, products, SKUs, categories, brands, tags, warehouses, cities that orders go to, suppliers, carriers, promotions,
    and orders by number. When the kind is known, its list finds more: list_customers, search_products, list_orders.
    """
    asked = list(dict.fromkeys(args.words))
    rows = await _named(ctx, asked, [kind for kind, permission in _SEEN.items() if ctx.may(permission)], MOST)
    by_phrase = [[_shown(phrase, row) for row in rows if row.nth == nth] for nth, phrase in enumerate(asked, 1)]
    if ctx.may(_SEEN["product"]):
        by_phrase = await _with_goods(ctx, asked, by_phrase)
    found = [one for one in chain.from_iterable(zip_longest(*by_phrase)) if one is not None][:MOST]
    ctx.discloses(len({one.reference for one in found if one.kind is NamedKind.customer}))
    return NamesFound(found=found)


async def _named(ctx: Context, asked: Sequence[str], kinds: Sequence[str], most: int) -> list[_Row]:
    keys = [fold(phrase) for phrase in asked]
    params: dict[str, Any] = {
        "asked": [*asked],
        "keys": keys,
        "spoken": [" ".join(re.findall(r"[^\W_]+", key)) for key in keys],
        "refs": [(kind_of(phrase) or Kind.order).canonical(phrase) for phrase in asked],
        "kinds": [*kinds],
        "most": most,
    }
    return await ctx.sql.rows(_SEARCH, params, as_=_Row)


def _shown(phrase: str, row: _Row) -> Named:
    fits = Fit.exact if row.fits >= 4 else Fit.begins if row.fits >= 3 else Fit.words if row.fits >= 2 else Fit.near
    return Named.model_validate(row._asdict() | {"words": phrase, "fits": fits})


async def _with_goods(ctx: Context, asked: Sequence[str], by_phrase: Sequence[list[Named]]) -> list[list[Named]]:
    """With the goods that the phrases fit word by word; what is exactly somebody or something else is no goods."""
    lookups = {
        phrase: []
        if any(one.fits is Fit.exact and one.kind not in _GOODS_KINDS for one in rows)
        else goods.lookups(phrase)
        for phrase, rows in zip(asked, by_phrase, strict=True)
    }
    words = list(dict.fromkeys(word for told in lookups.values() for word in told))
    if not words:
        return [*by_phrase]
    near = await _named(ctx, words, ["product"], MOST_CANDIDATES)
    references = list(
        {row.reference for row in near if row.reference and row.kind in (NamedKind.product, NamedKind.variant)}
    )
    told = await ctx.sql.rows(_GOODS, {"m": ctx.merchant.id, "references": references}, as_=_Told)
    candidates = [_candidate(row) for row in told]
    return [
        _merged(rows, list(_fitting(phrase, candidates)) if lookups[phrase] else [])
        for phrase, rows in zip(asked, by_phrase, strict=True)
    ]


_GOODS_KINDS = (NamedKind.product, NamedKind.category, NamedKind.brand, NamedKind.tag)


class _Told(NamedTuple):
    reference: str
    title: str
    brand: str
    category: str
    options: list[dict[str, Any]]
    articles: list[tuple[str, str, str, dict[str, str]]]


def _candidate(row: _Told) -> goods.Goods:
    options = tuple(goods.Option(option["name"], tuple(option["values"])) for option in row.options)
    articles = tuple(goods.Article(*article) for article in row.articles)
    return goods.Goods(row.reference, row.title, row.brand, row.category, options, articles)


def _fitting(phrase: str, candidates: Sequence[goods.Goods]) -> Iterator[Named]:
    for fit in goods.fitting(phrase, candidates):
        own = fit.goods
        told: dict[str, Any] = {
            "words": phrase,
            "fits": Fit.near if fit.lacks else Fit.exact if fit.head or fit.whole else Fit.words,
            "lacks": " ".join(fit.lacks) or None,
        }
        if not fit.singled or len(fit.articles) > 1:
            yield Named(kind=NamedKind.product, reference=own.reference, name=own.title, about=own.brand or None,
                        comes_in=own.choices or None, **told)  # fmt: skip
        for article in fit.articles if len(fit.articles) <= MOST_ARTICLES else ():
            about = f"{own.title} / {article.title}" if article.title != own.title else own.title
            yield Named(kind=NamedKind.variant, reference=article.reference, name=article.sku, about=about, **told)


def _merged(rows: Sequence[Named], fitting: Sequence[Named]) -> list[Named]:
    """Those that fit best first; what only fits nearly is left out where goods fit word by word."""
    sure = any(one.lacks is None for one in fitting)
    kept = [one for one in rows if not (sure and one.fits is Fit.near)]
    best = {(one.kind, one.reference): one for one in fitting}
    told = [_better(one, best.pop((one.kind, one.reference), None)) for one in kept]
    order = [*Fit]
    return sorted([*told, *best.values()], key=lambda one: order.index(one.fits))


def _better(one: Named, fitting: Named | None) -> Named:
    """The same thing as two searches found it: as it fits better."""
    if fitting is None:
        return one
    order = [*Fit]
    return (
        fitting
        if order.index(fitting.fits) <= order.index(one.fits)
        else one.model_copy(update={"comes_in": fitting.comes_in})
    )
