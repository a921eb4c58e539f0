"""What lies where is listed by its figures, and products by price, without a look at all; arrivals are counted back along their index"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stock_levels", sa.Column("emptiness", sa.Integer, sa.Computed("damaged - on_hand", persisted=True), nullable=False))
    op.create_index(
        "ix_stock_levels_emptiness", "stock_levels",
        ["merchant_id", "emptiness", "variant_id", "warehouse_id"],
    )  # fmt: skip
    for name in ("incoming", "damaged"):
        op.create_index(
            f"ix_stock_levels_{name}", "stock_levels", ["merchant_id", "variant_id"],
            postgresql_where=sa.text(f"{name} > 0"),
        )  # fmt: skip
    op.drop_index("ix_stock_movements_arrivals", "stock_movements")
    op.create_index(
        "ix_stock_movements_arrivals", "stock_movements",
        ["merchant_id", "variant_id", sa.text("occurred_at desc"), sa.text("id desc")],
        postgresql_include=["quantity"], postgresql_where=sa.text("quantity > 0 and kind <> 'transfer_in'"),
    )  # fmt: skip
    op.create_index(
        "ix_prices_amount", "prices", ["merchant_id", "currency", "amount", "variant_id"],
        postgresql_where=sa.text("customer_group is null and min_quantity = 1"),
    )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
