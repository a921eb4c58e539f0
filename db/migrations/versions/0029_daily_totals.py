"""What somebody answers for today is a figure, and no longer added up with each call; statistics of what there is

A table that is analyzed while it is empty is planned for as one that stays so: a new shop's connections then read through its
audit and its idempotency keys with every call, until they were analyzed again.
"""

import sqlalchemy as sa
from alembic import op

from db.migrations.wall import secure

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

STATISTICS = """
create or replace function refresh_statistics() returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare name text;
begin
    for name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
                and pg_relation_size(oid) > 0 order by relname loop
        execute format('analyze public.%I', name);
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute(STATISTICS)
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
