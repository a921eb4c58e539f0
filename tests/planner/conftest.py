"""One index for all tests of the planner, and a conversation to hold with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from planner.chat import EmbeddedPlanner
from planner.choose.index import Index
from tests.planner import catalogue

HERE = Path(__file__).parent
TODAY = "Today is 2026-11-22 (Sunday), 14:03 in Europe/Paris. Currency EUR. Shop: Demo."


def functions(names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The offered tools as OpenAI function dicts, stripped of hints as a converter would."""
    return [
        {"type": "function", "function": {"name": entry.name, "description": entry.summary, "parameters": {}}}
        for entry in catalogue.entries()
        if names is None or entry.name in names
    ]


@dataclass
class Conversation:
    """A person and the planner: `say` gives the planner's last message of the turn, `calls` what it called on the way."""

    planner: EmbeddedPlanner
    offered: list[dict[str, Any]]
    messages: list[BaseMessage] = field(default_factory=lambda: list[BaseMessage]([SystemMessage(TODAY)]))
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=lambda: list[tuple[str, dict[str, Any]]]())

    def say(self, text: str, *results: Any) -> AIMessage:
        """One turn. Calls are answered by the results in order, and the turn ends at a call without one."""
        self.messages.append(HumanMessage(text))
        self.calls = []
        left = list(results)
        while True:
            message = self.planner.bind_tools(self.offered).invoke(self.messages)
            self.messages.append(message)
            self.calls += [(call["name"], call["args"]) for call in message.tool_calls]
            if not message.tool_calls or len(left) < len(message.tool_calls):
                return message
            for call in message.tool_calls:
                self.messages.append(ToolMessage(json.dumps(left.pop(0)), tool_call_id=str(call["id"])))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who needs the index is in one worker: it takes seconds to build."""
    for item in items:
        if isinstance(item, pytest.Function) and "index" in item.fixturenames and item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("index"))


@pytest.fixture(scope="session")
def index() -> Index:
    return Index.build(catalogue.entries())


@pytest.fixture
def talk(index: Index) -> Conversation:
    return Conversation(EmbeddedPlanner(index=index), functions())
