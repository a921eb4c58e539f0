"""Promotions of an order: by code or automatic, within their limits, and given back when the order is cancelled."""

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from db.models.customers import Customer
from db.models.products import Promotion, PromotionScope, PromotionTarget, PromotionUse
from db.session import Transaction
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_category, make_customer, make_promotion, make_variant, warehouse_of
from tests.tools.till import LYON
from tools.contract.call import call
from tools.contract.errors import ShopError
from tools.contract.shop import Shop
from tools.customers.segments import create_segment
from tools.flows.cancel_order import cancel_order
from tools.flows.change_order_lines import change_order_lines
from tools.flows.create_order import create_order
from tools.orders.detail import get_order
from tools.orders.wishes import PromotionNotApplicable, PromotionUnknown, PromotionUsedUp
from tools.products.promotions import create_promotion, update_promotion

MUG = [{"sku": "MUG-BLUE", "quantity": 1}]


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    """A customer, in a shop with a hundred mugs at 19.99 EUR."""
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "MUG-BLUE", stock=100, warehouse=await warehouse_of(sql))
        customer = make_customer(sql)
        await sql.commit()
    return customer


async def offer(mine: NewShop, code: str | None = None, **values: Any) -> Promotion:
    async with mine.shop.database.transaction(mine.id) as sql:
        row = make_promotion(sql, code, **values)
        await sql.commit()
    return row


async def used(mine: NewShop, promotion: Promotion) -> tuple[int, int]:
    """How often it says that it was used, and how often it was."""
    async with mine.shop.database.transaction(mine.id) as sql:
        row = await sql.session.get_one(Promotion, (mine.id, promotion.id))
        return row.used, len(await uses(sql, promotion))


async def uses(sql: Transaction, promotion: Promotion) -> list[PromotionUse]:
    query = select(PromotionUse).where(PromotionUse.promotion_id == promotion.id, PromotionUse.released_at.is_(None))
    return list((await sql.session.scalars(query)).all())


async def test_a_code_takes_its_percentage_off_and_is_counted(mine: NewShop, do: Do, ana: Customer) -> None:
    spring = await offer(mine, "SPRING10", percent=10)

    placed = await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["spring10"])

    assert placed.discount.amount == 200  # 10 % of 19.99
    assert placed.total.amount == 1_999 - 200 + 490
    (given,) = placed.promotions
    assert (given.code, given.amount.amount) == ("SPRING10", 200)
    assert await used(mine, spring) == (1, 1)
    (shown,) = (await do(get_order, order=placed.reference)).promotions
    assert (shown.reference, shown.amount.amount) == (spring.reference, 200)


async def test_an_automatic_promotion_needs_no_code_and_says_nothing_where_it_does_not_apply(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await offer(mine, amount=500, minimum_subtotal=3_000)

    small = await do(create_order, customer=ana.reference, lines=MUG)
    large = await do(create_order, customer=ana.reference, lines=[{"sku": "MUG-BLUE", "quantity": 2}])

    assert (small.discount.amount, large.discount.amount) == (0, 500)


async def test_free_shipping_is_a_promotion_too(mine: NewShop, do: Do, ana: Customer) -> None:
    await offer(mine, "SENTFREE")

    placed = await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["SENTFREE"])

    assert (placed.shipping.amount, placed.discount.amount, placed.total.amount) == (0, 0, 1_999)
    assert placed.promotions[0].amount.amount == 490


async def test_a_category_is_meant_with_all_below_it(mine: NewShop, do: Do, ana: Customer) -> None:
    kitchen_sale = await offer(mine, percent=50, applies_to=PromotionScope.categories)
    async with mine.shop.database.transaction(mine.id) as sql:
        kitchen = make_category(sql, "Kitchen")
        bowls = make_category(sql, "Bowls", parent=make_category(sql, "Tableware", parent=kitchen))
        await sql.flush()
        make_variant(sql, "BOWL", price=1_000, warehouse=await warehouse_of(sql), category=bowls)
        sql.session.add(
            PromotionTarget(
                merchant_id=mine.id, promotion_id=kitchen_sale.id, category_id=kitchen.id, created_at=LONG_AGO
            )
        )
        await sql.commit()

    placed = await do(create_order, customer=ana.reference, lines=[*MUG, {"sku": "BOWL", "quantity": 1}])

    assert [line.discount.amount for line in placed.lines] == [0, 500]


async def test_a_product_can_be_on_offer_alone(mine: NewShop, do: Do, ana: Customer) -> None:
    bowl_sale = await offer(mine, "BOWLS", percent=20, applies_to=PromotionScope.products)
    async with mine.shop.database.transaction(mine.id) as sql:
        bowl = make_variant(sql, "BOWL", price=1_000, warehouse=await warehouse_of(sql))
        await sql.flush()
        own = {"merchant_id": mine.id, "promotion_id": bowl_sale.id, "created_at": LONG_AGO}
        sql.session.add(PromotionTarget(product_id=bowl.product_id, **own))
        await sql.commit()

    placed = await do(
        create_order, customer=ana.reference, lines=[*MUG, {"sku": "BOWL", "quantity": 1}], promotion_codes=["BOWLS"]
    )

    assert [line.discount.amount for line in placed.lines] == [0, 200]
    with pytest.raises(PromotionNotApplicable, match="none of the products is in it"):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["BOWLS"])


async def test_a_code_that_nobody_made_is_refused(mine: NewShop, do: Do, ana: Customer) -> None:
    with pytest.raises(PromotionUnknown, match="no promotion with the code SPRING11"):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["SPRING11"])


async def test_a_code_that_does_not_apply_says_why(mine: NewShop, do: Do, ana: Customer) -> None:
    await offer(mine, "BIG", amount=1_000, minimum_subtotal=5_000)

    with pytest.raises(PromotionNotApplicable, match=r"it begins at 50\.00 EUR, and the order has 19\.99 EUR"):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["BIG"])


async def test_a_code_is_given_as_often_as_it_may_be(mine: NewShop, do: Do, ana: Customer) -> None:
    twice = await offer(mine, "FIRST2", percent=10, usage_limit=2)
    for _ in range(2):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["FIRST2"])

    with pytest.raises(PromotionUsedUp, match=r"FIRST2 was given as often as it may be \(2 in all\)"):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["FIRST2"])

    assert await used(mine, twice) == (2, 2)


async def test_an_automatic_promotion_that_is_used_up_is_left_out(mine: NewShop, do: Do, ana: Customer) -> None:
    await offer(mine, percent=10, usage_limit=1)

    first = await do(create_order, customer=ana.reference, lines=MUG)
    second = await do(create_order, customer=ana.reference, lines=MUG)

    assert (first.discount.amount, second.discount.amount) == (200, 0)


async def test_a_code_for_each_customer_once_is_neither_for_guests_nor_for_twice(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await offer(mine, "WELCOME", percent=10, usage_limit_per_customer=1)
    await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["WELCOME"])

    with pytest.raises(PromotionUsedUp, match="1 for each customer"):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["WELCOME"])
    with pytest.raises(PromotionNotApplicable, match="the order names none"):
        await do(create_order, channel="store", lines=MUG, promotion_codes=["WELCOME"])


async def test_ten_orders_at_once_use_a_limited_code_no_more_than_it_allows(
    mine: NewShop, shop: Shop, ana: Customer
) -> None:
    once_each = await offer(mine, "WELCOME", percent=10, usage_limit_per_customer=1)
    three = await offer(mine, "THREE", percent=10, usage_limit=3)

    async def order(code: str) -> bool:
        arguments = {"customer": ana.reference, "lines": MUG, "promotion_codes": [code]}
        try:
            await call(shop, create_order, arguments, mine.caller("owner"), key=uuid.uuid4().hex)
        except PromotionUsedUp:
            return False
        return True

    welcomes = await asyncio.gather(*(order("WELCOME") for _ in range(10)))
    threes = await asyncio.gather(*(order("THREE") for _ in range(10)))

    assert (sum(welcomes), sum(threes)) == (1, 3)
    assert await used(mine, once_each) == (1, 1)
    assert await used(mine, three) == (3, 3)


async def test_a_cancelled_order_gives_its_promotions_back(mine: NewShop, do: Do, ana: Customer) -> None:
    once = await offer(mine, "ONCE", percent=10, usage_limit=1)
    placed = await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["ONCE"])

    await do(cancel_order, order=placed.reference, reason="customer_request")

    assert await used(mine, once) == (0, 0)
    again = await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["ONCE"])
    assert again.discount.amount == 200


async def test_an_order_that_is_refused_uses_no_promotion(mine: NewShop, do: Do, ana: Customer) -> None:
    once = await offer(mine, "ONCE", percent=10, usage_limit=1)

    with pytest.raises(ShopError):
        await do(
            create_order, customer=ana.reference, lines=[{"sku": "MUG-BLUE", "quantity": 101}], promotion_codes=["ONCE"]
        )

    assert await used(mine, once) == (0, 0)


# ---- who is in a segment -------------------------------------------------------------------------------------------------


async def test_a_promotion_for_a_segment_is_for_who_is_in_it_when_they_order(do: Do, ana: Customer) -> None:
    await do(create_segment, name="Newcomers", filter="orders = 0")
    made = await do(create_promotion, percent=10, segment="newcomers")
    await do(create_promotion, code="HELLO", percent=50, segment="Newcomers")

    guest = await do(create_order, shipping_address=LYON, lines=MUG)
    first = await do(create_order, customer=ana.reference, lines=MUG)
    more = await do(change_order_lines, order=first.reference, add=MUG)
    second = await do(create_order, customer=ana.reference, lines=MUG)
    with pytest.raises(PromotionNotApplicable, match="it is for customers of a segment, and who orders is not in it"):
        await do(create_order, customer=ana.reference, lines=MUG, promotion_codes=["HELLO"])
    freed = await do(update_promotion, promotion=made.reference, segment=None, version=made.version)
    third = await do(create_order, customer=ana.reference, lines=MUG)

    assert made.segment is not None
    assert (made.segment.name, freed.segment) == ("Newcomers", None)
    assert [order.discount.amount for order in (guest, first, more, second, third)] == [0, 200, 400, 0, 200]
