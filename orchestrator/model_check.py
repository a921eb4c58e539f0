"""Whether the configured models can do what the shop needs of them, found out by asking them a little of each.

A few short calls a model: nothing of the shop is told to it, and no tool is run.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from orchestrator.language_model import Lineup, Named, Role, ask, remote_models
from orchestrator.settings import Settings

SLOW = 10.0  # seconds before the first token after which people think that nothing happens
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_order",
        "description": "Show an order.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "string", "description": "Reference, such as ORD-1042."}},
            "required": ["order"],
        },
    },
}
_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "room",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"room": {"type": "string", "enum": ["orders", "products"]}},
            "required": ["room"],
            "additionalProperties": False,
        },
    },
}
_ASKED = "Show the order ORD-1042."
_BOTH = "Show the orders ORD-1042 and ORD-1043. Call the tool for both at once, in one answer."


class Ability(NamedTuple):
    """What a model can do or not. One that is `needed` and missing makes the model useless here."""

    name: str
    there: bool
    told: str  # what was seen; or, of what is missing, what it means for the shop
    needed: bool = True


@dataclass(frozen=True)
class Examined:
    """A model, the roles that it plays, and what it was found to be able to do."""

    model: str
    roles: tuple[str, ...]
    abilities: list[Ability] = field(default_factory=list[Ability])

    @property
    def useful(self) -> bool:
        return all(one.there for one in self.abilities if one.needed)


async def examine(settings: Settings) -> AsyncGenerator[Examined]:
    """The models of the settings, one after the other."""
    async with remote_models(settings) as models:
        assert models.router is not None
        played: dict[str, tuple[Named, list[str]]] = {}
        for role, lineup in ((Role.specialist, models.specialist), (Role.router, models.router)):
            for place, named in enumerate(lineup.models):
                roles = played.setdefault(named.name, (named, []))[1]
                roles.append(f"{role} (in its place)" if place else role)
        for named, roles in played.values():
            alone = Lineup((named,))
            yield Examined(named.name, tuple(roles), [one async for one in _abilities(alone)])


async def _abilities(model: Lineup) -> AsyncGenerator[Ability]:
    """Nothing more is asked of a model that does not answer."""
    heard = _Heard()
    try:
        answer = await ask(model, [HumanMessage("Count from one to twenty in words.")], heard)
    except Exception as failed:
        yield Ability("answers", False, str(failed))
        return
    yield Ability(
        "answers", bool(answer.text), "it is reached, takes the key and answers" if answer.text else "it says nothing"
    )
    yield _streams(heard)
    yield _in_time(heard)
    yield _counts(answer)
    for name, needed, means, probe in _PROBES:
        there, seen = await _tried(probe, model)
        yield Ability(name, there, seen if there else f"{means} ({seen})", needed)


class _Heard:
    """How the text of an answer comes."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.first: float | None = None
        self.pieces = 0

    async def __call__(self, text: str, anew: bool) -> None:
        self.first = self.first or time.monotonic() - self.begun
        self.pieces += 1


def _streams(heard: _Heard) -> Ability:
    if heard.pieces > 1:
        return Ability("streams", True, "its answer comes word by word", needed=False)
    return Ability("streams", False, "people see nothing of an answer until all of it is there", needed=False)


def _in_time(heard: _Heard) -> Ability:
    seconds = heard.first or time.monotonic() - heard.begun
    late = "" if seconds < SLOW else "; people will think that nothing happens"
    return Ability("first token", not late, f"after {seconds:.1f} s{late}", needed=False)


def _counts(answer: AIMessage) -> Ability:
    usage = answer.usage_metadata
    if usage:
        return Ability(
            "usage", True, f"{usage['input_tokens']} + {usage['output_tokens']} tokens were told", needed=False
        )
    means = "tokens, cost and the day's budget are not counted: have the server send `stream_options.include_usage`"
    return Ability("usage", False, means, needed=False)


Seen = tuple[bool, str]


async def _tried(probe: Callable[[Lineup], Awaitable[Seen]], model: Lineup) -> Seen:
    try:
        return await probe(model)
    except Exception as failed:
        return False, str(failed)


async def _asked(model: Lineup, *messages: BaseMessage) -> AIMessage:
    async def unheard(_: str, __: bool) -> None: ...

    return await ask(model, messages, unheard)


def _orders(answer: AIMessage) -> list[str]:
    return [str(call["args"].get("order")) for call in answer.tool_calls if call["name"] == "get_order"]


async def _calls_a_tool(model: Lineup) -> Seen:
    answer = await _asked(model.with_tools([_TOOL]), HumanMessage(_ASKED))
    if answer.invalid_tool_calls:
        return False, "the arguments of its call are no JSON object"
    orders = _orders(answer)
    return orders == ["ORD-1042"], f"it called for {', '.join(orders)}" if orders else "it answered in words"


async def _calls_at_once(model: Lineup) -> Seen:
    answer = await _asked(model.with_tools([_TOOL]), HumanMessage(_BOTH))
    return sorted(_orders(answer)) == ["ORD-1042", "ORD-1043"], f"{len(answer.tool_calls)} calls in one answer"


async def _reads_a_result(model: Lineup) -> Seen:
    call = {"name": "get_order", "args": {"order": "ORD-1042"}, "id": "call_1", "type": "tool_call"}
    told: Sequence[BaseMessage] = (
        HumanMessage(_ASKED),
        AIMessage("", tool_calls=[call]),
        ToolMessage("status: paid\ntotal: 48.50 EUR", tool_call_id="call_1", name="get_order"),
    )
    answer = await _asked(model.with_tools([_TOOL]), *told)
    return "48" in answer.text, "it tells what the tool found" if "48" in answer.text else "it did not tell the total"


async def _answers_in_shape(model: Lineup) -> Seen:
    answer = await _asked(model.answering_as(_FORMAT), HumanMessage("Which room handles an order's parcel? As JSON."))
    try:
        value: Any = orjson.loads(str(answer.text))  # a subclass, which orjson does not read
    except orjson.JSONDecodeError:
        return False, "its answer is no JSON"
    return isinstance(value, dict) and "room" in value, "its answer keeps to a schema"


_PROBES: tuple[tuple[str, bool, str, Callable[[Lineup], Awaitable[Seen]]], ...] = (
    ("tools", True, "it can look nothing up and do nothing", _calls_a_tool),
    ("results", True, "it cannot answer from what the shop finds", _reads_a_result),
    ("calls at once", False, "answers from several places take more calls, time and tokens", _calls_at_once),
    ("structured output", False, "the router's answers cannot be read: the index guesses the specialists", _answers_in_shape),
)  # fmt: skip
