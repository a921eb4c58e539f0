"""Files from elsewhere on their way in, amounts beside an order's lines, and customers' ways of paying"""

import sqlalchemy as sa
from alembic import op

from db.migrations.wall import secure

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KINDS = ("goods", "postage", "discount", "sample", "fee", "bank_charge", "bad_debt", "stock", "manual")
METHODS = "card paypal bank_transfer direct_debit cash invoice gift_card store_credit marketplace other".split()
TOTAL = "total = subtotal - discount + shipping{} + case when prices_include_tax then 0 else tax end"


def upgrade() -> None:
    op.add_column("orders", sa.Column("adjustments", sa.BigInteger(), server_default="0", nullable=False))
    _total_is(TOTAL.format(" + adjustments"))
    op.create_table(
        "order_adjustments",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(20, 4), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_order_adjustments"),
        sa.UniqueConstraint("merchant_id", "order_id", "position", name="uq_order_adjustments_merchant_id_order_id_position"),
    )
    for column, table in (("order_id", "orders"), ("product_id", "products")):
        op.create_foreign_key(
            f"fk_order_adjustments_merchant_id_{column}",
            "order_adjustments",
            table,
            ["merchant_id", column],
            ["merchant_id", "id"],
        )
    op.create_index("ix_order_adjustments_merchant_id_occurred_at_id", "order_adjustments", ["merchant_id", "occurred_at", "id"])
    op.create_index("ix_order_adjustments_merchant_id_product_id", "order_adjustments", ["merchant_id", "product_id"])
    secure(op, "order_adjustments", append_only=True)
    op.create_table(
        "imports",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("lines >= 0", name=op.f("ck_imports_lines")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_imports"),
        sa.UniqueConstraint("merchant_id", "source", "digest", name="uq_imports_merchant_id_source_digest"),
    )
    secure(op, "imports")
    _save_methods()


def _save_methods() -> None:
    op.create_table(
        "saved_methods",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Enum(*METHODS, name="method", native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("last_four", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(method = 'gift_card') = (balance is not null)", name=op.f("ck_saved_methods_gift_cards_have_a_balance")),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_saved_methods_balance_is_not_negative")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_saved_methods"),
        sa.UniqueConstraint(
            "merchant_id", "source", "external_reference", name="uq_saved_methods_merchant_id_source_external_reference"
        ),
    )
    op.create_index("ix_saved_methods_merchant_id_customer_id_id", "saved_methods", ["merchant_id", "customer_id", "id"])
    secure(op, "saved_methods")
    op.add_column("payments", sa.Column("saved_method_id", sa.Uuid(), nullable=True))
    for table, column, target in (
        ("saved_methods", "customer_id", "customers"),
        ("payments", "saved_method_id", "saved_methods"),
    ):
        op.create_foreign_key(
            f"fk_{table}_merchant_id_{column}", table, target, ["merchant_id", column], ["merchant_id", "id"]
        )


def downgrade() -> None:
    op.drop_column("payments", "saved_method_id")
    op.drop_table("saved_methods")
    op.drop_table("imports")
    op.drop_table("order_adjustments")
    _total_is(TOTAL.format(""))
    op.drop_column("orders", "adjustments")


def _total_is(condition: str) -> None:
    op.drop_constraint(op.f("ck_orders_total"), "orders")
    op.create_check_constraint(op.f("ck_orders_total"), "orders", condition)
