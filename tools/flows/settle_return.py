"""Settling a return: its money goes back the way it came, onto store credit, or into an order of other goods."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from db.models.after_sales import Return, ReturnStatus, ReturnWish
from db.models.customers import Customer
from db.models.orders import Order
from db.models.payments import CREDIT, SavedMethod
from db.money import Money
from tools.after_sales.fields import ReturnRef, Wish
from tools.after_sales.rows import locked_return
from tools.after_sales.shown import Coming, lines_of, says
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import MinorUnits
from tools.flows.exchange_items import ExchangeNeedsCustomer, Replaced, replace, split
from tools.orders.wishes import NewLine
from tools.rules.charging import refund_onto
from tools.rules.credit import Credit, refund_as_credit
from tools.rules.refunds import (
    ChargeUnderWay,
    MoneyBack,
    refund,
    refuse_while_charged,
    tell_what_stays,
    tenders,
)
from tools.rules.stock import NotEnoughStock
from tools.rules.told import goods, named_order

_BECOMES = {
    ReturnWish.refund: ReturnStatus.refunded,
    ReturnWish.store_credit: ReturnStatus.credited,
    ReturnWish.exchange: ReturnStatus.exchanged,
    ReturnWish.repair: ReturnStatus.repaired,
}


class ReturnNotInspected(Conflict):
    """Nobody has looked at all of the goods yet, or the return is over."""

    hint = "What has come is inspected first (inspect_return). Goods that need not come: approve_return with `keeps_goods`."


class NothingToGiveBack(Conflict):
    """Nothing that was paid for the order is left to be given back."""

    hint = "get_order shows what was paid and given back. Beyond that, give store credit as a gift."


class FeeAboveWorth(Invalid):
    """More would be kept than the goods are worth."""


class CreditNeedsCustomer(Conflict):
    """Store credit belongs to a customer, and the order is a guest's."""

    hint = "Refund it instead; or register the guest with create_customer."


class SettleReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")
    settle_as: Wish | None = Field(
        default=None, description="Refund, store credit, exchange or repair; omit for what the customer wanted."
    )
    fee: MinorUnits | None = Field(
        default=None,
        ge=0,
        le=10**12,
        description="Keep so much instead of the policy's fee; minor units of the order's currency.",
    )
    lines: list[NewLine] = Field(
        default=[],
        max_length=100,
        description="For an exchange, what is sent; omit for what was asked for, else the same goods once more.",
    )


class SettledReturn(Result):
    """What was given for the goods."""

    reference: str = Field(description="The return's reference.")
    order: str = Field(description="The order's number.")
    status: ReturnStatus = Field(
        description="Refunded, credited, exchanged, repaired, or on its way back to the customer."
    )
    says: str = Field(description="What happened, as a sentence.")
    refund: Money = Field(description="What was due, fees taken off, in minor units.")
    fee: Money = Field(description="What was kept, in minor units.")
    refunded: Money = Field(description="What was given, or is on its way, in minor units.")
    refunds: list[MoneyBack] = Field(description="What goes back the way it was paid.")
    credit: Credit | None = Field(description="What was given as store credit.")
    new_order: str | None = Field(description="The order of the new goods, in an exchange.")
    due: Money = Field(description="What the customer has still to pay for them, in minor units.")
    version: int = Field(description="Grows with each change.")


@tool(
    room="after_sales",
    route="POST /returns/{rma}/settlement",
    effect=Effect.money,
    permission="payments:refund",
    raises=[ReturnNotInspected, NothingToGiveBack, FeeAboveWorth, CreditNeedsCustomer, ExchangeNeedsCustomer, NotEnoughStock,
            ChargeUnderWay],
    examples=[
        "Settle RMA-17",
        "Pay RMA-1023 out as store credit",
        "Refund return 1031, but keep 5 euros for the way back",
    ],
)  # fmt: skip
async def settle_return(ctx: Context, args: SettleReturn) -> SettledReturn:
    """Give what is due for an inspected return: money, store credit or other goods.

    A refund goes back the way it was paid, oldest payment first, less the policy's fee, and never more than was paid and not given
    back. A return that did not pass is closed without money. Amounts are minor units of the order's currency.
    """
    row, order = await locked_return(ctx, args.rma)
    lines = await lines_of(ctx, row)
    if row.status is ReturnStatus.rejected:
        return _send_back(ctx, row, order, lines)
    if row.status not in (ReturnStatus.accepted, ReturnStatus.partially_accepted):
        raise ReturnNotInspected(f"{row.reference} is {words.word(row.status)}, so it cannot be settled.")
    wish = ReturnWish.exchange if row.exchange_order_id else args.settle_as or row.wanted
    _keep(ctx, row, args.fee)
    method = await ctx.db.get_one(SavedMethod, (ctx.merchant.id, row.saved_method_id)) if row.saved_method_id else None
    ctx.tell(f"{row.reference} of {named_order(order)} is settled as {words.word(wish)}: {goods(_accepted(lines))}.")

    refunds: list[MoneyBack] = []
    credit: Credit | None = None
    replaced: Replaced | None = None
    if row.exchange_order_id:
        ctx.tell("The new goods were ordered before: no more is given.")
    elif wish is ReturnWish.exchange:
        replaced = await replace(ctx, order, row, args.lines or _wanted(lines), row.refund, method)
        refunds = replaced.refunds
    elif wish is ReturnWish.repair:
        ctx.tell("The goods go back repaired, and no money is given.")
    elif row.refund:
        refunds, credit = await _give(ctx, order, row, wish, method)
    return await _settled(ctx, row, order, wish, refunds, credit, replaced)


def _accepted(lines: Sequence[Coming]) -> dict[str, int]:
    return {of.sku: line.accepted for line, of in lines if line.accepted}


def _wanted(lines: Sequence[Coming]) -> list[NewLine]:
    """What was asked for instead of the units that passed; the same goods once more, where nothing was."""
    wanted = Counter[str]()
    for line, of in lines:
        left = line.accepted
        for want in line.wants:
            units = min(left, int(want["quantity"]))
            wanted[str(want["sku"])] += units
            left -= units
        wanted[of.sku] += left
    return [NewLine(sku=sku, quantity=units) for sku, units in wanted.items() if units]


def _keep(ctx: Context, row: Return, fee: int | None) -> None:
    """Another fee than the policy's, where one was said. Raises `FeeAboveWorth`."""
    if fee is not None and fee != row.fee:
        worth = row.refund + row.fee
        if fee > worth:
            asked, all_ = words.money(fee, row.currency), words.money(worth, row.currency)
            raise FeeAboveWorth(f"{asked} were to be kept of {row.reference}, which is worth {all_}.")
        ctx.tell(
            f"{words.money(fee, row.currency)} are kept, instead of the {words.money(row.fee, row.currency)} of the policy."
        )
        ctx.edit(row, None, fee=fee, refund=worth - fee)
    elif row.fee:
        ctx.tell(f"{words.money(row.fee, row.currency)} are kept by the policy.")


async def _give(
    ctx: Context, order: Order, row: Return, wish: ReturnWish, method: SavedMethod | None
) -> tuple[list[MoneyBack], Credit | None]:
    """What is due, as far as it was paid and is not given back. Raises `NothingToGiveBack`, `CreditNeedsCustomer`."""
    if wish is ReturnWish.store_credit and order.customer_id is None:
        raise CreditNeedsCustomer(f"{order.reference} is of a guest.")
    held = await tenders(ctx, order)
    refuse_while_charged(order, held)
    available = sum(tender.refundable for tender in held)
    amount = min(row.refund, available)
    if not amount:
        paid, back = words.money(order.paid, order.currency), words.money(order.refunded, order.currency)
        raise NothingToGiveBack(
            f"{words.money(row.refund, row.currency)} are due for {row.reference}; of {order.reference} {paid} were paid, and "
            f"{back} given back or under way: nothing is left."
        )
    if amount < row.refund:
        ctx.tell(
            f"{words.money(row.refund, row.currency)} are due, and {words.money(amount, row.currency)} are left of what was paid."
        )
    ctx.edit(row, None, refunded=amount)
    if wish is ReturnWish.store_credit:
        customer = await ctx.db.get_one(Customer, (ctx.merchant.id, order.customer_id))
        return [], await refund_as_credit(ctx, order, customer, split(held, amount))
    if method:
        await ctx.db.refresh(method, with_for_update={"key_share": True})
        held = sorted(held, key=lambda tender: tender.payment.saved_method_id != method.id)
    if method and method.method in CREDIT:
        refunds = await refund_onto(ctx, order, held, method, amount, for_return=row.reference)
    else:
        refunds = await refund(ctx, held, amount, for_return=row.reference)
    tell_what_stays(ctx, [tender for tender in held if tender.under_way])
    return refunds, None


def _send_back(ctx: Context, row: Return, order: Order, lines: Sequence[Coming]) -> SettledReturn:
    """What did not pass goes back to the customer, and nothing is given."""
    ctx.edit(row, None, settled_at=ctx.now())
    ctx.move(row, ReturnStatus.returned_to_customer, order_id=order.id)
    units = goods({of.sku: line.received for line, of in lines if line.received})
    ctx.tell(
        f"{row.reference} of {named_order(order)} did not pass: {units or 'nothing'} to be sent back, and no money is given."
    )
    return _shown(row, order, [], None, None)


async def _settled(
    ctx: Context, row: Return, order: Order, wish: ReturnWish, refunds: list[MoneyBack], credit: Credit | None,
    replaced: Replaced | None,
) -> SettledReturn:  # fmt: skip
    ctx.edit(row, None, settled_at=ctx.now())
    ctx.move(row, _BECOMES[wish], order_id=order.id, amount=row.refunded, currency=row.currency)
    return _shown(row, order, refunds, credit, replaced)


def _shown(
    row: Return, order: Order, refunds: list[MoneyBack], credit: Credit | None, replaced: Replaced | None
) -> SettledReturn:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency)

    sentence = says(row.reference, order.reference, row.status, money(row.refund), money(row.fee), money(row.refunded))
    return SettledReturn(
        reference=row.reference,
        order=order.reference,
        status=row.status,
        says=sentence,
        refund=money(row.refund),
        fee=money(row.fee),
        refunded=money(row.refunded),
        refunds=refunds,
        credit=credit,
        new_order=replaced.order.reference if replaced else None,
        due=money(replaced.due if replaced else 0),
        version=row.version,
    )
