"""Who a customer is, what they bought and what is open."""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from db import clock
from db.models.after_sales import Return, ReturnReason, ReturnStatus, ReturnWish
from db.models.customers import Consent, ConsentChannel, Customer, CustomerStatus
from db.models.orders import OrderStatus
from db.money import Money
from db.session import Transaction
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_customer, make_order
from tests.tools.till import LYON, bought, stocked
from tools.contract.actors import Caller
from tools.contract.call import Shop, call, opened
from tools.contract.errors import AlreadyTaken, Forbidden, Invalid, NotFound, StaleVersion
from tools.customers.addresses import CustomerErased
from tools.customers.listing import list_customers
from tools.customers.profiles import CustomerEmailTaken, GetCustomer, create_customer, get_customer, update_customer
from tools.flows.create_order import create_order
from tools.orders.wishes import CustomerMayNotOrder


async def ana(mine: NewShop) -> Customer:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Ana Torres", email="Ana@example.com")
        await sql.commit()
    return customer


def make_return(
    sql: Transaction, order_id: uuid.UUID, number: int, status: ReturnStatus, customer: Customer | None = None
) -> None:
    row = Return(
        merchant_id=sql.merchant, reference=f"RMA-{number}", order_id=order_id, status=status, currency="EUR",
        customer_id=customer.id if customer else None,
        reason=ReturnReason.defective, wanted=ReturnWish.refund, requested_at=LONG_AGO, created_at=LONG_AGO,
        updated_at=LONG_AGO,
    )  # fmt: skip
    sql.session.add(row)


def make_consent(sql: Transaction, customer: Customer, channel: ConsentChannel, granted: bool, at: datetime) -> None:
    said = Consent(
        merchant_id=sql.merchant,
        customer_id=customer.id,
        channel=channel,
        granted=granted,
        occurred_at=at,
        created_at=at,
    )
    sql.session.add(said)


# ---- create_customer -----------------------------------------------------------------------------------------------------


async def test_a_new_customer_can_be_found_by_reference_email_and_their_number_elsewhere(do: Do) -> None:
    made = await do(
        create_customer, name="Åsa  Müller", email="Asa@Example.com", source="shopify", external_reference="S-77"
    )

    for name in (made.reference, made.reference.lower(), "asa@example.COM", "S-77"):
        found = await do(get_customer, customer=name)
        assert (found.reference, found.name, found.email) == (made.reference, "Åsa  Müller", "Asa@Example.com")


async def test_phone_numbers_are_kept_as_they_are_dialled_and_tags_in_lower_case_once(do: Do) -> None:
    made = await do(create_customer, name="Paul", phone="+33 6 12-34 56.78", tags=["VIP", " Wholesale ", "vip"])

    assert made.phone == "+33612345678"
    assert made.tags == ["vip", "wholesale"]


async def test_a_phone_number_has_digits(do: Do) -> None:
    with pytest.raises(Invalid, match="at least 3 digits"):
        await do(create_customer, name="Paul", phone="ask his wife")


async def test_a_first_address_is_for_parcels_and_invoices_in_the_customers_name(do: Do) -> None:
    address = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "fr"}

    made = await do(create_customer, name="Paul Martin", address=address)

    (kept,) = (await do(get_customer, customer=made.reference)).addresses
    assert (kept.name, kept.city, kept.country) == ("Paul Martin", "Lyon", "FR")
    assert (kept.default_shipping, kept.default_billing) == (True, True)


async def test_an_email_belongs_to_one_customer_whatever_its_capitals(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)

    with pytest.raises(CustomerEmailTaken, match=customer.reference) as refused:
        await do(create_customer, name="Somebody else", email="ANA@example.com")

    assert refused.value.details["customer"] == customer.reference


async def test_of_two_who_register_the_same_email_at_once_one_is_refused(shop: Shop, owner: Caller) -> None:
    arguments = {"name": "Ana", "email": "ana@example.com"}

    answers = await asyncio.gather(
        *(call(shop, create_customer, arguments, owner, key=uuid.uuid4().hex) for _ in range(4)), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, CustomerEmailTaken | AlreadyTaken)]
    assert len(refused) == 3


async def test_the_same_email_may_be_known_in_another_shop(mine: NewShop, other: NewShop, do: Do) -> None:
    await ana(other)

    made = await do(create_customer, name="Ana Torres", email="ana@example.com")

    assert made.status is CustomerStatus.active


# ---- update_customer -----------------------------------------------------------------------------------------------------


async def test_only_what_is_given_changes(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)

    changed = await do(update_customer, customer=customer.reference, name="Ana Torres-Vidal", tags=["VIP"])

    assert (changed.name, changed.tags, changed.email) == ("Ana Torres-Vidal", ["vip"], "Ana@example.com")
    assert changed.version == customer.version + 1
    assert (await do(get_customer, customer="ana@example.com")).name == "Ana Torres-Vidal"


async def test_null_takes_a_value_away_but_never_the_name(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)

    changed = await do(update_customer, customer=customer.reference, email=None)

    assert changed.email is None
    with pytest.raises(NotFound):
        await do(get_customer, customer="ana@example.com")
    with pytest.raises(Invalid, match="needs a name"):
        await do(update_customer, customer=customer.reference, name=None)


async def test_a_changed_email_must_be_free_and_may_be_ones_own(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)
    other = await do(create_customer, name="Paul", email="paul@example.com")

    with pytest.raises(CustomerEmailTaken):
        await do(update_customer, customer=other.reference, email="ana@EXAMPLE.com")

    assert (await do(update_customer, customer=customer.reference, email="ana@EXAMPLE.com")).email == "ana@EXAMPLE.com"


async def test_who_read_an_older_version_is_told(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)
    await do(update_customer, customer=customer.reference, phone="0612345678", version=1)

    with pytest.raises(StaleVersion):
        await do(update_customer, customer=customer.reference, phone="0699999999", version=1)


async def test_who_is_blocked_may_not_order_until_that_is_taken_back(mine: NewShop, do: Do) -> None:
    customer, mug = await ana(mine), await stocked(mine)
    wish = {"lines": bought((mug.sku, 1)), "shipping_address": LYON}

    card = (await do.outcome(update_customer, preview=True, customer=customer.reference, status="blocked")).card
    blocked = await do(update_customer, customer=customer.reference, status="blocked", note="Never pays.")

    assert card is not None
    assert card.sentences == [
        f"Ana Torres ({customer.reference}) is blocked: no more orders are taken from them, and those that stand go on."
    ]
    assert (blocked.status, blocked.note) == ("blocked", "Never pays.")
    assert [row.reference for row in (await do(list_customers, status="blocked")).data] == [customer.reference]
    for who in ({"customer": customer.reference}, {"email": customer.email, "name": "A. T."}):
        with pytest.raises(CustomerMayNotOrder, match="is blocked and may not order"):
            await do(create_order, **wish, **who)

    again = await do(update_customer, customer=customer.reference, status="blocked")
    active = await do(update_customer, customer=customer.reference, status="active", version=again.version)
    assert active.status == "active"
    assert (await do(create_order, **wish, customer=customer.reference)).customer == customer.reference
    with pytest.raises(Invalid, match="A customer needs a status"):
        await do(update_customer, customer=customer.reference, status=None)


async def test_nothing_more_is_written_about_an_erased_customer(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        (await sql.session.get_one(Customer, (mine.id, customer.id))).status = CustomerStatus.erased
        await sql.commit()

    with pytest.raises(CustomerErased):
        await do(update_customer, customer=customer.reference, phone="0612345678")


async def test_a_merged_customer_is_who_they_are_now(mine: NewShop, do: Do) -> None:
    customer = await ana(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        twin = make_customer(sql, "Ana T.")
        twin.status, twin.merged_into_id = CustomerStatus.merged, customer.id
        await sql.commit()

    assert (await do(get_customer, customer=twin.reference)).reference == customer.reference


# ---- get_customer --------------------------------------------------------------------------------------------------------


async def test_a_customers_totals_count_orders_that_stand_less_what_was_refunded(mine: NewShop, do: Do) -> None:
    last = LONG_AGO + timedelta(days=30)
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        make_order(sql, customer=customer, unit_price=2_000, status=OrderStatus.completed)
        refunded = make_order(sql, customer=customer, unit_price=1_500, placed_at=last)
        refunded.paid, refunded.refunded = 1_500, 500
        make_order(sql, customer=customer, unit_price=9_900, status=OrderStatus.cancelled)
        make_order(sql, customer=customer, unit_price=9_900, status=OrderStatus.draft)
        make_order(sql, customer=customer, unit_price=700, currency="USD")
        make_order(sql, unit_price=4_000)
        await sql.commit()

    found = await do(get_customer, customer=customer.reference)

    assert found.orders == 3
    assert found.spend == Money(amount=3_000, currency="EUR")
    assert found.spend_elsewhere == [Money(amount=700, currency="USD")]
    assert (found.first_order_at, found.last_order_at) == (LONG_AGO, last)


async def test_a_customer_who_never_bought_spent_nothing(mine: NewShop, do: Do) -> None:
    found = await do(get_customer, customer=(await ana(mine)).reference)

    assert (found.orders, found.spend.amount, found.last_order_at) == (0, 0, None)
    assert (found.open_orders, found.open_returns, found.consents) == ([], [], [])


async def test_open_orders_and_returns_are_shown_newest_first(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        old = make_order(sql, customer=customer, unit_price=2_000)
        new = make_order(sql, customer=customer, status=OrderStatus.pending, placed_at=LONG_AGO + timedelta(days=1))
        done = make_order(sql, customer=customer, status=OrderStatus.completed)
        make_return(sql, done.id, 1, ReturnStatus.requested)
        make_return(sql, done.id, 2, ReturnStatus.refunded)
        await sql.commit()

    found = await do(get_customer, customer=customer.reference)

    assert [order.reference for order in found.open_orders] == [new.reference, old.reference]
    assert found.open_orders[1].total == Money(amount=2_000, currency="EUR")
    assert found.open_orders[1].payment_state == "unpaid"
    assert [(row.reference, row.order, row.status) for row in found.open_returns] == [
        ("RMA-1", done.reference, ReturnStatus.requested)
    ]


async def test_of_a_channel_the_last_word_counts(mine: NewShop, do: Do) -> None:
    today = clock.now()
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        make_consent(sql, customer, ConsentChannel.email, True, LONG_AGO)
        make_consent(sql, customer, ConsentChannel.email, False, today)
        make_consent(sql, customer, ConsentChannel.post, True, LONG_AGO)
        await sql.commit()

    found = await do(get_customer, customer=customer.reference)

    assert [(said.channel, said.granted) for said in found.consents] == [("email", False), ("post", True)]


async def test_a_customer_is_shown_in_two_statements_however_much_they_bought(shop: Shop, mine: NewShop) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        for _ in range(10):
            make_order(sql, customer=customer)
        await sql.commit()

    async with opened(shop, get_customer, mine.caller("owner")) as (ctx, _):
        before = len(ctx.sql.statements)
        found = await get_customer(ctx, GetCustomer(customer=customer.reference))
        raw = ctx.sql.statements[before:]

    assert len(found.open_orders) == 10
    assert len(raw) == 2


async def test_an_unknown_customer_is_not_found(mine: NewShop, do: Do) -> None:
    await ana(mine)

    with pytest.raises(NotFound, match="CUS-99999"):
        await do(get_customer, customer="CUS-99999")
    with pytest.raises(NotFound, match=r"no customer with the e-mail anna@example\.com"):
        await do(get_customer, customer="anna@example.com")


@pytest.mark.parametrize("role", ["warehouse", "viewer"])
async def test_personal_data_are_not_for_everybody(shop: Shop, mine: NewShop, role: str) -> None:
    customer = await ana(mine)
    arguments: dict[str, Any] = {"customer": customer.reference}

    with pytest.raises(Forbidden, match="customers:read"):
        await call(shop, get_customer, arguments, mine.caller(role))


async def test_a_tag_comes_or_goes_and_the_others_stay(do: Do) -> None:
    made = await do(create_customer, name="Paul", tags=["vip", "press"])

    added = await do(update_customer, customer=made.reference, tags_add=["Wholesale", "VIP"])
    removed = await do(update_customer, customer=made.reference, tags_remove=["PRESS", "never had"])

    assert added.tags == ["vip", "press", "wholesale"]
    assert removed.tags == ["vip", "wholesale"]
