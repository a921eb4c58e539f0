"""Which calls wait for a person. It looks at the effect that the run produced (money moved, things stopped), not at arguments."""

from typing import Any

from pydantic import ConfigDict, Field

from db.exact import Exact
from db.models.backoffice import Role
from db.money import Money, exponent
from tools.contract.actors import Actor, Caller, Hand, Proof, Shopfront
from tools.contract.context import NO_LIMIT, Context, Day, Produced
from tools.contract.daily import Spent, may_have_approved, spent_before
from tools.contract.declare import Effect, Tool

KEY_STOPS_PER_DAY = 20


class Limits(Exact):
    """What a role may move without asking, in minor units of the home currency; null is unlimited."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_call: int | None = Field(ge=0, description="Minor units that one call may move; null is unlimited.")
    per_day: int | None = Field(
        ge=0, description="Minor units that a day's calls may move together; null is unlimited."
    )
    stops_per_day: int | None = Field(ge=0, description="Cancellations and blocks a day; null is unlimited.")


class ApprovalPolicy(Exact):
    """The merchant's own rules; what it does not name keeps the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: dict[Role, Limits] = Field(default={}, description="Limits by role, instead of the default ones.")
    always: list[str] = Field(default=[], description="Operations that always wait for a person, whoever calls them.")

    def limits(self, role: Role, currency: str) -> Limits:
        return self.roles.get(role) or default_limits(currency)[role]


def default_limits(currency: str) -> dict[Role, Limits]:
    """500.00 a call and 2,000.00 a day for a manager, 50.00 and 200.00 for support, in whole units of the home currency."""
    unit = 10 ** exponent(currency)
    nothing = Limits(per_call=0, per_day=0, stops_per_day=0)
    return {
        Role.owner: Limits(per_call=None, per_day=None, stops_per_day=50),
        Role.manager: Limits(per_call=500 * unit, per_day=2_000 * unit, stops_per_day=20),
        Role.support: Limits(per_call=50 * unit, per_day=200 * unit, stops_per_day=5),
        Role.warehouse: nothing,
        Role.viewer: nothing,
    }


def asks_first(tool: Tool[Any, Any], caller: Caller, policy: ApprovalPolicy, produced: Produced) -> str | None:
    """Why a call waits however much it moved: models show what they are about to do. The shop's own jobs wait for nobody's yes."""
    weighty = tool.effect.weighty or produced.money or produced.foreign
    hand, changes = caller.hand, tool.effect not in (Effect.read, Effect.record)
    if tool.name in policy.always and caller.proof is not Proof.system:
        return "The shop's policy has this confirmed each time."
    if hand is Hand.planner and changes:
        return "The embedded planner shows every change before it is made."
    if hand is Hand.model and weighty:
        return "A model asks before it moves money or goods, gives access, or sends anything out."
    if hand is Hand.model and caller.tainted and changes:
        return "A model that has read text from outside asks before it changes anything."
    return None


async def beyond_limits(
    ctx: Context, produced: Produced, *, counting: bool = True, leaving: bool = False
) -> str | None:
    """Why the actor may not answer for this alone, in one sentence; None within their limits.

    `counting` says that it is what this very call does, which then counts in the actor's day; `leaving` that its last statement
    comes next: the day is then left to that, where it can be.
    """
    actor, currency, money = ctx.actor, ctx.merchant.currency, produced.money
    if produced.foreign and actor.per_call is not None:
        return f"It moves {produced.foreign[0]}, and {actor.name}'s limit is in {currency}."
    if actor.per_call is not None and money > actor.per_call:
        most = Money(amount=actor.per_call, currency=currency)
        return f"It moves {Money(amount=money, currency=currency)}; {actor.name} may move {most} a call."
    day = _day(actor, produced)
    if day == NO_LIMIT:
        return None
    if leaving and not may_have_approved(actor):
        ctx.day = day
        return None
    return _beyond(ctx, produced, day, await spent_before(ctx, counting=counting))


async def beyond_the_day(ctx: Context, produced: Produced) -> str:
    """The same for what the last statement was refused to count; nothing is counted by this."""
    said = _beyond(ctx, produced, _day(ctx.actor, produced), await spent_before(ctx, counting=False))
    return said or f"It was more than {ctx.actor.name} might do in the day that has ended."


def _day(actor: Actor, produced: Produced) -> Day:
    """What counts of the actor's day for a call that did this."""
    return Day(actor.per_day if produced.money else None, actor.stops_per_day if produced.stops else None)


def _beyond(ctx: Context, produced: Produced, day: Day, spent: Spent) -> str | None:
    def shown(amount: int) -> Money:
        return Money(amount=amount, currency=ctx.merchant.currency)

    who, money, stops = ctx.actor.name, produced.money, produced.stops
    if day.money is not None and spent.money + money > day.money:
        return f"It moves {shown(money)} after {shown(spent.money)} today; {who} may move {shown(day.money)} a day."
    if day.stops is not None and spent.stops + stops > day.stops:
        return f"It cancels or blocks {stops} after {spent.stops} today; {who} may do so {day.stops} times a day."
    return None


def needs_another(shop: Shopfront, produced: Produced) -> str | None:
    """Why a second person has to agree: it loosens what watches over the shop, or moves more than the four-eyes threshold, or
    money that cannot be compared with it."""
    threshold = shop.four_eyes_above
    if threshold is None:
        return None
    if produced.loosens:
        return f"With four eyes set, a second person has to agree that {produced.loosens}."
    if produced.money <= threshold and not produced.foreign:
        return None
    return f"Above {Money(amount=threshold, currency=shop.currency)} a second person has to agree."
