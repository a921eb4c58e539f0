"""Stock is found by the words of its goods through indexes, the titles of variants among them"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

# Row-level security lets no index of words serve; this function of the owner keeps to the merchant itself. A word is either among
# what a product is found by, or in the variant's title: the goods that have each word are intersected, and the variants of each looked at
# (OFFSET is a fence: the planner would read all for them).
# What so many of the newest products have that it is too much is answered by `most` ids that are no variant's. Words too short for
# the index, or in a tenth of what is new, go with others that are not.
VARIANTS_CALLED = """
create function variants_called(words text[], most integer) returns setof uuid
language plpgsql stable security definer rows 100 set search_path = pg_catalog, public, pg_temp set enable_seqscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    newest text[] := array(select search from products p where p.merchant_id = merchant order by p.id desc limit 500);
    rare text[];
    having_each text;
begin
    if (select count(*) >= 5 and count(*) / 500.0 * (
            select value - 1000 from counters c where c.merchant_id = merchant and c.name = 'VAR') > 2 * most
        from unnest(newest) as search where search like all (words)) then
        return query select merchant from generate_series(1, most);
        return;
    end if;

    rare := array(select word from unnest(words) as word
                  where word ~ '[[:alnum:]]{3}' and (select count(*) < 50 from unnest(newest) as search where search like word));
    select string_agg(format(
        '(select id from products where merchant_id = $1 and search like %1$L'
        ' union select product_id from variants where merchant_id = $1 and title_key like %1$L)', word), ' intersect ')
    into having_each from unnest(case when rare = '{}' then words else rare end) as word where word ~ '[[:alnum:]]{3}';
    return query execute
        'select v.id from (' || having_each || ') as having_each(id)
         cross join lateral (select search from products where merchant_id = $1 and id = having_each.id offset 0) p
         cross join lateral (select id, title_key from variants where merchant_id = $1 and product_id = having_each.id offset 0) v
         where p.search || '' '' || v.title_key like all ($2) limit $3'
    using merchant, words, most;
end $$
"""


def upgrade() -> None:
    op.add_column("variants", sa.Column("title_key", sa.Text(), sa.Computed("folded(title)", persisted=True), nullable=False))
    op.create_index(
        op.f("ix_variants_merchant_id_title_key"), "variants", ["merchant_id", "title_key"], postgresql_using="gin",
        postgresql_ops={"title_key": "gin_trgm_ops"}, postgresql_with={"gin_pending_list_limit": 512},
    )  # fmt: skip
    op.execute(VARIANTS_CALLED)
    op.execute("revoke all on function variants_called(text[], integer) from public")
    op.execute("grant execute on function variants_called(text[], integer) to app_rt")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
