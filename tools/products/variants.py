"""One more variant of a product, and changes of one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from sqlalchemy import select

from db.models.orders import OrderStatus
from db.models.products import Product, Variant, option_key, search_text
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, NotFound, StaleVersion
from tools.contract.fields import MinorUnits, Name, ProductRef, Synonyms, VariantRef, Written
from tools.products.bundles import (
    BundleHasNoStock,
    BundleInBundle,
    Component,
    ComponentArchived,
    NotABundle,
    consist_of,
    parts_of,
    tell_parts,
)
from tools.products.changes import OFF_THE_SITE, ON_THE_SITE, OpenOrdersNeedIt
from tools.products.creation import (
    BarcodeNotGtin,
    CurrencyNotSold,
    NewVariant,
    OptionsDiffer,
    SkuTaken,
    UnknownTaxClass,
    VariantTwice,
    choices,
    currencies_are_sold,
    gtin,
    new_variant,
    priced,
    skus_are_free,
    tax_class_exists,
)  # fmt: skip
from tools.products.detail import ProductDetail, read_product
from tools.rules.lookup import find_product, find_variant
from tools.rules.told import tell_edits


class EmptyVariantField(Invalid):
    """What every variant has cannot be empty."""

    hint = "Leave out what shall stay as it is; only barcode, tax class, cost, weight and measurements may be null."


class StockIsCounted(Conflict):
    """Units that lie somewhere, are held or are on their way are counted until they are gone."""

    hint = "Ship what is held, let come what is on its way, and set what lies there to nothing with adjust_stock first."


class OrdersHoldNothing(Conflict):
    """Orders that were placed while its stock was not counted hold none of it."""

    hint = "Ship or cancel these orders first; only then can its stock be counted."


class AddVariant(NewVariant):
    """To which product, and what."""

    product: ProductRef = Field(description="Product: `PRD-7`, a SKU of one of its variants, or its title.")
    version: int | None = Field(
        default=None, description="The product's version that was read; refused when it changed since."
    )


@tool(
    route="POST /products/{product}/variants",
    effect=Effect.write,
    permission="products:write",
    raises=[
        SkuTaken, BarcodeNotGtin, OptionsDiffer, VariantTwice, CurrencyNotSold, UnknownTaxClass, BundleInBundle, ComponentArchived,
        StaleVersion, NotFound, Ambiguous,
    ],
    examples=[
        "Add size XL to PRD-1012 as TEE-XL at 19.99",
        "The oak lamp also comes in black, SKU LAMP-BLACK, 79 euros",
    ],
)  # fmt: skip
async def add_variant(ctx: Context, args: AddVariant) -> ProductDetail:
    """Add a variant to a product: its options, SKU, price and measures.

    It chooses a value of each of the product's options, as no other variant does. Prices are minor units: 1999 is 19.99
    EUR. A new product is `create_product`; stock comes with `adjust_stock`.
    """
    barcode = args.barcode and gtin(args.barcode)
    currencies_are_sold(ctx, [args])
    await skus_are_free(ctx, [args.sku])
    if args.tax_class:
        await tax_class_exists(ctx, args.tax_class)
    parts = await parts_of(ctx, args.components)

    product = await find_product(ctx, args.product, for_update=True)
    others = await _variants_of(ctx, product)
    _is_a_choice_of_its_own(product, args.sku, args.options, others)
    skus = [*(variant.sku for variant in others), args.sku]
    ctx.edit(
        product, args.version, options=choices([*(variant.options for variant in others if not variant.archived_at), args.options]),
        search=search_text(product.title, product.brand, product.tags, skus),
    )  # fmt: skip
    (reference,) = await ctx.take(Kind.variant)
    position = max((variant.position for variant in others), default=-1) + 1
    variant = new_variant(ctx, product, args, reference=reference, barcode=barcode, position=position)
    await consist_of(ctx, variant, parts)
    ctx.event("created", variant)
    which = f" ({words.listed(f'{name} {value}' for name, value in args.options.items())})" if args.options else ""
    ctx.tell(
        f"{product.title} ({product.reference}) is also sold as {args.sku}{which}, {priced(args, ctx.merchant.currency)}."
    )
    if parts:
        tell_parts(ctx, args.sku, parts)

    await ctx.sql.flush()
    return await read_product(ctx, product.reference)


_MAY_BE_EMPTY = {"barcode", "tax_class", "cost", "weight_grams", "length_mm", "width_mm", "height_mm"}


SELLABLE_WORDS = Synonyms(
    {
        "true": ("sell again", "on sale again", "back on sale", "show in the shop", "unhide", "take online", "back online",
                 *ON_THE_SITE),
        "false": (
            "do not sell", "don't sell", "stop selling", "no longer sell", "not sold any more", "hide", "take off sale",
            "take offline", "delist", "pull from the shop", "discontinue", *OFF_THE_SITE,
        ),
    }
)  # fmt: skip


class UpdateVariant(Input):
    """Which variant, and what of it changes; what is left out stays."""

    sku: VariantRef = Field(description="Variant: its SKU, or `VAR-7`.")
    title: Name | None = Field(default=None, description="What it is called.")
    options: dict[Written, Name] | None = Field(
        default=None, max_length=5, description='What is chosen of each option from now on: `{"Colour": "Blue"}`.'
    )
    barcode: Written | None = Field(default=None, description="GTIN of 8, 12, 13 or 14 digits; null takes it away.")
    tax_class: Written | None = Field(default=None, description="Its tax class; null: that of its product.")
    weight_grams: int | None = Field(default=None, ge=0, le=10_000_000, description="Weight in grams; null: not known.")
    length_mm: int | None = Field(default=None, ge=0, le=100_000, description="Length in millimetres; null: not known.")
    width_mm: int | None = Field(default=None, ge=0, le=100_000, description="Width in millimetres; null: not known.")
    height_mm: int | None = Field(default=None, ge=0, le=100_000, description="Height in millimetres; null: not known.")
    cost: MinorUnits | None = Field(
        default=None, ge=0, description="What a unit costs the shop, minor units of the home currency; null: not known."
    )
    tracked: bool | None = Field(
        default=None, description="Whether units are counted; false for made to order, or digital."
    )
    sellable: Annotated[bool | None, SELLABLE_WORDS] = Field(default=None, description="Whether it may be sold.")
    allow_backorder: bool | None = Field(default=None, description="Whether more may be sold than lie there.")
    components: list[Component] | None = Field(
        default=None, min_length=1, max_length=50, description="All that is in a bundle from now on."
    )
    archived: bool | None = Field(
        default=None,
        description="True takes it out of the catalogue for good, keeping its history; false takes that back.",
    )
    version: int | None = Field(
        default=None, description="The variant's version that was read; refused when it changed since."
    )


@tool(
    route="PATCH /variants/{sku}",
    effect=Effect.write,
    permission="products:write",
    raises=[
        EmptyVariantField, BarcodeNotGtin, OptionsDiffer, VariantTwice, StockIsCounted, OrdersHoldNothing, UnknownTaxClass,
        NotABundle, OpenOrdersNeedIt,
        BundleHasNoStock, BundleInBundle, ComponentArchived, StaleVersion, NotFound, Ambiguous,
    ],
    examples=[
        "MUG-BLUE weighs 380 grams",
        "Do not sell LAMP-OAK any more, but keep the black one",
        "SET-BREAKFAST is 2 MUG-BLUE and 2 BOWL from now on",
    ],
    version_required=True,
)  # fmt: skip
async def update_variant(ctx: Context, args: UpdateVariant) -> ProductDetail:
    """Change a variant: options, barcode, weight, cost, if it is sold or counted.

    Fields that are left out stay. `tracked` false makes it made to order, or digital: it is sold while `sellable`, and none
    is reserved. What is in a bundle changes for orders to come. One that is `archived` is gone from the product's options;
    open orders that need it stop that. Its price is changed by `set_price`, its stock by
    `adjust_stock`, what it is a variant of by `update_product`.
    """
    given = args.model_dump(exclude_unset=True, exclude={"sku", "version", "components", "archived"})
    empty = sorted(name for name, value in given.items() if value is None and name not in _MAY_BE_EMPTY)
    if empty:
        raise EmptyVariantField(f"{words.listed(words.word(name) for name in empty)} of a variant cannot be empty.")
    if args.barcode is not None:
        given["barcode"] = gtin(args.barcode)
    if args.tax_class is not None:
        await tax_class_exists(ctx, args.tax_class)
    if "cost" in given:
        given |= {"cost": None if args.cost is None else Decimal(args.cost)}
        given |= {"cost_currency": None if args.cost is None else ctx.merchant.currency}

    parts = await parts_of(ctx, args.components or [])
    named = await find_variant(ctx, args.sku)
    product = await find_product(ctx, named.reference, for_update=True)
    variant = await find_variant(ctx, named.reference, for_update=True)
    if args.options is not None:
        await _choose(ctx, product, variant, args.options)
        given["option_key"] = option_key(args.options)
    if args.tracked is not None and args.tracked is not variant.tracked:
        await _may_be_counted(ctx, variant, counted=args.tracked)
    if parts and not variant.bundle:
        raise NotABundle(f"{variant.sku} is no bundle.")
    if parts:
        await consist_of(ctx, variant, parts)
        tell_parts(ctx, variant.sku, parts)
    if args.archived is not None and args.archived is not bool(variant.archived_at):
        given["archived_at"] = await _archive(ctx, product, variant, args.archived)
    _tell(ctx, f"{variant.sku} ({product.title})", variant, given)
    ctx.edit(variant, args.version, **given)
    ctx.event("changed", variant, fields=sorted([*given, *(["components"] if parts else [])]))

    await ctx.sql.flush()
    return await read_product(ctx, product.reference)


# ---- options -------------------------------------------------------------------------------------------------------------


async def _variants_of(ctx: Context, product: Product) -> list[Variant]:
    query = select(Variant).where(Variant.merchant_id == ctx.merchant.id, Variant.product_id == product.id)
    return list((await ctx.db.scalars(query.order_by(Variant.position, Variant.id))).all())


def _is_a_choice_of_its_own(product: Product, sku: str, options: dict[str, str], others: Sequence[Variant]) -> None:
    """Raise `OptionsDiffer` or `VariantTwice`."""
    for other in others:
        if set(other.options) != set(options):
            raise OptionsDiffer(
                f"{product.title} ({product.reference}) is told apart by {_named(other.options)}, and {sku} by {_named(options)}.",
                hint="Give it a value of each of these options; update_variant changes those of the others.",
            )
        if other.option_key == option_key(options):
            raise VariantTwice(f"{other.sku} is that choice already: {_worded(options) or 'no option'}.")


async def _choose(ctx: Context, product: Product, variant: Variant, options: dict[str, str]) -> None:
    """The variant becomes another choice, and its product offers what its variants are."""
    variants = await _variants_of(ctx, product)
    others = [other for other in variants if other.id != variant.id]
    _is_a_choice_of_its_own(product, variant.sku, options, others)
    chosen = [options if one.id == variant.id else one.options for one in variants if not one.archived_at]
    if chosen:
        ctx.edit(product, None, options=choices(chosen))


def _named(options: Mapping[str, str]) -> str:
    return words.listed(options) if options else "no option"


# ---- archived or not -----------------------------------------------------------------------------------------------------


class _Named(NamedTuple):
    sku: str


_BUNDLES = """
select v.sku from bundle_components b join variants v on v.merchant_id = %(m)s and v.id = b.variant_id and v.archived_at is null
where b.merchant_id = %(m)s and b.component_id = %(variant)s order by v.sku
"""


async def _archive(ctx: Context, product: Product, variant: Variant, archived: bool) -> datetime | None:
    """Whether a variant is one of the product's choices; returns since when it is none. Raises `OpenOrdersNeedIt`."""
    params = {"m": ctx.merchant.id, "variant": variant.id, "open": [OrderStatus.pending, OrderStatus.confirmed]}
    orders = [row.reference for row in await ctx.sql.rows(_OPEN, params, as_=_Open)]
    if archived and orders:
        need = "needs" if len(orders) == 1 else "need"
        hint = "Ship or cancel these orders first, or only stop selling it: `sellable` false."
        raise OpenOrdersNeedIt(f"{words.listed(orders)} {need} {variant.sku}.", hint=hint, orders=orders)
    others = [one for one in await _variants_of(ctx, product) if one.id != variant.id and not one.archived_at]
    left = others if archived else sorted([*others, variant], key=lambda one: (one.position, one.id))
    if left:
        ctx.edit(product, None, options=choices([one.options for one in left]))
    whose = f"{variant.sku} ({product.title})"
    ctx.tell(
        f"{whose} leaves the catalogue, and is not sold any more." if archived else f"{whose} is back in the catalogue."
    )
    (units,) = await ctx.sql.rows(_LIES, params, as_=_Units)
    if archived and units.on_hand:
        lie = "unit of it still lies" if units.on_hand == 1 else "units of it still lie"
        ctx.tell(f"{units.on_hand:,} {lie} in the warehouses.")
    bundles = [row.sku for row in await ctx.sql.rows(_BUNDLES, params, as_=_Named)]
    if archived and bundles:
        ctx.tell(f"{words.listed(bundles)}, of which it is part, {words.are(len(bundles))} not sold either.")
    return ctx.now() if archived else None


# ---- counted or not ------------------------------------------------------------------------------------------------------


class _Units(NamedTuple):
    on_hand: int
    reserved: int
    incoming: int


class _Open(NamedTuple):
    reference: str


_LIES = """
select coalesce(sum(on_hand), 0)::bigint as on_hand, coalesce(sum(reserved), 0)::bigint as reserved,
       coalesce(sum(incoming), 0)::bigint as incoming
from stock_levels where merchant_id = %(m)s and variant_id = %(variant)s
"""
_OPEN = """
select o.reference from order_lines l join orders o on o.merchant_id = %(m)s and o.id = l.order_id
where l.merchant_id = %(m)s and l.variant_id = %(variant)s and o.status = any(%(open)s) and l.fulfilled < l.quantity - l.cancelled
order by o.placed_at limit 100
"""


async def _may_be_counted(ctx: Context, variant: Variant, *, counted: bool) -> None:
    """An order holds each counted unit that it has to send, and none of what is not counted; that stays true on either side.

    Raises `StockIsCounted`, `OrdersHoldNothing` or, as neither is a bundle's, `BundleHasNoStock`.
    """
    if variant.bundle:
        raise BundleHasNoStock(f"{variant.sku} is a bundle: what is in it is counted.")
    params = {"m": ctx.merchant.id, "variant": variant.id, "open": [OrderStatus.pending, OrderStatus.confirmed]}
    orders = [row.reference for row in await ctx.sql.rows(_OPEN, params, as_=_Open)]
    if counted and orders:
        wait, hold = ("waits", "holds") if len(orders) == 1 else ("wait", "hold")
        raise OrdersHoldNothing(f"{words.listed(orders)} {wait} for {variant.sku} and {hold} none of it.")
    (units,) = await ctx.sql.rows(_LIES, params, as_=_Units)
    if not counted and (any(units) or orders):
        waiting = f", and {words.listed(orders)} wait{'s' if len(orders) == 1 else ''} for it" if orders else ""
        raise StockIsCounted(
            f"Of {variant.sku} {units.on_hand} lie in the warehouses, {units.reserved} are held and"
            f" {units.incoming} are on their way{waiting}."
        )


# ---- told ----------------------------------------------------------------------------------------------------------------

_BECOMES = {
    ("tracked", True): "is counted from now on, and sold while there is stock",
    ("tracked", False): "is not counted any more: it is sold while it may be sold, and none is held for orders",
    ("sellable", True): "may be sold from now on",
    ("sellable", False): "is not sold any more",
    ("allow_backorder", True): "may be sold beyond what lies there",
    ("allow_backorder", False): "is sold only while there is stock",
}
_CALLED = {"weight_grams": "weight", "length_mm": "length", "width_mm": "width", "height_mm": "height"}


def _tell(ctx: Context, whose: str, variant: Variant, given: Mapping[str, Any]) -> None:
    for (name, value), becomes in _BECOMES.items():
        if name in given and given[name] is value and getattr(variant, name) is not value:
            ctx.tell(f"{whose} {becomes}.")
    tell_edits(ctx, whose, [
        (_CALLED.get(name, name), _said(name, getattr(variant, name), ctx), _said(name, given[name], ctx))
        for name in ("title", "options", "barcode", "tax_class", "cost", *_CALLED) if name in given
    ])  # fmt: skip
    if not ctx.sentences:
        ctx.tell(f"{whose} stays as it is.")


def _said(name: str, value: Any, ctx: Context) -> str | None:
    """A field of a variant, as a sentence has it."""
    if value is None:
        return None
    if name == "cost":
        return words.money(round(value), ctx.merchant.currency)
    if name == "options":
        return _worded(value)
    if name == "weight_grams":
        return words.grams(value)
    return f"{value} mm" if name.endswith("_mm") else words.quoted(value)


def _worded(options: Mapping[str, str]) -> str | None:
    return words.listed(f"{name} {value}" for name, value in options.items()) if options else None
