"""What is counted apart in a conversation, what is found by itself where it was not said, what is told though it has no place."""

import pytest

from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_category,
    make_customer,
    make_order,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_planner_chat import index, talk
from tests.orchestrator.test_planner_days import buyer_of, calls
from tests.tools.returning import deliver, delivered
from tests.tools.till import LYON, bought, stocked, writing
from tools.flows.create_order import create_order
from tools.flows.request_return import request_return
from tools.products.creation import create_product

_ = (index, talk)


@pytest.fixture
async def placed(mine: NewShop) -> None:
    """Three orders to two countries."""
    async with writing(mine) as sql:
        for country in ("FR", "FR", "DE"):
            make_order(sql, customer=make_customer(sql)).ship_country = country


@pytest.mark.parametrize(
    "said", ["orders by country", "how many orders are there for each country?", "Bestellungen nach Land"]
)
@pytest.mark.usefixtures("placed")
async def test_a_list_is_counted_apart_and_begins_with_the_most(talk: Talk, said: str) -> None:
    turn = await talk(said)

    assert [(name, told["count_by"]) for name, told in calls(turn)] == [("list_orders", "country")]
    assert "| FR | 2 |" in (turn.answer or "")
    assert "FR, 2." in (turn.answer or "").partition("\n")[0]


@pytest.mark.usefixtures("placed")
async def test_what_was_shown_is_counted_apart_by_what_is_said_next(talk: Talk) -> None:
    await talk("show the confirmed orders")

    turn = await talk("by country")

    assert calls(turn) == [("list_orders", {"status": ["confirmed"], "limit": 1, "count_by": "country"})]


@pytest.mark.parametrize("said", ["what is the top reason for returns?", "which reason for returns is the most common"])
async def test_the_most_common_is_what_a_list_is_counted_by(talk: Talk, do: Do, mine: NewShop, said: str) -> None:
    order, _ana = await delivered(mine, 2)
    await do(request_return, order=order, reason="too_small", lines=bought(("MUG-BLUE", 1)))

    turn = await talk(said)

    assert [(name, told["count_by"]) for name, told in calls(turn)] == [("list_returns", "reason")]
    assert "| too small | 1 |" in (turn.answer or "")


async def test_of_more_than_are_counted_it_is_said_that_they_are_not_told_apart(
    talk: Talk, placed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.contract.page.MOST_COUNTED", 2)

    assert "So many are not counted apart" in ((await talk("orders by country")).answer or "")


async def test_a_report_that_tells_groups_apart_begins_with_the_best_where_it_is_asked_for(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    await stocked(mine, "MUG-BLUE")
    buyer = await buyer_of(mine, "Ana Torres")
    await do(create_order, customer=buyer, lines=bought(("MUG-BLUE", 1)), shipping_address=LYON, payment={})

    answer = (await talk("sales this month by country, which one is the best?")).answer or ""

    assert answer.startswith("FR comes first")


async def test_where_nothing_of_somebody_s_is_open_the_latest_is_told_and_it_is_said(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    _, ana = await delivered(mine, 1)
    last = await deliver(mine, ana, 2)

    turn = await talk("where is the parcel of Ana Torres?")

    assert calls(turn)[-1][0] == "track_shipment"
    assert (
        f"No parcel of Ana Torres is open any more; this is the latest. {calls(turn)[-1][1]['shipment']} ({last},"
        in (turn.answer or "")
    )


async def test_of_two_people_of_one_name_it_is_asked_whose_is_meant(talk: Talk, do: Do, mine: NewShop) -> None:
    await delivered(mine, 1)
    async with writing(mine) as sql:
        other = make_customer(sql, "Ana Torres")
    await deliver(mine, other, 2)

    turn = await talk("where is the parcel of Ana Torres?")

    assert "track_shipment" not in [name for name, _told in calls(turn)]
    assert "no parcel is open any more. Which of these do you mean?" in (turn.answer or "")


async def test_a_word_of_thanks_after_an_answer_asks_for_nothing(talk: Talk) -> None:
    await talk("show the orders")

    assert [(await talk(said)).answer for said in ("ok", "thanks")] == ["All right.", "You are welcome."]


async def test_what_is_asked_next_in_few_words_is_asked_of_the_same(talk: Talk, mine: NewShop) -> None:
    await stocked(mine, "MUG-BLUE")
    await stocked(mine, "TEAPOT-RED")
    await talk("how many MUG-BLUE do we have?")

    assert [told.get("sku") for _name, told in calls(await talk("when more"))] == ["MUG-BLUE"]


@pytest.mark.parametrize("said", ["hwo many custmers do we hav", "hw mny cutsomers hav we got"])
async def test_what_is_typed_in_a_hurry_is_understood(talk: Talk, said: str) -> None:
    assert [name for name, _told in calls(await talk(said))] == ["list_customers"]


async def test_what_is_taken_back_in_the_same_breath_is_not_done(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        order = make_order(sql).reference
    await talk(f"show {order}")

    turn = await talk("Then cancel it, the whole thing. No. Forget I said that.")

    assert (turn.answer, turn.waits_for) == ("All right, nothing was done.", [])


async def test_reports_of_one_message_are_of_one_time(talk: Talk) -> None:
    told = calls(await talk("what did we sell in october, and how much did we refund?"))

    assert [name for name, _args in told] == ["sales_report", "refund_report"]
    assert [(args["placed_from"], args["placed_until"]) for _name, args in told[:1]] == [
        (args["occurred_from"], args["occurred_until"]) for _name, args in told[1:]
    ]


async def test_units_leave_the_one_warehouse_that_has_enough_of_them(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        north, south, home = make_warehouse(sql), make_warehouse(sql), await warehouse_of(sql)
        lamp = make_variant(sql, "LAMP", title="Table lamp", stock=20, warehouse=home)
        make_stock(sql, lamp, south.id, 3)

    turn = await talk(f"send 10 table lamps to {north.reference}")

    assert (await talk.card(turn))["card"]["arguments"]["from_warehouse"] == home.reference


async def test_an_order_is_picked_where_its_units_are_set_aside(talk: Talk, do: Do, mine: NewShop) -> None:
    async with writing(mine) as sql:
        make_warehouse(sql)
        home, ana = await warehouse_of(sql), make_customer(sql, "Ana Torres")
        make_variant(sql, "LAMP", title="Table lamp", stock=20, warehouse=home)
    lines = [{"sku": "LAMP", "quantity": 1}]
    order = await do(create_order, customer=ana.reference, lines=lines, shipping_address=LYON, payment={})

    turn = await talk(f"make a pick list for {order.reference}")

    asked = (await talk.card(turn))["card"]["arguments"]
    assert (asked["orders"], asked["warehouse"]) == ([order.reference], home.reference)


async def test_what_is_of_another_kind_is_not_told_as_a_colour_that_is_not_there(talk: Talk, do: Do) -> None:
    colours = [{"sku": f"MAT-{one}", "price": 2_990, "options": {"Colour": one.title()}} for one in ("WHITE", "NAVY")]
    await do(create_product, title="Bath mat", variants=colours, on_sale=True)

    yoga, red = [(await talk(f"how many {said} bath mats do we have?")).answer or "" for said in ("yoga", "red")]
    mats = (await talk("have we got yoga mats?")).answer or ""

    assert "Nothing here is called “yoga mats”. The nearest is Bath mat: White or Navy." in mats
    assert "comes in White or Navy" in red
    assert "comes in" not in yoga


async def test_what_is_named_last_is_part_of_the_same_wish(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        shelves = [make_category(sql, name) for name in ("Candles", "Teapots")]
        references = [shelf.reference for shelf in shelves]
        for shelf in shelves:
            make_variant(sql, category=shelf)

    turn = await talk("make me a promo for the candles, 15 percent, code BOUGIE15. and teapots too actually")

    assert (await talk.card(turn))["card"]["arguments"]["categories"] == references


async def test_a_price_goes_up_to_what_is_said_and_one_that_stands_for_a_thing_is_no_figure(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    colours = [{"sku": f"MUG-{one}", "price": 1_490, "options": {"Colour": one.title()}} for one in ("WHITE", "SAGE")]
    await do(create_product, title="Stoneware mug", variants=colours, on_sale=True)

    turn = await talk("put the white mug up to 15.90 same as the sage one")

    asked = (await talk.card(turn))["card"]["arguments"]
    assert asked["amount"] == 1_590
    assert "MUG-WHITE" in (await talk.card(turn))["card"]["sentences"][0]


async def test_lateness_that_a_list_cannot_tell_is_said_to_be_left_out(talk: Talk) -> None:
    assert "I could not use “late” here." in ((await talk("any late pick lists?")).answer or "")


@pytest.mark.parametrize("said", ["which orders are late?", "quelles commandes sont en retard ?", "late orders please"])
async def test_late_orders_are_parcels_that_have_not_come(talk: Talk, said: str) -> None:
    assert calls(await talk(said)) == [("list_late_shipments", {})]


async def test_late_purchase_orders_are_others(talk: Talk) -> None:
    assert calls(await talk("which purchase orders are late?")) == [("list_purchase_orders", {"late": True})]
