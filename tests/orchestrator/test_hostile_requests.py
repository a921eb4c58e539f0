"""What nobody should send, at every route: odd cursors, numbers at every limit, headers, nesting. It is refused, never a fault."""

import base64
import copy
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote
from zlib import crc32

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.model import new_id
from orchestrator.surfaces.identity import COOKIE
from orchestrator.surfaces.rest import PREFIX
from tests.arranged import AnyTool, arguments_of
from tests.factories import NewShop
from tests.test_every_tool import TOOLS, each
from tools.contract.errors import Invalid
from tools.contract.page import place

LISTS = [tool for tool in TOOLS if "after" in tool.input.model_fields]
NUMBERS = ("-1", "0", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809")
# No field takes them, and one reader refuses them all: each field is sent one in turn.
NO_NUMBERS = ("18446744073709551615", "18446744073709551616", "1e308", "-0.5", "9" * 400)
PLACES: tuple[Any, ...] = (
    [], [5], [None], ["x"], [True], {}, {"a": 1}, 7, "text", None, [[[]]], [5, 5], ["2026-01-01T00:00:00Z", 5],
    ["0001-01-01T00:00:00+23:59", str(new_id())], ["9999-12-31T23:59:59-23:59", str(new_id())],
    ["2026-01-01", str(new_id())], [2**63, str(new_id())], [2**64, str(new_id())], [-(2**63), str(new_id())],
    [1, str(new_id())], ["\0", str(new_id())], ["a", str(new_id())], [1.5, str(new_id())], [None, str(new_id())],
    [str(new_id())], [1], ["\0"], [2**63], [0, 0, str(new_id())], ["a", "b", "c", "d"],
)  # fmt: skip
HEADERS = {
    "Idempotency-Key": ["", "x" * 256, "é", "a\tb", "'; drop table orders; --", "approval:1", "turn:1"],
    "If-Match": ['"v0"', '"v9999999999"', "v1", '""', "*", '"v-1"', 'W/"v1"', "é"],
    "If-None-Match": ["*", '"v1"', "é", '"' * 500],
    "Last-Event-ID": [
        "TURN/1",
        "TURN/" + "9" * 18,
        "TURN/" + "9" * 30,
        "TURN/-1",
        "TURN/",
        "9" * 30,
        "-1",
        "x",
        "1.1",
        "9223372036854775808",
        "18446744073709551616.1",
        "é",
    ],
    "Shopkeeper-Merchant": ["nowhere", "", "é", "x" * 5_000, "'"],
    "Authorization": [
        "",
        "Bearer",
        "Bearer sk_",
        "Basic eA==",
        "Bearer é",
        "Bearer sk_x_y_z",
        f"Bearer sk_{new_id()}_",
    ],
    "Content-Type": ["", "text/plain", "application/json; charset=utf-7", "é"],
    "Prefer": ["wait=9999", "wait=-1", "wait=x", "é"],
    "Sec-Fetch-Site": ["same-origin", "cross-site", "none", "é"],
    "Cookie": [f"{COOKIE}=", f"{COOKIE}=é", "x=y"],
    "X-Request-ID": ["", "x" * 500, "é"],
}


@pytest.fixture
async def owner_there(client: httpx.AsyncClient, mine: NewShop) -> httpx.AsyncClient:
    """The client, signed in as the shop's owner."""
    client.headers["Cookie"] = f"{COOKIE}={await mine.session('owner')}"
    return client


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def refused_or_answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500, (answer.request.url, answer.request.content, answer.text)
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def ask(browser: httpx.AsyncClient, tool: AnyTool, arguments: dict[str, Any]) -> httpx.Response:
    """What stands between `<<` and `>>` is written as it is: no JSON library writes such numbers."""
    path = {name: quote(str(arguments[name]), safe="") for name in tool.path_fields}
    others = {name: value for name, value in arguments.items() if name not in path}
    address = PREFIX + tool.path.format(**path)
    headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
    if tool.method in ("GET", "DELETE"):
        plain = {name: _text(value) for name, value in others.items()}
        return await browser.request(tool.method, address, params=plain, headers=headers)
    body = orjson.dumps(others, default=str).decode().replace('"<<', "").replace('>>"', "")
    return await browser.request(tool.method, address, content=body, headers=headers)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return [_text(one) for one in cast(list[Any], value)] if isinstance(value, list) else str(value).strip("<>")


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield path
    inner = (
        cast(dict[Any, Any], value).items()
        if isinstance(value, dict)
        else enumerate(cast(list[Any], value))
        if isinstance(value, list)
        else ()
    )
    for key, part in inner:
        yield from numbers_in(part, (*path, key))


def with_number(arguments: dict[str, Any], path: tuple[Any, ...], text: str) -> dict[str, Any]:
    changed = copy.deepcopy(arguments)
    part: Any = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = f"<<{text}>>"
    return changed


@each(LISTS)
async def test_a_cursor_of_any_shape_is_refused(tool: AnyTool, owner_there: httpx.AsyncClient, mine: NewShop) -> None:
    arguments = await arguments_of(tool, mine)

    for shape in PLACES:
        cursor = base64.urlsafe_b64encode(json.dumps(shape).encode()).decode().rstrip("=")
        refused_or_answered(await ask(owner_there, tool, arguments | {"after": cursor}))
    for text in ("", "=", "é", "\0", "A", "x" * 401, "/" * 40):
        refused_or_answered(await ask(owner_there, tool, arguments | {"after": text}))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=6))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_a_place_is_read_as_its_kinds_or_refused(shape: Any) -> None:
    text = base64.urlsafe_b64encode(json.dumps(shape).encode()).decode()

    for kinds in ((uuid.UUID,), (datetime, uuid.UUID), (int, uuid.UUID), (str,)):
        try:
            found = place(text, *kinds)
        except Invalid:
            continue
        assert found is not None
        assert all(part is None or isinstance(part, kind) for part, kind in zip(found, kinds, strict=True))


@each(TOOLS)
async def test_a_number_at_its_limits_is_taken_or_refused(
    tool: AnyTool, owner_there: httpx.AsyncClient, mine: NewShop
) -> None:
    arguments = await arguments_of(tool, mine)
    fields: dict[str, Any] = tool.schema.get("properties", {})
    numeric = {name: 1 for name, field in fields.items() if "'integer'" in str(field) and name not in arguments}

    for turn, path in enumerate(numbers_in(arguments | numeric), start=crc32(tool.name.encode())):
        for text in (*NUMBERS, NO_NUMBERS[turn % len(NO_NUMBERS)]):
            refused_or_answered(await ask(owner_there, tool, with_number(arguments | numeric, path, text)))


@pytest.mark.parametrize("header", HEADERS)
async def test_a_header_of_any_kind_is_taken_or_refused(
    header: str, owner_there: httpx.AsyncClient, mine: NewShop
) -> None:
    customer = {"name": "Ana Torres"}
    asked: dict[str, Any] = {"tool": "get_merchant", "arguments": {}}
    turn = (await owner_there.post(f"{PREFIX}/requests", json=asked, headers=new_key())).json()
    assert turn["status"] == "finished"  # its stream ends

    for text in (text.replace("TURN", turn["turn"]) for text in HEADERS[header]):
        given_headers = httpx.Headers({b"Idempotency-Key": uuid.uuid4().hex.encode(), header.encode(): text.encode()})
        refused_or_answered(await owner_there.get(f"{PREFIX}/merchant", headers=given_headers))
        refused_or_answered(await owner_there.post(f"{PREFIX}/customers", json=customer, headers=given_headers))
        refused_or_answered(
            await owner_there.patch(f"{PREFIX}/merchant", json={"name": "Fernway"}, headers=given_headers)
        )
        refused_or_answered(await owner_there.get(turn["events"], headers=given_headers))


@each([tool for tool in TOOLS if tool.method in ("POST", "PUT", "PATCH")])
async def test_no_route_reads_a_body_that_is_nested_too_deeply_or_too_large(
    tool: AnyTool, owner_there: httpx.AsyncClient, mine: NewShop
) -> None:
    address = PREFIX + tool.path.format(**dict.fromkeys(tool.path_fields, "X-1"))
    headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}

    for body, status in (
        (b'{"a":' * 101 + b"1" + b"}" * 101, 422),
        (b'{"a":[' * 300 + b"1" + b"]}" * 300, 422),
        (b"[" * 100_000, 400),
        (b'{"a":"' + b"x" * (1 << 20) + b'"}', 413),
    ):
        answer = await owner_there.request(tool.method, address, content=body, headers=headers)
        refused_or_answered(answer)
        assert answer.status_code == status
