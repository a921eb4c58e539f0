"""An order paid as it is placed: by hand at once, by credit, by a provider who is asked once it is placed."""

import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from db.models.payments import ELSEWHERE
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tests.tools.till import LYON, Counting, bought, reserved, stocked
from tools.contract.actors import Hand
from tools.contract.call import Shop, call
from tools.contract.errors import Forbidden, ShopError
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import PlacedOrder, create_order
from tools.orders.detail import get_order
from tools.orders.history import get_order_timeline
from tools.orders.listing import list_orders
from tools.payments.credit import issue_store_credit
from tools.payments.ledger import get_ledger
from tools.payments.methods import save_payment_method
from tools.payments.moving import capture_payment, refund_payment
from tools.payments.reconciling import reconcile_payments
from tools.rules.charging import MethodNotUsable
from tools.rules.credit import NotEnoughCredit
from tools.rules.paying import ProviderNotSetUp

_ = till


async def paid(till: Till, customer: str | None = None, **payment: Any) -> PlacedOrder:
    whose = {"customer": customer} if customer else {}
    return await till.do(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)), payment=payment, **whose)


def told(order: PlacedOrder) -> tuple[str, str | None, int | None]:
    """Where the order stands, and its payment."""
    paid = order.payment
    return order.status, paid.status if paid else None, paid.captured.amount if paid else None


async def test_what_is_paid_by_hand_is_booked_as_the_order_is_placed(mine: NewShop, till: Till) -> None:
    placed = await paid(till)

    assert told(placed) == ("confirmed", "captured", TOTAL)
    assert placed.payment is not None
    assert (placed.expires_at, placed.payment.intent, placed.payment.order) == (None, None, placed.reference)
    shown = await till.do(get_order, order=placed.reference)
    assert (shown.payment_state, shown.paid.amount, shown.status) == ("paid", TOTAL, "confirmed")
    assert {row.account: row.balance.amount for row in (await till.do(get_ledger)).balances} == {
        "clearing": TOTAL, "receivables": -TOTAL,
    }  # fmt: skip
    history = await till.do(get_order_timeline, order=placed.reference, limit=10)
    assert {f"{event.subject} {event.what}" for event in history.data} == {
        "order placed",
        "payment captured",
        "order confirmed",
    }
    assert await misfits(mine) == {}


async def test_it_is_refunded_and_reconciled_as_any_other(mine: NewShop, till: Till) -> None:
    placed = await paid(till)
    assert placed.payment is not None

    back = await till.do(refund_payment, payment=placed.payment.payment, amount=1_000)
    await till.do(cancel_order, order=placed.reference)
    compared = await till.do(reconcile_payments, provider="manual")

    assert (back.status, back.refunded.amount) == ("partially_refunded", 1_000)
    assert (await till.payment(placed.payment.payment)).refunded.amount == TOTAL
    assert (compared.agreed, compared.differences) == (2, [])
    assert await misfits(mine) == {}


async def test_money_from_elsewhere_that_is_given_back_by_hand_is_on_both_lists(
    mine: NewShop, till: Till, owner_url: str
) -> None:
    placed = await paid(till)
    assert placed.payment is not None
    with psycopg.connect(owner_url, autocommit=True) as owner:  # as an import writes them
        for table in ("payments", "payment_transactions"):
            owner.execute(f"update {table} set provider = %s where merchant_id = %s".encode(), (ELSEWHERE, mine.id))

    await till.do(refund_payment, payment=placed.payment.payment, amount=1_000)
    compared = await till.do(reconcile_payments, provider="manual")

    assert (compared.agreed, compared.differences) == (1, [])
    assert await misfits(mine) == {}


async def test_three_lines_are_quoted_placed_reserved_and_paid_in_twelve_statements(
    mine: NewShop, till: Till, runtime_url: str
) -> None:
    ana = await till.customer()
    card = (await till.do(save_payment_method, customer=ana, token="tok_ok")).reference
    for sku in ("BOWL", "PLATE"):
        await stocked(mine, sku)
    database = Counting(runtime_url, size=1)
    await database.open()
    arguments = {"customer": ana, "shipping_address": LYON, "lines": bought(("MUG-BLUE", 1), ("BOWL", 2), ("PLATE", 3))}

    program = await mine.key(scopes=["orders:*", "payments:*"], per_call=1_000_00, per_day=10_000_00)

    counts: list[tuple[int, int]] = []
    for caller, payment in ((mine.caller("owner"), {}), (program, {}), (program, {"method": card})):
        asked = arguments | {"payment": payment}
        placed = await call(Shop(database), create_order, asked, caller, key=uuid.uuid4().hex)
        assert placed.result
        counts.append((database.statements, len(database.sent)))

    await database.close()
    # As many as without: the last one counts it in the day. A saved method is one more.
    assert counts == [(12, 6), (12, 6), (13, 7)]


async def test_a_charge_that_is_declined_leaves_the_order_placed_and_says_why(mine: NewShop, till: Till) -> None:
    placed = await paid(till, token="tok_declined")

    assert told(placed) == ("pending", "failed", 0)
    assert placed.payment is not None
    assert (placed.payment.failure, placed.payment.intent) == ("card_declined", None)
    assert placed.expires_at is not None
    assert await reserved(mine) == {"MUG-BLUE": 1}
    assert await misfits(mine) == {}


@pytest.mark.parametrize(
    ("token", "stands"),
    [
        ("tok_late", ("pending", "pending", 0)),
        ("tok_timeout", ("pending", "pending", 0)),
        ("tok_needs_action", ("pending", "requires_action", 0)),
    ],
)
async def test_what_a_provider_has_not_done_yet_is_under_way(
    mine: NewShop, till: Till, token: str, stands: tuple[str, str, int]
) -> None:
    placed = await paid(till, token=token)

    assert told(placed) == stands
    await till.outside.sweep(mine.id, quiet=-1)
    await till.outside.tell(mine.id)
    now = await till.do(get_order, order=placed.reference)
    assert now.status == ("pending" if token == "tok_needs_action" else "confirmed")
    assert await misfits(mine) == {}


async def test_a_saved_method_of_the_customer_pays_and_is_named(mine: NewShop, till: Till) -> None:
    ana = await till.customer()
    card = await till.do(save_payment_method, customer=ana, token="tok_ok", brand="Visa", last_four="4242")
    late = await till.do(save_payment_method, customer=ana, token="tok_dispute")

    first, second = [await paid(till, ana, method=one.reference) for one in (card, late)]

    assert [told(one) for one in (first, second)] == [("confirmed", "captured", TOTAL)] * 2
    assert first.payment is not None
    assert (await till.payment(first.payment.payment)).method_label == "Visa ending 4242"
    assert await misfits(mine) == {}


async def test_what_is_only_promised_confirms_the_order_and_is_taken_later(mine: NewShop, till: Till) -> None:
    placed = await paid(till, capture=False)

    assert told(placed) == ("confirmed", "authorized", 0)
    assert placed.payment is not None
    taken = await till.do(capture_payment, payment=placed.payment.payment)
    assert (taken.status, taken.captured.amount) == ("captured", TOTAL)
    assert await misfits(mine) == {}


async def test_credit_pays_at_once_or_nothing_is_placed(mine: NewShop, till: Till) -> None:
    ana = await till.customer()
    credit = (await till.do(issue_store_credit, customer=ana, amount=TOTAL)).method

    placed = await paid(till, ana, method=credit)
    with pytest.raises(NotEnoughCredit, match=r"has 0\.00 EUR"):
        await paid(till, ana, method=credit)

    assert told(placed) == ("confirmed", "captured", TOTAL)
    assert await reserved(mine) == {"MUG-BLUE": 1}
    assert [one.reference for one in (await till.do(list_orders)).data] == [placed.reference]
    assert await misfits(mine) == {}


async def test_one_key_places_and_charges_once(mine: NewShop, till: Till) -> None:
    asked = {"shipping_address": LYON, "lines": bought(("MUG-BLUE", 1)), "payment": {}}

    once, again = [await call(till.shop, create_order, asked, mine.caller("owner"), key="one") for _ in range(2)]

    assert (once.result, again.replayed) == (again.result, True)
    assert len((await till.do(list_orders)).data) == 1
    assert [row.balance.amount for row in (await till.do(get_ledger)).balances if row.account == "clearing"] == [TOTAL]


async def test_a_model_shows_what_it_would_charge_and_places_the_unpaid_by_itself(mine: NewShop, till: Till) -> None:
    model = replace(mine.caller("owner"), hand=Hand.model)
    asked: dict[str, Any] = {"shipping_address": LYON, "lines": bought(("MUG-BLUE", 1))}

    unpaid = await call(till.shop, create_order, asked, model, key="unpaid")
    charged = await call(till.shop, create_order, asked | {"payment": {}}, model, key="charged")

    assert (unpaid.approval, charged.result) == (None, None)
    assert charged.card is not None
    assert charged.card.sentences[-1] == "24.89 EUR are charged (card): it is confirmed."
    assert len((await till.do(list_orders)).data) == 1


async def test_who_may_place_orders_may_not_therefore_charge(mine: NewShop, till: Till) -> None:
    seller = await mine.key(scopes=["orders:write"])
    asked = {"shipping_address": LYON, "lines": bought(("MUG-BLUE", 1)), "payment": {}}
    with pytest.raises(Forbidden, match="payments:write"):
        await call(till.shop, create_order, asked, seller, key="seller")


async def test_what_cannot_pay_keeps_the_order_from_being_placed(mine: NewShop, till: Till) -> None:
    ana, ben = await till.customer(), await till.customer()
    bens = (await till.do(save_payment_method, customer=ben, token="tok_ok")).reference

    with pytest.raises(MethodNotUsable, match="is another customer's"):
        await paid(till, ana, method=bens)
    with pytest.raises(ProviderNotSetUp):
        await paid(till, token="pm_123")
    with pytest.raises(ShopError, match="not both"):
        await paid(till, ben, method=bens, token="tok_ok")
    with pytest.raises(ShopError, match="A draft is paid once it is placed"):
        await till.do(create_order, shipping_address=LYON, lines=bought(("MUG-BLUE", 1)), payment={}, draft=True)
    assert (await till.do(list_orders)).data == []


async def test_an_order_that_costs_nothing_is_not_paid(mine: NewShop, till: Till) -> None:
    await stocked(mine, "GIFT", price=0)

    placed = await till.do(create_order, channel="store", lines=bought(("GIFT", 1)), payment={})

    assert (placed.total.amount, placed.payment, placed.status) == (0, None, "pending")
