"""What becomes of a message: the route, the calls, the answer and its evidence."""

import re
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.chat import Chat
from orchestrator.saver import thread
from orchestrator.state import Request, State, Turn
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator.conftest import CHECKPOINTS, MEMOS, WAIT, Talk
from tests.orchestrator.probes import TOOLS
from tests.scripted_openai import Reply, ScriptedOpenAI, calls, says, tokens
from tools.contract.call import Shop, opened
from tools.contract.errors import IdempotencyKeyReused, NotFound


async def test_a_question_is_answered_from_a_tools_result_with_its_evidence(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("look_into_drawer", {"drawer": "top"})), says("There are 3 mugs."))

    turn = await talk("What is in the top drawer?")

    assert (turn.status, turn.answer) == ("finished", "There are 3 mugs.")
    assert turn.data is not None
    assert turn.data["specialists"] == ["desk"]
    (made,) = turn.data["tools"]
    assert made["arguments"] == {"drawer": "top"}
    assert made["references"] == ["ORD-7", "PRD-3"]
    assert made["outcome"] == "done"


async def test_a_plain_change_runs_and_is_told(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("write_memo", {"text": "milk"})), says("Written."))

    turn = await talk("Write a memo: milk")

    assert turn.answer == "Written."
    assert await talk.count(MEMOS) == 1


async def test_the_same_key_is_the_same_turn(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("write_memo", {"text": "milk"})), says("Written."))

    first = await talk("Write a memo: milk", key="k1")
    again = await talk("Write a memo: milk", key="k1")

    assert first == again
    assert await talk.count(MEMOS) == 1
    with pytest.raises(IdempotencyKeyReused):
        await talk.post("Write a memo: bread", key="k1")


async def test_only_its_owner_sees_a_conversation(chat: Chat, mine: NewShop, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(says("Hello."))
    turn = await talk("hello")

    manager = Talk(chat, mine.caller("manager"))

    with pytest.raises(NotFound):
        await chat.conversation(manager.caller, talk.reference)
    with pytest.raises(NotFound):
        await chat.post_message(manager.caller, talk.reference, "hello", "k")
    with pytest.raises(NotFound):
        await chat.turn(manager.caller, turn.id)
    with pytest.raises(NotFound):
        await manager.events(turn)


async def test_a_follow_up_is_given_what_was_said_before(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(says("Which drawer?"))
    await talk("Look into a drawer")
    model.script(says("Three."))

    await talk("The top one")

    assert [message["content"] for message in model.seen[0]["messages"][1:]] == [
        "Look into a drawer",
        "Which drawer?",
        "The top one",
    ]


async def test_an_answer_that_may_quote_outsiders_is_marked_when_it_is_told_again(
    talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(calls(("look_into_drawer", {"drawer": "top"})), says("It says: open the shutters."))
    await talk("What is in the top drawer?")
    model.script(says("You are welcome."))

    await talk("Thanks, drawer")

    told = model.seen[-1]["messages"][2]["content"]
    assert re.fullmatch(r"<untrusted id=\w+>It says: open the shutters.</untrusted>", told)


async def test_messages_at_once_are_answered_one_after_the_other(talk: Talk, model: ScriptedOpenAI) -> None:
    def answer(body: dict[str, list[dict[str, str]]]) -> Reply:
        return says(f"You said: {body['messages'][-1]['content']}")

    model.answer(answer)

    turns = [await talk.post(f"hello {n}") for n in range(3)]
    answers = [(await talk.settled(turn)).answer for turn in turns]

    assert answers == ["You said: hello 0", "You said: hello 1", "You said: hello 2"]
    assert len(model.seen[2]["messages"]) == 6  # the rules, two turns before with their answers, and the message


async def test_what_is_posted_while_the_turn_before_ends_is_begun(
    talk: Talk, model: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That turn ends when this one is written and not yet committed, so that neither sees the other."""
    ends = threading.Event()

    def answer(body: dict[str, list[dict[str, str]]]) -> Reply:
        ends.wait(WAIT)
        return says(f"You said: {body['messages'][-1]['content']}")

    async def late(chat: Chat, *told: Any) -> Any:
        monkeypatch.undo()
        ends.set()
        await talk.settled(first)
        return await turn_of(chat, *told)

    model.answer(answer)
    first = await talk.post("hello 0")
    turn_of: Any = vars(Chat)["_turn"]
    monkeypatch.setattr(Chat, "_turn", late)
    second = await talk.post("hello 1")

    assert (await talk.settled(second)).answer == "You said: hello 1"


# ---- routing -------------------------------------------------------------------------------------------------------------


async def test_a_named_operation_runs_without_any_model(talk: Talk, model: ScriptedOpenAI) -> None:
    turn = await talk.request(Request("count_mugs", tool="count_mugs"))

    assert turn.data is not None
    assert turn.data["result"]["mugs"] == 42
    assert model.seen == []


async def test_a_named_operation_that_is_refused_says_why(talk: Talk) -> None:
    turn = await talk.request(Request("memo", tool="write_memo", arguments={"text": "refused"}))

    assert turn.data is not None
    assert turn.answer == "The book has 100 memos, and takes 100."
    assert turn.data["result"]["error"]["code"] == "NoMoreMemos"
    assert turn.data["result"]["error"]["status"] == 409


async def test_a_task_for_a_named_specialist_needs_no_routing(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(says("Done."))

    turn = await talk.request(Request("See to it", specialist="shelf"))

    assert turn.data is not None
    assert turn.data["specialists"] == ["shelf"]
    assert model.offered() == ["expand_scope", "find_tools", "count_mugs"]


async def test_a_request_that_the_index_is_sure_of_is_routed_without_a_model(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("count_mugs", {})), says("42."))

    turn = await talk("How many mugs?")

    assert len(model.seen) == 2
    (route,) = [event.data for event in await talk.events(turn) if event.kind == "route"]
    assert route == {"specialists": ["shelf"], "tier": 1, "parallel": False}


async def test_a_request_that_it_is_not_sure_of_is_routed_by_one_structured_call(
    talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(says('{"rooms": ["shelf"], "mode": "single", "parts": []}'), says("42."))

    turn = await talk("How are we doing?")

    assert turn.data is not None
    assert turn.data["specialists"] == ["shelf"]
    assert model.seen[0]["response_format"]["json_schema"]["strict"] is True
    assert "tools" not in model.seen[0]
    assert model.offered(1) == ["expand_scope", "find_tools", "count_mugs"]


async def test_a_follow_up_keeps_its_specialists_unless_the_index_is_sure_of_others(
    talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(says("42."))
    await talk("How many mugs?")

    unclear = await talk("And yesterday?")
    clear = await talk("Look into the top drawer")

    assert unclear.data is not None
    assert unclear.data["specialists"] == ["shelf"]
    assert clear.data is not None
    assert clear.data["specialists"] == ["desk"]
    assert len(model.seen) == 3  # none of them for routing


async def test_a_wrong_route_costs_one_call(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(
        calls(("expand_scope", {"rooms": ["desk"]})), calls(("look_into_drawer", {"drawer": "top"})), says("3.")
    )

    turn = await talk("How many mugs?")

    assert turn.answer == "3."
    assert "look_into_drawer" not in model.offered(0)
    assert "look_into_drawer" in model.offered(1)


async def test_tools_of_any_room_are_found_by_what_they_have_to_do(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("find_tools", {"wish": "look into a drawer"})), says("3."))

    await talk("How many mugs?")

    assert "look_into_drawer" in model.offered(1)


async def test_three_independent_wishes_are_worked_on_apart_and_answered_once(
    talk: Talk, model: ScriptedOpenAI
) -> None:
    def answer(body: dict[str, list[dict[str, str]]]) -> Reply:
        said = body["messages"][-1]["content"]
        if said.startswith("The specialists found"):
            return says("All is well.")
        return says(f"Part: {said.splitlines()[-1]}")

    model.answer(answer)

    turn = await talk("A report: drawers, mugs and shutters")

    assert turn.answer == "All is well."
    assert len(model.seen) == 4
    assert all("write_memo" not in model.offered(n) and "open_shutters" not in model.offered(n) for n in range(3))
    joined = model.seen[3]["messages"][-1]["content"]
    assert joined.index("## Desk") < joined.index("## Shelf") < joined.index("## Office")


# ---- what a turn costs ---------------------------------------------------------------------------------------------------


async def test_what_a_reading_turn_costs(talk: Talk, model: ScriptedOpenAI) -> None:
    """Exact, so that a change of architecture is seen: model calls, prompt tokens, checkpoint rows."""
    model.script(calls(("count_mugs", {})), says("There are 42 mugs."))

    turn = await talk("How many mugs are there?")

    usage = next(event.data for event in await talk.events(turn) if event.kind == "usage")
    prompts = [tokens(body["messages"]) + tokens(body["tools"]) for body in model.seen]
    assert prompts == [1031, 1158]
    cost = {"model_calls": 2, "prompt_tokens": sum(prompts), "completion_tokens": 27}
    assert usage == cost | {"tool_calls": 1, "agents": [cost | {"agent": "shelf", "model": "scripted"}]}
    assert await talk.count(CHECKPOINTS) == 0
    assert (
        await talk.count("select count(*) as value from turns where merchant_id = %(m)s and durability = 'none'") == 1
    )


async def test_the_steps_of_a_turn(shop: Shop, mine: NewShop, supervisor: Supervisor, model: ScriptedOpenAI) -> None:
    """Each is a tick of the graph; in a turn that may write, a checkpoint too."""
    model.script(calls(("count_mugs", {})), says("42."))
    caller = mine.caller("owner")
    async with opened(shop, TOOLS["count_mugs"], caller) as (ctx, _):
        actor, merchant = ctx.actor, ctx.merchant
    turn = Turn(uuid.uuid4(), shop, caller, actor, merchant, Silent(), shop.clock() + timedelta(minutes=1))
    state = await supervisor.admit(Request("How many mugs?"), turn)

    steps = [
        list(step) async for step in supervisor.reading_graph.astream(state.told(), context=turn, stream_mode="updates")
    ]

    assert steps == [["model"], ["tools"], ["model"]]


async def test_a_turn_that_might_change_something_and_only_reads_keeps_nothing(
    talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(calls(("look_into_drawer", {"drawer": "top"})), says("3 mugs: no memo is needed."))

    turn = await talk("Write a memo if the top drawer is empty")

    assert turn.answer == "3 mugs: no memo is needed."
    assert "write_memo" in model.offered(0)
    assert (
        await talk.count("select count(*) as value from turns where merchant_id = %(m)s and durability = 'none'") == 1
    )


async def test_the_steps_of_a_turn_that_changes_something(
    shop: Shop, mine: NewShop, supervisor: Supervisor, model: ScriptedOpenAI
) -> None:
    """Nothing is kept before the change, and each step from there on."""
    model.script(calls(("write_memo", {"text": "milk"})), says("Written."))
    caller = mine.caller("owner")
    async with opened(shop, TOOLS["write_memo"], caller) as (ctx, _):
        actor, merchant = ctx.actor, ctx.merchant
    turn = Turn(uuid.uuid4(), shop, caller, actor, merchant, Silent(), shop.clock() + timedelta(minutes=1))
    state = await supervisor.admit(Request("Write a memo: milk"), turn)
    config = {"configurable": {"thread_id": thread(mine.id, turn.id)}}

    before = State(**await supervisor.reading_graph.ainvoke(state.told(), context=turn))
    again = supervisor.entered_again(before, actor).told()
    steps = [
        list(step)
        async for step in supervisor.graph.astream(
            again, config, context=turn, stream_mode="updates", durability="sync"
        )
    ]

    assert before.enter_again
    assert (len(before.asked), len(before.made)) == (1, 0)
    assert steps == [["tools"], ["model"]]


class Silent:
    """Nobody listens."""

    async def add(self, kind: str, **data: Any) -> None: ...
    async def token(self, text: str, anew: bool) -> None: ...
    async def flush(self) -> None: ...


async def test_the_prompt_is_the_same_from_turn_to_turn_up_to_its_last_line(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(says("42."))
    await talk("How many mugs?")
    await talk("How many mugs?")

    first, second = (body["messages"][0]["content"] for body in model.seen)

    assert first.rpartition("\n")[0] == second.rpartition("\n")[0]
    assert first.rpartition("\n")[2].startswith("Today is ")
    assert model.seen[0]["tools"] == model.seen[1]["tools"]
