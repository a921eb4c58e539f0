"""What customers pay with again: tokens, store credit, gift cards; and an order that several of them pay together."""

import psycopg
import pytest

from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tools.contract.call import opened, validated
from tools.contract.errors import NotFound, ShopError
from tools.flows.authorize_payment import authorize_payment
from tools.flows.cancel_order import cancel_order
from tools.orders.detail import get_order
from tools.payments.credit import (
    NothingToGive,
    ReasonIsNotByHand,
    get_gift_card,
    issue_gift_card,
    issue_store_credit,
)
from tools.payments.ledger import get_ledger
from tools.payments.methods import (
    CreditStays,
    CustomerGone,
    MethodNotTokens,
    list_payment_methods,
    remove_payment_method,
    save_payment_method,
)
from tools.payments.moving import NobodyToCredit, refund_payment
from tools.rules.charging import MethodNotUsable
from tools.rules.credit import NotEnoughCredit
from tools.rules.paying import ProviderNotSetUp

_ = till


async def test_a_gift_card_store_credit_and_a_card_pay_an_order_together(mine: NewShop, till: Till) -> None:
    ana = await till.customer()
    card = await till.do(save_payment_method, customer=ana, token="tok_ok", brand="Visa", last_four="4242")
    credit = await till.do(issue_store_credit, customer=ana, amount=700)
    gift = await till.do(issue_gift_card, amount=1_000, reason="sold")
    order = await till.order(ana)

    paid = await till.do(
        authorize_payment, order=order, capture=True,
        split=[{"method": gift.reference, "amount": 1_000}, {"method": credit.method, "amount": 700}, {"method": card.reference}],
    )  # fmt: skip

    assert [(one.method, one.status, one.captured.amount) for one in paid.payments] == [
        ("gift_card", "captured", 1_000), ("store_credit", "captured", 700), ("card", "captured", TOTAL - 1_700),
    ]  # fmt: skip
    assert (paid.open.amount, (await till.do(get_order, order=order)).payment_state) == (0, "paid")
    assert (await till.payment(paid.payments[2].payment)).method_label == "Visa ending 4242"
    with pytest.raises(NotEnoughCredit, match=r"has 0\.00 EUR, and 24\.89 EUR"):
        await till.do(authorize_payment, order=await till.order(ana), method=credit.method)
    spent = await till.do(get_gift_card, card=gift.code or "")
    assert (spent.balance.amount, spent.usable, [(one.reason, one.amount.amount) for one in spent.history]) == (
        0, False, [("spent", -1_000), ("sold", 1_000)],
    )  # fmt: skip

    await till.do(cancel_order, order=order)

    methods = (await till.do(list_payment_methods, customer=ana)).methods
    assert [(one.method, one.balance and one.balance.amount) for one in methods] == [
        ("store_credit", 700),
        ("card", None),
    ]
    assert (await till.do(get_gift_card, card=gift.reference)).balance.amount == 1_000
    books = await till.do(get_ledger, limit=2)
    assert books.balanced
    assert {row.account: row.balance.amount for row in books.balances} == {
        "clearing": 1_000, "gift_cards": -1_000, "goodwill": 700, "receivables": 0, "store_credit": -700,
    }  # fmt: skip
    assert (len(books.data), books.has_more) == (2, True)
    of_order = await till.do(get_ledger, order=order, account="gift_cards", after=None)
    assert [line.amount.amount for line in of_order.data] == [-1_000, 1_000]
    assert await misfits(mine) == {}


async def test_a_refund_becomes_store_credit_of_whoever_bought(mine: NewShop, till: Till) -> None:
    ana = await till.customer()
    paid = (await till.do(authorize_payment, order=await till.order(ana), capture=True)).payments[0]
    nobodys = (await till.do(authorize_payment, order=await till.order(), capture=True)).payments[0]

    back = await till.do(refund_payment, payment=paid.payment, amount=900, to="store_credit")

    assert (back.status, back.refunded.amount, back.intent) == ("partially_refunded", 900, None)
    (credit,) = (await till.do(list_payment_methods, customer=ana)).methods
    assert credit.balance is not None
    assert credit.balance.amount == 900
    with pytest.raises(NobodyToCredit):
        await till.do(refund_payment, payment=nobodys.payment, to="store_credit")
    with pytest.raises(CreditStays, match=r"still has 9\.00 EUR"):
        await till.do(remove_payment_method, customer=ana, method=credit.reference)
    assert await misfits(mine) == {}


async def test_the_whole_ledger_is_added_up_once_and_a_part_of_it_beside_the_whole(
    mine: NewShop, till: Till, owner_url: str
) -> None:
    order = await till.order()
    await till.do(authorize_payment, order=order, capture=True)

    for narrowed, sums in (({}, 1), ({"order": order}, 2)):
        async with opened(mine.shop, get_ledger, mine.caller("owner")) as (ctx, _):
            books = await get_ledger.run(ctx, validated(get_ledger, narrowed))
            assert sum("sum(" in statement for statement in ctx.sql.statements) == sums
        assert books.balanced

    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "update journal_entries set amount = amount + 1 where account = 'clearing' and merchant_id = %s", [mine.id]
        )
    assert not (await till.do(get_ledger)).balanced
    assert not (await till.do(get_ledger, account="receivables")).balanced


async def test_no_card_number_is_taken_anywhere(mine: NewShop, till: Till) -> None:
    ana = await till.customer()
    for number in ("4242424242424242", "4242-4242-4242-4242", "5555555555554444"):
        with pytest.raises(ShopError, match="never taken"):
            await till.do(save_payment_method, customer=ana, token=number)
    with pytest.raises(ShopError):
        await till.do(save_payment_method, customer=ana, token="tok_ok", last_four="42424242")

    async with mine.shop.database.transaction(mine.id) as sql:
        kept = await sql.execute("select 1 from saved_methods where merchant_id = %s", (mine.id,))
    assert kept == 0


async def test_what_cannot_be_saved_given_or_paid_with(mine: NewShop, till: Till) -> None:
    ana, ben = await till.customer(), await till.customer()
    with pytest.raises(MethodNotTokens):
        await till.do(save_payment_method, customer=ana, token="tok_ok", method="cash")
    with pytest.raises(ProviderNotSetUp):
        await till.do(save_payment_method, customer=ana, token="pm_123")
    with pytest.raises(NothingToGive):
        await till.do(issue_store_credit, customer=ana, amount=0)
    with pytest.raises(ReasonIsNotByHand, match="for spent is not given by hand"):
        await till.do(issue_store_credit, customer=ana, amount=5, reason="spent")
    with pytest.raises(NotFound, match="no gift card NOPE"):
        await till.do(get_gift_card, card="NOPE")
    card = await till.do(save_payment_method, customer=ana, token="tok_ok")
    with pytest.raises(MethodNotUsable, match="is another customer's"):
        await till.do(authorize_payment, order=await till.order(ben), method=card.reference)
    await till.do(remove_payment_method, customer=ana, method=card.reference)
    with pytest.raises(MethodNotUsable, match="was removed"):
        await till.do(authorize_payment, order=await till.order(ana), method=card.reference)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute(
            "update customers set status = 'blocked' where merchant_id = %s and reference = %s", (mine.id, ana)
        )
        await sql.commit()
    with pytest.raises(CustomerGone):
        await till.do(issue_store_credit, customer=ana, amount=5)
