"""Units on their way between warehouses."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from db import clock
from db.models.inventory import TransferStatus
from tests.conftest import Do
from tests.factories import NewShop, make_variant, make_warehouse, warehouse_of
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import IllegalMove, NotFound
from tools.inventory.levels import list_stock
from tools.inventory.movements import list_stock_movements
from tools.inventory.places import NotTracked
from tools.inventory.reservations import reserve_stock
from tools.inventory.transfers import (
    MoreThanSent,
    NotInTransfer,
    SameWarehouse,
    list_transfers,
    receive_transfer,
    transfer_stock,
)
from tools.rules.places import WarehouseClosed
from tools.rules.stock import NotEnoughStock


@pytest.fixture
async def lyon(mine: NewShop) -> str:
    """A second warehouse; the first has 10 mugs and 5 tees."""
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, second = await warehouse_of(sql), make_warehouse(sql, priority=1)
        make_variant(sql, "MUG-BLUE", stock=10, warehouse=lille)
        make_variant(sql, "TEE", stock=5, warehouse=lille)
        await sql.commit()
    return second.reference


def of(**units: int) -> list[dict[str, Any]]:
    return [{"sku": sku.replace("_", "-"), "quantity": quantity} for sku, quantity in units.items()]


async def counts(do: Do, warehouse: str) -> dict[str, tuple[int, int, int]]:
    """On hand, damaged and incoming by SKU."""
    lines = (await do(list_stock, warehouse=warehouse)).data
    return {line.sku: (line.on_hand, line.damaged, line.incoming) for line in lines}


async def test_what_is_sent_leaves_at_once_and_is_incoming_where_it_goes(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4, TEE=5))

    assert sent.status is TransferStatus.in_transit
    assert [(line.sku, line.quantity, line.in_transit) for line in sent.lines] == [("MUG-BLUE", 4, 4), ("TEE", 5, 5)]
    assert await counts(do, "WH-1") == {"MUG-BLUE": (6, 0, 0), "TEE": (0, 0, 0)}
    assert await counts(do, lyon) == {"MUG-BLUE": (0, 0, 4), "TEE": (0, 0, 5)}
    movement = (await do(list_stock_movements, sku="TEE")).data[0]
    assert (movement.kind, movement.quantity, movement.subject) == ("transfer_out", -5, sent.reference)


async def test_a_variant_named_twice_is_sent_as_one_line(lyon: str, do: Do) -> None:
    lines = [*of(MUG_BLUE=4), {"sku": "mug-blue", "quantity": 2}]

    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=lines)

    assert [(line.sku, line.quantity) for line in sent.lines] == [("MUG-BLUE", 6)]


async def test_reserved_units_stay_where_they_are(lyon: str, do: Do) -> None:
    await do(reserve_stock, sku="MUG-BLUE", quantity=7, warehouse="WH-1")

    with pytest.raises(NotEnoughStock, match="MUG-BLUE: 3 available, 4 asked; TEE: 5 available, 6 asked"):
        await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4, TEE=6))

    assert await counts(do, "WH-1") == {"MUG-BLUE": (10, 0, 0), "TEE": (5, 0, 0)}
    assert await counts(do, lyon) == {}


async def test_a_transfer_goes_from_one_warehouse_to_another(lyon: str, do: Do) -> None:
    with pytest.raises(SameWarehouse):
        await do(transfer_stock, from_warehouse=lyon, to_warehouse=lyon.lower(), lines=of(TEE=1))


async def test_nothing_is_sent_to_a_closed_warehouse(mine: NewShop, lyon: str, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        (await warehouse_of(sql, lyon)).active = False
        await sql.commit()

    with pytest.raises(WarehouseClosed):
        await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(TEE=1))


async def test_what_has_no_stock_is_not_sent(mine: NewShop, lyon: str, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "EBOOK", tracked=False)
        await sql.commit()

    with pytest.raises(NotTracked):
        await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(EBOOK=1))


async def test_an_unknown_variant_among_the_lines_is_not_found(lyon: str, do: Do) -> None:
    with pytest.raises(NotFound, match="TEA"):
        await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=1, TEA=1))


async def test_the_same_units_are_sent_once_however_many_ask(
    shop: Shop, mine: NewShop, owner: Caller, lyon: str, do: Do
) -> None:
    arguments = {"from_warehouse": "WH-1", "to_warehouse": lyon, "lines": of(TEE=1, MUG_BLUE=3)}
    reversed_lines = arguments | {"lines": of(MUG_BLUE=3, TEE=1)}

    answers = await asyncio.gather(
        *(
            call(shop, transfer_stock, (arguments, reversed_lines)[i % 2], owner, key=uuid.uuid4().hex)
            for i in range(8)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, NotEnoughStock) for answer in answers) == 5
    assert await counts(do, "WH-1") == {"MUG-BLUE": (1, 0, 0), "TEE": (2, 0, 0)}
    assert await counts(do, lyon) == {"MUG-BLUE": (0, 0, 9), "TEE": (0, 0, 3)}


# ---- receive_transfer ----------------------------------------------------------------------------------------------------


async def test_a_transfer_that_arrived_whole_is_on_hand_at_its_target(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4, TEE=2))

    received = await do(receive_transfer, transfer=sent.reference)

    assert received.status is TransferStatus.received
    assert received.received_at is not None
    assert received.version == sent.version + 1
    assert [(line.received, line.in_transit) for line in received.lines] == [(4, 0), (2, 0)]
    assert await counts(do, lyon) == {"MUG-BLUE": (4, 0, 0), "TEE": (2, 0, 0)}
    movement = (await do(list_stock_movements, sku="TEE")).data[0]
    assert (movement.kind, movement.quantity, movement.warehouse) == ("transfer_in", 2, lyon)


async def test_a_transfer_arrives_in_parts_some_damaged_some_lost(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=8, TEE=2))
    first = [{"sku": "MUG-BLUE", "received": 3, "damaged": 2}, {"sku": "MUG-BLUE", "lost": 1}]

    partly = await do(receive_transfer, transfer=sent.reference, lines=first)
    wholly = await do(receive_transfer, transfer=sent.reference)

    assert partly.status is TransferStatus.partially_received
    mugs, tees = partly.lines
    assert (mugs.received, mugs.damaged, mugs.lost, mugs.in_transit, tees.in_transit) == (3, 2, 1, 2, 2)
    assert wholly.status is TransferStatus.received
    assert await counts(do, lyon) == {"MUG-BLUE": (7, 2, 0), "TEE": (2, 0, 0)}


async def test_a_second_part_leaves_a_transfer_partially_received(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=8))
    await do(receive_transfer, transfer=sent.reference, lines=[{"sku": "MUG-BLUE", "received": 3}])

    again = await do(receive_transfer, transfer=sent.reference, lines=[{"sku": "MUG-BLUE", "received": 3}])

    assert again.status is TransferStatus.partially_received
    assert await counts(do, lyon) == {"MUG-BLUE": (6, 0, 2)}


async def test_a_transfer_is_received_once(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4))
    await do(receive_transfer, transfer=sent.reference)

    with pytest.raises(IllegalMove, match="received"):
        await do(receive_transfer, transfer=sent.reference)

    assert await counts(do, lyon) == {"MUG-BLUE": (4, 0, 0)}


async def test_no_more_arrives_than_was_sent(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4))
    lines = [{"sku": "MUG-BLUE", "received": 4}, {"sku": "MUG-BLUE", "lost": 1}]

    with pytest.raises(MoreThanSent, match=r"4 MUG-BLUE .* still on their way; 5 would be"):
        await do(receive_transfer, transfer=sent.reference, lines=lines)


async def test_only_what_was_sent_arrives(lyon: str, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4))

    with pytest.raises(NotInTransfer, match="brings no TEE") as refused:
        await do(receive_transfer, transfer=sent.reference, lines=[{"sku": "TEE", "received": 1}])

    assert refused.value.advice == "It brings MUG-BLUE."


async def test_the_card_of_a_whole_arrival_names_its_numbers(shop: Shop, lyon: str, owner: Caller, do: Do) -> None:
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4))

    outcome = await call(shop, receive_transfer, {"transfer": sent.reference}, owner, preview=True)

    assert outcome.card is not None
    assert outcome.card.arguments["lines"] == [{"sku": "MUG-BLUE", "received": 4}]


# ---- list_transfers ------------------------------------------------------------------------------------------------------


async def test_transfers_are_listed_newest_first_by_state_warehouse_variant_and_period(lyon: str, do: Do) -> None:
    mugs = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=4))
    tees = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(TEE=1), note="for the window")
    await do(receive_transfer, transfer=mugs.reference)
    now = clock.now()

    async def listed(**filters: object) -> list[str]:
        return [transfer.reference for transfer in (await do(list_transfers, **filters)).data]

    assert await listed() == [tees.reference, mugs.reference]
    assert await listed(status="in_transit") == [tees.reference]
    assert await listed(transfer=mugs.reference) == [mugs.reference]
    assert await listed(sku="MUG-BLUE") == [mugs.reference]
    assert await listed(warehouse=lyon) == [tees.reference, mugs.reference]
    assert await listed(shipped_from=now - timedelta(hours=1), shipped_until=now + timedelta(hours=1)) == [
        tees.reference,
        mugs.reference,
    ]
    assert await listed(shipped_until=now - timedelta(hours=1)) == []


async def test_a_list_of_transfers_shows_what_each_brings_and_goes_on(lyon: str, do: Do) -> None:
    for _ in range(3):
        await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon, lines=of(MUG_BLUE=2, TEE=1))

    first = await do(list_transfers, limit=2)
    second = await do(list_transfers, limit=2, after=first.next)

    assert (len(first.data), len(second.data), second.next) == (2, 1, None)
    assert [(line.sku, line.in_transit) for line in second.data[0].lines] == [("MUG-BLUE", 2), ("TEE", 1)]
    assert (second.data[0].from_warehouse, second.data[0].to_warehouse) == ("WH-1", lyon)
