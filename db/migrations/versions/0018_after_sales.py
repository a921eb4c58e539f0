"""After-sales complete: policies by version, inspections, tickets, warranty claims and surveys"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


# What was settled before units were counted was accepted whole.
ACCEPTED = """
update return_lines l set accepted = l.received from returns r
where r.merchant_id = l.merchant_id and r.id = l.return_id
  and r.status in ('accepted', 'partially_accepted', 'refunded', 'exchanged', 'credited', 'repaired', 'closed')
"""


def upgrade() -> None:
    _create_return_policies()
    _create_return_rules()
    _create_tickets()
    _create_surveys()
    _create_ticket_messages()
    _create_warranty_claims()
    _create_return_inspections()
    _extend_returns()


def _create_return_policies() -> None:
    op.create_table(
        "return_policies",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_return_policies_number")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_return_policies")),
        sa.UniqueConstraint("merchant_id", "number", name=op.f("uq_return_policies_merchant_id_number")),
    )
    op.create_index(
        op.f("ix_return_policies_merchant_id_valid_from"),
        "return_policies",
        ["merchant_id", "valid_from"],
        unique=False,
    )
    secure(op, "return_policies", append_only=True)


def _create_return_rules() -> None:
    op.create_table(
        "return_rules",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column(
            "reason",
            sa.Enum(
                "arrived_broken",
                "defective",
                "wrong_item",
                "not_as_described",
                "too_small",
                "too_large",
                "changed_mind",
                "arrived_late",
                "other",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("returnable", sa.Boolean(), nullable=False),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("conditions", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("restocking_percent", sa.Integer(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column(
            "way_back",
            sa.Enum("customer", "shop", name="way_back", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("refunds_shipping", sa.Boolean(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "window_days >= 0 and fee >= 0 and restocking_percent between 0 and 100", name=op.f("ck_return_rules_terms")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "category_id"],
            ["categories.merchant_id", "categories.id"],
            name=op.f("fk_return_rules_merchant_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "policy_id"],
            ["return_policies.merchant_id", "return_policies.id"],
            name=op.f("fk_return_rules_merchant_id_policy_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_return_rules")),
        sa.UniqueConstraint(
            "merchant_id",
            "policy_id",
            "category_id",
            "reason",
            name="uq_return_rules_said_once",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        op.f("ix_return_rules_merchant_id_category_id"), "return_rules", ["merchant_id", "category_id"], unique=False
    )
    secure(op, "return_rules", append_only=True)


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("open", "waiting", "closed", name="status", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "priority",
            sa.Enum(
                "low", "normal", "high", "urgent", name="priority", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum(
                "email",
                "phone",
                "chat",
                "store",
                "marketplace",
                "post",
                "other",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("return_id", sa.Uuid(), nullable=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("in_time", sa.Boolean(), nullable=True),
        sa.Column("escalated_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'closed') = (closed_at is not null)", name=op.f("ck_tickets_closed_at")),
        sa.CheckConstraint("(status = 'open') = (due_at is not null)", name=op.f("ck_tickets_due_while_open")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "conversation_id"],
            ["conversations.merchant_id", "conversations.id"],
            name=op.f("fk_tickets_merchant_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_tickets_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_tickets_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "return_id"],
            ["returns.merchant_id", "returns.id"],
            name=op.f("fk_tickets_merchant_id_return_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_tickets_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id", "source", "external_reference", name=op.f("uq_tickets_merchant_id_source_external_reference")
        ),
    )
    op.create_index(
        op.f("ix_tickets_merchant_id_assignee_status"), "tickets", ["merchant_id", "assignee", "status"], unique=False
    )
    op.create_index(
        op.f("ix_tickets_merchant_id_conversation_id"), "tickets", ["merchant_id", "conversation_id"], unique=False
    )
    op.create_index(
        op.f("ix_tickets_merchant_id_customer_id_id"), "tickets", ["merchant_id", "customer_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_tickets_merchant_id_external_reference"),
        "tickets",
        ["merchant_id", "external_reference"],
        unique=False,
    )
    op.create_index(
        op.f("ix_tickets_merchant_id_opened_at_id"), "tickets", ["merchant_id", "opened_at", "id"], unique=False
    )
    op.create_index(op.f("ix_tickets_merchant_id_order_id"), "tickets", ["merchant_id", "order_id"], unique=False)
    op.create_index(op.f("ix_tickets_merchant_id_return_id"), "tickets", ["merchant_id", "return_id"], unique=False)
    op.create_index(
        op.f("ix_tickets_merchant_id_status_opened_at_id"),
        "tickets",
        ["merchant_id", "status", "opened_at", "id"],
        unique=False,
    )
    secure(op, "tickets")


def _create_surveys() -> None:
    op.create_table(
        "surveys",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("recommend", sa.Integer(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "email",
                "phone",
                "chat",
                "store",
                "marketplace",
                "post",
                "other",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("submitted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("recommend between 0 and 10", name=op.f("ck_surveys_recommend")),
        sa.CheckConstraint("score between 1 and 5", name=op.f("ck_surveys_score")),
        sa.CheckConstraint("score is not null or recommend is not null", name=op.f("ck_surveys_says_something")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_surveys_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_surveys_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "ticket_id"],
            ["tickets.merchant_id", "tickets.id"],
            name=op.f("fk_surveys_merchant_id_ticket_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_surveys")),
    )
    op.create_index(op.f("ix_surveys_merchant_id_customer_id"), "surveys", ["merchant_id", "customer_id"], unique=False)
    op.create_index(op.f("ix_surveys_merchant_id_order_id"), "surveys", ["merchant_id", "order_id"], unique=False)
    op.create_index(
        op.f("ix_surveys_merchant_id_submitted_at_id"), "surveys", ["merchant_id", "submitted_at", "id"], unique=False
    )
    op.create_index(op.f("ix_surveys_merchant_id_ticket_id"), "surveys", ["merchant_id", "ticket_id"], unique=False)
    secure(op, "surveys")


def _create_ticket_messages() -> None:
    op.create_table(
        "ticket_messages",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "incoming", "outgoing", "internal", name="kind", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "interaction_id"],
            ["interactions.merchant_id", "interactions.id"],
            name=op.f("fk_ticket_messages_merchant_id_interaction_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "ticket_id"],
            ["tickets.merchant_id", "tickets.id"],
            name=op.f("fk_ticket_messages_merchant_id_ticket_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_ticket_messages")),
    )
    op.create_index(
        op.f("ix_ticket_messages_merchant_id_ticket_id_id"),
        "ticket_messages",
        ["merchant_id", "ticket_id", "id"],
        unique=False,
    )
    secure(op, "ticket_messages")


def _create_warranty_claims() -> None:
    op.create_table(
        "warranty_claims",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("return_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "filed", "accepted", "declined", name="status", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("defect", sa.Text(), nullable=False),
        sa.Column(
            "remedy",
            sa.Enum(
                "repair", "replacement", "refund", name="remedy", native_enum=False, create_constraint=True, length=40
            ),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("covered_until", sa.Date(), nullable=False),
        sa.Column("filed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'accepted') = (remedy is not null)", name=op.f("ck_warranty_claims_remedy_of_what_is_accepted")),
        sa.CheckConstraint("(status = 'filed') = (decided_at is null)", name=op.f("ck_warranty_claims_decided_at")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_warranty_claims_quantity")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_warranty_claims_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_warranty_claims_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_line_id"],
            ["order_lines.merchant_id", "order_lines.id"],
            name=op.f("fk_warranty_claims_merchant_id_order_line_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "return_id"],
            ["returns.merchant_id", "returns.id"],
            name=op.f("fk_warranty_claims_merchant_id_return_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_warranty_claims")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_warranty_claims_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "external_reference",
            name=op.f("uq_warranty_claims_merchant_id_source_external_reference"),
        ),
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_customer_id"),
        "warranty_claims",
        ["merchant_id", "customer_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_external_reference"),
        "warranty_claims",
        ["merchant_id", "external_reference"],
        unique=False,
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_filed_at_id"),
        "warranty_claims",
        ["merchant_id", "filed_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_order_id"), "warranty_claims", ["merchant_id", "order_id"], unique=False
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_order_line_id"),
        "warranty_claims",
        ["merchant_id", "order_line_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_return_id"), "warranty_claims", ["merchant_id", "return_id"], unique=False
    )
    op.create_index(
        op.f("ix_warranty_claims_merchant_id_status_filed_at_id"),
        "warranty_claims",
        ["merchant_id", "status", "filed_at", "id"],
        unique=False,
    )
    secure(op, "warranty_claims")


def _create_return_inspections() -> None:
    op.create_table(
        "return_inspections",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("return_line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "condition",
            sa.Enum(
                "as_new",
                "opened",
                "used",
                "damaged",
                "missing",
                name="condition",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "disposition",
            sa.Enum(
                "restock",
                "refurbish",
                "supplier",
                "dispose",
                name="disposition",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("inspected_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(condition = 'missing') = (disposition is null)",
            name=op.f("ck_return_inspections_nothing_becomes_of_what_is_missing"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_return_inspections_quantity")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "return_line_id"],
            ["return_lines.merchant_id", "return_lines.id"],
            name=op.f("fk_return_inspections_merchant_id_return_line_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_return_inspections")),
    )
    op.create_index(
        op.f("ix_return_inspections_merchant_id_return_line_id_id"),
        "return_inspections",
        ["merchant_id", "return_line_id", "id"],
        unique=False,
    )
    secure(op, "return_inspections")


def _extend_returns() -> None:
    op.add_column("return_lines", sa.Column("accepted", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "return_lines", sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_return_lines_accepted"), "return_lines", "accepted >= 0 and accepted <= quantity"
    )
    op.execute(ACCEPTED)
    op.add_column("returns", sa.Column("shipping", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("returns", sa.Column("goodwill", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("returns", sa.Column("keeps_goods", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("returns", sa.Column("photos", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("returns", sa.Column("warehouse_id", sa.Uuid(), nullable=True))
    op.drop_index(op.f("ix_returns_merchant_id_status_id"), table_name="returns")
    op.create_index(
        op.f("ix_returns_merchant_id_status_requested_at_id"),
        "returns",
        ["merchant_id", "status", "requested_at", "id"],
        unique=False,
    )
    op.create_foreign_key(
        op.f("fk_returns_merchant_id_warehouse_id"),
        "returns",
        "warehouses",
        ["merchant_id", "warehouse_id"],
        ["merchant_id", "id"],
    )
    op.create_check_constraint(op.f("ck_returns_shipping"), "returns", "shipping >= 0")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward only: restore a dump from before.")
