"""The shop itself: its name, its currencies, its time zone, and how it counts."""

from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field
from sqlalchemy import select

from db.models.backoffice import MerchantProfile
from db.money import Currency, Money, Rounding
from tools.backoffice.grants import FourEyesNeedsTwo, must_leave_two_approvers
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Forbidden, Invalid, StaleVersion
from tools.contract.fields import Country, MinorUnits, Name, Synonyms
from tools.rules.told import tell_edits


class HomeCurrencyFixed(Conflict):
    """The books are kept in the home currency from the first order on."""

    hint = "To sell in another currency too, add it to `currencies`."


class HomeCurrencyMissing(Invalid):
    """A shop sells in its home currency."""

    hint = "List the home currency too."


class ThresholdIsForPeople(Forbidden):
    """A program does not choose when a second person has to agree."""

    hint = "A person of the shop sets it: in the console, or on the command line without SHOPKEEPER_URL."


class EmptyMerchantField(Invalid):
    """Only the four-eyes threshold can be unset."""

    hint = "Leave out what shall stay as it is."


def _zone(name: str) -> str:
    if name not in available_timezones():
        nearest = get_close_matches(name, available_timezones(), n=3)
        raise ValueError(f"no IANA time zone; did you mean {', '.join(nearest)}?" if nearest else "no IANA time zone")
    return name


Zone = Annotated[str, AfterValidator(_zone)]


class GetMerchant(Input):
    """Nothing to say: it is one's own shop."""


class MerchantDetail(Result):
    """The shop."""

    name: str = Field(description="What the shop is called.")
    currency: str = Field(description="The home currency, ISO 4217.")
    currencies: list[str] = Field(description="The currencies in which it sells.")
    zone: str = Field(description="IANA time zone; days, weeks and months in reports are this zone's.")
    country: str = Field(description="ISO 3166 alpha-2.")
    prices_include_tax: bool = Field(description="Whether prices are shown and stored with tax.")
    rounding: Rounding = Field(description="How a fraction of a minor unit becomes whole.")
    four_eyes_above: int | None = Field(
        description="Minor units of the home currency above which nobody approves their own request; null is unset."
    )
    version: int = Field(description="Grows with each change; send it back as If-Match.")


@tool(
    route="GET /merchant",
    effect=Effect.read,
    permission="merchant:read",
    raises=[],
    examples=["Which time zone is my shop in?", "Show my shop's details"],
)
async def get_merchant(ctx: Context, args: GetMerchant) -> MerchantDetail:
    """Show the shop's own name, currency, time zone and tax habit."""
    return _shown(await _profile(ctx))


class UpdateMerchant(Input):
    """What changes of the shop; what is left out stays."""

    name: Name | None = Field(default=None, description="What the shop is called.")
    currency: Currency | None = Field(
        default=None, description="The home currency, ISO 4217; it cannot change once there are orders."
    )
    currencies: list[Currency] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="The currencies in which it sells, home currency included.",
    )
    zone: Zone | None = Field(default=None, description="IANA time zone, such as Europe/Paris.")
    country: Country | None = Field(default=None, description="ISO 3166 alpha-2, such as FR.")
    prices_include_tax: bool | None = Field(default=None, description="Whether prices contain tax.")
    rounding: (
        Annotated[Rounding, Synonyms({"half_up": ("commercial",), "half_even": ("bankers", "banker's")})] | None
    ) = Field(default=None, description="How a fraction of a minor unit becomes whole.")
    four_eyes_above: MinorUnits | None = Field(
        default=None,
        ge=0,
        description="Minor units of the home currency above which a second person has to agree; null unsets it.",
    )
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")


class _Count(NamedTuple):
    orders: int


@tool(
    route="PATCH /merchant",
    effect=Effect.access,
    permission="merchant:write",
    raises=[
        EmptyMerchantField, FourEyesNeedsTwo, HomeCurrencyFixed, HomeCurrencyMissing, StaleVersion, ThresholdIsForPeople,
    ],
    examples=["Rename the shop to Fernway & Sons", "We moved to Lisbon, change our time zone to Europe/Lisbon"],
)  # fmt: skip
async def update_merchant(ctx: Context, args: UpdateMerchant) -> MerchantDetail:
    """Change the shop's name, currencies, time zone, tax habit or threshold.

    Above the four-eyes threshold, minor units of the home currency, nobody approves their own request. It can be set when
    two people could approve an amount of any size; to raise or unset it then takes a second person.
    """
    changes = args.model_dump(exclude_unset=True, exclude={"version"})
    empty = [name for name, value in changes.items() if value is None and name != "four_eyes_above"]
    if empty:
        raise EmptyMerchantField(f"{', '.join(empty)} of a shop cannot be empty.")
    profile = await _profile(ctx, for_update=True)
    _watch_the_threshold(ctx, profile, changes)
    home = args.currency or profile.currency
    if home != profile.currency:
        await _must_have_no_orders(ctx, home)
    currencies = changes.setdefault("currencies", list(dict.fromkeys([home, *profile.currencies])))
    if home not in currencies:
        raise HomeCurrencyMissing(f"The home currency is {home}, and {', '.join(currencies)} does not have it.")

    _tell(ctx, profile, changes)
    ctx.edit(profile, args.version, **changes)
    await must_leave_two_approvers(ctx, profile.four_eyes_above)
    return _shown(profile)


def _watch_the_threshold(ctx: Context, profile: MerchantProfile, changes: dict[str, Any]) -> None:
    """A threshold is a person's to set; a second one has to agree to a higher one, to none, or to count it in other money."""
    before, after = profile.four_eyes_above, changes.get("four_eyes_above", profile.four_eyes_above)
    if after != before and not ctx.actor.is_member:
        raise ThresholdIsForPeople(f"{ctx.actor.name} ({ctx.actor.reference}) is no person of the shop.")
    if before is None:
        return
    if after is None or after > before:
        now = "no threshold is left" if after is None else f"the threshold becomes {_money(after, profile)}"
        ctx.loosens(f"{now} instead of {_money(before, profile)}")
    elif changes.get("currency", profile.currency) != profile.currency:
        ctx.loosens(f"the threshold of {_money(before, profile)} is counted in {changes['currency']}")


def _money(amount: int, profile: MerchantProfile) -> Money:
    return Money(amount=amount, currency=profile.currency)


def _tell(ctx: Context, profile: MerchantProfile, changes: dict[str, Any]) -> None:
    whose, told = profile.name, len(ctx.sentences)
    after = {name: value for name, value in changes.items() if getattr(profile, name) != value}
    if "name" in after:
        ctx.tell(f"{whose} is called “{after['name']}” from now on.")
    labels = {"currency": "home currency", "zone": "time zone", "country": "country", "rounding": "rounding"}
    edits = [
        (label, words.word(getattr(profile, n)), words.word(after[n])) for n, label in labels.items() if n in after
    ]
    tell_edits(ctx, whose, edits)
    if "currencies" in after:
        now, was = words.listed(after["currencies"]), words.listed(profile.currencies)
        ctx.tell(f"{whose} sells in {now} from now on; until now in {was}.")
    if "prices_include_tax" in after:
        ctx.tell(f"Prices of {whose} {'include' if after['prices_include_tax'] else 'do not include'} tax from now on.")
    if "four_eyes_above" in after:
        above = [_threshold(amount, profile.currency) for amount in (after["four_eyes_above"], profile.four_eyes_above)]
        ctx.tell(f"A second person has to agree {above[0]} in {whose} from now on; until now {above[1]}.")
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose} stays as it is.")


def _threshold(amount: int | None, currency: str) -> str:
    return "to nothing" if amount is None else f"above {words.money(amount, currency)}"


async def _must_have_no_orders(ctx: Context, wanted: str) -> None:
    found = await ctx.sql.rows(
        "select count(*) as orders from orders where merchant_id = %s", (ctx.merchant.id,), as_=_Count
    )
    if found[0].orders:
        raise HomeCurrencyFixed(
            f"The shop has {found[0].orders} orders in its books in {ctx.merchant.currency}, "
            f"so its home currency cannot become {wanted}."
        )


async def _profile(ctx: Context, *, for_update: bool = False) -> MerchantProfile:
    query = select(MerchantProfile).where(MerchantProfile.merchant_id == ctx.merchant.id)
    return (await ctx.db.scalars(query.with_for_update(key_share=True) if for_update else query)).one()


def _shown(profile: MerchantProfile) -> MerchantDetail:
    return MerchantDetail.model_validate(profile, from_attributes=True)
