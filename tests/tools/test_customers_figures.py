"""What a customer bought is kept, and is at any time what their orders add up to."""

import asyncio
import random
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from db.embedded import Server
from db.migrate import upgrade
from db.model import new_id
from db.models.customers import EPOCH, Customer, CustomerFigures
from db.models.orders import Order
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_customer, make_variant, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.till import Counting, writing
from tools.contract.call import Shop, call, opened
from tools.contract.figures import figures_of
from tools.contract.idempotency import leaving
from tools.customers.listing import list_customers
from tools.customers.profiles import create_customer
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.orders.status import set_order_status

LINES = [{"sku": "MUG-BLUE", "quantity": 1}]
COST = 1_999 + 490


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    async with writing(mine) as sql:
        make_variant(sql, "MUG-BLUE", stock=1_000, warehouse=await warehouse_of(sql))
        return make_customer(sql, "Ana Torres", email="ana@example.com")


async def figures(mine: NewShop, customer: UUID) -> CustomerFigures:
    async with mine.shop.database.transaction(mine.id) as sql:
        return await sql.session.get_one(CustomerFigures, (mine.id, customer))


async def test_a_new_customer_has_bought_nothing(mine: NewShop, do: Do) -> None:
    await do(create_customer, name="Paul Martin")

    (paul,) = (await do(list_customers, sort="spend")).data
    assert (paul.orders, paul.spend.amount, paul.last_order_at) == (0, 0, None)
    assert await misfits(mine) == {}


async def test_an_order_counts_from_when_it_is_placed_until_it_is_cancelled(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    draft = await do(create_order, customer=ana.reference, lines=LINES, draft=True)
    assert (await figures(mine, ana.id)).orders == 0

    await do(set_order_status, order=draft.reference, status="pending")
    second = await do(create_order, customer=ana.reference, lines=LINES)
    kept = await figures(mine, ana.id)
    assert (kept.orders, kept.spend, kept.last_order_at) == (2, 2 * COST, second.placed_at)

    await do(cancel_order, order=second.reference, reason="duplicate")
    kept = await figures(mine, ana.id)
    assert (kept.orders, kept.spend) == (1, COST)
    assert kept.last_order_at < second.placed_at

    await do(cancel_order, order=draft.reference, reason="duplicate")
    kept = await figures(mine, ana.id)
    assert (kept.orders, kept.spend, kept.last_order_at) == (0, 0, EPOCH)


async def test_a_preview_and_a_guest_leave_no_figures(mine: NewShop, do: Do, ana: Customer) -> None:
    await do.outcome(create_order, customer=ana.reference, lines=LINES, preview=True)
    await do(create_order, lines=LINES, channel="store", name="Somebody")

    assert (await figures(mine, ana.id)).orders == 0
    assert await misfits(mine) == {}


async def test_figures_are_right_after_any_mix_of_orders_at_once(mine: NewShop, do: Do, ana: Customer) -> None:
    chance = random.Random(7)
    async with writing(mine) as sql:
        others = [make_customer(sql, f"Customer {number}") for number in range(2)]
    buyers = [ana.reference, *(other.reference for other in others)]

    async def buy_and_regret(buyer: str) -> None:
        placed = await do(create_order, customer=buyer, lines=LINES)
        if chance.random() < 0.6:
            await do(cancel_order, order=placed.reference, reason="customer_request")

    await asyncio.gather(*(buy_and_regret(chance.choice(buyers)) for _ in range(24)))

    assert await misfits(mine) == {}


async def test_two_who_cancel_the_last_orders_at_once_do_not_miss_each_other(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    for _ in range(5):
        first, *last = [await do(create_order, customer=ana.reference, lines=LINES) for _ in range(3)]
        await asyncio.gather(*(do(cancel_order, order=order.reference, reason="duplicate") for order in last))

        assert (await figures(mine, ana.id)).last_order_at == first.placed_at


async def test_placing_an_order_keeps_figures_without_a_statement_more(
    runtime_url: str, mine: NewShop, ana: Customer
) -> None:
    database = Counting(runtime_url, size=1)
    await database.open()

    arguments = {"customer": ana.reference, "lines": LINES}
    await call(Shop(database), create_order, arguments, mine.caller("owner"), key="one")
    await database.close()

    assert leaving(day=False, figures=True) in database.sent
    assert len([statement for statement in database.sent if "customer_figures" in statement]) == 1


async def test_an_order_changed_twice_in_a_call_is_taken_out_as_it_was_before_the_call(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    placed = await do(create_order, customer=ana.reference, lines=LINES)
    async with opened(mine.shop, set_order_status, mine.caller("owner"), key="two") as (ctx, _):
        query = select(Order).where(Order.merchant_id == mine.id, Order.reference == placed.reference)
        order = (await ctx.db.scalars(query)).one()
        for refunded in (0, 100, 300):
            order.paid, order.refunded = order.total, refunded
            await ctx.sql.flush()

        kept = await figures_of(ctx)

    assert kept is not None
    assert kept.changed
    ((touched),) = kept.params["touched"].obj
    assert (touched["id"], touched["before"]["refunded"], touched["before"]["paid"]) == (order.id, 0, 0)


def test_a_shop_that_was_there_before_has_its_figures_its_words_and_its_fees_after_the_upgrade(server: Server) -> None:
    name, merchant, ana = f"upgraded_{new_id().hex}", new_id(), new_id()
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} owner app_owner".encode())
    owner = server.url("app_owner", name)
    upgrade(owner, to="0001")
    with psycopg.connect(owner) as connection:
        connection.execute("insert into merchants (id, slug, created_at) values (%s, 'old', now())", [merchant])
        connection.execute(
            "insert into merchant_profiles (merchant_id, id, name, currency, currencies, zone, country, prices_include_tax,"
            " rounding, version, created_at, updated_at)"
            " values (%s, %s, 'Old', 'EUR', '{EUR}', 'UTC', 'FR', true, 'half_up', 1, now(), now())",
            [merchant, new_id()],
        )
        for number, customer in enumerate((ana, new_id()), start=1):
            connection.execute(
                "insert into customers (merchant_id, id, reference, status, name, name_key, created_at, updated_at)"
                " values (%s, %s, %s, 'active', 'Zoé Torres', 'zoe torres', now(), now())",
                [merchant, customer, f"CUS-{number}"],
            )
        for number, (status, currency, refunded) in enumerate(
            (("completed", "EUR", 500), ("pending", "EUR", 0), ("confirmed", "USD", 0), ("expired", "EUR", 0)), start=1
        ):
            connection.execute(
                "insert into orders (merchant_id, id, reference, customer_id, status, channel, placed_at, currency,"
                " prices_include_tax, subtotal, total, paid, refunded, customer_name, created_at, updated_at)"
                " values (%s, %s, %s, %s, %s, 'web', %s, %s, true, 3000, 3000, 3000, %s, 'Zoé Torres', now(), now())",
                [
                    merchant,
                    new_id(),
                    f"ORD-{number}",
                    ana,
                    status,
                    LONG_AGO + timedelta(days=number),
                    currency,
                    refunded,
                ],
            )

    upgrade(owner, to="0039")
    with psycopg.connect(owner) as connection:
        for number, (status, fees) in enumerate((("paid", 89), ("failed", 10), ("in_transit", 0)), start=1):
            connection.execute(
                "insert into payouts (merchant_id, id, reference, provider, provider_reference, status, amount, fees, currency,"
                " arrives_at, created_at) values (%s, %s, %s, 'stripe', %s, %s, 2300, %s, 'EUR', now(), now())",
                [merchant, new_id(), f"PO-{number}", f"po_{number}", status, fees],
            )
    upgrade(owner)

    with psycopg.connect(owner) as connection:
        connection.execute(f"set app.merchant_id = '{merchant}'".encode())
        booked = connection.execute(
            "select account, sum(amount) from journal_entries group by account order by account"
        )
        assert booked.fetchall() == [("clearing", -99), ("fees", 99)]
        kept = connection.execute("select orders, spend, last_order_at from customer_figures order by orders desc")
        assert kept.fetchall() == [(3, 5_500, LONG_AGO + timedelta(days=3)), (0, 0, EPOCH)]
        for search in ("search_customers(%s, 10)", "search_orders(%s, true, true, true, 10)"):
            found = connection.execute(f"select {search}".encode(), [["%zoe%"]]).fetchall()
            assert len(found) == (2 if "customers" in search else 4)
