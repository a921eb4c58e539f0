"""Many orders moved at once: each goes its own way."""

import asyncio
from typing import Any, NamedTuple

import pytest

from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.till import LYON, bought, reserved, stocked
from tools.contract.errors import NotFound
from tools.flows.create_order import create_order
from tools.orders.detail import get_order
from tools.orders.holds import hold_order
from tools.orders.many import OrdersMoved, set_order_statuses
from tools.orders.status import StatusHasItsOwnTool, set_order_status


class Entry(NamedTuple):
    tool: str
    references: list[str]


async def place(do: Do, *lines: tuple[str, int], **more: Any) -> str:
    return (await do(create_order, shipping_address=LYON, lines=bought(*lines), **more)).reference


def rows(moved: OrdersMoved) -> list[tuple[str, str | None, str | None]]:
    """Each order with its status and the rule that refused it."""
    return [(row.order, row.status, row.refused.code if row.refused else None) for row in moved.data]


async def test_each_order_has_a_result_and_what_one_refuses_keeps_none_of_the_others(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG-BLUE", 10)
    first, second, done = [await place(do, ("MUG-BLUE", 1)) for _ in range(3)]
    await do(set_order_status, order=done, status="confirmed")

    moved = await do(set_order_statuses, orders=[first, done, "ORD-9", second], status="confirmed")

    assert rows(moved) == [
        (first, "confirmed", None), (done, "confirmed", "IllegalMove"), ("ORD-9", None, "NotFound"),
        (second, "confirmed", None),
    ]  # fmt: skip
    assert (moved.moved, moved.refused) == (2, 2)
    assert [(await do(get_order, order=name)).status for name in (first, second)] == ["confirmed", "confirmed"]


async def test_drafts_are_placed_as_long_as_there_is_stock_for_them(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG-BLUE", 5)
    drafts = [await place(do, ("MUG-BLUE", units), draft=True) for units in (3, 3, 2)]

    moved = await do(set_order_statuses, orders=drafts, status="pending")

    assert [(row.status, row.refused.code if row.refused else None) for row in moved.data] == [
        ("pending", None), ("draft", "NotEnoughStock"), ("pending", None),
    ]  # fmt: skip
    assert await reserved(mine) == {"MUG-BLUE": 5}


async def test_a_held_order_stays_and_says_why_on_the_card(mine: NewShop, do: Do) -> None:
    await stocked(mine, "ENGRAVING", tracked=False)
    orders = [await place(do, ("ENGRAVING", 1)) for _ in range(2)]
    await do(set_order_statuses, orders=orders, status="confirmed")
    await do(hold_order, order=orders[1], reason="fraud_review")

    preview = await do.outcome(set_order_statuses, preview=True, orders=orders, status="completed")

    assert preview.card is not None
    assert preview.card.sentences == [
        f"{orders[0]} is completed.",
        f"This one stays as it is: {orders[1]} is on hold (fraud review), so it is not completed.",
    ]


async def test_an_order_that_is_named_twice_moves_once(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG-BLUE")
    order = await place(do, ("MUG-BLUE", 1), source="amazon", external_reference="AMZ-7-7")

    moved = await do(set_order_statuses, orders=[order, "AMZ-7-7", order.removeprefix("ORD-")], status="confirmed")

    assert rows(moved) == [(order, "confirmed", None)]


async def test_a_call_is_one_entry_of_the_audit_however_many_orders_it_moves(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG-BLUE")
    orders = [await place(do, ("MUG-BLUE", 1)) for _ in range(3)]

    await do(set_order_statuses, orders=orders, status="confirmed")

    async with mine.shop.database.transaction(mine.id) as sql:
        query = 'select tool, "references" from audit_entries where merchant_id = %s and tool = %s'
        (entry,) = await sql.rows(query, (mine.id, "set_order_statuses"), as_=Entry)
    assert set(orders) <= set(entry.references)


async def test_statuses_of_other_operations_and_orders_that_nobody_has_are_refused_whole(mine: NewShop, do: Do) -> None:
    await stocked(mine, "MUG-BLUE")
    order = await place(do, ("MUG-BLUE", 1))

    with pytest.raises(StatusHasItsOwnTool, match="cancel_order"):
        await do(set_order_statuses, orders=[order], status="cancelled")
    with pytest.raises(NotFound):
        await do(set_order_statuses, orders=["ORD-8", "ORD-9"], status="confirmed")


async def test_drafts_of_the_same_goods_named_crosswise_do_not_block_each_other(mine: NewShop, do: Do) -> None:
    await stocked(mine, "A", 100)
    await stocked(mine, "B", 100)
    for _ in range(3):
        left, right = (
            [await place(do, ("A", 1), draft=True) for _ in range(2)],
            [await place(do, ("B", 1), draft=True) for _ in range(2)],
        )
        both = await asyncio.gather(
            do(set_order_statuses, orders=[left[0], right[0]], status="pending"),
            do(set_order_statuses, orders=[right[1], left[1]], status="pending"),
        )
        assert [moved.moved for moved in both] == [2, 2]
