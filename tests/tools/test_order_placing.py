"""Placing an order: who buys, what is held where, what is written, and what is refused."""

import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import select

from db import clock
from db.models.backoffice import Setting
from db.models.customers import Customer
from db.models.inventory import Reservation, StockLevel
from db.models.orders import Channel, Order, OrderLine, OrderStatus
from db.models.products import Price
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_customer,
    make_stock,
    make_variant,
    make_warehouse,
    new_shop,
)
from tests.oracle import tables_of
from tests.tools.till import LYON, Counting, bought, reserved, stocked, writing
from tools.contract.call import Shop, call
from tools.contract.errors import AlreadyTaken, Invalid
from tools.flows.create_order import create_order
from tools.orders.history import get_order_timeline
from tools.orders.wishes import (
    NoPriceInCurrency,
)
from tools.rules.stock import NotEnoughStock


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    """A customer with a default address in Lyon."""
    async with writing(mine) as sql:
        return make_customer(sql, "Ana Torres", email="ana.torres@example.com")


# ---- what it costs -------------------------------------------------------------------------------------------------------


async def test_the_shop_computes_prices_tax_and_shipping(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine, "MUG-BLUE", price=1_999)
    await stocked(mine, "BOWL", price=2_490)

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2), ("BOWL", 1)))

    assert placed.subtotal.amount == 2 * 1_999 + 2_490
    assert placed.shipping.amount == 490
    assert placed.tax.amount == 1_163  # (6488 + 490) / 6
    assert placed.total.amount == 6_978
    assert [line.total.amount for line in placed.lines] == [3_998, 2_490]
    assert placed.total.currency == "EUR"
    assert (placed.status, placed.shipping_method) == (OrderStatus.pending, "standard")


async def test_prices_without_tax_have_it_on_top(shop: Shop) -> None:
    mine = await new_shop(shop, prices_include_tax=False)
    await stocked(mine, "MUG-BLUE", price=1_000)

    placed = await Do(shop, mine.caller("owner"))(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 3)))

    assert (placed.subtotal.amount, placed.shipping.amount, placed.tax.amount) == (3_000, 490, 698)
    assert placed.total.amount == 4_188


async def test_the_order_keeps_names_prices_and_the_address_as_they_are_now(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    variant = await stocked(mine, "MUG-BLUE", title="Blue mug")

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2)), note="Gift wrap")

    async with mine.shop.database.transaction(mine.id) as sql:
        order = (await sql.session.scalars(select(Order).where(Order.reference == placed.reference))).one()
        line = (await sql.session.scalars(select(OrderLine).where(OrderLine.order_id == order.id))).one()
    assert (order.customer_id, order.customer_name, order.email) == (ana.id, "Ana Torres", ana.email)
    assert (order.ship_city, order.ship_country, order.note) == ("Lyon", "FR", "Gift wrap")
    assert order.shipping_address == order.billing_address
    assert order.shipping_address["line1"] == "5 rue des Lilas"
    assert (order.total, order.units, order.payment_state, order.version) == (placed.total.amount, 2, "unpaid", 1)
    assert (line.sku, line.title, line.variant_id, line.unit_price) == ("MUG-BLUE", "Blue mug", variant.id, 1_999)


async def test_a_group_has_its_own_prices_and_many_cost_less(mine: NewShop, do: Do, ana: Customer) -> None:
    variant = await stocked(mine, units=100)
    async with writing(mine) as sql:
        own = {"merchant_id": mine.id, "variant_id": variant.id, "currency": "EUR", "created_at": LONG_AGO}
        sql.session.add(Price(**own, amount=1_500, min_quantity=10, valid_from=LONG_AGO))
        sql.session.add(Price(**own, amount=1_200, customer_group="trade", valid_from=LONG_AGO))
        sql.session.add(Price(**own, amount=1, min_quantity=5, valid_from=LONG_AGO, valid_until=clock.now()))
        trader = make_customer(sql)
        trader.customer_group = "trade"

    single = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 9)))
    many = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 10)))
    trade = await do(create_order, customer=trader.reference, lines=bought(("MUG-BLUE", 1)))

    assert [order.lines[0].unit_price.amount for order in (single, many, trade)] == [1_999, 1_500, 1_200]


async def test_a_line_without_a_price_in_the_currency_is_refused(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine, "MUG-BLUE")

    with pytest.raises(NoPriceInCurrency, match="no price in USD for MUG-BLUE") as refused:
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)), currency="USD")

    assert "EUR" in refused.value.advice


# ---- what is held --------------------------------------------------------------------------------------------------------


async def test_an_order_holds_its_units_and_names_the_reservations_after_itself(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await stocked(mine, "MUG-BLUE")
    await stocked(mine, "BOWL")

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2), ("BOWL", 1)))

    assert placed.reference == "ORD-1001"
    assert [line.held[0].reservation for line in placed.lines] == ["ORD-1001-1", "ORD-1001-2"]
    assert [line.held[0].warehouse for line in placed.lines] == ["WH-1", "WH-1"]
    assert await reserved(mine) == {"MUG-BLUE": 2, "BOWL": 1}


async def test_the_first_warehouse_that_has_all_lines_gets_the_order(mine: NewShop, do: Do, ana: Customer) -> None:
    mug = await stocked(mine, "MUG-BLUE", 10)
    bowl = await stocked(mine, "BOWL", 1)
    async with writing(mine) as sql:
        second, third = make_warehouse(sql, priority=1), make_warehouse(sql, priority=2)
        for warehouse in (third, second):
            make_stock(sql, mug, warehouse.id, 5)
            make_stock(sql, bowl, warehouse.id, 5)

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2), ("BOWL", 2)))

    assert {held.warehouse for line in placed.lines for held in line.held} == {second.reference}


async def test_lines_are_split_in_the_merchants_order_when_no_warehouse_has_them_all(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    mug = await stocked(mine, "MUG-BLUE", 3)
    await stocked(mine, "BOWL", 2)
    async with writing(mine) as sql:
        last, second = make_warehouse(sql, priority=2), make_warehouse(sql, priority=1)
        make_stock(sql, mug, second.id, 4)
        make_stock(sql, mug, last.id, 100)

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 9), ("BOWL", 2)))

    mugs, bowls = ([(held.warehouse, held.quantity) for held in line.held] for line in placed.lines)
    assert mugs == [("WH-1", 3), (second.reference, 4), (last.reference, 2)]
    assert bowls == [("WH-1", 2)]


async def test_too_few_units_refuse_the_whole_order_with_the_numbers_of_each_line(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await stocked(mine, "MUG-BLUE", 3)
    await stocked(mine, "BOWL", 0)
    await stocked(mine, "PLATE", 9)
    before = await tables_of(mine)

    with pytest.raises(NotEnoughStock) as refused:
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 4), ("BOWL", 1), ("PLATE", 9)))

    assert refused.value.message == (
        "MUG-BLUE has 3 available, 4 were asked; BOWL has 0 available, 1 were asked. Nothing was reserved."
    )
    assert refused.value.details["lines"] == [
        {"sku": "MUG-BLUE", "wanted": 4, "available": 3},
        {"sku": "BOWL", "wanted": 1, "available": 0},
    ]
    assert await tables_of(mine) == before


async def test_damaged_reserved_and_closed_away_units_are_not_sold(mine: NewShop, do: Do, ana: Customer) -> None:
    variant = await stocked(mine, "MUG-BLUE", 5)
    async with writing(mine) as sql:
        closed = make_warehouse(sql)
        closed.active = False
        make_stock(sql, variant, closed.id, 50)
        level = (await sql.session.scalars(select(StockLevel).where(StockLevel.on_hand == 5))).one()
        level.damaged = 2
    await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2)))

    with pytest.raises(NotEnoughStock, match="MUG-BLUE has 1 available, 2 were asked"):
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2)))


async def test_a_variant_asked_for_twice_is_one_line(mine: NewShop, do: Do, ana: Customer) -> None:
    variant = await stocked(mine, "MUG-BLUE", 5)

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2), (variant.reference, 3)))

    assert [(line.sku, line.quantity) for line in placed.lines] == [("MUG-BLUE", 5)]
    assert await reserved(mine) == {"MUG-BLUE": 5}


async def test_an_untracked_variant_is_sold_without_being_held(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine, "ENGRAVING", 0, tracked=False)

    placed = await do(create_order, customer=ana.reference, lines=bought(("ENGRAVING", 40)))

    assert placed.lines[0].held == []
    assert await reserved(mine) == {"ENGRAVING": 0}


async def test_what_may_be_back_ordered_waits_at_the_first_warehouse(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine, "SOFA", 1, allow_backorder=True)
    await stocked(mine, "MUG-BLUE", 5)

    placed = await do(create_order, customer=ana.reference, lines=bought(("SOFA", 3), ("MUG-BLUE", 1)))

    assert [(held.warehouse, held.quantity, held.backordered) for held in placed.lines[0].held] == [("WH-1", 1, 2)]
    assert await reserved(mine) == {"SOFA": 1, "MUG-BLUE": 1}


async def test_what_never_lay_anywhere_can_still_be_back_ordered(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "LAMP", allow_backorder=True)

    placed = await do(create_order, customer=ana.reference, lines=bought(("LAMP", 2)))

    assert [(held.quantity, held.backordered) for held in placed.lines[0].held] == [(0, 2)]


# ---- how it is written ---------------------------------------------------------------------------------------------------


class Scheduled(NamedTuple):
    scheduled_at: datetime


async def test_an_unpaid_order_lapses_at_the_hour_that_the_shop_chose(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)
    async with writing(mine) as sql:
        common = {"merchant_id": mine.id, "created_at": LONG_AGO, "updated_at": LONG_AGO}
        sql.session.add(Setting(key="orders.expire_unpaid_after_hours", value={"value": 24}, **common))
        sql.session.add(Setting(key="orders.default_channel", value={"value": "phone"}, **common))

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))

    assert placed.expires_at == placed.placed_at + timedelta(hours=24)
    assert placed.channel is Channel.phone
    async with mine.shop.database.transaction(mine.id) as sql:
        job = await sql.row(
            "select scheduled_at from procrastinate_jobs where task_name = 'expire_order'"
            " and args ->> 'order' = %s and args ->> 'merchant' = %s",
            (placed.reference, str(mine.id)),
            as_=Scheduled,
        )
    assert job is not None
    assert job.scheduled_at == placed.expires_at


async def test_the_timeline_begins_with_the_placing(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)

    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))

    (first,) = (await do(get_order_timeline, order=placed.reference)).data
    assert (first.what, first.subject, first.reference) == ("placed", "order", placed.reference)
    assert first.details["total"] == placed.total.amount


async def test_another_systems_order_is_placed_once(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)
    foreign = {"source": "amazon", "external_reference": "302-9918334-1"}

    await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)), **foreign)

    with pytest.raises(AlreadyTaken):
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)), **foreign)
    with pytest.raises(Invalid, match="together"):
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)), source="amazon")
    assert await reserved(mine) == {"MUG-BLUE": 1}


async def test_a_guests_name_is_not_taken_for_a_customer_who_has_one(do: Do, ana: Customer) -> None:
    with pytest.raises(Invalid, match="for guests"):
        await do(create_order, customer=ana.reference, name="Somebody", lines=bought(("MUG-BLUE", 1)))


async def test_a_preview_shows_a_new_order_and_leaves_nothing_behind(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)
    before = await tables_of(mine)

    outcome = await do.outcome(create_order, preview=True, customer=ana.reference, lines=bought(("MUG-BLUE", 2)))

    assert outcome.card is not None
    assert {change["row"]: change["reference"] for change in outcome.card.changes} == {
        "order": "new", "order line": "new", "reservation": "new", "stock level": None, "event": "new",
    }  # fmt: skip
    assert outcome.card.jobs == ["expire_order"]
    assert await tables_of(mine) == before
    placed = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 2)))
    assert placed.reference == "ORD-1001"


async def test_three_lines_take_twelve_statements_in_five_round_trips(
    mine: NewShop, runtime_url: str, ana: Customer
) -> None:
    for sku in ("MUG-BLUE", "BOWL", "PLATE"):
        await stocked(mine, sku)
    database = Counting(runtime_url, size=1)
    await database.open()
    arguments = {"customer": ana.reference, "lines": bought(("MUG-BLUE", 1), ("BOWL", 2), ("PLATE", 3))}

    await call(Shop(database), create_order, arguments, mine.caller("owner"), key=uuid.uuid4().hex)

    await database.close()
    assert database.statements == 12  # begin, set × 5, lock; who calls; quote; place; leave, commit
    assert len(database.sent) == 6


# ---- drafts --------------------------------------------------------------------------------------------------------------


async def test_a_draft_is_priced_and_holds_nothing(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine, units=1)

    draft = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 5)), draft=True)

    assert (draft.status, draft.expires_at, draft.total.amount) == (OrderStatus.draft, None, 9_995 + 490)
    assert await reserved(mine) == {"MUG-BLUE": 0}
    async with mine.shop.database.transaction(mine.id) as sql:
        held = select(Reservation).where(Reservation.merchant_id == mine.id)
        assert (await sql.session.scalars(held)).all() == []
