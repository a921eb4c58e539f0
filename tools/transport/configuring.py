"""Setting up a carrier: its terms, and where it may report what happens to parcels."""

import secrets
from datetime import time
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import select

from db.models.transport import Carrier, Connector
from db.money import Currency
from tools.contract import words
from tools.contract.actors import digest_of
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Invalid, StaleVersion
from tools.contract.fields import Country, Day, Name, SecretText, Synonyms
from tools.rules.told import tell_edits
from tools.transport.carriers import CarrierDetail, detail, events_address, rates_of, replace_rates
from tools.transport.connected import ConnectorNotSetUp
from tools.transport.terms import Break, Code, Service, Surcharge, Weekday, Zone

MOST_RATES = 2_000


class CarrierIncomplete(Invalid):
    """A new carrier needs a name, services, zones and prices."""


class EmptyCarrierField(Invalid):
    """What every carrier has cannot be empty."""

    hint = "Leave out what shall stay as it is."


class RateOfNothing(Invalid):
    """A price names a service or a zone that the carrier does not have."""

    hint = "Name services and zones by their codes, as get_carrier shows them."


class RateTwice(Invalid):
    """Two prices are for the same service, zone, weight and size."""

    hint = "Leave one of them out."


def _clock(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError:
            raise ValueError("Write a time of day as 16:00.") from None
    return value


CONNECTOR_WORDS = Synonyms({"tables": ("our own prices", "rate tables"), "easypost": ("easy post",)})
Clock = Annotated[time, BeforeValidator(_clock)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_upper=True)]


class ConfigureCarrier(Input):
    """A carrier by its code. Of one that exists, what is left out stays; a list that is given replaces the one before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "carrier": "colivia",
                    "name": "Colivia",
                    "services": [{"code": "home", "name": "Home", "delivery_days": [1, 2, 3, 4, 5, 6]}],
                    "zones": [{"code": "domestic", "countries": ["FR"]}],
                    "rates": [
                        {
                            "service": "home",
                            "zone": "domestic",
                            "up_to_grams": 5000,
                            "price": 690,
                            "days_min": 2,
                            "days_max": 3,
                        }
                    ],
                }
            ]
        }
    )

    carrier: Code = Field(description="The shop's own short name, such as `colivia`; a new code is a new carrier.")
    name: Name | None = Field(default=None, description="What it is called.")
    active: bool | None = Field(default=None, description="Whether parcels are sent with it.")
    connector: Annotated[Connector, CONNECTOR_WORDS] | None = Field(
        default=None,
        description="By what it is asked for prices and labels: the tables kept here, unless said; or easypost.",
    )
    countries: list[Country] | None = Field(
        default=None,
        max_length=250,
        description="Where it takes parcels, ISO 3166 alpha-2; the shop's country unless said.",
    )
    currency: Currency | None = Field(
        default=None, description="What it charges in, ISO 4217; the home currency unless said."
    )
    tracking_prefix: Prefix | None = Field(
        default=None, description="Two letters that its tracking numbers begin with."
    )
    volumetric_divisor: int | None = Field(
        default=None, ge=1_000, le=20_000, description="Cubic centimetres that count as a kilogram; 5000 unless said."
    )
    cutoff: Clock | None = Field(
        default=None, description="Until when it takes parcels on the same day, by the shop's clock; 16:00 unless said."
    )
    pickup_days: list[Weekday] | None = Field(
        default=None, min_length=1, max_length=7, description="Weekdays on which it takes parcels; 1 is Monday."
    )
    holidays: list[Day] | None = Field(
        default=None, max_length=100, description="Days on which it does not work, in the shop's time zone."
    )
    services: list[Service] | None = Field(default=None, min_length=1, max_length=30, description="How it delivers.")
    zones: list[Zone] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Where the same prices hold; the first that fits counts.",
    )
    surcharges: list[Surcharge] | None = Field(default=None, max_length=50, description="What is added to prices.")
    rates: list[Break] | None = Field(
        default=None,
        max_length=MOST_RATES,
        description="Prices by service, zone, weight and size, minor units; a long card is quicker by import_rate_card.",
    )
    new_endpoint: bool = Field(
        default=False, description="Give the carrier a new address for its tracking events; the one before ends."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")

    @model_validator(mode="after")
    def codes_come_once(self) -> Self:
        for what, terms in (("service", self.services), ("zone", self.zones)):
            codes = [term.code for term in terms or ()]
            if len(set(codes)) < len(codes):
                raise ValueError(f"Each {what} has a code of its own.")
        return self


class CarrierConfigured(CarrierDetail):
    """The carrier as it is now."""

    endpoint: SecretText = Field(
        default=None, description="Where it reports tracking events, with the secret; shown once."
    )


@tool(
    route="PUT /carriers/{carrier}",
    effect=Effect.money,
    permission="settings:write",
    raises=[CarrierIncomplete, ConnectorNotSetUp, EmptyCarrierField, RateOfNothing, RateTwice, StaleVersion],
    examples=["Colivia takes parcels until 17:00 from now on", "Add 8 percent fuel surcharge to Nordlink"],
)
async def configure_carrier(ctx: Context, args: ConfigureCarrier) -> CarrierConfigured:
    """Add a carrier, or change its terms: services, zones, prices, cut-off time.

    Prices are minor units of its currency; a carrier that is asked by a connector needs none. A list that is given replaces the
    one before; parcels already sent stay as they are.
    """
    given = args.model_dump(mode="json", exclude_unset=True, exclude={"carrier", "rates", "new_endpoint", "version"})
    empty = [name for name, value in given.items() if value is None]
    if empty:
        raise EmptyCarrierField(f"{', '.join(empty)} of a carrier cannot be empty.")
    if args.cutoff:
        given["cutoff"] = args.cutoff
    if args.connector:
        given["connector"] = args.connector
        if args.connector not in ctx.site.carriers:
            raise ConnectorNotSetUp(
                f"Carriers cannot be asked by {args.connector} here; there is {words.listed(ctx.site.carriers)}."
            )

    query = select(Carrier).where(Carrier.merchant_id == ctx.merchant.id, Carrier.code == args.carrier)
    carrier = (await ctx.db.scalars(query.with_for_update(key_share=True))).one_or_none()
    if carrier is None:
        carrier = await _new(ctx, args, given)
    else:
        _tell_edits(ctx, carrier, given)
        ctx.edit(carrier, args.version, **given)
        ctx.event("configured", carrier, fields=sorted(given))
    await _price(ctx, carrier, args)
    endpoint = _new_endpoint(ctx, carrier) if args.new_endpoint else None
    await ctx.db.flush()
    shown = await detail(ctx, carrier)
    return CarrierConfigured(**dict(shown), endpoint=endpoint)


async def _new(ctx: Context, args: ConfigureCarrier, given: dict[str, Any]) -> Carrier:
    priced = ("zones", "rates") if args.connector in (None, Connector.tables) else ()
    missing = [name for name in ("name", "services", *priced) if not getattr(args, name)]
    if missing:
        raise CarrierIncomplete(
            f"There is no carrier {args.carrier} yet, and a new one needs {words.listed(missing)}.",
            hint="list_carriers shows the codes that exist. A few prices will do: import_rate_card brings the others.",
        )
    defaults: dict[str, Any] = {
        "active": True, "countries": [ctx.merchant.country],
        "currency": ctx.merchant.currency,
        "tracking_prefix": f"{args.carrier:X<2}"[:2].upper(), "volumetric_divisor": 5_000, "cutoff": time(16),
        "pickup_days": [1, 2, 3, 4, 5], "holidays": [], "zones": [], "surcharges": [], "simulated": False,
        "connector": Connector.tables,
    }  # fmt: skip
    carrier = await ctx.add(Carrier, code=args.carrier, **(defaults | given))
    ctx.event("configured", carrier, fields=sorted(given))
    services = words.listed(str(one["name"]) for one in carrier.services)
    where = words.listed(carrier.countries or ["everywhere"])
    by = "" if carrier.connector is Connector.tables else f", asked by {carrier.connector}"
    ctx.tell(f"{carrier.name} is a new carrier: {services}, from {where}, until {carrier.cutoff:%H:%M}{by}.")
    return carrier


async def _price(ctx: Context, carrier: Carrier, args: ConfigureCarrier) -> None:
    """Prices name what the carrier has, and there is one for each break."""
    await ctx.db.flush()
    card = args.rates if args.rates is not None else [row.as_break for row in await rates_of(ctx, [carrier.id])]
    refuse_unknown(card, carrier)
    if args.rates is None:
        return
    refuse_twice(card)
    became = await replace_rates(ctx, carrier, card)
    parts = [f"{count:,} {word}" for word, count in became._asdict().items() if count]
    ctx.tell(f"Prices of {carrier.name}: {words.listed(parts) if parts else 'none'}.")


def refuse_unknown(card: list[Break], carrier: Carrier) -> None:
    """Raise for the first price of a service or zone that the carrier lacks."""
    services, zones = ({one["code"] for one in terms} for terms in (carrier.services, carrier.zones))
    for one in card:
        for what, code, known in (("service", one.service, services), ("zone", one.zone, zones)):
            if code not in known:
                raise RateOfNothing(
                    f"A price of {carrier.name} is for the {what} {code}; there are {words.listed(sorted(known))}."
                )


def refuse_twice(card: list[Break]) -> None:
    seen: set[tuple[str, str, int, int | None]] = set()
    for one in card:
        if one.place in seen:
            raise RateTwice(f"{one.service} in {one.zone} up to {words.grams(one.up_to_grams)} has two prices.")
        seen.add(one.place)


def _new_endpoint(ctx: Context, carrier: Carrier) -> str:
    secret = secrets.token_urlsafe(24)
    renewed = carrier.endpoint_hash is not None
    ctx.edit(carrier, None, endpoint_hash=digest_of(secret))
    ctx.tell(
        f"{carrier.name} gets a{' new' if renewed else 'n'} address to report tracking events to, shown once"
        f"{'; the one before ends' if renewed else ''}."
    )
    return events_address(ctx, carrier, secret)


def _tell_edits(ctx: Context, carrier: Carrier, given: dict[str, Any]) -> None:
    told, whose = len(ctx.sentences), f"{carrier.name} ({carrier.reference})"
    plain = {
        "name": "name", "connector": "connector", "currency": "currency",
        "tracking_prefix": "prefix of tracking numbers", "volumetric_divisor": "volumetric divisor", "cutoff": "cut-off time",
    }  # fmt: skip
    edits = [
        (label, _plain(getattr(carrier, name)), _plain(given[name])) for name, label in plain.items() if name in given
    ]
    tell_edits(ctx, whose, edits)
    if "countries" in given:
        before, after = (words.listed(one or ["everywhere"]) for one in (carrier.countries, given["countries"]))
        tell_edits(ctx, whose, [("countries of pick-up", before, after)])
    for name, label in (("services", "services"), ("zones", "zones"), ("surcharges", "surcharges")):
        if name in given and given[name] != getattr(carrier, name):
            before, after = _terms(getattr(carrier, name)), _terms(given[name])
            ctx.tell(f"The {label} of {whose} are {after} from now on (until now: {before}).")
    if "pickup_days" in given:
        tell_edits(ctx, whose, [("pick-up days", _weekdays(carrier.pickup_days), _weekdays(given["pickup_days"]))])
    if "holidays" in given:
        before, after = (words.listed(days or ["none"]) for days in (carrier.holidays, given["holidays"]))
        tell_edits(ctx, whose, [("holidays", before, after)])
    if given.get("active", carrier.active) != carrier.active:
        ctx.tell(f"{whose} {'takes parcels again' if given['active'] else 'takes no parcels any more'}.")
    if len(ctx.sentences) == told and given:
        ctx.tell(f"{whose} stays as it is.")


def _plain(value: Any) -> str:
    return f"{value:%H:%M}" if isinstance(value, time) else words.word(f"{value}")


def _terms(terms: list[dict[str, Any]]) -> str:
    """Services, zones or surcharges in a few words: `fuel 8 %`, `Home`, `domestic (FR)`."""
    return words.listed(_term(term) for term in terms) if terms else "none"


def _term(term: dict[str, Any]) -> str:
    name = str(term.get("name") or term["code"])
    if float(term.get("percent", 0)):
        name += f" {float(term['percent']):g} %"
    where = [*term.get("countries", ()), *term.get("postcodes", ())]
    return f"{name} ({words.listed(where)})" if where else name


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _weekdays(days: list[int]) -> str:
    return words.listed((_DAYS[day - 1] for day in sorted(days)), most=7)
