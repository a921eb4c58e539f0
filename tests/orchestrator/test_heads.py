"""HEAD is GET without its body, at every door that only reads; and numbers of any length are answered, not stumbled over."""

import uuid

import httpx
import pytest

from tests.factories import NewShop
from tests.orchestrator.test_chat_routes import http as served_chat

http = served_chat


@pytest.fixture
async def program(client: httpx.AsyncClient, mine: NewShop) -> httpx.AsyncClient:
    client.headers["Authorization"] = f"Bearer {await mine.key_text(scopes=['*'])}"
    return client


@pytest.mark.parametrize("path", ["/health", "/ready", "/openapi.json", "/api/v1/merchant", "/api/v1/orders?limit=1"])
async def test_head_is_answered_as_get_is(program: httpx.AsyncClient, path: str) -> None:
    got, asked = await program.get(path), await program.head(path)

    assert asked.status_code == got.status_code == 200
    own = {"x-request-id"}
    assert {name: value for name, value in asked.headers.items() if name not in own} == {
        name: value for name, value in got.headers.items() if name not in own
    }


async def test_head_of_what_does_not_exist_and_without_a_key_is_refused(
    program: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert (await program.head("/api/v1/orders/ORD-1")).status_code == 404

    del client.headers["Authorization"]
    assert (await client.head("/api/v1/merchant")).status_code == 401


async def test_head_of_a_door_that_only_writes_names_its_methods(program: httpx.AsyncClient) -> None:
    answer = await program.head("/api/v1/approvals/APR-1/decision")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_head_of_a_stream_ends_at_once(http: httpx.AsyncClient) -> None:
    conversation = (await http.post("/conversations", headers={"Idempotency-Key": uuid.uuid4().hex})).json()
    path = f"/conversations/{conversation['conversation']}"
    await http.post(f"{path}/messages", json={"text": "hello"}, headers={"Idempotency-Key": uuid.uuid4().hex})

    answer = await http.head(f"{path}/events?follow=true")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_numbers_of_any_length_are_refused_with_a_reason(program: httpx.AsyncClient) -> None:
    endless = "9" * 5_000

    answers = [
        await program.get(f"/api/v1/conversations?limit={endless}"),
        await program.patch("/api/v1/merchant", json={}, headers={"If-Match": f'"v{endless}"', "Idempotency-Key": "k"}),
        await program.get(f"/api/v1/orders?limit={endless}"),
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
