"""What products bring in and how well they do, each figure added up by hand."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from db.models.inventory import AdjustmentReason, MovementKind, StockMovement
from db.models.orders import Channel, OrderLine
from db.models.products import Variant
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_category, make_stock, make_variant, warehouse_of
from tests.tools.selling import Sold, at, give_back, make_sale, rows_of, utc
from tools.contract.declare import Tool
from tools.contract.errors import NotFound
from tools.products.performance import product_performance, product_revenue

NOVEMBER, OCTOBER = "2026-11-10T12:00:00+01:00", "2026-10-10T12:00:00+02:00"
PERIOD = {"placed_from": "2026-11-01T00:00:00+01:00", "placed_until": "2026-12-01T00:00:00+01:00"}


@pytest.fixture
def do(mine: NewShop) -> Do:
    """Calls when November is over."""
    return at(mine, "2026-12-02T09:00:00+01:00")


@pytest.fixture
async def mug(mine: NewShop) -> Variant:
    """Of a mug, 10 were sold in November at 12.00 (10.00 without tax) less 12.00, 2 came back, 24.00 were given back; 4 in October.

    At the beginning of November 40 lay there, at its end 30; a bowl was sold once, in dollars twice.
    """
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG", title="Mug", category=make_category(sql, "Mugs"))
        bowl = make_variant(sql, "BOWL", title="Bowl")
        sale = make_sale(sql, Sold(mug, units=10, discount=1_200), placed_at=NOVEMBER)
        give_back(sql, sale, 2_400, "2026-11-20T12:00:00+01:00")
        make_sale(sql, Sold(mug, units=4), placed_at=OCTOBER)
        make_sale(sql, Sold(bowl, price=2_400), placed_at=NOVEMBER, channel=Channel.phone)
        make_sale(sql, Sold(bowl, units=2), placed_at=NOVEMBER, currency="USD")
        make_stock(sql, mug, (await warehouse_of(sql)).id, 40)
        level = make_stock(sql, bowl, (await warehouse_of(sql)).id, 0)
        sql.session.add(
            StockMovement(
                merchant_id=mine.id, warehouse_id=level.warehouse_id, variant_id=mug.id, kind=MovementKind.adjustment,
                reason=AdjustmentReason.lost, quantity=-10,
                actor="system:test", occurred_at=utc("2026-11-11T12:00:00+01:00"), created_at=LONG_AGO,
            )
        )  # fmt: skip
        await sql.session.flush()
        lines = await sql.session.scalars(
            select(OrderLine).where(OrderLine.merchant_id == mine.id, OrderLine.sku == "MUG")
        )
        for line in lines:
            line.unit_cost = Decimal("400.5")
            line.fulfilled, line.returned = (2, 2) if line.quantity == 10 else (0, 0)
        levels = await sql.connection.execute(
            "update stock_levels set on_hand = 30 where merchant_id = %s and variant_id = %s", (mine.id, mug.id)
        )
        assert levels.rowcount == 1
        return mug


async def test_revenue_is_told_with_what_it_is_made_of_and_the_period_before(do: Do, mug: Variant) -> None:
    report = await do(product_revenue, **PERIOD)

    first, second = report.data
    assert (first.title, second.title) == ("Mug", "Bowl")
    assert [str(part) for part in (first.gross, first.discounts, first.refunds, first.revenue)] == [
        "100.00 EUR", "10.00 EUR", "20.00 EUR", "70.00 EUR",
    ]  # fmt: skip
    assert (first.units, first.orders, first.share) == (10, 1, 77.8)
    assert (str(first.revenue_before), first.change) == ("40.00 EUR", 75.0)
    assert (str(second.revenue), second.change) == ("20.00 EUR", None)
    assert (str(report.revenue), str(report.revenue_before), report.change, report.products) == (
        "90.00 EUR",
        "40.00 EUR",
        125.0,
        2,
    )


async def test_revenue_of_one_product_a_shelf_a_channel_or_a_currency(do: Do, mug: Variant) -> None:
    assert [row.title for row in (await do(product_revenue, product="MUG", **PERIOD)).data] == ["Mug"]
    assert [row.title for row in (await do(product_revenue, category="Mugs", **PERIOD)).data] == ["Mug"]
    assert [row.title for row in (await do(product_revenue, channel="phone", **PERIOD)).data] == ["Bowl"]
    assert [str(row.revenue) for row in (await do(product_revenue, currency="USD", **PERIOD)).data] == ["20.00 USD"]
    with pytest.raises(NotFound):
        await do(product_performance, product="CUP", **PERIOD)


async def test_performance_has_margin_returns_and_stock_turn(do: Do, mug: Variant) -> None:
    first, second = (await do(product_performance, **PERIOD)).data

    assert (str(first.revenue), str(first.margin), first.margin_rate) == ("70.00 EUR", "29.95 EUR", 42.8)
    assert (first.returned, first.return_rate, first.stock_turn) == (2, 20.0, 0.29)  # 10 of 35
    assert (first.units_before, first.margin_rate_before, first.return_rate_before) == (4, 60.0, 0.0)
    assert first.stock_turn_before == 0.1  # 4 of 40
    assert (second.margin, second.margin_rate, second.units_without_cost, second.stock_turn) == (None, None, 1, None)


@pytest.mark.parametrize("tool", [product_revenue, product_performance], ids=lambda tool: tool.name)
async def test_both_have_pages(do: Do, mug: Variant, tool: Tool[Any, Any]) -> None:
    first = await do(tool, limit=1, count=True, **PERIOD)
    second = await do(tool, limit=1, after=first.next, **PERIOD)

    assert [row.title for row in (*first.data, *second.data)] == ["Mug", "Bowl"]
    assert (first.total.rows, second.has_more) == (2, False)


async def test_a_period_without_sales_is_empty(do: Do, mug: Variant) -> None:
    report = await do(product_performance, placed_from="2026-01-01T00:00:00Z", placed_until="2026-02-01T00:00:00Z")

    assert (report.data, report.products) == ([], 0)
