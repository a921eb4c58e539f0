"""Money asked for, taken, let go and given back: the books say what the provider did, whatever breaks off in between."""

import asyncio
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from db.models.backoffice import Intent
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tests.tools.till import LYON, Counting, bought
from tools.contract.actors import Site
from tools.contract.call import call
from tools.contract.errors import ShopError
from tools.contract.shop import Shop
from tools.flows.authorize_payment import authorize_payment
from tools.flows.cancel_order import cancel_order
from tools.flows.change_order_payment import change_order_payment
from tools.flows.create_order import create_order
from tools.flows.mark_order_paid import MoreThanIsOwed, OrderAlreadyPaid, OrderNotPayable, mark_order_paid
from tools.orders.detail import get_order
from tools.orders.holds import hold_order
from tools.payments.moving import capture_payment, refund_payment, void_payment
from tools.payments.reconciling import reconcile_payments
from tools.rules.paying import (
    CaptureExceedsAuthorization,
    NothingToChargeBy,
    PaymentNotCapturable,
    PaymentNotRefundable,
    ProviderNotSetUp,
    RefundExceedsBalance,
)
from tools.rules.refunds import ChargeUnderWay
from tools.rules.standing import OrderOnHold

_ = till


async def test_a_payment_is_authorized_taken_in_parts_and_given_back(mine: NewShop, till: Till) -> None:
    order = await till.order()

    begun = (await till.do(authorize_payment, order=order)).payments[0]
    assert (begun.status, begun.authorized.amount, begun.intent) == ("authorized", TOTAL, None)
    assert begun.says == "No money moves: this is the shop's own test provider."
    assert (await till.do(get_order, order=order)).status == "confirmed"

    first = await till.do(capture_payment, payment=begun.payment, amount=1_000)
    with pytest.raises(CaptureExceedsAuthorization, match=r"20\.00 EUR were to be captured of PAY-\d+, and 14\.89 EUR"):
        await till.do(capture_payment, payment=begun.payment, amount=2_000)
    second = await till.do(capture_payment, payment=begun.payment)
    assert [(one.status, one.captured.amount) for one in (first, second)] == [
        ("partially_captured", 1_000), ("captured", TOTAL),
    ]  # fmt: skip

    back = await till.do(refund_payment, payment=begun.payment, amount=500, reason="a scratch")
    with pytest.raises(RefundExceedsBalance, match=r"and 19\.89 EUR are left"):
        await till.do(refund_payment, payment=begun.payment, amount=TOTAL)
    rest = await till.do(refund_payment, payment=begun.payment)
    assert [(one.status, one.refunded.amount) for one in (back, rest)] == [
        ("partially_refunded", 500), ("refunded", TOTAL),
    ]  # fmt: skip
    with pytest.raises(PaymentNotRefundable, match="is refunded"):
        await till.do(refund_payment, payment=begun.payment)
    shown = await till.payment(begun.payment)
    assert [(one.kind, one.outcome, one.amount.amount) for one in shown.transactions] == [
        ("authorization", "succeeded", TOTAL), ("capture", "succeeded", 1_000), ("capture", "succeeded", TOTAL - 1_000),
        ("refund", "succeeded", 500), ("refund", "succeeded", TOTAL - 500),
    ]  # fmt: skip
    assert await misfits(mine) == {}


async def test_an_authorization_takes_sixteen_statements(mine: NewShop, till: Till, runtime_url: str) -> None:
    order = await till.order()
    database = Counting(runtime_url, size=1)
    await database.open()
    arguments = {"order": order, "token": "tok_ok"}

    await call(Shop(database), authorize_payment, arguments, mine.caller("owner"), key=uuid.uuid4().hex)

    await database.close()
    # begin, set × 5, lock; who calls; order, tenders × 2; references; rows × 2; leave, commit
    assert database.statements == 16


async def test_what_was_authorized_is_let_go_and_the_last_capture_lets_the_rest_go(mine: NewShop, till: Till) -> None:
    let_go = (await till.do(authorize_payment, order=await till.order())).payments[0]
    kept = (await till.do(authorize_payment, order=await till.order())).payments[0]

    voided = await till.do(void_payment, payment=let_go.payment)
    taken = await till.do(capture_payment, payment=kept.payment, amount=1_000, final=True)

    assert (voided.status, taken.status, taken.authorized.amount) == ("voided", "captured", 1_000)
    with pytest.raises(PaymentNotCapturable, match="is voided"):
        await till.do(capture_payment, payment=let_go.payment)
    with pytest.raises(PaymentNotCapturable, match="is voided"):
        await till.do(void_payment, payment=let_go.payment)
    assert await misfits(mine) == {}


@pytest.mark.parametrize("final", [False, True])
async def test_who_takes_the_last_of_it_lets_nothing_go_that_another_is_taking(
    mine: NewShop, till: Till, final: bool
) -> None:
    """The first is done last: the provider took it, and for ever it could not be booked."""
    kept = (await till.do(authorize_payment, order=await till.order())).payments[0]
    first = await till.later(capture_payment, payment=kept.payment, amount=600)
    last = TOTAL - 600 - 100 if final else None

    taken = await till.do(capture_payment, payment=kept.payment, amount=last, final=final)
    await till.outside.carry_out(mine.id, first.intent or "")

    assert taken.captured.amount == (TOTAL - 700 if final else TOTAL - 600)
    shown = await till.payment(kept.payment)
    assert (shown.status, shown.captured.amount) == ("captured", TOTAL - 100 if final else TOTAL)
    assert (await till.do(reconcile_payments, provider="manual")).differences == []
    assert await misfits(mine) == {}


@pytest.mark.parametrize(
    ("token", "status", "failure"),
    [
        ("tok_declined", "failed", "card_declined"),
        ("tok_insufficient_funds", "failed", "insufficient_funds"),
        ("tok_needs_action", "requires_action", None),
    ],
)
async def test_what_a_test_token_stands_for(
    mine: NewShop, till: Till, token: str, status: str, failure: str | None
) -> None:
    order = await till.order()

    begun = (await till.do(authorize_payment, order=order, token=token, capture=True)).payments[0]

    assert (begun.status, begun.failure, begun.captured.amount) == (status, failure, 0)
    assert (begun.action_url is not None) == (status == "requires_action")
    assert (await till.do(get_order, order=order)).payment_state == "unpaid"
    assert await misfits(mine) == {}


async def test_a_provider_that_acted_and_said_nothing_is_asked_again_and_acts_once(mine: NewShop, till: Till) -> None:
    begun = (await till.do(authorize_payment, order=await till.order(), token="tok_timeout", capture=True)).payments[0]
    assert (begun.status, begun.intent is not None) == ("pending", True)

    await till.outside.carry_out(mine.id, begun.intent or "")
    await till.outside.carry_out(mine.id, begun.intent or "")  # it is done, and nothing more

    shown = await till.payment(begun.payment)
    assert (shown.status, shown.captured.amount, len(shown.transactions)) == ("captured", TOTAL, 2)
    assert await misfits(mine) == {}


async def test_an_event_that_comes_late_ends_what_was_left_open_once(mine: NewShop, till: Till) -> None:
    begun = (await till.do(authorize_payment, order=await till.order(), token="tok_late", capture=True)).payments[0]
    assert begun.status == "pending"

    assert await till.outside.tell(mine.id) == 1
    assert await till.outside.tell(mine.id) == 0

    shown = await till.payment(begun.payment)
    assert (shown.status, shown.captured.amount, shown.under_way) == ("captured", TOTAL, [])
    assert await misfits(mine) == {}


async def test_what_is_left_of_an_authorization_is_taken_or_let_go_though_some_was_given_back(
    mine: NewShop, till: Till
) -> None:
    taken, let_go = [(await till.do(authorize_payment, order=await till.order())).payments[0].payment for _ in range(2)]
    for payment in (taken, let_go):
        await till.do(capture_payment, payment=payment, amount=1_000)
        await till.do(refund_payment, payment=payment, amount=400)

    rest = await till.do(capture_payment, payment=taken)
    none = await till.do(void_payment, payment=let_go)

    assert (rest.status, rest.captured.amount, rest.refunded.amount) == ("partially_refunded", TOTAL, 400)
    assert (none.status, none.captured.amount, none.authorized.amount) == ("partially_refunded", 1_000, 1_000)
    assert await misfits(mine) == {}


async def test_forty_refunds_of_one_payment_at_once_are_one_refund(mine: NewShop, till: Till) -> None:
    paid = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]

    async def refund() -> str:
        try:
            return (await till.do(refund_payment, payment=paid.payment)).status
        except ShopError as refused:
            return refused.code()

    came = [await one for one in asyncio.as_completed([refund() for _ in range(40)])]

    assert came.count("refunded") == 1
    assert set(came) - {"refunded"} <= {"PaymentNotRefundable", "RowLocked", "Busy"}
    shown = await till.payment(paid.payment)
    assert [one.amount.amount for one in shown.transactions if one.kind == "refund"] == [TOTAL]
    assert await misfits(mine) == {}


async def test_a_process_that_dies_between_two_steps_leaves_what_another_resolves(mine: NewShop, till: Till) -> None:
    before_asking = (await till.later(authorize_payment, order=await till.order(), capture=True)).payments[0]
    before_booking = (await till.later(authorize_payment, order=await till.order(), capture=True)).payments[0]
    died = till.outside.booking
    till.outside.booking = _dies
    with pytest.raises(SystemExit):
        await till.outside.carry_out(mine.id, before_booking.intent or "")
    till.outside.booking = died
    assert (before_asking.status, (await till.payment(before_booking.payment)).status) == ("pending", "pending")

    await till.outside.sweep(mine.id, quiet=0)

    for payment in (before_asking, before_booking):
        shown = await till.payment(payment.payment)
        assert (shown.status, shown.captured.amount, len(shown.transactions)) == ("captured", TOTAL, 2)
    assert await misfits(mine) == {}


async def _dies(merchant: object, claimed: object, reference: str, answer: object) -> list[str]:
    raise SystemExit


async def test_the_new_method_is_charged_before_the_old_goes_back_and_not_if_it_fails(
    mine: NewShop, till: Till
) -> None:
    order = await till.order()
    cash = await till.do(mark_order_paid, order=order, method="cash")

    changed = await till.do(change_order_payment, order=order, method="paypal")

    assert ((await till.payment(changed.payment)).status, (await till.payment(cash.payment)).status) == (
        "captured", "refunded",
    )  # fmt: skip
    async with mine.shop.database.transaction(mine.id) as sql:
        found = (
            await sql.session.scalars(select(Intent).where(Intent.merchant_id == mine.id).order_by(Intent.id))
        ).all()
    assert [(one.kind, one.status) for one in found] == [
        ("charge_payment", "succeeded"),
        ("refund_payment", "succeeded"),
    ]
    assert await misfits(mine) == {}


async def test_an_order_that_was_called_off_while_it_was_charged_gets_its_money_back(mine: NewShop, till: Till) -> None:
    order = await till.order()
    begun = (await till.do(authorize_payment, order=order, token="tok_timeout", capture=True)).payments[0]
    await till.do(cancel_order, order=order)

    await till.outside.carry_out(mine.id, begun.intent or "")

    assert (await till.payment(begun.payment)).status == "refunded"
    assert await misfits(mine) == {}


async def test_a_shop_that_moves_money_says_by_what_and_no_other_shop_uses_its_account(
    mine: NewShop, other: NewShop, till: Till
) -> None:
    """The test provider, which moves none, is asked for by its tokens alone then."""
    order = await till.order()
    both = Site(providers=("manual", "stripe"), owned={"stripe": mine.id})
    owner = Do(replace(till.shop, site=both), mine.caller("owner"))

    with pytest.raises(NothingToChargeBy):
        await owner(authorize_payment, order=order)
    with pytest.raises(NothingToChargeBy):
        await owner(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)), payment={})
    assert (await owner(authorize_payment, order=order, token="tok_ok")).payments[0].status == "authorized"

    elsewhere = Do(replace(till.shop, site=replace(both, owned={"stripe": other.id})), mine.caller("owner"))
    with pytest.raises(ProviderNotSetUp):
        await elsewhere(authorize_payment, order=await till.order(), token="pm_123")
    assert (await elsewhere(authorize_payment, order=await till.order())).payments[0].status == "authorized"


async def test_what_cannot_be_paid(mine: NewShop, till: Till, do: Do) -> None:
    order = await till.order()
    with pytest.raises(MoreThanIsOwed):
        await till.do(authorize_payment, order=order, amount=TOTAL + 1)
    with pytest.raises(ProviderNotSetUp, match="one of stripe"):
        await till.do(authorize_payment, order=order, token="pm_123")
    with pytest.raises(ShopError, match="never taken"):
        await till.do(authorize_payment, order=order, token="4242424242424242")
    waiting = await till.later(authorize_payment, order=order)
    with pytest.raises(ChargeUnderWay):
        await till.do(authorize_payment, order=order)
    await till.outside.carry_out(mine.id, waiting.payments[0].intent or "")
    with pytest.raises(OrderAlreadyPaid):
        await till.do(authorize_payment, order=order)
    await till.do(hold_order, order=order, reason="fraud_review")
    with pytest.raises(OrderOnHold, match="so it is not charged"):
        await till.do(capture_payment, payment=waiting.payments[0].payment)
    gone = await till.order()
    await till.do(cancel_order, order=gone)
    with pytest.raises(OrderNotPayable):
        await till.do(authorize_payment, order=gone)
