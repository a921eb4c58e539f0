"""What the OpenAPI document shows as examples: each tool's case, sent over HTTP, and what was answered.

`python -m tests.example` writes them into the product, which imports no tests; a test sends each again, and compares. What every
run draws anew (references, ids, secrets, the shop's name) is renamed in the order in which it appears: the file stays the same.
"""

import asyncio
import importlib
import re
import tempfile
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import httpx
import orjson
from starlette.applications import Starlette

from db import clock, embedded
from db.migrate import upgrade
from db.session import Database
from orchestrator.app import RequestId
from orchestrator.surfaces import rest
from orchestrator.surfaces.examples import FILE, Example
from orchestrator.surfaces.identity import COOKIE, Identity, RateLimiter
from orchestrator.surfaces.paths import joined
from tests.factories import NewShop, new_shop
from tools import registry
from tools.contract.call import Shop
from tools.contract.declare import Tool

AnyTool = Tool[Any, Any]
NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
DRAWN = re.compile(r"\b(?:[A-Z]{2,4}-1\d{5}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
UUIDS = "01936a2c-5b00-7000-8000-"
SAID_OTHERWISE = {  # what stands for the shop and its people in tests, as a merchant would call them
    r"shop-[0-9a-f]{12}\.example": "fernway.example",
    r"shop-[0-9a-f]{12}": "fernway-home",
    r"(inv|pwr)_[0-9a-f-]{36}_[\w-]+": rf"\1_{UUIDS}100000000000_pQ7xw2LmT9sKd4Vb1Rz6Yc8NfJ3hGuA5eXo0iWtSnBk",
    r"mugs-\d+": "mugs",
    r"-p1\d{5}\b": "-p1042",
    "Test Shop": "Fernway Home",
    r"sk_[\w-]{70,}": f"sk_{UUIDS}100000000000_bX9dq0Zk3mT7uWc1RfYp5hLs8vNe2aGj6iQoB4txKEs",
    r'(?<="last_four":")[^"]+(?=","scopes")': "xKEs",  # a key's, no card's
    r'(?<="code":")[A-Z2-9]{4}(-[A-Z2-9]{4}){3}(?=")': "H7QK-M2XW-9TRD-4VNB",
    r'(?<="password":")[^"]+': "shown once",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z": NOW.isoformat().replace("+00:00", "Z"),  # of people who joined before the case
    r"(?<=\")[0-9a-f]{64}(?=\")": "9f" * 32,
}  # fmt: skip


@dataclass
class Names:
    """What was drawn, by the name that stands for it in the examples; the same thing always has the same one."""

    drawn: dict[str, str] = field(default_factory=dict[str, str])

    def renamed(self, value: Any) -> Any:
        text = DRAWN.sub(lambda found: self._name(found[0]), orjson.dumps(value, default=str).decode())
        for pattern, words in SAID_OTHERWISE.items():
            text = re.sub(pattern, words, text)
        return orjson.loads(text)

    def _name(self, drawn: str) -> str:
        stem, first = (f"{drawn.partition('-')[0]}-", 1042) if drawn[0].isupper() else (UUIDS, 10**11)
        alike = sum(name.startswith(stem) for name in self.drawn.values())
        return self.drawn.setdefault(drawn, f"{stem}{first + alike}")


@asynccontextmanager
async def door(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    """REST over the shop's database, at the examples' own time."""
    identity = Identity(shop.database, RateLimiter(per_minute=1_000_000))
    app = RequestId(
        Starlette(routes=joined(rest.routes(shop, registry.tools().values(), identity.caller_of, identity.visitor)))
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
        yield client


async def sent(tool: AnyTool, mine: NewShop, client: httpx.AsyncClient) -> tuple[Example, httpx.Response]:
    """The tool's case as its owner sends it, at the examples' own time: the example that it makes, and what was really answered."""
    with patch.object(clock, "now", lambda: NOW):  # of links and sessions, which are no shop's
        return await _sent(tool, mine, client)


async def _sent(tool: AnyTool, mine: NewShop, client: httpx.AsyncClient) -> tuple[Example, httpx.Response]:
    case = importlib.import_module(f"tests.tools.cases.{tool.room}")
    arguments: dict[str, Any] = orjson.loads(orjson.dumps(await getattr(case, tool.name)(mine), default=str))
    path = {name: arguments.pop(name) for name in tool.path_fields}
    flat = tool.method in ("GET", "DELETE")
    answer = await client.request(
        tool.method,
        rest.PREFIX + tool.path.format(**{name: quote(value, safe="") for name, value in path.items()}),
        params=arguments if flat else None,
        json=None if flat else arguments,
        headers={"Idempotency-Key": uuid.uuid4().hex, "Cookie": f"{COOKIE}={await mine.session('owner')}"},
    )
    names = Names()
    request = names.renamed({"path": path, "query": arguments if flat else {}, "body": {} if flat else arguments})
    told = answer.json() if "json" in answer.headers["content-type"] else answer.text
    return Example(**request, answer=names.renamed(told)), answer


async def every(shop: Shop) -> dict[str, Example]:
    async with door(shop) as client:
        found: dict[str, Example] = {}
        for name, tool in registry.tools().items():
            found[name], answer = await sent(tool, await new_shop(shop), client)
            assert answer.is_success, f"{name}: {answer.text}"
        return found


async def _write(url: str) -> None:
    database = Database(url, size=2)
    await database.open()
    examples = await every(Shop(database, clock=lambda: NOW))
    await database.close()
    FILE.write_bytes(orjson.dumps(examples, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def write() -> None:
    """Write the file, with a database that is there for the while."""
    with tempfile.TemporaryDirectory() as folder:
        server = embedded.start(Path(folder).resolve())
        try:
            upgrade(server.url("app_owner"))
            asyncio.run(_write(server.url("app_rt")))
        finally:
            embedded.stop(server)


if __name__ == "__main__":
    write()
