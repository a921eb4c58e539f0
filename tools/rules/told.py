"""Sentences for cards that several rooms tell in the same words."""

from collections.abc import Mapping, Sequence

from db.models.orders import Order
from tools.contract import words
from tools.contract.context import Context

PLACES = 4  # warehouses that a card names; the others are counted

Units = Mapping[tuple[str, str], int]  # (warehouse, SKU): how many


def goods(units: Mapping[str, int]) -> str:
    """`3 MUG-BLUE and 1 BOWL`, by SKU."""
    return words.listed(f"{count:,} {sku}" for sku, count in units.items())


def tell_units(ctx: Context, units: Units, one: str, many: str) -> None:
    """A sentence a warehouse, in the order given: `tell_units(ctx, units, "goes back on sale", "go back on sale")`."""
    places: dict[str, dict[str, int]] = {}
    for (place, sku), count in units.items():
        if count:
            places.setdefault(place, {})[sku] = count
    named = list(places.items()) if len(places) <= PLACES else list(places.items())[: PLACES - 1]
    for place, there in named:
        ctx.tell(f"{goods(there)} {one if sum(there.values()) == 1 else many} in {place}.")
    if left := list(places.values())[len(named) :]:
        total = sum(sum(there.values()) for there in left)
        verb = one if total == 1 else many
        ctx.tell(f"And {words.count(total, 'unit')} more {verb} in {words.count(len(left), 'other warehouse')}.")


def named_order(order: Order) -> tuple[str, Sequence[str]]:
    """An order as people know it, `ORD-1042 of Ana Torres`, and what of that outsiders wrote."""
    if not order.customer_name:
        return order.reference, []
    return f"{order.reference} of {order.customer_name}", [order.customer_name]
