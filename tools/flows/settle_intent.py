"""The outcome of what was to be done outside, booked: the worker's own operation, after the provider has answered."""

from typing import Literal

from pydantic import Field

from db.models.backoffice import Intent, IntentStatus
from db.models.payments import Dispute, DisputeStatus
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.flows.settling import Came, hear_what_waited, locked, settle


class SettleIntent(Input):
    intent: str = Field(description="What was done outside, such as `INT-12`.")
    outcome: Literal["succeeded", "pending", "needs_action", "failed"] = Field(description="What was said of it.")
    reference: str | None = Field(default=None, description="The provider's name for the payment.")
    transaction: str | None = Field(default=None, description="The provider's name for this very movement.")
    code: str | None = Field(default=None, description="Why it failed.")
    action_url: str | None = Field(default=None, description="Where the customer confirms it.")
    says: str | None = Field(default=None, description="What the provider wants to be known.")


class IntentSettled(Result):
    intent: str = Field(description="What was done outside.")
    status: IntentStatus = Field(description="Where it stands now.")
    going_on: list[str] = Field(description="What waited for it and may be done now.")


@tool(
    room="payments",
    route="POST /payments/intents/{intent}/outcome",
    effect=Effect.record,
    permission="payments:write",
    raises=[],
    examples=[],
    internal=True,
)
async def settle_intent(ctx: Context, args: SettleIntent) -> IntentSettled:
    """Book how something that was asked of a provider came out; what was booked already stays."""
    found = await ctx.find(Intent, args.intent)
    order, payment, pending = await locked(ctx, found.subject_id)
    intent = next((one for one in pending if one.reference == args.intent), None)
    if intent is None:
        await ctx.db.refresh(found, ["status"])
        return IntentSettled(intent=args.intent, status=found.status, going_on=[])
    came = Came(args.outcome, args.reference, args.transaction, args.code, args.action_url, args.says)
    going_on = await settle(ctx, order, payment, intent, came, pending)
    if payment.provider_reference:
        await ctx.sql.flush()
        going_on += await hear_what_waited(ctx, order, payment, pending)
    return IntentSettled(intent=args.intent, status=intent.status, going_on=going_on)


class SettleDispute(Input):
    intent: str = Field(description="What was done outside, such as `INT-12`.")
    outcome: str = Field(description="What was said of it.")
    code: str | None = Field(default=None, description="Why it failed.")


@tool(
    room="payments",
    route="POST /disputes/intents/{intent}/outcome",
    effect=Effect.record,
    permission="payments:write",
    raises=[],
    examples=[],
    internal=True,
)
async def settle_dispute(ctx: Context, args: SettleDispute) -> IntentSettled:
    """Book whether a provider took the answer to a dispute; one that it did not take can be given again."""
    intent = await ctx.find(Intent, args.intent, for_update=True)
    if intent.status is not IntentStatus.pending:
        return IntentSettled(intent=args.intent, status=intent.status, going_on=[])
    dispute = await ctx.db.get_one(Dispute, (ctx.merchant.id, intent.subject_id), with_for_update={"key_share": True})
    intent.outcome = {"outcome": args.outcome, "code": args.code}
    if args.outcome != "succeeded":
        ctx.edit(dispute, None, submitted_at=None)
        ctx.move(intent, IntentStatus.failed, order_id=dispute.order_id, code=args.code)
        return IntentSettled(intent=args.intent, status=intent.status, going_on=[])
    ctx.move(intent, IntentStatus.succeeded, order_id=dispute.order_id)
    if dispute.status is DisputeStatus.needs_response:
        ctx.edit(dispute, None)
        ctx.move(dispute, DisputeStatus.under_review, order_id=dispute.order_id)
    return IntentSettled(intent=args.intent, status=intent.status, going_on=[])
