"""Carriers that are asked by a connector come when they confirmed it: a pick-up's state, its name there, and what it costs"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pickups", sa.Column("status", sa.String(length=40), server_default="scheduled", nullable=False))
    op.create_check_constraint(op.f("ck_pickups_status"), "pickups", "status in ('asked', 'scheduled', 'refused')")
    for name in ("connector_reference", "confirmation", "failure", "currency"):
        op.add_column("pickups", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("pickups", sa.Column("cost", sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_pickups_cost_is_not_negative"), "pickups", "cost >= 0")
    op.drop_constraint("uq_pickups_merchant_id_carrier_id_warehouse_id_day", "pickups")
    op.create_index(
        "uq_pickups_day", "pickups", ["merchant_id", "carrier_id", "warehouse_id", "day"],
        unique=True, postgresql_where=sa.text("status <> 'refused'"),
    )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
