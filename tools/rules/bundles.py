"""Bundles: how many there can be, and which products are any."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from tools.contract.context import Context

# As many as the scarcest thing in them allows. Of variant `v`: what its counted components allow, from all warehouses that ship;
# null where nothing in it is counted. One that is not on sale is in no bundle, and that is not asked here.
BUNDLES_LEFT = """(
    select min(coalesce(l.units, 0) / b.quantity)
    from bundle_components b
    join variants part on part.merchant_id = %(m)s and part.id = b.component_id and part.tracked
    left join lateral (
        select sum(s.on_hand - s.reserved - s.damaged)::bigint as units
        from stock_levels s join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id and w.active
        where s.merchant_id = %(m)s and s.variant_id = b.component_id
    ) l on true
    where b.merchant_id = %(m)s and b.variant_id = v.id
)"""


class _Any(NamedTuple):
    any: bool


async def are_bundles(ctx: Context, products: Sequence[UUID]) -> bool:
    """Whether one of the products is sold as a bundle: an order of it has no line of that product, but lines of what is in it."""
    query = """
        select exists (select from variants v where v.merchant_id = %(m)s and v.product_id = any(%(products)s) and v.bundle) as any
    """
    (found,) = await ctx.sql.rows(query, {"m": ctx.merchant.id, "products": list(products)}, as_=_Any)
    return found.any
