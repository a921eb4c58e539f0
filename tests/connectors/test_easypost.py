"""EasyPost: asked over HTTP, by a server that answers as it was recorded; and every call that was recorded is understood."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors import NotOurs, Silent
from connectors.carriers import Address, Declared, Outcome, Parcel, Refused, Scanned, Visit, Wanted
from connectors.carriers.easypost import (
    EasyPost,
    bought_of,
    code_of,
    coming_of,
    offered_of,
    scans_of,
    sign,
    told_of,
    verified_of,
    why,
)
from tests.easypost_server import KEY, SECRET, Scripted, recorded

CALLS = Path(__file__).parents[3] / "shared/evals/payloads/easypost/recorded_calls.jsonl"
HERE = Address("US", "94107", "Jack Sparrow", "", "388 Townsend St", "Apt 20", "San Francisco", "CA", "5555555555")
THERE = Address("US", "90277", "Elizabeth Swan", "", "179 N Harbor Dr", "", "Redondo Beach", "CA")
WANTED = Wanted("q1", HERE, THERE, Parcel(437, 254, 203, 102))


@pytest.fixture
async def easypost(easypost_server: Scripted) -> AsyncGenerator[EasyPost]:
    easypost = EasyPost(KEY, SECRET, easypost_server.address)
    yield easypost
    await easypost.close()


async def test_a_parcel_is_offered_bought_and_taken_back(easypost: EasyPost, easypost_server: Scripted) -> None:
    offered = await easypost.offer(WANTED)
    cheapest = min(offered.prices, key=lambda price: price.amount)
    bought = await easypost.buy(offered.parcel, cheapest.name)
    back = await easypost.take_back(offered.parcel)

    sent = easypost_server.asked("/v2/shipments")[0]["shipment"]
    assert sent["parcel"] == {"length": 10.0, "width": 8.0, "height": 4.0, "weight": 15.4}
    assert (sent["to_address"]["street1"], sent["to_address"]["zip"], sent["to_address"]["state"]) == (
        "179 N Harbor Dr", "90277", "CA",
    )  # fmt: skip
    assert [(price.carrier, price.service, price.amount, price.days) for price in offered.prices] == [
        ("USPS", "Express", Decimal("34.15"), 1), ("USPS", "Priority", Decimal("7.42"), 2),
        ("USPS", "GroundAdvantage", Decimal("6.07"), 3),
    ]  # fmt: skip
    assert (bought.outcome, bought.amount, bought.currency) == (Outcome.succeeded, Decimal("6.07"), "USD")
    assert (bought.label_url or "").endswith(".png")
    assert (back.outcome, back.tracking_number) == (Outcome.pending, bought.tracking_number)


async def test_what_crosses_a_border_is_declared_as_it_was_in_the_recorded_call(
    easypost: EasyPost, easypost_server: Scripted
) -> None:
    shirts = Declared("Sweet shirts", 2, "654321", "US", 312, Decimal("23.25"), "USD")
    london = replace(THERE, country="GB", postcode="SW1A 1AA")

    await easypost.offer(replace(WANTED, receiver=london, declared=[shirts]))
    await easypost.offer(
        replace(WANTED, sender=london, receiver=HERE, declared=[replace(shirts, value=Decimal(2_501))])
    )

    ours, dear = (sent["shipment"]["customs_info"] for sent in easypost_server.asked("/v2/shipments"))
    theirs = recorded("test_shipment_buy")["request"]["shipment"]["customs_info"]
    item = theirs["customs_items"][0] | {"currency": "USD"}
    assert theirs.pop("contents_explanation") == ""
    assert ours == theirs | {"customs_signer": HERE.name, "customs_items": [item]}
    assert "eel_pfc" not in dear


async def test_a_label_is_bought_once_however_often_it_is_asked_for(
    easypost: EasyPost, easypost_server: Scripted
) -> None:
    offered = await easypost.offer(WANTED)
    name = offered.prices[2].name
    easypost_server.lose = "/buy"
    with pytest.raises(Silent):
        await easypost.buy(offered.parcel, name)

    again = await easypost.buy(offered.parcel, name)

    assert again.outcome is Outcome.succeeded
    assert len(easypost_server.asked("/buy")) == 1


async def test_a_label_that_came_between_looking_and_buying_is_taken(
    easypost: EasyPost, easypost_server: Scripted
) -> None:
    offered = await easypost.offer(WANTED)
    shipment = easypost_server.shipments[offered.parcel]
    bought = await easypost.buy(offered.parcel, offered.prices[0].name)
    late = shipment | {"postage_label": None}
    first_look = [late]
    answer = easypost_server.answer

    def not_yet(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return (200, first_look.pop()) if first_look else answer(method, path, body)

    easypost_server.answer = not_yet  # pyrefly: ignore[method-assign]  # for this test alone
    again = await easypost.buy(offered.parcel, offered.prices[0].name)

    assert again == bought


async def test_what_is_refused_says_why_and_what_is_not_answered_is_asked_again(
    easypost: EasyPost, easypost_server: Scripted
) -> None:
    offered = await easypost.offer(WANTED)
    easypost_server.refuse = "/buy"
    gone = await easypost.buy(offered.parcel, offered.prices[0].name)
    nowhere = await easypost.take_back("shp_nobody")
    stranger = EasyPost("another", SECRET, easypost_server.address)
    with pytest.raises(Refused, match="not active"):
        await stranger.offer(WANTED)
    nobody = EasyPost(KEY, SECRET, "http://127.0.0.1:9")
    with pytest.raises(Silent):
        await nobody.offer(WANTED)
    for one in (stranger, nobody):
        await one.close()

    assert (gone.outcome, gone.code, gone.says) == (Outcome.failed, "RATE.UNAVAILABLE", "The rate is gone.")
    assert (nowhere.outcome, nowhere.code) == (Outcome.failed, "NOT_FOUND")


async def test_a_carrier_comes_once_for_what_has_a_label(easypost: EasyPost, easypost_server: Scripted) -> None:
    offered = await easypost.offer(WANTED)
    day = datetime(2025, 3, 8, tzinfo=UTC)
    visit = Visit("q2", HERE, offered.parcel, day, day)
    with pytest.raises(Refused, match="could not be found"):
        await easypost.offer_visit(visit)
    await easypost.buy(offered.parcel, offered.prices[0].name)

    coming = await easypost.offer_visit(visit)
    easypost_server.lose = f"{coming.parcel}/buy"
    with pytest.raises(Silent):
        await easypost.order_visit(coming.parcel, "USPS", "NextDay")
    known = await easypost.order_visit(coming.parcel, "USPS", "NextDay")

    asked = recorded("test_pickup_buy")["request"]["pickup"]
    ours = easypost_server.asked("/v2/pickups")[-1]["pickup"]
    assert set(ours) == {*asked, "reference"} - {"instructions"}
    assert ours["address"] == {name: value for name, value in asked["address"].items() if name != "email"}
    assert (ours["shipment"], ours["min_datetime"]) == ({"id": offered.parcel}, "2025-03-08T00:00:00+00:00")
    assert [(price.carrier, price.service, price.amount, price.currency) for price in coming.prices] == [
        ("USPS", "NextDay", Decimal("0.00"), "USD")
    ]
    called_off = coming_of(easypost_server.pickups[coming.parcel] | {"status": "canceled"})
    assert called_off is not None
    assert (called_off.outcome, called_off.code) == (Outcome.failed, "canceled")
    assert (known.outcome, known.confirmation) == (Outcome.succeeded, "WTC65024896")
    assert easypost_server.asked("pickup_00000000000000000000000000000001/buy") == [
        recorded("test_pickup_buy", 1)["request"]
    ]


async def test_an_address_is_known_or_told_what_is_the_matter(easypost: EasyPost) -> None:
    known = await easypost.verify(HERE)
    nowhere = await easypost.verify(
        Address("US", "00001", "", "EasyPost", "000 unknown street", "", "Not A City", "ZZ")
    )

    assert known.address is not None
    assert (known.address.line1, known.address.postcode, known.problems) == ("388 TOWNSEND ST APT 20", "94107-1670", ())
    assert (nowhere.address, list(nowhere.problems)) == (None, [("line1", "Address not found")])


async def test_a_parcel_is_watched(easypost: EasyPost) -> None:
    scans = await easypost.track("EZ1000000001", "USPS")

    assert [(scan.code, scan.place, scan.description) for scan in scans] == [
        (Scanned.pending, None, "Pre-Shipment Info Sent to USPS"),
        (Scanned.pending, "HOUSTON, TX", "Shipping Label Created"),
    ]
    assert scans[0].at == datetime(2025, 2, 6, 19, 48, 26, tzinfo=UTC)


async def test_an_event_is_believed_when_it_is_signed(easypost: EasyPost) -> None:
    tracker = recorded("test_tracker_create")["response"]
    body = json.dumps({"id": "evt_1", "description": "tracker.updated", "result": tracker}).encode()
    secret = "se\u0301cret".encode()  # EasyPost signs with the secret in its decomposed form

    told = easypost.read_event(body, sign(body, secret))

    assert (told.id, told.tracking_number, len(told.scans)) == ("evt_1", "EZ1000000001", 2)
    for signature in ("", "hmac-sha256-hex=00", sign(body, b"another"), sign(body + b" ", secret), "é"):
        with pytest.raises(NotOurs):
            easypost.read_event(body, signature)
    with pytest.raises(NotOurs, match="read"):
        easypost.read_event(b"[]", sign(b"[]", secret))


def test_each_status_has_one_of_the_twelve_words() -> None:
    plain = {
        "unknown": "unknown", "pre_transit": "pending", "in_transit": "in_transit", "out_for_delivery": "out_for_delivery",
        "delivered": "delivered", "available_for_pickup": "ready_for_pickup", "return_to_sender": "return_to_sender",
        "failure": "delivery_failed", "cancelled": "cancelled", "error": "unknown", "something new": "unknown",
    }  # fmt: skip
    assert {status: code_of(status, "status_update").value for status in plain} == plain
    assert code_of("in_transit", "received_at_origin_facility") is Scanned.picked_up
    assert code_of("in_transit", "weather_delay") is Scanned.delivery_delayed
    assert code_of("in_transit", "held") is Scanned.on_hold
    assert code_of("delivered", "held") is Scanned.delivered


def test_how_a_refund_ended_is_told() -> None:
    refund = {"id": "rfnd_1", "shipment_id": "shp_1", "tracking_code": "94", "status": "rejected"}
    told = told_of({"id": "evt_2", "description": "refund.successful", "result": refund | {"status": "refunded"}})

    assert (told.parcel, told.refund) == ("shp_1", Outcome.succeeded)
    assert told_of({"id": "e", "description": "refund.successful", "result": refund}).refund is Outcome.failed
    assert told_of({"id": "e", "description": "batch.updated", "result": {}}).scans == ()


@pytest.mark.skipif(not CALLS.exists(), reason="EasyPost's recorded calls lie beside the repository, not in it")
def test_every_recorded_call_is_understood() -> None:
    calls = [json.loads(line) for line in CALLS.read_text().splitlines()]
    answers: list[dict[str, Any]] = [
        call["response"] for call in calls if isinstance(call["response"], dict) and call["status"] < 400
    ]
    shipments = [one for one in answers if one.get("object") == "Shipment"]
    trackers = [one for one in answers if one.get("object") == "Tracker"]
    trackers += [tracker for one in answers for tracker in one.get("trackers", ())]

    offered = [offered_of(one) for one in shipments]
    assert all(one.parcel.startswith("shp_") for one in offered)
    assert sum(bool(one.prices) for one in offered) > 25
    bought = [bought_of(one) for one in shipments if one["postage_label"]]
    assert len(bought) > 10
    assert all(one is not None and one.amount and one.tracking_number for one in bought)
    assert len(trackers) > 20
    assert all(scan.at.tzinfo for tracker in trackers for scan in scans_of(tracker))
    pickups = [one for call in answers for one in (call, *call.get("pickups", ())) if one.get("object") == "Pickup"]
    coming = [coming_of(one) for one in pickups]
    assert (len(pickups) > 10, {one.outcome for one in coming if one}) == (True, {Outcome.succeeded, Outcome.failed})
    assert all(one.confirmation for one in coming if one and one.outcome is Outcome.succeeded)
    assert {price.carrier for one in pickups for price in offered_of(one, "pickup_rates").prices} == {"USPS"}
    verified = [verified_of(one) for one in (call.get("address", call) for call in answers) if one.get("verifications")]
    assert (sum(one.address is not None for one in verified), sum(bool(one.problems) for one in verified)) == (3, 4)
    refused = [call["response"]["error"] for call in calls if call["status"] >= 400]
    assert len(refused) == 6
    assert all(len(why(one)) > 10 for one in refused)
    refunds = [one for call in answers for one in (call, *call.get("refunds", ())) if one.get("object") == "Refund"]
    told = [told_of({"id": "evt", "description": "refund.updated", "result": one}) for one in refunds]
    assert {(one.parcel is not None, one.refund) for one in told} == {(True, None)}  # all were submitted, none decided
    events = [event for call in answers for event in call.get("events", ())]
    assert len(events) > 20
    assert not any(told_of(event).scans for event in events)  # lists leave out what an event is about
