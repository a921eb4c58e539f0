"""The shop itself and who may do what in it: merchants, people, keys, settings, taxes, shipping, and the books that every call
keeps (approvals, audit, idempotency, intents, events). Conversations stand in `conversations.py`, files and long jobs in
`files.py`, beside this file.
"""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ARRAY, Boolean, CheckConstraint, Index, Integer, LargeBinary, Numeric, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import one
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, new_id, one_of, referenced, to, unique
from db.money import Rounding


class Role(StrEnum):
    owner = "owner"
    manager = "manager"
    support = "support"
    warehouse = "warehouse"
    viewer = "viewer"


class ApprovalStatus(StrEnum):
    pending = "pending"
    approved = "approved"
    edited = "edited"
    rejected = "rejected"
    expired = "expired"
    executed = "executed"
    failed = "failed"
    superseded = "superseded"


class IntentStatus(StrEnum):
    pending = "pending"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"


# ---- outside the wall: exactly these four --------------------------------------------------------------------------------


class Merchant(Base):
    """A shop of this installation; all else about it is behind the wall, in its profile."""

    __tablename__ = "merchants"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class User(Base):
    """A person who signs in; memberships say in which shops, and as what. `last_merchant_id` is the shop they used last.

    A one-time link resets the password; here is its SHA-256. Once used it is expired, and stays, so that a repeated call
    gets its first answer.
    """

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    last_merchant_id: Mapped[uuid.UUID | None]
    reset_asked_at: Mapped[datetime | None]
    reset_hash: Mapped[str | None] = mapped_column(unique=True)
    reset_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Session(Base):
    """A signed-in browser: the token itself is only in the cookie, here is its SHA-256. `merchant_id` is its shop.

    `network` is the address without its last part: enough to know one's own sessions, too little to follow a person.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[uuid.UUID]
    merchant_id: Mapped[uuid.UUID]
    network: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Guess(Base):
    """How often a password was tried, by account and by network (see tools/contract/guesses.py).

    Outside the wall because whoever tries is in no shop yet, and often nobody; `name` is a SHA-256: it may be of anything typed.
    """

    __tablename__ = "guesses"

    name: Mapped[str] = mapped_column(primary_key=True)
    strikes: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime]
    wait_until: Mapped[datetime]


# ---- the shop and its people ---------------------------------------------------------------------------------------------


class MerchantProfile(Tenant, Versioned, Base):
    """One row for each merchant: what the shop is called, how it counts money and time."""

    __tablename__ = "merchant_profiles"
    __table_args__ = (unique(),)

    name: Mapped[str]
    currency: Mapped[str]
    currencies: Mapped[list[str]]
    zone: Mapped[str]
    country: Mapped[str]
    prices_include_tax: Mapped[bool] = mapped_column(Boolean)
    rounding: Mapped[Rounding] = mapped_column(one_of(Rounding, "rounding"), default=Rounding.half_up)
    four_eyes_above: Mapped[int | None]


class Membership(Tenant, Referenced, Versioned, Base):
    """A person's place in a shop. While it is only offered, by an invitation, nobody has it: `user_id` is null."""

    __tablename__ = "memberships"
    __table_args__ = referenced(
        unique("user_id"), CheckConstraint("(user_id is null) = (joined_at is null)", name="joined_by_somebody")
    )

    user_id: Mapped[uuid.UUID | None]
    role: Mapped[Role] = mapped_column(one_of(Role, "role"))
    joined_at: Mapped[datetime | None]
    deactivated_at: Mapped[datetime | None]


class Invitation(Tenant, Base):
    """The offer of a membership, to an address: the link's token is only in the link, here is its SHA-256.

    `token_hash` is null while no link is out. An accepted one stays, so that a repeated call gets its first answer.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        unique("membership_id"),
        unique("email"),
        unique("token_hash"),
        to("memberships", "membership_id"),
    )

    membership_id: Mapped[uuid.UUID]
    email: Mapped[str]
    name: Mapped[str]
    invited_by: Mapped[str]
    token_hash: Mapped[str | None]
    expires_at: Mapped[datetime]
    mailed_at: Mapped[datetime | None]
    trouble: Mapped[str | None]  # why the mail could not be delivered

    membership: Mapped[Membership] = one("Invitation", "membership_id", "Membership")


class ApiKey(Tenant, Referenced, Base):
    """A program's key: `sk_<merchant>_<secret>`, shown once; here is the secret's SHA-256 and what the key may do."""

    __tablename__ = "api_keys"
    __table_args__ = referenced(unique("secret_hash"))

    name: Mapped[str]
    secret_hash: Mapped[str]
    last_four: Mapped[str]
    scopes: Mapped[list[str]]
    limit_per_call: Mapped[int] = mapped_column(default=0)
    limit_per_day: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Setting(Tenant, Versioned, Base):
    """A value that the merchant chose; the keys, their types and defaults are declared in tools/contract/shop_settings.py."""

    __tablename__ = "settings"
    __table_args__ = (unique("key"),)

    key: Mapped[str]
    value: Mapped[dict[str, Any]]


class TaxRate(Tenant, Referenced, Base):
    """The rate of a tax class in a country or region during a time; `rate` is a fraction: 0.2000 is 20 %."""

    __tablename__ = "tax_rates"
    __table_args__ = referenced(
        index("country", "tax_class"), CheckConstraint("rate >= 0 and rate < 1", name="rate_is_a_fraction")
    )

    name: Mapped[str]
    country: Mapped[str]
    region: Mapped[str | None]
    tax_class: Mapped[str] = mapped_column(default="standard")
    rate: Mapped[Decimal] = mapped_column(Numeric(7, 5))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]


class ShippingMethod(Tenant, Referenced, Versioned, Base):
    """A way of sending an order. `tiers` are rows of {above_weight, price}: the last that the parcel's weight reaches counts."""

    __tablename__ = "shipping_methods"
    __table_args__ = referenced(unique("code"))

    code: Mapped[str]
    name: Mapped[str]
    countries: Mapped[list[str]]
    currency: Mapped[str]
    price: Mapped[int]
    free_above: Mapped[int | None]
    max_weight_grams: Mapped[int | None]
    tiers: Mapped[list[Any]]
    tax_class: Mapped[str] = mapped_column(default="standard")
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    position: Mapped[int] = mapped_column(Integer, default=0)


class Import(Tenant, Base):
    """A file from elsewhere on its way into a shop: written with each batch of its rows, so that it goes on where it was cut off.

    `digest` is the file's SHA-256; `lines` of it are in; `report` is what became of them.
    """

    __tablename__ = "imports"
    __table_args__ = (unique("source", "digest"), CheckConstraint("lines >= 0", name="lines"))

    source: Mapped[str]
    name: Mapped[str]
    digest: Mapped[str]
    lines: Mapped[int] = mapped_column(default=0)
    report: Mapped[dict[str, Any]]
    finished_at: Mapped[datetime | None]


# ---- the books that every call keeps -------------------------------------------------------------------------------------


class Counter(Tenant, Base):
    """The last number given out for a kind of reference."""

    __tablename__ = "counters"
    __table_args__ = (unique("name"), {"postgresql_with": {"fillfactor": 20}})

    name: Mapped[str]
    value: Mapped[int]


class Event(Tenant, Base):
    """Something happened to a row: who or what did it, when. Append-only; an order's timeline is the events with its `order_id`."""

    __tablename__ = "events"
    __table_args__ = (index("order_id", "id"), index("subject_id", "id"))

    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]
    data: Mapped[dict[str, Any]]


class Approval(Tenant, Referenced, Stateful, Base):
    """A call that waits for a person: its exact arguments, what it would change, and what was decided."""

    __tablename__ = "approvals"
    __table_args__ = referenced(index("status", "id"), index("turn_id"))
    MOVES: ClassVar[dict[ApprovalStatus, frozenset[ApprovalStatus]]] = {
        ApprovalStatus.pending: frozenset(
            {ApprovalStatus.approved, ApprovalStatus.edited, ApprovalStatus.rejected, ApprovalStatus.expired}
        ),
        ApprovalStatus.approved: frozenset({ApprovalStatus.executed, ApprovalStatus.failed, ApprovalStatus.superseded}),
        ApprovalStatus.edited: frozenset({ApprovalStatus.failed, ApprovalStatus.superseded}),
        ApprovalStatus.rejected: frozenset(),
        ApprovalStatus.expired: frozenset(),
        ApprovalStatus.executed: frozenset(),
        ApprovalStatus.failed: frozenset(),
        ApprovalStatus.superseded: frozenset(),
    }

    status: Mapped[ApprovalStatus] = mapped_column(one_of(ApprovalStatus, "status"))
    tool: Mapped[str]
    effect: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    card: Mapped[dict[str, Any]]
    digest: Mapped[str]
    key: Mapped[str]
    asked_by: Mapped[dict[str, Any]]
    asker: Mapped[str]
    door: Mapped[str]
    hand: Mapped[str]
    why: Mapped[str]
    amount: Mapped[int] = mapped_column(default=0)
    turn_id: Mapped[uuid.UUID | None]
    expires_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    outcome: Mapped[dict[str, Any] | None]


class AuditEntry(Tenant, Base):
    """The envelope of one committed write: who did what to which rows, through which door, on whose approval. Append-only."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        index("actor", "created_at"),
        index("approved_by", "created_at"),
        index("tool", "id"),
    )

    actor: Mapped[str]
    actor_name: Mapped[str]
    on_behalf_of: Mapped[str | None]
    door: Mapped[str]
    tool: Mapped[str]
    effect: Mapped[str]
    references: Mapped[list[str]]
    outcome: Mapped[str]
    approval: Mapped[str | None]
    approved_by: Mapped[str | None]
    key: Mapped[str]
    arguments_digest: Mapped[str]
    money: Mapped[int] = mapped_column(default=0)
    stops: Mapped[int] = mapped_column(Integer, default=0)
    request_id: Mapped[str]


class DailyTotal(Base):
    """What somebody answers for since `since`, the midnight of a day: the sum of their audit entries' money and stops, kept by each
    call that moves or stops something (`tools/contract/daily.py`).

    `most_money` and `most_stops` are what the last of these calls might bring it to; null where no limit went with it.
    """

    __tablename__ = "daily_totals"
    __table_args__ = (
        CheckConstraint("money <= most_money and stops <= most_stops", name="within_the_day"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    money: Mapped[int]
    stops: Mapped[int]
    most_money: Mapped[int | None]
    most_stops: Mapped[int | None]


class AuditPayload(Tenant, Base):
    """What the envelope's digest stands for; erased on a person's request, while the envelope stays."""

    __tablename__ = "audit_payloads"
    __table_args__ = (to("audit_entries", "id"),)

    salt: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    subjects: Mapped[list[str]]


class AuditUnsealed(Tenant, Base):
    """An entry that no seal covers yet: written with it, and taken away by the seal that does."""

    __tablename__ = "audit_unsealed"


class AuditSeal(Tenant, Base):
    """A link of the hash chain over the envelopes: which entries it covers, in their order, with the SHA-256 of each; and the
    SHA-256 of the link before and of these."""

    __tablename__ = "audit_seals"
    __table_args__ = (unique("number"),)

    number: Mapped[int]
    entry_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    entry_digests: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class AccessLog(Tenant, Base):
    """Bulk reads of personal data, and refusals for want of a permission. Append-only."""

    __tablename__ = "access_log"
    __table_args__ = (index("id", "kind"),)

    kind: Mapped[str]
    actor: Mapped[str]
    door: Mapped[str]
    tool: Mapped[str]
    detail: Mapped[dict[str, Any]]


class IdempotencyRecord(Base):
    """What a key was used for and what was answered; committed with the effect."""

    __tablename__ = "idempotency_records"
    __table_args__ = (index("expires_at"),)

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str]
    tool: Mapped[str]
    request_hash: Mapped[str]
    approval: Mapped[str | None]
    response: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Intent(Tenant, Referenced, Stateful, Base):
    """Something to be done in the world outside, written with the effect that wants it and carried out after the commit."""

    __tablename__ = "intents"
    __table_args__ = referenced(index("status", "id"), index("order_id"))
    MOVES: ClassVar[dict[IntentStatus, frozenset[IntentStatus]]] = {
        IntentStatus.pending: frozenset({IntentStatus.succeeded, IntentStatus.failed, IntentStatus.cancelled}),
        IntentStatus.failed: frozenset({IntentStatus.pending, IntentStatus.cancelled}),
        IntentStatus.succeeded: frozenset(),
        IntentStatus.cancelled: frozenset(),
    }

    status: Mapped[IntentStatus] = mapped_column(one_of(IntentStatus, "status"))
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID | None]
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    arguments: Mapped[dict[str, Any]]
    ledger_key: Mapped[str]  # <key of the call that wants it>:<reference>; the other side's idempotency key
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    outcome: Mapped[dict[str, Any] | None]
