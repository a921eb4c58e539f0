"""Requests written after the planner, in words that no example has: how many are served, and that none is written wrongly."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from planner.chat import EmbeddedPlanner
from planner.choose.index import Index
from tests.planner import catalogue
from tests.planner.conftest import TODAY, functions

WRITES = {entry.name for entry in catalogue.entries() if entry.writes}
LOOKED_UP_FIRST = "reserve a couple of mugs"  # "mugs" is looked up, and asked about when several are found


def meant(message: AIMessage) -> tuple[str, dict[str, Any]] | None:
    """The call that the planner is on its way to, behind a look-up where there is one."""
    if not message.tool_calls:
        return None
    plan = message.additional_kwargs["plan"]
    if plan["awaiting"]:
        return plan["steps"][0]["tool"], plan["steps"][0]["args"]
    return message.tool_calls[-1]["name"], message.tool_calls[-1]["args"]


def outcome(message: AIMessage, tools: list[str], args: dict[str, Any]) -> str:
    call = meant(message)
    if call is None:
        return "asked or declined"
    name, told = call
    if name not in tools:
        return "wrong write" if name in WRITES else "wrong read"
    return "exact" if all(told.get(key) == value for key, value in args.items()) else "other arguments"


def test_requests_in_other_words_are_served_and_never_written_wrongly(index: Index) -> None:
    planner = EmbeddedPlanner(index=index).bind_tools(functions())
    lines = Path(__file__).with_name("requests.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [request for request in map(json.loads, lines) if request["text"] != LOOKED_UP_FIRST]

    counted = Counter(
        outcome(planner.invoke([SystemMessage(TODAY), HumanMessage(said["text"])]), said["tools"], said["args"])
        for said in asked
    )

    served = sum(1 for said in asked if said["tools"])
    assert served == 103
    assert counted["wrong write"] == 0
    assert counted["exact"] / served >= 0.70
    assert counted["wrong read"] / len(asked) <= 0.08
