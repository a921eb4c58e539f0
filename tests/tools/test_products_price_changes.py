"""Many prices at once by a rule, exactly as previewed, and back again."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from db.models.products import Category, PriceChangeLine, Product, Repriced, Variant
from tests.conftest import Do
from tests.factories import NewShop, make_category, make_variant
from tests.tools.selling import at, rows_of
from tools.backoffice.taxes import set_tax_rate
from tools.contract.actors import Hand
from tools.contract.call import Shop, call
from tools.contract.cards import Card
from tools.contract.errors import Invalid, NotFound
from tools.products import price_changes
from tools.products.creation import CurrencyNotSold
from tools.products.detail import get_product
from tools.products.price_changes import (
    NoPriceToChange,
    NothingChosen,
    PriceBelowZero,
    TooManyPrices,
    change_prices,
)
from tools.products.price_undo import NothingToUndo, UndoneAlready, undo_price_change
from tools.products.prices import get_price_history, set_price
from tools.products.repricing import PriceInThePast, PricePlanned, PricesChangedSince
from tools.products.variants import update_variant
from tools.rules.price_rules import Ending, Rule, floor_of

NOW, LATER = "2026-11-22T15:00:00+01:00", "2026-11-22T16:00:00+01:00"
FRIDAY, MONDAY = "2026-11-27T00:00:00+01:00", "2026-11-30T00:00:00+01:00"


@pytest.fixture
async def candles(mine: NewShop) -> Category:
    """A shelf with candles at 10.00, 20.00 and 30.00; a mug at 20.00 stands elsewhere."""
    async with rows_of(mine) as sql:
        shelf = make_category(sql, "Candles")
        for nth, cost in enumerate((400, 900, None), start=1):
            candle = make_variant(sql, f"CANDLE-{nth}", title=f"Candle {nth}", price=1_000 * nth, category=shelf)
            candle.cost, candle.cost_currency = (Decimal(cost), "EUR") if cost else (None, None)
        make_variant(sql, "MUG", price=2_000)
        return shelf


async def prices(do: Do, *skus: str) -> list[int | None]:
    found = [await do(get_price_history, sku=sku) for sku in skus or ("CANDLE-1", "CANDLE-2", "CANDLE-3", "MUG")]
    return [history.price.amount if history.price else None for history in found]


async def card_of(do: Do, **arguments: Any) -> Card:
    card = (await do.outcome(change_prices, preview=True, **arguments)).card
    assert card is not None
    return card


# ---- by rule -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "amount", "becomes"),
    [
        (Rule("EUR", percent=Decimal(-10)), 1_999, 1_799),
        (Rule("EUR", percent=Decimal(-10), ending=Ending.ends_95), 1_999, 1_795),
        (Rule("EUR", percent=Decimal(-10), ending=Ending.ends_99), 1_999, 1_799),
        (Rule("EUR", percent=Decimal("2.5"), ending=Ending.whole), 1_999, 2_000),
        (Rule("EUR", percent=Decimal(-90), ending=Ending.ends_95), 100, 95),
        (Rule("EUR", percent=Decimal(-90), ending=Ending.whole), 100, 100),
        (Rule("EUR", by=-250), 1_999, 1_749),
        (Rule("EUR", to=500), 1_999, 500),
        (Rule("JPY", percent=Decimal(-10), ending=Ending.whole), 1_999, 1_799),
        (Rule("KWD", percent=Decimal(-10), ending=Ending.ends_95), 1_999, 1_950),
    ],
)
def test_a_price_by_a_rule(rule: Rule, amount: int, becomes: int) -> None:
    assert rule.price(amount) == becomes


@given(st.integers(0, 10**9), st.sampled_from(["EUR", "KWD"]), st.sampled_from(list(Ending)))
def test_a_rounded_price_ends_as_it_shall_and_is_the_nearest(amount: int, currency: str, ending: Ending) -> None:
    rule, unit = Rule(currency, percent=Decimal(0), ending=ending), {"EUR": 100, "KWD": 1_000}[currency]

    price, floor = rule.price(amount), rule.at_least(Decimal(amount))

    cents = {Ending.ends_95: 95, Ending.ends_99: 99, Ending.whole: 0}[ending] * unit // 100
    assert price % unit == floor % unit == cents
    assert price > 0
    assert floor >= amount
    assert abs(price - amount) <= unit / 2 or price < unit or price == unit > amount


def test_the_floor_is_cost_and_margin_and_the_tax_that_the_price_contains() -> None:
    assert floor_of(Decimal(1_000), Decimal(30), Decimal("0.2")) == 1_560


async def test_a_shelf_is_marked_down_and_the_others_stay(mine: NewShop, candles: Category) -> None:
    do = at(mine, NOW)

    changed = await do(change_prices, category="Candles", percent="-10", round_to="ends_95")

    assert [(row.sku, row.before.amount, row.price.amount, row.outcome) for row in changed.rows] == [
        ("CANDLE-1", 1_000, 895, Repriced.changed),
        ("CANDLE-2", 2_000, 1_795, Repriced.changed),
        ("CANDLE-3", 3_000, 2_695, Repriced.changed),
    ]
    assert await prices(do) == [895, 1_795, 2_695, 2_000]


async def test_no_price_goes_below_cost_and_margin(mine: NewShop, candles: Category) -> None:
    """1.60 of 4.00 on top and 20 % of tax make 6.72; the second is at its floor, and nobody knows what the third costs."""
    do = at(mine, NOW)
    await do(set_price, sku="CANDLE-2", amount=1_500)

    changed = await do(change_prices, category="Candles", percent="-50", margin=40)

    assert [(row.sku, row.price.amount, row.outcome) for row in changed.rows] == [
        ("CANDLE-1", 672, Repriced.floored),
        ("CANDLE-2", 1_500, Repriced.floored),
        ("CANDLE-3", 3_000, Repriced.without_cost),
    ]
    assert (changed.changed, changed.floored, changed.without_cost) == (1, 2, 1)
    assert await prices(do) == [672, 1_500, 3_000, 2_000]


async def test_the_floor_contains_the_tax_of_the_variants_own_class(mine: NewShop, candles: Category) -> None:
    """1.60 of 4.00 on top make 5.60, and with 5 % of tax instead of 20 it is 5.88."""
    do = at(mine, NOW)
    await do(set_tax_rate, country="FR", tax_class="books", rate=5)
    candle = (await do(get_product, product="CANDLE-1")).variants[0]
    await do(update_variant, sku="CANDLE-1", tax_class="books", version=candle.version)

    await do(change_prices, skus=["CANDLE-1"], percent="-50", margin=40)

    assert await prices(do, "CANDLE-1") == [588]


async def test_the_preview_shows_each_variant_with_both_prices_and_what_stays(mine: NewShop, candles: Category) -> None:
    card = await card_of(
        at(mine, NOW), category="Candles", to_amount=2_000, margin=40, valid_from=FRIDAY, valid_until=MONDAY
    )

    assert card.sentences == [
        "Prices in Candles become 20.00 EUR, but not below cost and 40 %, from 27 November 2026 at 00:00 CET"
        " until 30 November 2026 at 00:00 CET: 1 variant.",
        "CANDLE-1 from 10.00 to 20.00 EUR.",
        "CANDLE-2 stays as it is, for the rule changes nothing.",
        "CANDLE-3 stays as it is, for its cost is not known.",
    ]
    rows = [row["fields"] for row in card.changes if row["row"] == "price change line"]
    assert [(row["sku"], row["amount_before"], row["amount"], row["outcome"]) for row in rows] == [
        ("CANDLE-1", 1_000, 2_000, "changed"), ("CANDLE-2", 2_000, 2_000, "unchanged"), ("CANDLE-3", 3_000, 3_000, "without_cost"),
    ]  # fmt: skip


async def test_prices_of_a_weekend_go_back_by_themselves(mine: NewShop, candles: Category) -> None:
    await at(mine, NOW)(
        change_prices, everything=True, by_amount=-100, strike_through=True, valid_from=FRIDAY, valid_until=MONDAY
    )

    assert await prices(at(mine, NOW)) == [1_000, 2_000, 3_000, 2_000]
    assert await prices(at(mine, FRIDAY)) == [900, 1_900, 2_900, 1_900]
    assert await prices(at(mine, MONDAY)) == [1_000, 2_000, 3_000, 2_000]
    shown = await at(mine, FRIDAY)(get_product, product="MUG")
    assert [str(price.compare_at) for price in shown.variants[0].prices] == ["20.00 EUR"]


@pytest.mark.parametrize(
    ("chosen", "skus"),
    [
        ({"brand": "LUNA"}, ["CANDLE-1"]),
        ({"tag": "Sale"}, ["CANDLE-1", "MUG"]),
        ({"tag": "sale", "category": "Candles"}, ["CANDLE-1"]),
        ({"skus": ["candle-2", "MUG"]}, ["CANDLE-2", "MUG"]),
        ({"text": "CANDLE"}, ["CANDLE-1", "CANDLE-2", "CANDLE-3"]),
        ({"everything": True}, ["CANDLE-1", "CANDLE-2", "CANDLE-3", "MUG"]),
    ],
)
async def test_who_chooses_in_several_ways_means_what_fits_all(
    mine: NewShop, candles: Category, chosen: dict[str, Any], skus: list[str]
) -> None:
    async with rows_of(mine) as sql:
        for sku, brand in (("CANDLE-1", "Luna"), ("MUG", "Terra")):
            query = (
                select(Product).join(Variant, Variant.product_id == Product.id).where(Product.merchant_id == mine.id)
            )
            product = (await sql.session.scalars(query.where(Variant.sku == sku))).one()
            product.brand, product.tags = brand, ["sale"]

    changed = await at(mine, NOW)(change_prices, percent=5, **chosen)

    assert [row.sku for row in changed.rows] == skus


@pytest.mark.parametrize(
    ("arguments", "refusal", "says"),
    [
        ({"percent": 5}, NothingChosen, "not said whose prices"),
        ({"everything": True}, Invalid, "one of percent, by_amount and to_amount"),
        ({"everything": True, "percent": 5, "by_amount": 5}, Invalid, "one of percent, by_amount and to_amount"),
        ({"everything": True, "percent": 5, "valid_from": "2026-11-01T00:00:00Z"}, PriceInThePast, "is over"),
        ({"everything": True, "percent": 5, "currency": "USD"}, CurrencyNotSold, "not in USD"),
        ({"category": "Attic", "percent": 5}, NotFound, "no category Attic"),
        ({"text": "nothing", "percent": 5}, NoPriceToChange, "Nothing in the catalogue"),
        ({"text": "mug", "to_amount": 2_000}, NoPriceToChange, "1 have a price in EUR then, and none"),
        (
            {"category": "Candles", "by_amount": -2_500},
            PriceBelowZero,
            "CANDLE-1 at 10.00 EUR and CANDLE-2 at 20.00 EUR would",
        ),
    ],
)
async def test_a_change_that_cannot_be_is_refused(
    mine: NewShop, candles: Category, arguments: dict[str, Any], refusal: type[Exception], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        await at(mine, NOW)(change_prices, **arguments)

    assert await prices(at(mine, NOW)) == [1_000, 2_000, 3_000, 2_000]


async def test_a_change_is_one_that_can_be_looked_through(
    mine: NewShop, candles: Category, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_changes, "MOST", 3)

    with pytest.raises(TooManyPrices, match="More than 3 variants"):
        await at(mine, NOW)(change_prices, everything=True, percent=5)


async def test_a_change_over_a_planned_price_names_it(mine: NewShop, candles: Category) -> None:
    await at(mine, NOW)(set_price, sku="CANDLE-2", amount=1_500, valid_from="2026-11-28T00:00:00Z")

    with pytest.raises(PricePlanned, match="CANDLE-2 has a price planned"):
        await at(mine, NOW)(change_prices, category="Candles", percent=-10, valid_from=FRIDAY, valid_until=MONDAY)


async def test_thousands_are_changed_in_as_many_statements_as_three(
    mine: NewShop, candles: Category, shop: Shop
) -> None:
    from tools.contract.call import opened, validated

    statements: list[int] = []
    for more in (0, 300):
        async with rows_of(mine) as sql:
            for nth in range(more):
                make_variant(sql, f"MORE-{nth}", category=candles)
        async with opened(shop, change_prices, mine.caller("owner"), key=f"changes {more}") as (ctx, _):
            await change_prices(ctx, validated(change_prices, {"category": "Candles", "percent": -10}))
            statements.append(len(ctx.sql.statements))

    assert statements[0] == statements[1]


# ---- as previewed --------------------------------------------------------------------------------------------------------


async def test_what_was_previewed_is_what_is_applied(mine: NewShop, candles: Category) -> None:
    previewed = (await card_of(at(mine, NOW), category="Candles", percent=-10)).arguments

    changed = await at(mine, LATER)(change_prices, **previewed)

    assert changed.changed == 3


async def test_what_changed_since_the_preview_is_refused_by_name(mine: NewShop, candles: Category) -> None:
    previewed = (await card_of(at(mine, NOW), category="Candles", percent=-10)).arguments
    await at(mine, LATER)(set_price, sku="CANDLE-2", amount=2_500)
    async with rows_of(mine) as sql:
        make_variant(sql, "CANDLE-4", category=candles)

    with pytest.raises(PricesChangedSince, match=r"3 prices were shown .* \(4 prices: CANDLE-2 changed since\)"):
        await at(mine, "2026-11-22T17:00:00+01:00")(change_prices, **previewed)

    assert (await prices(at(mine, LATER)))[:3] == [1_000, 2_500, 3_000]


async def test_the_card_that_a_model_waits_for_binds_what_it_shows(mine: NewShop, candles: Category) -> None:
    shop = at(mine, NOW).shop
    model = mine.caller("owner", hand=Hand.model)
    asked = await call(shop, change_prices, {"category": "Candles", "percent": -10}, model, key="a change of prices")

    assert asked.result is None
    assert asked.card is not None
    assert asked.card.arguments["previewed"]


async def test_a_token_that_is_none_is_refused(mine: NewShop, candles: Category) -> None:
    with pytest.raises(Invalid, match="not a cursor"):
        await at(mine, NOW)(change_prices, category="Candles", percent=-10, previewed="yes")


# ---- back again ----------------------------------------------------------------------------------------------------------


async def test_a_change_is_taken_back(mine: NewShop, candles: Category) -> None:
    change = (await at(mine, NOW)(change_prices, category="Candles", percent=-10, strike_through=True)).change

    undone = await at(mine, LATER)(undo_price_change, change=change)

    assert (undone.restored, undone.skipped, undone.over) == (3, [], 0)
    assert await prices(at(mine, LATER)) == [1_000, 2_000, 3_000, 2_000]
    history = await at(mine, LATER)(get_price_history, sku="CANDLE-1")
    assert [row.price.amount for row in history.data] == [1_000, 900, 1_000]
    with pytest.raises(UndoneAlready, match="was taken back on 22 November 2026 at 16:00 CET"):
        await at(mine, LATER)(undo_price_change, change=change)


async def test_a_planned_change_that_is_taken_back_leaves_nothing(mine: NewShop, candles: Category) -> None:
    change = (
        await at(mine, NOW)(change_prices, category="Candles", percent=-10, valid_from=FRIDAY, valid_until=MONDAY)
    ).change

    await at(mine, LATER)(undo_price_change, change=change)

    for moment in (FRIDAY, "2026-11-28T00:00:00Z", MONDAY):
        assert await prices(at(mine, moment)) == [1_000, 2_000, 3_000, 2_000]
    history = await at(mine, LATER)(get_price_history, sku="CANDLE-1")
    assert [row.price.amount for row in history.data] == [1_000]


async def test_a_change_that_is_taken_back_in_the_middle_ends_as_it_would_have(
    mine: NewShop, candles: Category
) -> None:
    change = (
        await at(mine, NOW)(change_prices, category="Candles", percent=-10, valid_from=FRIDAY, valid_until=MONDAY)
    ).change

    await at(mine, "2026-11-28T12:00:00Z")(undo_price_change, change=change)

    history = await at(mine, MONDAY)(get_price_history, sku="CANDLE-1")
    assert [row.price.amount for row in history.data] == [1_000, 900, 1_000]
    assert history.data[0].valid_until is None


async def test_what_was_changed_since_stops_it_or_is_left_alone(mine: NewShop, candles: Category) -> None:
    change = (await at(mine, NOW)(change_prices, category="Candles", percent=-10)).change
    await at(mine, LATER)(set_price, sku="CANDLE-2", amount=1_111)

    with pytest.raises(PricesChangedSince, match="CANDLE-2 has another price by now"):
        await at(mine, LATER)(undo_price_change, change=change)
    undone = await at(mine, LATER)(undo_price_change, change=change, skip_changed=True)

    assert (undone.restored, undone.skipped) == (2, ["CANDLE-2"])
    assert await prices(at(mine, LATER)) == [1_000, 1_111, 3_000, 2_000]


async def test_changes_are_taken_back_one_after_the_other_the_last_first(mine: NewShop, candles: Category) -> None:
    first = await at(mine, NOW)(change_prices, category="Candles", percent=-10)
    second = await at(mine, LATER)(change_prices, category="Candles", percent=-10)

    for change in (second, first):
        await at(mine, "2026-11-22T17:00:00+01:00")(undo_price_change, change=change.change)

    assert await prices(at(mine, MONDAY)) == [1_000, 2_000, 3_000, 2_000]


async def test_of_a_sale_that_is_over_nothing_is_taken_back(mine: NewShop, candles: Category) -> None:
    change = (await at(mine, NOW)(change_prices, category="Candles", percent=-10, valid_until=FRIDAY)).change

    with pytest.raises(NothingToUndo, match="holds any more"):
        await at(mine, MONDAY)(undo_price_change, change=change)


async def test_a_first_price_that_is_taken_back_leaves_none(mine: NewShop, candles: Category) -> None:
    async with rows_of(mine) as sql:
        new = make_variant(sql, "NEW", currency="USD")
    change = (await at(mine, NOW)(set_price, sku=new.sku, amount=500)).change

    await at(mine, LATER)(undo_price_change, change=change)

    assert await prices(at(mine, LATER), "NEW") == [None]


async def test_what_a_change_did_is_kept_with_what_it_replaced(mine: NewShop, candles: Category) -> None:
    await at(mine, NOW)(change_prices, category="Candles", percent=-10)

    async with rows_of(mine) as sql:
        query = select(PriceChangeLine).where(PriceChangeLine.merchant_id == mine.id).order_by(PriceChangeLine.sku)
        lines = list(await sql.session.scalars(query))
    assert [(line.sku, line.amount_before, line.amount) for line in lines] == [
        ("CANDLE-1", 1_000, 900), ("CANDLE-2", 2_000, 1_800), ("CANDLE-3", 3_000, 2_700),
    ]  # fmt: skip
