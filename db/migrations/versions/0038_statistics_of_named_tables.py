"""A table that is being filled can be named to have its statistics made: what points to it is looked up in what it is by then"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# Of the named tables, or of all by the rule of 0035. Named, a table that is filled is known while the transaction goes on: among many
# small shops, foreign keys to it were looked up by the shop alone, row by row.
STATISTICS = """
create or replace function refresh_statistics(tables text[] default null) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare name text;
begin
    for name in select c.relname from pg_class c join pg_stat_all_tables s on s.relid = c.oid
                where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and pg_relation_size(c.oid) > 0
                  and case when tables is null then c.reltuples < 0 or s.n_mod_since_analyze > 50 + c.reltuples / 100
                      else c.relname = any(tables) end order by c.relname loop
        execute format('analyze public.%I', name);
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute("drop function if exists refresh_statistics()")
    op.execute(STATISTICS)
    op.execute("revoke all on function refresh_statistics(text[]) from public")
    op.execute("grant execute on function refresh_statistics(text[]) to app_rt")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
