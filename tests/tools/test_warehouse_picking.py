"""Picking: from the bin to the packing table, and what happens when something is not there."""

import asyncio
import uuid
from typing import Any

import pytest

from db.models.warehouse import PickStatus, TaskStatus
from tests.conftest import Do
from tests.factories import NewShop, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.shelves import on_list, ordered, picked, shelve, two_places
from tests.tools.till import stocked, writing
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import IllegalMove
from tools.flows.cancel_order import cancel_order
from tools.inventory.levels import list_stock
from tools.inventory.reservations import list_reservations
from tools.orders.detail import get_order
from tools.orders.holds import hold_order
from tools.rules.places import WarehouseClosed
from tools.rules.standing import OrderOnHold
from tools.warehouse.figures import warehouse_capacity
from tools.warehouse.picking import NothingToPick, OrderNotReady, create_pick_list
from tools.warehouse.picks import get_pick_list, list_pick_lists
from tools.warehouse.shelves import list_bins
from tools.warehouse.walking import MoreThanAsked, NotOnPickList, PickNotStarted, PickTaken, confirm_pick, start_pick


async def in_bins(do: Do, warehouse: str = "WH-1") -> dict[str, dict[str, int]]:
    """What lies in each bin that is not empty."""
    bins = (await do(list_bins, warehouse=warehouse, empty=False)).data
    return {one.code: {lies.sku: lies.quantity for lies in one.contents} for one in bins}


async def held(do: Do, order: str) -> dict[str, tuple[int, int]]:
    """Units held for an order and promised to it, by warehouse."""
    lines = (await do(get_order, order=order)).lines
    return {one.warehouse: (one.quantity, one.backordered) for line in lines for one in line.held}


async def test_a_batch_is_picked_along_the_walk_and_waits_to_be_packed(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await stocked(mine, "TEE", 5)
    await shelve(do, {"A-2": {"TEE": 4}, "A-1": {"MUG": 3}, "B-1": {"MUG": 6}})
    first, second = await ordered(do, TEE=1, MUG=2), await ordered(do, MUG=4)

    pick = await do(create_pick_list, warehouse="wh-1")
    started = await do(start_pick, pick=pick.reference)
    done = await do(confirm_pick, pick=pick.reference)

    assert pick.orders == [first, second]
    stops = [(stop.bin, stop.sku, stop.quantity, stop.order) for stop in pick.stops]
    assert stops == [("A-2", "TEE", 1, first), ("A-1", "MUG", 2, first), ("B-1", "MUG", 4, second)]
    assert (started.status, started.picker) == (PickStatus.picking, "USR-1001")
    assert (done.status, done.picked, done.short) == (PickStatus.picked, 7, [])
    assert await in_bins(do) == {"A-2": {"TEE": 3}, "A-1": {"MUG": 1}, "B-1": {"MUG": 2}}
    capacity = await do(warehouse_capacity, warehouse="WH-1")
    assert (capacity.on_hand, capacity.in_bins, capacity.on_the_floor, capacity.waiting_to_be_packed) == (15, 6, 9, 7)
    shown = await do(get_pick_list, pick=pick.reference)
    assert {stop.status for stop in shown.stops} == {TaskStatus.picked}
    with pytest.raises(NothingToPick, match="No order waits to be picked"):
        await do(create_pick_list, warehouse="WH-1")
    assert await misfits(mine) == {}


async def test_what_is_not_there_comes_from_another_bin_another_warehouse_or_the_next_delivery(
    mine: NewShop, do: Do
) -> None:
    """Eight mugs: two in a bin, two that nobody finds there, two elsewhere in the house, one in Lyon, and one nobody has."""
    lyon = await two_places(mine, MUG=(6, 1))
    await shelve(do, {"A-1": {"MUG": 4}, "R-1": {"MUG": 2}})
    order = await ordered(do, MUG=4)

    done = await picked(do, order, lines=[{"sku": "mug", "bin": "a-1", "picked": 1}])

    assert [(one.order, one.sku, one.bin, one.missing) for one in done.short] == [(order, "MUG", "A-1", 3)]
    assert await held(do, order) == {"WH-1": (3, 0), lyon: (1, 0)}
    assert [(one.order, one.moved, one.backordered) for one in done.orders] == [
        (order, ["2 MUG in Warehouse MAIN", "1 MUG in Warehouse LYON"], 0)
    ]
    (hold,) = [one for one in (await do(list_reservations, sku="MUG")).data if one.order is None]
    assert (hold.quantity, hold.reason, hold.warehouse) == (3, "quality", "WH-1")
    again = await on_list(do, order)
    assert [(stop.bin, stop.quantity) for stop in again.stops] == [("R-1", 2)]
    assert await misfits(mine) == {}


async def test_what_nobody_has_waits_for_the_next_delivery(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 4)
    order = await ordered(do, MUG=4)

    done = await picked(do, order, lines=[{"sku": "MUG", "picked": 0}])

    assert (done.picked, [(one.bin, one.missing) for one in done.short]) == (0, [(None, 4)])
    assert await held(do, order) == {"WH-1": (0, 4)}
    assert [(one.moved, one.backordered) for one in done.orders] == [([], 4)]
    (line,) = (await do(list_stock, sku="MUG")).data
    assert (line.on_hand, line.reserved, line.available) == (4, 4, 0)
    assert await misfits(mine) == {}


async def test_one_person_goes_with_a_list_and_confirms_it_once(
    shop: Shop, mine: NewShop, owner: Caller, do: Do
) -> None:
    await stocked(mine, "MUG", 10)
    await shelve(do, {"A-1": {"MUG": 6}})
    pick = (await on_list(do, await ordered(do, MUG=2))).reference
    with pytest.raises(PickNotStarted):
        await do(confirm_pick, pick=pick)

    async def at_once(tool: Any) -> list[Any]:
        calls = (call(shop, tool, {"pick": pick}, owner, key=uuid.uuid4().hex) for _ in range(4))
        return await asyncio.gather(*calls, return_exceptions=True)

    started = await at_once(start_pick)
    confirmed = await at_once(confirm_pick)

    assert sum(isinstance(answer, PickTaken) for answer in started) == 3
    assert sum(isinstance(answer, IllegalMove) for answer in confirmed) == 3
    assert await in_bins(do) == {"A-1": {"MUG": 4}}
    assert await misfits(mine) == {}


async def test_pickers_who_ask_at_once_get_different_orders(shop: Shop, mine: NewShop, owner: Caller, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    orders = {await ordered(do, MUG=1) for _ in range(4)}

    asked = {"warehouse": "WH-1", "at_most": 2}
    answers = await asyncio.gather(
        *(call(shop, create_pick_list, asked, owner, key=uuid.uuid4().hex) for _ in range(4)), return_exceptions=True
    )

    lists = [answer.result for answer in answers if not isinstance(answer, BaseException) and answer.result]
    listed = [order for pick in lists for order in pick.orders]
    assert len(listed) == len(set(listed))
    assert set(listed) <= orders
    assert all(isinstance(answer, NothingToPick) for answer in answers if isinstance(answer, BaseException))
    with pytest.raises(NothingToPick, match=f"Of {listed[0]} nothing waits"):
        await on_list(do, listed[0])


async def test_only_orders_that_are_ready_are_picked(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    held_order, gone, ready = await ordered(do, MUG=1), await ordered(do, MUG=1), await ordered(do, MUG=1)
    pick = (await on_list(do, held_order, gone, ready)).reference
    await do(hold_order, order=held_order)
    await do(cancel_order, order=gone)

    started = await do(start_pick, pick=pick)
    done = await do(confirm_pick, pick=pick)

    assert [stop.status for stop in started.stops] == [TaskStatus.dropped, TaskStatus.dropped, TaskStatus.open]
    assert (done.units, done.picked) == (1, 1)
    with pytest.raises(OrderOnHold):
        await on_list(do, held_order)
    with pytest.raises(OrderNotReady, match="is cancelled"):
        await on_list(do, gone)
    async with writing(mine) as sql:
        (await warehouse_of(sql)).active = False
    with pytest.raises(WarehouseClosed):
        await on_list(do, ready)
    assert await misfits(mine) == {}


async def test_an_order_that_is_cancelled_while_it_is_picked_leaves_its_units_on_the_floor(
    mine: NewShop, do: Do
) -> None:
    await stocked(mine, "MUG", 10)
    await shelve(do, {"A-1": {"MUG": 6}})
    order = await ordered(do, MUG=2)
    pick = (await on_list(do, order)).reference
    await do(start_pick, pick=pick)
    await do(cancel_order, order=order)

    done = await do(confirm_pick, pick=pick)

    assert (done.picked, done.put_back, done.short) == (0, 2, [])
    capacity = await do(warehouse_capacity, warehouse="WH-1")
    assert (capacity.in_bins, capacity.on_the_floor, capacity.waiting_to_be_packed) == (4, 6, 0)
    assert await misfits(mine) == {}


async def test_a_list_whose_orders_are_all_gone_is_cancelled(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    order = await ordered(do, MUG=2)
    pick = (await on_list(do, order)).reference
    await do(cancel_order, order=order)

    assert (await do(start_pick, pick=pick)).status is PickStatus.cancelled
    assert [one.reference for one in (await do(list_pick_lists, status="cancelled", order=order)).data] == [pick]


@pytest.mark.parametrize("few", [True, False])
async def test_a_pick_list_is_found_by_words_of_what_is_on_it(
    mine: NewShop, do: Do, monkeypatch: pytest.MonkeyPatch, few: bool
) -> None:
    """Orders that fit are looked up before, or looked at along the list."""
    monkeypatch.setattr("tools.rules.whose.MOST_LOOKED_UP", 2_000 if few else 0)
    await stocked(mine, "MUG", 10, title="Stoneware mug")
    await stocked(mine, "TEE", 10, title="Linen shirt")
    mugs = (await on_list(do, await ordered(do, MUG=1))).reference
    await on_list(do, await ordered(do, TEE=1))

    assert [one.reference for one in (await do(list_pick_lists, text="stoneware")).data] == [mugs]
    assert (await do(list_pick_lists, text="velvet sofa")).data == []


async def test_only_what_a_list_asks_for_is_confirmed(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await stocked(mine, "TEE", 10)
    pick = (await on_list(do, await ordered(do, MUG=2))).reference
    await do(start_pick, pick=pick)

    with pytest.raises(NotOnPickList, match=f"{pick} asks for no TEE") as refused:
        await do(confirm_pick, pick=pick, lines=[{"sku": "TEE", "picked": 1}])
    assert refused.value.advice == "It asks for MUG."
    with pytest.raises(MoreThanAsked, match="asks for 2 MUG; 3 were fetched"):
        await do(confirm_pick, pick=pick, lines=[{"sku": "MUG", "picked": 3}])
