"""Bundles, promotions for segments of customers, and tax classes of single variants"""

import sqlalchemy as sa
from alembic import op

from db.migrations.wall import secure

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("variants", sa.Column("bundle", sa.Boolean(), server_default="false", nullable=False))
    op.create_check_constraint(op.f("ck_variants_bundles_are_not_counted"), "variants", "not (bundle and tracked)")
    op.create_table(
        "bundle_components",
        *_own(),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("component_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_bundle_components_quantity")),
        sa.CheckConstraint("variant_id <> component_id", name=op.f("ck_bundle_components_not_in_itself")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_bundle_components"),
        sa.UniqueConstraint(
            "merchant_id", "variant_id", "component_id", name="uq_bundle_components_merchant_id_variant_id_component_id"
        ),
    )
    op.create_table(
        "order_bundles",
        *_own(),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity >= 0 and unit_price >= 0", name=op.f("ck_order_bundles_amounts")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_order_bundles"),
    )
    op.add_column("order_lines", sa.Column("bundle_id", sa.Uuid(), nullable=True))
    op.add_column("order_lines", sa.Column("per_bundle", sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f("ck_order_lines_per_bundle"), "order_lines", "(bundle_id is null) = (per_bundle is null) and per_bundle > 0"
    )
    for table, columns in (
        ("bundle_components", ("component_id",)),
        ("order_bundles", ("order_id",)),
        ("order_bundles", ("variant_id", "order_id")),
        ("order_bundles", ("product_id",)),
        ("order_lines", ("bundle_id",)),
    ):
        op.create_index(f"ix_{table}_merchant_id_{'_'.join(columns)}", table, ["merchant_id", *columns])
    for table, column, target in (
        ("bundle_components", "variant_id", "variants"),
        ("bundle_components", "component_id", "variants"),
        ("order_bundles", "order_id", "orders"),
        ("order_bundles", "variant_id", "variants"),
        ("order_bundles", "product_id", "products"),
        ("order_lines", "bundle_id", "order_bundles"),
    ):
        op.create_foreign_key(
            f"fk_{table}_merchant_id_{column}", table, target, ["merchant_id", column], ["merchant_id", "id"]
        )
    for table in ("bundle_components", "order_bundles"):
        secure(op, table)
    op.add_column("variants", sa.Column("tax_class", sa.Text(), nullable=True))
    op.add_column("promotions", sa.Column("segment_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_promotions_merchant_id_segment_id", "promotions", "segments", ["merchant_id", "segment_id"], ["merchant_id", "id"]
    )


def _own() -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in ("merchant_id", "id")]


def downgrade() -> None:
    op.drop_column("promotions", "segment_id")
    op.drop_column("variants", "tax_class")
    op.drop_column("order_lines", "per_bundle")
    op.drop_column("order_lines", "bundle_id")
    op.drop_table("order_bundles")
    op.drop_table("bundle_components")
    op.drop_column("variants", "bundle")
