"""Our graph over the harness's agents and tools: `python -m bench.peers.ours <harness> <rounds>`, with its `STUB` and `PGDSN` set.

The index is the harness's own, which knows words and nothing of meaning: what is measured is the graph. Prints what was measured,
one JSON object a line.
"""

import asyncio
import math
import os
import sys
import time
import uuid
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import psycopg
from langgraph.types import Command

from agents.chat_tool import Answer, Json, function
from agents.lean import parameters
from agents.specialist import Specialist
from bench.peers.measuring import Turned, measure
from db.clock import now
from db.money import Rounding
from db.session import Database
from orchestrator.language_model import remote_models
from orchestrator.saver import SCHEMA, open_saver, thread
from orchestrator.settings import Settings
from orchestrator.state import Request, State, Turn
from orchestrator.supervisor import Supervisor, build_graph
from planner.choose.index import Ranked, Route
from planner.read.reader import Mention
from tools.contract.actors import Actor, Caller, Door, Hand, Proof, Shopfront
from tools.contract.call import Shop

USE = "peers:use"
ROWS = """
select (select count(*) from checkpoints where thread_id = %(thread)s)
     + (select count(*) from checkpoint_blobs where thread_id = %(thread)s)
     + (select count(*) from checkpoint_writes where thread_id = %(thread)s)
"""
MERCHANT = UUID(int=1)
LIKELY = 10  # tools that the harness's own retrieval finds


@dataclass(frozen=True)
class HarnessTool:
    """A tool of the harness, as the graph uses it. One that a person must approve waits for them once in a turn."""

    spec: Any
    body: Callable[[str, Json], str]
    asked: set[UUID] = field(default_factory=set[UUID])
    permission: str = USE
    for_people: bool = False

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def writes(self) -> bool:
        return self.spec.writes

    @property
    def schema(self) -> Json:
        return self.spec.schema

    @property
    def function(self) -> Json:
        return function(self.name, self.spec.description, parameters(self.schema))

    def same(self, arguments: Mapping[str, Any]) -> str:
        return self.name + orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()

    async def run(self, shop: Shop, arguments: Mapping[str, Any], caller: Caller, *, turn: UUID, nth: int) -> Answer:
        if self.spec.approval and turn not in self.asked:
            self.asked.add(turn)
            return Answer("", approval="APR-1")
        return Answer(self.body(self.name, dict(arguments)))


@dataclass(frozen=True)
class HarnessIndex:
    """The harness's retrieval: the tools whose words are rare and in the request."""

    lean: ModuleType
    rooms: Mapping[str, str]  # by tool

    def rank(self, text: str, *, among: Collection[str] | None = None, limit: int = 18) -> Sequence[Ranked]:
        said = self.lean._terms(text)
        scores = {name: self._score(said, name) for name in self.rooms if among is None or name in among}
        best = sorted(scores, key=lambda name: (scores[name], name), reverse=True)
        whole = sum(scores[name] for name in best[:LIKELY]) or 1.0
        shares = [scores[name] / whole if place < LIKELY else 0.0 for place, name in enumerate(best)]
        return [Ranked(name, self.rooms[name], share, 0.0) for name, share in zip(best, shares, strict=True)][:limit]

    def _score(self, said: set[str], name: str) -> float:
        words, rarity = self.lean._TDOC[name], self.lean._TIDF
        return sum(rarity[word] for word in said & words) / math.sqrt(sum(rarity[word] ** 2 for word in words))

    def route(self, text: str) -> Route:
        return Route((self.rank(text)[0].room,), independent=False, sure=True, smalltalk=False)

    def mentions(self, text: str) -> Sequence[Mention]:
        return ()

    def names(self, text: str) -> bool:
        return False


@dataclass(frozen=True)
class HarnessPrompts:
    """The harness's prompt for one agent with all tools, which it gives whoever picks tools."""

    flat: str

    def read(self, name: str) -> str:
        return self.flat if name == "house_rules" else ""

    def about(self, name: str, tools: Container[str], offered: Container[str]) -> str:
        return ""


class Heard:
    """The events of a turn: when its answer began, and what was streamed of it."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.first: float | None = None
        self.text = ""

    async def add(self, kind: str, **data: Any) -> None: ...
    async def flush(self) -> None: ...

    async def token(self, text: str, anew: bool) -> None:
        self.first = self.first or time.perf_counter() - self.began
        self.text += text


class Ours:
    """Our graph, asked as `orchestrator/chat` asks it: without checkpoints where a turn can only read, else until its end."""

    def __init__(self, supervisor: Supervisor, database: Database) -> None:
        self.supervisor = supervisor
        self.shop = Shop(database)

    async def turn(self, case: Any, counted: bool) -> Turned:
        heard = Heard()
        turn = self._turn(heard)
        state = await self.supervisor.admit(Request(case.text), turn)
        given: Any = state.told()
        while True:
            values = await self._run(given, turn, state.kept)
            cards = [one.id for one in values.pop("__interrupt__", ())]
            state = State(**values)
            if cards:
                given = Command(resume=dict.fromkeys(cards, "decided"))
            elif state.enter_again:
                state = self.supervisor.entered_again(state, turn.actor)
                given = state.told()
            else:
                break
        rows = await self._rows(turn) if counted else 0
        if state.kept:
            await self.supervisor.saver.forget(MERCHANT, turn.id)
        return Turned(state.messages[-1].text, rows, heard.first, heard.text)

    async def _run(self, given: Any, turn: Turn, kept: bool) -> dict[str, Any]:
        config = {"configurable": {"thread_id": thread(MERCHANT, turn.id)}, "recursion_limit": turn.limits.steps}
        if not kept:
            return await self.supervisor.reading_graph.ainvoke(given, config, context=turn)
        return await self.supervisor.graph.ainvoke(given, config, context=turn, durability="sync")

    def _turn(self, heard: Heard) -> Turn:
        caller = Caller(MERCHANT, Door.chat, Hand.model, Proof.user, "somebody")
        actor = Actor("USR-1", "Somebody", None, frozenset((USE,)), None, None, None)
        shopfront = Shopfront(MERCHANT, "Shop", "USD", ("USD",), ZoneInfo("UTC"), "US", False, Rounding.half_up, None)
        return Turn(uuid.uuid4(), self.shop, caller, actor, shopfront, heard, now() + timedelta(minutes=1))

    async def _rows(self, turn: Turn) -> int:
        async with await psycopg.AsyncConnection.connect(self.shop.database.url, options=SCHEMA) as connection:
            cursor = await connection.execute(ROWS, {"thread": thread(MERCHANT, turn.id)})
            return (await cursor.fetchone() or (0,))[0]


async def main(rounds: int) -> None:
    import catalog
    import lean

    tools = {spec.name: HarnessTool(spec, catalog.run_tool) for spec in catalog.TOOLS}
    scopes = [Specialist(agent, agent.title(), about, tuple(names)) for agent, (about, names) in catalog.AGENTS.items()]
    index = HarnessIndex(lean, {spec.name: spec.agent for spec in catalog.TOOLS})
    settings = Settings.model_validate(
        {"openai_api_key": "test", "openai_base_url": f"{os.environ['STUB']}/v1", "model": "scripted"}
    )
    database_url = os.environ["PGDSN"]
    async with open_saver(database_url) as saver, remote_models(settings) as remote:
        models = replace(remote, router=None)  # the index alone routes, as the harness's does
        supervisor = build_graph(
            scopes, tools, models, index, saver, voice=HarnessPrompts(catalog.FLAT_PROMPT), few=LIKELY
        )
        ours = Ours(supervisor, Database(database_url))
        await measure("shopkeeper", ours.turn, rounds, stream=ours.turn)


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    asyncio.run(main(int(sys.argv[2])))
