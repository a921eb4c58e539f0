"""What runs low, and what sells, each figure added up by hand."""

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from db.models.orders import Channel, OrderStatus
from db.models.products import Product, ProductStatus, Variant
from db.session import Transaction
from tests.factories import NewShop, make_category, make_stock, make_variant, make_warehouse, warehouse_of
from tests.tools.selling import Sold, at, give_back, make_sale, rows_of
from tools.contract.call import Shop, opened
from tools.contract.declare import Tool
from tools.contract.errors import Invalid, NotFound
from tools.products.analytics import low_stock_products, top_selling_products

NOW = "2026-11-22T15:00:00+01:00"
RECENT = "2026-11-10T12:00:00+01:00"


async def on_shelf(
    sql: Transaction, sku: str, units: int, *, reorder_point: int | None = None, sold: int = 0, **more: Any
) -> Variant:
    """A variant with units in WH-1, of which some were sold lately."""
    variant = make_variant(sql, sku, title=sku.title(), **more)
    make_stock(sql, variant, (await warehouse_of(sql)).id, units).reorder_point = reorder_point
    if sold:
        make_sale(sql, Sold(variant, units=sold), placed_at=RECENT)
    return variant


async def low(mine: NewShop, **arguments: Any) -> list[str]:
    return [row.sku for row in (await at(mine, NOW)(low_stock_products, **arguments)).data]


# ---- low stock -----------------------------------------------------------------------------------------------------------


async def test_what_runs_out_first_comes_first(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        await on_shelf(sql, "PLENTY", 100, reorder_point=10, sold=28)  # 100 days
        await on_shelf(sql, "TEN-DAYS", 10, sold=28)
        await on_shelf(sql, "TWO-DAYS", 4, reorder_point=1, sold=56)
        await on_shelf(sql, "GONE", 0, sold=1)
        await on_shelf(sql, "AT-ITS-POINT", 5, reorder_point=5, sold=7)  # 20 days
        await on_shelf(sql, "SLOW", 3, reorder_point=5)
        await on_shelf(sql, "ENOUGH", 6, reorder_point=5)

    assert await low(mine) == ["GONE", "TWO-DAYS", "TEN-DAYS", "AT-ITS-POINT", "SLOW"]


async def test_days_of_cover_are_at_the_rate_of_the_last_four_weeks(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = await on_shelf(sql, "MUG", 10, reorder_point=12)
        make_sale(sql, Sold(mug, units=20, cancelled=5), placed_at="2026-10-25T15:00:00+01:00")  # 28 days ago
        make_sale(sql, Sold(mug, units=99), placed_at="2026-10-25T14:59:59+01:00")
        make_sale(sql, Sold(mug, units=99), placed_at=RECENT, status=OrderStatus.cancelled)
        make_sale(sql, Sold(mug, units=15), placed_at=RECENT, currency="USD")

    report = await at(mine, NOW)(low_stock_products)

    (row,) = report.data
    assert (row.sold, row.days_of_cover, row.lasts_until) == (35, 8.0, date(2026, 11, 30))
    assert (row.available, row.reorder_point, row.title) == (10, 12, "Mug")
    assert report.sold_from == datetime.fromisoformat("2026-10-25T15:00:00+01:00")
    assert report.zone == "Europe/Paris"


async def test_the_days_of_both_can_be_chosen(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = await on_shelf(sql, "MUG", 10)
        make_sale(sql, Sold(mug, units=7), placed_at="2026-11-20T12:00:00+01:00")

    assert await low(mine) == []  # 7 in 28 days: 40 days
    assert await low(mine, sales_days=7) == ["MUG"]  # 7 in 7 days: 10 days
    assert await low(mine, sales_days=7, cover_days=10) == []
    assert await low(mine, cover_days=41) == ["MUG"]


async def test_reserved_and_damaged_units_and_closed_warehouses_are_no_cover(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql, "MUG")
        level = make_stock(sql, mug, (await warehouse_of(sql)).id, 10)
        level.reserved, level.damaged, level.incoming, level.reorder_point = 6, 1, 50, 3
        closed = make_warehouse(sql)
        closed.active = False
        make_stock(sql, mug, closed.id, 500)

    (row,) = (await at(mine, NOW)(low_stock_products)).data

    assert (row.available, row.incoming, row.reorder_point, row.days_of_cover) == (3, 50, 3, None)


async def test_what_is_not_sold_or_not_counted_never_runs_low(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        await on_shelf(sql, "EBOOK", 0, tracked=False)
        (await on_shelf(sql, "BANNED", 0)).sellable = False
        (await on_shelf(sql, "OLD", 0)).archived_at = at(mine, NOW).shop.clock()
        phased_out = await on_shelf(sql, "PHASED-OUT", 0)
        await sql.session.flush()
        product = (await sql.session.scalars(select(Product).where(Product.id == phased_out.product_id))).one()
        product.status = ProductStatus.discontinued
        make_variant(sql, "NEVER-STOCKED")

    assert await low(mine) == ["NEVER-STOCKED"]


async def test_low_stock_can_be_asked_for_a_category_with_all_below_it(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        kitchen = make_category(sql, "Kitchen")
        await on_shelf(sql, "MUG", 0, category=make_category(sql, "Mugs", kitchen))
        await on_shelf(sql, "RAKE", 0, category=make_category(sql, "Garden"))

    assert await low(mine, category="kitchen") == ["MUG"]
    with pytest.raises(NotFound):
        await low(mine, category="attic")


async def test_pages_of_low_stock_follow_each_other(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        for nth in range(7):
            await on_shelf(sql, f"M-{nth}", nth // 3, reorder_point=5, sold=nth % 2)

    do, seen, after = at(mine, NOW), list[str](), None
    while True:
        page = await do(low_stock_products, limit=2, after=after)
        seen += [row.sku for row in page.data]
        after = page.next
        if not page.has_more:
            break

    assert sorted(seen) == [f"M-{nth}" for nth in range(7)]


# ---- top selling ---------------------------------------------------------------------------------------------------------


async def test_products_are_ranked_by_units_or_by_net_sales(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        cup, pot = make_variant(sql, title="Cup"), make_variant(sql, title="Pot")
        lid = make_variant(sql, title="Pot")
        lid.product_id = pot.product_id
        make_sale(sql, Sold(cup, units=5, price=240), placed_at=RECENT)
        order = make_sale(
            sql, Sold(pot, units=2, price=6_000, discount=1_200), Sold(lid, price=1_200), placed_at=RECENT
        )
        give_back(sql, order, 1_200, on=RECENT)
        make_sale(sql, Sold(pot, units=1, price=6_000), placed_at="2026-10-10T12:00:00+02:00")

    by_units = await at(mine, NOW)(top_selling_products)
    by_revenue = await at(mine, NOW)(top_selling_products, by="revenue")

    assert [(row.rank, row.title, row.units, row.orders) for row in by_units.data] == [
        (1, "Cup", 5, 1),
        (2, "Pot", 3, 1),
    ]
    assert [(row.title, row.revenue.amount, row.revenue_before.amount, row.change) for row in by_revenue.data] == [
        ("Pot", 9_000, 5_000, 80.0), ("Cup", 1_000, 0, None),
    ]  # fmt: skip
    assert [row.units_before for row in by_units.data] == [0, 1]
    assert (by_units.products, by_units.currency, by_units.zone) == (2, "EUR", "Europe/Paris")


async def test_a_ranking_is_of_the_period_the_category_and_the_currency_that_were_asked_for(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        kitchen = make_category(sql, "Kitchen")
        cup = make_variant(sql, title="Cup", category=kitchen)
        rake = make_variant(sql, title="Rake", category=make_category(sql, "Garden"))
        for variant, units, placed_at, currency in (
            (cup, 1, "2026-03-01T00:00:00+01:00", "EUR"),
            (cup, 2, "2026-03-31T23:30:00+02:00", "EUR"),
            (cup, 4, "2026-04-01T00:00:00+02:00", "EUR"),
            (cup, 8, "2026-03-10T00:00:00+01:00", "USD"),
            (rake, 16, "2026-03-10T00:00:00+01:00", "EUR"),
        ):
            make_sale(sql, Sold(variant, units=units), placed_at=placed_at, currency=currency)
    march = {"placed_from": "2026-03-01T00:00:00+01:00", "placed_until": "2026-04-01T00:00:00+02:00"}

    euros = await at(mine, NOW)(top_selling_products, **march, category="kitchen")
    dollars = await at(mine, NOW)(top_selling_products, **march, currency="USD")

    assert [(row.title, row.units) for row in euros.data] == [("Cup", 3)]
    assert [(row.title, row.units, row.revenue.currency) for row in dollars.data] == [("Cup", 8, "USD")]
    assert euros.before_from == datetime.fromisoformat("2026-02-01T00:00:00+01:00")


async def test_bestsellers_are_those_of_a_country_or_a_channel(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        cup, rake = Sold(make_variant(sql, title="Cup")), Sold(make_variant(sql, title="Rake"))
        make_sale(sql, cup, placed_at=NOW, country="IT")
        make_sale(sql, rake, placed_at=NOW, channel=Channel.phone)

    in_italy = await at(mine, NOW)(top_selling_products, country="IT")
    by_phone = await at(mine, NOW)(top_selling_products, channel="phone")

    assert [row.title for row in in_italy.data] == ["Cup"]
    assert [row.title for row in by_phone.data] == ["Rake"]


@pytest.mark.parametrize("by", ["units", "revenue"])
async def test_a_ranking_is_read_in_pages_without_a_gap(mine: NewShop, by: str) -> None:
    async with rows_of(mine) as sql:
        for nth in range(7):
            make_sale(sql, Sold(make_variant(sql, title=f"Cup {nth}"), units=1 + nth // 3), placed_at=RECENT)

    do, seen, after = at(mine, NOW), list[tuple[int, str]](), None
    while True:
        page = await do(top_selling_products, limit=2, after=after, by=by)
        seen += [(row.rank, row.title) for row in page.data]
        after = page.next
        if not page.has_more:
            break

    assert [rank for rank, _ in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert {title for _, title in seen} == {f"Cup {nth}" for nth in range(7)}


async def test_nothing_sold_is_an_empty_ranking_and_an_empty_period_is_refused(mine: NewShop) -> None:
    do = at(mine, NOW)

    nothing = await do(top_selling_products)

    assert (nothing.data, nothing.products, nothing.next) == ([], 0, None)
    with pytest.raises(Invalid, match="is empty"):
        await do(top_selling_products, placed_from="2027-01-01T00:00:00Z")


@pytest.mark.parametrize("tool", [low_stock_products, top_selling_products], ids=["low", "top"])
async def test_each_takes_one_statement(mine: NewShop, shop: Shop, tool: Tool[Any, Any]) -> None:
    async with rows_of(mine) as sql:
        await on_shelf(sql, "MUG", 1, sold=5)

    async with opened(shop, tool, mine.caller("viewer")) as (ctx, _):
        before = len(ctx.sql.statements)
        await tool.run(ctx, tool.input())

        assert len(ctx.sql.statements) - before == 1
