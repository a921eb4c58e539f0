"""Behind the till: what the tests of orders arrange and look up."""

import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select

from db.models.inventory import StockLevel
from db.models.products import Variant
from db.session import Database, Transaction
from tests.factories import NewShop, make_variant, warehouse_of
from tools.backoffice.settings import SettingDetail, set_setting
from tools.contract.call import Outcome, call

LYON = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "FR"}


@asynccontextmanager
async def writing(mine: NewShop) -> AsyncGenerator[Transaction]:
    async with mine.shop.database.transaction(mine.id) as sql:
        yield sql
        await sql.commit()


async def choose(mine: NewShop, key: str, value: Any, *, preview: bool = False) -> Outcome[SettingDetail]:
    """The owner chooses a setting that nobody has chosen yet."""
    arguments = {"key": key, "value": value, "version": 0}
    return await call(mine.shop, set_setting, arguments, mine.caller("owner"), key=f"choose {key}", preview=preview)


async def stocked(mine: NewShop, sku: str = "MUG-BLUE", units: int = 10, **more: Any) -> Variant:
    """A variant with units in the first warehouse."""
    async with writing(mine) as sql:
        return make_variant(sql, sku, stock=units, warehouse=await warehouse_of(sql), **more)


def bought(*lines: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in lines]


async def reserved(mine: NewShop) -> dict[str, int]:
    """Units reserved of each variant, by SKU and warehouse."""
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Variant.sku, StockLevel).join(StockLevel, StockLevel.variant_id == Variant.id)
        levels = (await sql.session.execute(query.where(StockLevel.merchant_id == mine.id))).all()
        assert all(level.on_hand >= level.reserved + level.damaged for _, level in levels)
        return {sku: level.reserved for sku, level in levels}


class Counting(Database):
    """Remembers what its last transaction sent."""

    sent: list[str]

    @asynccontextmanager
    async def transaction(self, merchant: uuid.UUID, **options: Any) -> AsyncGenerator[Transaction]:
        async with super().transaction(merchant, **options) as sql:
            self.sent = sql.statements
            yield sql

    @property
    def statements(self) -> int:
        """All of them: BEGIN, SET and the key's lock travel as one string, and COMMIT counts too."""
        opening, *others = self.sent
        return len(opening.split("; ")) + len(others)
