"""The first tables"""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
addresses api_keys approvals audit_payloads categories consents conversations counters customers files
fulfilment_lines fulfilments idempotency_records intents interactions memberships merchant_profiles messages
order_holds order_lines order_notes orders payments prices products promotion_targets promotion_uses
promotions purchase_order_lines purchase_orders reservations return_lines returns settings shipping_methods
stock_levels suppliers tax_rates tracking_events transfer_lines transfers turn_events turns variants
warehouses
""".split()

APPEND_ONLY = """
access_log audit_entries audit_seals events journal_entries loyalty_entries payment_transactions
stock_movements
""".split()

# The owner's function, because no index serves a text search behind row-level security: it filters by the merchant itself.
# Each word that was asked counts by its likeness to the nearest word of the product (typing errors, plurals, halves of SKUs),
# in the title more than elsewhere; products with every word exactly as written come first. The threshold is set inside: as a
# clause of the function only a superuser could restore it.
SEARCH = """
create function search_products(asked text, most integer default 20) returns table (product_id uuid, score real)
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    select set_config('pg_trgm.word_similarity_threshold', '0.45', true);
    with question as (
        select plainto_tsquery('simple', unaccent(lower(asked))) as exactly,
               array(select word from regexp_split_to_table(unaccent(lower(asked)), '[^[:alnum:]]+') as word where word <> '')
                   as words
    )
    select p.id,
           (avg(0.7 * word_similarity(word, p.search) + 0.3 * word_similarity(word, unaccent(lower(p.title))))
            + 0.5 * (to_tsvector('simple', p.search) @@ q.exactly)::int)::real as score
    from question q, products p, unnest(q.words) as word
    where p.merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid and p.search %> any (q.words)
    group by p.merchant_id, p.id, q.exactly
    having avg(word_similarity(word, p.search)) >= 0.45
    order by score desc, p.id
    limit least(greatest(most, 0), 1000)
$$
"""

# Planning by statistics that know nothing of a shop just loaded is ruinous: who loads one has them taken anew.
STATISTICS = """
create function refresh_statistics() returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare name text;
begin
    for name in select tablename from pg_tables where schemaname = 'public' order by tablename loop
        execute format('analyze public.%I', name);
    end loop;
end $$
"""


def upgrade() -> None:
    for extension in ("pg_trgm", "unaccent", "btree_gin"):
        op.execute(f"create extension if not exists {extension} with schema public")
    _create_tables()
    for table in TABLES:
        secure(op, table)
    for table in APPEND_ONLY:
        secure(op, table, append_only=True)
    op.execute("grant select, insert, update on merchants to app_rt")
    op.execute("grant select, insert, update on users to app_rt")
    op.execute("grant select, insert, update, delete on sessions to app_rt")
    for function, definition in (("search_products", SEARCH), ("refresh_statistics", STATISTICS)):
        op.execute(definition)
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to app_rt")
    _create_job_queue()
    op.execute("create schema lg")  # for LangGraph's saver, which makes its own tables
    op.execute("grant usage, create on schema lg to app_rt")


def _create_job_queue() -> None:
    op.execute("create schema jobs")
    op.execute("set local search_path = jobs")
    op.get_bind().connection.cursor().execute(SchemaManager.get_schema())
    op.execute("set local search_path = public")
    op.execute("grant usage on schema jobs to app_rt")
    op.execute("grant select, insert, update, delete on all tables in schema jobs to app_rt")
    op.execute("grant usage, select on all sequences in schema jobs to app_rt")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward only: restore a dump from before.")


def _create_tables() -> None:
    op.create_table('access_log',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('door', sa.Text(), nullable=False),
    sa.Column('tool', sa.Text(), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_access_log'))
    )
    op.create_index(op.f('ix_access_log_merchant_id_id_kind'), 'access_log', ['merchant_id', 'id', 'kind'], unique=False)
    op.create_table('api_keys',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('secret_hash', sa.Text(), nullable=False),
    sa.Column('last_four', sa.Text(), nullable=False),
    sa.Column('scopes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('limit_per_call', sa.BigInteger(), nullable=False),
    sa.Column('limit_per_day', sa.BigInteger(), nullable=False),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('revoked_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_api_keys')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_api_keys_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'secret_hash', name=op.f('uq_api_keys_merchant_id_secret_hash')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_api_keys_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_api_keys_merchant_id_external_reference'), 'api_keys', ['merchant_id', 'external_reference'], unique=False)
    op.create_table('approvals',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('pending', 'approved', 'rejected', 'expired', 'executed', 'failed', 'superseded', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tool', sa.Text(), nullable=False),
    sa.Column('effect', sa.Text(), nullable=False),
    sa.Column('arguments', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('card', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('asked_by', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('asker', sa.Text(), nullable=False),
    sa.Column('door', sa.Text(), nullable=False),
    sa.Column('hand', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('turn_id', sa.Uuid(), nullable=True),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=True),
    sa.Column('decided_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('outcome', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_approvals')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_approvals_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_approvals_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_approvals_merchant_id_external_reference'), 'approvals', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_approvals_merchant_id_status_id'), 'approvals', ['merchant_id', 'status', 'id'], unique=False)
    op.create_index(op.f('ix_approvals_merchant_id_turn_id'), 'approvals', ['merchant_id', 'turn_id'], unique=False)
    op.create_table('audit_entries',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('actor_name', sa.Text(), nullable=False),
    sa.Column('on_behalf_of', sa.Text(), nullable=True),
    sa.Column('door', sa.Text(), nullable=False),
    sa.Column('tool', sa.Text(), nullable=False),
    sa.Column('effect', sa.Text(), nullable=False),
    sa.Column('references', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('approval', sa.Text(), nullable=True),
    sa.Column('approved_by', sa.Text(), nullable=True),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('arguments_digest', sa.Text(), nullable=False),
    sa.Column('money', sa.BigInteger(), nullable=False),
    sa.Column('stops', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Text(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_audit_entries'))
    )
    op.create_index(op.f('ix_audit_entries_merchant_id_actor_created_at'), 'audit_entries', ['merchant_id', 'actor', 'created_at'], unique=False)
    op.create_index(op.f('ix_audit_entries_merchant_id_approved_by_created_at'), 'audit_entries', ['merchant_id', 'approved_by', 'created_at'], unique=False)
    op.create_index(op.f('ix_audit_entries_merchant_id_tool_id'), 'audit_entries', ['merchant_id', 'tool', 'id'], unique=False)
    op.create_table('audit_seals',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('last_entry_id', sa.Uuid(), nullable=False),
    sa.Column('entries', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_audit_seals')),
    sa.UniqueConstraint('merchant_id', 'last_entry_id', name=op.f('uq_audit_seals_merchant_id_last_entry_id'))
    )
    op.create_table('categories',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), server_default='0', nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('parent_id <> id', name=op.f('ck_categories_not_its_own_parent')),
    sa.ForeignKeyConstraint(['merchant_id', 'parent_id'], ['categories.merchant_id', 'categories.id'], name=op.f('fk_categories_merchant_id_parent_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_categories')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_categories_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'slug', name=op.f('uq_categories_merchant_id_slug')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_categories_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_categories_merchant_id_external_reference'), 'categories', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_categories_merchant_id_parent_id'), 'categories', ['merchant_id', 'parent_id'], unique=False)
    op.create_table('conversations',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_conversations')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_conversations_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_conversations_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_conversations_merchant_id_external_reference'), 'conversations', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_conversations_merchant_id_owner_id'), 'conversations', ['merchant_id', 'owner', 'id'], unique=False)
    op.create_table('counters',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_counters')),
    sa.UniqueConstraint('merchant_id', 'name', name=op.f('uq_counters_merchant_id_name')),
    postgresql_with={'fillfactor': 20}
    )
    op.create_table('customers',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('prospect', 'active', 'blocked', 'merged', 'erased', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_key', sa.Text(), nullable=False),
    sa.Column('first_name', sa.Text(), nullable=True),
    sa.Column('last_name', sa.Text(), nullable=True),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('email_key', sa.Text(), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('company', sa.Text(), nullable=True),
    sa.Column('tax_number', sa.Text(), nullable=True),
    sa.Column('locale', sa.Text(), nullable=True),
    sa.Column('customer_group', sa.Text(), nullable=True),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('merged_into_id', sa.Uuid(), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("(status = 'merged') = (merged_into_id is not null)", name=op.f('ck_customers_merged_into_somebody')),
    sa.CheckConstraint('(email is null) = (email_key is null)', name=op.f('ck_customers_email_has_its_key')),
    sa.ForeignKeyConstraint(['merchant_id', 'merged_into_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_customers_merchant_id_merged_into_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_customers')),
    sa.UniqueConstraint('merchant_id', 'email_key', name=op.f('uq_customers_merchant_id_email_key')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_customers_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_customers_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_customers_merchant_id_created_at_id'), 'customers', ['merchant_id', 'created_at', 'id'], unique=False)
    op.create_index(op.f('ix_customers_merchant_id_external_reference'), 'customers', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_customers_merchant_id_name_key_id'), 'customers', ['merchant_id', 'name_key', 'id'], unique=False)
    op.create_index(op.f('ix_customers_merchant_id_phone'), 'customers', ['merchant_id', 'phone'], unique=False)
    op.create_table('events',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject_kind', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_events'))
    )
    op.create_index(op.f('ix_events_merchant_id_order_id_id'), 'events', ['merchant_id', 'order_id', 'id'], unique=False)
    op.create_index(op.f('ix_events_merchant_id_subject_id_id'), 'events', ['merchant_id', 'subject_id', 'id'], unique=False)
    op.create_table('files',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_files')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_files_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_files_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_files_merchant_id_external_reference'), 'files', ['merchant_id', 'external_reference'], unique=False)
    op.create_table('idempotency_records',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('tool', sa.Text(), nullable=False),
    sa.Column('request_hash', sa.Text(), nullable=False),
    sa.Column('approval', sa.Text(), nullable=True),
    sa.Column('response', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'key', name=op.f('pk_idempotency_records'))
    )
    op.create_index(op.f('ix_idempotency_records_merchant_id_expires_at'), 'idempotency_records', ['merchant_id', 'expires_at'], unique=False)
    op.create_table('intents',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('pending', 'succeeded', 'failed', 'cancelled', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject_kind', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('arguments', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('ledger_key', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('outcome', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_intents')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_intents_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_intents_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_intents_merchant_id_external_reference'), 'intents', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_intents_merchant_id_order_id'), 'intents', ['merchant_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_intents_merchant_id_status_id'), 'intents', ['merchant_id', 'status', 'id'], unique=False)
    op.create_table('memberships',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Enum('owner', 'manager', 'support', 'warehouse', 'viewer', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('deactivated_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_memberships')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_memberships_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_memberships_merchant_id_source_external_reference')),
    sa.UniqueConstraint('merchant_id', 'user_id', name=op.f('uq_memberships_merchant_id_user_id'))
    )
    op.create_index(op.f('ix_memberships_merchant_id_external_reference'), 'memberships', ['merchant_id', 'external_reference'], unique=False)
    op.create_table('merchant_profiles',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('currencies', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('zone', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('prices_include_tax', sa.Boolean(), nullable=False),
    sa.Column('rounding', sa.Enum('half_up', 'half_even', 'up', 'down', name='rounding', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('four_eyes_above', sa.BigInteger(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_merchant_profiles')),
    sa.UniqueConstraint('merchant_id', name=op.f('uq_merchant_profiles_merchant_id'))
    )
    op.create_table('merchants',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_merchants')),
    sa.UniqueConstraint('slug', name=op.f('uq_merchants_slug'))
    )
    op.create_table('promotions',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('draft', 'active', 'paused', 'ended', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=True),
    sa.Column('code_key', sa.Text(), nullable=True),
    sa.Column('automatic', sa.Boolean(), nullable=False),
    sa.Column('kind', sa.Enum('percentage', 'amount', 'free_shipping', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('percent', sa.Numeric(precision=7, scale=4), nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('applies_to', sa.Enum('everything', 'products', 'categories', name='applies_to', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('customer_group', sa.Text(), nullable=True),
    sa.Column('minimum_subtotal', sa.BigInteger(), nullable=True),
    sa.Column('starts_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('ends_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('usage_limit', sa.Integer(), nullable=True),
    sa.Column('usage_limit_per_customer', sa.Integer(), nullable=True),
    sa.Column('used', sa.Integer(), server_default='0', nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("(kind = 'amount') = (amount is not null)", name=op.f('ck_promotions_amount_has_amount')),
    sa.CheckConstraint("(kind = 'percentage') = (percent is not null)", name=op.f('ck_promotions_percentage_has_percent')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_promotions_amount')),
    sa.CheckConstraint('automatic = (code is null)', name=op.f('ck_promotions_by_code_or_automatic')),
    sa.CheckConstraint('ends_at > starts_at', name=op.f('ck_promotions_ends_after_it_starts')),
    sa.CheckConstraint('percent > 0 and percent <= 100', name=op.f('ck_promotions_percent')),
    sa.CheckConstraint('used >= 0 and (usage_limit is null or used <= usage_limit)', name=op.f('ck_promotions_within_its_limit')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_promotions')),
    sa.UniqueConstraint('merchant_id', 'code_key', name=op.f('uq_promotions_merchant_id_code_key')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_promotions_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_promotions_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_promotions_merchant_id_external_reference'), 'promotions', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_promotions_merchant_id_status_starts_at'), 'promotions', ['merchant_id', 'status', 'starts_at'], unique=False)
    op.create_table('sessions',
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_sessions'))
    )
    op.create_table('settings',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('value', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_settings')),
    sa.UniqueConstraint('merchant_id', 'key', name=op.f('uq_settings_merchant_id_key'))
    )
    op.create_table('shipping_methods',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('countries', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False),
    sa.Column('free_above', sa.BigInteger(), nullable=True),
    sa.Column('max_weight_grams', sa.BigInteger(), nullable=True),
    sa.Column('tiers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('tax_class', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_shipping_methods')),
    sa.UniqueConstraint('merchant_id', 'code', name=op.f('uq_shipping_methods_merchant_id_code')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_shipping_methods_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_shipping_methods_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_shipping_methods_merchant_id_external_reference'), 'shipping_methods', ['merchant_id', 'external_reference'], unique=False)
    op.create_table('suppliers',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('country', sa.Text(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('lead_time_days', sa.Integer(), server_default='0', nullable=False),
    sa.Column('active', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_suppliers')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_suppliers_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_suppliers_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_suppliers_merchant_id_external_reference'), 'suppliers', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_suppliers_merchant_id_name'), 'suppliers', ['merchant_id', 'name'], unique=False)
    op.create_table('tax_rates',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('tax_class', sa.Text(), nullable=False),
    sa.Column('rate', sa.Numeric(precision=7, scale=5), nullable=False),
    sa.Column('valid_from', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('valid_until', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('rate >= 0 and rate < 1', name=op.f('ck_tax_rates_rate_is_a_fraction')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_tax_rates')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_tax_rates_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_tax_rates_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_tax_rates_merchant_id_country_tax_class'), 'tax_rates', ['merchant_id', 'country', 'tax_class'], unique=False)
    op.create_index(op.f('ix_tax_rates_merchant_id_external_reference'), 'tax_rates', ['merchant_id', 'external_reference'], unique=False)
    op.create_table('users',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email'))
    )
    op.create_table('warehouses',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('line1', sa.Text(), nullable=False),
    sa.Column('line2', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('priority', sa.Integer(), server_default='0', nullable=False),
    sa.Column('active', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_warehouses')),
    sa.UniqueConstraint('merchant_id', 'code', name=op.f('uq_warehouses_merchant_id_code')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_warehouses_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_warehouses_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_warehouses_merchant_id_external_reference'), 'warehouses', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_warehouses_merchant_id_priority_id'), 'warehouses', ['merchant_id', 'priority', 'id'], unique=False)
    op.create_table('addresses',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('label', sa.Text(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('company', sa.Text(), nullable=True),
    sa.Column('line1', sa.Text(), nullable=False),
    sa.Column('line2', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('is_default_shipping', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('is_default_billing', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f('ck_addresses_country')),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_addresses_merchant_id_customer_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_addresses')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_addresses_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_addresses_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_addresses_merchant_id_country_city'), 'addresses', ['merchant_id', 'country', 'city'], unique=False)
    op.create_index(op.f('ix_addresses_merchant_id_customer_id_id'), 'addresses', ['merchant_id', 'customer_id', 'id'], unique=False)
    op.create_index(op.f('ix_addresses_merchant_id_external_reference'), 'addresses', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_addresses_merchant_id_postcode'), 'addresses', ['merchant_id', 'postcode'], unique=False)
    op.create_index('uq_addresses_is_default_billing', 'addresses', ['merchant_id', 'customer_id'], unique=True, postgresql_where=sa.text('is_default_billing'))
    op.create_index('uq_addresses_is_default_shipping', 'addresses', ['merchant_id', 'customer_id'], unique=True, postgresql_where=sa.text('is_default_shipping'))
    op.create_table('audit_payloads',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('salt', sa.Text(), nullable=False),
    sa.Column('arguments', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('subjects', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'id'], ['audit_entries.merchant_id', 'audit_entries.id'], name=op.f('fk_audit_payloads_merchant_id_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_audit_payloads'))
    )
    op.create_table('consents',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', 'post', name='channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('granted', sa.Boolean(), nullable=False),
    sa.Column('proof', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_consents_merchant_id_customer_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_consents'))
    )
    op.create_index(op.f('ix_consents_merchant_id_customer_id_channel_occurred_at'), 'consents', ['merchant_id', 'customer_id', 'channel', 'occurred_at'], unique=False)
    op.create_table('messages',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('turn_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'conversation_id'], ['conversations.merchant_id', 'conversations.id'], name=op.f('fk_messages_merchant_id_conversation_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_messages'))
    )
    op.create_index(op.f('ix_messages_merchant_id_conversation_id_id'), 'messages', ['merchant_id', 'conversation_id', 'id'], unique=False)
    op.create_table('orders',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('status', sa.Enum('draft', 'pending', 'confirmed', 'completed', 'cancelled', 'expired', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('channel', sa.Enum('web', 'phone', 'email', 'store', 'marketplace', 'api', name='channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('placed_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('confirmed_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('completed_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('cancelled_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('cancel_reason', sa.Enum('customer_request', 'no_longer_needed', 'ordered_by_mistake', 'duplicate', 'out_of_stock', 'not_paid', 'suspected_fraud', 'undeliverable', 'other', name='cancel_reason', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('prices_include_tax', sa.Boolean(), nullable=False),
    sa.Column('subtotal', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('discount', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('shipping', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('shipping_tax', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('tax', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('total', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('promotion_codes', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('authorized', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('paid', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refunded', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('units', sa.Integer(), server_default='0', nullable=False),
    sa.Column('units_fulfilled', sa.Integer(), server_default='0', nullable=False),
    sa.Column('units_returned', sa.Integer(), server_default='0', nullable=False),
    sa.Column('payment_state', sa.Enum('unpaid', 'authorized', 'partly_paid', 'paid', 'partly_refunded', 'refunded', name='payment_state', native_enum=False, create_constraint=True, length=40), sa.Computed("\ncase when refunded > 0 and refunded >= paid then 'refunded'\n     when refunded > 0 then 'partly_refunded'\n     when paid >= total then 'paid'\n     when paid > 0 then 'partly_paid'\n     when authorized > 0 then 'authorized'\n     else 'unpaid' end\n", persisted=True), nullable=False),
    sa.Column('fulfilment_state', sa.Enum('unfulfilled', 'partly_fulfilled', 'fulfilled', name='fulfilment_state', native_enum=False, create_constraint=True, length=40), sa.Computed("\ncase when units_fulfilled = 0 then 'unfulfilled' when units_fulfilled < units then 'partly_fulfilled' else 'fulfilled' end\n", persisted=True), nullable=False),
    sa.Column('return_state', sa.Enum('none', 'partly_returned', 'returned', name='return_state', native_enum=False, create_constraint=True, length=40), sa.Computed("\ncase when units_returned = 0 then 'none' when units_returned < units_fulfilled then 'partly_returned' else 'returned' end\n", persisted=True), nullable=False),
    sa.Column('customer_name', sa.Text(), nullable=True),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('shipping_method', sa.Text(), nullable=True),
    sa.Column('shipping_address', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('billing_address', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('ship_city', sa.Text(), nullable=True),
    sa.Column('ship_region', sa.Text(), nullable=True),
    sa.Column('ship_postcode', sa.Text(), nullable=True),
    sa.Column('ship_country', sa.Text(), nullable=True),
    sa.Column('promised_on', sa.Date(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("(status = 'cancelled') = (cancelled_at is not null)", name=op.f('ck_orders_cancelled_at')),
    sa.CheckConstraint("status <> 'cancelled' or (cancel_reason is not null and units_fulfilled = 0)", name=op.f('ck_orders_cancelled')),
    sa.CheckConstraint('discount >= 0 and discount <= subtotal and shipping >= 0', name=op.f('ck_orders_amounts')),
    sa.CheckConstraint('refunded >= 0 and refunded <= paid and authorized >= 0', name=op.f('ck_orders_never_over_refunded')),
    sa.CheckConstraint('shipping_tax >= 0 and shipping_tax <= tax', name=op.f('ck_orders_tax')),
    sa.CheckConstraint('total = subtotal - discount + shipping + case when prices_include_tax then 0 else tax end', name=op.f('ck_orders_total')),
    sa.CheckConstraint('units >= 0 and units_returned >= 0 and units_returned <= units_fulfilled and units_fulfilled <= units', name=op.f('ck_orders_units')),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_orders_merchant_id_customer_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_orders')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_orders_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_orders_merchant_id_source_external_reference')),
    postgresql_with={'fillfactor': 80}
    )
    op.create_index(op.f('ix_orders_merchant_id_customer_id_placed_at'), 'orders', ['merchant_id', 'customer_id', 'placed_at'], unique=False)
    op.create_index(op.f('ix_orders_merchant_id_external_reference'), 'orders', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_orders_merchant_id_placed_at_id'), 'orders', ['merchant_id', 'placed_at', 'id'], unique=False)
    op.create_index(op.f('ix_orders_merchant_id_status_expires_at'), 'orders', ['merchant_id', 'status', 'expires_at'], unique=False)
    op.create_index(op.f('ix_orders_merchant_id_status_placed_at_id'), 'orders', ['merchant_id', 'status', 'placed_at', 'id'], unique=False)
    op.create_table('products',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('draft', 'active', 'inactive', 'discontinued', 'archived', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('brand', sa.Text(), nullable=True),
    sa.Column('category_id', sa.Uuid(), nullable=True),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('attributes', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('tax_class', sa.Text(), server_default='standard', nullable=False),
    sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('media', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('search', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'category_id'], ['categories.merchant_id', 'categories.id'], name=op.f('fk_products_merchant_id_category_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_products')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_products_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_products_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_products_merchant_id_brand'), 'products', ['merchant_id', 'brand'], unique=False)
    op.create_index(op.f('ix_products_merchant_id_category_id'), 'products', ['merchant_id', 'category_id'], unique=False)
    op.create_index(op.f('ix_products_merchant_id_external_reference'), 'products', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_products_merchant_id_search'), 'products', ['merchant_id', 'search'], unique=False, postgresql_using='gin', postgresql_ops={'search': 'gin_trgm_ops'})
    op.create_index(op.f('ix_products_merchant_id_status_id'), 'products', ['merchant_id', 'status', 'id'], unique=False)
    op.create_index(op.f('ix_products_merchant_id_title'), 'products', ['merchant_id', 'title'], unique=False)
    op.create_table('purchase_orders',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('draft', 'sent', 'partially_received', 'received', 'closed', 'cancelled', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('supplier_id', sa.Uuid(), nullable=False),
    sa.Column('warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('total', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('ordered_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('expected_on', sa.Date(), nullable=True),
    sa.Column('received_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'supplier_id'], ['suppliers.merchant_id', 'suppliers.id'], name=op.f('fk_purchase_orders_merchant_id_supplier_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_purchase_orders_merchant_id_warehouse_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_purchase_orders')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_purchase_orders_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_purchase_orders_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_purchase_orders_merchant_id_external_reference'), 'purchase_orders', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_purchase_orders_merchant_id_status_expected_on'), 'purchase_orders', ['merchant_id', 'status', 'expected_on'], unique=False)
    op.create_index(op.f('ix_purchase_orders_merchant_id_supplier_id'), 'purchase_orders', ['merchant_id', 'supplier_id'], unique=False)
    op.create_table('transfers',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('draft', 'ready', 'in_transit', 'partially_received', 'received', 'cancelled', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('from_warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('to_warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('shipped_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('expected_on', sa.Date(), nullable=True),
    sa.Column('received_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('from_warehouse_id <> to_warehouse_id', name=op.f('ck_transfers_goes_somewhere')),
    sa.ForeignKeyConstraint(['merchant_id', 'from_warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_transfers_merchant_id_from_warehouse_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'to_warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_transfers_merchant_id_to_warehouse_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_transfers')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_transfers_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_transfers_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_transfers_merchant_id_external_reference'), 'transfers', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_transfers_merchant_id_status_id'), 'transfers', ['merchant_id', 'status', 'id'], unique=False)
    op.create_table('turns',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.Enum('running', 'waiting', 'finished', 'failed', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('request', sa.Text(), nullable=False),
    sa.Column('caller', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('durability', sa.Text(), nullable=False),
    sa.Column('lease_owner', sa.Text(), nullable=True),
    sa.Column('lease_until', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('usage', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('finished_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'conversation_id'], ['conversations.merchant_id', 'conversations.id'], name=op.f('fk_turns_merchant_id_conversation_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_turns')),
    sa.UniqueConstraint('merchant_id', 'conversation_id', 'key', name=op.f('uq_turns_merchant_id_conversation_id_key'))
    )
    op.create_index(op.f('ix_turns_merchant_id_status_lease_until'), 'turns', ['merchant_id', 'status', 'lease_until'], unique=False)
    op.create_table('fulfilments',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.Enum('draft', 'rated', 'label_purchased', 'manifested', 'picked_up', 'in_transit', 'out_for_delivery', 'on_hold', 'delayed', 'delivery_failed', 'delivered', 'returned_to_sender', 'lost', 'voided', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('service', sa.Text(), nullable=True),
    sa.Column('tracking_number', sa.Text(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('cost', sa.BigInteger(), nullable=True),
    sa.Column('weight_grams', sa.Integer(), nullable=True),
    sa.Column('promised_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('shipped_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('delivered_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('cost >= 0', name=op.f('ck_fulfilments_cost_is_not_negative')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_fulfilments_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_fulfilments_merchant_id_warehouse_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_fulfilments')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_fulfilments_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_fulfilments_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_fulfilments_merchant_id_external_reference'), 'fulfilments', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_fulfilments_merchant_id_order_id'), 'fulfilments', ['merchant_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_fulfilments_merchant_id_shipped_at_id'), 'fulfilments', ['merchant_id', 'shipped_at', 'id'], unique=False)
    op.create_index(op.f('ix_fulfilments_merchant_id_status_promised_at'), 'fulfilments', ['merchant_id', 'status', 'promised_at'], unique=False)
    op.create_index(op.f('ix_fulfilments_merchant_id_tracking_number'), 'fulfilments', ['merchant_id', 'tracking_number'], unique=False)
    op.create_table('interactions',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('channel', sa.Enum('email', 'phone', 'chat', 'store', 'marketplace', 'post', 'other', name='channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('direction', sa.Enum('incoming', 'outgoing', name='direction', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('summary', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_interactions_merchant_id_customer_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_interactions_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_interactions'))
    )
    op.create_index(op.f('ix_interactions_merchant_id_customer_id_occurred_at'), 'interactions', ['merchant_id', 'customer_id', 'occurred_at'], unique=False)
    op.create_table('loyalty_entries',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('points', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Enum('purchase', 'refund', 'redemption', 'gift', 'correction', 'expiry', name='reason', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('points <> 0', name=op.f('ck_loyalty_entries_points')),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_loyalty_entries_merchant_id_customer_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_loyalty_entries_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_loyalty_entries'))
    )
    op.create_index(op.f('ix_loyalty_entries_merchant_id_customer_id_occurred_at'), 'loyalty_entries', ['merchant_id', 'customer_id', 'occurred_at'], unique=False)
    op.create_table('order_holds',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.Enum('customer_request', 'fraud_review', 'payment_review', 'address_check', 'out_of_stock', 'other', name='reason', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('placed_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('released_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('released_by', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('(released_at is null) = (released_by is null)', name=op.f('ck_order_holds_released_by_somebody')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_order_holds_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_order_holds'))
    )
    op.create_index(op.f('ix_order_holds_merchant_id_order_id_id'), 'order_holds', ['merchant_id', 'order_id', 'id'], unique=False)
    op.create_index('ix_order_holds_open', 'order_holds', ['merchant_id', 'order_id'], unique=False, postgresql_where=sa.text('released_at is null'))
    op.create_table('order_notes',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('visibility', sa.Enum('internal', 'customer', name='visibility', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_order_notes_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_order_notes'))
    )
    op.create_index(op.f('ix_order_notes_merchant_id_order_id_id'), 'order_notes', ['merchant_id', 'order_id', 'id'], unique=False)
    op.create_table('payments',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.Enum('pending', 'requires_action', 'authorized', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'voided', 'expired', 'failed', 'cancelled', 'disputed', 'won', 'lost', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('method', sa.Enum('card', 'paypal', 'bank_transfer', 'direct_debit', 'cash', 'invoice', 'gift_card', 'store_credit', 'marketplace', 'other', name='method', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('method_label', sa.Text(), nullable=True),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('provider_reference', sa.Text(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('authorized', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('captured', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('voided', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refunded', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('charged_back', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('refunded >= 0 and charged_back >= 0 and refunded + charged_back <= captured', name=op.f('ck_payments_never_over_refunded')),
    sa.CheckConstraint('voided >= 0 and captured >= 0 and captured + voided <= authorized', name=op.f('ck_payments_captured')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_payments_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_payments')),
    sa.UniqueConstraint('merchant_id', 'provider', 'provider_reference', name=op.f('uq_payments_merchant_id_provider_provider_reference')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_payments_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_payments_merchant_id_source_external_reference')),
    postgresql_with={'fillfactor': 80}
    )
    op.create_index(op.f('ix_payments_merchant_id_external_reference'), 'payments', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_payments_merchant_id_order_id'), 'payments', ['merchant_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_payments_merchant_id_status_id'), 'payments', ['merchant_id', 'status', 'id'], unique=False)
    op.create_table('promotion_targets',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('promotion_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=True),
    sa.Column('category_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('num_nonnulls(product_id, category_id) = 1', name=op.f('ck_promotion_targets_one_target')),
    sa.ForeignKeyConstraint(['merchant_id', 'category_id'], ['categories.merchant_id', 'categories.id'], name=op.f('fk_promotion_targets_merchant_id_category_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'product_id'], ['products.merchant_id', 'products.id'], name=op.f('fk_promotion_targets_merchant_id_product_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'promotion_id'], ['promotions.merchant_id', 'promotions.id'], name=op.f('fk_promotion_targets_merchant_id_promotion_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_promotion_targets'))
    )
    op.create_index('uq_promotion_targets_target', 'promotion_targets', ['merchant_id', 'promotion_id', 'product_id', 'category_id'], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table('promotion_uses',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('promotion_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('released_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('amount >= 0', name=op.f('ck_promotion_uses_amount')),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_promotion_uses_merchant_id_customer_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_promotion_uses_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'promotion_id'], ['promotions.merchant_id', 'promotions.id'], name=op.f('fk_promotion_uses_merchant_id_promotion_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_promotion_uses')),
    sa.UniqueConstraint('merchant_id', 'promotion_id', 'order_id', name=op.f('uq_promotion_uses_merchant_id_promotion_id_order_id'))
    )
    op.create_index(op.f('ix_promotion_uses_merchant_id_order_id'), 'promotion_uses', ['merchant_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_promotion_uses_merchant_id_promotion_id_customer_id'), 'promotion_uses', ['merchant_id', 'promotion_id', 'customer_id'], unique=False)
    op.create_table('returns',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('status', sa.Enum('requested', 'approved', 'declined', 'cancelled', 'label_sent', 'in_transit', 'received', 'expired', 'inspecting', 'accepted', 'partially_accepted', 'rejected', 'refunded', 'exchanged', 'credited', 'repaired', 'returned_to_customer', 'closed', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('reason', sa.Enum('arrived_broken', 'defective', 'wrong_item', 'not_as_described', 'too_small', 'too_large', 'changed_mind', 'arrived_late', 'other', name='reason', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('wanted', sa.Enum('refund', 'store_credit', 'exchange', 'repair', name='wanted', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('refund', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('fee', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refunded', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('exchange_order_id', sa.Uuid(), nullable=True),
    sa.Column('tracking_number', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('requested_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('approved_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('received_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('settled_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('fee >= 0 and refund >= 0 and refunded >= 0 and refunded <= refund', name=op.f('ck_returns_amounts')),
    sa.ForeignKeyConstraint(['merchant_id', 'customer_id'], ['customers.merchant_id', 'customers.id'], name=op.f('fk_returns_merchant_id_customer_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'exchange_order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_returns_merchant_id_exchange_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_returns_merchant_id_order_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_returns')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_returns_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_returns_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_returns_merchant_id_customer_id'), 'returns', ['merchant_id', 'customer_id'], unique=False)
    op.create_index(op.f('ix_returns_merchant_id_external_reference'), 'returns', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_returns_merchant_id_order_id'), 'returns', ['merchant_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_returns_merchant_id_requested_at_id'), 'returns', ['merchant_id', 'requested_at', 'id'], unique=False)
    op.create_index(op.f('ix_returns_merchant_id_status_id'), 'returns', ['merchant_id', 'status', 'id'], unique=False)
    op.create_table('turn_events',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('turn_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'turn_id'], ['turns.merchant_id', 'turns.id'], name=op.f('fk_turn_events_merchant_id_turn_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_turn_events')),
    sa.UniqueConstraint('merchant_id', 'turn_id', 'number', name=op.f('uq_turn_events_merchant_id_turn_id_number'))
    )
    op.create_table('variants',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('sku_key', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('option_key', sa.Text(), server_default='', nullable=False),
    sa.Column('barcode', sa.Text(), nullable=True),
    sa.Column('weight_grams', sa.Integer(), nullable=True),
    sa.Column('length_mm', sa.Integer(), nullable=True),
    sa.Column('width_mm', sa.Integer(), nullable=True),
    sa.Column('height_mm', sa.Integer(), nullable=True),
    sa.Column('cost', sa.Numeric(precision=20, scale=4), nullable=True),
    sa.Column('cost_currency', sa.Text(), nullable=True),
    sa.Column('tracked', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('sellable', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('allow_backorder', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('position', sa.Integer(), server_default='0', nullable=False),
    sa.Column('archived_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("sku <> '' and sku not like '%%/%%'", name=op.f('ck_variants_sku_has_no_slash')),
    sa.CheckConstraint('(cost is null) = (cost_currency is null)', name=op.f('ck_variants_cost_has_a_currency')),
    sa.CheckConstraint('cost >= 0', name=op.f('ck_variants_cost_is_not_negative')),
    sa.ForeignKeyConstraint(['merchant_id', 'product_id'], ['products.merchant_id', 'products.id'], name=op.f('fk_variants_merchant_id_product_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_variants')),
    sa.UniqueConstraint('merchant_id', 'product_id', 'option_key', name=op.f('uq_variants_merchant_id_product_id_option_key')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_variants_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'sku', name=op.f('uq_variants_merchant_id_sku')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_variants_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_variants_merchant_id_barcode'), 'variants', ['merchant_id', 'barcode'], unique=False)
    op.create_index(op.f('ix_variants_merchant_id_external_reference'), 'variants', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_variants_merchant_id_sku_key'), 'variants', ['merchant_id', 'sku_key'], unique=False)
    op.create_table('journal_entries',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('journal_id', sa.Uuid(), nullable=False),
    sa.Column('account', sa.Enum('clearing', 'receivables', 'store_credit', 'gift_cards', 'chargebacks', 'fees', 'opening', name='account', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('amount <> 0', name=op.f('ck_journal_entries_amount')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_journal_entries_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'payment_id'], ['payments.merchant_id', 'payments.id'], name=op.f('fk_journal_entries_merchant_id_payment_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_journal_entries'))
    )
    op.create_index(op.f('ix_journal_entries_merchant_id_account_occurred_at'), 'journal_entries', ['merchant_id', 'account', 'occurred_at'], unique=False)
    op.create_index(op.f('ix_journal_entries_merchant_id_journal_id'), 'journal_entries', ['merchant_id', 'journal_id'], unique=False)
    op.create_index(op.f('ix_journal_entries_merchant_id_order_id'), 'journal_entries', ['merchant_id', 'order_id'], unique=False)
    op.create_table('order_lines',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=True),
    sa.Column('product_id', sa.Uuid(), nullable=True),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('cancelled', sa.Integer(), server_default='0', nullable=False),
    sa.Column('fulfilled', sa.Integer(), server_default='0', nullable=False),
    sa.Column('returned', sa.Integer(), server_default='0', nullable=False),
    sa.Column('unit_price', sa.BigInteger(), nullable=False),
    sa.Column('unit_cost', sa.Numeric(precision=20, scale=4), nullable=True),
    sa.Column('subtotal', sa.BigInteger(), nullable=False),
    sa.Column('discount', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('tax_class', sa.Text(), server_default='standard', nullable=False),
    sa.Column('tax_rate', sa.Numeric(precision=7, scale=5), nullable=False),
    sa.Column('tax', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('discount >= 0 and discount <= subtotal and tax >= 0', name=op.f('ck_order_lines_amounts')),
    sa.CheckConstraint('fulfilled >= 0 and fulfilled <= quantity - cancelled', name=op.f('ck_order_lines_fulfilled')),
    sa.CheckConstraint('quantity > 0 and cancelled >= 0', name=op.f('ck_order_lines_quantity')),
    sa.CheckConstraint('returned >= 0 and returned <= fulfilled', name=op.f('ck_order_lines_returned')),
    sa.CheckConstraint('total in (subtotal - discount, subtotal - discount + tax)', name=op.f('ck_order_lines_total')),
    sa.CheckConstraint('unit_price >= 0 and subtotal = unit_price * (quantity - cancelled)', name=op.f('ck_order_lines_subtotal')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_order_lines_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'product_id'], ['products.merchant_id', 'products.id'], name=op.f('fk_order_lines_merchant_id_product_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_order_lines_merchant_id_variant_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_order_lines')),
    sa.UniqueConstraint('merchant_id', 'order_id', 'position', name=op.f('uq_order_lines_merchant_id_order_id_position')),
    postgresql_with={'fillfactor': 80}
    )
    op.create_index(op.f('ix_order_lines_merchant_id_product_id_order_id'), 'order_lines', ['merchant_id', 'product_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_order_lines_merchant_id_variant_id_order_id'), 'order_lines', ['merchant_id', 'variant_id', 'order_id'], unique=False)
    op.create_table('payment_transactions',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('authorization', 'capture', 'void', 'refund', 'chargeback', 'chargeback_reversal', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('outcome', sa.Enum('pending', 'succeeded', 'failed', name='outcome', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('provider_reference', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('amount >= 0', name=op.f('ck_payment_transactions_amount_is_not_negative')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_payment_transactions_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'payment_id'], ['payments.merchant_id', 'payments.id'], name=op.f('fk_payment_transactions_merchant_id_payment_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_payment_transactions')),
    sa.UniqueConstraint('merchant_id', 'provider', 'provider_reference', name=op.f('uq_payment_transactions_merchant_id_provider_provider_reference'))
    )
    op.create_index(op.f('ix_payment_transactions_merchant_id_occurred_at_id'), 'payment_transactions', ['merchant_id', 'occurred_at', 'id'], unique=False)
    op.create_index(op.f('ix_payment_transactions_merchant_id_order_id_id'), 'payment_transactions', ['merchant_id', 'order_id', 'id'], unique=False)
    op.create_index(op.f('ix_payment_transactions_merchant_id_payment_id_id'), 'payment_transactions', ['merchant_id', 'payment_id', 'id'], unique=False)
    op.create_table('prices',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('compare_at', sa.BigInteger(), nullable=True),
    sa.Column('customer_group', sa.Text(), nullable=True),
    sa.Column('min_quantity', sa.Integer(), server_default='1', nullable=False),
    sa.Column('valid_from', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('valid_until', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('amount >= 0', name=op.f('ck_prices_amount_is_not_negative')),
    sa.CheckConstraint('compare_at > amount', name=op.f('ck_prices_compare_at_is_above')),
    sa.CheckConstraint('min_quantity >= 1', name=op.f('ck_prices_min_quantity')),
    sa.CheckConstraint('valid_until > valid_from', name=op.f('ck_prices_ends_after_it_starts')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_prices_merchant_id_variant_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_prices')),
    sa.UniqueConstraint('merchant_id', 'variant_id', 'currency', 'customer_group', 'min_quantity', 'valid_from', name='uq_prices_start', postgresql_nulls_not_distinct=True)
    )
    op.create_table('purchase_order_lines',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('purchase_order_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('received', sa.Integer(), server_default='0', nullable=False),
    sa.Column('damaged', sa.Integer(), server_default='0', nullable=False),
    sa.Column('unit_cost', sa.Numeric(precision=20, scale=4), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0 and received >= 0 and damaged >= 0 and damaged <= received', name=op.f('ck_purchase_order_lines_counts')),
    sa.ForeignKeyConstraint(['merchant_id', 'purchase_order_id'], ['purchase_orders.merchant_id', 'purchase_orders.id'], name=op.f('fk_purchase_order_lines_merchant_id_purchase_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_purchase_order_lines_merchant_id_variant_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_purchase_order_lines')),
    sa.UniqueConstraint('merchant_id', 'purchase_order_id', 'variant_id', name=op.f('uq_purchase_order_lines_merchant_id_purchase_order_id_variant_id'))
    )
    op.create_index(op.f('ix_purchase_order_lines_merchant_id_variant_id'), 'purchase_order_lines', ['merchant_id', 'variant_id'], unique=False)
    op.create_table('stock_levels',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('on_hand', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reserved', sa.Integer(), server_default='0', nullable=False),
    sa.Column('damaged', sa.Integer(), server_default='0', nullable=False),
    sa.Column('incoming', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reorder_point', sa.Integer(), nullable=True),
    sa.Column('reorder_target', sa.Integer(), nullable=True),
    sa.Column('supplier_id', sa.Uuid(), nullable=True),
    sa.Column('lead_time_days', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('updated_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('reserved + damaged <= on_hand', name=op.f('ck_stock_levels_never_oversold')),
    sa.CheckConstraint('reserved >= 0 and damaged >= 0 and incoming >= 0', name=op.f('ck_stock_levels_counts')),
    sa.ForeignKeyConstraint(['merchant_id', 'supplier_id'], ['suppliers.merchant_id', 'suppliers.id'], name=op.f('fk_stock_levels_merchant_id_supplier_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_stock_levels_merchant_id_variant_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_stock_levels_merchant_id_warehouse_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_stock_levels')),
    sa.UniqueConstraint('merchant_id', 'warehouse_id', 'variant_id', name=op.f('uq_stock_levels_merchant_id_warehouse_id_variant_id')),
    postgresql_with={'fillfactor': 50}
    )
    op.create_index(op.f('ix_stock_levels_merchant_id_variant_id'), 'stock_levels', ['merchant_id', 'variant_id'], unique=False)
    op.create_table('stock_movements',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('opening', 'receipt', 'sale', 'return', 'adjustment', 'transfer_out', 'transfer_in', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('reason', sa.Enum('counted', 'damaged', 'lost', 'stolen', 'found', 'expired', 'sample', 'correction', 'other', name='reason', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('damaged', sa.Integer(), server_default='0', nullable=False),
    sa.Column('unit_cost', sa.Numeric(precision=20, scale=4), nullable=True),
    sa.Column('subject_kind', sa.Text(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("(kind = 'adjustment') = (reason is not null)", name=op.f('ck_stock_movements_corrections_have_a_reason')),
    sa.CheckConstraint('quantity <> 0 or damaged <> 0', name=op.f('ck_stock_movements_moves_something')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_stock_movements_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_stock_movements_merchant_id_variant_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_stock_movements_merchant_id_warehouse_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_stock_movements'))
    )
    op.create_index(op.f('ix_stock_movements_merchant_id_occurred_at_id'), 'stock_movements', ['merchant_id', 'occurred_at', 'id'], unique=False)
    op.create_index(op.f('ix_stock_movements_merchant_id_subject_id'), 'stock_movements', ['merchant_id', 'subject_id'], unique=False)
    op.create_index(op.f('ix_stock_movements_merchant_id_variant_id_occurred_at'), 'stock_movements', ['merchant_id', 'variant_id', 'occurred_at'], unique=False)
    op.create_table('tracking_events',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('fulfilment_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Enum('pending', 'picked_up', 'in_transit', 'on_hold', 'out_for_delivery', 'ready_for_pickup', 'delivery_delayed', 'delivery_failed', 'delivered', 'return_to_sender', 'cancelled', 'unknown', name='code', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('place', sa.Text(), nullable=True),
    sa.Column('description', sa.Text(), nullable=True),
    sa.Column('occurred_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'fulfilment_id'], ['fulfilments.merchant_id', 'fulfilments.id'], name=op.f('fk_tracking_events_merchant_id_fulfilment_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_tracking_events')),
    sa.UniqueConstraint('merchant_id', 'fulfilment_id', 'code', 'occurred_at', name=op.f('uq_tracking_events_merchant_id_fulfilment_id_code_occurred_at'))
    )
    op.create_table('transfer_lines',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('transfer_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('received', sa.Integer(), server_default='0', nullable=False),
    sa.Column('damaged', sa.Integer(), server_default='0', nullable=False),
    sa.Column('lost', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0 and received >= 0 and damaged >= 0 and lost >= 0', name=op.f('ck_transfer_lines_counts')),
    sa.CheckConstraint('received + damaged + lost <= quantity', name=op.f('ck_transfer_lines_no_more_arrives_than_left')),
    sa.ForeignKeyConstraint(['merchant_id', 'transfer_id'], ['transfers.merchant_id', 'transfers.id'], name=op.f('fk_transfer_lines_merchant_id_transfer_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_transfer_lines_merchant_id_variant_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_transfer_lines')),
    sa.UniqueConstraint('merchant_id', 'transfer_id', 'variant_id', name=op.f('uq_transfer_lines_merchant_id_transfer_id_variant_id'))
    )
    op.create_index(op.f('ix_transfer_lines_merchant_id_variant_id'), 'transfer_lines', ['merchant_id', 'variant_id'], unique=False)
    op.create_table('fulfilment_lines',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('fulfilment_id', sa.Uuid(), nullable=False),
    sa.Column('order_line_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_fulfilment_lines_quantity')),
    sa.ForeignKeyConstraint(['merchant_id', 'fulfilment_id'], ['fulfilments.merchant_id', 'fulfilments.id'], name=op.f('fk_fulfilment_lines_merchant_id_fulfilment_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_line_id'], ['order_lines.merchant_id', 'order_lines.id'], name=op.f('fk_fulfilment_lines_merchant_id_order_line_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_fulfilment_lines')),
    sa.UniqueConstraint('merchant_id', 'fulfilment_id', 'order_line_id', name=op.f('uq_fulfilment_lines_merchant_id_fulfilment_id_order_line_id'))
    )
    op.create_index(op.f('ix_fulfilment_lines_merchant_id_order_line_id'), 'fulfilment_lines', ['merchant_id', 'order_line_id'], unique=False)
    op.create_table('reservations',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('active', 'consumed', 'released', 'expired', name='status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('reason', sa.Enum('order', 'checkout', 'customer_request', 'quality', 'other', name='reason', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('warehouse_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('backordered', sa.Integer(), server_default='0', nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('order_line_id', sa.Uuid(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('expires_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('closed_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint("(status = 'active') = (closed_at is null)", name=op.f('ck_reservations_closed_when_not_active')),
    sa.CheckConstraint('quantity >= 0 and backordered >= 0 and quantity + backordered > 0', name=op.f('ck_reservations_holds_something')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_id'], ['orders.merchant_id', 'orders.id'], name=op.f('fk_reservations_merchant_id_order_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_line_id'], ['order_lines.merchant_id', 'order_lines.id'], name=op.f('fk_reservations_merchant_id_order_line_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_reservations_merchant_id_variant_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'warehouse_id'], ['warehouses.merchant_id', 'warehouses.id'], name=op.f('fk_reservations_merchant_id_warehouse_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_reservations')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_reservations_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_reservations_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_reservations_merchant_id_external_reference'), 'reservations', ['merchant_id', 'external_reference'], unique=False)
    op.create_index(op.f('ix_reservations_merchant_id_order_id'), 'reservations', ['merchant_id', 'order_id'], unique=False)
    op.create_index(op.f('ix_reservations_merchant_id_status_expires_at'), 'reservations', ['merchant_id', 'status', 'expires_at'], unique=False)
    op.create_index(op.f('ix_reservations_merchant_id_status_variant_id_warehouse_id'), 'reservations', ['merchant_id', 'status', 'variant_id', 'warehouse_id'], unique=False)
    op.create_table('return_lines',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('return_id', sa.Uuid(), nullable=False),
    sa.Column('order_line_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=True),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('received', sa.Integer(), server_default='0', nullable=False),
    sa.Column('restocked', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reason', sa.Enum('arrived_broken', 'defective', 'wrong_item', 'not_as_described', 'too_small', 'too_large', 'changed_mind', 'arrived_late', 'other', name='reason', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('condition', sa.Enum('as_new', 'opened', 'used', 'damaged', 'missing', name='condition', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('disposition', sa.Enum('restock', 'refurbish', 'supplier', 'dispose', name='disposition', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('refund', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0 and received >= 0 and received <= quantity', name=op.f('ck_return_lines_quantity')),
    sa.CheckConstraint('refund >= 0', name=op.f('ck_return_lines_refund')),
    sa.CheckConstraint('restocked >= 0 and restocked <= received', name=op.f('ck_return_lines_restocked')),
    sa.ForeignKeyConstraint(['merchant_id', 'order_line_id'], ['order_lines.merchant_id', 'order_lines.id'], name=op.f('fk_return_lines_merchant_id_order_line_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'return_id'], ['returns.merchant_id', 'returns.id'], name=op.f('fk_return_lines_merchant_id_return_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_return_lines_merchant_id_variant_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_return_lines')),
    sa.UniqueConstraint('merchant_id', 'return_id', 'order_line_id', name=op.f('uq_return_lines_merchant_id_return_id_order_line_id'))
    )
    op.create_index(op.f('ix_return_lines_merchant_id_order_line_id'), 'return_lines', ['merchant_id', 'order_line_id'], unique=False)
    op.create_index(op.f('ix_return_lines_merchant_id_variant_id'), 'return_lines', ['merchant_id', 'variant_id'], unique=False)
