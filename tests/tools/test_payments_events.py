"""What providers tell by themselves: once each, in any order; disputes, payouts, and whose list is right."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connectors.payments import Happened, Movement, Provider, Told
from db.money import Money
from orchestrator.outside import Outside
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tools.contract.declare import Tool
from tools.contract.errors import NotFound, ShopError
from tools.flows.authorize_payment import authorize_payment
from tools.flows.receive_provider_event import receive_provider_event
from tools.payments import reports
from tools.payments.disputes import DisputeNotOpen, list_disputes, list_payouts, respond_to_dispute
from tools.payments.moving import PaymentNotCapturable, PaymentNotRefundable, capture_payment, refund_payment
from tools.payments.reading import PaymentDetail, list_payment_providers, list_payments
from tools.payments.reconciling import PeriodTooLong, reconcile_payments
from tools.payments.reports import refund_report, revenue_report, transaction_report
from tools.rules.paying import ProviderNotSetUp

_ = till


async def told(till: Till, event: str, happened: str, **more: Any) -> str:
    arguments = {"endpoint": f"{till.mine.id}.manual", "event": event, "happened": happened} | more
    return (await till.do(receive_provider_event, at="2026-01-05T10:00:00Z", **arguments)).became


async def test_events_count_once_and_in_any_order(mine: NewShop, till: Till) -> None:
    begun = (
        await till.later(authorize_payment, order=await till.order(), token="tok_needs_action", capture=True)
    ).payments[0]
    intent = begun.intent or ""
    await till.outside.carry_out(mine.id, intent)
    name = (await till.payment(begun.payment)).provider_reference or ""
    captured = {"reference": name, "transaction": "ch_1", "amount": TOTAL, "currency": "EUR"}

    assert await told(till, "evt_2", "captured", **captured) == "booked"
    assert await told(till, "evt_2", "captured", **captured) == "known"
    assert await told(till, "evt_3", "captured", **captured) == "booked"  # another delivery of the same movement
    assert await told(till, "evt_1", "authorized", reference=name, amount=TOTAL) == "booked"
    assert await told(till, "evt_4", "failed", reference=name) == "booked"
    assert await told(till, "evt_5", "refunded", reference=name, transaction="re_1", amount=300) == "booked"
    assert await told(till, "evt_6", "captured", reference="not known yet", amount=5) == "waiting"

    shown = await till.payment(begun.payment)
    assert (shown.status, shown.captured.amount, shown.refunded.amount) == ("partially_refunded", TOTAL, 300)
    assert [one.kind for one in shown.transactions] == ["authorization", "capture", "refund"]
    assert await misfits(mine) == {}


async def test_an_authorization_that_nobody_took_in_time_has_expired(mine: NewShop, till: Till) -> None:
    begun = (await till.do(authorize_payment, order=await till.order(), token="tok_ok")).payments[0]
    name = (await till.payment(begun.payment)).provider_reference

    assert await told(till, "evt_1", "expired", reference=name) == "booked"
    assert await told(till, "evt_2", "expired", reference=name) == "booked"

    shown = await till.payment(begun.payment)
    assert (shown.status, shown.authorized.amount, shown.voided.amount) == ("expired", 0, TOTAL)
    assert [(one.kind, one.reason) for one in shown.transactions] == [("authorization", None), ("void", "expired")]
    with pytest.raises(PaymentNotCapturable):
        await till.do(capture_payment, payment=begun.payment)
    assert await misfits(mine) == {}


async def test_what_is_being_taken_when_the_rest_lapses_is_booked_when_it_was_taken(mine: NewShop, till: Till) -> None:
    begun = (await till.do(authorize_payment, order=await till.order(), token="tok_ok")).payments[0]
    taking = await till.later(capture_payment, payment=begun.payment, amount=600)

    lapsed = await told(till, "evt_1", "expired", reference=(await till.payment(begun.payment)).provider_reference)
    await till.outside.carry_out(mine.id, taking.intent or "")

    shown = await till.payment(begun.payment)
    assert (lapsed, shown.status) == ("booked", "captured")
    assert (shown.captured.amount, shown.voided.amount) == (600, TOTAL - 600)
    assert (await till.do(reconcile_payments, provider="manual")).differences == []
    assert await misfits(mine) == {}


async def test_a_dispute_is_answered_once_with_what_the_shop_knows_and_lost(mine: NewShop, till: Till) -> None:
    ana = await till.customer()
    begun = (await till.do(authorize_payment, order=await till.order(ana), token="tok_dispute", capture=True)).payments[
        0
    ]
    assert await till.outside.tell(mine.id) == 1
    (dispute,) = (await till.do(list_disputes, status="needs_response")).data
    assert (dispute.payment, dispute.amount.amount, dispute.reason) == (begun.payment, TOTAL, "fraudulent")
    assert (await till.do(list_disputes, order=dispute.order, customer=ana, open=True)).data == [dispute]
    assert (await till.do(list_disputes, dispute=dispute.reference)).data == [dispute]
    assert (await till.do(list_disputes, open=False)).data == []
    assert dispute.evidence["product_description"] == "1 x Blue mug (MUG-BLUE)"
    with pytest.raises(PaymentNotRefundable, match="is disputed"):
        await till.do(refund_payment, payment=begun.payment)

    answered = await till.do(respond_to_dispute, dispute=dispute.reference, explanation="She wears it.")

    assert (answered.intent, answered.evidence["uncategorized_text"]) == (None, "She wears it.")
    with pytest.raises(DisputeNotOpen, match="is under review"):
        await till.do(respond_to_dispute, dispute=dispute.reference)
    name = (await till.payment(begun.payment)).provider_reference
    of_it = (await till.do(list_disputes)).data[0]
    await told(
        till,
        "evt_9",
        "dispute_lost",
        reference=name,
        amount=TOTAL,
        details={"dispute": await _name(till, of_it.reference)},
    )
    shown = await till.payment(begun.payment)
    assert (shown.status, shown.charged_back.amount, shown.disputes) == ("lost", TOTAL, [dispute.reference])
    assert (await till.do(refund_report)).total.charged_back.amount == 0  # it was charged back before the last 30 days
    assert await misfits(mine) == {}


async def test_each_dispute_that_is_lost_takes_its_money_whatever_became_of_the_one_before(
    mine: NewShop, till: Till
) -> None:
    begun = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    name = (await till.payment(begun.payment)).provider_reference

    async def disputed(dispute: str, amount: int, end: str) -> PaymentDetail:
        about: dict[str, Any] = {"reference": name, "amount": amount, "details": {"dispute": dispute}}
        await told(till, f"{dispute} opened", "dispute_opened", **about)
        await told(till, f"{dispute} ended", end, **about)
        return await till.payment(begun.payment)

    asked = await disputed("dp_1", TOTAL, "dispute_won")  # a question of the bank that came to nothing
    first = await disputed("dp_2", 1_000, "dispute_lost")
    second = await disputed("dp_3", TOTAL, "dispute_lost")

    assert [(one.status, one.charged_back.amount) for one in (asked, first, second)] == [
        ("won", 0), ("lost", 1_000), ("lost", TOTAL),
    ]  # fmt: skip
    assert len(second.disputes) == 3
    assert await misfits(mine) == {}


async def _name(till: Till, dispute: str) -> str:
    async with till.mine.shop.database.transaction(till.mine.id) as sql:
        cursor = await sql.connection.execute(
            "select provider_reference from disputes where merchant_id = %s and reference = %s", (till.mine.id, dispute)
        )
        return str((await cursor.fetchone() or [""])[0])


async def test_a_payout_is_kept_as_it_stands_last(till: Till) -> None:
    payout = {"transaction": "po_1", "amount": 2_300, "currency": "eur"}
    await told(till, "evt_1", "payout", **payout, details={"status": "in_transit", "fees": 89})
    await told(till, "evt_2", "payout", **payout, details={"status": "paid"})

    (shown,) = (await till.do(list_payouts)).data

    assert (shown.status, shown.amount.amount, shown.fees.amount, shown.amount.currency) == ("paid", 2_300, 89, "EUR")
    assert (await till.do(list_payouts, payout=shown.reference, status="paid")).data == [shown]
    with pytest.raises(NotFound):
        await till.do(list_payouts, payout="POT-999999")


async def fees_in_the_books(till: Till) -> int:
    async with till.mine.shop.database.transaction(till.mine.id) as sql:
        query = "select coalesce(sum(amount), 0) from journal_entries where merchant_id = %s and account = 'fees'"
        cursor = await sql.connection.execute(query, (till.mine.id,))
        return int((await cursor.fetchone() or [0])[0])


async def test_what_a_provider_kept_is_a_cost_as_it_was_said_last(till: Till) -> None:
    payout = {"transaction": "po_1", "amount": 2_300, "currency": "EUR"}
    booked: list[int] = []
    for name, details in (
        ("evt_1", {"status": "in_transit"}), ("evt_2", {"status": "in_transit", "fees": 89}),
        ("evt_3", {"status": "paid", "fees": 92}), ("evt_4", {"status": "failed"}), ("evt_5", {"status": "failed", "fees": 0}),
    ):  # fmt: skip
        await told(till, name, "payout", **payout, details=details)
        booked.append(await fees_in_the_books(till))
        assert await misfits(till.mine) == {}

    assert booked == [0, 89, 92, 92, 0]


async def test_a_provider_is_asked_what_it_kept_once_it_can_tell(mine: NewShop, till: Till) -> None:
    class Keeps:
        async def fees_of(self, payout: str) -> int:
            return {"po_1": 89}[payout]

    keeps: Any = Keeps()
    outside = Outside(till.shop, lambda _: {"stripe": keeps})
    paid: dict[str, Any] = {"transaction": "po_1", "amount": 2_300, "currency": "EUR"}
    begun = Told("evt_1", Happened.payout, till.shop.clock(), **paid, details={"status": "paid"})
    complete = Told("evt_2", Happened.payout, till.shop.clock(), **paid, details={"status": "paid", "complete": True})

    await outside.receive(mine.id, "stripe", begun)
    assert await fees_in_the_books(till) == 0
    for _ in range(2):
        await outside.receive(mine.id, "stripe", complete)
        await outside.sweep(mine.id, quiet=-1)

    (shown,) = (await till.do(list_payouts)).data
    assert (shown.fees.amount, await fees_in_the_books(till)) == (89, 89)
    assert await misfits(mine) == {}


async def test_every_difference_between_both_lists_is_named(mine: NewShop, till: Till) -> None:
    agreed = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    ours = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    async with mine.shop.database.transaction(mine.id) as sql:
        name = (await till.payment(ours.payment)).provider_reference
        await sql.execute(
            "delete from manual_requests where merchant_id = %s and provider_reference = %s", (mine.id, name)
        )
        await sql.execute(
            """
            insert into manual_requests (merchant_id, id, key, deed, provider_reference, amount, currency, outcome, answer, told,
                                         told_at, created_at)
            select merchant_id, gen_random_uuid(), 'theirs alone', 'refund', 'ok-unknown', 77, 'EUR', 'succeeded',
                   '{"transaction": "refund-x"}', '[]', created_at, created_at from manual_requests where merchant_id = %s limit 1
            """,
            (mine.id,),
        )
        await sql.commit()
    until = (await till.do(list_payment_providers)).providers[0]
    assert (until.name, until.healthy, until.succeeded) == ("manual", True, 4)

    found = await till.do(reconcile_payments, until=mine.shop.clock() + timedelta(minutes=1))

    assert (found.status, found.compared, found.agreed) == ("succeeded", 3, 1)
    assert [(one.kind, one.movement, one.payment, one.theirs, one.ours) for one in found.differences] == [
        ("only_with_provider", "refund", None, Money(amount=77, currency="EUR"), None),
        ("only_with_us", "capture", ours.payment, None, Money(amount=TOTAL, currency="EUR")),
    ]
    assert agreed.payment not in [one.payment for one in found.differences]
    with pytest.raises(PeriodTooLong):
        await till.do(reconcile_payments, since="2020-01-01T00:00:00Z")
    with pytest.raises(ProviderNotSetUp):
        await till.do(reconcile_payments, provider="stripe")


async def test_what_disputes_took_is_compared_with_the_disputes(mine: NewShop, till: Till) -> None:
    begun = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    name = (await till.payment(begun.payment)).provider_reference
    for dispute, end in (("dp_open", None), ("dp_won", "dispute_won"), ("dp_less", None)):
        about: dict[str, Any] = {"reference": name, "amount": 900, "details": {"dispute": dispute}}
        await told(till, f"{dispute} 1", "dispute_opened", **about)
        if end:
            await told(till, f"{dispute} 2", end, **about)

    def moved(kind: str, dispute: str, amount: int = 900) -> Movement:
        return Movement(kind, dispute, name, amount, "EUR", mine.shop.clock())

    theirs = [moved("chargeback", "dp_open"), moved("chargeback", "dp_won"), moved("chargeback_reversal", "dp_won")]
    wrong = [
        moved("chargeback", "dp_less", 1_000),
        moved("chargeback", "dp_missed"),
        moved("chargeback_reversal", "dp_open"),
    ]
    listing: Any = Listing(till.outside.providers(mine.id)["manual"], [*theirs, *wrong])

    def of(merchant: UUID) -> dict[str, Provider]:
        return {"manual": listing}

    till.outside.providers = of

    found = await till.do(reconcile_payments, until=mine.shop.clock() + timedelta(minutes=1))

    assert [(one.kind, one.movement, one.transaction, one.payment) for one in found.differences] == [
        ("another_amount", "chargeback", "dp_less", begun.payment), ("only_with_provider", "chargeback", "dp_missed", None),
        ("only_with_provider", "chargeback_reversal", "dp_open", None),
    ]  # fmt: skip
    assert found.agreed == 4  # and what was captured


class Listing:
    """A provider with more on its list."""

    def __init__(self, inner: Provider, more: list[Movement]) -> None:
        self.name, self._inner, self._more = inner.name, inner, more

    async def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        async for one in self._inner.movements(since, until):
            yield one
        for one in self._more:
            yield one


async def test_reports_and_lists_say_what_moved(till: Till) -> None:
    paid = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]
    await till.do(authorize_payment, order=await till.order(), token="tok_declined")
    await till.do(refund_payment, payment=paid.payment, amount=489, reason="scratch")

    transactions = await till.do(transaction_report, group_by="method")
    refunds = await till.do(refund_report, group_by="reason")
    revenue = await till.do(revenue_report, group_by="day")

    assert (transactions.total.succeeded, transactions.total.failed, transactions.total.success_pct) == (3, 1, 50.0)
    assert [(one.group, one.refunds, one.refunded.amount) for one in refunds.groups] == [("scratch", 1, 489)]
    assert (refunds.refund_rate_pct, revenue.total.net.amount, revenue.change_pct) == (19.6, TOTAL - 489, None)
    assert [one.net.amount for one in revenue.groups] == [TOTAL - 489]
    listed = await till.do(list_payments, sort="largest", limit=1, count=True)
    assert (listed.data[0].reference, listed.total and listed.total.rows) == (paid.payment, 2)
    following = await till.do(list_payments, sort="largest", limit=1, after=listed.next)
    assert [row.status for row in following.data] == ["failed"]
    assert (await till.do(list_payments, status="failed", max_amount=0)).data == following.data


@pytest.mark.parametrize("report", [transaction_report, refund_report, revenue_report])
async def test_a_report_of_more_groups_than_are_read_asks_for_a_shorter_period(
    till: Till, monkeypatch: pytest.MonkeyPatch, report: Tool[Any, Any]
) -> None:
    await till.do(authorize_payment, order=await till.order(), capture=True)
    monkeypatch.setattr(reports, "MOST_ROWS", 0)

    with pytest.raises(reports.TooManyGroups, match="more than 0 groups") as refused:
        await till.do(report, group_by="day")

    assert "shorter period" in str(refused.value.hint)


async def test_only_an_owner_books_an_event_by_hand(mine: NewShop, till: Till) -> None:
    till.do.caller = mine.caller("manager")
    with pytest.raises(ShopError, match="secrets:write"):
        await told(till, "evt_1", "payout")
