"""A shop as an import makes it, and whether its books agree afterwards."""

from dataclasses import replace

import pytest

from db.checks import CHECKS
from db.models.backoffice import Role
from db.seed.merchant import NewMerchant, NewPerson, create_merchant
from tests.conftest import Do
from tests.factories import NewShop, number
from tools.contract.call import Shop


async def made_for(shop: Shop, profile: NewMerchant) -> NewShop:
    """An empty shop with its owner."""
    slug = f"{profile.slug}-{number()}"
    people = [NewPerson(f"owner@{slug}.example", "The owner", Role.owner)]
    merchant, users = await create_merchant(shop.database, replace(profile, slug=slug), people)
    return NewShop(shop, merchant, slug, dict(zip([Role.owner], users, strict=True)))


@pytest.fixture
def as_owner(empty: NewShop) -> Do:
    return Do(empty.shop, empty.caller("owner"))


async def broken_rules(shop: NewShop) -> list[str]:
    """The checks that find something."""
    async with shop.shop.database.transaction(shop.id, read_only=True) as sql:
        return [
            check.name
            for check in CHECKS
            if (await (await sql.connection.execute(check.sql.encode(), {"merchant": shop.id})).fetchone()) is not None
        ]
