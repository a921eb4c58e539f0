"""What was changed about the lines of an order, version by version; and holds that nobody gave a reason for"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SAID = "customer_request fraud_review payment_review address_check out_of_stock other".split()


def upgrade() -> None:
    op.create_table('order_changes',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('lines', postgresql.JSONB(), server_default='[]', nullable=False),
    sa.Column('total_before', sa.BigInteger(), nullable=False),
    sa.Column('total_after', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('total_before >= 0 and total_after >= 0', name=op.f('ck_order_changes_totals')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_order_changes_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_order_changes')),
    sa.UniqueConstraint('merchant_id', 'order_id', 'version', name=op.f('uq_order_changes_merchant_id_order_id_version'))
    )
    secure(op, "order_changes", append_only=True)
    _may_be([*SAID, "unspecified"])


def downgrade() -> None:
    op.execute("update order_holds set reason = 'other' where reason = 'unspecified'")
    _may_be(SAID)
    op.drop_table("order_changes")


def _may_be(reasons: list[str]) -> None:
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    op.execute("alter table order_holds drop constraint ck_order_holds_reason")
    op.execute(f"alter table order_holds add constraint ck_order_holds_reason check (reason in ({listed}))")
