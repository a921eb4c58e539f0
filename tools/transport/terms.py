"""A carrier's terms as they are written and stored: services, zones, surcharges, prices by weight and size."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from db.exact import Exact
from tools.contract.fields import Country, MinorUnits, Name

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$", to_lower=True)]
Weekday = Annotated[int, Field(ge=1, le=7)]
Postcodes = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,9}$", to_upper=True)]
MOST_GRAMS, MOST_MM = 1_000_000, 20_000


class Term(Exact):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(Term):
    """A way in which the carrier delivers."""

    code: Code = Field(description="Short name, such as `home`.")
    name: Name = Field(description="What it is called.")
    delivery_days: list[Weekday] = Field(
        default=[1, 2, 3, 4, 5], min_length=1, max_length=7, description="Weekdays of delivery; 1 is Monday."
    )
    max_grams: int = Field(default=30_000, gt=0, le=MOST_GRAMS, description="The heaviest parcel, in grams.")
    max_mm: int | None = Field(
        default=None, gt=0, le=MOST_MM, description="The longest side of a parcel, in millimetres; null is no limit."
    )


class Zone(Term):
    """Where the same prices hold. Of several zones that fit an address the first counts."""

    code: Code = Field(description="Short name, such as `domestic`.")
    countries: list[Country] = Field(
        default=[], max_length=250, description="ISO 3166 alpha-2 codes; empty is every country."
    )
    postcodes: list[Postcodes] = Field(
        default=[], max_length=1_000, description="Beginnings of postcodes, such as `20` for Corsica; empty is all."
    )

    def fits(self, country: str, postcode: str) -> bool:
        return _among(self.countries, country) and _begins(self.postcodes, postcode)


class Surcharge(Term):
    """What is added to the price of a parcel for which all of its conditions hold."""

    name: Name = Field(description="What it is for, such as `fuel`.")
    percent: Decimal = Field(
        default=Decimal(0), ge=0, le=500, decimal_places=3, description="Per cent of the price, such as 8.5."
    )
    amount: MinorUnits = Field(default=0, ge=0, le=10**9, description="Minor units of the carrier's currency.")
    countries: list[Country] = Field(
        default=[], max_length=250, description="Only to these countries, ISO 3166 alpha-2; empty is every country."
    )
    postcodes: list[Postcodes] = Field(
        default=[], max_length=1_000, description="Only where the postcode begins so; empty is everywhere."
    )
    over_grams: int | None = Field(default=None, ge=0, description="Only above this weight, in grams.")
    over_mm: int | None = Field(default=None, ge=0, description="Only above this longest side, in millimetres.")

    @model_validator(mode="after")
    def costs_something(self) -> Self:
        if not self.percent and not self.amount:
            raise ValueError("A surcharge has a `percent` or an `amount`.")
        return self

    def fits(self, country: str, postcode: str, grams: int, longest_mm: int) -> bool:
        return (
            _among(self.countries, country)
            and _begins(self.postcodes, postcode)
            and (self.over_grams is None or grams > self.over_grams)
            and (self.over_mm is None or longest_mm > self.over_mm)
        )


class Break(Term):
    """What a parcel costs up to a weight, and up to a size where one is said."""

    service: Code = Field(description="The service's code.")
    zone: Code = Field(description="The zone's code.")
    up_to_grams: int = Field(gt=0, le=MOST_GRAMS, description="The heaviest billable weight for this price, in grams.")
    up_to_mm: int | None = Field(
        default=None, gt=0, le=MOST_MM, description="The longest side for this price, in millimetres; null is any."
    )
    price: MinorUnits = Field(ge=0, le=10**9, description="Price in minor units of the carrier's currency.")
    days_min: int = Field(ge=0, le=90, description="Delivery days on the way, at least.")
    days_max: int = Field(ge=0, le=90, description="Delivery days on the way, at most: what is promised.")

    @model_validator(mode="after")
    def days_are_in_order(self) -> Self:
        if self.days_min > self.days_max:
            raise ValueError(f"`days_min` {self.days_min} is more than `days_max` {self.days_max}.")
        return self

    @property
    def place(self) -> tuple[str, str, int, int | None]:
        """What there is one price for."""
        return self.service, self.zone, self.up_to_grams, self.up_to_mm


def _among(countries: Sequence[str], country: str) -> bool:
    return not countries or country in countries


def _begins(beginnings: Sequence[str], postcode: str) -> bool:
    plain = compact(postcode)
    return not beginnings or any(plain.startswith(compact(beginning)) for beginning in beginnings)


def compact(postcode: str) -> str:
    """A postcode without what people put between its signs: `sw1a 1aa` and `SW1A1AA` are one."""
    return "".join(sign for sign in postcode.upper() if sign.isalnum())
