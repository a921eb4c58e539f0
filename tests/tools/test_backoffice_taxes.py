"""Tax rates that never overlap, and shipping methods."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.probes import count
from tools.backoffice.merchant import update_merchant
from tools.backoffice.shipping import (
    CurrencyNotSold,
    EmptyShippingField,
    ShippingMethodIncomplete,
    list_shipping_methods,
    set_shipping_method,
)
from tools.backoffice.taxes import TaxRateEndsEarly, TaxRatesOverlap, list_tax_rates, set_tax_rate
from tools.contract.call import call
from tools.contract.declare import Tool
from tools.contract.errors import Forbidden, Invalid, StaleVersion
from tools.contract.shop import Shop

GERMANY: dict[str, Any] = {"country": "DE", "valid_from": "2026-01-01T00:00:00Z"}


async def periods(do: Do, country: str) -> list[tuple[str, str, str | None]]:
    """The rates of a country: percent, from, until."""
    rates = (await do(list_tax_rates, country=country)).data
    return [
        (str(rate.rate), f"{rate.valid_from:%Y-%m-%d}", f"{rate.valid_until:%Y-%m-%d}" if rate.valid_until else None)
        for rate in rates
    ]


# ---- tax rates -----------------------------------------------------------------------------------------------------------


async def test_a_rate_is_percent_with_decimals(do: Do) -> None:
    made = await do(set_tax_rate, country="de", rate="5.5", tax_class="Reduced")

    assert (made.country, made.tax_class, made.rate, made.name) == (
        "DE",
        "reduced",
        Decimal("5.50"),
        "DE reduced 5.5 %",
    )
    assert made.valid_until is None


async def test_a_new_rate_closes_the_open_one_where_it_begins(do: Do) -> None:
    await do(set_tax_rate, **GERMANY, rate=19)

    await do(set_tax_rate, country="DE", rate=16, valid_from="2026-07-01T00:00:00Z")

    assert await periods(do, "DE") == [("16.000", "2026-07-01", None), ("19.000", "2026-01-01", "2026-07-01")]


async def test_the_same_beginning_corrects_the_rate(do: Do) -> None:
    first = await do(set_tax_rate, **GERMANY, rate=18)

    corrected = await do(set_tax_rate, **GERMANY, rate=19, name="MwSt. 19 %")

    assert (corrected.reference, corrected.name) == (first.reference, "MwSt. 19 %")
    assert await periods(do, "DE") == [("19.000", "2026-01-01", None)]


async def test_a_rate_for_a_while_is_followed_by_one_from_then_on(do: Do) -> None:
    await do(set_tax_rate, **GERMANY, rate=19)
    for_a_while: dict[str, Any] = {
        "country": "DE",
        "rate": 16,
        "valid_from": "2026-07-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
    }

    told = await do.outcome(set_tax_rate, preview=True, **for_a_while)
    await do(set_tax_rate, **for_a_while)
    await do(set_tax_rate, country="DE", rate=19, valid_from="2027-01-01T00:00:00Z")

    assert told.card is not None
    assert told.card.sentences == [
        "Tax on standard goods in DE is 16 % from 1 July 2026 at 02:00 CEST until 1 January 2027 at 01:00 CET "
        "(DE standard 16 %).",
        "DE standard 19 % (TAX-1001), now 19 %, ends then.",
        "Nothing holds after 1 January 2027 at 01:00 CET until a rate is set from then on.",
    ]
    assert await periods(do, "DE") == [
        ("19.000", "2027-01-01", None), ("16.000", "2026-07-01", "2027-01-01"), ("19.000", "2026-01-01", "2026-07-01"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "overlapping",
    [
        {"valid_from": "2025-06-01T00:00:00Z"},
        {"valid_from": "2025-06-01T00:00:00Z", "valid_until": "2026-02-01T00:00:00Z"},
        {"valid_from": "2026-03-01T00:00:00Z", "valid_until": "2026-04-01T00:00:00Z"},
        {"valid_from": "2026-03-01T00:00:00Z"},
    ],
)
async def test_two_rates_never_hold_at_the_same_time(do: Do, overlapping: dict[str, str]) -> None:
    first = await do(set_tax_rate, **GERMANY, rate=19, valid_until="2027-01-01T00:00:00Z")

    with pytest.raises(TaxRatesOverlap, match=rf"{first.reference}\) holds from 2026-01-01 00:00 until 2027-01-01"):
        await do(set_tax_rate, country="DE", rate=16, **overlapping)

    assert len(await periods(do, "DE")) == 1


async def test_regions_and_classes_have_rates_of_their_own(do: Do) -> None:
    await do(set_tax_rate, **GERMANY, rate=19)
    await do(set_tax_rate, **GERMANY, rate=7, tax_class="reduced")
    await do(set_tax_rate, **GERMANY, rate=0, region="Helgoland")

    rates = (await do(list_tax_rates, country="DE", valid_at="2026-05-01T00:00:00Z")).data

    assert {(rate.region, rate.tax_class, int(rate.rate)) for rate in rates} == {
        (None, "standard", 19), (None, "reduced", 7), ("Helgoland", "standard", 0),
    }  # fmt: skip


async def test_a_rate_ends_after_it_begins(do: Do) -> None:
    with pytest.raises(TaxRateEndsEarly, match="begin on 2026-01-01 00:00 and end on 2025-12-31 00:00"):
        await do(set_tax_rate, **GERMANY, rate=19, valid_until="2025-12-31T00:00:00Z")


@pytest.mark.parametrize("rate", ["-1", "100", "19.9999"])
async def test_a_rate_is_between_nothing_and_all_of_it(do: Do, rate: str) -> None:
    with pytest.raises(Invalid, match="rate"):
        await do(set_tax_rate, **GERMANY, rate=rate)


async def test_parallel_rates_do_not_overlap_either(shop: Shop, do: Do, mine: NewShop) -> None:
    rates = [{**GERMANY, "rate": rate, "valid_from": f"2026-0{rate}-01T00:00:00Z"} for rate in (1, 2, 3, 4)]

    await asyncio.gather(
        *(call(shop, set_tax_rate, rate, do.caller, key=str(rate)) for rate in rates), return_exceptions=True
    )

    overlaps = """
        id in (select a.id from tax_rates a join tax_rates b using (merchant_id, country)
               where a.id < b.id and a.country = 'DE'
                 and tstzrange(a.valid_from, a.valid_until) && tstzrange(b.valid_from, b.valid_until))
    """
    assert await count(mine, "tax_rates", overlaps) == 0
    assert await count(mine, "tax_rates", "country = 'DE' and valid_until is null") == 1


async def test_rates_are_listed_piece_by_piece(do: Do) -> None:
    for country in ("BE", "DE", "ES"):
        await do(set_tax_rate, country=country, rate=21)
    await do(set_tax_rate, country="BE", rate=22, region="VLG")

    first = await do(list_tax_rates, limit=2)
    rest = await do(list_tax_rates, limit=10, after=first.next)

    shown = [(rate.country, rate.region) for rate in [*first.data, *rest.data]]
    assert shown == [("BE", None), ("BE", "VLG"), ("DE", None), ("ES", None), ("FR", None)]


@pytest.mark.parametrize("role", ["support", "warehouse", "viewer"])
async def test_only_managers_and_owners_set_taxes_and_shipping(shop: Shop, mine: NewShop, role: str) -> None:
    wishes: list[tuple[Tool[Any, Any], dict[str, Any]]] = [
        (set_tax_rate, {**GERMANY, "rate": 19}),
        (set_shipping_method, {"code": "express", "name": "Express", "price": 990}),
    ]
    for tool, arguments in wishes:
        with pytest.raises(Forbidden):
            await call(shop, tool, arguments, mine.caller(role), key=tool.name)
        assert (await call(shop, tool, arguments, mine.caller("manager"), key=f"{tool.name} again")).result


# ---- shipping methods ----------------------------------------------------------------------------------------------------


async def test_a_new_method_costs_what_was_said_everywhere_unless_said(do: Do) -> None:
    made = await do(set_shipping_method, code="Express", name="Express", price=9_90)

    assert (made.code, str(made.price), made.free_above, made.countries, made.active) == (
        "express", "9.90 EUR", None, [], True,
    )  # fmt: skip


async def test_of_a_method_that_exists_what_is_left_out_stays(do: Do) -> None:
    changed = await do(set_shipping_method, code="standard", price=5_90)

    assert (changed.name, str(changed.price), str(changed.free_above), changed.version) == (
        "Standard", "5.90 EUR", "100.00 EUR", 2,
    )  # fmt: skip
    never_free = await do(set_shipping_method, code="standard", free_above=None)
    assert (str(never_free.price), never_free.free_above) == ("5.90 EUR", None)


async def test_heavy_parcels_cost_more_by_tiers_in_order(do: Do) -> None:
    tiers = [{"above_weight": 20_000, "price": 24_90}, {"above_weight": 5_000, "price": 14_90}]

    made = await do(set_shipping_method, code="heavy", name="Heavy", price=9_90, tiers=tiers, max_weight_grams=31_500)

    assert [(tier.above_weight, tier.price) for tier in made.tiers] == [(5_000, 14_90), (20_000, 24_90)]


async def test_a_new_method_needs_a_name_and_a_price(do: Do) -> None:
    with pytest.raises(ShippingMethodIncomplete, match="no shipping method expres yet, and a new one needs a name"):
        await do(set_shipping_method, code="expres", price=9_90)


async def test_what_every_method_has_cannot_be_emptied(do: Do) -> None:
    with pytest.raises(EmptyShippingField, match="countries, price"):
        await do(set_shipping_method, code="standard", price=None, countries=None)


async def test_shipping_is_charged_in_a_currency_that_the_shop_sells_in(do: Do) -> None:
    with pytest.raises(CurrencyNotSold, match="sells in EUR, and not in GBP"):
        await do(set_shipping_method, code="uk", name="UK", price=9_90, currency="GBP", countries=["GB"])

    await do(update_merchant, currencies=["EUR", "GBP"])

    made = await do(set_shipping_method, code="uk", name="UK", price=9_90, currency="GBP", countries=["gb"])
    assert (str(made.price), made.countries) == ("9.90 GBP", ["GB"])


async def test_a_stale_version_of_a_method_is_refused(do: Do) -> None:
    await do(set_shipping_method, code="standard", price=5_90, version=1)

    with pytest.raises(StaleVersion):
        await do(set_shipping_method, code="standard", price=6_90, version=1)


async def test_methods_are_found_by_where_they_send_in_the_shops_order(do: Do) -> None:
    await do(set_shipping_method, code="belgium", name="Belgium", price=7_90, countries=["BE"], position=2)
    await do(set_shipping_method, code="first", name="First", price=9_90, countries=["BE", "FR"], position=1)
    await do(set_shipping_method, code="gone", name="Gone", price=9_90, active=False, position=3)

    first = await do(list_shipping_methods, limit=3)
    rest = await do(list_shipping_methods, limit=3, after=first.next)

    assert [method.code for method in [*first.data, *rest.data]] == ["standard", "first", "belgium", "gone"]
    french = (await do(list_shipping_methods, country="fr", active=True)).data
    assert [method.code for method in french] == ["standard", "first"]
