"""What becomes of a message: the route, the calls, the answer and its evidence."""

from tests.orchestrator.conftest import MEMOS, Talk
from tests.scripted_openai import ScriptedOpenAI, calls, says


async def test_a_question_is_answered_from_a_tools_result(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("count_mugs", {})), says("There are 42 mugs."))

    turn = await talk("How many mugs are there?")

    assert (turn.status, turn.answer) == ("finished", "There are 42 mugs.")
    assert turn.data is not None
    assert turn.data["specialists"] == ["inventory"]
    assert [one["tool"] for one in turn.data["tools"]] == ["count_mugs"]


async def test_a_plain_change_runs_and_is_told(talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("write_memo", {"text": "milk"})), says("Written."))

    turn = await talk("Write a memo: milk")

    assert turn.answer == "Written."
    assert await talk.count(MEMOS) == 1
