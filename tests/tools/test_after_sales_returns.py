"""Returns until the goods come: what the policy says, what is asked for, and who says yes or no."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from db import clock
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.returning import MUG, deliver, delivered, shelve
from tests.tools.till import writing
from tools.after_sales.decisions import ReturnAlreadyDecided, approve_return, reject_return
from tools.after_sales.detail import get_return
from tools.after_sales.eligibility import check_return_eligibility
from tools.after_sales.listing import list_returns
from tools.after_sales.policies import NoSuchReturnRule, ReturnPolicyUnchanged, get_return_policy, set_return_policy
from tools.after_sales.receiving import receive_return
from tools.after_sales.requests import ReturnUnderWay, cancel_return, expire_return
from tools.contract.errors import Ambiguous, Invalid
from tools.flows.request_return import request_return
from tools.orders.detail import get_order
from tools.rules.returns import NotInOrder, ReturnNotAllowed


async def test_what_may_come_back_is_said_with_the_rule_the_day_and_the_figures(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    last_day = (clock.now() - timedelta(days=3)).astimezone(ZoneInfo("Europe/Paris")).date() + timedelta(days=30)

    said = await do(check_return_eligibility, order=order)
    (line,) = said.lines

    assert said.says.startswith(f"Yes, 5 {MUG} of {order} can come back until {last_day.day} {last_day:%B %Y}")
    assert "it gives 99.95 EUR. The customer pays the way back." in said.says
    assert (line.until, line.units, line.worth.amount, line.fee.amount) == (last_day, 5, 9_995, 0)
    assert line.why.startswith("the rule “everything else” of the built-in policy gives 30 days from delivery: until")


async def test_who_got_broken_goods_has_longer_pays_no_way_back_and_gets_the_shipping_too(
    mine: NewShop, do: Do
) -> None:
    order, _ = await delivered(mine, days_ago=60)

    late = await do(check_return_eligibility, order=order, reason="changed_mind")
    broken = await do(check_return_eligibility, order=order, reason="arrived_broken")
    some = await do(check_return_eligibility, order=order, reason="arrived_broken", sku="blue mug", quantity=2)

    assert not late.lines[0].returnable
    assert "gives 30 days from delivery: that was until" in late.says
    assert (broken.refund.amount, broken.shipping.amount, broken.lines[0].way_back) == (9_995 + 490, 490, "shop")
    assert (some.refund.amount, some.shipping.amount) == (3_998, 0)


async def test_an_order_keeps_the_policy_of_its_day_and_the_nearest_rule_decides(mine: NewShop, do: Do) -> None:
    before, ana = await delivered(mine)
    first = await do(set_return_policy, window_days=1, fee=350)
    await do(set_return_policy, category="Mugs", window_days=20, restocking_percent=10)
    now = await do(set_return_policy, category="mugs", reasons=["too_small"], returnable=False)
    after = await deliver(mine, ana, days_ago=-2)  # placed today

    old, new = [await do(check_return_eligibility, order=order) for order in (before, after)]
    small = await do(check_return_eligibility, order=after, reason="too_small")
    broken = await do(check_return_eligibility, order=after, reason="arrived_broken")

    assert (first.policy, now.policy) == (1, 3)
    assert (old.policy, old.refund.amount) == (0, 9_995)
    assert (new.policy, new.refund.amount, new.fee.amount) == (3, 9_995 - 1_000 - 350, 1_350)
    assert new.lines[0].why.startswith("the rule “Mugs” of policy 3 gives 20 days from delivery")
    assert small.says == f"No: {MUG}: the rule “too small in Mugs” of policy 3 takes none back."
    assert broken.lines[0].why.startswith("the rule “arrived broken” of policy 3 gives 90 days")
    assert (await do(get_return_policy, order=before)).policy == 0
    shown = await do(get_return_policy)
    assert [rule.about for rule in shown.rules[-2:]] == ["Mugs", "everything else"]
    assert shown.says == (
        "Returns in general: within 1 day of delivery, the customer pays the way back, 3.50 EUR is kept, "
        "paid for when as new and opened."
    )


async def test_a_rule_is_taken_away_and_saying_the_same_again_is_no_change(mine: NewShop, do: Do) -> None:
    await shelve(mine)
    await do(set_return_policy, category="Mugs", returnable=False)

    with pytest.raises(ReturnPolicyUnchanged, match="policy 1 says that already"):
        await do(set_return_policy, category="Mugs", returnable=False)
    with pytest.raises(NoSuchReturnRule, match="policy 1 has no rule “too large in Mugs”"):
        await do(set_return_policy, category="Mugs", reasons=["too_large"], remove=True)
    with pytest.raises(Invalid, match="To remove a rule"):
        await do(set_return_policy, remove=True)
    left = await do(set_return_policy, category="Mugs", remove=True)

    assert "Mugs" not in [rule.about for rule in left.rules]


async def test_a_return_is_asked_for_in_a_customers_words_and_shown_with_the_order(mine: NewShop, do: Do) -> None:
    order, ana = await delivered(mine)

    asked = await do(
        request_return, customer=ana.reference, lines=[{"sku": "the blue mugs", "quantity": 4}], reason="arrived_broken",
        wanted="store_credit", note="All in pieces!",
    )  # fmt: skip
    shown, listed = (
        await do(get_return, rma=asked.reference),
        await do(list_returns, open=True, product="mug", count=True),
    )

    assert (asked.order, asked.refund.amount, asked.lines[0].quantity) == (order, 7_996, 4)
    assert (
        asked.says == f"{asked.reference} of {order} waits to be approved or rejected; 79.96 EUR would be due for it."
    )
    assert asked.lines[0].rule == "the rule “arrived broken” of the built-in policy"
    assert (shown.note, shown.wanted, shown.customer) == ("All in pieces!", "store_credit", ana.reference)
    assert [(row.reference, row.goods, row.refund.amount) for row in listed.data] == [
        (asked.reference, "4 MUG-BLUE", 7_996)
    ]
    assert listed.total
    assert listed.total.sums[0].amount == 7_996
    assert [one.reference for one in (await do(get_order, order=order)).returns] == [asked.reference]
    assert await misfits(mine) == {}


async def test_units_come_back_once_whatever_is_asked(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    first = await do(request_return, order=order, lines=[{"sku": MUG, "quantity": 2}], reason="too_small")

    with pytest.raises(ReturnNotAllowed, match=rf"3 of it can come back, for 2 are in {first.reference}; 4 were asked"):
        await do(request_return, order=order, lines=[{"sku": MUG, "quantity": 4}], reason="too_small", goodwill=True)
    rest = await do(request_return, order=order, reason="too_small")
    with pytest.raises(ReturnNotAllowed, match=f"Nothing of {order} can come back"):
        await do(request_return, order=order, reason="too_small")
    await do(cancel_return, rma=rest.reference, note="He keeps them.")
    again = await do(request_return, order=order, lines=[{"sku": MUG}], reason="arrived_broken")

    assert (rest.lines[0].quantity, again.lines[0].quantity) == (3, 3)
    assert first.refund.amount + again.refund.amount == 9_995  # the shipping stays: some came for another reason
    assert await misfits(mine) == {}


async def test_what_the_policy_does_not_take_is_goodwill_or_nothing(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine, days_ago=31.9)

    with pytest.raises(ReturnNotAllowed, match="30 days from delivery: that was until"):
        await do(request_return, order=order, reason="changed_mind")
    kind = await do(request_return, order=order, reason="changed_mind", goodwill=True)
    card = (await do.outcome(approve_return, preview=True, rma=kind.reference)).card

    assert kind.goodwill
    assert card
    assert "The policy would not take it: this is goodwill." in card.sentences


async def test_goods_are_looked_for_in_the_order_and_named_where_they_are_not_found(mine: NewShop, do: Do) -> None:
    order, ana = await delivered(mine)

    with pytest.raises(NotInOrder, match=f"{order} has no teapot") as refused:
        await do(request_return, order=order, lines=[{"sku": "teapot"}], reason="other")
    with pytest.raises(NotInOrder, match=f"No order of {ana.reference} has teapot"):
        await do(request_return, customer=ana.reference, lines=[{"sku": "teapot"}], reason="other")
    second = await deliver(mine, ana, 1)
    with pytest.raises(Ambiguous, match=f"have it: {second} and {order}|have it: {order} and {second}"):
        await do(request_return, customer=ana.reference, lines=[{"sku": MUG}], reason="other")
    with pytest.raises(Invalid, match="Give the `order`, or the `customer`"):
        await do(request_return, lines=[{"sku": MUG}], reason="other")

    assert refused.value.advice == f"It has 5 {MUG} (Stoneware mug, blue)."


async def test_yes_and_no_are_said_once(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    one, two = [
        (await do(request_return, order=order, lines=[{"sku": MUG, "quantity": 1}], reason="other")).reference
        for _ in range(2)
    ]

    yes = await do(approve_return, rma=one, keeps_goods=True)
    no = await do(reject_return, rma=two, note="It was used.")

    assert (yes.status, yes.lines[0].accepted, no.status) == ("accepted", 1, "declined")
    assert (await do(get_return, rma=two)).note == "It was used."
    for rma in (one, two):
        with pytest.raises(ReturnAlreadyDecided):
            await do(approve_return, rma=rma)
        with pytest.raises(ReturnAlreadyDecided):
            await do(reject_return, rma=rma, note="No.")
    with pytest.raises(ReturnUnderWay, match=f"{one} is accepted"):
        await do(cancel_return, rma=one)


async def test_what_comes_after_its_return_has_expired_is_taken_all_the_same(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    rma = (await do(request_return, order=order, sku=MUG, quantity=2, reason="changed_mind")).reference
    await do(approve_return, rma=rma)
    assert (await do(expire_return, rma=rma)).status == "approved"
    async with writing(mine) as sql:
        long_ago = clock.now() - timedelta(days=60)
        await sql.execute("update returns set approved_at = %s where merchant_id = %s", (long_ago, mine.id))
    assert (await do(expire_return, rma=rma)).status == "expired"

    came = await do(receive_return, rma=rma)

    assert came.status == "received"
    assert (await do(get_order, order=order)).lines[0].returned == 2
    assert await misfits(mine) == {}
