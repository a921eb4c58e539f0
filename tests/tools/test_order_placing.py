"""Placing an order: who buys, what is held where, what is written, and what is refused."""

import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from db.models.backoffice import Setting, ShippingMethod
from db.models.customers import Address, Customer, CustomerStatus
from db.models.inventory import Reservation, StockLevel
from db.models.orders import Channel, Order, OrderLine, OrderStatus
from db.models.products import Price, Product, ProductStatus, Variant
from db.session import Database, Transaction
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_category,
    make_customer,
    make_stock,
    make_variant,
    make_warehouse,
    new_shop,
    warehouse_of,
)
from tests.oracle import tables_of
from tools.contract.call import Shop, call
from tools.contract.errors import AlreadyTaken, Ambiguous, Invalid, NotFound
from tools.flows.create_order import create_order
from tools.orders.history import get_order_timeline
from tools.orders.wishes import (
    AddressOfAnother,
    CustomerMayNotOrder,
    NoPriceInCurrency,
    NoShippingAddress,
    NoShippingMethod,
    VariantNotSellable,
)
from tools.rules.stock import NotEnoughStock

LYON = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "FR"}


@asynccontextmanager
async def writing(mine: NewShop) -> AsyncGenerator[Transaction]:
    async with mine.shop.database.transaction(mine.id) as sql:
        yield sql
        await sql.commit()


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    """A customer with a default address in Lyon."""
    async with writing(mine) as sql:
        return make_customer(sql, "Ana Torres", email=f"ana-{uuid.uuid4().hex[:6]}@example.com")


async def stocked(mine: NewShop, sku: str = "MUG-BLUE", units: int = 10, **more: Any) -> Variant:
    """A variant with units in the first warehouse."""
    async with writing(mine) as sql:
        return make_variant(sql, sku, stock=units, warehouse=await warehouse_of(sql), **more)


def bought(*lines: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in lines]


async def reserved(mine: NewShop) -> dict[str, int]:
    """Units reserved of each variant, by SKU and warehouse."""
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Variant.sku, StockLevel).join(StockLevel, StockLevel.variant_id == Variant.id)
        levels = (await sql.session.execute(query.where(StockLevel.merchant_id == mine.id))).all()
        assert all(level.on_hand >= level.reserved + level.damaged for _, level in levels)
        return {sku: level.reserved for sku, level in levels}


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
        sql.session.add(Price(**own, amount=1, min_quantity=5, valid_from=LONG_AGO, valid_until=datetime.now(UTC)))
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


# ---- what can be bought --------------------------------------------------------------------------------------------------


async def test_a_sku_is_found_whatever_its_case_and_an_unknown_one_names_the_nearest(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await stocked(mine, "MUG-BLUE")

    placed = await do(create_order, customer=ana.reference, lines=bought(("mug-blue", 1)))
    with pytest.raises(NotFound, match="no variant MUG-BLEU") as refused:
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLEU", 1)))

    assert placed.lines[0].sku == "MUG-BLUE"
    assert refused.value.details["nearest"] == ["MUG-BLUE"]


async def test_a_sku_that_fits_two_variants_asks_which(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine, "MUG-BLUE")
    await stocked(mine, "Mug-Blue")

    exact = await do(create_order, customer=ana.reference, lines=bought(("Mug-Blue", 1)))
    with pytest.raises(Ambiguous, match="mug-blue fits"):
        await do(create_order, customer=ana.reference, lines=bought(("mug-blue", 1)))

    assert exact.lines[0].sku == "Mug-Blue"


@pytest.mark.parametrize(
    ("status", "archived", "sellable", "why"),
    [
        (ProductStatus.archived, False, True, "is archived"),
        (ProductStatus.draft, False, True, "is draft"),
        (ProductStatus.active, True, True, "is archived"),
        (ProductStatus.active, False, False, "is not for sale"),
    ],
)
async def test_what_is_not_on_sale_is_refused(
    mine: NewShop, do: Do, ana: Customer, status: ProductStatus, archived: bool, sellable: bool, why: str
) -> None:
    async with writing(mine) as sql:
        variant = make_variant(sql, "MUG-BLUE", warehouse=await warehouse_of(sql))
        await sql.flush()
        product = await sql.session.get_one(Product, (mine.id, variant.product_id))
        product.status, variant.sellable = status, sellable
        variant.archived_at = LONG_AGO if archived else None

    with pytest.raises(VariantNotSellable, match=why):
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))


async def test_discontinued_goods_are_sold_while_they_last(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        variant = make_variant(sql, "MUG-BLUE", stock=1, warehouse=await warehouse_of(sql), category=make_category(sql))
        await sql.flush()
        (await sql.session.get_one(Product, (mine.id, variant.product_id))).status = ProductStatus.discontinued

    await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))

    with pytest.raises(NotEnoughStock):
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))


# ---- who buys, and where to ----------------------------------------------------------------------------------------------


async def test_a_guest_gives_a_name_and_an_address(mine: NewShop, do: Do) -> None:
    await stocked(mine)

    placed = await do(
        create_order, name="Noor Haddad", email="noor@example.com", shipping_address=LYON, lines=bought(("MUG-BLUE", 1))
    )

    async with mine.shop.database.transaction(mine.id) as sql:
        order = (await sql.session.scalars(select(Order).where(Order.reference == placed.reference))).one()
    assert placed.customer is None
    assert (order.customer_name, order.email, order.ship_postcode) == ("Noor Haddad", "noor@example.com", "69001")


async def test_an_order_with_a_customers_email_is_theirs(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)

    placed = await do(
        create_order, email=(ana.email or "").upper(), shipping_address=LYON, lines=bought(("MUG-BLUE", 1))
    )

    assert placed.customer == ana.reference


async def test_an_order_of_a_merged_customer_is_of_who_they_are_now(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)
    async with writing(mine) as sql:
        twin = make_customer(sql, "A. Torres")
        twin.status, twin.merged_into_id = CustomerStatus.merged, ana.id

    placed = await do(create_order, customer=twin.reference, lines=bought(("MUG-BLUE", 1)))

    assert placed.customer == ana.reference


@pytest.mark.parametrize("status", [CustomerStatus.blocked, CustomerStatus.erased])
async def test_a_customer_who_is_blocked_or_erased_may_not_order(
    mine: NewShop, do: Do, ana: Customer, status: CustomerStatus
) -> None:
    await stocked(mine)
    async with writing(mine) as sql:
        (await sql.session.get_one(Customer, (mine.id, ana.id))).status = status

    with pytest.raises(CustomerMayNotOrder, match=f"{ana.reference} is {status}"):
        await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))
    with pytest.raises(CustomerMayNotOrder):
        await do(create_order, email=ana.email, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)))


async def test_an_order_goes_to_the_address_that_was_named(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)
    async with writing(mine) as sql:
        home = (await sql.session.scalars(select(Address).where(Address.customer_id == ana.id))).one()
        stranger = make_customer(sql, "Bo Lind")
        await sql.flush()
        theirs = (await sql.session.scalars(select(Address).where(Address.customer_id == stranger.id))).one()
    paris = LYON | {"city": "Paris", "name": "Office"}

    placed = await do(
        create_order, customer=ana.reference, shipping_address=paris, billing_address=home.reference,
        lines=bought(("MUG-BLUE", 1)),
    )  # fmt: skip

    async with mine.shop.database.transaction(mine.id) as sql:
        order = (await sql.session.scalars(select(Order).where(Order.reference == placed.reference))).one()
    assert (order.shipping_address["city"], order.billing_address["city"]) == ("Paris", "Lyon")
    with pytest.raises(AddressOfAnother, match=f"{theirs.reference} is not an address of {ana.reference}"):
        await do(
            create_order,
            customer=ana.reference,
            shipping_address=theirs.reference,
            lines=bought(("MUG-BLUE", 1)),
        )
    with pytest.raises(NotFound, match="no address ADR-999999"):
        await do(create_order, customer=ana.reference, shipping_address="ADR-999999", lines=bought(("MUG-BLUE", 1)))


async def test_only_a_sale_over_the_counter_goes_without_an_address(mine: NewShop, do: Do) -> None:
    await stocked(mine)

    over_the_counter = await do(create_order, channel="store", lines=bought(("MUG-BLUE", 1)))

    assert (over_the_counter.shipping.amount, over_the_counter.shipping_method) == (0, None)
    assert over_the_counter.tax.amount == 333
    with pytest.raises(NoShippingAddress):
        await do(create_order, channel="phone", name="Noor", lines=bought(("MUG-BLUE", 1)))


async def test_the_first_method_that_goes_there_is_taken_unless_one_is_named(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await stocked(mine, units=50)
    async with writing(mine) as sql:
        for position, (code, countries, price) in enumerate(
            [("benelux", ["BE", "NL"], 390), ("pickup", ["FR"], 0), ("express", [], 1_290)]
        ):
            sql.session.add(
                ShippingMethod(
                    merchant_id=mine.id, reference=f"SHM-{code}", code=code, name=code, countries=countries, currency="EUR",
                    price=price, tiers=[], position=position - 3, created_at=LONG_AGO, updated_at=LONG_AGO,
                )
            )  # fmt: skip

    first = await do(create_order, customer=ana.reference, lines=bought(("MUG-BLUE", 1)))
    named = await do(create_order, customer=ana.reference, shipping_method="EXPRESS", lines=bought(("MUG-BLUE", 1)))

    assert (first.shipping_method, first.shipping.amount) == ("pickup", 0)
    assert (named.shipping_method, named.shipping.amount) == ("express", 1_290)
    with pytest.raises(NoShippingMethod, match="benelux does not take 350 g to FR in EUR") as refused:
        await do(create_order, customer=ana.reference, shipping_method="benelux", lines=bought(("MUG-BLUE", 1)))
    assert refused.value.advice == "These do: pickup, express, standard."


async def test_nobody_elses_customer_can_order_here(mine: NewShop, other: NewShop, do: Do) -> None:
    await stocked(mine)
    async with writing(other) as sql:
        stranger = make_customer(sql)

    with pytest.raises(NotFound, match=f"no customer {stranger.reference}"):
        await do(create_order, customer=stranger.reference, lines=bought(("MUG-BLUE", 1)))


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


class Counting(Database):
    """Remembers what its last transaction sent."""

    sent: list[str]

    @asynccontextmanager
    async def transaction(self, merchant: uuid.UUID, **options: Any) -> AsyncGenerator[Transaction]:
        async with super().transaction(merchant, **options) as sql:
            self.sent = sql.statements
            yield sql

    @property
    def statements(self) -> int:
        """All of them: BEGIN, SET and the key's lock travel as one string, and COMMIT counts too."""
        opening, *others = self.sent
        return len(opening.split("; ")) + len(others)


async def test_three_lines_take_eight_statements_in_five_round_trips(
    mine: NewShop, runtime_url: str, ana: Customer
) -> None:
    for sku in ("MUG-BLUE", "BOWL", "PLATE"):
        await stocked(mine, sku)
    database = Counting(runtime_url, size=1)
    await database.open()
    arguments = {"customer": ana.reference, "lines": bought(("MUG-BLUE", 1), ("BOWL", 2), ("PLATE", 3))}

    await call(Shop(database), create_order, arguments, mine.caller("owner"), key=uuid.uuid4().hex)

    await database.close()
    assert database.statements == 8  # begin, set, lock; who calls; quote; place; leave, commit
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
