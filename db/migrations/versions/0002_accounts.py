"""Accounts: invitations, password resets, sessions that can be told apart, and guesses that are counted"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    _users()
    _sessions()
    _memberships()
    _invitations()
    op.create_table(
        "guesses",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("wait_until", INSTANT, nullable=False),
    )
    op.execute("grant select, insert, update, delete on guesses to app_rt")


def _users() -> None:
    op.add_column("users", sa.Column("last_merchant_id", sa.Uuid()))
    op.add_column("users", sa.Column("reset_asked_at", INSTANT))
    op.add_column("users", sa.Column("reset_hash", sa.Text()))
    op.add_column("users", sa.Column("reset_expires_at", INSTANT))
    op.create_unique_constraint(op.f("uq_users_reset_hash"), "users", ["reset_hash"])


def _sessions() -> None:
    """Those that are open lack what is kept from now on: their people sign in once more."""
    op.execute("delete from sessions")
    op.drop_constraint("pk_sessions", "sessions")
    op.add_column("sessions", sa.Column("id", sa.Uuid(), nullable=False))
    op.add_column("sessions", sa.Column("network", sa.Text(), nullable=False))
    op.add_column("sessions", sa.Column("user_agent", sa.Text(), nullable=False))
    op.add_column("sessions", sa.Column("last_seen_at", INSTANT, nullable=False))
    op.create_primary_key("pk_sessions", "sessions", ["id"])
    op.create_unique_constraint(op.f("uq_sessions_token_hash"), "sessions", ["token_hash"])
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])


def _memberships() -> None:
    op.alter_column("memberships", "user_id", nullable=True)
    op.add_column("memberships", sa.Column("joined_at", INSTANT))
    op.execute("update memberships set joined_at = created_at")
    op.create_check_constraint(
        op.f("ck_memberships_joined_by_somebody"), "memberships", "(user_id is null) = (joined_at is null)"
    )


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text()),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("mailed_at", INSTANT),
        sa.Column("trouble", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "membership_id"],
            ["memberships.merchant_id", "memberships.id"],
            name=op.f("fk_invitations_merchant_id_membership_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("merchant_id", "membership_id", name=op.f("uq_invitations_merchant_id_membership_id")),
        sa.UniqueConstraint("merchant_id", "email", name=op.f("uq_invitations_merchant_id_email")),
        sa.UniqueConstraint("merchant_id", "token_hash", name=op.f("uq_invitations_merchant_id_token_hash")),
    )
    secure(op, "invitations")
