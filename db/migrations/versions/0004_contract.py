"""The audit's chain names its entries; an idempotency key has an actor; an approval may be edited"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATES = "'pending', 'approved', 'edited', 'rejected', 'expired', 'executed', 'failed', 'superseded'"
_ALL_WAIT = "insert into audit_unsealed (merchant_id, id, created_at) select merchant_id, id, created_at from audit_entries"
# The call's audit entry says who used a key, or the approval that it waits for.
_ACTORS = """
update idempotency_records r set actor = coalesce(
    (select a.asker from approvals a where a.merchant_id = r.merchant_id and a.reference = r.approval),
    (select e.actor from audit_entries e where e.merchant_id = r.merchant_id and e.key = r.key and e.created_at = r.created_at
     limit 1),
    '')
"""


def upgrade() -> None:
    _begin_the_chain_anew()
    op.add_column("idempotency_records", sa.Column("actor", sa.Text(), nullable=True))
    op.create_index("audit_entries_by_key", "audit_entries", ["merchant_id", "key"])
    op.execute(_ACTORS)
    op.drop_index("audit_entries_by_key", "audit_entries")
    op.alter_column("idempotency_records", "actor", nullable=False)
    op.drop_constraint(op.f("ck_approvals_status"), "approvals")
    op.create_check_constraint(op.f("ck_approvals_status"), "approvals", f"status in ({_STATES})")


def _begin_the_chain_anew() -> None:
    """The first chain went by the entries' ids, and left out those of slow calls: all entries wait for a seal again."""
    op.drop_table("audit_seals")
    op.create_table(
        "audit_seals",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("entry_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("entry_digests", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("merchant_id", "number", name=op.f("uq_audit_seals_merchant_id_number")),
    )
    op.create_table(
        "audit_unsealed",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_unsealed")),
    )
    secure(op, "audit_seals", append_only=True)
    secure(op, "audit_unsealed")
    op.execute(_ALL_WAIT)
