"""The address at which providers tell what happened: what is signed is believed once, anything else is somebody's request."""

import json
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request

from connectors.payments.signatures import sign
from orchestrator.app import RequestId
from orchestrator.surfaces import rest
from orchestrator.surfaces.webhooks import with_webhooks
from tests.factories import NewShop
from tests.tools.paying import TOTAL, Till, till
from tools.contract.actors import Caller
from tools.contract.card_numbers import hidden
from tools.flows.authorize_payment import authorize_payment
from tools.flows.receive_provider_event import receive_provider_event

_ = till
SECRET = "a secret"  # of the till's provider


def event(reference: str | None, **more: Any) -> bytes:
    told = {"id": "evt_1", "happened": "captured", "at": "2026-01-05T10:00:00+00:00", "reference": reference}
    return json.dumps(told | {"transaction": "ch_1", "amount": TOTAL, "currency": "EUR"} | more).encode()


async def test_a_signed_event_is_booked_once_and_one_of_somebody_else_never(mine: NewShop, till: Till) -> None:
    async def caller_of(_: Request) -> Caller:
        return mine.caller("manager")

    routes = with_webhooks(rest.routes(till.shop, [receive_provider_event], caller_of, caller_of), till.outside)
    begun = (
        await till.do(authorize_payment, order=await till.order(), token="tok_needs_action", capture=True)
    ).payments[0]
    body = event((await till.payment(begun.payment)).provider_reference)
    at = int(till.shop.clock().timestamp())
    address, forged = f"/api/v1/payments/events/{mine.id}.manual", {"Shopkeeper-Signature": sign(body, "another", at)}
    signed = {"Shopkeeper-Signature": sign(body, SECRET, at)}

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(RequestId(Starlette(routes=routes))), base_url="http://shop"
    ) as provider:
        refused = await provider.post(address, content=body, headers=forged)
        booked = await provider.post(address, content=body, headers=signed)
        again = await provider.post(address, content=body, headers=signed)
        nowhere = await provider.post("/api/v1/payments/events/nobody.manual", content=body, headers=signed)
        by_hand = await provider.post(address, json={"event": "evt_2"}, headers={"Idempotency-Key": "a"})

    assert (refused.status_code, nowhere.status_code, by_hand.status_code) == (401, 404, 422)
    assert [(one.status_code, one.json()["became"]) for one in (booked, again)] == [(200, "booked"), (200, "booked")]
    shown = await till.payment(begun.payment)
    assert (shown.status, len(shown.transactions)) == ("captured", 2)


def test_of_a_card_number_in_a_message_the_last_four_digits_are_left() -> None:
    assert hidden("charge 4242 4242 4242 4242 please") == "charge [card ending 4242] please"
    assert (
        hidden("ORD-1042, EAN 4006381333931, tracking 1234567890123456")
        == "ORD-1042, EAN 4006381333931, tracking 1234567890123456"
    )
