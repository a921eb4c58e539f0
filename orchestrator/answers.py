"""How a turn ends: the answer and its evidence; or, at a limit, what was done and what was not."""

from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage

import prompts
from orchestrator.calls import unanswered
from orchestrator.harmless import harmless
from orchestrator.spending import Prices, usage_of
from orchestrator.state import Made, State


@dataclass(frozen=True)
class Answered:
    """The answer as it is stored: its text, and by what it came about."""

    text: str
    data: dict[str, Any]
    usage: dict[str, Any]


def finish(state: State, model: str, prices: Prices) -> Answered:
    """The answer of a turn that is through, with its evidence: specialists, tools, arguments, rows."""
    last = state.messages[-1]
    text = (
        _of_direct(state)
        if state.direct
        else last.text or f"The language model gave no answer.\n\n{so_far(state.made)}"
    )
    kept = cast(dict[str, Any], last.additional_kwargs) if isinstance(last, AIMessage) else {}
    data = {
        "specialists": state.scope or list(dict.fromkeys(one["specialist"] for one in state.made)),
        "tools": state.made,
        "model": None if state.direct else model,
        "prompts": prompts.version("house_rules", "supervisor", *state.scope),
        "stopped": state.stopped or None,
        "tainted": state.tainted or None,
        "result": state.result,
        "planner": {key: kept[key] for key in ("pending", "did") if key in kept} or None,
    }
    usage = usage_of(state.asked, state.made, prices)
    return Answered(text, {key: value for key, value in data.items() if value is not None}, usage)


def stopping(limit: str, state: State) -> str:
    """What the person is told at a limit."""
    left = [call.name for call in unanswered(state.messages)]
    undone = f"\n\nNot done: {', '.join(left)}." if left else ""
    return f"I stopped at the limit of {limit}.\n\n{so_far(state.made)}{undone}\n\nAsk for the rest in smaller pieces."


def so_far(made: list[Made]) -> str:
    """What a turn has done, from its evidence."""
    done = [_told(one) for one in made if one["outcome"] == "done"]
    failed = [f"{_told(one)}: {one['outcome']}" for one in made if one["outcome"] != "done"]
    lines = [f"Done: {'; '.join(done)}." if done else "Nothing was done."]
    return "\n".join([*lines, f"Refused: {'; '.join(failed)}."] if failed else lines)


def _told(one: Made) -> str:
    return f"{one['tool']} ({', '.join(one['references'][:5])})" if one["references"] else one["tool"]


def _of_direct(state: State) -> str:
    """A direct call is answered by its result; a refusal, by what the shop says, which may quote outsiders."""
    refused = (state.result or {}).get("error")
    return harmless(str(refused["message"]), "", known=lambda _: True) if refused else so_far(state.made)
