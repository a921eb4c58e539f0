"""Idle streams: a thousand browsers that wait for what happens in their conversation, and what that costs."""

import asyncio
import contextlib
import resource
import time
import uuid

import httpx

from bench.machine import cpu, resident
from bench.orders import statements
from bench.shop import BenchShop, bench_shop

STREAMS = 1_000
SECONDS = 20.0
# All are one person here.
PLENTY = {
    "SHOPKEEPER_STREAMS_PER_ACTOR": "100000",
    "SHOPKEEPER_STREAMS_PER_CONVERSATION": "100000",
}


async def measure() -> str:
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (8 * STREAMS, 8 * STREAMS))
    with bench_shop(**PLENTY) as shop:
        headers = {"Authorization": f"Bearer {shop.credentials.key}"}
        base = f"http://127.0.0.1:{shop.port}/api/v1"
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=60, limits=httpx.Limits(max_connections=None)
        ) as client:
            return await _measure(shop, client)


async def _measure(shop: BenchShop, client: httpx.AsyncClient) -> str:
    conversation = (await client.post("/conversations", json={}, headers=_key())).json()["conversation"]
    await _say(client, conversation)
    memory = resident(shop.app)
    ready, answered = asyncio.Semaphore(0), asyncio.Semaphore(0)
    streams = [asyncio.create_task(_follow(client, conversation, ready, answered)) for _ in range(STREAMS)]
    for _ in range(STREAMS):
        await ready.acquire()
    await asyncio.sleep(2)
    sent, costs, began = statements(shop), cpu(shop.app, shop.postmaster), time.perf_counter()
    await asyncio.sleep(SECONDS)
    sent, costs = statements(shop) - sent, cpu(shop.app, shop.postmaster) - costs
    idle, held = time.perf_counter() - began, resident(shop.app) - memory
    began = time.perf_counter()
    await _say(client, conversation)
    for _ in range(STREAMS):
        await answered.acquire()
    all_told = time.perf_counter() - began
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    return "\n".join(
        [
            "## Idle streams",
            "",
            "| streams | statements* | app CPU, ms a second | database CPU, ms a second | KB a stream | all told, s |",
            "|---|---|---|---|---|---|",
            f"| {STREAMS:,} | {sent} | {costs.app / idle:.1f} | {costs.database / idle:.1f} "
            f"| {held * 1024 / STREAMS:.0f} | {all_told:.1f} |",
            "",
            f"Over {SECONDS:.0f} seconds in which nothing happened; then a question was asked, and all were told the answer.",
            "\\* once a minute it is asked whether the connection hears, and whether each caller still may.",
        ]
    )


async def _follow(
    client: httpx.AsyncClient, conversation: str, ready: asyncio.Semaphore, answered: asyncio.Semaphore
) -> None:
    """Follow a conversation: what was said before makes it ready, the next answer is counted."""
    answers = 0
    async with client.stream("GET", f"/conversations/{conversation}/events?follow=true", timeout=None) as stream:
        async for line in stream.aiter_lines():
            if line == "event: run.finished":
                (answered if answers else ready).release()
                answers += 1


async def _say(client: httpx.AsyncClient, conversation: str) -> None:
    answer = await client.post(
        f"/conversations/{conversation}/messages", json={"text": "hello"}, headers=_key() | {"Prefer": "wait=60"}
    )
    answer.raise_for_status()


def _key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}
