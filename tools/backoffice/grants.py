"""Who may give what to whom: nobody gives more than they have, and above a four-eyes threshold two people remain."""

from typing import Any, NamedTuple

from db.models.backoffice import Role
from db.money import Money
from tools.contract.context import Context
from tools.contract.errors import Conflict, Forbidden
from tools.contract.permissions import ROLES
from tools.contract.policy import ApprovalPolicy, Limits


class GrantsMoreThanYouHave(Forbidden):
    """Nobody gives a person or a program more than they have themselves."""

    hint = "Ask an owner of the shop."


class FourEyesNeedsTwo(Conflict):
    """Above a four-eyes threshold a second person has to agree, so two people must be able to."""

    hint = "Make a second person owner, or unset the threshold: `four_eyes_above` null in update_merchant."


class _Stored(NamedTuple):
    value: dict[str, Any]
    version: int


class _Count(NamedTuple):
    people: int


def must_hold(ctx: Context, permissions: frozenset[str], what: str) -> None:
    """Raise `GrantsMoreThanYouHave` unless the actor has all these permissions, which `what` would give."""
    missing = sorted(permissions - ctx.actor.permissions)
    if missing:
        raise GrantsMoreThanYouHave(
            f"{what} has {len(missing)} permissions that {ctx.actor.name} lacks: {', '.join(missing)}.",
            permission=missing[0],
        )


async def must_outrank(ctx: Context, role: Role) -> None:
    """Whoever may invite and no more gives roles below their own; who manages people gives up to their own.

    What a role may do is its permissions and, by the shop's own policy, its limits: both have to be within the giver's.
    """
    must_hold(ctx, ROLES[role], f"The role {role}")
    policy, _ = await policy_of(ctx)
    must_be_within(ctx, policy.limits(role, ctx.merchant.currency), f"The role {role}")
    if "users:write" not in ctx.actor.permissions and ROLES[role] == ctx.actor.permissions:
        raise GrantsMoreThanYouHave(
            f"{ctx.actor.name} may invite people to roles below their own, and {role} is their own.",
            permission="users:write",
        )


def must_be_within(ctx: Context, given: Limits, what: str) -> None:
    """Raise `GrantsMoreThanYouHave` when `what` would give a limit above the actor's own; None is unlimited."""
    actor, currency = ctx.actor, ctx.merchant.currency

    def amount(value: int | None) -> str:
        return "any amount" if value is None else str(Money(amount=value, currency=currency))

    def times(value: int | None) -> str:
        return "as often as wanted" if value is None else f"{value} times"

    for wanted, own, said, doing in (
        (given.per_call, actor.per_call, amount, "move {} a call"),
        (given.per_day, actor.per_day, amount, "move {} a day"),
        (given.stops_per_day, actor.stops_per_day, times, "cancel or block {} a day"),
    ):
        if own is not None and (wanted is None or wanted > own):
            raise GrantsMoreThanYouHave(
                f"{what} may {doing.format(said(wanted))}; {actor.name} may {doing.format(said(own))}."
            )


async def policy_of(ctx: Context) -> tuple[ApprovalPolicy, int]:
    """The shop's approval policy and its version; version 0 is the default policy."""
    stored = await ctx.sql.row(
        "select value, version from settings where merchant_id = %s and key = 'approval_policy'",
        (ctx.merchant.id,),
        as_=_Stored,
    )
    return (ApprovalPolicy.model_validate(stored.value), stored.version) if stored else (ApprovalPolicy(), 0)


async def must_leave_two_approvers(ctx: Context, threshold: int | None) -> None:
    """Raise `FourEyesNeedsTwo` when, as things now are, fewer than two people could approve an amount of any size."""
    if threshold is None:
        return
    await ctx.sql.flush()
    policy, _ = await policy_of(ctx)
    limits = {role: policy.limits(role, ctx.merchant.currency) for role in Role if "approvals:decide" in ROLES[role]}
    unlimited = [role.value for role, limit in limits.items() if limit.per_call is None and limit.per_day is None]
    found = await ctx.sql.rows(
        """
        select count(*) as people from memberships
        where merchant_id = %s and role = any(%s) and user_id is not null and deactivated_at is null
        """,
        (ctx.merchant.id, unlimited),
        as_=_Count,
    )
    if found[0].people < 2:
        raise FourEyesNeedsTwo(
            f"Above {Money(amount=threshold, currency=ctx.merchant.currency)} nobody may approve their own request, "
            f"and only {found[0].people} people could approve one of any size."
        )
