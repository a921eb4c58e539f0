"""The approval policy: which operations wait for a person, above which amounts, by role."""

from difflib import get_close_matches

from pydantic import Field

from db.models.backoffice import Role
from tools.backoffice.grants import FourEyesNeedsTwo, must_leave_two_approvers, policy_of
from tools.backoffice.settings import put_setting
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import DECLARED, Effect, Input, Result, tool
from tools.contract.errors import Invalid, StaleVersion
from tools.contract.permissions import ROLES
from tools.contract.policy import ApprovalPolicy, Limits
from tools.contract.secret import secret_fields, takes_secrets


class DecisionsCannotWait(Invalid):
    """A decision that waits for a decision would never be made."""


class UnknownOperation(Invalid):
    """Only what the shop can do can be made to wait."""


class SecretCannotWait(Invalid):
    """A secret is shown once, to whoever asks; carried out later it would be shown to nobody."""

    hint = "Leave it out of `always`: it is for people only, and takes its own permission."


class PolicyDetail(Result):
    """What holds now."""

    currency: str = Field(description="The home currency, in which the limits are.")
    roles: dict[Role, Limits] = Field(description="The limits of each role, minor units of the home currency.")
    rights: dict[Role, list[str]] = Field(
        description="What each role may do at all: `prices:write` is to change prices, `orders:read` to see orders."
    )
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
    examples=[
        "How much may support refund without asking?",
        "Show the approval policy",
        "What may a warehouse person do?",
    ],
)
async def get_approval_policy(ctx: Context, args: GetApprovalPolicy) -> PolicyDetail:
    """Show what each role may do and move without asking, and what always waits."""
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
    raises=[
        DecisionsCannotWait, FourEyesNeedsTwo, SecretCannotWait, StaleVersion, UnknownOperation,
    ],
    examples=["Managers may move 1,000 euros a call from now on", "Always ask before an order is cancelled"],
    for_people=True,
    version_required=True,
)  # fmt: skip
async def set_approval_policy(ctx: Context, args: SetApprovalPolicy) -> PolicyDetail:
    """Say who may move how much without asking, and what always waits for a person.

    Amounts are minor units of the home currency. With a four-eyes threshold, a second person has to agree to a laxer policy.
    """
    _must_be_able_to_wait(args.always)
    present, _ = await policy_of(ctx)
    policy = ApprovalPolicy(roles=args.roles, always=args.always)
    for role in Role:
        before, after = (which.limits(role, ctx.merchant.currency) for which in (present, policy))
        if _laxer(before, after):
            ctx.loosens(f"{role} may move or stop more")
    if gone := sorted(set(present.always) - set(policy.always)):
        ctx.loosens(f"{', '.join(gone)} no longer waits each time")
    _tell(ctx, present, policy)

    row = await put_setting(ctx, "approval_policy", policy.model_dump(mode="json"), args.version or 0)
    await must_leave_two_approvers(ctx, ctx.merchant.four_eyes_above)
    return _shown(ctx, policy, row.version)


def _must_be_able_to_wait(always: list[str]) -> None:
    """Raise unless each is an operation that can be carried out later, on a decision."""
    if "decide_approval" in always:
        raise DecisionsCannotWait("decide_approval cannot wait for an approval.", hint="Leave it out of `always`.")
    for name in always:
        if name not in DECLARED:
            nearest = get_close_matches(name, DECLARED, n=3)
            raise UnknownOperation(
                f"There is no operation {name}.",
                hint=f"The nearest are {', '.join(nearest)}." if nearest else "`shopkeeper tools` lists them.",
            )
        if secret_fields(DECLARED[name].output):
            raise SecretCannotWait(f"{name} answers with a secret, and cannot wait for an approval.")
        if takes_secrets(DECLARED[name].input) or DECLARED[name].for_visitors:
            raise SecretCannotWait(
                f"{name} takes a secret, or a link, that no card keeps: it cannot wait for an approval."
            )


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


def _laxer(before: Limits, after: Limits) -> bool:
    limits = [(getattr(before, name), getattr(after, name)) for name in Limits.model_fields]
    return any(old is not None and (new is None or new > old) for old, new in limits)


def _shown(ctx: Context, policy: ApprovalPolicy, version: int) -> PolicyDetail:
    return PolicyDetail(
        currency=ctx.merchant.currency,
        roles={role: policy.limits(role, ctx.merchant.currency) for role in Role},
        rights={role: sorted(held) for role, held in ROLES.items()},
        own=list(policy.roles),
        always=policy.always,
        four_eyes_above=ctx.merchant.four_eyes_above,
        version=version,
    )
