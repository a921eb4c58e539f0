"""Signing in cannot be used to guess passwords, nor to find out who has an account."""

import pytest

from orchestrator.surfaces.identity import Identity, RateLimiter
from tests.factories import NewShop
from tools.contract.errors import TooManyRequests, Unauthenticated


@pytest.fixture
def identity(mine: NewShop) -> Identity:
    """The door of a process that takes 600 requests a minute of one caller."""
    return Identity(mine.shop.database, RateLimiter(600))


async def guesses(identity: Identity, email: str, address: str) -> int:
    """How many wrong passwords are looked at before the door asks to wait."""
    for looked_at in range(100):
        try:
            await identity.sign_in(email, "wrong", None, address=address)
        except Unauthenticated:
            continue
        except TooManyRequests:
            return looked_at
    return 100


async def test_one_address_has_few_guesses_whoever_it_tries(identity: Identity) -> None:
    assert await guesses(identity, "ana@shop.example", "192.0.2.1") <= 6
    assert await guesses(identity, "ben@shop.example", "192.0.2.1") <= 1

    assert await guesses(identity, "ana@shop.example", "192.0.2.2") > 1


async def test_one_person_is_guessed_at_few_times_from_wherever(identity: Identity) -> None:
    looked_at = [await guesses(identity, "nobody@shop.example", f"192.0.2.{last}") for last in range(5)]

    assert sum(looked_at) <= 12
