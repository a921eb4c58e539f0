"""Promotions: starting them, finding them, changing and ending them, and what orders then get."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db.models.products import Promotion, PromotionStatus, Variant
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_category,
    make_customer,
    make_promotion,
    make_variant,
    warehouse_of,
)
from tests.tools.selling import rows_of
from tools.contract.call import Shop, call
from tools.contract.errors import Ambiguous, IllegalMove, Invalid, NotFound, StaleVersion
from tools.flows.create_order import create_order
from tools.orders.detail import get_order
from tools.orders.wishes import PromotionNotApplicable, PromotionUnknown
from tools.products.creation import CurrencyNotSold
from tools.products.promotion_detail import PromotionState, list_promotions
from tools.products.promotions import (
    EmptyPromotionField,
    LimitBelowUse,
    PromotionCodeTaken,
    PromotionEndsTooEarly,
    PromotionHasEnded,
    PromotionOfAnotherKind,
    create_promotion,
    end_promotion,
    update_promotion,
)

MUG = {"sku": "MUG-BLUE", "quantity": 1}
BOWL = {"sku": "BOWL", "quantity": 1}


@pytest.fixture
async def ana(mine: NewShop) -> str:
    """A customer with the tag VIP, in a shop with mugs at 20.00 EUR on a shelf of their own, and bowls at 10.00 EUR."""
    async with rows_of(mine) as sql:
        place = await warehouse_of(sql)
        shelf = make_category(sql, "Mugs")
        make_variant(sql, "MUG-BLUE", title="Blue mug", price=2_000, stock=100, warehouse=place, category=shelf)
        make_variant(sql, "BOWL", title="Oak bowl", price=1_000, stock=100, warehouse=place)
        customer = make_customer(sql)
        customer.tags = ["VIP"]
    return customer.reference


def after(mine: NewShop, **more: int) -> str:
    return (mine.shop.clock() + timedelta(**more)).isoformat()


async def discounts(do: Do, ana: str, *lines: dict[str, Any], codes: list[str] | None = None) -> list[int]:
    placed = await do(create_order, customer=ana, lines=list(lines), promotion_codes=codes or [])
    return [line.discount.amount for line in placed.lines]


# ---- starting ------------------------------------------------------------------------------------------------------------


async def test_a_new_code_gives_its_percentage_on_its_shelf_and_the_order_says_so_line_by_line(
    do: Do, ana: str
) -> None:
    promotion = await do(create_promotion, code="Spring10", percent=10, categories=["mugs"], customer_tags=["vip"])
    placed = await do(create_order, customer=ana, lines=[MUG, BOWL], promotion_codes=["SPRING10"])

    assert (promotion.reference, promotion.name, promotion.state) == ("PRO-1001", "Spring10", PromotionState.running)
    assert [shelf.name for shelf in promotion.categories] == ["Mugs"]
    mug, bowl = placed.lines
    assert (mug.discount.amount, bowl.discount.amount) == (200, 0)
    assert [(share.promotion, share.amount.amount) for share in mug.discounts] == [("PRO-1001", 200)]
    shown = await do(get_order, order=placed.reference)
    assert [line.discounts for line in shown.lines] == [mug.discounts, []]
    (listed,) = (await do(list_promotions)).data
    assert (listed.used, listed.version) == (1, 1)


async def test_shares_of_several_promotions_stand_on_the_lines_and_sum_to_what_each_gave(do: Do, ana: str) -> None:
    await do(create_promotion, name="Mugs", percent=15, products=["MUG-BLUE"])
    await do(create_promotion, code="TENOFF", amount=1_000)

    placed = await do(create_order, customer=ana, lines=[MUG, BOWL], promotion_codes=["TENOFF"])

    given = {one.reference: one.amount.amount for one in placed.promotions}
    assert given == {"PRO-1001": 300, "PRO-1002": 1_000}
    shares = [(share.promotion, share.amount.amount) for line in placed.lines for share in line.discounts]
    assert sorted(shares) == [("PRO-1001", 300), ("PRO-1002", 370), ("PRO-1002", 630)]  # 10.00 over 17.00 and 10.00
    assert [line.discount.amount for line in placed.lines] == [930, 370]


async def test_a_promotion_by_quantity_is_given_from_that_many_on(do: Do, ana: str) -> None:
    await do(create_promotion, percent=10, products=["Blue mug"], minimum_quantity=3)

    assert await discounts(do, ana, {**MUG, "quantity": 2}, {**BOWL, "quantity": 5}) == [0, 0]
    assert await discounts(do, ana, {**MUG, "quantity": 3}) == [600]


async def test_a_code_lives_once_whatever_its_case_and_is_free_again_when_its_promotion_ends(
    mine: NewShop, do: Do, ana: str
) -> None:
    first = await do(create_promotion, code="SPRING10", percent=10)
    with pytest.raises(
        PromotionCodeTaken, match=r"The code spring10 is that of SPRING10 \(PRO-1001\), which is active"
    ):
        await do(create_promotion, code="spring10", percent=20)

    await do(end_promotion, promotion="Spring10")
    with pytest.raises(PromotionNotApplicable, match="it is ended"):
        await discounts(do, ana, MUG, codes=["SPRING10"])
    await do(create_promotion, code="spring10", percent=20)

    assert await discounts(do, ana, MUG, codes=["SPRING10"]) == [400]
    assert first.reference == "PRO-1001"


async def test_a_promotion_whose_time_is_over_leaves_its_code_to_the_next(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        old = make_promotion(sql, "SPRING10", percent=10, ends_at=LONG_AGO + timedelta(days=1))

    await do(create_promotion, code="SPRING10", percent=20)

    async with rows_of(mine) as sql:
        row = await sql.session.get_one(Promotion, (mine.id, old.id))
        assert row.status is PromotionStatus.ended


async def test_of_ten_who_take_a_code_at_once_one_gets_it(mine: NewShop, shop: Shop) -> None:
    async def take() -> str:
        arguments = {"code": "SPRING10", "percent": 10}
        try:
            await call(shop, create_promotion, arguments, mine.caller("owner"), key=uuid.uuid4().hex)
        except Exception as refused:
            return type(refused).__name__
        return "taken"

    outcomes = await asyncio.gather(*(take() for _ in range(10)))

    assert outcomes.count("taken") == 1
    assert set(outcomes) <= {"taken", "PromotionCodeTaken", "AlreadyTaken"}


@pytest.mark.parametrize(
    ("arguments", "refused", "why"),
    [
        ({"percent": 10, "amount": 5}, Invalid, "Give one of `percent`, `amount` and `free_shipping`"),
        ({"percent": 10, "products": ["BOWL"], "categories": ["Mugs"]}, Invalid, "not both"),
        ({"percent": 101}, Invalid, "percent"),
        ({"percent": 10, "code": "PRO-7"}, Invalid, "looks like a reference of this shop's own"),
        ({"amount": 500, "currency": "USD"}, CurrencyNotSold, "sells in EUR, and not in USD"),
        ({"percent": 10, "products": ["VASE"]}, NotFound, "no product VASE"),
        ({"percent": 10, "products": ["Bowl"]}, Ambiguous, "Bowl fits"),
        ({"percent": 10, "ends_at": "2020-01-01T00:00:00Z"}, PromotionEndsTooEarly, "It would end on 1 January 2020"),
    ],
)  # fmt: skip
async def test_what_cannot_be_promised_is_refused(
    mine: NewShop, do: Do, ana: str, arguments: dict[str, Any], refused: type[Exception], why: str
) -> None:
    if refused is Ambiguous:
        async with rows_of(mine) as sql:
            for sku in ("B1", "B2"):
                make_variant(sql, sku, title="Bowl")
            await sql.session.flush()
            bowl = (await sql.session.scalars(select(Variant).where(Variant.sku == "BOWL"))).one()
            bowl.sku, bowl.sku_key = "OAK", "oak"

    with pytest.raises(refused, match=why):
        await do(create_promotion, **arguments)


# ---- together ------------------------------------------------------------------------------------------------------------


async def test_an_exclusive_automatic_promotion_makes_way_for_a_code_unless_its_priority_is_higher(
    do: Do, ana: str
) -> None:
    sale = await do(create_promotion, name="Sale", percent=20, combines_with=[])
    await do(create_promotion, code="FIVE", percent=5)

    assert await discounts(do, ana, MUG) == [400]
    assert await discounts(do, ana, MUG, codes=["FIVE"]) == [100]
    await do(update_promotion, promotion=sale.reference, priority=1)
    with pytest.raises(
        PromotionNotApplicable, match=r"go together with Sale \(PRO-1001\), which the order gets by itself"
    ):
        await discounts(do, ana, MUG, codes=["FIVE"])


async def test_two_codes_that_do_not_go_together_are_refused_by_name(do: Do, ana: str) -> None:
    await do(create_promotion, code="BIG", percent=20, combines_with=["shipping"])
    await do(create_promotion, code="SMALL", percent=5)
    await do(create_promotion, code="POSTFREE", free_shipping=True)

    assert await discounts(do, ana, MUG, codes=["BIG", "POSTFREE"]) == [400]
    with pytest.raises(
        PromotionNotApplicable, match="The code SMALL cannot be used: it does not go together with the code BIG"
    ):
        await discounts(do, ana, MUG, codes=["SMALL", "BIG"])


# ---- finding -------------------------------------------------------------------------------------------------------------


async def test_promotions_are_listed_by_where_they_stand_today(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        now = mine.shop.clock()
        make_promotion(sql, "RUNS", percent=10)
        make_promotion(sql, "OVER", percent=10, ends_at=now - timedelta(hours=1))
        make_promotion(sql, "STOPPED", percent=10, status=PromotionStatus.ended)
        make_promotion(sql, "COMES", percent=10, starts_at=now + timedelta(days=1))
        make_promotion(sql, "WAITS", percent=10, status=PromotionStatus.paused)
        make_promotion(sql, "DRAFT", percent=10, status=PromotionStatus.draft)

    async def listed(**filters: Any) -> set[str | None]:
        page = await do(list_promotions, **filters)
        assert all(one.state is filters.get("state", one.state) for one in page.data)
        return {one.code for one in page.data}

    assert await listed(state=PromotionState.running) == {"RUNS"}
    assert await listed(state=PromotionState.ended) == {"OVER", "STOPPED"}
    assert await listed(state=PromotionState.scheduled) == {"COMES"}
    assert await listed(state=PromotionState.paused) == {"WAITS"}
    assert await listed(state=PromotionState.draft) == {"DRAFT"}
    assert await listed(text="stop") == {"STOPPED"}
    assert await listed(promotion="waits") == {"WAITS"}
    assert await listed(automatic=True) == set()


async def test_pages_of_promotions_follow_each_other_from_the_newest(mine: NewShop, do: Do) -> None:
    for code in ("ONE", "TWO", "THREE"):
        await do(create_promotion, code=code, percent=10)

    first = await do(list_promotions, limit=2, count=True)
    second = await do(list_promotions, limit=2, after=first.next)

    assert {one.code for one in (*first.data, *second.data)} == {"ONE", "TWO", "THREE"}
    assert (first.total and first.total.rows, first.has_more, second.has_more) == (3, True, False)


async def test_a_promotion_is_found_by_the_words_of_its_name_if_no_other_has_them(do: Do) -> None:
    await do(create_promotion, name="Tea time", percent=10)
    await do(create_promotion, name="Tea week", percent=10)

    assert (await do(end_promotion, promotion="tea time")).state is PromotionState.ended
    assert (await do(end_promotion, promotion="tea")).name == "Tea week"  # the one that lives
    with pytest.raises(Ambiguous, match=r"tea fits Tea time \(PRO-1001\), Tea week \(PRO-1002\)"):
        await do(list_promotions, promotion="tea")
    with pytest.raises(NotFound, match="no promotion coffee"):
        await do(end_promotion, promotion="coffee")


# ---- changing ------------------------------------------------------------------------------------------------------------


async def test_changed_terms_count_for_the_next_order_and_what_was_placed_stays(
    mine: NewShop, do: Do, ana: str
) -> None:
    await do(create_promotion, code="SPRING10", percent=10, categories=["Mugs"])
    placed = await do(create_order, customer=ana, lines=[MUG, BOWL], promotion_codes=["SPRING10"])

    changed = await do(
        update_promotion, promotion="SPRING10", percent=30, products=["BOWL"], ends_at=after(mine, days=3), version=1
    )

    assert (changed.version, changed.categories, [one.name for one in changed.products]) == (2, [], ["Oak bowl"])
    assert await discounts(do, ana, MUG, BOWL, codes=["SPRING10"]) == [0, 300]
    assert (await do(get_order, order=placed.reference)).discount.amount == 200
    for_all = await do(update_promotion, promotion="SPRING10", products=[], ends_at=None)
    assert (for_all.products, for_all.ends_at) == ([], None)
    assert await discounts(do, ana, MUG, BOWL, codes=["SPRING10"]) == [600, 300]


async def test_a_paused_promotion_is_given_to_nobody_until_it_goes_on(do: Do, ana: str) -> None:
    promotion = await do(create_promotion, percent=10, draft=True)
    assert await discounts(do, ana, MUG) == [0]

    await do(update_promotion, promotion=promotion.reference, status="active")
    assert await discounts(do, ana, MUG) == [200]
    await do(update_promotion, promotion=promotion.reference, status="paused")
    assert await discounts(do, ana, MUG) == [0]


@pytest.mark.parametrize(
    ("arguments", "refused", "why"),
    [
        ({"name": None}, EmptyPromotionField, "name of a promotion cannot be empty"),
        ({"amount": 500}, PromotionOfAnotherKind, "gives 10 % off, and no amount"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, PromotionEndsTooEarly, "It would end on 1 January 2020"),
        ({"version": 7}, StaleVersion, "version 1, and you read version 7"),
        ({"usage_limit": 1}, LimitBelowUse, "was given 2 times already, and 1 were asked"),
    ],
)  # fmt: skip
async def test_a_change_that_cannot_be_is_refused(
    do: Do, ana: str, arguments: dict[str, Any], refused: type[Exception], why: str
) -> None:
    await do(create_promotion, code="SPRING10", percent=10)
    for _ in range(2):
        await discounts(do, ana, MUG, codes=["SPRING10"])

    with pytest.raises(refused, match=why):
        await do(update_promotion, promotion="SPRING10", **arguments)


async def test_what_was_ended_neither_changes_nor_ends_again(do: Do, ana: str) -> None:
    promotion = await do(create_promotion, code="SPRING10", percent=10)
    ended = await do(end_promotion, promotion="spring10")

    assert (ended.state, ended.ends_at is not None) == (PromotionState.ended, True)
    with pytest.raises(PromotionHasEnded, match="was ended; nothing of it can be changed"):
        await do(update_promotion, promotion=promotion.reference, percent=20)
    with pytest.raises(IllegalMove):
        await do(end_promotion, promotion=promotion.reference)
    with pytest.raises(PromotionUnknown):
        await discounts(do, ana, MUG, codes=["SPRING11"])


# ---- what the card says --------------------------------------------------------------------------------------------------


async def test_the_card_of_a_new_promotion_says_all_of_its_terms(mine: NewShop, do: Do, ana: str) -> None:
    outcome = await do.outcome(
        create_promotion, preview=True, name="Mug week", code="MUGS", amount=500, categories=["Mugs"], customer_tags=["VIP"],
        minimum_subtotal=2_000, usage_limit=100, usage_limit_per_customer=1, combines_with=["shipping"],
    )  # fmt: skip

    assert outcome.card is not None
    said = " ".join(outcome.card.sentences)
    for term in (
        "Mug week takes 5.00 EUR off Mugs, for whoever types MUGS.", "on, with no end.",
        "customer tags VIP", "least subtotal 20.00 EUR", "limit 100 orders", "limit for a customer 1 order",
        "combination with free shipping only",
    ):  # fmt: skip
        assert term in said


async def test_the_card_of_a_change_says_from_what_to_what(do: Do, ana: str) -> None:
    await do(create_promotion, code="SPRING10", percent=10, categories=["Mugs"])

    outcome = await do.outcome(update_promotion, preview=True, promotion="SPRING10", percent=12.5, products=["BOWL"])

    assert outcome.card is not None
    assert outcome.card.sentences == [
        "The discount of SPRING10 (PRO-1001) changes from 10 % off to 12.5 % off.",
        "The categories of SPRING10 (PRO-1001) are taken away (until now: Mugs).",
        "The products of SPRING10 (PRO-1001) are Oak bowl from now on (until now: none).",
    ]
