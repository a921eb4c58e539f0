"""The demo shop at a moment: a year of orders, loaded once in a process for all the files that ask about it."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest

from db.models.backoffice import Role
from db.seed.demo import ZONE, DemoSummary, load
from db.seed.merchant import NewMerchant, NewPerson, create_merchant
from tools.contract.call import Shop

MOMENTS = {  # by the shop's clock
    "minutes into a month and a year": datetime(2027, 1, 1, 0, 1),  # noqa: DTZ001
    "in the hour that spring leaves out": datetime(2027, 3, 28, 2, 30),  # noqa: DTZ001
    "in the hour that autumn has twice": datetime(2027, 10, 31, 2, 30, fold=1),  # noqa: DTZ001
    "the evening of 29 February": datetime(2028, 2, 29, 20, 0),  # noqa: DTZ001
}


@dataclass(frozen=True)
class Loaded:
    """A merchant with the demo shop, its owner, and what was said while it was loaded."""

    moment: str
    now: datetime
    merchant: uuid.UUID
    owner: uuid.UUID
    summary: DemoSummary
    told: list[str]


class Demos:
    """The demo shops of the moments, as far as they were asked for."""

    def __init__(self, shop: Shop, runtime_url: str) -> None:
        self._shop, self._url = shop, runtime_url
        self._loaded: dict[str, Loaded] = {}

    async def at(self, moment: str) -> Loaded:
        if moment not in self._loaded:
            self._loaded[moment] = await self._load(moment)
        return self._loaded[moment]

    def forget(self, moment: str) -> None:
        """Whoever asks next gets another: this one was changed, or how it is loaded is to be seen."""
        self._loaded.pop(moment, None)

    async def _load(self, moment: str) -> Loaded:
        slug, told, now = uuid.uuid4().hex, list[str](), MOMENTS[moment].replace(tzinfo=ZONE).astimezone(UTC)
        owner = NewPerson(f"owner@{slug}.example", "Owner", Role.owner)
        merchant, (user,) = await create_merchant(self._shop.database, NewMerchant(slug, "New"), [owner])
        with psycopg.connect(self._url, autocommit=True) as connection:
            summary = load(connection, merchant, now=now, progress=told.append)
        return Loaded(moment, now, merchant, user, summary, told)


@pytest.fixture(scope="session")
def demos(shop: Shop, runtime_url: str) -> Demos:
    return Demos(shop, runtime_url)


def of_moment(moment: str) -> list[pytest.MarkDecorator]:
    """What to mark a test with that asks about it: it goes where the shop is loaded, and waits for it."""
    return [pytest.mark.xdist_group(f"demo {moment}"), pytest.mark.timeout(600)]
