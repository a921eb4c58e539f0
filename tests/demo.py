"""The demo shop at a moment: a year of orders, loaded once in a process for all the files that ask about it."""

import uuid
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from sqlalchemy import Uuid

from db.model import Base
from db.models.backoffice import Role
from db.seed.demo import ZONE, DemoSummary, invent, load
from db.seed.draft import Draft
from db.seed.merchant import NewMerchant, NewPerson, create_merchant
from tools.contract.call import Shop

MOMENTS = {  # by the shop's clock
    "minutes into a month and a year": datetime(2027, 1, 1, 0, 1),  # noqa: DTZ001
    "in the hour that spring leaves out": datetime(2027, 3, 28, 2, 30),  # noqa: DTZ001
    "in the hour that autumn has twice": datetime(2027, 10, 31, 2, 30, fold=1),  # noqa: DTZ001
    "the evening of 29 February": datetime(2028, 2, 29, 20, 0),  # noqa: DTZ001
}


@dataclass(frozen=True)
class Invented:
    """What was invented for a merchant: the contents of each table, told apart by a digest, and all ids."""

    contents: dict[str, str]
    ids: set[str]


@dataclass(frozen=True)
class Loaded:
    """A merchant with the demo shop, its owner, and what was said while it was loaded."""

    now: datetime
    merchant: uuid.UUID
    owner: uuid.UUID
    summary: DemoSummary
    told: list[str]
    invented: Invented


LoadedAt = Callable[[str], Awaitable[Loaded]]


@pytest.fixture(scope="session")
def loaded_at(shop: Shop, runtime_url: str) -> LoadedAt:
    """The demo shop of one of the moments."""
    loaded: dict[str, Loaded] = {}

    async def at(moment: str) -> Loaded:
        if moment not in loaded:
            loaded[moment] = await _load(shop, runtime_url, MOMENTS[moment].replace(tzinfo=ZONE).astimezone(UTC))
        return loaded[moment]

    return at


def of_moment(moment: str) -> list[pytest.MarkDecorator]:
    """What to mark a test with that asks about it: it goes where the shop is loaded, and waits for it."""
    return [pytest.mark.xdist_group(f"demo {moment}"), pytest.mark.timeout(600)]


@contextmanager
def inventions() -> Generator[list[Invented]]:
    """What is invented meanwhile."""
    seen: list[Invented] = []

    def noting(merchant: uuid.UUID, now: datetime, numbers: dict[str, int]) -> Draft:
        draft = invent(merchant, now, numbers)
        seen.append(Invented(_contents(draft.rows), {row["id"] for rows in draft.rows.values() for row in rows}))
        return draft

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("db.seed.demo.invent", noting)
        yield seen


async def _load(shop: Shop, runtime_url: str, now: datetime) -> Loaded:
    slug, told = uuid.uuid4().hex, list[str]()
    owner = NewPerson(f"owner@{slug}.example", "Owner", Role.owner)
    merchant, (user,) = await create_merchant(shop.database, NewMerchant(slug, "New"), [owner])
    with psycopg.connect(runtime_url, autocommit=True) as connection, inventions() as invented:
        summary = load(connection, merchant, now=now, progress=told.append)
    return Loaded(now, merchant, user, summary, told, invented[0])


def _contents(tables: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """All values but identifiers, as a digest for each table."""
    told = {
        table.name: [
            column.name for column in table.columns if not isinstance(column.type, Uuid) and not column.computed
        ]
        for table in Base.metadata.sorted_tables
    }
    return {
        table: sha256(repr([[row[name] for name in told[table]] for row in rows]).encode()).hexdigest()
        for table, rows in tables.items()
    }
