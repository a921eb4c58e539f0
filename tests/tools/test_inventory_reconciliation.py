"""The ledgers are the truth and the counts their caches: whatever is done, in whatever order, they agree."""

import asyncio
import random
import uuid
from collections import Counter
from typing import Any, NamedTuple

from tests.conftest import Do
from tests.factories import NewShop, make_stock, make_variant, make_warehouse, warehouse_of
from tests.tools.misfits import misfits
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.declare import Tool
from tools.contract.errors import ShopError
from tools.inventory.adjustments import adjust_stock
from tools.inventory.purchase_orders import list_purchase_orders
from tools.inventory.purchasing import cancel_purchase_order, create_purchase_order
from tools.inventory.receiving import receive_purchase_order
from tools.inventory.reservations import list_reservations, release_reservation, reserve_stock
from tools.inventory.suppliers import create_supplier
from tools.inventory.transfers import list_transfers, receive_transfer, transfer_stock

SKUS = ["MUG-BLUE", "TEE"]
LEDGERS = {"stock_on_hand", "stock_reserved", "stock_incoming", "stock_costs_of_receipts", "stock_costs_continue"}


class Units(NamedTuple):
    units: int


class Clerk:
    """Somebody who does whatever comes to mind; refusals are part of the day."""

    def __init__(self, shop: Shop, caller: Caller, warehouses: list[str], seed: int) -> None:
        self.shop = shop
        self.caller = caller
        self.warehouses = warehouses
        self.mind = random.Random(seed)
        self.done: Counter[str] = Counter()

    async def work(self, acts: int) -> None:
        for _ in range(acts):
            tool, arguments = await self._next()
            try:
                await call(self.shop, tool, arguments, self.caller, key=uuid.uuid4().hex)
                self.done[tool.name] += 1
            except ShopError as refused:
                self.done[refused.code()] += 1

    async def _next(self) -> tuple[Tool[Any, Any], dict[str, Any]]:
        place = {"sku": self.mind.choice(SKUS), "warehouse": self.mind.choice(self.warehouses)}
        units = self.mind.randint(1, 6)
        match self.mind.randrange(10):
            case 0:
                return adjust_stock, place | {"delta": self.mind.choice([units, -units])}
            case 1:
                return adjust_stock, place | {"counted": units * 3}
            case 2:
                return adjust_stock, place | {"set_aside": self.mind.choice([1, -1])}
            case 3:
                return reserve_stock, place | {"quantity": units}
            case 4:
                return release_reservation, {"reservation": await self._one_of(list_reservations)}
            case 5:
                lines = [{"sku": sku, "quantity": units} for sku in self.mind.sample(SKUS, 2)]
                source, target = self.mind.sample(self.warehouses, 2)
                return transfer_stock, {"from_warehouse": source, "to_warehouse": target, "lines": lines}
            case 6:
                lines = [
                    {"sku": sku, "quantity": units, "unit_cost": 100 * units + 1} for sku in self.mind.sample(SKUS, 2)
                ]
                return create_purchase_order, {"supplier": "SUP-1001", "warehouse": place["warehouse"], "lines": lines}
            case 7:
                came = {"sku": place["sku"], "received": units // 2, "damaged": 1}
                order = await self._one_of(list_purchase_orders)
                return receive_purchase_order, {"purchase_order": order, "lines": [came], "complete": units == 1}
            case 8:
                tool = self.mind.choice([cancel_purchase_order, receive_purchase_order])
                return tool, {"purchase_order": await self._one_of(list_purchase_orders)}
            case _:
                arrived = {"sku": place["sku"], "received": units // 2, "damaged": 1, "lost": self.mind.randint(0, 1)}
                return receive_transfer, {"transfer": await self._one_of(list_transfers), "lines": [arrived]}

    async def _one_of(self, tool: Tool[Any, Any]) -> str:
        page = (await call(self.shop, tool, {}, self.caller)).result
        found: list[str] = [row.reference for row in page.data] if page else []
        return self.mind.choice(found) if found else "RES-99"


async def arrange(mine: NewShop) -> list[str]:
    async with mine.shop.database.transaction(mine.id) as sql:
        places = [await warehouse_of(sql), make_warehouse(sql), make_warehouse(sql)]
        for sku in SKUS:
            variant = make_variant(sql, sku)
            for place in places:
                make_stock(sql, variant, place.id, 12)
        await sql.commit()
    brun = {"name": "Atelier Brun"}
    await call(mine.shop, create_supplier, brun, mine.caller("owner"), key=uuid.uuid4().hex)
    return [place.reference for place in places]


async def test_every_count_is_explained_after_any_mix_of_operations(shop: Shop, mine: NewShop, owner: Caller) -> None:
    clerk = Clerk(shop, owner, await arrange(mine), seed=2026)

    for _ in range(6):
        await clerk.work(20)
        assert await misfits(mine, *LEDGERS) == {}

    tools = {"adjust_stock", "reserve_stock", "release_reservation", "transfer_stock", "receive_transfer"}
    tools |= {"create_purchase_order", "receive_purchase_order", "cancel_purchase_order"}
    assert tools <= set(clerk.done)


async def test_every_count_is_explained_when_several_work_at_once(shop: Shop, mine: NewShop, owner: Caller) -> None:
    warehouses = await arrange(mine)
    clerks = [Clerk(shop, owner, warehouses, seed) for seed in range(4)]

    await asyncio.gather(*(clerk.work(20) for clerk in clerks))

    assert await misfits(mine, *LEDGERS) == {}
    assert not [clerk.done for clerk in clerks if "RowLocked" in clerk.done]


async def test_a_transfer_neither_makes_nor_loses_units(mine: NewShop, do: Do) -> None:
    first, second, _ = await arrange(mine)
    lines = [{"sku": "TEE", "quantity": 7}]
    sent = await do(transfer_stock, from_warehouse=first, to_warehouse=second, lines=lines)
    await do(
        receive_transfer,
        transfer=sent.reference,
        lines=[{"sku": "TEE", "received": 3, "damaged": 1, "lost": 2}],
    )

    async with mine.shop.database.transaction(mine.id) as sql:
        query = """
            select sum(on_hand + incoming)::int as units from stock_levels s
            join variants v on v.merchant_id = s.merchant_id and v.id = s.variant_id and v.sku = 'TEE'
            where s.merchant_id = %(m)s
        """
        (total,) = await sql.rows(query, {"m": mine.id}, as_=Units)

    assert total.units == 3 * 12 - 2  # but for what was lost on the way
