"""What came in bulk is known to the planner: of the tables that it changed by a hundredth, and not of all that there are"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

# Autovacuum's own rule (50 rows and a tenth), with a hundredth: the statistics have to know of one shop more among many. An import of a
# dozen orders read samples of each table of a large installation for it. What the transaction before has changed is told by its
# backend at once where `pg_stat_force_next_flush` was called after it.
STATISTICS = """
create or replace function refresh_statistics() returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare name text;
begin
    for name in select c.relname from pg_class c join pg_stat_all_tables s on s.relid = c.oid
                where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and pg_relation_size(c.oid) > 0
                  and (c.reltuples < 0 or s.n_mod_since_analyze > 50 + c.reltuples / 100) order by c.relname loop
        execute format('analyze public.%I', name);
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute(STATISTICS)


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
