"""The graph: understand a request, have it worked on by the specialists that it needs, answer it.

    admit ─► model ⇄ tools ─► finish              admit ─► branch × n ─► join ─► finish
       └► route ┘ └► approve ┘                       └► route ┘

A specialist is a scope: one compiled graph serves them all. `admit` and `finish` stand at its ends and are plain functions:
what the index knows is known before the run, and the answer is stored once the checkpoints are through. Where the index is not
sure, a model routes in a step of its own. A turn keeps no checkpoint until it is about to change something: then its run ends,
and is entered again at that call, kept. The model that read the last result writes the answer; nothing returns to a supervisor.
`approve` only interrupts.
"""

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, interrupt
from pydantic import ConfigDict, ValidationError

import prompts
from agents.marks import marked, nonce_of
from agents.specialist import Specialist
from db.exact import Exact
from orchestrator.answers import stopping
from orchestrator.calls import calls_of, unanswered, work_off
from orchestrator.harmless import Harmless, Known, harmless
from orchestrator.language_model import Lineup, Models, ask
from orchestrator.offer import FEW, AnyTool, Catalogue, Index
from orchestrator.saver import PooledSaver
from orchestrator.state import Asked, Events, Finding, Part, Request, State, Turn, Update
from planner.choose.index import Route
from tools.contract.actors import Actor, Hand

T = TypeVar("T")
Goes = Command[str]  # what a step came to, and which is next

BRANCHES = 4
WORTH_BRANCHING = 3  # independent wishes; fewer are done sooner in one loop over both rooms
BRANCH_CALLS = 4  # of the model, in one branch
UNLIKELY = 0.02  # chance of a change below which a turn is prepared for reading alone


class Prompts(Protocol):
    """What models are told of how to behave: the house rules, how to route, and about each room."""

    def read(self, name: str) -> str: ...
    def about(self, name: str, tools: Container[str], offered: Container[str]) -> str: ...


class Supervisor:
    """The compiled graph, and what it is built of: any specialists and tools. Built once; every turn of every merchant runs
    through it.
    """

    def __init__(
        self,
        scopes: Sequence[Specialist],
        tools: Mapping[str, AnyTool],
        models: Models,
        index: Index,
        saver: PooledSaver,
        voice: Prompts = prompts,  # pyrefly: ignore[bad-function-definition]  # `read` is cached, and read only
        few: int = FEW,
    ) -> None:
        self.voice = voice
        self.catalogue = Catalogue(scopes, tools, index, few=few)
        self.models = models
        self.index = index
        self.saver = saver
        built = self._build()
        self.graph: Any = built.compile(checkpointer=saver)
        # A turn that has changed nothing yet keeps nothing: after a crash it is run again from its request.
        self.reading_graph: Any = built.compile()
        self._bound = lru_cache(256)(self._bind)
        # More would not be faster, and each keeps memory.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")

    def _build(self) -> Any:
        graph: Any = StateGraph(State, context_schema=Turn)  # its own types are only half known
        graph.add_node("route", self.route, destinations=("branch", "model"))
        graph.add_node("model", self.model, destinations=("tools", END))
        graph.add_node("tools", self.tools, destinations=("model", "approve", END))
        graph.add_node("approve", approve)
        graph.add_node("branch", self.branch, input_schema=State)  # it gets its part alone
        graph.add_node("join", self.join)
        graph.add_conditional_edges(START, _at_start, ["route", "branch", "model", "tools"])
        graph.add_edge("approve", "tools")
        graph.add_edge("branch", "join")
        graph.add_edge("join", END)
        return graph

    # ---- before the run ----------------------------------------------------------------------------------------------

    async def admit(
        self,
        asked: Request,
        turn: Turn,
        window: Sequence[AnyMessage] = (),
        before: Sequence[str] = (),
        *,
        tainted: bool = False,
    ) -> State:
        """Where a turn starts: tiers 0 and 1 of the routing, and whether it can change anything. No model is called.

        `before` are the rooms of the turn before: a follow-up keeps them unless the index is sure of others. `tainted`: an
        answer in the window was written after text from outside was read, and may carry its wishes on.
        """
        said = HumanMessage(asked.text)
        if asked.tool:
            call = {"name": asked.tool, "args": asked.arguments, "id": "request", "type": "tool_call"}
            message = AIMessage("", tool_calls=[call])
            reads = not self.catalogue.tools[asked.tool].writes
            return State(messages=[said, message], request=asked.text, direct=True, reading=reads, kept=not reads)
        state = await self._beside(lambda: self._understood(asked, turn.actor, window, before))
        if state.tier != 2:
            await _tell_route(turn, state.tier, state.scope, state.parts)
        return replace(state, messages=[*window, said], tainted=tainted)

    def _understood(self, asked: Request, actor: Actor, window: Sequence[AnyMessage], before: Sequence[str]) -> State:
        """What the index alone makes of a request; the tools to offer too, where no model has to route."""
        route = self.index.route(asked.text)
        scope = [asked.specialist] if asked.specialist else self._scope(route, before)
        unsure = not scope and not route.smalltalk and self.models.router is not None
        parts = [Part(room=room, text=asked.text) for room in route.rooms] if route.sure and route.independent else []
        branches = len(parts) >= WORTH_BRANCHING and self.models.hand is Hand.model and not asked.specialist
        state = State(
            request=asked.text,
            scope=scope,
            tier=0 if asked.specialist else 2 if unsure else 1,
            reading=self._only_reads(asked.text, route, actor, window),
            parts=parts[:BRANCHES] if branches else [],
        )
        if not unsure and not branches:
            state.offered = self._offer(state, scope, actor, sure=route.sure)
        return state

    def entered_again(self, state: State, actor: Actor) -> State:
        """The same turn, prepared for a change: kept in checkpoints from here on, and offered the writers where it had readers."""
        again = replace(state, enter_again=False, kept=True)
        if not state.reading:
            return again
        offered = self.catalogue.offer(state.request, state.scope, actor, reading=False, wide=True)
        return replace(again, reading=False, offered=offered)

    async def _beside(self, work: Callable[[], T]) -> T:
        """Have the index work without holding up the other turns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _scope(self, route: Route, before: Sequence[str]) -> list[str]:
        """The rooms, when the index is sure of them. Where no model can be asked, its guess has to do."""
        if route.sure:
            return list(route.rooms)
        if self.models.router is None:
            return list(dict.fromkeys([*route.rooms, *before]))
        return list(before)

    def _only_reads(self, text: str, route: Route, actor: Actor, window: Sequence[AnyMessage]) -> bool:
        """Whether nothing can or will be changed. A "yes" to a question, or to a change that was shown, may be the wish to."""
        if not any(self.catalogue.tools[name].writes for name in self.catalogue.permitted(actor, reading=False)):
            return True
        kept = [cast(dict[str, Any], message.additional_kwargs) for message in window]
        open_ = any("pending" in one or cast(dict[str, Any], one.get("did") or {}).get("put") for one in kept)
        return route.sure and not open_ and self.catalogue.chance_of_writing(text, actor) < UNLIKELY

    # ---- the nodes ---------------------------------------------------------------------------------------------------

    async def route(self, state: State, runtime: Runtime[Turn]) -> Goes:
        """Tier 2, where tiers 0 and 1 left it open: one small structured call; then the tools to offer."""
        turn = runtime.context
        update = await self._ask_router(state, turn)
        scope, parts = update.get("scope", state.scope), update.get("parts", state.parts)
        await _tell_route(turn, state.tier, scope, parts)
        if parts:
            return Command(update=update, goto=[Send("branch", part) for part in parts])
        offered = await self._beside(lambda: self._offer(state, scope, turn.actor, sure=self._sure(state.request)))
        return Command(update=update | {"offered": offered}, goto="model")

    def _offer(self, state: State, scope: Sequence[str], actor: Actor, *, sure: bool) -> list[str]:
        """The likeliest few tools; all to the embedded planner, which pays for none and reads what was said before better."""
        if self.models.hand is Hand.planner and state.tier != 0:
            return self.catalogue.permitted(actor, reading=state.reading)
        closed = state.tier == 0
        return self.catalogue.offer(state.request, scope, actor, reading=state.reading, wide=not sure, closed=closed)

    def _sure(self, text: str) -> bool:
        return self.index.route(text).sure

    async def model(self, state: State, runtime: Runtime[Turn]) -> Goes:
        """One call of the language model, or the end of the turn where a limit is reached."""
        turn = runtime.context
        stopped = _limit(state, turn)
        if stopped:
            told = AIMessage(stopping(stopped, state))
            return Command(update={"messages": [told], "stopped": stopped}, goto=END)
        bound, system = self._bound(tuple(state.scope), tuple(state.offered), state.reading)
        message, asked = await self._ask(bound, system, state.messages, turn, state.scope)
        update = {"messages": [message], "asked": [asked]}
        return Command(update=update, goto="tools" if calls_of(message) else END)

    async def tools(self, state: State, runtime: Runtime[Turn]) -> Goes:
        update = await work_off(self.catalogue, state, runtime.context)
        if update.get("waiting", state.waiting):
            return Command(update=update, goto="approve")
        return Command(update=update, goto=END if "enter_again" in update or state.direct else "model")

    async def branch(self, part: Part, runtime: Runtime[Turn]) -> Update:
        """One of several independent wishes, by its own specialist, who only reads."""
        turn = runtime.context
        wish = f"{part['text']}\n\nAnswer only what concerns {self.catalogue.scopes[part['room']].title}."
        own = State(messages=[HumanMessage(wish)], request=part["text"], scope=[part["room"]], reading=True)
        own.offered = self._offer(own, own.scope, turn.actor, sure=self._sure(part["text"]))
        bound, system = self._bound(tuple(own.scope), tuple(own.offered), True)
        message = AIMessage("")
        for _ in range(BRANCH_CALLS):
            message, asked = await self._ask(bound, system, own.messages, turn, own.scope, heard=False)
            own.messages, own.asked = [*own.messages, message], [*own.asked, asked]
            update = await work_off(self.catalogue, own, turn)
            if not calls_of(message) or update.get("enter_again"):
                break
            own.messages = [*own.messages, *update.get("messages", [])]
            own.made = [*own.made, *update.get("made", [])]
            own.offered, own.tainted = update.get("offered", own.offered), own.tainted or "tainted" in update
        answer = message.text or "This part was not finished."
        finding = Finding(room=part["room"], answer=marked(answer, nonce_of(turn.id)) if own.tainted else answer)
        tainted = {"tainted": True} if own.tainted else {}
        return {"findings": [finding], "made": own.made, "asked": own.asked, **tainted}

    async def join(self, state: State, runtime: Runtime[Turn]) -> Update:
        """One answer out of what the branches found."""
        found = "\n\n".join(f"## {self.catalogue.scopes[one['room']].title}\n{one['answer']}" for one in state.findings)
        asked = HumanMessage(f"The specialists found:\n\n{found}\n\nWrite one answer to the request, from this alone.")
        _, system = self._bound((), (), True)
        messages = [*state.messages, asked]
        message, asked = await self._ask(self.models.specialist, system, messages, runtime.context)
        return {"messages": [message], "asked": [asked]}

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _bind(self, scope: tuple[str, ...], offered: tuple[str, ...], reading: bool) -> tuple[Lineup, str]:
        """The model with these tools, and the part of its prompt that does not change: converted once, cached by providers."""
        told = {room: self.voice.about(room, self.catalogue.tools, offered) for room in scope}
        rooms = [f"# {self.catalogue.scopes[room].title}\n{text}" for room, text in told.items() if text]
        functions = self.catalogue.functions(offered, reading=reading)
        return self.models.specialist.with_tools(functions), "\n\n".join([self.voice.read("house_rules"), *rooms])

    async def _ask(
        self,
        model: Lineup,
        system: str,
        messages: Sequence[AnyMessage],
        turn: Turn,
        rooms: Sequence[str] = (),
        *,
        heard: bool = True,
    ) -> tuple[AIMessage, Asked]:
        """The next message, made harmless, and what it cost; it is streamed as the answer unless it is a branch's (not `heard`)."""
        site = turn.shop.site.address

        def known(address: str) -> bool:
            return any(address in message.text for message in messages)

        aloud = _Aloud(turn.events, site, known)
        if self.models.hand is Hand.model:
            await turn.events.flush()
        told = [SystemMessage(f"{system}\n\n{today(turn)}"), *messages]
        message = await ask(model, told, aloud.hear if heard else _unheard)
        await aloud.end()
        shown = message.model_copy(update={"content": harmless(message.text, site, known)})
        return shown, _counted(message, rooms, turn)

    async def _ask_router(self, state: State, turn: Turn) -> Update:
        """Which specialists a request needs. An answer that cannot be read leaves it to the index."""
        assert self.models.router is not None
        rooms = "\n".join(f"- {scope.room}: {scope.handles}" for scope in self.catalogue.scopes.values())
        asked = [SystemMessage(f"{self.voice.read('supervisor')}\n\n{rooms}"), HumanMessage(state.request)]
        router = self.models.router.answering_as(_routing(tuple(self.catalogue.scopes)))
        message = await ask(router, asked, _unheard)
        try:
            chosen = Routed.model_validate_json(message.text)
        except ValidationError:
            chosen = Routed(rooms=[*self.index.route(state.request).rooms], mode="joint", parts=[])
        rooms_chosen = [room for room in chosen.rooms if room in self.catalogue.scopes]
        parts = [Part(room=part.room, text=part.text) for part in chosen.parts if part.room in rooms_chosen]
        branches = chosen.mode == "parallel" and len(parts) >= WORTH_BRANCHING
        update: Update = {"scope": rooms_chosen, "asked": [_counted(message, (), turn)]}
        return update | ({"parts": parts[:BRANCHES]} if branches else {})


class RoutedPart(Exact):
    model_config = ConfigDict(extra="forbid")

    room: str
    text: str


class Routed(Exact):
    """What the routing model answers."""

    model_config = ConfigDict(extra="forbid")

    rooms: list[str]
    mode: str
    parts: list[RoutedPart]


@lru_cache(4)
def _routing(rooms: tuple[str, ...]) -> dict[str, Any]:
    room = {"type": "string", "enum": list(rooms)}
    part = _strict({"room": room, "text": {"type": "string"}})
    schema = _strict(
        {
            "rooms": {"type": "array", "items": room},
            "mode": {"type": "string", "enum": ["single", "joint", "parallel"]},
            "parts": {"type": "array", "items": part},
        }
    )
    return {"type": "json_schema", "json_schema": {"name": "route", "strict": True, "schema": schema}}


def _strict(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


async def _unheard(_: str, __: bool) -> None: ...


class _Aloud:
    """What is heard of a model while it writes: nothing but what is harmless, and from the beginning where it was asked anew."""

    def __init__(self, events: Events, site: str, known: Known) -> None:
        self.events = events
        self._begun = partial(Harmless, site, known)
        self._text, self._anew = self._begun(), True

    async def hear(self, text: str, anew: bool) -> None:
        if anew:
            self._text, self._anew = self._begun(), True
        await self._tell(self._text.feed(text))

    async def end(self) -> None:
        await self._tell(self._text.rest())

    async def _tell(self, shown: str) -> None:
        if shown:
            await self.events.token(shown, self._anew)
            self._anew = False


async def approve(state: State) -> Update:
    """Wait for a person. Nothing else happens here: LangGraph runs this node again from its start when it resumes."""
    interrupt({"approval": state.waiting})
    return {}


async def _at_start(state: State) -> str | list[Send]:
    """A named operation, and a turn that is entered again, know what is to be called."""
    if unanswered(state.messages):
        return "tools"
    if state.tier == 2:
        return "route"
    return [Send("branch", part) for part in state.parts] or "model"


async def _tell_route(turn: Turn, tier: int, rooms: Sequence[str], parts: Sequence[Part]) -> None:
    await turn.events.add("route", specialists=list(rooms), tier=tier, parallel=bool(parts))


def _limit(state: State, turn: Turn) -> str:
    """The limit that the turn has reached, in words; empty while there is none."""
    limits = turn.limits
    tokens = sum(one["prompt_tokens"] + one["completion_tokens"] for one in state.asked)
    results = sum(isinstance(message, ToolMessage) for message in state.messages)  # those refused for the limit too
    reached = {
        f"{limits.model_calls} calls of the language model": len(state.asked) >= limits.model_calls,
        f"{limits.tool_calls} tool calls": results > limits.tool_calls,
        f"{limits.repairs} repairs of calls that could not be made": state.repairs > limits.repairs,
        f"{limits.tokens:,} tokens": tokens >= limits.tokens,
        f"{limits.seconds} seconds": turn.late,
    }
    return next((limit for limit, is_reached in reached.items() if is_reached), "")


def _counted(message: AIMessage, rooms: Sequence[str], turn: Turn) -> Asked:
    """A call's cost by who made it; a server that does not count leaves zeros."""
    used = message.usage_metadata
    asked = Asked(
        agent=", ".join(rooms) or "supervisor",
        model=message.response_metadata["model"],
        prompt_tokens=used["input_tokens"] if used else 0,
        completion_tokens=used["output_tokens"] if used else 0,
    )
    turn.asked.append(asked)
    return asked


def today(turn: Turn) -> str:
    """The last line of a prompt, the only one that changes from minute to minute."""
    shop, now = turn.merchant, turn.shop.clock().astimezone(turn.merchant.zone)
    return f"Today is {now:%Y-%m-%d (%A), %H:%M} in {shop.zone.key}. Currency {shop.currency}. Shop: {shop.name}."


build_graph = Supervisor  # over any specialists and tools: the shop's own, or others that it shall serve
