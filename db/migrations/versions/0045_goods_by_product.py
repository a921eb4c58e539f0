"""What lies of a product's variants, and products by category, are counted along an index; few orders go to a town by one channel"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

# As it was, but that the channel stands in the index beside the town: of what is in every twentieth order and what is in every
# fiftieth, few are both. Orders never change either.
ORDERS_TO = """
create function orders_to(city text, region text, channels text[], most integer) returns setof uuid
language plpgsql stable security definer rows 10 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    numbers bigint := coalesce((select value - 1000 from counters where merchant_id = merchant and name = 'ORD'), 0);
    few integer := least(most, greatest(300, sqrt(2 * numbers)::integer));
    fitting integer;
    asked text := 'select id from orders where merchant_id = $2'
        || case when city is null then ' and folded(ship_region) = $4 and ship_region is not null' else ' and folded(ship_city) = $3' end
        || case when channels is null then '' else ' and channel = any($5)' end || ' limit $1';
begin
    return query execute asked using few, merchant, city, region, channels;
    get diagnostics fitting = row_count;
    if fitting >= few then
        return query select merchant from generate_series(fitting + 1, most);
    end if;
end $$
"""


def upgrade() -> None:
    for place in ("city", "region"):
        op.drop_index(f"ix_orders_{place}", "orders")
        op.create_index(
            f"ix_orders_{place}", "orders", ["merchant_id", sa.text(f"folded(ship_{place})"), "channel"],
            postgresql_where=sa.text("ship_region is not null") if place == "region" else None,
        )  # fmt: skip
    op.execute("drop function orders_to(text, text, integer)")
    op.execute(ORDERS_TO)
    op.execute("revoke all on function orders_to(text, text, text[], integer) from public")
    op.execute("grant execute on function orders_to(text, text, text[], integer) to app_rt")

    op.add_column("stock_levels", sa.Column("product_id", sa.Uuid))
    op.execute(
        "update stock_levels s set product_id = v.product_id from variants v where v.merchant_id = s.merchant_id and v.id = s.variant_id"
    )
    op.alter_column("stock_levels", "product_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_stock_levels_merchant_id_product_id_products"), "stock_levels", "products",
        ["merchant_id", "product_id"], ["merchant_id", "id"],
    )  # fmt: skip
    op.create_index(
        "ix_stock_levels_product", "stock_levels", ["merchant_id", "product_id", "emptiness"],
        postgresql_where=sa.text("emptiness < 0"),
    )  # fmt: skip
    op.create_index(
        "ix_variants_apart", "variants", ["merchant_id", "product_id", "id"],
        postgresql_where=sa.text("archived_at is not null or not tracked or not sellable"),
    )  # fmt: skip
    op.drop_index("ix_products_merchant_id_category_id", "products")
    op.create_index("ix_products_merchant_id_category_id_status", "products", ["merchant_id", "category_id", "status"])


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
