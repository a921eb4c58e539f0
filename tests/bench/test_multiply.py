"""A shop that the bench multiplies: larger, and as true to its own ledgers as the one that it was made of."""

from collections.abc import AsyncGenerator

import psycopg
import pytest

from bench.multiply import multiply_orders
from db.embedded import Server
from db.model import new_id
from db.session import Database
from tests.conftest import PATIENT, TEMPLATE
from tests.factories import NewShop, new_shop
from tests.tools.misfits import misfits
from tests.tools.paying import Till
from tests.tools.till import stocked
from tools.contract.call import Shop
from tools.customers.profiles import create_customer
from tools.flows.authorize_payment import authorize_payment
from tools.flows.cancel_order import cancel_order
from tools.payments.moving import refund_payment


@pytest.fixture
def name(server: Server) -> str:
    """A database of this test alone: a multiplication takes its indexes away meanwhile."""
    name = f"multiplied_{new_id().hex}"
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} template {TEMPLATE} owner app_owner".encode())
    return name


@pytest.fixture
async def alone(server: Server, name: str) -> AsyncGenerator[NewShop]:
    database = Database(server.url("app_rt", name), size=2, patience=PATIENT)
    await database.open()
    yield await new_shop(Shop(database))
    await database.close()


async def test_what_was_given_and_spent_of_credit_is_multiplied_with_the_orders(
    server: Server, name: str, alone: NewShop
) -> None:
    await stocked(alone, units=100)
    till = Till(alone)
    ana = await till.do(create_customer, name="Ana Torres", email="ana@example.com")
    order = await till.order(ana.reference)
    (paid,) = (await till.do(authorize_payment, order=order, capture=True)).payments
    await till.do(refund_payment, payment=paid.payment, amount=900, to="store_credit")
    await till.do(cancel_order, order=order)

    orders = multiply_orders(server.url("postgres", name), alone.id, 4)

    async with alone.shop.database.transaction(alone.id) as sql:
        given = "select count(*) filter (where balance = 4 * 900), count(*) from saved_methods where balance > 0"
        assert await (await sql.connection.execute(given.encode())).fetchone() == (1, 1)
    assert orders == 4
    assert await misfits(alone) == {}
