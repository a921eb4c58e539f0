"""Around parcels: rate cards, hand-over, customs, addresses, other ways, claims, and how carriers do."""

from datetime import timedelta
from typing import Any

import pytest

from db import clock
from tests.carriers import sold, with_carriers
from tests.conftest import Do
from tests.factories import NewShop
from tests.sheets import uploaded
from tools.flows.record_tracking import record_tracking_event
from tools.flows.ship_order import create_shipment
from tools.rules.spreadsheets import NotReadable
from tools.transport.addresses import check, validate_address
from tools.transport.carriers import CarrierInactive, get_carrier, remove_carrier
from tools.transport.claims import AlreadyClaimed, ClaimNotDue, list_carrier_claims, open_carrier_claim
from tools.transport.configuring import RateOfNothing, RateTwice
from tools.transport.customs import CustomsDataMissing, CustomsNotNeeded, NotInTheParcel, prepare_customs
from tools.transport.handing_over import NothingToHandOver, create_manifest
from tools.transport.papers import NoCustomsPaper, get_shipping_label
from tools.transport.performance import carrier_performance
from tools.transport.pickups import CarrierDoesNotCome, PickupAlreadyScheduled, PickupWindowWrong, schedule_pickup
from tools.transport.rate_cards import NotARateCard, RateCardWrong, import_rate_card
from tools.transport.rerouting import AddressNotDeliverable, AnotherZone, RerouteTooLate, reroute_shipment
from tools.transport.shipments import get_shipment


@pytest.fixture
async def shipped(mine: NewShop, do: Do) -> str:
    """Three mugs and an engraving on their way from Lille to Lyon."""
    await with_carriers(mine)
    return (await do(create_shipment, order=await sold(mine), warehouse="WH-1")).shipments[0].reference


async def altered(mine: NewShop, what: str, *values: Any) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute(f"update fulfilments set {what} where merchant_id = %s", (*values, mine.id))
        await sql.commit()


# ---- rate cards ----------------------------------------------------------------------------------------------------------

CARD = """service;zone;up_to_grams;up_to_mm;price;days_min;days_max
home;domestic;2000;;5,00;1;2
home;domestic;30000;;12,90;1;2
home;domestic;30000;1200;11,90;1;2
"""


async def test_a_rate_card_replaces_the_prices_of_its_services_and_says_what_changes(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    card = await uploaded(mine, CARD.encode())

    preview = await do.outcome(import_rate_card, preview=True, carrier="colivia", file=card)
    imported = await do(import_rate_card, carrier="colivia", file=card)

    assert preview.card is not None
    assert "1 added, 1 changed, 2 removed and 1 unchanged" in preview.card.sentences[0]
    assert imported.services == ["home"]
    assert (imported.added, imported.changed, imported.removed, imported.unchanged) == (1, 1, 2, 1)
    rates = [
        (one.service, one.up_to_grams, one.up_to_mm, one.price)
        for one in (await do(get_carrier, carrier="colivia")).rates
    ]
    assert rates == [
        ("express", 10_000, None, 1_400), ("home", 2_000, None, 500), ("home", 30_000, 1_200, 1_190),
        ("home", 30_000, None, 1_290),
    ]  # fmt: skip


async def test_a_card_that_is_wrong_changes_nothing(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    wrong: list[tuple[bytes, type[Exception], str]] = [
        (b"service,zone\nhome,domestic\n", NotARateCard, "no column up_to_grams, price, days_min and days_max"),
        (CARD.replace("5,00", "5,005").encode(), RateCardWrong, "line 2: a price in EUR has at most 2 decimals"),
        (CARD.replace("5,00", "cheap").encode(), RateCardWrong, "line 2: the price is no number"),
        (CARD.replace("1200;", "-1;").encode(), RateCardWrong, "line 4: up_to_mm"),
        (CARD.replace("domestic", "moon").encode(), RateOfNothing, "zone moon"),
        (f"{CARD}home;domestic;2000;;5,00;1;2\n".encode(), RateTwice, "has two prices"),
        (CARD.replace("home;", "h\xf4me;").encode("latin-1"), NotReadable, "UTF-8"),
    ]
    for content, refusal, says in wrong:
        with pytest.raises(refusal, match=says):
            await do(import_rate_card, carrier="colivia", file=await uploaded(mine, content))

    assert len((await do(get_carrier, carrier="colivia")).rates) == 5


# ---- hand-over -----------------------------------------------------------------------------------------------------------


async def test_a_carrier_comes_once_a_day_on_its_days(mine: NewShop, do: Do, shipped: str) -> None:
    pickup = await do(schedule_pickup, carrier="colivia", warehouse="WH-1")

    assert pickup.parcels == 1
    assert pickup.day.isoweekday() <= 5
    with pytest.raises(PickupAlreadyScheduled, match=pickup.reference):
        await do(schedule_pickup, carrier="colivia", warehouse="WH-1")
    sunday = pickup.day + timedelta(days=7 - pickup.day.isoweekday())
    with pytest.raises(CarrierDoesNotCome, match="its next day is"):
        await do(schedule_pickup, carrier="colivia", day=sunday)
    with pytest.raises(PickupWindowWrong):
        await do(schedule_pickup, carrier="colivia", ready_from="18:00", ready_until="09:00")
    await do(remove_carrier, carrier="colivia")
    with pytest.raises(CarrierInactive):
        await do(schedule_pickup, carrier="colivia")


async def test_a_parcel_is_on_one_manifest(do: Do, shipped: str) -> None:
    manifest = await do(create_manifest, carrier="colivia", warehouse="WH-1")

    assert [line.reference for line in manifest.shipments] == [shipped]
    seen = await do(get_shipment, shipment=shipped)
    assert (seen.status, seen.manifest) == ("manifested", manifest.reference)
    with pytest.raises(NothingToHandOver):
        await do(create_manifest, carrier="colivia", warehouse="WH-1")


# ---- customs, addresses, other ways --------------------------------------------------------------------------------------


async def test_what_leaves_the_customs_territory_is_declared(mine: NewShop, do: Do, shipped: str) -> None:
    known = [{"sku": "mug-blue", "hs_code": "6912.00", "origin": "PT"}]
    with pytest.raises(CustomsNotNeeded, match="from FR to FR"):
        await do(prepare_customs, shipment=shipped)
    with pytest.raises(NoCustomsPaper):
        await do(get_shipping_label, shipment=shipped, paper="customs")
    await altered(mine, "ship_to = ship_to || %s::jsonb", '{"country": "CH"}')
    with pytest.raises(CustomsDataMissing, match="of ENGRAVING"):
        await do(prepare_customs, shipment=shipped, items=known)
    with pytest.raises(NotInTheParcel, match="has no BOWL"):
        await do(prepare_customs, shipment=shipped, items=[{**known[0], "sku": "BOWL"}])
    async with mine.shop.database.transaction(mine.id) as sql:
        engraving = "update products set attributes = %s::jsonb where merchant_id = %s and title = 'Engraving'"
        await sql.execute(engraving, ('{"hs_code": "9999.00", "origin": "fr"}', mine.id))
        await sql.commit()

    declared = await do(prepare_customs, shipment=shipped, items=known, incoterm="DDP")
    paper = await do(get_shipping_label, shipment=shipped, paper="customs")
    printed = b"".join([piece async for piece in paper.stream(mine.shop, mine.id)])

    assert (declared.paper, declared.to_country) == ("cn22", "CH")
    assert [(line.sku, line.origin, line.value.amount) for line in declared.lines] == [
        ("MUG-BLUE", "PT", 3 * 1_999),
        ("ENGRAVING", "FR", 500),
    ]
    assert b"(CUSTOMS DECLARATION CN22) Tj" in printed
    invoice = await do(prepare_customs, shipment=shipped, items=known, paper="commercial_invoice")
    assert invoice.paper == "commercial_invoice"


def test_postcodes_are_written_as_their_country_writes_them() -> None:
    for country, postcode, written in (
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("PL", "00001", "00-001"),
        ("NL", "1011ab", "1011 AB"),
        ("US", "941071670", "94107-1670"),
        ("FR", "69 001", "69001"),
        ("LV", "1050", "LV-1050"),
    ):
        address = {"line1": "1 Main St", "line2": None, "postcode": postcode, "city": "A", "region": "CA"}
        assert check(country, address) == ([], written)


async def test_an_address_is_told_what_is_wrong_and_what_is_doubtful(mine: NewShop, do: Do) -> None:
    order = await sold(mine)

    fine = await do(validate_address, order=order)
    wrong = await do(validate_address, order=order, postcode="6901")
    bad = await do(validate_address, country="US", line1="PO Box 7", city="Austin")

    assert (fine.deliverable, fine.problems) == (True, [])
    assert (wrong.deliverable, [problem.hint for problem in wrong.problems]) == (False, ["One looks like 69001."])
    assert [(one.field, one.severity) for one in bad.problems] == [
        ("postcode", "wrong"),
        ("region", "wrong"),
        ("line1", "doubtful"),
    ]


async def test_a_parcel_under_way_is_sent_elsewhere_or_back(do: Do, shipped: str) -> None:
    quay = {"line1": "8 quai Rambaud", "postcode": "69 002", "city": "Lyon"}

    moved = await do(reroute_shipment, shipment=shipped, **quay)

    assert moved.ship_to == {**quay, "postcode": "69002", "country": "FR", "name": "Ana Torres"}
    with pytest.raises(AnotherZone, match="its zone domestic, and the address is in corsica"):
        await do(reroute_shipment, shipment=shipped, **{**quay, "postcode": "20000"})
    with pytest.raises(AddressNotDeliverable, match="The street is missing"):
        await do(reroute_shipment, shipment=shipped, city="Lyon")
    back = await do(reroute_shipment, shipment=shipped, to_sender=True)
    assert (back.ship_to["city"], back.ship_to["name"]) == ("Lille", "Test Shop")
    await do(record_tracking_event, shipment=shipped, code="delivered")
    with pytest.raises(RerouteTooLate):
        await do(reroute_shipment, shipment=shipped, to_sender=True)


# ---- claims, and how carriers do -----------------------------------------------------------------------------------------


async def test_a_lost_parcel_is_claimed_once_with_what_is_known_of_it(mine: NewShop, do: Do, shipped: str) -> None:
    with pytest.raises(ClaimNotDue, match="cannot be claimed as lost"):
        await do(open_carrier_claim, shipment=shipped, kind="lost")
    with pytest.raises(ClaimNotDue):
        await do(open_carrier_claim, shipment=shipped, kind="damaged")
    await altered(mine, "promised_at = shipped_at - interval '1 day'")

    claim = await do(open_carrier_claim, shipment=shipped, kind="lost", evidence=["A photo"])

    assert claim.amount.amount == 3 * 1_999 + 500
    assert {"Content: 3 MUG-BLUE, 1 ENGRAVING", "A photo"} <= set(claim.evidence)
    assert (await do(get_shipment, shipment=shipped)).status == "lost"
    with pytest.raises(AlreadyClaimed, match=claim.reference):
        await do(open_carrier_claim, shipment=shipped, kind="lost")
    (listed,) = (await do(list_carrier_claims, kind="lost", status="open", carrier="colivia", count=True)).data
    assert listed == claim
    found = await do(record_tracking_event, shipment=shipped, code="delivered")
    assert (found.before, found.status) == ("lost", "delivered")


async def test_carriers_are_measured_by_what_happened(mine: NewShop, do: Do, shipped: str) -> None:
    await altered(mine, "delivered_at = shipped_at + interval '12 hours', status = 'delivered'")
    await do(open_carrier_claim, shipment=shipped, kind="damaged", amount=500)

    (lane,) = (await do(carrier_performance, group_by="lane")).rows
    none = await do(carrier_performance, group_by="service", country="DE", shipped_until=clock.now())

    assert (lane.lane, lane.shipments, lane.delivered, lane.days, lane.claims) == ("FR-FR", 1, 1, 0.5, 1)
    assert (lane.on_time_percent, lane.damage_percent) == (100.0, 100.0)
    assert lane.cost_per_shipment is not None
    assert none.rows == []
