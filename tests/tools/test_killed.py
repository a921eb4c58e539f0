"""Killed (-9) after each step of what moves money or buys a label, and asked again by who waited: done once, and booked."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from secrets import token_urlsafe
from typing import Any

import pytest

from tests.dying import forking
from tests.easypost_server import Scripted, serving
from tests.factories import NewShop
from tests.tools.dying_shop import SITE
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tests.tools.test_transport_connected import USPS
from tests.tools.till import LYON, bought
from tools.contract.call import call
from tools.contract.shop import Shop
from tools.flows.authorize_payment import authorize_payment
from tools.orders.detail import get_order
from tools.payments.methods import save_payment_method
from tools.payments.reading import list_payments
from tools.transport.configuring import configure_carrier
from tools.transport.shipments import list_shipments

_ = till
# What is asked for, and what there is to be seen of it.
Arranged = tuple[dict[str, Any], Callable[[], Awaitable[object]]]


class Killed:
    """Processes of the shop; `do` says how one ended: 0, or minus the signal."""

    def __init__(self, forks: asyncio.subprocess.Process, mine: NewShop) -> None:
        self.forks = forks
        self.who = {"merchant": str(mine.id), "user": str(mine.users["owner"])}

    async def do(self, tool: str, arguments: dict[str, Any], key: str, steps: int = 0) -> int:
        deed = self.who | {"tool": tool, "arguments": arguments, "key": key, "steps": steps}
        assert self.forks.stdin is not None
        assert self.forks.stdout is not None
        self.forks.stdin.write(json.dumps([deed]).encode() + b"\n")
        async with asyncio.timeout(60):
            (ended,) = json.loads(await self.forks.stdout.readline())
        return ended

    async def at_each_step(self, tool: str, arrange: Callable[[], Awaitable[Arranged]], wanted: object) -> int:
        """Do it anew, killed a step later each time, until it gets through; then it is asked again. Returns its steps."""
        steps, ended = 0, -9
        while ended:
            steps += 1
            (arguments, seen), key = await arrange(), uuid.uuid4().hex
            ended = await self.do(tool, arguments, key, steps)
            assert ended in (0, -9)
            assert await self.do(tool, arguments, key) == 0
            assert await seen() == wanted, f"killed after step {steps}"
        return steps - 1


@pytest.fixture(scope="module")
def script() -> Generator[Scripted]:
    with serving() as script:
        yield script


@pytest.fixture(scope="module")
async def forks(runtime_url: str, script: Scripted) -> AsyncGenerator[asyncio.subprocess.Process]:
    async with forking("tests.tools.dying_shop", runtime_url, script.address) as process:
        yield process


@pytest.fixture
def killed(forks: asyncio.subprocess.Process, mine: NewShop) -> Killed:
    return Killed(forks, mine)


async def paid(till: Till, **more: Any) -> tuple[str, str]:
    """An order that is paid by card, and its payment."""
    order = await till.order(**more)
    begun = await till.do(authorize_payment, order=order, capture=True)
    return order, begun.payments[0].payment


def books(till: Till, **of: str) -> Callable[[], Awaitable[object]]:
    """The payments, the oldest first: where each stands, what was taken, and what was given back."""

    async def seen() -> object:
        listed = await till.do(list_payments, sort="oldest", **of)
        return [(one.status.value, one.captured.amount, one.refunded.amount) for one in listed.data]

    return seen


async def test_an_order_is_placed_and_charged_once(mine: NewShop, till: Till, killed: Killed) -> None:
    async def arrange() -> Arranged:
        customer = await till.customer()
        lines = bought(("MUG-BLUE", 1))
        placed = {"customer": customer, "shipping_address": LYON, "lines": lines, "payment": {"token": "tok_timeout"}}
        return placed, books(till, customer=customer)

    assert await killed.at_each_step("create_order", arrange, [("captured", TOTAL, 0)]) >= 3
    assert await misfits(mine) == {}


async def test_what_is_given_back_is_given_back_once(mine: NewShop, till: Till, killed: Killed) -> None:
    async def arrange() -> Arranged:
        order, payment = await paid(till)
        return {"payment": payment, "amount": 489}, books(till, order=order)

    assert await killed.at_each_step("refund_payment", arrange, [("partially_refunded", TOTAL, 489)]) >= 4
    assert await misfits(mine) == {}


async def test_who_cancels_gets_the_money_back_once(mine: NewShop, till: Till, killed: Killed) -> None:
    async def arrange() -> Arranged:
        order, _ = await paid(till)

        async def seen() -> object:
            return (await till.do(get_order, order=order)).status, await books(till, order=order)()

        return {"order": order}, seen

    assert await killed.at_each_step("cancel_order", arrange, ("cancelled", [("refunded", TOTAL, TOTAL)])) >= 4
    assert await misfits(mine) == {}


async def test_another_card_is_charged_and_the_first_gets_its_money_once(
    mine: NewShop, till: Till, killed: Killed
) -> None:
    """The charge, and after it the refund: each is killed before and after the provider acted."""

    async def arrange() -> Arranged:
        customer = await till.customer()
        order, _ = await paid(till, customer=customer)
        card = await till.do(save_payment_method, customer=customer, token=f"tok_{token_urlsafe(9)}")
        return {"order": order, "saved": card.reference}, books(till, order=order)

    changed = [("refunded", TOTAL, TOTAL), ("captured", TOTAL, 0)]
    assert await killed.at_each_step("change_order_payment", arrange, changed) >= 7
    assert await misfits(mine) == {}


async def test_a_label_is_bought_once(mine: NewShop, till: Till, killed: Killed, script: Scripted) -> None:
    """Killed between the carrier's answers and our books, too."""
    site = Shop(mine.shop.database, site=SITE)
    await call(site, configure_carrier, USPS, mine.caller("owner"), key="usps")

    async def arrange() -> Arranged:
        (order, _), bought_before = await paid(till), len(script.asked("/buy"))

        async def seen() -> object:
            shipped = (await till.do(list_shipments, order=order)).data
            return [(one.status.value, one.units) for one in shipped], len(script.asked("/buy")) - bought_before

        return {"order": order, "carrier": "usps"}, seen

    assert await killed.at_each_step("create_shipment", arrange, ([("label_purchased", 1)], 1)) >= 6
    assert await misfits(mine) == {}
