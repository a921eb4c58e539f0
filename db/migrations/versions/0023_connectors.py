"""Carriers that are asked by a connector: their quotes, and what their labels are called there"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("carriers", sa.Column("connector", sa.String(length=40), server_default="tables", nullable=False))
    op.create_check_constraint(op.f("ck_carriers_connector"), "carriers", "connector in ('tables', 'easypost')")
    op.create_table(
        "carrier_quotes",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connector", sa.String(length=40), nullable=False),
        sa.Column("parcel", sa.Text(), nullable=False),
        sa.Column("prices", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("says", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("connector in ('tables', 'easypost')", name=op.f("ck_carrier_quotes_connector")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_carrier_quotes")),
        sa.UniqueConstraint(
            "merchant_id", "connector", "parcel", name=op.f("uq_carrier_quotes_merchant_id_connector_parcel")
        ),
    )
    op.create_index(op.f("ix_carrier_quotes_merchant_id_key_asked_at"), "carrier_quotes", ["merchant_id", "key", "asked_at"])
    secure(op, "carrier_quotes")
    for column in ("connector_reference", "label_url"):
        op.add_column("fulfilments", sa.Column(column, sa.Text(), nullable=True))
    op.add_column("fulfilments", sa.Column("tracked_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.create_unique_constraint(
        op.f("uq_fulfilments_merchant_id_connector_reference"), "fulfilments", ["merchant_id", "connector_reference"]
    )


def downgrade() -> None:
    op.drop_constraint("uq_fulfilments_merchant_id_connector_reference", "fulfilments")
    for column in ("tracked_at", "label_url", "connector_reference"):
        op.drop_column("fulfilments", column)
    op.drop_table("carrier_quotes")
    op.drop_constraint("ck_carriers_connector", "carriers")
    op.drop_column("carriers", "connector")
