"""Who buys how much; and who buys how lately, how often and for how much, by fifths."""

import random
from datetime import timedelta

from db import clock
from db.models.customers import Customer
from db.models.orders import OrderStatus
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_variant
from tests.tools.misfits import misfits
from tests.tools.selling import Sold, make_sale
from tests.tools.till import writing
from tools.customers.consents import set_consent
from tools.customers.reports import RfmGroup, sales_by_customer, segment_customers
from tools.orders.reports import sales_report
from tools.products.changes import update_product
from tools.products.shelves import create_category

PERIOD = {"placed_from": "2026-03-01T00:00:00Z", "placed_until": "2026-04-01T00:00:00Z"}


async def test_sales_by_customer_are_those_of_the_sales_report(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        mug = make_variant(sql)
        ana, bea = make_customer(sql, "Ana Torres"), make_customer(sql, "Béa Noël")
        for buyer, units, moment in (
            (ana, 3, "2026-03-02"),
            (bea, 1, "2026-03-03"),
            (ana, 2, "2026-02-20"),
            (None, 1, "2026-03-04"),
        ):
            order = make_sale(sql, Sold(mug, units), placed_at=f"{moment}T12:00:00+00:00", shipping=490)
            order.customer_id = buyer.id if buyer else None
        make_sale(sql, Sold(mug), placed_at="2026-03-05T12:00:00+00:00", currency="USD").customer_id = ana.id

    report = await do(sales_by_customer, **PERIOD)
    whole = (await do(sales_report, **PERIOD)).totals

    assert [(row.name, row.customer, row.orders, row.units, row.net.amount) for row in report.customers] == [
        ("Ana Torres", ana.reference, 1, 3, 3_000),
        ("Guests", None, 1, 1, 1_000),
        ("Béa Noël", bea.reference, 1, 1, 1_000),
    ]
    assert report.net == whole.net
    assert report.change is None  # the shop opened in the middle of the month before
    assert sum(row.net.amount for row in report.customers) == whole.net.amount
    assert sum(row.total.amount for row in report.customers) == whole.total.amount
    assert report.customers[0].net_before.amount == 2_000
    assert report.customers[0].share == 60.0
    assert [(other.currency, other.orders) for other in report.other_currencies] == [("USD", 1)]

    first = await do(sales_by_customer, limit=1, **PERIOD)
    assert (len(first.customers), first.customers_left_out) == (1, 2)


async def test_sales_by_customer_are_narrowed_to_a_country_a_category_and_those_who_agreed_to_mail(
    mine: NewShop, do: Do
) -> None:
    async with writing(mine) as sql:
        mug, plate = make_variant(sql, "MUG"), make_variant(sql, "PLATE")
        ana, bea = make_customer(sql, "Ana Torres"), make_customer(sql, "Béa Noël")
        for buyer, goods, country in ((ana, mug, "FR"), (bea, plate, "BE")):
            order = make_sale(sql, Sold(goods), placed_at="2026-03-02T12:00:00+00:00", country=country)
            order.customer_id = buyer.id
    tea = await do(create_category, name="Tea")
    await do(update_product, product="PLATE", category=tea.reference, version=1)
    await do(set_consent, customer=ana.reference, channel="email", granted=True, source="by phone", wording="Yes.")

    async def buyers(**filters: object) -> list[str]:
        return [row.name for row in (await do(sales_by_customer, **PERIOD, **filters)).customers]

    assert await buyers(country="BE") == ["Béa Noël"]
    assert await buyers(category="Tea") == ["Béa Noël"]
    assert await buyers(consent="email") == ["Ana Torres"]
    assert await buyers(consent="sms") == []


async def test_a_period_without_sales_has_no_customers(do: Do) -> None:
    report = await do(sales_by_customer, **PERIOD)

    assert (report.net.amount, report.customers, report.customers_left_out) == (0, [], 0)


# ---- recency, frequency, monetary value ----------------------------------------------------------------------------------


async def shop_of(mine: NewShop, *bought: tuple[str, list[int], int]) -> dict[str, Customer]:
    """Customers by name, with the days since each of their orders and what each order cost."""
    made: dict[str, Customer] = {}
    async with writing(mine) as sql:
        for name, days, price in bought:
            made[name] = make_customer(sql, name)
            for ago in days:
                make_order(sql, customer=made[name], unit_price=price, placed_at=clock.now() - timedelta(days=ago))
    return made


async def test_fifths_are_told_by_rank_and_equals_get_the_same(mine: NewShop, do: Do) -> None:
    await shop_of(
        mine,
        ("Five", [1, 40, 80, 120, 160], 9_000),
        ("Four", [20, 60, 100, 140], 5_000),
        ("Once", [300], 1_000),
        ("Twin", [300], 1_000),
        ("Now", [2], 900),
        ("Was", [500, 510, 520, 530, 540], 9_000),
    )

    scored = await do(segment_customers)

    sizes = {row.group: row.customers for row in scored.groups}
    assert sizes == {"champions": 2, "new": 1, "lost": 2, "at_risk": 1}
    twins = (await do(segment_customers, group="lost")).members
    assert {(row.name, row.recency, row.frequency, row.monetary) for row in twins} == {
        ("Once", 2, 1, 2),
        ("Twin", 2, 1, 2),
    }
    (was,) = (await do(segment_customers, group="at_risk")).members
    assert (was.name, was.recency, was.frequency, was.monetary) == ("Was", 1, 5, 5)


async def test_a_credit_is_spent_less_and_no_order(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        ana, bea = make_customer(sql, "Ana Torres"), make_customer(sql, "Béa Noël")
        make_order(sql, customer=ana, unit_price=2_000)
        for buyer in (ana, bea):
            credit = make_order(sql, customer=buyer, unit_price=0, status=OrderStatus.cancelled)
            credit.adjustments = credit.total = -500
            sql.session.sync_session.info[buyer.id].spend -= 500

    assert await misfits(mine, "customer_figures") == {}
    (group,) = (await do(segment_customers)).groups

    assert (group.customers, group.orders, group.spend.amount) == (1, 1, 1_500)


async def test_scores_are_what_ranks_in_python_say(mine: NewShop, do: Do, chance: random.Random) -> None:
    bought = [
        (
            f"Buyer {number}",
            [chance.randrange(400) for _ in range(chance.choice((1, 1, 1, 2, 5)))],
            chance.randrange(500, 9_000),
        )
        for number in range(30)
    ]
    await shop_of(mine, *bought)
    expected = {
        name: tuple(
            min(5, 1 + 5 * sum(other < value for other in all_values) // (len(bought) - 1))
            for value, all_values in (
                (-min(days), [-min(others) for _, others, _ in bought]),
                (len(days), [len(others) for _, others, _ in bought]),
                (len(days) * price, [len(others) * cost for _, others, cost in bought]),
            )
        )
        for name, days, price in bought
    }

    assert await scores(do) == expected
    everybody = await do(segment_customers)
    assert sum(row.customers for row in everybody.groups) == everybody.customers == 30


async def test_orders_in_another_currency_change_no_scores(mine: NewShop, do: Do, chance: random.Random) -> None:
    """Figures that are kept are of all currencies: they are asked of a shop that has one."""
    await shop_of(mine, *[(f"Buyer {number}", [chance.randrange(400)], 900 + number) for number in range(12)])
    alone, groups = await scores(do), (await do(segment_customers)).groups

    async with writing(mine) as sql:
        make_order(sql, customer=make_customer(sql, "Abroad"), unit_price=700, currency="USD")

    assert (await scores(do), (await do(segment_customers)).groups) == (alone, groups)


async def scores(do: Do) -> dict[str, tuple[int, int, int]]:
    """Everybody's recency, frequency and monetary value."""
    found: dict[str, tuple[int, int, int]] = {}
    for group in RfmGroup:
        scored = await do(segment_customers, group=group.value, limit=100)
        found |= {row.name: (row.recency, row.frequency, row.monetary) for row in scored.members}
    return found


async def test_another_currency_is_a_question_of_its_own(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres")
        make_order(sql, customer=ana, unit_price=5_000)
        make_order(sql, customer=ana, unit_price=700, currency="USD")

    euros, dollars = await do(segment_customers), await do(segment_customers, currency="USD")

    assert [row.spend.amount for row in euros.groups] == [5_000]
    assert [(row.spend.amount, row.spend.currency) for row in dollars.groups] == [(700, "USD")]


async def test_a_shop_without_orders_has_no_groups(do: Do) -> None:
    scored = await do(segment_customers, group="champions")

    assert (scored.customers, scored.groups, scored.members, scored.members_left_out) == (0, [], [], 0)


async def test_members_beyond_the_limit_are_counted(mine: NewShop, do: Do) -> None:
    await shop_of(mine, ("Once", [300], 1_000), ("Twin", [300], 1_000), ("Trio", [300], 1_000))

    scored = await do(segment_customers, group="lost", limit=1)

    assert (len(scored.members), scored.members_left_out) == (1, 2)
