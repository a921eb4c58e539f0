"""How much chat one person, one conversation and one process may have at once, and how long whoever listens may."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest

from orchestrator.chat import Chat
from orchestrator.chat.events import Event
from orchestrator.chat.limits import ChatBusy, ChatLimits, TooManyStreams, TooManyTurns
from orchestrator.chat.turns import Lease, Left
from orchestrator.state import Limits
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import WAIT, Talk
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, says
from tools.contract.actors import Caller
from tools.contract.call import Shop
from tools.contract.errors import Unauthenticated


@asynccontextmanager
async def small(
    shop: Shop, supervisor: Supervisor, room: ChatLimits, limits: Limits | None = None
) -> AsyncGenerator[Chat]:
    """A process with little room for chat."""
    chat = Chat(shop, supervisor, probes.TOOLS, room=room, limits=limits)
    yield chat
    await chat.close()


@pytest.fixture
def slow(model: ScriptedOpenAI) -> Generator[ScriptedOpenAI]:
    """A model that thinks until the test is over."""
    over = threading.Event()

    def think(_: Body) -> Reply:
        over.wait(30)
        return says("At last.")

    model.answer(think)
    yield model
    over.set()


async def test_one_person_has_so_many_turns_under_way_and_another_has_theirs(
    shop: Shop, supervisor: Supervisor, mine: NewShop, slow: ScriptedOpenAI
) -> None:
    async with small(shop, supervisor, ChatLimits(turns_per_actor=2)) as chat:
        owner, manager = (Talk(chat, mine.caller(role)) for role in ("owner", "manager"))
        first = await owner.post("How many mugs?", key="k1")
        await owner.post("How many mugs?", key="k2")  # not begun yet: it counts too

        with pytest.raises(TooManyTurns, match="has 2 turns under way") as refused:
            await Talk(chat, owner.caller).post("How many mugs?")
        again = await owner.post("How many mugs?", key="k1")
        other = await manager.post("How many mugs?")

    assert (refused.value.status, refused.value.details["retry_after"]) == (429, 2)
    assert again.id == first.id
    assert other.status == "running"


async def test_what_is_said_while_a_turn_is_ending_is_answered_after_it(
    shop: Shop, supervisor: Supervisor, mine: NewShop, model: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end's statement has seen none that follows, and the claim of that one still the turn before it."""
    over, end = threading.Event(), Lease.end

    def think(_: Body) -> Reply:
        over.wait(30)
        return says("At last.")

    async def unseeing(self: Lease, *told: Any) -> Left | None:
        return Left(None) if await end(self, *told) else None

    model.answer(think)
    monkeypatch.setattr(Lease, "end", unseeing)
    async with small(shop, supervisor, ChatLimits()) as chat:
        owner = Talk(chat, mine.caller("owner"))
        await owner.post("How many mugs?")
        second = await owner.post("How many plates?")
        over.set()
        answered = await chat.settled(owner.caller, second, WAIT)

    assert answered.status == "finished"


async def test_a_process_works_on_so_many_turns(
    shop: Shop, supervisor: Supervisor, mine: NewShop, slow: ScriptedOpenAI
) -> None:
    async with small(shop, supervisor, ChatLimits(turns=1)) as chat:
        await Talk(chat, mine.caller("owner")).post("How many mugs?")

        with pytest.raises(ChatBusy, match="1 turns are worked on") as refused:
            await Talk(chat, mine.caller("manager")).post("How many mugs?")

    assert (refused.value.status, refused.value.retryable) == (503, True)


async def test_a_step_that_does_not_end_is_cut_short_and_the_turn_says_what_was_done(
    shop: Shop, supervisor: Supervisor, mine: NewShop, slow: ScriptedOpenAI
) -> None:
    async with small(shop, supervisor, ChatLimits(), Limits(seconds=1, grace=0.2)) as chat:
        turn = await Talk(chat, mine.caller("owner"))("How many mugs?")

    assert turn.status == "failed"
    assert turn.answer == "I stopped at the limit of 1 seconds.\n\nNothing was done."


# ---- streams -------------------------------------------------------------------------------------------------------------


async def opened(stack: AsyncExitStack, talk: Talk) -> AsyncGenerator[Event | None]:
    """A stream of the conversation that has told what there was."""
    stream = await stack.enter_async_context(aclosing(talk.chat.events(talk.caller, talk.reference, on=True)))
    async for event in stream:
        if event is None:
            break
    return stream


async def to_its_end(stream: AsyncGenerator[Event | None]) -> None:
    async with asyncio.timeout(20):
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    ("room", "whose"),
    [(ChatLimits(streams_per_actor=2), "USR-"), (ChatLimits(streams_per_conversation=2), "CNV-")],
)
async def test_so_many_streams_are_open_and_a_closed_one_frees_its_place(
    shop: Shop, supervisor: Supervisor, mine: NewShop, model: ScriptedOpenAI, room: ChatLimits, whose: str
) -> None:
    model.script(says("Hello."))
    async with small(shop, supervisor, room) as chat, AsyncExitStack() as stack:
        talk = Talk(chat, mine.caller("owner"))
        await talk("hello")
        first = await opened(stack, talk)
        await opened(stack, talk)

        with pytest.raises(TooManyStreams, match=f"{whose}.* has 2 streams open") as refused:
            await opened(stack, talk)
        await first.aclose()
        await opened(stack, talk)

    assert refused.value.status == 429


async def revoke(shop: Shop, mine: NewShop, talk: Talk) -> None:
    async with shop.database.transaction(mine.id) as sql:
        await sql.execute("update api_keys set revoked_at = now() where merchant_id = %s", (mine.id,))
        await sql.commit()


async def deactivate(shop: Shop, mine: NewShop, talk: Talk) -> None:
    async with shop.database.transaction(mine.id) as sql:
        query = "update memberships set deactivated_at = now() where merchant_id = %s and user_id = %s"
        await sql.execute(query, (mine.id, talk.caller.name))
        await sql.commit()


@pytest.mark.parametrize("by", ["key", "person"])
async def test_who_may_no_longer_listen_loses_the_stream(
    shop: Shop, supervisor: Supervisor, mine: NewShop, model: ScriptedOpenAI, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.chat.listening.QUIET", 0.2)
    model.script(says("Hello."))
    caller = await mine.key(scopes=["orders:read"]) if by == "key" else mine.caller("manager")
    async with small(shop, supervisor, ChatLimits(right_seconds=0.4)) as chat, AsyncExitStack() as stack:
        talk = Talk(chat, caller)
        await talk("hello")
        stream = await opened(stack, talk)
        assert [await anext(stream) for _ in range(4)] == [None] * 4

        await (revoke if by == "key" else deactivate)(shop, mine, talk)

        with pytest.raises(Unauthenticated):
            await to_its_end(stream)


async def test_the_door_is_asked_again_too(
    shop: Shop, supervisor: Supervisor, mine: NewShop, model: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session is the door's: the shop knows the person still."""
    monkeypatch.setattr("orchestrator.chat.listening.QUIET", 0.2)
    model.script(says("Hello."))
    signed_in = True

    async def still() -> Caller:
        if not signed_in:
            raise Unauthenticated("The session has ended.")
        return talk.caller

    async with small(shop, supervisor, ChatLimits(right_seconds=0.3)) as chat:
        talk = Talk(chat, mine.caller("owner"))
        await talk("hello")
        events = chat.events(talk.caller, talk.reference, on=True, still=still)
        async with aclosing(events) as stream:
            async with asyncio.timeout(10):
                quiet = 0
                while quiet < 4:
                    quiet += await anext(stream) is None
            signed_in = False
            with pytest.raises(Unauthenticated, match="The session has ended"):
                await to_its_end(stream)
