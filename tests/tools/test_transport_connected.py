"""A carrier that is asked by a connector: its prices are shown, its label bought once, and what it tells counts once."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from connectors.carriers.easypost import EasyPost, sign
from orchestrator.app import RequestId
from orchestrator.carriage import Carriers, carriers_of
from orchestrator.surfaces import carriers as door
from tests.carriers import COLIVIA, sold, with_carriers
from tests.conftest import Do
from tests.easypost_server import KEY, SECRET, Scripted, recorded, serving
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.test_transport_shipping import counts
from tests.tools.till import writing
from tools.contract.actors import Site
from tools.flows.cancel_shipment import cancel_shipment
from tools.flows.request_return import request_return
from tools.flows.ship_order import create_shipment
from tools.orders.detail import get_order
from tools.rules.returns import ReturnNotAllowed
from tools.transport.addresses import validate_address
from tools.transport.carriers import get_carrier
from tools.transport.configuring import configure_carrier
from tools.transport.connected import ConnectorNotSetUp
from tools.transport.handing_over import NothingToHandOver
from tools.transport.papers import LabelElsewhere, NoLabel, get_shipping_label
from tools.transport.pickups import PickupAlreadyScheduled, PickupNotOffered, schedule_pickup
from tools.transport.quotes import NoWayToSend, choose_carrier, quote_rates
from tools.transport.shipments import get_shipment
from tools.transport.tracking import track_shipment

USPS: dict[str, Any] = {
    "carrier": "usps",
    "name": "USPS",
    "connector": "easypost",
    "services": [{"code": "ground-advantage", "name": "Ground Advantage"}, {"code": "sameday", "name": "Same Day"}],
}
MUGS = [{"sku": "MUG-BLUE", "quantity": 2}]


class Counter:
    """A shop beside EasyPost: `do` asks at once, `later` leaves labels to the worker."""

    def __init__(self, mine: NewShop, script: Scripted, easypost: EasyPost) -> None:
        self.mine, self.script = mine, script
        site = Site(carriers=("tables", "easypost"))
        self.carriers = Carriers(mine.shop, carriers_of({mine.id: easypost}))
        waiting = replace(mine.shop, site=site, ask=self.carriers.ask)
        self.shop = replace(waiting, outside=self.carriers.first_try)
        self.do, self.later = Do(self.shop, mine.caller("owner")), Do(waiting, mine.caller("owner"))

    async def ships(self, do: Do | None = None) -> Any:
        """A shipment of two mugs with USPS."""
        order = await sold(self.mine)
        shipped = await (do or self.do)(create_shipment, order=order, lines=MUGS, carrier="usps")
        return shipped.shipments[0]

    async def sweeps(self) -> None:
        await self.carriers.sweep(self.mine.id, quiet=-1)

    async def seen(self, shipment: Any) -> Any:
        return await self.do(get_shipment, shipment=shipment.reference)


@pytest.fixture
async def counter(mine: NewShop) -> AsyncGenerator[Counter]:
    with serving() as script:
        easypost = EasyPost(KEY, SECRET, script.address)
        counter = Counter(mine, script, easypost)
        await counter.do(configure_carrier, **USPS)
        yield counter
        await easypost.close()


async def test_a_carrier_is_asked_by_the_connector_that_it_names(counter: Counter, do: Do) -> None:
    shown = await counter.do(get_carrier, carrier="usps")

    assert (shown.connector, shown.zones, shown.rates) == ("easypost", [], [])
    assert shown.events_address == f"http://127.0.0.1:8000/api/v1/shipments/events/{counter.mine.id}.easypost"
    with pytest.raises(ConnectorNotSetUp, match="by easypost here; there is tables"):
        await do(configure_carrier, **USPS)


async def test_its_prices_stand_beside_those_of_the_tables_and_are_asked_for_once(counter: Counter) -> None:
    await with_carriers(counter.mine, COLIVIA)
    order = await sold(counter.mine)

    quotes = await counter.do(quote_rates, order=order)
    choice = await counter.do(choose_carrier, order=order, by="fastest")

    usps = next(rate for rate in quotes.rates if rate.carrier == "usps")
    assert (usps.price.amount, usps.price.currency, usps.service) == (607, "USD", "ground-advantage")
    assert {rate.carrier for rate in quotes.rates} == {"usps", "colivia"}
    assert [one.why for one in quotes.not_offered if one.carrier_name == "USPS"] == [
        "has no price for this parcel at easypost"
    ]
    assert choice.chosen.rate.carrier == "colivia"
    assert len(counter.script.asked("/v2/shipments")) == 1
    sent = counter.script.asked("/v2/shipments")[0]["shipment"]
    assert (sent["to_address"]["name"], sent["from_address"]["country"]) == ("Ana Torres", "FR")


async def test_customs_are_told_with_the_question_what_leaves_the_customs_territory(
    counter: Counter, mine: NewShop
) -> None:
    order = await sold(mine)
    abroad = "update orders set ship_country = 'CH', shipping_address = shipping_address || '{\"country\": \"CH\"}'"
    known = 'update products set attributes = \'{"hs_code": "6912.00", "origin": "pt"}\''
    async with writing(mine) as sql:
        await sql.execute(f"{abroad} where merchant_id = %s", (mine.id,))
    with pytest.raises(NoWayToSend, match="lacks the tariff number or origin of MUG-BLUE"):
        await counter.do(create_shipment, order=order, lines=MUGS, carrier="usps")
    async with writing(mine) as sql:
        await sql.execute(f"{known} where merchant_id = %s", (mine.id,))

    shipped = await counter.do(create_shipment, order=order, lines=MUGS, carrier="usps")
    await counter.do(quote_rates, order=order)

    assert shipped.shipments[0].status == "label_purchased"
    asked = [one["shipment"]["customs_info"]["customs_items"] for one in counter.script.asked("/v2/shipments")]
    assert [(one["quantity"], one["hs_tariff_number"], one["origin_country"], one["value"]) for one in asked[0]] == [
        (2, "6912.00", "PT", 39.98)
    ]
    assert [one["quantity"] for one in asked[1]] == [1, 1, 1]  # a mug, a bowl and an engraving are left
    assert asked[0][0]["currency"] == "EUR"


async def test_a_carrier_that_does_not_answer_is_not_offered_and_the_others_are(counter: Counter, do: Do) -> None:
    await with_carriers(counter.mine, COLIVIA)
    order = await sold(counter.mine)
    counter.script.lose = "/v2/shipments"

    quotes = await counter.do(quote_rates, order=order)
    two = await counter.do(quote_rates, order=order, parcels=[{"weight_grams": 500}, {"weight_grams": 500}])
    nowhere = await do(quote_rates, order=order)

    assert {rate.carrier for rate in quotes.rates} == {"colivia"}
    assert quotes.not_offered[-1].why == "is asked by easypost, which does not answer: ask again in a minute"
    assert "each parcel is a shipment of its own" in two.not_offered[-1].why
    assert nowhere.not_offered[-1].why == "is asked by easypost, which is not set up here"
    counter.script.refuse = "/v2/shipments"
    with pytest.raises(NoWayToSend, match=r"which says: The rate is gone\."):
        await counter.do(create_shipment, order=order, lines=MUGS, carrier="usps")


async def test_an_address_that_a_service_knows_is_written_as_it_writes_it(counter: Counter, do: Do) -> None:
    house = {"country": "US", "line1": "388 Townsend St", "city": "San Francisco", "region": "CA", "postcode": "94107"}
    nowhere = house | {"line1": "000 unknown street"}

    known, unknown = await counter.do(validate_address, **house), await counter.do(validate_address, **nowhere)
    unasked = await do(validate_address, **nowhere)
    silent = replace(counter.shop, ask=Carriers(counter.mine.shop, carriers_of({})).ask)
    unheard = await Do(silent, counter.mine.caller("owner"))(validate_address, **nowhere)

    assert (known.deliverable, known.checked_by, known.line1, known.postcode) == (
        True, "easypost", "388 TOWNSEND ST APT 20", "94107-1670",
    )  # fmt: skip
    assert [(one.field, one.severity) for one in unknown.problems] == [("line1", "wrong")]
    assert "Address not found" in unknown.problems[0].message
    assert (unknown.deliverable, unknown.checked_by) == (False, "easypost")
    assert [(one.deliverable, one.checked_by) for one in (unasked, unheard)] == [(True, None)] * 2
    assert len(counter.script.asked("/v2/addresses")) == 2


async def test_an_order_leaves_with_a_label_that_was_bought(counter: Counter) -> None:
    order = await sold(counter.mine)
    asked: dict[str, Any] = {"order": order, "lines": MUGS, "carrier": "usps"}

    preview = await counter.do.outcome(create_shipment, preview=True, **asked)
    shipped = await counter.do(create_shipment, **asked)

    assert preview.card is not None
    assert "with USPS Ground Advantage for 6.07 USD" in preview.card.sentences[0]
    (shipment,) = shipped.shipments
    assert (shipment.status, shipment.cost and shipment.cost.amount) == ("label_purchased", 607)
    assert (shipment.tracking_number or "").startswith("9400100208303")
    assert (shipment.label_url or "").startswith("https://easypost-files")
    assert len(counter.script.asked("/v2/shipments")) == len(counter.script.asked("/buy")) == 1
    with pytest.raises(LabelElsewhere, match="was bought of USPS"):
        await counter.do(get_shipping_label, shipment=shipment.reference)
    assert await misfits(counter.mine) == {}
    await counter.do(create_shipment, order=order, lines=[{"sku": "MUG-BLUE", "quantity": 1}], carrier="usps")
    assert len(counter.script.asked("/v2/shipments")) == 2


async def test_a_label_whose_answer_was_lost_is_booked_by_the_worker_and_bought_once(counter: Counter) -> None:
    counter.script.lose = "/buy"
    shipment = await counter.ships()
    assert (shipment.status, shipment.tracking_number) == ("rated", None)
    with pytest.raises(NoLabel, match="still being bought"):
        await counter.do(get_shipping_label, shipment=shipment.reference)
    assert await counts(counter.do, "MUG-BLUE") == [(6, 1)]

    await counter.sweeps()
    await counter.sweeps()

    seen = await counter.seen(shipment)
    assert (seen.status, (seen.tracking_number or "")[:5]) == ("label_purchased", "94001")
    assert len(counter.script.asked("/buy")) == 1
    assert await misfits(counter.mine) == {}


async def test_a_label_that_is_not_sold_puts_the_goods_back(counter: Counter) -> None:
    counter.script.refuse = "/buy"

    shipment = await counter.ships()

    assert (shipment.status, shipment.label_failure) == ("voided", "The rate is gone.")
    assert await counts(counter.do, "MUG-BLUE") == [(8, 3)]
    assert (await counter.do(get_order, order=shipment.order)).fulfilment_state == "unfulfilled"
    assert await misfits(counter.mine) == {}


async def test_nothing_comes_back_of_a_parcel_whose_label_is_still_being_bought(counter: Counter) -> None:
    shipment = await counter.ships(counter.later)
    asked: dict[str, Any] = {"order": shipment.order, "lines": MUGS, "reason": "changed_mind"}

    with pytest.raises(ReturnNotAllowed, match=r"MUG-BLUE .* Of 2 units the label is still being bought"):
        await counter.do(request_return, **asked)
    counter.script.refuse = "/buy"
    await counter.sweeps()

    assert (await counter.seen(shipment)).status == "voided"
    assert await counts(counter.do, "MUG-BLUE") == [(8, 3)]
    assert await misfits(counter.mine) == {}


async def test_a_label_is_given_back_and_its_money_comes_later(counter: Counter) -> None:
    shipment = await counter.ships()

    cancelled = await counter.do(cancel_shipment, shipment=shipment.reference)
    await counter.sweeps()

    assert (cancelled.status, cancelled.units_back) == ("voided", 2)
    assert len(counter.script.asked("/refund")) == 1
    refund = {"tracking_code": shipment.tracking_number, "shipment_id": None, "status": "rejected"}
    for _ in range(2):
        assert (await tells(counter, "refund.successful", refund)).status_code == 200
    assert (await counter.seen(shipment)).label_failure == "rejected"
    assert await misfits(counter.mine) == {}


async def test_what_is_cancelled_before_its_label_is_asked_for_is_not_bought(counter: Counter) -> None:
    shipment = await counter.ships(counter.later)

    await counter.do(cancel_shipment, shipment=shipment.reference)
    await counter.sweeps()

    assert (counter.script.asked("/buy"), counter.script.asked("/refund")) == ([], [])
    assert await misfits(counter.mine) == {}


async def test_what_is_cancelled_while_its_label_is_bought_is_given_back(counter: Counter) -> None:
    counter.script.lose = "/buy"
    shipment = await counter.ships()

    preview = await counter.do.outcome(cancel_shipment, preview=True, shipment=shipment.reference)
    await counter.do(cancel_shipment, shipment=shipment.reference)
    await counter.sweeps()

    assert preview.card is not None
    assert "The label is just being bought" in preview.card.sentences[0]
    assert len(counter.script.asked("/buy")) == len(counter.script.asked("/refund")) == 1
    assert (await counter.seen(shipment)).status == "voided"
    assert await counts(counter.do, "MUG-BLUE") == [(8, 3)]
    assert await misfits(counter.mine) == {}


# ---- it comes for what is ready ------------------------------------------------------------------------------------------


async def coming(counter: Counter) -> list[tuple[str, str | None, str | None]]:
    """How the pick-ups of the carrier stand, as they are shown."""
    shown = await counter.do(get_carrier, carrier="usps")
    return [(one.status, one.confirmation, one.failure) for one in shown.pickups]


async def test_a_carrier_is_asked_to_come_and_confirms_it(counter: Counter) -> None:
    await counter.ships()

    preview = await counter.do.outcome(schedule_pickup, preview=True, carrier="usps")
    pickup = await counter.do(schedule_pickup, carrier="usps")

    assert preview.card is not None
    assert preview.card.sentences[0].startswith("USPS is asked to come to Warehouse MAIN on ")
    assert preview.card.sentences[0].endswith(", between 14:00 and 18:00, for 0.00 USD; 1 parcel is ready.")
    assert (pickup.status, pickup.confirmation, pickup.cost and str(pickup.cost), pickup.parcels) == (
        "scheduled", "WTC65024896", "0.00 USD", 1,
    )  # fmt: skip
    assert await coming(counter) == [("scheduled", "WTC65024896", None)]
    (asked,) = counter.script.asked("/v2/pickups")
    hours = [datetime.fromisoformat(asked["pickup"][name]) for name in ("min_datetime", "max_datetime")]
    assert [(at.date(), at.hour, at.utcoffset()) for at in hours] == [
        (pickup.day, hour, hours[0].utcoffset()) for hour in (14, 18)
    ]
    with pytest.raises(PickupAlreadyScheduled, match=pickup.reference):
        await counter.do(schedule_pickup, carrier="usps")
    assert await misfits(counter.mine) == {}


async def test_a_pickup_whose_answer_was_lost_is_booked_by_the_worker_and_ordered_once(counter: Counter) -> None:
    await counter.ships()
    counter.script.lose = "1/buy"
    assert (await counter.do(schedule_pickup, carrier="usps")).status == "asked"
    assert await coming(counter) == [("asked", None, None)]

    await counter.sweeps()
    await counter.sweeps()

    assert await coming(counter) == [("scheduled", "WTC65024896", None)]
    assert len([path for _, path, _ in counter.script.calls if "/pickups/" in path and path.endswith("/buy")]) == 1


async def test_a_carrier_that_does_not_come_after_all_may_be_asked_again(counter: Counter) -> None:
    await counter.ships()
    counter.script.refuse = "1/buy"
    pickup = await counter.do(schedule_pickup, carrier="usps")
    assert (pickup.status, pickup.failure) == ("refused", "The rate is gone.")
    assert await coming(counter) == [("refused", None, "The rate is gone.")]

    again = await counter.do(schedule_pickup, carrier="usps")

    assert (again.day, again.reference != pickup.reference) == (pickup.day, True)
    assert [status for status, _, _ in await coming(counter)] == ["scheduled", "refused"]
    assert len(counter.script.asked("/v2/pickups")) == 2


async def test_a_carrier_comes_for_what_has_a_label_and_where_it_was_asked(counter: Counter, do: Do) -> None:
    with pytest.raises(NothingToHandOver, match="It comes for one that has a label"):
        await counter.do(schedule_pickup, carrier="usps")
    await counter.ships()
    with pytest.raises(PickupNotOffered, match="is asked by easypost, which is not set up here"):
        await do(schedule_pickup, carrier="usps")
    counter.script.refuse = "/v2/pickups"
    with pytest.raises(PickupNotOffered, match=r"which says: The rate is gone\."):
        await counter.do(schedule_pickup, carrier="usps")
    counter.script.refuse = ""
    await counter.do(configure_carrier, **USPS | {"carrier": "dhl", "name": "DHL"})
    async with writing(counter.mine) as sql:
        dhl = "select id from carriers where code = 'dhl' and merchant_id = %(m)s"
        await sql.execute(
            f"update fulfilments set carrier_id = ({dhl}) where merchant_id = %(m)s", {"m": counter.mine.id}
        )
    with pytest.raises(PickupNotOffered, match="does not come then, says easypost"):
        await counter.do(schedule_pickup, carrier="dhl")

    assert (await coming(counter), counter.script.asked("1/buy")[1:]) == ([], [])


# ---- what it tells -------------------------------------------------------------------------------------------------------


async def tells(counter: Counter, kind: str, thing: dict[str, Any], secret: bytes | None = None) -> httpx.Response:
    """An event comes in over HTTP, signed as EasyPost signs."""
    body = json.dumps({"id": "evt_1", "description": kind, "result": thing}).encode()
    app = RequestId(Starlette(routes=door.routes(counter.shop, counter.carriers)))
    headers = {door.SIGNATURE: sign(body, secret or "se\u0301cret".encode())}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        address = (await counter.do(get_carrier, carrier="usps")).events_address or ""
        return await client.post(address.removeprefix("http://127.0.0.1:8000"), content=body, headers=headers)


def tracker(shipment: Any, *scans: tuple[str, str, int]) -> dict[str, Any]:
    """A tracker as it was recorded, with these scans: status, detail, minutes after the parcel left."""
    found = recorded("test_tracker_create")["response"] | {"tracking_code": shipment.tracking_number}
    pattern = found["tracking_details"][1]
    found["tracking_details"] = [
        pattern
        | {
            "status": status,
            "status_detail": detail,
            "datetime": (shipment.shipped_at + timedelta(minutes=after)).isoformat(),
        }
        for status, detail, after in scans
    ]
    return found


async def test_each_scan_counts_once_in_any_order(counter: Counter) -> None:
    shipment = await counter.ships()
    picked, moving, there = (
        ("in_transit", "received_at_origin_facility", 1), ("in_transit", "departed_facility", 2), ("delivered", "arrived", 3),
    )  # fmt: skip

    last = await tells(counter, "tracker.updated", tracker(shipment, picked, there))
    again = await tells(counter, "tracker.updated", tracker(shipment, picked, there))
    first = await tells(counter, "tracker.updated", tracker(shipment, picked, moving, there))

    assert [answer.json()["recorded"] for answer in (last, again, first)] == [2, 0, 1]
    tracked = await counter.do(track_shipment, shipment=shipment.tracking_number)
    assert tracked.status == "delivered"
    assert sorted(event.code for event in tracked.events) == ["delivered", "in_transit", "picked_up"]
    assert await misfits(counter.mine) == {}


async def test_what_is_not_signed_or_nobodys_is_refused(counter: Counter) -> None:
    shipment = await counter.ships()
    scanned = tracker(shipment, ("delivered", "arrived", 3))

    forged = await tells(counter, "tracker.updated", scanned, b"another")
    early = await tells(counter, "tracker.updated", scanned | {"tracking_code": "940000000000"})
    counter.carriers.carriers = carriers_of({})
    nobodys = await tells(counter, "tracker.updated", scanned)

    assert (forged.status_code, early.status_code, nobodys.status_code) == (401, 404, 404)
    assert "Tell it again" in early.json()["hint"]
    assert (await counter.seen(shipment)).status == "label_purchased"


async def test_a_parcel_of_which_nothing_is_heard_is_asked_about(counter: Counter) -> None:
    shipment = await counter.ships()
    later = replace(counter.shop, clock=lambda: shipment.shipped_at + timedelta(hours=7))
    counter.carriers.shop = later

    await counter.sweeps()
    await counter.sweeps()

    assert counter.script.asked("/v2/trackers") == [
        {"tracker": {"tracking_code": shipment.tracking_number, "carrier": "USPS"}}
    ]
    assert (await counter.seen(shipment)).last_event.description == "Shipping Label Created"
