"""Mixed load over HTTP: reads, orders, cancellations, chat turns and cards approved, side by side; and the memory meanwhile.

`shopkeeper start` serves it, web process and worker in one, in a home of its own.
"""

import asyncio
import os
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.machine import children, resident
from bench.orders import Stock, stock_up
from bench.shop import clear_away, free_port, postmaster_of, running
from db import embedded
from orchestrator.installation import Credentials, read_credentials
from orchestrator.settings import Settings

SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
LOOK_EVERY = 5.0  # seconds between two looks at the memory
READS = (
    "/orders?limit=20&status=confirmed", "/customers?limit=20", "/products?limit=20", "/products/search?text=blue+mug",
    "/inventory?limit=50", "/analytics/sales", "/analytics/kpis", "/analytics/products/low-stock",
    "/analytics/products/top-selling",
)  # fmt: skip
QUESTIONS = (
    "what is running low?", "what did we sell last week?", "show me the open orders", "how many customers are new this month?",
    "what are our best sellers?",
)  # fmt: skip
READERS, BUYERS, TALKERS, CANCELLERS = 4, 3, 3, 2
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Tally:
    """What was asked and answered, by kind and status, and the memory meanwhile."""

    asked: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    memory: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])

    def note(self, kind: str, status: int) -> None:
        self.asked[kind] += 1
        if status >= 400:
            self.refused[f"{kind}: {status}"] += 1


Step = Callable[[httpx.AsyncClient, random.Random, Tally], Awaitable[None]]


async def measure() -> str:
    with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as folder:
        home, port = Path(folder), free_port()
        with running("start", home, free_port()):  # makes the demo shop, which takes more memory than serving it
            pass
        with running("start", home, port, SHOPKEEPER_TURNS_PER_ACTOR="16") as process:  # all are one person here
            server = embedded.start(home)
            try:
                credentials = read_credentials(Settings.model_validate({"SHOPKEEPER_HOME": home}))
                stock = stock_up(server.url("app_owner"), credentials.merchant)
                person = await _signed_in(port, credentials)
                tally = await _load(port, person, stock, process.pid, postmaster_of(home))
            finally:
                embedded.stop(server)
        clear_away(home)
    return _page(tally)


async def _load(port: int, person: httpx.Cookies, stock: Stock, app: int, postmaster: int) -> Tally:
    tally, began = Tally(), time.perf_counter()
    kinds: list[tuple[Step, int]] = [
        (_read, READERS), (_buyer(stock), BUYERS), (_question, TALKERS), (_cancel_by_card, CANCELLERS),
    ]  # fmt: skip
    workers = [
        asyncio.create_task(_client(port, person, step, seed, began + SECONDS, tally))
        for step, many in kinds
        for seed in range(many)
    ]
    while time.perf_counter() < began + SECONDS:
        database = sum(resident(pid) for pid in [postmaster, *children(postmaster)])
        tally.memory.append((time.perf_counter() - began, resident(app), database))
        await asyncio.sleep(LOOK_EVERY)
    await asyncio.gather(*workers)
    tally.memory.append((time.perf_counter() - began, resident(app), 0.0))
    return tally


async def _signed_in(port: int, credentials: Credentials) -> httpx.Cookies:
    """The session of a person, who alone decides cards. It is opened once: a dozen at a time would be taken for guesses.

    Owners cancel fifty orders a day unless the shop's policy says otherwise; here it does.
    """
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", headers=SAME_SITE) as client:
        person = {"email": credentials.email, "password": credentials.password}
        (await client.post("/session", json=person)).raise_for_status()
        policy = (await client.get("/approval-policy")).raise_for_status().json()
        owner = policy["roles"]["owner"] | {"stops_per_day": None}
        told = {"roles": {"owner": owner}, "version": policy["version"]}
        (await client.put("/approval-policy", json=told, headers=_key())).raise_for_status()
        return client.cookies


async def _client(port: int, person: httpx.Cookies, step: Step, seed: int, until: float, tally: Tally) -> None:
    chance = random.Random(seed)
    base = f"http://127.0.0.1:{port}/api/v1"
    async with httpx.AsyncClient(base_url=base, timeout=60, headers=SAME_SITE, cookies=person) as client:
        while time.perf_counter() < until:
            await step(client, chance, tally)


async def _read(client: httpx.AsyncClient, chance: random.Random, tally: Tally) -> None:
    tally.note("reads", (await client.get(chance.choice(READS))).status_code)


def _buyer(stock: Stock) -> Step:
    async def buy(client: httpx.AsyncClient, chance: random.Random, tally: Tally) -> None:
        """An order of three lines; every fourth is cancelled at once."""
        lines = [{"sku": sku, "quantity": 1} for sku in chance.sample(stock.skus, 3)]
        order = {"customer": chance.choice(stock.customers), "lines": lines}
        placed = await client.post("/orders", json=order, headers=_key())
        tally.note("orders", placed.status_code)
        if placed.is_success and chance.random() < 0.25:
            path = f"/orders/{placed.json()['reference']}?reason=customer_request"
            cancelled = await client.delete(path, headers=_key())
            tally.note("cancellations", cancelled.status_code)

    return buy


async def _question(client: httpx.AsyncClient, chance: random.Random, tally: Tally) -> None:
    turn = await _say(client, chance.choice(QUESTIONS))
    tally.note("chat turns", turn.status_code)


async def _cancel_by_card(client: httpx.AsyncClient, chance: random.Random, tally: Tally) -> None:
    """A change asked for in words, and its card approved."""
    found = await client.get("/orders?limit=20&status=pending")
    orders: list[dict[str, str]] = found.json()["data"] if found.is_success else []
    if not orders:
        await asyncio.sleep(0.2)
        return
    order = chance.choice(orders)["reference"]
    turn = await _say(client, f"cancel order {order}, the customer changed her mind")
    tally.note("chat turns", turn.status_code)
    for card in turn.json().get("approvals", []):
        decided = await client.post(f"/approvals/{card}/decision", json={"decision": "approve"}, headers=_key())
        tally.note("cards approved", decided.status_code)


async def _say(client: httpx.AsyncClient, text: str) -> httpx.Response:
    opened = await client.post("/conversations", json={}, headers=_key())
    if opened.is_error:
        return opened
    path = f"/conversations/{opened.json()['conversation']}/messages"
    return await client.post(path, json={"text": text}, headers=_key() | {"Prefer": "wait=30"})


def _key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def _page(tally: Tally) -> str:
    total = sum(tally.asked.values())
    refused = ", ".join(f"{what} ({count}×)" for what, count in sorted(tally.refused.items())) or "none"
    return "\n".join(
        [
            "## Mixed load",
            "",
            "| " + " | ".join(tally.asked) + " | all |",
            "|" + "---|" * (len(tally.asked) + 1),
            "| " + " | ".join(f"{count:,}" for count in tally.asked.values()) + f" | {total:,} |",
            "",
            f"{READERS + BUYERS + TALKERS + CANCELLERS} clients for {SECONDS:.0f} seconds. Refused or failed: {refused}.",
            "",
            "| seconds | application with worker, MB | PostgreSQL, MB |",
            "|---|---|---|",
            *(f"| {at:.0f} | {app:.0f} | {database:.0f} |" for at, app, database in tally.memory),
        ]
    )
