"""Conversations: what was said, and the turns that answer it with their numbered events."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from db.model import Base, Referenced, Stateful, Tenant, index, one_of, referenced, to, unique


class TurnStatus(StrEnum):
    running = "running"
    waiting = "waiting"
    finished = "finished"
    failed = "failed"


class Conversation(Tenant, Referenced, Base):
    __tablename__ = "conversations"
    __table_args__ = referenced(index("owner", "id"))

    owner: Mapped[str]
    title: Mapped[str]


class Message(Tenant, Base):
    """One thing said. `data` of an answer holds its evidence: specialists, tools, arguments, references, tables."""

    __tablename__ = "messages"
    __table_args__ = (to("conversations", "conversation_id"), index("conversation_id", "id"))

    conversation_id: Mapped[uuid.UUID]
    turn_id: Mapped[uuid.UUID]
    role: Mapped[str]
    text: Mapped[str]
    data: Mapped[dict[str, Any]]


class Turn(Tenant, Stateful, Base):
    """One request and its answer. `key` makes a repeated message the same turn; the lease says who is working on it until when.

    `said` is the SHA-256 of the person's latest messages, of turns asked by clients that tell their whole history each time.
    """

    __tablename__ = "turns"
    __table_args__ = (
        to("conversations", "conversation_id"),
        unique("conversation_id", "key"),
        index("status", "lease_until"),
        index("said", postgresql_where=text("said is not null")),
    )
    MOVES: ClassVar[dict[TurnStatus, frozenset[TurnStatus]]] = {
        TurnStatus.running: frozenset({TurnStatus.waiting, TurnStatus.finished, TurnStatus.failed}),
        TurnStatus.waiting: frozenset({TurnStatus.running, TurnStatus.finished, TurnStatus.failed}),
        TurnStatus.finished: frozenset(),
        TurnStatus.failed: frozenset(),
    }

    conversation_id: Mapped[uuid.UUID]
    status: Mapped[TurnStatus] = mapped_column(one_of(TurnStatus, "status"))
    key: Mapped[str]
    said: Mapped[str | None] = mapped_column(default=None)
    request: Mapped[str]
    caller: Mapped[dict[str, Any]]
    durability: Mapped[str]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    usage: Mapped[dict[str, Any]]
    finished_at: Mapped[datetime | None]


class TurnEvent(Tenant, Base):
    """What the person sees while a turn runs, numbered from 1, so that a dropped connection resumes."""

    __tablename__ = "turn_events"
    __table_args__ = (to("turns", "turn_id"), unique("turn_id", "number"))

    turn_id: Mapped[uuid.UUID]
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
