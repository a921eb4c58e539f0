"""What callers get when the database refuses, has no connection free, or is gone: a problem that says what to do, never a 500."""

from contextlib import AsyncExitStack

import httpx
import pytest

from db.session import UnsafeRole
from orchestrator.app import services, web
from orchestrator.installation import Urls
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.factories import NewShop

SIGNED_IN = {"cookie": "shopkeeper_session=anything"}


def visitor(parts: Services) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(web(parts)), base_url="http://shop.example")


async def test_text_that_no_database_stores_is_422_whichever_the_door(client: httpx.AsyncClient, mine: NewShop) -> None:
    program = {"authorization": f"Bearer {await mine.key_text(scopes=['*'])}", "idempotency-key": "k"}

    answers = [
        await client.post("/api/v1/session", json={"email": "a\0@b.example", "password": "x"}),
        await client.post("/api/v1/requests", json={"task": "what sells\0?"}, headers=program),
        await client.get("/api/v1/conversations/CNV-1%00", headers=program),
        await client.get("/api/v1/orders/ORD-1%00", headers=program),
    ]

    assert [answer.status_code for answer in answers] == [422] * 4


async def test_without_a_free_connection_callers_are_asked_to_come_back(settings: Settings, runtime_url: str) -> None:
    async with services(settings, Urls(runtime_url, None, runtime_url, None)) as parts, AsyncExitStack() as taken:
        parts.shop.database.pool.timeout = 0.01
        for _ in range(settings.pool_size):
            await taken.enter_async_context(parts.shop.database.pool.connection(timeout=10))

        async with visitor(parts) as browser:
            answer = await browser.get("/api/v1/merchant", headers=SIGNED_IN)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["retryable"] is True


async def test_when_the_database_is_gone_callers_are_asked_to_come_back(settings: Settings, runtime_url: str) -> None:
    async with services(settings, Urls(runtime_url, None, runtime_url, None)) as parts, visitor(parts) as browser:
        await parts.shop.database.pool.close()

        answers = [
            await browser.get("/api/v1/merchant", headers=SIGNED_IN),
            await browser.post("/api/v1/session", json={"email": "a@b.example", "password": "x"}),
        ]

    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "2")] * 2


async def test_a_replicas_role_has_to_respect_the_wall_too(
    settings: Settings, runtime_url: str, owner_url: str
) -> None:
    with pytest.raises(UnsafeRole, match="owns tables"):
        async with services(settings, Urls(runtime_url, None, runtime_url, owner_url)):
            pass
