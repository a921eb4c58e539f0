"""Inventory: how many units lie where, what holds them back, how they came and went, and what is on its way.

The movements and the reservations are the truth; the counts on a stock level are their caches:
on_hand = Σ movements.quantity, damaged = Σ movements.damaged, reserved = Σ active reservations.quantity,
incoming = what open purchase orders and transfers will still bring, binned = what of on_hand lies in bins. What can be sold is
on_hand - reserved - damaged, and a CHECK keeps it from falling below zero: nobody sells a unit twice. What was promised beyond
that waits as `backordered` on its reservation.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, Computed, Index, Integer, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, flag, many, minor_units, one
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.orders import Order, OrderLine
    from db.models.products import Product, Variant
    from db.models.warehouse import Warehouse


class MovementKind(StrEnum):
    opening = "opening"
    receipt = "receipt"
    sale = "sale"
    return_ = "return"
    adjustment = "adjustment"
    transfer_out = "transfer_out"
    transfer_in = "transfer_in"


class AdjustmentReason(StrEnum):
    counted = "counted"
    damaged = "damaged"
    lost = "lost"
    stolen = "stolen"
    found = "found"
    expired = "expired"
    sample = "sample"
    correction = "correction"
    other = "other"


class ReservationStatus(StrEnum):
    active = "active"
    consumed = "consumed"
    released = "released"
    expired = "expired"


class ReservationReason(StrEnum):
    order = "order"
    checkout = "checkout"
    customer_request = "customer_request"
    quality = "quality"
    other = "other"


class TransferStatus(StrEnum):
    draft = "draft"
    ready = "ready"
    in_transit = "in_transit"
    partially_received = "partially_received"
    received = "received"
    cancelled = "cancelled"


class PurchaseOrderStatus(StrEnum):
    draft = "draft"
    sent = "sent"
    partially_received = "partially_received"
    received = "received"
    closed = "closed"
    cancelled = "cancelled"


class Supplier(Tenant, Referenced, Versioned, Base):
    """Who sells to the shop. `lead_time_days` is from the purchase order to the goods at the door."""

    __tablename__ = "suppliers"
    __table_args__ = referenced(index("name"))

    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    country: Mapped[str | None]
    currency: Mapped[str]
    lead_time_days: Mapped[int] = count()
    active: Mapped[bool] = flag(True)


class StockLevel(Tenant, Versioned, Base):
    """The units of a variant in a warehouse, and when to buy more of them.

    `emptiness` is, below zero, how many whole units lie there: the rows are listed in its order. No index has what is reserved or
    available, which each order changes: its rows stay where they are, and no index is written for it. The variant's product stands
    beside it, which never changes: what lies of a product is added up along an index.
    """

    __tablename__ = "stock_levels"
    __table_args__ = (
        to("warehouses", "warehouse_id"),
        to("variants", "variant_id"),
        to("products", "product_id"),
        to("suppliers", "supplier_id"),
        unique("warehouse_id", "variant_id"),
        index("variant_id"),
        index("supplier_id"),
        Index("ix_stock_levels_emptiness", "merchant_id", "emptiness", "variant_id", "warehouse_id"),
        Index(
            "ix_stock_levels_product", "merchant_id", "product_id", "emptiness", postgresql_where=text("emptiness < 0")
        ),
        Index("ix_stock_levels_incoming", "merchant_id", "variant_id", postgresql_where=text("incoming > 0")),
        Index("ix_stock_levels_damaged", "merchant_id", "variant_id", postgresql_where=text("damaged > 0")),
        CheckConstraint("reserved >= 0 and damaged >= 0 and incoming >= 0", name="counts"),
        CheckConstraint("reserved + damaged <= on_hand", name="never_oversold"),
        CheckConstraint("binned >= 0 and binned <= on_hand", name="binned"),
        CheckConstraint("reorder_point >= 0 and reorder_target > reorder_point", name="target_above_reorder_point"),
        CheckConstraint("lead_time_days >= 0", name="lead_time"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    warehouse_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    product_id: Mapped[uuid.UUID]
    on_hand: Mapped[int] = count()
    reserved: Mapped[int] = count()
    damaged: Mapped[int] = count()
    incoming: Mapped[int] = count()
    binned: Mapped[int] = count()
    emptiness: Mapped[int] = mapped_column(Integer, Computed("damaged - on_hand", persisted=True))
    reorder_point: Mapped[int | None] = mapped_column(Integer)
    reorder_target: Mapped[int | None] = mapped_column(Integer)
    supplier_id: Mapped[uuid.UUID | None]
    lead_time_days: Mapped[int | None] = mapped_column(Integer)

    warehouse: Mapped["Warehouse"] = one("StockLevel", "warehouse_id", "Warehouse")
    variant: Mapped["Variant"] = one("StockLevel", "variant_id", "Variant")
    product: Mapped["Product"] = one("StockLevel", "product_id", "Product")
    supplier: Mapped[Supplier | None] = one("StockLevel", "supplier_id", "Supplier")

    @hybrid_property
    def available(self) -> int:
        """What can be sold from here now."""
        return self.on_hand - self.reserved - self.damaged


class StockMovement(Tenant, Base):
    """Units came or went: `quantity` is the signed change of on_hand, `damaged` of what of it cannot be sold. Append-only.

    What it was for is `subject_kind`, `subject_id` (order, shipment, return, transfer, purchase_order), with the order, if any.
    """

    __tablename__ = "stock_movements"
    __table_args__ = (
        to("warehouses", "warehouse_id"),
        to("variants", "variant_id"),
        to("orders", "order_id"),
        index("variant_id", "occurred_at"),
        index("occurred_at", "id"),
        index("subject_id"),
        Index(
            "ix_stock_movements_arrivals", "merchant_id", "variant_id", text("occurred_at desc"), text("id desc"),
            postgresql_include=["quantity"], postgresql_where=text("quantity > 0 and kind <> 'transfer_in'"),
        ),
        Index(
            "ix_stock_movements_sales", "merchant_id", "variant_id", "occurred_at", postgresql_where=text("kind = 'sale'")
        ),
        CheckConstraint("quantity <> 0 or damaged <> 0", name="moves_something"),
        CheckConstraint("(kind = 'adjustment') = (reason is not null)", name="corrections_have_a_reason"),
    )  # fmt: skip

    warehouse_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    kind: Mapped[MovementKind] = mapped_column(one_of(MovementKind, "kind"))
    reason: Mapped[AdjustmentReason | None] = mapped_column(one_of(AdjustmentReason, "reason"))
    quantity: Mapped[int] = mapped_column(Integer)
    damaged: Mapped[int] = count()
    unit_cost: Mapped[Decimal | None]
    subject_kind: Mapped[str | None]
    subject_id: Mapped[uuid.UUID | None]
    order_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]
    note: Mapped[str | None]
    occurred_at: Mapped[datetime]

    warehouse: Mapped["Warehouse"] = one("StockMovement", "warehouse_id", "Warehouse")
    variant: Mapped["Variant"] = one("StockMovement", "variant_id", "Variant")
    order: Mapped["Order | None"] = one("StockMovement", "order_id", "Order")


class Reservation(Tenant, Referenced, Stateful, Base):
    """Units held back for an order, a checkout or a person, until they leave or are let go.

    `quantity` units of the warehouse's stock are held; `backordered` were promised beyond it.
    """

    __tablename__ = "reservations"
    __table_args__ = referenced(
        to("warehouses", "warehouse_id"),
        to("variants", "variant_id"),
        to("orders", "order_id"),
        to("order_lines", "order_line_id"),
        index("order_id"),
        index("status", "variant_id", "warehouse_id"),
        index("status", "expires_at"),
        Index(
            "ix_reservations_to_pick", "merchant_id", "warehouse_id", "order_id",
            postgresql_where=text("status = 'active' and order_id is not null"),
        ),
        CheckConstraint("quantity >= 0 and backordered >= 0 and quantity + backordered > 0", name="holds_something"),
        CheckConstraint("(status = 'active') = (closed_at is null)", name="closed_when_not_active"),
    )  # fmt: skip
    MOVES: ClassVar[dict[ReservationStatus, frozenset[ReservationStatus]]] = {
        ReservationStatus.active: frozenset(
            {ReservationStatus.consumed, ReservationStatus.released, ReservationStatus.expired}
        ),
        ReservationStatus.consumed: frozenset(),
        ReservationStatus.released: frozenset(),
        ReservationStatus.expired: frozenset(),
    }

    status: Mapped[ReservationStatus] = mapped_column(
        one_of(ReservationStatus, "status"), default=ReservationStatus.active
    )
    reason: Mapped[ReservationReason] = mapped_column(one_of(ReservationReason, "reason"))
    warehouse_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)
    backordered: Mapped[int] = count()
    order_id: Mapped[uuid.UUID | None]
    order_line_id: Mapped[uuid.UUID | None]
    note: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    warehouse: Mapped["Warehouse"] = one("Reservation", "warehouse_id", "Warehouse")
    variant: Mapped["Variant"] = one("Reservation", "variant_id", "Variant")
    order: Mapped["Order | None"] = one("Reservation", "order_id", "Order", "reservations")
    order_line: Mapped["OrderLine | None"] = one("Reservation", "order_line_id", "OrderLine")


class Transfer(Tenant, Referenced, Versioned, Stateful, Base):
    """Units on their way from one warehouse to another."""

    __tablename__ = "transfers"
    __table_args__ = referenced(
        to("warehouses", "from_warehouse_id"),
        to("warehouses", "to_warehouse_id"),
        index("status", "id"),
        CheckConstraint("from_warehouse_id <> to_warehouse_id", name="goes_somewhere"),
    )
    MOVES: ClassVar[dict[TransferStatus, frozenset[TransferStatus]]] = {
        TransferStatus.draft: frozenset({TransferStatus.ready, TransferStatus.in_transit, TransferStatus.cancelled}),
        TransferStatus.ready: frozenset({TransferStatus.in_transit, TransferStatus.cancelled}),
        TransferStatus.in_transit: frozenset({TransferStatus.partially_received, TransferStatus.received}),
        TransferStatus.partially_received: frozenset({TransferStatus.received}),
        TransferStatus.received: frozenset(),
        TransferStatus.cancelled: frozenset(),
    }

    status: Mapped[TransferStatus] = mapped_column(one_of(TransferStatus, "status"))
    from_warehouse_id: Mapped[uuid.UUID]
    to_warehouse_id: Mapped[uuid.UUID]
    note: Mapped[str | None]
    shipped_at: Mapped[datetime | None]
    expected_on: Mapped[date | None]
    received_at: Mapped[datetime | None]

    from_warehouse: Mapped["Warehouse"] = one("Transfer", "from_warehouse_id", "Warehouse")
    to_warehouse: Mapped["Warehouse"] = one("Transfer", "to_warehouse_id", "Warehouse")
    lines: Mapped[list["TransferLine"]] = many("TransferLine", "transfer_id", "Transfer", "transfer")


class TransferLine(Tenant, Base):
    """Of `quantity` units sent, what arrived whole, arrived damaged, or never came; the rest is still in transit."""

    __tablename__ = "transfer_lines"
    __table_args__ = (
        to("transfers", "transfer_id"),
        to("variants", "variant_id"),
        unique("transfer_id", "variant_id"),
        index("variant_id"),
        CheckConstraint("quantity > 0 and received >= 0 and damaged >= 0 and lost >= 0", name="counts"),
        CheckConstraint("received + damaged + lost <= quantity", name="no_more_arrives_than_left"),
    )

    transfer_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)
    received: Mapped[int] = count()
    damaged: Mapped[int] = count()
    lost: Mapped[int] = count()

    transfer: Mapped[Transfer] = one("TransferLine", "transfer_id", "Transfer", "lines")
    variant: Mapped["Variant"] = one("TransferLine", "variant_id", "Variant")


class PurchaseOrder(Tenant, Referenced, Versioned, Stateful, Base):
    """What was ordered from a supplier, for a warehouse. `total` is in minor units of `currency`."""

    __tablename__ = "purchase_orders"
    __table_args__ = referenced(
        to("suppliers", "supplier_id"),
        to("warehouses", "warehouse_id"),
        index("status", "expected_on"),
        index("status", "id"),
        index("supplier_id", "id"),
        index("warehouse_id", "id"),
        index("currency", "total", "id"),
        Index("ix_purchase_orders_expected", "merchant_id", text("coalesce(expected_on, '9999-01-01'::date)"), "id"),
    )
    MOVES: ClassVar[dict[PurchaseOrderStatus, frozenset[PurchaseOrderStatus]]] = {
        PurchaseOrderStatus.draft: frozenset({PurchaseOrderStatus.sent, PurchaseOrderStatus.cancelled}),
        PurchaseOrderStatus.sent: frozenset(
            {PurchaseOrderStatus.partially_received, PurchaseOrderStatus.received, PurchaseOrderStatus.cancelled}
        ),
        PurchaseOrderStatus.partially_received: frozenset({PurchaseOrderStatus.received, PurchaseOrderStatus.closed}),
        PurchaseOrderStatus.received: frozenset({PurchaseOrderStatus.closed}),
        PurchaseOrderStatus.closed: frozenset(),
        PurchaseOrderStatus.cancelled: frozenset(),
    }

    status: Mapped[PurchaseOrderStatus] = mapped_column(one_of(PurchaseOrderStatus, "status"))
    supplier_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    currency: Mapped[str]
    total: Mapped[int] = minor_units()
    note: Mapped[str | None]
    ordered_at: Mapped[datetime | None]
    expected_on: Mapped[date | None]
    received_at: Mapped[datetime | None]

    supplier: Mapped[Supplier] = one("PurchaseOrder", "supplier_id", "Supplier")
    warehouse: Mapped["Warehouse"] = one("PurchaseOrder", "warehouse_id", "Warehouse")
    lines: Mapped[list["PurchaseOrderLine"]] = many(
        "PurchaseOrderLine", "purchase_order_id", "PurchaseOrder", "purchase_order"
    )


class PurchaseOrderLine(Tenant, Base):
    """`unit_cost` is in minor units with four decimals. More may arrive than was ordered; damaged units are among the received."""

    __tablename__ = "purchase_order_lines"
    __table_args__ = (
        to("purchase_orders", "purchase_order_id"),
        to("variants", "variant_id"),
        unique("purchase_order_id", "variant_id"),
        index("variant_id"),
        CheckConstraint("quantity > 0 and received >= 0 and damaged >= 0 and damaged <= received", name="counts"),
    )

    purchase_order_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)
    received: Mapped[int] = count()
    damaged: Mapped[int] = count()
    unit_cost: Mapped[Decimal]

    purchase_order: Mapped[PurchaseOrder] = one("PurchaseOrderLine", "purchase_order_id", "PurchaseOrder", "lines")
    variant: Mapped["Variant"] = one("PurchaseOrderLine", "variant_id", "Variant")


class StockCost(Tenant, Base):
    """What a unit of a variant costs on average from a receipt on, in all warehouses together: a moving average. Append-only.

    `average` is what the units that were there and those that came cost together, divided by all of them; in minor units of
    `currency` with four decimals. Each entry begins where the one before ended. The last one is what the stock is valued at.
    """

    __tablename__ = "stock_costs"
    __table_args__ = (
        to("variants", "variant_id"),
        to("purchase_order_lines", "purchase_order_line_id"),
        unique("variant_id", "number"),
        index("purchase_order_line_id"),
        CheckConstraint("number > 0 and units > 0 and units_before >= 0", name="counts"),
        CheckConstraint("unit_cost >= 0 and average >= 0 and average_before >= 0", name="costs"),
    )

    variant_id: Mapped[uuid.UUID]
    number: Mapped[int] = mapped_column(Integer)
    purchase_order_line_id: Mapped[uuid.UUID]
    currency: Mapped[str]
    units_before: Mapped[int] = mapped_column(Integer)
    average_before: Mapped[Decimal | None]
    units: Mapped[int] = mapped_column(Integer)
    unit_cost: Mapped[Decimal]
    average: Mapped[Decimal]

    variant: Mapped["Variant"] = one("StockCost", "variant_id", "Variant")
    purchase_order_line: Mapped[PurchaseOrderLine] = one("StockCost", "purchase_order_line_id", "PurchaseOrderLine")
