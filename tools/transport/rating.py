"""What a carrier charges for parcels to an address: the arithmetic of one rate, without the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil

from pydantic import Field

from db.money import Money, rounded
from tools.contract import words
from tools.contract.declare import Result
from tools.transport.promises import Calendar
from tools.transport.terms import MOST_GRAMS, MOST_MM, Break, Service, Surcharge, Term, Zone


class Parcel(Term):
    """One parcel. Without its sides it is priced by its weight alone."""

    weight_grams: int = Field(gt=0, le=MOST_GRAMS, description="Weight with the packing, in grams.")
    length_mm: int | None = Field(default=None, gt=0, le=MOST_MM, description="Longest side, in millimetres.")
    width_mm: int | None = Field(default=None, gt=0, le=MOST_MM, description="Width, in millimetres.")
    height_mm: int | None = Field(default=None, gt=0, le=MOST_MM, description="Height, in millimetres.")

    @property
    def longest_mm(self) -> int:
        return max(self.length_mm or 0, self.width_mm or 0, self.height_mm or 0)

    def billable_grams(self, divisor: int) -> int:
        """The larger of its weight and what its volume counts for, at so many cubic centimetres to a kilogram."""
        cubic_mm = (self.length_mm or 0) * (self.width_mm or 0) * (self.height_mm or 0)
        return max(self.weight_grams, ceil(cubic_mm / divisor))  # mm³ / (cm³/kg) is grams


class Charge(Result):
    """A part of a price."""

    name: str = Field(description="What it is for: the service, or a surcharge such as `fuel`.")
    amount: int = Field(description="Minor units of the rate's currency.")


class Rate(Result):
    """What a service would charge, and when it promises to deliver."""

    carrier: str = Field(description="The carrier's code.")
    carrier_name: str = Field(description="What the carrier is called.")
    service: str = Field(description="The service's code.")
    service_name: str = Field(description="What the service is called.")
    zone: str = Field(description="The carrier's zone of the address.")
    price: Money = Field(description="What it costs with all surcharges, minor units.")
    charges: list[Charge] = Field(description="What the price is made of, minor units.")
    billable_grams: int = Field(
        description="The weight that is charged, in grams: actual, or volumetric where that is more."
    )
    volumetric: bool = Field(description="Whether the volume decides the price of a parcel, and not its weight.")
    handed_over_on: date = Field(description="The day on which the carrier takes it, in the shop's time zone.")
    earliest_on: date = Field(description="The first day on which it may arrive.")
    promised_on: date = Field(description="The day by which it is promised.")

    @property
    def named(self) -> str:
        return f"{self.carrier_name} {self.service_name}"


@dataclass(frozen=True)
class Terms:
    """A carrier as pricing needs it; `breaks` by (service, zone)."""

    code: str
    name: str
    currency: str
    divisor: int
    calendar: Calendar
    services: Sequence[Service]
    zones: Sequence[Zone]
    surcharges: Sequence[Surcharge]
    breaks: Mapping[tuple[str, str], Sequence[Break]]


@dataclass(frozen=True)
class Destination:
    country: str
    postcode: str


def zone_of(terms: Terms, to: Destination) -> Zone | None:
    return next((zone for zone in terms.zones if zone.fits(to.country, to.postcode)), None)


def rate(terms: Terms, service: Service, to: Destination, parcels: Sequence[Parcel], handed_over: date) -> Rate | str:
    """What a service charges for all parcels together; or why it does not take them, as the end of a sentence."""
    zone = zone_of(terms, to)
    if zone is None:
        return "does not deliver there"
    chosen: list[Break] = []
    for parcel in parcels:
        refused = _refused(service, parcel) or _cheapest(terms, service, zone, parcel)
        if isinstance(refused, str):
            return refused
        chosen.append(refused)
    earliest = terms.calendar.arrives(handed_over, max(one.days_min for one in chosen), service.delivery_days)
    promised = terms.calendar.arrives(handed_over, max(one.days_max for one in chosen), service.delivery_days)
    if earliest is None or promised is None:
        return "has no day of delivery in the coming year"
    charges = _charges(terms, service, to, parcels, chosen)
    return Rate(
        carrier=terms.code, carrier_name=terms.name, service=service.code, service_name=service.name, zone=zone.code,
        price=Money(amount=sum(charge.amount for charge in charges), currency=terms.currency), charges=charges,
        billable_grams=sum(parcel.billable_grams(terms.divisor) for parcel in parcels),
        volumetric=any(parcel.billable_grams(terms.divisor) > parcel.weight_grams for parcel in parcels),
        handed_over_on=handed_over, earliest_on=earliest, promised_on=promised,
    )  # fmt: skip


def _refused(service: Service, parcel: Parcel) -> str | None:
    if parcel.weight_grams > service.max_grams:
        return f"takes {words.grams(service.max_grams)} at most, and a parcel weighs {words.grams(parcel.weight_grams)}"
    if service.max_mm and parcel.longest_mm > service.max_mm:
        return f"takes {service.max_mm} mm at most, and a parcel is {parcel.longest_mm} mm long"
    return None


def _cheapest(terms: Terms, service: Service, zone: Zone, parcel: Parcel) -> Break | str:
    grams = parcel.billable_grams(terms.divisor)
    fitting = [
        one
        for one in terms.breaks.get((service.code, zone.code), ())
        if one.up_to_grams >= grams and (one.up_to_mm is None or one.up_to_mm >= parcel.longest_mm)
    ]
    if not fitting:
        return f"has no price in zone {zone.code} for {words.grams(grams)}"
    return min(fitting, key=lambda one: (one.price, one.up_to_grams))


def _charges(
    terms: Terms, service: Service, to: Destination, parcels: Sequence[Parcel], chosen: Sequence[Break]
) -> list[Charge]:
    """The price of the service and each surcharge, added up over the parcels."""
    charges = {service.name: sum(one.price for one in chosen)}
    for parcel, one in zip(parcels, chosen, strict=True):
        grams = parcel.billable_grams(terms.divisor)
        for extra in terms.surcharges:
            if extra.fits(to.country, to.postcode, grams, parcel.longest_mm):
                amount = extra.amount + rounded(Decimal(one.price) * extra.percent / 100)
                charges[extra.name] = charges.get(extra.name, 0) + amount
    return [Charge(name=name, amount=amount) for name, amount in charges.items()]
