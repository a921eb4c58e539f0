"""Room for every call: what a slow report or a stuck change leaves to others, and what a caller is told at each limit."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from psycopg import AsyncConnection
from pydantic import Field

from db.session import Database, Patience
from tests.factories import NewShop, make_customer, make_variant, warehouse_of
from tests.tools import probes
from tools import registry
from tools.backoffice.merchant import get_merchant
from tools.contract import errors
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, Tool, tool
from tools.contract.room import Room
from tools.contract.shop import Shop
from tools.flows.create_order import create_order

FOR_EVER = Patience(statement=60_000, lock=60_000, idle=60_000)


class Gate(Input):
    """Behind which gate to wait: the number of an advisory lock."""

    gate: int = Field(description="Its number.")


class Through(Result):
    """The gate was open."""


async def _pass(ctx: Context, args: Gate, how: str) -> Through:
    await ctx.sql.execute(f"select pg_advisory_xact_lock{how}(%s)", (args.gate,))
    return Through()


@tool(route="GET /gates", effect=Effect.read, permission="analytics:read", raises=[], examples=[], heavy=True)
async def slow_report(ctx: Context, args: Gate) -> Through:
    """A report that takes until the gate is opened."""
    return await _pass(ctx, args, "_shared")


@tool(route="POST /gates", effect=Effect.record, permission="orders:write", raises=[], examples=[])
async def stuck_change(ctx: Context, args: Gate) -> Through:
    """A change that waits behind what somebody else holds."""
    return await _pass(ctx, args, "")


@asynccontextmanager
async def closed_gate(url: str) -> AsyncGenerator[int]:
    """A gate that is closed meanwhile."""
    gate = uuid.uuid4().int % 2**62
    async with await AsyncConnection.connect(url, autocommit=True) as keeper:
        await keeper.execute("select pg_advisory_lock(%s)", (gate,))
        yield gate


@asynccontextmanager
async def small(shop: Shop, room: Room, *, size: int = 4) -> AsyncGenerator[Shop]:
    """A process of four connections."""
    database = Database(shop.database.url, size=size)
    database.pool.timeout = 2.0
    await database.open()
    yield Shop(database, room=room)
    await database.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # what is waited for is not ours to announce
            await asyncio.sleep(0.01)


def key() -> str:
    return uuid.uuid4().hex


# ---- room for others -----------------------------------------------------------------------------------------------------


async def test_ten_slow_reports_leave_room_for_an_order_and_for_reads(
    shop: Shop, mine: NewShop, owner: Caller, runtime_url: str
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        make_variant(sql, "MUG-BLUE", stock=5, warehouse=await warehouse_of(sql))
        await sql.commit()
    room = Room(reports=FOR_EVER, reports_at_once=2, writes_at_once=1, seconds=60)

    async with small(shop, room) as busy:
        async with closed_gate(runtime_url) as gate:
            reports = [asyncio.create_task(call(busy, slow_report, {"gate": gate}, owner)) for _ in range(10)]
            await until(lambda: room.reports.waiting == 8)
            lines = [{"sku": "MUG-BLUE", "quantity": 1}]
            order = {"customer": customer.reference, "lines": lines}
            placed = await call(busy, create_order, order, owner, key=key())
            read = await call(busy, get_merchant, {}, owner)
            done_meanwhile = [report.done() for report in reports]
        answers = await asyncio.gather(*reports)

    assert placed.result is not None
    assert read.result is not None
    assert not any(done_meanwhile)
    assert len(answers) == 10


async def test_ten_changes_behind_one_row_leave_room_for_reads_and_pass_when_it_is_free(
    shop: Shop, owner: Caller, runtime_url: str
) -> None:
    room = Room(calls=FOR_EVER, writes_at_once=2, seconds=60)

    async with small(shop, room) as busy:
        async with closed_gate(runtime_url) as gate:
            changes = [
                asyncio.create_task(call(busy, stuck_change, {"gate": gate}, owner, key=key())) for _ in range(10)
            ]
            await until(lambda: room.writes.waiting == 8)
            reads = await asyncio.gather(*(call(busy, get_merchant, {}, owner) for _ in range(20)))
        changed = await asyncio.gather(*changes)

    assert all(read.result for read in reads)
    assert all(change.result for change in changed)


async def test_a_stuck_change_gives_its_place_to_the_next_when_its_lock_did_not_come(
    shop: Shop, owner: Caller, runtime_url: str
) -> None:
    room = Room(calls=FOR_EVER._replace(lock=100), writes_at_once=1, seconds=60)

    async with small(shop, room) as busy, closed_gate(runtime_url) as gate:
        stuck = [asyncio.create_task(call(busy, stuck_change, {"gate": gate}, owner, key=key())) for _ in range(3)]
        noted = await call(busy, probes.write_note, {}, owner, key=key())
        refused = await asyncio.gather(*stuck, return_exceptions=True)

    assert noted.result is not None
    assert [type(one) for one in refused] == [errors.RowLocked] * 3


@pytest.mark.parametrize(("full", "told"), [(slow_report, errors.TooManyReports), (stuck_change, errors.TooManyWrites)])
async def test_who_finds_no_place_is_told_to_come_back(
    shop: Shop, owner: Caller, runtime_url: str, full: Tool[Any, Any], told: type[errors.Busy]
) -> None:
    room = Room(calls=FOR_EVER, reports=FOR_EVER, reports_at_once=1, writes_at_once=1, seconds=0.05)

    async with small(shop, room) as busy:
        async with closed_gate(runtime_url) as gate:
            first = asyncio.create_task(call(busy, full, {"gate": gate}, owner, key=key()))
            await until(lambda: room.reports.taken + room.writes.taken == 1)
            with pytest.raises(told, match=r"works on 1 \w+ at a time, and this one waited 0.05 s") as refused:
                await call(busy, full, {"gate": gate}, owner, key=key())
        await first

    assert (refused.value.status, refused.value.retryable) == (503, True)
    assert refused.value.details["retry_after"] == 2


async def test_no_more_wait_for_a_place_than_have_a_chance(shop: Shop, owner: Caller, runtime_url: str) -> None:
    room = Room(calls=FOR_EVER, writes_at_once=1, waiting=1, seconds=60)

    async with small(shop, room) as busy:
        async with closed_gate(runtime_url) as gate:
            both = [asyncio.create_task(call(busy, stuck_change, {"gate": gate}, owner, key=key())) for _ in range(2)]
            await until(lambda: room.writes.waiting == 1)
            with pytest.raises(errors.TooManyWrites, match="1 others wait already"):
                await call(busy, stuck_change, {"gate": gate}, owner, key=key())
        await asyncio.gather(*both)


async def test_a_place_is_free_again_after_a_refusal_and_after_somebody_went_away(
    shop: Shop, owner: Caller, runtime_url: str
) -> None:
    room = Room(calls=FOR_EVER, writes_at_once=1, seconds=60)

    async with small(shop, room) as busy:
        with pytest.raises(probes.NoSuchLuck):
            await call(busy, probes.move_money, {"fail": True}, owner, key=key())
        async with closed_gate(runtime_url) as gate:
            left = [asyncio.create_task(call(busy, stuck_change, {"gate": gate}, owner, key=key())) for _ in range(2)]
            await until(lambda: room.writes.waiting == 1)
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            noted = await call(busy, probes.write_note, {}, owner, key=key())

    assert noted.result is not None
    assert (room.writes.taken, room.writes.waiting) == (0, 0)


READ_THE_WHOLE_SHOP = {"create_segment", "erase_customer"}  # before they write: who is in it, and where a person stands


def test_every_report_is_declared_as_one() -> None:
    reports = {one.name for one in registry.tools().values() if one.path.startswith("/analytics/")}
    heavy = {one.name for one in registry.tools().values() if one.heavy}

    assert reports
    assert reports <= heavy
    assert {name for name in heavy if registry.tool(name).writes} == READ_THE_WHOLE_SHOP


# ---- what a caller is told -----------------------------------------------------------------------------------------------

Act = Callable[[Context], Awaitable[object]]


async def _sleep(ctx: Context) -> None:
    await ctx.sql.execute("select pg_sleep(30)")


async def _pause(ctx: Context) -> None:
    await asyncio.sleep(0.6)
    await ctx.sql.execute("select 1")


async def _fail(ctx: Context, state: str) -> None:
    await ctx.sql.execute(f"do $$ begin raise exception 'x' using errcode = '{state}'; end $$")


async def _orm_sleep(ctx: Context) -> None:
    from sqlalchemy import text

    await ctx.db.execute(text("select pg_sleep(30)"))


ACTS: dict[str, Act] = {
    "sleep": _sleep,
    "sleep by the ORM": _orm_sleep,
    "pause": _pause,
    "deadlock": lambda ctx: _fail(ctx, "40P01"),
    "serialization": lambda ctx: _fail(ctx, "40001"),
    "lock": lambda ctx: _fail(ctx, "55P03"),
}


class ActOut(Input):
    """What goes wrong."""

    act: str = Field(description="Its name.")


@tool(route="POST /acts", effect=Effect.record, permission="orders:write", raises=[], examples=[])
async def act_out(ctx: Context, args: ActOut) -> Through:
    """Let something go wrong."""
    await ACTS[args.act](ctx)
    return Through()


@pytest.mark.parametrize(
    ("act", "told", "status", "retry_after"),
    [
        ("sleep", errors.TookTooLong, 503, 5),
        ("sleep by the ORM", errors.TookTooLong, 503, 5),
        ("pause", errors.LeftAlone, 503, 2),
        ("deadlock", errors.GaveWay, 409, 1),
        ("serialization", errors.GaveWay, 409, 1),
        ("lock", errors.RowLocked, 409, 1),
    ],
)
async def test_a_caller_is_told_which_limit_it_was(
    shop: Shop, owner: Caller, act: str, told: type[errors.ShopError], status: int, retry_after: int
) -> None:
    hasty = Shop(shop.database, room=Room(calls=Patience(statement=300, lock=300, idle=300)))

    with pytest.raises(told) as refused:
        await call(hasty, act_out, {"act": act}, owner, key=key())

    assert (refused.value.status, refused.value.retryable) == (status, True)
    assert refused.value.details["retry_after"] == retry_after
    assert refused.value.advice
    assert (await call(shop, get_merchant, {}, owner)).result is not None


async def test_a_job_may_take_longer_than_a_call_that_somebody_waits_for(shop: Shop, mine: NewShop) -> None:
    hasty = Shop(shop.database, room=Room(calls=Patience(statement=100, lock=100, idle=100)))
    worker = Caller(mine.id, Door.worker, Hand.program, Proof.system, "worker")

    done = await call(hasty, act_out, {"act": "short sleep"}, worker, key="job:1")

    assert done.result is not None


ACTS["short sleep"] = lambda ctx: ctx.sql.execute("select pg_sleep(0.4)")


async def test_a_twin_is_waited_for_longer_than_a_row(shop: Shop, owner: Caller, runtime_url: str) -> None:
    patient = Shop(shop.database, room=Room(calls=FOR_EVER._replace(lock=100)))
    once = key()
    first = asyncio.create_task(call(patient, act_out, {"act": "short sleep"}, owner, key=once))
    await until(lambda: patient.room.writes.taken == 1)
    await asyncio.sleep(0.1)

    second = await call(patient, act_out, {"act": "short sleep"}, owner, key=once, wait=True)

    await first
    assert second.replayed
