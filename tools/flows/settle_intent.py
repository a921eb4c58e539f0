"""The outcome of what was to be done outside, booked: the worker's own operation, after the provider has answered."""

from typing import Literal

from pydantic import Field

from db.models.backoffice import Intent, IntentStatus
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
