"""What an order costs: prices, promotions, shipping and tax, to the minor unit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.model import new_id
from db.models.products import DiscountClass, PromotionKind, PromotionScope, PromotionStatus
from db.money import Rounding
from tools.rules.pricing import Method, Offer, Parcel, Tier, add_up, price_of
from tools.rules.promotions import Basket, Item, Promotion, objection, taken_off, together
from tools.rules.tax import Rate, rate_for, taxes

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TWENTY = Decimal("0.2")
FRENCH = [Rate(country="FR", region=None, tax_class="standard", rate=TWENTY)]


def item(subtotal: int, rate: Decimal = TWENTY, *, product: UUID | None = None, shelf: UUID | None = None) -> Item:
    return Item(product or new_id(), frozenset({shelf} if shelf else ()), 1, subtotal, rate)


def promotion(*, percent: str | None = None, amount: int | None = None, **more: Any) -> Promotion:
    kind = PromotionKind.percentage if percent else PromotionKind.amount if amount else PromotionKind.free_shipping
    values: dict[str, Any] = {
        "id": new_id(), "reference": "PRO-1", "status": PromotionStatus.active, "name": "Spring", "code": "SPRING",
        "automatic": False, "kind": kind, "percent": percent, "amount": amount, "currency": "EUR" if amount else None,
        "applies_to": PromotionScope.everything, "products": frozenset[UUID](), "categories": frozenset[UUID](),
        "customer_group": None, "customer_tags": frozenset[str](), "minimum_subtotal": None, "minimum_quantity": None,
        "combines_with": frozenset(DiscountClass), "priority": 0, "starts_at": NOW - timedelta(days=1), "ends_at": None,
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
    plain = Basket(
        items or (item(5_000),), "EUR", "EUR", NOW, customer=True, customer_group=None, customer_tags=frozenset()
    )
    return replace(plain, **more)


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
    hundred, mug = promotion(amount=100), new_id()

    parts = taken_off([hundred], [item(1_000, product=mug) for _ in range(3)], Rounding.half_up)

    assert parts == {hundred.id: [34, 33, 33]}


def test_an_amount_never_takes_more_than_there_is() -> None:
    parts = taken_off([promotion(amount=9_000)], [item(1_000), item(500)], Rounding.half_up)

    assert list(parts.values()) == [[1_000, 500]]


def test_percentages_go_before_amounts_and_automatic_ones_before_codes() -> None:
    ten_off = promotion(amount=1_000)
    ten_percent = promotion(percent="10")
    half_price = promotion(percent="50", automatic=True, code=None)

    parts = taken_off([ten_off, ten_percent, half_price], [item(10_000)], Rounding.half_up)

    assert parts == {half_price.id: [5_000], ten_percent.id: [500], ten_off.id: [1_000]}


def test_a_promotion_takes_off_its_own_products_and_shelves_alone() -> None:
    mugs, shelf = new_id(), new_id()
    items = [item(1_000, product=mugs), item(1_000, shelf=shelf), item(1_000)]
    of_product = promotion(percent="10", applies_to=PromotionScope.products, products=frozenset({mugs}))
    of_shelf = promotion(percent="20", applies_to=PromotionScope.categories, categories=frozenset({shelf}))

    parts = taken_off([of_product, of_shelf], items, Rounding.half_up)

    assert parts == {of_product.id: [100, 0, 0], of_shelf.id: [0, 200, 0]}


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
        ({"customer_tags": {"VIP", "press"}}, {"customer_tags": {"vips"}}, "it is for customers with the tag VIP or press"),
        ({"minimum_quantity": 2}, {}, "it begins at 2 units, and the order has 1"),
    ],
)  # fmt: skip
def test_a_promotion_says_why_it_does_not_apply(change: dict[str, Any], order: dict[str, Any], why: str) -> None:
    assert objection(promotion(percent="10", **change), basket(**order)) == why


def test_a_promotion_that_meets_the_order_has_no_objection() -> None:
    asked = promotion(
        percent="10", customer_group="trade", customer_tags={"VIP", "press"}, minimum_subtotal=5_000, minimum_quantity=1,
        usage_limit_per_customer=1,
    )  # fmt: skip

    assert objection(asked, basket(customer_group="trade", customer_tags=frozenset({"vip"}))) is None


def test_what_a_promotion_begins_at_is_counted_over_what_it_is_for() -> None:
    mugs = new_id()
    of_mugs = promotion(
        percent="10", applies_to=PromotionScope.products, products=frozenset({mugs}), minimum_quantity=3,
        minimum_subtotal=2_000,
    )  # fmt: skip

    def bought(quantity: int, price: int = 1_000) -> Basket:
        return basket(replace(item(quantity * price, product=mugs), quantity=quantity), item(9_000))

    assert objection(of_mugs, bought(1)) == "it begins at 20.00 EUR, and what it is for comes to 10.00 EUR"
    assert objection(of_mugs, bought(2)) == "it begins at 3 units, and what it is for comes to 2"
    assert objection(of_mugs, bought(3)) is None


def test_an_exclusive_promotion_stands_alone_and_the_one_that_takes_more_off_is_taken() -> None:
    alone: dict[str, Any] = {"combines_with": frozenset[DiscountClass](), "automatic": True, "code": None}
    twenty, ten = promotion(percent="20", **alone), promotion(percent="10", **alone)
    code, items = promotion(amount=50), [item(1_000)]

    assert together([ten, twenty], items, Rounding.half_up) == [twenty]
    assert together([twenty, ten, code], items, Rounding.half_up) == [code]  # somebody asked for it
    first = ten.model_copy(update={"priority": 1})
    assert together([twenty, first, code], items, Rounding.half_up) == [first]


def test_promotions_go_together_where_each_lets_the_other_s_class() -> None:
    mugs, items = new_id(), [item(1_000)]
    own: dict[str, Any] = {"applies_to": PromotionScope.products, "products": frozenset({items[0].product, mugs})}
    with_shipping = promotion(percent="10", combines_with=frozenset({DiscountClass.shipping}), **own)
    free, on_all = promotion(), promotion(percent="5")

    assert together([with_shipping, free], items, Rounding.half_up) == [with_shipping, free]
    assert together([with_shipping, free, on_all], items, Rounding.half_up) == [with_shipping, free]
    only_goods = free.model_copy(update={"combines_with": frozenset({DiscountClass.order})})
    assert together([with_shipping, only_goods], items, Rounding.half_up) == [with_shipping]


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


MUG, BOWL, SHELF = new_id(), new_id(), new_id()
lines_of_any_kind = st.lists(
    st.tuples(st.integers(0, 2_000), st.sampled_from([MUG, BOWL, new_id()]), st.sampled_from([None, SHELF])),
    min_size=1,
    max_size=8,
).map(lambda drawn: [item(price, product=product, shelf=shelf) for price, product, shelf in drawn])
terms_of_any_kind: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({
    "applies_to": st.sampled_from(list(PromotionScope)),
    "products": st.sampled_from([frozenset({MUG}), frozenset({MUG, BOWL})]),
    "categories": st.just(frozenset({SHELF})),
    "combines_with": st.frozensets(st.sampled_from(list(DiscountClass))),
    "priority": st.integers(-2, 2),
    "automatic": st.booleans(),
})  # fmt: skip
offers_of_any_kind = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 100), terms_of_any_kind).map(
            lambda drawn: promotion(percent=str(drawn[0]), **drawn[1])
        ),
        st.tuples(st.integers(1, 3_000), terms_of_any_kind).map(lambda drawn: promotion(amount=drawn[0], **drawn[1])),
        terms_of_any_kind.map(lambda terms: promotion(**terms)),
    ),
    max_size=5,
)


def shuffled(lists: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[tuple[list[Any], list[Any]]]:
    """A list, and the same in another order."""
    return lists.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values)))


@given(shuffled(lines_of_any_kind), shuffled(offers_of_any_kind), st.sampled_from(list(Rounding)))
def test_whatever_is_offered_no_line_falls_below_zero_and_the_order_of_lines_and_promotions_does_not_matter(
    lines: tuple[list[Item], list[Item]], offers: tuple[list[Promotion], list[Promotion]], rounding: Rounding
) -> None:
    def each_line(items: list[Item], parts: dict[UUID, list[int]]) -> list[tuple[Any, ...]]:
        discounts = [sum(column) for column in zip(*parts.values(), strict=True)] if parts else [0] * len(items)
        return sorted((str(one.product), one.subtotal, off) for one, off in zip(items, discounts, strict=True))

    items, moved = lines
    taken, again = together(offers[0], items, rounding), together(offers[1], moved, rounding)

    parts, parts_again = taken_off(taken, items, rounding), taken_off(again, moved, rounding)

    assert again == taken
    assert {one: sum(given) for one, given in parts.items()} == {one: sum(given) for one, given in parts_again.items()}
    assert each_line(items, parts) == each_line(moved, parts_again)
    assert all(0 <= off <= subtotal for _, subtotal, off in each_line(items, parts))
    assert all(one.goes_with(other) for one, other in combinations(taken, 2))
