"""One product with all that it consists of."""

from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field

from db.models.products import ProductStatus
from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import ProductRef, UntrustedText
from tools.products.listing import money
from tools.rules.bundles import BUNDLES_LEFT
from tools.rules.lookup import PRODUCTS_NAMED, no_product, product_name


class Medium(Input):
    """A picture or film."""

    url: str = Field(description="Where it lies.", pattern="^https?://", max_length=2000)
    alt: str = Field(default="", description="What it shows, in words.", max_length=500)


class ProductOption(Result):
    """A choice that buyers have."""

    name: str = Field(description="What is chosen, such as `Colour`.")
    values: list[str] = Field(description="What there is to choose from.")


class CategoryName(Result):
    """The shelf on which it stands."""

    reference: str = Field(description="Category, such as `CAT-7`.")
    name: str = Field(description="What it is called.")


class PriceShown(Result):
    """A price that holds now."""

    price: Money = Field(description="What a unit costs, minor units.")
    compare_at: Money | None = Field(description="The price shown struck through, minor units.")
    customer_group: str | None = Field(description="Whose price it is; null is everybody's.")
    min_quantity: int = Field(description="From how many units on.")
    valid_from: datetime = Field(description="Since when, UTC.")
    valid_until: datetime | None = Field(description="Until when, UTC; null is until a next price.")


class StockShown(Result):
    """The units in a warehouse."""

    warehouse: str = Field(description="Warehouse, such as `WH-1`.")
    name: str = Field(description="What the warehouse is called.")
    on_hand: int = Field(description="Units that lie there.")
    reserved: int = Field(description="Of these, held back for orders.")
    available: int = Field(description="Units that can be sold from there now.")
    incoming: int = Field(description="Units on their way to it.")
    reorder_point: int | None = Field(description="At how many available units to buy more.")


class ComponentShown(Result):
    """What is in a bundle."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units in each bundle.")


class VariantDetail(Result):
    """What is bought: one choice of each option."""

    reference: str = Field(description="Variant, such as `VAR-7`.")
    sku: str = Field(description="SKU.")
    title: str = Field(description="What it is called.")
    options: dict[str, str] = Field(description="What is chosen of each option.")
    barcode: str | None = Field(description="GTIN.")
    tax_class: str = Field(description="Which of the shop's tax rates apply: its own class, else its product's.")
    weight_grams: int | None = Field(description="Weight in grams.")
    length_mm: int | None = Field(description="Length in millimetres.")
    width_mm: int | None = Field(description="Width in millimetres.")
    height_mm: int | None = Field(description="Height in millimetres.")
    cost: Money | None = Field(description="What a unit costs the shop, minor units, rounded.")
    tracked: bool = Field(description="Whether its units are counted; else it is made to order, digital or a bundle.")
    sellable: bool = Field(description="Whether it may be sold.")
    allow_backorder: bool = Field(description="Whether more may be sold than lie there.")
    components: list[ComponentShown] = Field(description="What is in it, when it is a bundle.")
    archived: bool = Field(description="Whether it was taken out for good.")
    prices: list[PriceShown] = Field(description="Its prices now.")
    available: int | None = Field(
        description="Units that can be sold now, from all active warehouses; of a bundle what its components allow; null if"
        " not counted."
    )
    stock: list[StockShown] = Field(description="Its stock in each active warehouse.")
    version: int = Field(description="Grows with each change.")


class ProductDetail(Result):
    """A product."""

    reference: str = Field(description="Product, such as `PRD-7`.")
    external_reference: UntrustedText | None = Field(description="Its number elsewhere.")
    title: str = Field(description="What it is called.")
    description: str = Field(description="What the shop says of it.")
    status: ProductStatus = Field(description="Whether it is sold: active and discontinued (while stocks last) are.")
    brand: str | None = Field(description="Whose make it is.")
    category: CategoryName | None = Field(description="The shelf on which it stands.")
    tags: list[str] = Field(description="Its tags.")
    attributes: dict[str, Any] = Field(description="What else is known of it.")
    tax_class: str = Field(description="Which of the shop's tax rates apply.")
    options: list[ProductOption] = Field(description="What buyers choose between.")
    media: list[Medium] = Field(description="Pictures, the first is the main one.")
    variants: list[VariantDetail] = Field(description="What can be bought of it.")
    price_from: Money | None = Field(
        description="The lowest price of a variant now, minor units of the shop's own currency; null without one."
    )
    price_to: Money | None = Field(description="The highest price of a variant now, minor units.")
    on_hand: int = Field(description="Units of all variants that lie in the active warehouses.")
    available: int | None = Field(description="Units of all variants that can be sold now; null if not counted.")
    created_at: datetime = Field(description="When it was made, UTC.")
    updated_at: datetime = Field(description="When it was last changed, UTC.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class GetProduct(Input):
    """Which product."""

    product: ProductRef = Field(description="Product: `PRD-7`, a SKU of one of its variants, or its title.")


class Shown(NamedTuple):
    product: dict[str, Any]


_MONEY = "jsonb_build_object('amount', {amount}, 'currency', {currency})"
_PRICE = _MONEY.format(amount="r.amount", currency="r.currency")
_COMPARE_AT = _MONEY.format(amount="r.compare_at", currency="r.currency")
_COST = _MONEY.format(amount="round(v.cost)::bigint", currency="v.cost_currency")
_PRICES = f"""
select {_PRICE} as price, case when r.compare_at is not null then {_COMPARE_AT} end as compare_at, r.customer_group,
       r.min_quantity, r.valid_from, r.valid_until, r.currency
from prices r
where r.merchant_id = %(m)s and r.variant_id = v.id and r.valid_from <= %(now)s
  and (r.valid_until is null or r.valid_until > %(now)s)
"""
_STOCK = """
select w.reference as warehouse, w.name, s.on_hand, s.reserved, s.on_hand - s.reserved - s.damaged as available, s.incoming,
       s.reorder_point, w.priority
from stock_levels s join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id and w.active
where s.merchant_id = %(m)s and s.variant_id = v.id
"""
_VARIANTS = f"""
select v.reference, v.sku, v.title, v.options, v.barcode, coalesce(v.tax_class, p.tax_class) as tax_class,
       v.weight_grams, v.length_mm, v.width_mm, v.height_mm, v.tracked,
       v.sellable, v.allow_backorder, v.archived_at is not null as archived, v.version, v.position,
       case when v.cost is not null then {_COST} end as cost,
       coalesce((select jsonb_agg(to_jsonb(r) order by r.currency, r.min_quantity, r.customer_group nulls first)
                 from ({_PRICES}) r), '[]') as prices,
       coalesce(s.stock, '[]') as stock,
       case when v.tracked then coalesce(s.available, 0) when v.bundle then {BUNDLES_LEFT} end as available,
       coalesce((select jsonb_agg(jsonb_build_object('sku', part.sku, 'title', part.title, 'quantity', b.quantity)
                                  order by b.position)
                 from bundle_components b join variants part on part.merchant_id = %(m)s and part.id = b.component_id
                 where b.merchant_id = %(m)s and b.variant_id = v.id), '[]') as components
from variants v
cross join lateral (
    select jsonb_agg(to_jsonb(s) order by s.priority, s.warehouse) as stock, sum(s.available) as available from ({_STOCK}) s
) s
where v.merchant_id = %(m)s and v.product_id = p.id
"""
_DETAIL = f"""
select to_jsonb(p) || jsonb_build_object(
    'category', case when c.id is not null then jsonb_build_object('reference', c.reference, 'name', c.name) end,
    'variants', coalesce((select jsonb_agg(to_jsonb(v) order by v.archived, v.position) from ({_VARIANTS}) v), '[]')
) as product
from products p left join categories c on c.merchant_id = %(m)s and c.id = p.category_id
where p.merchant_id = %(m)s and p.id in ({PRODUCTS_NAMED})
"""


@tool(
    route="GET /products/{product}",
    effect=Effect.read,
    permission="products:read",
    raises=[NotFound, Ambiguous],
    examples=["Show me product PRD-1012", "What sizes and prices does TSHIRT-BLACK-M come in?"],
)
async def get_product(ctx: Context, args: GetProduct) -> ProductDetail:
    """Show one product: its variants with options, prices and stock, its media.

    When only words of its title are known, use `search_products`.
    """
    return await read_product(ctx, args.product)


async def read_product(ctx: Context, written: str) -> ProductDetail:
    """The product of a reference, a SKU or a title, in one statement. Raises `NotFound` or `Ambiguous`."""
    found = await ctx.sql.rows(_DETAIL, {**product_name(ctx, written), "now": ctx.now()}, as_=Shown)
    if not found:
        raise await no_product(ctx, written)
    if len(found) > 1:
        named = [f"{row.product['title']} ({row.product['reference']})" for row in found]
        raise Ambiguous(f"{written} fits {', '.join(named)}.")
    product = found[0].product
    return ProductDetail.model_validate({**product, **_of_all(product["variants"], ctx.merchant.currency)})


def _of_all(variants: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    """What the variants that are not archived come to. A price is everybody's for a single unit; the latest counts."""
    offered = [variant for variant in variants if not variant["archived"]]
    counted = [units for variant in offered if (units := variant["available"]) is not None]
    prices = [price for variant in offered if (price := _price_now(variant["prices"], currency)) is not None]
    return {
        "price_from": money(min(prices, default=None), currency),
        "price_to": money(max(prices, default=None), currency),
        "on_hand": sum(place["on_hand"] for variant in offered for place in variant["stock"]),
        "available": sum(counted) if counted else None,
    }


def _price_now(prices: list[dict[str, Any]], currency: str) -> int | None:
    for_all = [
        (datetime.fromisoformat(price["valid_from"]), price["price"]["amount"])
        for price in prices
        if (price["currency"], price["customer_group"], price["min_quantity"]) == (currency, None, 1)
    ]
    return max(for_all)[1] if for_all else None
