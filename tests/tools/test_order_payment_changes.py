"""Another way of paying: the new one first, then the old one goes back."""

import pytest
from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from db.models.payments import Payment, PaymentStatus
from db.models.transport import FulfilmentStatus
from tests.aftermath import make_shipment, pay
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.till import LYON, bought, stocked, writing
from tools.flows.cancel_order import cancel_order
from tools.flows.change_order_lines import change_order_lines
from tools.flows.change_order_payment import (
    MethodIsWaitedFor,
    OrderNotPlaced,
    SamePaymentMethod,
    change_order_payment,
)
from tools.flows.create_order import create_order
from tools.flows.mark_order_paid import mark_order_paid
from tools.orders.detail import get_order
from tools.orders.holds import hold_order
from tools.rules.refunds import ChargeUnderWay
from tools.rules.standing import OrderAlreadyShipped, OrderClosed, OrderOnHold

TOTAL = 1_999 + 490


@pytest.fixture
async def order(mine: NewShop, do: Do) -> str:
    """An order of a mug: 24.89 EUR with shipping."""
    await stocked(mine)
    return (await do(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)))).reference


async def intents(mine: NewShop) -> list[tuple[str, int | None, IntentStatus, str | None]]:
    """What is to be done outside, in the order in which it was wanted: kind, amount, status, and what it waits for."""
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Intent).where(Intent.merchant_id == mine.id).order_by(Intent.reference)
        found = (await sql.session.scalars(query)).all()
    return [(one.kind, one.amount, one.status, one.arguments.get("after")) for one in found]


async def test_the_new_method_is_charged_before_the_old_goes_back(mine: NewShop, do: Do, order: str) -> None:
    await do(mark_order_paid, order=order, method="cash")

    changed = await do(change_order_payment, order=order, method="paypal")

    assert (changed.amount.amount, [back.amount.amount for back in changed.refunds]) == (TOTAL, [TOTAL])
    assert await intents(mine) == [
        ("charge_payment", TOTAL, "pending", None), ("refund_payment", TOTAL, "pending", changed.charge),
    ]  # fmt: skip
    shown = await do(get_order, order=order)
    assert [(row.method, row.status) for row in shown.payments] == [("cash", "captured"), ("paypal", "pending")]
    assert await misfits(mine) == {}


async def test_what_was_authorized_is_let_go_and_not_taken(mine: NewShop, do: Do, order: str) -> None:
    async with writing(mine) as sql:
        await pay(sql, order, authorized=TOTAL)

    changed = await do(change_order_payment, order=order, method="card", label="Visa ending 4242")

    assert [void.amount.amount for void in changed.voids] == [TOTAL]
    assert await intents(mine) == [
        ("charge_payment", TOTAL, "pending", None), ("void_payment", TOTAL, "pending", changed.charge),
    ]  # fmt: skip


async def test_an_order_that_nobody_paid_is_paid_another_way_and_the_old_is_not_waited_for(
    mine: NewShop, do: Do, order: str
) -> None:
    waited = await do(change_order_payment, order=order, method="bank_transfer")

    changed = await do(change_order_payment, order=order, method="invoice")

    assert (waited.charge, changed.charge, changed.cancelled) == (None, None, [waited.payment])
    paid = await do(mark_order_paid, order=order)
    assert (paid.method, paid.payment) == ("invoice", changed.payment)
    assert await misfits(mine) == {}


async def test_cancelling_stops_a_charge_that_has_not_begun_and_gives_back_what_was_paid(
    mine: NewShop, do: Do, order: str
) -> None:
    await do(mark_order_paid, order=order, method="cash")
    changed = await do(change_order_payment, order=order, method="paypal")

    cancelled = await do(cancel_order, order=order)

    assert [back.amount.amount for back in cancelled.refunds] == [TOTAL]
    assert await intents(mine) == [
        ("charge_payment", TOTAL, "cancelled", None), ("refund_payment", TOTAL, "cancelled", changed.charge),
        ("refund_payment", TOTAL, "pending", None),
    ]  # fmt: skip
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Payment).where(Payment.reference == changed.payment, Payment.merchant_id == mine.id)
        assert (await sql.session.scalars(query)).one().status is PaymentStatus.cancelled
    assert await misfits(mine) == {}


async def test_while_an_order_is_charged_what_it_costs_and_how_stays(do: Do, order: str) -> None:
    await do(change_order_payment, order=order, method="paypal")

    with pytest.raises(ChargeUnderWay, match=f"{order} is being charged by PAY-"):
        await do(change_order_payment, order=order, method="card")
    with pytest.raises(ChargeUnderWay):
        await do(mark_order_paid, order=order)
    with pytest.raises(ChargeUnderWay):
        await do(change_order_lines, order=order, add=bought(("MUG-BLUE", 1)))


async def test_it_is_another_method_and_one_that_can_be_charged(do: Do, order: str) -> None:
    paid = await do(mark_order_paid, order=order, method="cash")

    with pytest.raises(SamePaymentMethod, match=rf"{order} is paid by cash \({paid.payment}\) already"):
        await do(change_order_payment, order=order, method="cash")
    with pytest.raises(MethodIsWaitedFor, match=r"24.89 EUR were paid for .*; a payment by bank transfer comes when"):
        await do(change_order_payment, order=order, method="bank_transfer")


async def test_drafts_held_sent_and_cancelled_orders_are_paid_as_they_were(mine: NewShop, do: Do, order: str) -> None:
    lines = bought(("MUG-BLUE", 1))
    draft = (await do(create_order, shipping_address=LYON, lines=lines, draft=True)).reference
    sent, over = [(await do(create_order, shipping_address=LYON, lines=lines)).reference for _ in range(2)]
    await do(hold_order, order=order, reason="fraud_review")
    await do(cancel_order, order=over)
    async with writing(mine) as sql:
        await make_shipment(sql, sent, FulfilmentStatus.in_transit, left=1)

    for name, refused in (
        (draft, OrderNotPlaced), (order, OrderOnHold), (sent, OrderAlreadyShipped), (over, OrderClosed),
    ):  # fmt: skip
        with pytest.raises(refused, match=name):
            await do(change_order_payment, order=name, method="paypal")


async def test_the_card_says_that_the_new_method_is_charged_first(do: Do, order: str) -> None:
    paid = await do(mark_order_paid, order=order, method="cash")

    preview = await do.outcome(change_order_payment, preview=True, order=order, method="paypal")

    assert preview.card is not None
    assert preview.card.sentences == [
        f"{order}, 24.89 EUR, is paid by paypal from now on.",
        "24.89 EUR are charged first; only then does anything go back.",
        f"24.89 EUR go back through {paid.payment}.",
    ]
