"""Sentences for cards that several rooms tell in the same words."""

from collections.abc import Iterable, Mapping

from db.models.orders import Order
from tools.contract import words
from tools.contract.context import Context

PLACES = 4  # warehouses that a card names; the others are counted

Units = Mapping[tuple[str, str], int]  # (warehouse, SKU): how many


def goods(units: Mapping[str, int]) -> str:
    """`3 MUG-BLUE and 1 BOWL`, by SKU."""
    return words.listed(f"{count:,} {sku}" for sku, count in units.items())


def tell_units(ctx: Context, units: Units, one: str, many: str) -> None:
    """Where what happens to how many: "3 MUG-BLUE go back on sale in Lyon, 1 BOWL in Lille.". Nothing for no units."""
    places: dict[str, dict[str, int]] = {}
    for (place, sku), count in units.items():
        if count:
            places.setdefault(place, {})[sku] = count
    if not places:
        return
    (first, here), *others = places.items()
    said = [f"{goods(here)} {one if sum(here.values()) == 1 else many} in {first}"]
    shown = others if len(places) <= PLACES else others[: PLACES - 2]
    said += [f"{goods(there)} in {place}" for place, there in shown]
    if left := others[len(shown) :]:
        more = sum(sum(there.values()) for _, there in left)
        said.append(f"{words.count(more, 'unit')} in {words.count(len(left), 'other warehouse')}")
    ctx.tell(f"{', '.join(said)}.")


def tell_edits(ctx: Context, whose: str, edits: Iterable[tuple[str, str | None, str | None]]) -> None:
    """A sentence for each value of somebody or something that changes, as (what it is called, before, after)."""
    for label, before, after in edits:
        if before != after:
            ctx.tell(words.changed(label, whose, before, after))


def named_order(order: Order) -> str:
    """An order as people know it: `ORD-1042 of Ana Torres`."""
    return f"{order.reference} of {order.customer_name}" if order.customer_name else order.reference
