"""What an order costs: prices, promotions, shipping and tax, to the minor unit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.model import new_id
from db.models.products import PromotionKind, PromotionScope, PromotionStatus
from db.money import Rounding
from tools.rules.pricing import Method, Offer, Parcel, Tier, add_up, price_of
from tools.rules.promotions import Basket, Item, Promotion, objection, taken_off
from tools.rules.tax import Rate, rate_for, taxes

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TWENTY = Decimal("0.2")
FRENCH = [Rate(country="FR", region=None, tax_class="standard", rate=TWENTY)]


def item(subtotal: int, rate: Decimal = TWENTY, *, product: UUID | None = None, shelf: UUID | None = None) -> Item:
    return Item(product or new_id(), frozenset({shelf} if shelf else ()), subtotal, rate)


def promotion(*, percent: str | None = None, amount: int | None = None, **more: Any) -> Promotion:
    kind = PromotionKind.percentage if percent else PromotionKind.amount if amount else PromotionKind.free_shipping
    values: dict[str, Any] = {
        "id": new_id(), "reference": "PRO-1", "status": PromotionStatus.active, "name": "Spring", "code": "SPRING",
        "automatic": False, "kind": kind, "percent": percent, "amount": amount, "currency": "EUR" if amount else None,
        "applies_to": PromotionScope.everything, "products": frozenset[UUID](), "categories": frozenset[UUID](),
        "customer_group": None, "minimum_subtotal": None, "starts_at": NOW - timedelta(days=1), "ends_at": None,
        "usage_limit": None, "usage_limit_per_customer": None, "used": 0, "used_by_customer": 0,
    }  # fmt: skip
    return Promotion(**(values | more))


def parcel(price: int = 490, **more: Any) -> Parcel:
    values: dict[str, Any] = {
        "code": "standard", "name": "Standard", "countries": [], "currency": "EUR", "price": price, "free_above": None,
        "max_weight_grams": None, "tiers": [], "tax_class": "standard",
    }  # fmt: skip
    return Parcel(Method(**(values | more)), 1_000, "FR", None)


def basket(*items: Item, **more: Any) -> Basket:
    return replace(Basket(items or (item(5_000),), "EUR", "EUR", NOW, customer=True, customer_group=None), **more)


# ---- prices --------------------------------------------------------------------------------------------------------------


def test_the_price_is_that_of_the_highest_quantity_reached() -> None:
    offers = [
        Offer(amount=1_000, customer_group=None, min_quantity=1),
        Offer(amount=900, customer_group=None, min_quantity=10),
        Offer(amount=800, customer_group=None, min_quantity=50),
    ]

    assert price_of(offers, 9) == 1_000
    assert price_of(offers, 10) == 900
    assert price_of(offers, 500) == 800


def test_a_price_of_the_customers_group_goes_before_everybodys() -> None:
    offers = [
        Offer(amount=900, customer_group=None, min_quantity=10),
        Offer(amount=950, customer_group="trade", min_quantity=1),
    ]

    assert price_of(offers, 10) == 950


def test_without_an_offer_for_the_quantity_there_is_no_price() -> None:
    assert price_of([Offer(amount=900, customer_group=None, min_quantity=10)], 9) is None


# ---- tax -----------------------------------------------------------------------------------------------------------------


def test_tax_is_in_the_price_or_comes_on_top() -> None:
    assert taxes([1_200], [TWENTY], included=True, rounding=Rounding.half_up) == [200]
    assert taxes([1_200], [TWENTY], included=False, rounding=Rounding.half_up) == [240]


def test_lines_of_one_rate_are_taxed_together_and_rounded_once() -> None:
    assert taxes([101, 101, 101], [Decimal("0.05")] * 3, included=False, rounding=Rounding.half_up) == [5, 5, 5]
    assert taxes([110, 110, 110], [Decimal("0.05")] * 3, included=False, rounding=Rounding.half_up) == [6, 6, 5]


def test_half_a_cent_is_rounded_as_the_merchant_does() -> None:
    half = [10], [Decimal("0.05")]

    assert taxes(*half, included=False, rounding=Rounding.half_up) == [1]
    assert taxes(*half, included=False, rounding=Rounding.half_even) == [0]
    assert taxes(*half, included=False, rounding=Rounding.up) == [1]
    assert taxes(*half, included=False, rounding=Rounding.down) == [0]


def test_a_regions_rate_goes_before_its_countrys() -> None:
    rates = [*FRENCH, Rate(country="FR", region="Corse", tax_class="standard", rate=Decimal("0.1"))]

    assert rate_for(rates, "standard", "FR", "CORSE") == Decimal("0.1")
    assert rate_for(rates, "standard", "FR", "Bretagne") == TWENTY
    assert rate_for(rates, "standard", "FR", None) == TWENTY


def test_a_class_without_a_rate_is_taxed_as_standard_and_a_country_without_rates_is_not_taxed() -> None:
    rates = [*FRENCH, Rate(country="FR", region=None, tax_class="books", rate=Decimal("0.055"))]

    assert rate_for(rates, "books", "FR", None) == Decimal("0.055")
    assert rate_for(rates, "toys", "FR", None) == TWENTY
    assert rate_for(rates, "standard", "US", None) == 0


# ---- shipping ------------------------------------------------------------------------------------------------------------


def test_shipping_costs_what_the_weight_reaches_and_nothing_for_enough_goods() -> None:
    tiers = [Tier(above_weight=2_000, price=990), Tier(above_weight=500, price=690)]
    method = parcel(free_above=5_000, tiers=tiers).method

    assert method.charge(4_999, weight=499) == 490
    assert method.charge(4_999, weight=500) == 690
    assert method.charge(4_999, weight=30_000) == 990
    assert method.charge(5_000, weight=30_000) == 0


def test_a_method_serves_its_countries_its_currency_and_its_weight() -> None:
    method = parcel(countries=["FR", "BE"], max_weight_grams=1_000).method

    assert method.serves("BE", "EUR", 1_000)
    assert not method.serves("DE", "EUR", 1_000)
    assert not method.serves("FR", "USD", 1_000)
    assert not method.serves("FR", "EUR", 1_001)


# ---- promotions ----------------------------------------------------------------------------------------------------------


def test_an_amount_is_split_over_the_lines_by_largest_remainder() -> None:
    discounts, given = taken_off([promotion(amount=100)], [item(1_000), item(1_000), item(1_000)], Rounding.half_up)

    assert discounts == [34, 33, 33]
    assert sum(given.values()) == 100


def test_an_amount_never_takes_more_than_there_is() -> None:
    discounts, given = taken_off([promotion(amount=9_000)], [item(1_000), item(500)], Rounding.half_up)

    assert discounts == [1_000, 500]
    assert list(given.values()) == [1_500]


def test_percentages_go_before_amounts_and_automatic_ones_before_codes() -> None:
    ten_off = promotion(amount=1_000)
    ten_percent = promotion(percent="10")
    half_price = promotion(percent="50", automatic=True, code=None)

    discounts, given = taken_off([ten_off, ten_percent, half_price], [item(10_000)], Rounding.half_up)

    assert given == {half_price.id: 5_000, ten_percent.id: 500, ten_off.id: 1_000}
    assert discounts == [6_500]


def test_a_promotion_takes_off_its_own_products_and_shelves_alone() -> None:
    mugs, shelf = new_id(), new_id()
    items = [item(1_000, product=mugs), item(1_000, shelf=shelf), item(1_000)]
    of_product = promotion(percent="10", applies_to=PromotionScope.products, products=frozenset({mugs}))
    of_shelf = promotion(percent="20", applies_to=PromotionScope.categories, categories=frozenset({shelf}))

    discounts, _ = taken_off([of_product, of_shelf], items, Rounding.half_up)

    assert discounts == [100, 200, 0]


@pytest.mark.parametrize(
    ("change", "order", "why"),
    [
        ({"status": PromotionStatus.paused}, {}, "it is paused"),
        ({"starts_at": NOW + timedelta(days=1)}, {}, "it starts on 2026-11-23 at 12:00 UTC"),
        ({"ends_at": NOW}, {}, "it ended on 2026-11-22 at 12:00 UTC"),
        ({"customer_group": "trade"}, {}, "it is for customers of the group trade"),
        ({"usage_limit_per_customer": 1}, {"customer": False}, "it is limited for each customer, and the order names none"),
        ({"currency": "EUR"}, {"currency": "USD"}, "it is for orders in EUR, and this one is in USD"),
        ({"minimum_subtotal": 1}, {"currency": "USD"}, "it is for orders in EUR, and this one is in USD"),
        ({"minimum_subtotal": 5_001}, {}, "it begins at 50.01 EUR, and the order has 50.00 EUR"),
        ({"applies_to": PromotionScope.products}, {}, "none of the products is in it"),
    ],
)  # fmt: skip
def test_a_promotion_says_why_it_does_not_apply(change: dict[str, Any], order: dict[str, Any], why: str) -> None:
    assert objection(promotion(percent="10", **change), basket(**order)) == why


def test_a_promotion_that_meets_the_order_has_no_objection() -> None:
    asked = promotion(percent="10", customer_group="trade", minimum_subtotal=5_000, usage_limit_per_customer=1)

    assert objection(asked, basket(customer_group="trade")) is None


def test_a_promotion_is_used_up_for_everybody_or_for_a_customer() -> None:
    assert promotion(percent="10", usage_limit=3, used=3).used_up
    assert promotion(percent="10", usage_limit_per_customer=1, used_by_customer=1).used_up
    assert not promotion(percent="10", usage_limit=3, used=2, usage_limit_per_customer=1).used_up


# ---- all together --------------------------------------------------------------------------------------------------------


def test_an_order_with_tax_included_adds_up() -> None:
    ten_percent = promotion(percent="10")

    amounts = add_up(
        [item(3_998), item(1_999)], [ten_percent], parcel(), FRENCH, included=True, rounding=Rounding.half_up
    )

    assert (amounts.subtotal, amounts.discount, amounts.shipping) == (5_997, 600, 490)
    assert amounts.total == 5_997 - 600 + 490
    assert amounts.tax == 981  # (5397 + 490) * 0.2 / 1.2 = 981.17
    assert amounts.shipping_tax == 82
    assert amounts.given == {ten_percent.id: 600}


def test_an_order_with_tax_on_top_adds_up() -> None:
    amounts = add_up([item(3_998), item(1_999)], [], parcel(), FRENCH, included=False, rounding=Rounding.half_up)

    assert amounts.tax == 1_297  # (5997 + 490) * 0.2 = 1297.4
    assert amounts.total == 5_997 + 490 + 1_297
    assert [total for _, _, _, total in amounts.lines] == [4_797, 2_399]


def test_free_shipping_gives_what_shipping_would_have_cost() -> None:
    free = promotion()

    amounts = add_up([item(1_000)], [free], parcel(), FRENCH, included=True, rounding=Rounding.half_up)

    assert (amounts.shipping, amounts.total, amounts.given) == (0, 1_000, {free.id: 490})


def test_goods_reach_free_shipping_after_their_discount() -> None:
    sent_free_from_ten = parcel(free_above=1_000)
    ten_percent = [promotion(percent="10")]

    full = add_up([item(1_000)], [], sent_free_from_ten, FRENCH, included=True, rounding=Rounding.half_up)
    reduced = add_up([item(1_000)], ten_percent, sent_free_from_ten, FRENCH, included=True, rounding=Rounding.half_up)

    assert full.shipping == 0
    assert reduced.shipping == 490


RATES = [Decimal(rate) for rate in ("0", "0.021", "0.055", "0.1", "0.2", "0.25", "0.9999")]
items_of_any_kind = st.lists(
    st.tuples(st.integers(0, 10_000_000), st.sampled_from(RATES)), min_size=1, max_size=12
).map(lambda pairs: [item(subtotal, rate) for subtotal, rate in pairs])
promotions_of_any_kind = st.lists(
    st.one_of(
        st.integers(1, 10_000).map(lambda hundredths: promotion(percent=str(Decimal(hundredths) / 100))),
        st.integers(1, 100_000).map(lambda amount: promotion(amount=amount)),
        st.just(0).map(lambda _: promotion()),
    ),
    max_size=4,
)


@given(
    items_of_any_kind, promotions_of_any_kind, st.integers(0, 5_000), st.booleans(), st.booleans(),
    st.sampled_from(list(Rounding)),
)  # fmt: skip
def test_whatever_is_bought_the_parts_sum_to_the_whole_and_nothing_falls_below_zero(
    items: list[Item], promotions: list[Promotion], price: int, sent: bool, included: bool, rounding: Rounding
) -> None:
    amounts = add_up(items, promotions, parcel(price) if sent else None, FRENCH, included=included, rounding=rounding)

    subtotals, discounts, parts, totals = zip(*amounts.lines, strict=True)
    on_top = 0 if included else amounts.tax
    assert amounts.subtotal == sum(subtotals)
    assert amounts.discount == sum(discounts)
    assert amounts.tax == sum(parts) + amounts.shipping_tax
    assert amounts.total == amounts.subtotal - amounts.discount + amounts.shipping + on_top
    assert amounts.total == sum(totals) + amounts.shipping + (0 if included else amounts.shipping_tax)
    assert all(0 <= discount <= subtotal for subtotal, discount in zip(subtotals, discounts, strict=True))
    assert min(*parts, amounts.shipping, amounts.shipping_tax, amounts.total) >= 0
    charged = price if sent else 0
    assert sum(amounts.given.values()) == amounts.discount + charged - amounts.shipping


@given(items_of_any_kind, st.booleans(), st.sampled_from(list(Rounding)))
def test_the_tax_of_a_rate_is_within_a_unit_of_the_exact_one(
    items: list[Item], included: bool, rounding: Rounding
) -> None:
    parts = taxes([i.subtotal for i in items], [i.tax_rate for i in items], included=included, rounding=rounding)

    for rate in {i.tax_rate for i in items}:
        whole = sum(i.subtotal for i in items if i.tax_rate == rate)
        exact = whole * rate / (1 + rate) if included else whole * rate
        found = sum(part for part, i in zip(parts, items, strict=True) if i.tax_rate == rate)
        assert abs(found - exact) < 1
