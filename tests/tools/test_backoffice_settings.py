"""What a shop says of itself, and what it chooses of what it may choose."""

import asyncio
from typing import Any

import pytest
from pydantic import JsonValue

from db.models.backoffice import Role
from db.models.orders import Channel
from tests.conftest import Do
from tests.factories import NewShop, add_colleague, number
from tests.tools.probes import count
from tools.backoffice.grants import FourEyesNeedsTwo
from tools.backoffice.merchant import (
    EmptyMerchantField,
    HomeCurrencyFixed,
    HomeCurrencyMissing,
    get_merchant,
    update_merchant,
)
from tools.backoffice.policy import set_approval_policy
from tools.backoffice.settings import (
    SettingDetail,
    SettingValueRefused,
    UnknownSetting,
    get_settings,
    set_setting,
)
from tools.contract.call import call
from tools.contract.context import Context
from tools.contract.errors import Forbidden, Invalid, StaleVersion
from tools.contract.shop import Shop
from tools.contract.shop_settings import (
    DEFAULT_CHANNEL,
    DEFAULT_COUNTRY,
    EXPIRE_UNPAID_AFTER,
    SHOP_SETTINGS,
    chosen,
)

HOURS = EXPIRE_UNPAID_AFTER.key


async def choose(mine: NewShop, setting: str, value: JsonValue, version: int = 0, role: str = "owner") -> SettingDetail:
    arguments = {"key": setting, "value": value, "version": version}
    outcome = await call(mine.shop, set_setting, arguments, mine.caller(role), key=f"choose-{number()}")
    assert outcome.result is not None
    return outcome.result


# ---- settings ------------------------------------------------------------------------------------------------------------


async def test_every_setting_has_a_default_until_it_is_chosen(do: Do) -> None:
    shown = await do(get_settings)

    assert [row.key for row in shown.data] == list(SHOP_SETTINGS)
    assert {(row.chosen, row.version) for row in shown.data} == {(False, 0)}
    assert all(row.value == row.default for row in shown.data)


async def test_what_is_chosen_holds_and_has_a_version(do: Do, mine: NewShop) -> None:
    first = await choose(mine, HOURS, 48)
    second = await choose(mine, HOURS, 24, version=1)

    assert (first.value, first.version, first.default) == (48, 1, 72)
    assert (second.value, second.version) == (24, 2)
    shown = await do(get_settings, search="UNPAID")
    assert [(row.key, row.value, row.chosen) for row in shown.data] == [(HOURS, 24, True)]


async def test_tools_read_what_was_chosen_else_the_default(mine: NewShop, ctx: Context) -> None:
    await choose(mine, HOURS, 48)
    await choose(mine, DEFAULT_COUNTRY.key, "be")

    assert await chosen(ctx, EXPIRE_UNPAID_AFTER) == 48
    assert await chosen(ctx, DEFAULT_COUNTRY) == "BE"
    assert await chosen(ctx, DEFAULT_CHANNEL) is Channel.web


@pytest.mark.parametrize(
    ("setting", "value"),
    [(HOURS, 0), (HOURS, "soon"), (HOURS, None), (DEFAULT_CHANNEL.key, "pigeon"), (DEFAULT_COUNTRY.key, "France")],
)
async def test_a_value_that_cannot_be_is_refused(mine: NewShop, setting: str, value: JsonValue) -> None:
    with pytest.raises(SettingValueRefused, match=setting) as refused:
        await choose(mine, setting, value)

    assert refused.value.advice == SHOP_SETTINGS[setting].description
    assert await count(mine, "settings") == 0


async def test_a_setting_may_be_unset_where_its_type_allows_it(mine: NewShop) -> None:
    await choose(mine, DEFAULT_COUNTRY.key, "BE")

    assert (await choose(mine, DEFAULT_COUNTRY.key, None, version=1)).value is None


async def test_an_unknown_setting_names_the_nearest(mine: NewShop) -> None:
    with pytest.raises(UnknownSetting) as refused:
        await choose(mine, "orders.expire_after_hours", 48)

    assert HOURS in refused.value.advice


@pytest.mark.parametrize("hidden", ["approval_policy", "probe.note"])
async def test_other_rows_of_the_table_are_no_settings(do: Do, mine: NewShop, hidden: str) -> None:
    await do(set_approval_policy, always=["cancel_order"], version=0)

    with pytest.raises(UnknownSetting):
        await choose(mine, hidden, {}, version=1)
    assert hidden not in [row.key for row in (await do(get_settings)).data]


async def test_a_stale_version_changes_nothing(mine: NewShop) -> None:
    await choose(mine, HOURS, 48)

    with pytest.raises(StaleVersion, match="at version 1, and you read version 0"):
        await choose(mine, HOURS, 24)


async def test_of_two_first_choices_one_holds(mine: NewShop) -> None:
    answers = await asyncio.gather(*(choose(mine, HOURS, hours) for hours in (24, 48)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["SettingDetail", "StaleVersion"]


@pytest.mark.parametrize("role", ["support", "warehouse", "viewer"])
async def test_owners_and_managers_choose(mine: NewShop, role: str) -> None:
    with pytest.raises(Forbidden):
        await choose(mine, HOURS, 48, role=role)
    assert (await choose(mine, HOURS, 48, role="manager")).value == 48


def test_each_default_is_a_value_that_could_be_chosen() -> None:
    for setting in SHOP_SETTINGS.values():
        assert setting.type.validate_python(setting.default) == setting.default


# ---- the shop ------------------------------------------------------------------------------------------------------------


async def test_a_shop_says_what_it_is_called_and_how_it_counts(do: Do) -> None:
    shop = await do(get_merchant)

    assert (shop.name, shop.currency, shop.currencies, shop.zone) == ("Test Shop", "EUR", ["EUR"], "Europe/Paris")
    assert (shop.country, shop.prices_include_tax, shop.rounding, shop.four_eyes_above) == ("FR", True, "half_up", None)


async def test_what_is_left_out_stays(do: Do) -> None:
    before = await do(get_merchant)

    after = await do(update_merchant, name="Fernway & Sons", zone="Europe/Lisbon", version=1)

    assert after == before.model_copy(update={"name": "Fernway & Sons", "zone": "Europe/Lisbon", "version": 2})


async def test_a_zone_has_to_be_one_and_the_nearest_are_named(do: Do) -> None:
    with pytest.raises(Invalid, match="did you mean Europe/Lisbon"):
        await do(update_merchant, zone="Europe/Lissabon")


async def test_only_the_threshold_can_be_unset(do: Do) -> None:
    with pytest.raises(EmptyMerchantField, match="name, zone"):
        await do(update_merchant, name=None, zone=None, four_eyes_above=None)


async def test_a_stale_version_of_the_shop_is_refused(do: Do) -> None:
    await do(update_merchant, name="Fernway")

    with pytest.raises(StaleVersion):
        await do(update_merchant, name="Another", version=1)


async def test_the_home_currency_is_among_those_in_which_the_shop_sells(do: Do) -> None:
    with pytest.raises(HomeCurrencyMissing, match="The home currency is EUR"):
        await do(update_merchant, currencies=["GBP", "USD"])
    assert (await do(update_merchant, currencies=["GBP", "EUR"])).currencies == ["GBP", "EUR"]


async def test_the_home_currency_can_change_until_there_are_orders(do: Do, shop: Shop, mine: NewShop) -> None:
    changed = await do(update_merchant, currency="CHF")
    assert (changed.currency, changed.currencies) == ("CHF", ["CHF", "EUR"])

    await _order(mine)

    with pytest.raises(HomeCurrencyFixed, match="The shop has 1 orders in its books in CHF"):
        await do(update_merchant, currency="EUR")
    assert (await do(update_merchant, currency="CHF", name="Still possible")).name == "Still possible"


async def _order(mine: NewShop) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute(
            """
            insert into orders (merchant_id, id, reference, status, channel, placed_at, currency, prices_include_tax, version,
                                created_at, updated_at)
            values (%(m)s, gen_random_uuid(), 'ORD-1', 'draft', 'web', now(), 'CHF', true, 1, now(), now())
            """,
            {"m": mine.id},
        )
        await sql.commit()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.owner])
async def test_only_owners_change_the_shop(shop: Shop, mine: NewShop, role: Role) -> None:
    with pytest.raises(Forbidden):
        await call(shop, update_merchant, {"name": "Mine"}, mine.caller(role), key="k-1")
    assert (await call(shop, get_merchant, {}, mine.caller(role))).result


# ---- four eyes -----------------------------------------------------------------------------------------------------------


async def test_four_eyes_need_two_people_who_may_approve_anything(do: Do, mine: NewShop) -> None:
    with pytest.raises(FourEyesNeedsTwo, match=r"Above 100\.00 EUR .* only 1 people"):
        await do(update_merchant, four_eyes_above=100_00)

    await add_colleague(mine, Role.owner)

    assert (await do(update_merchant, four_eyes_above=100_00)).four_eyes_above == 100_00


async def test_a_manager_without_limits_is_a_second_person_too(do: Do) -> None:
    unlimited: dict[str, Any] = {"per_call": None, "per_day": None, "stops_per_day": None}
    await do(set_approval_policy, roles={"manager": unlimited}, version=0)

    assert (await do(update_merchant, four_eyes_above=100_00)).four_eyes_above == 100_00
    with pytest.raises(FourEyesNeedsTwo):
        await do(set_approval_policy, version=1)
