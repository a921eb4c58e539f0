"""Prices whose windows the database keeps apart, and what each change of prices replaced"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Where two prices held at once, the later one counted: it ends the earlier.
PART = """
update prices p set valid_until = n.next_from from (
    select merchant_id, id, lead(valid_from) over (
        partition by merchant_id, variant_id, currency, customer_group, min_quantity order by valid_from) as next_from
    from prices
) n
where n.merchant_id = p.merchant_id and n.id = p.id and n.next_from < coalesce(p.valid_until, 'infinity')
"""
ONE_AT_A_TIME = """
alter table prices add constraint ex_prices_one_at_a_time exclude using gist (
    merchant_id with =, variant_id with =, currency with =, coalesce(customer_group, '') with =, min_quantity with =,
    tstzrange(valid_from, valid_until) with &&)
"""


def upgrade() -> None:
    op.execute("create extension if not exists btree_gist with schema public")
    op.execute(PART)
    op.execute(ONE_AT_A_TIME)
    op.create_table('price_changes',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('told', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('valid_from', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('undone_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('undone_by', sa.Text(), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('external_reference', sa.Text(), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.CheckConstraint('(undone_at is null) = (undone_by is null)', name=op.f('ck_price_changes_undone_by_somebody')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_price_changes')),
    sa.UniqueConstraint('merchant_id', 'reference', name=op.f('uq_price_changes_merchant_id_reference')),
    sa.UniqueConstraint('merchant_id', 'source', 'external_reference', name=op.f('uq_price_changes_merchant_id_source_external_reference'))
    )
    op.create_index(op.f('ix_price_changes_merchant_id_external_reference'), 'price_changes', ['merchant_id', 'external_reference'], unique=False)
    op.create_table('price_change_lines',
    sa.Column('merchant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('change_id', sa.Uuid(), nullable=False),
    sa.Column('variant_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Enum('changed', 'floored', 'unchanged', 'without_cost', name='outcome', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount_before', sa.BigInteger(), nullable=True),
    sa.Column('compare_at_before', sa.BigInteger(), nullable=True),
    sa.Column('held_until', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('compare_at', sa.BigInteger(), nullable=True),
    sa.Column('valid_until', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merchant_id', 'change_id'], ['price_changes.merchant_id', 'price_changes.id'], name=op.f('fk_price_change_lines_merchant_id_change_id')),
    sa.ForeignKeyConstraint(['merchant_id', 'variant_id'], ['variants.merchant_id', 'variants.id'], name=op.f('fk_price_change_lines_merchant_id_variant_id')),
    sa.PrimaryKeyConstraint('merchant_id', 'id', name=op.f('pk_price_change_lines')),
    sa.UniqueConstraint('merchant_id', 'change_id', 'variant_id', name=op.f('uq_price_change_lines_merchant_id_change_id_variant_id'))
    )
    op.create_index(op.f('ix_price_change_lines_merchant_id_variant_id'), 'price_change_lines', ['merchant_id', 'variant_id'], unique=False)
    secure(op, "price_changes")
    secure(op, "price_change_lines")


def downgrade() -> None:
    op.drop_table("price_change_lines")
    op.drop_table("price_changes")
    op.execute("alter table prices drop constraint ex_prices_one_at_a_time")
