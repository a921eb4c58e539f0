"""What a variant costs from when on, and what it has cost."""

import asyncio
from typing import Any

import psycopg.errors as pg
import pytest
from sqlalchemy import select

from db.models.backoffice import MerchantProfile
from db.models.products import Price, Variant
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_customer, make_variant, warehouse_of
from tests.tools.selling import at, rows_of, utc
from tools.contract.call import Shop
from tools.contract.errors import Invalid, ShopError
from tools.customers.profiles import create_customer
from tools.flows.create_order import create_order
from tools.products.creation import CurrencyNotSold
from tools.products.detail import get_product
from tools.products.price_changes import NoPriceToChange, change_prices
from tools.products.price_undo import undo_price_change
from tools.products.prices import CostsThatAlready, PriceState, get_price_history, set_price
from tools.products.promotions import create_promotion
from tools.products.repricing import PriceInThePast, PricePlanned

NOW = "2026-11-22T15:00:00+01:00"
FRIDAY, MONDAY = "2026-11-27T00:00:00+01:00", "2026-11-30T00:00:00+01:00"
HOME = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "FR"}


@pytest.fixture
async def mug(mine: NewShop) -> Variant:
    """A mug at 19.99."""
    async with rows_of(mine) as sql:
        return make_variant(sql, "MUG", warehouse=await warehouse_of(sql))


async def windows(mine: NewShop, mug: Variant) -> list[tuple[int, str, str | None]]:
    """The prices of the mug in their order, as (amount, from, until); days of 2026 alone."""
    async with rows_of(mine) as sql:
        rows = await sql.session.scalars(
            select(Price).where(Price.merchant_id == mine.id, Price.variant_id == mug.id).order_by(Price.valid_from)
        )
        return [
            (row.amount, f"{row.valid_from:%m-%d}", f"{row.valid_until:%m-%d}" if row.valid_until else None)
            for row in rows
        ]


async def told(do: Do, **arguments: Any) -> list[str]:
    card = (await do.outcome(set_price, preview=True, **arguments)).card
    assert card is not None
    return card.sentences


# ---- setting -------------------------------------------------------------------------------------------------------------


async def test_a_new_price_ends_the_one_before_it_and_keeps_it_as_history(mine: NewShop, mug: Variant) -> None:
    price = await at(mine, NOW)(set_price, sku="MUG", amount=2_490)

    assert (price.price.amount, price.before and price.before.amount, price.valid_until) == (2_490, 1_999, None)
    assert price.lowest_before is None
    assert await windows(mine, mug) == [(1_999, "01-01", "11-22"), (2_490, "11-22", None)]
    shown = await at(mine, NOW)(get_product, product="MUG")
    assert [held.price.amount for held in shown.variants[0].prices] == [2_490]


async def test_a_price_for_a_time_is_followed_by_the_one_before_it(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)

    assert await told(do, sku="MUG", amount=1_500, compare_at=1_999, valid_from=FRIDAY, valid_until=MONDAY) == [
        "The price of MUG falls from 19.99 to 15.00 EUR.",
        "It is shown with 19.99 EUR struck through.",
        "It holds from 27 November 2026 at 00:00 CET until 30 November 2026 at 00:00 CET.",
        "The lowest price of the 30 days before was 19.99 EUR.",
    ]
    await do(set_price, sku="MUG", amount=1_500, valid_from=FRIDAY, valid_until=MONDAY)

    assert await windows(mine, mug) == [(1_999, "01-01", "11-26"), (1_500, "11-26", "11-29"), (1_999, "11-29", None)]
    for moment, costs in ((NOW, 1_999), ("2026-11-28T12:00:00Z", 1_500), (MONDAY, 1_999)):
        async with rows_of(mine) as sql:
            ana = make_customer(sql)
        order = await at(mine, moment)(create_order, customer=ana.reference, lines=[{"sku": "MUG", "quantity": 1}])
        assert order.lines[0].unit_price.amount == costs


async def test_a_price_without_an_end_lasts_until_the_planned_one_begins(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    await do(set_price, sku="MUG", amount=1_500, valid_from=FRIDAY, valid_until=MONDAY)

    price = await do(set_price, sku="MUG", amount=2_200)

    assert price.valid_until == utc(FRIDAY)
    assert await windows(mine, mug) == [
        (1_999, "01-01", "11-22"), (2_200, "11-22", "11-26"), (1_500, "11-26", "11-29"), (1_999, "11-29", None),
    ]  # fmt: skip


async def test_a_planned_price_is_replaced_by_one_that_begins_with_it(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    await do(set_price, sku="MUG", amount=1_500, valid_from=FRIDAY)

    await do(set_price, sku="MUG", amount=1_400, valid_from=FRIDAY)

    assert await windows(mine, mug) == [(1_999, "01-01", "11-26"), (1_400, "11-26", None)]


async def test_a_price_that_would_run_into_a_planned_one_is_refused(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    await do(set_price, sku="MUG", amount=1_500, valid_from=FRIDAY)

    with pytest.raises(
        PricePlanned, match=r"MUG has a price planned to begin .* the first on 27 November 2026 at 00:00 CET"
    ):
        await do(set_price, sku="MUG", amount=1_800, valid_until=MONDAY)


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"valid_from": "2026-11-22T13:59:59Z"}, PriceInThePast),
        ({"valid_from": MONDAY, "valid_until": FRIDAY}, Invalid),
        ({"valid_until": NOW}, Invalid),
        ({"compare_at": 1_000}, Invalid),
        ({"currency": "USD"}, CurrencyNotSold),
        ({"amount": 1_999}, CostsThatAlready),
    ],
)
async def test_a_price_that_cannot_be_is_refused(
    mine: NewShop, mug: Variant, arguments: dict[str, Any], refusal: type[ShopError]
) -> None:
    with pytest.raises(refusal):
        await at(mine, NOW)(set_price, **{"sku": "MUG", "amount": 1_000, **arguments})

    assert await windows(mine, mug) == [(1_999, "01-01", None)]


async def test_each_currency_has_its_own_price(mine: NewShop, mug: Variant) -> None:
    async with rows_of(mine) as sql:
        profile = (
            await sql.session.scalars(select(MerchantProfile).where(MerchantProfile.merchant_id == mine.id))
        ).one()
        profile.currencies = ["EUR", "USD"]

    price = await at(mine, NOW)(set_price, sku="MUG", amount=2_300, currency="USD")

    assert price.before is None
    shown = await at(mine, NOW)(get_product, product="MUG")
    assert [str(held.price) for held in shown.variants[0].prices] == ["19.99 EUR", "23.00 USD"]


async def test_who_sets_a_price_at_the_same_time_does_so_one_after_the_other(
    shop: Shop, mine: NewShop, mug: Variant
) -> None:
    do = Do(shop, mine.caller("owner"))

    await asyncio.gather(*(do(set_price, sku="MUG", amount=1_000 + nth) for nth in range(4)))

    prices = await windows(mine, mug)
    assert len(prices) == 5
    assert [until for _, _, until in prices].count(None) == 1


async def test_no_two_prices_hold_at_once_whoever_writes_them(mine: NewShop, mug: Variant) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        own = {"merchant_id": mine.id, "variant_id": mug.id, "currency": "EUR", "created_at": LONG_AGO}
        sql.session.add(Price(**own, amount=1, valid_from=utc(NOW)))

        with pytest.raises(pg.ExclusionViolation):
            await sql.flush()


# ---- history -------------------------------------------------------------------------------------------------------------


async def test_the_history_tells_of_a_reduction_the_lowest_price_of_the_30_days_before(
    mine: NewShop, mug: Variant
) -> None:
    for moment, amount in (
        ("2026-09-01T09:00:00Z", 1_200),  # more than 30 days before the reduction
        ("2026-09-03T09:00:00Z", 2_400),
        ("2026-11-01T09:00:00Z", 1_800),
        ("2026-11-10T09:00:00Z", 2_400),
        ("2026-11-20T09:00:00Z", 1_600),
    ):
        await at(mine, moment)(set_price, sku="MUG", amount=amount)

    history = await at(mine, NOW)(get_price_history, sku="mug")

    assert [(row.price.amount, row.lowest_before and row.lowest_before.amount, row.state) for row in history.data] == [
        (1_600, 1_800, PriceState.current),
        (2_400, None, PriceState.past),
        (1_800, 2_400, PriceState.past),
        (2_400, None, PriceState.past),
        (1_200, 1_999, PriceState.past),
        (1_999, None, PriceState.past),
    ]
    assert (str(history.price), str(history.lowest_before)) == ("16.00 EUR", "18.00 EUR")


async def test_30_days_are_never_an_hour_short(mine: NewShop, mug: Variant) -> None:
    """Between 10 October and 9 November the clocks go back: 30 days are 721 hours."""
    await at(mine, "2026-10-01T00:00:00+02:00")(set_price, sku="MUG", amount=1_500)
    await at(mine, "2026-10-10T08:30:00+02:00")(set_price, sku="MUG", amount=2_400)

    price = await at(mine, "2026-11-09T08:00:00+01:00")(set_price, sku="MUG", amount=2_000)

    assert str(price.lowest_before) == "15.00 EUR"


async def test_a_sale_that_goes_on_began_when_it_began(mine: NewShop, mug: Variant) -> None:
    await at(mine, "2026-11-02T09:00:00Z")(set_price, sku="MUG", amount=1_500, valid_until="2026-11-09T09:00:00Z")
    await at(mine, "2026-11-08T09:00:00Z")(
        set_price, sku="MUG", amount=1_500, valid_from="2026-11-09T09:00:00Z", valid_until=FRIDAY
    )

    history = await at(mine, NOW)(get_price_history, sku="MUG")

    assert [(row.price.amount, row.state) for row in history.data] == [
        (1_999, PriceState.planned), (1_500, PriceState.current), (1_999, PriceState.past),
    ]  # fmt: skip
    assert str(history.lowest_before) == "19.99 EUR"


async def test_the_history_has_pages(mine: NewShop, mug: Variant) -> None:
    for day in range(1, 6):
        await at(mine, f"2026-11-0{day}T09:00:00Z")(set_price, sku="MUG", amount=1_000 + day)
    do = at(mine, NOW)

    first = await do(get_price_history, sku="MUG", limit=4)
    second = await do(get_price_history, sku="MUG", limit=4, after=first.next)

    assert [row.price.amount for row in [*first.data, *second.data]] == [1_005, 1_004, 1_003, 1_002, 1_001, 1_999]
    assert second.data[0].lowest_before is not None
    assert str(second.price) == "10.05 EUR"
    assert not second.has_more


# ---- of groups and quantities --------------------------------------------------------------------------------------------


async def ordered(do: Do, units: int, **more: Any) -> int:
    """The unit price of so many mugs."""
    wish = {"lines": [{"sku": "MUG", "quantity": units}], "shipping_address": HOME}
    return (await do(create_order, **wish, **more)).lines[0].unit_price.amount


async def costs(do: Do, **whose: Any) -> int | None:
    history = await do(get_price_history, sku="MUG", **whose)
    return history.price.amount if history.price else None


async def test_a_group_pays_its_own_price_and_who_buys_many_the_price_of_many(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    await do(create_customer, name="Hotel Bellevue", email="bellevue@example.com", customer_group="Wholesale")
    await do(set_price, sku="MUG", amount=1_800, min_quantity=3)
    theirs = await do(set_price, sku="MUG", amount=1_200, customer_group="wholesale")
    await do(set_price, sku="MUG", amount=1_100, customer_group="WHOLESALE", min_quantity=3)

    assert (theirs.customer_group, theirs.min_quantity, theirs.before) == ("Wholesale", 1, None)
    assert [await ordered(do, units) for units in (1, 3)] == [1_999, 1_800]
    assert [await ordered(do, units, email="bellevue@example.com") for units in (1, 2, 3)] == [1_200, 1_200, 1_100]
    assert await costs(do) == 1_999
    assert await costs(do, customer_group="wholesale", min_quantity=3) == 1_100
    shown = (await do(get_product, product="MUG")).variants[0].prices
    assert [(price.price.amount, price.customer_group, price.min_quantity) for price in shown] == [
        (1_999, None, 1), (1_200, "Wholesale", 1), (1_800, None, 3), (1_100, "Wholesale", 3),
    ]  # fmt: skip


async def test_the_card_of_a_price_says_whose_it_is(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    special = {"sku": "MUG", "customer_group": "wholesale", "min_quantity": 10}

    assert (await told(do, **special, amount=1_200))[0] == (
        "MUG gets a price of 12.00 EUR for wholesale from 10 units on; it had no such price."
    )
    await do(set_price, **special, amount=1_200)
    assert (await told(do, **special, amount=1_000))[0] == (
        "The price of MUG for wholesale from 10 units on falls from 12.00 to 10.00 EUR."
    )
    assert (await told(do, **special, amount=1_200, compare_at=1_500))[0] == (
        "The price of MUG for wholesale from 10 units on stays at 12.00 EUR."
    )


async def test_a_groups_prices_change_by_rule_and_go_back_and_everybodys_stay(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    await do(set_price, sku="MUG", amount=1_200, customer_group="wholesale")

    card = (
        await do.outcome(change_prices, preview=True, everything=True, percent="-10", customer_group="wholesale")
    ).card
    changed = await do(change_prices, everything=True, percent="-10", customer_group="wholesale")

    assert card is not None
    assert card.sentences[0] == "Prices of the whole catalogue for wholesale fall by 10 %, from now on: 1 variant."
    assert (changed.changed, changed.rows[0].price.amount) == (1, 1_080)
    assert await costs(do) == 1_999
    later = at(mine, "2026-11-22T16:00:00+01:00")
    await later(undo_price_change, change=changed.change)
    assert await costs(later, customer_group="wholesale") == 1_200
    with pytest.raises(NoPriceToChange):
        await later(change_prices, everything=True, percent="-10", customer_group="club")


async def test_a_promotion_for_a_group_is_for_it_in_whatever_case_it_is_written(mine: NewShop, mug: Variant) -> None:
    do = at(mine, NOW)
    await do(create_customer, name="Hotel Bellevue", email="bellevue@example.com", customer_group="Wholesale")
    await do(create_promotion, percent=10, customer_group="wholesale")

    wish = {"lines": [{"sku": "MUG", "quantity": 1}], "shipping_address": HOME}
    assert (await do(create_order, **wish, email="bellevue@example.com")).discount.amount == 200
