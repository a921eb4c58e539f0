"""A merchant's first morning: she asks how things are, then cancels an order; over HTTP, with the embedded planner."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from db import clock
from db.models.orders import OrderStatus
from orchestrator.surfaces.identity import COOKIE
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.selling import Sold, make_sale
from tests.tools.till import bought, reserved, stocked, writing
from tools.flows.create_order import create_order
from tools.orders.detail import get_order

PARIS = ZoneInfo("Europe/Paris")


class Merchant:
    """Signed in, in a conversation."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.conversation = ""

    async def says(self, text: str) -> dict[str, Any]:
        """The turn, when it is through or waits for her."""
        if not self.conversation:
            self.conversation = (await self.post("/conversations", {})).json()["conversation"]
        turn = await self.post(f"/conversations/{self.conversation}/messages", {"text": text}, Prefer="wait=30")
        return turn.json()

    async def answer(self) -> str:
        """The last thing that was said to her."""
        shown = (await self.client.get(f"/api/v1/conversations/{self.conversation}")).json()
        return shown["messages"][-1]["text"]

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        headers["Idempotency-Key"] = uuid.uuid4().hex
        return await self.client.post(f"/api/v1{path}", json=body, headers=headers, timeout=60)


@pytest.fixture
async def merchant(client: httpx.AsyncClient, mine: NewShop) -> Merchant:
    client.headers["Cookie"] = f"{COOKIE}={await mine.session('owner')}"
    return Merchant(client)


def last_week() -> datetime:
    """Last Wednesday's noon or so, in the week before this one, where the shop is."""
    today = clock.now().astimezone(PARIS).replace(hour=12)
    return (today - timedelta(days=today.weekday() + 5)).astimezone(UTC)


async def test_she_asks_what_is_low_and_what_was_sold_and_the_figures_are_true(
    merchant: Merchant, mine: NewShop
) -> None:
    nearly_gone = await stocked(mine, "MUG-BLUE", units=1)
    plenty = await stocked(mine, "BOWL-OAK", units=500)
    async with writing(mine) as sql:
        for _ in range(3):
            make_sale(sql, Sold(nearly_gone, units=2, price=1_200), placed_at=last_week())
        make_sale(sql, Sold(plenty, units=1, price=6_000), placed_at=last_week() - timedelta(days=21))

    turn = await merchant.says("what is running low, and what did we sell last week?")
    told = await merchant.answer()

    assert turn["status"] == "finished"
    assert {call["tool"] for call in turn["evidence"]["tools"]} == {"low_stock_products", "sales_report"}
    assert {"products", "orders"} <= set(turn["evidence"]["specialists"])
    assert "MUG-BLUE" in told
    assert "BOWL-OAK" not in told
    assert "60.00 EUR" in told  # three sales of 2 × 12.00 with 20 % tax in it: 60.00 without


async def test_she_cancels_an_order_on_its_card_once_even_when_she_clicks_twice(
    merchant: Merchant, mine: NewShop, do: Do
) -> None:
    await stocked(mine, "MUG-BLUE", units=10)
    address = {"name": "Ana Torres", "line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "FR"}
    placed = await do(
        create_order,
        name="Ana Torres",
        email="ana@example.com",
        lines=bought(("MUG-BLUE", 3)),
        shipping_address=address,
    )

    turn = await merchant.says(f"cancel order {placed.reference}, the customer changed her mind")
    (approval,) = turn["approvals"]
    card = (await merchant.client.get(f"/api/v1/approvals/{approval}")).json()["card"]
    before = await reserved(mine)
    first = await merchant.post(f"/approvals/{approval}/decision", {"decision": "approve"})
    second = await merchant.post(f"/approvals/{approval}/decision", {"decision": "approve"})
    done = (await merchant.client.get(f"/api/v1/turns/{turn['turn']}", timeout=60)).json()

    assert turn["status"] == "waiting"
    assert card["arguments"] == {"order": placed.reference, "reason": "customer_request"}
    assert before == {"MUG-BLUE": 3}
    assert (first.status_code, second.status_code) == (200, 409)
    assert done["status"] in ("running", "finished")
    assert (await do(get_order, order=placed.reference)).status == OrderStatus.cancelled
    assert await reserved(mine) == {"MUG-BLUE": 0}


async def test_what_it_does_not_understand_it_says_and_nothing_is_done(merchant: Merchant, mine: NewShop) -> None:
    turn = await merchant.says("will it rain in Lyon tomorrow?")

    assert turn["status"] == "finished"
    assert {one["tool"] for one in turn["evidence"]["tools"]} <= {"search_shop"}  # it looks for Lyon, and does nothing
    assert "did not understand" in await merchant.answer()
