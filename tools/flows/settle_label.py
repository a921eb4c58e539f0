"""How buying a label came out, or taking one back: the worker's own operation, after the carrier has answered."""

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from db.models.orders import Order
from db.models.transport import Fulfilment, FulfilmentStatus
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.flows.cancel_shipment import ask_label_back, take_back
from tools.transport.connected import BUY_LABEL
from tools.transport.shipments import compact_number


class SettleLabel(Input):
    intent: str = Field(description="What was asked of the carrier, such as `INT-12`.")
    outcome: Literal["succeeded", "pending", "failed"] = Field(description="What was said of it.")
    tracking_number: str | None = Field(default=None, max_length=60, description="The number of the label.")
    amount: int | None = Field(default=None, ge=0, description="What it cost, minor units of `currency`.")
    currency: str | None = Field(default=None, max_length=3, description="The currency.")
    label_url: str | None = Field(default=None, max_length=2_000, description="Where the label is.")
    code: str | None = Field(default=None, max_length=200, description="Why it failed.")
    says: str | None = Field(default=None, max_length=500, description="What the carrier says of it.")


class LabelSettled(Result):
    intent: str = Field(description="What was asked of the carrier.")
    status: IntentStatus = Field(description="Where it stands now.")
    shipment: str = Field(description="The shipment's reference.")
    going_on: list[str] = Field(description="What follows from it, and may be asked now.")


@tool(
    room="transport",
    route="POST /shipments/intents/{intent}/outcome",
    effect=Effect.record,
    permission="transport:write",
    raises=[],
    examples=[],
    internal=True,
)
async def settle_label(ctx: Context, args: SettleLabel) -> LabelSettled:
    """Book how a label was bought or taken back; what was booked already stays."""
    found = await ctx.find(Intent, args.intent)
    key = {"merchant_id": ctx.merchant.id, "id": found.order_id}
    order = await ctx.db.get_one(Order, key, with_for_update={"key_share": True})
    query = select(Fulfilment).where(Fulfilment.merchant_id == ctx.merchant.id, Fulfilment.id == found.subject_id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    shipment = (await ctx.db.scalars(locked)).one()
    intent = await ctx.find(Intent, args.intent, for_update=True)
    if intent.status is IntentStatus.pending:
        intent.outcome = args.model_dump(mode="json", exclude={"intent"}, exclude_none=True)
        if args.outcome != "pending":
            ctx.move(intent, IntentStatus(args.outcome), order_id=order.id)
            await (_bought if intent.kind == BUY_LABEL else _taken_back)(ctx, order, shipment, args)
    return LabelSettled(
        intent=args.intent, status=intent.status, shipment=shipment.reference, going_on=list(ctx.intents)
    )


async def _bought(ctx: Context, order: Order, shipment: Fulfilment, args: SettleLabel) -> None:
    """The parcel can leave; one that was cancelled meanwhile gets its money back, and one without a label is put back."""
    wanted = shipment.status is FulfilmentStatus.rated
    if args.outcome == "failed":
        if wanted:
            await take_back(ctx, order, shipment)
            ctx.edit(shipment, None)
            ctx.move(shipment, FulfilmentStatus.voided, order_id=order.id, code=args.code)
        return
    ctx.edit(shipment, None, **_on_the_label(shipment, args))
    if wanted:
        ctx.move(shipment, FulfilmentStatus.label_purchased, order_id=order.id)
        ctx.event("shipped", shipment, order_id=order.id, carrier=shipment.carrier)
    else:
        await ask_label_back(ctx, shipment)


def _on_the_label(shipment: Fulfilment, args: SettleLabel) -> dict[str, Any]:
    """What the label says, and its price where it is not what was quoted."""
    values: dict[str, Any] = {
        "tracking_number": compact_number(args.tracking_number or ""), "label_url": args.label_url,
    }  # fmt: skip
    if args.amount is not None and args.currency and (args.amount, args.currency) != (shipment.cost, shipment.currency):
        values |= {"cost": args.amount, "currency": args.currency}
        values["charges"] = [{"name": shipment.service or "label", "amount": args.amount}]
    return values


async def _taken_back(ctx: Context, order: Order, shipment: Fulfilment, args: SettleLabel) -> None:
    kind = "label_refunded" if args.outcome == "succeeded" else "label_not_refunded"
    ctx.event(kind, shipment, order_id=order.id, code=args.code)
