"""After-sales: what came back or wants to, by which policy, in which condition, and what the customer got for it; what customers
ask of the shop's people, what they claim under warranty, and how content they are.
"""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, details, flag, items, many, minor_units, one, words
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, one_of, referenced, to, unique
from db.models.customers import InteractionChannel

if TYPE_CHECKING:
    from db.models.conversations import Conversation
    from db.models.customers import Customer, Interaction
    from db.models.orders import Order, OrderLine
    from db.models.payments import SavedMethod
    from db.models.products import Category, Variant
    from db.models.warehouse import Warehouse


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


class WayBack(StrEnum):
    """Who pays for the parcel that comes back."""

    customer = "customer"
    shop = "shop"


class TicketStatus(StrEnum):
    """Open is what the shop owes an answer; waiting, what the customer does."""

    open = "open"
    waiting = "waiting"
    closed = "closed"


class Priority(StrEnum):
    low = "low"
    normal = "normal"
    high = "high"
    urgent = "urgent"


class MessageKind(StrEnum):
    incoming = "incoming"
    outgoing = "outgoing"
    internal = "internal"


class ClaimStatus(StrEnum):
    filed = "filed"
    accepted = "accepted"
    declined = "declined"


class Remedy(StrEnum):
    repair = "repair"
    replacement = "replacement"
    refund = "refund"


# Returns whose units are still with the customer, or on the way.
ASKED = (ReturnStatus.requested, ReturnStatus.approved, ReturnStatus.label_sent, ReturnStatus.in_transit)
# Returns of which nothing comes.
GIVEN_UP = (ReturnStatus.declined, ReturnStatus.cancelled, ReturnStatus.expired)
# Returns of which something is still to be done.
OPEN_RETURNS = (*ASKED, ReturnStatus.received, ReturnStatus.inspecting, ReturnStatus.accepted,
                ReturnStatus.partially_accepted, ReturnStatus.rejected)  # fmt: skip
_SETTLED = frozenset({ReturnStatus.refunded, ReturnStatus.exchanged, ReturnStatus.credited, ReturnStatus.repaired})
_UNDERWAY = frozenset({ReturnStatus.in_transit, ReturnStatus.received, ReturnStatus.expired, ReturnStatus.cancelled})


class ReturnPolicy(Tenant, Base):
    """A version of the shop's terms for returns. An order keeps the version that held when it was placed. Append-only."""

    __tablename__ = "return_policies"
    __table_args__ = (unique("number"), index("valid_from"), CheckConstraint("number > 0", name="number"))

    number: Mapped[int] = mapped_column(Integer)
    valid_from: Mapped[datetime]
    actor: Mapped[str]

    rules: Mapped[list["ReturnRule"]] = many("ReturnRule", "policy_id", "ReturnPolicy", "policy")


class ReturnRule(Tenant, Base):
    """What a version says of a category, a reason, both, or (with neither) of all else. Append-only.

    `fee` is minor units of the home currency, taken once for a return; `restocking_percent` is of what the goods are worth.
    """

    __tablename__ = "return_rules"
    __table_args__ = (
        to("return_policies", "policy_id"),
        to("categories", "category_id"),
        UniqueConstraint(
            "merchant_id", "policy_id", "category_id", "reason", name="uq_return_rules_said_once",
            postgresql_nulls_not_distinct=True,
        ),
        index("category_id"),
        CheckConstraint("window_days >= 0 and fee >= 0 and restocking_percent between 0 and 100", name="terms"),
    )  # fmt: skip

    policy_id: Mapped[uuid.UUID]
    category_id: Mapped[uuid.UUID | None]
    reason: Mapped[ReturnReason | None] = mapped_column(one_of(ReturnReason, "reason"))
    returnable: Mapped[bool]
    window_days: Mapped[int] = mapped_column(Integer)
    conditions: Mapped[list[str]] = words()
    restocking_percent: Mapped[int] = mapped_column(Integer)
    fee: Mapped[int]
    way_back: Mapped[WayBack] = mapped_column(one_of(WayBack, "way_back"))
    refunds_shipping: Mapped[bool]

    policy: Mapped[ReturnPolicy] = one("ReturnRule", "policy_id", "ReturnPolicy", "rules")
    category: Mapped["Category | None"] = one("ReturnRule", "category_id", "Category")


class Return(Tenant, Referenced, Versioned, Stateful, Base):
    """A return (`RMA-17`), from the request to its settlement; amounts are minor units of the order's currency.

    `refund` is what is due for its lines and the `shipping` of the order, less the `fee` that the policy keeps; `refunded` what was
    given of it, or is on its way. `goodwill`: it was taken though the policy would not. `keeps_goods`: nothing has to come.
    `saved_method_id` is what the refund goes onto, or what a difference is settled by; `difference` is what the goods that are
    wanted instead cost more (above zero) or less, as it was told when they were asked for.
    """

    __tablename__ = "returns"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("customers", "customer_id"),
        to("orders", "exchange_order_id"),
        to("warehouses", "warehouse_id"),
        to("saved_methods", "saved_method_id"),
        index("status", "requested_at", "id"),
        index("order_id"),
        index("customer_id"),
        index("requested_at", "id"),
        index("currency", "refund", "id"),
        CheckConstraint("fee >= 0 and refund >= 0 and refunded >= 0 and refunded <= refund", name="amounts"),
        CheckConstraint("shipping >= 0", name="shipping"),
    )
    MOVES: ClassVar[dict[ReturnStatus, frozenset[ReturnStatus]]] = {
        ReturnStatus.requested: frozenset({ReturnStatus.approved, ReturnStatus.declined, ReturnStatus.cancelled}),
        ReturnStatus.approved: _UNDERWAY | {ReturnStatus.label_sent, ReturnStatus.accepted},
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
        ReturnStatus.expired: frozenset({ReturnStatus.received}),  # it came after all
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
    shipping: Mapped[int] = minor_units()
    difference: Mapped[int | None]
    saved_method_id: Mapped[uuid.UUID | None]
    goodwill: Mapped[bool] = flag(False)
    keeps_goods: Mapped[bool] = flag(False)
    photos: Mapped[list[str]] = words()
    warehouse_id: Mapped[uuid.UUID | None]
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
    warehouse: Mapped["Warehouse | None"] = one("Return", "warehouse_id", "Warehouse")
    saved_method: Mapped["SavedMethod | None"] = one("Return", "saved_method_id", "SavedMethod")
    lines: Mapped[list["ReturnLine"]] = many("ReturnLine", "return_id", "Return", "return_")


class ReturnLine(Tenant, Base):
    """Units of an order line that come back; `refund` is what they are worth, in minor units, before any fee.

    `terms` is the rule that decided, as it stood (`tools/rules/return_policy.py`). `wants` is what is wanted for them in an
    exchange: rows of {sku, quantity}, in the order of the units. Once they are looked at, `refund` is of the `accepted` units
    alone; condition and disposition are the line's where all of its units share them.
    """

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
        CheckConstraint("accepted >= 0 and accepted <= quantity", name="accepted"),
        CheckConstraint("refund >= 0", name="refund"),
    )

    return_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID | None]
    quantity: Mapped[int] = mapped_column(Integer)
    received: Mapped[int] = count()
    restocked: Mapped[int] = count()
    accepted: Mapped[int] = count()
    wants: Mapped[list[Any]] = items()
    terms: Mapped[dict[str, Any]] = details()
    reason: Mapped[ReturnReason] = mapped_column(one_of(ReturnReason, "reason"))
    condition: Mapped[Condition | None] = mapped_column(one_of(Condition, "condition"))
    disposition: Mapped[Disposition | None] = mapped_column(one_of(Disposition, "disposition"))
    refund: Mapped[int] = minor_units()
    note: Mapped[str | None]

    return_: Mapped[Return] = one("ReturnLine", "return_id", "Return", "lines")
    order_line: Mapped["OrderLine"] = one("ReturnLine", "order_line_id", "OrderLine")
    variant: Mapped["Variant | None"] = one("ReturnLine", "variant_id", "Variant")


class ReturnInspection(Tenant, Base):
    """Units of a return's line that were looked at: how they are, what becomes of them, whether they are paid for."""

    __tablename__ = "return_inspections"
    __table_args__ = (
        to("return_lines", "return_line_id"),
        index("return_line_id", "id"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("(condition = 'missing') = (disposition is null)", name="nothing_becomes_of_what_is_missing"),
    )

    return_line_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)
    condition: Mapped[Condition] = mapped_column(one_of(Condition, "condition"))
    disposition: Mapped[Disposition | None] = mapped_column(one_of(Disposition, "disposition"))
    accepted: Mapped[bool]
    note: Mapped[str | None]
    actor: Mapped[str]
    inspected_at: Mapped[datetime]

    line: Mapped[ReturnLine] = one("ReturnInspection", "return_line_id", "ReturnLine")


class Ticket(Tenant, Referenced, Versioned, Stateful, Base):
    """Something that a person has to look after (`TCK-12`). `due_at` is when an answer is owed; null while none is.

    `evidence` is what a conversation that was handed over had found: rows of {tool, arguments, found}.
    """

    __tablename__ = "tickets"
    __table_args__ = referenced(
        to("customers", "customer_id"),
        to("orders", "order_id"),
        to("returns", "return_id"),
        to("conversations", "conversation_id"),
        index("status", "opened_at", "id"),
        index("opened_at", "id"),
        index("assignee", "status"),
        index("customer_id", "id"),
        index("order_id"),
        index("return_id"),
        index("conversation_id"),
        CheckConstraint("(status = 'open') = (due_at is not null)", name="due_while_open"),
        CheckConstraint("(status = 'closed') = (closed_at is not null)", name="closed_at"),
    )
    MOVES: ClassVar[dict[TicketStatus, frozenset[TicketStatus]]] = {
        TicketStatus.open: frozenset({TicketStatus.waiting, TicketStatus.closed}),
        TicketStatus.waiting: frozenset({TicketStatus.open, TicketStatus.closed}),
        TicketStatus.closed: frozenset({TicketStatus.open, TicketStatus.waiting}),
    }

    status: Mapped[TicketStatus] = mapped_column(one_of(TicketStatus, "status"))
    priority: Mapped[Priority] = mapped_column(one_of(Priority, "priority"))
    channel: Mapped[InteractionChannel] = mapped_column(one_of(InteractionChannel, "channel"))
    subject: Mapped[str]
    customer_id: Mapped[uuid.UUID | None]
    order_id: Mapped[uuid.UUID | None]
    return_id: Mapped[uuid.UUID | None]
    conversation_id: Mapped[uuid.UUID | None]
    assignee: Mapped[str | None]
    evidence: Mapped[list[Any]] = items()
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    in_time: Mapped[bool | None]  # whether the first answer was
    escalated_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    resolution: Mapped[str | None]

    customer: Mapped["Customer | None"] = one("Ticket", "customer_id", "Customer")
    order: Mapped["Order | None"] = one("Ticket", "order_id", "Order")
    return_: Mapped[Return | None] = one("Ticket", "return_id", "Return")
    conversation: Mapped["Conversation | None"] = one("Ticket", "conversation_id", "Conversation")


class TicketMessage(Tenant, Base):
    """Something said in a ticket: by the customer, to the customer, or among colleagues."""

    __tablename__ = "ticket_messages"
    __table_args__ = (to("tickets", "ticket_id"), to("interactions", "interaction_id"), index("ticket_id", "id"))

    ticket_id: Mapped[uuid.UUID]
    kind: Mapped[MessageKind] = mapped_column(one_of(MessageKind, "kind"))
    text: Mapped[str]
    actor: Mapped[str]
    interaction_id: Mapped[uuid.UUID | None]  # of what went out by mail: how far it is

    ticket: Mapped[Ticket] = one("TicketMessage", "ticket_id", "Ticket")
    interaction: Mapped["Interaction | None"] = one("TicketMessage", "interaction_id", "Interaction")


class WarrantyClaim(Tenant, Referenced, Versioned, Stateful, Base):
    """Something that broke while the shop answers for it (`WAR-3`); what is accepted goes on as a return, or a new order."""

    __tablename__ = "warranty_claims"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("order_lines", "order_line_id"),
        to("customers", "customer_id"),
        to("returns", "return_id"),
        index("status", "filed_at", "id"),
        index("filed_at", "id"),
        index("order_id"),
        index("order_line_id"),
        index("customer_id"),
        index("return_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("(status = 'filed') = (decided_at is null)", name="decided_at"),
        CheckConstraint("(status = 'accepted') = (remedy is not null)", name="remedy_of_what_is_accepted"),
    )
    MOVES: ClassVar[dict[ClaimStatus, frozenset[ClaimStatus]]] = {
        ClaimStatus.filed: frozenset({ClaimStatus.accepted, ClaimStatus.declined}),
        ClaimStatus.accepted: frozenset(),
        ClaimStatus.declined: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    return_id: Mapped[uuid.UUID | None]
    status: Mapped[ClaimStatus] = mapped_column(one_of(ClaimStatus, "status"))
    quantity: Mapped[int] = mapped_column(Integer)
    defect: Mapped[str]
    remedy: Mapped[Remedy | None] = mapped_column(one_of(Remedy, "remedy"))
    note: Mapped[str | None]
    covered_until: Mapped[date]
    filed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]

    order: Mapped["Order"] = one("WarrantyClaim", "order_id", "Order")
    order_line: Mapped["OrderLine"] = one("WarrantyClaim", "order_line_id", "OrderLine")
    customer: Mapped["Customer | None"] = one("WarrantyClaim", "customer_id", "Customer")
    return_: Mapped[Return | None] = one("WarrantyClaim", "return_id", "Return")


class Survey(Tenant, Base):
    """How content a customer was, from 1 to 5, and how likely to recommend the shop, from 0 to 10, where they said."""

    __tablename__ = "surveys"
    __table_args__ = (
        to("customers", "customer_id"),
        to("orders", "order_id"),
        to("tickets", "ticket_id"),
        index("submitted_at", "id"),
        index("customer_id"),
        index("order_id"),
        index("ticket_id"),
        CheckConstraint("score between 1 and 5", name="score"),
        CheckConstraint("recommend between 0 and 10", name="recommend"),
        CheckConstraint("score is not null or recommend is not null", name="says_something"),
    )

    customer_id: Mapped[uuid.UUID | None]
    order_id: Mapped[uuid.UUID | None]
    ticket_id: Mapped[uuid.UUID | None]
    score: Mapped[int | None] = mapped_column(Integer)
    recommend: Mapped[int | None] = mapped_column(Integer)
    comment: Mapped[str | None]
    channel: Mapped[InteractionChannel] = mapped_column(one_of(InteractionChannel, "channel"))
    actor: Mapped[str]
    submitted_at: Mapped[datetime]

    customer: Mapped["Customer | None"] = one("Survey", "customer_id", "Customer")
    order: Mapped["Order | None"] = one("Survey", "order_id", "Order")
    ticket: Mapped[Ticket | None] = one("Survey", "ticket_id", "Ticket")
