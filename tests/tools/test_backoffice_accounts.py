"""A person's own account: its password is theirs alone, and so are their sessions, but for an owner who may end them."""

import uuid
from typing import Any

import argon2
import pytest

from db.models.backoffice import Role
from orchestrator.accounts import SignedIn, Visit, open_session, reset_link, session_of
from tests.conftest import Do
from tests.factories import NewShop, add_colleague
from tests.tools.cases.backoffice import token_of
from tests.tools.probes import count
from tests.tools.test_backoffice_invitations import standing_still
from tools.backoffice.passwords import (
    ForPeopleWithAnAccount,
    ResetExpired,
    change_password,
    request_password_reset,
    reset_password,
)
from tools.backoffice.people import deactivate_user
from tools.backoffice.sessions import end_session, list_sessions
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.errors import Forbidden, LinkNotKnown, NotFound
from tools.contract.guesses import TooManyTries
from tools.contract.shop import Shop
from tools.rules.passwords import NO_ONE, WeakPassword, WrongPassword, matches

OLD, NEW = "correct horse battery", "staple of the battery"


async def signed_in(mine: NewShop, role: str, shop: uuid.UUID | None = None) -> SignedIn:
    """A browser of somebody of the shop."""
    database = mine.shop.database
    token = await open_session(database, mine.users[role], shop or mine.id, Visit("198.51.100.7", "A browser"))
    session = await session_of(database, token)
    assert session is not None
    return session


def in_browser(mine: NewShop, role: str, session: SignedIn) -> Do:
    caller = Caller(mine.id, Door.rest, Hand.person, Proof.user, str(mine.users[role]), session=session.id)
    return Do(mine.shop, caller)


async def opens(mine: NewShop, role: str, password: str) -> bool:
    async with mine.shop.database.connection() as connection:
        found = await connection.execute("select password_hash from users where id = %s", (mine.users[role],))
        row = await found.fetchone()
    return await matches(row[0] if row else None, password)


async def sessions_of(mine: NewShop, role: str) -> list[uuid.UUID]:
    async with mine.shop.database.connection() as connection:
        found = await connection.execute("select id from sessions where user_id = %s order by id", (mine.users[role],))
        return [row[0] for row in await found.fetchall()]


# ---- changing the password -----------------------------------------------------------------------------------------------


async def test_a_changed_password_signs_out_every_other_browser(mine: NewShop, other: NewShop) -> None:
    await mine.with_password("support", OLD)
    here, _, _ = [await signed_in(mine, "support", shop) for shop in (mine.id, mine.id, other.id)]

    changed = await in_browser(mine, "support", here)(change_password, present=OLD, password=NEW)

    assert changed.sessions_ended == 2
    assert await sessions_of(mine, "support") == [here.id]
    assert (await opens(mine, "support", NEW), await opens(mine, "support", OLD)) == (True, False)
    for table in ("idempotency_records", "audit_payloads", "events"):
        assert await count(mine, table, f"strpos({table}::text, '{NEW}') + strpos({table}::text, '{OLD}') > 0") == 0


async def test_the_card_of_a_changed_password_shows_neither(mine: NewShop, do: Do) -> None:
    await mine.with_password("owner", OLD)

    outcome = await do.outcome(change_password, preview=True, present=OLD, password=NEW)

    assert outcome.card is not None
    assert NEW not in str(outcome.card)
    assert OLD not in str(outcome.card)
    assert "argon2" not in str(outcome.card)


async def test_the_present_password_has_to_be_known_and_cannot_be_guessed(mine: NewShop, do: Do) -> None:
    await mine.with_password("owner", OLD)
    do = standing_still(do)

    for preview in [True, False] * 5 + [True]:
        with pytest.raises(WrongPassword):
            await do.outcome(change_password, preview=preview, present="a wrong guess", password=NEW)
    with pytest.raises(TooManyTries) as refused:
        await do(change_password, present=OLD, password=NEW)

    assert refused.value.details["retry_after"] >= 1
    assert await opens(mine, "owner", OLD)


async def test_a_new_password_has_to_be_a_good_one(mine: NewShop, do: Do) -> None:
    await mine.with_password("owner", OLD)

    with pytest.raises(WeakPassword, match="has 5 characters, and needs 12 or more"):
        await do(change_password, present=OLD, password="short")


async def test_a_program_has_neither_password_nor_sessions(mine: NewShop, shop: Shop) -> None:
    key = await mine.key(scopes=["*"])

    with pytest.raises(Forbidden):
        await call(shop, change_password, {"present": OLD, "password": NEW}, key, key="k-1")
    with pytest.raises(ForPeopleWithAnAccount):
        await call(shop, list_sessions, {}, key)


# ---- resetting it --------------------------------------------------------------------------------------------------------


async def link_for(mine: NewShop, role: str) -> str:
    return token_of(await reset_link(mine.shop.database, mine.users[role], "https://shop.example"))


async def test_a_reset_link_sets_the_password_once_and_signs_out_everywhere(mine: NewShop, shop: Shop) -> None:
    token = await link_for(mine, "support")
    await signed_in(mine, "support")
    visitor = Do(shop, Caller(uuid.UUID(int=0), Door.rest, Hand.person, Proof.visitor, ""))

    done = await visitor(reset_password, token=token, password=NEW)

    assert (done.email, done.sessions_ended) == (f"support@{mine.slug}.example", 1)
    assert await sessions_of(mine, "support") == []
    assert await opens(mine, "support", NEW)
    assert await count(mine, "audit_entries", "tool = 'reset_password' and actor = 'USR-1003'") == 1
    with pytest.raises(ResetExpired):
        await visitor(reset_password, token=token, password=OLD)


async def test_a_reset_link_works_for_an_hour_and_only_the_newest_does(mine: NewShop, do: Do) -> None:
    first, second = await link_for(mine, "support"), await link_for(mine, "support")

    with pytest.raises(LinkNotKnown):
        await do(reset_password, token=first, password=NEW)
    async with mine.shop.database.connection() as connection:
        await connection.execute(
            "update users set reset_expires_at = reset_expires_at - interval '1 hour' where id = %s",
            (mine.users["support"],),
        )
    with pytest.raises(ResetExpired, match="older than an hour"):
        await do(reset_password, token=second, password=NEW)


async def test_changing_the_password_voids_a_reset_link(mine: NewShop, do: Do) -> None:
    await mine.with_password("owner", OLD)
    token = await link_for(mine, "owner")
    await do(change_password, present=OLD, password=NEW)

    with pytest.raises(ResetExpired):
        await do(reset_password, token=token, password=OLD)


async def test_asking_for_a_reset_looks_the_same_for_every_address(mine: NewShop, do: Do) -> None:
    """Answer, replay and what is left in every book: nothing tells a known address from an unknown one."""
    answers: list[Any] = []
    for email in (f"support@{mine.slug}.example", f"nobody@{mine.slug}.example"):
        key = uuid.uuid4().hex
        first = await do.outcome(request_password_reset, key=key, email=email)
        again = await do.outcome(request_password_reset, key=key, email=email)
        answers.append((first.result, first.replayed, again.result, again.replayed, await _books_of(mine.shop, key)))

    assert answers[0] == answers[1]
    assert "support@" not in str(answers[0])


async def _books_of(shop: Shop, key: str) -> list[tuple[Any, ...]]:
    async with shop.database.connection() as connection:
        found = await connection.execute("select id from merchants order by created_at, id limit 1")
        (first,) = await found.fetchone() or (uuid.UUID(int=0),)
    query = """
    select e.actor, e.tool, e."references", p.arguments from audit_entries e
    join audit_payloads p on p.merchant_id = e.merchant_id and p.id = e.id where e.merchant_id = %s and e.key = %s
    """
    async with shop.database.transaction(first, read_only=True) as sql:
        return list(await (await sql.connection.execute(query, (first, key))).fetchall())


async def test_one_address_is_mailed_a_few_times_only(do: Do, mine: NewShop) -> None:
    email, do = f"nobody@{mine.slug}.example", standing_still(do)
    for _ in range(4):
        await do(request_password_reset, email=email)

    with pytest.raises(TooManyTries):
        await do(request_password_reset, email=email.upper())


# ---- sessions ------------------------------------------------------------------------------------------------------------


async def test_people_see_their_own_sessions_page_by_page_and_which_is_the_present_one(mine: NewShop, do: Do) -> None:
    first, second = await signed_in(mine, "viewer"), await signed_in(mine, "viewer")
    await signed_in(mine, "manager")
    viewer = in_browser(mine, "viewer", first)

    page = await viewer(list_sessions, limit=1)
    rest = await viewer(list_sessions, after=page.next)

    assert [(one.session, one.present) for one in [*page.data, *rest.data]] == [(second.id, False), (first.id, True)]
    assert (rest.data[0].network, rest.data[0].user_agent) == ("198.51.100.0/24", "A browser")


async def test_people_end_one_of_their_sessions_or_all_others(mine: NewShop) -> None:
    here, there, elsewhere = [await signed_in(mine, "viewer") for _ in range(3)]
    viewer = in_browser(mine, "viewer", here)

    assert (await viewer(end_session, session=there.id)).ended == 1
    assert await sessions_of(mine, "viewer") == [here.id, elsewhere.id]
    assert (await viewer(end_session, session="others")).ended == 1
    assert await sessions_of(mine, "viewer") == [here.id]
    with pytest.raises(NotFound, match=str(there.id)):
        await viewer(end_session, session=there.id)


async def test_an_owner_ends_the_sessions_of_others_in_this_shop_only(mine: NewShop, other: NewShop, do: Do) -> None:
    here, there = await signed_in(mine, "viewer"), await signed_in(mine, "viewer", other.id)

    assert [one.session for one in (await do(list_sessions, user="USR-1005")).data] == [here.id]
    with pytest.raises(NotFound):
        await do(end_session, session=there.id, user="USR-1005")
    assert (await do(end_session, session="others", user=f"viewer@{mine.slug}.example")).ended == 1
    assert await sessions_of(mine, "viewer") == [there.id]


async def test_nobody_else_sees_or_ends_them(mine: NewShop, other: NewShop, do: Do) -> None:
    session = await signed_in(mine, "viewer")
    manager = in_browser(mine, "manager", await signed_in(mine, "manager"))

    with pytest.raises(Forbidden, match="users:write"):
        await manager(list_sessions, user="USR-1005")
    with pytest.raises(Forbidden):
        await manager(end_session, session=session.id, user="USR-1005")
    with pytest.raises(NotFound):
        await manager(end_session, session=session.id)
    with pytest.raises(NotFound):
        await Do(mine.shop, other.caller("owner"))(end_session, session=session.id)
    assert await sessions_of(mine, "viewer") == [session.id]


async def test_whoever_leaves_is_signed_out_of_this_shop(mine: NewShop, other: NewShop, do: Do) -> None:
    await signed_in(mine, "support")
    there = await signed_in(mine, "support", other.id)

    await do(deactivate_user, user="USR-1003")

    assert await sessions_of(mine, "support") == [there.id]


async def test_an_owner_who_signs_a_colleague_out_of_everything_here_says_others(mine: NewShop, do: Do) -> None:
    reference, caller = await add_colleague(mine, Role.support)
    await open_session(mine.shop.database, uuid.UUID(caller.name), mine.id, Visit(""))

    assert (await do(end_session, session="others", user=reference)).ended == 1


def test_nobodys_password_takes_as_long_to_compare_as_any() -> None:
    assert not argon2.PasswordHasher().check_needs_rehash(NO_ONE)
