"""tau2's retail cases through our operations, without a language model: `python -m bench.replay_tau2 DB REFERENCE…`.

`DB` is the world's `db.json`, beside which lies `compare_replay.py`, the judge; each reference is a list of cases with their steps
and the state that they end in. Each step is called as the shop's owner: the replay maps names and arguments, and what is refused is
refused by the shop. Cases that have no customer in common share a copy of the database, in which all that they do is committed.
The last line is what came of it all, as JSON.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from orchestrator.outside import Outside, first_secret, providers_of
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop, call
from tools.contract.errors import ShopError

World = dict[str, Any]
Case = Mapping[str, Any]
TEMPLATE = "replay"
MOST = 100  # cases in a batch: after fifty orders cancelled in a day, somebody else has to agree to the next
_REASON = {theirs: ours.value for theirs, ours in REASONS.items() if theirs}
_AUDITED = "select key from audit_entries where merchant_id = %s and key like 'replay-%%'"


class Nobody(Exception):
    """A look-up found nobody, which the reference calls an error."""


class Replayed(NamedTuple):
    """A case as our operations carried it out: whether each step was done, and which records of the world it changed."""

    steps: list[bool]
    changed: World


class Replay:
    """Somebody at work in a shop that has the world of tau2; what is wanted of providers is carried out at once."""

    def __init__(self, database: Database, caller: Caller) -> None:
        shop = Shop(database)
        self.outside = Outside(shop, providers_of(shop, {}, first_secret()))
        self.shop = Shop(database, outside=self.outside.first_try)
        self.caller = caller
        self.written: list[str] = []  # keys of the writes that were done

    async def ask(self, operation: str, /, **arguments: Any) -> Any:
        tool, key = registry.tool(operation), f"replay-{uuid.uuid4().hex}"
        outcome = await call(self.shop, tool, arguments, self.caller, key=key)
        if outcome.result is None:
            raise LookupError(f"{operation} waits for somebody else: {outcome.why}")
        if tool.writes:
            self.written.append(key)
        return outcome.result

    async def done(self, step: Case) -> bool:
        """Whether the shop does what a step asks for."""
        try:
            await self._step(step["name"], step["arguments"])
        except (ShopError, Nobody):
            return False
        return True

    async def _step(self, name: str, args: Mapping[str, Any]) -> None:
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
                found = await self.ask("get_product", product=args["product_id"])
                if found.external_reference != args["product_id"]:  # ours finds a product by an item's id, too
                    raise Nobody
            case "get_item_details":
                await self.ask("check_availability", sku=args["item_id"])
            case "list_all_product_types":
                await self.ask("list_products")
            case "calculate" | "transfer_to_human_agents":
                pass  # neither is about the shop
            case _:
                await self._write(name, args)

    async def _write(self, name: str, args: Mapping[str, Any]) -> None:
        match name:
            case "modify_user_address":
                customer = await self.ask("get_customer", customer=args["user_id"])
                address = {"address": customer.addresses[0].reference, **_address(args)}
                await self.ask("update_address", customer=args["user_id"], **address)
            case "cancel_pending_order":
                reason = _REASON.get(args["reason"], args["reason"])
                await self.ask("cancel_order", order=args["order_id"], reason=reason)
            case "modify_pending_order_address":
                await self.ask("change_order_address", order=args["order_id"], shipping_address=_address(args))
            case "modify_pending_order_payment":
                await self.ask("change_order_payment", order=args["order_id"], saved=args["payment_method_id"])
            case "modify_pending_order_items":
                swaps = [{"sku": old, "to": new, "quantity": units} for old, new, units in _pairs(args)]
                await self.ask(
                    "change_order_lines", order=args["order_id"], swaps=swaps, settle_by=args["payment_method_id"]
                )
            case "return_delivered_order_items":
                items: Counter[str] = Counter(args["item_ids"])
                await self._return(args, [{"sku": sku, "quantity": units} for sku, units in items.items()], "refund")
            case "exchange_delivered_order_items":
                lines = [{"sku": old, "to": new, "quantity": units} for old, new, units in _pairs(args)]
                await self._return(args, lines, "exchange")
            case _:
                raise LookupError(f"no operation of ours is {name}")

    async def _return(self, args: Mapping[str, Any], lines: list[dict[str, Any]], wanted: str) -> None:
        await self.ask(
            "request_return", order=args["order_id"], lines=lines, reason="other", wanted=wanted,
            settle_by=args["payment_method_id"],
        )  # fmt: skip

    async def _somebody(self, **wanted: str) -> None:
        if not (await self.ask("list_customers", **wanted)).data:
            raise Nobody


def _address(args: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in address_of(args, "").items() if name != "name"}


def _pairs(args: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Which item becomes which, and how often; what has no other of a pair becomes nothing, which no shop takes."""
    pairs = Counter(zip_longest(args["item_ids"], args["new_item_ids"], fillvalue=""))
    return [(old, new, units) for (old, new), units in pairs.items()]


# ---- the cases -----------------------------------------------------------------------------------------------------------


def name_of(case: Case) -> str:
    return str(case.get("task_id") or case["id"])


def people_of(case: Case, start: World) -> set[str]:
    """The customers that a case is about."""
    named = [step["arguments"] for step in case["steps"]]
    owners = {start["orders"][args["order_id"]]["user_id"] for args in named if args.get("order_id") in start["orders"]}
    return owners | {args["user_id"] for args in named if args.get("user_id") in start["users"]}


def apart(cases: Iterable[Case], start: World) -> list[list[Case]]:
    """The cases in batches of no more than `MOST`, in each of which nobody comes twice."""
    batches: list[tuple[set[str], list[Case]]] = []
    for case in cases:
        people = people_of(case, start)
        fitting = next((batch for batch in batches if not batch[0] & people and len(batch[1]) < MOST), None)
        if fitting is None:
            batches.append((set(people), [case]))
        else:
            fitting[0].update(people)
            fitting[1].append(case)
    return [batch for _, batch in batches]


async def replay(database: Database, caller: Caller, cases: Sequence[Case], start: World) -> dict[str, Replayed]:
    """Carry cases out that have nobody in common, and say which of the world's records each has changed.

    Raises where a write left no audit row, a refusal left one, or something changed that belongs to no case.
    """
    replay = Replay(database, caller)
    steps = {name_of(case): [await replay.done(step) for step in case["steps"]] for case in cases}
    with psycopg.connect(database.url, autocommit=True) as connection:
        end = json.loads(json.dumps(export_tau2(connection, caller.merchant)))
        with connection.transaction():
            connection.execute(f"set local app.merchant_id = '{caller.merchant}'".encode())
            audited = [key for (key,) in connection.execute(_AUDITED.encode(), [caller.merchant])]
    if sorted(audited) != sorted(replay.written):
        raise AssertionError(f"{len(replay.written)} writes were done, and {len(audited)} are in the audit")
    changed = {kind: {id_: row for id_, row in end[kind].items() if row != start[kind].get(id_)} for kind in end}
    theirs = {name_of(case): _of(changed, people_of(case, start)) for case in cases}
    if sum(len(rows) for world in theirs.values() for rows in world.values()) != sum(map(len, changed.values())):
        raise AssertionError("something changed that is of no case")
    return {name: Replayed(done, theirs[name]) for name, done in steps.items()}


def _of(changed: World, people: set[str]) -> World:
    """What of it belongs to these customers."""
    orders = {id_: row for id_, row in changed["orders"].items() if row["user_id"] in people}
    return {"orders": orders, "users": {id_: row for id_, row in changed["users"].items() if id_ in people}}


# ---- the command ---------------------------------------------------------------------------------------------------------


def main() -> None:
    file, references = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    start = json.loads(file.read_text())
    with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as home:
        server = embedded.start(Path(home))
        try:
            merchant, user = _prepare(server, file)
            caller = Caller(merchant, Door.cli, Hand.person, Proof.user, str(user))
            scores = [_round_trip(server, merchant, file)]
            for reference in references:
                replayed = asyncio.run(_replay(server, caller, json.loads(reference.read_text()), start))
                scores.append(_judged(replayed, file, reference))
        finally:
            embedded.stop(server)
            clear_away(Path(home))
    print(json.dumps(_summed(scores)))


def _prepare(server: Server, file: Path) -> tuple[uuid.UUID, uuid.UUID]:
    """The database from which each batch's is copied."""
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


def _round_trip(server: Server, merchant: uuid.UUID, file: Path) -> dict[str, Any]:
    with psycopg.connect(server.url("app_rt", TEMPLATE), autocommit=True) as connection:
        world = export_tau2(connection, merchant)
    return _judge(file, "--db", str(file), "--roundtrip", candidate=world)


async def _replay(server: Server, caller: Caller, cases: Sequence[Case], start: World) -> dict[str, Replayed]:
    replayed: dict[str, Replayed] = {}
    for batch in apart(cases, start):
        name = f"replay_{uuid.uuid4().hex}"
        _copy(server, name, TEMPLATE)
        database = Database(server.url("app_rt", name), size=2)
        await database.open()
        try:
            replayed |= await replay(database, caller, batch, start)
        finally:
            await database.close()
    return replayed


def _judged(replayed: Mapping[str, Replayed], file: Path, reference: Path) -> dict[str, Any]:
    candidate = {
        name: {"final_diff": done.changed, "steps": [{"ok": ok} for ok in done.steps]}
        for name, done in replayed.items()
    }
    for step, right, all_ in _by_step(replayed, json.loads(reference.read_text())):
        print(f"  {step:34}{right:6} of {all_}")
    return _judge(file, str(reference), candidate=candidate)


def _by_step(replayed: Mapping[str, Replayed], cases: Sequence[Case]) -> Iterator[tuple[str, int, int]]:
    """Of each kind of step, how many were accepted or refused as they should be."""
    right, all_ = Counter[str](), Counter[str]()
    for case in cases:
        for step, ok in zip(case["steps"], replayed[name_of(case)].steps, strict=True):
            all_[step["name"]] += 1
            right[step["name"]] += ok == step["ok"]
    yield from ((name, right[name], all_[name]) for name in sorted(all_))


def _judge(file: Path, *arguments: str, candidate: Any) -> dict[str, Any]:
    """What the judge says of it: its first line is JSON, the others name what is different."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as ours:
        json.dump(candidate, ours)
        ours.flush()
        command = [sys.executable, str(file.with_name("compare_replay.py")), *arguments, ours.name, "--show", "9"]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    if not said.stdout:
        raise RuntimeError(said.stderr)
    print(said.stdout, end="")
    return json.loads(said.stdout.partition("\n")[0])


def _summed(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    judged = [score for score in scores if "cases" in score]
    cases, matched, steps, right = (
        sum(score[name] for score in judged) for name in ("cases", "state_match", "steps", "step_outcome_match")
    )
    return {
        "round_trip_differences": sum(score.get("differences", 0) for score in scores), "cases": cases,
        "state_match_pct": round(100 * matched / max(cases, 1), 2), "steps": steps, "step_outcome_match": right,
    }  # fmt: skip


if __name__ == "__main__":
    main()
