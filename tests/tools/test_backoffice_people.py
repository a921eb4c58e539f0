"""The people of a shop: who is in it as what, and that nobody gives or gains more than they have."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from db import clock
from db.models.backoffice import Role
from tests.conftest import Do
from tests.factories import NewShop, add_colleague
from tests.tools.cases.backoffice import token_of
from tests.tools.probes import count
from tools.backoffice.grants import FourEyesNeedsTwo, GrantsMoreThanYouHave
from tools.backoffice.invitations import Invited, accept_invitation, create_user
from tools.backoffice.keys import create_api_key
from tools.backoffice.merchant import get_merchant, update_merchant
from tools.backoffice.people import (
    LastOwner,
    NotYoursToRename,
    UserDeactivated,
    deactivate_user,
    get_user,
    list_users,
    update_user,
)
from tools.backoffice.policy import set_approval_policy
from tools.contract.call import call
from tools.contract.declare import Tool
from tools.contract.errors import Forbidden, Invalid, NotFound, StaleVersion, Unauthenticated
from tools.contract.permissions import ROLES
from tools.contract.shop import Shop


def lea(mine: NewShop, **more: Any) -> dict[str, Any]:
    """Whom to invite, at an address that no other shop of the run has."""
    return {"email": f"Lea@{mine.slug}.example", "name": "Lea Martin", "role": "support"} | more


async def invite(do: Do, mine: NewShop, **more: Any) -> Invited:
    return await do(create_user, **lea(mine, **more))


# ---- finding -------------------------------------------------------------------------------------------------------------


async def test_people_are_found_by_role_by_word_and_page_by_page(do: Do) -> None:
    await do(deactivate_user, user="USR-1005")

    first = await do(list_users, limit=2)
    rest = await do(list_users, limit=3, after=first.next)

    assert [user.role for user in [*first.data, *rest.data]] == list(Role)
    assert (first.has_more, rest.has_more) == (True, False)
    assert [user.reference for user in (await do(list_users, role="manager")).data] == ["USR-1002"]
    assert [user.reference for user in (await do(list_users, search="WAREHOUSE@")).data] == ["USR-1004"]
    assert [user.reference for user in (await do(list_users, active=False)).data] == ["USR-1005"]


async def test_who_has_not_been_in_for_long_is_whoever_has_no_session_that_was_used_since(
    mine: NewShop, do: Do
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for number, days in (("USR-1001", 1), ("USR-1002", 40)):
            await sql.execute(
                "insert into sessions"
                " (id, token_hash, user_id, merchant_id, network, user_agent, created_at, last_seen_at, expires_at)"
                " select gen_random_uuid(), %(ref)s || %(m)s, user_id, merchant_id, '127.0.0', 'x', %(seen)s, %(seen)s, %(seen)s"
                " from memberships where merchant_id = %(m)s and reference = %(ref)s",
                {"m": mine.id, "ref": number, "seen": clock.now() - timedelta(days=days)},
            )
        await sql.commit()

    unseen = (await do(list_users, not_seen_days=30)).data

    assert [user.reference for user in unseen] == ["USR-1002", "USR-1003", "USR-1004", "USR-1005"]
    assert unseen[0].last_seen_at is not None
    assert unseen[1].last_seen_at is None


@pytest.mark.parametrize("written", ["USR-1003", "usr-1003", "1003", "Support@{slug}.example"])
async def test_a_person_is_named_by_reference_or_address(do: Do, mine: NewShop, written: str) -> None:
    assert (await do(get_user, user=written.format(slug=mine.slug))).role is Role.support


@pytest.mark.parametrize("tool", [get_user, update_user, deactivate_user])
async def test_an_unknown_person_is_not_found_and_the_nearest_are_named(do: Do, tool: Tool[Any, Any]) -> None:
    arguments = {"user": "USR-1009"} | ({"role": "viewer"} if tool is update_user else {})

    with pytest.raises(NotFound, match="There is no user USR-1009") as refused:
        await do(tool, **arguments)

    assert set(refused.value.details["nearest"]) <= {f"USR-{number}" for number in range(1001, 1006)}


# ---- changing ------------------------------------------------------------------------------------------------------------


async def test_a_new_role_holds_from_the_next_call_on(do: Do, shop: Shop, mine: NewShop) -> None:
    with pytest.raises(Forbidden):
        await call(shop, list_users, {}, mine.caller("viewer"))

    changed = await do(update_user, user="USR-1005", role="support", version=1)

    assert (changed.role, changed.version) == (Role.support, 2)
    assert (await call(shop, list_users, {}, mine.caller("viewer"))).result


async def test_a_stale_version_changes_nothing(do: Do) -> None:
    await do(update_user, user="USR-1005", role="support")

    with pytest.raises(StaleVersion, match="version 2, and you read version 1"):
        await do(update_user, user="USR-1005", role="warehouse", version=1)


async def test_something_has_to_change(do: Do) -> None:
    with pytest.raises(Invalid, match="say the new role or the new name"):
        await do(update_user, user="USR-1005")


async def test_the_shop_renames_its_own_people_and_not_those_who_came_with_a_name(
    do: Do, mine: NewShop, other: NewShop
) -> None:
    own, guest = await invite(do, mine), await invite(do, mine, email=f"viewer@{other.slug}.example")
    await other.with_password("viewer", "correct horse battery")

    assert (await do(update_user, user=own.reference, name="Lea Dubois")).name == "Lea Dubois"
    for invited in (own, guest):
        await do(accept_invitation, token=token_of(invited.link), password="correct horse battery")
    assert (await do(update_user, user=own.reference, name="Lea Martin-Dubois")).name == "Lea Martin-Dubois"
    with pytest.raises(NotYoursToRename):
        await do(update_user, user=guest.reference, name="Nobody")


async def test_whoever_left_can_neither_call_nor_be_changed(do: Do, shop: Shop, mine: NewShop) -> None:
    left = await do(deactivate_user, user="USR-1002")

    assert not left.active
    with pytest.raises(Unauthenticated):
        await call(shop, get_merchant, {}, mine.caller("manager"))
    with pytest.raises(UserDeactivated, match="left the shop on"):
        await do(update_user, user="USR-1002", role="viewer")
    with pytest.raises(UserDeactivated):
        await do(deactivate_user, user="USR-1002")


async def test_the_keys_of_whoever_left_are_named(do: Do, shop: Shop, mine: NewShop) -> None:
    reference, second = await add_colleague(mine, Role.owner)
    key = await call(shop, create_api_key, {"name": "Theirs", "scopes": ["orders:read"]}, second, key="k-1")

    left = await do(deactivate_user, user=reference)

    assert key.result is not None
    assert left.api_keys == [key.result.reference]


# ---- the last owner ------------------------------------------------------------------------------------------------------


async def test_the_last_owner_is_neither_removed_nor_demoted(do: Do) -> None:
    with pytest.raises(LastOwner, match="is the only owner of Test Shop"):
        await do(deactivate_user, user="USR-1001")
    with pytest.raises(LastOwner):
        await do(update_user, user="USR-1001", role="manager")
    assert (await do(update_user, user="USR-1001", role="owner")).role is Role.owner


async def test_of_two_owners_one_may_go(do: Do, mine: NewShop) -> None:
    reference, _ = await add_colleague(mine, Role.owner)

    assert not (await do(deactivate_user, user="USR-1001")).active
    assert await count(mine, "memberships", f"role = 'owner' and reference = '{reference}'") == 1


async def test_two_owners_who_remove_each_other_leave_one(shop: Shop, mine: NewShop) -> None:
    reference, second = await add_colleague(mine, Role.owner)

    answers = await asyncio.gather(
        call(shop, deactivate_user, {"user": reference}, mine.caller("owner"), key="k-1"),
        call(shop, deactivate_user, {"user": "USR-1001"}, second, key="k-2"),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, LastOwner | Unauthenticated) for answer in answers) == 1
    assert await count(mine, "memberships", "role = 'owner' and deactivated_at is null") == 1


async def test_while_four_eyes_are_asked_for_two_people_stay_who_may_approve(do: Do, mine: NewShop) -> None:
    reference, _ = await add_colleague(mine, Role.owner)
    await do(update_merchant, four_eyes_above=100_00)

    with pytest.raises(FourEyesNeedsTwo, match="only 1 people could approve"):
        await do(deactivate_user, user=reference)
    with pytest.raises(FourEyesNeedsTwo):
        await do(update_user, user=reference, role="manager")
    unset = await do.outcome(update_merchant, four_eyes_above=None)
    assert unset.approval is not None  # for the other one to agree


# ---- the lattice ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("granter", Role)
@pytest.mark.parametrize("granted", Role)
async def test_no_role_gives_more_than_it_has(shop: Shop, mine: NewShop, granter: Role, granted: Role) -> None:
    """Owners invite anybody, managers whoever has less than they, and nobody else invites at all."""
    allowed = granter is Role.owner or (granter is Role.manager and granted not in (Role.owner, Role.manager))

    arguments = lea(mine, role=granted)
    if allowed:
        outcome = await call(shop, create_user, arguments, mine.caller(granter), key="k-1")
        assert outcome.result is not None
        assert ROLES[outcome.result.role] <= ROLES[granter]
    else:
        with pytest.raises(Forbidden):
            await call(shop, create_user, arguments, mine.caller(granter), key="k-1")
        assert await count(mine, "memberships") == 5


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.owner])
async def test_nobody_but_an_owner_changes_or_removes_people(shop: Shop, mine: NewShop, role: Role) -> None:
    for target in ("USR-1001", "USR-1005"):
        with pytest.raises(Forbidden):
            await call(shop, update_user, {"user": target, "role": role}, mine.caller(role), key=f"u-{target}")
        with pytest.raises(Forbidden):
            await call(shop, deactivate_user, {"user": target}, mine.caller(role), key=f"d-{target}")


@pytest.mark.parametrize("role", Role)
async def test_no_program_gives_or_takes_a_role(shop: Shop, mine: NewShop, role: Role) -> None:
    administrator = await mine.key(scopes=["*"], per_call=900_00, per_day=900_00)

    asked: list[tuple[Tool[Any, Any], dict[str, Any]]] = [
        (create_user, lea(mine, role=role)), (update_user, {"user": "USR-1005", "role": role}),
        (deactivate_user, {"user": "USR-1002"}),
    ]  # fmt: skip
    for tool, arguments in asked:
        with pytest.raises(Forbidden, match="for people only"):
            await call(shop, tool, arguments, administrator, key="k-1")


async def test_who_gives_a_role_has_its_limits_too_by_the_shops_own_policy(shop: Shop, mine: NewShop, do: Do) -> None:
    """A manager whose support may move more than the manager would invite themselves as support."""
    generous = {"per_call": 600_00, "per_day": 2_000_00, "stops_per_day": 5}
    await do(set_approval_policy, roles={"support": generous}, version=0)

    with pytest.raises(
        GrantsMoreThanYouHave, match=r"role support may move 600\.00 EUR a call; Manager may move 500\.00 EUR"
    ):
        await call(shop, create_user, lea(mine), mine.caller("manager"), key="k-1")
    assert await count(mine, "memberships") == 5


async def test_an_owner_with_limits_makes_nobody_an_owner_without(do: Do, mine: NewShop) -> None:
    limited = {"per_call": 100_00, "per_day": None, "stops_per_day": 50}
    await do(set_approval_policy, roles={"owner": limited}, version=0)

    assert (await invite(do, mine, role="owner")).role is Role.owner
    with pytest.raises(GrantsMoreThanYouHave, match="The role manager may move 500"):
        await do(update_user, user="USR-1005", role="manager")
    with pytest.raises(GrantsMoreThanYouHave, match=r"move 100\.01 EUR a call"):
        await do(create_api_key, name="Till", scopes=["orders:read"], limit_per_call=100_01)
