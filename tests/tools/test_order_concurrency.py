"""Many buyers at once, from several processes: nothing is sold twice, nobody waits for ever, nothing is left half done."""

import asyncio
import multiprocessing
import os
import signal
import uuid
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor

import pytest
from sqlalchemy import func, select

from db.models.inventory import Reservation, ReservationStatus, StockLevel
from db.models.orders import Order
from tests.factories import NewShop, make_variant, warehouse_of
from tests.oracle import tables_of
from tests.tools.buyers import buy, open_process, place_and_stop_before_the_commit, wanted
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.shop import Shop
from tools.flows.create_order import create_order

PROCESSES = 4
spawning = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def processes(runtime_url: str) -> Generator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(PROCESSES, spawning, open_process, (runtime_url,)) as executor:
        yield executor


async def at_once(
    processes: ProcessPoolExecutor, caller: Caller, baskets: list[list[str]], keys: list[str], cancelling: bool = False
) -> list[str]:
    """The baskets, dealt out to the processes."""
    loop = asyncio.get_running_loop()
    dealt = [
        loop.run_in_executor(processes, buy, caller, baskets[n::PROCESSES], keys[n::PROCESSES], cancelling)
        for n in range(PROCESSES)
    ]
    return [outcome for outcomes in await asyncio.gather(*dealt) for outcome in outcomes]


async def stock(mine: NewShop, units: int, *skus: str) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for sku in skus:
            make_variant(sql, sku, stock=units, warehouse=await warehouse_of(sql))
        await sql.commit()


async def counts(mine: NewShop) -> tuple[int, int, int]:
    """Orders, units reserved on the shelves, and units of active reservations."""
    async with mine.shop.database.transaction(mine.id) as sql:
        orders = select(func.count()).select_from(Order).where(Order.merchant_id == mine.id)
        shelves = select(func.sum(StockLevel.reserved)).where(StockLevel.merchant_id == mine.id)
        active = select(func.coalesce(func.sum(Reservation.quantity), 0)).where(
            Reservation.merchant_id == mine.id, Reservation.status == ReservationStatus.active
        )
        on_shelves, held = (await sql.session.scalars(shelves)).one(), (await sql.session.scalars(active)).one()
        return (await sql.session.scalars(orders)).one(), int(on_shelves), int(held)


def keys(count: int) -> list[str]:
    return [uuid.uuid4().hex for _ in range(count)]


async def test_forty_buyers_from_four_processes_get_ten_units_ten_times(
    mine: NewShop, owner: Caller, processes: ProcessPoolExecutor
) -> None:
    rounds = [f"MUG-{number}" for number in range(20)]
    await stock(mine, 10, *rounds)

    sold = [await at_once(processes, owner, [[sku]] * 40, keys(40)) for sku in rounds]

    assert [outcomes.count("NotEnoughStock") for outcomes in sold] == [30] * 20
    placed = [outcome for outcomes in sold for outcome in outcomes if outcome.startswith("ORD-")]
    assert len(set(placed)) == 200
    assert await counts(mine) == (200, 200, 200)


async def test_orders_for_the_same_two_variants_in_opposite_order_do_not_block_each_other(
    mine: NewShop, processes: ProcessPoolExecutor
) -> None:
    await stock(mine, 1_000, "A", "B")
    system = Caller(mine.id, Door.worker, Hand.program, Proof.system, "test")  # may cancel as often as it likes

    for _ in range(5):
        outcomes = await at_once(processes, system, [["A", "B"], ["B", "A"]] * 20, keys(40), cancelling=True)
        assert all(outcome.startswith("ORD-") for outcome in outcomes), Counter(outcomes)

    assert await counts(mine) == (200, 0, 0)


async def test_the_same_key_twenty_times_at_once_places_one_order(
    mine: NewShop, owner: Caller, processes: ProcessPoolExecutor
) -> None:
    await stock(mine, 100, "MUG-BLUE")

    outcomes = await at_once(processes, owner, [["MUG-BLUE"]] * 20, keys(1) * 20)

    assert set(outcomes) <= {"ORD-1001", "idempotency_in_flight"}
    assert "ORD-1001" in outcomes
    assert await counts(mine) == (1, 1, 1)


async def test_a_process_killed_in_the_middle_of_an_order_leaves_nothing_half_done(
    mine: NewShop, shop: Shop, owner: Caller, runtime_url: str
) -> None:
    await stock(mine, 1, "MUG-BLUE")
    before = await tables_of(mine)
    key = uuid.uuid4().hex
    receiving, sending = spawning.Pipe(duplex=False)
    process = spawning.Process(target=place_and_stop_before_the_commit, args=(runtime_url, owner, key, sending))

    process.start()
    sending.close()  # its own: were the process to end without a word, nothing would wait for one
    statements = await asyncio.to_thread(receiving.recv)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.join)

    assert statements == 4  # begin, who calls, quote, place: all but the commit was done
    assert await tables_of(mine) == before
    again = await call(shop, create_order, wanted(["MUG-BLUE"]), owner, key=key, wait=True)
    assert again.result is not None
    assert again.result.reference == "ORD-1001"
    assert await counts(mine) == (1, 1, 1)


async def test_what_comes_onto_the_shelf_while_an_order_waits_for_it_is_sold(mine: NewShop, shop: Shop) -> None:
    """The order began when there were two; PostgreSQL checks a row in that version first, and must not be told of three."""
    await stock(mine, 2, "MUG-BLUE")
    arguments = wanted(["MUG-BLUE"]) | {"lines": [{"sku": "MUG-BLUE", "quantity": 3}]}

    async with shop.database.transaction(mine.id) as sql:
        await sql.execute("update stock_levels set on_hand = on_hand + 1 where merchant_id = %s", (mine.id,))
        placing = asyncio.create_task(call(shop, create_order, arguments, mine.caller("owner"), key=uuid.uuid4().hex))
        waiting = "select 1 from pg_locks where not granted and %s = any(pg_blocking_pids(pid))"
        while not await sql.execute(waiting, (sql.connection.info.backend_pid,)):  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.01)
        await sql.commit()

    assert (await placing).result is not None
    assert await counts(mine) == (1, 3, 3)
