"""Fifty conversations at once in one process, with a model of fixed latency: whether they hold each other up.

Each asks one thing after the other: it is answered when the model has twice taken its time. What is beyond that is ours.
"""

import asyncio
import time
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import Response

from bench.chat import READING, script, turn
from bench.machine import cpu
from bench.shop import BenchShop, bench_shop
from tests.scripted_openai import ScriptedOpenAI

AT_ONCE = (1, 10, 50)
TURNS = 6  # of each conversation
LATENCY = 0.5  # seconds that the model takes for an answer
CALLS = 2  # of the model, a turn


@dataclass
class Turns:
    """How long the turns took, in seconds, and what they cost the process, in milliseconds of CPU."""

    took: list[float] = field(default_factory=list[float])
    wall: float = 0.0
    app: float = 0.0

    def percentile(self, share: float) -> float:
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * share))]

    def row(self, at_once: int) -> str:
        beyond = [(self.percentile(share) - CALLS * LATENCY) * 1000 for share in (0.5, 0.99)]
        cells = [at_once, f"{len(self.took) / self.wall:.1f}", f"{at_once / (CALLS * LATENCY):.1f}"]
        cells += [f"{self.percentile(0.5):.2f}", f"{self.percentile(0.99):.2f}", *(f"{ms:.0f}" for ms in beyond)]
        return f"| {' | '.join(map(str, [*cells, f'{self.app / len(self.took):.1f}']))} |"


class Slow(ScriptedOpenAI):
    """The scripted model, which takes its time for each answer, for many at once."""

    async def _complete(self, request: Request) -> Response:
        await asyncio.sleep(LATENCY)
        return await super()._complete(request)


async def measure() -> str:
    model = Slow()
    model.start()
    model.answer(script)
    try:
        room = {"SHOPKEEPER_TURNS": str(max(AT_ONCE)), "SHOPKEEPER_TURNS_PER_ACTOR": str(max(AT_ONCE))}
        room["SHOPKEEPER_STREAMS_PER_ACTOR"] = str(2 * max(AT_ONCE))
        with bench_shop(OPENAI_API_KEY="scripted", OPENAI_BASE_URL=model.url, **room) as shop:
            rows = [(await _at_once(shop, count)).row(count) for count in AT_ONCE]
    finally:
        model.stop()
    head = ["conversations", "turns a second", "at most*", "p50 s", "p99 s", "beyond the model, p50 ms", "p99 ms"]
    head.append("app CPU ms a turn")
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
    headers = {"Content-Type": "application/json"}
    address, limits = f"http://127.0.0.1:{shop.port}/api/v1", httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=120, limits=limits) as client:
        who = {"email": shop.credentials.email, "password": shop.credentials.password}
        (await client.post("/session", json=who)).raise_for_status()

        async def converse(times: int) -> None:
            for _ in range(times):
                began = time.perf_counter()
                await turn(client, READING, None)
                turns.took.append(time.perf_counter() - began)

        await converse(2)
        turns.took.clear()
        before, began = cpu(shop.app, shop.postmaster), time.perf_counter()
        await asyncio.gather(*(converse(TURNS) for _ in range(count)))
        turns.wall, turns.app = time.perf_counter() - began, (cpu(shop.app, shop.postmaster) - before).app
    return turns
