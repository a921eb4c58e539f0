"""A shop whose processes are killed: `python -m tests.tools.dying_shop <database> <easypost>`; see `tests/dying.py`.

A deed is `{"merchant": …, "user": …, "tool": "refund_payment", "arguments": {…}, "key": …, "steps": 3}`. Without steps it is done,
and what is left is taken up, as the worker does.
"""

import sys
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import configure_mappers

from connectors.carriers.easypost import EasyPost
from db.session import Database
from orchestrator.carriage import Carriers, carriers_of
from orchestrator.outside import Outside, providers_of
from tests.ahead import keep_time
from tests.dying import Deed, die_after, fork_for_each
from tests.easypost_server import KEY, SECRET
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof, Site
from tools.contract.call import Shop, call

SITE = Site(carriers=("tables", "easypost"))


def main(database_url: str, easypost_url: str) -> None:
    configure_mappers()  # once, not in each process
    registry.tool("refund_payment")

    async def do(deed: Deed) -> None:
        await _do(database_url, easypost_url, deed)

    fork_for_each(do)


async def _do(database_url: str, easypost_url: str, deed: dict[str, Any]) -> None:
    database = Database(database_url, size=2)
    await database.open()
    merchant = UUID(deed["merchant"])
    money = Outside(Shop(database, site=SITE), providers_of(Shop(database), {}, "a secret"))
    carriers = Carriers(money.shop, carriers_of({merchant: EasyPost(KEY, SECRET, easypost_url)}))

    async def outside(of: UUID, intents: list[str]) -> None:
        await money.first_try(of, intents)
        await carriers.first_try(of, intents)

    shop = replace(money.shop, outside=outside, ask=carriers.ask)
    money.shop = carriers.shop = shop
    if deed["steps"]:
        die_after(deed["steps"], outside=True)
    caller = Caller(merchant, Door.rest, Hand.person, Proof.user, deed["user"])
    outcome = await call(shop, registry.tool(deed["tool"]), deed["arguments"], caller, key=deed["key"], wait=True)
    assert outcome.result is not None, outcome.why
    for _ in range(0 if deed["steps"] else 2):  # who says nothing at first is asked again
        await money.sweep(merchant, quiet=-1)
        await money.tell(merchant)
        await carriers.sweep(merchant, quiet=-1)


if __name__ == "__main__":
    keep_time()
    main(*sys.argv[1:])
