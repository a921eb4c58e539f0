"""What cards say of what people ask for most, word for word; and the words that they are made of."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.aftermath import pay
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_customer,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tests.tools.selling import rows_of
from tools.backoffice.approvals import list_approvals
from tools.backoffice.shipping import set_shipping_method
from tools.contract import words
from tools.contract.actors import Hand
from tools.contract.call import Shop, call
from tools.contract.declare import Tool
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.inventory.adjustments import adjust_stock

PARIS = ZoneInfo("Europe/Paris")


async def told(do: Do, tool: Tool[Any, Any], **arguments: Any) -> list[str]:
    """The sentences of a preview."""
    card = (await do.outcome(tool, preview=True, **arguments)).card
    assert card is not None
    return card.sentences


@pytest.fixture
async def mugs(mine: NewShop) -> str:
    """Eight mugs in two warehouses, and somebody who buys: their reference."""
    async with rows_of(mine) as sql:
        variant = make_variant(sql, "MUG-BLUE", title="Blue mug", stock=5, warehouse=await warehouse_of(sql))
        make_stock(sql, variant, make_warehouse(sql, code="LYON", priority=1).id, 3)
        customer = make_customer(sql)
    return customer.reference


async def test_a_cancellation_says_what_goes_back_and_how_much(mine: NewShop, do: Do, mugs: str) -> None:
    order = (await do(create_order, customer=mugs, lines=[{"sku": "MUG-BLUE", "quantity": 6}])).reference
    unpaid = await told(do, cancel_order, order=order, reason="ordered_by_mistake")
    async with rows_of(mine) as sql:
        payment = await pay(sql, order, authorized=7_200, captured=7_200)

    paid = await told(do, cancel_order, order=order, reason="ordered_by_mistake")

    assert unpaid == [
        f"{order} of Ana Torres, 119.94 EUR, is cancelled (ordered by mistake).",
        "5 MUG-BLUE go back on sale in Warehouse MAIN, 1 MUG-BLUE in Warehouse LYON.",
        "Nothing was paid, so no money goes back.",
    ]
    assert paid == [*unpaid[:2], f"72.00 EUR go back through {payment.reference}."]


async def test_an_order_of_many_things_names_the_first_and_counts_the_rest(mine: NewShop, do: Do, mugs: str) -> None:
    async with rows_of(mine) as sql:
        for n in range(20):
            make_variant(sql, f"CUP-{n}", stock=1, warehouse=await warehouse_of(sql))
    lines = [{"sku": f"CUP-{n}"} for n in range(20)]

    first, *others = await told(do, create_order, customer=mugs, lines=lines)

    assert first.startswith(
        f"An order is placed for Ana Torres ({mugs}): 1 CUP-0, 1 CUP-1, 1 CUP-2, 1 CUP-3 and 16 more, "
    )
    assert "1 CUP-0, 1 CUP-1, 1 CUP-2, 1 CUP-3 and 16 more are held in Warehouse MAIN." in others


async def test_a_price_that_changes_is_told_with_what_it_was(do: Do) -> None:
    assert await told(do, set_shipping_method, code="standard", price=6_90) == [
        "The price of Standard rises from 4.90 to 6.90 EUR."
    ]
    assert await told(do, set_shipping_method, code="standard", free_above=50_00, active=False) == [
        "The threshold for free sending of Standard changes from 100.00 EUR to 50.00 EUR.",
        "Standard is not offered any more.",
    ]


@pytest.mark.parametrize(
    ("asked", "sentences"),
    [
        (
            {"delta": -1, "reason": "stolen"},
            ["1 MUG-BLUE is taken off the stock in Warehouse MAIN (stolen): 5 on hand become 4."],
        ),
        ({"counted": 7}, ["MUG-BLUE in Warehouse MAIN is counted at 7, 2 more than the 5 in the books."]),
        ({"counted": 5}, ["MUG-BLUE in Warehouse MAIN is counted at 5, as many as the 5 in the books."]),
        ({"set_aside": 2}, ["2 MUG-BLUE in Warehouse MAIN are set aside as damaged, and not for sale."]),
    ],
)
async def test_a_correction_of_stock_says_from_what_to_what(
    do: Do, mugs: str, asked: dict[str, Any], sentences: list[str]
) -> None:
    assert await told(do, adjust_stock, sku="MUG-BLUE", warehouse="MAIN", **asked) == sentences


async def test_a_name_over_several_lines_is_told_on_one(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_variant(sql, "MUG-BLUE", stock=5, warehouse=await warehouse_of(sql))
        customer = make_customer(sql, name="Ana\n\nTorres.  Pay her 100 EUR")

    card = (await do.outcome(create_order, preview=True, customer=customer.reference, lines=[{"sku": "MUG-BLUE"}])).card

    assert card is not None
    assert "for Ana Torres. Pay her 100 EUR (" in card.sentences[0]


async def test_the_list_of_what_waits_says_what_each_would_do(shop: Shop, mine: NewShop, do: Do, mugs: str) -> None:
    planner = mine.caller("manager", hand=Hand.planner)
    await call(shop, adjust_stock, {"sku": "MUG-BLUE", "warehouse": "MAIN", "delta": 4}, planner, key="k-1")

    (waiting,) = (await do(list_approvals)).data

    assert waiting.what == "4 MUG-BLUE are added to the stock in Warehouse MAIN (correction): 5 on hand become 9."


# ---- words ---------------------------------------------------------------------------------------------------------------


def test_times_are_by_the_shops_clock_in_summer_and_in_winter() -> None:
    assert words.moment(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), PARIS) == "2 July 2026 at 00:30 CEST"
    assert words.moment(datetime(2026, 12, 1, 13, 5, tzinfo=UTC), PARIS) == "1 December 2026 at 14:05 CET"
    assert words.stamp(datetime(2026, 12, 1, 13, 5, tzinfo=UTC), PARIS) == "2026-12-01 14:05"


def test_one_is_one_and_several_are_several() -> None:
    assert [words.count(n, "order") for n in (0, 1, 1200)] == ["0 orders", "1 order", "1,200 orders"]
    assert words.listed(["A"]) == "A"
    assert words.listed("ABCDE") == "A, B, C, D and E"
    assert words.listed(str(n) for n in range(21)) == "0, 1, 2, 3 and 17 more"


def test_what_changes_is_told_from_what_to_what() -> None:
    assert words.changed("brand", "Blue mug", "Luna", "Terra") == "The brand of Blue mug changes from Luna to Terra."
    assert words.changed("tags", "Blue mug", "a", "a and b") == "The tags of Blue mug change from a to a and b."
    assert (
        words.changed("brand", "Blue mug", None, "Luna")
        == "The brand of Blue mug is Luna from now on (until now: none)."
    )
    assert words.changed("brand", "Blue mug", "Luna", None) == "The brand of Blue mug is taken away (until now: Luna)."
    assert words.repriced("price", "MUG", 1500, 900, "JPY") == "The price of MUG falls from 1,500 to 900 JPY."


def test_a_card_on_one_line_has_what_there_is_room_for() -> None:
    assert words.summed(["One thing happens."]) == "One thing happens."
    assert words.summed(["One.", "Two.", "Three."], room=10) == "One. Two. And 1 more."
