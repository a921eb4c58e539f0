"""Shipping methods: ways of sending an order, and what they cost the customer."""

from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints
from sqlalchemy import select

from db.exact import Exact
from db.models.backoffice import ShippingMethod
from db.money import Currency, Money
from tools.backoffice.taxes import TaxClass
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid, StaleVersion
from tools.contract.fields import Country, MinorUnits, Name
from tools.contract.page import Page, Paged, paged, place
from tools.rules.told import tell_edits

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$", to_lower=True)]


class ShippingMethodIncomplete(Invalid):
    """A new shipping method needs a name and a price."""


class EmptyShippingField(Invalid):
    """What every shipping method has cannot be empty."""

    hint = "Leave out what shall stay as it is."


class CurrencyNotSold(Conflict):
    """Shipping is charged in a currency in which the shop sells."""

    hint = "Add the currency to the shop with update_merchant first."


class WeightTier(Exact):
    """From a weight on, another price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    above_weight: int = Field(gt=0, description="Grams from which this price counts.")
    price: MinorUnits = Field(ge=0, description="Price in minor units.")


class ShippingMethodDetail(Result):
    """A way of sending an order."""

    reference: str = Field(description="Reference of the method, such as SHM-1001.")
    code: str = Field(description="The shop's own short name, such as `standard`.")
    name: str = Field(description="What customers read.")
    countries: list[str] = Field(description="ISO 3166 alpha-2 codes to which it sends; empty is everywhere.")
    price: Money = Field(description="What it costs, minor units, before weight tiers.")
    free_above: Money | None = Field(description="Goods worth this much, in minor units, go free; null is never.")
    max_weight_grams: int | None = Field(description="Heavier parcels do not go this way; null is no limit.")
    tiers: list[WeightTier] = Field(description="Prices by weight: the last tier that the weight reaches counts.")
    tax_class: str = Field(description="The class by which it is taxed.")
    active: bool = Field(description="Whether orders can choose it.")
    position: int = Field(description="Its place in the list.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class SetShippingMethod(Input):
    """A shipping method by its code. Of one that exists, what is left out stays; a new one needs a name and a price."""

    code: Code = Field(description="The shop's own short name, such as `standard`; a new code is a new method.")
    name: Name | None = Field(default=None, description="What customers read.")
    countries: list[Country] | None = Field(
        default=None, max_length=250, description="ISO 3166 alpha-2 codes to which it sends; empty is everywhere."
    )
    currency: Currency | None = Field(default=None, description="ISO 4217; the home currency unless said.")
    price: MinorUnits | None = Field(
        default=None, ge=0, description="What it costs in minor units, before weight tiers."
    )
    free_above: MinorUnits | None = Field(
        default=None, ge=0, description="Goods worth this many minor units go free; null is never."
    )
    max_weight_grams: int | None = Field(
        default=None, gt=0, description="Grams; heavier parcels do not go this way; null is no limit."
    )
    tiers: list[WeightTier] | None = Field(
        default=None, max_length=50, description="Prices by weight: the last tier that the weight reaches counts."
    )
    tax_class: TaxClass | None = Field(default=None, description="The class by which it is taxed.")
    active: bool | None = Field(default=None, description="Whether orders can choose it.")
    position: int | None = Field(default=None, ge=0, le=10_000, description="Its place in the list, 0 first.")
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")


MAY_BE_EMPTY = {"free_above", "max_weight_grams"}


@tool(
    route="PUT /shipping-methods",
    effect=Effect.money,
    permission="settings:write",
    raises=[CurrencyNotSold, EmptyShippingField, ShippingMethodIncomplete, StaleVersion],
    examples=[
        "Set standard shipping to 5.90",
        "Add express delivery to France and Belgium for 12 euros, free above 150",
    ],
)
async def set_shipping_method(ctx: Context, args: SetShippingMethod) -> ShippingMethodDetail:
    """Add a way of sending orders, or change one: where to, for how much, free above.

    Prices are minor units of the method's currency. Orders that were placed keep what they paid.
    """
    given = args.model_dump(exclude_unset=True, exclude={"code", "version"})
    empty = [name for name, value in given.items() if value is None and name not in MAY_BE_EMPTY]
    if empty:
        raise EmptyShippingField(f"{', '.join(empty)} of a shipping method cannot be empty.")
    if args.currency is not None and args.currency not in ctx.merchant.currencies:
        raise CurrencyNotSold(f"The shop sells in {', '.join(ctx.merchant.currencies)}, and not in {args.currency}.")
    if args.tiers is not None:
        given["tiers"] = [tier.model_dump() for tier in sorted(args.tiers, key=lambda tier: tier.above_weight)]

    method = (
        await ctx.db.scalars(
            select(ShippingMethod)
            .where(ShippingMethod.merchant_id == ctx.merchant.id, ShippingMethod.code == args.code)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    if method is not None:
        _tell_edits(ctx, method, given)
        ctx.edit(method, args.version, **given)
        return _shown(method)
    return _shown(await _new_method(ctx, args, given))


async def _new_method(ctx: Context, args: SetShippingMethod, given: dict[str, Any]) -> ShippingMethod:
    missing = [name for name in ("name", "price") if name not in given]
    if missing:
        raise ShippingMethodIncomplete(
            f"There is no shipping method {args.code} yet, and a new one needs a {' and a '.join(missing)}.",
            hint="list_shipping_methods shows the codes that exist.",
        )
    defaults: dict[str, Any] = {
        "countries": [], "currency": ctx.merchant.currency, "free_above": None, "max_weight_grams": None, "tiers": [],
        "tax_class": "standard", "active": True, "position": 0,
    }  # fmt: skip
    method = await ctx.add(ShippingMethod, code=args.code, **(defaults | given))
    terms = [f"{what} {term}" for what, term in _terms(_fields(method)).items() if term]
    ctx.tell(
        f"{method.name} {'is a new way of sending' if method.active else 'is not offered yet'}: {', '.join(terms)}."
    )
    return method


def _fields(method: ShippingMethod) -> dict[str, Any]:
    names = SetShippingMethod.model_fields.keys() - {"code", "version"}
    return {name: getattr(method, name) for name in names}


def _terms(fields: dict[str, Any]) -> dict[str, str | None]:
    """What a method offers, by what it is called."""

    def money(amount: int | None) -> str | None:
        return None if amount is None else words.money(amount, fields["currency"])

    weight = fields["max_weight_grams"]
    steps = [f"{money(tier['price'])} from {words.grams(tier['above_weight'])} on" for tier in fields["tiers"]]
    return {
        "price": money(fields["price"]),
        "countries": words.listed(fields["countries"], most=10) if fields["countries"] else "all",
        "threshold for free sending": money(fields["free_above"]),
        "heaviest parcel": weight and words.grams(weight),
        "price by weight": words.listed(steps) if steps else None,
        "tax class": fields["tax_class"],
    }


def _tell_edits(ctx: Context, method: ShippingMethod, given: dict[str, Any]) -> None:
    whose, told, before, after = method.name, len(ctx.sentences), _fields(method), _fields(method) | given
    if after["name"] != whose:
        ctx.tell(f"{whose} is called “{after['name']}” from now on.")
    was, becomes = _terms(before), _terms(after)
    if before["price"] != after["price"] and before["currency"] == after["currency"]:
        del was["price"]
        ctx.tell(words.repriced("price", whose, before["price"], after["price"], after["currency"]))
    tell_edits(ctx, whose, [(what, term, becomes[what]) for what, term in was.items()])
    if before["active"] != after["active"]:
        ctx.tell(f"{whose} {'is offered again' if after['active'] else 'is not offered any more'}.")
    if before["position"] != after["position"]:
        ctx.tell(f"{whose} moves to place {after['position'] + 1} of the list.")
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose} stays as it is.")


class ListShippingMethods(Paged):
    """Which methods are wanted."""

    country: Country | None = Field(default=None, description="Only methods that send to this country.")
    active: bool | None = Field(default=None, description="True: methods that orders can choose; false: the others.")


class _Method(NamedTuple):
    id: UUID
    reference: str
    code: str
    name: str
    countries: list[str]
    currency: str
    price: int
    free_above: int | None
    max_weight_grams: int | None
    tiers: list[Any]
    tax_class: str
    active: bool
    position: int
    version: int


@tool(
    route="GET /shipping-methods",
    effect=Effect.read,
    permission="settings:read",
    raises=[],
    examples=["What does shipping to Belgium cost?", "Which shipping methods do we offer?"],
)
async def list_shipping_methods(ctx: Context, args: ListShippingMethods) -> Page[ShippingMethodDetail]:
    """List the ways of sending orders with their prices, in the shop's order."""
    position, id_ = place(args.after, int, UUID) or (None, None)
    return await paged(
        ctx,
        args,
        """
        select id, reference, code, name, countries, currency, price, free_above, max_weight_grams, tiers, tax_class, active,
               position, version
        from shipping_methods
        where merchant_id = %(m)s
          and (%(country)s::text is null or countries = '{}' or %(country)s = any(countries))
          and (%(active)s::bool is null or active = %(active)s)
          and (%(position)s::int is null or (position, id) > (%(position)s, %(id)s::uuid))
        order by position, id limit %(limit)s
        """,
        args.model_dump() | {"m": ctx.merchant.id, "position": position, "id": id_},
        as_=_Method,
        show=_shown,
        at=lambda row: (row.position, row.id),
    )


def _shown(method: ShippingMethod | _Method) -> ShippingMethodDetail:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=method.currency)

    return ShippingMethodDetail(
        reference=method.reference,
        code=method.code,
        name=method.name,
        countries=method.countries,
        price=money(method.price),
        free_above=None if method.free_above is None else money(method.free_above),
        max_weight_grams=method.max_weight_grams,
        tiers=[WeightTier.model_validate(tier) for tier in method.tiers],
        tax_class=method.tax_class,
        active=method.active,
        position=method.position,
        version=method.version,
    )
