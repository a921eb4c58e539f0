"""The approval policy: which operations wait for a person, above which amounts, by role."""

from pydantic import Field

from db.models.backoffice import Role
from tools.backoffice.grants import FourEyesNeedsTwo, GrantsMoreThanYouHave, must_leave_two_approvers, policy_of
from tools.backoffice.settings import put_setting
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Invalid, StaleVersion
from tools.contract.policy import ApprovalPolicy, Limits


class DecisionsCannotWait(Invalid):
    """A decision that waits for a decision would never be made."""


class PolicyDetail(Result):
    """What holds now."""

    currency: str = Field(description="The home currency, in which the limits are.")
    roles: dict[Role, Limits] = Field(description="The limits of each role, minor units of the home currency.")
    own: list[Role] = Field(description="The roles whose limits the shop chose; the others have the default ones.")
    always: list[str] = Field(description="Operations that always wait for a person, whoever calls them.")
    four_eyes_above: int | None = Field(
        description="Minor units above which nobody approves their own request; null is unset. update_merchant sets it."
    )
    version: int = Field(description="Grows with each change, 0 before the first; set_approval_policy needs it.")


class GetApprovalPolicy(Input):
    """Nothing to say: a shop has one policy."""


@tool(
    route="GET /approval-policy",
    effect=Effect.read,
    permission="approvals:read",
    raises=[],
    examples=["How much may support refund without asking?", "Show the approval policy"],
)
async def get_approval_policy(ctx: Context, args: GetApprovalPolicy) -> PolicyDetail:
    """Show who may move how much without asking, and what always waits for a person."""
    return _shown(ctx, *await policy_of(ctx))


class SetApprovalPolicy(Input):
    """The whole policy; roles that it does not name get the default limits again."""

    roles: dict[Role, Limits] = Field(
        default={}, description="Limits by role, minor units of the home currency, instead of the default ones."
    )
    always: list[str] = Field(
        default=[], max_length=200, description="Operations that always wait for a person, such as cancel_order."
    )
    version: int | None = Field(default=None, ge=0, description="The version that was read; 0 for a first policy.")


@tool(
    route="PUT /approval-policy",
    effect=Effect.access,
    permission="policy:write",
    raises=[DecisionsCannotWait, FourEyesNeedsTwo, GrantsMoreThanYouHave, StaleVersion],
    examples=["Managers may move 1,000 euros a call from now on", "Always ask before an order is cancelled"],
    for_people=True,
    version_required=True,
)
async def set_approval_policy(ctx: Context, args: SetApprovalPolicy) -> PolicyDetail:
    """Say who may move how much without asking, and what always waits for a person.

    Amounts are minor units of the home currency. A program with a key cannot raise a limit above its own.
    """
    if "decide_approval" in args.always:
        raise DecisionsCannotWait("decide_approval cannot wait for an approval.", hint="Leave it out of `always`.")
    present, _ = await policy_of(ctx)
    policy = ApprovalPolicy(roles=args.roles, always=args.always)
    for role in Role:
        before, after = (which.limits(role, ctx.merchant.currency) for which in (present, policy))
        _must_not_exceed(ctx, role, before, after)
    _tell(ctx, present, policy)

    row = await put_setting(ctx, "approval_policy", policy.model_dump(mode="json"), args.version or 0)
    await must_leave_two_approvers(ctx, ctx.merchant.four_eyes_above)
    return _shown(ctx, policy, row.version)


def _tell(ctx: Context, present: ApprovalPolicy, policy: ApprovalPolicy) -> None:
    told = len(ctx.sentences)
    for role in Role:
        was, becomes = (_limits(which.limits(role, ctx.merchant.currency), ctx) for which in (present, policy))
        if was != becomes:
            ctx.tell(f"The role {role} may do alone from now on: {becomes}. Until now: {was}.")
    for change, before, after in (("", present, policy), ("no longer ", policy, present)):
        named = [words.word(name) for name in after.always if name not in before.always]
        if named:
            these = f"this {change}needs" if len(named) == 1 else f"these {change}need"
            ctx.tell(f"From now on {these} a person's approval each time: {words.listed(named, most=10)}.")
    if len(ctx.sentences) == told:
        ctx.tell("Who may do what without approval stays as it is.")


def _limits(limits: Limits, ctx: Context) -> str:
    a_call, a_day = (
        "any amount" if amount is None else words.money(amount, ctx.merchant.currency)
        for amount in (limits.per_call, limits.per_day)
    )
    stops = "any number of" if limits.stops_per_day is None else f"{limits.stops_per_day:,}"
    return f"{a_call} a call, {a_day} a day, {stops} cancellations and blocks a day"


def _must_not_exceed(ctx: Context, role: Role, before: Limits, after: Limits) -> None:
    if ctx.actor.role is Role.owner:
        return
    for name in Limits.model_fields:
        own, old, new = getattr(ctx.actor, name), getattr(before, name), getattr(after, name)
        if own is not None and new != old and (new is None or new > own):
            raise GrantsMoreThanYouHave(
                f"{name} of {role} would become {'unlimited' if new is None else new}; {ctx.actor.name} has {own}."
            )


def _shown(ctx: Context, policy: ApprovalPolicy, version: int) -> PolicyDetail:
    return PolicyDetail(
        currency=ctx.merchant.currency,
        roles={role: policy.limits(role, ctx.merchant.currency) for role in Role},
        own=list(policy.roles),
        always=policy.always,
        four_eyes_above=ctx.merchant.four_eyes_above,
        version=version,
    )
