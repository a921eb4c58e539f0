"""Promotions that ask for tags or a quantity, go together or not, and whose code is free again when they end; discounts by promotion"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CLASSES = "{products,order,shipping}"
WORDS = "folded(name || ' ' || coalesce(code, ''))"
# Row-level security lets no index serve LIKE; this function of the owner keeps to the merchant itself.
SEARCH = """
create function search_promotions(words text[], most integer) returns setof uuid
language plpgsql stable security definer rows 20 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off as $$
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
    return query execute (
        select 'select id from promotions where merchant_id = $1 and ' || string_agg(format('words_key like %L', word), ' and ')
               || ' limit $2' from unnest(words) as word
    ) using merchant, most;
end $$
"""


def upgrade() -> None:
    op.add_column("promotions", sa.Column("customer_tags", ARRAY(sa.Text), server_default="{}", nullable=False))
    op.add_column("promotions", sa.Column("minimum_quantity", sa.Integer))
    op.add_column("promotions", sa.Column("combines_with", ARRAY(sa.Text), server_default=CLASSES, nullable=False))
    op.add_column("promotions", sa.Column("priority", sa.Integer, server_default="0", nullable=False))
    op.add_column("promotions", sa.Column("words_key", sa.Text, sa.Computed(WORDS, persisted=True), nullable=False))
    op.create_check_constraint(op.f("ck_promotions_minimum_quantity"), "promotions", "minimum_quantity >= 1")
    op.create_check_constraint(
        op.f("ck_promotions_combines_with"), "promotions", "combines_with <@ array['products', 'order', 'shipping']"
    )
    op.drop_constraint(op.f("uq_promotions_merchant_id_code_key"), "promotions", type_="unique")
    op.create_index(
        "uq_promotions_living_code", "promotions", ["merchant_id", "code_key"],
        unique=True, postgresql_where=sa.text("status <> 'ended'"),
    )  # fmt: skip
    op.create_index("ix_promotions_merchant_id_code_key", "promotions", ["merchant_id", "code_key"])
    op.create_index(
        "ix_promotions_merchant_id_words_key", "promotions", ["merchant_id", "words_key"],
        postgresql_using="gin", postgresql_ops={"words_key": "gin_trgm_ops"}, postgresql_with={"gin_pending_list_limit": 512},
    )  # fmt: skip
    op.execute(SEARCH)
    op.execute("revoke all on function search_promotions(text[], integer) from public")
    op.execute("grant execute on function search_promotions(text[], integer) to app_rt")
    op.add_column("order_lines", sa.Column("discounts", JSONB, server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("order_lines", "discounts")
    op.execute("drop function search_promotions(text[], integer)")
    op.drop_index("ix_promotions_merchant_id_words_key", "promotions")
    op.drop_index("ix_promotions_merchant_id_code_key", "promotions")
    op.drop_index("uq_promotions_living_code", "promotions")
    op.create_unique_constraint(op.f("uq_promotions_merchant_id_code_key"), "promotions", ["merchant_id", "code_key"])
    op.drop_constraint(op.f("ck_promotions_combines_with"), "promotions")
    op.drop_constraint(op.f("ck_promotions_minimum_quantity"), "promotions")
    for column in ("words_key", "priority", "combines_with", "minimum_quantity", "customer_tags"):
        op.drop_column("promotions", column)
