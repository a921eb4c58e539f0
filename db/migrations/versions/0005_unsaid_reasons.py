"""An order may be cancelled without saying why"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SAID = """customer_request no_longer_needed ordered_by_mistake duplicate out_of_stock not_paid suspected_fraud undeliverable
other""".split()


def upgrade() -> None:
    _may_be([*SAID, "unspecified"])


def downgrade() -> None:
    op.execute("update orders set cancel_reason = 'other' where cancel_reason = 'unspecified'")
    _may_be(SAID)


def _may_be(reasons: list[str]) -> None:
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    op.execute("alter table orders drop constraint ck_orders_cancel_reason")
    op.execute(f"alter table orders add constraint ck_orders_cancel_reason check (cancel_reason in ({listed}))")
