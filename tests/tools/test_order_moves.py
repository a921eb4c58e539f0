"""Where an order goes after it was placed: confirmed, completed, cancelled, expired."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from db.models.inventory import Reservation, ReservationStatus, StockLevel
from db.models.orders import CancelReason, Order, OrderNote, OrderStatus
from db.models.payments import PaymentStatus
from db.models.products import Product, ProductStatus, Variant
from db.models.transport import FulfilmentStatus
from tests.aftermath import make_shipment, pay
from tests.conftest import Do
from tests.factories import (
    LONG_AGO,
    NewShop,
    make_customer,
    make_variant,
    number,
    warehouse_of,
)
from tests.tools.misfits import misfits
from tests.tools.till import LYON, stocked
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.errors import IllegalMove, NotFound, StaleVersion
from tools.contract.shop import Shop
from tools.flows.cancel_order import OrderAlreadyShipped, OrderDoesNotExpire, cancel_order
from tools.flows.create_order import PlacedOrder, create_order
from tools.orders.detail import get_order
from tools.orders.history import get_order_timeline
from tools.orders.status import OrderNotShipped, StatusHasItsOwnTool, set_order_status
from tools.orders.wishes import CustomerMayNotOrder, VariantNotSellable
from tools.rules.stock import NotEnoughStock


@pytest.fixture
async def mugs(mine: NewShop) -> Variant:
    """Ten mugs at 19.99 EUR."""
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", warehouse=await warehouse_of(sql))
        await sql.commit()
    return variant


@pytest.fixture
async def placed(do: Do, mugs: Variant) -> PlacedOrder:
    """An order of two mugs: 44.88 EUR with shipping."""
    return await order_of(do, 2)


async def order_of(do: Do, units: int, **more: Any) -> PlacedOrder:
    return await do(create_order, shipping_address=LYON, lines=[{"sku": "MUG-BLUE", "quantity": units}], **more)


async def stored(mine: NewShop, reference: str) -> Order:
    async with mine.shop.database.transaction(mine.id) as sql:
        return (await sql.session.scalars(select(Order).where(Order.reference == reference))).one()


async def held(mine: NewShop) -> int:
    """Units reserved, which are those of the active reservations."""
    async with mine.shop.database.transaction(mine.id) as sql:
        (level,) = (await sql.session.scalars(select(StockLevel).where(StockLevel.merchant_id == mine.id))).all()
        active = select(Reservation).where(
            Reservation.merchant_id == mine.id, Reservation.status == ReservationStatus.active
        )
        assert level.reserved == sum(row.quantity for row in (await sql.session.scalars(active)).all())
        return level.reserved


async def intents(mine: NewShop) -> list[tuple[str, int | None]]:
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Intent).where(Intent.merchant_id == mine.id).order_by(Intent.id)
        return [(intent.kind, intent.amount) for intent in (await sql.session.scalars(query)).all()]


# ---- set_order_status ----------------------------------------------------------------------------------------------------


async def test_a_confirmed_order_does_not_lapse_any_more(do: Do, placed: PlacedOrder) -> None:
    moved = await do(set_order_status, order=placed.reference, status="confirmed")

    assert (moved.before, moved.status) == (OrderStatus.pending, OrderStatus.confirmed)
    assert moved.confirmed_at is not None
    assert moved.expires_at is None
    assert moved.version == 2


async def test_an_order_is_completed_when_nothing_of_it_waits_to_be_shipped(
    mine: NewShop, do: Do, placed: PlacedOrder
) -> None:
    await do(set_order_status, order=placed.reference, status="confirmed")

    with pytest.raises(OrderNotShipped, match=f"{placed.reference} still has 2 units waiting"):
        await do(set_order_status, order=placed.reference, status="completed")
    async with mine.shop.database.transaction(mine.id) as sql:
        reservation = (await sql.session.scalars(select(Reservation).where(Reservation.merchant_id == mine.id))).one()
        reservation.status, reservation.closed_at = ReservationStatus.consumed, LONG_AGO
        await sql.commit()
    moved = await do(set_order_status, order=placed.reference, status="completed")

    assert moved.status is OrderStatus.completed
    assert moved.completed_at is not None


async def test_a_status_that_the_order_cannot_take_says_which_it_can(do: Do, placed: PlacedOrder) -> None:
    with pytest.raises(IllegalMove) as refused:
        await do(set_order_status, order=placed.reference, status="completed")

    assert refused.value.details["current_state"] == "pending"
    assert refused.value.details["allowed_moves"] == ["cancelled", "confirmed", "expired"]


@pytest.mark.parametrize(
    ("status", "tool"),
    [
        ("cancelled", "cancel_order"),
        ("expired", "cancel_order"),
        ("on_hold", "hold_order"),
        ("paid", "mark_order_paid"),
        ("refunded", "refund_payment"),
        ("shipped", "create_shipment"),
        ("delivered", "record_tracking_event"),
        ("returned", "request_return"),
    ],
)
async def test_a_status_with_a_tool_of_its_own_names_it(do: Do, placed: PlacedOrder, status: str, tool: str) -> None:
    with pytest.raises(StatusHasItsOwnTool, match=tool):
        await do(set_order_status, order=placed.reference, status=status)


async def test_who_read_an_older_version_is_told(do: Do, placed: PlacedOrder) -> None:
    await do(set_order_status, order=placed.reference, status="confirmed", version=1)

    with pytest.raises(StaleVersion, match="at version 2, and you read version 1"):
        await do(set_order_status, order=placed.reference, status="completed", version=1)


async def test_placing_a_draft_holds_its_stock_at_its_own_prices(mine: NewShop, do: Do, mugs: Variant) -> None:
    draft = await order_of(do, 3, draft=True)

    moved = await do(set_order_status, order=draft.reference, status="pending")

    assert (moved.before, moved.status) == (OrderStatus.draft, OrderStatus.pending)
    assert moved.placed_at > draft.placed_at
    assert moved.expires_at is not None
    assert await held(mine) == 3
    shown = await do(get_order, order=draft.reference)
    assert [(line.warehouse, line.quantity) for line in shown.lines[0].held] == [("WH-1", 3)]
    assert shown.total == draft.total


async def test_a_draft_of_more_than_there_is_stays_a_draft(mine: NewShop, do: Do, mugs: Variant) -> None:
    draft = await order_of(do, 11, draft=True)

    with pytest.raises(NotEnoughStock, match="MUG-BLUE has 10 available, 11 were asked"):
        await do(set_order_status, order=draft.reference, status="pending")

    assert (await stored(mine, draft.reference)).status is OrderStatus.draft
    assert await held(mine) == 0


async def test_a_draft_of_what_went_off_sale_or_for_a_blocked_customer_is_not_placed(
    mine: NewShop, do: Do, mugs: Variant
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        await sql.commit()
    theirs = await do(create_order, customer=customer.reference, lines=[{"sku": "MUG-BLUE", "quantity": 1}], draft=True)
    draft = await order_of(do, 1, draft=True)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update customers set status = 'blocked' where merchant_id = %s", (mine.id,))
        (await sql.session.get_one(Product, (mine.id, mugs.product_id))).status = ProductStatus.archived
        await sql.commit()

    with pytest.raises(CustomerMayNotOrder, match="is blocked"):
        await do(set_order_status, order=theirs.reference, status="pending")
    with pytest.raises(VariantNotSellable, match="MUG-BLUE went off sale"):
        await do(set_order_status, order=draft.reference, status="pending")


# ---- cancel_order --------------------------------------------------------------------------------------------------------


async def test_cancelling_gives_the_stock_back_and_keeps_the_reason(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    cancelled = await do(cancel_order, order=placed.reference, reason="customer_request", note="She called")

    assert (cancelled.status, cancelled.released_units) == (OrderStatus.cancelled, 2)
    assert await held(mine) == 0
    order = await stored(mine, placed.reference)
    assert (order.status, order.cancel_reason) == (OrderStatus.cancelled, CancelReason.customer_request)
    assert order.cancelled_at is not None
    assert order.total == placed.total.amount
    async with mine.shop.database.transaction(mine.id) as sql:
        note = (await sql.session.scalars(select(OrderNote).where(OrderNote.order_id == order.id))).one()
    assert (note.text, note.author, note.visibility) == ("She called", "Owner", "internal")


async def test_where_nobody_says_why_that_is_what_is_kept(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    """In the order, in its history and in the audit: not a reason that was guessed."""
    cancelled = await do(cancel_order, order=placed.reference)

    order = await stored(mine, placed.reference)
    history = await do(get_order_timeline, order=placed.reference)
    assert cancelled.reason is order.cancel_reason is CancelReason.unspecified
    (told,) = [entry for entry in history.data if (entry.subject, entry.what) == ("order", "cancelled")]
    assert told.details["reason"] == "unspecified"


async def test_cancelling_twice_cancels_once(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    key = uuid.uuid4().hex

    first = await do.outcome(cancel_order, key=key, order=placed.reference, reason="duplicate")
    again = await do.outcome(cancel_order, key=key, order=placed.reference, reason="duplicate")
    with pytest.raises(IllegalMove, match="is cancelled and cannot become cancelled"):
        await do(cancel_order, order=placed.reference, reason="duplicate")

    assert again.replayed
    assert again.result == first.result
    assert await held(mine) == 0


async def test_captured_money_is_to_be_refunded_and_authorized_money_let_go(
    mine: NewShop, do: Do, placed: PlacedOrder
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        taken = await pay(sql, placed.reference, authorized=3_000, captured=3_000)
        promised = await pay(sql, placed.reference, authorized=1_488)
        partly = await pay(sql, placed.reference, authorized=1_000, captured=700)
        partly.status, partly.refunded = PaymentStatus.partially_captured, 200
        await sql.commit()

    outcome = await do.outcome(cancel_order, order=placed.reference, reason="out_of_stock")

    cancelled = outcome.result
    assert cancelled is not None
    assert {back.payment: back.amount.amount for back in cancelled.refunds} == {
        taken.reference: 3_000,
        partly.reference: 500,
    }
    assert {back.payment: back.amount.amount for back in cancelled.voids} == {
        promised.reference: 1_488,
        partly.reference: 300,
    }
    assert sorted(await intents(mine)) == [
        ("refund_payment", 500), ("refund_payment", 3_000), ("void_payment", 300), ("void_payment", 1_488),
    ]  # fmt: skip
    under_way = (await do(get_order, order=placed.reference)).under_way
    assert {(intent.kind, intent.amount and intent.amount.amount) for intent in under_way} == set(await intents(mine))


async def test_each_refund_of_a_cancelled_order_is_a_request_of_its_own_to_the_provider(
    mine: NewShop, do: Do, placed: PlacedOrder
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, placed.reference, authorized=3_000, captured=3_000)
        await pay(sql, placed.reference, authorized=1_488, captured=1_488)
        await sql.commit()

    await do.outcome(cancel_order, key="once", order=placed.reference, reason="customer_request")
    again = await do.outcome(cancel_order, key="once", order=placed.reference, reason="customer_request")

    assert again.result is not None
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        wanted = (await sql.session.scalars(select(Intent).where(Intent.merchant_id == mine.id))).all()
    assert {intent.ledger_key for intent in wanted} == {f"once:{back.intent}" for back in again.result.refunds}
    assert len({intent.ledger_key for intent in wanted}) == 2


async def test_what_is_being_refunded_already_is_not_refunded_again(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        payment = await pay(sql, placed.reference, authorized=4_488, captured=4_488)
        sql.session.add(
            Intent(
                merchant_id=mine.id, reference=f"INT-{number()}", status=IntentStatus.pending, kind="refund_payment",
                subject_kind="payment", subject_id=payment.id, order_id=payment.order_id, amount=1_000, currency="EUR",
                arguments={}, ledger_key="earlier", created_at=LONG_AGO,
            )
        )  # fmt: skip
        await sql.commit()

    cancelled = await do(cancel_order, order=placed.reference, reason="customer_request")

    assert [back.amount.amount for back in cancelled.refunds] == [3_488]


async def test_a_disputed_payment_is_not_paid_back_twice(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        payment = await pay(sql, placed.reference, authorized=4_488, captured=4_488)
        payment.status = PaymentStatus.disputed
        await sql.commit()

    preview = await do.outcome(cancel_order, preview=True, order=placed.reference, reason="customer_request")

    assert preview.card is not None
    assert preview.card.money is None
    assert f"{payment.reference} is disputed: nothing is refunded through it." in preview.card.sentences


async def test_a_refund_above_ones_limit_waits_for_somebody_who_may(
    mine: NewShop, shop: Shop, placed: PlacedOrder
) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, placed.reference, authorized=5_001, captured=5_001)
        await sql.commit()
    arguments = {"order": placed.reference, "reason": "customer_request"}

    outcome = await call(shop, cancel_order, arguments, mine.caller("support"), key=uuid.uuid4().hex)

    assert outcome.result is None
    assert outcome.approval is not None
    assert outcome.card is not None
    assert outcome.card.money is not None
    assert outcome.card.money.amount == 5_001
    assert "2 MUG-BLUE go back on sale in Warehouse MAIN." in outcome.card.sentences
    assert (await stored(mine, placed.reference)).status is OrderStatus.pending


async def test_parcels_that_were_prepared_are_voided(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        shipment = await make_shipment(sql, placed.reference, FulfilmentStatus.rated)
        await sql.commit()

    cancelled = await do(cancel_order, order=placed.reference, reason="undeliverable")

    assert cancelled.voided_shipments == [shipment.reference]
    (shown,) = (await do(get_order, order=placed.reference)).shipments
    assert shown.status is FulfilmentStatus.voided


async def test_what_has_left_is_not_cancelled(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await make_shipment(sql, placed.reference, FulfilmentStatus.in_transit, left=1)
        await sql.commit()

    with pytest.raises(OrderAlreadyShipped, match=f"1 of 2 units of {placed.reference} have left") as refused:
        await do(cancel_order, order=placed.reference, reason="customer_request")

    assert "request_return" in refused.value.advice
    assert await held(mine) == 2


async def test_a_draft_can_be_dropped(mine: NewShop, do: Do, mugs: Variant) -> None:
    draft = await order_of(do, 2, draft=True)

    cancelled = await do(cancel_order, order=draft.reference, reason="no_longer_needed")

    assert (cancelled.status, cancelled.released_units) == (OrderStatus.cancelled, 0)


async def test_the_timeline_tells_who_cancelled_and_what_was_released(
    mine: NewShop, do: Do, placed: PlacedOrder
) -> None:
    await do(cancel_order, order=placed.reference, reason="customer_request")

    events = (await do(get_order_timeline, order=placed.reference)).data

    assert [(event.what, event.subject) for event in events] == [
        ("placed", "order"), ("cancelled", "order"), ("released", "reservation"),
    ]  # fmt: skip
    assert events[1].actor_name == "Owner"
    assert events[1].details == {"before": "pending", "reason": "customer_request"}
    assert events[2].reference == f"{placed.reference}-1"


async def test_nobody_cancels_another_shops_order(other: NewShop, shop: Shop, placed: PlacedOrder) -> None:
    arguments = {"order": placed.reference, "reason": "other"}

    with pytest.raises(NotFound):
        await call(shop, cancel_order, arguments, other.caller("owner"), key=uuid.uuid4().hex)


# ---- expiry --------------------------------------------------------------------------------------------------------------


def worker(shop: Shop, mine: NewShop) -> Do:
    """Calls as the worker makes them when the time is over."""
    return Do(shop, Caller(mine.id, Door.worker, Hand.program, Proof.system, "worker"))


async def test_an_order_that_nobody_paid_expires_and_its_stock_is_free_again(
    mine: NewShop, shop: Shop, placed: PlacedOrder
) -> None:
    expired = await worker(shop, mine)(cancel_order, order=placed.reference, reason="not_paid")

    assert (expired.status, expired.released_units) == (OrderStatus.expired, 2)
    assert await held(mine) == 0
    order = await stored(mine, placed.reference)
    assert (order.cancelled_at, order.cancel_reason) == (None, CancelReason.not_paid)
    async with mine.shop.database.transaction(mine.id) as sql:
        reservation = (await sql.session.scalars(select(Reservation).where(Reservation.order_id == order.id))).one()
    assert reservation.status is ReservationStatus.expired


async def test_an_order_that_was_paid_or_confirmed_meanwhile_does_not_expire(
    mine: NewShop, shop: Shop, do: Do, placed: PlacedOrder
) -> None:
    confirmed = await order_of(do, 1)
    await do(set_order_status, order=confirmed.reference, status="confirmed")
    async with mine.shop.database.transaction(mine.id) as sql:
        await pay(sql, placed.reference, authorized=4_488, captured=4_488)
        await sql.commit()

    for reference in (placed.reference, confirmed.reference):
        with pytest.raises(OrderDoesNotExpire):
            await worker(shop, mine)(cancel_order, order=reference, reason="not_paid")

    assert await held(mine) == 3


async def test_a_person_cancels_even_when_the_reason_is_that_nobody_paid(do: Do, placed: PlacedOrder) -> None:
    cancelled = await do(cancel_order, order=placed.reference, reason="not_paid")

    assert cancelled.status is OrderStatus.cancelled


async def test_what_is_never_held_is_completed_without_a_parcel(mine: NewShop, do: Do) -> None:
    await stocked(mine, "ENGRAVING", tracked=False)
    placed = await do(create_order, shipping_address=LYON, lines=[{"sku": "ENGRAVING"}])
    await do(set_order_status, order=placed.reference, status="confirmed")

    await do(set_order_status, order=placed.reference, status="completed")

    assert await misfits(mine) == {}


async def test_a_completed_order_of_goods_that_never_left_is_found(mine: NewShop, do: Do, placed: PlacedOrder) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update orders set status = 'completed' where merchant_id = %s", (mine.id,))
        await sql.commit()

    assert len((await misfits(mine))["orders_left_or_not"]) == 1
