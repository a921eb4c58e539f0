"""Purchasing: what a unit costs on average, rules that hold together, and indexes for what is asked of stock"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COST = sa.Numeric(20, 4)
# What came before costs were kept: each receipt is taken to have been bought for an empty shelf.
CAME_BEFORE = """
insert into stock_costs (merchant_id, id, variant_id, number, purchase_order_line_id, currency, units_before, average_before, units,
                         unit_cost, average, created_at)
select l.merchant_id, gen_random_uuid(), l.variant_id, row_number() over came, l.id, o.currency, 0,
       case when lag(o.currency) over came = o.currency then lag(l.unit_cost) over came end, l.received, l.unit_cost, l.unit_cost,
       coalesce(o.received_at, o.updated_at)
from purchase_order_lines l
join purchase_orders o on o.merchant_id = l.merchant_id and o.id = l.purchase_order_id
where l.received > 0
window came as (partition by l.merchant_id, l.variant_id order by o.received_at nulls last, l.id)
"""


def upgrade() -> None:
    op.create_table(
        "stock_costs",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("purchase_order_line_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("units_before", sa.Integer(), nullable=False),
        sa.Column("average_before", COST),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("unit_cost", COST, nullable=False),
        sa.Column("average", COST, nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0 and units > 0 and units_before >= 0", name=op.f("ck_stock_costs_counts")),
        sa.CheckConstraint(
            "unit_cost >= 0 and average >= 0 and average_before >= 0", name=op.f("ck_stock_costs_costs")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_stock_costs_merchant_id_variant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "purchase_order_line_id"],
            ["purchase_order_lines.merchant_id", "purchase_order_lines.id"],
            name=op.f("fk_stock_costs_merchant_id_purchase_order_line_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_stock_costs")),
        sa.UniqueConstraint(
            "merchant_id", "variant_id", "number", name=op.f("uq_stock_costs_merchant_id_variant_id_number")
        ),
    )
    op.create_index(
        op.f("ix_stock_costs_merchant_id_purchase_order_line_id"),
        "stock_costs",
        ["merchant_id", "purchase_order_line_id"],
    )
    secure(op, "stock_costs", append_only=True)
    op.execute(CAME_BEFORE)
    _rules()
    _indexes()


def _rules() -> None:
    op.create_check_constraint(
        op.f("ck_stock_levels_target_above_reorder_point"),
        "stock_levels",
        "reorder_point >= 0 and reorder_target > reorder_point",
    )
    op.create_check_constraint(op.f("ck_stock_levels_lead_time"), "stock_levels", "lead_time_days >= 0")


def _indexes() -> None:
    op.create_index(op.f("ix_stock_levels_merchant_id_supplier_id"), "stock_levels", ["merchant_id", "supplier_id"])
    op.drop_index(op.f("ix_purchase_orders_merchant_id_supplier_id"), "purchase_orders")
    for column in ("status", "supplier_id", "warehouse_id"):
        op.create_index(
            op.f(f"ix_purchase_orders_merchant_id_{column}_id"), "purchase_orders", ["merchant_id", column, "id"]
        )
    op.create_index(
        "ix_stock_movements_arrivals",
        "stock_movements",
        ["merchant_id", "variant_id", "occurred_at"],
        postgresql_where=sa.text("quantity > 0 and kind <> 'transfer_in'"),
    )
    op.create_index(
        "ix_stock_movements_sales",
        "stock_movements",
        ["merchant_id", "variant_id", "occurred_at"],
        postgresql_where=sa.text("kind = 'sale'"),
    )


def downgrade() -> None:
    op.drop_index("ix_stock_movements_sales", "stock_movements")
    op.drop_index("ix_stock_movements_arrivals", "stock_movements")
    for column in ("status", "supplier_id", "warehouse_id"):
        op.drop_index(op.f(f"ix_purchase_orders_merchant_id_{column}_id"), "purchase_orders")
    op.create_index(
        op.f("ix_purchase_orders_merchant_id_supplier_id"), "purchase_orders", ["merchant_id", "supplier_id"]
    )
    op.drop_index(op.f("ix_stock_levels_merchant_id_supplier_id"), "stock_levels")
    op.drop_constraint(op.f("ck_stock_levels_lead_time"), "stock_levels")
    op.drop_constraint(op.f("ck_stock_levels_target_above_reorder_point"), "stock_levels")
    op.drop_table("stock_costs")
