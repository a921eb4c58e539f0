"""What OpenAI-compatible servers send: not all of them send it alike, and each answer is read for what it says."""

import json
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from orchestrator.language_model import ModelFailed, Role, ask, lineup
from orchestrator.settings import Settings

END: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def says(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def calls(name: str, written: str, **place: Any) -> dict[str, Any]:
    """A call in one piece, `place` being its number and id."""
    return says(tool_calls=[{"type": "function", "function": {"name": name, "arguments": written}, **place}])


def sent(*chunks: dict[str, Any], newline: str = "\n") -> bytes:
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}" for chunk in chunks]
    return f"{newline * 2}".join([*lines, "data: [DONE]", ""]).encode()


async def answer(content: bytes) -> tuple[AIMessage, list[str]]:
    """What is made of a server's answer, and the pieces of text that were heard."""
    heard: list[str] = []

    async def hear(text: str, _: bool) -> None:
        heard.append(text)

    server = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
    settings = Settings.model_validate({"openai_base_url": "http://model/v1", "model_tries": 1})
    async with httpx.AsyncClient(transport=server) as client:
        message = await ask(lineup(Role.specialist, settings, client), [HumanMessage("How many mugs?")], hear)
    return message, heard


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_lines_end_either_way(newline: str) -> None:
    message, heard = await answer(sent(says(content="There "), says(content="are 42."), END, newline=newline))

    assert message.text == "There are 42."
    assert heard == ["There ", "are 42."]


async def test_a_text_may_have_any_separator_in_it() -> None:
    message, _ = await answer(sent(says(content="one\u2028two\u0085three"), END))

    assert message.text == "one\u2028two\u0085three"


async def test_comments_and_events_without_a_choice_are_passed_over() -> None:
    message, _ = await answer(b": ping\n\nevent: message\n" + sent({"choices": []}, says(content="42."), END))

    assert message.text == "42."


async def test_a_stream_may_end_without_saying_that_it_is_done() -> None:
    message, _ = await answer(sent(says(content="42."), END).removesuffix(b"data: [DONE]\n\n"))

    assert message.text == "42."


async def test_calls_that_all_have_the_number_0_are_told_apart_by_their_ids() -> None:
    message, _ = await answer(
        sent(
            calls("count_mugs", '{"shelf": 1}', index=0, id="a"),
            calls("count_mugs", '{"shelf": 2}', index=0, id="b"),
            END,
        )
    )

    assert [(call["id"], call["args"]) for call in message.tool_calls] == [("a", {"shelf": 1}), ("b", {"shelf": 2})]


async def test_a_call_needs_no_number() -> None:
    message, _ = await answer(sent(calls("count_mugs", "{}", id="a"), END))

    assert [call["name"] for call in message.tool_calls] == ["count_mugs"]


async def test_of_an_answer_in_parts_only_what_is_said_is_told() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}

    message, heard = await answer(sent(says(content=[thought, {"type": "text", "text": "42."}]), END))

    assert message.text == "42."
    assert heard == ["42."]


async def test_usage_that_is_told_again_and_again_is_counted_once() -> None:
    so_far = {"usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}}
    in_all = {"usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}

    message, _ = await answer(sent(says(content="42") | so_far, says(content=".") | in_all, END | in_all))

    assert message.usage_metadata == {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}


@pytest.mark.parametrize("content", [b"<html>Welcome</html>", b"data: 42\n\n", b"data: [1]\n\n"])
async def test_what_is_no_answer_is_told_to_be_none(content: bytes) -> None:
    with pytest.raises(ModelFailed, match="did not answer"):
        await answer(content)
