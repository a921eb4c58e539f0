"""Files that people upload, and the long jobs that work through them."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, details
from db.model import Base, Referenced, Stateful, Tenant, index, one_of, referenced, to, unique


class JobStatus(StrEnum):
    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"


class File(Tenant, Referenced, Base):
    """An uploaded file, until it expires. Who may use it is who may call an operation that takes one; nobody is handed it back."""

    __tablename__ = "files"
    __table_args__ = referenced(
        unique("uploaded_by", "upload_key"),
        index("expires_at"),
        CheckConstraint("size >= 0", name="size"),
    )

    name: Mapped[str]
    media_type: Mapped[str]
    digest: Mapped[str]
    size: Mapped[int]
    uploaded_by: Mapped[str]
    upload_key: Mapped[str]
    expires_at: Mapped[datetime]


class FilePart(Tenant, Base):
    """A piece of a file: nobody has to hold a file whole, neither who writes it nor who reads it."""

    __tablename__ = "file_parts"
    __table_args__ = (to("files", "file_id", ondelete="CASCADE"), unique("file_id", "position"))

    file_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Job(Tenant, Referenced, Stateful, Base):
    """Work that takes longer than anybody waits: which operation, for whom, how far it is, and what came of it.

    The queue's own row has the job's reference alone. `done` and `failed` count what was gone through of `total`.
    """

    __tablename__ = "jobs"
    __table_args__ = referenced(
        index("created_at"),
        CheckConstraint("done >= 0 and failed >= 0", name="counts"),
        CheckConstraint("(status in ('done', 'failed')) = (finished_at is not null)", name="finished_at_its_end"),
    )
    MOVES: ClassVar[dict[JobStatus, frozenset[JobStatus]]] = {
        JobStatus.queued: frozenset({JobStatus.running, JobStatus.failed}),
        JobStatus.running: frozenset({JobStatus.done, JobStatus.failed}),
        JobStatus.done: frozenset(),
        JobStatus.failed: frozenset(),
    }

    status: Mapped[JobStatus] = mapped_column(one_of(JobStatus, "status"))
    tool: Mapped[str]
    asked_by: Mapped[str]
    asker: Mapped[dict[str, Any]] = details()
    arguments: Mapped[dict[str, Any]] = details()
    step: Mapped[str | None]
    total: Mapped[int | None] = mapped_column(Integer)
    done: Mapped[int] = count()
    failed: Mapped[int] = count()
    result: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobError(Tenant, Base):
    """What a job could not take: at which line and column of its file, what is wrong, and what to do about it."""

    __tablename__ = "job_errors"
    __table_args__ = (to("jobs", "job_id", ondelete="CASCADE"), unique("job_id", "position"))

    job_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(Integer)
    line: Mapped[int] = mapped_column(Integer)
    column_name: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    hint: Mapped[str]
