"""What a turn costs in tokens, with the product's own tools and index: counted over HTTP, by the rule of the scripted model."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

import prompts
from agents.chat_tool import ChatTool
from agents.lean import SAID_ONCE
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
from tests.scripted_openai import ScriptedOpenAI, calls, says, schema_tokens
from tools import registry
from tools.contract.actors import Door
from tools.contract.call import Shop

MOST = 5_000  # prompt tokens of a reading turn, in its two calls together


@pytest.fixture(scope="module")
def house(settings: Settings, models: Models, saver: PooledSaver) -> Supervisor:
    """The supervisor of the product."""
    return Supervisor(ROSTER, registry.tools(), models, read_index(), saver)


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
            order = make_order(sql, variant, 1 + n % 5, customer=person, unit_price=990 + n)
            order.customer_name, order.ship_city = person.name, "Lyon"
        await sql.commit()
    return people


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("what is running low?", "low_stock_products", {}),
        ("what did we sell last week?", "sales_report", {}),
        ("who are our best customers?", "sales_by_customer", {}),
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
    assert turn.data is not None
    assert turn.data["tools"][0]["outcome"] == "done"
    assert usage["model_calls"] == 2
    assert tool in model.offered(0)
    assert usage["prompt_tokens"] <= MOST
    assert await talk.count(CHECKPOINTS) == 0


def test_a_tool_costs_150_tokens_on_average() -> None:
    """By `schema_tokens`, which counts 6 in 100 fewer than OpenAI's o200k does for these schemas."""
    costs = {
        tool.name: schema_tokens(ChatTool(tool).function) for tool in registry.tools().values() if not tool.for_people
    }
    dearest = sorted(costs.items(), key=lambda cost: -cost[1])[:5]

    assert sum(costs.values()) / len(costs) <= 140, f"The dearest are {dearest}."


def test_what_the_schemas_leave_out_is_said_once_in_the_house_rules() -> None:
    assert all(f"`{name}`" in prompts.read("house_rules") for name in SAID_ONCE)
