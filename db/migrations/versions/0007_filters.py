"""Orders by how many units they have"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_orders_merchant_id_units_id", "orders", ["merchant_id", "units", "id"])


def downgrade() -> None:
    op.drop_index("ix_orders_merchant_id_units_id", "orders")
