"""Processes of buyers: each has a loop and a small pool of its own. A module apart, so that a process starts quickly."""

import asyncio
import uuid
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from db.session import Database, Params, Transaction
from tests.tools.till import LYON
from tools.contract.actors import Caller
from tools.contract.call import call
from tools.contract.errors import IdempotencyInFlight
from tools.contract.room import Room
from tools.contract.shop import Shop
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.rules.stock import NotEnoughStock

here: list[tuple[asyncio.AbstractEventLoop, Shop]] = []  # in a process of buyers: its loop and its shop


def open_process(url: str) -> None:
    loop = asyncio.new_event_loop()
    database = Database(url, size=4)
    database.pool.timeout = 60
    loop.run_until_complete(database.open())
    here.append((loop, Shop(database, room=Room(seconds=60))))  # a busy machine is slow: that is not what is asked here


def wanted(skus: Sequence[str]) -> dict[str, Any]:
    """An order of one unit of each."""
    return {"shipping_address": LYON, "lines": [{"sku": sku, "quantity": 1} for sku in skus]}


def buy(caller: Caller, baskets: Sequence[list[str]], keys: Sequence[str], cancelling: bool = False) -> list[str]:
    """Buy one of each SKU of each basket, all baskets at once; the order's reference for each, or why there is none."""
    loop, shop = here[0]

    async def all_at_once() -> list[str]:
        buying = [_buy(shop, caller, skus, key, cancelling) for skus, key in zip(baskets, keys, strict=True)]
        return list(await asyncio.gather(*buying))

    return loop.run_until_complete(all_at_once())


async def _buy(shop: Shop, caller: Caller, skus: list[str], key: str, cancelling: bool) -> str:
    try:
        outcome = await call(shop, create_order, wanted(skus), caller, key=key)
    except (NotEnoughStock, IdempotencyInFlight) as refused:
        return refused.code()
    assert outcome.result is not None
    if cancelling:
        arguments = {"order": outcome.result.reference, "reason": "customer_request"}
        await call(shop, cancel_order, arguments, caller, key=uuid.uuid4().hex)
    return outcome.result.reference


def place_and_stop_before_the_commit(url: str, caller: Caller, key: str, placed: Connection) -> None:
    """An order of a MUG-BLUE that is written and never committed; sends how many statements it took to get there."""

    async def stop(self: Transaction, sql: str | None = None, params: Params = None) -> None:
        placed.send(len(self.statements))
        await asyncio.sleep(600)

    Transaction.commit = stop  # pyrefly: ignore[method-assign]  # this process is to die in it
    open_process(url)
    buy(caller, [["MUG-BLUE"]], [key])
