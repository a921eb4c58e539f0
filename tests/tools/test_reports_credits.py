"""An invoice that took another one back is money that went, in every report, and no order in any."""

from db.models.customers import Customer, CustomerFigures
from db.models.products import Variant
from tests.factories import NewShop, make_customer, make_variant
from tests.tools.misfits import misfits
from tests.tools.selling import Sold, at, make_credit, make_sale, rows_of
from tools.customers.listing import list_customers
from tools.customers.profiles import get_customer
from tools.customers.reports import sales_by_customer, segment_customers
from tools.flows.merge_customers import merge_customers
from tools.inventory.abc import abc_analysis
from tools.orders.reports import order_kpis, sales_report
from tools.products.analytics import top_selling_products
from tools.products.performance import product_performance, product_revenue

NOW = "2026-11-22T15:00:00+01:00"
SOLD, CREDITED = 10 * 1_000, 9 * 1_000


async def returned_by_invoice(mine: NewShop) -> tuple[Customer, Customer, Variant]:
    """Ana bought ten mugs and a bowl and Bo nothing; nine mugs were credited to Bo, whom Ana turned out to be."""
    async with rows_of(mine) as sql:
        ana, bo = make_customer(sql, "Ana"), make_customer(sql, "Bo")
        mug, bowl = make_variant(sql, "MUG"), make_variant(sql, "BOWL")
        order = make_sale(sql, Sold(mug, 10, 1_200), Sold(bowl, 1, 2_400), placed_at=NOW)
        order.customer_id = ana.id
        make_credit(sql, mug, 9, CREDITED, on=NOW, customer=bo)
        figures: dict[object, CustomerFigures] = sql.session.sync_session.info
        figures[ana.id].orders, figures[ana.id].spend, figures[ana.id].last_order_at = 1, 14_400, order.placed_at
        figures[bo.id].spend = -CREDITED
        return ana, bo, mug


async def test_a_credit_is_taken_off_what_was_sold_and_is_no_order_that_was_cancelled(mine: NewShop) -> None:
    await returned_by_invoice(mine)
    do = at(mine, NOW)

    report = await do(sales_report)
    kpis = (await do(order_kpis)).windows[0]
    performance = {row.revenue.amount for row in (await do(product_performance)).data}
    revenue = {row.revenue.amount for row in (await do(product_revenue)).data}
    bestsellers = {row.revenue.amount for row in (await do(top_selling_products)).data}

    assert (report.totals.orders, report.totals.refunds.amount, report.totals.net.amount) == (1, CREDITED, 3_000)
    assert (kpis.orders, kpis.cancel_rate, kpis.revenue.amount) == (1, 0.0, 3_000)
    assert performance == revenue == bestsellers == {1_000, 2_000}


async def test_what_was_taken_back_is_no_bestseller_of_the_abc_analysis(mine: NewShop) -> None:
    await returned_by_invoice(mine)

    ranking = await at(mine, NOW)(abc_analysis)

    assert [(row.sku, row.units, row.revenue.amount) for row in ranking.data] == [("BOWL", 1, 2_000), ("MUG", 1, 1_000)]


async def test_customers_are_told_by_what_they_bought_less_their_credits_and_stay_so_when_they_are_merged(
    mine: NewShop,
) -> None:
    ana, bo, _ = await returned_by_invoice(mine)
    do = at(mine, NOW)

    apart = {row.name: row.net.amount for row in (await do(sales_by_customer)).customers}
    await do(merge_customers, customer=ana.reference, duplicate=bo.reference)
    (together,) = (await do(sales_by_customer)).customers
    scored = await do(segment_customers)
    profile = await do(get_customer, customer=ana.reference)
    (listed,) = (await do(list_customers)).data

    assert apart == {"Ana": 12_000, "Bo": -CREDITED}
    assert (together.net.amount, together.orders) == (3_000, 1)
    assert [(group.orders, group.spend.amount) for group in scored.groups] == [(1, 5_400)]
    assert (listed.orders, listed.spend.amount) == (1, 5_400)
    assert profile.reference == ana.reference
    assert "customer_figures" not in await misfits(mine)
