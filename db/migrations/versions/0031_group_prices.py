"""Prices of groups and of quantities are set, too; orders of a town, products by name and words that are nearly right are found quickly"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# Row-level security lets no index serve a function; this one of the owner keeps to the merchant itself. A caller that gets `most`
# orders knows that the place is too frequent to be looked up; no more are read, for bitmaps would begin with all of them.
ORDERS_TO = """
create function orders_to(city text, region text, most integer) returns setof uuid
language plpgsql stable security definer rows 100 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off as $$
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
    if city is not null then
        return query select id from orders where merchant_id = merchant and folded(ship_city) = city limit most;
    else
        return query select id from orders
        where merchant_id = merchant and folded(ship_region) = region and ship_region is not null limit most;
    end if;
end $$
"""
# What is nearly asked for: from what is very near, else from two hundred products that are not far, the nearest words of these. Steps
# between are dear: a product whose word is a little less near than a step asks for is compared, and thrown away. The limit stands
# outside of what is planned: for two hundred, the planner would go through all products of the shop.
WORDS_LIKE = """
create or replace function words_like(asked text) returns table (word text, fits real)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    enough real;
begin
    if exists (select from products p where p.merchant_id = merchant and p.search like '%' || asked || '%') then
        return query select asked, 1::real;
        return;
    end if;
    foreach enough in array array[0.75, 0.45] loop
        perform set_config('pg_trgm.word_similarity_threshold', enough::text, true);
        return query
            with alike as materialized (select search from products p where p.merchant_id = merchant and p.search %> asked),
            near as (
                select w.word, s.fits, max(s.fits) over () as best
                from (select distinct near_word as word
                      from (select search from alike limit 200) a, regexp_split_to_table(a.search, '[^[:alnum:]]+') as near_word) w
                cross join lateral (select word_similarity(asked, w.word) as fits) s
                where s.fits >= enough)
            select n.word, n.fits from near n
            where n.fits >= case when n.best >= 0.75 then 0.75 when n.best >= 0.6 then 0.6 when n.best >= 0.5 then 0.5 else 0.45 end
            order by 2 desc, 1 limit 8;
        exit when found;
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute(WORDS_LIKE)  # keeps its owner and grants
    op.create_index(
        "ix_orders_region", "orders", ["merchant_id", sa.text("folded(ship_region)")],
        postgresql_where=sa.text("ship_region is not null"),
    )  # fmt: skip
    op.execute(ORDERS_TO)
    op.execute("revoke all on function orders_to(text, text, integer) from public")
    op.execute("grant execute on function orders_to(text, text, integer) to app_rt")
    op.create_index("ix_products_title", "products", ["merchant_id", sa.text("lower(title)"), "id"])
    op.create_index("ix_products_merchant_id_updated_at_id", "products", ["merchant_id", "updated_at", "id"])
    op.add_column("price_changes", sa.Column("customer_group", sa.Text(), nullable=True))
    op.add_column("price_changes", sa.Column("min_quantity", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
