"""After-sales: what came back or wants to, why, in which condition, and what the customer got for it."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, many, minor_units, one
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.customers import Customer
    from db.models.orders import Order, OrderLine
    from db.models.products import Variant


class ReturnStatus(StrEnum):
    requested = "requested"
    approved = "approved"
    declined = "declined"
    cancelled = "cancelled"
    label_sent = "label_sent"
    in_transit = "in_transit"
    received = "received"
    expired = "expired"
    inspecting = "inspecting"
    accepted = "accepted"
    partially_accepted = "partially_accepted"
    rejected = "rejected"
    refunded = "refunded"
    exchanged = "exchanged"
    credited = "credited"
    repaired = "repaired"
    returned_to_customer = "returned_to_customer"
    closed = "closed"


class ReturnReason(StrEnum):
    arrived_broken = "arrived_broken"
    defective = "defective"
    wrong_item = "wrong_item"
    not_as_described = "not_as_described"
    too_small = "too_small"
    too_large = "too_large"
    changed_mind = "changed_mind"
    arrived_late = "arrived_late"
    other = "other"


class ReturnWish(StrEnum):
    refund = "refund"
    store_credit = "store_credit"
    exchange = "exchange"
    repair = "repair"


class Condition(StrEnum):
    as_new = "as_new"
    opened = "opened"
    used = "used"
    damaged = "damaged"
    missing = "missing"


class Disposition(StrEnum):
    restock = "restock"
    refurbish = "refurbish"
    supplier = "supplier"
    dispose = "dispose"


_SETTLED = frozenset({ReturnStatus.refunded, ReturnStatus.exchanged, ReturnStatus.credited, ReturnStatus.repaired})
_UNDERWAY = frozenset({ReturnStatus.in_transit, ReturnStatus.received, ReturnStatus.expired, ReturnStatus.cancelled})


class Return(Tenant, Referenced, Versioned, Stateful, Base):
    """A return (`RMA-17`), from the request to its settlement; amounts are minor units of the order's currency.

    `refund` is what the policy gives back for its lines, `fee` what it keeps, `refunded` what was paid back so far.
    """

    __tablename__ = "returns"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("customers", "customer_id"),
        to("orders", "exchange_order_id"),
        index("status", "id"),
        index("order_id"),
        index("customer_id"),
        index("requested_at", "id"),
        CheckConstraint("fee >= 0 and refund >= 0 and refunded >= 0 and refunded <= refund", name="amounts"),
    )
    MOVES: ClassVar[dict[ReturnStatus, frozenset[ReturnStatus]]] = {
        ReturnStatus.requested: frozenset({ReturnStatus.approved, ReturnStatus.declined, ReturnStatus.cancelled}),
        ReturnStatus.approved: _UNDERWAY | {ReturnStatus.label_sent},
        ReturnStatus.label_sent: _UNDERWAY,
        ReturnStatus.in_transit: frozenset({ReturnStatus.received}),
        ReturnStatus.received: frozenset({ReturnStatus.inspecting}),
        ReturnStatus.inspecting: frozenset(
            {ReturnStatus.accepted, ReturnStatus.partially_accepted, ReturnStatus.rejected}
        ),
        ReturnStatus.accepted: _SETTLED,
        ReturnStatus.partially_accepted: _SETTLED,
        ReturnStatus.rejected: frozenset({ReturnStatus.returned_to_customer}),
        ReturnStatus.refunded: frozenset({ReturnStatus.closed}),
        ReturnStatus.exchanged: frozenset({ReturnStatus.closed}),
        ReturnStatus.credited: frozenset({ReturnStatus.closed}),
        ReturnStatus.repaired: frozenset({ReturnStatus.closed}),
        ReturnStatus.returned_to_customer: frozenset({ReturnStatus.closed}),
        ReturnStatus.declined: frozenset(),
        ReturnStatus.cancelled: frozenset(),
        ReturnStatus.expired: frozenset(),
        ReturnStatus.closed: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    status: Mapped[ReturnStatus] = mapped_column(one_of(ReturnStatus, "status"))
    reason: Mapped[ReturnReason] = mapped_column(one_of(ReturnReason, "reason"))
    wanted: Mapped[ReturnWish] = mapped_column(one_of(ReturnWish, "wanted"))
    currency: Mapped[str]
    refund: Mapped[int] = minor_units()
    fee: Mapped[int] = minor_units()
    refunded: Mapped[int] = minor_units()
    exchange_order_id: Mapped[uuid.UUID | None]
    tracking_number: Mapped[str | None]
    note: Mapped[str | None]
    requested_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

    order: Mapped["Order"] = one("Return", "order_id", "Order", "returns")
    customer: Mapped["Customer | None"] = one("Return", "customer_id", "Customer")
    exchange_order: Mapped["Order | None"] = one("Return", "exchange_order_id", "Order")
    lines: Mapped[list["ReturnLine"]] = many("ReturnLine", "return_id", "Return", "return_")


class ReturnLine(Tenant, Base):
    """Units of an order line that come back; `refund` is their share of the return's, in minor units."""

    __tablename__ = "return_lines"
    __table_args__ = (
        to("returns", "return_id"),
        to("order_lines", "order_line_id"),
        to("variants", "variant_id"),
        unique("return_id", "order_line_id"),
        index("order_line_id"),
        index("variant_id"),
        CheckConstraint("quantity > 0 and received >= 0 and received <= quantity", name="quantity"),
        CheckConstraint("restocked >= 0 and restocked <= received", name="restocked"),
        CheckConstraint("refund >= 0", name="refund"),
    )

    return_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID | None]
    quantity: Mapped[int] = mapped_column(Integer)
    received: Mapped[int] = count()
    restocked: Mapped[int] = count()
    reason: Mapped[ReturnReason] = mapped_column(one_of(ReturnReason, "reason"))
    condition: Mapped[Condition | None] = mapped_column(one_of(Condition, "condition"))
    disposition: Mapped[Disposition | None] = mapped_column(one_of(Disposition, "disposition"))
    refund: Mapped[int] = minor_units()
    note: Mapped[str | None]

    return_: Mapped[Return] = one("ReturnLine", "return_id", "Return", "lines")
    order_line: Mapped["OrderLine"] = one("ReturnLine", "order_line_id", "OrderLine")
    variant: Mapped["Variant | None"] = one("ReturnLine", "variant_id", "Variant")
