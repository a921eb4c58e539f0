"""Files in parts, and long jobs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing has ever written a file: what there could be has no size, no owner and no end.
    op.execute("delete from files")
    op.drop_column("files", "content")
    op.add_column("files", sa.Column("size", sa.BigInteger(), nullable=False))
    op.add_column("files", sa.Column("uploaded_by", sa.Text(), nullable=False))
    op.add_column("files", sa.Column("upload_key", sa.Text(), nullable=False))
    op.add_column("files", sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False))
    op.create_check_constraint("size", "files", "size >= 0")
    op.create_unique_constraint(
        op.f("uq_files_merchant_id_uploaded_by_upload_key"), "files", ["merchant_id", "uploaded_by", "upload_key"]
    )
    op.create_index(op.f("ix_files_merchant_id_expires_at"), "files", ["merchant_id", "expires_at"])
    _file_parts()
    _jobs()
    _job_errors()


def _file_parts() -> None:
    op.create_table(
        "file_parts",
        *_key(),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _made(),
        _primary("file_parts"),
        _within("file_parts", "files", "file_id"),
        sa.UniqueConstraint(
            "merchant_id", "file_id", "position", name=op.f("uq_file_parts_merchant_id_file_id_position")
        ),
    )
    secure(op, "file_parts")


def _jobs() -> None:
    op.create_table(
        "jobs",
        *_key(),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asker", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("arguments", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("problem", postgresql.JSONB(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        _made(),
        sa.CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name=op.f("ck_jobs_status")),
        sa.CheckConstraint("done >= 0 and failed >= 0", name=op.f("ck_jobs_counts")),
        sa.CheckConstraint(
            "(status in ('done', 'failed')) = (finished_at is not null)", name=op.f("ck_jobs_finished_at_its_end")
        ),
        _primary("jobs"),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_jobs_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id", "source", "external_reference", name=op.f("uq_jobs_merchant_id_source_external_reference")
        ),
    )
    op.create_index(op.f("ix_jobs_merchant_id_external_reference"), "jobs", ["merchant_id", "external_reference"])
    op.create_index(op.f("ix_jobs_merchant_id_created_at"), "jobs", ["merchant_id", "created_at"])
    secure(op, "jobs")


def _job_errors() -> None:
    op.create_table(
        "job_errors",
        *_key(),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        _made(),
        _primary("job_errors"),
        _within("job_errors", "jobs", "job_id"),
        sa.UniqueConstraint(
            "merchant_id", "job_id", "position", name=op.f("uq_job_errors_merchant_id_job_id_position")
        ),
    )
    secure(op, "job_errors")


def _key() -> list[sa.Column[sa.Uuid]]:
    return [sa.Column("merchant_id", sa.Uuid(), nullable=False), sa.Column("id", sa.Uuid(), nullable=False)]


def _made() -> sa.Column[object]:
    return sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False)


def _primary(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f(f"pk_{table}"))


def _within(table: str, parent: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", column],
        [f"{parent}.merchant_id", f"{parent}.id"],
        name=op.f(f"fk_{table}_merchant_id_{column}"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in ("job_errors", "jobs", "file_parts"):
        op.drop_table(table)
    op.execute("delete from files")
    op.drop_index(op.f("ix_files_merchant_id_expires_at"), "files")
    op.drop_constraint(op.f("uq_files_merchant_id_uploaded_by_upload_key"), "files")
    op.drop_constraint("size", "files")
    for column in ("size", "uploaded_by", "upload_key", "expires_at"):
        op.drop_column("files", column)
    op.add_column("files", sa.Column("content", sa.LargeBinary(), nullable=False))
