"""Payments that are carried out: credit as a ledger, what providers tell, disputes, payouts, links that are paid by"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True)
ACCOUNTS = "clearing receivables store_credit gift_cards chargebacks fees goodwill opening".split()
REASONS = "goodwill refund sold opening spent returned correction".split()


def upgrade() -> None:
    _name_saved_methods()
    _keep_credit()
    _widen_the_ledger()


def _one_of(column: str, values: list[str]) -> str:
    return f"{column} in ({', '.join(repr(value) for value in values)})"


def _choice(name: str, values: list[str]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def _foreign(table: str, column: str, target: str) -> None:
    op.create_foreign_key(
        op.f(f"fk_{table}_merchant_id_{column}"), table, target, ["merchant_id", column], ["merchant_id", "id"]
    )


def _name_saved_methods() -> None:
    """Saved methods get a reference of their own, and credit that belongs to whoever has its code."""
    op.add_column("saved_methods", sa.Column("reference", sa.Text()))
    op.add_column("saved_methods", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("saved_methods", sa.Column("updated_at", MOMENT))
    for column in ("provider", "token", "code_digest"):
        op.add_column("saved_methods", sa.Column(column, sa.Text()))
    for column in ("expires_at", "removed_at"):
        op.add_column("saved_methods", sa.Column(column, MOMENT))
    op.execute(
        """
        update saved_methods s set reference = 'PM-' || (1000 + n.number), updated_at = created_at
        from (select merchant_id, id, row_number() over (partition by merchant_id order by id) as number from saved_methods) n
        where n.merchant_id = s.merchant_id and n.id = s.id
        """
    )
    op.execute(
        """
        insert into counters (merchant_id, id, name, value, created_at)
        select merchant_id, gen_random_uuid(), 'PM', 1000 + count(*), now() from saved_methods group by merchant_id
        """
    )
    op.alter_column("saved_methods", "reference", nullable=False)
    op.alter_column("saved_methods", "updated_at", nullable=False)
    op.alter_column("saved_methods", "customer_id", nullable=True)
    op.create_unique_constraint(op.f("uq_saved_methods_merchant_id_reference"), "saved_methods", ["merchant_id", "reference"])
    op.create_unique_constraint(op.f("uq_saved_methods_merchant_id_code_digest"), "saved_methods", ["merchant_id", "code_digest"])
    op.create_unique_constraint(
        op.f("uq_saved_methods_merchant_id_provider_token"), "saved_methods", ["merchant_id", "provider", "token"]
    )
    op.create_index(
        op.f("ix_saved_methods_merchant_id_external_reference"), "saved_methods", ["merchant_id", "external_reference"]
    )
    op.drop_constraint(op.f("ck_saved_methods_gift_cards_have_a_balance"), "saved_methods")
    op.create_check_constraint(
        op.f("ck_saved_methods_credit_has_a_balance"),
        "saved_methods",
        "(method in ('gift_card', 'store_credit')) = (balance is not null)",
    )
    op.create_check_constraint(
        op.f("ck_saved_methods_whose"), "saved_methods", "customer_id is not null or method = 'gift_card'"
    )


def _keep_credit() -> None:
    op.create_table(
        "credit_entries",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("saved_method_id", sa.Uuid(), nullable=False),
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", _choice("reason", REASONS), nullable=False),
        sa.Column("order_id", sa.Uuid()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_credit_entries_amount")),
        sa.CheckConstraint(_one_of("reason", REASONS), name=op.f("ck_credit_entries_reason")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_credit_entries")),
    )
    _foreign("credit_entries", "saved_method_id", "saved_methods")
    _foreign("credit_entries", "order_id", "orders")
    op.create_index(
        op.f("ix_credit_entries_merchant_id_saved_method_id_id"), "credit_entries", ["merchant_id", "saved_method_id", "id"]
    )
    op.execute(
        """
        insert into credit_entries (merchant_id, id, saved_method_id, journal_id, amount, reason, actor, occurred_at, created_at)
        select merchant_id, gen_random_uuid(), id, gen_random_uuid(), balance, 'opening', 'system:import', created_at, created_at
        from saved_methods where balance > 0
        """
    )
    secure(op, "credit_entries", append_only=True)


def _widen_the_ledger() -> None:
    op.drop_constraint(op.f("ck_journal_entries_account"), "journal_entries")
    op.create_check_constraint(op.f("ck_journal_entries_account"), "journal_entries", _one_of("account", ACCOUNTS))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
