"""A shop whose payments are carried out: what the tests of payments arrange."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.outside import Outside, providers_of
from tests.conftest import Do
from tests.factories import NewShop, make_customer
from tests.tools.till import LYON, bought, stocked, writing
from tools.flows.create_order import create_order
from tools.payments.reading import PaymentDetail, get_payment

TOTAL = 1_999 + 490


class Till:
    """The owner at the till: `do` asks providers at once, `later` leaves that to the worker."""

    def __init__(self, mine: NewShop) -> None:
        self.mine = mine
        self.outside = Outside(mine.shop, providers_of(mine.shop, {}, "a secret"))
        self.shop = replace(mine.shop, outside=self.outside.first_try)
        self.outside.shop = self.shop
        self.do = Do(self.shop, mine.caller("owner"))
        self.later = Do(mine.shop, mine.caller("owner"))

    async def order(self, customer: str | None = None, **more: Any) -> str:
        """An order of a mug: 24.89 EUR with shipping."""
        arguments = {"customer": customer} if customer else {}
        placed = await self.do(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)), **arguments, **more)
        return placed.reference

    async def customer(self) -> str:
        async with writing(self.mine) as sql:
            return make_customer(sql).reference

    async def payment(self, reference: str) -> PaymentDetail:
        return await self.do(get_payment, payment=reference)


@pytest.fixture
async def till(mine: NewShop) -> Till:
    await stocked(mine, units=100)
    return Till(mine)
