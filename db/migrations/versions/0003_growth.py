"""What stays quick however large a shop becomes: figures of customers that are kept, searches by words, lists by amount"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

# Of an index over what people type: unaccent alone depends on a dictionary that could be altered, and ours never is.
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
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
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
        select 'select c.id from customers c where c.merchant_id = $1 and ' || string_agg(format({expression}, word), ' and ')
               || ' limit $2' from unnest(words) as word
    ) using merchant, most;
""".replace("{expression}", "'customer_words(c.name_key, c.email_key, c.phone, c.reference, c.company) like %L'"),
)
SEARCH_ORDERS = SEARCH.format(
    name="search_orders(words text[], names boolean, ships boolean, contact boolean, most integer)",
    body="""
    return query execute (
        select 'select o.id from orders o where o.merchant_id = $1 and '
               || string_agg(format('order_words(o.reference, o.external_reference, o.customer_name, o.email) like %L', word), ' and ')
               || ' and order_words(o.reference, o.external_reference,'
               || ' case when $3 or $4 and o.status = ''confirmed'' then o.customer_name end, case when $5 then o.email end)'
               || ' like all ($2) limit $6'
        from unnest(words) as word
    ) using merchant, words, names, ships, contact, most;
    return query execute (
        select 'select l.order_id from order_lines l where l.merchant_id = $1 and '
               || string_agg(format('line_words(l.title, l.sku) like %L', word), ' and ') || ' limit $2'
        from unnest(words) as word
    ) using merchant, most;
""",
)
WORDS = (
    """
create function line_words(title text, sku text) returns text language sql immutable parallel safe as $$
    select public.folded(title || ' ' || sku)
$$
""",
    """
create function customer_words(name_key text, email_key text, phone text, reference text, company text) returns text
language sql immutable parallel safe as $$
    select name_key || ' ' || coalesce(email_key, '') || ' ' || coalesce(phone, '') || ' ' || lower(reference) || ' '
           || coalesce(public.folded(company), '')
$$
""",
    """
create function order_words(reference text, external_reference text, customer_name text, email text) returns text
language sql immutable parallel safe as $$
    select public.folded(reference || ' ' || coalesce(external_reference, '') || ' ' || coalesce(customer_name, '') || ' '
                         || coalesce(email, ''))
$$
""",
)
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
    for definition in (FOLDED, *WORDS):
        op.execute(definition)
    for function in ("folded(text)", "line_words(text, text)", "customer_words(text, text, text, text, text)", "order_words(text, text, text, text)"):
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to app_rt")
    _index_words()
    for definition, function in (
        (SEARCH_CUSTOMERS, "search_customers(text[], integer)"),
        (SEARCH_ORDERS, "search_orders(text[], boolean, boolean, boolean, integer)"),
    ):
        op.execute(definition)
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to app_rt")
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
    for column in ("orders", "spend", "last_order_at"):
        op.create_index(op.f(f'ix_customer_figures_merchant_id_{column}_id'), 'customer_figures', ['merchant_id', column, 'id'], unique=False)


def _index_words() -> None:
    """Indexes of trigrams, whose pending lists are short: a search reads them whole."""
    for table, expression in (
        ("customers", "customer_words(name_key, email_key, phone, reference, company)"),
        ("orders", "order_words(reference, external_reference, customer_name, email)"),
        ("order_lines", "line_words(title, sku)"),
    ):
        op.execute(
            f"create index ix_{table}_words on {table} using gin (merchant_id, {expression} gin_trgm_ops)"
            " with (gin_pending_list_limit = 512)"
        )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
