"""A call within the limit of a key's day is counted by its last statement; the table refuses what would be beyond it"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("daily_totals", sa.Column("most_money", sa.BigInteger(), nullable=True))
    op.add_column("daily_totals", sa.Column("most_stops", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_daily_totals_within_the_day"), "daily_totals", "money <= most_money and stops <= most_stops"
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
