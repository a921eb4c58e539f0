"""What a turn costs in tokens, with the product's own tools and index: counted over HTTP, by the rule of the scripted model."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agents.roster import ROSTER
from db.models.customers import Customer
from orchestrator.app import read_index
from orchestrator.chat import Chat
from orchestrator.language_model import Models
from orchestrator.saver import PooledSaver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop, make_customer, make_order, make_variant, warehouse_of
from tests.orchestrator.conftest import CHECKPOINTS, Talk
from tests.scripted_openai import ScriptedOpenAI, calls, says
from tools import registry
from tools.contract.actors import Door
from tools.contract.call import Shop

MOST = 5_000  # prompt tokens of a reading turn, in its two calls together


@pytest.fixture(scope="module")
def house(settings: Settings, models: Models, saver: PooledSaver) -> Supervisor:
    """The supervisor of the product."""
    return Supervisor(ROSTER, registry.tools(), models, read_index(settings), saver)


@pytest.fixture
async def talk(shop: Shop, mine: NewShop, house: Supervisor) -> AsyncGenerator[Talk]:
    chat = Chat(shop, house, registry.tools())
    yield Talk(chat, mine.caller("owner", door=Door.rest))
    await chat.close()


@pytest.fixture
async def furnished(mine: NewShop) -> list[Customer]:
    """Twenty customers with an order each of one of twenty variants that are nearly sold out."""
    async with mine.shop.database.transaction(mine.id) as sql:
        place = await warehouse_of(sql)
        people = [make_customer(sql, f"Ana Torres {n}") for n in range(20)]
        await sql.session.flush()
        for n, person in enumerate(people):
            variant = make_variant(sql, f"MUG-{n}", stock=n % 3, warehouse=place)
            order = make_order(sql, variant, 2, customer=person)
            order.customer_name, order.ship_city = person.name, "Lyon"
        await sql.commit()
    return people


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("what is running low?", "low_stock_products", {}),
        ("what did we sell last week, by day?", "sales_report", {"group_by": "day"}),
        ("show me the unpaid orders", "list_orders", {"payment_state": ["unpaid"]}),
        ("who are our best customers?", "list_customers", {"sort": "spend"}),
    ],
)
async def test_a_reading_turn_costs_five_thousand_prompt_tokens_at_most(
    talk: Talk, model: ScriptedOpenAI, furnished: list[Customer], text: str, tool: str, arguments: dict[str, Any]
) -> None:
    model.answer(
        lambda body: says("It is told.") if body["messages"][-1]["role"] == "tool" else calls((tool, arguments))
    )

    turn = await talk(text)

    usage = next(event.data for event in await talk.events(turn) if event.kind == "usage")
    import json

    json.dump(model.seen, open(f"/tmp/r/{tool}.json", "w"))
    assert turn.data is not None
    assert turn.data["tools"][0]["outcome"] == "done"
    assert usage["model_calls"] == 2
    assert tool in model.offered(0)
    assert usage["prompt_tokens"] <= MOST
    assert await talk.count(CHECKPOINTS) == 0
