"""Where an order goes, until it has gone."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from db.models.backoffice import ShippingMethod, TaxRate
from db.models.transport import FulfilmentStatus
from db.references import Kind
from tests.aftermath import make_shipment
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_customer, number
from tests.tools.till import LYON, bought, stocked, writing
from tools.contract.errors import Invalid, StaleVersion
from tools.customers.addresses import list_addresses
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.orders.address import AddressChangesPrice, change_order_address
from tools.orders.detail import get_order
from tools.orders.listing import list_orders
from tools.orders.wishes import AddressOfAnother, NoShippingMethod
from tools.rules.standing import OrderAlreadyShipped, OrderClosed

LILLE = {"name": "Ana Torres", "line1": "3 quai du Wault", "city": "Lille", "postcode": "59000", "country": "FR"}


async def place(mine: NewShop, do: Do, **more: Any) -> str:
    await stocked(mine, f"MUG-{number()}")
    await stocked(mine, sku := f"MUG-{number()}")
    more = more if "customer" in more else {"shipping_address": LYON} | more
    return (await do(create_order, lines=bought((sku, 1)), **more)).reference


async def test_an_order_goes_somewhere_else_and_its_customers_addresses_stay(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        ana = make_customer(sql)
    order = await place(mine, do, customer=ana.reference)
    before = await do(get_order, order=order)

    changed = await do(change_order_address, order=order, shipping_address=LILLE)

    after = await do(get_order, order=order)
    assert changed.shipping_address == after.shipping_address
    assert after.shipping_address is not None
    assert (after.shipping_address.line1, after.shipping_address.city) == ("3 quai du Wault", "Lille")
    assert after.billing_address == before.billing_address
    assert (after.total, after.version) == (before.total, before.version + 1)
    assert [row.reference for row in (await do(list_orders, city="Lille")).data] == [order]
    assert [row.city for row in (await do(list_addresses, customer=ana.reference)).data] == ["Lyon"]


async def test_an_address_that_is_written_without_a_country_is_where_the_order_goes_already(
    mine: NewShop, do: Do
) -> None:
    order = await place(mine, do, name="Ana Torres")
    written = {key: value for key, value in LILLE.items() if key not in ("name", "country")}

    changed = await do(change_order_address, order=order, shipping_address=written)

    assert changed.shipping_address is not None
    assert (changed.shipping_address.name, changed.shipping_address.country) == ("Ana Torres", "FR")


async def test_a_street_alone_is_another_street_of_the_same_place(mine: NewShop, do: Do) -> None:
    order = await place(mine, do, shipping_address=LILLE)

    changed = await do(change_order_address, order=order, shipping_address={"line1": "88 rue de Béthune"})

    assert changed.shipping_address is not None
    there = changed.shipping_address
    assert (there.line1, there.postcode, there.city, there.country) == ("88 rue de Béthune", "59000", "Lille", "FR")


async def test_an_address_of_the_customer_is_copied_and_that_of_another_refused(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        ana, ben = make_customer(sql, city="Nice"), make_customer(sql, "Ben Hall", city="Nantes")
    theirs = [(await do(list_addresses, customer=one.reference)).data[0].reference for one in (ana, ben)]
    order = await place(mine, do, customer=ana.reference, shipping_address=LYON)

    changed = await do(change_order_address, order=order, shipping_address=theirs[0], billing_address=theirs[0])

    assert changed.shipping_address is not None
    assert changed.shipping_address == changed.billing_address
    assert changed.shipping_address.city == "Nice"
    with pytest.raises(AddressOfAnother, match=f"{theirs[1]} is not an address of the customer of {order}"):
        await do(change_order_address, order=order, shipping_address=theirs[1])


async def test_what_has_left_or_is_over_keeps_its_address(mine: NewShop, do: Do) -> None:
    sent, stopped = await place(mine, do), await place(mine, do)
    async with writing(mine) as sql:
        await make_shipment(sql, sent, FulfilmentStatus.in_transit, left=1)
    await do(cancel_order, order=stopped)

    with pytest.raises(OrderAlreadyShipped, match=f"1 of 1 units of {sent} have left"):
        await do(change_order_address, order=sent, shipping_address=LILLE)
    with pytest.raises(OrderClosed, match=f"{stopped} is cancelled, so its address cannot be changed"):
        await do(change_order_address, order=stopped, shipping_address=LILLE)


async def test_an_address_where_goods_are_taxed_differently_is_refused(mine: NewShop, do: Do) -> None:
    order = await place(mine, do)
    async with writing(mine) as sql:
        sql.session.add(
            TaxRate(
                merchant_id=mine.id, reference=Kind.tax_rate.reference(number()), name="USt", country="DE",
                rate=Decimal("0.19"), valid_from=LONG_AGO, created_at=LONG_AGO,
            )
        )  # fmt: skip

    with pytest.raises(AddressChangesPrice, match=r"is taxed at 20 % on .* and at 19 % there"):
        await do(change_order_address, order=order, shipping_address=LILLE | {"city": "Berlin", "country": "DE"})


async def test_an_address_that_its_shipping_method_does_not_serve_is_refused(mine: NewShop, do: Do) -> None:
    order = await place(mine, do)
    async with writing(mine) as sql:
        method = (await sql.session.scalars(select(ShippingMethod).where(ShippingMethod.merchant_id == mine.id))).one()
        method.countries = ["FR"]

    with pytest.raises(NoShippingMethod, match=r"standard, by which .* is sent, does not go to BE"):
        await do(change_order_address, order=order, shipping_address=LILLE | {"country": "BE"})


async def test_a_change_says_what_it_changes_and_of_which_version(mine: NewShop, do: Do) -> None:
    order = await place(mine, do)

    with pytest.raises(Invalid, match="Give a `shipping_address` or a `billing_address`"):
        await do(change_order_address, order=order)
    with pytest.raises(StaleVersion):
        await do(change_order_address, order=order, shipping_address=LILLE, version=7)
    preview = await do.outcome(change_order_address, preview=True, order=order, shipping_address=LILLE)

    assert preview.card is not None
    assert preview.card.sentences == [
        f"{order} goes to Ana Torres, 3 quai du Wault, 59000 Lille, FR from now on "
        "(until now: 5 rue des Lilas, 69001 Lyon, FR)."
    ]
