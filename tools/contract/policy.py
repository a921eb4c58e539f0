"""Which calls wait for a person. It looks at the effect that the run produced (money moved, things stopped), not at arguments."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from db.models.backoffice import Role
from db.money import Money, exponent
from tools.contract.actors import Actor, Hand, Shopfront
from tools.contract.context import Produced
from tools.contract.declare import Effect

KEY_STOPS_PER_DAY = 20


class Limits(BaseModel):
    """What a role may move without asking, in minor units of the home currency; null is unlimited."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_call: int | None = Field(ge=0, description="Minor units that one call may move; null is unlimited.")
    per_day: int | None = Field(
        ge=0, description="Minor units that a day's calls may move together; null is unlimited."
    )
    stops_per_day: int | None = Field(ge=0, description="Cancellations and blocks a day; null is unlimited.")


class ApprovalPolicy(BaseModel):
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


class Spent(NamedTuple):
    """What an actor's committed calls of a day moved so far."""

    money: int
    stops: int


TODAY = """
select coalesce(sum(money), 0)::bigint as money, coalesce(sum(stops), 0)::bigint as stops
from audit_entries where merchant_id = %(merchant)s and actor = %(actor)s and created_at >= %(since)s
"""
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended(%(merchant)s::text || %(actor)s || 'limits', 0))"


def day_start(now: datetime, shop: Shopfront) -> datetime:
    """The merchant's midnight."""
    return now.astimezone(shop.zone).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Weighing:
    """All that decides whether a call waits."""

    tool: str
    effect: Effect
    hand: Hand
    swayed: bool  # a model calls for how the shop works, after it has read text that outsiders wrote
    actor: Actor
    shop: Shopfront
    policy: ApprovalPolicy
    produced: Produced

    def reason_before_running(self) -> str | None:
        """What is known without the run: models show what they are about to do."""
        if self.tool in self.policy.always:
            return "The shop's policy has this confirmed each time."
        if self.hand is Hand.planner and self.effect not in (Effect.read, Effect.record):
            return "The embedded planner shows every change before it is made."
        if self.hand is Hand.model and self.effect.weighty:
            return "A model asks before it moves money or goods, gives access, or sends anything out."
        if self.swayed:
            return "A model that has read text from outside asks before it changes how the shop works."
        return None

    def needs_the_day(self) -> bool:
        """Whether the day's totals have to be read."""
        counts_money = bool(self.produced.money) and self.actor.per_day is not None
        return counts_money or (bool(self.produced.stops) and self.actor.stops_per_day is not None)

    def reason(self, spent: Spent | None) -> str | None:
        """Why this run waits, in one sentence; None when it may be committed."""
        return self.reason_before_running() or self._over_a_limit(spent or Spent(0, 0)) or self._own_request()

    def _over_a_limit(self, spent: Spent) -> str | None:
        money, actor = self.produced.money, self.actor
        if self.produced.foreign and actor.per_call is not None:
            return f"It moves {self.produced.foreign[0]}, and {actor.name}'s limit is in {self.shop.currency}."
        if actor.per_call is not None and money > actor.per_call:
            return f"It moves {self._shown(money)}; {actor.name} may move {self._shown(actor.per_call)} a call."
        if actor.per_day is not None and money and spent.money + money > actor.per_day:
            return (
                f"It moves {self._shown(money)} after {self._shown(spent.money)} today; "
                f"{actor.name} may move {self._shown(actor.per_day)} a day."
            )
        if (
            actor.stops_per_day is not None
            and self.produced.stops
            and spent.stops + self.produced.stops > actor.stops_per_day
        ):
            return f"{actor.name} has cancelled or blocked {spent.stops} today, and may do so {actor.stops_per_day} times a day."
        return None

    def _own_request(self) -> str | None:
        threshold = self.shop.four_eyes_above
        if threshold is not None and self.produced.money > threshold:
            return f"Above {self._shown(threshold)} a second person has to agree."
        return None

    def _shown(self, amount: int) -> str:
        return str(Money(amount=amount, currency=self.shop.currency))
