"""Where parcels are: events once and in any order, late ones and their new estimate, and what carriers report by themselves."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import httpx
import pytest

from db import clock
from db.models.transport import FulfilmentStatus, TrackingCode
from orchestrator.parcels import Traveller, journey, travel
from tests.carriers import sold, with_carriers
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tools.contract.errors import Ambiguous, NotFound
from tools.flows.mark_order_paid import mark_order_paid
from tools.flows.record_tracking import EventInTheFuture, NotSent, record_tracking_event
from tools.flows.ship_order import create_shipment
from tools.orders.detail import get_order
from tools.transport.configuring import configure_carrier
from tools.transport.journeys import Scan, standing
from tools.transport.tracking import list_late_shipments, track_shipment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCANS = [
    Scan(code, NOON + timedelta(hours=hours))
    for code, hours in (
        (TrackingCode.picked_up, 0),
        (TrackingCode.in_transit, 8),
        (TrackingCode.delivery_failed, 30),
        (TrackingCode.delivered, 54),
        (TrackingCode.unknown, 55),
    )
]


def test_events_come_to_the_same_in_whichever_order_they_arrive() -> None:
    ends = {standing(scans) for scans in permutations(SCANS)}

    assert ends == {(FulfilmentStatus.delivered, NOON + timedelta(hours=54), 1)}
    assert standing(SCANS[:3]).status is FulfilmentStatus.delivery_failed
    assert standing([Scan(TrackingCode.pending, NOON)]).status is None


@pytest.fixture
async def shipped(mine: NewShop, do: Do) -> list[str]:
    """Two shipments of one order, which is not paid."""
    await with_carriers(mine)
    return [one.reference for one in (await do(create_shipment, order=await sold(mine))).shipments]


async def test_a_parcel_is_named_by_its_order_where_that_has_one(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    order = await sold(mine, {"sku": "MUG-BLUE", "quantity": 2})

    with pytest.raises(NotFound, match=f"{order} has no shipment"):
        await do(track_shipment, shipment=order)
    (sent,) = (await do(create_shipment, order=order)).shipments
    assert (await do(track_shipment, shipment=order)).reference == sent.reference


async def test_two_parcels_of_an_order_ask_which_is_meant(shipped: list[str], do: Do) -> None:
    order = (await do(track_shipment, shipment=shipped[0])).order

    with pytest.raises(Ambiguous, match=f"{order} fits {shipped[0]}, {shipped[1]}"):
        await do(track_shipment, shipment=order)


async def test_an_event_counts_once_and_the_last_by_the_carriers_clock_says_where_it_is(
    shipped: list[str], do: Do
) -> None:
    first, now = shipped[0], clock.now()
    van = {"shipment": first, "code": "out_for_delivery", "occurred_at": now, "place": "Lyon"}

    recorded = await do(record_tracking_event, **van)
    again = await do(record_tracking_event, **van)
    before = await do(record_tracking_event, shipment=first, code="in_transit", occurred_at=now - timedelta(hours=5))

    assert (recorded.recorded, recorded.status, again.recorded) == (True, "out_for_delivery", False)
    assert (before.recorded, before.status) == (True, "out_for_delivery")
    tracked = await do(track_shipment, shipment=first)
    assert [event.code for event in tracked.events] == ["out_for_delivery", "in_transit"]
    assert (tracked.late, tracked.silent_hours, tracked.estimated_at) == (False, 0, tracked.promised_at)
    with pytest.raises(EventInTheFuture):
        await do(record_tracking_event, shipment=first, code="delivered", occurred_at=now + timedelta(days=1))


async def test_a_paid_order_that_has_all_arrived_is_completed(mine: NewShop, shipped: list[str], do: Do) -> None:
    first, second = shipped
    order = (await do(record_tracking_event, shipment=first, code="delivered")).order
    await do(mark_order_paid, order=order)

    last = await do(record_tracking_event, shipment=second, code="delivered")
    after = await do(record_tracking_event, shipment=second, code="return_to_sender")

    assert (last.order_status, last.status) == ("completed", "delivered")
    assert (after.status, after.after_its_end) == ("delivered", True)
    assert (await do(get_order, order=order)).completed_at is not None
    assert await misfits(mine) == {}


async def test_late_parcels_are_listed_and_estimated_by_those_that_arrived(
    mine: NewShop, shipped: list[str], do: Do
) -> None:
    first, second = shipped
    async with mine.shop.database.transaction(mine.id) as sql:
        late = """
            update fulfilments set shipped_at = %(now)s - interval '9 days', promised_at = %(now)s - interval '6 days 1 hour',
                   delivered_at = case when reference = %(came)s then %(now)s + interval '3 days' end
            where merchant_id = %(m)s
        """
        await sql.execute(late, {"m": mine.id, "now": clock.now(), "came": second})
        came = "update fulfilments set status = 'delivered' where merchant_id = %s and reference = %s"
        await sql.execute(came, (mine.id, second))
        await sql.commit()
    silent = clock.now() - timedelta(hours=80)
    await do(record_tracking_event, shipment=first, code="delivery_delayed", occurred_at=silent, place="Kehl")

    (listed,) = (await do(list_late_shipments, silent_hours=72)).data
    tracked = await do(track_shipment, shipment=first)

    assert (listed.reference, listed.days_late, listed.silent_hours, listed.last_place) == (first, 6, 80, "Kehl")
    assert (await do(list_late_shipments, silent_hours=96, carrier="colivia", country="FR")).data == []
    assert [row.reference for row in (await do(list_late_shipments, city="lyon")).data] == [first]
    assert (await do(list_late_shipments, city="Lille")).data == []
    assert tracked.estimated_at is not None
    assert abs(tracked.estimated_at - clock.now() - timedelta(days=3)) < timedelta(minutes=5)
    assert "1 parcel that took longer" in tracked.estimate


async def test_a_parcel_without_a_label_goes_nowhere(mine: NewShop, shipped: list[str], do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update fulfilments set status = 'draft' where merchant_id = %s", (mine.id,))
        await sql.commit()

    with pytest.raises(NotSent):
        await do(record_tracking_event, shipment=shipped[0], code="picked_up")


async def test_a_carrier_reports_by_its_own_address(
    client: httpx.AsyncClient, mine: NewShop, shipped: list[str], do: Do
) -> None:
    endpoint = (await do(configure_carrier, carrier="colivia", new_endpoint=True)).endpoint
    assert endpoint is not None
    path = endpoint[endpoint.index("/api/v1") :]
    event = {"shipment": shipped[0], "code": "picked_up", "occurred_at": clock.now().isoformat(), "place": "Lille"}

    said = [(await client.post(path, json=event)).json() for _ in range(2)]
    wrong = await client.post(f"{path}x", json=event)
    nonsense = await client.post(path, json={"shipment": shipped[0], "code": "teleported"})

    assert said[0]["status"] == "picked_up"
    assert said[0] == said[1]
    assert len((await do(track_shipment, shipment=shipped[0])).events) == 1
    assert (wrong.status_code, nonsense.status_code) == (404, 422)
    assert (await client.post("/api/v1/shipments/events/nobody", json=event)).status_code == 404


# ---- parcels that travel by themselves -----------------------------------------------------------------------------------


def test_of_a_thousand_demo_parcels_some_come_late_and_few_never() -> None:
    def events(number: int) -> list[dict[str, Any]]:
        parcel = Traveller(f"SHP-{number}", "colivia", f"CO{number}", NOON, NOON + timedelta(days=2), "Lyon", [])
        return journey(parcel)

    ends = [events(number)[-1] for number in range(1_000)]
    arrived = [end["occurred_at"] for end in ends if end["code"] is TrackingCode.delivered]
    assert 985 <= len(arrived) < 1_000
    assert 60 <= sum(at > NOON + timedelta(days=2) for at in arrived) <= 140
    assert events(7) == events(7)


async def test_only_parcels_of_the_demos_carriers_travel_by_themselves(
    mine: NewShop, shipped: list[str], do: Do
) -> None:
    back = "update fulfilments set shipped_at = shipped_at - interval '12 hours' where merchant_id = %s"
    await travel(mine.shop, mine.id)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute(back, (mine.id,))
        await sql.execute("update carriers set simulated = true where merchant_id = %s", (mine.id,))
        await sql.commit()
    assert (await do(track_shipment, shipment=shipped[0])).events == []

    await travel(mine.shop, mine.id)
    await travel(mine.shop, mine.id)

    tracked = await do(track_shipment, shipment=shipped[0])
    assert [event.code for event in tracked.events] == ["in_transit", "picked_up"]
    assert tracked.status == "in_transit"
