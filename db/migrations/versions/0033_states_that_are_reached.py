"""What nothing ever filled or moved is not kept: a pick-up's state, and until when a payment is authorized, which providers tell"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("pickups", "status")
    op.drop_column("payments", "expires_at")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
