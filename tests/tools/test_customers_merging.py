"""Two customers become one: everything goes along, every name leads there for ever, and whoever does something meanwhile waits."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from db import clock
from db.models.after_sales import ReturnStatus
from db.models.customers import Customer, CustomerStatus
from db.models.orders import Order
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_customer,
    make_order,
    make_promotion,
    make_saved_card,
    make_variant,
    warehouse_of,
)
from tests.tools.misfits import OF_CUSTOMERS, misfits
from tests.tools.test_customers_profiles import make_return
from tests.tools.till import writing
from tools.after_sales.surveys import submit_survey
from tools.after_sales.tickets import open_ticket
from tools.contract.errors import GaveWay, NotFound, RowLocked
from tools.customers.addresses import CustomerErased, add_address, list_addresses
from tools.customers.consents import set_consent
from tools.customers.interactions import list_interactions, log_interaction
from tools.customers.listing import list_customers
from tools.customers.loyalty import adjust_loyalty_points, get_loyalty
from tools.customers.profiles import create_customer, get_customer, tag_customer, update_customer
from tools.flows.create_order import create_order
from tools.flows.merge_customers import SameCustomer, merge_customers
from tools.orders.listing import list_orders

PROOF: dict[str, Any] = {"source": "checkout form", "wording": "2026-01"}
LINES = [{"sku": "MUG-BLUE", "quantity": 1}]
_CLAIM = """
insert into warranty_claims (merchant_id, id, reference, order_id, order_line_id, customer_id, status, quantity, defect,
                             covered_until, filed_at, created_at, updated_at)
select %(m)s, gen_random_uuid(), 'WAR-900001', o.id, l.id, o.customer_id, 'filed', 1, 'It broke', current_date, now(), now(), now()
from orders o join order_lines l on l.merchant_id = %(m)s and l.order_id = o.id where o.merchant_id = %(m)s and o.id = %(order)s
"""


class Two:
    """Ana, who stays, and the same Ana again, with an order of each."""

    def __init__(self, ana: Customer, again: Customer, order: Order) -> None:
        self.ana, self.again, self.order = ana, again, order
        self.names = {"customer": ana.reference, "duplicate": again.reference}


@pytest.fixture
async def two(mine: NewShop) -> Two:
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres", email="ana@example.com")
        again = make_customer(sql, "A. Torres", email="torres@example.org", city="Lille")
        make_order(sql, customer=ana, unit_price=1_000)
        order = make_order(sql, customer=again, unit_price=2_000, placed_at=clock.now() - timedelta(days=1))
        make_return(sql, order.id, 1, ReturnStatus.requested, again)
        make_variant(sql, "MUG-BLUE", stock=1_000, warehouse=await warehouse_of(sql))
    return Two(ana, again, order)


async def test_everything_goes_to_the_one_who_stays(mine: NewShop, do: Do, two: Two) -> None:
    await do(log_interaction, customer=two.again.reference, subject="A call")
    await do(adjust_loyalty_points, customer=two.ana.reference, points=100)
    await do(adjust_loyalty_points, customer=two.again.reference, points=600, reason="purchase")
    await do(adjust_loyalty_points, customer=two.again.reference, points=-200, reason="redemption")
    await do(tag_customer, customer=two.ana.reference, add=["vip"])
    await do(tag_customer, customer=two.again.reference, add=["club", "VIP"])
    await do(update_customer, customer=two.again.reference, phone="+33 6 12 34 56 78", note="Rings twice.")

    merged = await do(merge_customers, **two.names)

    assert (merged.orders, merged.addresses, merged.interactions, merged.points) == (1, 1, 1, 400)
    found = await do(get_customer, customer=two.ana.reference)
    assert (found.orders, found.spend.amount, found.tags) == (2, 3_000, ["vip", "club"])
    assert (found.phone, found.note, found.name) == ("+33612345678", "Rings twice.", "Ana Torres")
    assert [row.order for row in found.open_returns] == [two.order.reference]
    assert [(row.city, row.default_shipping, row.default_billing) for row in found.addresses] == [
        ("Lyon", True, True),
        ("Lille", False, False),
    ]
    assert [row.subject for row in (await do(list_interactions, customer=two.ana.reference)).data] == ["A call"]
    loyalty = await do(get_loyalty, customer=two.ana.reference)
    assert (loyalty.points, loyalty.earned, loyalty.tier) == (500, 700, "silver")
    assert await misfits(mine, *OF_CUSTOMERS) == {}


async def test_no_row_of_any_table_is_left_with_the_one_who_went(
    mine: NewShop, do: Do, two: Two, owner_url: str
) -> None:
    """Read from the live catalogue: a table that is new, and points to customers, needs a row here, and has to be moved too."""
    async with writing(mine) as sql:
        make_promotion(sql, "TEN", percent=10)
        make_saved_card(sql, two.again)
    await do(create_order, customer=two.again.reference, lines=LINES, promotion_codes=["TEN"])
    await do(log_interaction, customer=two.again.reference, subject="A call")
    await do(adjust_loyalty_points, customer=two.again.reference, points=5)
    await do(set_consent, customer=two.again.reference, channel="post", granted=True, **PROOF)
    await do(open_ticket, customer=two.again.reference, subject="A wet parcel")
    await do(submit_survey, customer=two.again.reference, score=4)
    async with writing(mine) as sql:
        await sql.execute(_CLAIM, {"m": mine.id, "order": two.order.id})
    pointing, had = rows_of_tables(owner_url, mine, two.again)

    await do(merge_customers, **two.names)

    _, left = rows_of_tables(owner_url, mine, two.again)
    assert pointing - had == {"customers.merged_into_id"}
    assert left <= {"customer_figures.id", "loyalty_entries.customer_id"}  # the last, a ledger of naught


def rows_of_tables(owner_url: str, mine: NewShop, customer: Customer) -> tuple[set[str], set[str]]:
    """The columns that point to customers, and those of them that point to this one."""
    with psycopg.connect(owner_url) as owner:
        pointing = owner.execute(
            """
            select k.conrelid::regclass::text, a.attname from pg_constraint k
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[2]
            where k.contype = 'f' and k.confrelid = 'customers'::regclass
            """
        ).fetchall()
        found = {
            f"{table}.{column}"
            for table, column in pointing
            if owner.execute(
                f"select from {table} where merchant_id = %s and {column} = %s".encode(), (mine.id, customer.id)
            ).rowcount
        }
    return {f"{table}.{column}" for table, column in pointing}, found


@pytest.mark.parametrize(("ana", "again"), [(True, False), (False, True), (True, None), (None, False)])
async def test_the_stricter_word_counts(do: Do, two: Two, ana: bool | None, again: bool | None) -> None:
    for customer, granted in ((two.ana, ana), (two.again, again)):
        if granted is not None:
            await do(set_consent, customer=customer.reference, channel="email", granted=granted, **PROOF)

    merged = await do(merge_customers, **two.names)

    (said,) = (await do(get_customer, customer=two.ana.reference)).consents
    assert said.granted is (ana is not False and again is not False)
    assert merged.no_longer_agrees == (["email"] if {ana, again} == {True, False} else [])
    assert [row.reference for row in (await do(list_customers, consent="email")).data] == (
        [two.ana.reference] if said.granted else []
    )


async def test_a_block_holds_for_both(mine: NewShop, do: Do, two: Two) -> None:
    async with writing(mine) as sql:
        query = "update customers set status = 'blocked' where merchant_id = %s and id = %s"
        await sql.execute(query, (mine.id, two.again.id))
    await do(merge_customers, **two.names)

    assert (await do(get_customer, customer=two.ana.reference)).status == CustomerStatus.blocked


async def test_whoever_has_no_address_for_mail_gets_the_others(do: Do, two: Two) -> None:
    paul = await do(create_customer, name="Paul")
    await do(merge_customers, customer=paul.reference, duplicate=two.again.reference)

    assert (await do(get_customer, customer="torres@example.org")).reference == paul.reference


# ---- names ---------------------------------------------------------------------------------------------------------------


async def test_every_name_of_whoever_was_merged_leads_to_the_last_one_wherever_a_customer_is_named(
    do: Do, two: Two
) -> None:
    last = await do(create_customer, name="Ana T.", email="t@example.com", external_reference="shop-9", source="shop")
    await do(merge_customers, **two.names)
    await do(merge_customers, customer=last.reference, duplicate=two.ana.reference)

    for name in (two.again.reference, two.ana.reference, "torres@example.org", "ANA@example.com", "shop-9"):
        assert (await do(get_customer, customer=name)).reference == last.reference
        counted = (await do(list_orders, customer=name, count=True)).total
        assert counted is not None
        assert counted.rows == 2
        assert len((await do(list_addresses, customer=name)).data) == 2
        assert (await do(tag_customer, customer=name, add=["vip"])).reference == last.reference
    address = {"line1": "1 rue X", "city": "Lyon", "postcode": "69001", "country": "FR"}
    await do(add_address, customer=two.again.reference, **address)
    assert (await do(create_order, customer=two.again.reference, lines=LINES)).customer == last.reference


async def test_whoever_was_merged_is_in_no_list(do: Do, two: Two) -> None:
    await do(merge_customers, **two.names)

    assert [row.reference for row in (await do(list_customers, text="torres")).data] == [two.ana.reference]


async def test_one_customer_is_not_two(do: Do, two: Two) -> None:
    with pytest.raises(SameCustomer):
        await do(merge_customers, customer=two.ana.reference, duplicate="ana@example.com")
    await do(merge_customers, **two.names)
    with pytest.raises(SameCustomer):
        await do(merge_customers, **two.names)


async def test_nobody_is_merged_by_a_name_that_others_may_have(do: Do, two: Two) -> None:
    with pytest.raises(NotFound):
        await do(merge_customers, customer=two.ana.reference, duplicate="A. Torres")


async def test_nobody_is_merged_who_was_erased(mine: NewShop, do: Do, two: Two) -> None:
    async with writing(mine) as sql:
        query = "update customers set status = 'erased' where merchant_id = %s and id = %s"
        await sql.execute(query, (mine.id, two.again.id))
    with pytest.raises(CustomerErased):
        await do(merge_customers, **two.names)


# ---- at once -------------------------------------------------------------------------------------------------------------


async def test_whoever_orders_or_gets_points_meanwhile_waits_and_loses_nothing(mine: NewShop, do: Do, two: Two) -> None:
    placed: list[str] = []
    points: list[int] = []

    async def order() -> None:
        try:
            placed.append((await do(create_order, customer=two.again.reference, lines=LINES)).reference)
        except RowLocked:
            placed.append((await do(create_order, customer=two.again.reference, lines=LINES)).reference)

    async def give() -> None:
        await do(adjust_loyalty_points, customer=two.again.reference, points=10)
        points.append(10)

    await asyncio.gather(order(), give(), do(merge_customers, **two.names), order(), give(), order())

    found = await do(get_customer, customer=two.ana.reference)
    assert found.orders == 2 + len(placed) == 5
    assert (await do(get_loyalty, customer=two.ana.reference)).points == sum(points) == 20
    assert await misfits(mine, *OF_CUSTOMERS) == {}


async def test_of_merges_that_cross_one_is_done_and_nobody_is_lost(mine: NewShop, do: Do, two: Two) -> None:
    third = await do(create_customer, name="Ana T.")
    pairs = [
        (two.ana.reference, two.again.reference),
        (two.again.reference, two.ana.reference),
        (third.reference, two.ana.reference),
        (two.again.reference, third.reference),
    ]

    async def merge(kept: str, gone: str) -> bool:
        try:
            await do(merge_customers, customer=kept, duplicate=gone)
        except (RowLocked, GaveWay, SameCustomer):
            return False
        return True

    done = await asyncio.gather(*(merge(*pair) for pair in pairs))

    assert 1 <= sum(done) <= 2
    ends = {(await do(get_customer, customer=name)).reference for pair in pairs for name in pair}
    assert len(ends) == 3 - sum(done)
    assert await misfits(mine, *OF_CUSTOMERS) == {}
