"""What people ask every day, in their own words, without a language model: nothing is dropped, and nothing left out unasked."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db import clock
from tests.factories import NewShop, make_order, make_variant
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_planner_chat import index, talk

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
