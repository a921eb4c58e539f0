"""The shop's terms for returns, by version: an order keeps those that held when it was placed."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from db.models.after_sales import Condition, ReturnPolicy, ReturnRule, WayBack
from db.models.orders import Order
from db.models.products import Category
from db.money import Money
from tools.after_sales.fields import HowItIs, Reason
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, NotFound
from tools.contract.fields import CategoryRef, Days, Hint, Instant, MinorUnits, OrderRef, Synonyms
from tools.rules.lookup import find_category
from tools.rules.return_policy import Policy, Terms, named_policy, policy_at

WAY_BACK_WORDS = Synonyms(
    {
        "customer": ("the customer pays", "customers pay", "at their cost", "buyer pays", "themselves"),
        "shop": ("free", "we pay", "prepaid", "on us", "at our cost", "the shop pays"),
    }
)
_TERMS = ("returnable", "window_days", "conditions", "restocking_percent", "fee", "way_back", "refunds_shipping")


class NoSuchReturnRule(NotFound):
    """The policy says nothing of its own about that category and reason."""

    hint = "get_return_policy shows the rules that there are; what no rule is about falls under the general one."


class ReturnPolicyUnchanged(Conflict):
    """The policy says just that already."""

    hint = "get_return_policy shows what holds; say what is to be different."


class GetReturnPolicy(Input):
    order: OrderRef | None = Field(default=None, description="The terms of this order, such as `ORD-1042`.")
    valid_at: Instant | None = Field(default=None, description="The terms of orders placed then, UTC; omit for now.")


class SetReturnPolicy(Input):
    category: CategoryRef | None = Field(
        default=None, description="Only for goods of this category and below; omit for the general rule."
    )
    reasons: list[Reason] = Field(
        default=[], max_length=9, description="Only for returns for these reasons; omit for all others."
    )
    window_days: Days | None = Field(
        default=None, ge=0, le=3650, description="Days from delivery in which a return can be asked for."
    )
    returnable: bool | None = Field(default=None, description="False: such goods are not taken back at all.")
    conditions: list[HowItIs] | None = Field(
        default=None, max_length=5, description="Conditions in which units are paid for when they come back."
    )
    restocking_percent: Annotated[int, Hint("percent")] | None = Field(
        default=None, ge=0, le=100, description="Percent of the goods' worth that the shop keeps."
    )
    fee: MinorUnits | None = Field(
        default=None, ge=0, le=10**9, description="Kept once of each return; minor units of the home currency."
    )
    way_back: Annotated[WayBack, WAY_BACK_WORDS] | None = Field(
        default=None, description="Who pays for the parcel back: the customer or the shop."
    )
    refunds_shipping: bool | None = Field(
        default=None, description="Whether the order's shipping is given back when all of it comes back."
    )
    remove: bool = Field(default=False, description="Take the rule of that category and reasons away.")

    @model_validator(mode="after")
    def says_something(self) -> Self:
        changes = any(getattr(self, name) is not None for name in _TERMS)
        if self.remove and (changes or not (self.category or self.reasons)):
            raise ValueError("To remove a rule, name its `category` or `reasons` and nothing else.")
        if not self.remove and not changes:
            raise ValueError("Say what is to hold: `window_days`, `returnable`, `fee`, `way_back`, …")
        return self


class ReturnRuleDetail(Result):
    """What holds for a category, a reason, both, or everything else."""

    about: str = Field(description="What it is about; `everything else` is the general rule.")
    category: str | None = Field(description="The category; null for all.")
    reason: Reason | None = Field(description="The reason; null for all.")
    returnable: bool = Field(description="Whether such goods are taken back.")
    window_days: int = Field(description="Days from delivery in which a return can be asked for.")
    conditions: list[Condition] = Field(description="Conditions in which units are paid for.")
    restocking_percent: int = Field(description="Percent of the goods' worth that the shop keeps.")
    fee: Money = Field(description="Kept once of each return, in minor units.")
    way_back: WayBack = Field(description="Who pays for the parcel back.")
    refunds_shipping: bool = Field(description="Whether shipping is given back when the whole order comes back.")


class ReturnPolicyDetail(Result):
    """A version of the terms. The reason decides before the category, and the nearest category before one above it."""

    policy: int = Field(description="Its number; 0 is the built-in policy of a shop that set none.")
    valid_from: datetime | None = Field(description="Orders placed from then on have it, UTC; null for the built-in.")
    says: str = Field(description="The general rule, as a sentence.")
    rules: list[ReturnRuleDetail] = Field(description="The rules; the general one last.")


@tool(
    route="GET /return-policy",
    effect=Effect.read,
    permission="after_sales:read",
    raises=[],
    examples=["How long can customers send things back?", "Who pays the way back of a return?"],
)
async def get_return_policy(ctx: Context, args: GetReturnPolicy) -> ReturnPolicyDetail:
    """Show the terms for returns: days, fees, who pays the way back.

    They are those of today's orders; an order keeps the terms of the day on which it was placed.
    """
    order = await ctx.find(Order, args.order) if args.order else None
    moment = order.placed_at if order else args.valid_at or ctx.now()
    return _shown(ctx, await policy_at(ctx, moment))


@tool(
    route="PUT /return-policy",
    effect=Effect.money,
    permission="settings:write",
    raises=[NoSuchReturnRule, ReturnPolicyUnchanged],
    examples=[
        "Customers may send things back within 60 days from now on",
        "No returns on candles",
        "Take a return fee of 3.50 euros when somebody changed their mind",
    ],
)
async def set_return_policy(ctx: Context, args: SetReturnPolicy) -> ReturnPolicyDetail:
    """Change the terms for returns, in general or for a category or reason.

    What is left out stays as it is. A new version begins: orders placed before keep theirs. The fee is minor units of the home
    currency.
    """
    await ctx.sql.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s::text || 'return policy', 0))", (ctx.merchant.id,)
    )
    before = await policy_at(ctx, ctx.now())
    category = await find_category(ctx, args.category) if args.category else None
    after = _changed(ctx, before, args, category)
    policy = ctx.new(ReturnPolicy, number=before.number + 1, valid_from=ctx.now(), actor=ctx.actor.reference)
    for terms in after:
        kept = terms.model_dump(exclude={"policy", "category", "conditions"})
        ctx.new(ReturnRule, policy_id=policy.id, conditions=[str(one) for one in terms.conditions], **kept)
    ctx.happened("changed", "return_policy", policy.id, order_id=None, number=policy.number)
    ctx.tell(
        f"Policy {policy.number} holds for orders placed from now on; those placed before keep {named_policy(before.number)}."
    )
    return _shown(ctx, Policy(policy.number, policy.valid_from, after))


def _changed(ctx: Context, before: Policy, args: SetReturnPolicy, category: Category | None) -> list[Terms]:
    """The rules from now on, each change told. Raises `NoSuchReturnRule` or `ReturnPolicyUnchanged`."""
    rules = {(rule.category_id, rule.reason): rule for rule in before.rules}
    after = dict(rules)
    for reason in args.reasons or [None]:
        about = Terms(
            policy=0,
            category_id=category.id if category else None,
            category=category.name if category else None,
            reason=reason,
        )
        key = about.category_id, reason
        if not args.remove:
            after[key] = _with(ctx, rules.get(key), about, before, args)
        elif after.pop(key, None):
            ctx.tell(f"The rule “{about.about}” is taken away: what it was about falls under the rules that are left.")
        else:
            raise NoSuchReturnRule(f"{named_policy(before.number)} has no rule “{about.about}”.")
    if after == rules:
        raise ReturnPolicyUnchanged(f"{named_policy(before.number)} says that already.")
    numbered = [rule.model_copy(update={"policy": before.number + 1}) for rule in after.values()]
    return sorted(numbered, key=lambda rule: (rule.reason or "~", rule.category or "~"))


def _with(ctx: Context, rule: Terms | None, about: Terms, before: Policy, args: SetReturnPolicy) -> Terms:
    """The rule as it is to be: what is not said stays, and a new one begins with what has held so far."""
    given = {name: getattr(args, name) for name in _TERMS if getattr(args, name) is not None}
    is_about = about.model_dump(include={"category_id", "category", "reason"})
    new = Terms.model_validate((rule or _nearest(before, about.reason)).model_dump() | is_about | given)
    if new != rule:
        _tell(ctx, rule, new)
    return new


def _nearest(before: Policy, reason: Any) -> Terms:
    """What a new rule starts from: what has held so far for that reason, else in general."""
    return before.rule_for(reason, []) if reason else before.general


def _tell(ctx: Context, before: Terms | None, after: Terms) -> None:
    about = "Returns in general" if after.about == "everything else" else f"Returns of “{after.about}”"
    ctx.tell(f"{about}: {_said(ctx, after)}")
    if before:
        ctx.tell(f"Until now: {_said(ctx, before)}")


def _said(ctx: Context, terms: Terms) -> str:
    """A rule as a sentence, without its subject."""
    if not terms.returnable:
        return "not taken back."
    payer = "the shop pays" if terms.way_back is WayBack.shop else "the customer pays"
    kept = [f"{terms.restocking_percent} % of the worth"] if terms.restocking_percent else []
    kept += [words.money(terms.fee, ctx.merchant.currency)] if terms.fee else []
    states = words.listed([words.word(one) for one in terms.conditions] or ["never"], most=6)
    shipping = " Shipping is given back when all of the order comes back." if terms.refunds_shipping else ""
    return (
        f"within {words.count(terms.window_days, 'day')} of delivery, {payer} the way back, "
        f"{words.listed(kept) if kept else 'nothing'} is kept, paid for when {states}.{shipping}"
    )


def _shown(ctx: Context, policy: Policy) -> ReturnPolicyDetail:
    return ReturnPolicyDetail(
        policy=policy.number,
        valid_from=policy.valid_from,
        says=f"Returns in general: {_said(ctx, policy.general)}",
        rules=[
            ReturnRuleDetail(
                about=rule.about,
                fee=Money(amount=rule.fee, currency=ctx.merchant.currency),
                **rule.model_dump(exclude={"policy", "category_id", "fee"}),
            )
            for rule in policy.rules
        ],
    )
