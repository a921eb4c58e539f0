"""What every call needs of its process, and what it comes to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic
from uuid import UUID

from db.clock import now
from db.session import Database
from tools.contract.actors import Site
from tools.contract.cards import Card
from tools.contract.context import Job
from tools.contract.declare import O
from tools.contract.room import Room


@dataclass(frozen=True)
class Shop:
    """What every call needs of its process."""

    database: Database
    replica: Database | None = None
    site: Site = field(default=Site())
    clock: Callable[[], datetime] = now
    after_commit: Callable[[UUID, list[Job]], Awaitable[None]] | None = (
        None  # a first try at what cannot wait for the worker
    )
    outside: Callable[[UUID, list[str]], Awaitable[None]] | None = None  # a first try at what a call wants of the world
    room: Room = field(default_factory=Room)


@dataclass(frozen=True)
class Outcome(Generic[O]):
    """A result; or a card, with the approval it waits for unless it was a preview."""

    result: O | None = None
    card: Card | None = None
    approval: str | None = None
    why: str = ""
    replayed: bool = False
