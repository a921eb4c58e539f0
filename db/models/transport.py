"""Transport: parcels of an order on their way, and what their carriers said about them."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import many, one
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


_ON_THE_WAY = frozenset(
    {
        FulfilmentStatus.picked_up,
        FulfilmentStatus.in_transit,
        FulfilmentStatus.out_for_delivery,
        FulfilmentStatus.on_hold,
        FulfilmentStatus.delayed,
        FulfilmentStatus.delivery_failed,
    }
)
_ARRIVED = frozenset({FulfilmentStatus.delivered, FulfilmentStatus.returned_to_sender, FulfilmentStatus.lost})


class Fulfilment(Tenant, Referenced, Versioned, Stateful, Base):
    """A parcel of an order from one warehouse (`SHP-33`). Carriers' events come late or not at all, so moves may skip ahead.

    `cost` is what the carrier charges, minor units of `currency`. Stock leaves when the label is bought.
    """

    __tablename__ = "fulfilments"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("warehouses", "warehouse_id"),
        index("order_id"),
        index("status", "promised_at"),
        index("tracking_number"),
        index("shipped_at", "id"),
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
        FulfilmentStatus.delayed: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.delivery_failed: _ON_THE_WAY | _ARRIVED,
        FulfilmentStatus.delivered: frozenset(),
        FulfilmentStatus.returned_to_sender: frozenset(),
        FulfilmentStatus.lost: frozenset(),
        FulfilmentStatus.voided: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    status: Mapped[FulfilmentStatus] = mapped_column(one_of(FulfilmentStatus, "status"))
    carrier: Mapped[str]
    service: Mapped[str | None]
    tracking_number: Mapped[str | None]
    currency: Mapped[str]
    cost: Mapped[int | None]
    weight_grams: Mapped[int | None] = mapped_column(Integer)
    promised_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]

    order: Mapped["Order"] = one("Fulfilment", "order_id", "Order", "fulfilments")
    warehouse: Mapped["Warehouse"] = one("Fulfilment", "warehouse_id", "Warehouse")
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
