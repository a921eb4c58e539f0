"""Goods that come back: received, looked at, and paid for or exchanged."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from db.models.backoffice import Intent
from db.models.payments import SavedMethod
from tests.conftest import Do
from tests.factories import NewShop, make_variant, make_warehouse, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.returning import MUG, deliver, delivered, shelf
from tests.tools.till import writing
from tools.after_sales.decisions import approve_return
from tools.after_sales.detail import get_return
from tools.after_sales.inspecting import MoreThanReceived, NoLongerSetAside, ReturnNotReceived, inspect_return
from tools.after_sales.policies import set_return_policy
from tools.after_sales.receiving import MoreThanExpected, NoWarehouseForReturns, ReturnNotExpected, receive_return
from tools.after_sales.requests import ReturnUnderWay, cancel_return
from tools.contract.errors import IllegalMove, RowLocked
from tools.flows.exchange_items import ExchangeNeedsCustomer, exchange_items
from tools.flows.request_return import request_return
from tools.flows.settle_return import (
    CreditNeedsCustomer,
    FeeAboveWorth,
    NothingToGiveBack,
    ReturnNotInspected,
    settle_return,
)
from tools.inventory.adjustments import adjust_stock
from tools.orders.detail import get_order
from tools.rules.refunds import ChargeUnderWay
from tools.rules.stock import NotEnoughStock


async def approved(do: Do, order: str, units: int | None = None, **more: Any) -> str:
    """A return of mugs that may come."""
    asked = {"reason": "arrived_broken", "lines": [{"sku": MUG, "quantity": units}] if units else []} | more
    rma = (await do(request_return, order=order, **asked)).reference
    await do(approve_return, rma=rma)
    return rma


async def inspected(do: Do, order: str, units: int | None = None, condition: str = "damaged", **more: Any) -> str:
    """A return of mugs that came and was looked at."""
    rma = await approved(do, order, units, **more)
    await do(receive_return, rma=rma)
    await do(inspect_return, rma=rma, condition=condition)
    return rma


async def refunds(mine: NewShop) -> list[int | None]:
    """What providers are asked to give back."""
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(Intent).where(Intent.merchant_id == mine.id, Intent.kind == "refund_payment")
        return [intent.amount for intent in (await sql.session.scalars(query.order_by(Intent.id))).all()]


async def credit_of(mine: NewShop) -> list[int | None]:
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(SavedMethod.balance).where(SavedMethod.merchant_id == mine.id)
        return list((await sql.session.scalars(query)).all())


async def test_broken_mugs_come_back_in_two_parcels_and_are_paid_for_as_they_are(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = await approved(do, order)

    some = await do(receive_return, rma=rma, lines=[{"sku": "mugs", "quantity": 3}])
    apart = await shelf(mine)
    rest = await do(receive_return, rma=rma)
    first = await do(
        inspect_return, rma=rma, units=[{"sku": MUG, "quantity": 2, "condition": "damaged", "note": "No handle."}]
    )
    last = await do(
        inspect_return, rma=rma,
        units=[{"sku": MUG, "quantity": 1, "condition": "as_new"}, {"sku": MUG, "quantity": 1, "condition": "used"},
               {"sku": MUG, "condition": "missing"}],
    )  # fmt: skip
    settled = await do(settle_return, rma=rma)
    shown = await do(get_return, rma=rma)

    assert (some.status, some.lines[0].received, apart, rest.lines[0].received) == ("received", 3, (8, 3), 5)
    assert (first.status, last.status) == ("inspecting", "partially_accepted")
    assert await shelf(mine) == (7, 1)  # 5 that never left, one as new, one to be refurbished
    assert (last.lines[0].received, last.lines[0].accepted, last.lines[0].restocked) == (4, 4, 1)
    # And no shipping: one was not sent.
    assert (settled.status, settled.refunded.amount) == ("refunded", 9_995 * 4 // 5)
    assert await refunds(mine) == [9_995 * 4 // 5]
    assert [(one.quantity, one.condition, one.disposition) for one in shown.inspections] == [
        (2, "damaged", "dispose"), (1, "as_new", "restock"), (1, "used", "refurbish"), (1, "missing", None),
    ]  # fmt: skip
    assert shown.inspections[0].note == "No handle."
    assert (await do(get_order, order=order)).return_state == "partly_returned"
    assert await misfits(mine) == {}


async def test_all_that_arrived_broken_is_paid_for_with_the_shipping_and_once(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = await inspected(do, order)

    card = (await do.outcome(settle_return, preview=True, rma=rma)).card
    settled = await do(settle_return, rma=rma)
    with pytest.raises(ReturnNotInspected, match=f"{rma} is refunded, so it cannot be settled"):
        await do(settle_return, rma=rma)

    assert card
    assert [str(money) for money in ([card.money] if card.money else [])] == ["104.85 EUR"]
    assert settled.says == f"{rma} of {order} is refunded; 104.85 EUR were given for it."
    assert await refunds(mine) == [10_485]
    assert await misfits(mine) == {}


async def test_many_who_settle_at_once_settle_once(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = await inspected(do, order)

    done = await asyncio.gather(*(do(settle_return, rma=rma) for _ in range(8)), return_exceptions=True)

    given = [one for one in done if not isinstance(one, BaseException)]
    assert len(given) == 1
    assert all(isinstance(one, ReturnNotInspected | IllegalMove | RowLocked) for one in done if one not in given)
    assert await refunds(mine) == [10_485]


async def test_the_policy_keeps_its_fee_and_does_not_pay_for_what_was_used(mine: NewShop, do: Do) -> None:
    customer = (await delivered(mine)).customer
    await do(set_return_policy, reasons=["changed_mind"], fee=350, restocking_percent=10)
    order = await deliver(mine, customer, days_ago=-2)
    rma = await approved(do, order, reason="changed_mind")
    await do(receive_return, rma=rma)

    seen = await do(
        inspect_return, rma=rma,
        units=[{"sku": MUG, "quantity": 3, "condition": "opened"}, {"sku": MUG, "quantity": 2, "condition": "used"}],
    )  # fmt: skip
    card = (await do.outcome(settle_return, preview=True, rma=rma, fee=100)).card
    settled = await do(settle_return, rma=rma)

    assert (seen.status, seen.lines[0].accepted, seen.lines[0].restocked) == ("partially_accepted", 3, 3)
    assert (seen.fee.amount, seen.refund.amount) == (600 + 350, 5_997 - 950)
    assert card
    assert "1.00 EUR are kept, instead of the 9.50 EUR of the policy." in card.sentences
    assert (settled.refunded.amount, settled.fee.amount) == (5_047, 950)
    with pytest.raises(FeeAboveWorth):
        await do(settle_return, rma=await inspected(do, (await deliver(mine, customer, 1))), fee=10_000)
    assert await misfits(mine) == {}


async def test_what_does_not_pass_is_not_paid_for(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = await inspected(do, order, 2, condition="used", reason="too_small")

    settled = await do(settle_return, rma=rma)

    assert (settled.status, settled.refunded.amount, settled.refund.amount) == ("returned_to_customer", 0, 0)
    assert await refunds(mine) == []
    assert await misfits(mine) == {}


async def test_store_credit_is_given_at_once_and_no_provider_is_asked(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = await inspected(do, order, 2, wanted="store_credit")

    settled = await do(settle_return, rma=rma)

    assert settled.status == "credited"
    assert settled.credit
    assert settled.credit.balance.amount == 3_998
    assert (await refunds(mine), await credit_of(mine)) == ([], [3_998])
    assert (await do(get_order, order=order)).refunded.amount == 3_998
    assert await misfits(mine) == {}


async def test_what_the_customer_keeps_is_settled_without_a_parcel(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = (
        await do(request_return, order=order, lines=[{"sku": MUG, "quantity": 1}], reason="arrived_broken")
    ).reference
    await do(approve_return, rma=rma, keeps_goods=True)

    settled = await do(settle_return, rma=rma)

    assert (settled.status, settled.refunded.amount) == ("refunded", 1_999)
    assert await shelf(mine) == (5, 0)
    assert await misfits(mine) == {}


async def test_never_more_is_given_than_was_paid(mine: NewShop, do: Do) -> None:
    order, ana = await delivered(mine, paid=False)
    unpaid = await inspected(do, order, 2)
    with pytest.raises(NothingToGiveBack, match=f"of {order} 0.00 EUR were paid, and 0.00 EUR given back or under way"):
        await do(settle_return, rma=unpaid)
    paid = await deliver(mine, ana)
    async with writing(mine) as sql:
        await sql.execute(
            "update payments set refunded = 5000, status = 'partially_refunded' where merchant_id = %s", (mine.id,)
        )
        await sql.execute("update orders set refunded = 5000 where merchant_id = %s and paid > 0", (mine.id,))
    rma = await inspected(do, paid)

    settled = await do(settle_return, rma=rma)

    assert (settled.refund.amount, settled.refunded.amount) == (10_485, 10_485 - 5_000)


async def test_an_exchange_is_a_return_and_an_order_whose_difference_is_settled(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    async with writing(mine) as sql:
        place = await warehouse_of(sql)
        make_variant(sql, "MUG-WHITE", title="White mug", price=1_500, warehouse=place)
        make_variant(sql, "POT", title="Teapot", price=4_900, warehouse=place, stock=1)

    cheaper = await do(exchange_items, order=order, items=[{"sku": "blue mug", "quantity": 2, "new_sku": "MUG-WHITE"}])
    dearer = await do(exchange_items, order=order, items=[{"sku": MUG, "quantity": 1, "new_sku": "POT"}])
    with pytest.raises(NotEnoughStock):
        await do(exchange_items, order=order, items=[{"sku": MUG, "quantity": 1, "new_sku": "POT"}])

    assert (cheaper.total.amount, cheaper.paid.amount, cheaper.due.amount, cheaper.status) == (
        3_000,
        3_000,
        0,
        "confirmed",
    )
    assert [back.amount.amount for back in cheaper.refunds] == [3_998 - 3_000]
    assert cheaper.says.endswith("sends the new ones: 9.98 EUR go back to the customer.")
    assert (dearer.total.amount, dearer.paid.amount, dearer.due.amount, dearer.status) == (
        4_900,
        1_999,
        2_901,
        "pending",
    )
    assert await credit_of(mine) == [0]  # it went through the customer's credit, and nothing stayed there
    new = await do(get_order, order=cheaper.new_order)
    assert (new.payment_state, new.shipping.amount, new.paid.amount) == ("paid", 0, 3_000)
    assert await misfits(mine) == {}

    with pytest.raises(ReturnUnderWay):
        await do(cancel_return, rma=cheaper.rma)
    await do(receive_return, rma=cheaper.rma)
    await do(inspect_return, rma=cheaper.rma, condition="used")
    sent_back = await do(settle_return, rma=cheaper.rma)
    assert (sent_back.status, sent_back.refunded.amount) == ("returned_to_customer", 3_998)
    assert await refunds(mine) == [998]
    assert await misfits(mine) == {}


async def test_a_return_that_came_is_settled_as_an_exchange_or_repaired(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    swapped = await inspected(do, order, 2, wanted="exchange")
    mended = await inspected(do, order, 1, wanted="repair")

    settled = await do(settle_return, rma=swapped)
    repaired = await do(settle_return, rma=mended)

    assert (settled.status, settled.refunded.amount, settled.due.amount) == ("exchanged", 3_998, 0)
    assert [line.sku for line in (await do(get_order, order=settled.new_order)).lines] == [MUG]
    assert (await do(get_return, rma=swapped)).exchange_order == settled.new_order
    assert (repaired.status, repaired.refunded.amount) == ("repaired", 0)
    assert await refunds(mine) == []
    assert await misfits(mine) == {}


async def test_a_guest_is_refunded_and_gets_no_credit_nor_exchange(mine: NewShop, do: Do) -> None:
    known = await delivered(mine)
    async with writing(mine) as sql:
        await sql.execute("update orders set customer_id = null where merchant_id = %s", (mine.id,))
        await sql.execute("delete from customer_figures where merchant_id = %s", (mine.id,))
    rma = await inspected(do, known.order, 1)

    with pytest.raises(CreditNeedsCustomer):
        await do(settle_return, rma=rma, settle_as="store_credit")
    with pytest.raises(ExchangeNeedsCustomer):
        await do(exchange_items, order=known.order, items=[{"sku": MUG, "quantity": 1, "new_sku": MUG}])
    assert (await do(settle_return, rma=rma)).status == "refunded"


async def test_each_step_comes_after_the_one_before_and_says_what_is_missing(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    async with writing(mine) as sql:
        make_warehouse(sql, reference="WH-2", code="OLD").active = False
    rma = (await do(request_return, order=order, reason="defective")).reference

    with pytest.raises(ReturnNotExpected, match=f"{rma} is requested"):
        await do(receive_return, rma=rma)
    await do(approve_return, rma=rma)
    with pytest.raises(ReturnNotReceived, match=f"{rma} is approved"):
        await do(inspect_return, rma=rma, condition="as_new")
    with pytest.raises(ReturnNotInspected, match=f"{rma} is approved"):
        await do(settle_return, rma=rma)
    with pytest.raises(MoreThanExpected, match=f"{rma} is for 5 {MUG}, of which 0 came before; 6 more cannot come"):
        await do(receive_return, rma=rma, lines=[{"sku": MUG, "quantity": 6}])
    with pytest.raises(NoWarehouseForReturns, match=r"OLD .*is closed"):
        await do(receive_return, rma=rma, warehouse="WH-2")
    await do(receive_return, rma=rma)
    with pytest.raises(MoreThanReceived, match=f"5 {MUG} of {rma} are there and not looked at yet"):
        await do(inspect_return, rma=rma, units=[{"sku": MUG, "quantity": 6, "condition": "as_new"}])
    await do(adjust_stock, sku=MUG, warehouse="WH-1", set_aside=-4)
    with pytest.raises(NoLongerSetAside, match=f"1 {MUG} are set aside there, and 5 were looked at"):
        await do(inspect_return, rma=rma, condition="as_new")


async def test_nothing_is_settled_while_the_order_is_being_charged(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = await inspected(do, order)
    async with writing(mine) as sql:
        await sql.execute(
            """
            insert into intents (merchant_id, id, reference, status, kind, subject_kind, subject_id, order_id, arguments,
                                 ledger_key, attempts, created_at)
            select merchant_id, gen_random_uuid(), 'INT-900001', 'pending', 'charge_payment', 'payment', id, order_id, '{}', 'k', 0,
                   now() from payments where merchant_id = %s
            """,
            (mine.id,),
        )

    with pytest.raises(ChargeUnderWay):
        await do(settle_return, rma=rma)
