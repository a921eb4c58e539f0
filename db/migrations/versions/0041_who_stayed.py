"""The members of a segment are counted without a look at each customer: those who were merged or erased are few, and found at once"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_customers_gone", "customers", ["merchant_id", "id"],
        postgresql_where=sa.text("status in ('merged', 'erased')"),
    )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
