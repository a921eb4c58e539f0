"""The conversation with a scripted model over real HTTP, a small catalogue of tools, and the real database."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any, NamedTuple

import pytest

from db.session import Transaction
from orchestrator.chat import Chat
from orchestrator.chat.events import Event
from orchestrator.chat.turns import TurnRow
from orchestrator.language_model import Models, remote_models
from orchestrator.saver import PooledSaver, open_saver
from orchestrator.settings import Settings
from orchestrator.state import Limits, Request
from orchestrator.supervisor import Supervisor
from tests.dying import forking
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.elsewhere import Elsewhere
from tests.scripted_openai import ScriptedOpenAI
from tools.backoffice.approvals import decide_approval
from tools.contract.actors import Caller, Door
from tools.contract.call import Shop, call

WAIT = 20.0  # seconds; a turn of these tests takes a fraction of one


class Number(NamedTuple):
    value: int


@pytest.fixture(scope="session")
def model_server() -> Generator[ScriptedOpenAI]:
    server = ScriptedOpenAI()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def model(model_server: ScriptedOpenAI) -> ScriptedOpenAI:
    """The language model, before anything was asked."""
    model_server.script()
    return model_server


@pytest.fixture(scope="session")
async def saver(runtime_url: str) -> AsyncGenerator[PooledSaver]:
    async with open_saver(runtime_url) as opened:
        yield opened


@pytest.fixture(scope="session")
async def models(model_server: ScriptedOpenAI) -> AsyncGenerator[Models]:
    """The scripted model, in both roles."""
    settings = {"openai_api_key": "test", "openai_base_url": model_server.url, "model": "scripted"}
    async with remote_models(Settings.model_validate(settings)) as opened:
        yield opened


@pytest.fixture(scope="session")
def supervisor(models: Models, saver: PooledSaver) -> Supervisor:
    return Supervisor(probes.SCOPES, probes.TOOLS, models, probes.words(), saver)


@pytest.fixture
async def chat(shop: Shop, supervisor: Supervisor) -> AsyncGenerator[Chat]:
    opened = Chat(shop, supervisor, probes.TOOLS)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def forks(runtime_url: str, model_server: ScriptedOpenAI) -> AsyncGenerator[asyncio.subprocess.Process]:
    async with forking("tests.orchestrator.doomed", runtime_url, model_server.url) as process:
        yield process


@pytest.fixture
def elsewhere(forks: asyncio.subprocess.Process, mine: NewShop) -> Elsewhere:
    return Elsewhere(forks, mine)


class Talk:
    """Somebody's conversation: `await talk("…")` is the turn, as soon as it is through or waits for a card."""

    def __init__(self, chat: Chat, caller: Caller) -> None:
        self.chat = chat
        self.caller = caller
        self.reference = ""

    async def __call__(self, text: str, *, key: str | None = None) -> TurnRow:
        return await self.chat.settled(self.caller, await self.post(text, key=key), WAIT)

    async def post(self, text: str, *, key: str | None = None) -> TurnRow:
        """Only say it."""
        if not self.reference:
            self.reference = (await self.chat.start_conversation(self.caller)).reference
        return await self.chat.post_message(self.caller, self.reference, text, key or uuid.uuid4().hex)

    async def request(self, request: Request, *, key: str | None = None) -> TurnRow:
        posted = await self.chat.post_request(self.caller, request, key or uuid.uuid4().hex)
        return await self.chat.settled(self.caller, posted, WAIT)

    async def events(self, turn: TurnRow, *, after: str = "") -> list[Event]:
        """The turn's events so far; all of them once it has ended."""
        seen: list[Event] = []
        async with aclosing(self.chat.events(self.caller, turn.conversation, turn=turn.id, after=after)) as stream:
            async for event in stream:
                if event is None:
                    break
                seen.append(event)
        return seen

    async def card(self, turn: TurnRow) -> dict[str, Any]:
        """What the turn shows of the only change that it waits with: the card, and why it waits."""
        (shown,) = [event.data for event in await self.events(turn) if event.kind == "approval.required"]
        return shown

    async def decide(self, reference: str, decision: str, *, by: Caller | None = None, **more: Any) -> None:
        """Decide about a card, and have it carried out."""
        arguments = {"approval": reference, "decision": decision, **more}
        await call(self.chat.shop, decide_approval, arguments, by or self.caller, key=uuid.uuid4().hex)
        await self.chat.carry_out(self.caller.merchant, reference)

    async def settled(self, turn: TurnRow) -> TurnRow:
        """The turn as soon as it has ended, or has told of another card than those that it has told of."""
        return await self.chat.settled(self.caller, turn, WAIT)

    async def count(self, query: str, **params: Any) -> int:
        """A number from the merchant's rows."""
        async with self.chat.shop.database.transaction(self.caller.merchant) as sql:
            return await number(sql, query, **params)


async def number(sql: Transaction, query: str, **params: Any) -> int:
    found = await sql.row(query, {"m": sql.merchant, **params}, as_=Number)
    assert found is not None
    return found.value


@pytest.fixture
def talk(chat: Chat, mine: NewShop) -> Talk:
    """The owner's conversation."""
    return Talk(chat, mine.caller("owner", door=Door.rest))


MEMOS = "select count(*) as value from settings where merchant_id = %(m)s and key like 'memo %%'"
CHECKPOINTS = "select count(*) as value from lg.checkpoints where thread_id like %(m)s || ':%%'"
LIMITS = Limits()
