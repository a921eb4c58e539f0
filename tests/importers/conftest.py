"""A shop as an import makes it."""

from dataclasses import replace

import pytest

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
