"""Killed after each step between a request and its stored answer, and continued by another process: done once, answered once."""

import contextlib
from collections.abc import Awaitable, Callable

import pytest

from orchestrator.chat.turns import TurnRow
from orchestrator.state import Request
from tests.orchestrator.conftest import CHECKPOINTS, Talk
from tests.orchestrator.elsewhere import Elsewhere
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, calls, says
from tools.backoffice.approvals import AlreadyDecided
from tools.contract.call import Shop

WRITTEN = "select count(*) as value from settings where merchant_id = %(m)s and key like 'memo %%' and value ->> 'text' = %(text)s"
ANSWERS = (
    "select count(*) as value from messages where merchant_id = %(m)s and turn_id = %(turn)s and role = 'assistant'"
)
CARDS = "select count(*) as value from approvals where merchant_id = %(m)s and amount = %(amount)s"

LATE = 9  # steps: the change was made, and the answer is not stored yet
LOSE = """
delete from lg.checkpoints where (thread_id, checkpoint_id) in (
    select thread_id, checkpoint_id from lg.checkpoints where thread_id like %(m)s || ':%%'
    order by checkpoint_id desc limit %(lost)s)
"""

Deed = tuple[object, ...]


def does_as_it_is_told(body: Body) -> Reply:
    """The model writes down, or pays, what the message ends with; then it says so."""
    *_, said = [message["content"] for message in body["messages"] if message["role"] == "user"]
    if body["messages"][-1]["role"] == "tool":
        return says("Done.")
    *_, last = said.split()
    return calls(("pay_out", {"amount": int(last)}) if said.startswith("Pay") else ("write_memo", {"text": last}))


@pytest.fixture(autouse=True)
def _told(model: ScriptedOpenAI) -> None:
    model.answer(does_as_it_is_told)


async def message(talk: Talk, text: str) -> Deed:
    talk.reference = (await talk.chat.start_conversation(talk.caller)).reference
    return "post", talk.reference, text, text


async def said_again(talk: Talk, text: str) -> TurnRow:
    return await talk.post(text, key=text)


async def named(_: Talk, text: str) -> Deed:
    return "ask", "write_memo", {"text": text}, text


async def named_again(talk: Talk, text: str, *, key: str = "") -> TurnRow:
    return await talk.request(Request("write_memo", tool="write_memo", arguments={"text": text}), key=key or text)


Asks = Callable[[Talk, str], Awaitable[Deed]]
AsksAgain = Callable[[Talk, str], Awaitable[TurnRow]]


@pytest.mark.parametrize(
    ("asks", "asks_again", "text"),
    [
        pytest.param(message, said_again, "Write a memo:", id="a turn that may write"),
        pytest.param(message, said_again, "Mugs are counted", id="a turn that was prepared for reading alone"),
        pytest.param(named, named_again, "memo", id="an operation named by its caller"),
    ],
)
async def test_a_change_is_made_once_wherever_its_process_is_killed(
    asks: Asks, asks_again: AsksAgain, text: str, talk: Talk, elsewhere: Elsewhere
) -> None:
    steps, ended = 0, -1
    while ended:
        steps += 1
        asked = f"{text} {steps}"
        ended = await elsewhere.do(*await asks(talk, asked), steps=steps)

        await elsewhere.lease_over()
        await talk.chat.sweep(talk.caller.merchant)
        turn = await talk.settled(await asks_again(talk, asked))

        assert turn.status == "finished"
        assert await talk.count(WRITTEN, text=asked if asks is named else str(steps)) == 1
        assert await talk.count(ANSWERS, turn=turn.id) == 1
    assert steps > 8
    await talk.chat.sweep(talk.caller.merchant)
    assert await talk.count(CHECKPOINTS) == 0


async def waiting(talk: Talk, amount: int) -> TurnRow:
    """A turn of a conversation of its own, at the card of a payment."""
    talk.reference = ""
    return await talk(f"Pay {amount}")


async def test_what_was_approved_is_paid_once_wherever_its_process_is_killed(talk: Talk, elsewhere: Elsewhere) -> None:
    steps, ended = 0, -1
    while ended:
        steps += 1
        turn = await waiting(talk, steps)
        (card,) = turn.waits_for
        ended = await elsewhere.do("decide", card, {"decision": "approve"}, str(turn.id), steps=steps)

        await elsewhere.lease_over()
        await talk.chat.sweep(talk.caller.merchant)
        with contextlib.suppress(AlreadyDecided):  # or the decision itself was lost, and is made again
            await talk.decide(card, "approve")
        turn = await talk.settled(turn)

        assert (turn.status, turn.answer, turn.waits_for) == ("finished", "Done.", [])
        assert await talk.count(WRITTEN, text=f"paid {steps}") == 1
        assert await talk.count(ANSWERS, turn=turn.id) == 1
    assert steps > 8
    await talk.chat.sweep(talk.caller.merchant)
    assert await talk.count(CHECKPOINTS) == 0


async def test_a_change_has_one_card_wherever_its_process_is_killed(talk: Talk, elsewhere: Elsewhere) -> None:
    steps, ended = 0, -1
    while ended:
        steps += 1
        asked = f"Pay {steps}"
        ended = await elsewhere.do(*await message(talk, asked), steps=steps)

        await elsewhere.lease_over()
        await talk.chat.sweep(talk.caller.merchant)
        turn = await talk.settled(await said_again(talk, asked))

        assert turn.status == "waiting"
        assert await talk.count(CARDS, amount=steps) == len(turn.waits_for) == 1
        await talk.decide(turn.waits_for[0], "approve")
        assert (await talk.settled(turn)).answer == "Done."
        assert await talk.count(WRITTEN, text=f"paid {steps}") == 1
    assert steps > 6


async def test_two_processes_that_approve_the_same_card_pay_once(talk: Talk, elsewhere: Elsewhere) -> None:
    turn = await waiting(talk, 7)
    deed = ("decide", turn.waits_for[0], {"decision": "approve"}, str(turn.id))

    assert await elsewhere.at_once(deed, deed) == [0, 0]

    assert (await talk.settled(turn)).answer == "Done."
    assert await talk.count(WRITTEN, text="paid 7") == 1
    assert await talk.count(ANSWERS, turn=turn.id) == 1


async def test_two_processes_that_are_asked_with_the_same_key_do_it_once(talk: Talk, elsewhere: Elsewhere) -> None:
    deed = ("ask", "write_memo", {"text": "milk"}, "the key")

    assert await elsewhere.at_once(deed, deed, deed) == [0, 0, 0]

    again = await named_again(talk, "milk", key="the key")
    assert again.status == "finished"
    assert await talk.count(WRITTEN, text="milk") == 1
    assert await talk.count(ANSWERS, turn=again.id) == 1


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_turn_that_goes_on_from_an_old_checkpoint_makes_its_change_once(
    lost: int, shop: Shop, talk: Talk, elsewhere: Elsewhere
) -> None:
    """It was killed late, and its newest checkpoints are lost: what was done is answered from its record."""
    asked = f"Write a memo: {lost}"
    await elsewhere.do(*await message(talk, asked), steps=LATE)
    assert await talk.count(WRITTEN, text=str(lost)) == 1
    async with shop.database.transaction(talk.caller.merchant) as sql:
        assert await sql.execute(LOSE, {"m": str(sql.merchant), "lost": lost}) == lost
        await sql.commit()

    await elsewhere.lease_over()
    await talk.chat.sweep(talk.caller.merchant)

    assert (await talk.settled(await said_again(talk, asked))).answer == "Done."
    assert await talk.count(WRITTEN, text=str(lost)) == 1
