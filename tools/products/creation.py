"""Putting new products into the catalogue."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from stdnum import ean
from stdnum.exceptions import InvalidChecksum, ValidationError

from db.models.products import Price, Product, ProductStatus, Variant, option_key, search_text
from db.money import Currency
from db.references import Kind, kind_of
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import AlreadyTaken, Ambiguous, Conflict, Invalid, NotFound
from tools.contract.fields import CategoryRef, Hint, MinorUnits, Name, Written
from tools.products.attributes import Attribute, AttributeNotOfType, of_their_types
from tools.products.bundles import BundleInBundle, Component, ComponentArchived, Parts, consist_of, parts_of, tell_parts
from tools.products.detail import Medium, ProductDetail, read_product
from tools.rules.lookup import find_category


class SkuTaken(AlreadyTaken):
    """A SKU stands for one variant, whatever its case."""

    hint = "Choose another SKU, or change the variant that has it."


class BarcodeNotGtin(Invalid):
    """A barcode is a GTIN of 8, 12, 13 or 14 digits, the last of which checks the others."""

    hint = "Read the barcode again, or leave it out."


class OptionsDiffer(Invalid):
    """The variants of a product choose the same options."""

    hint = "Give every variant a value for each option."


class VariantTwice(Conflict):
    """No two variants of a product are the same choice."""

    hint = "Change an option of one of them, or leave one out."


class CurrencyNotSold(Conflict):
    """Prices are in the currencies in which the shop sells."""

    hint = "Add the currency to the shop with update_merchant first, or leave this price out."


class UnknownTaxClass(Conflict):
    """A tax class has a rate somewhere, or is the standard one."""

    hint = "Use one of these, or set a rate of the new class with set_tax_rate first."


def _no_reference(sku: str) -> str:
    if kind_of(sku) in (Kind.variant, Kind.product):
        raise ValueError(f"{sku} looks like a reference of this shop's own: a SKU has to look different")
    return sku


Sku = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern="^[^/]+$"), AfterValidator(_no_reference), Hint("sku")
]
Prose = Annotated[str, StringConstraints(max_length=20_000), Hint("note")]


def is_above(compare_at: int | None, price: int | None) -> None:
    if compare_at is not None and (price is None or compare_at <= price):
        raise ValueError(f"compare_at {compare_at} has to be above the price, which is {price}")


class NewPrice(Input):
    """A price in one more currency."""

    currency: Currency = Field(description="ISO 4217 code, one in which the shop sells.")
    amount: MinorUnits = Field(ge=0, description="Price of a unit, minor units.")
    compare_at: MinorUnits | None = Field(
        default=None, description="A higher price, to be shown struck through, minor units."
    )

    @model_validator(mode="after")
    def _compares_with_more(self) -> Self:
        is_above(self.compare_at, self.amount)
        return self


class NewVariant(Input):
    """What can be bought: a choice of each option, with its SKU and price."""

    sku: Sku = Field(description="SKU, such as `MUG-BLUE`; without a slash.")
    options: dict[Written, Name] = Field(
        default={}, max_length=5, description='What is chosen of each option: `{"Colour": "Blue"}`.'
    )
    title: Name | None = Field(default=None, description="What it is called; unless said, the values of its options.")
    price: MinorUnits | None = Field(
        default=None, ge=0, description="Price of a unit, minor units of the home currency."
    )
    compare_at: MinorUnits | None = Field(
        default=None, description="A higher price, to be shown struck through, minor units of the home currency."
    )
    more_prices: list[NewPrice] = Field(default=[], max_length=50, description="Prices in further currencies.")
    cost: MinorUnits | None = Field(
        default=None, ge=0, description="What a unit costs the shop, minor units of the home currency."
    )
    barcode: Written | None = Field(default=None, description="GTIN of 8, 12, 13 or 14 digits.")
    tax_class: Written | None = Field(default=None, description="Its tax class, where it is not the product's.")
    weight_grams: int | None = Field(default=None, ge=0, le=10_000_000, description="Weight in grams.")
    length_mm: int | None = Field(default=None, ge=0, le=100_000, description="Length in millimetres.")
    width_mm: int | None = Field(default=None, ge=0, le=100_000, description="Width in millimetres.")
    height_mm: int | None = Field(default=None, ge=0, le=100_000, description="Height in millimetres.")
    tracked: bool = Field(default=True, description="Whether units are counted; false for made to order, or digital.")
    sellable: bool = Field(default=True, description="Whether it may be sold.")
    allow_backorder: bool = Field(default=False, description="Whether more may be sold than lie there.")
    components: list[Component] = Field(
        default=[], max_length=50, description="What is in each, when it is a bundle: its stock is theirs."
    )

    @model_validator(mode="after")
    def _compares_with_more(self) -> Self:
        is_above(self.compare_at, self.price)
        return self

    def prices(self, home: str) -> list[NewPrice]:
        own = [] if self.price is None else [NewPrice(currency=home, amount=self.price, compare_at=self.compare_at)]
        return own + self.more_prices


class CreateProduct(Input):
    """What the new product is."""

    title: Name = Field(description="What it is called.")
    variants: list[NewVariant] = Field(
        min_length=1, max_length=250, description="What can be bought of it: one variant, or one for each choice."
    )
    description: Prose = Field(default="", description="What the shop says of it.")
    brand: Name | None = Field(default=None, description="Whose make it is.")
    category: CategoryRef | None = Field(default=None, description="Category: `CAT-7`, its slug or its name.")
    tags: list[Written] = Field(default=[], max_length=100, description="Tags.")
    attributes: dict[Written, Attribute] = Field(
        default={}, max_length=100, description='What else is known of it: `{"material": "oak"}`.'
    )
    tax_class: Written = Field(default="standard", description="Which of the shop's tax rates apply.")
    media: list[Medium] = Field(default=[], max_length=100, description="Pictures, the first is the main one.")
    on_sale: bool = Field(default=False, description="True puts it on sale at once; otherwise it is a draft.")


@tool(
    route="POST /products",
    effect=Effect.write,
    permission="products:write",
    raises=[
        SkuTaken, BarcodeNotGtin, OptionsDiffer, VariantTwice, CurrencyNotSold, UnknownTaxClass, AttributeNotOfType, BundleInBundle,
        ComponentArchived, NotFound, Ambiguous,
    ],
    examples=[
        "Create a product Oak tray, SKU TRAY-OAK, at 24.90",
        "Add a linen napkin in white and grey, 12 euros each, category Table linen",
        "A breakfast set SET-BREAKFAST for 49 euros, made of 2 MUG-BLUE and a BOWL",
    ],
)  # fmt: skip
async def create_product(ctx: Context, args: CreateProduct) -> ProductDetail:
    """Put a new product into the catalogue, with its variants and prices.

    It is a draft unless `on_sale`. Prices are minor units: 1999 is 19.99 EUR. Stock comes with `adjust_stock`. A variant with
    `components` is a bundle: it has a price of its own, and what is in it is held and sent.
    """
    _options_fit(args.variants)
    barcodes = [variant.barcode and gtin(variant.barcode) for variant in args.variants]
    currencies_are_sold(ctx, args.variants)
    await skus_are_free(ctx, [variant.sku for variant in args.variants])
    for tax_class in {args.tax_class, *(variant.tax_class for variant in args.variants if variant.tax_class)}:
        await tax_class_exists(ctx, tax_class)
    attributes = await of_their_types(ctx, args.attributes)
    category = await find_category(ctx, args.category) if args.category else None
    parts = [await parts_of(ctx, variant.components) for variant in args.variants]

    product = await ctx.add(
        Product, status=ProductStatus.active if args.on_sale else ProductStatus.draft, title=args.title,
        description=args.description, brand=args.brand, category_id=category and category.id, tags=args.tags,
        attributes=attributes, tax_class=args.tax_class, options=choices([of.options for of in args.variants]),
        media=[medium.model_dump() for medium in args.media],
        search=search_text(args.title, args.brand, args.tags, [variant.sku for variant in args.variants]),
    )  # fmt: skip
    references = await ctx.take(Kind.variant, len(args.variants))
    for position, wanted in enumerate(args.variants):
        variant = new_variant(
            ctx, product, wanted, reference=references[position], barcode=barcodes[position], position=position
        )
        await consist_of(ctx, variant, parts[position])
    ctx.event("created", product)
    _tell(ctx, args, category.name if category else None, parts)

    await ctx.sql.flush()
    return await read_product(ctx, product.reference)


def _tell(ctx: Context, args: CreateProduct, category: str | None, parts: Sequence[Parts]) -> None:
    where = f" in {category}" if category else ""
    sold = "on sale at once" if args.on_sale else "as a draft, not on sale yet"
    ctx.tell(f"{args.title} comes into the catalogue{where}, {sold}.")
    variants = words.listed(f"{variant.sku} {priced(variant, ctx.merchant.currency)}" for variant in args.variants)
    ctx.tell(f"It is sold as {variants}.")
    for variant, in_it in zip(args.variants, parts, strict=True):
        if in_it:
            tell_parts(ctx, variant.sku, in_it)


def priced(variant: NewVariant, home: str) -> str:
    """`at 19.99 EUR or 23.00 USD`."""
    prices = [words.money(price.amount, price.currency) for price in variant.prices(home)]
    return f"at {' or '.join(prices)}" if prices else "without a price"


def new_variant(
    ctx: Context, product: Product, wanted: NewVariant, *, reference: str, barcode: str | None, position: int
) -> Variant:
    """The row of a variant, and those of its prices."""
    plain = wanted.model_dump(include={
        "sku", "options", "tax_class", "weight_grams", "length_mm", "width_mm", "height_mm", "sellable", "allow_backorder",
    })  # fmt: skip
    variant = ctx.new(
        Variant, reference=reference, product_id=product.id, sku_key=wanted.sku.casefold(), barcode=barcode,
        title=wanted.title or " / ".join(wanted.options.values()) or product.title, position=position,
        option_key=option_key(wanted.options), cost=None if wanted.cost is None else Decimal(wanted.cost),
        cost_currency=None if wanted.cost is None else ctx.merchant.currency, bundle=bool(wanted.components),
        tracked=wanted.tracked and not wanted.components, **plain,
    )  # fmt: skip
    for price in wanted.prices(ctx.merchant.currency):
        ctx.new(Price, variant_id=variant.id, valid_from=ctx.now(), **price.model_dump())
    return variant


def gtin(barcode: str) -> str:
    """The digits of a barcode. Raises `BarcodeNotGtin` with the check digit that it should have."""
    try:
        return ean.validate(barcode)
    except InvalidChecksum:
        digits = ean.compact(barcode)
        right = ean.calc_check_digit(digits[:-1])
        raise BarcodeNotGtin(f"{barcode} ends in {digits[-1]}; its check digit would be {right}.") from None
    except ValidationError:
        raise BarcodeNotGtin(f"{barcode} does not have the 8, 12, 13 or 14 digits of a GTIN.") from None


async def tax_class_exists(ctx: Context, tax_class: str) -> None:
    """Raise `UnknownTaxClass` for a class without a rate: it would be taxed as standard, and nobody would notice."""
    if tax_class == "standard":
        return
    query = "select distinct tax_class as name from tax_rates where merchant_id = %(m)s order by 1"
    known = {"standard", *(row.name for row in await ctx.sql.rows(query, {"m": ctx.merchant.id}, as_=_Named))}
    if tax_class not in known:
        raise UnknownTaxClass(f"No tax rate is of the class {tax_class}; there are {', '.join(sorted(known))}.")


class _Named(NamedTuple):
    name: str


class _Taken(NamedTuple):
    sku: str
    reference: str
    title: str


async def skus_are_free(ctx: Context, skus: Sequence[str]) -> None:
    """Raise `SkuTaken`, with whose they are."""
    keys = [sku.casefold() for sku in skus]
    twice = [sku for sku, key in zip(skus, keys, strict=True) if keys.count(key) > 1]
    if twice:
        raise SkuTaken(f"{' and '.join(twice)} are one SKU, and would stand for {len(twice)} variants.")
    query = """
        select v.sku, v.reference, p.title from variants v
        join products p on p.merchant_id = v.merchant_id and p.id = v.product_id
        where v.merchant_id = %(m)s and v.sku_key = any(%(keys)s) order by v.sku
    """
    taken = await ctx.sql.rows(query, {"m": ctx.merchant.id, "keys": keys}, as_=_Taken)
    if taken:
        whose = ", ".join(f"{row.sku} is {row.reference} of {row.title}" for row in taken)
        raise SkuTaken(f"In use already: {whose}.", taken=[row.sku for row in taken])


def _options_fit(variants: Sequence[NewVariant]) -> None:
    """Raise `OptionsDiffer` or `VariantTwice`."""
    first = variants[0]
    for variant in variants:
        if set(variant.options) != set(first.options):
            raise OptionsDiffer(f"{first.sku} chooses {_named(first)}, and {variant.sku} {_named(variant)}.")
    chosen = Counter(option_key(variant.options) for variant in variants)
    same = [variant.sku for variant in variants if chosen[option_key(variant.options)] > 1]
    if same:
        raise VariantTwice(f"{', '.join(same)} are not told apart by any option.")


def _named(variant: NewVariant) -> str:
    return ", ".join(variant.options) or "no option"


def choices(chosen: Sequence[Mapping[str, str]]) -> list[dict[str, object]]:
    """The options in the order of the first variant, each with its values in the order in which they come."""
    return [{"name": name, "values": list(dict.fromkeys(options[name] for options in chosen))} for name in chosen[0]]


def currencies_are_sold(ctx: Context, variants: Sequence[NewVariant]) -> None:
    """Raise `CurrencyNotSold`, or `Invalid` for two prices in one."""
    for variant in variants:
        prices = Counter(price.currency for price in variant.prices(ctx.merchant.currency))
        unknown = sorted(set(prices) - set(ctx.merchant.currencies))
        if unknown:
            sold = ", ".join(ctx.merchant.currencies)
            raise CurrencyNotSold(f"{variant.sku} has a price in {', '.join(unknown)}; the shop sells in {sold}.")
        if prices and max(prices.values()) > 1:
            raise Invalid(f"{variant.sku} has two prices in one currency.", hint="Give one price for each currency.")
