"""What the catalogue lacks: prices, weights, pictures, barcodes, and the attributes that sales channels ask for."""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.money import Currency
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import CategoryRef, Synonyms, Written
from tools.contract.page import Page, Paged, page_of, place, total_of
from tools.contract.shop_settings import REQUIRED_ATTRIBUTES, chosen
from tools.rules.lookup import HOLDS_NOW, WITH_ALL_BELOW, find_category


class IssueKind(StrEnum):
    no_price = "no_price"
    no_weight = "no_weight"
    no_barcode = "no_barcode"
    no_image = "no_image"
    no_category = "no_category"
    no_description = "no_description"
    no_attribute = "no_attribute"


KIND_WORDS = Synonyms({
    "no_price": ("without a price", "missing price", "unpriced"),
    "no_weight": ("without a weight", "missing weight", "no weight"),
    "no_barcode": ("without a barcode", "missing barcode", "no EAN", "no GTIN"),
    "no_image": ("without pictures", "missing image", "no photo", "no picture"),
    "no_category": ("without a category", "uncategorised", "on no shelf"),
    "no_description": ("without a description", "no text"),
    "no_attribute": ("missing attribute", "incomplete attributes"),
})  # fmt: skip


class CheckCatalogue(Paged):
    """Which products, and what they may lack."""

    kind: Annotated[IssueKind, KIND_WORDS] | None = Field(default=None, description="Only what lacks this.")
    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    drafts: bool = Field(
        default=False, description="True looks at drafts, before they go on sale; else at what is on sale."
    )
    attributes: list[Written] | None = Field(
        default=None,
        max_length=20,
        description="Attributes that every product shall have; unless said, those of the setting products.required_attributes.",
    )
    currency: Currency | None = Field(default=None, description="Prices in this currency; unless said, the shop's own.")


class Issue(Result):
    """Something that a product or a variant lacks."""

    kind: IssueKind = Field(description="What is lacking.")
    lacks: str = Field(description="The same in words, with the name of a missing attribute.")
    product: str = Field(description="Product, such as `PRD-7`.")
    title: str = Field(description="What it is called.")
    sku: str | None = Field(description="The variant that lacks it; null where the product does.")


class IssueCount(Result):
    """How often something is lacking."""

    kind: IssueKind = Field(description="What is lacking.")
    count: int = Field(description="How many variants or products lack it.")


class CatalogueIssues(Page[Issue]):
    """What the catalogue lacks, kind by kind, and by title."""

    products: int = Field(description="How many products were looked at.")
    counts: list[IssueCount] = Field(
        description="By kind, the most frequent first; kinds that nothing lacks are left out."
    )
    attributes: list[str] = Field(description="The attributes that were looked for.")


class _Found(NamedTuple):
    nth: int
    kind: IssueKind
    attribute: str | None
    product: str
    title: str
    sku: str | None
    key: str
    id: UUID

    def shown(self) -> Issue:
        lacks = _LACKS[self.kind].format(self.attribute)
        return Issue(kind=self.kind, lacks=lacks, product=self.product, title=self.title, sku=self.sku)


class _Told(NamedTuple):
    """The rows of a page and the kinds with their counts, as JSON; and how many products were looked at."""

    page: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    products: int


_LACKS = {
    IssueKind.no_price: "a price", IssueKind.no_weight: "a weight", IssueKind.no_barcode: "a barcode",
    IssueKind.no_image: "a picture", IssueKind.no_category: "a category", IssueKind.no_description: "a description",
    IssueKind.no_attribute: "the attribute {}",
}  # fmt: skip
# Made to order and digital variants need no weight and no barcode. `id` and `key` tell rows of one kind apart, for the cursor.
# Names are looked up of what lacks something, and all of it is worked out once for the page and for the counts.
_ISSUES = f"""
with looked_at as materialized (
    select p.id, p.reference, p.title, p.title_key, p.category_id is null as unshelved, p.media = '[]' as unseen,
           p.description = '' as untold, p.attributes
    from products p where p.merchant_id = %(m)s and p.status = any(%(statuses)s) and {{conditions}}
), lacking as (
    select v.id, v.sku, v.product_id, r.variant_id is null as unpriced, v.tracked and v.weight_grams is null as unweighed,
           v.tracked and v.barcode is null as uncoded
    from variants v
    left join (select r.variant_id from prices r where r.currency = %(currency)s and {HOLDS_NOW}) r on r.variant_id = v.id
    where v.merchant_id = %(m)s and v.archived_at is null
      and (r.variant_id is null or v.tracked and (v.weight_grams is null or v.barcode is null))
), issues as materialized (
    select of_kind.nth, of_kind.kind, null as attribute, p.reference as product, p.title, p.title_key as key, v.sku, v.id
    from lacking v join looked_at p on p.id = v.product_id cross join lateral (
        values (1, 'no_price', v.unpriced), (2, 'no_weight', v.unweighed), (3, 'no_barcode', v.uncoded)
    ) as of_kind(nth, kind, lacks) where of_kind.lacks
    union all
    select of_kind.nth, of_kind.kind, null, p.reference, p.title, p.title_key, null, p.id
    from looked_at p cross join lateral (
        values (4, 'no_image', p.unseen), (5, 'no_category', p.unshelved), (6, 'no_description', p.untold)
    ) as of_kind(nth, kind, lacks) where (p.unseen or p.unshelved or p.untold) and of_kind.lacks
    union all
    select 7, 'no_attribute', a.name, p.reference, p.title, p.title_key, null, p.id
    from looked_at p cross join unnest(%(attributes)s::text[]) as a(name)
    where not exists (select from jsonb_object_keys(p.attributes) k where lower(k) = lower(a.name))
), page as (
    select nth, kind, attribute, product, title, sku, key || chr(31) || coalesce(attribute, '') as key, id
    from issues where {{only}} and {{further}} order by nth, key, id limit %(limit)s
), counts as (
    select kind, count(*) as count from issues group by kind
)
select array(select row_to_json(p) from page p order by nth, key, id) as page,
       array(select row_to_json(c) from counts c order by count desc, kind) as counts, (select count(*) from looked_at) as products
"""


@tool(
    route="GET /products/issues",
    effect=Effect.read,
    permission="products:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["What is missing in our catalogue?", "Which products have no picture?"],
)
async def check_catalogue(ctx: Context, args: CheckCatalogue) -> CatalogueIssues:
    """List what products lack: prices, weights, barcodes, pictures, attributes.

    Counted by kind, then listed. It looks at what is on sale, or at drafts. Which attributes every product shall have is the
    setting `products.required_attributes`.
    """
    category = await find_category(ctx, args.category) if args.category else None
    attributes = args.attributes if args.attributes is not None else await chosen(ctx, REQUIRED_ATTRIBUTES)
    after = place(args.after, int, str, UUID)
    params = {
        "m": ctx.merchant.id, "now": ctx.now(), "currency": args.currency or ctx.merchant.currency, "attributes": attributes,
        "statuses": ["draft"] if args.drafts else ["active", "discontinued"], "category": category and category.id,
        "kind": args.kind, "limit": args.limit + 1, **dict(zip(("nth", "key", "id"), after or (None, None, None), strict=True)),
    }  # fmt: skip
    beyond = "(nth, key || chr(31) || coalesce(attribute, ''), id) > (%(nth)s, %(key)s, %(id)s)"
    query = _ISSUES.format(
        conditions=f"p.category_id in ({WITH_ALL_BELOW})" if category else "true",
        only="kind = %(kind)s" if args.kind else "true", further=beyond if after else "true",
    )  # fmt: skip
    (told,) = await ctx.sql.rows(query, params, as_=_Told)
    counts = [IssueCount(**row) for row in told.counts]
    total = total_of(sum(one.count for one in counts if args.kind in (None, one.kind))) if args.counts else None
    rows = [_Found(**row) for row in told.page]
    page = page_of(rows, args.limit, _Found.shown, lambda row: (row.nth, row.key, row.id), total)
    return CatalogueIssues(products=told.products, attributes=attributes, counts=counts, **dict(page))
