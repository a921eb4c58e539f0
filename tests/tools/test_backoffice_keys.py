"""API keys: scoped, limited, shown once; never more than whoever makes them has."""

from datetime import timedelta

import pytest

from db import clock
from db.models.backoffice import Role
from db.money import Money
from tests.conftest import Do
from tests.factories import NewShop, number
from tests.tools.probes import count
from tools.backoffice.grants import GrantsMoreThanYouHave
from tools.backoffice.keys import (
    ApiKeySummary,
    CreatedApiKey,
    ExpiryInThePast,
    UnknownScope,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)
from tools.backoffice.merchant import get_merchant
from tools.backoffice.people import list_users
from tools.backoffice.policy import set_approval_policy
from tools.contract.actors import Caller, Door, digest_of
from tools.contract.call import call
from tools.contract.errors import Forbidden, NotFound, Unauthenticated
from tools.contract.permissions import EVERY_PERMISSION, ROLES, expand
from tools.contract.shop import Shop


def holder(made: CreatedApiKey) -> Caller:
    assert made.key is not None
    return Caller.of_key(made.key, door=Door.rest)


async def revoke(do: Do, reference: str) -> ApiKeySummary:
    outcome = await call(do.shop, revoke_api_key, {"key": reference}, do.caller, key=f"revoke-{number()}")
    assert outcome.result is not None
    return outcome.result


async def test_a_key_opens_what_its_scopes_say_and_nothing_else(do: Do, shop: Shop) -> None:
    made = await do(create_api_key, name="Shop window", scopes=["merchant:read"])

    assert (await call(shop, get_merchant, {}, holder(made))).result
    with pytest.raises(Forbidden):
        await call(shop, list_users, {}, holder(made))


async def test_a_key_names_its_shop_and_only_its_digest_is_kept(do: Do, mine: NewShop) -> None:
    made = await do(create_api_key, name="Scanner", scopes=["inventory:*"], limit_per_call=5_00, limit_per_day=20_00)

    prefix, shop_id, secret = str(made.key).split("_", 2)
    assert (prefix, shop_id) == ("sk", str(mine.id))
    assert made.last_four == secret[-4:]
    assert await count(mine, "api_keys", f"secret_hash = '{digest_of(secret)}'") == 1
    assert (made.limit_per_call, made.limit_per_day) == (
        Money(amount=5_00, currency="EUR"),
        Money(amount=20_00, currency="EUR"),
    )
    assert (made.created_by, made.active) == ("USR-1001", True)


async def test_a_revoked_key_opens_nothing_and_stays_revoked(do: Do, shop: Shop) -> None:
    made = await do(create_api_key, name="Scanner", scopes=["*:read"])

    first = await revoke(do, made.reference)
    again = await revoke(do, made.reference.lower())

    assert not first.active
    assert again.revoked_at == first.revoked_at
    with pytest.raises(Unauthenticated):
        await call(shop, get_merchant, {}, holder(made))


async def test_a_key_ends_by_itself(shop: Shop, mine: NewShop, do: Do) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    made = await do(create_api_key, name="Until tomorrow", scopes=["*:read"], expires_at=tomorrow)
    later = Shop(shop.database, clock=lambda: tomorrow)

    assert (await call(shop, get_merchant, {}, holder(made))).result
    with pytest.raises(Unauthenticated):
        await call(later, get_merchant, {}, holder(made))


async def test_a_key_cannot_have_ended_already(do: Do) -> None:
    with pytest.raises(ExpiryInThePast, match="2020-01-01"):
        await do(create_api_key, name="Late", scopes=["*:read"], expires_at="2020-01-01T00:00:00Z")


async def test_a_scope_that_stands_for_nothing_is_refused_with_the_nearest(do: Do) -> None:
    with pytest.raises(UnknownScope, match="order:read") as refused:
        await do(create_api_key, name="Typo", scopes=["merchant:read", "order:read"])

    assert "orders:read" in refused.value.advice


async def test_keys_are_listed_without_their_secrets(do: Do) -> None:
    first = await do(create_api_key, name="First", scopes=["*"])
    second = await do(create_api_key, name="Second", scopes=["*:read"])
    await revoke(do, first.reference)

    page = await do(list_api_keys, limit=1)
    rest = await do(list_api_keys, after=page.next)

    assert [key.name for key in [*page.data, *rest.data]] == ["Second", "First"]
    assert [key.name for key in (await do(list_api_keys, active=True)).data] == ["Second"]
    assert [key.name for key in (await do(list_api_keys, active=False)).data] == ["First"]
    assert str(second.key) not in str(page)


async def test_an_unknown_key_is_not_found(do: Do) -> None:
    with pytest.raises(NotFound, match="There is no api key KEY-99"):
        await revoke(do, "KEY-99")


# ---- the lattice ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.owner])
async def test_nobody_but_an_owner_makes_keys(shop: Shop, mine: NewShop, role: Role) -> None:
    with pytest.raises(Forbidden):
        await call(shop, create_api_key, {"name": "Mine", "scopes": ["*:read"]}, mine.caller(role), key="k-1")


async def test_no_key_makes_or_revokes_another(do: Do, shop: Shop) -> None:
    first = await do(create_api_key, name="First", scopes=["*", "keys:write"])

    with pytest.raises(Forbidden, match="for people only"):
        await call(shop, create_api_key, {"name": "Second", "scopes": ["keys:read"]}, holder(first), key="k-1")
    with pytest.raises(Forbidden, match="for people only"):
        await call(shop, revoke_api_key, {"key": first.reference}, holder(first), key="k-2")


@pytest.mark.parametrize("limits", [{"limit_per_call": 10_01}, {"limit_per_day": 40_01}])
async def test_nobody_makes_a_key_with_higher_limits_than_their_own(do: Do, limits: dict[str, int]) -> None:
    own = {"per_call": 10_00, "per_day": 40_00, "stops_per_day": 20}
    await do(set_approval_policy, roles={"owner": own}, version=0)

    with pytest.raises(GrantsMoreThanYouHave, match=r"Owner may move (10|40)\.00 EUR"):
        await do(create_api_key, name="Richer", scopes=["payments:refund"], **limits)


def test_scopes_stand_for_permissions() -> None:
    assert expand(["*"]) == EVERY_PERMISSION == ROLES[Role.owner]
    assert expand(["orders:*"]) == {"orders:read", "orders:write", "orders:cancel"}
    assert expand(["users:read", "nothing:read"]) == {"users:read"}
    assert {scope.partition(":")[2] for scope in expand(["*:read"])} == {"read"}


def test_roles_are_ordered_as_the_catalogue_has_them() -> None:
    assert ROLES[Role.viewer] < ROLES[Role.support] < ROLES[Role.manager] < ROLES[Role.owner]
    assert ROLES[Role.viewer] < ROLES[Role.warehouse] < ROLES[Role.manager]
    assert "customers:read" not in ROLES[Role.viewer] | ROLES[Role.warehouse]
