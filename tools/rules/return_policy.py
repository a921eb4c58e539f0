"""What may come back, until when, and what it costs: the shop's terms as they held when an order was placed.

A policy is a set of rules. The one that fits best decides: first those that are about the reason, then the nearest category, then
the rule about all else. A shop that never set any has the built-in ones, as policy 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ConfigDict

from db.exact import Exact
from db.models.after_sales import Condition, ReturnReason, WayBack
from db.money import Rounding, rounded
from tools.contract import words
from tools.contract.context import Context

OURS_TO_ANSWER_FOR = (
    ReturnReason.arrived_broken, ReturnReason.defective, ReturnReason.wrong_item, ReturnReason.not_as_described,
)  # fmt: skip


class Terms(Exact):
    """A rule, and which policy it is of; kept with each line that it decided. `fee` is minor units of the home currency."""

    model_config = ConfigDict(frozen=True)

    policy: int
    category_id: UUID | None = None
    category: str | None = None
    reason: ReturnReason | None = None
    returnable: bool = True
    window_days: int = 30
    conditions: tuple[Condition, ...] = (Condition.as_new, Condition.opened)
    restocking_percent: int = 0
    fee: int = 0
    way_back: WayBack = WayBack.customer
    refunds_shipping: bool = False

    @property
    def about(self) -> str:
        """What the rule is about, as people name it."""
        parts = [words.word(self.reason) if self.reason else "", self.category or ""]
        return " in ".join(part for part in parts if part) or "everything else"

    @property
    def named(self) -> str:
        """`the rule “arrived broken” of policy 3`."""
        return f"the rule “{self.about}” of {named_policy(self.policy)}"

    def last_day(self, since: date) -> date:
        return since + timedelta(days=self.window_days)

    def kept_of(self, worth: int, rounding: Rounding) -> int:
        """What is kept of goods of that worth for putting them on the shelf again."""
        return rounded(Decimal(worth * self.restocking_percent) / 100, rounding)

    def kept(self) -> dict[str, Any]:
        """As it is stored with a line."""
        return self.model_dump(mode="json")


@dataclass(frozen=True)
class Policy:
    """A version of the terms: number 0 is the built-in one. `valid_from` is null for that."""

    number: int
    valid_from: datetime | None
    rules: Sequence[Terms]

    @property
    def general(self) -> Terms:
        """The rule about all that no other is about."""
        return next(rule for rule in self.rules if rule.category_id is None and rule.reason is None)

    def rule_for(self, reason: ReturnReason, shelf: Sequence[UUID]) -> Terms:
        """The rule that decides; `shelf` are the goods' category and those above it, the nearest first."""
        fitting = [
            rule
            for rule in self.rules
            if rule.reason in (None, reason) and (rule.category_id is None or rule.category_id in shelf)
        ]
        return min(fitting, key=lambda rule: (rule.reason is None, _distance(rule, shelf)))


def _distance(rule: Terms, shelf: Sequence[UUID]) -> int:
    return len(shelf) if rule.category_id is None else shelf.index(rule.category_id)


BUILT_IN = Policy(
    0,
    None,
    (
        *(
            Terms(
                policy=0, reason=reason, window_days=90, conditions=tuple(Condition), way_back=WayBack.shop,
                refunds_shipping=True,
            )
            for reason in OURS_TO_ANSWER_FOR
        ),
        Terms(policy=0),
    ),
)  # fmt: skip


class _Rule(NamedTuple):
    number: int
    valid_from: datetime
    category_id: UUID | None
    category: str | None
    reason: str | None
    returnable: bool
    window_days: int
    conditions: list[str]
    restocking_percent: int
    fee: int
    way_back: str
    refunds_shipping: bool


_RULES = """
select p.number, p.valid_from, r.category_id, c.name as category, r.reason, r.returnable, r.window_days, r.conditions,
       r.restocking_percent, r.fee, r.way_back, r.refunds_shipping
from return_policies p
join return_rules r on r.merchant_id = %(m)s and r.policy_id = p.id
left join categories c on c.merchant_id = %(m)s and c.id = r.category_id
where p.merchant_id = %(m)s and p.number = (
    select number from return_policies where merchant_id = %(m)s and valid_from <= %(at)s order by number desc limit 1)
order by r.reason nulls last, c.name nulls last, r.id
"""


async def policy_at(ctx: Context, moment: datetime) -> Policy:
    """The terms that held at a moment."""
    rows = await ctx.sql.rows(_RULES, {"m": ctx.merchant.id, "at": moment}, as_=_Rule)
    if not rows:
        return BUILT_IN
    rules = tuple(Terms.model_validate({"policy": row.number, **row._asdict()}) for row in rows)
    return Policy(rows[0].number, rows[0].valid_from, rules)


def named_policy(number: int) -> str:
    return f"policy {number}" if number else "the built-in policy"


def fee_of(ctx: Context, parts: Iterable[tuple[Terms, int]], currency: str) -> int:
    """What the shop keeps of a return of these worths: for each its share, and the dearest fee once, never more than all of it.

    Fees are of the home currency, and nothing is converted: a return in another one pays none.
    """
    parts = list(parts)
    shares = sum(terms.kept_of(worth, ctx.merchant.rounding) for terms, worth in parts)
    fee = max((terms.fee for terms, worth in parts if worth), default=0) if currency == ctx.merchant.currency else 0
    return min(shares + fee, sum(worth for _, worth in parts))
