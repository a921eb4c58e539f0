"""Fifty conversations at once in one process, with a model of fixed latency: whether they hold each other up.

Each asks one thing after the other: it is answered when the model has twice taken its time. What is beyond that is ours.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.chat import READING
from bench.client import Connection
from bench.machine import Cpu, cpu
from bench.shop import BenchShop, bench_shop, free_port

AT_ONCE = (1, 10, 50)
TURNS = 6  # of each conversation
LATENCY = 0.5  # seconds that the model takes for an answer
CALLS = 2  # of the model, a turn


@dataclass
class Turns:
    """How long the turns took, in seconds, and what they cost the process, in milliseconds of CPU."""

    took: list[float] = field(default_factory=list[float])
    wall: float = 0.0
    cost: Cpu = field(default=Cpu(0, 0))

    def percentile(self, share: float) -> float:
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * share))]

    def row(self, at_once: int) -> str:
        beyond = [(self.percentile(share) - CALLS * LATENCY) * 1000 for share in (0.5, 0.99)]
        cells = [at_once, f"{len(self.took) / self.wall:.1f}", f"{at_once / (CALLS * LATENCY):.1f}"]
        cells += [f"{self.percentile(0.5):.2f}", f"{self.percentile(0.99):.2f}", *(f"{ms:.0f}" for ms in beyond)]
        cells += [f"{cost / len(self.took):.1f}" for cost in (self.cost.app, self.cost.database)]
        return f"| {' | '.join(map(str, cells))} |"


class Slow:
    """A model that reads once and answers: it takes its time for each answer, for many at once, and next to no CPU."""

    def __init__(self) -> None:
        self.port = free_port()
        app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        running = asyncio.create_task(self._server.serve())
        yield
        self._server.should_exit = True
        await running

    async def _complete(self, request: Request) -> Response:
        body = await request.body()
        await asyncio.sleep(LATENCY)
        answered = b'"role":"tool"' in body or b'"role": "tool"' in body
        return Response(ANSWERS if answered else CALLED, media_type="text/event-stream")


async def measure() -> str:
    model = Slow()
    room = {"SHOPKEEPER_TURNS": str(max(AT_ONCE)), "SHOPKEEPER_TURNS_PER_ACTOR": str(max(AT_ONCE))}
    with bench_shop(OPENAI_API_KEY="scripted", OPENAI_BASE_URL=model.url, **room) as shop:
        async with model.serving():
            rows = [(await _at_once(shop, count)).row(count) for count in AT_ONCE]
    head = ["conversations", "turns a second", "at most*", "p50 s", "p99 s", "beyond the model, p50 ms", "p99 ms"]
    head += ["app CPU ms a turn", "database CPU ms"]
    return "\n".join(
        [
            "## Conversations at once",
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *rows,
            "",
            f"One web process; {TURNS} reading turns in each conversation, each with {CALLS} calls of a scripted model that takes",
            f"{LATENCY} s for an answer.",
            "\\* as many as that model's time allows.",
        ]
    )


async def _at_once(shop: BenchShop, count: int) -> Turns:
    turns = Turns()

    async def converse(connection: Connection, times: int) -> None:
        _, made = await connection.ask("POST", "/conversations", {})
        path = f"/conversations/{orjson.loads(made)['conversation']}/messages"
        for _ in range(times):
            began = time.perf_counter()
            status, _ = await connection.ask("POST", path, {"text": READING}, prefer="wait=60")
            assert status == 200, status
            turns.took.append(time.perf_counter() - began)

    connections = [await Connection.open(shop.port, shop.credentials.key) for _ in range(count)]
    await converse(connections[0], 2)
    turns.took.clear()
    before, began = cpu(shop.app, shop.postmaster), time.perf_counter()
    await asyncio.gather(*(converse(connection, TURNS) for connection in connections))
    turns.wall, turns.cost = time.perf_counter() - began, cpu(shop.app, shop.postmaster) - before
    for connection in connections:
        connection.writer.close()
    return turns


def _streamed(*deltas: dict[str, Any]) -> bytes:
    """An answer as a model streams it."""
    base = {"id": "chatcmpl-1", "created": 1, "model": "scripted", "object": "chat.completion.chunk"}
    ends = "tool_calls" if "tool_calls" in deltas[-1] else "stop"
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": ends})
    return (
        b"".join(b"data: " + orjson.dumps(base | {"choices": [one]}) + b"\n\n" for one in choices) + b"data: [DONE]\n\n"
    )


_CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "low_stock_products", "arguments": "{}"}}
CALLED = _streamed({"role": "assistant", "tool_calls": [_CALL]})
ANSWERS = _streamed(
    {"role": "assistant", "content": ""},
    *({"content": f"{word} "} for word in ["Fourteen", "variants", "are", "sold", "out"]),
)
