"""Warehouses and their shelves: where goods lie, how they come in, move and are counted."""

import asyncio
import uuid
from decimal import Decimal

import pytest

from tests.conftest import Do
from tests.factories import NewShop, make_variant
from tests.tools.misfits import misfits
from tests.tools.shelves import on_list, ordered, picked, shelve, two_places
from tests.tools.test_warehouse_picking import in_bins
from tests.tools.till import stocked, writing
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import AlreadyTaken, NotFound
from tools.flows.count_stock import BeingPicked, CountedTwice, count_stock
from tools.flows.receive_inbound import GoesElsewhere, receive_inbound
from tools.inventory.adjustments import BelowReserved, adjust_stock
from tools.inventory.places import NotTracked
from tools.inventory.reservations import list_reservations
from tools.inventory.transfers import list_transfers, transfer_stock
from tools.rules.bins import BinFull, NotInBin
from tools.rules.places import WarehouseClosed
from tools.warehouse.figures import warehouse_capacity, warehouse_performance
from tools.warehouse.mispicks import NothingMispicked, report_mispick
from tools.warehouse.moving import NoRoom, NotOnTheFloor, PromisedToPick, SameBin, move_stock, put_away
from tools.warehouse.places import (
    LastWarehouse,
    WarehouseNotEmpty,
    close_warehouse,
    create_warehouse,
    list_warehouses,
    update_warehouse,
)
from tools.warehouse.shelves import create_bin, list_bins
from tools.warehouse.walking import confirm_pick, start_pick

NANTES = {"code": "NAN", "name": "Nantes", "line1": "8 quai de la Fosse", "city": "Nantes", "postcode": "44000"}


async def test_a_warehouse_opens_changes_and_closes_when_it_is_empty(mine: NewShop, do: Do) -> None:
    with pytest.raises(LastWarehouse):
        await do(close_warehouse, warehouse="WH-1")
    made = await do(create_warehouse, **NANTES)
    with pytest.raises(AlreadyTaken, match=r"has the code NAN"):
        await do(create_warehouse, **NANTES | {"code": "nan"})
    await stocked(mine, "MUG", 4)
    await do(transfer_stock, from_warehouse="WH-1", to_warehouse="NAN", lines=[{"sku": "MUG", "quantity": 3}])

    moved = await do(update_warehouse, warehouse="nantes", name="Nantes Port", priority=0)
    with pytest.raises(WarehouseNotEmpty, match=r"Nantes Port .* is not empty: 3 units on their way there"):
        await do(close_warehouse, warehouse="NAN")
    await do(receive_inbound, warehouse="NAN", transfer=(await _transfer(do)))
    await do(adjust_stock, sku="MUG", warehouse="NAN", counted=0)
    closed = await do(close_warehouse, warehouse="NAN")

    assert (made.country, made.active, moved.version) == ("FR", True, 2)
    assert not closed.active
    with pytest.raises(WarehouseClosed):
        await do(create_bin, warehouse="NAN", code="A-1")
    with pytest.raises(WarehouseClosed):
        await do(close_warehouse, warehouse="NAN")
    assert [one.code for one in (await do(list_warehouses, active=True)).data] == ["MAIN"]
    assert (await do(update_warehouse, warehouse="NAN", reopen=True)).active
    assert [(one.code, one.on_hand) for one in (await do(list_warehouses)).data] == [("MAIN", 1), ("NAN", 0)]
    assert await misfits(mine) == {}


async def _transfer(do: Do) -> str:
    return (await do(list_transfers, status="in_transit")).data[0].reference


async def test_bins_are_walked_in_order_and_take_no_more_than_they_hold(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await stocked(mine, "TEE", 5)
    with pytest.raises(NoRoom, match="has no bin with room for 10 units of MUG"):
        await do(put_away, warehouse="WH-1", lines=[{"sku": "MUG"}])
    await do(create_bin, warehouse="WH-1", code="A-2", walk=20, capacity=6, zone="A")
    await do(create_bin, warehouse="WH-1", code="A-1", walk=10, capacity=3, zone="A")
    await do(create_bin, warehouse="WH-1", code="R-1", kind="bulk")
    with pytest.raises(AlreadyTaken, match="has a bin a-1 already"):
        await do(create_bin, warehouse="WH-1", code="a-1")

    first = await do(put_away, warehouse="WH-1", lines=[{"sku": "MUG", "quantity": 5}, {"sku": "TEE", "quantity": 2}])
    second = await do(put_away, warehouse="WH-1", lines=[{"sku": "MUG"}])

    assert [(one.sku, one.quantity, one.bin) for one in first.lines] == [("MUG", 5, "A-2"), ("TEE", 2, "A-1")]
    assert [(one.sku, one.quantity, one.bin) for one in second.lines] == [("MUG", 5, "R-1")]
    assert await in_bins(do) == {"A-1": {"TEE": 2}, "A-2": {"MUG": 5}, "R-1": {"MUG": 5}}
    with pytest.raises(BinFull, match="A-1 takes 3 units, and would have 4"):
        await do(put_away, warehouse="WH-1", lines=[{"sku": "TEE", "quantity": 2, "bin": "A-1"}])
    with pytest.raises(NotOnTheFloor, match="0 units of MUG"):
        await do(put_away, warehouse="WH-1", lines=[{"sku": "MUG", "quantity": 1}])
    with pytest.raises(NotFound, match="no bin A-9") as refused:
        await do(put_away, warehouse="WH-1", lines=[{"sku": "TEE", "bin": "A-9"}])
    assert "A-1" in str(refused.value.advice)
    assert [one.code for one in (await do(list_bins, warehouse="WH-1", sku="MUG", kind="picking")).data] == ["A-2"]
    page = await do(list_bins, warehouse="WH-1", limit=1)
    assert [one.code for one in (await do(list_bins, warehouse="WH-1", after=page.next)).data] == ["A-2", "R-1"]
    capacity = await do(warehouse_capacity, warehouse="WH-1")
    assert (capacity.fill_percent, capacity.bins, capacity.empty_bins, capacity.on_the_floor) == (78, 3, 0, 3)
    assert [(one.code, one.units) for one in capacity.fullest] == [("A-2", 5), ("A-1", 2)]
    assert await misfits(mine) == {}


async def test_units_move_between_bins_unless_somebody_is_to_fetch_them(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await shelve(do, {"A-1": {"MUG": 6}, "A-2": {}})
    move = {"warehouse": "WH-1", "sku": "MUG", "from_bin": "A-1", "to_bin": "A-2"}
    await on_list(do, await ordered(do, MUG=4))

    with pytest.raises(PromisedToPick, match="A-1 has 6 MUG, and 4 of them are to be picked"):
        await do(move_stock, **move, quantity=3)
    moved = await do(move_stock, **move, quantity=2)

    assert (moved.left, moved.there) == (4, 2)
    with pytest.raises(NotInBin, match="A-2 has 2 MUG in the books; 3 were"):
        await do(move_stock, **move | {"from_bin": "A-2", "to_bin": "A-1"}, quantity=3)
    with pytest.raises(SameBin):
        await do(move_stock, **move | {"to_bin": "a-1"}, quantity=1)
    assert await misfits(mine) == {}


async def test_whatever_leaves_the_warehouse_leaves_its_bins(mine: NewShop, do: Do) -> None:
    """The floor first, but for what was picked for somebody; then the bins along the walk."""
    second = await two_places(mine, MUG=(10, 0))
    await shelve(do, {"A-1": {"MUG": 3}, "A-2": {"MUG": 5}})
    await picked(do, await ordered(do, MUG=2))  # from the one bin that has both

    await do(transfer_stock, from_warehouse="WH-1", to_warehouse=second, lines=[{"sku": "MUG", "quantity": 4}])
    capacity = await do(warehouse_capacity, warehouse="WH-1")
    await do(adjust_stock, sku="MUG", warehouse="WH-1", delta=-4, reason="lost")

    assert (capacity.in_bins, capacity.on_the_floor, capacity.waiting_to_be_packed) == (4, 2, 2)
    assert await in_bins(do) == {}
    assert (await do(warehouse_capacity, warehouse="WH-1")).on_the_floor == 2
    assert await misfits(mine) == {}


async def test_a_count_says_what_is_there_and_lets_go_what_a_pick_did_not_find(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await shelve(do, {"A-1": {"MUG": 6}, "A-2": {"MUG": 4}})
    order = await ordered(do, MUG=3)
    await picked(do, order, lines=[{"sku": "MUG", "picked": 1}])

    lines = [{"sku": "MUG", "bin": "a-1", "counted": 4}, {"sku": "MUG", "bin": "A-2", "counted": 4}]
    booked = await do(count_stock, warehouse="WH-1", lines=[*lines, {"sku": "MUG", "counted": 1}])

    assert [(one.bin, one.expected, one.difference, one.found_again) for one in booked.lines] == [
        ("A-1", 5, -1, 2),
        ("A-2", 4, 0, 0),
        (None, 0, 1, 0),
    ]
    assert await in_bins(do) == {"A-1": {"MUG": 4}, "A-2": {"MUG": 4}}
    assert [one.order for one in (await do(list_reservations, sku="MUG", status="active")).data] == [order]
    performance = await do(warehouse_performance, warehouse="WH-1")
    assert (performance.counted, performance.count_accuracy_percent) == (3, Decimal("33.3"))
    assert (performance.units_asked, performance.units_picked, performance.short_percent) == (3, 1, Decimal("66.7"))
    with pytest.raises(BelowReserved, match="has 2 MUG, and 3 are reserved"):
        await do(
            count_stock,
            warehouse="WH-1",
            lines=[{"sku": "MUG", "bin": "A-1", "counted": 0}, {"sku": "MUG", "bin": "A-2", "counted": 0}],
        )
    with pytest.raises(CountedTwice):
        await do(count_stock, warehouse="WH-1", lines=[lines[0], lines[0] | {"bin": "A-1"}])
    async with writing(mine) as sql:
        make_variant(sql, "EBOOK", tracked=False)
    with pytest.raises(NotTracked):
        await do(count_stock, warehouse="WH-1", lines=[{"sku": "EBOOK", "counted": 1}])
    assert await misfits(mine) == {}


async def test_nobody_counts_a_bin_while_it_is_picked(shop: Shop, mine: NewShop, owner: Caller, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await shelve(do, {"A-1": {"MUG": 6}, "A-2": {"MUG": 4}})
    pick = (await on_list(do, await ordered(do, MUG=3))).reference
    await do(start_pick, pick=pick)
    counting = {"warehouse": "WH-1", "lines": [{"sku": "MUG", "bin": "A-1", "counted": 6}]}

    with pytest.raises(BeingPicked, match=rf"USR-1001 is fetching MUG in A-1 with {pick}"):
        await do(count_stock, **counting)
    other_bin = await do(count_stock, warehouse="WH-1", lines=[{"sku": "MUG", "bin": "A-2", "counted": 3}])
    await asyncio.gather(
        call(shop, confirm_pick, {"pick": pick}, owner, key=uuid.uuid4().hex),
        call(shop, count_stock, counting, owner, key=uuid.uuid4().hex),
        return_exceptions=True,
    )

    assert other_bin.difference == -1
    assert await misfits(mine) == {}


async def test_what_comes_is_booked_by_its_own_rules_and_finds_its_bin(mine: NewShop, do: Do) -> None:
    second = await two_places(mine, MUG=(10, 2), TEE=(10, 0))
    await shelve(do, {"A-1": {"MUG": 2}, "A-2": {}}, second)
    lines = [{"sku": "MUG", "quantity": 4}, {"sku": "TEE", "quantity": 3}]
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=second, lines=lines)

    with pytest.raises(GoesElsewhere, match=rf"{sent.reference} goes to Warehouse LYON"):
        await do(receive_inbound, warehouse="WH-1", transfer=sent.reference)
    part = [{"sku": "mug", "received": 2, "damaged": 1}]
    first = await do(receive_inbound, warehouse=second, transfer=sent.reference, lines=part)
    outcome = await do.outcome(receive_inbound, preview=True, warehouse=second, transfer=sent.reference)

    assert [(one.sku, one.received, one.damaged, one.still_to_come, one.bin) for one in first.lines] == [
        ("MUG", 2, 1, 1, "A-1")
    ]
    assert first.status == "partially_received"
    assert outcome.card is not None
    assert [one["received"] for one in outcome.card.arguments["lines"]] == [1, 3]
    assert await misfits(mine) == {}


async def test_a_mispick_is_put_right(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 5)
    await stocked(mine, "MUG-RED", 5)
    await shelve(do, {"A-1": {"MUG": 5}, "A-2": {"MUG-RED": 5}})
    order = await ordered(do, MUG=2)
    pick = (await picked(do, order)).reference

    told = await do(report_mispick, pick=pick, sku="MUG", got="MUG-RED")

    assert (told.orders, told.put_back, told.got_from) == ([order], ["A-1"], ["A-2"])
    assert await in_bins(do) == {"A-1": {"MUG": 4}, "A-2": {"MUG-RED": 4}}
    assert [(stop.sku, stop.quantity, stop.bin) for stop in (await on_list(do, order)).stops] == [("MUG", 1, "A-1")]
    performance = await do(warehouse_performance, warehouse="WH-1", days=1)
    assert (performance.mispicked, performance.accuracy_percent) == (1, 50)
    assert [(one.picker, one.units, one.mispicked) for one in performance.pickers] == [("USR-1001", 2, 1)]
    with pytest.raises(NothingMispicked, match=r"1 unit of MUG .* waits to be packed; 2 were reported"):
        await do(report_mispick, pick=pick, sku="MUG", quantity=2)
    with pytest.raises(NothingMispicked, match="is what"):
        await do(report_mispick, pick=pick, sku="MUG", got="MUG")
    assert await misfits(mine) == {}
