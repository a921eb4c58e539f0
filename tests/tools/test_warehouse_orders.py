"""The way of an order through the warehouses: which ship it, in which boxes, and how it leaves."""

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from db.models.warehouse import Package, PackageStatus
from tests.conftest import Do
from tests.factories import NewShop, make_stock, make_variant, make_warehouse, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.shelves import on_list, ordered, picked, shelve, two_places
from tests.tools.test_warehouse_picking import held
from tests.tools.till import choose, stocked, writing
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import Ambiguous, NotFound
from tools.flows.cancel_order import cancel_order
from tools.flows.ship_order import create_shipment
from tools.inventory.adjustments import adjust_stock
from tools.orders.holds import hold_order
from tools.products.variants import update_variant
from tools.rules.standing import OrderClosed, OrderOnHold
from tools.warehouse.allocating import NothingToAllocate, allocate_order
from tools.warehouse.figures import warehouse_capacity
from tools.warehouse.packing import NothingToPack, NotPicked, WeightUnknown, pack_order, plan_packing
from tools.warehouse.picks import get_pick_list
from tools.warehouse.walking import start_pick


async def found(do: Do, sku: str, warehouse: str, units: int) -> None:
    await do(adjust_stock, sku=sku, warehouse=warehouse, delta=units, reason="found")


async def test_an_order_ships_in_the_fewest_parcels_from_the_nearest_place(mine: NewShop, do: Do) -> None:
    """It was split when it was placed; since then more came. Of places that have it all, the one in the address's postal area."""
    async with writing(mine) as sql:
        places = [await warehouse_of(sql), *(make_warehouse(sql, priority=n) for n in (1, 2))]
        for place, postcode in zip(places, ("59000", "13001", "69007"), strict=True):
            place.postcode = postcode
        mug, tee = make_variant(sql, "MUG"), make_variant(sql, "TEE")
        for place, mugs, tees in zip(places, (2, 1, 1), (0, 1, 0), strict=True):
            make_stock(sql, mug, place.id, mugs)
            make_stock(sql, tee, place.id, tees)
        main, marseille, lyon = (place.reference for place in places)
    order = await ordered(do, MUG=3, TEE=1)
    before = await do(allocate_order, order=order)
    for place in (marseille, lyon):
        await found(do, "MUG", place, 3)
    await found(do, "TEE", lyon, 1)

    allocated = await do(allocate_order, order=order)
    again = await do(allocate_order, order=order)

    assert [parcel.warehouse for parcel in before.parcels] == [main, marseille]
    assert [(parcel.warehouse, parcel.why) for parcel in allocated.parcels] == [
        (lyon, "holds all of it, in the same postal area")
    ]
    assert [(line.sku, line.quantity) for line in allocated.parcels[0].lines] == [("MUG", 3), ("TEE", 1)]
    assert (allocated.changed, again.changed) == (True, False)
    assert await misfits(mine) == {}


async def test_what_waited_for_a_delivery_is_held_where_it_lies_now(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        main, second = await warehouse_of(sql), make_warehouse(sql, priority=1)
        mug = make_variant(sql, "MUG", stock=1, warehouse=main, allow_backorder=True)
        make_stock(sql, mug, second.id, 0)
    order = await ordered(do, MUG=3)
    await found(do, "MUG", second.reference, 1)

    allocated = await do(allocate_order, order=order)

    assert await held(do, order) == {"WH-1": (1, 1), second.reference: (1, 0)}
    assert len(allocated.parcels) == 2
    assert await misfits(mine) == {}


async def test_what_is_picked_stays_and_a_list_nobody_started_is_given_back(mine: NewShop, do: Do) -> None:
    second = await two_places(mine, MUG=(2, 1), TEE=(1, 0))
    order = await ordered(do, MUG=3, TEE=1)
    await picked(do, order)
    waiting = await on_list(do, order, warehouse=second)
    await found(do, "MUG", "WH-1", 5)

    allocated = await do(allocate_order, order=order)

    assert allocated.taken_off == [waiting.reference]
    assert [parcel.warehouse for parcel in allocated.parcels] == ["WH-1"]
    assert (await do(get_pick_list, pick=waiting.reference)).status == "cancelled"
    started = await on_list(do, order)
    await do(start_pick, pick=started.reference)
    await found(do, "MUG", second, 9)
    await found(do, "TEE", second, 9)
    assert not (await do(allocate_order, order=order)).changed
    assert await misfits(mine) == {}


async def test_an_order_is_allocated_once_however_many_ask_and_nothing_is_oversold(
    shop: Shop, mine: NewShop, owner: Caller, do: Do
) -> None:
    second = await two_places(mine, MUG=(3, 2))
    orders = [await ordered(do, MUG=2), await ordered(do, MUG=3)]
    await found(do, "MUG", second, 1)

    answers = await asyncio.gather(
        *(call(shop, allocate_order, {"order": orders[n % 2]}, owner, key=uuid.uuid4().hex) for n in range(6)),
        return_exceptions=True,
    )

    assert not [answer for answer in answers if isinstance(answer, BaseException)]
    places = [await held(do, order) for order in orders]
    assert [sum(units for units, _ in place.values()) for place in places] == [2, 3]
    assert await misfits(mine) == {}


async def test_only_an_open_order_with_stock_is_allocated(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 5)
    order = await ordered(do, MUG=2)
    await do(cancel_order, order=order)
    with pytest.raises(OrderClosed):
        await do(allocate_order, order=order)
    await stocked(mine, "ENGRAVING", tracked=False)
    with pytest.raises(NothingToAllocate, match="holds no stock"):
        await do(allocate_order, order=await ordered(do, ENGRAVING=1))
    with pytest.raises(NothingToPack, match="Nothing is held"):
        await do(plan_packing, order=order)


async def measured(do: Do, sku: str, sides: tuple[int, int, int], grams: int) -> None:
    shape = dict(zip(("length_mm", "width_mm", "height_mm"), sides, strict=True))
    await do(update_variant, sku=sku, version=1, weight_grams=grams, **shape)


async def test_an_order_gets_the_smallest_box_that_takes_it_all_else_few(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 30)
    await stocked(mine, "SKI", 5)
    await measured(do, "MUG", (120, 90, 100), 400)
    await measured(do, "SKI", (1800, 100, 100), 2_000)

    async def boxes(**units: int) -> list[tuple[str, int, dict[str, int]]]:
        plan = await do(plan_packing, order=await ordered(do, **units))
        assert plan.unmeasured == []
        return [(one.box, one.weight_grams, {line.sku: line.quantity for line in one.lines}) for one in plan.packages]

    assert await boxes(MUG=2) == [("S", 890, {"MUG": 2})]
    assert await boxes(MUG=9, SKI=1) == [("none", 2_000, {"SKI": 1}), ("M", 3_780, {"MUG": 9})]
    only = {"code": "only", "length_mm": 200, "width_mm": 130, "height_mm": 110, "weight_grams": 50, "holds_grams": 900}
    await choose(mine, "warehouse.boxes", [only])
    assert await boxes(MUG=3) == [("only", 850, {"MUG": 2}), ("only", 450, {"MUG": 1})]


async def leaves(do: Do, order: str, **units: int) -> int | None:
    """Its parcels' weight."""
    lines = [{"sku": sku, "quantity": count} for sku, count in units.items()]
    sent = await do(create_shipment, order=order, lines=lines, tracking_number=f"BOUGHT-ELSEWHERE-{order}-{len(lines)}")
    return sent.shipments[0].weight_grams


async def packages(mine: NewShop) -> list[tuple[str, bool]]:
    """The packages as they stand, and whether each has left with a shipment."""
    async with mine.shop.database.transaction(mine.id) as sql:
        rows = (
            await sql.session.scalars(select(Package).where(Package.merchant_id == mine.id).order_by(Package.id))
        ).all()
        return [(row.status, row.fulfilment_id is not None) for row in rows]


async def test_what_was_picked_is_packed_weighed_and_leaves_with_its_package(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 10)
    await stocked(mine, "TEE", 10)
    await shelve(do, {"A-1": {"MUG": 8, "TEE": 8}})
    order, other = await ordered(do, MUG=3, TEE=1), await ordered(do, TEE=2)
    with pytest.raises(NothingToPack, match="waits to be packed"):
        await do(pack_order, order=order)
    await picked(do, order, other, lines=[{"sku": "MUG", "picked": 2}])

    part = await do(pack_order, order=order, packages=[{"box": "s", "lines": [{"sku": "MUG", "quantity": 1}]}])
    with pytest.raises(NotPicked, match=r"1 unit of MUG .* in no package yet; 2 were to be packed"):
        await do(pack_order, order=order, packages=[{"lines": [{"sku": "MUG", "quantity": 2}]}])
    rest = await do(pack_order, order=order)

    assert [(one.box, one.weight_grams, one.lines[0].quantity) for one in part.packages] == [("S", 440, 1)]
    assert part.left == 2
    assert [{line.sku: line.quantity for line in one.lines} for one in rest.packages] == [{"MUG": 1, "TEE": 1}]
    with pytest.raises(NothingToPack):
        await do(pack_order, order=order)
    assert await misfits(mine) == {}

    await leaves(do, order, MUG=1)
    assert await packages(mine) == [(PackageStatus.handed_over, True), (PackageStatus.sealed, False)]
    assert await leaves(do, order, MUG=1, TEE=1) == rest.packages[0].weight_grams
    assert await packages(mine) == [(PackageStatus.handed_over, True)] * 2
    capacity = await do(warehouse_capacity, warehouse="WH-1")
    assert (capacity.on_hand, capacity.in_bins, capacity.waiting_to_be_packed) == (17, 11, 2)
    assert await misfits(mine) == {}


async def test_an_unpicked_order_leaves_from_the_bins_and_not_from_what_others_had_picked(
    mine: NewShop, do: Do
) -> None:
    await stocked(mine, "MUG", 6)
    await shelve(do, {"A-1": {"MUG": 6}})
    await picked(do, await ordered(do, MUG=2))
    order = await ordered(do, MUG=3)

    await leaves(do, order, MUG=3)

    capacity = await do(warehouse_capacity, warehouse="WH-1")
    assert (capacity.on_hand, capacity.in_bins, capacity.waiting_to_be_packed) == (3, 1, 2)
    assert await misfits(mine) == {}


async def test_packages_of_an_order_that_is_cancelled_are_opened(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG", 6)
    order = await ordered(do, MUG=2)
    await picked(do, order)
    packed = await do(pack_order, order=order)

    outcome = await do.outcome(cancel_order, preview=True, order=order)
    await do(cancel_order, order=order)

    assert outcome.card is not None
    assert f"{packed.packages[0].reference}, packed already, is opened again." in outcome.card.sentences
    assert await packages(mine) == [(PackageStatus.opened, False)]
    assert await misfits(mine) == {}


async def test_packing_asks_for_what_it_cannot_know(mine: NewShop, do: Do) -> None:
    second = await two_places(mine, MUG=(2, 2))
    await stocked(mine, "TEE", 2)
    order = await ordered(do, MUG=3)
    await picked(do, order)
    await picked(do, order, warehouse=second)
    with pytest.raises(Ambiguous, match="waits to be packed in Warehouse MAIN"):
        await do(pack_order, order=order)
    one = [{"lines": [{"sku": "MUG", "quantity": 1}]}]
    with pytest.raises(NotFound, match="no box XXL"):
        await do(pack_order, order=order, warehouse=second, packages=[one[0] | {"box": "XXL"}])
    with pytest.raises(NotPicked, match="No TEE of this order"):
        await do(pack_order, order=order, warehouse=second, packages=[{"lines": [{"sku": "TEE", "quantity": 1}]}])
    await do(update_variant, sku="MUG", version=1, weight_grams=None)
    with pytest.raises(WeightUnknown, match="Nobody has said what MUG weighs"):
        await do(pack_order, order=order, warehouse=second, packages=one)
    weighed: list[dict[str, Any]] = [one[0] | {"weight_grams": 555}]
    assert (await do(pack_order, order=order, warehouse=second, packages=weighed)).packages[0].weight_grams == 555
    with pytest.raises(NothingToPack, match=r"Nothing of .* waits in Warehouse LYON"):
        await do(pack_order, order=order, warehouse=second)
    await do(hold_order, order=order)
    with pytest.raises(OrderOnHold):
        await do(pack_order, order=order, warehouse="WH-1")
    await do(cancel_order, order=order)
    with pytest.raises(OrderClosed):
        await do(pack_order, order=order)
