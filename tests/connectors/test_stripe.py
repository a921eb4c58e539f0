"""Stripe: asked through its SDK, over a real server; and every object that it publishes an example of is understood."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import NotOurs, Silent
from connectors.payments import Answer, Asked, Deed, Happened, Outcome
from connectors.payments.signatures import sign
from connectors.payments.stripe import Stripe, movement_of, told_of

EXAMPLES = Path(__file__).parents[3] / "shared/evals/payloads/stripe/openapi/fixtures3.json"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECRET = "whsec_test"


@pytest.fixture
async def stripe(stripe_url: str) -> AsyncGenerator[Stripe]:
    stripe = Stripe("sk_test_shop", SECRET, stripe_url)
    yield stripe
    await stripe.close()


def asked(deed: Deed, amount: int, key: str, **more: Any) -> Asked:
    return Asked(deed, key, "PAY-1001", amount, "EUR", **more)


async def test_a_payment_is_authorized_taken_and_given_back(stripe: Stripe, at_stripe: httpx.AsyncClient) -> None:
    promised = await stripe.ask(asked(Deed.authorize, 2_489, "a", token="pm_card_visa"))
    assert (promised.outcome, promised.code, promised.transaction) == (Outcome.succeeded, None, None)
    name = promised.reference or ""
    assert (await at_stripe.get(f"/v1/payment_intents/{name}")).json()["status"] == "requires_capture"

    taken = await stripe.ask(asked(Deed.capture, 2_489, "b", reference=name))
    back = await stripe.ask(asked(Deed.refund, 489, "c", reference=name, reason="INT-1003"))

    assert (taken.outcome, back.outcome, back.reference) == (Outcome.succeeded, Outcome.succeeded, name)
    refund = (await at_stripe.get(f"/v1/refunds/{back.transaction}")).json()
    assert (refund["amount"], refund["metadata"]) == (489, {"payment": "PAY-1001", "intent": "INT-1003"})
    charged = await stripe.ask(asked(Deed.charge, 1_000, "d", token="pm_card_visa"))
    assert (charged.outcome, (charged.transaction or "")[:3]) == (Outcome.succeeded, "ch_")


async def test_what_is_declined_let_go_or_not_answered(stripe: Stripe) -> None:
    declined = await stripe.ask(asked(Deed.charge, 1_000, "e", token="pm_card_chargeCustomerFail"))
    promised = await stripe.ask(asked(Deed.authorize, 1_000, "f", token="pm_card_visa"))
    voided = await stripe.ask(asked(Deed.void, 1_000, "g", reference=promised.reference))
    unknown = await stripe.ask(asked(Deed.capture, 1_000, "h", reference="pi_nobody"))

    assert (declined.outcome, declined.code) == (Outcome.failed, "card_declined")
    assert voided == Answer(Outcome.succeeded, promised.reference)
    assert (unknown.outcome, unknown.reference) == (Outcome.failed, "pi_nobody")
    nobody = Stripe("sk_test_shop", SECRET, "http://127.0.0.1:9")
    with pytest.raises(Silent):
        await nobody.ask(asked(Deed.charge, 1, "i", token="pm_card_visa"))
    await nobody.close()


async def test_who_has_a_wrong_key_is_told_so_unless_something_may_have_been_done_before(stripe_url: str) -> None:
    stranger = Stripe("nobody", SECRET, stripe_url)
    again: Any = {"first": NOW, "age": timedelta(minutes=1)}

    refused = await stranger.ask(asked(Deed.charge, 1_000, "v", token="pm_card_visa"))
    with pytest.raises(Silent, match="Authentication"):
        await stranger.ask(asked(Deed.charge, 1_000, "v", token="pm_card_visa", **again))
    await stranger.close()

    assert (refused.outcome, refused.code) == (Outcome.failed, "api_key_refused")


async def test_a_card_that_a_customer_keeps_is_charged_again_as_theirs(
    stripe: Stripe, at_stripe: httpx.AsyncClient
) -> None:
    ana = (await at_stripe.post("/v1/customers", data={"email": "ana@example.com"})).json()["id"]
    card = (await at_stripe.get("/v1/payment_methods/pm_card_visa")).json()["id"]
    await at_stripe.post(f"/v1/payment_methods/{card}/attach", data={"customer": ana})

    charged = [await stripe.ask(asked(Deed.charge, 1_000, key, token=card)) for key in ("j", "k")]

    assert [one.outcome for one in charged] == [Outcome.succeeded, Outcome.succeeded]
    for one in charged:
        assert (await at_stripe.get(f"/v1/payment_intents/{one.reference}")).json()["customer"] == ana


CONFIRMED_BY_HAND = {
    "type": "card", "card[number]": "4000002500003155", "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123",
}  # fmt: skip


async def test_who_has_to_confirm_a_payment_is_sent_to_a_page_if_there_is_one_to_come_back_to(
    stripe: Stripe, stripe_url: str, at_stripe: httpx.AsyncClient
) -> None:
    card = (await at_stripe.post("/v1/payment_methods", data=CONFIRMED_BY_HAND)).json()["id"]
    with_page = Stripe("sk_test_shop", SECRET, stripe_url, "https://fernway.example/thanks")

    nowhere = await stripe.ask(asked(Deed.charge, 1_000, "l", token=card))
    page = await with_page.ask(asked(Deed.charge, 1_000, "m", token=card))
    await with_page.close()

    assert (nowhere.outcome, nowhere.action_url) == (Outcome.needs_action, None)
    assert (page.outcome, (page.action_url or "")[:29]) == (Outcome.needs_action, "https://hooks.stripe.example/")


@pytest.mark.parametrize("deed", [Deed.authorize, Deed.charge])
async def test_what_was_begun_days_ago_is_looked_up_and_not_done_again(
    stripe: Stripe, at_stripe: httpx.AsyncClient, deed: Deed
) -> None:
    """By then Stripe has forgotten the key; localstripe never knows one."""
    old: Any = {"first": datetime(2026, 1, 1, tzinfo=UTC), "age": timedelta(days=2)}
    name = f"PAY-{deed}"

    first = await stripe.ask(Asked(deed, "n", name, 2_489, "EUR", token="pm_card_visa", **old))
    again = await stripe.ask(Asked(deed, "n", name, 2_489, "EUR", token="pm_card_visa", **old))

    assert (again.outcome, again.reference) == (Outcome.succeeded, first.reference)
    made = (await at_stripe.get("/v1/payment_intents?limit=100")).json()["data"]
    assert [one["metadata"].get("payment") for one in made].count(name) == 1


async def test_what_was_taken_let_go_or_given_back_days_ago_is_not_done_again(
    stripe: Stripe, at_stripe: httpx.AsyncClient
) -> None:
    taken, let_go = [
        (await stripe.ask(asked(Deed.authorize, 2_489, key, token="pm_card_visa"))).reference for key in ("o", "p")
    ]
    old: Any = {"first": datetime(2026, 1, 1, tzinfo=UTC), "age": timedelta(days=2)}
    deeds = [
        asked(Deed.capture, 2_489, "q", reference=taken, **old), asked(Deed.void, 2_489, "r", reference=let_go, **old),
        asked(Deed.refund, 489, "s", reference=taken, reason="INT-1009", **old),
    ]  # fmt: skip

    first, again = [[await stripe.ask(one) for one in deeds] for _ in range(2)]

    assert [one.outcome for one in first] == [one.outcome for one in again] == [Outcome.succeeded] * 3
    assert first[2] == again[2]
    refunds = (await at_stripe.get(f"/v1/refunds?payment_intent={taken}")).json()["data"]
    assert [one["amount"] for one in refunds] == [489]


async def test_its_list_of_what_was_moved_is_read_page_by_page(stripe: Stripe, at_stripe: httpx.AsyncClient) -> None:
    paid = await stripe.ask(asked(Deed.charge, 731, "t", token="pm_card_visa"))
    back = await stripe.ask(asked(Deed.refund, 31, "u", reference=paid.reference))

    made = (await at_stripe.get(f"/v1/payment_intents/{paid.reference}")).json()["created"]
    since = datetime.fromtimestamp(made, UTC)
    moved = [one async for one in stripe.movements(since, since + timedelta(hours=1))]

    mine = [(one.kind, one.transaction, one.amount, one.currency) for one in moved if one.amount in (731, 31)]
    assert sorted(mine) == [("capture", paid.transaction, 731, "EUR"), ("refund", back.transaction, 31, "EUR")]
    assert [one async for one in stripe.movements(since - timedelta(days=2), since - timedelta(days=1))] == []


def test_an_event_is_believed_when_it_is_signed_and_new(stripe: Stripe) -> None:
    intent = {"id": "pi_1", "amount_received": 2_489, "currency": "eur"}
    body = json.dumps(
        {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1_795_000_000, "data": {"object": intent}}
    )
    at = int(NOW.timestamp())

    told = stripe.read_event(body.encode(), sign(body.encode(), SECRET, at), NOW)

    assert (told.happened, told.reference, told.amount, told.currency, told.total) == (
        Happened.captured, "pi_1", 2_489, "EUR", True,
    )  # fmt: skip
    for signature in (
        "",
        "t=1,v1=00",
        sign(body.encode(), "another", at),
        sign(body.encode(), SECRET, at - 400),
        "t=x,v1=é",
    ):
        with pytest.raises(NotOurs):
            stripe.read_event(body.encode(), signature, NOW)
    with pytest.raises(NotOurs, match="read"):
        stripe.read_event(b"[]", sign(b"[]", SECRET, at), NOW)


@pytest.mark.parametrize(
    ("why", "happened"),
    [("automatic", Happened.expired), ("requested_by_customer", Happened.voided), (None, Happened.voided)],
)
def test_what_was_never_captured_has_expired_and_what_was_called_off_is_void(
    why: str | None, happened: Happened
) -> None:
    intent = {"id": "pi_1", "currency": "eur", "status": "canceled", "cancellation_reason": why}
    event = {"id": "evt_1", "type": "payment_intent.canceled", "created": 1_795_000_000, "data": {"object": intent}}

    assert told_of(event).happened is happened


@pytest.mark.skipif(not EXAMPLES.exists(), reason="Stripe's published examples lie beside the repository, not in it")
def test_every_published_object_is_understood() -> None:
    examples: dict[str, Any] = json.loads(EXAMPLES.read_text())["resources"]
    assert len(examples) > 150

    def told(kind: str, thing: Any) -> Any:
        return told_of({"id": "evt_1", "type": kind, "created": 1_795_000_000, "data": {"object": thing}})

    others = {name: thing for name, thing in examples.items() if name not in ("refund", "payout")}
    assert {told(f"{name}.updated", thing).happened for name, thing in others.items()} == {Happened.other}
    assert told("payment_intent.succeeded", examples["payment_intent"]).reference == examples["payment_intent"]["id"]
    assert told("refund.created", examples["refund"]).transaction == examples["refund"]["id"]
    opened = told("charge.dispute.created", examples["dispute"])
    assert (opened.amount, opened.details["status"], opened.details["reason"]) == (1_000, "needs_response", "general")
    assert told("charge.dispute.closed", examples["dispute"] | {"status": "lost"}).happened is Happened.dispute_lost
    assert told("payout.paid", examples["payout"]).details == {"status": "in_transit"}
    assert told("payout.reconciliation_completed", examples["payout"]).details == {
        "status": "in_transit",
        "complete": True,
    }
    assert told_of(examples["event"]).happened is Happened.other
    line = movement_of(examples["balance_transaction"])
    assert line is not None
    assert (line.kind, line.amount, line.currency, line.transaction) == (
        "capture",
        100,
        "USD",
        examples["charge"]["id"],
    )
    dispute = {"type": "adjustment", "amount": -1_000, "source": examples["dispute"]}
    taken, back = (
        movement_of(examples["balance_transaction"] | dispute | {"amount": amount}) for amount in (-1_000, 1_000)
    )
    assert taken is not None
    assert back is not None
    assert (taken.kind, taken.transaction, taken.amount) == ("chargeback", examples["dispute"]["id"], 1_000)
    assert back.kind == "chargeback_reversal"
    assert movement_of(examples["balance_transaction"] | {"type": "adjustment", "source": None}) is None
