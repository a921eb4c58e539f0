"""What in the shop is called so, or nearly: one question for names of every kind.

One phrase a name: a sentence has several, a search box one. A phrase that fits as it was written is not looked for nearly: who
writes Lyon means the city, and not Lea Lyons. A bare number may be an order's, a SKU or another shop's number, and fits as it is
or not at all; customers and products of ours say their kind (CUS-301), or each number would mean five things. Kinds take turns,
for twenty customers who are called Lyon shall not hide the city.
"""

import re
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from db.references import Kind, kind_of
from db.text import fold
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import Hint, UntrustedText

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


class Fit(StrEnum):
    """How a name fits what was asked, the best first."""

    exact = "exact"
    begins = "begins"
    words = "words"
    near = "near"


# Whoever may not read it finds nothing of it; a product's are its variants, brand and tags. Cities are those of orders.
_SEEN = {
    "order": "orders:read", "city": "orders:read", "customer": "customers:read", "product": "products:read",
    "warehouse": "inventory:read",
}  # fmt: skip
_SEARCH = "select * from search_shop(%(asked)s, %(keys)s, %(spoken)s, %(refs)s, %(kinds)s, %(most)s)"


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

    Customers, products, SKUs, categories, brands, tags, warehouses, cities that orders go to, and orders by number. When the
    kind is known, its list finds more: list_customers, search_products, list_orders.
    """
    asked = list(dict.fromkeys(args.words))
    keys = [fold(phrase) for phrase in asked]
    params = {
        "asked": asked,
        "keys": keys,
        "spoken": [" ".join(re.findall(r"[^\W_]+", key)) for key in keys],
        "refs": [(kind_of(phrase) or Kind.order).canonical(phrase) for phrase in asked],
        "kinds": [kind for kind, permission in _SEEN.items() if ctx.may(permission)],
        "most": MOST,
    }
    rows = await ctx.sql.rows(_SEARCH, params, as_=_Row)
    ctx.discloses(len({row.reference for row in rows if row.kind == NamedKind.customer}))
    return NamesFound(found=[_shown(asked[row.nth - 1], row) for row in rows])


def _shown(phrase: str, row: _Row) -> Named:
    fits = Fit.exact if row.fits >= 4 else Fit.begins if row.fits >= 3 else Fit.words if row.fits >= 2 else Fit.near
    return Named.model_validate(row._asdict() | {"words": phrase, "fits": fits})
