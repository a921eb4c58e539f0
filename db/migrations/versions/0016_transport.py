"""Carriers with their rates, and what is done with parcels: pick-ups, manifests, customs, claims"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATUSES = (
    "draft rated label_purchased manifested picked_up in_transit out_for_delivery on_hold {}delayed delivery_failed delivered "
    "returned_to_sender lost voided"
)


def upgrade() -> None:
    _carriers()
    _carrier_rates()
    _pickups()
    _manifests()
    _carrier_claims()
    _parcels_know_more()


def _carriers() -> None:
    op.create_table(
        "carriers",
        *_key(),
        _text("code"),
        _text("name"),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("countries", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        _text("currency"),
        _text("tracking_prefix"),
        _count("volumetric_divisor"),
        sa.Column("cutoff", sa.Time(), nullable=False),
        *(_json(name, "[]") for name in ("pickup_days", "holidays", "services", "zones", "surcharges")),
        sa.Column("simulated", sa.Boolean(), server_default="false", nullable=False),
        _text("endpoint_hash", nullable=True),
        *_elsewhere(),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("created_at"),
        _at("updated_at"),
        sa.CheckConstraint("volumetric_divisor > 0", name=op.f("ck_carriers_volumetric_divisor")),
        *_referenced("carriers"),
        _unique("carriers", "code"),
    )
    _secured("carriers")


def _carrier_rates() -> None:
    op.create_table(
        "carrier_rates",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        _text("service"),
        _text("zone"),
        _count("up_to_grams"),
        sa.Column("up_to_mm", sa.Integer(), nullable=True),
        sa.Column("price", sa.BigInteger(), nullable=False),
        _count("days_min"),
        _count("days_max"),
        _at("created_at"),
        sa.CheckConstraint("price >= 0 and up_to_grams > 0 and up_to_mm > 0", name=op.f("ck_carrier_rates_amounts")),
        sa.CheckConstraint("days_min >= 0 and days_min <= days_max", name=op.f("ck_carrier_rates_days")),
        _within("carrier_rates", "carriers", "carrier_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_carrier_rates")),
        sa.UniqueConstraint(
            "merchant_id", "carrier_id", "service", "zone", "up_to_grams", "up_to_mm",
            name="uq_carrier_rates_break", postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    secure(op, "carrier_rates")


def _pickups() -> None:
    op.create_table(
        "pickups",
        *_key(),
        _one_of("status", "scheduled cancelled"),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ready_from", sa.Time(), nullable=False),
        sa.Column("ready_until", sa.Time(), nullable=False),
        _count("parcels"),
        sa.Column("weight_grams", sa.BigInteger(), nullable=False),
        *_elsewhere(),
        _at("created_at"),
        sa.CheckConstraint("parcels >= 0 and weight_grams >= 0", name=op.f("ck_pickups_counts")),
        sa.CheckConstraint("ready_from < ready_until", name=op.f("ck_pickups_window")),
        _within("pickups", "carriers", "carrier_id"),
        _within("pickups", "warehouses", "warehouse_id"),
        *_referenced("pickups"),
        _unique("pickups", "carrier_id", "warehouse_id", "day"),
    )
    _secured("pickups")


def _manifests() -> None:
    op.create_table(
        "manifests",
        *_key(),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        _count("parcels"),
        sa.Column("weight_grams", sa.BigInteger(), nullable=False),
        *_elsewhere(),
        _at("created_at"),
        _within("manifests", "carriers", "carrier_id"),
        _within("manifests", "warehouses", "warehouse_id"),
        *_referenced("manifests"),
    )
    _secured("manifests")


def _carrier_claims() -> None:
    op.create_table(
        "carrier_claims",
        *_key(),
        _one_of("status", "open accepted rejected withdrawn"),
        _one_of("kind", "lost damaged missing_content late"),
        sa.Column("fulfilment_id", sa.Uuid(), nullable=False),
        _text("currency"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        _text("note", nullable=True),
        _json("evidence", "[]"),
        *_elsewhere(),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("created_at"),
        _at("updated_at"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_carrier_claims_amount")),
        _within("carrier_claims", "fulfilments", "fulfilment_id"),
        *_referenced("carrier_claims"),
        _unique("carrier_claims", "fulfilment_id", "kind"),
    )
    _secured("carrier_claims")
    _index("carrier_claims", "status", "id")


def _parcels_know_more() -> None:
    op.add_column("fulfilments", sa.Column("carrier_id", sa.Uuid(), nullable=True))
    op.add_column("fulfilments", sa.Column("manifest_id", sa.Uuid(), nullable=True))
    op.add_column("fulfilments", _json("ship_to", "{}"))
    op.add_column("fulfilments", _json("parcels", "[]"))
    op.add_column("fulfilments", _json("charges", "[]"))
    op.add_column("fulfilments", sa.Column("customs", postgresql.JSONB(), nullable=True))
    for table, column in (("carriers", "carrier_id"), ("manifests", "manifest_id")):
        op.create_foreign_key(
            op.f(f"fk_fulfilments_merchant_id_{column}"),
            "fulfilments",
            table,
            ["merchant_id", column],
            ["merchant_id", "id"],
        )
    _index("fulfilments", "carrier_id", "service", "shipped_at")
    _index("fulfilments", "manifest_id")
    _statuses_are(STATUSES.format("ready_for_pickup "))


def downgrade() -> None:
    op.execute("update fulfilments set status = 'out_for_delivery' where status = 'ready_for_pickup'")
    _statuses_are(STATUSES.format(""))
    op.drop_index(op.f("ix_fulfilments_merchant_id_manifest_id"), "fulfilments")
    op.drop_index(op.f("ix_fulfilments_merchant_id_carrier_id_service_shipped_at"), "fulfilments")
    for column in ("customs", "charges", "parcels", "ship_to", "manifest_id", "carrier_id"):
        op.drop_column("fulfilments", column)
    for table in ("carrier_claims", "manifests", "pickups", "carrier_rates", "carriers"):
        op.drop_table(table)


def _statuses_are(values: str) -> None:
    op.drop_constraint(op.f("ck_fulfilments_status"), "fulfilments")
    listed = ", ".join(f"'{value}'" for value in values.split())
    op.create_check_constraint(op.f("ck_fulfilments_status"), "fulfilments", f"status in ({listed})")


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        _text("reference"),
    ]


def _elsewhere() -> list[sa.Column[object]]:
    return [_text("source", nullable=True), _text("external_reference", nullable=True)]


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _json(name: str, default: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), server_default=default, nullable=False)


def _at(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=False)


def _one_of(name: str, values: str) -> sa.Column[object]:
    kind = sa.Enum(*values.split(), name=name, native_enum=False, create_constraint=True, length=40)
    return sa.Column(name, kind, nullable=False)


def _within(table: str, parent: str, column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", column],
        [f"{parent}.merchant_id", f"{parent}.id"],
        name=op.f(f"fk_{table}_merchant_id_{column}"),
        ondelete=ondelete,
    )


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    names = ("merchant_id", *columns)
    return sa.UniqueConstraint(*names, name=op.f(f"uq_{table}_{'_'.join(names)}"))


def _referenced(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f(f"pk_{table}")),
        _unique(table, "reference"),
        _unique(table, "source", "external_reference"),
    ]


def _index(table: str, *columns: str) -> None:
    names = ("merchant_id", *columns)
    op.create_index(op.f(f"ix_{table}_{'_'.join(names)}"), table, list(names))


def _secured(table: str) -> None:
    _index(table, "external_reference")
    secure(op, table)
