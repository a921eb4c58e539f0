"""The pause: a card, a person's decision, and the call carried out once, whatever happens meanwhile."""

import asyncio
import uuid

import pytest

from db.models.backoffice import ApprovalStatus
from orchestrator.chat import Chat
from orchestrator.state import Request
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import CHECKPOINTS, MEMOS, Talk
from tests.scripted_openai import ScriptedOpenAI, calls, says
from tools.backoffice.approvals import decide_approval
from tools.contract.call import Shop, call
from tools.contract.errors import Conflict, IdempotencyInFlight

PAY = calls(("pay_out", {"amount": 1500}))
STATUS = "select count(*) as value from approvals where merchant_id = %(m)s and status = %(status)s"


async def test_money_waits_for_a_person_and_is_paid_after_their_approval(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY, says("15.00 EUR were paid."))

    waiting = await talk("Pay 15 euros")

    assert waiting.status == "waiting"
    assert await talk.count(MEMOS) == 0
    card = await talk.card(waiting)
    assert card["approval"] == waiting.waits_for[0]
    assert card["card"]["money"] == {"amount": 1500, "currency": "EUR"}
    assert card["card"]["sentences"] == ["15.00 EUR leave the shop."]

    await talk.decide(waiting.waits_for[0], "approve")
    turn = await talk.settled(waiting)

    assert (turn.status, turn.answer) == ("finished", "15.00 EUR were paid.")
    assert turn.data is not None
    assert turn.data["tools"][0]["approval"] == waiting.waits_for[0]
    assert await talk.count(MEMOS) == 1
    assert await talk.count(STATUS, status=ApprovalStatus.executed) == 1
    assert await talk.count(CHECKPOINTS) == 0


async def test_a_rejection_comes_back_to_the_model_once(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY, PAY, says("It was rejected: too much."))

    waiting = await talk("Pay 15 euros")
    await talk.decide(waiting.waits_for[0], "reject", reason="too much")
    turn = await talk.settled(waiting)

    assert turn.answer == "It was rejected: too much."
    assert turn.waits_for == []
    assert "too much" in model.seen[1]["messages"][-1]["content"]
    assert "decided against this very call" in model.seen[2]["messages"][-1]["content"]
    assert await talk.count(MEMOS) == 0
    assert await talk.count(STATUS, status=ApprovalStatus.pending) == 0


async def test_an_edited_call_shows_the_turn_a_card_of_its_own_and_is_carried_out_as_edited(
    talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(PAY, says("10.00 EUR were paid."))

    waiting = await talk("Pay 15 euros")
    await talk.decide(waiting.waits_for[0], "edit", arguments={"amount": 1000})
    again = await talk.chat.turn(talk.caller, waiting.id)
    cards = [event.data for event in await talk.events(waiting) if event.kind == "approval.required"]

    assert again.status == "waiting"
    assert [card["approval"] for card in cards] == [waiting.waits_for[0], *again.waits_for]
    assert cards[1]["card"]["money"] == {"amount": 1000, "currency": "EUR"}
    assert await talk.count(MEMOS) == 0

    await talk.decide(again.waits_for[0], "approve")
    turn = await talk.settled(waiting)

    assert turn.status == "finished"
    assert await talk.count(MEMOS + " and value ->> 'text' = 'paid 1000'") == 1


async def test_the_second_sending_of_a_decision_does_nothing(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY, says("Paid."))
    waiting = await talk("Pay 15 euros")
    approval = waiting.waits_for[0]
    await talk.decide(approval, "approve")
    before = await talk.settled(waiting)

    with pytest.raises(Conflict):
        await talk.decide(approval, "approve")
    await talk.chat.carry_out(talk.caller.merchant, approval)

    assert await talk.settled(waiting) == before
    assert await talk.count(MEMOS) == 1
    assert len(model.seen) == 2


async def test_two_processes_carry_a_decision_out_once(
    shop: Shop, chat: Chat, talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(PAY, says("Paid."))
    waiting = await talk("Pay 15 euros")
    (approval,) = waiting.waits_for
    arguments = {"approval": approval, "decision": "approve"}
    await call(shop, decide_approval, arguments, talk.caller, key=uuid.uuid4().hex)
    other = Chat(shop, chat.supervisor, probes.TOOLS)

    await asyncio.gather(*(one.carry_out(talk.caller.merchant, approval) for one in (chat, other, chat, other)))
    turn = await talk.settled(waiting)

    await other.close()
    assert turn.answer == "Paid."
    assert await talk.count(MEMOS) == 1
    assert len(model.seen) == 2


async def test_what_would_change_something_else_by_now_gets_a_new_card(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY, says("Paid."))
    waiting = await talk("Pay 15 euros")
    await talk.request(Request("memo", tool="write_memo", arguments={"text": "in between"}))

    await talk.decide(waiting.waits_for[0], "approve")
    again = await talk.settled(waiting)

    shown = [event.data["approval"] for event in await talk.events(waiting) if event.kind == "approval.required"]
    assert again.status == "waiting"
    assert again.waits_for != waiting.waits_for
    assert shown == [*waiting.waits_for, *again.waits_for]
    assert await talk.count(MEMOS) == 1
    await talk.decide(again.waits_for[0], "approve")
    turn = await talk.settled(again)
    assert turn.answer == "Paid."
    assert await talk.count(MEMOS) == 2


async def test_two_processes_that_find_it_changed_make_one_new_card(
    shop: Shop, chat: Chat, talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(PAY, says("Paid."))
    waiting = await talk("Pay 15 euros")
    await talk.request(Request("memo", tool="write_memo", arguments={"text": "in between"}))
    (approval,) = waiting.waits_for
    await call(shop, decide_approval, {"approval": approval, "decision": "approve"}, talk.caller, key=uuid.uuid4().hex)

    carried_out = [chat.carry_out(talk.caller.merchant, approval) for _ in range(4)]
    results = await asyncio.gather(*carried_out, return_exceptions=True)

    assert all(result is None or isinstance(result, IdempotencyInFlight) for result in results)
    assert await talk.count(STATUS, status=ApprovalStatus.superseded) == 1
    assert await talk.count(STATUS, status=ApprovalStatus.pending) == 1


async def test_a_decision_that_nobody_heard_of_is_picked_up(talk: Talk, model: ScriptedOpenAI, shop: Shop) -> None:
    model.script(PAY, says("Paid."))
    waiting = await talk("Pay 15 euros")
    arguments = {"approval": waiting.waits_for[0], "decision": "approve"}
    await call(shop, decide_approval, arguments, talk.caller, key=uuid.uuid4().hex)
    async with shop.database.transaction(talk.caller.merchant) as sql:
        await sql.commit(
            "update approvals set decided_at = decided_at - interval '1 minute' where merchant_id = %s", (sql.merchant,)
        )

    await talk.chat.sweep(talk.caller.merchant)

    assert (await talk.settled(waiting)).answer == "Paid."
    assert await talk.count(MEMOS) == 1


async def test_a_card_that_expired_ends_its_turn(talk: Talk, model: ScriptedOpenAI, shop: Shop) -> None:
    model.script(PAY, says("Nobody decided in time."))
    waiting = await talk("Pay 15 euros")
    async with shop.database.transaction(talk.caller.merchant) as sql:
        await sql.commit("update approvals set status = 'expired' where merchant_id = %s", (sql.merchant,))

    await talk.chat.sweep(talk.caller.merchant)

    assert (await talk.settled(waiting)).answer == "Nobody decided in time."
    assert "expired undecided" in model.seen[1]["messages"][-1]["content"]


async def test_several_cards_come_one_after_the_other(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("pay_out", {"amount": 100}), ("pay_out", {"amount": 200})), says("Both were paid."))

    first = await talk("Pay 1 euro and 2 euros")
    await talk.decide(first.waits_for[0], "approve")
    second = await talk.settled(first)
    await talk.decide(second.waits_for[0], "approve")
    turn = await talk.settled(second)

    assert len(first.waits_for) == len(second.waits_for) == 1
    assert first.waits_for != second.waits_for
    assert turn.answer == "Both were paid."
    assert [message["role"] for message in model.seen[1]["messages"]] == ["system", "user", "assistant", "tool", "tool"]


async def test_a_person_who_names_the_operation_is_only_asked_above_their_limit(
    chat: Chat, mine: NewShop, talk: Talk
) -> None:
    manager = Talk(chat, mine.caller("manager"))

    small = await manager.request(Request("pay", tool="pay_out", arguments={"amount": 5_000}))
    large = await manager.request(Request("pay", tool="pay_out", arguments={"amount": 100_000}))
    await manager.decide(large.waits_for[0], "approve", by=talk.caller)
    after = await manager.settled(large)

    assert small.status == "finished"
    assert large.status == "waiting"
    assert after.data is not None
    assert after.data["result"]["memos"] == 2


async def test_a_waiting_turn_does_not_hold_up_the_conversation(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY, says("There are 42."))
    waiting = await talk("Pay 15 euros")

    meanwhile = await talk("How many mugs?")
    model.script(says("Paid."))
    await talk.decide(waiting.waits_for[0], "approve")

    assert meanwhile.answer == "There are 42."
    assert (await talk.settled(waiting)).answer == "Paid."


async def test_what_a_paused_turn_keeps(talk: Talk, model: ScriptedOpenAI) -> None:
    """Exact, so that a change of architecture is seen: a checkpoint for each step from the first change on, and what they hold."""
    model.script(PAY, says("Paid."))

    await talk("Pay 15 euros")

    rows = {
        table: await talk.count(f"select count(*) as value from lg.{table} where thread_id like %(m)s || ':%%'")
        for table in ("checkpoints", "checkpoint_writes", "checkpoint_blobs")
    }
    assert rows == {"checkpoints": 3, "checkpoint_writes": 1, "checkpoint_blobs": 5}
