"""A turn is found again by what was said before it, where a client tells its whole history each time"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("said", sa.Text(), nullable=True))
    said = sa.text("said is not null")
    op.create_index(op.f("ix_turns_merchant_id_said"), "turns", ["merchant_id", "said"], postgresql_where=said)


def downgrade() -> None:
    op.drop_index("ix_turns_merchant_id_said", "turns")
    op.drop_column("turns", "said")
