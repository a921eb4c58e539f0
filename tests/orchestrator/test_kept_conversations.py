"""Conversations are found, renamed and deleted by whose they are; a turn is stopped, and says what it had done."""

import asyncio
import threading

import httpx
import pytest

from orchestrator.chat import Chat
from orchestrator.chat.service import TurnUnderWay, TurnWaits
from orchestrator.chat.turns import TurnRow
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import MEMOS, WAIT, Talk
from tests.orchestrator.test_approvals import PAY
from tests.orchestrator.test_chat_routes import http, key, say, started
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, calls, says
from tools.contract.errors import NotFound
from tools.contract.shop import Shop

_ = http


async def told(http: httpx.AsyncClient, model: ScriptedOpenAI, text: str, answer: str) -> str:
    """A conversation of one turn."""
    model.script(says(answer))
    conversation = await started(http)
    await say(http, conversation, text, Prefer="wait=20")
    return conversation


async def found(http: httpx.AsyncClient, text: str, **headers: str) -> list[str]:
    answer = await http.get("/conversations", params={"text": text}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["conversation"] for one in answer.json()["data"]]


async def test_a_conversation_is_found_by_words_of_its_messages_and_its_name(
    http: httpx.AsyncClient, model: ScriptedOpenAI
) -> None:
    mugs = await told(http, model, "How many mugs?", "There are 42 mugs in Orléans.")
    bowls = await told(http, model, "How many bowls?", "100 % of them are in Lille.")

    assert await found(http, "MUGS orleans") == [mugs]
    assert await found(http, "how many") == [bowls, mugs]
    assert await found(http, "100 %") == [bowls]
    assert await found(http, "mugs lille") == []
    assert await found(http, "mugs", **{"X-Role": "manager"}) == []
    assert (await http.get("/conversations", params={"text": "x" * 201})).status_code == 422


async def test_a_conversation_is_renamed_by_its_owner(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    mugs = await told(http, model, "How many mugs?", "42.")

    renamed = await http.patch(f"/conversations/{mugs}", json={"title": " Before Christmas "})
    theirs = await http.patch(f"/conversations/{mugs}", json={"title": "Mine"}, headers={"X-Role": "manager"})
    empty = await http.patch(f"/conversations/{mugs}", json={"title": ""})

    assert (renamed.status_code, renamed.json()["title"]) == (200, "Before Christmas")
    assert (theirs.status_code, empty.status_code) == (404, 422)
    assert await found(http, "christmas") == [mugs]
    await say(http, mugs, "And bowls?", Prefer="wait=20")
    assert (await http.get(f"/conversations/{mugs}")).json()["title"] == "Before Christmas"


async def test_what_was_said_is_deleted_and_what_it_cost_still_counts(
    http: httpx.AsyncClient, model: ScriptedOpenAI, talk: Talk
) -> None:
    spent = "select coalesce(sum((usage ->> 'prompt_tokens')::int), 0) as value from turns where merchant_id = %(m)s"
    mugs = await told(http, model, "How many mugs?", "42.")
    before = await talk.count(spent)

    gone = await http.delete(f"/conversations/{mugs}")

    assert gone.status_code == 204
    assert [(await http.get(f"/conversations/{mugs}")).status_code, await found(http, "mugs")] == [404, []]
    assert (await http.delete(f"/conversations/{mugs}")).status_code == 404
    for left in ("messages where", "turn_events where", "turns where request <> '' and"):
        assert await talk.count(f"select count(*) as value from {left} merchant_id = %(m)s") == 0
    assert await talk.count(spent) == before > 0


async def test_a_conversation_is_deleted_only_once_all_of_it_is_through(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY)
    waiting = await talk("Pay 15 euros")

    with pytest.raises(TurnUnderWay, match="something is waiting"):
        await talk.chat.delete(talk.caller, talk.reference)
    with pytest.raises(TurnWaits, match="It waits for APR-"):
        await talk.chat.stop(talk.caller, waiting.id)
    assert (await talk.chat.turn(talk.caller, waiting.id)).status == "waiting"


# ---- stopping ------------------------------------------------------------------------------------------------------------


class Thinking:
    """A model that writes a memo and then thinks until it is let go."""

    def __init__(self, model: ScriptedOpenAI) -> None:
        self.asked, self.over = threading.Event(), threading.Event()
        self._calls = 0
        model.answer(self._answer)

    def _answer(self, _: Body) -> Reply:
        self._calls += 1
        if self._calls == 1:
            return calls(("write_memo", {"text": "Order clay"}))
        self.asked.set()
        self.over.wait(WAIT)
        return says("Written.")

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.asked.wait, WAIT)


async def test_a_turn_is_stopped_and_says_what_it_had_done(
    talk: Talk, model: ScriptedOpenAI, http: httpx.AsyncClient
) -> None:
    thinking = Thinking(model)
    turn = await talk.post("Write a memo: order clay")
    await thinking.reached()

    stopped = await http.delete(f"/turns/{turn.id}")
    again = await http.delete(f"/turns/{turn.id}")
    theirs = await http.delete(f"/turns/{turn.id}", headers=key() | {"X-Role": "manager"})
    thinking.over.set()

    assert (stopped.status_code, stopped.json()["status"]) == (200, "failed")
    assert stopped.json()["answer"].startswith("You stopped this.\n\nDone: write_memo")
    assert again.json() == stopped.json()
    assert theirs.status_code == 404
    assert await talk.count(MEMOS) == 1
    model.script(says("Yes."))
    assert (await talk("Are you there?")).answer == "Yes."


async def test_a_turn_that_another_process_works_on_is_stopped_too(
    shop: Shop, supervisor: Supervisor, mine: NewShop, model: ScriptedOpenAI
) -> None:
    thinking, owner = Thinking(model), mine.caller("owner")
    here, there = (Chat(shop, supervisor, probes.TOOLS, lease=lease) for lease in (30.0, 0.9))
    turn = await Talk(there, owner).post("Write a memo: order clay")
    await thinking.reached()

    asked = await here.stop(owner, turn.id)
    stopped: TurnRow = await here.settled(owner, asked, 0.2)
    while stopped.status == "running":
        await here.sweep(mine.id)
        stopped = await here.settled(owner, asked, 0.2)
    thinking.over.set()
    for chat in (here, there):
        await chat.close()

    assert stopped.answer is not None
    assert stopped.answer.startswith("You stopped this.\n\nDone: write_memo")
    with pytest.raises(NotFound):
        await here.stop(mine.caller("manager"), turn.id)


async def test_what_was_committed_as_it_was_stopped_is_told(
    talk: Talk, supervisor: Supervisor, model: ScriptedOpenAI
) -> None:
    """The checkpoint does not have it yet, the audit does."""
    thinking = Thinking(model)
    turn = await talk.post("Write a memo: order clay")
    await thinking.reached()
    forgotten = supervisor.graph.aget_state

    async def nothing_known(config: object) -> object:
        snapshot = await forgotten(config)
        return snapshot._replace(values=snapshot.values | {"made": []})

    supervisor.graph.aget_state = nothing_known
    try:
        stopped = await talk.chat.stop(talk.caller, turn.id)
    finally:
        supervisor.graph.aget_state = forgotten
        thinking.over.set()

    assert stopped.answer is not None
    assert "Done: write_memo" in stopped.answer
