"""Money that came by itself is recorded once, and what waited for it goes on."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db.model import new_id
from db.models.orders import Order
from db.models.payments import Payment, PaymentMethod, PaymentStatus
from db.references import Kind
from tests.aftermath import pay
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, number
from tests.tools.misfits import misfits
from tests.tools.till import LYON, bought, stocked, writing
from tools.contract.call import call
from tools.contract.errors import ShopError
from tools.contract.shop import Shop
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.flows.mark_order_paid import (
    MoreThanIsOwed,
    OrderAlreadyPaid,
    OrderNotPayable,
    PaidInTheFuture,
    PaymentAlreadyRecorded,
    mark_order_paid,
)
from tools.orders.detail import get_order

TOTAL = 1_999 + 490


@pytest.fixture
async def order(mine: NewShop, do: Do) -> str:
    """An order of a mug: 24.89 EUR with shipping."""
    await stocked(mine)
    return await place(do)


async def place(do: Do, **more: Any) -> str:
    return (await do(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)), **more)).reference


async def test_a_transfer_pays_an_order_and_confirms_it(mine: NewShop, do: Do, order: str) -> None:
    paid = await do(mark_order_paid, order=order, method="bank_transfer", transfer="SEPA 77")

    assert (paid.amount.amount, paid.open.amount) == (TOTAL, 0)
    assert (paid.status, paid.payment_state) == ("confirmed", "paid")
    shown = await do(get_order, order=order)
    assert (shown.status, shown.payment_state, shown.expires_at) == ("confirmed", "paid", None)
    (payment,) = shown.payments
    assert (payment.status, payment.method, payment.captured.amount) == ("captured", "bank_transfer", TOTAL)
    assert await misfits(mine) == {}


async def test_a_part_leaves_the_rest_open_until_it_comes(mine: NewShop, do: Do, order: str) -> None:
    part = await do(mark_order_paid, order=order, method="cash", amount=1_000)
    rest = await do(mark_order_paid, order=order, method="bank_transfer")

    assert (part.status, part.payment_state, part.open.amount) == ("pending", "partly_paid", TOTAL - 1_000)
    assert (rest.status, rest.payment_state, rest.amount.amount) == ("confirmed", "paid", TOTAL - 1_000)
    assert len((await do(get_order, order=order)).payments) == 2
    assert await misfits(mine) == {}


async def test_the_payment_that_was_waited_for_is_the_one_that_came(mine: NewShop, do: Do, order: str) -> None:
    async with writing(mine) as sql:
        row = (await sql.session.scalars(select(Order).where(Order.reference == order))).one()
        sql.session.add(
            Payment(
                merchant_id=mine.id, id=new_id(), reference=Kind.payment.reference(number()), order_id=row.id,
                status=PaymentStatus.pending, method=PaymentMethod.bank_transfer, provider="manual", currency="EUR",
                created_at=LONG_AGO, updated_at=LONG_AGO,
            )
        )  # fmt: skip

    paid = await do(mark_order_paid, order=order)

    assert paid.method == "bank_transfer"
    (payment,) = (await do(get_order, order=order)).payments
    assert (payment.reference, payment.status) == (paid.payment, "captured")
    assert await misfits(mine) == {}


async def test_no_more_is_recorded_than_is_open(do: Do, order: str) -> None:
    with pytest.raises(MoreThanIsOwed, match=f"25.00 EUR were to be recorded for {order}, and 24.89 EUR are open"):
        await do(mark_order_paid, order=order, amount=2_500)
    await do(mark_order_paid, order=order)
    with pytest.raises(OrderAlreadyPaid, match=f"{order} is paid"):
        await do(mark_order_paid, order=order)


async def test_the_same_transfer_counts_once(do: Do, order: str) -> None:
    await do(mark_order_paid, order=order, transfer="SEPA 77")
    other = await place(do)

    with pytest.raises(PaymentAlreadyRecorded, match=f"The transfer SEPA 77 was recorded for {order} already"):
        await do(mark_order_paid, order=other, transfer="SEPA 77")


async def test_two_who_record_the_same_money_at_once_record_it_once(mine: NewShop, do: Do, order: str) -> None:
    both = await asyncio.gather(*(do(mark_order_paid, order=order) for _ in range(4)), return_exceptions=True)

    assert len([one for one in both if not isinstance(one, ShopError)]) == 1
    assert (await do(get_order, order=order)).paid.amount == TOTAL
    assert await misfits(mine) == {}


async def test_what_is_no_order_yet_or_no_more_is_not_paid(do: Do, order: str) -> None:
    draft = await place(do, draft=True)
    await do(cancel_order, order=order)

    for name in (draft, order):
        with pytest.raises(OrderNotPayable, match=f"{name} is (draft|cancelled)"):
            await do(mark_order_paid, order=name)


async def test_money_that_has_not_come_is_not_recorded(do: Do, order: str) -> None:
    tomorrow = do.shop.clock() + timedelta(days=1)

    with pytest.raises(PaidInTheFuture, match="has not come yet"):
        await do(mark_order_paid, order=order, received_at=tomorrow)


async def test_what_is_authorized_on_a_card_is_told_and_stays(mine: NewShop, do: Do, order: str) -> None:
    async with writing(mine) as sql:
        await pay(sql, order, authorized=TOTAL)

    preview = await do.outcome(mark_order_paid, preview=True, order=order, method="cash")

    assert preview.card is not None
    assert preview.card.money is not None
    assert preview.card.money.amount == TOTAL
    assert preview.card.sentences == [
        f"24.89 EUR for {order} are recorded as paid by cash.",
        "24.89 EUR authorized on other payments are not taken by this.",
        f"{order} is paid in full and confirmed.",
    ]
    assert preview.card.arguments["amount"] == TOTAL


async def test_more_than_ones_limit_waits_for_somebody_who_may(mine: NewShop, shop: Shop, do: Do) -> None:
    await stocked(mine, "MUG-BLUE", price=6_000)
    order = await place(do)

    outcome = await call(shop, mark_order_paid, {"order": order}, mine.caller("support"), key=uuid.uuid4().hex)

    assert outcome.approval is not None
    assert (await do(get_order, order=order)).payment_state == "unpaid"
