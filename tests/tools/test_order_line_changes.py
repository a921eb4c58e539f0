"""What is on an order changes before it is fulfilled: prices, promotions, stock and money follow."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from db.models.backoffice import ShippingMethod
from db.models.orders import Order, OrderLine
from db.models.products import Price, Product, Promotion, PromotionStatus, Variant
from db.models.transport import FulfilmentStatus
from tests.aftermath import make_shipment
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_promotion, make_variant, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.till import LYON, bought, reserved, stocked, writing
from tools.backoffice.settings import set_setting
from tools.contract.call import call
from tools.contract.errors import NotFound, ShopError, StaleVersion
from tools.customers.profiles import get_customer
from tools.flows.cancel_order import cancel_order
from tools.flows.change_order_lines import OrderChanged, change_order_lines
from tools.flows.create_order import PlacedOrder, create_order
from tools.flows.mark_order_paid import mark_order_paid
from tools.orders.detail import get_order
from tools.orders.edits import NothingToChange, NotOnOrder, OrderWouldBeEmpty, SwapForItself, SwapOfAnotherProduct
from tools.orders.history import get_order_timeline
from tools.orders.status import set_order_status
from tools.orders.wishes import NoPriceInCurrency, NoShippingMethod, PromotionUsedUp, VariantNotSellable
from tools.rules.standing import OrderAlreadyShipped, OrderClosed, OrderLinesLocked
from tools.rules.stock import NotEnoughStock

MUG, BOWL, SENDING = 1_999, 3_900, 490


@pytest.fixture
async def order(mine: NewShop, do: Do) -> PlacedOrder:
    """Two mugs of ten and a bowl of ten; a red mug of the same product is on the shelf, too."""
    await stocked(mine, "BOWL", price=BOWL)
    async with writing(mine) as sql:
        main = await warehouse_of(sql)
        blue = make_variant(sql, "MUG-BLUE", warehouse=main)
        product = next(row for row in sql.session.new if isinstance(row, Product))
        assert product.id == blue.product_id
        make_variant(sql, "MUG-RED", price=2_400, product=product, warehouse=main)
    return await place(do, ("MUG-BLUE", 2), ("BOWL", 1))


async def place(do: Do, *lines: tuple[str, int], **more: Any) -> PlacedOrder:
    more = more if "customer" in more else {"shipping_address": LYON} | more
    return await do(create_order, lines=bought(*lines), **more)


async def change(do: Do, order: PlacedOrder, **edits: Any) -> OrderChanged:
    return await do(change_order_lines, order=order.reference, **edits)


def lines(changed: OrderChanged) -> list[tuple[str, int, int]]:
    return [(line.sku, line.before, line.quantity) for line in changed.lines]


async def choose(do: Do, **settings: bool) -> None:
    for name, value in settings.items():
        chosen = {"key": f"orders.{name}", "value": value, "version": 0}
        await call(do.shop, set_setting, chosen, do.caller, key=f"choose-{name}")


async def events(do: Do, order: PlacedOrder) -> Sequence[str]:
    history = await do(get_order_timeline, order=order.reference, limit=100)
    return [f"{event.subject} {event.what}" for event in history.data]


# ---- what changes --------------------------------------------------------------------------------------------------------


async def test_quantities_go_up_and_down_and_stock_and_total_follow(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    more = await change(do, order, quantities=[{"sku": "MUG-BLUE", "quantity": 5}])
    less = await change(do, order, quantities=[{"sku": "MUG-BLUE", "quantity": 1}])

    assert lines(more) == [("MUG-BLUE", 2, 5), ("BOWL", 1, 1)]
    # Above 100.00 it is sent free.
    assert (more.before.amount, more.total.amount) == (order.total.amount, 5 * MUG + BOWL)
    assert (less.total.amount, less.version) == (MUG + BOWL + SENDING, 3)
    assert await reserved(mine) == {"BOWL": 1, "MUG-BLUE": 1, "MUG-RED": 0}
    assert await misfits(mine) == {}


async def test_something_is_added_and_something_taken_out_and_every_line_stays_listed(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    changed = await change(do, order, add=bought(("MUG-RED", 2)), remove=["BOWL"])

    assert lines(changed) == [("MUG-BLUE", 2, 2), ("BOWL", 1, 0), ("MUG-RED", 0, 2)]
    assert changed.total.amount == 2 * MUG + 2 * 2_400 + SENDING
    shown = await do(get_order, order=order.reference)
    assert [(line.sku, line.quantity, line.cancelled) for line in shown.lines] == [
        ("MUG-BLUE", 2, 0), ("BOWL", 1, 1), ("MUG-RED", 2, 0),
    ]  # fmt: skip
    assert [line.total.amount for line in shown.lines] == [2 * MUG, 0, 2 * 2_400]
    assert await reserved(mine) == {"BOWL": 0, "MUG-BLUE": 2, "MUG-RED": 2}
    assert await misfits(mine) == {}


async def test_a_variant_is_swapped_for_another_of_its_product(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    one = await change(do, order, swaps=[{"sku": "MUG-BLUE", "to": "MUG-RED", "quantity": 1}])
    all_ = await change(do, order, swaps=[{"sku": "MUG-BLUE", "to": "MUG-RED"}])

    assert lines(one) == [("MUG-BLUE", 2, 1), ("MUG-RED", 0, 1), ("BOWL", 1, 1)]
    assert lines(all_) == [("MUG-BLUE", 1, 0), ("MUG-RED", 1, 2), ("BOWL", 1, 1)]
    assert await reserved(mine) == {"BOWL": 1, "MUG-BLUE": 0, "MUG-RED": 2}
    assert await misfits(mine) == {}


async def test_units_on_the_order_keep_their_price_and_those_on_top_cost_what_they_cost_today(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    async with writing(mine) as sql:
        query = select(Price).join(Variant, Variant.id == Price.variant_id).where(Variant.sku == "MUG-BLUE")
        (await sql.session.scalars(query.where(Price.merchant_id == mine.id))).one().amount = 2_500

    changed = await change(do, order, add=bought(("MUG-BLUE", 1)))

    assert [(line.sku, line.quantity, line.unit_price.amount) for line in changed.lines] == [
        ("MUG-BLUE", 2, MUG), ("BOWL", 1, BOWL), ("MUG-BLUE", 1, 2_500),
    ]  # fmt: skip
    fewer = await change(do, order, quantities=[{"sku": "MUG-BLUE", "quantity": 2}])
    assert lines(fewer) == [("MUG-BLUE", 2, 2), ("BOWL", 1, 1), ("MUG-BLUE", 1, 0)]
    assert await misfits(mine) == {}


async def test_what_the_order_says_of_its_changes_is_what_happened(do: Do, order: PlacedOrder) -> None:
    await change(do, order, remove=["BOWL"])

    (told,) = (await do(get_order, order=order.reference)).changes
    assert (told.version, told.total_before, told.total_after.amount) == (2, order.total, 2 * MUG + SENDING)
    assert [(line.sku, line.before, line.after) for line in told.lines] == [("BOWL", 1, 0)]
    assert "order lines_changed" in await events(do, order)


async def test_a_draft_changes_without_holding_anything(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    draft = await place(do, ("MUG-BLUE", 1), draft=True)

    await change(do, draft, add=bought(("MUG-RED", 3)), quantities=[{"sku": "MUG-BLUE", "quantity": 2}])
    assert await reserved(mine) == {"BOWL": 1, "MUG-BLUE": 2, "MUG-RED": 0}
    await do(set_order_status, order=draft.reference, status="pending")

    assert await reserved(mine) == {"BOWL": 1, "MUG-BLUE": 4, "MUG-RED": 3}
    assert await misfits(mine) == {}


async def test_what_a_customer_bought_is_added_up_anew(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    async with writing(mine) as sql:
        ana = make_customer(sql)
    theirs = await place(do, ("MUG-BLUE", 1), customer=ana.reference)

    changed = await change(do, theirs, add=bought(("MUG-BLUE", 2)))

    shown = await do(get_customer, customer=ana.reference)
    assert shown.spend == changed.total
    assert await misfits(mine) == {}


async def test_parcels_that_were_prepared_are_prepared_anew(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    async with writing(mine) as sql:
        parcel = await make_shipment(sql, order.reference, FulfilmentStatus.rated)

    assert (await change(do, order, remove=["BOWL"])).voided_shipments == [parcel.reference]


async def test_back_ordered_units_are_let_go_before_those_that_are_there(mine: NewShop, do: Do) -> None:
    await stocked(mine, "POT", 2, allow_backorder=True)
    order = await place(do, ("POT", 5))
    async with writing(mine) as sql:
        (await sql.session.scalars(select(Variant).where(Variant.merchant_id == mine.id))).one().allow_backorder = False

    await change(do, order, quantities=[{"sku": "POT", "quantity": 3}])
    (line,) = (await do(get_order, order=order.reference)).lines

    assert (sum(held.quantity for held in line.held), sum(held.backordered for held in line.held)) == (2, 1)
    assert await misfits(mine) == {}


# ---- promotions and shipping ---------------------------------------------------------------------------------------------


async def test_a_promotion_stays_while_its_conditions_are_met_even_when_it_ended(mine: NewShop, do: Do) -> None:
    await stocked(mine, "BOWL", price=BOWL)
    async with writing(mine) as sql:
        make_promotion(sql, "TEN", percent=10, minimum_subtotal=BOWL)
    order = await place(do, ("BOWL", 1), promotion_codes=["TEN"])
    async with writing(mine) as sql:
        query = select(Promotion).where(Promotion.merchant_id == mine.id)
        (await sql.session.scalars(query)).one().status = PromotionStatus.ended

    changed = await change(do, order, add=bought(("BOWL", 1)))

    assert changed.discount.amount == 780
    assert await misfits(mine) == {}


async def test_a_promotion_that_is_lost_may_be_used_again_and_comes_back_with_its_conditions(
    mine: NewShop, do: Do
) -> None:
    await stocked(mine, "BOWL", price=BOWL)
    async with writing(mine) as sql:
        make_promotion(sql, "TEN", percent=10, minimum_subtotal=2 * BOWL, usage_limit=1)
    order = await place(do, ("BOWL", 2), promotion_codes=["TEN"])

    lost = await change(do, order, quantities=[{"sku": "BOWL", "quantity": 1}])
    assert (lost.promotions, lost.discount.amount) == ([], 0)
    assert await misfits(mine) == {}
    back = await change(do, order, quantities=[{"sku": "BOWL", "quantity": 3}])

    assert (len(back.promotions), back.discount.amount) == (1, 1_170)
    assert await misfits(mine) == {}


async def test_an_automatic_promotion_counts_when_it_held_already_as_the_order_was_placed(
    mine: NewShop, do: Do
) -> None:
    await stocked(mine, "BOWL", price=BOWL)
    async with writing(mine) as sql:
        make_promotion(sql, percent=10, minimum_subtotal=2 * BOWL)
    order = await place(do, ("BOWL", 1))
    async with writing(mine) as sql:
        make_promotion(sql, percent=50, starts_at=do.shop.clock())

    changed = await change(do, order, add=bought(("BOWL", 1)))

    assert changed.discount.amount == 780
    assert await misfits(mine) == {}


async def test_a_promotion_that_others_use_up_meanwhile_refuses_the_change(mine: NewShop, do: Do) -> None:
    await stocked(mine, "BOWL", 100, price=BOWL)
    async with writing(mine) as sql:
        make_promotion(sql, percent=10, minimum_subtotal=2 * BOWL, usage_limit=1)
    orders = [await place(do, ("BOWL", 1)) for _ in range(4)]

    both = await asyncio.gather(
        *(change(do, order, add=bought(("BOWL", 1))) for order in orders), return_exceptions=True
    )

    assert sum(isinstance(one, OrderChanged) and one.discount.amount > 0 for one in both) == 1
    assert all(isinstance(one, OrderChanged | PromotionUsedUp) for one in both), both
    assert await misfits(mine) == {}


async def test_what_is_sent_costs_what_its_way_of_sending_costs_and_has_to_fit(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    async with writing(mine) as sql:
        method = (await sql.session.scalars(select(ShippingMethod).where(ShippingMethod.merchant_id == mine.id))).one()
        method.max_weight_grams = 5 * 350

    with pytest.raises(NoShippingMethod, match="takes no 2100 g to FR"):
        await change(do, order, add=bought(("MUG-BLUE", 3)))
    async with writing(mine) as sql:
        method = (await sql.session.scalars(select(ShippingMethod).where(ShippingMethod.merchant_id == mine.id))).one()
        method.active, method.price = False, 9_900
    assert (await change(do, order, remove=["BOWL"])).shipping.amount == SENDING


# ---- money ---------------------------------------------------------------------------------------------------------------


async def test_what_was_paid_too_much_goes_back_and_what_is_missing_is_due(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    paid = await do(mark_order_paid, order=order.reference, method="cash")

    less = await change(do, order, remove=["BOWL"])
    more = await change(do, order, add=bought(("MUG-RED", 3)))

    assert [(back.payment, back.amount.amount) for back in less.refunds] == [(paid.payment, BOWL)]
    assert less.due.amount == 0
    assert (more.due.amount, more.refunds) == (3 * 2_400 - SENDING, [])
    assert (await do(mark_order_paid, order=order.reference)).amount == more.due
    assert await misfits(mine) == {}


async def test_the_card_tells_what_changes_what_it_costs_and_what_goes_back(do: Do, order: PlacedOrder) -> None:
    paid = await do(mark_order_paid, order=order.reference, method="cash")

    preview = await do.outcome(
        change_order_lines, preview=True, order=order.reference, add=bought(("MUG-RED", 1)), remove=["BOWL"]
    )

    assert preview.card is not None
    assert preview.card.money is not None
    assert preview.card.money.amount == BOWL - 2_400
    assert preview.card.sentences == [
        f"{order.reference} changes: 1 BOWL is taken out and 1 MUG-RED is added.",
        "It costs 68.88 EUR instead of 83.88 EUR, 4.90 EUR of it for sending.",
        "1 MUG-RED is held in Warehouse MAIN.",
        "1 BOWL goes back on sale in Warehouse MAIN.",
        f"15.00 EUR go back through {paid.payment}.",
    ]


# ---- what does not change ------------------------------------------------------------------------------------------------


async def test_more_than_there_is_changes_nothing(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    with pytest.raises(NotEnoughStock, match="MUG-BLUE has 8 available, 9 were asked"):
        await change(do, order, quantities=[{"sku": "MUG-BLUE", "quantity": 11}], remove=["BOWL"])

    assert (await do(get_order, order=order.reference)).version == 1
    assert await reserved(mine) == {"BOWL": 1, "MUG-BLUE": 2, "MUG-RED": 0}


async def test_many_who_add_the_last_units_at_once_never_oversell(mine: NewShop, do: Do) -> None:
    await stocked(mine, "A", 8)
    await stocked(mine, "B", 8)
    orders = [await place(do, (sku, 1)) for sku in "ABABAB"]

    outcomes = await asyncio.gather(
        *(change(do, order, add=bought(("A", 2), ("B", 2)) if nth % 2 else bought(("B", 2), ("A", 2)))
          for nth, order in enumerate(orders)),
        return_exceptions=True,
    )  # fmt: skip

    assert sum(isinstance(one, OrderChanged) for one in outcomes) == 2
    assert all(isinstance(one, OrderChanged | NotEnoughStock) for one in outcomes), outcomes
    assert await reserved(mine) == {"A": 7, "B": 7}
    assert await misfits(mine) == {}


async def test_two_changes_of_one_order_follow_each_other(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    both = await asyncio.gather(
        *(change(do, order, add=bought(("MUG-RED", 1)), version=1) for _ in range(2)), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in both) == ["OrderChanged", "StaleVersion"]
    assert all(isinstance(one, OrderChanged | StaleVersion) for one in both)


@pytest.mark.parametrize(
    ("edits", "refused", "because"),
    [
        ({"remove": ["MUG-RED"]}, NotOnOrder, "has no MUG-RED"),
        ({"quantities": [{"sku": "MUG-RED", "quantity": 2}]}, NotOnOrder, "has no MUG-RED, and 2 were asked for"),
        ({"swaps": [{"sku": "MUG-BLUE", "to": "MUG-RED", "quantity": 3}]}, NotOnOrder, "has 2 units of MUG-BLUE, and 3"),
        ({"swaps": [{"sku": "MUG-BLUE", "to": "BOWL"}]}, SwapOfAnotherProduct, "MUG-BLUE belongs to Blue mug"),
        ({"swaps": [{"sku": "MUG-BLUE", "to": "MUG-BLUE"}]}, SwapForItself, "MUG-BLUE would be swapped for itself"),
        ({"remove": ["MUG-BLUE", "BOWL"]}, OrderWouldBeEmpty, "Nothing would be left"),
        ({"quantities": [{"sku": "MUG-BLUE", "quantity": 2}]}, NothingToChange, "would stay as it is"),
        ({}, NothingToChange, "would stay as it is"),
        ({"add": [{"sku": "TEAPOT"}]}, NotFound, "TEAPOT"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_with_what_is(
    do: Do, order: PlacedOrder, edits: dict[str, Any], refused: type[ShopError], because: str
) -> None:
    with pytest.raises(refused, match=because):
        await change(do, order, **edits)


async def test_what_is_off_sale_or_has_no_price_is_not_added_and_may_stay(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "DOLLAR", currency="USD")
        query = select(Variant).where(Variant.merchant_id == mine.id, Variant.sku == "BOWL")
        (await sql.session.scalars(query)).one().sellable = False

    with pytest.raises(VariantNotSellable, match="BOWL"):
        await change(do, order, add=bought(("BOWL", 1)))
    with pytest.raises(NoPriceInCurrency, match="There is no price in EUR for DOLLAR"):
        await change(do, order, add=bought(("DOLLAR", 1)))
    assert lines(await change(do, order, add=bought(("MUG-RED", 1))))[1] == ("BOWL", 1, 1)


async def test_what_has_left_or_is_over_stays_as_it_is(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    over = await place(do, ("MUG-BLUE", 1))
    await do(cancel_order, order=over.reference)
    async with writing(mine) as sql:
        await make_shipment(sql, order.reference, FulfilmentStatus.in_transit, left=1)

    with pytest.raises(OrderAlreadyShipped, match=f"1 of 3 units of {order.reference} have left"):
        await change(do, order, remove=["BOWL"])
    with pytest.raises(OrderClosed, match=f"{over.reference} is cancelled, so what is on it cannot be changed"):
        await change(do, over, add=bought(("BOWL", 1)))


# ---- what a shop may choose ----------------------------------------------------------------------------------------------


async def test_a_shop_may_have_lines_change_once_and_then_lock_the_order(do: Do, order: PlacedOrder) -> None:
    await choose(do, lines_change_once=True)
    await change(do, order, remove=["BOWL"])

    with pytest.raises(OrderLinesLocked, match=f"The lines of {order.reference} were changed already"):
        await change(do, order, add=bought(("BOWL", 1)))
    with pytest.raises(OrderLinesLocked):
        await do(cancel_order, order=order.reference)


async def test_a_shop_may_swap_between_products_and_a_variant_for_itself(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    await choose(do, swaps_stay_within_product=False, swaps_for_the_same_variant=True)
    async with writing(mine) as sql:
        query = select(Price).join(Variant, Variant.id == Price.variant_id).where(Variant.sku == "MUG-BLUE")
        (await sql.session.scalars(query.where(Price.merchant_id == mine.id))).one().amount = 1_500

    changed = await change(do, order, swaps=[{"sku": "BOWL", "to": "MUG-RED"}, {"sku": "MUG-BLUE", "to": "MUG-BLUE"}])

    assert lines(changed) == [("MUG-BLUE", 2, 0), ("MUG-BLUE", 0, 2), ("BOWL", 1, 0), ("MUG-RED", 0, 1)]
    assert changed.subtotal.amount == 2_400 + 2 * 1_500
    assert await misfits(mine) == {}


async def test_goods_that_nobody_tracks_are_sold_and_never_held(mine: NewShop, do: Do, order: PlacedOrder) -> None:
    await stocked(mine, "ENGRAVING", tracked=False, price=500)

    changed = await change(do, order, add=bought(("ENGRAVING", 40)))

    assert lines(changed)[-1] == ("ENGRAVING", 0, 40)
    assert await misfits(mine) == {}


async def test_lines_that_came_from_elsewhere_without_a_variant_keep_their_amounts(
    mine: NewShop, do: Do, order: PlacedOrder
) -> None:
    async with writing(mine) as sql:
        row = (await sql.session.scalars(select(Order).where(Order.reference == order.reference))).one()
        query = select(OrderLine).where(OrderLine.order_id == row.id, OrderLine.sku == "MUG-BLUE")
        (await sql.session.scalars(query)).one().variant_id = None

    changed = await change(do, order, remove=["BOWL"])

    assert lines(changed) == [("MUG-BLUE", 2, 2), ("BOWL", 1, 0)]
    assert changed.total.amount == 2 * MUG + SENDING
