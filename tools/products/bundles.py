"""What a bundle consists of. It has a price and no stock of its own: what is held, sent and counted is what is in it."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import select

from db.models.products import BundleComponent, Variant
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Input
from tools.contract.errors import Conflict
from tools.contract.fields import Quantity, VariantRef
from tools.rules.lookup import find_variants
from tools.rules.told import goods


class BundleInBundle(Conflict):
    """A bundle consists of single things."""

    hint = "Name what is in that bundle instead."


class ComponentArchived(Conflict):
    """What was taken out of the catalogue for good is in no bundle."""

    hint = "Take another variant, or leave it out."


class NotABundle(Conflict):
    """A variant is a bundle from its beginning, or never: its stock is counted, or that of its components."""

    hint = "Create a product or a variant with `components`, and stop selling this one."


class BundleHasNoStock(Conflict):
    """Units of a bundle are not counted: what is in it is."""

    hint = "Leave `tracked` as it is; adjust_stock and the like take what is in the bundle."


class Component(Input):
    """So much of a variant in each bundle."""

    sku: VariantRef = Field(description="The variant that is in it, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(default=1, ge=1, le=1_000, description="Units of it in each bundle.")


Parts = list[tuple[Variant, int]]


async def parts_of(ctx: Context, components: Sequence[Component]) -> Parts:
    """The variants that are named, with their units; one that is named twice is there once. Raises `BundleInBundle`."""
    variants = await find_variants(ctx, [component.sku for component in components]) if components else []
    units = Counter[str]()
    for variant, component in zip(variants, components, strict=True):
        if variant.bundle:
            raise BundleInBundle(f"{variant.sku} is a bundle itself.")
        if variant.archived_at:
            raise ComponentArchived(f"{variant.sku} is archived.")
        units[variant.sku] += component.quantity
    return [(variant, units[variant.sku]) for variant in dict.fromkeys(variants)]


async def consist_of(ctx: Context, bundle: Variant, parts: Parts) -> None:
    """From now on; orders keep what they were sold."""
    query = select(BundleComponent).where(
        BundleComponent.merchant_id == ctx.merchant.id, BundleComponent.variant_id == bundle.id
    )
    known = {row.component_id: row for row in await ctx.db.scalars(query)}
    for position, (variant, quantity) in enumerate(parts):
        row = known.pop(variant.id, None)
        if row:
            row.quantity, row.position = quantity, position
        else:
            ctx.new(
                BundleComponent, variant_id=bundle.id, component_id=variant.id, quantity=quantity, position=position
            )
    for gone in known.values():
        await ctx.db.delete(gone)


def tell_parts(ctx: Context, sku: str, parts: Parts) -> None:
    units = {variant.sku: quantity for variant, quantity in parts}
    ctx.tell(f"In each {sku} {words.are(sum(units.values()))} {goods(units)}.")
