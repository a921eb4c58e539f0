"""Units held back for a while."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from db import clock
from db.models.inventory import Reservation, ReservationStatus
from db.session import Transaction
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_order,
    make_order_reservation,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import IllegalMove, Invalid, NotFound
from tools.inventory.levels import list_stock
from tools.inventory.places import NotTracked
from tools.inventory.reservations import (
    ExpiryPassed,
    HeldForOrder,
    list_reservations,
    release_reservation,
    reserve_stock,
)
from tools.rules.places import WarehouseClosed
from tools.rules.stock import NotEnoughStock


class Queued(NamedTuple):
    args: dict[str, Any]
    scheduled_at: datetime


async def mug(mine: NewShop, units: int = 10) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "MUG-BLUE", stock=units, warehouse=await warehouse_of(sql))
        await sql.commit()


async def available(do: Do, sku: str = "MUG-BLUE") -> int:
    return sum(line.available for line in (await do(list_stock, sku=sku)).data)


async def jobs(sql: Transaction, merchant: uuid.UUID) -> list[Queued]:
    return await sql.rows(
        "select args, scheduled_at from jobs.procrastinate_jobs"
        " where task_name = 'release_expired_reservation' and args->>'merchant' = %s",
        (str(merchant),),
        as_=Queued,
    )


async def test_reserved_units_are_no_longer_for_sale(mine: NewShop, do: Do) -> None:
    await mug(mine)

    held = await do(reserve_stock, sku="MUG-BLUE", quantity=3, reason="customer_request", note="collects on Friday")

    (line,) = (await do(list_stock, sku="MUG-BLUE")).data
    assert (line.on_hand, line.reserved, line.available) == (10, 3, 7)
    assert (held.status, held.quantity, held.warehouse) == ("active", 3, "WH-1")
    assert (held.reason, held.note) == ("customer_request", "collects on Friday")


async def test_a_reservation_ends_after_a_day_unless_it_is_said_when(mine: NewShop, do: Do) -> None:
    await mug(mine)
    friday = clock.now() + timedelta(days=4)

    one_day = await do(reserve_stock, sku="MUG-BLUE", quantity=1)
    three_days = await do(reserve_stock, sku="MUG-BLUE", quantity=1, days=3)
    until_friday = await do(reserve_stock, sku="MUG-BLUE", quantity=1, expires_at=friday)

    assert one_day.expires_at == one_day.created_at + timedelta(days=1)
    assert three_days.expires_at == three_days.created_at + timedelta(days=3)
    assert until_friday.expires_at == friday


async def test_its_end_is_on_the_outbox_of_the_same_transaction(mine: NewShop, do: Do) -> None:
    await mug(mine)

    held = await do(reserve_stock, sku="MUG-BLUE", quantity=1, days=2)

    async with mine.shop.database.transaction(mine.id) as sql:
        (job,) = await jobs(sql, mine.id)
    assert job.args["reservation"] == held.reference
    assert job.scheduled_at == held.expires_at


async def test_more_than_is_available_is_never_reserved(mine: NewShop, do: Do) -> None:
    await mug(mine)
    await do(reserve_stock, sku="MUG-BLUE", quantity=8)

    with pytest.raises(NotEnoughStock, match=r"3 MUG-BLUE were asked; available are 2 in .*WH-1"):
        await do(reserve_stock, sku="MUG-BLUE", quantity=3)

    assert await available(do) == 2


async def test_the_first_warehouse_that_has_them_all_holds_them(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", stock=3, warehouse=await warehouse_of(sql))
        second, third = make_warehouse(sql, priority=2), make_warehouse(sql, priority=1)
        make_stock(sql, variant, second.id, 10)
        make_stock(sql, variant, third.id, 10)
        await sql.commit()

    small = await do(reserve_stock, sku="MUG-BLUE", quantity=2)
    large = await do(reserve_stock, sku="MUG-BLUE", quantity=5)
    named = await do(reserve_stock, sku="MUG-BLUE", quantity=5, warehouse=second.reference)

    assert (small.warehouse, large.warehouse, named.warehouse) == ("WH-1", third.reference, second.reference)


async def test_a_closed_warehouse_holds_nothing(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        closed = make_warehouse(sql)
        closed.active = False
        make_variant(sql, "MUG-BLUE", stock=3, warehouse=closed)
        await sql.commit()

    with pytest.raises(NotEnoughStock, match="available are none"):
        await do(reserve_stock, sku="MUG-BLUE", quantity=1)
    with pytest.raises(WarehouseClosed):
        await do(reserve_stock, sku="MUG-BLUE", quantity=1, warehouse=closed.reference)


async def test_what_has_no_stock_cannot_be_reserved(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "EBOOK", tracked=False)
        await sql.commit()

    with pytest.raises(NotTracked):
        await do(reserve_stock, sku="EBOOK", quantity=1)


async def test_a_reservation_cannot_end_before_it_begins(mine: NewShop, do: Do) -> None:
    await mug(mine)

    with pytest.raises(ExpiryPassed):
        await do(reserve_stock, sku="MUG-BLUE", quantity=1, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(Invalid, match="not both"):
        await do(reserve_stock, sku="MUG-BLUE", quantity=1, days=2, expires_at=clock.now() + timedelta(days=1))


async def test_twelve_callers_race_for_five_units_and_five_get_one(shop: Shop, mine: NewShop, owner: Caller) -> None:
    await mug(mine, units=5)

    async def reserve() -> bool:
        try:
            await call(shop, reserve_stock, {"sku": "MUG-BLUE", "quantity": 1}, owner, key=uuid.uuid4().hex)
        except NotEnoughStock:
            return False
        return True

    got = await asyncio.gather(*(reserve() for _ in range(12)))

    assert sum(got) == 5
    assert await available(Do(shop, owner)) == 0


async def test_a_released_reservation_goes_back_on_sale_once(mine: NewShop, do: Do) -> None:
    await mug(mine)
    held = await do(reserve_stock, sku="MUG-BLUE", quantity=3)

    released = await do(release_reservation, reservation=held.reference)

    assert released.status is ReservationStatus.released
    assert released.closed_at is not None
    assert await available(do) == 10
    with pytest.raises(IllegalMove) as refused:
        await do(release_reservation, reservation=held.reference)
    assert refused.value.details["current_state"] == "released"
    assert await available(do) == 10


async def test_eight_callers_release_a_reservation_at_once_and_its_units_come_back_once(
    shop: Shop, mine: NewShop, owner: Caller, do: Do
) -> None:
    await mug(mine)
    held = await do(reserve_stock, sku="MUG-BLUE", quantity=3)
    arguments = {"reservation": held.reference}

    answers = await asyncio.gather(
        *(call(shop, release_reservation, arguments, owner, key=uuid.uuid4().hex) for _ in range(8)),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, IllegalMove) for answer in answers) == 7
    assert await available(do) == 10


async def test_a_reservation_whose_time_is_over_has_expired(shop: Shop, mine: NewShop, owner: Caller, do: Do) -> None:
    await mug(mine)
    held = await do(reserve_stock, sku="MUG-BLUE", quantity=3, days=1)
    tomorrow = Shop(shop.database, clock=lambda: clock.now() + timedelta(days=1, minutes=1))

    outcome = await call(tomorrow, release_reservation, {"reservation": held.reference}, owner, key=uuid.uuid4().hex)

    assert outcome.result is not None
    assert outcome.result.status is ReservationStatus.expired
    assert await available(do) == 10


async def test_what_an_order_holds_is_let_go_by_cancelling_the_order(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql)
        order = make_order(sql, variant, 2)
        held = make_order_reservation(sql, make_stock(sql, variant, (await warehouse_of(sql)).id, 5), order, 2)
        await sql.commit()

    with pytest.raises(HeldForOrder, match=order.reference) as refused:
        await do(release_reservation, reservation=held.reference)

    assert "cancel_order" in refused.value.advice
    async with mine.shop.database.transaction(mine.id) as sql:
        kept = await sql.session.get_one(Reservation, (mine.id, held.id))
    assert kept.status is ReservationStatus.active


async def test_an_unknown_reservation_is_not_found(do: Do) -> None:
    with pytest.raises(NotFound, match="RES-99"):
        await do(release_reservation, reservation="RES-99")


async def test_reservations_are_listed_newest_first_by_what_they_hold(mine: NewShop, do: Do) -> None:
    await mug(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        tee = make_variant(sql, "TEE")
        order = make_order(sql, tee, 2)
        for_order = make_order_reservation(sql, make_stock(sql, tee, (await warehouse_of(sql)).id, 5), order, 2)
        await sql.commit()
    first = await do(reserve_stock, sku="MUG-BLUE", quantity=1)
    second = await do(reserve_stock, sku="MUG-BLUE", quantity=2)
    await do(release_reservation, reservation=first.reference)

    async def listed(**filters: str) -> list[str]:
        return [held.reference for held in (await do(list_reservations, **filters)).data]

    assert await listed() == [second.reference, for_order.reference]
    assert await listed(sku="MUG-BLUE") == [second.reference]
    assert await listed(status="released") == [first.reference]
    assert await listed(order=order.reference) == [for_order.reference]
    assert await listed(warehouse="WH-1") == [second.reference, for_order.reference]
    ends = second.expires_at
    assert ends is not None
    assert await listed(expires_from=ends.isoformat()) == [second.reference]
    assert await listed(expires_until=ends.isoformat()) == []


async def test_a_list_of_reservations_goes_on_where_the_page_before_ended(mine: NewShop, do: Do) -> None:
    await mug(mine)
    made = [(await do(reserve_stock, sku="MUG-BLUE", quantity=1)).reference for _ in range(3)]

    first = await do(list_reservations, limit=2)
    second = await do(list_reservations, limit=2, after=first.next)

    assert [held.reference for held in first.data + second.data] == made[::-1]
    assert second.next is None
