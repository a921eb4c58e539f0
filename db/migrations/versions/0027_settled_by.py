"""By which saved method a difference is settled, where a refund went, and what is wanted for goods that come back"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("order_changes", "payment_transactions", "returns")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("saved_method_id", sa.Uuid()))
        op.create_foreign_key(
            op.f(f"fk_{table}_merchant_id_saved_method_id"), table, "saved_methods", ["merchant_id", "saved_method_id"],
            ["merchant_id", "id"],
        )  # fmt: skip
    op.add_column("returns", sa.Column("difference", sa.BigInteger()))
    op.add_column("return_lines", sa.Column("wants", JSONB, server_default="[]", nullable=False))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
