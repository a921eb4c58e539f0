"""Prices of groups of customers and of quantities are set, too; orders of a town and products by name are found in any shop's size"""

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


def upgrade() -> None:
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
