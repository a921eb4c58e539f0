"""Points are a ledger that never falls below zero; tiers go by all that was ever earned."""

import asyncio

import pytest

from db.models.customers import Customer
from db.models.orders import Order
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order
from tests.tools.misfits import OF_CUSTOMERS, misfits
from tests.tools.till import choose, writing
from tools.backoffice.settings import SettingValueRefused
from tools.customers.addresses import CustomerErased
from tools.customers.interactions import OrderOfAnother
from tools.customers.loyalty import NotEnoughPoints, PointsOutOfRange, adjust_loyalty_points, get_loyalty, tier_of


@pytest.fixture
async def sale(mine: NewShop) -> tuple[Customer, Order]:
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres", email="ana@example.com")
        return ana, make_order(sql, customer=ana)


@pytest.fixture
def ana(sale: tuple[Customer, Order]) -> Customer:
    return sale[0]


async def test_points_are_what_was_given_less_what_was_taken(
    mine: NewShop, do: Do, sale: tuple[Customer, Order]
) -> None:
    ana, order = sale
    await do(adjust_loyalty_points, customer=ana.reference, points=600, reason="purchase", order=order.reference)
    now = await do(adjust_loyalty_points, customer="ana@example.com", points=-150, reason="redemption", note="A mug")

    assert (now.points, now.earned, now.tier) == (450, 600, "silver")
    assert (now.next_tier, now.points_to_next_tier) == ("gold", 1_400)
    assert [(entry.points, entry.reason, entry.order, entry.note) for entry in now.history] == [
        (-150, "redemption", None, "A mug"),
        (600, "purchase", order.reference, None),
    ]
    shown = await do(get_loyalty, customer=ana.reference, limit=1)
    assert (len(shown.history), shown.history_left_out, shown.points) == (1, 1, 450)
    assert await misfits(mine, *OF_CUSTOMERS) == {}


async def test_whoever_never_had_points_has_the_first_tier(do: Do, ana: Customer) -> None:
    loyalty = await do(get_loyalty, customer=ana.reference)

    assert (loyalty.points, loyalty.tier, loyalty.next_tier, loyalty.points_to_next_tier) == (
        0,
        "bronze",
        "silver",
        500,
    )


async def test_nobody_has_fewer_points_than_none(do: Do, ana: Customer) -> None:
    await do(adjust_loyalty_points, customer=ana.reference, points=40)
    with pytest.raises(NotEnoughPoints, match="has 40 points, and 50 were to be taken"):
        await do(adjust_loyalty_points, customer=ana.reference, points=-50)


@pytest.mark.parametrize("points", [0, 1_000_001, -1_000_001])
async def test_some_points_are_given_and_no_more_than_a_ledger_holds(do: Do, ana: Customer, points: int) -> None:
    with pytest.raises(PointsOutOfRange):
        await do(adjust_loyalty_points, customer=ana.reference, points=points)


async def test_points_are_merged_by_merging_alone(do: Do, ana: Customer) -> None:
    with pytest.raises(PointsOutOfRange, match="merge_customers"):
        await do(adjust_loyalty_points, customer=ana.reference, points=5, reason="merge")


async def test_of_many_who_spend_at_once_no_more_succeed_than_there_are_points(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await do(adjust_loyalty_points, customer=ana.reference, points=100)

    async def spend() -> bool:
        try:
            await do(adjust_loyalty_points, customer=ana.reference, points=-30, reason="redemption")
        except NotEnoughPoints:
            return False
        return True

    spent = await asyncio.gather(*(spend() for _ in range(8)))

    assert sum(spent) == 3
    assert (await do(get_loyalty, customer=ana.reference)).points == 10
    assert await misfits(mine, *OF_CUSTOMERS) == {}


async def test_the_card_says_which_tier_it_makes_them(do: Do, ana: Customer) -> None:
    card = (await do.outcome(adjust_loyalty_points, preview=True, customer=ana.reference, points=2_000)).card

    assert card is not None
    assert card.sentences == [
        f"Ana Torres ({ana.reference}) gets 2,000 loyalty points (correction): 2,000 from now on, 0 until now.",
        "That makes them gold; they were bronze.",
    ]


async def test_points_for_an_order_are_its_buyers(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        other = make_order(sql, customer=make_customer(sql, "Somebody Else"))
    with pytest.raises(OrderOfAnother):
        await do(adjust_loyalty_points, customer=ana.reference, points=5, order=other.reference)


async def test_whoever_was_erased_gets_no_points(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        await sql.execute("update customers set status = 'erased' where merchant_id = %s", (mine.id,))
    with pytest.raises(CustomerErased):
        await do(adjust_loyalty_points, customer=ana.reference, points=5)


# ---- tiers ---------------------------------------------------------------------------------------------------------------


async def test_a_shop_has_the_tiers_that_it_chooses(mine: NewShop, do: Do, ana: Customer) -> None:
    await do(adjust_loyalty_points, customer=ana.reference, points=60)
    tiers = {"friend": 50, "guest": 0}
    card = (await choose(mine, "customers.loyalty_tiers", tiers, preview=True)).card
    await choose(mine, "customers.loyalty_tiers", tiers)

    loyalty = await do(get_loyalty, customer=ana.reference)

    assert (loyalty.tier, loyalty.next_tier, loyalty.points_to_next_tier) == ("friend", None, None)
    assert card
    assert "guest 0 and friend 50 from now on, bronze 0, silver 500 and gold 2,000 until now" in card.sentences[0]


@pytest.mark.parametrize("tiers", [{}, {"friend": 50}, {"guest": 0, "friend": 0}, {"guest": -1}])
async def test_one_tier_begins_at_nothing_and_no_two_at_the_same(mine: NewShop, tiers: dict[str, int]) -> None:
    with pytest.raises(SettingValueRefused):
        await choose(mine, "customers.loyalty_tiers", tiers)


@pytest.mark.parametrize(
    ("earned", "tier"), [(-5, "bronze"), (0, "bronze"), (499, "bronze"), (500, "silver"), (9_999, "gold")]
)
def test_a_tier_begins_at_its_points(earned: int, tier: str) -> None:
    assert tier_of({"bronze": 0, "silver": 500, "gold": 2_000}, earned)[0] == tier
