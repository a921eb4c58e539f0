"""The whole conversation without a language model: the embedded planner, the rooms' own tools, a card for every change."""

from collections.abc import AsyncGenerator

import pytest

from agents.roster import ROSTER
from orchestrator.chat import Chat
from orchestrator.index import read_index
from orchestrator.language_model import open_models
from orchestrator.saver import PooledSaver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from planner.choose.index import Index
from tests.factories import NewShop, make_customer
from tests.orchestrator.conftest import Talk
from tools import registry
from tools.contract.call import Shop


@pytest.fixture(scope="session")
def index() -> Index:
    return read_index()


@pytest.fixture
async def talk(shop: Shop, mine: NewShop, saver: PooledSaver, settings: Settings, index: Index) -> AsyncGenerator[Talk]:
    """The owner's conversation, where no key is set."""
    async with open_models(settings, index) as models:
        supervisor = Supervisor(ROSTER, registry.tools(), models, index, saver)
        chat = Chat(shop, supervisor, registry.tools())
        yield Talk(chat, mine.caller("owner"))
        await chat.close()


async def test_a_question_is_answered_and_names_its_specialist_and_tools(talk: Talk) -> None:
    turn = await talk("Which time zone is my shop in?")

    assert turn.answer is not None
    assert "Europe/Paris" in turn.answer
    assert turn.data is not None
    assert [one["tool"] for one in turn.data["tools"]] == ["get_merchant"]
    assert "backoffice" in turn.data["specialists"]
    assert turn.data["model"] == "embedded planner"


async def test_every_change_shows_its_card_first(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Ana Torres", email="ana@example.com")
        await sql.commit()

    waiting = await talk(f"Change the e-mail of {customer.reference} to ana.torres@example.com")
    unchanged = await talk.count(
        "select count(*) as value from customers where merchant_id = %(m)s and email = 'ana@example.com'"
    )
    await talk.decide(waiting.waits_for[0], "approve")
    turn = await talk.settled(waiting)

    assert unchanged == 1
    assert turn.status == "finished"
    assert turn.data is not None
    assert turn.data["tools"][0]["tool"] == "update_customer"
    changed = "select count(*) as value from customers where merchant_id = %(m)s and email = 'ana.torres@example.com'"
    assert await talk.count(changed) == 1


async def test_a_question_that_it_asks_is_answered_in_the_next_message(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Ana Torres")
        await sql.commit()

    asked = await talk("Change the e-mail of a customer to ana.torres@example.com")
    answered = await talk(customer.reference)

    assert asked.status == "finished"
    assert asked.data is not None
    assert asked.data["tools"] == []
    assert answered.status == "waiting"


async def test_thanks_are_answered_without_any_tool(talk: Talk) -> None:
    turn = await talk("Thank you very much")

    assert turn.status == "finished"
    assert turn.answer == "You are welcome."
    assert turn.data is not None
    assert turn.data["tools"] == []


async def test_what_is_not_open_yet_is_said_to_be_and_nothing_else_is_shown_for_it(talk: Talk) -> None:
    turn = await talk("Print the packing slip for ORD-1042")

    assert turn.answer
    assert turn.answer.startswith(
        "I understood “Create packing slip” (invoices and documents), which is not open here yet"
    )
    assert "Meanwhile: the order shows all that an invoice says" in turn.answer
    assert turn.data is not None
    assert turn.data["tools"] == []


async def test_what_only_people_do_is_left_to_them(talk: Talk) -> None:
    turn = await talk("Create an API key for the warehouse scanner")

    assert turn.answer
    assert "done by people themselves" in turn.answer


async def test_a_wish_that_is_not_open_yet_is_told_beside_one_that_is(talk: Talk) -> None:
    turn = await talk("Print the packing slip for ORD-1042 and show me what is running low")

    assert turn.answer
    assert "“Create packing slip” (invoices and documents), which is not open here yet" in turn.answer
    assert turn.data is not None
    assert [one["tool"] for one in turn.data["tools"]] == ["low_stock_products"]


async def test_a_greeting_is_answered_from_what_waits_in_the_shop_today(talk: Talk) -> None:
    turn = await talk("hello")

    assert turn.answer is not None
    assert turn.answer.startswith("Hello. Today you could ask")
    assert "Today so far" in turn.answer or "Last 7 days: 0 orders" in turn.answer
    assert turn.data is not None
    assert {one["tool"] for one in turn.data["tools"]} == {"list_approvals", "order_kpis", "low_stock_products"}
