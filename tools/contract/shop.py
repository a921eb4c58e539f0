"""What every call needs of its process, and what it comes to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic
from uuid import UUID

from db.session import Database
from tools.contract.actors import Site
from tools.contract.cards import Card
from tools.contract.context import Job
from tools.contract.declare import O


@dataclass(frozen=True)
class Shop:
    """What every call needs of its process."""

    database: Database
    replica: Database | None = None
    site: Site = field(default=Site())
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    after_commit: Callable[[UUID, list[Job]], Awaitable[None]] | None = (
        None  # a first try at what cannot wait for the worker
    )


@dataclass(frozen=True)
class Outcome(Generic[O]):
    """A result; or a card, with the approval it waits for unless it was a preview."""

    result: O | None = None
    card: Card | None = None
    approval: str | None = None
    why: str = ""
    replayed: bool = False
