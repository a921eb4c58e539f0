"""Saved methods settle what changes: a difference on an order, another way of paying, a return, an exchange."""

from typing import Any

import pytest

from db.models.customers import Customer
from tests.factories import NewShop, make_customer, make_variant, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tests.tools.returning import MUG, deliver
from tests.tools.till import bought, choose, writing
from tools.after_sales.decisions import approve_return
from tools.after_sales.inspecting import inspect_return
from tools.after_sales.receiving import receive_return
from tools.contract.errors import ShopError
from tools.flows.authorize_payment import authorize_payment
from tools.flows.change_order_lines import change_order_lines
from tools.flows.change_order_payment import PaymentChangedBefore, SamePaymentMethod, change_order_payment
from tools.flows.exchange_items import ExchangeNeedsCustomer, exchange_items
from tools.flows.request_return import request_return
from tools.flows.settle_return import SettledReturn, settle_return
from tools.orders.detail import get_order
from tools.orders.edits import SwapOfAnotherProduct
from tools.orders.wishes import NoPriceInCurrency, VariantNotSellable
from tools.payments.credit import issue_gift_card
from tools.payments.methods import list_payment_methods, save_payment_method
from tools.rules.charging import MethodNotUsable
from tools.rules.credit import NotEnoughCredit
from tools.rules.paying import ProviderNotSetUp
from tools.rules.returns import OrderReturnedBefore, ReturnNotAllowed

_ = till
ONE = 1_999  # a blue mug


@pytest.fixture
async def ana(till: Till) -> str:
    return await till.customer()


async def card_of(till: Till, customer: str, token: str = "tok_ok") -> str:
    return (await till.do(save_payment_method, customer=customer, token=token)).reference


async def gift_of(till: Till, customer: str, amount: int) -> str:
    return (await till.do(issue_gift_card, amount=amount, reason="sold", customer=customer)).reference


async def balance_of(till: Till, customer: str, method: str) -> int:
    methods = (await till.do(list_payment_methods, customer=customer)).methods
    return next(one.balance.amount for one in methods if one.reference == method and one.balance)


async def by_stripe(mine: NewShop, method: str) -> str:
    """The method is one of a provider that is not set up here."""
    async with writing(mine) as sql:
        await sql.execute(
            "update saved_methods set provider = 'stripe', token = 'pm_1' where merchant_id = %s and reference = %s",
            (mine.id, method),
        )
    return method


async def paid_order(till: Till, customer: str, method: str) -> str:
    order = await till.order(customer)
    await till.do(authorize_payment, order=order, method=method, capture=True)
    return order


# ---- what is on an order -------------------------------------------------------------------------------------------------


async def test_what_is_due_on_top_is_charged_to_the_method_that_settles_it(mine: NewShop, till: Till, ana: str) -> None:
    card, gift = await card_of(till, ana), await gift_of(till, ana, 5_000)
    order = await paid_order(till, ana, card)

    more = await till.do(change_order_lines, order=order, add=bought((MUG, 1)), settle_by=gift)
    again = await till.do(change_order_lines, order=order, add=bought((MUG, 1)), settle_by=card)

    assert [(one.charged and one.charged.method, one.due.amount) for one in (more, again)] == [
        ("gift_card", 0),
        ("card", 0),
    ]
    assert again.charged is not None
    assert (again.charged.status, again.charged.captured.amount, again.charged.intent) == ("captured", ONE, None)
    assert await balance_of(till, ana, gift) == 5_000 - ONE
    assert (await till.do(get_order, order=order)).payment_state == "paid"
    assert await misfits(mine) == {}


async def test_a_charge_that_is_declined_leaves_the_difference_open(mine: NewShop, till: Till, ana: str) -> None:
    order = await paid_order(till, ana, await card_of(till, ana))

    changed = await till.do(
        change_order_lines, order=order, add=bought((MUG, 1)), settle_by=await card_of(till, ana, "tok_declined")
    )

    assert changed.charged is not None
    assert (changed.charged.status, changed.charged.failure) == ("failed", "card_declined")
    assert (await till.do(get_order, order=order)).payment_state == "partly_paid"
    assert await misfits(mine) == {}


async def test_what_was_paid_too_much_goes_onto_the_method_that_settles_it(mine: NewShop, till: Till, ana: str) -> None:
    card, other, gift = await card_of(till, ana), await card_of(till, ana, "tok_late"), await gift_of(till, ana, 1)
    orders = [await paid_order(till, ana, card) for _ in range(3)]
    for order in orders:
        await till.do(change_order_lines, order=order, add=bought((MUG, 1)), settle_by=card)

    backs = [
        (await till.do(change_order_lines, order=order, quantities=bought((MUG, 1)), settle_by=method)).refunds
        for order, method in zip(orders, (card, gift, other), strict=True)
    ]

    assert [[(one.amount.amount, one.intent is None) for one in back] for back in backs] == [
        [(ONE, False)], [(ONE, True)], [(ONE, False)],
    ]  # fmt: skip
    assert await balance_of(till, ana, gift) == 1 + ONE
    assert [(await till.do(get_order, order=order)).refunded.amount for order in orders] == [ONE] * 3
    async with mine.shop.database.transaction(mine.id) as sql:
        found = await sql.connection.execute(
            "select s.reference, t.provider from payment_transactions t join saved_methods s on s.id = t.saved_method_id"
            " where t.merchant_id = %s order by t.id", [mine.id],
        )  # fmt: skip
        assert await found.fetchall() == [(gift, "gift_card"), (other, "manual")]
    assert await misfits(mine) == {}


async def test_what_cannot_settle_a_difference(mine: NewShop, till: Till, ana: str) -> None:
    bens, stripes = await card_of(till, await till.customer()), await by_stripe(mine, await card_of(till, ana, "tok_9"))
    small = await gift_of(till, ana, 5)
    order = await till.order(ana)
    for method, refused in ((bens, MethodNotUsable), (small, NotEnoughCredit), (stripes, ProviderNotSetUp)):
        with pytest.raises(refused):
            await till.do(change_order_lines, order=order, add=bought((MUG, 1)), settle_by=method)
        with pytest.raises(refused):
            await till.do(change_order_payment, order=order, saved=method)
    plenty = await till.order(ana)
    await till.do(authorize_payment, order=plenty, capture=True)
    await till.do(change_order_lines, order=plenty, add=bought((MUG, 1)), settle_by=await card_of(till, ana, "tok_8"))
    with pytest.raises(MethodNotUsable, match="nothing of it goes back onto"):
        await till.do(change_order_lines, order=plenty, quantities=bought((MUG, 1)), settle_by=stripes)
    assert await misfits(mine) == {}


# ---- how an order is paid ------------------------------------------------------------------------------------------------


async def test_an_order_is_paid_by_a_gift_card_instead_and_what_was_paid_goes_back(
    mine: NewShop, till: Till, ana: str
) -> None:
    card, gift = await card_of(till, ana), await gift_of(till, ana, 5_000)
    order = await paid_order(till, ana, card)

    by_gift = await till.do(change_order_payment, order=order, saved=gift)
    by_card = await till.do(change_order_payment, order=order, saved=card)

    assert (by_gift.method, by_gift.charge, [one.amount.amount for one in by_gift.refunds]) == (
        "gift_card",
        None,
        [TOTAL],
    )
    assert (by_card.method, by_card.charge is None) == ("card", False)
    shown = await till.do(get_order, order=order)
    assert [(one.method, one.status) for one in shown.payments] == [
        ("card", "refunded"), ("gift_card", "refunded"), ("card", "captured"),
    ]  # fmt: skip
    assert (shown.paid.amount - shown.refunded.amount, await balance_of(till, ana, gift)) == (TOTAL, 5_000)
    with pytest.raises(SamePaymentMethod):
        await till.do(change_order_payment, order=order, saved=card)
    assert await misfits(mine) == {}


async def test_an_order_that_nobody_paid_is_confirmed_once_credit_pays_it(till: Till, ana: str) -> None:
    order = await till.order(ana)

    await till.do(change_order_payment, order=order, saved=await gift_of(till, ana, 5_000))

    shown = await till.do(get_order, order=order)
    assert (shown.status, shown.payment_state) == ("confirmed", "paid")


async def test_a_shop_may_let_the_payment_be_changed_once(mine: NewShop, till: Till, ana: str) -> None:
    await choose(mine, "orders.payment_changes_once", True)
    card, other = await card_of(till, ana), await card_of(till, ana, "tok_late")
    order = await paid_order(till, ana, card)
    await till.do(change_order_payment, order=order, saved=await gift_of(till, ana, 5_000))

    with pytest.raises(PaymentChangedBefore, match=r"has been paid by PAY-\d+ and PAY-\d+"):
        await till.do(change_order_payment, order=order, saved=other)


@pytest.mark.parametrize("named", [{}, {"method": "card", "saved": "PM-1"}, {"saved": "PM-1", "label": "Visa"}])
async def test_one_way_of_paying_is_named(till: Till, ana: str, named: dict[str, str]) -> None:
    with pytest.raises(ShopError):
        await till.do(change_order_payment, order=await till.order(ana), **named)


# ---- what comes back -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def buyer(mine: NewShop, till: Till) -> Customer:
    """Ana Torres, who buys blue mugs; there are red ones, a bowl that is not for sale, and one without a price."""
    async with writing(mine) as sql:
        warehouse = await warehouse_of(sql)
        make_variant(sql, "MUG-RED", price=2_500, stock=9, warehouse=warehouse)
        make_variant(sql, "BOWL").sellable = False
        make_variant(sql, "DOLLARS", currency="USD")
        return make_customer(sql)


async def paid_and_sent(mine: NewShop, till: Till, buyer: Customer, method: str, **more: Any) -> str:
    order = await deliver(mine, buyer, units=2, paid=False, **more)
    await till.do(authorize_payment, order=order, method=method, capture=True)
    return order


async def settled(till: Till, rma: str) -> SettledReturn:
    await till.do(approve_return, rma=rma)
    await till.do(receive_return, rma=rma)
    await till.do(inspect_return, rma=rma, condition="as_new")
    return await till.do(settle_return, rma=rma)


def back(*, reason: str = "changed_mind", **more: Any) -> dict[str, Any]:
    return {"reason": reason, "lines": [{"sku": MUG, "quantity": 1}]} | more


async def test_a_refund_goes_where_the_return_says(mine: NewShop, till: Till, buyer: Customer) -> None:
    ana = buyer.reference
    card, other, gift = await card_of(till, ana), await card_of(till, ana, "tok_late"), await gift_of(till, ana, 1)
    orders = [await paid_and_sent(mine, till, buyer, card) for _ in range(2)]

    with pytest.raises(MethodNotUsable, match="was not paid with"):
        await till.do(request_return, order=orders[0], settle_by=other, **back())
    given = [
        await settled(till, (await till.do(request_return, order=order, settle_by=method, **back())).reference)
        for order, method in zip(orders, (card, gift), strict=True)
    ]

    assert [(one.status, one.refunded.amount, one.refunds[0].intent is None) for one in given] == [
        ("refunded", ONE, False), ("refunded", ONE, True),
    ]  # fmt: skip
    assert await balance_of(till, buyer.reference, gift) == 1 + ONE
    assert await misfits(mine) == {}


async def test_an_exchange_is_asked_for_with_what_is_wanted_and_settled_as_it_was_asked(
    mine: NewShop, till: Till, buyer: Customer
) -> None:
    gift = await gift_of(till, buyer.reference, 10_000)
    order = await paid_and_sent(mine, till, buyer, gift)

    card = await till.do.outcome(
        request_return, preview=True, order=order, sku=MUG, to="MUG-RED", wanted="exchange", reason="changed_mind",
        settle_by=gift,
    )  # fmt: skip
    asked = await till.do(
        request_return, order=order, sku=MUG, to="MUG-RED", wanted="exchange", reason="changed_mind", settle_by=gift
    )
    before = await balance_of(till, buyer.reference, gift)
    done = await settled(till, asked.reference)

    assert card.card is not None
    assert card.card.sentences[-2:] == [
        "2 MUG-RED are wanted for it, which costs 10.02 EUR more at the prices of today.", f"It is settled by {gift}.",
    ]  # fmt: skip
    assert (done.status, done.due.amount, await balance_of(till, buyer.reference, gift)) == (
        "exchanged",
        0,
        before - 1_002,
    )
    new = await till.do(get_order, order=done.new_order or "")
    assert [(line.sku, line.quantity) for line in new.lines] == [("MUG-RED", 2)]
    assert (new.status, new.payment_state) == ("confirmed", "paid")
    assert await misfits(mine) == {}


async def test_one_sku_on_several_lines_comes_back_line_by_line(mine: NewShop, till: Till, buyer: Customer) -> None:
    order = await deliver(mine, buyer, units=2)
    async with writing(mine) as sql:
        row = await sql.connection.execute(
            "update order_lines l set quantity = 1, fulfilled = 1, subtotal = unit_price, tax = 0, total = unit_price from orders o"
            " where l.merchant_id = %(m)s and o.merchant_id = %(m)s and o.id = l.order_id and o.reference = %(order)s"
            " returning l.id", {"m": mine.id, "order": order},
        )  # fmt: skip
        await sql.connection.execute(
            "insert into order_lines (merchant_id, id, order_id, position, variant_id, product_id, sku, title, options, quantity,"
            " fulfilled, unit_price, subtotal, tax_rate, total, created_at) select merchant_id, gen_random_uuid(), order_id, 2,"
            " variant_id, product_id, sku, title, options, 1, 1, unit_price, unit_price, tax_rate, unit_price, created_at"
            " from order_lines where id = %s", await row.fetchone(),
        )  # fmt: skip

    asked = await till.do(
        request_return, order=order, reason="changed_mind", wanted="exchange",
        lines=[{"sku": MUG, "quantity": 1, "to": "MUG-RED"}, {"sku": MUG, "quantity": 1, "to": MUG}],
    )  # fmt: skip

    assert [(line.sku, line.quantity, line.wants) for line in asked.lines] == [
        (MUG, 1, ["1 MUG-RED"]), (MUG, 1, [f"1 {MUG}"]),
    ]  # fmt: skip
    assert asked.difference is not None
    assert asked.difference.amount == 2_500 - ONE
    with pytest.raises(ReturnNotAllowed, match="came back or are to come"):
        await till.do(request_return, order=order, **back())


async def test_what_cannot_be_wanted_instead(mine: NewShop, till: Till, buyer: Customer) -> None:
    order, guests = await deliver(mine, buyer, units=2), await deliver(mine, buyer, units=2)
    async with writing(mine) as sql:
        await sql.execute(
            "update orders set customer_id = null where merchant_id = %s and reference = %s", (mine.id, guests)
        )
    asked = {"reason": "changed_mind", "sku": MUG, "wanted": "exchange"}

    for sku, refused in (("BOWL", VariantNotSellable), ("DOLLARS", NoPriceInCurrency)):
        with pytest.raises(refused):
            await till.do(request_return, order=order, to=sku, **asked)
    with pytest.raises(ExchangeNeedsCustomer):
        await till.do(request_return, order=guests, to="MUG-RED", **asked)
    with pytest.raises(NotEnoughCredit):
        await till.do(
            request_return, order=order, to="MUG-RED", settle_by=await gift_of(till, buyer.reference, 1), **asked
        )
    await choose(mine, "after_sales.exchanges_stay_within_product", True)
    with pytest.raises(SwapOfAnotherProduct, match="MUG-RED is Blue mug"):
        await till.do(request_return, order=order, to="MUG-RED", **asked)


@pytest.mark.parametrize(
    "unclear", [{"to": "MUG-RED"}, {"sku": MUG, "to": "MUG-RED"}, {"wanted": "store_credit", "settle_by": "PM-1"}]
)
async def test_what_is_asked_for_is_clear(till: Till, unclear: dict[str, Any]) -> None:
    with pytest.raises(ShopError):
        await till.do(request_return, order="ORD-1", reason="changed_mind", **unclear)


async def test_a_shop_may_take_returns_once_and_only_of_what_arrived(
    mine: NewShop, till: Till, buyer: Customer
) -> None:
    await choose(mine, "after_sales.one_return_for_an_order", True)
    await choose(mine, "after_sales.returns_once_delivered", True)
    order, under_way = await deliver(mine, buyer, units=2), await deliver(mine, buyer, units=2)
    async with writing(mine) as sql:
        for undo in (
            "update orders set status = 'confirmed', completed_at = null where merchant_id = %s and reference = %s",
            "update fulfilments f set status = 'in_transit', delivered_at = null from orders o"
            " where f.merchant_id = %s and o.id = f.order_id and o.reference = %s",
        ):
            await sql.execute(undo, (mine.id, under_way))
    asked = await till.do(request_return, order=order, **back())

    with pytest.raises(OrderReturnedBefore, match=f"there is {asked.reference} already"):
        await till.do(request_return, order=order, **back())
    with pytest.raises(OrderReturnedBefore):
        await till.do(exchange_items, order=order, items=[{"sku": MUG, "quantity": 1, "new_sku": "MUG-RED"}])
    with pytest.raises(ReturnNotAllowed, match="has not arrived yet"):
        await till.do(request_return, order=under_way, **back())
