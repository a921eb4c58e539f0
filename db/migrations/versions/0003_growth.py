"""What stays quick however large a shop becomes: figures of customers that are kept, searches by words, lists by amount"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# For columns that the database computes: unaccent alone depends on a dictionary that could be altered, and ours never is.
FOLDED = """
create function folded(text) returns text language sql immutable strict parallel safe as $$
    select public.unaccent('public.unaccent', lower($1))
$$
"""
# Row-level security lets no index serve LIKE; these functions of the owner keep to the merchant themselves. `words` are LIKE
# patterns, all of which must fit. At most `most` rows come back from each index: a caller that gets so many knows that the words
# are too frequent to be looked up. Only bitmaps can be trusted with that, whatever the statistics say.
SEARCH = """
create function {name} returns setof uuid
language plpgsql stable security definer rows 100 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off as $$
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
{body}
end $$
"""
SEARCH_CUSTOMERS = SEARCH.format(
    name="search_customers(words text[], most integer)",
    body="""
    return query execute (
        select 'select id from customers where merchant_id = $1 and ' || string_agg(format('words_key like %L', word), ' and ')
               || ' limit $2' from unnest(words) as word
    ) using merchant, most;
""",
)
# Who may not see the names and e-mails of all orders finds none by them.
SEARCH_ORDERS = SEARCH.format(
    name="search_orders(words text[], names boolean, ships boolean, contact boolean, most integer)",
    body="""
    return query execute (
        select 'select id from orders where merchant_id = $1 and ' || string_agg(format('words_key like %L', word), ' and ')
               || ' and ($3 and $5 or folded(concat_ws('' '', reference, external_reference,'
               || ' case when $3 or $4 and status = ''confirmed'' then customer_name end, case when $5 then email end))'
               || ' like all ($2)) limit $6'
        from unnest(words) as word
    ) using merchant, words, names, ships, contact, most;
    return query execute (
        select 'select order_id from order_lines where merchant_id = $1 and '
               || string_agg(format('words_key like %L', word), ' and ') || ' limit $2'
        from unnest(words) as word
    ) using merchant, most;
""",
)
# The likest have every word as it was written. Only where they are few does the search go on to those that have something
# like every word, and only then to those that have something like one: each step reads more, and finds less.
SEARCH_PRODUCTS = """
create or replace function search_products(asked text, most integer default 20) returns table (product_id uuid, score real)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    words text[] := array(
        select distinct word from regexp_split_to_table(unaccent(lower(asked)), '[^[:alnum:]]+') as word where word <> '');
    written text := (select string_agg(format('p.search like %L', '%' || word || '%'), ' and ') from unnest(words) as word);
    alike text := (select string_agg(format('p.search %%> %L', word), ' and ') from unnest(words) as word);
    step text;
    more integer;
    left_over integer := least(greatest(most, 0), 1000);
begin
    if words = '{}' then
        return;
    end if;
    perform set_config('pg_trgm.word_similarity_threshold', '0.45', true);
    foreach step in array array[
        written || ' limit 2000',
        alike || ' and not (' || written || ') limit 10000',
        'p.search %> any ($2) and not (' || written || ') and not (' || alike || ')'
    ] loop
        return query execute '
            select p.id, (avg(0.7 * word_similarity(word, p.search) + 0.3 * word_similarity(word, unaccent(lower(p.title))))
                          + 0.5 * bool_and(p.search ~ (''\\m'' || word || ''\\M''))::int)::real as score
            from (select * from products p where p.merchant_id = $1 and ' || step || ') p, unnest($2) as word
            group by p.id having avg(word_similarity(word, p.search)) >= 0.45
            order by score desc, p.id limit $3
        ' using merchant, words, left_over;
        get diagnostics more = row_count;
        left_over := left_over - more;
        exit when left_over <= 0 or least(greatest(most, 0), 1000) - left_over >= 20;
    end loop;
end $$
"""
WORDS = {
    "customers": "name || ' ' || coalesce(email, '') || ' ' || coalesce(phone, '') || ' ' || reference || ' ' || coalesce(company, '')",
    "orders": "reference || ' ' || coalesce(external_reference, '') || ' ' || coalesce(customer_name, '') || ' ' || coalesce(email, '')",
    "order_lines": "title || ' ' || sku",
}
FILL = """
insert into customer_figures (merchant_id, id, orders, spend, last_order_at, created_at)
select c.merchant_id, c.id, count(o.id), coalesce(sum(o.total - o.refunded) filter (where o.currency = m.currency), 0),
       coalesce(max(o.placed_at), 'epoch'), c.created_at
from customers c
join merchant_profiles m on m.merchant_id = c.merchant_id
left join orders o on o.merchant_id = c.merchant_id and o.customer_id = c.id and o.status in ('pending', 'confirmed', 'completed')
group by c.merchant_id, c.id
"""


def upgrade() -> None:
    _keep_figures_of_customers()
    for definition, function in (
        (FOLDED, "folded(text)"),
        (SEARCH_CUSTOMERS, "search_customers(text[], integer)"),
        (SEARCH_ORDERS, "search_orders(text[], boolean, boolean, boolean, integer)"),
    ):
        op.execute(definition)
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to app_rt")
    op.execute(SEARCH_PRODUCTS)  # keeps its owner and grants
    for table, words in WORDS.items():
        _keep_words(table, words)
    op.create_index(op.f('ix_orders_merchant_id_currency_total_id'), 'orders', ['merchant_id', 'currency', 'total', 'id'], unique=False)


def _keep_figures_of_customers() -> None:
    op.create_table('customer_figures',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('orders', sa.Integer(), server_default='0', nullable=False),
    sa.Column('spend', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('last_order_at', postgresql.TIMESTAMP(timezone=True), server_default='epoch', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_customer_figures_merchant_id_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_customer_figures')),
    postgresql_with={'fillfactor': 80}
    )
    secure(op, "customer_figures")
    op.execute(FILL)
    op.execute("analyze customer_figures")
    for column in ("orders", "spend", "last_order_at"):
        op.create_index(op.f(f'ix_customer_figures_merchant_id_{column}_id'), 'customer_figures', ['merchant_id', column, 'id'], unique=False)


def _keep_words(table: str, expression: str) -> None:
    """The words of a table's rows, and their trigrams. The index's pending list is short: a search reads it whole."""
    op.add_column(table, sa.Column('words_key', sa.Text(), sa.Computed(f"folded({expression})", persisted=True), nullable=False))
    op.create_index(
        op.f(f'ix_{table}_merchant_id_words_key'), table, ['merchant_id', 'words_key'], unique=False, postgresql_using='gin',
        postgresql_ops={'words_key': 'gin_trgm_ops'}, postgresql_with={'gin_pending_list_limit': 512},
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
