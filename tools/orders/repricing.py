"""What an order costs once its lines are others: by the functions that priced it when it was placed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from db.models.orders import Order
from db.models.products import PromotionStatus
from db.money import Rounding
from db.text import fold
from tools.contract.context import Context
from tools.orders.edits import EditedLine
from tools.orders.quote import PROMOTION, Found, asked_segments
from tools.orders.wishes import NoShippingMethod
from tools.rules.pricing import Amounts, Method, Parcel, add_up
from tools.rules.promotions import Basket, Promotion, objection, together
from tools.rules.segments import segments_of
from tools.rules.tax import STANDARD

# The promotions that the order has, or had until its lines were changed before.
_OWN = f"""
with buyer as (select %(customer)s::uuid as id)
select coalesce(json_agg(x order by x.id), '[]')::text as promotions from (
    select {PROMOTION} from promotions o
    join promotion_uses mine on mine.merchant_id = %(m)s and mine.promotion_id = o.id and mine.order_id = %(order)s
    where o.merchant_id = %(m)s) x
"""
_PROMOTIONS = TypeAdapter(list[Promotion])


class _Own(NamedTuple):
    promotions: str


@dataclass(frozen=True)
class Repriced:
    """What the order costs, line by line as they were given (those without units are left out), and which promotions may count."""

    amounts: Amounts
    promotions: Sequence[Promotion]

    @property
    def given(self) -> list[Promotion]:
        """Those that take something off."""
        return [promotion for promotion in self.promotions if promotion.id in self.amounts.given]


async def repriced(ctx: Context, order: Order, lines: Sequence[EditedLine], found: Found, held: set[UUID]) -> Repriced:
    """Promotions count as of when the order was placed: what it has it keeps while its conditions are met, and it gets an
    automatic one that held already then. `held` are those that it has now. Who was of a segment when it was placed stays so:
    the order itself may have led out of it.
    """
    here = [line for line in lines if line.units]
    params = {"m": ctx.merchant.id, "order": order.id, "customer": order.customer_id}
    row = await ctx.sql.row(_OWN, params, as_=_Own)
    own = _PROMOTIONS.validate_json(row.promotions if row else "[]")
    buyer, rounding = found.customers[0] if found.customers else None, ctx.merchant.rounding
    group, tags = (buyer.customer_group, buyer.tags) if buyer else (None, [])
    items = [line.item for line in here]
    known, folded = order.customer_id is not None, frozenset(map(fold, tags))
    within = asked_segments(own) | await segments_of(ctx, order.customer_id, asked_segments(found.promotions))
    basket = Basket(
        items, order.currency, ctx.merchant.currency, order.placed_at, known, group, folded, frozenset(within)
    )
    may = _promotions(own, found.promotions, basket, held, rounding)
    parcel = _parcel(order, here, found)
    amounts = add_up(items, may, parcel, found.rates, included=order.prices_include_tax, rounding=rounding)
    return Repriced(amounts, may)


def _promotions(
    own: Sequence[Promotion], automatic: Sequence[Promotion], basket: Basket, held: set[UUID], rounding: Rounding
) -> list[Promotion]:
    """Those that the order has or had and may have still; then automatic ones that go together with what it has."""
    had = {promotion.id for promotion in own}
    may = [one for one in own if not objection(one.model_copy(update={"status": PromotionStatus.active}), basket)]
    may += [one for one in automatic if one.automatic and one.id not in had and not objection(one, basket)]
    kept = together([one for one in may if one.id in held], basket.items, rounding)
    new = together([one for one in may if one.id not in held and not one.used_up], basket.items, rounding)
    return kept + [one for one in new if all(one.goes_with(other) for other in kept)]


def _parcel(order: Order, lines: Sequence[EditedLine], found: Found) -> Parcel | None:
    """How it is sent. A method that the shop has no more charges what it charged."""
    if order.shipping_method is None and not order.shipping:
        return None
    weight = sum((line.variant.weight_grams or 0) * line.units for line in lines if line.variant)
    country = order.ship_country or ""
    method = next((method for method in found.methods if method.code == order.shipping_method), None)
    if method is None:
        method = Method(
            code="", name="", countries=[], currency=order.currency, price=order.shipping, free_above=None,
            max_weight_grams=None, tiers=[], tax_class=STANDARD,
        )  # fmt: skip
    if not method.serves(country, order.currency, weight):
        raise NoShippingMethod(
            f"{method.code}, by which {order.reference} is sent, takes no {weight} g to {country} in {order.currency}.",
            hint="Take less, or place an order of its own for what comes on top.",
        )
    return Parcel(method, weight, country, order.ship_region)
