"""The same operation by chat, REST and command line gives the same result, the same refusals, the same audit."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import httpx
import orjson
import pytest

from tests import doors
from tests.arranged import arguments_of, arranged
from tests.doors import AnyTool, Through
from tests.factories import NewShop, new_shop
from tests.test_every_tool import READS, TOOLS, WRITES, each, names_rows
from tools.contract.call import Shop
from tools.contract.files import FileResult
from tools.contract.permissions import ROLES

VARYING = {
    r"\b[A-Z]{2,4}-\d+(-\d+)?\b": "a reference",
    r"SKU-\d+": "a SKU",
    r"[0-9a-f]{8}-[0-9a-f-]{27}": "an id",
    r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)": "an instant",
    r"\w+@[\w.-]+": "an address",
    r"/link-[0-9a-f]{16}": "/a link",
    r'"(key|link|code|endpoint)":("[^"]+"|null)': '"secret":"shown once"',
    r'"last_four":"[^"]+"': '"last_four":"its end"',
}


@pytest.fixture
def every_door(shop: Shop, client: httpx.AsyncClient, runtime_url: str, tmp_path: Path) -> dict[str, Through]:
    return {
        "chat": doors.chat(shop),
        "rest": doors.rest(client),
        "command line": doors.command_line(runtime_url, tmp_path),
    }


class Entry(NamedTuple):
    door: str
    actor: str
    tool: str
    effect: str
    outcome: str
    rows: int


async def audit_of(who: NewShop) -> list[Entry]:
    query = (
        'select door, actor, tool, effect, outcome, cardinality("references") as rows from audit_entries'
        " where merchant_id = %s order by id"
    )
    async with who.shop.database.transaction(who.id, read_only=True) as sql:
        return await sql.rows(query, (who.id,), as_=Entry)


def alike(result: Any) -> Any:
    """A result without what differs from shop to shop and from moment to moment."""
    text = orjson.dumps(result, option=orjson.OPT_SORT_KEYS).decode()
    for pattern, word in VARYING.items():
        text = re.sub(pattern, word, text)
    return orjson.loads(text)


@each([tool for tool in READS if not issubclass(tool.output, FileResult)])  # a file is sent, written, or linked to
async def test_a_reader_answers_the_same_at_every_door(
    tool: AnyTool, every_door: dict[str, Through], shop: Shop
) -> None:
    mine, arguments = await arranged(tool, shop)

    came = {name: await through(tool, arguments, mine, "owner") for name, through in every_door.items()}

    assert came["chat"].result is not None, came
    assert alike(came["rest"].result) == alike(came["chat"].result)
    assert alike(came["command line"].result) == alike(came["chat"].result)


@each([tool for tool in WRITES if tool.name != "request_password_reset"])  # in the first shop's books, whoever is meant
async def test_a_write_does_the_same_and_is_audited_the_same_through_every_door(
    tool: AnyTool, every_door: dict[str, Through], shop: Shop
) -> None:
    """At the command line, and through one of the others in turn: that each write is done over HTTP its example shows too
    (test_openapi), and what it tells in the chat test_outside.
    """
    results: dict[str, Any] = {}
    entries: dict[str, Entry] = {}
    for name in ("command line", _in_turn(tool, ["chat", "rest"])):
        through = every_door[name]
        who = await new_shop(shop)
        arguments = await arguments_of(tool, who)
        before = len(await audit_of(who))

        came = await through(tool, arguments, who, "owner")

        assert not came.refused, (name, came)
        results[name] = alike(came.result)
        made = (await audit_of(who))[before:]
        (entries[name],) = [entry for entry in made if entry.tool == tool.name]  # a decision is also carried out
        assert entries[name].door == name.replace("command line", "cli")

    assert len({orjson.dumps(result, option=orjson.OPT_SORT_KEYS) for result in results.values()}) == 1, results
    assert len({entry._replace(door="") for entry in entries.values()}) == 1, entries


def _in_turn(tool: AnyTool, doors: Collection[str]) -> str:
    """The door that a tool tries: what is behind them is the same for all, so each tool tries one, and all tools each."""
    open_ = [name for name in doors if not (name == "chat" and tool.for_people)]
    return open_[crc32(tool.name.encode()) % len(open_)]


@each(TOOLS)
async def test_a_door_refuses_whoever_lacks_the_permission(
    tool: AnyTool, every_door: dict[str, Through], shop: Shop
) -> None:
    if tool.for_visitors:
        pytest.skip("nobody has to be signed in")
    lacking = next((role for role, held in ROLES.items() if tool.permission not in held), None)
    if lacking is None:
        pytest.skip("every role may")
    mine, arguments = await arranged(tool, shop)
    name = _in_turn(tool, every_door)

    came = await every_door[name](tool, arguments, mine, lacking)

    assert came.refused == "Forbidden", (name, came)


@each(TOOLS)
async def test_a_door_finds_nothing_of_another_merchant(
    tool: AnyTool, every_door: dict[str, Through], shop: Shop, other: NewShop
) -> None:
    _, arguments = await arranged(tool, shop)
    if not names_rows(tool, arguments):
        pytest.skip("its arguments name no rows")
    name = _in_turn(tool, every_door)

    came = await every_door[name](tool, arguments, other, "owner")

    assert came.refused == "NotFound", (name, came)
