"""What keeps an order back, and what lets it go on."""

import pytest

from db.models.transport import FulfilmentStatus
from tests.aftermath import make_shipment
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.till import LYON, stocked, writing
from tools.contract.errors import NotFound
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.orders.detail import get_order
from tools.orders.history import get_order_timeline
from tools.orders.holds import OrderAlreadyOnHold, OrderNotOnHold, hold_order, release_order
from tools.orders.listing import list_orders
from tools.orders.status import set_order_status
from tools.rules.standing import OrderAlreadyShipped, OrderClosed, OrderOnHold


@pytest.fixture
async def order(mine: NewShop, do: Do) -> str:
    """An order of an engraving, which nobody has to ship from a shelf."""
    await stocked(mine, "ENGRAVING", tracked=False)
    placed = await do(create_order, shipping_address=LYON, lines=[{"sku": "ENGRAVING", "quantity": 1}])
    return placed.reference


async def test_an_order_is_held_for_a_reason_by_somebody_who_looks_after_it(do: Do, order: str) -> None:
    held = await do(hold_order, order=order, reason="address_check", note="No house number", owner="USR-1002")

    assert held.on_hold
    assert [(hold.reason, hold.note, hold.owner, hold.released_at) for hold in held.holds] == [
        ("address_check", "No house number", "USR-1002", None)
    ]
    assert [row.reference for row in (await do(list_orders, on_hold=True)).data] == [order]
    (event,) = [entry for entry in (await do(get_order_timeline, order=order)).data if entry.what == "held"]
    assert event.details == {"reason": "address_check", "owner": "USR-1002"}


async def test_where_nobody_says_why_or_who_it_is_unsaid_and_whoever_holds_it(do: Do, order: str) -> None:
    (hold,) = (await do(hold_order, order=order)).holds

    assert (hold.reason, hold.owner) == ("unspecified", "USR-1001")


async def test_nobody_can_be_given_a_hold_who_does_not_work_here(do: Do, order: str) -> None:
    with pytest.raises(NotFound, match="There is no user USR-77"):
        await do(hold_order, order=order, owner="USR-77")


async def test_several_reasons_hold_an_order_until_each_is_released(do: Do, order: str) -> None:
    await do(hold_order, order=order, reason="address_check")
    await do(hold_order, order=order, reason="fraud_review")

    first = await do(release_order, order=order, reason="fraud_review")
    shown = await do(get_order, order=order)
    second = await do(release_order, order=order)

    assert ([hold.reason for hold in first.released], first.on_hold) == (["fraud_review"], True)
    assert shown.on_hold
    assert ([hold.reason for hold in second.released], second.on_hold) == (["address_check"], False)
    assert all(hold.released_at for hold in (await do(get_order, order=order)).holds)


async def test_the_same_reason_holds_once(do: Do, order: str) -> None:
    await do(hold_order, order=order, reason="fraud_review")

    with pytest.raises(OrderAlreadyOnHold, match=f"{order} is on hold already: fraud review"):
        await do(hold_order, order=order, reason="fraud_review")


async def test_what_is_not_held_for_that_is_not_released(do: Do, order: str) -> None:
    with pytest.raises(OrderNotOnHold, match=f"{order} is not on hold"):
        await do(release_order, order=order)
    await do(hold_order, order=order, reason="fraud_review")
    with pytest.raises(OrderNotOnHold, match="on hold for fraud review, not for address check"):
        await do(release_order, order=order, reason="address_check")


async def test_a_held_order_is_not_completed_until_it_is_released(do: Do, order: str) -> None:
    await do(set_order_status, order=order, status="confirmed")
    await do(hold_order, order=order, reason="payment_review")

    with pytest.raises(OrderOnHold, match=rf"{order} is on hold \(payment review\), so it is not completed"):
        await do(set_order_status, order=order, status="completed")
    await do(release_order, order=order)

    assert (await do(set_order_status, order=order, status="completed")).status == "completed"


async def test_what_is_over_or_has_left_is_not_held(mine: NewShop, do: Do, order: str) -> None:
    sent = (await do(create_order, shipping_address=LYON, lines=[{"sku": "ENGRAVING"}])).reference
    async with writing(mine) as sql:
        await make_shipment(sql, sent, FulfilmentStatus.in_transit, left=1)
    await do(cancel_order, order=order)

    with pytest.raises(OrderClosed, match=f"{order} is cancelled"):
        await do(hold_order, order=order)
    with pytest.raises(OrderAlreadyShipped, match=f"All 1 units of {sent} have left"):
        await do(hold_order, order=sent)


async def test_the_card_says_that_a_held_order_lapses_all_the_same(do: Do, order: str) -> None:
    preview = await do.outcome(hold_order, preview=True, order=order, reason="customer_request", note="Back on Monday")

    assert preview.card is not None
    held, noted, lapses = preview.card.sentences
    assert held.endswith(
        "is put on hold (customer request): it is not picked, captured or shipped until it is released."
    )
    assert noted == "Noted on the hold: “Back on Monday”"
    assert "It lapses on" in lapses
