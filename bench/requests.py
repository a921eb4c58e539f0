"""Requests of a file, each a turn of its own on the demo shop without a language model, scored against what their authors expected.

    python -m bench.requests FILE [--home HOME] [--answers OUT]

FILE has a JSON object a line, in the form of `evals/requests`: text, role, agent, acceptable_agents, capability, args, expect.
Where `capability_to_operations.json` or `open/second_reading.jsonl` stand beside it, they are used as that folder's README says.
The last line printed is one JSON object: fractions of the requests that a score is about, and counts of what must not happen.
"""

import argparse
import asyncio
import json
import tempfile
import unicodedata
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bench.shop import clear_away
from db import clock
from db.models.backoffice import Role
from db.seed.merchant import NewPerson, add_person
from orchestrator import app, installation
from orchestrator.chat import Chat
from orchestrator.settings import Settings
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof

ROLES = {"merchant": Role.owner, "support": Role.support, "warehouse": Role.warehouse, "finance": Role.manager}
ROOMS = {  # the generic specialists' names, where ours differ
    "order": "orders", "product": "products", "customer": "customers", "payment": "payments", "document": "documents",
    "marketplace": "marketplaces", "quality_control": "quality", "none": "",
}  # fmt: skip
UNSCORED = {
    "topic",
    "metric",
    "metrics",
    "format",
    "entity",
    "component",
    "issue",
    "scope",
    "notes",
    "options",
    "compare",
    "tax",
}
PATIENCE = 30.0
LOOK_UP = "search_shop"
NOT_OPEN = ("not open here yet", "pas encore ouvert", "noch nicht offen")


@dataclass(frozen=True)
class Wanted:
    """A request, and what its authors expect of it."""

    id: str
    text: str
    role: Role
    rooms: tuple[str, ...]  # acceptable, the best first; empty where that is not scored
    operations: frozenset[str]
    args: Mapping[str, Any]
    expect: frozenset[str]
    scored: bool  # not what only a language model can do

    @property
    def absent(self) -> bool:
        """Whether all that could serve it is in rooms that are not open."""
        return bool(self.operations) and not self.operations & registry.tools().keys()


@dataclass
class Turn:
    """What became of it."""

    answer: str = ""
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    failed: bool = False
    cards: list[str] = field(default_factory=list[str])
    written: list[str] = field(default_factory=list[str])  # writes that ran without a card

    @property
    def operations(self) -> list[str]:
        """What was called for the answer. What words name is looked up before each; that is an answer where nothing is asked."""
        names = [name for name, _ in self.called]
        return [name for name in names if name != LOOK_UP] or ([] if "?" in self.answer else names)

    @property
    def did(self) -> str:
        """In the words of `expect`."""
        if self.cards:
            return "approve"
        if self.operations:
            return "explain" if self.failed else "execute"
        return "clarify" if "?" in self.answer else "explain"


def read(file: Path) -> list[Wanted]:
    """The requests of a file, seen with the second reader's eyes where there is one."""
    beside = file.parent / "capability_to_operations.json"
    capabilities: dict[str, list[str]] = json.loads(beside.read_text()) if beside.exists() else {}
    second = file.parent / "open" / "second_reading.jsonl"
    readings = {row["id"]: row for row in map(json.loads, second.read_text().splitlines())} if second.exists() else {}
    return [_wanted(json.loads(line), capabilities, readings) for line in file.read_text().splitlines() if line.strip()]


def _wanted(row: dict[str, Any], capabilities: dict[str, list[str]], readings: dict[str, dict[str, Any]]) -> Wanted:
    other = readings.get(row["id"], {})
    agents: list[str] = other.get("acceptable_agents", row["acceptable_agents"])
    named: list[str] = other.get("operations", capabilities.get(row["capability"], []))
    operations = {*named, *({row["capability"]} & registry.tools().keys())}
    also: list[str] = other.get("acceptable_expect", [])
    expect = {str(row["expect"]), *also, *(["explain"] if other.get("needs") else [])}
    return Wanted(
        row["id"], row["text"], ROLES.get(row["role"], Role.owner), tuple(ROOMS.get(agent, agent) for agent in agents),
        frozenset(operations), row["args"], frozenset(expect), not other.get("needs_language_model"),
    )  # fmt: skip


@asynccontextmanager
async def opened(home: Path) -> AsyncGenerator[tuple[Chat, dict[Role, Caller]]]:
    """The demo shop of a home, made where it is not there, with somebody of each role."""
    settings = Settings.model_validate({"SHOPKEEPER_HOME": home})
    with installation.database(settings) as urls:
        await asyncio.to_thread(installation.migrate, urls)
        async with app.services(settings, urls) as parts:
            credentials = await installation.ensure_demo(parts.shop.database, urls, settings, lambda _: None)
            people = {Role.owner: credentials.user}
            async with parts.shop.database.transaction(credentials.merchant) as sql:
                for number, role in enumerate(
                    sorted({*ROLES.values()} - {Role.owner}), start=int(clock.now().timestamp())
                ):
                    person = NewPerson(f"{role}-{number}@bench.example", role, role)
                    people[role] = await add_person(sql, person, number, clock.now())
                await sql.commit()
            yield (
                parts.chat,
                {
                    role: Caller(credentials.merchant, Door.rest, Hand.person, Proof.user, str(user))
                    for role, user in people.items()
                },
            )


async def ask(chat: Chat, caller: Caller, text: str) -> Turn:
    """One turn of a new conversation."""
    conversation = (await chat.start_conversation(caller)).reference
    return await say(chat, caller, conversation, text)


async def say(chat: Chat, caller: Caller, conversation: str, text: str) -> Turn:
    """A turn of a conversation, as far as it goes without a person's decision."""
    posted = await chat.post_message(caller, conversation, text, uuid.uuid4().hex)
    settled, turn, arguments = await chat.settled(caller, posted, PATIENCE), Turn(), dict[str, dict[str, Any]]()
    async with aclosing(chat.events(caller, conversation, turn=settled.id)) as events:
        async for event in events:
            if event is None:
                break
            _see(event.kind, event.data, turn, arguments)
            if event.kind == "approval.required":
                break
    turn.answer = settled.answer or "\n".join(turn.cards)
    return turn


def _see(kind: str, data: dict[str, Any], turn: Turn, arguments: dict[str, dict[str, Any]]) -> None:
    if kind == "tool.started":
        turn.called.append((data["tool"], data["arguments"]))
    elif kind == "approval.required":
        turn.cards.append(json.dumps(data, ensure_ascii=False, default=str))
    elif kind == "tool.finished":
        turn.failed = turn.failed or data["outcome"] != "done"
        if registry.tools()[data["tool"]].writes and data["outcome"] == "done":
            turn.written.append(data["tool"])


# ---- scores --------------------------------------------------------------------------------------------------------------


def right_operation(wanted: Wanted, turn: Turn) -> bool:
    return bool(wanted.operations.intersection(turn.operations))


def rooms_of(turn: Turn) -> list[str]:
    return [registry.tools()[name].room for name in turn.operations]


def arguments(wanted: Wanted, turn: Turn) -> tuple[int, int]:
    """How many of the expected arguments stand in the calls, and how many are scored."""
    said = {name: value for name, value in wanted.args.items() if name not in UNSCORED and value not in (None, "")}
    given = [_plain(value) for _, args in turn.called for value in _leaves(args)]
    found = sum(_stands(name, value, given, turn) for name, value in said.items())
    return found, len(said)


def _stands(name: str, value: Any, given: Sequence[str], turn: Turn) -> bool:
    if name in ("period", "date", "days", "since"):  # a moment or a number of days; which moment depends on the day
        return any("T" in str(leaf) or leaf == value for _, args in turn.called for leaf in _leaves(args))
    wanted = [_plain(each) for each in _leaves(value)]
    amounts = {_plain(round(float(each) * 100)) for each in wanted if _number(each)}
    return all(any(each in one or one in each for one in given if one) for each in wanted) or bool(amounts & {*given})


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in cast(dict[str, Any], value).values() for leaf in _leaves(part)]
    return [leaf for part in cast(list[Any], value) for leaf in _leaves(part)] if isinstance(value, list) else [value]


def _plain(value: Any) -> str:
    text = unicodedata.normalize("NFKD", str(value)).casefold().replace("_", " ").lstrip("-#")
    return "".join(sign for sign in text if not unicodedata.combining(sign))


def score(asked: Sequence[tuple[Wanted, Turn]]) -> dict[str, float | int]:
    """The figures of the last line."""
    routed = [(wanted, rooms_of(turn)) for wanted, turn in asked if wanted.rooms and wanted.scored]
    capable = [(wanted, turn) for wanted, turn in asked if wanted.operations and wanted.scored]
    present = [(wanted, turn) for wanted, turn in capable if not wanted.absent]
    absent = [turn for wanted, turn in asked if wanted.absent]
    told = [arguments(wanted, turn) for wanted, turn in present if right_operation(wanted, turn)]
    expected = [(wanted, turn) for wanted, turn in asked if not wanted.absent and wanted.scored]
    writes = [(wanted, turn) for wanted, turn in asked if turn.cards or turn.written]
    return {
        "lenient": _share([bool({*wanted.rooms} & set(rooms or [""])) for wanted, rooms in routed]),
        "strict": _share([wanted.rooms[0] == (rooms or [""])[0] for wanted, rooms in routed]),
        "capability": _share([right_operation(wanted, turn) for wanted, turn in capable]),
        "capability_open": _share([right_operation(wanted, turn) for wanted, turn in present]),
        "arguments": round(sum(found for found, _ in told) / max(1, sum(all_ for _, all_ in told)), 3),
        "expect": _share([turn.did in wanted.expect for wanted, turn in expected]),
        "absent_honest": _share([not _misleads(turn) for turn in absent]),
        "absent_misleading": _share([_misleads(turn) for turn in absent]),
        "unapproved_writes": sum(len(turn.written) for _, turn in asked),
        "unasked_writes": sum(not wanted.expect & {"approve", "execute"} for wanted, _ in writes),
        "requests": len(asked),
    }


def _misleads(turn: Turn) -> bool:
    """Something was called or shown as if it were what was asked for: it was not said first that that is not open here."""
    return bool(turn.cards or (turn.operations and not any(said in turn.answer for said in NOT_OPEN)))


def _share(right: Sequence[bool]) -> float:
    return round(sum(right) / len(right), 3) if right else 0.0


async def measure(file: Path, home: Path, answers: Path | None) -> dict[str, float | int]:
    async with opened(home) as (chat, callers):
        asked = [(wanted, await ask(chat, callers[wanted.role], wanted.text)) for wanted in read(file)]
    if answers:
        told = "".join(json.dumps(_told(*one), ensure_ascii=False) + "\n" for one in asked)
        await asyncio.to_thread(answers.write_text, told)
    return score(asked)


def _told(wanted: Wanted, turn: Turn) -> dict[str, Any]:
    return {
        "id": wanted.id, "text": wanted.text, "called": turn.called, "did": turn.did,
        "answer": turn.answer, "expect": sorted(wanted.expect), "operations": sorted(wanted.operations),
        "absent": wanted.absent, "right": right_operation(wanted, turn), "arguments": arguments(wanted, turn),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.requests", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--home", type=Path, help="a home whose demo shop is used, and kept; else a new one")
    parser.add_argument("--answers", type=Path, help="where each whole answer is written, a JSON object a line")
    asked = parser.parse_args()
    if asked.home:
        print(json.dumps(asyncio.run(measure(asked.file, asked.home, asked.answers))))
        return
    with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as folder:
        figures = asyncio.run(measure(asked.file, Path(folder) / "home", asked.answers))
        clear_away(Path(folder) / "home")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
