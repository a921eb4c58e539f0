"""Payment links: one for what is due, void as soon as something else is; what comes by one is booked once, whatever came before."""

from datetime import timedelta
from typing import Any

import pytest

from connectors import Silent
from orchestrator.outside import Outside
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tools.flows.authorize_payment import authorize_payment
from tools.flows.cancel_order import cancel_order
from tools.flows.create_payment_link import (
    PaymentLinkExists,
    PaymentLinkMade,
    create_payment_link,
    expire_payment_link,
)
from tools.flows.mark_order_paid import OrderAlreadyPaid, OrderNotPayable, mark_order_paid
from tools.flows.receive_provider_event import receive_provider_event
from tools.orders.detail import get_order
from tools.orders.holds import hold_order
from tools.rules.paying import ProviderNotSetUp
from tools.rules.refunds import ChargeUnderWay
from tools.rules.standing import OrderOnHold

_ = till


async def told(till: Till, event: str, happened: str = "captured", **more: Any) -> str:
    arguments = {"endpoint": f"{till.mine.id}.manual", "event": event, "happened": happened} | more
    return (await till.do(receive_provider_event, at="2026-01-05T10:00:00Z", **arguments)).became


def paid_by(made: PaymentLinkMade, amount: int = TOTAL) -> dict[str, Any]:
    return {"reference": f"pi-{made.reference}", "amount": amount, "currency": "EUR", "total": True,
            "details": {"link": made.reference}}  # fmt: skip


async def rows(mine: NewShop, query: str) -> list[tuple[Any, ...]]:
    async with mine.shop.database.transaction(mine.id) as sql:
        return await (await sql.connection.execute(query.encode(), {"m": mine.id})).fetchall()


async def links(mine: NewShop) -> dict[str, str]:
    found = await rows(mine, "select reference, status from payment_links where merchant_id = %(m)s order by id")
    return {str(reference): str(status) for reference, status in found}


async def deeds(mine: NewShop) -> list[str]:
    found = await rows(mine, "select deed from manual_requests where merchant_id = %(m)s order by id")
    return [str(row[0]) for row in found]


async def test_a_link_is_made_for_what_is_open_and_pays_the_order(mine: NewShop, till: Till) -> None:
    order = await till.order()
    await till.do(mark_order_paid, order=order, amount=489)

    made = await till.do(create_payment_link, order=order, valid_days=3)

    assert (made.status, made.amount.amount, made.intent, made.failure) == ("open", TOTAL - 489, None, None)
    assert (made.url or "").startswith("https://pay.example/link-")
    assert made.expires_at == mine.shop.clock() + timedelta(days=3) or made.expires_at > mine.shop.clock()
    assert await told(till, "evt_1", **paid_by(made, TOTAL - 489)) == "booked"
    shown = await till.do(get_order, order=order)
    assert (shown.status, shown.payment_state, shown.paid.amount) == ("confirmed", "paid", TOTAL)
    assert await links(mine) == {made.reference: "paid"}
    assert await misfits(mine) == {}


async def test_what_is_paid_by_a_link_counts_once_in_any_order(mine: NewShop, till: Till) -> None:
    made = await till.do(create_payment_link, order=await till.order())
    name = f"pi-{made.reference}"

    assert await told(till, "evt_4", "refunded", reference=name, transaction="re_1", amount=300) == "waiting"
    assert await told(till, "evt_2", **paid_by(made)) == "booked"
    assert await told(till, "evt_2", **paid_by(made)) == "known"
    assert await told(till, "evt_3", **paid_by(made)) == "booked"  # the page tells what the payment told
    unknown: dict[str, Any] = paid_by(made) | {"details": {"link": "LNK-9"}, "reference": "pi-9"}
    assert await told(till, "evt_5", **unknown) == "waiting"

    found = await rows(mine, "select captured, refunded, method_label from payments where merchant_id = %(m)s")
    assert found == [(TOTAL, 300, f"by link {made.reference}")]
    assert await misfits(mine) == {}


async def test_one_link_is_there_for_each_amount_that_is_due(mine: NewShop, till: Till) -> None:
    order = await till.order()
    first = await till.do(create_payment_link, order=order)
    with pytest.raises(PaymentLinkExists, match=first.url):
        await till.do(create_payment_link, order=order)

    second = await till.do(create_payment_link, order=order, replace=True)
    await till.do(mark_order_paid, order=order, amount=489)
    third = await till.do(create_payment_link, order=order)
    await till.do(mark_order_paid, order=order)

    assert third.amount.amount == TOTAL - 489
    assert await links(mine) == dict.fromkeys((first.reference, second.reference, third.reference), "void")
    assert await deeds(mine) == ["link", "unlink", "link", "unlink", "link", "unlink"]
    assert await misfits(mine) == {}


async def test_a_charge_that_succeeds_makes_the_link_void_and_one_that_fails_does_not(
    mine: NewShop, till: Till
) -> None:
    order = await till.order()
    made = await till.do(create_payment_link, order=order)
    await till.do(authorize_payment, order=order, token="tok_declined")
    assert await links(mine) == {made.reference: "open"}

    await till.do(authorize_payment, order=order, token="tok_ok")

    assert await links(mine) == {made.reference: "void"}


async def test_a_cancelled_order_has_no_link_and_gives_late_money_back(mine: NewShop, till: Till) -> None:
    order = await till.order()
    made = await till.do(create_payment_link, order=order)
    card = (await till.do.outcome(cancel_order, preview=True, order=order)).card
    assert card
    assert f"{made.reference}, by which 24.89 EUR could be paid, becomes void." in card.sentences

    await till.do(cancel_order, order=order)
    assert await links(mine) == {made.reference: "void"}
    assert await told(till, "evt_1", **paid_by(made)) == "booked"

    assert await links(mine) == {made.reference: "paid"}
    found = await rows(mine, "select status, captured, refunded from payments where merchant_id = %(m)s")
    assert found == [("refunded", TOTAL, TOTAL)]
    assert (await till.do(get_order, order=order)).status == "cancelled"
    assert await misfits(mine) == {}


async def test_what_is_paid_twice_goes_back_the_way_it_came(mine: NewShop, till: Till) -> None:
    order = await till.order()
    made = await till.do(create_payment_link, order=order)
    await till.do(mark_order_paid, order=order)

    assert await told(till, "evt_1", **paid_by(made)) == "booked"

    found = await rows(
        mine, "select provider_reference, captured, refunded from payments where merchant_id = %(m)s order by id"
    )
    assert found == [(None, TOTAL, 0), (f"pi-{made.reference}", TOTAL, TOTAL)]
    assert await misfits(mine) == {}


async def test_a_link_called_off_while_it_is_made_stays_void(mine: NewShop, till: Till) -> None:
    order = await till.order()
    never = await till.later(create_payment_link, order=order)
    begun = await till.later(create_payment_link, order=order, replace=True)  # the first was not asked for yet

    class Losing(Outside):
        """One whose process ends before it books what was answered."""

        async def book_other(self, *_: Any, **__: Any) -> list[str]:
            raise Silent("the answer was lost")

    with pytest.raises(Silent):
        await Losing(till.shop, till.outside.providers).carry_out(mine.id, begun.intent or "")
    await till.later(cancel_order, order=order)
    assert await links(mine) == {never.reference: "void", begun.reference: "void"}
    assert await deeds(mine) == ["link"]

    await till.outside.sweep(mine.id, quiet=-1)

    assert await links(mine) == {never.reference: "void", begun.reference: "void"}
    assert await deeds(mine) == ["link", "unlink"]  # asked again with the same key, and taken away once it was there
    assert await rows(mine, "select count(*) from intents where merchant_id = %(m)s and status = 'pending'") == [(0,)]


async def test_a_link_whose_time_is_over_is_taken_away_and_may_be_paid_late(mine: NewShop, till: Till) -> None:
    made = await till.do(create_payment_link, order=await till.order())
    assert (await till.do(expire_payment_link, link=made.reference)).status == "open"
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update payment_links set expires_at = created_at where merchant_id = %(m)s", {"m": mine.id})
        await sql.commit()

    assert (await till.do(expire_payment_link, link=made.reference)).status == "expired"

    assert await deeds(mine) == ["link", "unlink"]
    assert await told(till, "evt_1", **paid_by(made)) == "booked"
    assert await links(mine) == {made.reference: "paid"}
    assert await misfits(mine) == {}


async def test_what_cannot_be_paid_by_a_link_says_why(till: Till) -> None:
    order = await till.order()
    with pytest.raises(ProviderNotSetUp, match="stripe"):
        await till.do(create_payment_link, order=order, provider="stripe")
    await till.later(authorize_payment, order=order, capture=True)
    with pytest.raises(ChargeUnderWay):
        await till.do(create_payment_link, order=order)
    paid = await till.order()
    await till.do(mark_order_paid, order=paid)
    with pytest.raises(OrderAlreadyPaid):
        await till.do(create_payment_link, order=paid)
    held = await till.order()
    await till.do(hold_order, order=held, reason="other")
    with pytest.raises(OrderOnHold):
        await till.do(create_payment_link, order=held)
    gone = await till.order()
    await till.do(cancel_order, order=gone)
    with pytest.raises(OrderNotPayable, match="cancelled"):
        await till.do(create_payment_link, order=gone)
