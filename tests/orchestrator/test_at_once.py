"""Conversations do not hold each other up: more than there are connections wait for the model at the same time."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.chat import Chat
from orchestrator.chat.limits import ChatLimits
from orchestrator.language_model import remote_models
from orchestrator.saver import POOL, PooledSaver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import Talk
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, calls, says
from tools.contract.call import Shop

CONVERSATIONS = 12


class Together(ScriptedOpenAI):
    """It answers none before all have asked."""

    def __init__(self) -> None:
        super().__init__()
        self._all = asyncio.Barrier(CONVERSATIONS)

    async def _complete(self, request: Request) -> Response:
        async with asyncio.timeout(20):
            await self._all.wait()
        return await super()._complete(request)


@pytest.fixture
async def together(shop: Shop, saver: PooledSaver) -> AsyncGenerator[Chat]:
    model = Together()
    model.start()
    model.answer(_looks_and_answers)
    settings = {"openai_api_key": "test", "openai_base_url": model.url, "model": "scripted"}
    async with remote_models(Settings.model_validate(settings)) as models:
        room = ChatLimits(turns=CONVERSATIONS, turns_per_actor=CONVERSATIONS)
        chat = Chat(
            shop, Supervisor(probes.SCOPES, probes.TOOLS, models, probes.words(), saver), probes.TOOLS, room=room
        )
        yield chat
        await chat.close()
    model.stop()


def _looks_and_answers(body: Body) -> Reply:
    last = body["messages"][-1]
    return says("3 mugs.") if last["role"] == "tool" else calls(("look_into_drawer", {"drawer": "top"}))


async def test_no_conversation_waits_for_another(shop: Shop, mine: NewShop, together: Chat) -> None:
    assert max(shop.database.pool.max_size, POOL) < CONVERSATIONS
    talks = [Talk(together, mine.caller("owner")) for _ in range(CONVERSATIONS)]

    turns = await asyncio.gather(*(talk("What is in the top drawer?") for talk in talks))

    assert [turn.answer for turn in turns] == ["3 mugs."] * CONVERSATIONS
