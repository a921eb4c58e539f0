"""Invitations: a one-time link and nobody's password; until they are accepted they give nothing and tell nothing."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from db.models.backoffice import Role
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.cases.backoffice import token_of
from tests.tools.probes import count
from tools.backoffice.grants import FourEyesNeedsTwo, GrantsMoreThanYouHave
from tools.backoffice.invitations import (
    AlreadyAMember,
    AlreadyInvited,
    InvitationExpired,
    InvitationUsed,
    Invited,
    NothingToAccept,
    accept_invitation,
    create_user,
    resend_invitation,
)
from tools.backoffice.merchant import get_merchant, update_merchant
from tools.backoffice.people import LastOwner, deactivate_user, get_user, list_users, update_user
from tools.contract.actors import Caller, Door, Hand, Proof, Site, digest_of
from tools.contract.call import call
from tools.contract.errors import Forbidden, LinkNotKnown, Unauthenticated
from tools.contract.guesses import TooManyTries
from tools.contract.shop import Shop
from tools.rules.passwords import WeakPassword, WrongPassword, refuse_weak

FOUR_WORDS = "four words of mine"


async def invite(do: Do, mine: NewShop, **more: Any) -> Invited:
    lea = {"email": f"Lea@{mine.slug}.example", "name": "Lea Martin", "role": "support"}
    return await do(create_user, **(lea | more))


async def accept(do: Do, invited: Invited, password: str = FOUR_WORDS, **more: Any) -> Any:
    """As whoever holds the link: nobody is signed in."""
    visitor = Caller(do.caller.merchant, Door.rest, Hand.person, Proof.visitor, "")
    return await Do(do.shop, visitor)(accept_invitation, token=token_of(invited.link), password=password, **more)


def standing_still(do: Do) -> Do:
    """The same calls, all at one instant: however long they take, no wait is over meanwhile."""
    now = do.shop.clock()
    return Do(Shop(do.shop.database, clock=lambda: now), do.caller)


# ---- inviting ------------------------------------------------------------------------------------------------------------


async def test_an_invitation_shows_a_link_once_and_keeps_only_its_digest(do: Do, mine: NewShop) -> None:
    lea: dict[str, Any] = {"email": f"lea@{mine.slug}.example", "name": "Lea Martin", "role": "support"}

    first = await do.outcome(create_user, key="k-1", **lea)
    again = await do.outcome(create_user, key="k-1", **lea)

    assert first.result is not None
    assert again.result == first.result.model_copy(update={"link": None})
    prefix, shop_id, secret = token_of(first.result.link).split("_", 2)
    assert (prefix, shop_id) == ("inv", str(mine.id))
    assert await count(mine, "invitations", f"token_hash = '{digest_of(secret)}'") == 1
    for table in ("idempotency_records", "audit_payloads", "invitations", "memberships", "events"):
        assert await count(mine, table, f"strpos({table}::text, '{secret}') > 0") == 0


async def test_the_card_of_an_invitation_says_what_happens_and_has_no_link(do: Do, mine: NewShop) -> None:
    outcome = await do.outcome(
        create_user, preview=True, email=f"lea@{mine.slug}.example", name="Lea Martin", role="support"
    )

    assert outcome.card is not None
    assert outcome.card.sentences[0] == f"Lea Martin (lea@{mine.slug}.example) is invited to Test Shop as support."
    assert "inv_" not in str(outcome.card)
    assert "hash" not in str(outcome.card.changes)


async def test_an_invitation_looks_the_same_whether_or_not_the_address_has_an_account(
    do: Do, mine: NewShop, other: NewShop
) -> None:
    """Else any shop could ask who works in another: by an invitation, its preview, its list or its refusals."""
    seen: list[str] = []
    for email in (f"manager@{other.slug}.example", f"nobody0@{other.slug}.example"):
        typed: dict[str, Any] = {"email": email, "name": "Somebody", "role": "viewer"}
        previewed = await do.outcome(create_user, preview=True, **typed)
        invited = await do(create_user, **typed)
        listed = (await do(list_users, search=email)).data
        with pytest.raises(AlreadyInvited) as twice:
            await do(create_user, **typed)
        everything = [previewed.card, invited.model_copy(update={"link": None}), listed, twice.value.message]
        words = str(everything).replace(email, "ADDRESS").replace(invited.reference, "REFERENCE")
        seen.append(words)

    for odd in ("created_at", "expires_at", "joined_at", "digest"):
        seen = [_without(text, odd) for text in seen]
    assert seen[0] == seen[1]
    assert "Manager" not in seen[0]


def _without(text: str, field: str) -> str:
    import re

    return re.sub(
        rf"{field}'?[=:] ?(datetime\.datetime\([^)]*\)|'[^']*'|\"[^\"]*\"|TzInfo\(0\)\)|[^,)\]]*)", field, text
    )


async def test_an_invitation_gives_nothing_until_it_is_accepted(
    do: Do, shop: Shop, mine: NewShop, other: NewShop
) -> None:
    """The account of another shop's owner is not taken along unasked."""
    invited = await invite(do, mine, email=f"owner@{other.slug}.example", role="owner")
    theirs = dataclasses.replace(other.caller("owner"), merchant=mine.id)

    assert (invited.active, invited.joined_at) == (False, None)
    assert invited.invitation is not None
    with pytest.raises(Unauthenticated):
        await call(shop, get_merchant, {}, theirs)

    await other.with_password("owner", "correct horse battery")
    joined = await accept(do, invited, "correct horse battery", name="Somebody Else")
    assert joined.name == "Owner"  # the account keeps its name
    assert (await call(shop, get_merchant, {}, theirs)).result


async def test_whoever_came_before_the_owner_of_an_address_gets_no_second_shop_with_it(
    do: Do, shop: Shop, mine: NewShop, other: NewShop
) -> None:
    """A manager of one shop invites another shop's future owner, and takes that account with a password of their own."""
    boss = {"email": f"boss@{mine.slug}.example", "name": "Boss"}
    await accept(do, await do(create_user, role="viewer", **boss), "password of the thief")
    theirs = Do(shop, other.caller("owner"))

    real = await theirs(create_user, role="owner", **boss)

    thief = (await do(get_user, user=boss["email"])).reference
    stolen = await _user_behind(mine, thief)
    with pytest.raises(Unauthenticated):
        await call(shop, get_merchant, {}, Caller(other.id, Door.rest, Hand.person, Proof.user, stolen))
    with pytest.raises(WrongPassword):
        await accept(theirs, real, "the boss's own password")


async def _user_behind(mine: NewShop, reference: str) -> str:
    query = "select user_id::text from memberships where merchant_id = %s and reference = %s"
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        found = await (await sql.connection.execute(query, (mine.id, reference))).fetchone()
    assert found is not None
    return found[0]


async def test_a_member_is_not_invited_again_and_an_invitation_not_written_twice(do: Do, mine: NewShop) -> None:
    with pytest.raises(AlreadyAMember, match="USR-1002"):
        await invite(do, mine, email=f"MANAGER@{mine.slug}.example")
    first = await invite(do, mine)
    with pytest.raises(AlreadyInvited, match=first.reference):
        await invite(do, mine, role="viewer")


async def test_whoever_left_comes_back_with_the_new_role_once_they_accept(do: Do, shop: Shop, mine: NewShop) -> None:
    await mine.with_password("support", "correct horse battery")
    await do(deactivate_user, user="USR-1003")

    back = await invite(do, mine, email=f"support@{mine.slug}.example", role="warehouse")

    assert (back.reference, back.role, back.active) == ("USR-1003", Role.warehouse, False)
    with pytest.raises(Unauthenticated):
        await call(shop, get_merchant, {}, mine.caller("support"))
    await accept(do, back, "correct horse battery")
    assert (await call(shop, get_merchant, {}, mine.caller("support"))).result


async def test_with_mail_the_link_goes_out_by_it_and_nobody_else_sees_it(shop: Shop, mine: NewShop) -> None:
    mailing = Shop(shop.database, site=Site("https://shop.example", mails=True))

    invited = await invite(Do(mailing, mine.caller("owner")), mine)

    assert invited.link is None
    assert await count(mine, "invitations", "token_hash is null") == 1


# ---- accepting -----------------------------------------------------------------------------------------------------------


async def test_who_accepts_sets_their_own_password_and_is_the_actor_of_it(do: Do, shop: Shop, mine: NewShop) -> None:
    invited = await invite(do, mine)

    joined = await accept(do, invited, name="Lea Dubois")

    assert (joined.reference, joined.name, joined.role) == (invited.reference, "Lea Dubois", Role.support)
    person = await do(get_user, user=invited.reference)
    assert (person.active, person.invitation, person.email) == (True, None, f"lea@{mine.slug}.example")
    lea = Caller(mine.id, Door.rest, Hand.person, Proof.user, await _user_behind(mine, invited.reference))
    assert (await call(shop, list_users, {}, lea)).result
    assert await count(mine, "audit_entries", f"tool = 'accept_invitation' and actor = '{invited.reference}'") == 1
    for table in ("idempotency_records", "audit_payloads", "events"):
        assert await count(mine, table, f"strpos({table}::text, '{FOUR_WORDS}') > 0") == 0


async def test_a_link_works_once(do: Do, mine: NewShop) -> None:
    invited = await invite(do, mine)
    await accept(do, invited)

    with pytest.raises(InvitationUsed, match="was accepted on"):
        await accept(do, invited, "another password of mine")


async def test_of_two_who_use_a_link_at_once_one_joins(do: Do, mine: NewShop) -> None:
    invited = await invite(do, mine)

    answers = await asyncio.gather(*(accept(do, invited) for _ in range(2)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["InvitationUsed", "Joined"]


async def test_a_link_works_for_72_hours(do: Do, mine: NewShop, shop: Shop) -> None:
    invited = await invite(do, mine)
    other = await invite(do, mine, email=f"noor@{mine.slug}.example")
    later = Shop(shop.database, clock=lambda: shop.clock() + timedelta(hours=72))

    assert (await accept(do, invited)).reference == invited.reference
    with pytest.raises(InvitationExpired, match="worked until"):
        await accept(Do(later, do.caller), other)


async def test_a_new_link_voids_the_former_one(do: Do, mine: NewShop) -> None:
    first = await invite(do, mine)
    second = await do(resend_invitation, user=first.reference)

    with pytest.raises(LinkNotKnown, match="another one has replaced it"):
        await accept(do, first)
    assert (await accept(do, second)).reference == first.reference
    with pytest.raises(NothingToAccept):
        await do(resend_invitation, user=first.reference)


async def test_taking_an_invitation_back_voids_its_link(do: Do, mine: NewShop) -> None:
    invited = await invite(do, mine)

    left = await do(deactivate_user, user=invited.reference)

    assert (left.active, left.invitation) == (False, None)
    with pytest.raises(LinkNotKnown):
        await accept(do, invited)


@pytest.mark.parametrize("token", ["inv_nobody", "pwr_{shop}_secret", "inv_{shop}_", "sk_{shop}_x", ""])
async def test_what_is_no_link_opens_nothing(do: Do, mine: NewShop, token: str) -> None:
    with pytest.raises(LinkNotKnown):
        await do(accept_invitation, token=token.format(shop=mine.id), password=FOUR_WORDS)


async def test_a_link_opens_nothing_but_its_invitation(do: Do, mine: NewShop, shop: Shop) -> None:
    token = token_of((await invite(do, mine, role="owner")).link)
    holder = Caller(mine.id, Door.rest, Hand.person, Proof.invitation, digest_of(token.split("_", 2)[2]))

    with pytest.raises(Forbidden):
        await call(shop, get_merchant, {}, holder)


@pytest.mark.parametrize(
    "weak", ["short", "password1234", "aaaaaaaaaaaaa", "qwertyuiop123", "Lea-Martin-2026", "{email}"]
)
async def test_a_password_that_is_easy_to_guess_is_refused(do: Do, mine: NewShop, weak: str) -> None:
    invited = await invite(do, mine)

    with pytest.raises(WeakPassword):
        await accept(do, invited, weak.format(email=invited.email))


@pytest.mark.parametrize("password", ["lea@k1234ab9.example", "K1234AB9lea.example", "abcdk1234ab9lea"])
def test_an_address_with_a_row_of_keys_in_it_is_no_password_either(password: str) -> None:
    with pytest.raises(WeakPassword):
        refuse_weak(password, "Lea@k1234ab9.example", "Lea Martin")


async def test_the_password_of_an_account_cannot_be_guessed_through_an_invitation(
    do: Do, mine: NewShop, other: NewShop
) -> None:
    do = standing_still(do)
    invited = await invite(do, mine, email=f"owner@{other.slug}.example")
    await other.with_password("owner", "correct horse battery")

    tries: list[type[BaseException]] = []
    for number in range(12):
        with pytest.raises((WrongPassword, TooManyTries)) as refused:
            await accept(do, invited, f"a guess, number {number}")
        tries.append(refused.type)

    assert tries == [WrongPassword] * 11 + [TooManyTries]
    with pytest.raises(TooManyTries):
        await accept(do, invited, "correct horse battery")


# ---- who counts ----------------------------------------------------------------------------------------------------------


async def test_an_invited_owner_is_no_owner_yet(do: Do, mine: NewShop) -> None:
    await invite(do, mine, role="owner")

    with pytest.raises(LastOwner):
        await do(deactivate_user, user="USR-1001")
    with pytest.raises(FourEyesNeedsTwo):
        await do(update_merchant, four_eyes_above=100_00)


async def test_an_invitation_is_changed_and_sent_again_only_within_ones_own(do: Do, mine: NewShop, shop: Shop) -> None:
    invited = await invite(do, mine)
    manager = Do(shop, mine.caller("manager"))

    assert (await manager(resend_invitation, user=invited.reference)).link
    await do(update_user, user=invited.reference, role="manager", name="Lea Dubois")
    changed = await do(get_user, user=invited.email)
    assert (changed.name, changed.role) == ("Lea Dubois", Role.manager)
    with pytest.raises(GrantsMoreThanYouHave):
        await manager(resend_invitation, user=invited.reference)


async def test_a_second_owner_counts_once_they_have_joined(do: Do, mine: NewShop) -> None:
    await accept(do, await invite(do, mine, role="owner"))

    assert (await do(update_merchant, four_eyes_above=100_00)).four_eyes_above is not None
