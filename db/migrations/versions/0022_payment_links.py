"""Links by which customers pay what is open, and refunds that did not arrive"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True)
STATUSES = "pending open paid expired void failed".split()
KINDS = "authorization capture void refund refund_reversal chargeback chargeback_reversal".split()
TABLE = "payment_links"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_payment_transactions_kind"), "payment_transactions")
    op.create_check_constraint(op.f("ck_payment_transactions_kind"), "payment_transactions", _one_of("kind", KINDS))
    op.create_table(
        TABLE,
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid()),
        sa.Column("status", sa.Enum(*STATUSES, name="status", native_enum=False, length=40), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("external_reference", sa.Text()),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_links_amount")),
        sa.CheckConstraint(_one_of("status", STATUSES), name=op.f("ck_payment_links_status")),
        sa.CheckConstraint(
            "(status = 'paid') = (payment_id is not null)", name=op.f("ck_payment_links_paid_by_a_payment")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payment_links")),
        *_unique(["reference"], ["source", "external_reference"], ["provider", "provider_reference"]),
    )
    for columns in (["external_reference"], ["order_id"], ["payment_id"], ["status", "expires_at"]):
        op.create_index(op.f(f"ix_{TABLE}_merchant_id_{'_'.join(columns)}"), TABLE, ["merchant_id", *columns])
    op.create_index(
        "uq_payment_links_one_alive", TABLE, ["merchant_id", "order_id"], unique=True,
        postgresql_where=sa.text("status in ('pending', 'open')"),
    )  # fmt: skip
    for column, target in (("order_id", "orders"), ("payment_id", "payments")):
        op.create_foreign_key(
            op.f(f"fk_{TABLE}_merchant_id_{column}"), TABLE, target, ["merchant_id", column], ["merchant_id", "id"]
        )
    secure(op, TABLE)


def _one_of(column: str, values: list[str]) -> str:
    return f"{column} in ({', '.join(repr(value) for value in values)})"


def _unique(*constraints: list[str]) -> list[sa.UniqueConstraint]:
    return [
        sa.UniqueConstraint("merchant_id", *columns, name=op.f(f"uq_{TABLE}_merchant_id_{'_'.join(columns)}"))
        for columns in constraints
    ]


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
