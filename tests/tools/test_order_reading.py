"""Finding orders, looking at one, and what was noted and happened."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db.models.after_sales import Return, ReturnReason, ReturnStatus, ReturnWish
from db.models.backoffice import AccessLog
from db.models.customers import Customer
from db.models.orders import HoldReason, NoteVisibility, Order, OrderHold, OrderStatus
from db.models.payments import PaymentMethod, PaymentStatus
from db.models.transport import FulfilmentStatus
from db.money import Money
from tests.aftermath import make_shipment, pay
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_category,
    make_customer,
    make_order,
    make_promotion,
    make_variant,
    warehouse_of,
)
from tests.tools.till import Counting
from tools.contract.call import call
from tools.contract.errors import Ambiguous, Invalid, NotFound
from tools.contract.page import Total
from tools.contract.shop import Shop
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.orders.detail import get_order
from tools.orders.history import add_order_note, get_order_timeline
from tools.orders.listing import OrderSummary, list_orders
from tools.orders.status import set_order_status

DAY = timedelta(days=1)


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    """A customer in Lyon, in a shop with mugs and bowls."""
    async with mine.shop.database.transaction(mine.id) as sql:
        for sku, title in (("MUG-BLUE", "Blue mug"), ("BOWL", "Latte bowl")):
            make_variant(sql, sku, title=title, stock=50, warehouse=await warehouse_of(sql))
        customer = make_customer(sql, "Ana Torres", email="ana.torres@example.com")
        await sql.commit()
    return customer


@pytest.fixture(params=["looked_up", "along_the_list"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What orders are found by, in a shop where few fit, and where too many do to be looked up: there is no difference."""
    if request.param == "along_the_list":
        monkeypatch.setattr("tools.orders.listing.MOST_LOOKED_UP", 0)


async def order(do: Do, *skus: str, **more: Any) -> str:
    placed = await do(create_order, lines=[{"sku": sku, "quantity": 1} for sku in skus or ("MUG-BLUE",)], **more)
    return placed.reference


async def found(do: Do, **filters: Any) -> list[str]:
    """The references that a list gives."""
    return [summary.reference for summary in (await do(list_orders, **filters)).data]


# ---- list_orders ---------------------------------------------------------------------------------------------------------


async def test_a_list_shows_each_order_with_its_lines(do: Do, ana: Customer) -> None:
    reference = await order(do, "MUG-BLUE", "BOWL", customer=ana.reference)

    (summary,) = (await do(list_orders)).data

    assert isinstance(summary, OrderSummary)
    assert (summary.reference, summary.status, summary.payment_state) == (reference, "pending", "unpaid")
    assert (summary.customer, summary.customer_name, summary.city) == (ana.reference, "Ana Torres", "Lyon")
    assert [(line.sku, line.title, line.quantity) for line in summary.lines] == [
        ("MUG-BLUE", "Blue mug", 1), ("BOWL", "Latte bowl", 1),
    ]  # fmt: skip
    assert summary.total == Money(amount=2 * 1_999 + 490, currency="EUR")
    assert (summary.units, summary.on_hold) == (2, False)


@pytest.mark.usefixtures("either_way")
async def test_orders_are_found_by_where_they_stand(mine: NewShop, do: Do, ana: Customer) -> None:
    pending, confirmed, paid, shipped = [await order(do, customer=ana.reference) for _ in range(4)]
    draft = await order(do, customer=ana.reference, draft=True)
    await do(set_order_status, order=confirmed, status="confirmed")
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, paid, authorized=2_489, captured=2_489)
        await make_shipment(sql, shipped, FulfilmentStatus.in_transit, left=1)
        query = select(Order).where(Order.merchant_id == mine.id, Order.reference == pending)
        held = (await sql.session.scalars(query)).one()
        sql.session.add(
            OrderHold(
                merchant_id=mine.id, order_id=held.id, reason=HoldReason.address_check, owner="USR-1001",
                placed_at=LONG_AGO, created_at=LONG_AGO,
            )
        )  # fmt: skip
        await sql.commit()

    assert await found(do, status=["confirmed"]) == [confirmed]
    assert await found(do, status=["confirmed", "draft"]) == [draft, confirmed]
    assert await found(do, payment_state=["paid"]) == [paid]
    assert await found(do, fulfilment_state=["fulfilled"]) == [shipped]
    assert await found(do, fulfilment_state=["unfulfilled"], status=["pending"]) == [paid, pending]
    assert await found(do, return_state=["returned"]) == []
    assert await found(do, on_hold=True) == [pending]
    assert pending not in await found(do, on_hold=False)


@pytest.mark.usefixtures("either_way")
async def test_orders_are_found_by_who_bought_what_and_where_it_goes(mine: NewShop, do: Do, ana: Customer) -> None:
    there = {"line1": "1", "city": "Besançon", "region": "Bourgogne-Franche-Comté", "country": "FR"}
    to_lyon = await order(do, "BOWL", customer=ana.reference)
    to_besancon = await order(do, "MUG-BLUE", name="Noor Haddad", shipping_address=there, channel="phone")

    assert await found(do, customer=ana.reference) == [to_lyon]
    assert await found(do, sku="bowl") == [to_lyon]
    assert await found(do, city="besancon") == [to_besancon]
    assert await found(do, region="BOURGOGNE-FRANCHE-COMTE") == [to_besancon]
    assert await found(do, country="fr") == [to_besancon, to_lyon]
    assert await found(do, country="DE") == []
    assert await found(do, channel=["phone", "store"]) == [to_besancon]
    assert await found(do, city="besancon", region="bourgogne") == []
    assert await found(do, country="FR", text="bowl") == [to_lyon]
    assert await found(do, text="mug", city="Lyon") == []
    assert await found(do, text="mug", city="besancon", channel=["phone"], country="FR") == [to_besancon]
    assert await found(do, channel=["web", "phone"], payment_state=["paid"]) == []
    with pytest.raises(NotFound):
        await do(list_orders, customer="CUS-999999")
    with pytest.raises(NotFound):
        await do(list_orders, sku="BOWL-X")


async def test_orders_are_found_by_the_words_or_the_category_of_what_is_in_them(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        tableware = make_category(sql, "Tableware")
        mugs = make_category(sql, "Mugs", parent=tableware)
        blue, red, lamp = [
            make_variant(sql, sku, title=title, category=category)
            for sku, title, category in (
                ("MUG-BLUE", "Blue mug", mugs), ("MUG-RED", "Red mug", mugs), ("LAMP", "Désk lamp", None),
            )
        ]  # fmt: skip
        first, second, third = [
            make_order(sql, variant, placed_at=LONG_AGO + day * DAY).reference
            for day, variant in enumerate((blue, red, lamp))
        ]
        await sql.commit()

    assert await found(do, product="mug") == [second, first]
    assert await found(do, product="MUG-RED") == [second]
    assert await found(do, product="desk LAMP") == [third]
    assert await found(do, category="tableware") == [second, first]
    with pytest.raises(NotFound, match="teapot"):
        await do(list_orders, product="teapot")
    with pytest.raises(NotFound, match="Garden"):
        await do(list_orders, category="Garden")


async def test_orders_are_found_by_how_they_were_paid(mine: NewShop, do: Do, ana: Customer) -> None:
    by_card, by_transfer, tried = [await order(do, customer=ana.reference) for _ in range(3)]
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, by_card, authorized=2_489, captured=2_489)
        (await pay(sql, by_transfer, authorized=2_489, captured=2_489)).method = PaymentMethod.bank_transfer
        (await pay(sql, tried, authorized=0, captured=0)).status = PaymentStatus.failed
        await sql.commit()

    assert await found(do, paid_with=["card"]) == [by_card]
    assert await found(do, paid_with=["card", "bank_transfer"]) == [by_transfer, by_card]
    assert await found(do, paid_with=["invoice"]) == []


async def test_open_orders_wait_to_be_sent_and_are_not_called_off(mine: NewShop, do: Do, ana: Customer) -> None:
    pending, confirmed, shipped, half = [
        await order(do, *skus, customer=ana.reference) for skus in ((), (), (), ("MUG-BLUE", "BOWL"))
    ]
    draft, cancelled = [await order(do, customer=ana.reference, draft=draft) for draft in (True, False)]
    await do(set_order_status, order=confirmed, status="confirmed")
    await do(cancel_order, order=cancelled, reason="customer_request")
    async with mine.shop.database.transaction(mine.id) as sql:
        await make_shipment(sql, shipped, FulfilmentStatus.in_transit, left=1)
        await make_shipment(sql, half, FulfilmentStatus.in_transit, left=1)
        await sql.commit()

    assert await found(do, open=True) == [half, confirmed, pending]
    assert await found(do, open=False) == [cancelled, draft, shipped]


async def test_a_list_says_how_many_orders_match_and_what_they_come_to(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for price in (1_000, 2_000, 4_000):
            make_order(sql, unit_price=price)
        make_order(sql, unit_price=500, currency="USD")
        make_order(sql, unit_price=9_000, status=OrderStatus.cancelled)
        await sql.commit()

    page = await do(list_orders, status=["confirmed"], limit=2, count=True)
    following = await do(list_orders, status=["confirmed"], limit=2, count=True, after=page.next)

    assert len(page.data) == 2
    assert page.total == Total(rows=4, sums=[Money(amount=7_000, currency="EUR"), Money(amount=500, currency="USD")])
    assert following.total is None


async def test_only_who_asks_for_the_total_pays_for_it(mine: NewShop, runtime_url: str) -> None:
    async def statements(**arguments: bool) -> int:
        database = Counting(runtime_url, size=1)
        await database.open()
        await call(Shop(database), list_orders, arguments, mine.caller("owner"))
        await database.close()
        return database.statements

    assert await statements(count=True) == await statements() + 1


@pytest.mark.usefixtures("either_way")
async def test_orders_are_found_by_words_of_their_number_buyer_and_content(do: Do, ana: Customer) -> None:
    theirs = await order(do, "BOWL", customer=ana.reference)
    foreign = await order(
        do, "MUG-BLUE", channel="store", name="Zoé 100%_Grün", source="etsy", external_reference="ETSY-77"
    )

    assert await found(do, text="torres ana") == [theirs]
    assert await found(do, text="ana.torres@example") == [theirs]
    assert await found(do, text="latte BOWL") == [theirs]
    assert await found(do, text="etsy-77") == [foreign]
    assert await found(do, text="zoe 100%_grun") == [foreign]
    assert await found(do, text="%") == [foreign]
    assert await found(do, text=theirs) == [theirs]
    assert await found(do, text="torres mug-blue") == []


async def test_orders_are_found_by_when_and_for_how_much(mine: NewShop, do: Do) -> None:
    today = datetime(2026, 11, 22, tzinfo=UTC)
    async with mine.shop.database.transaction(mine.id) as sql:
        old = make_order(sql, unit_price=5_000, placed_at=today - 2 * DAY).reference
        new = make_order(sql, unit_price=10_000, placed_at=today).reference
        dollars = make_order(sql, unit_price=90_000, currency="USD", placed_at=today - DAY).reference
        await sql.commit()

    assert await found(do) == [new, dollars, old]
    assert await found(do, sort="oldest") == [old, dollars, new]
    assert await found(do, sort="total") == [new, old]
    assert await found(do, placed_from=today - DAY, placed_until=today) == [dollars]
    assert await found(do, total_min=5_001) == [new]
    assert await found(do, total_max=5_000) == [old]
    assert await found(do, total_min=5_001, currency="USD") == [dollars]


async def test_orders_are_sorted_by_any_figure_they_show(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        many = make_order(sql, units=9, unit_price=100).reference
        dear = make_order(sql, units=2, unit_price=5_000).reference
        await sql.commit()

    assert await found(do, sort="units") == [many, dear]
    assert await found(do, sort="total") == [dear, many]
    assert await found(do, sort="smallest") == [many, dear]


@pytest.mark.parametrize("sort", ["newest", "oldest", "total", "smallest", "units"])
async def test_a_list_goes_on_where_the_page_before_ended(mine: NewShop, do: Do, sort: str) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for number in range(7):
            make_order(sql, unit_price=1_000 + number // 2, placed_at=LONG_AGO + number // 3 * DAY)
        await sql.commit()
    whole = await found(do, sort=sort)

    pages: list[str] = []
    after = None
    while True:
        page = await do(list_orders, sort=sort, limit=3, after=after)
        pages += [summary.reference for summary in page.data]
        after = page.next
        if not page.has_more:
            break

    assert after is None
    assert len(whole) == 7
    assert pages == whole


async def test_a_cursor_belongs_to_its_sort(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for _ in range(2):
            make_order(sql)
        await sql.commit()
    page = await do(list_orders, limit=1)

    with pytest.raises(Invalid, match="cursor"):
        await do(list_orders, limit=1, sort="total", after=page.next)


# ---- get_order -----------------------------------------------------------------------------------------------------------


async def test_an_order_is_shown_with_all_that_belongs_to_it(mine: NewShop, do: Do, ana: Customer) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_promotion(sql, "SPRING10", percent=10)
        await sql.commit()
    reference = await order(
        do, "MUG-BLUE", "BOWL", customer=ana.reference, promotion_codes=["SPRING10"], note="Ring twice"
    )
    await do(add_order_note, order=reference, text="Gift wrap", visibility="internal")
    async with mine.shop.database.transaction(mine.id) as sql:
        payment = await pay(sql, reference, authorized=4_088, captured=4_088)
        shipment = await make_shipment(sql, reference, FulfilmentStatus.delivered, left=1)
        query = select(Order).where(Order.merchant_id == mine.id, Order.reference == reference)
        row = (await sql.session.scalars(query)).one()
        sql.session.add(
            Return(
                merchant_id=mine.id, reference="RMA-17", order_id=row.id, status=ReturnStatus.requested,
                reason=ReturnReason.arrived_broken, wanted=ReturnWish.refund, currency="EUR", refund=1_799,
                requested_at=LONG_AGO, created_at=LONG_AGO, updated_at=LONG_AGO,
            )
        )  # fmt: skip
        await sql.commit()

    shown = await do(get_order, order=reference)

    assert (shown.reference, shown.status, shown.payment_state) == (reference, "pending", "paid")
    assert (shown.fulfilment_state, shown.customer, shown.email) == ("partly_fulfilled", ana.reference, ana.email)
    assert shown.shipping_address is not None
    assert (shown.shipping_address.line1, shown.shipping_address.postcode) == ("5 rue des Lilas", "69001")
    assert (shown.subtotal.amount, shown.discount.amount, shown.shipping.amount) == (3_998, 400, 490)
    assert (shown.total.amount, shown.paid.amount, shown.note) == (4_088, 4_088, "Ring twice")
    mug, bowl = shown.lines
    assert (mug.sku, mug.unit_price.amount, mug.discount.amount, mug.fulfilled) == ("MUG-BLUE", 1_999, 200, 1)
    assert (bowl.sku, str(bowl.tax_rate), [held.quantity for held in bowl.held]) == ("BOWL", "0.20000", [1])
    assert [(one.code, one.amount.amount) for one in shown.promotions] == [("SPRING10", 400)]
    assert [(one.reference, one.captured.amount) for one in shown.payments] == [(payment.reference, 4_088)]
    assert [(one.reference, one.lines[0].sku) for one in shown.shipments] == [(shipment.reference, "MUG-BLUE")]
    assert [(one.reference, one.refund.amount, one.lines) for one in shown.returns] == [("RMA-17", 1_799, [])]
    assert [(note.text, note.author) for note in shown.notes] == [("Gift wrap", "Owner")]
    assert (shown.holds, shown.under_way, shown.version) == ([], [], 1)


async def test_an_order_answers_to_every_way_of_writing_its_number(do: Do, ana: Customer) -> None:
    reference = await order(do, customer=ana.reference, source="etsy", external_reference="302-99")
    digits = reference.removeprefix("ORD-")

    for written in (reference, reference.lower(), f"#{digits}", digits, "302-99", f" {reference} "):
        assert (await do(get_order, order=written)).reference == reference


async def test_a_number_that_two_systems_gave_asks_which_order_is_meant(do: Do, ana: Customer) -> None:
    for source in ("etsy", "amazon"):
        await order(do, customer=ana.reference, source=source, external_reference="77-1")

    with pytest.raises(Ambiguous, match="77-1 fits ORD-1001, ORD-1002"):
        await do(get_order, order="77-1")


async def test_an_unknown_order_names_the_nearest(other: NewShop, shop: Shop, do: Do, ana: Customer) -> None:
    reference = await order(do, customer=ana.reference)

    with pytest.raises(NotFound, match="no order ORD-10011") as refused:
        await do(get_order, order="ORD-10011")
    with pytest.raises(NotFound):
        await call(shop, get_order, {"order": reference}, other.caller("owner"))

    assert refused.value.details["nearest"] == [reference]


async def test_reading_takes_eight_statements_however_much_there_is(
    mine: NewShop, do: Do, ana: Customer, runtime_url: str
) -> None:
    references = [await order(do, "MUG-BLUE", "BOWL", customer=ana.reference) for _ in range(3)]
    database = Counting(runtime_url, size=1)
    await database.open()

    await call(Shop(database), list_orders, {}, mine.caller("owner"))
    listing = database.statements
    await call(Shop(database), get_order, {"order": references[0]}, mine.caller("owner"))

    await database.close()
    assert (listing, database.statements) == (8, 8)  # begin, set × 4; who calls; the answer; commit


# ---- who sees what -------------------------------------------------------------------------------------------------------


async def test_the_warehouse_sees_names_and_addresses_on_what_it_ships(
    mine: NewShop, shop: Shop, do: Do, ana: Customer
) -> None:
    reference = await order(do, customer=ana.reference)
    packer = Do(shop, mine.caller("warehouse"))

    before = await packer(get_order, order=reference)
    await do(set_order_status, order=reference, status="confirmed")
    after = await packer(get_order, order=reference)

    assert (before.customer_name, before.shipping_address, before.email) == (None, None, None)
    assert after.customer_name == "Ana Torres"
    assert after.shipping_address is not None
    assert (after.shipping_address.city, after.email, after.phone) == ("Lyon", None, None)
    assert [summary.customer_name for summary in (await packer(list_orders)).data] == ["Ana Torres"]


async def test_a_key_for_orders_alone_sees_nobodys_name(mine: NewShop, shop: Shop, do: Do, ana: Customer) -> None:
    reference = await order(do, customer=ana.reference)
    program = Do(shop, await mine.key(scopes=["orders:read"]))

    shown = await program(get_order, order=reference)
    listed = await program(list_orders)

    assert (shown.customer_name, shown.email, shown.shipping_address, shown.billing_address) == (None,) * 4
    assert [summary.customer_name for summary in listed.data] == [None]
    assert await found(program, text="torres") == []


async def test_a_long_list_of_names_is_noted_in_the_access_log(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for number in range(21):
            make_order(sql).customer_name = f"Customer {number}"
        await sql.commit()

    await do(list_orders, limit=20)
    await do(list_orders, limit=21)

    async with mine.shop.database.transaction(mine.id) as sql:
        log = (await sql.session.scalars(select(AccessLog).where(AccessLog.merchant_id == mine.id))).all()
    assert [(row.kind, row.tool, row.detail) for row in log] == [("disclosure", "list_orders", {"people": "21"})]


# ---- notes and timeline --------------------------------------------------------------------------------------------------


async def test_a_note_is_for_colleagues_unless_it_is_for_the_customer(do: Do, ana: Customer) -> None:
    reference = await order(do, customer=ana.reference)

    internal = await do(add_order_note, order=reference, text="Address checked by phone")
    shown = await do(add_order_note, order=reference, text="Will arrive on Friday", visibility="customer")

    assert (internal.visibility, internal.author) == (NoteVisibility.internal, "Owner")
    assert shown.visibility is NoteVisibility.customer
    notes = (await do(get_order, order=reference)).notes
    assert [note.text for note in notes] == ["Address checked by phone", "Will arrive on Friday"]


async def test_the_timeline_is_in_order_and_goes_on_page_by_page(do: Do, ana: Customer) -> None:
    reference = await order(do, customer=ana.reference)
    await do(add_order_note, order=reference, text="Paid by transfer")
    await do(set_order_status, order=reference, status="confirmed")

    first = await do(get_order_timeline, order=reference, limit=2)
    second = await do(get_order_timeline, order=reference, limit=2, after=first.next)

    assert [entry.what for entry in first.data] == ["placed", "noted"]
    assert [entry.what for entry in second.data] == ["confirmed"]
    assert second.next is None
    assert {(entry.subject, entry.reference, entry.actor_name) for entry in first.data} == {
        ("order", reference, "Owner")
    }


async def test_a_program_is_named_in_the_timeline_by_its_key(mine: NewShop, shop: Shop, do: Do, ana: Customer) -> None:
    program = await mine.key(scopes=["orders:write"])
    arguments = {"customer": ana.reference, "lines": [{"sku": "BOWL", "quantity": 1}]}

    outcome = await call(shop, create_order, arguments, program, key=uuid.uuid4().hex)

    assert outcome.result is not None
    assert outcome.result.status is OrderStatus.pending
    (entry,) = (await do(get_order_timeline, order=outcome.result.reference)).data
    assert entry.actor.startswith("KEY-")
    assert entry.actor_name == "A program"
