"""What can be bought, by whom, and where it goes."""

import pytest
from sqlalchemy import select

from db.models.backoffice import ShippingMethod
from db.models.customers import Address, Customer, CustomerStatus
from db.models.orders import Order
from db.models.products import Product, ProductStatus
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_category,
    make_customer,
    make_variant,
    number,
    warehouse_of,
)
from tests.tools.till import LYON, bought, stocked, writing
from tools.backoffice.settings import set_setting
from tools.contract.call import call
from tools.contract.errors import Ambiguous, NotFound
from tools.flows.create_order import create_order
from tools.orders.detail import get_order
from tools.orders.wishes import (
    AddressOfAnother,
    CustomerMayNotOrder,
    NoShippingAddress,
    NoShippingMethod,
    VariantNotSellable,
)
from tools.rules.stock import NotEnoughStock


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    """A customer with a default address in Lyon."""
    async with writing(mine) as sql:
        return make_customer(sql, "Ana Torres", email="ana.torres@example.com")


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


async def test_an_address_that_is_written_without_a_country_is_in_the_shops(mine: NewShop, do: Do) -> None:
    await stocked(mine)
    written = {key: value for key, value in LYON.items() if key != "country"}

    placed = await do(create_order, name="Noor Haddad", shipping_address=written, lines=bought(("MUG-BLUE", 1)))

    order = await do(get_order, order=placed.reference)
    assert order.shipping_address is not None
    assert order.shipping_address.country == "FR"


async def test_or_in_the_one_that_the_shop_enters_addresses_in(mine: NewShop, do: Do) -> None:
    await stocked(mine)
    chosen = {"key": "customers.default_country", "value": "BE", "version": 0}
    await call(mine.shop, set_setting, chosen, mine.caller("owner"), key=f"choose-{number()}")
    written = {key: value for key, value in LYON.items() if key != "country"}

    placed = await do(create_order, name="Noor Haddad", shipping_address=written, lines=bought(("MUG-BLUE", 1)))

    order = await do(get_order, order=placed.reference)
    assert order.shipping_address is not None
    assert order.shipping_address.country == "BE"


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


async def test_only_a_sale_over_the_counter_goes_without_an_address(mine: NewShop, do: Do, ana: Customer) -> None:
    await stocked(mine)

    for buyer in ({}, {"customer": ana.reference}):
        over_the_counter = await do(create_order, channel="store", lines=bought(("MUG-BLUE", 1)), **buyer)

        assert (over_the_counter.shipping.amount, over_the_counter.shipping_method) == (0, None)
        assert over_the_counter.tax.amount == 333
    sent_home = await do(create_order, channel="store", shipping_address=LYON, lines=bought(("MUG-BLUE", 1)))
    assert sent_home.shipping.amount == 490
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
