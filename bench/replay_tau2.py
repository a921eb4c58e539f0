"""The steps of tau2's retail cases through our operations: `python -m bench.replay_tau2 FOLDER`, without a language model.

Each case has a database of its own, a copy of one into which `db.json` was imported; each step is called as the shop's owner, and
what the shop refuses has to be what the reference refuses. A case is done when all its steps have an operation here; its end state
is the shop given back. Refunds are carried out by a provider, which is not here: what is under way counts as made.
"""

import asyncio
import importlib.util
import json
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from bench.shop import clear_away
from db import clock, embedded
from db.embedded import Server
from db.migrate import upgrade
from db.models.backoffice import Role
from db.seed.merchant import NewPerson, create_merchant
from db.session import Database
from importers.tau2 import REASONS, SHOP, address_of, import_tau2
from importers.tau2_export import export_tau2
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop, call
from tools.contract.errors import ShopError

World = dict[str, Any]
TEMPLATE = "replay"
_REASON = {theirs: ours.value for theirs, ours in REASONS.items() if theirs}
_UNDER_WAY = """
select o.external_reference, i.amount, s.external_reference, c.external_reference
from intents i join payments p on p.merchant_id = i.merchant_id and p.id = i.subject_id
join saved_methods s on s.merchant_id = p.merchant_id and s.id = p.saved_method_id
join customers c on c.merchant_id = s.merchant_id and c.id = s.customer_id
join orders o on o.merchant_id = p.merchant_id and o.id = p.order_id
where i.merchant_id = %(m)s and i.kind = 'refund_payment' and i.status = 'pending' order by i.id
"""


class Step(NamedTuple):
    """A call of one of our operations."""

    tool: str
    arguments: Mapping[str, Any]


class NotOpen(Exception):
    """No operation of ours does this yet."""


class Nobody(Exception):
    """A look-up found nobody, which the reference calls an error."""


class Replay:
    """A case's shop."""

    def __init__(self, shop: Shop, caller: Caller) -> None:
        self.shop = shop
        self.caller = caller

    async def ask(self, tool: str, **arguments: Any) -> Any:
        if tool not in registry.tools():
            raise NotOpen(tool)
        outcome = await call(self.shop, registry.tool(tool), arguments, self.caller, key=uuid.uuid4().hex)
        return outcome.result

    async def step(self, name: str, args: Mapping[str, Any]) -> None:
        match name:
            case "find_user_id_by_email":
                await self._somebody(email=args["email"])
            case "find_user_id_by_name_zip":
                await self._somebody(name=f"{args['first_name']} {args['last_name']}", postcode=args["zip"])
            case "get_user_details":
                await self.ask("get_customer", customer=args["user_id"])
            case "get_order_details":
                await self.ask("get_order", order=args["order_id"])
            case "get_product_details":
                await self.ask("get_product", product=args["product_id"])
            case "get_item_details":
                await self.ask("check_availability", sku=args["item_id"])
            case "modify_user_address":
                customer = await self.ask("get_customer", customer=args["user_id"])
                address = {"address": customer.addresses[0].reference, **_written(args)}
                await self.ask("update_address", customer=args["user_id"], **address)
            case "cancel_pending_order":
                await self.ask(
                    "cancel_order", order=args["order_id"], reason=_REASON.get(args["reason"], args["reason"])
                )
            case "modify_pending_order_address":
                await self.ask("change_order_address", order=args["order_id"], shipping_address=_written(args))
            case "modify_pending_order_items":
                pairs = Counter(zip_longest(args["item_ids"], args["new_item_ids"], fillvalue=""))
                swaps = [{"sku": old, "to": new, "quantity": units} for (old, new), units in pairs.items()]
                await self.ask("change_order_lines", order=args["order_id"], swaps=swaps)
            case "calculate" | "transfer_to_human_agents":
                pass  # neither is about the shop
            case _:
                raise NotOpen(name)

    async def _somebody(self, **wanted: str) -> None:
        if not (await self.ask("list_customers", **wanted)).data:
            raise Nobody


def _written(args: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in address_of(args, "").items() if name != "name"}


def main() -> None:
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as home:
        server = embedded.start(Path(home))
        try:
            merchant, user = _prepare(server, folder / "db.json")
            caller = Caller(merchant, Door.cli, Hand.person, Proof.user, str(user))
            asyncio.run(_replay(server, caller, folder))
        finally:
            embedded.stop(server)
            clear_away(Path(home))


def _prepare(server: Server, file: Path) -> tuple[uuid.UUID, uuid.UUID]:
    """The database from which each case's is copied."""
    _copy(server, TEMPLATE, "template1")
    upgrade(server.url("app_owner", TEMPLATE))

    async def make() -> tuple[uuid.UUID, list[uuid.UUID]]:
        database = Database(server.url("app_rt", TEMPLATE), size=1)
        await database.open()
        try:
            return await create_merchant(database, SHOP, [NewPerson("owner@tau2.example", "The owner", Role.owner)])
        finally:
            await database.close()

    merchant, (user,) = asyncio.run(make())
    with psycopg.connect(server.url("app_rt", TEMPLATE), autocommit=True) as connection:
        import_tau2(connection, merchant, file, now=clock.now())
    return merchant, user


def _copy(server: Server, name: str, template: str) -> None:
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        made = sql.SQL("create database {} template {} owner app_owner")
        admin.execute(made.format(sql.Identifier(name), sql.Identifier(template)))


async def _replay(server: Server, caller: Caller, folder: Path) -> None:
    judge = _judge(folder / "compare_replay.py")
    start = json.loads((folder / "db.json").read_text())
    steps: Counter[tuple[str, str]] = Counter()
    cases: Counter[str] = Counter()
    for number, case in enumerate(json.loads((folder / "open/reference.json").read_text())):
        name = f"case_{number}"
        _copy(server, name, TEMPLATE)
        database = Database(server.url("app_rt", name), size=2)
        await database.open()
        try:
            verdicts = [(step["name"], await _one(Replay(Shop(database), caller), step)) for step in case["steps"]]
        finally:
            await database.close()
        steps.update(verdicts)
        if any(verdict == "not open" for _, verdict in verdicts):
            cases["not open"] += 1
            continue
        differences = judge.paths(
            judge.canon_diff(case["final_diff_corrected"]),
            judge.canon_diff(_changed(start, _end(server, name, caller.merchant))),
        )
        cases["as expected" if not differences else "different"] += 1
        for difference in differences[:2]:
            print(f"  {case['task_id']}: {difference}")
    _print(steps, cases)


async def _one(replay: Replay, step: Mapping[str, Any]) -> str:
    try:
        await replay.step(step["name"], step["arguments"])
    except NotOpen:
        return "not open"
    except (ShopError, Nobody):
        return "different" if step["ok"] else "as expected"
    return "as expected" if step["ok"] else "different"


def _end(server: Server, name: str, merchant: uuid.UUID) -> World:
    """The shop given back, with what is on its way to customers as if it were there."""
    with psycopg.connect(server.url("app_rt", name), autocommit=True) as connection:
        world = json.loads(json.dumps(export_tau2(connection, merchant)))
        with connection.transaction():
            connection.execute(f"set local app.merchant_id = '{merchant}'".encode())
            under_way = connection.execute(_UNDER_WAY.encode(), {"m": merchant}).fetchall()
    for order, amount, method, customer in under_way:
        refund = {"transaction_type": "refund", "amount": amount / 100, "payment_method_id": method}
        world["orders"][order]["payment_history"].append(refund)
        card = world["users"][customer]["payment_methods"][method]
        if "balance" in card:
            card["balance"] += amount / 100
    return world


def _changed(start: World, end: World) -> World:
    return {
        kind: {name: row for name, row in end[kind].items() if row != start[kind].get(name)}
        for kind in ("orders", "users")
    }


def _judge(file: Path) -> Any:
    found = importlib.util.spec_from_file_location("compare_replay", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _print(steps: Counter[tuple[str, str]], cases: Counter[str]) -> None:
    verdicts = ("as expected", "different", "not open")
    print(f"{'steps':34}" + "".join(f"{verdict:>13}" for verdict in verdicts))
    for name in sorted({name for name, _ in steps}):
        print(f"{name:34}" + "".join(f"{steps[name, verdict]:13}" for verdict in verdicts))
    print(f"{'end states of cases':34}" + "".join(f"{cases[verdict]:13}" for verdict in verdicts))


if __name__ == "__main__":
    main()
