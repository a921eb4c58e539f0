"""Carriers behind one interface: what is asked of them, what they answer, and what they tell by themselves.

The embedded one, `tables`, asks nobody: the shop keeps its prices, and its labels are made in the call. Any other is asked over
HTTP. A parcel is offered first, and has a name there from then on; by that name its label is bought once, however often it is asked
for. When a carrier says nothing (`Silent`), nobody knows whether it acted; then the same is asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class Scanned(StrEnum):
    """What happened to a parcel, in the twelve words that every carrier's are put into."""

    pending = "pending"
    picked_up = "picked_up"
    in_transit = "in_transit"
    on_hold = "on_hold"
    out_for_delivery = "out_for_delivery"
    ready_for_pickup = "ready_for_pickup"
    delivery_delayed = "delivery_delayed"
    delivery_failed = "delivery_failed"
    delivered = "delivered"
    return_to_sender = "return_to_sender"
    cancelled = "cancelled"
    unknown = "unknown"


class Outcome(StrEnum):
    succeeded = "succeeded"
    pending = "pending"  # the carrier tells later how it ended
    failed = "failed"


@dataclass(frozen=True)
class Address:
    """Where a parcel comes from or goes to; for a price alone, country and postcode will do."""

    country: str
    postcode: str = ""
    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True)
class Parcel:
    weight_grams: int
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None


@dataclass(frozen=True)
class Declared:
    """Units of a thing in a parcel that customs look into; weight and value are those of all of them."""

    description: str
    quantity: int
    hs_code: str
    origin: str
    weight_grams: int
    value: Decimal
    currency: str


@dataclass(frozen=True)
class Wanted:
    """A parcel that is to be carried. `key` is our name for the question; `declared` is what customs are told is in it."""

    key: str
    sender: Address
    receiver: Address
    parcel: Parcel
    declared: Sequence[Declared] = ()


@dataclass(frozen=True)
class Visit:
    """A carrier shall come for parcels that wait at a place, of which `parcel` is one by its name there, between two instants."""

    key: str
    place: Address
    parcel: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Price:
    """What a service asks, and in how many days of delivery it promises to be there, where it says so. `name` is bought by."""

    name: str
    carrier: str
    service: str
    amount: Decimal
    currency: str
    days: int | None


@dataclass(frozen=True)
class Offered:
    """The parcel, or the visit, by its name there, and its prices. `says`: why there are none, or not all."""

    parcel: str
    prices: Sequence[Price]
    says: str | None = None


@dataclass(frozen=True)
class Scan:
    code: Scanned
    at: datetime
    place: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Answer:
    """How a label was bought, or taken back, or a visit. `code` and `says` tell why not."""

    outcome: Outcome
    tracking_number: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    label_url: str | None = None
    confirmation: str | None = None  # by which the carrier knows a visit
    code: str | None = None
    says: str | None = None


@dataclass(frozen=True)
class Told:
    """An event, of which each comes once or oftener, and in any order; with all scans so far, or how taking a label back ended."""

    id: str
    tracking_number: str | None = None
    parcel: str | None = None
    scans: Sequence[Scan] = field(default_factory=tuple[Scan, ...])
    refund: Outcome | None = None


@dataclass(frozen=True)
class Verified:
    """An address as the service writes it; None where it does not know it, with the fields that are the matter and what is."""

    address: Address | None
    problems: Sequence[tuple[str, str]] = ()


class Refused(Exception):
    """The carrier does not do it, and says why."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(says)
        self.code = code
        self.says = says


class Carriage(Protocol):
    """What every carrier that is asked can do."""

    name: str

    async def offer(self, wanted: Wanted) -> Offered:
        """Raises `Silent` or `Refused`."""
        ...

    async def buy(self, parcel: str, price: str) -> Answer:
        """Buy the label of a parcel that was offered. Raises `Silent`."""
        ...

    async def take_back(self, parcel: str) -> Answer:
        """Ask the money of an unused label back. Raises `Silent`."""
        ...

    async def offer_visit(self, visit: Visit) -> Offered:
        """Raises `Silent` or `Refused`."""
        ...

    async def order_visit(self, visit: str, carrier: str, service: str) -> Answer:
        """Have a carrier come, as was offered. Raises `Silent`."""
        ...

    async def verify(self, address: Address) -> Verified:
        """Whether there is such an address. Raises `Silent` or `Refused`."""
        ...

    async def track(self, tracking_number: str, carrier: str) -> Sequence[Scan]:
        """Have a parcel watched, and say what happened to it so far. Raises `Silent` or `Refused`."""
        ...

    def read_event(self, body: bytes, signature: str) -> Told:
        """An event that came in, its signature checked. Raises `NotOurs`."""
        ...
