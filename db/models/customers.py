"""Customers: who buys, where they live, what they agreed to, and what passed between them and the shop."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, details, flag, folded, many, minor_units, one, words
from db.model import Base, Referenced, Stateful, Tenant, Versioned, by_words, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.orders import Order

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CustomerStatus(StrEnum):
    prospect = "prospect"
    active = "active"
    blocked = "blocked"
    merged = "merged"
    erased = "erased"


class ConsentChannel(StrEnum):
    email = "email"
    sms = "sms"
    phone = "phone"
    post = "post"


class InteractionChannel(StrEnum):
    email = "email"
    phone = "phone"
    chat = "chat"
    store = "store"
    marketplace = "marketplace"
    post = "post"
    other = "other"


class Direction(StrEnum):
    incoming = "incoming"
    outgoing = "outgoing"


class LoyaltyReason(StrEnum):
    purchase = "purchase"
    refund = "refund"
    redemption = "redemption"
    gift = "gift"
    correction = "correction"
    expiry = "expiry"
    merge = "merge"


class Delivery(StrEnum):
    """How far a message of the shop is: `withheld` when the customer took their consent back before it left."""

    queued = "queued"
    sent = "sent"
    withheld = "withheld"
    failed = "failed"


class Customer(Tenant, Referenced, Versioned, Stateful, Base):
    """A person or company that buys.

    `email_key` is the address in lower case, unique in the shop; `name_key` the folded name (`db.text.fold`). After a merge
    `merged_into_id` says who this is now. An erased customer keeps the row, and nothing personal in it.
    """

    __tablename__ = "customers"
    __table_args__ = referenced(
        to("customers", "merged_into_id"),
        unique("email_key"),
        index("name_key", "id"),
        index("phone"),
        index("created_at", "id"),
        index("merged_into_id"),
        by_words("words_key"),
        Index(
            "ix_customers_group", "merchant_id", "customer_group", postgresql_where=text("customer_group is not null")
        ),
        Index("ix_customers_gone", "merchant_id", "id", postgresql_where=text("status in ('merged', 'erased')")),
        CheckConstraint("(email is null) = (email_key is null)", name="email_has_its_key"),
        CheckConstraint("(status = 'merged') = (merged_into_id is not null)", name="merged_into_somebody"),
    )
    MOVES: ClassVar[dict[CustomerStatus, frozenset[CustomerStatus]]] = {
        CustomerStatus.prospect: frozenset(
            {CustomerStatus.active, CustomerStatus.blocked, CustomerStatus.merged, CustomerStatus.erased}
        ),
        CustomerStatus.active: frozenset({CustomerStatus.blocked, CustomerStatus.merged, CustomerStatus.erased}),
        CustomerStatus.blocked: frozenset({CustomerStatus.active, CustomerStatus.merged, CustomerStatus.erased}),
        CustomerStatus.merged: frozenset({CustomerStatus.active}),
        CustomerStatus.erased: frozenset(),
    }

    status: Mapped[CustomerStatus] = mapped_column(one_of(CustomerStatus, "status"), default=CustomerStatus.active)
    name: Mapped[str]
    name_key: Mapped[str]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    email: Mapped[str | None]
    email_key: Mapped[str | None]
    phone: Mapped[str | None]
    company: Mapped[str | None]
    tax_number: Mapped[str | None]
    locale: Mapped[str | None]
    customer_group: Mapped[str | None]
    tags: Mapped[list[str]] = words()
    note: Mapped[str | None]
    merged_into_id: Mapped[uuid.UUID | None]
    words_key: Mapped[str] = folded(
        "name || ' ' || coalesce(email, '') || ' ' || coalesce(phone, '') || ' ' || reference || ' ' || coalesce(company, '')"
    )

    merged_into: Mapped["Customer | None"] = one("Customer", "merged_into_id", "Customer")
    addresses: Mapped[list["Address"]] = many("Address", "customer_id", "Customer", "customer", order_by="Address.id")


class CustomerFigures(Tenant, Base):
    """What a customer bought: a cache of their orders, kept by each call that changes one (`tools/contract/figures.py`).

    Its id is the customer's. `orders` are those that count as sold (`db.models.orders.COUNTED`); `spend` is what those in the
    home currency cost, less refunds and credits. `last_order_at` is the epoch for whoever has none. `points` is the sum of their
    loyalty entries, kept by whoever writes one.
    """

    __tablename__ = "customer_figures"
    __table_args__ = (
        to("customers", "id"),
        index("orders", "id"),
        index("spend", "id"),
        index("last_order_at", "id"),
        CheckConstraint("points >= 0", name="points"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    orders: Mapped[int] = count()
    spend: Mapped[int] = minor_units()
    last_order_at: Mapped[datetime] = mapped_column(default=EPOCH, server_default="epoch")
    points: Mapped[int] = count()

    customer: Mapped[Customer] = one("CustomerFigures", "id", "Customer")


def _one_default(kind: str) -> Index:
    return Index(f"uq_addresses_{kind}", "merchant_id", "customer_id", unique=True, postgresql_where=text(kind))


class Address(Tenant, Referenced, Versioned, Base):
    """Where a customer wants parcels or invoices, with at most one default of each. `country` is ISO 3166-1 alpha-2."""

    __tablename__ = "addresses"
    __table_args__ = referenced(
        to("customers", "customer_id"),
        index("customer_id", "id"),
        Index("ix_addresses_postcode", "merchant_id", text("replace(upper(postcode), ' ', '')")),
        Index("ix_addresses_city", "merchant_id", text("folded(city)"), "country"),
        index("country", "city"),
        _one_default("is_default_shipping"),
        _one_default("is_default_billing"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
    )

    customer_id: Mapped[uuid.UUID]
    label: Mapped[str | None]
    name: Mapped[str]
    company: Mapped[str | None]
    line1: Mapped[str]
    line2: Mapped[str | None]
    city: Mapped[str]
    region: Mapped[str | None]
    postcode: Mapped[str]
    country: Mapped[str]
    phone: Mapped[str | None]
    is_default_shipping: Mapped[bool] = flag(False)
    is_default_billing: Mapped[bool] = flag(False)

    customer: Mapped[Customer] = one("Address", "customer_id", "Customer", "addresses")


class Consent(Tenant, Base):
    """A customer allowed or forbade a channel for marketing; the latest row of a channel counts, `proof` says how it was given.

    Append-only: nothing but whose it is changes, when two customers turn out to be one.
    """

    __tablename__ = "consents"
    __table_args__ = (to("customers", "customer_id"), index("customer_id", "channel", "occurred_at"))

    customer_id: Mapped[uuid.UUID]
    channel: Mapped[ConsentChannel] = mapped_column(one_of(ConsentChannel, "channel"))
    granted: Mapped[bool]
    proof: Mapped[dict[str, Any]] = details()
    occurred_at: Mapped[datetime]

    customer: Mapped[Customer] = one("Consent", "customer_id", "Customer")


class LoyaltyEntry(Tenant, Base):
    """Points given or taken; a customer's balance is their sum. Append-only."""

    __tablename__ = "loyalty_entries"
    __table_args__ = (
        to("customers", "customer_id"),
        to("orders", "order_id"),
        index("customer_id", "occurred_at"),
        CheckConstraint("points <> 0", name="points"),
    )

    customer_id: Mapped[uuid.UUID]
    points: Mapped[int] = mapped_column(Integer)
    reason: Mapped[LoyaltyReason] = mapped_column(one_of(LoyaltyReason, "reason"))
    order_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]
    note: Mapped[str | None]
    occurred_at: Mapped[datetime]

    customer: Mapped[Customer] = one("LoyaltyEntry", "customer_id", "Customer")
    order: Mapped["Order | None"] = one("LoyaltyEntry", "order_id", "Order")


class Interaction(Tenant, Base):
    """A call, a letter, a chat: what passed between a customer and the shop, in a few words.

    What the shop sends itself is one too, with its `template`: while it is `queued` it is the outbox, and `summary` the text.
    """

    __tablename__ = "interactions"
    __table_args__ = (
        to("customers", "customer_id"),
        to("orders", "order_id"),
        index("customer_id", "occurred_at", "id"),
        CheckConstraint("(template is null) = (delivery is null)", name="delivery_of_a_template"),
    )

    customer_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID | None]
    channel: Mapped[InteractionChannel] = mapped_column(one_of(InteractionChannel, "channel"))
    direction: Mapped[Direction] = mapped_column(one_of(Direction, "direction"))
    subject: Mapped[str]
    summary: Mapped[str]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]
    template: Mapped[str | None]
    marketing: Mapped[bool] = flag(False)
    delivery: Mapped[Delivery | None] = mapped_column(one_of(Delivery, "delivery"))
    delivered_at: Mapped[datetime | None]
    trouble: Mapped[str | None]  # why it could not be delivered

    customer: Mapped[Customer] = one("Interaction", "customer_id", "Customer")
    order: Mapped["Order | None"] = one("Interaction", "order_id", "Order")


class Segment(Tenant, Referenced, Versioned, Base):
    """Customers who fit a filter (see tools/rules/segments.py), whoever they are at the moment; `name_key` is the folded name."""

    __tablename__ = "segments"
    __table_args__ = referenced(unique("name_key"))

    name: Mapped[str]
    name_key: Mapped[str]
    filter: Mapped[str]
