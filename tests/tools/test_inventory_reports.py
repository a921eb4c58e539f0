"""What the stock is worth, how it sells, what will be needed, and what to buy."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from db import clock
from db.models.inventory import MovementKind, Reservation, ReservationReason, ReservationStatus, StockMovement
from db.models.products import Variant
from db.money import Money
from db.references import Kind
from db.session import Transaction
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_category,
    make_order,
    make_stock,
    make_variant,
    make_warehouse,
    number,
    warehouse_of,
)
from tests.tools.selling import Sold, at, make_sale, rows_of
from tools.contract.call import opened
from tools.contract.declare import Tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.page import Total
from tools.inventory.abc import abc_analysis
from tools.inventory.forecasts import forecast_demand
from tools.inventory.purchasing import create_purchase_order
from tools.inventory.receiving import receive_purchase_order
from tools.inventory.reorder_rules import set_reorder_rule
from tools.inventory.reorders import suggest_reorders
from tools.inventory.suppliers import create_supplier
from tools.inventory.turnover import InventoryTurnover, inventory_turnover
from tools.inventory.valuation import inventory_valuation


def cost(variant: Variant, amount: str | int, currency: str = "EUR") -> Variant:
    variant.cost, variant.cost_currency = Decimal(amount), currency
    return variant


async def test_stock_is_valued_by_warehouse_and_category_currency_by_currency(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        lille, lyon, mugs = await warehouse_of(sql), make_warehouse(sql, code="LYON"), make_category(sql, "Mugs")
        mug = cost(make_variant(sql, "MUG", stock=10, warehouse=lille, category=mugs), "420.5")
        make_stock(sql, mug, lyon.id, 3)
        cost(make_variant(sql, "BOWL", stock=2, warehouse=lyon), 900, "USD")
        make_variant(sql, "GIFT", stock=7, warehouse=lyon)

    places = await do(inventory_valuation)
    shelves = await do(inventory_valuation, group_by="category")
    here = await do(inventory_valuation, warehouse="LYON", category="Mugs")

    def told(found: Any) -> list[tuple[str, int, int, str]]:
        return [(row.name, row.units, row.value.amount, row.value.currency) for row in found.data]

    assert told(places) == [
        ("Warehouse MAIN", 10, 4_205, "EUR"), ("Warehouse LYON", 2, 1_800, "USD"), ("Warehouse LYON", 3, 1_262, "EUR"),
    ]  # fmt: skip
    assert told(shelves) == [("Mugs", 13, 5_467, "EUR"), ("No category", 2, 1_800, "USD")]
    assert [(total.units, str(total.value)) for total in places.totals] == [(13, "54.67 EUR"), (2, "18.00 USD")]
    assert places.units_without_cost == 7
    assert told(here) == [("Warehouse LYON", 3, 1_262, "EUR")]
    first = await do(inventory_valuation, limit=2)
    assert told(await do(inventory_valuation, after=first.next)) == told(places)[2:]


async def test_stock_is_valued_at_the_average_that_deliveries_made(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        cost(make_variant(sql, "MUG", stock=10, warehouse=await warehouse_of(sql)), 400)
    supplier = (await do(create_supplier, name="Atelier Brun")).reference
    lines = [{"sku": "MUG", "quantity": 10, "unit_cost": 500}]
    ordered = await do(create_purchase_order, supplier=supplier, lines=lines)
    await do(
        receive_purchase_order,
        purchase_order=ordered.reference,
        lines=[{"sku": "MUG", "received": 8, "damaged": 2}],
    )

    (here,) = (await do(inventory_valuation)).data

    assert (here.units, here.value.amount, here.damaged_value.amount) == (20, 9_000, 900)


async def test_what_a_report_is_narrowed_to_has_to_be_one_thing(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_category(sql, "Mugs")
        make_category(sql, "Mugs")

    reports: list[Tool[Any, Any]] = [inventory_valuation, inventory_turnover, abc_analysis, suggest_reorders]
    for report in reports:
        with pytest.raises(Ambiguous):
            await do(report, category="Mugs")
        with pytest.raises(NotFound):
            await do(report, category="Lamps")
    with pytest.raises(NotFound):
        await do(forecast_demand, sku="NOTHING")


# ---- turnover ------------------------------------------------------------------------------------------------------------


def moved(sql: Transaction, variant: Variant, place: Any, units: int, days_ago: int, kind: MovementKind) -> None:
    moment = clock.now() - timedelta(days=days_ago)
    sql.session.add(
        StockMovement(
            merchant_id=sql.merchant, warehouse_id=place.id, variant_id=variant.id, kind=kind, quantity=units,
            actor="system:test", occurred_at=moment, created_at=moment,
        )
    )  # fmt: skip


async def test_turnover_age_and_dead_stock_come_from_the_ledger(mine: NewShop, do: Do) -> None:
    """MUG: 20 came 400 days ago and 30 came 20 days ago; 36 were sold within a year, so that 14 young ones are left."""
    async with rows_of(mine) as sql:
        lille = await warehouse_of(sql)
        mug, vase = (cost(make_variant(sql, sku), price) for sku, price in (("MUG", 400), ("VASE", 1_000)))
        moved(sql, mug, lille, 20, 400, MovementKind.receipt)
        moved(sql, mug, lille, 30, 20, MovementKind.receipt)
        moved(sql, mug, lille, -38, 10, MovementKind.sale)
        moved(sql, mug, lille, 2, 5, MovementKind.return_)
        moved(sql, vase, lille, 9, 300, MovementKind.opening)
        make_stock(sql, mug, lille.id, 0).on_hand = 14
        make_stock(sql, vase, lille.id, 0).on_hand = 9

    found = await do(inventory_turnover)
    dead = await do(inventory_turnover, pace="dead")

    vase_row, mug_row = found.data
    assert (mug_row.pace, mug_row.sold, mug_row.turns_per_year, mug_row.lasts_days) == ("moving", 36, 2.12, 141)
    assert mug_row.average_age_days == 18  # (2 x 5 + 12 x 20) / 14
    assert (vase_row.pace, vase_row.sold, vase_row.average_age_days, vase_row.last_sold_on) == ("dead", 0, 300, None)
    assert [row.sku for row in dead.data] == ["VASE"]
    (stock,) = found.stock
    assert (stock.value.amount, stock.dead_value.amount, stock.dead_variants) == (14_600, 9_000, 1)
    assert (stock.cost_of_sales.amount, stock.average_value.amount) == (14_400, 11_300)  # at first 20 x 400
    assert [(band.from_days, band.units) for band in stock.ages] == [(0, 14), (30, 0), (90, 0), (180, 9), (365, 0)]


async def test_what_lasts_too_long_is_slow(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        lille = await warehouse_of(sql)
        mug = make_variant(sql, "MUG")
        moved(sql, mug, lille, 100, 90, MovementKind.receipt)
        moved(sql, mug, lille, -3, 10, MovementKind.sale)
        make_stock(sql, mug, lille.id, 0).on_hand = 97

    found = await do(inventory_turnover)

    assert [(row.sku, row.pace, row.value) for row in found.data] == [("MUG", "slow", None)]
    assert found.units_without_cost == 97


async def test_turnover_is_worked_out_once_for_its_page_its_sums_and_its_count(mine: NewShop) -> None:
    """The last of three pages: VASE and JUG tie up as much, so that the one that came first is before."""
    async with rows_of(mine) as sql:
        lille = await warehouse_of(sql)
        for sku, units, price in (("VASE", 2, 500), ("MUG", 3, 400), ("JUG", 1, 1_000)):
            variant = cost(make_variant(sql, sku), price)
            moved(sql, variant, lille, units, 40, MovementKind.opening)
            make_stock(sql, variant, lille.id, units)

    async with opened(mine.shop, inventory_turnover, mine.caller("owner")) as (ctx, _):
        before = len(ctx.sql.statements)
        first = await inventory_turnover.run(ctx, InventoryTurnover(limit=1, count=True))
        assert sum("stock_movements" in statement for statement in ctx.sql.statements[before:]) == 1
        second = await inventory_turnover.run(ctx, InventoryTurnover(limit=1, after=first.next))
        third = await inventory_turnover.run(ctx, InventoryTurnover(limit=1, after=second.next))

    assert [row.sku for page in (first, second, third) for row in page.data] == ["MUG", "VASE", "JUG"]
    assert (first.total, third.total, third.has_more) == (
        Total(rows=3, sums=[Money(amount=3_200, currency="EUR")]),
        None,
        False,
    )
    assert first.stock == third.stock


# ---- ABC -----------------------------------------------------------------------------------------------------------------


async def test_the_variant_that_crosses_eighty_per_cent_is_still_an_a(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        for sku, price in (("ONE", 7_000), ("TWO", 1_500), ("THREE", 900), ("FOUR", 600)):
            make_order(sql, make_variant(sql, sku), unit_price=price, placed_at=clock.now() - timedelta(days=3))
        make_order(sql, make_variant(sql, "OLD"), unit_price=9_999, placed_at=clock.now() - timedelta(days=400))

    found = await at(mine, clock.now().isoformat())(abc_analysis)

    assert [(row.sku, row.abc, row.share, row.cumulative) for row in found.data] == [
        ("ONE", "A", 70.0, 70.0), ("TWO", "A", 15.0, 85.0), ("THREE", "B", 9.0, 94.0), ("FOUR", "B", 6.0, 100.0),
    ]  # fmt: skip
    assert [(one.abc, one.variants, one.amount.amount) for one in found.classes] == [("A", 2, 8_500), ("B", 2, 1_500)]
    assert found.units_without_cost == 4


async def test_by_margin_what_loses_money_is_last_whatever_it_sells(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        for sku, unit_cost in (("LOSS", 1_100), ("GAIN", 400)):
            order = make_sale(sql, Sold(make_variant(sql, sku), price=1_200), placed_at=clock.now() - timedelta(days=2))
            await sql.flush()
            query = "update order_lines set unit_cost = %s where merchant_id = %s and order_id = %s"
            await sql.execute(query, (unit_cost, mine.id, order.id))

    found = await do(abc_analysis, by="margin")
    only = await do(abc_analysis, by="margin", only="C")

    assert [(row.sku, row.abc, row.margin and row.margin.amount) for row in found.data] == [
        ("GAIN", "A", 600), ("LOSS", "C", -100),
    ]  # fmt: skip
    assert [row.sku for row in only.data] == ["LOSS"]
    first = await do(abc_analysis, by="margin", limit=1)
    assert [row.rank for row in (await do(abc_analysis, by="margin", after=first.next)).data] == [2]


# ---- forecasts -----------------------------------------------------------------------------------------------------------

MONDAY = date(2026, 6, 15)
NOW = "2026-06-17T10:00:00+02:00"


async def sold_weekly(mine: NewShop, units: list[int], sku: str = "MUG", stock: int = 4) -> None:
    """So many units in each of the whole weeks before the one of NOW, the last one last."""
    async with rows_of(mine) as sql:
        variant = make_variant(sql, sku, stock=stock, warehouse=await warehouse_of(sql))
        for ago, count in enumerate(reversed(units), start=1):
            if count:
                wednesday = MONDAY - timedelta(weeks=ago) + timedelta(days=2)
                make_order(
                    sql, variant, count, placed_at=clock.now().replace(wednesday.year, wednesday.month, wednesday.day)
                )


async def test_a_steady_seller_is_forecast_at_its_pace_with_its_measured_error(
    mine: NewShop, chance: random.Random
) -> None:
    units = [10 + chance.randint(-3, 3) for _ in range(40)]
    await sold_weekly(mine, units)

    found = await at(mine, NOW)(forecast_demand, sku="MUG", weeks=4)

    assert [week.week_of for week in found.weeks] == [MONDAY + timedelta(weeks=n) for n in range(4)]
    assert 32 <= found.expected <= 48
    assert found.low <= found.expected <= found.high
    assert all(week.low <= week.expected <= week.high for week in found.weeks)
    assert found.method == "smoothing"
    assert (found.history_weeks, found.sold, found.long_enough) == (40, sum(units), True)
    assert found.measured is not None
    assert found.measured.wape is not None
    assert found.measured.wape < 0.3
    assert found.as_last_week is not None
    assert found.as_a_year_ago is None  # less than a year
    assert "it missed by" in found.trust


async def test_what_sells_now_and_then_is_forecast_as_that(mine: NewShop) -> None:
    await sold_weekly(mine, [4, 0, 0, 0] * 10)

    found = await at(mine, NOW)(forecast_demand, sku="MUG", weeks=8)

    assert found.method == "intermittent"
    assert 4 <= found.expected <= 12  # one unit a week


async def test_one_bulk_order_is_not_expected_every_week(mine: NewShop) -> None:
    await sold_weekly(mine, [5] * 30 + [400])

    found = await at(mine, NOW)(forecast_demand, sku="MUG", weeks=1)

    assert found.expected == 5


async def test_a_season_is_taken_from_last_year_where_that_was_less_wrong(mine: NewShop) -> None:
    peak = [60, 90, 60]
    await sold_weekly(mine, (peak + [2] * 30 + peak + [2] * 16) * 3)

    found = await at(mine, NOW)(forecast_demand, sku="MUG", weeks=4)

    assert found.method == "seasonal_naive"
    assert [week.expected for week in found.weeks] == [60, 90, 60, 2]
    assert found.as_a_year_ago is not None
    assert found.as_a_year_ago.wape == 0


async def test_a_history_that_is_too_short_says_so(mine: NewShop) -> None:
    await sold_weekly(mine, [3, 5, 4])
    await sold_weekly(mine, [], sku="NEW")

    young, unsold = [await at(mine, NOW)(forecast_demand, sku=sku) for sku in ("MUG", "NEW")]

    assert (young.long_enough, young.measured, young.history_weeks) == (False, None, 3)
    assert young.trust.startswith("It has been sold for 3 weeks only")
    assert young.low < young.expected < young.high
    assert (unsold.expected, unsold.trust) == (0, "It has never been sold, so there is nothing to forecast from.")


# ---- reorders ------------------------------------------------------------------------------------------------------------


async def test_what_does_not_last_until_a_delivery_is_suggested_with_each_figure(mine: NewShop) -> None:
    """7 a week, so one a day; with no spread there is nothing to keep for safety."""
    await sold_weekly(mine, [7] * 40, stock=12)
    do = at(mine, NOW)
    supplier = (await do(create_supplier, name="Atelier Brun", lead_time_days=14)).reference
    await do(set_reorder_rule, sku="MUG", supplier=supplier)

    (found,) = (await do(suggest_reorders)).data

    assert (found.sku, found.supplier, found.because) == ("MUG", supplier, "forecast")
    assert (found.available, found.incoming, found.weekly_demand, found.lead_time_demand) == (12, 0, 7, 14)
    assert (found.safety_stock, found.needed, found.quantity, found.days_of_cover) == (0, 42, 30, 12)
    assert found.why.startswith("12 available, 0 incoming do not last the 14 days until a delivery: 14 expected sales")
    lines = [{"sku": "MUG", "quantity": 30, "unit_cost": 400}]
    await do(create_purchase_order, supplier=supplier, lines=lines)
    assert (await do(suggest_reorders)).data == []


async def test_demand_that_varies_keeps_a_safety_stock(mine: NewShop, chance: random.Random) -> None:
    await sold_weekly(mine, [chance.choice((2, 12)) for _ in range(40)])

    (found,) = (await at(mine, NOW)(suggest_reorders)).data

    assert found.safety_stock > 5
    assert found.quantity == found.needed - found.available


async def test_a_rule_asks_before_the_forecast_and_its_target_is_reached(mine: NewShop) -> None:
    await sold_weekly(mine, [1] * 20, stock=30)
    do = at(mine, NOW)
    assert (await do(suggest_reorders)).data == []
    await do(set_reorder_rule, sku="MUG", reorder_point=30, reorder_target=100)

    (found,) = (await do(suggest_reorders)).data

    assert (found.because, found.quantity) == ("reorder_rule", 70)
    assert found.why == "With 30 available, 0 incoming it is at its reorder point of 30 units."


async def test_what_is_promised_beyond_the_stock_comes_first(mine: NewShop) -> None:
    await sold_weekly(mine, [7] * 20, sku="MUG", stock=1)
    async with rows_of(mine) as sql:
        lille = await warehouse_of(sql)
        vase = make_variant(sql, "VASE", stock=0, warehouse=lille)
        sql.session.add(
            Reservation(
                merchant_id=mine.id, reference=Kind.reservation.reference(number()), status=ReservationStatus.active,
                reason=ReservationReason.customer_request, warehouse_id=lille.id, variant_id=vase.id, quantity=0,
                backordered=3, created_at=clock.now(),
            )
        )  # fmt: skip

    found = await at(mine, NOW)(suggest_reorders)

    assert (found.data[0].sku, found.data[0].because, found.data[0].quantity) == ("VASE", "promised", 3)
    first = await at(mine, NOW)(suggest_reorders, limit=1)
    assert [row.sku for row in (await at(mine, NOW)(suggest_reorders, after=first.next)).data] == ["MUG"]


async def test_suggestions_are_narrowed_to_a_supplier_and_add_up(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        for sku in ("MUG", "BOWL"):
            cost(make_variant(sql, sku, stock=2, warehouse=await warehouse_of(sql)), 400)
    do = at(mine, NOW)
    brun, olaria = [(await do(create_supplier, name=name)).reference for name in ("Atelier Brun", "Olaria")]
    await do(set_reorder_rule, sku="MUG", reorder_point=5, reorder_target=12, supplier=brun)
    await do(set_reorder_rule, sku="BOWL", reorder_point=5, reorder_target=7, supplier=olaria)

    every, brown = await do(suggest_reorders, count=True), await do(suggest_reorders, supplier="Atelier Brun")

    assert [(row.sku, row.quantity, str(row.purchase)) for row in brown.data] == [("MUG", 10, "40.00 EUR")]
    assert [str(money) for money in every.costs] == ["60.00 EUR"]
    assert every.total is not None
    assert every.total.rows == 2
