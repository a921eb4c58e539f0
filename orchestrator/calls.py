"""Working off the calls of a message, one after the other: each through `call.py`, each within the turn's limits.

It may be run twice over the same message (after a crash, or a decision): keys come from the turn, the arguments and how often
the same call came before, so a call that was done answers with its first result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, cast

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from agents.chat_tool import Answer, Json, Usable, problem
from agents.told import told
from orchestrator import telemetry
from orchestrator.offer import EXPAND, FIND, Catalogue
from orchestrator.state import Made, State, Turn, Update
from tools.contract.actors import Hand

ROWS_SHOWN = 50
MISTAKES = ("Unreadable", "UnknownTool", "Invalid")  # the model's own; it may repair a few


@dataclass(frozen=True)
class Call:
    """What a model asked for; without arguments when they could not be read."""

    id: str
    name: str
    arguments: Json | None


def calls_of(message: AnyMessage) -> list[Call]:
    """The calls of a message, the unreadable ones too: each has to be answered."""
    if not isinstance(message, AIMessage):
        return []
    readable = [Call(str(call["id"]), call["name"], call["args"]) for call in message.tool_calls]
    return readable + [Call(str(call["id"]), call["name"] or "", None) for call in message.invalid_tool_calls]


def unanswered(messages: Sequence[AnyMessage]) -> list[Call]:
    """The calls that have no result yet, of the last message that made any."""
    place = _last_asking(messages)
    answered = {message.tool_call_id for message in messages[place:] if isinstance(message, ToolMessage)}
    return [call for call in calls_of(messages[place]) if call.id not in answered] if messages else []


def _last_asking(messages: Sequence[AnyMessage]) -> int:
    return next((place for place in reversed(range(len(messages))) if calls_of(messages[place])), 0)


async def work_off(catalogue: Catalogue, state: State, turn: Turn) -> Update:
    """The results of the calls that have none. It stops at a card, and before a write that was not prepared for."""
    work = _Work(catalogue, state, turn, scope=list(state.scope), offered=list(state.offered), tainted=state.tainted)
    for call in unanswered(state.messages):
        if _wants_to_write(catalogue, state, call) if state.reading else not state.kept and _writes(catalogue, call):
            return work.update() | {"enter_again": True}
        answer = await work.answer(call)
        if answer.approval:
            await turn.events.flush()
            return work.update(waiting=answer.approval)
        work.tell(call, answer)
    return work.update()


@dataclass
class _Work:
    """One pass over the calls of a message, and what the state learns from it."""

    catalogue: Catalogue
    state: State
    turn: Turn
    scope: list[str]
    offered: list[str]
    tainted: bool
    messages: list[ToolMessage] = field(default_factory=list[ToolMessage])
    made: list[Made] = field(default_factory=list[Made])
    repairs: int = 0
    result: Json | None = None

    def update(self, *, waiting: str | None = None) -> Update:
        """What is new: every field that LangGraph is given is a row of the checkpoint."""
        before = self.state
        new: Update = {"messages": self.messages, "made": self.made, "repairs": self.repairs, "result": self.result}
        changed = {name: getattr(self, name) for name in ("scope", "offered", "tainted")}
        update = {name: value for name, value in new.items() if value}
        update |= {name: value for name, value in changed.items() if value != getattr(before, name)}
        return update | ({"waiting": waiting} if waiting != before.waiting else {})

    async def answer(self, call: Call) -> Answer:
        if call.arguments is None:
            return problem("Unreadable", f"The arguments of {call.name} are not JSON.", "Send one JSON object.")
        if self._calls_before() >= self.turn.limits.tool_calls:
            return problem("TooManyCalls", "This turn has used up its tool calls; this was not done.", "Answer now.")
        if call.name in (EXPAND, FIND):
            return self._widen(call.name, call.arguments)
        chat_tool = self.catalogue.tools.get(call.name)
        if chat_tool is None:
            return problem("UnknownTool", f"There is no tool {call.name}.", f"Use those offered, or {FIND}.")
        return self._too_often(chat_tool, call.arguments) or await self._run(chat_tool, call, call.arguments)

    def tell(self, call: Call, answer: Answer) -> None:
        """Add a call's result to what the model reads next, and to the evidence."""
        if call.name in self.catalogue.tools:
            self.made.append(self._made(call, answer))
        status = "error" if answer.failed else "success"
        self.messages.append(
            ToolMessage(answer.content, tool_call_id=call.id, name=call.name or "unknown", status=status)
        )
        self.repairs += answer.failed in MISTAKES
        self.tainted = self.tainted or answer.untrusted
        if self.state.direct:
            self.result = answer.result or {"error": answer.problem}

    def _made(self, call: Call, answer: Answer) -> Made:
        return Made(
            id=call.id,
            tool=call.name,
            specialist=self.catalogue.room[call.name],
            arguments=call.arguments or {},
            outcome=answer.failed or "done",
            references=list(answer.references),
            approval=None if self.messages else self.state.waiting,
        )

    async def _run(self, chat_tool: Usable, call: Call, arguments: Json) -> Answer:
        turn, named = self.turn, {"id": call.id, "tool": call.name}
        if self.messages or not self.state.waiting:
            room = self.catalogue.room[call.name]
            await turn.events.add("tool.started", **named, specialist=room, arguments=arguments)
        caller = replace(turn.caller, tainted=self.tainted, remark=_remark(self.state.messages))
        nth = _nth(self.state.messages, chat_tool, call)
        with telemetry.tool_call(call.name, call.id, arguments) as span:
            answer = await chat_tool.run(turn.shop, arguments, caller, turn=turn.id, nth=nth)
            telemetry.tool_answered(span, answer.failed or "", answer.content)
        if answer.approval is None:
            outcome, references = answer.failed or "done", list(answer.references)
            await turn.events.add("tool.finished", **named, outcome=outcome, references=references)
            await _show_rows(turn, named, answer.result)
        return answer

    def _too_often(self, chat_tool: Usable, arguments: Json) -> Answer | None:
        same = chat_tool.same(arguments)
        before = [one for one in [*self.state.made, *self.made] if one["tool"] == chat_tool.name]
        outcomes = [one["outcome"] for one in before if chat_tool.same(one["arguments"]) == same]
        if "Rejected" in outcomes:
            return problem("Rejected", "A person has decided against this very call in this turn.", "Leave it.")
        if len(outcomes) < self.turn.limits.same_call:
            return None
        return problem("SameCall", f"This very call was made {len(outcomes)} times already.", "Use what it answered.")

    def _calls_before(self) -> int:
        return len(self.messages) + sum(isinstance(message, ToolMessage) for message in self.state.messages)

    def _widen(self, name: str, arguments: Json) -> Answer:
        """Offer more: the tools of further rooms, or those that a search finds."""
        actor, reading, before = self.turn.actor, self.state.reading, self.offered
        found: list[str] = []
        if name == FIND:
            found += self.catalogue.find(_words(arguments), actor, reading=reading)
            found += [tool for tool in before if self.catalogue.room[tool] not in self.scope and tool not in found]
        else:
            self.scope += [
                room for room in _rooms(arguments) if room in self.catalogue.scopes and room not in self.scope
            ]
        self.offered = self.catalogue.offer(
            self.state.request, self.scope, actor, reading=reading, found=found[:12], wide=True
        )
        added = [tool for tool in self.offered if tool not in before]
        return Answer(told({"offered_now": added or "nothing new"}))


def _wants_to_write(catalogue: Catalogue, state: State, call: Call) -> bool:
    """A change by name, or the wish for further tools to make one with: rooms that are open lack only their writers."""
    arguments = call.arguments or {}
    if call.name == EXPAND:
        return bool(arguments.get("change")) or set(_rooms(arguments)) <= set(state.scope)
    if call.name == FIND:
        return bool(arguments.get("change"))
    return _writes(catalogue, call)


def _writes(catalogue: Catalogue, call: Call) -> bool:
    return call.name in catalogue.tools and catalogue.tools[call.name].writes


def _rooms(arguments: Json) -> list[str]:
    rooms: Any = arguments.get("rooms")
    return [str(room) for room in cast(list[Any], rooms)] if isinstance(rooms, list) else []


def _words(arguments: Json) -> str:
    """What is wished for, whatever the model called the argument."""
    return " ".join(value for value in arguments.values() if isinstance(value, str))


def _remark(messages: Sequence[AnyMessage]) -> str:
    """What the message that makes the calls has to say where one of them waits for a person."""
    return str(cast(Json, messages[_last_asking(messages)].additional_kwargs).get("remark", ""))


def _nth(messages: Sequence[AnyMessage], chat_tool: Usable, call: Call) -> int:
    """How often this very call has come in this turn, itself counted: a deliberate repetition is another call."""
    place = _last_asking(messages)
    earlier = [one for message in messages[:place] for one in calls_of(message)]
    earlier += takewhile(lambda one: one.id != call.id, calls_of(messages[place]))
    same = chat_tool.same(call.arguments or {})
    return 1 + sum(one.name == call.name and chat_tool.same(one.arguments or {}) == same for one in earlier)


async def _show_rows(turn: Turn, named: dict[str, str], result: Json | None) -> None:
    """A result that is a list is shown as a table; one that runs over time, as a chart too. The planner's answers have both."""
    rows = next((rows for value in (result or {}).values() if (rows := _objects(value))), list[Json]())
    if not rows or turn.caller.hand is Hand.planner:
        return
    columns = list(rows[0])
    await turn.events.add("table", **named, columns=columns, rows=rows[:ROWS_SHOWN], total=len(rows))
    over_time = next((column for column in columns if column in ("period", "day", "week", "month", "date")), None)
    if over_time and len(rows) > 2:
        await turn.events.add("chart", **named, over=over_time)


def _objects(value: Any) -> list[Json]:
    rows = cast(list[Any], value) if isinstance(value, list) else []
    return cast(list[Json], rows) if rows and all(isinstance(row, dict) for row in rows) else []
