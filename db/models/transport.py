"""Transport: carriers and their rates, parcels of an order on their way, and what their carriers said about them."""

import uuid
from datetime import date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import details, flag, items, many, one, words
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.orders import Order, OrderLine
    from db.models.warehouse import Warehouse


class FulfilmentStatus(StrEnum):
    draft = "draft"
    rated = "rated"
    label_purchased = "label_purchased"
    manifested = "manifested"
    picked_up = "picked_up"
    in_transit = "in_transit"
    out_for_delivery = "out_for_delivery"
    on_hold = "on_hold"
    ready_for_pickup = "ready_for_pickup"
    delayed = "delayed"
    delivery_failed = "delivery_failed"
    delivered = "delivered"
    returned_to_sender = "returned_to_sender"
    lost = "lost"
    voided = "voided"


class TrackingCode(StrEnum):
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


class Connector(StrEnum):
    """By what a carrier is asked: the tables that the shop keeps, or a service outside."""

    tables = "tables"
    easypost = "easypost"


class PickupStatus(StrEnum):
    asked = "asked"
    scheduled = "scheduled"
    refused = "refused"


class ClaimKind(StrEnum):
    lost = "lost"
    damaged = "damaged"
    missing_content = "missing_content"
    late = "late"


class ClaimStatus(StrEnum):
    open = "open"
    accepted = "accepted"
    rejected = "rejected"
    withdrawn = "withdrawn"


_ON_THE_WAY = frozenset(
    {
        FulfilmentStatus.picked_up,
        FulfilmentStatus.in_transit,
        FulfilmentStatus.out_for_delivery,
        FulfilmentStatus.on_hold,
        FulfilmentStatus.ready_for_pickup,
        FulfilmentStatus.delayed,
        FulfilmentStatus.delivery_failed,
    }
)
_ARRIVED = frozenset({FulfilmentStatus.delivered, FulfilmentStatus.returned_to_sender, FulfilmentStatus.lost})


class Carrier(Tenant, Referenced, Versioned, Base):
    """Who carries parcels (`CAR-1`) from `countries`, and on which terms. Prices are in `carrier_rates`, minor units of `currency`;
    those of a carrier that is asked by a `connector` outside are in `carrier_quotes`.

    `services`: [{code, name, delivery_days, max_grams, max_mm}]; `zones`: [{code, countries, postcodes}], the first that fits
    counts; `surcharges`: [{name, percent, amount, countries, postcodes, over_grams, over_mm}], on parcels for which all holds that
    is said. What is ready by `cutoff`, by the shop's clock, leaves the same day if that is among `pickup_days` (1 is Monday);
    `holidays` are ISO days without work. `simulated` parcels travel by themselves: the demo's.
    """

    __tablename__ = "carriers"
    __table_args__ = referenced(
        unique("code"),
        CheckConstraint("volumetric_divisor > 0", name="volumetric_divisor"),
    )

    code: Mapped[str]
    name: Mapped[str]
    connector: Mapped[Connector] = mapped_column(
        one_of(Connector, "connector"), default=Connector.tables, server_default=Connector.tables
    )
    active: Mapped[bool] = flag(True)
    countries: Mapped[list[str]] = words()
    currency: Mapped[str]
    tracking_prefix: Mapped[str]
    volumetric_divisor: Mapped[int] = mapped_column(Integer)
    cutoff: Mapped[time]
    pickup_days: Mapped[list[Any]] = items()
    holidays: Mapped[list[Any]] = items()
    services: Mapped[list[Any]] = items()
    zones: Mapped[list[Any]] = items()
    surcharges: Mapped[list[Any]] = items()
    simulated: Mapped[bool] = flag(False)
    endpoint_hash: Mapped[str | None]


class CarrierRate(Tenant, Base):
    """What a service costs in a zone, up to a weight and, where one is said, a longest side; minor units of its currency."""

    __tablename__ = "carrier_rates"
    __table_args__ = (
        to("carriers", "carrier_id", ondelete="CASCADE"),
        UniqueConstraint(
            "merchant_id", "carrier_id", "service", "zone", "up_to_grams", "up_to_mm",
            name="uq_carrier_rates_break", postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("price >= 0 and up_to_grams > 0 and up_to_mm > 0", name="amounts"),
        CheckConstraint("days_min >= 0 and days_min <= days_max", name="days"),
    )  # fmt: skip

    carrier_id: Mapped[uuid.UUID]
    service: Mapped[str]
    zone: Mapped[str]
    up_to_grams: Mapped[int] = mapped_column(Integer)
    up_to_mm: Mapped[int | None] = mapped_column(Integer)
    price: Mapped[int]
    days_min: Mapped[int] = mapped_column(Integer)
    days_max: Mapped[int] = mapped_column(Integer)

    carrier: Mapped[Carrier] = one("CarrierRate", "carrier_id", "Carrier")


class CarrierQuote(Tenant, Base):
    """What a connector asked for a parcel, known again by `key`: who from, where to, how heavy. `parcel` is its name there. Or for
    coming to fetch parcels, where `parcel` is the pick-up's.

    `prices`: [{name, carrier, service, amount, currency, days}], minor units. One that was bought is used.
    """

    __tablename__ = "carrier_quotes"
    __table_args__ = (index("key", "asked_at"), unique("connector", "parcel"))

    key: Mapped[str]
    connector: Mapped[Connector] = mapped_column(one_of(Connector, "connector"))
    parcel: Mapped[str]
    prices: Mapped[list[Any]] = items()
    says: Mapped[str | None]
    asked_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Pickup(Tenant, Referenced, Stateful, Base):
    """A carrier comes to a warehouse on a day, between two times by the shop's clock (`PKP-4`).

    One that is asked by a connector comes when that has confirmed it; `connector_reference` is the pick-up's name there, `cost`
    what it was offered for, minor units of `currency`.
    """

    __tablename__ = "pickups"
    __table_args__ = referenced(
        to("carriers", "carrier_id"),
        to("warehouses", "warehouse_id"),
        Index(
            "uq_pickups_merchant_id_carrier_id_warehouse_id_day", "merchant_id", "carrier_id", "warehouse_id", "day",
            unique=True, postgresql_where=text("status <> 'refused'"),
        ),
        CheckConstraint("parcels >= 0 and weight_grams >= 0", name="counts"),
        CheckConstraint("ready_from < ready_until", name="window"),
        CheckConstraint("cost >= 0", name="cost_is_not_negative"),
    )  # fmt: skip
    MOVES: ClassVar[dict[PickupStatus, frozenset[PickupStatus]]] = {
        PickupStatus.asked: frozenset({PickupStatus.scheduled, PickupStatus.refused}),
        PickupStatus.scheduled: frozenset(),
        PickupStatus.refused: frozenset(),
    }

    carrier_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    status: Mapped[PickupStatus] = mapped_column(
        one_of(PickupStatus, "status"), default=PickupStatus.scheduled, server_default=PickupStatus.scheduled
    )
    day: Mapped[date]
    ready_from: Mapped[time]
    ready_until: Mapped[time]
    parcels: Mapped[int] = mapped_column(Integer)
    weight_grams: Mapped[int]
    connector_reference: Mapped[str | None]
    confirmation: Mapped[str | None]
    failure: Mapped[str | None]
    currency: Mapped[str | None]
    cost: Mapped[int | None]

    carrier: Mapped[Carrier] = one("Pickup", "carrier_id", "Carrier")
    warehouse: Mapped["Warehouse"] = one("Pickup", "warehouse_id", "Warehouse")


class Manifest(Tenant, Referenced, Base):
    """The list of parcels that a carrier takes over at a warehouse (`MAN-9`)."""

    __tablename__ = "manifests"
    __table_args__ = referenced(to("carriers", "carrier_id"), to("warehouses", "warehouse_id"))

    carrier_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    parcels: Mapped[int] = mapped_column(Integer)
    weight_grams: Mapped[int]

    carrier: Mapped[Carrier] = one("Manifest", "carrier_id", "Carrier")
    warehouse: Mapped["Warehouse"] = one("Manifest", "warehouse_id", "Warehouse")


class Fulfilment(Tenant, Referenced, Versioned, Stateful, Base):
    """What leaves for an order from one warehouse (`SHP-33`). Carriers' events come late or not at all, so moves may skip ahead.

    `cost` is what the carrier charges, minor units of `currency`, and `charges` what it is made of. Stock leaves when the label is
    bought, or asked of a connector: until that has it, the shipment is `rated`; `connector_reference` is the parcel's name there.
    `carrier` is its name then, `service` the code; `ship_to` is where it goes, whatever becomes of the order's address;
    `parcels` are [{weight_grams, length_mm, width_mm, height_mm}]. What was given up for lost may turn up after all.
    """

    __tablename__ = "fulfilments"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("warehouses", "warehouse_id"),
        to("carriers", "carrier_id"),
        to("manifests", "manifest_id"),
        index("carrier_id", "service", "shipped_at"),
        index("manifest_id"),
        index("order_id"),
        index("status", "promised_at"),
        index("tracking_number"),
        unique("connector_reference"),
        index("shipped_at", "id"),
        index("promised_at", "id"),
        index("currency", "cost", "id"),
        Index("ix_fulfilments_city", "merchant_id", text("folded(ship_to ->> 'city')")),
        Index("ix_fulfilments_country", "merchant_id", text("(ship_to ->> 'country')")),
        CheckConstraint("cost >= 0", name="cost_is_not_negative"),
    )
    MOVES: ClassVar[dict[FulfilmentStatus, frozenset[FulfilmentStatus]]] = {
        FulfilmentStatus.draft: frozenset(
            {FulfilmentStatus.rated, FulfilmentStatus.label_purchased, FulfilmentStatus.voided}
        ),
        FulfilmentStatus.rated: frozenset({FulfilmentStatus.label_purchased, FulfilmentStatus.voided}),
        FulfilmentStatus.label_purchased: _ON_THE_WAY
        | _ARRIVED
        | {FulfilmentStatus.manifested, FulfilmentStatus.voided},
        FulfilmentStatus.manifested: _ON_THE_WAY | _ARRIVED | {FulfilmentStatus.voided},
        FulfilmentStatus.picked_up: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.in_transit: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.out_for_delivery: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.on_hold: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.ready_for_pickup: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.delayed: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.delivery_failed: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.delivered: frozenset(),
        FulfilmentStatus.returned_to_sender: frozenset(),
        FulfilmentStatus.lost: _ON_THE_WAY | {FulfilmentStatus.delivered, FulfilmentStatus.returned_to_sender},
        FulfilmentStatus.voided: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    status: Mapped[FulfilmentStatus] = mapped_column(one_of(FulfilmentStatus, "status"))
    carrier_id: Mapped[uuid.UUID | None]
    manifest_id: Mapped[uuid.UUID | None]
    carrier: Mapped[str]
    service: Mapped[str | None]
    tracking_number: Mapped[str | None]
    connector_reference: Mapped[str | None]
    label_url: Mapped[str | None]
    tracked_at: Mapped[datetime | None]  # when the connector was last asked where it is
    currency: Mapped[str]
    cost: Mapped[int | None]
    weight_grams: Mapped[int | None] = mapped_column(Integer)
    ship_to: Mapped[dict[str, Any]] = details()
    parcels: Mapped[list[Any]] = items()
    charges: Mapped[list[Any]] = items()
    customs: Mapped[dict[str, Any] | None]
    promised_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]

    order: Mapped["Order"] = one("Fulfilment", "order_id", "Order", "fulfilments")
    warehouse: Mapped["Warehouse"] = one("Fulfilment", "warehouse_id", "Warehouse")
    carried_by: Mapped[Carrier | None] = one("Fulfilment", "carrier_id", "Carrier")
    manifest: Mapped[Manifest | None] = one("Fulfilment", "manifest_id", "Manifest")
    lines: Mapped[list["FulfilmentLine"]] = many("FulfilmentLine", "fulfilment_id", "Fulfilment", "fulfilment")
    tracking: Mapped[list["TrackingEvent"]] = many(
        "TrackingEvent", "fulfilment_id", "Fulfilment", "fulfilment", order_by="TrackingEvent.occurred_at"
    )


class FulfilmentLine(Tenant, Base):
    """Units of an order line in a parcel."""

    __tablename__ = "fulfilment_lines"
    __table_args__ = (
        to("fulfilments", "fulfilment_id"),
        to("order_lines", "order_line_id"),
        unique("fulfilment_id", "order_line_id"),
        index("order_line_id"),
        CheckConstraint("quantity > 0", name="quantity"),
    )

    fulfilment_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)

    fulfilment: Mapped[Fulfilment] = one("FulfilmentLine", "fulfilment_id", "Fulfilment", "lines")
    order_line: Mapped["OrderLine"] = one("FulfilmentLine", "order_line_id", "OrderLine")


class TrackingEvent(Tenant, Base):
    """What a carrier said happened to a parcel, by the carrier's clock; the same event counts once."""

    __tablename__ = "tracking_events"
    __table_args__ = (to("fulfilments", "fulfilment_id"), unique("fulfilment_id", "code", "occurred_at"))

    fulfilment_id: Mapped[uuid.UUID]
    code: Mapped[TrackingCode] = mapped_column(one_of(TrackingCode, "code"))
    place: Mapped[str | None]
    description: Mapped[str | None]
    occurred_at: Mapped[datetime]

    fulfilment: Mapped[Fulfilment] = one("TrackingEvent", "fulfilment_id", "Fulfilment", "tracking")


class CarrierClaim(Tenant, Referenced, Versioned, Stateful, Base):
    """What a carrier shall pay for a parcel that it lost, damaged or delayed (`CCL-2`); minor units of `currency`."""

    __tablename__ = "carrier_claims"
    __table_args__ = referenced(
        to("fulfilments", "fulfilment_id"),
        unique("fulfilment_id", "kind"),
        index("status", "id"),
        index("amount", "id"),
        CheckConstraint("amount > 0", name="amount"),
    )
    MOVES: ClassVar[dict[ClaimStatus, frozenset[ClaimStatus]]] = {
        ClaimStatus.open: frozenset({ClaimStatus.accepted, ClaimStatus.rejected, ClaimStatus.withdrawn}),
        ClaimStatus.accepted: frozenset(),
        ClaimStatus.rejected: frozenset({ClaimStatus.open}),
        ClaimStatus.withdrawn: frozenset(),
    }

    status: Mapped[ClaimStatus] = mapped_column(one_of(ClaimStatus, "status"))
    kind: Mapped[ClaimKind] = mapped_column(one_of(ClaimKind, "kind"))
    fulfilment_id: Mapped[uuid.UUID]
    currency: Mapped[str]
    amount: Mapped[int]
    note: Mapped[str | None]
    evidence: Mapped[list[Any]] = items()

    fulfilment: Mapped[Fulfilment] = one("CarrierClaim", "fulfilment_id", "Fulfilment")
