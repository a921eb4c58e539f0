"""What somebody answers for today is a figure, and no longer added up with each call"""

import sqlalchemy as sa
from alembic import op

from db.migrations.wall import secure

revision = "0029"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_totals",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("since", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.Column("stops", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "actor", name=op.f("pk_daily_totals")),
        postgresql_with={"fillfactor": "50"},
    )
    secure(op, "daily_totals")


def downgrade() -> None:
    op.drop_table("daily_totals")
