"""Bins, pick lists, packages, counts: what lies where inside a warehouse, and how orders leave it"""

import sqlalchemy as sa
from alembic import op

from db.migrations.wall import secure

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = (
    "bins", "bin_stock", "bin_movements", "pick_lists", "pick_tasks", "mispicks", "packages", "package_lines", "stock_counts",
    "stock_count_lines",
)  # fmt: skip
APPEND_ONLY = ("bin_movements", "mispicks", "stock_count_lines")


def upgrade() -> None:
    op.create_table(
        "bins",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("code_key", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("picking", "bulk", name="kind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("walk", sa.Integer(), server_default="0", nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("units", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("units <= capacity", name=op.f("ck_bins_never_overfull")),
        sa.CheckConstraint("units >= 0 and walk >= 0", name=op.f("ck_bins_counts")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_bins_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_bins")),
        sa.UniqueConstraint(
            "merchant_id", "warehouse_id", "code_key", name=op.f("uq_bins_merchant_id_warehouse_id_code_key")
        ),
    )
    op.create_index(
        op.f("ix_bins_merchant_id_warehouse_id_walk_id"),
        "bins",
        ["merchant_id", "warehouse_id", "walk", "id"],
        unique=False,
    )
    op.create_table(
        "pick_lists",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "picking",
                "picked",
                "cancelled",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("picker", sa.Text(), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'picked') = (finished_at is not null)", name=op.f("ck_pick_lists_finished")),
        sa.CheckConstraint(
            "(status in ('picking', 'picked')) = (started_at is not null)", name=op.f("ck_pick_lists_started")
        ),
        sa.CheckConstraint("(started_at is null) = (picker is null)", name=op.f("ck_pick_lists_started_by_somebody")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_pick_lists_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_pick_lists")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_pick_lists_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "external_reference",
            name=op.f("uq_pick_lists_merchant_id_source_external_reference"),
        ),
    )
    op.create_index(
        op.f("ix_pick_lists_merchant_id_external_reference"),
        "pick_lists",
        ["merchant_id", "external_reference"],
        unique=False,
    )
    op.create_index(
        op.f("ix_pick_lists_merchant_id_status_id"), "pick_lists", ["merchant_id", "status", "id"], unique=False
    )
    op.create_index(
        op.f("ix_pick_lists_merchant_id_finished_at"), "pick_lists", ["merchant_id", "finished_at"], unique=False
    )
    op.create_index(
        op.f("ix_pick_lists_merchant_id_picker_id"), "pick_lists", ["merchant_id", "picker", "id"], unique=False
    )
    op.create_index(
        op.f("ix_pick_lists_merchant_id_warehouse_id_finished_at"),
        "pick_lists",
        ["merchant_id", "warehouse_id", "finished_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_pick_lists_merchant_id_warehouse_id_id"),
        "pick_lists",
        ["merchant_id", "warehouse_id", "id"],
        unique=False,
    )
    op.create_table(
        "stock_counts",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("counted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_stock_counts_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_stock_counts")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_stock_counts_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "external_reference",
            name=op.f("uq_stock_counts_merchant_id_source_external_reference"),
        ),
    )
    op.create_index(
        op.f("ix_stock_counts_merchant_id_external_reference"),
        "stock_counts",
        ["merchant_id", "external_reference"],
        unique=False,
    )
    op.create_index(
        op.f("ix_stock_counts_merchant_id_warehouse_id_counted_at"),
        "stock_counts",
        ["merchant_id", "warehouse_id", "counted_at"],
        unique=False,
    )
    op.create_table(
        "bin_movements",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Uuid(), nullable=True),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "put_away",
                "pick",
                "move",
                "counted",
                "mispick",
                "left",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_bin_movements_moves_something")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "bin_id"], ["bins.merchant_id", "bins.id"], name=op.f("fk_bin_movements_merchant_id_bin_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_bin_movements_merchant_id_variant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_bin_movements_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_bin_movements")),
    )
    op.create_index(
        op.f("ix_bin_movements_merchant_id_bin_id_variant_id"),
        "bin_movements",
        ["merchant_id", "bin_id", "variant_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_bin_movements_merchant_id_move_id"), "bin_movements", ["merchant_id", "move_id"], unique=False
    )
    op.create_index(
        op.f("ix_bin_movements_merchant_id_variant_id"), "bin_movements", ["merchant_id", "variant_id"], unique=False
    )
    op.create_index(
        op.f("ix_bin_movements_merchant_id_warehouse_id_occurred_at"),
        "bin_movements",
        ["merchant_id", "warehouse_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "bin_stock",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_bin_stock_quantity")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "bin_id"], ["bins.merchant_id", "bins.id"], name=op.f("fk_bin_stock_merchant_id_bin_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_bin_stock_merchant_id_variant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_bin_stock_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_bin_stock")),
        sa.UniqueConstraint(
            "merchant_id", "bin_id", "variant_id", name=op.f("uq_bin_stock_merchant_id_bin_id_variant_id")
        ),
    )
    op.create_index(
        op.f("ix_bin_stock_merchant_id_variant_id"), "bin_stock", ["merchant_id", "variant_id"], unique=False
    )
    op.create_index(
        op.f("ix_bin_stock_merchant_id_warehouse_id_variant_id"),
        "bin_stock",
        ["merchant_id", "warehouse_id", "variant_id"],
        unique=False,
    )
    op.create_table(
        "packages",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("fulfilment_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "sealed", "handed_over", "opened", name="status", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("box", sa.Text(), nullable=False),
        sa.Column("length_mm", sa.Integer(), nullable=False),
        sa.Column("width_mm", sa.Integer(), nullable=False),
        sa.Column("height_mm", sa.Integer(), nullable=False),
        sa.Column("weight_grams", sa.Integer(), nullable=False),
        sa.Column("packed_by", sa.Text(), nullable=False),
        sa.Column("packed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "fulfilment_id is null or status = 'handed_over'", name=op.f("ck_packages_leaves_with_a_shipment")
        ),
        sa.CheckConstraint(
            "weight_grams > 0 and length_mm > 0 and width_mm > 0 and height_mm > 0", name=op.f("ck_packages_measures")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "fulfilment_id"],
            ["fulfilments.merchant_id", "fulfilments.id"],
            name=op.f("fk_packages_merchant_id_fulfilment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_packages_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_packages_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_packages")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_packages_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "external_reference",
            name=op.f("uq_packages_merchant_id_source_external_reference"),
        ),
    )
    op.create_index(
        op.f("ix_packages_merchant_id_external_reference"),
        "packages",
        ["merchant_id", "external_reference"],
        unique=False,
    )
    op.create_index(
        op.f("ix_packages_merchant_id_fulfilment_id"), "packages", ["merchant_id", "fulfilment_id"], unique=False
    )
    op.create_index(
        op.f("ix_packages_merchant_id_order_id_id"), "packages", ["merchant_id", "order_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_packages_merchant_id_warehouse_id_packed_at"),
        "packages",
        ["merchant_id", "warehouse_id", "packed_at"],
        unique=False,
    )
    op.create_table(
        "stock_count_lines",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("count_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Uuid(), nullable=True),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("expected >= 0 and counted >= 0", name=op.f("ck_stock_count_lines_counts")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "bin_id"],
            ["bins.merchant_id", "bins.id"],
            name=op.f("fk_stock_count_lines_merchant_id_bin_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "count_id"],
            ["stock_counts.merchant_id", "stock_counts.id"],
            name=op.f("fk_stock_count_lines_merchant_id_count_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_stock_count_lines_merchant_id_variant_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_stock_count_lines")),
    )
    op.create_index(
        op.f("ix_stock_count_lines_merchant_id_bin_id"), "stock_count_lines", ["merchant_id", "bin_id"], unique=False
    )
    op.create_index(
        op.f("ix_stock_count_lines_merchant_id_count_id"),
        "stock_count_lines",
        ["merchant_id", "count_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_stock_count_lines_merchant_id_variant_id"),
        "stock_count_lines",
        ["merchant_id", "variant_id"],
        unique=False,
    )
    op.create_table(
        "package_lines",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("package_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_package_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_line_id"],
            ["order_lines.merchant_id", "order_lines.id"],
            name=op.f("fk_package_lines_merchant_id_order_line_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "package_id"],
            ["packages.merchant_id", "packages.id"],
            name=op.f("fk_package_lines_merchant_id_package_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_package_lines")),
        sa.UniqueConstraint(
            "merchant_id",
            "package_id",
            "order_line_id",
            name=op.f("uq_package_lines_merchant_id_package_id_order_line_id"),
        ),
    )
    op.create_index(
        op.f("ix_package_lines_merchant_id_order_line_id"),
        "package_lines",
        ["merchant_id", "order_line_id"],
        unique=False,
    )
    op.create_table(
        "pick_tasks",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pick_list_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "picked",
                "short",
                "dropped",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Uuid(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("picked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("gone", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missing", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(missing > 0) = (held_id is not null)", name=op.f("ck_pick_tasks_missing_units_are_held")),
        sa.CheckConstraint("gone >= 0 and gone <= picked and missing >= 0", name=op.f("ck_pick_tasks_counts")),
        sa.CheckConstraint("quantity > 0 and picked >= 0 and picked <= quantity", name=op.f("ck_pick_tasks_picked")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "bin_id"], ["bins.merchant_id", "bins.id"], name=op.f("fk_pick_tasks_merchant_id_bin_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "held_id"],
            ["reservations.merchant_id", "reservations.id"],
            name=op.f("fk_pick_tasks_merchant_id_held_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_pick_tasks_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_line_id"],
            ["order_lines.merchant_id", "order_lines.id"],
            name=op.f("fk_pick_tasks_merchant_id_order_line_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pick_list_id"],
            ["pick_lists.merchant_id", "pick_lists.id"],
            name=op.f("fk_pick_tasks_merchant_id_pick_list_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_pick_tasks_merchant_id_variant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "warehouse_id"],
            ["warehouses.merchant_id", "warehouses.id"],
            name=op.f("fk_pick_tasks_merchant_id_warehouse_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_pick_tasks")),
        sa.UniqueConstraint(
            "merchant_id", "pick_list_id", "position", name=op.f("uq_pick_tasks_merchant_id_pick_list_id_position")
        ),
    )
    op.create_index(
        "ix_pick_tasks_alive",
        "pick_tasks",
        ["merchant_id", "variant_id", "warehouse_id"],
        unique=False,
        postgresql_where=sa.text("status = 'open' or picked > gone or missing > 0"),
    )
    op.create_index(op.f("ix_pick_tasks_merchant_id_order_id"), "pick_tasks", ["merchant_id", "order_id"], unique=False)
    op.create_table(
        "mispicks",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pick_list_id", sa.Uuid(), nullable=False),
        sa.Column("pick_task_id", sa.Uuid(), nullable=False),
        sa.Column("got_variant_id", sa.Uuid(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_mispicks_quantity")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "got_variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_mispicks_merchant_id_got_variant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pick_list_id"],
            ["pick_lists.merchant_id", "pick_lists.id"],
            name=op.f("fk_mispicks_merchant_id_pick_list_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pick_task_id"],
            ["pick_tasks.merchant_id", "pick_tasks.id"],
            name=op.f("fk_mispicks_merchant_id_pick_task_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_mispicks")),
    )
    op.create_index(
        op.f("ix_mispicks_merchant_id_got_variant_id"), "mispicks", ["merchant_id", "got_variant_id"], unique=False
    )
    op.create_index(
        op.f("ix_mispicks_merchant_id_occurred_at"), "mispicks", ["merchant_id", "occurred_at"], unique=False
    )
    op.create_index(
        op.f("ix_mispicks_merchant_id_pick_list_id"), "mispicks", ["merchant_id", "pick_list_id"], unique=False
    )
    op.create_index(
        op.f("ix_mispicks_merchant_id_pick_task_id"), "mispicks", ["merchant_id", "pick_task_id"], unique=False
    )
    op.create_index(
        "ix_reservations_to_pick",
        "reservations",
        ["merchant_id", "warehouse_id", "order_id"],
        unique=False,
        postgresql_where=sa.text("status = 'active' and order_id is not null"),
    )
    op.add_column("stock_levels", sa.Column("binned", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_stock_levels_binned"), "stock_levels", "binned >= 0 and binned <= on_hand")
    for table in TABLES:
        secure(op, table, append_only=table in APPEND_ONLY)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_stock_levels_binned"), "stock_levels")
    op.drop_column("stock_levels", "binned")
    op.drop_index("ix_reservations_to_pick", "reservations")
    for table in reversed(TABLES):
        op.drop_table(table)
