"""What people ask every day, in their own words, without a language model: nothing is dropped, and nothing left out unasked."""

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db import clock
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_variant, make_warehouse, warehouse_of
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_planner_chat import index, talk
from tests.tools.till import stocked
from tools.flows.create_order import create_order
from tools.orders.holds import hold_order

_ = (index, talk)
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("what did we sell today and what is running low?", ["sales_report", "low_stock_products"]),
        ("what is running low and what did we sell today?", ["low_stock_products", "sales_report"]),
    ],
)
async def test_a_short_question_that_is_sure_of_itself_is_a_wish_beside_another(
    talk: Talk, text: str, tools: list[str]
) -> None:
    turn = await talk(text)

    assert turn.data is not None
    assert [one["tool"] for one in turn.data["tools"]] == tools


async def test_how_a_day_went_is_told_by_key_figures_while_there_is_no_dashboard(talk: Talk) -> None:
    turn = await talk("how was today?")

    assert turn.data is not None
    assert turn.answer is not None
    assert [one["tool"] for one in turn.data["tools"]] == ["order_kpis"]
    assert "not open here yet" in turn.answer
    assert "could not use" not in turn.answer


async def test_a_share_of_a_payment_is_asked_for_as_an_amount_and_never_left_out(talk: Talk, mine: NewShop) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        order = make_order(sql, make_variant(sql))
        await sql.commit()

    turn = await talk(f"refund 10 % of {order.reference}")

    assert turn.status == "finished"
    assert turn.answer is not None
    assert "amount (such as 12.50 EUR)" in turn.answer


@pytest.mark.parametrize(
    ("text", "year"), [("wie war der Umsatz in diesem Jahr?", 0), ("Umsatz im vergangenen Jahr?", -1)]
)
async def test_german_periods_are_heard_in_the_dative(talk: Talk, text: str, year: int) -> None:
    turn = await talk(text)

    assert turn.answer is not None
    told = rf"\(1\. Januar .*{clock.now().astimezone(PARIS).year + year}, Europe/Paris\)"
    assert re.search(told, turn.answer), turn.answer


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        ({"decision": "approve"}, "MUG-LOW"),
        ({"decision": "reject", "reason": "not now"}, "Not done after that: Low stock products"),
    ],
)
async def test_what_is_asked_beside_a_change_is_told_or_accounted_for_once_its_card_is_decided(
    talk: Talk, mine: NewShop, decision: dict[str, Any], told: str
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        order = make_order(sql, make_variant(sql, "MUG-LOW", stock=0), 1)
        await sql.commit()

    waiting = await talk(f"hold {order.reference} because of the address and tell me what is running low")
    await talk.decide(waiting.waits_for[0], **decision)
    turn = await talk.settled(waiting)

    assert turn.answer is not None
    assert told in turn.answer


# ---- what is spoken of ----------------------------------------------------------------------------------------------------


async def held(do: Do, mine: NewShop, *buyers: str) -> list[str]:
    """Orders of these buyers, the first of which is on hold."""
    await stocked(mine, "MUG-BLUE")
    async with mine.shop.database.transaction(mine.id) as sql:
        people = {name: make_customer(sql, name) for name in dict.fromkeys(buyers)}
        await sql.commit()
    made = [
        await do(create_order, customer=people[name].reference, lines=[{"sku": "MUG-BLUE", "quantity": 1}])
        for name in buyers
    ]
    await do(hold_order, order=made[0].reference, reason="address_check")
    return [order.reference for order in made]


async def test_of_several_records_the_one_is_meant_to_which_it_can_be_done(talk: Talk, do: Do, mine: NewShop) -> None:
    waits, other = await held(do, mine, "Ana Torres", "Ana Torres")

    card = (await talk.card(await talk("release the order of Ana Torres")))["card"]

    assert waits in card["sentences"][0]
    assert other not in card["sentences"][0]


async def test_whether_somebody_has_paid_is_no_filter_of_those_who_have(talk: Talk, do: Do, mine: NewShop) -> None:
    unpaid, *_ = await held(do, mine, "Ana Torres")

    turn = await talk("ana torres has she paid or not")

    assert turn.answer is not None
    assert unpaid in turn.answer
    assert "unpaid" in turn.answer


async def test_so_many_of_what_was_looked_up_are_sent_from_there(talk: Talk, mine: NewShop) -> None:
    await stocked(mine, "APRON-NAVY", 9)
    async with mine.shop.database.transaction(mine.id) as sql:
        other = make_warehouse(sql).reference
        await sql.commit()

    await talk("how many APRON-NAVY do we have?")
    card = (await talk.card(await talk(f"send 3 of them from WH-1 to {other}")))["card"]

    assert card["sentences"][0].startswith("3 APRON-NAVY leave")


async def test_each_of_two_goods_is_looked_up(talk: Talk, mine: NewShop) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "TOTE-RED", title="Canvas tote", stock=7, warehouse=await warehouse_of(sql))
        make_variant(sql, "RACK-OAK", title="Spice rack", stock=4, warehouse=await warehouse_of(sql))
        await sql.commit()

    turn = await talk("how many canvas totes are left, and the spice rack?")

    assert turn.answer is not None
    assert "TOTE-RED" in turn.answer
    assert "RACK-OAK" in turn.answer


async def test_a_look_up_by_goods_that_are_not_there_goes_by_the_name_alone(talk: Talk, do: Do, mine: NewShop) -> None:
    order, *_ = await held(do, mine, "Ana Torres")

    card = (await talk.card(await talk("add a note to the velvet sofa order of Ana Torres: ring twice")))["card"]

    assert order in card["sentences"][0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("take RACK-OAK off the site", "not sold any more"),
        ("put RACK-OAK to 35 euros until we sell the last ones", "35.00 EUR"),
    ],
)
async def test_one_thing_is_taken_off_sale_or_given_another_price(
    talk: Talk, mine: NewShop, text: str, told: str
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        rack = make_variant(sql, "RACK-OAK", title="Spice rack", price=3_890)
        make_variant(sql, "RACK-PINE", title="Spice rack", price=3_890, product=rack.product)
        await sql.commit()

    card = (await talk.card(await talk(text)))["card"]

    assert told in " ".join(card["sentences"])
    assert "RACK-PINE" not in " ".join(card["sentences"])


async def test_a_mailing_to_everybody_is_beyond_what_is_done_here(talk: Talk) -> None:
    turn = await talk("send a newsletter to all club members about the wool throws")

    assert turn.answer is not None
    assert turn.answer.startswith("That is beyond me")


@pytest.mark.parametrize("text", ["which orders wait to be shipped?", "which orders still have to go out today?"])
async def test_orders_that_wait_to_be_shipped_are_those_that_are_not(talk: Talk, mine: NewShop, text: str) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        waits, left = [make_order(sql, make_variant(sql), 1) for _ in range(2)]
        waits.placed_at = clock.now() - timedelta(days=9)
        left.units_fulfilled = 1
        await sql.commit()

    turn = await talk(text)

    assert turn.answer is not None
    assert waits.reference in turn.answer
    assert left.reference not in turn.answer


async def test_who_has_not_bought_since_is_not_who_has(talk: Talk) -> None:
    turn = await talk("give me a list of customers who haven't bought since January")

    assert turn.answer is not None
    assert re.search(r"\(until 31 December \d{4}, ", turn.answer), turn.answer
