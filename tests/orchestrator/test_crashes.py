"""Exactly once, and to the end: processes that die between a tool's commit and all that should have followed."""

import asyncio
import threading
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from db import clock
from db.models.backoffice import ApprovalStatus
from orchestrator.chat import Chat
from orchestrator.chat.turns import TurnRow
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import CHECKPOINTS, MEMOS, Talk
from tests.orchestrator.elsewhere import Elsewhere
from tests.scripted_openai import Reply, ScriptedOpenAI, calls, says
from tools.backoffice.approvals import decide_approval
from tools.contract.call import Shop, call


async def test_a_change_is_made_once_when_its_process_is_killed_before_the_turn_knows(
    shop: Shop, mine: NewShop, talk: Talk, model: ScriptedOpenAI, elsewhere: Elsewhere
) -> None:
    """The model gives the call another id when it is asked again; the key comes from the turn."""
    write = calls(("write_memo", {"text": "jobs: milk"}))
    model.script(write, says("Written."))
    talk.reference = (await talk.chat.start_conversation(talk.caller)).reference

    await elsewhere.killed("post", talk.reference, "Write a memo: milk", "the message's key")
    await elsewhere.lease_over()
    await talk.chat.sweep(mine.id)
    again = await talk.post("Write a memo: milk", key="the message's key")
    turn = await talk.settled(again)

    assert turn.answer == "Written."
    assert await talk.count(MEMOS) == 1
    assert [event.data for event in await talk.events(turn) if event.kind == "run.started"] == [{}, {"continued": True}]
    assert await talk.count(CHECKPOINTS) == 0


async def test_a_turn_that_lost_its_checkpoints_too_makes_its_change_once(
    shop: Shop, mine: NewShop, talk: Talk, model: ScriptedOpenAI, elsewhere: Elsewhere
) -> None:
    write = calls(("write_memo", {"text": "jobs: milk"}))
    model.script(write, write, says("Written."))
    talk.reference = (await talk.chat.start_conversation(talk.caller)).reference

    await elsewhere.killed("post", talk.reference, "Write a memo: milk", "the message's key")
    await elsewhere.lease_over()
    async with shop.database.transaction(mine.id) as sql:
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            await sql.execute(f"delete from lg.{table} where thread_id like %s || ':%%'", (str(mine.id),))
        await sql.commit()
    await talk.chat.sweep(mine.id)
    turn = await talk.settled(await talk.post("Write a memo: milk", key="the message's key"))

    assert turn.answer == "Written."
    assert len(model.seen) == 3  # the model was asked again, and its call had another id
    assert await talk.count(MEMOS) == 1


async def test_an_approved_call_is_carried_out_once_when_its_process_is_killed(
    shop: Shop, mine: NewShop, talk: Talk, model: ScriptedOpenAI, elsewhere: Elsewhere
) -> None:
    model.script(calls(("pay_by_post", {"amount": 7000})), says("Paid."))
    waiting = await talk("Pay 70 euros")
    (approval,) = waiting.waits_for
    await call(shop, decide_approval, {"approval": approval, "decision": "approve"}, talk.caller, key=uuid.uuid4().hex)

    await elsewhere.killed("carry_out", approval, str(waiting.id))
    await talk.chat.sweep(mine.id)

    assert (await talk.settled(waiting)).answer == "Paid."
    assert await talk.count(MEMOS) == 1
    executed = "select count(*) as value from approvals where merchant_id = %(m)s and status = %(status)s"
    assert await talk.count(executed, status=ApprovalStatus.executed) == 1


@pytest.fixture
async def left_behind(shop: Shop, chat: Chat, talk: Talk) -> TurnRow:
    """A turn whose process has closed before it began with it."""
    closing = Chat(shop, chat.supervisor, probes.TOOLS)
    talk.chat = closing
    posted = await talk.post("How many mugs?")
    await closing.close()
    talk.chat = chat
    return posted


async def test_a_process_that_closes_leaves_its_turns_to_others_at_once(
    mine: NewShop, talk: Talk, model: ScriptedOpenAI, left_behind: TurnRow
) -> None:
    model.script(calls(("count_mugs", {})), says("42."))

    await talk.chat.sweep(mine.id)

    assert (await talk.settled(left_behind)).answer == "42."


async def test_only_one_process_continues_a_turn(
    shop: Shop, mine: NewShop, chat: Chat, talk: Talk, model: ScriptedOpenAI, left_behind: TurnRow
) -> None:
    model.script(calls(("count_mugs", {})), says("42."))
    other = Chat(shop, chat.supervisor, probes.TOOLS)

    await asyncio.gather(*(one.sweep(mine.id) for one in (chat, other, chat, other)))
    turn = await talk.settled(left_behind)

    await other.close()
    assert turn.answer == "42."
    assert len(model.seen) == 2


async def test_a_turn_that_keeps_being_interrupted_is_given_up(
    shop: Shop, mine: NewShop, talk: Talk, left_behind: TurnRow
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        await sql.commit("update turns set usage = '{\"interrupted\": 2}' where merchant_id = %s", (mine.id,))

    await talk.chat.sweep(mine.id)
    turn = await talk.settled(left_behind)

    assert turn.status == "failed"
    assert turn.answer is not None
    assert turn.answer.startswith("This was interrupted 3 times, and is given up.")


@pytest.mark.parametrize(
    ("interrupted", "days", "why"),
    [
        pytest.param(3, 0, "This was interrupted 3 times, and is given up.", id="often"),
        pytest.param(1, 40, "This was left for 29 days, and is given up.", id="for so long that records have lapsed"),
    ],
)
async def test_a_turn_that_is_given_up_tells_what_it_changed_and_changes_nothing_more(
    interrupted: int, days: int, why: str, shop: Shop, mine: NewShop, talk: Talk, model: ScriptedOpenAI,
    supervisor: Supervisor, elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """It was killed right after the commit: no checkpoint knows of the change, and the audit does."""
    model.script(calls(("write_memo", {"text": "jobs: milk"})), says("Written."))
    talk.reference = (await talk.chat.start_conversation(talk.caller)).reference
    await elsewhere.killed("post", talk.reference, "Write a memo: milk", "the message's key")
    await elsewhere.lease_over()
    often = f"update turns set usage = '{{\"interrupted\": {interrupted - 1}}}' where merchant_id = %s"
    async with shop.database.transaction(mine.id) as sql:
        await sql.commit(often, (mine.id,))
    later = Chat(replace(shop, clock=lambda: clock.now() + timedelta(days=days)), supervisor, probes.TOOLS)

    await later.sweep(mine.id)
    turn = await talk.settled(await talk.post("Write a memo: milk", key="the message's key"))
    await later.close()

    assert (turn.status, await talk.count(MEMOS)) == ("failed", 1)
    assert turn.answer == f"{why}\n\nDone: write_memo."
    assert turn.data is not None
    assert [(one["tool"], one["outcome"]) for one in turn.data["tools"]] == [("write_memo", "done")]


async def test_a_process_that_lost_its_turn_neither_goes_on_nor_answers(
    shop: Shop, mine: NewShop, chat: Chat, model: ScriptedOpenAI
) -> None:
    """It was believed dead, and another process has the turn."""
    asked, go_on = threading.Event(), threading.Event()

    def hesitates(_: dict[str, object]) -> Reply:
        asked.set()
        go_on.wait(20)
        return says("Too late.")

    model.answer(hesitates)
    slow = Chat(shop, chat.supervisor, probes.TOOLS, lease=0.3)
    talk = Talk(slow, mine.caller("owner"))
    posted = await talk.post("How many mugs?")
    await asyncio.to_thread(asked.wait, 20)
    async with shop.database.transaction(mine.id) as sql:
        await sql.commit(
            "update turns set lease_owner = 'another', lease_until = now() - interval '1 s' where merchant_id = %s",
            (mine.id,),
        )
    await asyncio.sleep(0.5)
    go_on.set()
    model.script(says("42."))
    await chat.sweep(mine.id)
    talk.chat = chat

    turn = await talk.settled(posted)

    await slow.close()
    assert turn.answer == "42."
    assert (
        await talk.count("select count(*) as value from messages where merchant_id = %(m)s and role = 'assistant'") == 1
    )


async def test_checkpoints_that_a_killed_process_left_are_swept(
    mine: NewShop, talk: Talk, model: ScriptedOpenAI, shop: Shop
) -> None:
    model.script(calls(("pay_out", {"amount": 7000})))
    waiting = await talk("Pay 70 euros")
    kept = await talk.count(CHECKPOINTS)
    await talk.chat.sweep(mine.id)
    kept_still = await talk.count(CHECKPOINTS)
    async with shop.database.transaction(mine.id) as sql:
        await sql.commit(
            "update turns set status = 'finished' where merchant_id = %s and id = %s", (mine.id, waiting.id)
        )

    await talk.chat.sweep(mine.id)

    assert kept == kept_still > 0
    assert await talk.count(CHECKPOINTS) == 0


@pytest.mark.parametrize("wish", [("find_tools", {"wish": "memo", "change": True}), ("write_memo", {"text": "milk"})])
async def test_a_turn_prepared_for_reading_that_wants_to_write_is_run_with_checkpoints(
    talk: Talk, model: ScriptedOpenAI, wish: tuple[str, dict[str, object]]
) -> None:
    model.script(
        calls(wish), *([calls(("write_memo", {"text": "milk"}))] if wish[0] == "find_tools" else []), says("Written.")
    )

    turn = await talk("How many mugs?")

    assert "write_memo" not in model.offered(0)
    assert turn.answer == "Written."
    assert await talk.count(MEMOS) == 1
    kept = "select count(*) as value from turns where merchant_id = %(m)s and durability = 'sync'"
    assert await talk.count(kept) == 1
    assert await talk.count(CHECKPOINTS) == 0
