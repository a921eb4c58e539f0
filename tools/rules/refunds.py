"""Money on its way back: what an order's payments hold, less what is being given back already, and the intents for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from db.models.orders import Order
from db.models.payments import Payment, PaymentStatus, SavedMethod
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Result
from tools.contract.errors import Conflict
from tools.rules.credit import give_back, paid_with_credit
from tools.rules.under_way import under_way

REFUND, VOID, CHARGE = "refund_payment", "void_payment", "charge_payment"
AUTHORIZE, CAPTURE = "authorize_payment", "capture_payment"
EVIDENCE, RECONCILE, FEES = "submit_evidence", "reconcile_payments", "payout_fees"
LINK, UNLINK = "create_payment_link", "void_payment_link"
COMING = (AUTHORIZE, CHARGE)
_CAPTURED = (
    PaymentStatus.partially_captured, PaymentStatus.captured, PaymentStatus.partially_refunded, PaymentStatus.won,
)  # fmt: skip
_AUTHORIZED = (
    PaymentStatus.authorized, PaymentStatus.partially_captured, PaymentStatus.partially_refunded, PaymentStatus.refunded,
)  # fmt: skip


class MoneyBack(Result):
    """Money that is given back, or let go, through a payment; it is under way until the provider has done it."""

    payment: str = Field(description="The payment's reference.")
    amount: Money = Field(description="How much, in minor units.")
    intent: str | None = Field(
        description="What stands for it until it is done; null where it is back already, on store credit or a gift card."
    )


class ChargeUnderWay(Conflict):
    """The order is being charged at this moment; what it has paid is not known until that is done."""

    hint = "Wait until the charge is done (get_order shows it as under way), or cancel the order."


@dataclass(frozen=True)
class Tender:
    """A locked payment, and what is done with it outside at this moment. Amounts are minor units of its currency."""

    payment: Payment
    under_way: Sequence[Intent]

    def _on_its_way(self, kind: str) -> int:
        return sum(intent.amount or 0 for intent in self.under_way if intent.kind == kind)

    @property
    def kept(self) -> int:
        """What was taken and is neither given back nor on its way back."""
        payment = self.payment
        return payment.captured - payment.refunded - payment.charged_back - self._on_its_way(REFUND)

    @property
    def refundable(self) -> int:
        """What of it can be given back: nothing that is disputed."""
        return max(0, self.kept) if self.payment.status in _CAPTURED else 0

    @property
    def promised(self) -> int:
        """What is authorized, not taken, and not let go."""
        return self.left if self.payment.status in _AUTHORIZED else 0

    @property
    def left(self) -> int:
        """The same, however the payment stands: it may be disputed."""
        payment = self.payment
        under_way = self._on_its_way(VOID) + self.being_taken
        return max(0, payment.authorized - payment.captured - payment.voided - under_way)

    @property
    def being_taken(self) -> int:
        """What of it is being captured at this moment."""
        return self._on_its_way(CAPTURE)

    @property
    def coming(self) -> int:
        """What is being authorized or charged at this moment."""
        return self._on_its_way(AUTHORIZE) + self._on_its_way(CHARGE)

    @property
    def charged(self) -> bool:
        """Whether it is being charged at this moment."""
        return any(intent.kind in COMING for intent in self.under_way)


async def tenders(ctx: Context, order: Order) -> list[Tender]:
    """The payments of an order, locked, oldest first."""
    query = select(Payment).where(Payment.merchant_id == ctx.merchant.id, Payment.order_id == order.id)
    payments = (await ctx.db.scalars(query.order_by(Payment.id).with_for_update(key_share=True))).all()
    pending = await under_way(ctx, order.id)  # whoever carries one out waits for what is decided here
    return [Tender(payment, [one for one in pending if one.subject_id == payment.id]) for payment in payments]


def refuse_while_charged(order: Order, held: Sequence[Tender]) -> None:
    """Raise while one of its payments is being charged."""
    for tender in held:
        if tender.charged:
            raise ChargeUnderWay(f"{order.reference} is being charged by {tender.payment.reference}.")


def stop_charges(ctx: Context, held: Sequence[Tender]) -> list[Tender]:
    """No charge that has not begun is made, and nothing waits for it any more: its payment is cancelled with it."""
    stopped = {i.reference for tender in held for i in tender.under_way if i.kind in COMING and not i.attempts}
    left: list[Tender] = []
    for tender in held:
        gone = [i for i in tender.under_way if i.reference in stopped or i.arguments.get("after") in stopped]
        for intent in gone:
            ctx.move(intent, IntentStatus.cancelled, order_id=intent.order_id)
        if any(intent.reference in stopped for intent in gone):
            ctx.edit(tender.payment, None)
            ctx.move(tender.payment, PaymentStatus.cancelled, order_id=tender.payment.order_id)
            ctx.tell(f"{tender.payment.reference} is not charged any more.")
        left.append(Tender(tender.payment, [intent for intent in tender.under_way if intent not in gone]))
    return left


async def refund(
    ctx: Context,
    held: Sequence[Tender],
    most: int | None = None,
    after: str | None = None,
    for_return: str | None = None,
) -> list[MoneyBack]:
    """An intent for each payment with money in it, oldest first; no more than `most` minor units together, where given.

    `after` is an intent that has to be done first: while it is not, this one waits, and if it fails this is given up.
    `for_return` is the return that counts it as given back, until it fails.
    """
    backs: list[MoneyBack] = []
    for tender in held:
        amount = tender.refundable if most is None else min(tender.refundable, most)
        if not amount:
            continue
        most = None if most is None else most - amount
        backs.append(await refund_through(ctx, tender.payment, amount, after=after, for_return=for_return))
    return backs


async def refund_through(
    ctx: Context,
    payment: Payment,
    amount: int,
    *,
    after: str | None = None,
    reason: str | None = None,
    for_return: str | None = None,
    onto: SavedMethod | None = None,
) -> MoneyBack:
    """Give so much back through one locked payment, which has it: an intent; what was paid with credit is back at once.

    `onto` is another method of the customer's, onto which it is given by hand.
    """
    money = Money(amount=amount, currency=payment.currency)
    ctx.moves_money(money)
    if not paid_with_credit(payment) or after or onto:
        where, to = (f"go onto {onto.reference}", str(onto.id)) if onto else ("go back", None)
        ctx.tell(f"{money} {where} through {payment.reference}.")
        return await intend(ctx, REFUND, payment, amount, after=after, reason=reason, for_return=for_return, onto=to)
    order = await ctx.db.get_one(Order, (ctx.merchant.id, payment.order_id))
    credit = await give_back(ctx, order, payment, amount)
    ctx.tell(f"{money} of {payment.reference} go back onto {credit.method}: {credit.balance} are on it then.")
    return MoneyBack(payment=payment.reference, amount=money, intent=None)


async def let_go(ctx: Context, held: Sequence[Tender], after: str | None = None) -> list[MoneyBack]:
    """An intent for each payment that is authorized: it is not taken."""
    backs: list[MoneyBack] = []
    for tender in held:
        if tender.promised:
            back = await intend(ctx, VOID, tender.payment, tender.promised, after=after)
            ctx.tell(f"{back.amount} authorized on {back.payment} are let go, and not taken.")
            backs.append(back)
    return backs


def tell_what_stays(ctx: Context, held: Sequence[Tender]) -> None:
    """What of an order's money is not given back by this call, and why."""
    for tender in held:
        payment, on_its_way = tender.payment, sum(i.amount or 0 for i in tender.under_way if i.kind in (REFUND, VOID))
        if payment.status is PaymentStatus.disputed:
            ctx.tell(f"{payment.reference} is disputed: nothing is refunded through it.")
        elif on_its_way:
            ctx.tell(
                f"{words.money(on_its_way, payment.currency)} of {payment.reference} are on their way back already."
            )


async def intend(ctx: Context, kind: str, payment: Payment, amount: int, **more: Any) -> MoneyBack:
    """What a provider is to be asked for after the commit; arguments that are None are left out."""
    money = Money(amount=amount, currency=payment.currency)
    said = {name: value for name, value in more.items() if value is not None}
    intent = await ctx.intend(
        kind, ("payment", payment.id), order_id=payment.order_id, money=money, payment=payment.reference, **said
    )
    return MoneyBack(payment=payment.reference, amount=money, intent=intent.reference)
