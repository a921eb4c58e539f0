"""Chat over HTTP, on a real socket: turns, their events, and a connection that drops and resumes."""

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from orchestrator.app import RequestId
from orchestrator.chat import Chat
from orchestrator.chat.limits import ChatLimits
from orchestrator.surfaces.chat import routes
from tests.factories import NewShop
from tests.orchestrator.conftest import MEMOS, WAIT, Talk
from tests.scripted_openai import ScriptedOpenAI, calls, says
from tools.contract.actors import Caller

Event = tuple[str, str, dict[str, Any]]


@pytest.fixture
async def http(chat: Chat, mine: NewShop) -> AsyncGenerator[httpx.AsyncClient]:
    """The owner's browser; `X-Role` makes it somebody else's."""

    async def caller_of(request: Request) -> Caller:
        return mine.caller(request.headers.get("x-role", "owner"))

    async with serving(Starlette(routes=routes(chat, caller_of), middleware=[Middleware(RequestId)])) as client:
        yield client


@asynccontextmanager
async def serving(app: Starlette) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody who asks the application over a socket."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve([listening]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=WAIT) as client:
        yield client
    server.should_exit = True
    await serving


async def started(http: httpx.AsyncClient) -> str:
    answer = await http.post("/conversations", headers=key())
    assert answer.status_code == 201
    return answer.json()["conversation"]


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


async def say(http: httpx.AsyncClient, conversation: str, text: str, **headers: str) -> httpx.Response:
    return await http.post(f"/conversations/{conversation}/messages", json={"text": text}, headers=key() | headers)


async def listen(http: httpx.AsyncClient, path: str, *, until: str = "", **headers: str) -> list[Event]:
    """The events of a stream, until it ends or one of that kind has come."""
    seen: list[Event] = []
    async with http.stream("GET", path, headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines: dict[str, str] = {}
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            lines[name] = value
            if not line and "id" in lines:
                seen.append((lines["id"], lines["event"], json.loads(lines["data"])))
                lines = {}
                if seen[-1][1] == until:
                    break
    return seen


async def test_a_message_is_taken_at_once_and_its_events_tell_the_rest(
    http: httpx.AsyncClient, model: ScriptedOpenAI
) -> None:
    model.script(calls(("count_mugs", {})), says("There are 42 mugs."))
    conversation = await started(http)

    taken = await say(http, conversation, "How many mugs?")
    events = await listen(http, f"/conversations/{conversation}/events")

    assert taken.status_code == 202
    assert taken.json()["status"] == "running"
    kinds = [kind for _, kind, _ in events if kind != "token"]
    assert kinds == ["run.started", "route", "tool.started", "tool.finished", "table", "chart", "usage", "run.finished"]
    numbers = [int(id_.rpartition("/")[2]) for id_, _, _ in events]
    assert numbers == sorted(numbers)
    assert events[-1][2]["answer"] == "There are 42 mugs."
    shown = (await http.get(f"/conversations/{conversation}")).json()
    assert [(one["role"], one["text"]) for one in shown["messages"]] == [
        ("person", "How many mugs?"),
        ("assistant", "There are 42 mugs."),
    ]
    assert shown["title"] == "How many mugs?"


async def test_a_caller_may_wait_for_the_answer(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    model.script(calls(("count_mugs", {})), says("There are 42 mugs."))

    answer = await say(http, await started(http), "How many mugs?", Prefer="wait=20")

    assert answer.status_code == 200
    assert answer.json()["answer"] == "There are 42 mugs."
    assert answer.json()["evidence"]["tools"][0]["tool"] == "count_mugs"
    assert (await http.get(answer.headers["location"].removeprefix("/api/v1"))).json() == answer.json()


async def test_a_dropped_connection_resumes_where_it_was(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    model.script(calls(("count_mugs", {})), calls(("look_into_drawer", {"drawer": "top"})), says("42 and 3."))
    conversation = await started(http)
    turn = (await say(http, conversation, "How many mugs?", Prefer="wait=20")).json()["turn"]
    whole = await listen(http, f"/conversations/{conversation}/events?turn={turn}")

    first = await listen(http, f"/conversations/{conversation}/events", until="tool.finished")
    rest = await listen(http, f"/conversations/{conversation}/events", **{"Last-Event-ID": first[-1][0]})

    assert first + rest == whole


async def test_a_stream_follows_a_turn_that_another_process_runs(
    http: httpx.AsyncClient, chat: Chat, mine: NewShop, model: ScriptedOpenAI
) -> None:
    model.script(calls(("count_mugs", {})), says("There are 42 mugs."))
    elsewhere = Chat(chat.shop, chat.supervisor, chat.tools)
    talk = Talk(elsewhere, mine.caller("owner"))

    await talk.post("How many mugs?")
    events = await listen(http, f"/conversations/{talk.reference}/events")

    await elsewhere.close()
    assert events[-1][1] == "run.finished"


async def test_who_follows_hears_the_next_turns_too(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    model.script(says("Hello."))
    conversation = await started(http)
    first = (await say(http, conversation, "hello", Prefer="wait=20")).json()["turn"]

    async def two_answers() -> list[str]:
        answers: list[str] = []
        async with http.stream("GET", f"/conversations/{conversation}/events?turn={first}&follow=true") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: ") and "answer" in (data := json.loads(line[6:])):
                    answers.append(data["answer"])
                    if len(answers) == 2:
                        return answers
        return answers

    following = asyncio.create_task(two_answers())
    model.script(says("Hello again."))
    await say(http, conversation, "hello", Prefer="wait=20")

    assert await following == ["Hello.", "Hello again."]


async def test_pieces_of_the_answer_are_only_kept_until_it_is_stored(
    http: httpx.AsyncClient, talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(says("A long answer in many words."))

    await say(http, await started(http), "How many mugs?", Prefer="wait=20")

    assert (
        await talk.count("select count(*) as value from turn_events where merchant_id = %(m)s and kind = 'token'") == 0
    )


async def test_a_card_ends_the_wait(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    model.script(calls(("pay_out", {"amount": 100})), says("Paid."))
    conversation = await started(http)

    answer = await say(http, conversation, "Pay 1 euro", Prefer="wait=20")
    events = await listen(http, f"/conversations/{conversation}/events", until="approval.required")

    assert answer.status_code == 202
    assert answer.json()["status"] == "waiting"
    assert events[-1][2]["approval"] == answer.json()["approvals"][0]


async def test_a_structured_request_is_answered_like_the_operation_itself(http: httpx.AsyncClient, talk: Talk) -> None:
    again = key()
    asked = {"tool": "write_memo", "arguments": {"text": "milk"}}

    first = await http.post("/requests", json=asked, headers=again)
    second = await http.post("/requests", json=asked, headers=again)
    refused = await http.post("/requests", json={"tool": "write_memo", "arguments": {"text": "refused"}}, headers=key())
    unfit = await http.post("/requests", json={"tool": "write_memo", "arguments": {"weight": 3}}, headers=key())

    assert first.status_code == 200
    assert first.json()["result"] == {"reference": "PRD-1", "memos": 1}
    assert second.json() == first.json()
    assert await talk.count(MEMOS) == 1
    assert (refused.status_code, refused.json()["code"]) == (409, "NoMoreMemos")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (unfit.status_code, unfit.json()["errors"][0]["pointer"]) == (422, "/text")
    assert (await http.get("/conversations")).json()["data"] == []


async def test_a_task_for_a_specialist_can_be_followed(http: httpx.AsyncClient, model: ScriptedOpenAI) -> None:
    model.script(says("There are 42."))

    taken = await http.post("/requests", json={"specialist": "shelf", "task": "Count the mugs"}, headers=key())
    events = await listen(http, taken.json()["events"].removeprefix("/api/v1"))

    assert taken.status_code == 202
    assert events[-1][2]["answer"] == "There are 42."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tool": "write_memo", "task": "write"}, 422),
        ({}, 422),
        ({"task": "x", "arguments": {"a": 1}}, 422),
        ({"task": "x", "specialist": "nobody"}, 404),
        ({"tool": "open_safe"}, 404),
    ],
)
async def test_a_request_that_says_too_much_or_too_little_is_refused(
    http: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    assert (await http.post("/requests", json=body, headers=key())).status_code == status


async def test_a_message_needs_a_key_and_a_conversation_of_ones_own(http: httpx.AsyncClient) -> None:
    conversation = await started(http)

    keyless = await http.post(f"/conversations/{conversation}/messages", json={"text": "hello"})
    foreign = await say(http, conversation, "hello", **{"X-Role": "manager"})
    unknown = await http.get(f"/conversations/{conversation}/events", headers={"X-Role": "manager"})
    empty = await say(http, conversation, "   ")

    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert empty.status_code == 422


async def test_the_same_key_is_the_same_conversation(http: httpx.AsyncClient) -> None:
    once = key()

    first, again = [await http.post("/conversations", headers=once) for _ in range(2)]
    other = await http.post("/conversations", headers=key())
    keyless = await http.post("/conversations")

    assert first.json() == again.json() != other.json()
    assert keyless.status_code == 400


async def test_conversations_are_listed_newest_first_page_by_page(http: httpx.AsyncClient) -> None:
    made = [await started(http) for _ in range(3)]

    first = (await http.get("/conversations?limit=2")).json()
    second = (await http.get(f"/conversations?limit=2&after={first['next']}")).json()

    assert [one["conversation"] for one in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_a_request_that_is_nested_too_deeply_is_refused(http: httpx.AsyncClient) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"deeper": deep}

    refused = await http.post("/requests", json={"tool": "write_memo", "arguments": deep}, headers=key())

    assert (refused.status_code, refused.json()["code"]) == (422, "Invalid")


@pytest.mark.parametrize(
    "last",
    ["{turn}/99999999999999999999", "{turn}/-1", "{turn}/1_0", "{turn}/\u0663", "{turn}", "/1", "x/1", "1" * 5_000],
)
async def test_an_event_id_that_no_event_has_is_422(http: httpx.AsyncClient, model: ScriptedOpenAI, last: str) -> None:
    model.script(says("Hello."))
    conversation = await started(http)
    turn = (await say(http, conversation, "hello", Prefer="wait=20")).json()["turn"]

    headers = {b"Last-Event-ID": last.format(turn=turn).encode()}
    answer = await http.get(f"/conversations/{conversation}/events", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "Invalid")


async def test_who_loses_the_right_to_listen_is_told_and_the_stream_ends(
    chat: Chat, mine: NewShop, model: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.chat.listening.QUIET", 0.1)
    model.script(says("Hello."))
    strict = Chat(chat.shop, chat.supervisor, chat.tools, room=ChatLimits(right_seconds=0.2))
    talk = Talk(strict, mine.caller("manager"))
    await talk("hello")

    async def caller_of(_: Request) -> Caller:
        return talk.caller

    app = Starlette(routes=routes(strict, caller_of), middleware=[Middleware(RequestId)])
    path = f"/conversations/{talk.reference}/events?follow=true"
    async with serving(app) as client, client.stream("GET", path) as stream:
        async with chat.shop.database.transaction(mine.id) as sql:
            gone = "update memberships set deactivated_at = now() where merchant_id = %s and user_id = %s"
            await sql.execute(gone, (mine.id, talk.caller.name))
            await sql.commit()
        last = [line async for line in stream.aiter_lines() if line][-2:]
    await strict.close()

    assert last[0] == "event: stream.closed"
    assert json.loads(last[1].removeprefix("data: "))["code"] == "Unauthenticated"
