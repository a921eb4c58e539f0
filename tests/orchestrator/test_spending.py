"""What a turn costs, by agent and model: counted, priced where a price is known, stored with the turn, and shown."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from orchestrator.chat import Chat
from orchestrator.language_model import remote_models
from orchestrator.saver import PooledSaver
from orchestrator.settings import Settings
from orchestrator.spending import Price, usage_of
from orchestrator.state import Asked
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_chat_routes import http as http
from tests.orchestrator.test_chat_routes import say, started
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, calls, refuses, says, tokens
from tools.contract.actors import Door
from tools.contract.call import Shop

SPENT = (
    "select coalesce(sum((usage ->> 'prompt_tokens')::bigint), 0)::bigint as value from turns where merchant_id = %(m)s"
)
ROUTED = '{"rooms": ["desk", "shelf"], "mode": "joint", "parts": []}'


@pytest.fixture
async def priced(model_server: ScriptedOpenAI, saver: PooledSaver, shop: Shop, mine: NewShop) -> AsyncGenerator[Talk]:
    """The owner's conversation in a shop whose router and specialists are two models, at two prices."""
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.url, "SHOPKEEPER_MODEL": "big"}
    prices = {"SHOPKEEPER_ROUTER_MODEL": "small", "SHOPKEEPER_MODEL_PRICES": "big=2/8, small=0.5/1"}
    async with remote_models(Settings.model_validate(settings | prices)) as models:
        chat = Chat(shop, Supervisor(probes.SCOPES, probes.TOOLS, models, probes.words(), saver), probes.TOOLS)
        yield Talk(chat, mine.caller("owner", door=Door.rest))
        await chat.close()


def routed(body: Body) -> Reply:
    return says(ROUTED) if body["model"] == "small" else says("All is well.")


async def test_each_agent_is_told_with_its_model_its_tokens_and_its_cost(priced: Talk, model: ScriptedOpenAI) -> None:
    model.answer(routed)

    turn = await priced("Is everything in its place?")

    read = {body["model"]: tokens(body["messages"]) + tokens(body.get("tools", [])) for body in model.seen}
    wrote = {"big": tokens(["All is well.", []]), "small": tokens([ROUTED, []])}

    def told(agent: str, name: str, cost: float) -> dict[str, Any]:
        counted = {"model_calls": 1, "prompt_tokens": read[name], "completion_tokens": wrote[name]}
        return {"agent": agent, "model": name, **counted, "micro_usd": round(cost)}

    assert turn.usage["agents"] == [
        told("desk, shelf", "big", read["big"] * 2 + wrote["big"] * 8),
        told("supervisor", "small", read["small"] * 0.5 + wrote["small"] * 1),
    ]
    assert turn.usage["micro_usd"] == sum(one["micro_usd"] for one in turn.usage["agents"])
    assert turn.usage["prompt_tokens"] == sum(read.values())


async def test_a_turn_that_fails_has_cost_what_was_asked_until_then(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("count_mugs", {})), refuses(400))

    turn = await talk("How many mugs?")

    assert turn.status == "failed"
    assert turn.usage["model_calls"] == 1
    assert turn.usage["prompt_tokens"] == tokens(model.seen[0]["messages"]) + tokens(model.seen[0]["tools"])
    assert await talk.count(SPENT) == turn.usage["prompt_tokens"]


async def test_what_was_asked_before_a_card_is_counted_once(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("pay_out", {"amount": 1500})), says("Paid."))

    waiting = await talk("Pay 15 euros")
    await talk.decide(waiting.waits_for[0], "approve")
    turn = await talk.settled(waiting)

    assert turn.usage["model_calls"] == 2
    assert turn.usage["prompt_tokens"] == sum(tokens(body["messages"]) + tokens(body["tools"]) for body in model.seen)


async def test_a_turn_is_shown_with_its_cost(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    model.script(says("Hello."))

    posted = (await say(http, await started(http), "hello", Prefer="wait=20")).json()
    shown = (await http.get(f"/turns/{posted['turn']}")).json()

    assert shown["usage"]["agents"][0]["model"] == "scripted"
    assert "micro_usd" not in shown["usage"]


def test_a_cost_that_is_known_in_part_is_not_told_as_the_whole() -> None:
    asked = [
        Asked(agent="desk", model=model, prompt_tokens=1000, completion_tokens=10)
        for model in ("big", "unknown", "big")
    ]

    usage = usage_of(asked, [], {"big": Price(1, 10)})

    assert [one.get("micro_usd") for one in usage["agents"]] == [2200, None]
    assert "micro_usd" not in usage


@pytest.mark.parametrize("given", ["big", "big=1", "big=1/x", "big=1/2;small=1/2"])
def test_a_price_that_cannot_be_read_is_refused(given: str) -> None:
    own: dict[str, Any] = {"SHOPKEEPER_MODEL_PRICES": given}
    with pytest.raises(ValidationError, match="model=read/written"):
        Settings.model_validate(own)
