"""Corrections of stock, and the ledger that keeps them."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from db import clock
from tests.conftest import Do
from tests.factories import NewShop, make_stock, make_variant, make_warehouse, warehouse_of
from tools.contract.actors import Caller, Hand
from tools.contract.call import Shop, call
from tools.contract.errors import Ambiguous, Invalid
from tools.inventory.adjustments import BelowReserved, NotSetAside, adjust_stock
from tools.inventory.movements import list_stock_movements
from tools.inventory.places import NotTracked
from tools.inventory.reservations import reserve_stock
from tools.rules.places import WarehouseClosed


async def mug(mine: NewShop, units: int = 10) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "MUG-BLUE", stock=units, warehouse=await warehouse_of(sql))
        await sql.commit()


async def test_a_change_is_a_movement_with_its_reason_actor_and_note(mine: NewShop, do: Do) -> None:
    await mug(mine)

    done = await do(adjust_stock, sku="mug-blue", delta=-3, reason="damaged", note="fell off the shelf")

    assert (done.before, done.on_hand, done.available, done.warehouse) == (10, 7, 7, "WH-1")
    movement = (await do(list_stock_movements, sku="MUG-BLUE")).data[0]
    assert (movement.kind, movement.reason, movement.quantity) == ("adjustment", "damaged", -3)
    assert (movement.note, movement.warehouse) == ("fell off the shelf", "WH-1")
    assert movement.actor.startswith("USR-")


async def test_a_count_sets_what_is_on_hand(mine: NewShop, do: Do) -> None:
    await mug(mine)

    done = await do(adjust_stock, sku="MUG-BLUE", counted=12)

    assert (done.before, done.on_hand, done.reason) == (10, 12, "counted")
    assert (await do(list_stock_movements, sku="MUG-BLUE")).data[0].quantity == 2


async def test_a_count_that_agrees_moves_nothing(mine: NewShop, do: Do) -> None:
    await mug(mine)

    done = await do(adjust_stock, sku="MUG-BLUE", counted=10)

    assert done.on_hand == 10
    assert [movement.kind for movement in (await do(list_stock_movements, sku="MUG-BLUE")).data] == ["opening"]


async def test_a_change_without_a_reason_is_a_correction(mine: NewShop, do: Do) -> None:
    await mug(mine)

    assert (await do(adjust_stock, sku="MUG-BLUE", delta=5)).reason == "correction"


async def test_damaged_units_stay_on_hand_and_are_not_for_sale_until_they_are_put_back(mine: NewShop, do: Do) -> None:
    await mug(mine)

    aside = await do(adjust_stock, sku="MUG-BLUE", set_aside=3)
    back = await do(adjust_stock, sku="MUG-BLUE", set_aside=-1, reason="correction")
    written_off = await do(adjust_stock, sku="MUG-BLUE", delta=-2, set_aside=-2, reason="damaged")

    assert (aside.on_hand, aside.damaged, aside.available, aside.reason) == (10, 3, 7, "damaged")
    assert (back.on_hand, back.damaged, back.available) == (10, 2, 8)
    assert (written_off.on_hand, written_off.damaged, written_off.available) == (8, 0, 8)


async def test_stock_never_falls_below_what_is_reserved(mine: NewShop, do: Do) -> None:
    await mug(mine)
    await do(reserve_stock, sku="MUG-BLUE", quantity=4)
    await do(adjust_stock, sku="MUG-BLUE", set_aside=1)

    with pytest.raises(
        BelowReserved, match=r"10 on hand, 4 of them reserved and 1 damaged: 5 can be taken out .* take 6"
    ):
        await do(adjust_stock, sku="MUG-BLUE", delta=-6)
    with pytest.raises(BelowReserved, match="take 7"):
        await do(adjust_stock, sku="MUG-BLUE", counted=3)

    assert (await do(adjust_stock, sku="MUG-BLUE", delta=-5)).available == 0


async def test_no_more_is_put_back_on_sale_than_was_set_aside(mine: NewShop, do: Do) -> None:
    await mug(mine)

    with pytest.raises(NotSetAside, match="has 0 units set aside"):
        await do(adjust_stock, sku="MUG-BLUE", set_aside=-1)


async def test_a_variant_can_be_found_where_it_never_lay(mine: NewShop, do: Do) -> None:
    await mug(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        lyon = make_warehouse(sql)
        await sql.commit()

    done = await do(adjust_stock, sku="MUG-BLUE", warehouse=lyon.reference, delta=2, reason="found")

    assert (done.before, done.on_hand, done.warehouse) == (0, 2, lyon.reference)


async def test_of_several_warehouses_one_has_to_be_named(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", stock=10, warehouse=await warehouse_of(sql))
        lyon = make_warehouse(sql)
        make_stock(sql, variant, lyon.id, 4)
        await sql.commit()

    with pytest.raises(Ambiguous, match=rf"WH-1\) has 10, .*{lyon.reference}\) has 4"):
        await do(adjust_stock, sku="MUG-BLUE", delta=1)


async def test_a_shop_whose_warehouses_are_closed_has_to_name_one(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        warehouse = await warehouse_of(sql)
        make_variant(sql, "MUG-BLUE", warehouse=warehouse)
        warehouse.active = False
        await sql.commit()

    with pytest.raises(WarehouseClosed):
        await do(adjust_stock, sku="MUG-BLUE", delta=-1)

    assert (await do(adjust_stock, sku="MUG-BLUE", delta=-1, warehouse="WH-1")).on_hand == 9


async def test_what_has_no_stock_cannot_be_corrected(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "EBOOK", tracked=False)
        await sql.commit()

    with pytest.raises(NotTracked):
        await do(adjust_stock, sku="EBOOK", delta=1)


@pytest.mark.parametrize("said", [{}, {"delta": 0}, {"delta": 2, "counted": 3}, {"counted": -1}])
async def test_exactly_one_change_has_to_be_said(mine: NewShop, do: Do, said: dict[str, int]) -> None:
    await mug(mine)

    with pytest.raises(Invalid):
        await do(adjust_stock, sku="MUG-BLUE", **said)


async def test_ten_corrections_at_once_all_count(shop: Shop, mine: NewShop, owner: Caller, do: Do) -> None:
    await mug(mine)

    changes = [{"sku": "MUG-BLUE", "delta": delta} for delta in (3, -1) * 5]
    await asyncio.gather(*(call(shop, adjust_stock, change, owner, key=uuid.uuid4().hex) for change in changes))

    assert (await do(adjust_stock, sku="MUG-BLUE", counted=20)).before == 20


async def test_a_model_shows_a_correction_before_it_is_made(shop: Shop, mine: NewShop) -> None:
    await mug(mine)
    model = mine.caller("warehouse", hand=Hand.model)

    outcome = await call(shop, adjust_stock, {"sku": "MUG-BLUE", "delta": -2}, model, key=uuid.uuid4().hex)

    assert outcome.result is None
    assert outcome.card is not None
    assert outcome.card.sentences == [
        "2 MUG-BLUE are taken off the stock in Warehouse MAIN (correction): 10 on hand become 8."
    ]


async def test_the_card_of_a_first_correction_somewhere_is_the_same_when_it_is_carried_out(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    await mug(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        lyon = make_warehouse(sql)
        await sql.commit()
    arguments = {"sku": "MUG-BLUE", "warehouse": lyon.reference, "delta": 2}

    first = await call(shop, adjust_stock, arguments, owner, preview=True)
    second = await call(shop, adjust_stock, arguments, owner, preview=True)

    assert first.card is not None
    assert second.card is not None
    assert first.card.digest == second.card.digest


# ---- list_stock_movements ------------------------------------------------------------------------------------------------


async def test_movements_are_filtered_by_variant_warehouse_kind_reason_and_period(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lyon = make_warehouse(sql)
        variant = make_variant(sql, "MUG-BLUE", stock=10, warehouse=await warehouse_of(sql))
        make_stock(sql, variant, lyon.id, 4)
        make_variant(sql, "TEE", stock=1, warehouse=lyon)
        await sql.commit()
    await do(adjust_stock, sku="TEE", delta=1, reason="found")
    await do(adjust_stock, sku="TEE", delta=-1, reason="lost")
    today = clock.now() - timedelta(hours=1)

    async def moved(**filters: object) -> list[int]:
        return [movement.quantity for movement in (await do(list_stock_movements, **filters)).data]

    assert await moved(sku="TEE") == [-1, 1, 1]
    assert await moved(sku="MUG-BLUE", warehouse=lyon.reference) == [4]
    assert await moved(kind="adjustment") == [-1, 1]
    assert await moved(reason="lost") == [-1]
    assert sorted(await moved(direction="into")) == [1, 1, 4, 10]
    assert await moved(direction="out") == [-1]
    assert await moved(moved_from=today) == [-1, 1]
    assert sorted(await moved(moved_until=today)) == [1, 4, 10]


async def test_a_list_of_movements_goes_on_where_the_page_before_ended(mine: NewShop, do: Do) -> None:
    await mug(mine)
    for delta in (1, 2, 3):
        await do(adjust_stock, sku="MUG-BLUE", delta=delta)

    first = await do(list_stock_movements, limit=3)
    second = await do(list_stock_movements, limit=3, after=first.next)

    assert [movement.quantity for movement in first.data] == [3, 2, 1]
    assert [movement.quantity for movement in second.data] == [10]
    assert (first.has_more, second.has_more) == (True, False)
