"""How returns are shown: the pieces that several answers of the room have in common."""

from typing import Any, NamedTuple

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from db.models.after_sales import (
    Condition,
    Disposition,
    Return,
    ReturnLine,
    ReturnReason,
    ReturnStatus,
    ReturnWish,
    WayBack,
)
from db.models.orders import Order, OrderLine
from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Result
from tools.rules.return_policy import Terms


class ReturnedLine(Result):
    """Units of a line that come back."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units that are to come back.")
    received: int = Field(description="Units that came.")
    accepted: int = Field(description="Units that are paid for, once they were looked at.")
    restocked: int = Field(description="Units that went back on sale.")
    wants: list[str] = Field(description="In an exchange, units and SKUs that are wanted for them.")
    reason: ReturnReason = Field(description="Why.")
    condition: Condition | None = Field(description="How all of them are, where they share it.")
    disposition: Disposition | None = Field(description="What becomes of all of them, where they share it.")
    worth: Money = Field(description="What is given for it before any fee, in minor units.")
    rule: str = Field(description="The rule that decided, and of which policy.")
    way_back: WayBack | None = Field(description="Who pays for the parcel back; null for returns from elsewhere.")


class ReturnStanding(Result):
    """A return, and what stands in it now."""

    reference: str = Field(description="The return's reference, such as `RMA-17`.")
    order: str = Field(description="The order's number.")
    status: ReturnStatus = Field(description="Where it stands.")
    says: str = Field(description="Where it stands and what it gives, as a sentence.")
    reason: ReturnReason = Field(description="Why.")
    wanted: ReturnWish = Field(description="What the customer wants for it.")
    refund: Money = Field(description="What is due for it, fees taken off, in minor units.")
    fee: Money = Field(description="What the policy keeps, in minor units.")
    shipping: Money = Field(description="What of it is the order's shipping, in minor units.")
    refunded: Money = Field(description="What was given for it, or is on its way, in minor units.")
    difference: Money | None = Field(
        description="What the goods that are wanted instead cost more (above zero) or less, when they were asked for; minor units."
    )
    goodwill: bool = Field(description="Whether it was taken though the policy would not.")
    lines: list[ReturnedLine] = Field(description="What comes back.")
    version: int = Field(description="Grows with each change.")


class Coming(NamedTuple):
    """A line of a return, with the order's."""

    line: ReturnLine
    of: OrderLine

    @property
    def terms(self) -> Terms:
        """The rule that decided; of a return that was made before rules were kept, the built-in one."""
        return Terms.model_validate(self.line.terms or {"policy": 0})


async def lines_of(ctx: Context, row: Return) -> list[Coming]:
    """The lines of a return, in the order's order."""
    query = (
        select(ReturnLine, OrderLine)
        .join(OrderLine, (OrderLine.merchant_id == ctx.merchant.id) & (OrderLine.id == ReturnLine.order_line_id))
        .where(ReturnLine.merchant_id == ctx.merchant.id, ReturnLine.return_id == row.id)
        .options(joinedload(OrderLine.variant))
        .order_by(OrderLine.position)
    )
    return [Coming(line, of) for line, of in await ctx.db.execute(query)]


def rule_of(terms: dict[str, Any] | None) -> str:
    return Terms.model_validate(terms).named if terms else "none was kept"


SAYS = {
    ReturnStatus.requested: "waits to be approved or rejected",
    ReturnStatus.approved: "is approved and has to come in",
    ReturnStatus.declined: "was rejected",
    ReturnStatus.cancelled: "was called off",
    ReturnStatus.label_sent: "has its label and has to come in",
    ReturnStatus.in_transit: "is on its way back",
    ReturnStatus.received: "has come in and has to be inspected",
    ReturnStatus.expired: "never came",
    ReturnStatus.inspecting: "is inspected in part",
    ReturnStatus.accepted: "passed and has to be settled",
    ReturnStatus.partially_accepted: "passed in part and has to be settled",
    ReturnStatus.rejected: "did not pass: nothing is paid for it",
    ReturnStatus.refunded: "is refunded",
    ReturnStatus.exchanged: "is exchanged",
    ReturnStatus.credited: "was given as store credit",
    ReturnStatus.repaired: "is repaired",
    ReturnStatus.returned_to_customer: "goes back to the customer",
    ReturnStatus.closed: "is closed",
}


def says(reference: str, order: str, status: ReturnStatus, refund: Money, fee: Money, refunded: Money) -> str:
    """`RMA-17 of ORD-1042 has come in and has to be inspected; 39.98 EUR are due for it, 3.50 EUR kept.`"""
    kept = f", {fee} kept" if fee.amount else ""
    money = f"{refunded} were given for it" if refunded.amount else f"{refund} would be due for it"
    if status in (ReturnStatus.accepted, ReturnStatus.partially_accepted):
        money = f"{refund} are due for it"
    if status in (ReturnStatus.declined, ReturnStatus.cancelled, ReturnStatus.expired, ReturnStatus.rejected):
        return f"{reference} of {order} {SAYS[status]}."
    return f"{reference} of {order} {SAYS[status]}; {money}{kept}."


def state_of(row: Return, order: Order, lines: list[Coming]) -> ReturnStanding:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency)

    return ReturnStanding(
        reference=row.reference,
        order=order.reference,
        status=row.status,
        says=says(row.reference, order.reference, row.status, money(row.refund), money(row.fee), money(row.refunded)),
        reason=row.reason,
        wanted=row.wanted,
        refund=money(row.refund),
        fee=money(row.fee),
        shipping=money(row.shipping),
        refunded=money(row.refunded),
        difference=None if row.difference is None else money(row.difference),
        goodwill=row.goodwill,
        lines=[
            ReturnedLine(
                sku=of.sku, title=of.title, quantity=line.quantity, received=line.received, accepted=line.accepted,
                restocked=line.restocked, wants=[f"{want['quantity']:,} {want['sku']}" for want in line.wants],
                reason=line.reason, condition=line.condition, disposition=line.disposition,
                worth=money(line.refund), rule=rule_of(line.terms),
                way_back=Terms.model_validate(line.terms).way_back if line.terms else None,
            )
            for line, of in lines
        ],
        version=row.version,
    )  # fmt: skip
