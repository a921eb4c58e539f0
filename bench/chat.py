"""A chat turn: with the embedded planner, and with a scripted model that never errs and answers at once (so its thinking counts for
nothing): one reading turn, one write with its card and approval.
"""

import json
import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx
import psycopg

from bench.machine import Cpu, cpu
from bench.shop import BenchShop, bench_shop
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, calls, says

TURNS = 40
WARM = 5
READING = "what is running low?"


@dataclass
class Turns:
    """What a kind of turn cost, turn by turn: milliseconds, and counts that are exact."""

    wall: list[float] = field(default_factory=list[float])
    first: list[float] = field(default_factory=list[float])
    costs: list[Cpu] = field(default_factory=list[Cpu])
    rows: float = 0.0  # of checkpoints, a turn
    usage: list[dict[str, int]] = field(default_factory=list[dict[str, int]])

    def row(self, name: str) -> str:
        usage = self.usage[-1]
        columns = [
            name,
            f"{median(self.first):.0f}",
            f"{median(self.wall):.0f}",
            f"{median(cost.app for cost in self.costs):.1f}",
            f"{median(cost.database for cost in self.costs):.1f}",
            str(usage.get("model_calls", 0)),
            str(usage.get("tool_calls", 0)),
            str(usage.get("prompt_tokens", 0)),
            f"{self.rows:.0f}",
        ]
        return f"| {' | '.join(columns)} |"


async def measure() -> str:
    with bench_shop() as shop:
        planned = [(await _turns(shop, READING, None)).row("embedded planner, reading")]
        planned.append(
            (await _turns(shop, None, "approve")).row("embedded planner, cancelling an order, card and approval")
        )
    model = ScriptedOpenAI()
    model.start()
    model.answer(_script)
    try:
        with bench_shop(OPENAI_API_KEY="scripted", OPENAI_BASE_URL=model.url) as shop:
            scripted = [(await _turns(shop, READING, None)).row("scripted model, reading")]
            scripted.append(
                (await _turns(shop, None, "approve")).row("scripted model, cancelling an order, card and approval")
            )
    finally:
        model.stop()
    head = ["", "first event ms", "done ms", "app CPU ms", "database CPU ms", "model calls", "tool calls"]
    head += ["prompt tokens*", "rows of checkpoints"]
    return "\n".join(
        [
            "## A chat turn",
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *planned,
            *scripted,
            "",
            f"One client, medians of {TURNS} turns, over HTTP with the events streamed. The scripted model answers at once:",
            "what a real one thinks comes on top. \\* words and marks, by a rule that never changes; providers count otherwise.",
        ]
    )


async def _turns(shop: BenchShop, text: str | None, decision: str | None) -> Turns:
    done = Turns()
    orders = _open_orders(shop)
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{shop.port}/api/v1", headers=headers, timeout=60
    ) as client:
        signed_in = {"email": shop.credentials.email, "password": shop.credentials.password}
        (await client.post("/session", json=signed_in)).raise_for_status()
        rows = 0
        for number in range(WARM + TURNS):
            rows = rows or (_checkpoint_rows(shop) if number == WARM else 0)
            said = text or f"cancel order {orders[number]}, the customer changed her mind"
            before, began = cpu(shop.app, shop.postmaster), time.perf_counter()
            first, usage = await _turn(client, said, decision)
            wall = (time.perf_counter() - began) * 1000
            if number >= WARM:
                done.first.append(first * 1000)
                done.wall.append(wall)
                done.costs.append(cpu(shop.app, shop.postmaster) - before)
                done.usage.append(usage)
        done.rows = (_checkpoint_rows(shop) - rows) / TURNS
    return done


async def _turn(client: httpx.AsyncClient, text: str, decision: str | None) -> tuple[float, dict[str, int]]:
    """Seconds to the first event, and the usage that the turn told."""
    new = {"Idempotency-Key": uuid.uuid4().hex}
    conversation = (await client.post("/conversations", json={}, headers=new)).json()["conversation"]
    began, first, usage = time.perf_counter(), 0.0, {}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    (await client.post(f"/conversations/{conversation}/messages", json={"text": text}, headers=key)).raise_for_status()
    async for kind, data in _events(client, conversation):
        first = first or time.perf_counter() - began
        if kind == "approval.required" and decision:
            key = {"Idempotency-Key": uuid.uuid4().hex}
            path = f"/approvals/{data['approval']}/decision"
            (await client.post(path, json={"decision": decision}, headers=key)).raise_for_status()
        if kind == "usage":
            usage = {name: count for name, count in data.items() if isinstance(count, int)}
    return first, usage


async def _events(client: httpx.AsyncClient, conversation: str) -> AsyncGenerator[tuple[str, Any]]:
    async with client.stream("GET", f"/conversations/{conversation}/events") as stream:
        kind = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)


def _script(body: Body) -> Reply:
    """Routes, calls one tool, and answers when its result is there."""
    last = body["messages"][-1]
    asked = next(message["content"] for message in reversed(body["messages"]) if message["role"] == "user")
    cancelling = asked.startswith("cancel")
    if "response_format" in body:
        return says(json.dumps({"rooms": ["orders" if cancelling else "products"], "mode": "single", "parts": []}))
    if last["role"] == "tool":
        return says("It is done." if cancelling else "Fourteen variants are sold out, six are nearly so.")
    if cancelling:
        return calls(("cancel_order", {"order": asked.split()[2].rstrip(","), "reason": "customer_request"}))
    return calls(("low_stock_products", {}))


def _open_orders(shop: BenchShop) -> list[str]:
    query = (
        "select reference from orders where merchant_id = %s and status in ('pending', 'confirmed') and units_fulfilled = 0"
        " order by placed_at desc limit 200"
    )
    with psycopg.connect(shop.owner_url) as owner:
        return [row[0] for row in owner.execute(query, (shop.credentials.merchant,))]


def _checkpoint_rows(shop: BenchShop) -> int:
    """Rows that the saver has written so far, once all is told."""
    with psycopg.connect(shop.admin_url, autocommit=True) as admin:
        time.sleep(12)  # backends tell their counts when they have been idle for ten seconds
        row = admin.execute(
            "select coalesce(sum(n_tup_ins), 0)::bigint from pg_stat_user_tables where schemaname = 'lg'"
        ).fetchone()
    return row[0] if row else 0
