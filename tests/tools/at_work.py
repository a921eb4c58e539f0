"""People at work in a shop, in whatever order: what the shop refuses, it refuses by a rule of its own."""

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from db.models.products import Product
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_bundle,
    make_customer,
    make_promotion,
    make_stock,
    make_variant,
    make_warehouse,
    new_shop,
    warehouse_of,
)
from tests.tools.misfits import misfits
from tests.tools.till import writing
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop
from tools.contract.declare import I, O, Tool
from tools.contract.errors import ShopError
from tools.flows.create_order import create_order

T = TypeVar("T")
SKUS = ["MUG-BLUE", "MUG-RED", "BOWL", "ENGRAVING", "SET"]


async def arrange(mine: NewShop) -> str:
    """Few units, in two warehouses, some of them on back order or of no number; promotions that run out. Returns a customer."""
    async with writing(mine) as sql:
        main, second = await warehouse_of(sql), make_warehouse(sql, priority=1)
        blue = make_variant(sql, "MUG-BLUE", stock=3, warehouse=main)
        make_stock(sql, blue, second.id, 4)
        product = next(row for row in sql.session.new if isinstance(row, Product))
        make_variant(sql, "MUG-RED", price=2_450, stock=5, warehouse=main, product=product)
        bowl = make_variant(sql, "BOWL", price=3_333, stock=2, warehouse=main, allow_backorder=True)
        engraving = make_variant(sql, "ENGRAVING", price=507, tracked=False)
        make_bundle(sql, "SET", (blue, 2), (bowl, 1), (engraving, 1), price=6_001)
        make_promotion(sql, percent=7, minimum_subtotal=5_000, usage_limit=3)
        make_promotion(sql, amount=501, minimum_subtotal=8_000, usage_limit_per_customer=2)
        return make_customer(sql).reference


class AtWork(RuleBasedStateMachine):
    """Somebody of a shop, whose books are looked at in the end."""

    shop: ClassVar[Shop]
    loop: ClassVar[asyncio.AbstractEventLoop]
    mine: NewShop
    do: Do
    customer: str
    placed: list[str]

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    async def tried(self, tool: Tool[I, O], **arguments: Any) -> O | None:
        try:
            return await self.do(tool, **arguments)
        except ShopError:
            return None

    def done(self, tool: Tool[I, O], **arguments: Any) -> O | None:
        return self.wait(self.tried(tool, **arguments))

    def open(self) -> None:
        self.mine = self.wait(new_shop(self.shop))
        self.do = Do(self.shop, Caller(self.mine.id, Door.worker, Hand.program, Proof.system, "test"))
        self.customer = self.wait(arrange(self.mine))
        self.placed = []

    def order(self, nth: int) -> str:
        return self.placed[nth % len(self.placed)]

    def place(self, basket: list[str], units: int, draft: bool) -> None:
        lines = [{"sku": sku, "quantity": units} for sku in basket]
        if placed := self.done(create_order, customer=self.customer, lines=lines, draft=draft):
            self.placed.append(placed.reference)

    def teardown(self) -> None:
        if hasattr(self, "mine"):
            found = self.wait(misfits(self.mine))
            assert not found, found
