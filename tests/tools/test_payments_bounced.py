"""Refunds that fail after they were counted: payment, order, return and ledger count them no more, once and in any order."""

import pytest
from sqlalchemy import select

from db.models.backoffice import Intent
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tests.tools.returning import delivered
from tests.tools.test_after_sales_settling import inspected
from tests.tools.test_payments_events import told
from tools.after_sales.detail import get_return
from tools.flows.authorize_payment import authorize_payment
from tools.flows.settle_intent import settle_intent
from tools.flows.settle_return import settle_return
from tools.orders.detail import get_order
from tools.payments.moving import refund_payment
from tools.payments.reports import refund_report

_ = till


async def intent_of(mine: NewShop) -> str:
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Intent.reference).where(Intent.merchant_id == mine.id, Intent.kind == "refund_payment")
        return (await sql.session.scalars(query)).one()


@pytest.mark.parametrize("counted", [True, False])
async def test_a_return_whose_refund_fails_gave_nothing(mine: NewShop, do: Do, counted: bool) -> None:
    order, _ = await delivered(mine)
    rma = await inspected(do, order)
    given = (await do(settle_return, rma=rma)).refunded.amount
    intent = await intent_of(mine)
    if counted:
        await do(settle_intent, intent=intent, outcome="succeeded", reference="pi-1", transaction="re_1")
        assert (await do(get_order, order=order)).refunded.amount == given
        till = Till(mine)
        for event in ("evt_1", "evt_2"):
            await told(till, event, "refund_failed", reference="pi-1", transaction="re_1", amount=given)
    else:
        await do(
            settle_intent, intent=intent, outcome="failed", reference="pi-1", transaction="re_1", code="expired_card"
        )

    shown = await do(get_order, order=order)
    assert (shown.refunded.amount, shown.payment_state) == (0, "paid")
    assert shown.returns[0].refunded.amount == 0
    assert (await do(get_return, rma=rma)).refunded.amount == 0
    assert await misfits(mine) == {}


async def test_a_part_that_comes_back_leaves_the_other_part_refunded(mine: NewShop, till: Till) -> None:
    paid = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    await till.do(refund_payment, payment=paid.payment, amount=TOTAL - 300)
    await till.do(refund_payment, payment=paid.payment, amount=300)
    shown = await till.payment(paid.payment)
    assert shown.status == "refunded"
    name, last = shown.provider_reference, shown.transactions[-1]
    async with mine.shop.database.transaction(mine.id) as sql:
        cursor = await sql.connection.execute(
            b"select provider_reference from payment_transactions where merchant_id = %s order by id desc limit 1",
            (mine.id,),
        )
        ((transaction,),) = await cursor.fetchall()

    await told(till, "evt_1", "refund_failed", reference=name, transaction=transaction, amount=300)
    await told(till, "evt_2", "refunded", reference=name, transaction=transaction, amount=300)  # late

    shown = await till.payment(paid.payment)
    assert (last.amount.amount, shown.status, shown.refunded.amount) == (300, "partially_refunded", TOTAL - 300)
    assert (await till.do(refund_report)).total.refunded.amount == TOTAL - 300
    again = await till.later(refund_payment, payment=paid.payment)
    assert again.amount.amount == 300  # there to be given back again
    assert await misfits(mine) == {}


async def test_a_refund_that_is_heard_to_have_failed_first_is_never_counted(mine: NewShop, till: Till) -> None:
    paid = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    name = (await till.payment(paid.payment)).provider_reference
    by_itself = {"reference": name, "transaction": "re_9", "amount": 300}

    await told(till, "evt_1", "refund_failed", **by_itself)
    await told(till, "evt_2", "refunded", **by_itself)
    asked = await till.later(refund_payment, payment=paid.payment, amount=400)
    await told(till, "evt_3", "refund_failed", reference=name, transaction="re_8", amount=400)

    shown = await till.payment(paid.payment)
    assert (shown.status, shown.refunded.amount) == ("captured", 0)
    assert asked.intent
    assert await misfits(mine) == {}
