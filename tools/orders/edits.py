"""What is to become of an order's lines: from what was asked, line by line, to how many units of each there are afterwards."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import OrderBundle, OrderLine
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Input
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import Quantity, VariantRef
from tools.contract.shop_settings import SWAP_FOR_ITSELF, SWAP_WITHIN_PRODUCT, chosen
from tools.orders.quote import Found, variant_of
from tools.orders.wanted import Wanted, no_price, refuse_unsellable, split
from tools.orders.wishes import NewLine
from tools.rules.pricing import price_of
from tools.rules.promotions import Item
from tools.rules.tax import rate_for


class NotOnOrder(Conflict):
    """The order has no such variant, or not as many units of it."""

    hint = "get_order shows what is on it. Something new is added by `add`."


class SwapOfAnotherProduct(Conflict):
    """A variant is swapped for another variant of the same product."""

    hint = "Take the one out (`remove`) and add the other (`add`)."


class SwapForItself(Conflict):
    """A variant is not swapped for itself."""

    hint = "Name another variant of the product, or leave the swap out."


class OrderWouldBeEmpty(Conflict):
    """Nothing would be left on it."""

    hint = "Use cancel_order for all of it."


class NothingToChange(Invalid):
    """What was asked is how it is already, or nothing was asked."""

    hint = "Say what is to be added, taken out, swapped, or how many units there shall be."


class LineQuantity(Input):
    """How many units of a variant that is on the order there shall be."""

    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(ge=0, le=100_000, description="Units that there shall be in all; 0 takes it out.")


class Swap(Input):
    """Units of a variant for as many of another."""

    sku: VariantRef = Field(description="The variant on the order, by SKU such as `MUG-BLUE`.")
    to: VariantRef = Field(description="The variant instead, by SKU such as `MUG-RED`.")
    quantity: Quantity | None = Field(default=None, ge=1, le=100_000, description="Units; omit for all that there are.")


class LineEdits(Input):
    quantities: list[LineQuantity] = Field(
        default=[], max_length=200, description="How many units there shall be of what is on the order."
    )
    add: list[NewLine] = Field(default=[], max_length=200, description="What comes on top, at the prices of today.")
    remove: list[VariantRef] = Field(default=[], max_length=200, description="What is taken out whole.")
    swaps: list[Swap] = Field(
        default=[], max_length=200, description="Which variant becomes which other one of its product."
    )

    @property
    def skus(self) -> list[str]:
        """Every variant that is named."""
        swapped = [sku for swap in self.swaps for sku in (swap.sku, swap.to)]
        return [*(line.sku for line in [*self.quantities, *self.add]), *self.remove, *swapped]


@dataclass(eq=False)
class EditedLine:
    """A line as it is to be: `row` is what it was, none for a new one. Prices are minor units of the order's currency.

    A line of a bundle has `per_bundle` units for each, and is changed with it alone.
    """

    row: OrderLine | None
    variant: Wanted | None
    sku: str
    unit_price: int
    tax_rate: Decimal
    before: int
    units: int
    bundle: "EditedBundle | None" = field(default=None, repr=False)
    per_bundle: int | None = None

    @property
    def item(self) -> Item:
        sold = self.bundle or self
        product = sold.variant.product_id if sold.variant else sold.row.product_id if sold.row else None
        categories = sold.variant.categories if sold.variant else frozenset[UUID]()
        return Item(product or UUID(int=0), categories, self.units, self.unit_price * self.units, self.tax_rate)

    @property
    def made_of(self) -> dict[UUID, int]:
        return {}

    def become(self, units: int) -> None:
        self.units = units


@dataclass(eq=False)
class EditedBundle:
    """Bundles as they are to be, likewise; `lines` are what they consist of."""

    row: OrderBundle | None
    variant: Wanted | None
    sku: str
    unit_price: int
    before: int
    units: int
    lines: list[EditedLine] = field(default_factory=list[EditedLine])

    @property
    def made_of(self) -> dict[UUID, int]:
        """Units of each variant in one of them."""
        parts = Counter[UUID]()
        for line in self.lines:
            parts[line.variant.id if line.variant else UUID(int=0)] += line.per_bundle or 0
        return dict(parts)

    def become(self, units: int) -> None:
        self.units = units
        for line in self.lines:
            line.units = units * (line.per_bundle or 0)


Sold = EditedLine | EditedBundle


def sold_of(lines: Iterable[EditedLine]) -> list[Sold]:
    """What was bought: the bundles in place of their lines."""
    return list(dict.fromkeys(line.bundle or line for line in lines))


class _Added(NamedTuple):
    """Units that come to the order; `instead` of what, if they take its place."""

    variant: Wanted
    units: int
    instead: Sold | None


@dataclass
class Basket:
    """The lines of an order while they are edited, in their order; units are added at today's prices."""

    reference: str
    lines: list[EditedLine]
    added: list[_Added] = field(default_factory=list[_Added])

    def units_of(self, variant: Wanted) -> int:
        return sum(sold.units for sold in self.of(variant))

    def take(self, variant: Wanted, units: int) -> None:
        """Take units out, of the latest lines first. Raises `NotOnOrder`."""
        self._take(variant, units, list(reversed(self.of(variant))))

    def put(self, variant: Wanted, units: int) -> None:
        self.added.append(_Added(variant, units, None))

    def swap(self, old: Wanted, new: Wanted, units: int) -> None:
        """Units become others and stay in their place, those of the earliest lines first. Raises `NotOnOrder`."""
        for sold, taken in self._take(old, units, self.of(old)):
            self.added.append(_Added(new, taken, sold))

    def _take(self, variant: Wanted, units: int, lines: Sequence[Sold]) -> list[tuple[Sold, int]]:
        """Take units out of these lines; returns how many of which."""
        there = self.units_of(variant)
        if units > there or not there:
            raise self._not_there(variant, units, there)
        parts: list[tuple[Sold, int]] = []
        for sold in lines:
            taken = min(sold.units, units)
            sold.become(sold.units - taken)
            units -= taken
            parts += [(sold, taken)] if taken else []
        return parts

    def insert(self, lines: Sequence[EditedLine], *, after: Sold | None) -> None:
        """New lines: behind those that they stand for, else at the end."""
        at = self._end_of(after) if after else len(self.lines)
        self.lines[at:at] = lines

    def behind(self, sold: Sold) -> Sold | None:
        """What comes next."""
        return next((line.bundle or line for line in self.lines[self._end_of(sold) :]), None)

    def _end_of(self, sold: Sold) -> int:
        return max(at for at, line in enumerate(self.lines, start=1) if (line.bundle or line) is sold)

    def of(self, variant: Wanted) -> list[Sold]:
        """Where it was bought by itself."""
        return [sold for sold in sold_of(self.lines) if sold.variant and sold.variant.id == variant.id]

    def _not_there(self, variant: Wanted, units: int, there: int) -> NotOnOrder:
        has = f"{words.count(there, 'unit')} of" if there else "no"
        within = {line.bundle.sku for line in self.lines if line.bundle and line.units and line.sku == variant.sku}
        part = f"; what there is of it is part of {words.listed(sorted(within))}" if within and not there else ""
        return NotOnOrder(f"{self.reference} has {has} {variant.sku}, and {units or 'some'} were asked for{part}.")


async def edited(
    ctx: Context, basket: Basket, edits: LineEdits, found: Found, destination: tuple[str, str | None], currency: str
) -> list[EditedLine]:
    """The lines of the basket as they are asked to be; those that were taken out stay, with no units."""
    for sku in edits.remove:
        variant = await variant_of(ctx, sku, found)
        basket.take(variant, basket.units_of(variant))
    for line in edits.quantities:
        variant = await variant_of(ctx, line.sku, found)
        there = basket.units_of(variant)
        if line.quantity > there > 0:
            basket.put(variant, line.quantity - there)
        elif line.quantity != there or not there:
            basket.take(variant, there - line.quantity if there else line.quantity)
    for swap in edits.swaps:
        await _swap(ctx, basket, swap, found)
    for line in edits.add:
        basket.put(await variant_of(ctx, line.sku, found), line.quantity)

    _add(ctx, basket, found, destination, currency)
    if not any(line.units for line in basket.lines):
        raise OrderWouldBeEmpty(f"Nothing would be left on {basket.reference}.")
    if all(line.units == line.before for line in basket.lines):
        raise NothingToChange(f"{basket.reference} would stay as it is.")
    return basket.lines


async def _swap(ctx: Context, basket: Basket, swap: Swap, found: Found) -> None:
    old, new = await variant_of(ctx, swap.sku, found), await variant_of(ctx, swap.to, found)
    if old.id == new.id and not await chosen(ctx, SWAP_FOR_ITSELF):
        raise SwapForItself(f"{old.sku} would be swapped for itself.")
    if old.product_id != new.product_id and await chosen(ctx, SWAP_WITHIN_PRODUCT):
        raise SwapOfAnotherProduct(f"{old.sku} belongs to {old.product_title}, and {new.sku} to {new.product_title}.")
    basket.swap(old, new, swap.quantity or basket.units_of(old))


def _add(ctx: Context, basket: Basket, found: Found, destination: tuple[str, str | None], currency: str) -> None:
    """Units that come on top cost what they cost today: on a line of that price, else on one of their own.

    Those that take the place of others stand there: on the line itself, or on the one behind it.
    """
    prices: dict[UUID, int] = {}
    for variant in {added.variant.id: added.variant for added in basket.added}.values():
        refuse_unsellable(variant, found.parts_of(variant))
        more = sum(added.units for added in basket.added if added.variant.id == variant.id)
        price = price_of(variant.offers, basket.units_of(variant) + more)
        if price is None:
            raise no_price(ctx, [variant.sku], currency)
        prices[variant.id] = price
    for variant, units, instead in basket.added:
        price, made_of = prices[variant.id], {part.id: quantity for part, quantity in found.parts_of(variant)}
        there = [
            sold for sold in basket.of(variant) if sold.units and (instead is None or sold is basket.behind(instead))
        ]
        there += [instead] if instead and instead.variant is variant else []
        fitting = [sold for sold in there if sold.unit_price == price and sold.made_of == made_of]
        if fitting:
            fitting[0].become(fitting[0].units + units)
        else:
            basket.insert(_new_lines(variant, price, units, found, destination), after=instead)


def _new_lines(
    variant: Wanted, price: int, units: int, found: Found, destination: tuple[str, str | None]
) -> list[EditedLine]:
    if not variant.components:
        rate = rate_for(found.rates, variant.tax_class, *destination)
        return [EditedLine(None, variant, variant.sku, price, rate, 0, units)]
    bundle = EditedBundle(None, variant, variant.sku, price, 0, 0)
    for part, each, share in split(price, found.parts_of(variant)):
        rate = rate_for(found.rates, part.tax_class, *destination)
        bundle.lines.append(EditedLine(None, part, part.sku, share, rate, 0, 0, bundle, each))
    bundle.become(units)
    return bundle.lines
