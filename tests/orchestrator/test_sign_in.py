"""Signing in cannot be used to guess passwords, nor to find out who has an account, nor to keep somebody out for ever."""

import uuid
from datetime import datetime, timedelta

import httpx
import pytest

from db.clock import now
from db.model import new_id
from orchestrator.accounts import Visit, reset_link, session_of, shop_of
from orchestrator.surfaces.identity import Identity, RateLimiter
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.cases.backoffice import token_of
from tools.backoffice.invitations import accept_invitation, create_user
from tools.backoffice.passwords import reset_password
from tools.contract.errors import TooManyRequests, Unauthenticated
from tools.contract.guesses import TooManyTries, account, count_guess

RIGHT = "correct horse battery"
HOME = Visit("203.0.113.9", "The owner's browser")
numbers = iter(range(1, 60_000))


def somewhere() -> Visit:
    """A network that no other try of the run came from."""
    number = next(numbers)
    return Visit(f"10.{number // 250}.{number % 250}.1")


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(mine: NewShop, clock: Clock) -> Identity:
    """The door of a process that takes any number of requests."""
    return Identity(mine.shop.database, RateLimiter(1_000_000), clock)


async def guesses(identity: Identity, email: str, visit: Visit | None = None, most: int = 40) -> int:
    """How many wrong passwords are looked at before one has to wait."""
    for looked_at in range(most):
        try:
            await identity.sign_in(email, "wrong", None, visit or somewhere())
        except Unauthenticated:
            continue
        except TooManyRequests:
            return looked_at
    return most


async def test_free_tries_at_the_same_moment_make_neither_wait(mine: NewShop) -> None:
    """The one that is counted last may have looked at the clock first."""
    names, moment = [account(f"both@{mine.slug}.example")], now()

    for at in (moment, moment - timedelta(milliseconds=20)):
        await count_guess(mine.shop.database, names, at)

    for _ in range(9):
        await count_guess(mine.shop.database, names, moment)
    with pytest.raises(TooManyTries):
        await count_guess(mine.shop.database, names, moment)


async def test_one_address_has_few_guesses_at_once_whoever_it_tries(mine: NewShop) -> None:
    identity, visit = Identity(mine.shop.database, RateLimiter(20)), somewhere()

    assert await guesses(identity, f"ana@{mine.slug}.example", visit) == 1
    assert await guesses(identity, f"ben@{mine.slug}.example", visit) == 0


async def test_a_network_that_tries_many_accounts_has_to_wait(identity: Identity, mine: NewShop) -> None:
    visit = somewhere()

    tried = [await guesses(identity, f"{number}@{mine.slug}.example", visit, most=3) for number in range(12)]

    assert sum(tried) == 31


@pytest.mark.parametrize("name", ["owner", "nobody"])
async def test_an_account_is_guessed_at_few_times_from_wherever_and_a_known_one_like_an_unknown(
    identity: Identity, mine: NewShop, name: str
) -> None:
    await mine.with_password("owner", RIGHT)

    assert await guesses(identity, f"{name}@{mine.slug}.example") == 11
    assert await guesses(identity, f"{name}@{mine.slug}.example", somewhere()) == 0


async def test_the_count_holds_in_another_process_and_after_a_restart(
    identity: Identity, mine: NewShop, clock: Clock
) -> None:
    email = await mine.with_password("owner", RIGHT)
    await guesses(identity, email)

    elsewhere = Identity(mine.shop.database, RateLimiter(1_000_000), clock)
    with pytest.raises(TooManyTries) as refused:
        await elsewhere.sign_in(email, RIGHT, None, somewhere())

    assert refused.value.details["retry_after"] == 1


async def test_waits_grow_to_a_quarter_of_an_hour_and_no_further(
    identity: Identity, mine: NewShop, clock: Clock
) -> None:
    email, waits = f"nobody@{mine.slug}.example", list[int]()
    await guesses(identity, email)

    for _ in range(12):
        with pytest.raises(TooManyTries) as refused:
            await identity.sign_in(email, "wrong", None, somewhere())
        waits.append(int(refused.value.details["retry_after"]))
        clock.now += timedelta(seconds=waits[-1])
        with pytest.raises(Unauthenticated):
            await identity.sign_in(email, "wrong", None, somewhere())

    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert waits[-1] == 900


async def test_tries_during_a_wait_do_not_prolong_it(identity: Identity, mine: NewShop, clock: Clock) -> None:
    email = await mine.with_password("owner", RIGHT)
    await guesses(identity, email)
    for _ in range(20):
        with pytest.raises(TooManyTries):
            await identity.sign_in(email, "wrong", None, somewhere())

    clock.now += timedelta(seconds=1)
    assert await identity.sign_in(email, RIGHT, None, somewhere())
    assert await guesses(identity, email) == 11  # the right password began it anew


async def test_who_is_signed_in_from_the_same_network_is_not_kept_out_by_others(
    identity: Identity, mine: NewShop
) -> None:
    email = await mine.with_password("owner", RIGHT)
    await identity.sign_in(email, RIGHT, None, HOME)
    await guesses(identity, email)

    assert await identity.sign_in(email, RIGHT, None, HOME)
    with pytest.raises(TooManyTries):
        await identity.sign_in(email, RIGHT, None, somewhere())


async def test_a_reset_lifts_the_wait(identity: Identity, mine: NewShop, do: Do) -> None:
    email = await mine.with_password("owner", RIGHT)
    await guesses(identity, email)
    link = await reset_link(mine.shop.database, mine.users["owner"], "https://shop.example")

    await do(reset_password, token=token_of(link), password="another battery of horses")

    assert await identity.sign_in(email, "another battery of horses", None, somewhere())


async def test_no_address_that_was_tried_can_be_read_from_the_count(identity: Identity, mine: NewShop) -> None:
    email = f"nobody@{mine.slug}.example"
    await guesses(identity, email, most=1)

    async with mine.shop.database.connection() as connection:
        found = await connection.execute("select name from guesses where name like %s", (f"%{mine.slug}%",))
        assert await found.fetchall() == []
    assert account(email) == f"account {email}"


# ---- which shop ----------------------------------------------------------------------------------------------------------


async def in_both(mine: NewShop, other: NewShop) -> str:
    """The owner of one shop, in the other too; returns their e-mail."""
    email = await mine.with_password("owner", RIGHT)
    theirs = Do(mine.shop, other.caller("owner"))
    invited = await theirs(create_user, email=email, name="Both", role="viewer")
    await theirs(accept_invitation, token=token_of(invited.link), password=RIGHT)
    return email


async def test_signing_in_opens_the_shop_that_was_used_last(identity: Identity, mine: NewShop, other: NewShop) -> None:
    email = await in_both(mine, other)

    opened = list[uuid.UUID]()
    for slug in (None, mine.slug, None, other.slug, None):
        session = await session_of(mine.shop.database, await identity.sign_in(email, RIGHT, slug, somewhere()))
        assert session is not None
        opened.append(session.merchant_id)

    assert opened == [other.id, mine.id, mine.id, other.id, other.id]
    assert await shop_of(mine.shop.database, mine.users["owner"]) == other.id


async def test_somebody_unknown_is_in_no_shop(mine: NewShop, other: NewShop) -> None:
    assert await shop_of(mine.shop.database, new_id()) is None


async def test_a_shop_that_is_not_yours_looks_like_one_that_there_is_not(
    client: httpx.AsyncClient, mine: NewShop, other: NewShop
) -> None:
    """By header and at the sign-in, wherever it is asked: nobody finds out which shops this installation has."""
    email = await mine.with_password("owner", RIGHT)
    session = {"Cookie": f"shopkeeper_session={await mine.session('owner')}"}

    seen: list[list[tuple[int, str]]] = []
    for slug in (other.slug, "no-such-shop"):
        header = {"Shopkeeper-Merchant": slug} | session
        answers = [
            await client.get("/api/v1/merchant", headers=header),
            await client.get("/api/v1/orders/ORD-1", headers=header),
            await client.post("/api/v1/customers", json={"name": "Eve"}, headers=header | {"Idempotency-Key": "k"}),
            await client.post("/api/v1/conversations", json={}, headers=header | {"Idempotency-Key": "k"}),
            await client.post("/api/v1/session", json={"email": email, "password": RIGHT, "merchant": slug}),
        ]
        seen.append([(answer.status_code, _told(answer, slug)) for answer in answers])

    assert seen[0] == seen[1]
    assert {status for status, _ in seen[0]} == {404}


def _told(answer: httpx.Response, slug: str) -> str:
    body = answer.json()
    return str({name: value for name, value in body.items() if name != "request_id"}).replace(slug, "SLUG")
