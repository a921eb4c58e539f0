"""What carriers charge and promise (zones, weight, volume, surcharges, cut-offs, holidays), and which of them is taken."""

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.carriers import COLIVIA, NORDLINK, with_carriers
from tests.conftest import Do
from tests.factories import NewShop
from tools.contract.call import Shop
from tools.contract.errors import Ambiguous, Invalid, NotFound, StaleVersion
from tools.transport.carriers import get_carrier, list_carriers, remove_carrier
from tools.transport.configuring import (
    CarrierIncomplete,
    EmptyCarrierField,
    RateOfNothing,
    RateTwice,
    configure_carrier,
)
from tools.transport.promises import Calendar
from tools.transport.quotes import NoWarehouse, NoWayToSend, choose_carrier, quote_rates
from tools.transport.rating import Parcel

PARIS = ZoneInfo("Europe/Paris")
WEEKDAYS = [1, 2, 3, 4, 5]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("ready", "handed_over"),
    [
        ("2026-11-25T15:59", date(2026, 11, 25)),  # a Wednesday before the cut-off
        ("2026-11-25T16:00", date(2026, 11, 26)),
        ("2026-11-27T16:30", date(2026, 11, 30)),  # after it on a Friday
        ("2026-12-24T17:00", date(2026, 12, 28)),  # Christmas, and the weekend behind it
        ("2027-03-28T03:30", date(2027, 3, 29)),  # the night in which the clocks change
    ],
)
def test_a_parcel_is_handed_over_before_the_cut_off_of_a_pick_up_day(ready: str, handed_over: date) -> None:
    calendar = Calendar(time(16), WEEKDAYS, {date(2026, 12, 25)})

    assert calendar.handed_over(at(ready), PARIS) == handed_over


@pytest.mark.parametrize(
    ("handed_over", "days", "arrives"),
    [
        (date(2026, 11, 25), 0, date(2026, 11, 25)),
        (date(2026, 11, 25), 2, date(2026, 11, 27)),
        (date(2026, 11, 26), 2, date(2026, 11, 30)),  # no delivery at the weekend
        (date(2026, 12, 23), 2, date(2026, 12, 28)),  # nor at Christmas
    ],
)
def test_days_on_the_way_are_days_of_delivery(handed_over: date, days: int, arrives: date) -> None:
    calendar = Calendar(time(16), WEEKDAYS, {date(2026, 12, 25)})

    assert calendar.arrives(handed_over, days, WEEKDAYS) == arrives
    assert Calendar(time(16), WEEKDAYS, set()).arrives(handed_over, days, []) is None


def test_volume_counts_where_it_is_more_than_the_weight() -> None:
    pillow = Parcel(weight_grams=900, length_mm=600, width_mm=400, height_mm=200)

    assert pillow.billable_grams(5_000) == 9_600
    assert Parcel(weight_grams=900).billable_grams(5_000) == 900


async def rates(do: Do, postcode: str = "69001", country: str = "FR", *parcels: dict[str, Any]) -> dict[str, int]:
    wanted = list(parcels) or [{"weight_grams": 1_800}]
    quotes = await do(quote_rates, to_country=country, to_postcode=postcode, parcels=wanted)
    return {f"{one.carrier} {one.service} {one.zone}": one.price.amount for one in quotes.rates}


async def test_zones_weights_sizes_and_surcharges_make_the_price(mine: NewShop, do: Do) -> None:
    await with_carriers(mine, COLIVIA, NORDLINK)

    assert await rates(do) == {
        "nordlink europe anywhere": 540,
        "colivia home domestic": 550,
        "colivia express domestic": 1_540,
    }
    assert await rates(do, "20 000") == {"nordlink europe anywhere": 540, "colivia home corsica": 1_650}
    assert await rates(do, "10115", "DE") == {"nordlink europe anywhere": 540, "colivia home neighbours": 2_090}
    long = {"weight_grams": 1_800, "length_mm": 1_300, "width_mm": 50, "height_mm": 50}
    assert await rates(do, "69001", "FR", long) == {"nordlink europe anywhere": 540, "colivia home domestic": 1_050}
    two = await rates(do, "69001", "FR", {"weight_grams": 1_800}, {"weight_grams": 2_500})
    assert two["colivia home domestic"] == 550 + 1_320


async def test_a_quote_says_who_does_not_take_it_and_why(mine: NewShop, do: Do) -> None:
    await with_carriers(mine, COLIVIA, {**NORDLINK, "countries": ["SE"]})

    quotes = await do(quote_rates, to_country="FR", parcels=[{"weight_grams": 12_000}])

    assert [one.price.amount for one in quotes.rates] == [1_320]
    (fuel,) = [charge.amount for charge in quotes.rates[0].charges if charge.name == "fuel"]
    assert fuel == 120
    assert {(one.carrier_name, one.why) for one in quotes.not_offered} == {
        ("Colivia", "takes 10 kg at most, and a parcel weighs 12 kg"),
        ("Nordlink", "takes parcels in SE, and Warehouse MAIN is in FR"),
    }


def on(mine: NewShop, moment: str) -> Do:
    """Calls as the owner at a moment in Paris: which promise is the sooner one depends on the day of the week."""
    return Do(replace(mine.shop, clock=lambda: at(moment)), mine.caller("owner"))


async def test_the_choice_says_why_and_what_speaks_against_the_others(mine: NewShop) -> None:
    await with_carriers(mine, COLIVIA, NORDLINK)
    do = on(mine, "2026-11-25T10:00")  # a Wednesday
    wanted = {"to_country": "FR", "to_postcode": "69001", "parcels": [{"weight_grams": 1_800}]}

    cheapest = await do(choose_carrier, **wanted, by="cheapest")
    fastest = await do(choose_carrier, **wanted, by="fastest")

    assert cheapest.chosen.rate.carrier == "nordlink"
    assert "the lowest price: 5.40 EUR" in cheapest.chosen.reason
    assert "0.10 EUR dearer" in cheapest.runners_up[0].reason
    assert fastest.chosen.rate.service == "express"
    assert [one.rate.service for one in fastest.runners_up] == ["home", "europe"]
    soon = fastest.chosen.rate.promised_on
    assert (await do(choose_carrier, **wanted, by="cheapest", needed_by=soon)).chosen.rate.service == "express"
    with pytest.raises(NoWayToSend, match="Colivia Express promises"):
        await do(choose_carrier, **wanted, needed_by=date(2020, 1, 1))


async def test_of_two_that_arrive_on_the_same_day_the_fastest_is_the_cheaper(mine: NewShop) -> None:
    await with_carriers(mine, COLIVIA)
    # One day on the way is until Monday, and so are two, of which Saturday is one.
    friday = on(mine, "2026-11-27T10:00")

    chosen = await friday(
        choose_carrier, to_country="FR", to_postcode="69001", parcels=[{"weight_grams": 1_800}], by="fastest"
    )

    assert chosen.chosen.rate.service == "home"
    assert [one.rate.service for one in chosen.runners_up] == ["express"]
    assert chosen.chosen.rate.promised_on == chosen.runners_up[0].rate.promised_on == date(2026, 11, 30)


async def test_without_carriers_a_warehouse_or_an_address_nothing_is_quoted(mine: NewShop, do: Do, shop: Shop) -> None:
    wanted = {"to_country": "FR", "parcels": [{"weight_grams": 1_800}]}
    with pytest.raises(NoWayToSend, match="the shop has no carrier with prices"):
        await do(choose_carrier, **wanted)
    with pytest.raises(Invalid, match="Name an `order`"):
        await do(quote_rates, to_country="FR")
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update warehouses set active = false where merchant_id = %s", (mine.id,))
        await sql.commit()
    with pytest.raises(NoWarehouse):
        await do(quote_rates, **wanted)


# ---- carriers ------------------------------------------------------------------------------------------------------------


async def test_a_carrier_keeps_what_was_not_said_and_tells_what_changes(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    raised = [{**COLIVIA["rates"][0], "price": 590}, *COLIVIA["rates"][2:]]

    preview = await do.outcome(configure_carrier, preview=True, carrier="colivia", cutoff="17:30", rates=raised)
    changed = await do(configure_carrier, carrier="Colivia", cutoff="17:30", rates=raised, version=1)

    assert preview.card is not None
    told = " ".join(preview.card.sentences)
    assert "cut-off time of Colivia (CAR-1001) changes from 16:00 to 17:30" in told
    assert "Prices of Colivia: 1 changed, 1 removed and 3 unchanged." in told
    assert (changed.name, changed.cutoff, len(changed.rates), changed.endpoint) == ("Colivia", time(17, 30), 4, None)
    with pytest.raises(StaleVersion):
        await do(configure_carrier, carrier="colivia", name="Colivia SA", version=1)
    (listed,) = (await do(list_carriers)).data
    assert (listed.code, listed.under_way) == ("colivia", 0)


async def test_a_carrier_that_cannot_price_is_refused(mine: NewShop, do: Do) -> None:
    with pytest.raises(CarrierIncomplete, match="needs services, zones and rates"):
        await do(configure_carrier, carrier="rapidex", name="Rapidex")
    with pytest.raises(RateOfNothing, match="zone domestic; there are anywhere"):
        await do(configure_carrier, **{**NORDLINK, "rates": [{**COLIVIA["rates"][0], "service": "europe"}]})
    with pytest.raises(RateTwice):
        await do(configure_carrier, **{**NORDLINK, "rates": NORDLINK["rates"] * 2})
    await with_carriers(mine)
    with pytest.raises(EmptyCarrierField):
        await do(configure_carrier, carrier="colivia", name=None)
    with pytest.raises(RateOfNothing):
        await do(configure_carrier, carrier="colivia", zones=[{"code": "domestic"}])


async def test_a_carrier_that_never_had_a_parcel_is_deleted_with_its_prices(mine: NewShop, do: Do) -> None:
    await with_carriers(mine, COLIVIA, {**NORDLINK, "name": "COLIVIA"})
    with pytest.raises(Ambiguous):
        await do(get_carrier, carrier="Côlivia")

    removed = await do(remove_carrier, carrier="nordlink")

    assert removed.deleted
    with pytest.raises(NotFound, match="no carrier nordlink") as refused:
        await do(get_carrier, carrier="nordlink")
    assert refused.value.advice == "There are Colivia (colivia)."


async def test_the_address_for_tracking_events_is_shown_once(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)

    first = (await do(configure_carrier, carrier="colivia", new_endpoint=True)).endpoint
    shown = await do(get_carrier, carrier="colivia")

    assert first is not None
    whose, secret = first.split("_colivia_")  # a secret may have a _ in it
    assert secret not in str(shown)
    assert shown.events_address == f"{whose}_colivia_…"
