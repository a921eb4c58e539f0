"""Where customers want parcels and invoices."""

import asyncio
import uuid
from typing import Any

import pytest

from db.models.customers import Address, Customer, CustomerStatus
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_customer
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import Invalid, NotFound, StaleVersion
from tools.customers.addresses import (
    MOST,
    AddressDetail,
    CustomerErased,
    DefaultAddressNeeded,
    TooManyAddresses,
    add_address,
    list_addresses,
    update_address,
)

BERLIN = {"line1": "Hauptstr. 5", "city": "Berlin", "postcode": "10115", "country": "de"}


@pytest.fixture
async def ana(mine: NewShop) -> str:
    """A customer with one address, in Lyon."""
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Ana Torres", email="ana@example.com")
        await sql.commit()
    return customer.reference


async def addresses(do: Do, customer: str) -> list[AddressDetail]:
    return (await do(list_addresses, customer=customer)).data


def defaults(rows: list[AddressDetail]) -> list[tuple[str, bool, bool]]:
    return [(row.city, row.default_shipping, row.default_billing) for row in rows]


async def test_a_second_address_is_no_default_unless_it_is_asked_for(ana: str, do: Do) -> None:
    added = await do(add_address, customer=ana, **BERLIN)

    assert (added.name, added.country) == ("Ana Torres", "DE")
    assert defaults(await addresses(do, ana)) == [("Lyon", True, True), ("Berlin", False, False)]


async def test_a_new_default_takes_the_place_of_the_old_one(ana: str, do: Do) -> None:
    await do(add_address, customer=ana, default_shipping=True, **BERLIN)

    assert defaults(await addresses(do, ana)) == [("Lyon", False, True), ("Berlin", True, False)]


async def test_the_first_address_is_the_default_for_both(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = Customer(
            merchant_id=mine.id,
            reference="CUS-7",
            name="Paul",
            name_key="paul",
            created_at=LONG_AGO,
            updated_at=LONG_AGO,
        )
        sql.session.add(customer)
        await sql.commit()

    await do(add_address, customer="CUS-7", **BERLIN)

    assert defaults(await addresses(do, "CUS-7")) == [("Berlin", True, True)]


async def test_addresses_added_at_once_leave_one_default_of_each(shop: Shop, owner: Caller, ana: str, do: Do) -> None:
    arguments: dict[str, Any] = {"customer": ana, "default_shipping": True, "default_billing": True} | BERLIN

    await asyncio.gather(*(call(shop, add_address, arguments, owner, key=uuid.uuid4().hex) for _ in range(5)))

    rows = await addresses(do, ana)
    assert len(rows) == 6
    assert [sum(flags) for flags in zip(*(row[1:] for row in defaults(rows)), strict=True)] == [1, 1]


async def test_a_customer_has_a_hundred_addresses_at_most(mine: NewShop, ana: str, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        for number in range(MOST - 1):
            row = Address(
                merchant_id=mine.id, reference=f"ADR-9{number:03}", customer_id=customer.id, name="Ana", line1="x", city="Lyon",
                postcode="69001", country="FR", created_at=LONG_AGO, updated_at=LONG_AGO,
            )  # fmt: skip
            sql.session.add(row)
        await sql.commit()

    with pytest.raises(TooManyAddresses, match="has 100 addresses"):
        await do(add_address, customer=customer.reference, **BERLIN)


async def test_an_erased_customer_gets_no_address(mine: NewShop, ana: str, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        erased = make_customer(sql)
        erased.status = CustomerStatus.erased
        await sql.commit()
    (address,) = await addresses(do, erased.reference)

    with pytest.raises(CustomerErased):
        await do(add_address, customer=erased.reference, **BERLIN)
    with pytest.raises(CustomerErased):
        await do(update_address, customer=erased.reference, address=address.reference, city="Lyon")


@pytest.mark.parametrize("wrong", [{"country": "Germany"}, {"city": ""}, {"postcode": "1" * 21}, {"line1": None}])
async def test_an_address_needs_street_town_postcode_and_country(ana: str, do: Do, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await do(add_address, customer=ana, **(BERLIN | wrong))


# ---- update_address ------------------------------------------------------------------------------------------------------


async def test_only_what_is_given_of_an_address_changes(ana: str, do: Do) -> None:
    (lyon,) = await addresses(do, ana)

    changed = await do(
        update_address, customer="ana@example.com", address=lyon.reference, postcode="69003", label="home"
    )

    assert (changed.postcode, changed.label, changed.line1) == ("69003", "home", lyon.line1)
    assert (changed.default_shipping, changed.default_billing) == (True, True)
    assert changed.version == lyon.version + 1


async def test_another_address_can_be_made_the_default(ana: str, do: Do) -> None:
    berlin = await do(add_address, customer=ana, **BERLIN)

    await do(update_address, customer=ana, address=berlin.reference, default_billing=True)

    assert defaults(await addresses(do, ana)) == [("Lyon", True, False), ("Berlin", False, True)]


async def test_there_is_always_a_default(ana: str, do: Do) -> None:
    (lyon,) = await addresses(do, ana)

    with pytest.raises(DefaultAddressNeeded, match="default for parcels"):
        await do(update_address, customer=ana, address=lyon.reference, default_shipping=False)
    with pytest.raises(DefaultAddressNeeded, match="default for invoices"):
        await do(update_address, customer=ana, address=lyon.reference, default_billing=False)


async def test_an_address_keeps_what_it_needs(ana: str, do: Do) -> None:
    (lyon,) = await addresses(do, ana)

    with pytest.raises(Invalid, match="An address needs its city, line1"):
        await do(update_address, customer=ana, address=lyon.reference, city=None, line1=None)


async def test_who_read_an_older_version_of_an_address_is_told(ana: str, do: Do) -> None:
    (lyon,) = await addresses(do, ana)
    await do(update_address, customer=ana, address=lyon.reference, postcode="69003", version=lyon.version)

    with pytest.raises(StaleVersion):
        await do(update_address, customer=ana, address=lyon.reference, postcode="69004", version=lyon.version)


async def test_an_address_of_another_customer_is_not_found(mine: NewShop, ana: str, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        paul = make_customer(sql, "Paul")
        await sql.commit()
    (his,) = await addresses(do, paul.reference)

    with pytest.raises(NotFound):
        await do(update_address, customer=ana, address=his.reference, city="Lille")


async def test_a_list_of_addresses_goes_on_where_the_page_before_ended(ana: str, do: Do) -> None:
    for city in ("Berlin", "Bonn"):
        await do(add_address, customer=ana, **(BERLIN | {"city": city}))

    first = await do(list_addresses, customer=ana, limit=2)
    second = await do(list_addresses, customer=ana, limit=2, after=first.next)

    assert [row.city for row in first.data + second.data] == ["Lyon", "Berlin", "Bonn"]
    assert (first.has_more, second.has_more) == (True, False)
