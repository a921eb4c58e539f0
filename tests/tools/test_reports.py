"""Sales reports: every figure against one that was added up by hand, or in another way."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from db.models.backoffice import MerchantProfile
from db.models.orders import Channel, Order, OrderStatus
from db.models.payments import TransactionKind, TransactionOutcome
from tests.conftest import Do
from tests.factories import NewShop, make_category, make_variant
from tests.tools.selling import Refund, Sold, Year, at, give_back, make_sale, rows_of, year_of_chance
from tools.contract.call import Shop, opened
from tools.contract.errors import Invalid, NotFound
from tools.orders.reports import SalesFigures, SalesReport, TooManyRows, sales_report
from tools.rules.sales import By

PARIS = ZoneInfo("Europe/Paris")
MARCH = {"placed_from": "2026-03-01T00:00:00+01:00", "placed_until": "2026-04-01T00:00:00+02:00"}
YEAR = {"placed_from": "2026-01-01T00:00:00+01:00", "placed_until": "2027-01-01T00:00:00+01:00"}
TIMES = (By.day, By.week, By.month)
AMOUNTS = ("gross", "discounts", "refunds", "net", "shipping", "tax", "total")


def amounts(figures: SalesFigures) -> dict[str, int]:
    return {name: getattr(figures, name).amount for name in AMOUNTS}


# ---- what the words mean -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("included", "price", "discount", "shipping"), [(True, 1_200, 240, 600), (False, 1_000, 200, 500)]
)
async def test_the_terms_are_without_tax_whichever_way_the_shop_quotes_its_prices(
    mine: NewShop, do: Do, included: bool, price: int, discount: int, shipping: int
) -> None:
    async with rows_of(mine) as sql:
        mugs = Sold(make_variant(sql), units=2, price=price, discount=discount)
        order = make_sale(sql, mugs, shipping=shipping, included=included)
        give_back(sql, order, 1_380)  # half of the 27.60 that were paid: 11.50 and 2.30 of tax

    report = await do(sales_report, **MARCH)

    assert amounts(report.totals) == {
        "gross": 2_000, "discounts": 200, "refunds": 1_150, "net": 650, "shipping": 500, "tax": 230, "total": 1_380,
    }  # fmt: skip
    assert (report.totals.orders, report.totals.units) == (1, 2)
    assert report.totals.average_order_value is not None
    assert report.totals.average_order_value.amount == 1_800


async def test_drafts_and_orders_that_came_to_nothing_count_nowhere_and_neither_do_their_refunds(
    mine: NewShop, do: Do
) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        for status in OrderStatus:
            give_back(sql, make_sale(sql, mug, status=status), 120)

    report = await do(sales_report, **MARCH)

    counted = 3  # pending, confirmed, completed
    assert (report.totals.orders, report.totals.gross.amount) == (counted, counted * 1_000)
    assert report.totals.refunds.amount == counted * 100


async def test_units_that_were_taken_out_of_an_order_were_not_sold(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_sale(sql, Sold(make_variant(sql), units=2, cancelled=3))

    report = await do(sales_report, **MARCH)

    assert report.totals.units == 2


async def test_a_chargeback_is_a_refund_until_it_is_won_and_what_failed_is_none(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        order = make_sale(sql, Sold(make_variant(sql), units=5))
        give_back(sql, order, 1_200, kind=TransactionKind.chargeback)
        give_back(sql, order, 600, kind=TransactionKind.chargeback_reversal)
        give_back(sql, order, 2_400, outcome=TransactionOutcome.failed)

    report = await do(sales_report, **MARCH)

    assert report.totals.refunds.amount == 500


async def test_a_refund_counts_when_the_money_went_and_not_when_the_order_was_placed(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        make_sale(sql, mug, placed_at="2026-01-20T12:00:00+01:00")
        order = make_sale(sql, mug, placed_at="2026-02-20T12:00:00+01:00")
        give_back(sql, order, 1_200, on="2026-03-05T12:00:00+01:00")

    report = await do(sales_report, **MARCH)

    assert (report.totals.orders, report.totals.net.amount, report.totals.tax.amount) == (0, -1_000, -200)
    assert report.totals.average_order_value is None
    assert (report.before.orders, report.before.net.amount) == (1, 1_000)
    assert report.change == -200.0


async def test_currencies_are_never_added_and_what_is_left_out_is_named(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        make_sale(sql, mug)
        give_back(sql, make_sale(sql, mug, currency="USD"), 600)
        make_sale(sql, mug, currency="USD")
        make_sale(sql, mug, currency="USD", status=OrderStatus.draft)
        make_sale(sql, mug, currency="JPY")

    euros = await do(sales_report, **MARCH)
    dollars = await do(sales_report, **MARCH, currency="USD")

    assert (euros.currency, euros.totals.net.currency, euros.totals.net.amount) == ("EUR", "EUR", 1_000)
    assert [(other.currency, other.orders) for other in euros.other_currencies] == [("USD", 2), ("JPY", 1)]
    assert (dollars.totals.orders, dollars.totals.refunds.amount, dollars.totals.refunds.currency) == (2, 500, "USD")


# ---- whose days they are -------------------------------------------------------------------------------------------------


async def test_half_past_eleven_on_the_last_evening_still_belongs_to_the_month(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        make_sale(sql, mug, placed_at="2026-03-31T23:30:00+02:00")
        make_sale(sql, mug, placed_at="2026-04-01T00:30:00+02:00")  # still March in UTC

    march = await do(sales_report, **MARCH)
    months = await do(
        sales_report,
        placed_from="2026-03-01T00:00:00+01:00",
        placed_until="2026-05-01T00:00:00+02:00",
        group_by="month",
    )

    assert march.totals.orders == 1
    assert [(group.group, group.orders) for group in months.groups] == [("2026-03-01", 1), ("2026-04-01", 1)]


async def test_the_days_are_those_of_the_merchants_own_zone(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        await sql.session.execute(update(MerchantProfile).values(zone="America/New_York"))
        make_sale(sql, Sold(make_variant(sql)), placed_at="2026-03-11T03:30:00+00:00")

    report = await do(
        sales_report, placed_from="2026-03-10T00:00:00-04:00", placed_until="2026-03-12T00:00:00-04:00", group_by="day"
    )

    assert report.zone == "America/New_York"
    assert [(group.group, group.orders) for group in report.groups] == [("2026-03-10", 1), ("2026-03-11", 0)]


async def test_a_day_of_twenty_five_hours_is_one_day(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        make_sale(sql, mug, placed_at="2026-10-25T00:15:00+02:00")
        make_sale(sql, mug, placed_at="2026-10-25T23:45:00+01:00")

    week = {"placed_from": "2026-10-24T00:00:00+02:00", "placed_until": "2026-10-27T00:00:00+01:00"}
    report = await do(sales_report, **week, group_by="day")

    assert [(group.group, group.orders) for group in report.groups] == [
        ("2026-10-24", 0), ("2026-10-25", 2), ("2026-10-26", 0),
    ]  # fmt: skip
    assert report.before_from == datetime.fromisoformat("2026-10-21T00:00:00+02:00")


async def test_a_month_is_compared_with_the_month_before_and_days_with_as_many_days(mine: NewShop, do: Do) -> None:
    month = await do(sales_report, **MARCH)
    days = await do(sales_report, placed_from="2026-03-30T00:00:00+02:00", placed_until="2026-04-06T00:00:00+02:00")
    hours = await do(sales_report, placed_from="2026-03-30T08:00:00+02:00", placed_until="2026-03-30T12:00:00+02:00")

    assert month.before_from == datetime.fromisoformat("2026-02-01T00:00:00+01:00")
    assert days.before_from == datetime.fromisoformat("2026-03-23T00:00:00+01:00")
    assert hours.before_from == datetime.fromisoformat("2026-03-30T04:00:00+02:00")


@pytest.mark.parametrize(
    ("first", "change"),
    [
        ("2026-02-01T09:00:00+01:00", 200.0),
        ("2026-02-02T00:00:00+01:00", None),
        ("2026-03-01T00:00:00+01:00", None),
    ],
)
async def test_nothing_is_compared_with_a_time_before_the_first_days_orders(
    mine: NewShop, do: Do, first: str, change: float | None
) -> None:
    """A shop that opened in the middle of February has not grown thirtyfold in March. The day of its first order is whole."""
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        make_sale(sql, mug, placed_at="2026-01-05T12:00:00+01:00", status=OrderStatus.cancelled)
        make_sale(sql, mug, placed_at=first)
        make_sale(sql, Sold(make_variant(sql), units=3 if change else 2), placed_at="2026-03-20T12:00:00+01:00")

    report = await do(sales_report, **MARCH)

    assert report.sold_since == datetime.fromisoformat(first[:11] + "00:00:00" + first[-6:])
    assert report.change == change


async def test_unless_said_it_is_the_last_thirty_days_with_today(mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        for moment in (
            "2026-10-23T14:59:00+02:00",
            "2026-10-23T15:00:00+02:00",
            "2026-10-24T00:00:00+02:00",
            "2026-11-22T23:59:00+01:00",
        ):
            make_sale(sql, mug, placed_at=moment)

    report = await at(mine, "2026-11-22T15:00:00+01:00")(sales_report)

    assert report.placed_from == datetime.fromisoformat("2026-10-24T00:00:00+02:00")
    assert report.placed_until == datetime.fromisoformat("2026-11-23T00:00:00+01:00")
    # As much of its last day as of today.
    assert report.before_until == datetime.fromisoformat("2026-10-23T15:00:00+02:00")
    assert (report.totals.orders, report.before.orders) == (2, 1)


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        pytest.param(("2026-11-16", "2026-11-23"), ("2026-11-09", "2026-11-11T15:00"), id="a week under way"),
        pytest.param(("2026-11-16", "2026-11-18T15:00"), ("2026-11-09", "2026-11-11T15:00"), id="a week until now"),
        pytest.param(("2026-11-16", "2026-11-18"), ("2026-11-09", "2026-11-11"), id="first days of a week"),
        pytest.param(("2026-11-14", "2026-11-16"), ("2026-11-07", "2026-11-09"), id="a weekend"),
        pytest.param(("2026-11-13", "2026-11-16"), ("2026-11-06", "2026-11-09"), id="a long weekend"),
        pytest.param(("2026-11-01", "2026-12-01"), ("2026-10-01", "2026-10-18T15:00"), id="a month under way"),
        pytest.param(("2026-11-01", "2026-11-18T15:00"), ("2026-10-01", "2026-10-18T15:00"), id="a month until now"),
        pytest.param(
            ("2026-03-01", "2026-03-31"), ("2026-02-01", "2026-03-01"), id="more days than the month before has"
        ),
        pytest.param(("2026-11-18", "2026-11-19"), ("2026-11-17", "2026-11-17T15:00"), id="today"),
        pytest.param(("2026-11-11", "2026-11-16"), ("2026-11-06", "2026-11-11"), id="any days"),
    ],
)
async def test_a_period_is_compared_like_with_like(
    mine: NewShop, asked: tuple[str, str], before: tuple[str, str]
) -> None:
    def there(day: str) -> datetime:
        return datetime.fromisoformat(day).replace(tzinfo=PARIS)

    start, until = map(there, asked)
    report = await at(mine, "2026-11-18T15:00:00+01:00")(sales_report, placed_from=start, placed_until=until)

    assert (report.before_from, report.before_until) == tuple(map(there, before))


async def test_means_are_told_by_how_orders_were_paid(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql)
        refunded = make_sale(sql, Sold(mug, units=3))
        give_back(sql, refunded, 100)
        for units in (1, 2):
            make_sale(sql, Sold(mug, units=units))

    report = await do(sales_report, **MARCH, group_by="payment_method")

    assert [(group.group, group.orders, group.units_per_order) for group in report.groups] == [
        ("Not known", 2, 1.5), ("card", 1, 3.0),
    ]  # fmt: skip
    assert report.totals.units_per_order == 2.0


async def test_weeks_begin_on_monday_and_days_without_sales_are_shown(mine: NewShop, do: Do) -> None:
    weeks = await do(sales_report, **MARCH, group_by="week")
    days = await do(sales_report, **MARCH, group_by="day")

    mondays = ["2026-02-23", "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-30"]
    assert [group.group for group in weeks.groups] == mondays
    assert len(days.groups) == 31
    assert days.groups[0].net_before is None


async def test_a_report_by_days_over_years_asks_for_less(mine: NewShop, do: Do) -> None:
    with pytest.raises(TooManyRows, match="has 731 rows; 400"):
        await do(sales_report, placed_from="2024-01-01T00:00:00Z", placed_until="2025-12-31T12:00:00Z", group_by="day")


async def test_a_period_that_ends_before_it_begins_is_refused(mine: NewShop, do: Do) -> None:
    with pytest.raises(Invalid, match="is empty"):
        await do(sales_report, placed_from=MARCH["placed_until"], placed_until=MARCH["placed_from"])


async def test_a_period_before_all_reckoning_is_refused(do: Do) -> None:
    with pytest.raises(Invalid, match="between the years 1970 and 2200"):
        await do(sales_report, placed_from="0001-01-01T00:00:00+14:00")


# ---- what is told apart --------------------------------------------------------------------------------------------------


async def test_a_refund_is_spread_over_the_lines_to_the_last_cent(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        thirds = [Sold(make_variant(sql, title=title), price=1_000) for title in ("Cup", "Bowl", "Plate")]
        give_back(sql, make_sale(sql, *thirds), 1_000)  # 8.33 and 1.67 of tax

    report = await do(sales_report, **MARCH, group_by="product")

    assert sorted(group.refunds.amount for group in report.groups) == [277, 278, 278]
    assert sum(group.refunds.amount for group in report.groups) == report.totals.refunds.amount == 833


async def test_a_refund_of_what_cost_nothing_is_not_lost(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        gifts = [Sold(make_variant(sql, title=title), price=0) for title in ("Card", "Ribbon")]
        give_back(sql, make_sale(sql, *gifts, shipping=600), 600)

    report = await do(sales_report, **MARCH, group_by="product")

    assert report.totals.refunds.amount == sum(group.refunds.amount for group in report.groups) == 500


async def test_the_highest_net_sales_come_first_and_the_answer_says_what_was_left_out(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = make_variant(sql)
        for city, units in (("Lille", 3), ("Lyon", 5), ("Brest", 1), ("Metz", 2)):
            make_sale(sql, Sold(mug, units=units), city=city)
        make_sale(sql, Sold(mug), city="Lyon", placed_at="2026-02-10T12:00:00+01:00")

    assert (await do(sales_report, **MARCH, city="lyon")).totals.units == 5
    report = await do(sales_report, **MARCH, group_by="city", limit=2)

    assert [group.group for group in report.groups] == ["Lyon, FR", "Lille, FR"]
    assert [group.net_before.amount for group in report.groups if group.net_before] == [1_000, 0]
    assert report.groups_left_out == 2
    assert report.totals.units == 11


async def test_sales_of_a_product_or_a_category_leave_shipping_out(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        kitchen = make_category(sql, "Kitchen")
        mug = make_variant(sql, "MUG", category=make_category(sql, "Mugs", kitchen))
        rake = make_variant(sql, "RAKE", category=make_category(sql, "Garden"))
        make_sale(sql, Sold(mug), Sold(rake, price=2_400), shipping=600)

    of_kitchen = await do(sales_report, **MARCH, category="kitchen")
    of_rake = await do(sales_report, **MARCH, product="RAKE")

    assert (of_kitchen.totals.net.amount, of_kitchen.totals.shipping.amount, of_kitchen.totals.orders) == (1_000, 0, 1)
    assert (of_rake.totals.net.amount, of_rake.totals.tax.amount) == (2_000, 400)


async def test_sales_can_be_narrowed_to_a_channel_and_a_country(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        mug = Sold(make_variant(sql))
        make_sale(sql, mug, channel=Channel.phone, country="DE")
        make_sale(sql, mug, channel=Channel.phone)
        make_sale(sql, mug)

    report = await do(sales_report, **MARCH, channel="phone", country="de")

    assert report.totals.orders == 1


async def test_sales_of_an_unknown_product_are_not_zero_but_not_found(mine: NewShop, do: Do) -> None:
    with pytest.raises(NotFound, match="There is no product NOPE"):
        await do(sales_report, product="NOPE")


# ---- the whole, added up in another way ----------------------------------------------------------------------------------

COUNTED = (OrderStatus.pending, OrderStatus.confirmed, OrderStatus.completed)
OF_LINES = (By.product, By.category)


@dataclass(frozen=True)
class Fact:
    """What a line, an order's shipping, or a line's part of a refund adds to the figures."""

    order: Order
    moment: datetime
    line: Sold | None
    adds: dict[str, int]
    sale: bool = True


def rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def facts(year: Year) -> Iterator[Fact]:
    sales = [(order, lines) for order, lines in year.sales if order.currency == "EUR" and order.status in COUNTED]
    for order, lines in sales:
        for line in lines:
            yield Fact(order, order.placed_at, line, _of_line(order, line))
        shipping = order.shipping - (order.shipping_tax if order.prices_include_tax else 0)
        yield Fact(order, order.placed_at, None, {"shipping": shipping, "tax": order.shipping_tax})
    for refund in year.refunds:
        for order, lines in sales:
            if order is refund.order:
                yield from _of_refund(refund, lines)


def _of_line(order: Order, line: Sold) -> dict[str, int]:
    tax, paid = line.tax(order.prices_include_tax), line.price * line.units - line.discount
    net = paid - tax if order.prices_include_tax else paid
    discount = rounded(line.discount / (1 + line.tax_rate)) if order.prices_include_tax else line.discount
    return {"gross": net + discount, "discounts": discount, "net": net, "tax": tax, "units": line.units}


def _of_refund(refund: Refund, lines: Sequence[Sold]) -> Iterator[Fact]:
    order = refund.order
    tax = rounded(Decimal(refund.amount) * order.tax / order.total)
    costs = [
        line.price * line.units - line.discount + (0 if order.prices_include_tax else line.tax(included=False))
        for line in lines
    ]
    for nth, line in enumerate(lines):
        upto, before, whole = sum(costs[: nth + 1]), sum(costs[:nth]), sum(costs)
        net, of_tax = (
            rounded(Decimal(what) * upto / whole) - rounded(Decimal(what) * before / whole)
            for what in (refund.amount - tax, tax)
        )
        yield Fact(order, refund.moment, line, {"refunds": net, "net": -net, "tax": -of_tax}, sale=False)


def group_of(fact: Fact, by: By | None, year: Year) -> str:
    day = fact.moment.astimezone(PARIS).date()
    order = fact.order
    groups = {
        None: "all",
        By.day: day.isoformat(),
        By.week: (day - timedelta(days=day.weekday())).isoformat(),
        By.month: day.replace(day=1).isoformat(),
        By.channel: order.channel.value,
        By.country: order.ship_country,
        By.region: ", ".join(filter(None, [order.ship_region, order.ship_country])),
        By.city: ", ".join(filter(None, [(order.ship_city or "").capitalize(), order.ship_country])),
        By.product: fact.line.variant.title if fact.line else None,
        By.category: year.shelves[fact.line.variant.id] if fact.line else None,
        By.payment_method: "card"
        if order.id in {refund.order.id for refund in year.refunds}
        else None,  # others paid nothing
    }
    return groups[by] or "Not known"


@pytest.mark.parametrize("by", [None, *By])
async def test_every_figure_of_a_year_is_what_its_orders_and_refunds_add_up_to(
    mine: NewShop, do: Do, by: By | None
) -> None:
    async with rows_of(mine) as sql:
        year = year_of_chance(sql, [make_category(sql, name) for name in ("Cups", "Pots")])
    expected: dict[str, Counter[str]] = defaultdict(Counter)
    buyers: dict[str, set[UUID]] = defaultdict(set)
    for fact in facts(year):
        if fact.line is None and by in OF_LINES:
            continue
        group = group_of(fact, by, year)
        expected[group].update(fact.adds)
        buyers[group] |= {fact.order.id} if fact.sale else set()

    report = await do(sales_report, **YEAR, group_by=by, **({} if by in TIMES else {"limit": 100}))

    groups = {group.group: group for group in report.groups if group.orders or group.refunds.amount}
    shown: dict[str, SalesFigures] = {**groups} if by else {"all": report.totals}
    assert shown.keys() == expected.keys()
    for group, sums in expected.items():
        total = sums["net"] + sums["shipping"] + sums["tax"]
        assert amounts(shown[group]) == {name: sums[name] for name in AMOUNTS} | {"total": total}, group
        assert (shown[group].units, shown[group].orders) == (sums["units"], len(buyers[group])), group


async def test_a_report_takes_two_statements_however_much_was_sold(mine: NewShop, shop: Shop) -> None:
    async with rows_of(mine) as sql:
        year_of_chance(sql, [make_category(sql)])

    async with opened(shop, sales_report, mine.caller("viewer")) as (ctx, _):
        before = len(ctx.sql.statements)
        await sales_report(ctx, SalesReport.model_validate(YEAR | {"group_by": "product"}))

        assert len(ctx.sql.statements) - before == 2
