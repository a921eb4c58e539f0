"""What a turn remembers between its steps, and what it is given anew each time that it runs.

`State` is checkpointed and holds one turn; the conversation is in our own tables. `Turn` travels beside it: merchant, actor,
clock and events are never in a checkpoint.
"""

import operator
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol, TypedDict
from uuid import UUID

from langchain_core.messages import AnyMessage

from tools.contract.actors import Actor, Caller, Shopfront
from tools.contract.call import Shop


@dataclass(frozen=True)
class Limits:
    """What one turn may use up. At a limit the person is told what was done and what was not."""

    model_calls: int = 12
    tool_calls: int = 20
    steps: int = 30
    same_call: int = 2
    repairs: int = 2  # calls that could not be read, or whose arguments were refused
    seconds: int = 120
    grace: float = 10.0  # seconds for a step to end by itself once the others are over
    tokens: int = 200_000


@dataclass(frozen=True)
class Request:
    """What is asked: words, perhaps for a named specialist; or an operation by name, with its arguments."""

    text: str
    specialist: str | None = None
    tool: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


class Made(TypedDict):
    """A tool call of the turn, as evidence: what was called, with what, what came of it, which rows it spoke of."""

    id: str
    tool: str
    specialist: str
    arguments: dict[str, Any]
    outcome: str  # "done", or an error's code
    references: list[str]
    approval: str | None  # the card that a person decided


class Part(TypedDict):
    """One of several independent wishes: the room that answers it, and its words."""

    room: str
    text: str


class Asked(TypedDict):
    """One call of a language model: for which agent, of which model, and its tokens as the model counted them."""

    agent: str  # a room, several that worked together, or the supervisor itself
    model: str
    prompt_tokens: int
    completion_tokens: int


class Finding(TypedDict):
    """What a branch found out about its part."""

    room: str
    answer: str


def either(before: bool, now: bool) -> bool:
    """Once true, true for the rest of the turn."""
    return before or now


Update = dict[str, Any]  # of fields of `State`, as LangGraph's nodes return it


@dataclass
class State:
    """Plain values only: a checkpoint has to be readable by the next version of this program."""

    # A window, then the turn.
    messages: Annotated[list[AnyMessage], operator.add] = field(default_factory=list[AnyMessage])
    request: str = ""
    direct: bool = False  # the caller named the operation: no model is asked
    tier: int = 0  # of the routing: 0 named by the caller, 1 known by the index, 2 asked of a model
    scope: list[str] = field(default_factory=list[str])  # the rooms whose tools may be offered
    offered: list[str] = field(default_factory=list[str])  # the tools that are
    reading: bool = False  # only readers are offered; a wish to write ends the run and enters it again
    kept: bool = False  # in checkpoints; nothing is changed before
    enter_again: bool = False
    parts: list[Part] = field(default_factory=list[Part])
    findings: Annotated[list[Finding], operator.add] = field(default_factory=list[Finding])
    made: Annotated[list[Made], operator.add] = field(default_factory=list[Made])
    asked: Annotated[list[Asked], operator.add] = field(default_factory=list[Asked])
    repairs: Annotated[int, operator.add] = 0
    tainted: Annotated[bool, either] = False  # the turn has read text that outsiders wrote
    waiting: str | None = None  # the approval that a call of this turn waits for
    result: dict[str, Any] | None = None  # of a direct call, as its caller gets it
    stopped: str = ""  # the limit at which the turn ended; empty when it ended by itself

    def told(self) -> Update:
        """What differs from an empty state: every field that LangGraph is given is a row of the checkpoint."""
        nothing = State()
        return {name: value for name, value in vars(self).items() if value != getattr(nothing, name)}


OnText = Callable[
    [str, bool], Awaitable[None]
]  # a piece of an answer's text, and whether the answer begins anew with it


class Events(Protocol):
    """Where a turn tells what it is doing."""

    async def add(self, kind: str, **data: Any) -> None: ...
    async def token(self, text: str, anew: bool) -> None: ...
    async def flush(self) -> None: ...


@dataclass(frozen=True)
class Turn:
    """Who asks, in which shop, by whose hand, until when: the run's context."""

    id: UUID
    shop: Shop
    caller: Caller  # door `chat`; the hand is the model's, unless a person or a program named the tool itself
    actor: Actor
    merchant: Shopfront
    events: Events
    deadline: datetime
    limits: Limits = field(default_factory=Limits)
    asked: list[Asked] = field(default_factory=list[Asked])  # of this run, for a turn that fails and kept no state

    @property
    def late(self) -> bool:
        return self.shop.clock() >= self.deadline
