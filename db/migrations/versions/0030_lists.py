"""Lists that are sorted by the figures and days that they show: refunds, costs of parcels, claims, purchase orders"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_returns_merchant_id_currency_refund_id", "returns", ["merchant_id", "currency", "refund", "id"])
    op.create_index("ix_fulfilments_merchant_id_currency_cost_id", "fulfilments", ["merchant_id", "currency", "cost", "id"])
    op.create_index("ix_fulfilments_merchant_id_promised_at_id", "fulfilments", ["merchant_id", "promised_at", "id"])
    op.create_index("ix_carrier_claims_merchant_id_amount_id", "carrier_claims", ["merchant_id", "amount", "id"])
    op.create_index(
        "ix_purchase_orders_merchant_id_currency_total_id", "purchase_orders", ["merchant_id", "currency", "total", "id"]
    )
    op.create_index(
        "ix_purchase_orders_expected", "purchase_orders",
        ["merchant_id", sa.text("coalesce(expected_on, '9999-01-01'::date)"), "id"],
    )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
