"""What an order would cost: all that prices, promotions, shipping and tax depend on, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, NamedTuple
from uuid import UUID

from db.models.customers import CustomerStatus
from db.models.orders import Channel
from db.models.products import PromotionStatus
from db.money import Rounding
from db.references import Kind, oldest_first
from db.text import fold
from tools.contract.context import Context
from tools.contract.errors import Ambiguous, RowLocked
from tools.contract.shop_settings import DEFAULT_CHANNEL, DEFAULT_COUNTRY, EXPIRE_UNPAID_AFTER, chosen
from tools.orders.wanted import Read, Wanted, no_price, refuse_unsellable, split
from tools.orders.wishes import (
    AddressOfAnother,
    CustomerMayNotOrder,
    NoShippingAddress,
    NoShippingMethod,
    OrderWish,
    PromotionNotApplicable,
    PromotionUnknown,
    PromotionUsedUp,
    WrittenAddress,
)
from tools.rules.lookup import no_variant
from tools.rules.pricing import Amounts, Method, Parcel, add_up, price_of
from tools.rules.promotions import Basket, Item, Promotion, objection, together
from tools.rules.segments import segments_of
from tools.rules.tax import Rate, rate_for

# A promotion `o` as `Promotion` has it; `buyer` are the rows of whose uses are counted.
PROMOTION = """
o.*, (select count(*) from promotion_uses u where u.merchant_id = %(m)s and u.promotion_id = o.id
      and u.customer_id in (select id from buyer) and u.released_at is null) as used_by_customer,
array(select t.product_id from promotion_targets t
      where t.merchant_id = %(m)s and t.promotion_id = o.id and t.product_id is not null) as products,
array(select t.category_id from promotion_targets t
      where t.merchant_id = %(m)s and t.promotion_id = o.id and t.category_id is not null) as categories"""
# A customer is locked where a promotion is limited for each: two orders at once would both find it unused. And whoever buys is
# neither merged nor erased until the order is written; `gone` counts who was, while this waited for it.
_QUOTE = f"""
with recursive buyer as (
    select c.* from customers c where c.merchant_id = %(m)s and c.id = any(array(
        select coalesce(named.merged_into_id, named.id) from customers named where named.merchant_id = %(m)s and (
            named.reference = %(customer)s or named.external_reference = %(customer_written)s or named.email_key = %(email)s)
        order by (named.reference = %(customer)s) is not true fetch first row with ties
    ))
), address as (
    select a.* from addresses a
    where a.merchant_id = %(m)s and (a.reference = any(%(addresses)s) or a.external_reference = any(%(addresses_written)s))
    union
    select a.* from addresses a join buyer on buyer.id = a.customer_id
    where %(theirs)s and a.merchant_id = %(m)s and (a.is_default_shipping or a.is_default_billing)
), named as materialized (
    select v.id from variants v
    where v.merchant_id = %(m)s and (v.sku_key = any(%(keys)s) or v.reference = any(%(variants)s)
                                     or v.external_reference = any(%(written)s))
), part as materialized (
    select b.* from bundle_components b where b.merchant_id = %(m)s and b.variant_id = any(array(select id from named))
), variant as (
    select v.*, p.title as product_title, p.status, coalesce(v.tax_class, p.tax_class) as taxed_as, p.category_id
    from variants v join products p on p.merchant_id = v.merchant_id and p.id = v.product_id
    where v.merchant_id = %(m)s and v.id = any(array(select id from named union select component_id from part))
), shelf as (
    select c.id as leaf, c.id, c.parent_id from categories c
    where c.merchant_id = %(m)s and c.id in (select category_id from variant)
    union
    select shelf.leaf, c.id, c.parent_id from shelf join categories c on c.merchant_id = %(m)s and c.id = shelf.parent_id
), offered as (
    select p.* from promotions p where p.merchant_id = %(m)s and p.code_key = any(%(codes)s)
    union all
    select p.* from promotions p where p.merchant_id = %(m)s and p.automatic and p.status = 'active'
      and p.starts_at <= %(now)s and (p.ends_at is null or p.ends_at > %(now)s)
), one_at_a_time as (
    select c.id from customers c where c.merchant_id = %(m)s and c.id = any(array(select id from buyer))
      and exists (select from offered where usage_limit_per_customer is not null)
    for no key update
), stays as (
    select c.status from customers c where c.merchant_id = %(m)s and c.id = any(array(select id from buyer)) for key share
)
select row_to_json(quote)::text as quote from (select
    (select count(*) from one_at_a_time) as locked,
    (select count(*) from stays where status in ('merged', 'erased')) as gone,
    (select coalesce(json_agg(x), '[]') from (
        select id, reference, status, name, email, phone, customer_group, tags from buyer) x) as customers,
    (select coalesce(json_agg(x order by x.id), '[]') from (
        select id, reference, external_reference, customer_id, is_default_shipping, is_default_billing, name, company, line1,
               line2, city, region, postcode, country, phone from address) x) as addresses,
    (select coalesce(json_agg(x), '[]') from (
        select v.id, v.reference, v.external_reference, v.sku, v.sku_key, v.product_id, v.title, v.options, v.weight_grams, v.cost,
               v.cost_currency, v.tracked, v.sellable, v.allow_backorder, v.archived_at is not null as archived,
               v.product_title, v.status, v.taxed_as as tax_class,
               array(select shelf.id from shelf where shelf.leaf = v.category_id) as categories,
               (select coalesce(json_agg(json_build_object('variant', part.component_id, 'quantity', part.quantity)
                                         order by part.position), '[]') from part where part.variant_id = v.id) as components,
               (select coalesce(json_agg(o), '[]') from (
                    select p.amount, p.customer_group, p.min_quantity from prices p
                    where p.merchant_id = %(m)s and p.variant_id = v.id and p.currency = %(currency)s
                      and p.valid_from <= %(now)s and (p.valid_until is null or p.valid_until > %(now)s)
                      and (p.customer_group is null
                           or folded(p.customer_group) = (select folded(customer_group) from buyer limit 1))
               ) o) as offers
        from variant v) x) as variants,
    (select coalesce(json_agg(x order by x.id), '[]') from (
        select {PROMOTION} from offered o) x) as promotions,
    (select coalesce(json_agg(x), '[]') from (
        select r.country, r.region, r.tax_class, r.rate from tax_rates r
        where r.merchant_id = %(m)s and (r.country = any(%(countries)s) or r.country in (select country from address))
          and r.valid_from <= %(now)s and (r.valid_until is null or r.valid_until > %(now)s)) x) as rates,
    (select coalesce(json_agg(x order by x.position, x.id), '[]') from (
        select s.* from shipping_methods s where s.merchant_id = %(m)s and s.active) x) as methods,
    (select coalesce(json_object_agg(w.id, json_build_object('reference', w.reference, 'name', w.name)
                                     order by w.priority, w.id), '{{}}') from warehouses w
        where w.merchant_id = %(m)s and w.active) as warehouses,
    (select coalesce(json_object_agg(s.key, s.value), '{{}}') from settings s
        where s.merchant_id = %(m)s and s.key = any(%(settings)s)) as settings
) quote
"""


class Buyer(Read):
    id: UUID
    reference: str
    status: CustomerStatus
    name: str
    email: str | None
    phone: str | None
    customer_group: str | None
    tags: list[str]


class KnownAddress(Read):
    id: UUID
    reference: str
    external_reference: str | None
    customer_id: UUID
    is_default_shipping: bool
    is_default_billing: bool
    name: str
    company: str | None
    line1: str
    line2: str | None
    city: str
    region: str | None
    postcode: str | None
    country: str
    phone: str | None


class Place(Read):
    """A warehouse that ships."""

    reference: str
    name: str


class Found(Read):
    """What the statement read."""

    gone: int  # 1 where the customer was merged or erased in this very moment
    customers: list[Buyer]
    addresses: list[KnownAddress]
    variants: list[Wanted]
    promotions: list[Promotion]
    rates: list[Rate]
    methods: list[Method]
    warehouses: dict[UUID, Place]  # in the merchant's order
    settings: dict[str, dict[str, Any]]

    def parts_of(self, bundle: Wanted) -> list[tuple[Wanted, int]]:
        """What is in a bundle, and how many units of each."""
        variants = {variant.id: variant for variant in self.variants}
        return [(variants[part.variant], part.quantity) for part in bundle.components]


class _Row(NamedTuple):
    quote: str


@dataclass(frozen=True, eq=False)
class QuotedBundle:
    """Bundles at their price, in minor units; what they consist of are lines."""

    variant: Wanted
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class QuotedLine:
    """Units of a variant at their price, in minor units; of what is in a bundle, `per_bundle` in each."""

    variant: Wanted
    quantity: int
    unit_price: int
    tax_rate: Decimal
    bundle: QuotedBundle | None = None
    per_bundle: int | None = None

    @property
    def item(self) -> Item:
        """What promotions look at: a bundle is bought as what it is itself."""
        sold, subtotal = self.bundle.variant if self.bundle else self.variant, self.unit_price * self.quantity
        return Item(sold.product_id, sold.categories, self.quantity, subtotal, self.tax_rate)


@dataclass(frozen=True)
class Quote:
    """An order as it would be placed."""

    wish: OrderWish
    found: Found
    buyer: Buyer | None
    currency: str
    channel: Channel
    shipping_address: dict[str, Any]
    billing_address: dict[str, Any]
    lines: list[QuotedLine]
    promotions: list[Promotion]
    parcel: Parcel | None
    amounts: Amounts

    @property
    def bundles(self) -> list[QuotedBundle]:
        return list(dict.fromkeys(line.bundle for line in self.lines if line.bundle))

    @cached_property
    def given(self) -> list[Promotion]:
        """The promotions that took something off."""
        return [promotion for promotion in self.promotions if promotion.id in self.amounts.given]

    @property
    def hours_to_pay(self) -> int:
        return EXPIRE_UNPAID_AFTER.of(self.found.settings.get(EXPIRE_UNPAID_AFTER.key))


async def quote(ctx: Context, wish: OrderWish, *, sent: bool = True) -> Quote:
    """Price a wish, without its sending where it is not to be `sent`. Nothing is written.

    Raises the errors of `tools.orders.wishes`, `NotFound` and `Ambiguous`.
    """
    currency = wish.currency or ctx.merchant.currency
    wish = await _located(ctx, wish)
    found = await _read(ctx, wish, currency)
    buyer = await _buyer(ctx, wish, found)
    channel = wish.channel or DEFAULT_CHANNEL.of(found.settings.get(DEFAULT_CHANNEL.key))
    taken_away = channel is Channel.store and wish.shipping_address is None
    shipped: dict[str, Any] = (
        {} if taken_away else await _address(ctx, wish.shipping_address, buyer, found, "is_default_shipping")
    )
    if not shipped and not taken_away:
        raise NoShippingAddress(
            f"{buyer.reference} has no default address." if buyer else "A guest has no address yet."
        )
    billed = await _address(ctx, wish.billing_address, buyer, found, "is_default_billing") or shipped

    country, region = shipped.get("country", ctx.merchant.country), shipped.get("region")
    lines = await _lines(ctx, wish, found, currency, country, region)
    items = [line.item for line in lines]
    group, tags = (buyer.customer_group, buyer.tags) if buyer else (None, [])
    known = buyer is not None
    within = await segments_of(ctx, buyer.id if buyer else None, asked_segments(found.promotions))
    basket = Basket(items, currency, ctx.merchant.currency, ctx.now(), known, group, frozenset(map(fold, tags)), within)
    promotions = _promotions(wish, found, basket, ctx.merchant.rounding)
    weight = sum((line.variant.weight_grams or 0) * line.quantity for line in lines)
    method = _method(wish, found, country, currency, weight) if shipped and sent else None
    parcel = Parcel(method, weight, country, region) if method else None
    shop = ctx.merchant
    amounts = add_up(items, promotions, parcel, found.rates, included=shop.prices_include_tax, rounding=shop.rounding)
    return Quote(wish, found, buyer, currency, channel, shipped, billed, lines, promotions, parcel, amounts)


def asked_segments(promotions: Sequence[Promotion]) -> set[UUID]:
    return {promotion.segment_id for promotion in promotions if promotion.segment_id}


async def _located(ctx: Context, wish: OrderWish) -> OrderWish:
    """The wish, with a country in each address that is written out."""
    written = {name: getattr(wish, name) for name in ("shipping_address", "billing_address")}
    lacking = {name: at for name, at in written.items() if isinstance(at, WrittenAddress) and at.country is None}
    return wish.model_copy(update={name: await located(ctx, at) for name, at in lacking.items()}) if lacking else wish


async def located(ctx: Context, address: WrittenAddress, country: str | None = None) -> WrittenAddress:
    """An address in its own country, else in that one, else in the one that the shop enters addresses in."""
    own = address.country or country or await chosen(ctx, DEFAULT_COUNTRY) or ctx.merchant.country
    return address.model_copy(update={"country": own})


async def _read(ctx: Context, wish: OrderWish, currency: str) -> Found:
    named = [address for address in (wish.shipping_address, wish.billing_address) if isinstance(address, str)]
    written = [
        a.country for a in (wish.shipping_address, wish.billing_address) if isinstance(a, WrittenAddress) and a.country
    ]
    names = [line.sku for line in wish.lines]
    return await read(
        ctx, currency, names, wish.customer, email=wish.email, addresses=named, countries=written,
        codes=wish.promotion_codes,
    )  # fmt: skip


async def read(
    ctx: Context,
    currency: str,
    skus: Sequence[str],
    customer: str | None,
    *,
    email: str | None = None,
    addresses: Sequence[str] = (),
    countries: Sequence[str] = (),
    codes: Sequence[str] = (),
) -> Found:
    """All that the price of those variants depends on, for that customer."""
    names = [sku.strip() for sku in skus]
    params = {
        "m": ctx.merchant.id,
        "now": ctx.now(),
        "currency": currency,
        "customer": Kind.customer.canonical(customer) if customer else None,
        "customer_written": customer,
        "email": email.casefold() if email and not customer else None,
        "theirs": customer is not None,
        "addresses": [Kind.address.canonical(address) for address in addresses],
        "addresses_written": list(addresses),
        "variants": [Kind.variant.canonical(name) for name in names],
        "written": names,
        "keys": [name.casefold() for name in names],
        "codes": [code.casefold() for code in codes],
        "countries": [*countries, ctx.merchant.country],
        "settings": [EXPIRE_UNPAID_AFTER.key, DEFAULT_CHANNEL.key],
    }
    row = await ctx.sql.row(_QUOTE, params, as_=_Row)
    assert row is not None
    return Found.model_validate_json(row.quote)


async def _buyer(ctx: Context, wish: OrderWish, found: Found) -> Buyer | None:
    """The customer who was named, or whose e-mail a guest gave."""
    if not found.customers:
        if wish.customer:
            raise await ctx.not_found(Kind.customer, wish.customer)
        return None
    if len(found.customers) > 1:
        raise Ambiguous(
            f"{wish.customer} fits {', '.join(oldest_first(buyer.reference for buyer in found.customers))}."
        )
    (buyer,) = found.customers
    if wish.customer:
        ctx.means(Kind.customer, wish.customer, buyer.reference)
    if buyer.status in (CustomerStatus.blocked, CustomerStatus.erased):
        raise CustomerMayNotOrder(f"{buyer.reference} is {buyer.status} and may not order.")
    if found.gone:
        raise RowLocked(f"{buyer.reference} is merged or erased at this very moment.")
    return buyer


async def _address(
    ctx: Context, asked: str | WrittenAddress | None, buyer: Buyer | None, found: Found, default: str
) -> dict[str, Any]:
    """The address as the order keeps it; empty when there is none."""
    if isinstance(asked, WrittenAddress):
        return asked.kept(buyer.name if buyer else None)
    if asked is None:
        chosen = [address for address in found.addresses if getattr(address, default)]
    else:
        reference = Kind.address.canonical(asked)
        chosen = [a for a in found.addresses if reference == a.reference]
        chosen = chosen or [a for a in found.addresses if asked.strip() == a.external_reference]
        if not chosen:
            raise await ctx.not_found(Kind.address, asked)
        ctx.means(Kind.address, asked, chosen[0].reference)
    if not chosen:
        return {}
    if buyer is None or chosen[0].customer_id != buyer.id:
        raise AddressOfAnother(f"{chosen[0].reference} is not an address of {buyer.reference if buyer else 'a guest'}.")
    return chosen[0].model_dump(include=set(WrittenAddress.model_fields))


async def _lines(
    ctx: Context, wish: OrderWish, found: Found, currency: str, country: str, region: str | None
) -> list[QuotedLine]:
    """A line for each variant; one that was asked for twice is one line."""
    quantities: dict[UUID, int] = {}
    variants: dict[UUID, Wanted] = {}
    for line in wish.lines:
        variant = await variant_of(ctx, line.sku.strip(), found)
        variants[variant.id] = variant
        quantities[variant.id] = quantities.get(variant.id, 0) + line.quantity
    for variant in variants.values():
        refuse_unsellable(variant, found.parts_of(variant))
    prices = {id_: price_of(variant.offers, quantities[id_]) for id_, variant in variants.items()}
    if unpriced := [variants[id_].sku for id_, price in prices.items() if price is None]:
        raise no_price(ctx, unpriced, currency)
    lines: list[QuotedLine] = []
    for id_, variant in variants.items():
        quantity, price = quantities[id_], prices[id_] or 0
        rate = partial(rate_for, found.rates, country=country, region=region)
        if not variant.components:
            lines.append(QuotedLine(variant, quantity, price, rate(variant.tax_class)))
            continue
        bundle = QuotedBundle(variant, quantity, price)
        for part in split(price, found.parts_of(variant)):
            units, taxed = part.units * quantity, rate(part.variant.tax_class)
            lines.append(QuotedLine(part.variant, units, part.unit_price, taxed, bundle, part.units))
    return lines


async def variant_of(ctx: Context, name: str, found: Found) -> Wanted:
    """What `tools.rules.lookup.find_variant` would find, titles apart, among those that were read."""
    key, reference = name.casefold(), Kind.variant.canonical(name)
    readings = (
        [variant for variant in found.variants if variant.reference == reference],
        [variant for variant in found.variants if variant.sku == name],
        [variant for variant in found.variants if variant.sku_key == key],
        [variant for variant in found.variants if variant.external_reference == name],
    )
    meant = next(filter(None, readings), None)
    if meant is None:
        raise await no_variant(ctx, name)
    if len(meant) > 1:
        raise Ambiguous(f"{name} fits {', '.join(f'{variant.sku} ({variant.reference})' for variant in meant)}.")
    ctx.means(Kind.variant, name, meant[0].reference)
    return meant[0]


def _method(wish: OrderWish, found: Found, country: str, currency: str, weight: int) -> Method:
    """The shipping method that was asked for, else the first that takes the parcel."""
    serving = [method for method in found.methods if method.serves(country, currency, weight)]
    code = wish.shipping_method
    chosen = [method for method in serving if code is None or method.code.casefold() == code.casefold()]
    if chosen:
        return chosen[0]
    others = ", ".join(method.code for method in serving)
    named = f"{code} does not take" if code else "No shipping method takes"
    raise NoShippingMethod(
        f"{named} {weight} g to {country} in {currency}.",
        hint=f"These do: {others}." if others else "Set up a shipping method for it: set_shipping_method.",
    )


def _promotions(wish: OrderWish, found: Found, basket: Basket, rounding: Rounding) -> list[Promotion]:
    """The promotions of the codes, and the automatic ones that apply and go together. Raises for a code that does not."""
    ended_first = sorted(found.promotions, key=lambda one: one.status is not PromotionStatus.ended)
    codes = {promotion.code.casefold(): promotion for promotion in ended_first if promotion.code}
    coded: dict[UUID, Promotion] = {}
    for code in wish.promotion_codes:
        promotion = codes.get(code.casefold())
        if promotion is None:
            raise PromotionUnknown(f"There is no promotion with the code {code}.")
        why = objection(promotion, basket)
        if why:
            raise PromotionNotApplicable(f"The code {promotion.code} cannot be used: {why}.")
        if promotion.used_up:
            raise used_up(promotion)
        coded[promotion.id] = promotion
    automatic = [one for one in found.promotions if one.automatic and not one.used_up and not objection(one, basket)]
    taken = together([*automatic, *coded.values()], basket.items, rounding)
    for promotion in coded.values():
        if promotion not in taken:
            raise _apart(promotion, next(other for other in taken if not promotion.goes_with(other)))
    return taken


def _apart(promotion: Promotion, other: Promotion) -> PromotionNotApplicable:
    named = (
        f"the code {other.code}" if other.code else f"{other.name} ({other.reference}), which the order gets by itself"
    )
    return PromotionNotApplicable(f"The code {promotion.code} cannot be used: it does not go together with {named}.")


def used_up(promotion: Promotion) -> PromotionUsedUp:
    each = (
        ""
        if promotion.usage_limit_per_customer is None
        else f", {promotion.usage_limit_per_customer} for each customer"
    )
    limit = "no limit in all" if promotion.usage_limit is None else f"{promotion.usage_limit} in all"
    return PromotionUsedUp(f"{promotion.name} was given as often as it may be ({limit}{each}).")
