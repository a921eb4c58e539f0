"""Other people's clients: OpenAI's official one, which keeps what was said and sends all of it with every call."""

import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from orchestrator.app import RequestId
from orchestrator.approvals import CARRY_OUT
from orchestrator.chat import Chat
from orchestrator.supervisor import Supervisor
from orchestrator.surfaces import completions
from orchestrator.surfaces.identity import Identity, RateLimiter
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.test_chat_routes import serving
from tools.contract.call import Shop
from tools.contract.context import Job

TURNS = "select count(*) as value from turns where merchant_id = %(m)s"
CONVERSATIONS = "select count(*) as value from conversations where merchant_id = %(m)s"
Said = dict[str, Any]


@pytest.fixture
async def carrying(shop: Shop, supervisor: Supervisor) -> AsyncGenerator[Chat]:
    """The chat, in a process that carries decisions out as the product's does."""

    async def after_commit(merchant: uuid.UUID, jobs: list[Job]) -> None:
        for job in jobs:
            if job.task == CARRY_OUT:
                await chat.carry_out(merchant, job.arguments["approval"])

    chat = Chat(replace(shop, after_commit=after_commit), supervisor, probes.TOOLS)
    yield chat
    await chat.close()


@dataclass
class Client:
    """Somebody's client, as Open WebUI is one: it keeps what was said, and sends all of it with every call."""

    openai: AsyncOpenAI
    said: list[Said]

    async def __call__(self, text: str, **more: Any) -> str:
        self.said.append({"role": "user", "content": text})
        answer = await self.again(**more)
        self.said.append({"role": "assistant", "content": answer})
        return answer

    async def again(self, **more: Any) -> str:
        """The same call once more, streamed as such clients ask for it."""
        completions: Any = self.openai.chat.completions
        stream = await completions.create(model="shopkeeper", messages=self.said, stream=True, **more)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


Door = Callable[..., Client]


@asynccontextmanager
async def opened(chat: Chat, *, per_minute: int = 60_000) -> AsyncGenerator[Door]:
    """The door on a socket; each client that comes to it has a key or a session, and headers of its own."""
    identity = Identity(chat.shop.database, RateLimiter(per_minute))
    app = Starlette(routes=completions.routes(chat, identity.caller_of), middleware=[Middleware(RequestId)])
    async with serving(app) as http, AsyncExitStack() as clients:
        address = str(http.base_url).replace("/api/v1/", "/v1")

        def client_of(key: str, **headers: str) -> Client:
            client = AsyncOpenAI(base_url=address, api_key=key, max_retries=0, default_headers=headers)
            clients.push_async_callback(client.close)
            return Client(client, [])

        yield client_of


@pytest.fixture
async def door(carrying: Chat) -> AsyncGenerator[Door]:
    async with opened(carrying) as client_of:
        yield client_of


@pytest.fixture
async def person(door: Door, mine: NewShop) -> Client:
    """The owner's client, which they gave their session."""
    return door(await mine.session("owner"))


@pytest.fixture
async def program(door: Door, mine: NewShop) -> Client:
    """A client with an API key."""
    return door(await mine.key_text(scopes=["*"], per_call=100_000, per_day=100_000))
