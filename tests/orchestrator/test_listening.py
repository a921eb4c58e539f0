"""Who follows a conversation hears of it from any process, costs the database nothing meanwhile, and misses nothing."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import psycopg
import pytest

from db.embedded import Server
from db.session import Database
from orchestrator.chat import Chat
from orchestrator.chat.events import Event, EventLog, follow
from orchestrator.chat.listening import Bell, listening
from orchestrator.chat.turns import CHANNEL, TurnRow
from orchestrator.tasks import ended
from tests.factories import NewShop
from tests.orchestrator.conftest import Talk
from tests.scripted_openai import ScriptedOpenAI, says
from tests.tools.test_room import until
from tools.contract.call import Shop

NEVER = 1e9  # seconds between two looks: what comes was heard


@pytest.fixture
async def apart(shop: Shop) -> AsyncGenerator[Database]:
    """The connections of another process, whose every use is counted."""
    database = Database(shop.database.url, size=4)
    await database.open()
    yield database
    await database.close()


def uses(database: Database) -> int:
    """How often a connection was taken: nothing is asked of the database without."""
    return database.pool.get_stats()["requests_num"]


@asynccontextmanager
async def hearing(database: Database, url: str) -> AsyncGenerator[Bell]:
    bell = Bell(database, look=NEVER)
    async with listening(bell, url):
        await until(lambda: bell.hears)
        yield bell


class Follower:
    """Somebody who follows a conversation from another process, in a task of their own."""

    def __init__(self, database: Database, bell: Bell, shop: NewShop, conversation: uuid.UUID, turn: TurnRow) -> None:
        self.heard: list[Event] = []
        self.quiet = asyncio.Event()  # all there was has been read
        self._stream = follow(database, bell, shop.id, conversation, turn.id, after=0, on=True)
        self.task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async with aclosing(self._stream):
            async for event in self._stream:
                if event is None:
                    self.quiet.set()
                else:
                    self.heard.append(event)

    async def ready(self) -> None:
        """As soon as all there was has been read; whatever ended the following is raised."""
        reading = asyncio.create_task(self.quiet.wait())
        await asyncio.wait([reading, self.task], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            reading.cancel()
            await self.task

    def answers(self) -> int:
        return sum(event.kind == "run.finished" for event in self.heard)


@asynccontextmanager
async def followers(
    count: int, database: Database, bell: Bell, shop: NewShop, conversation: uuid.UUID, turn: TurnRow
) -> AsyncGenerator[list[Follower]]:
    """So many of them, who have read what there was."""
    them = [Follower(database, bell, shop, conversation, turn) for _ in range(count)]
    try:
        for one in them:
            await one.ready()
        yield them
    finally:
        await ended(*(one.task for one in them))


async def answered(talk: Talk, model: ScriptedOpenAI) -> tuple[uuid.UUID, TurnRow]:
    """A conversation with one answer."""
    model.script(says("Hello."))
    turn = await talk("hello")
    found, _, _ = await talk.chat.conversation(talk.caller, talk.reference)
    return found.id, turn


async def test_a_thousand_idle_streams_ask_the_database_nothing_while_another_hears_what_comes(
    talk: Talk, chat: Chat, mine: NewShop, model: ScriptedOpenAI, apart: Database
) -> None:
    conversation, turn = await answered(talk, model)
    busy = Talk(chat, talk.caller)
    elsewhere, other_turn = await answered(busy, model)
    apart.pool.timeout = 120

    async with (
        hearing(apart, apart.url) as bell,
        followers(999, apart, bell, mine, conversation, turn),
        followers(1, apart, bell, mine, elsewhere, other_turn) as (one,),
    ):
        before = uses(apart)
        await asyncio.sleep(3)
        meanwhile = uses(apart) - before
        await busy("hello again")
        await until(lambda: one.answers() == 2)
        afterwards = uses(apart) - before

    assert meanwhile == 0
    assert afterwards < 20


async def test_what_another_process_does_is_heard_without_a_look(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, apart: Database
) -> None:
    conversation, turn = await answered(talk, model)

    async with hearing(apart, apart.url) as bell, followers(1, apart, bell, mine, conversation, turn) as (one,):
        await talk("hello again")
        await until(lambda: one.answers() == 2)

    kinds = [event.kind for event in one.heard if event.turn != turn.id]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.finished"


async def test_a_notification_takes_no_statement_of_its_own(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, shop: Shop, apart: Database
) -> None:
    conversation, turn = await answered(talk, model)
    log = EventLog(shop.database, mine.id, turn.id, conversation, 100, Bell(shop.database))
    log.hold("table", rows=[])

    async with hearing(apart, apart.url) as bell, followers(1, apart, bell, mine, conversation, turn) as (one,):
        async with shop.database.transaction(mine.id) as sql:
            await sql.commit(*log.taken(sql))
        await until(lambda: one.heard[-1].number == 101)

    assert len(sql.statements) == 3  # BEGIN, the events, COMMIT


async def test_where_nothing_is_heard_one_look_serves_all_who_follow_a_shop(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, apart: Database
) -> None:
    conversation, turn = await answered(talk, model)
    bell = Bell(apart, look=0.5)

    async with followers(20, apart, bell, mine, conversation, turn) as them:
        await asyncio.sleep(0.6)  # the first look finds everything new, so that each looks for itself
        await until(lambda: not apart.pool.get_stats().get("requests_waiting"))
        await asyncio.sleep(1)
        before = uses(apart)
        await asyncio.sleep(2)
        looks = uses(apart) - before
        await talk("hello again")
        await until(lambda: all(one.answers() == 2 for one in them))

    assert 1 <= looks <= 5


async def test_a_card_and_its_decision_are_found_by_looking_too(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, apart: Database
) -> None:
    from tests.scripted_openai import calls

    conversation, turn = await answered(talk, model)
    bell = Bell(apart, look=0.1)

    async with followers(1, apart, bell, mine, conversation, turn) as (one,):
        model.script(calls(("pay_out", {"amount": 100})), says("Paid."))
        waiting = await talk("Pay 1 euro")
        await until(lambda: one.heard[-1].kind == "approval.required")
        await talk.decide(waiting.waits_for[0], "approve")
        await until(lambda: one.answers() == 2)


async def test_a_connection_that_hears_nothing_is_found_out_and_the_database_is_looked_at(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, server: Server, apart: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a pooler a connection may listen and never hear; a connection to another database is as deaf."""
    monkeypatch.setattr("orchestrator.chat.listening.ANSWER", 0.2)
    conversation, turn = await answered(talk, model)
    bell = Bell(apart, look=0.1)

    async with (
        listening(bell, server.url("app_rt", "postgres")),
        followers(1, apart, bell, mine, conversation, turn) as (one,),
    ):
        await talk("hello again")
        await until(lambda: one.answers() == 2)

        assert not bell.hears


async def test_a_lost_connection_is_made_again_and_what_was_missed_is_looked_for(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, server: Server, database_name: str, apart: Database
) -> None:
    conversation, turn = await answered(talk, model)

    async with AsyncExitStack() as opened:
        bell = await opened.enter_async_context(hearing(apart, f"{apart.url}&application_name=ear"))
        (one,) = await opened.enter_async_context(followers(1, apart, bell, mine, conversation, turn))
        one.quiet.clear()
        with psycopg.connect(server.url("postgres", database_name), autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ear'")
        await until(lambda: not bell.hears)
        await talk("hello again")
        await until(lambda: bell.hears)
        await until(lambda: one.answers() == 2)


async def test_what_strangers_notify_is_passed_over(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, apart: Database
) -> None:
    conversation, turn = await answered(talk, model)

    async with hearing(apart, apart.url) as bell, followers(1, apart, bell, mine, conversation, turn) as (one,):
        async with apart.connection() as stranger:
            for payload in ("", "nonsense", f"{mine.id}/", f"{mine.id}/1/2", f"{uuid.uuid4()}/{uuid.uuid4()}"):
                await stranger.execute("select pg_notify(%s, %s)", (CHANNEL, payload))
        await talk("hello again")
        await until(lambda: one.answers() == 2)

        assert bell.hears


async def test_nothing_is_kept_of_who_has_gone(
    talk: Talk, mine: NewShop, model: ScriptedOpenAI, apart: Database, chat: Chat
) -> None:
    conversation, turn = await answered(talk, model)
    bell = Bell(apart, look=0.1)

    async with followers(3, apart, bell, mine, conversation, turn):
        await asyncio.sleep(0.3)
        assert bell.follows == 3

    assert bell.follows == 0
