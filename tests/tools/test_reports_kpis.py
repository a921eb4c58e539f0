"""The key figures: those of `sales_report`, and how orders fare."""

from datetime import timedelta

from db.model import new_id
from db.models.orders import HoldReason, Order, OrderHold, OrderStatus
from db.models.transport import Fulfilment, FulfilmentStatus
from db.references import Kind
from db.session import Transaction
from tests.factories import NewShop, make_variant, number, warehouse_of
from tests.tools.selling import Sold, at, give_back, make_sale, rows_of
from tools.contract.call import Shop, opened
from tools.orders.reports import OrderKpis, order_kpis, sales_report

NOW = "2026-11-22T15:00:00+01:00"


async def ship(sql: Transaction, order: Order, *after_hours: float, units: int = 1, returned: int = 0) -> None:
    """Parcels of an order, that many hours after it was placed."""
    order.units_fulfilled, order.units_returned = units, returned
    warehouse = await warehouse_of(sql)
    for hours in after_hours:
        sql.session.add(
            Fulfilment(
                merchant_id=sql.merchant, id=new_id(), reference=Kind.shipment.reference(number()), order_id=order.id,
                warehouse_id=warehouse.id, carrier="Colissimo", status=FulfilmentStatus.in_transit, currency=order.currency,
                shipped_at=order.placed_at + timedelta(hours=hours), created_at=order.placed_at, updated_at=order.placed_at,
            )
        )  # fmt: skip


async def test_the_windows_are_today_seven_and_thirty_days_and_agree_with_the_sales_report(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        for day in ("2026-11-22", "2026-11-21", "2026-11-16", "2026-11-15", "2026-10-24", "2026-10-23"):
            make_sale(sql, mug, placed_at=f"{day}T00:10:00+02:00" if day < "2026-10-25" else f"{day}T00:10:00+01:00")
        make_sale(sql, mug, placed_at=NOW, currency="USD")
        give_back(sql, make_sale(sql, mug, placed_at=NOW), 600, on=NOW)

    kpis = await at(mine, NOW)(order_kpis)

    assert [(window.days, window.orders, window.revenue.amount) for window in kpis.windows] == [
        (1, 2, 1_500), (7, 4, 3_500), (30, 6, 5_500),
    ]  # fmt: skip
    for window in kpis.windows:
        report = await at(mine, NOW)(sales_report, placed_from=window.placed_from, placed_until=window.placed_until)
        assert report.totals.net == window.revenue
        assert report.totals.average_order_value == window.average_order_value
    assert (kpis.zone, kpis.currency) == ("Europe/Paris", "EUR")


async def test_rates_are_of_the_orders_placed_in_the_window(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        three = Sold(make_variant(sql), units=3)
        make_sale(sql, three, placed_at=NOW, status=OrderStatus.cancelled)
        make_sale(sql, three, placed_at=NOW, status=OrderStatus.draft)
        make_sale(sql, three, placed_at=NOW, status=OrderStatus.expired)
        await ship(sql, make_sale(sql, three, placed_at=NOW), 1, units=3, returned=1)
        await ship(sql, make_sale(sql, three, placed_at="2026-11-18T12:00:00+01:00"), 1, units=3, returned=3)

    today, week, month = (await at(mine, NOW)(order_kpis)).windows

    assert (today.cancel_rate, week.cancel_rate, month.cancel_rate) == (33.3, 25.0, 25.0)
    assert (today.return_rate, week.return_rate) == (33.3, 66.7)


async def test_the_time_to_ship_is_the_median_until_the_first_parcel_left(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql), units=2)
        await ship(sql, make_sale(sql, mug, placed_at="2026-11-22T06:00:00+01:00"), 2, 50, units=2)
        await ship(sql, make_sale(sql, mug, placed_at="2026-11-21T06:00:00+01:00"), 30)
        await ship(sql, make_sale(sql, mug, placed_at="2026-11-20T06:00:00+01:00"), 5)
        await ship(sql, make_sale(sql, mug, placed_at="2026-11-20T06:00:00+01:00"), 6.5)
        make_sale(sql, mug, placed_at=NOW)

    today, week, _ = (await at(mine, NOW)(order_kpis)).windows

    assert today.hours_to_ship == 16.0  # of 2 and 30 hours
    assert week.hours_to_ship == 5.8  # of 2, 5, 6.5 and 30


async def test_open_orders_are_counted_by_how_far_they_are_in_every_currency(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql), units=2)
        make_sale(sql, mug, status=OrderStatus.pending, currency="USD")
        held = make_sale(sql, mug)
        await ship(sql, make_sale(sql, mug), 1, units=1)
        await ship(sql, make_sale(sql, mug), 1, units=2)
        await ship(sql, make_sale(sql, mug, status=OrderStatus.completed), 1, units=2)
        make_sale(sql, mug, status=OrderStatus.draft)
        for released in (None, held.placed_at):
            sql.session.add(
                OrderHold(
                    merchant_id=sql.merchant, order_id=held.id, reason=HoldReason.address_check, owner="USR-1001",
                    placed_at=held.placed_at, released_at=released, released_by="USR-1001" if released else None,
                    created_at=held.placed_at,
                )
            )  # fmt: skip

    stand = (await at(mine, NOW)(order_kpis)).open_orders

    assert (stand.pending, stand.to_ship, stand.partly_shipped, stand.shipped, stand.on_hold) == (1, 1, 1, 1, 1)


async def test_a_shop_without_orders_has_zeros_and_no_rates(mine: NewShop) -> None:
    kpis = await at(mine, NOW)(order_kpis)

    today = kpis.windows[0]
    assert (today.orders, today.revenue.amount, today.average_order_value) == (0, 0, None)
    assert (today.cancel_rate, today.return_rate, today.hours_to_ship) == (None, None, None)
    assert kpis.open_orders.to_ship == 0


async def test_the_key_figures_take_two_statements(mine: NewShop, shop: Shop) -> None:
    async with opened(shop, order_kpis, mine.caller("viewer")) as (ctx, _):
        before = len(ctx.sql.statements)
        await order_kpis(ctx, OrderKpis())

        assert len(ctx.sql.statements) - before == 2
