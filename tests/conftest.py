"""One embedded server for the whole run, one database for each worker, and a merchant of its own for each test.

Tests never clean up: what another test wrote is behind the wall.
"""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import argon2
import httpx
import psycopg
import pytest
from fastapi import FastAPI
from filelock import FileLock

from db.embedded import Server, start, stop
from db.migrate import upgrade
from db.session import Database, Patience
from orchestrator.app import services, web
from orchestrator.installation import Urls
from orchestrator.saver import set_up_saver
from orchestrator.settings import Settings
from tests.factories import NewShop, new_shop
from tools.contract.actors import Caller
from tools.contract.call import Outcome, Shop, call, opened
from tools.contract.context import Context
from tools.contract.declare import I, O, Tool
from tools.contract.room import Room

pytest_plugins = ["tests.raised", "tests.settled", "tests.demo"]
TEMPLATE = "shopkeeper"
# A busy machine is slow: limits are asked where they are set.
PATIENT = Patience(statement=60_000, lock=30_000, idle=120_000)
IDLE = 1  # second after a burst, one connection is asked again, which has its statements planned
# Nobody pulls the plug on a test's cluster, nobody guesses at its passwords, and several processes are tested on it at once.
UNSAFE = {
    "max_connections": "300",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "scram_iterations": "1",
}


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Generator[None]:
    """Hashed as everywhere, with a thousandth of the work that makes guessing at them slow."""
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.rules.passwords._hasher", quick)
        patch.setattr("tools.rules.passwords.NO_ONE", quick.hash("nobody's"))
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's SHOPKEEPER_HOME, shared by its workers."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "home"


@pytest.fixture(scope="session")
def server(home: Path) -> Generator[Server]:
    """The embedded server with a migrated database that the workers' own are copied from."""
    home.mkdir(exist_ok=True)
    running = start(home, settings=UNSAFE)
    with FileLock(home / "template.lock"):
        if not (home / "template.ready").exists():
            upgrade(running.url("app_owner"))
            with ThreadPoolExecutor() as beside:  # not on the tests' own loop
                beside.submit(asyncio.run, set_up_saver(running.url("app_owner"))).result()
            (home / "template.ready").touch()
    yield running
    if stop(running):  # as root the cluster is outside the home, and stays
        shutil.rmtree(running.data.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def database_name(server: Server, home: Path) -> str:
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with (
        FileLock(home / "template.lock"),
        psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin,
    ):
        admin.execute(f'create database "{name}" template {TEMPLATE} owner app_owner'.encode())
    return name


@pytest.fixture(scope="session")
def runtime_url(server: Server, database_name: str) -> str:
    return server.url("app_rt", database_name)


@pytest.fixture(scope="session")
def owner_url(server: Server, database_name: str) -> str:
    return server.url("app_owner", database_name)


@pytest.fixture(scope="session")
async def shop(runtime_url: str) -> AsyncGenerator[Shop]:
    """What calls need of their process: the worker's database."""
    database = Database(runtime_url, size=8, patience=PATIENT)
    database.pool.timeout, database.pool.max_idle = 60, IDLE
    await database.open()
    yield Shop(database, room=Room(calls=PATIENT, reports=PATIENT, seconds=60))
    await database.close()


@pytest.fixture(scope="session")
def settings(home: Path) -> Settings:
    return Settings.model_validate({"SHOPKEEPER_HOME": home, "SHOPKEEPER_RATE": 1_000_000})


@pytest.fixture(scope="session")
async def app(settings: Settings, runtime_url: str) -> AsyncGenerator[FastAPI]:
    """The web application over the worker's database."""
    urls = Urls(runtime_url, None, runtime_url, None)
    async with services(settings, urls) as parts:
        parts.shop.database.pool.max_idle = IDLE
        yield web(parts)


@pytest.fixture
async def client(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser or program at the door, not known yet."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as browser:
        yield browser


@pytest.fixture
async def mine(shop: Shop) -> NewShop:
    """A merchant of this test alone, with one person for each role, a warehouse, tax and shipping."""
    return await new_shop(shop)


@pytest.fixture
async def other(shop: Shop) -> NewShop:
    """Another merchant, who must not be seen."""
    return await new_shop(shop)


@pytest.fixture
def owner(mine: NewShop) -> Caller:
    return mine.caller("owner")


class Do:
    """Call a tool as somebody of the shop, through the one path: `await do(create_order, customer=…)` gives its result."""

    def __init__(self, shop: Shop, caller: Caller) -> None:
        self.shop = shop
        self.caller = caller

    async def __call__(self, tool: Tool[I, O], **arguments: Any) -> O:
        outcome = await self.outcome(tool, **arguments)
        assert outcome.result is not None, f"{tool.name} waits for approval: {outcome.why}"
        return outcome.result

    async def outcome(
        self, tool: Tool[I, O], *, key: str | None = None, preview: bool = False, **arguments: Any
    ) -> Outcome[O]:
        return await call(self.shop, tool, arguments, self.caller, key=key or uuid.uuid4().hex, preview=preview)


@pytest.fixture
def do(shop: Shop, owner: Caller) -> Do:
    """Calls as the shop's owner."""
    return Do(shop, owner)


@pytest.fixture
async def ctx(shop: Shop, owner: Caller) -> AsyncGenerator[Context]:
    """An open call of the owner, rolled back at the end: for tests of functions below the path."""
    from tools.backoffice.settings import set_setting

    async with opened(shop, set_setting, owner, key=uuid.uuid4().hex) as (context, _):
        yield context
