"""What every call needs of its process, and what it comes to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic
from uuid import UUID

from db.clock import now
from db.session import Database
from tools.contract.actors import Site
from tools.contract.asking import Question, Unheard
from tools.contract.cards import Card
from tools.contract.context import Job
from tools.contract.declare import O
from tools.contract.room import Room

NOT_HERE = "is asked by the shop's web process alone: ask there"


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
    ask: Callable[[UUID, Sequence[Question]], Awaitable[Mapping[str, str]]] | None = (
        None  # answers are kept where runs look; for each question why there is none, or nothing
    )
    heard: Mapping[str, str] = field(default_factory=dict[str, str])  # what was asked for this very call
    room: Room = field(default_factory=Room)

    async def having_asked(self, unheard: Unheard) -> "Shop":
        """The same for a run that begins again: each question is asked once for a call."""
        heard = {**self.heard, **{question.key: "" if self.ask else NOT_HERE for question in unheard.questions}}
        if self.ask:
            heard |= await self.ask(unheard.merchant, unheard.questions)
        return replace(self, heard=heard)


@dataclass(frozen=True)
class Outcome(Generic[O]):
    """A result; or a card, with the approval it waits for unless it was a preview."""

    result: O | None = None
    card: Card | None = None
    approval: str | None = None
    why: str = ""
    replayed: bool = False
