"""The provider's list against ours: each movement of money that only one of both knows, or that they know differently, is named."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from db.models.backoffice import Intent, IntentStatus
from db.models.payments import DisputeStatus
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Invalid
from tools.contract.fields import PeriodEnd, PeriodStart, UntrustedText
from tools.rules.paying import MANUAL, ProviderNotSetUp
from tools.rules.refunds import RECONCILE

LONGEST = timedelta(days=92)
MOST = 200  # differences that are named; more are counted


Moved = Literal["capture", "refund", "chargeback", "chargeback_reversal"]


class PeriodTooLong(Invalid):
    """A reconciliation looks at three months at most."""

    hint = "Reconcile month by month."


class ReconcilePayments(Input):
    provider: Annotated[str, Field(max_length=40)] = Field(
        default=MANUAL, description="Whose list: `manual` or `stripe`."
    )
    since: PeriodStart | None = Field(default=None, description="From this instant on, UTC; omit for the last 7 days.")
    until: PeriodEnd | None = Field(default=None, description="Before this instant, UTC; omit for now.")


class Difference(Result):
    """Something on which the provider and the shop do not agree."""

    kind: Literal["only_with_provider", "only_with_us", "another_amount"] = Field(description="What does not agree.")
    movement: Moved = Field(description="What was moved.")
    transaction: UntrustedText | None = Field(description="The provider's name for the movement.")
    payment: str | None = Field(description="Our payment, if we know it.")
    theirs: Money | None = Field(description="What the provider says, in minor units.")
    ours: Money | None = Field(description="What our books say, in minor units.")


class Reconciliation(Result):
    """The provider's list against ours."""

    intent: str = Field(description="What stands for the comparison.")
    status: IntentStatus = Field(description="Pending while the provider is being asked.")
    provider: str = Field(description="Whose list it is.")
    since: datetime = Field(description="From then on, UTC.")
    until: datetime = Field(description="Before then, UTC.")
    compared: int | None = Field(description="Movements on both lists together; null while it is pending.")
    agreed: int | None = Field(description="Movements on which both agree.")
    differences: list[Difference] = Field(description="All others, as far as there is room.")
    left_out: int = Field(default=0, description="How many more differences there are.")


async def _once_compared(ctx: Context, begun: Reconciliation) -> Reconciliation:
    intent = await ctx.find(Intent, begun.intent)
    said = intent.outcome or {}
    differences = [Difference.model_validate(one) for one in said.get("differences", [])]
    return begun.model_copy(
        update={
            "status": intent.status, "compared": said.get("compared"), "agreed": said.get("agreed"),
            "differences": differences, "left_out": said.get("left_out", 0),
        }
    )  # fmt: skip


@tool(
    route="POST /payments/reconciliations",
    effect=Effect.write,
    permission="payments:write",
    raises=[PeriodTooLong, ProviderNotSetUp],
    examples=["Reconcile the payments of last week", "Compare Stripe's list with ours for November"],
    afterwards=_once_compared,
)
async def reconcile_payments(ctx: Context, args: ReconcilePayments) -> Reconciliation:
    """Compare the provider's list with ours, and name every difference.

    It is about captures and refunds, and what disputes took. Nothing is changed by it. The times are the provider's; what was
    moved within a minute of either end may be on one list alone.
    """
    until = min(args.until or ctx.now(), ctx.now())
    since = args.since or until - timedelta(days=7)
    if not timedelta(0) < until - since <= LONGEST:
        raise PeriodTooLong(f"{words.count((until - since).days, 'day')} were asked for.")
    if args.provider not in ctx.site.providers:
        raise ProviderNotSetUp(f"{args.provider} is not set up here.")
    intent = await ctx.intend(
        RECONCILE, ("shop", ctx.merchant.id), provider=args.provider, since=since.isoformat(), until=until.isoformat()
    )
    ctx.tell(f"The captures and refunds on the list of {args.provider} are compared with ours; nothing is changed.")
    return Reconciliation(
        intent=intent.reference, status=IntentStatus.pending, provider=args.provider, since=since, until=until,
        compared=None, agreed=None, differences=[],
    )  # fmt: skip


# ---- the comparison, once the provider's list is there ---------------------------------------------------------------------


class Theirs(Input):
    """A movement on the provider's list."""

    kind: Moved
    transaction: str
    reference: str | None = None
    amount: int
    currency: str
    at: datetime
    fee: int = 0


class CompareMovements(Input):
    intent: str = Field(description="What stands for the comparison.")
    movements: list[Theirs] = Field(description="The provider's list.")


class _Ours(NamedTuple):
    kind: str
    transaction: str | None
    reference: str | None
    payment: str
    amount: int
    currency: str


_OURS = """
select t.kind, t.provider_reference as transaction, p.provider_reference as reference, p.reference as payment, t.amount, t.currency
from payment_transactions t join payments p on p.merchant_id = %(m)s and p.id = t.payment_id
where t.merchant_id = %(m)s and t.provider = %(provider)s and t.kind in ('capture', 'refund') and t.outcome = 'succeeded'
  and (p.provider_reference is not null or t.provider_reference is not null)
  and t.occurred_at >= %(since)s and t.occurred_at < %(until)s order by t.id
"""


class _Disputed(NamedTuple):
    dispute: str
    status: DisputeStatus
    payment: str
    amount: int
    currency: str


# A provider takes the money when a dispute is opened, and gives it back when it is won: the dispute itself is compared.
_DISPUTES = """
select d.provider_reference as dispute, d.status, p.reference as payment, d.amount, d.currency
from disputes d join payments p on p.merchant_id = %(m)s and p.id = d.payment_id
where d.merchant_id = %(m)s and d.provider = %(provider)s and d.provider_reference = any(%(disputes)s)
"""


@tool(
    room="payments",
    route="POST /payments/reconciliations/{intent}/movements",
    effect=Effect.record,
    permission="payments:write",
    raises=[],
    examples=[],
    internal=True,
)
async def compare_movements(ctx: Context, args: CompareMovements) -> Reconciliation:
    """Compare a provider's list with ours, and keep what came of it."""
    intent = await ctx.find(Intent, args.intent, for_update=True)
    said = intent.arguments
    since, until = datetime.fromisoformat(said["since"]), datetime.fromisoformat(said["until"])
    params = {"m": ctx.merchant.id, "provider": said["provider"], "since": since, "until": until}
    ours = await ctx.sql.rows(_OURS, params, as_=_Ours)
    by_dispute = [one for one in args.movements if one.kind not in ("capture", "refund")]
    params["disputes"] = [one.transaction for one in by_dispute]
    known = await ctx.sql.rows(_DISPUTES, params, as_=_Disputed) if by_dispute else []
    taken, agreed_on = disputed(by_dispute, known)
    moved, agreed = compared([one for one in args.movements if one not in by_dispute], ours)
    differences, agreed = [*moved, *taken], agreed + agreed_on
    if intent.status is IntentStatus.pending:
        shown = [one.model_dump(mode="json") for one in differences[:MOST]]
        intent.outcome = {
            "compared": agreed + len(differences), "agreed": agreed, "differences": shown,
            "left_out": max(0, len(differences) - MOST),
        }  # fmt: skip
        ctx.move(intent, IntentStatus.succeeded)
    return Reconciliation(
        intent=intent.reference, status=intent.status, provider=said["provider"], since=since, until=until,
        compared=agreed + len(differences), agreed=agreed, differences=differences[:MOST],
    )  # fmt: skip


def compared(theirs: Sequence[Theirs], ours: Sequence[_Ours]) -> tuple[list[Difference], int]:
    """What does not agree, and how many movements do. They meet by the movement's name, else by the payment's and the amount.

    Money that came by itself is on no provider's list; what was done with it later may be.
    """
    left = list(ours)
    differences: list[Difference] = []
    agreed = 0
    for one in theirs:
        meets = [mine for mine in left if mine.kind == one.kind and mine.transaction == one.transaction]
        meets = meets or [
            mine
            for mine in left
            if mine.kind == one.kind and mine.reference == one.reference and mine.amount == one.amount
        ]
        mine = meets[0] if meets else None
        if mine is not None:
            left.remove(mine)
        if mine is not None and (mine.amount, mine.currency) == (one.amount, one.currency):
            agreed += 1
        else:
            differences.append(_differs(one, mine))
    differences += [_differs(None, mine) for mine in left if mine.reference]
    return differences, agreed


def disputed(theirs: Sequence[Theirs], known: Sequence[_Disputed]) -> tuple[list[Difference], int]:
    """What disputes took that we do not know of, or know with another amount; what came back of one that we did not win."""
    ours = {one.dispute: one for one in known}
    differences = list[Difference]()
    for one in theirs:
        mine = ours.get(one.transaction)
        came_back = one.kind == "chargeback_reversal"
        if mine is None or (came_back and mine.status != DisputeStatus.won):
            differences.append(_differs(one, None))
        elif (mine.amount, mine.currency) != (one.amount, one.currency):
            differences.append(_differs(one, mine))
    return differences, len(theirs) - len(differences)


def _differs(one: Theirs | None, mine: "_Ours | _Disputed | None") -> Difference:
    named: Any = one or mine
    kind = "another_amount" if one and mine else "only_with_provider" if one else "only_with_us"
    return Difference(
        kind=kind, movement=named.kind, transaction=named.transaction, payment=mine.payment if mine else None,
        theirs=Money(amount=one.amount, currency=one.currency) if one else None,
        ours=Money(amount=mine.amount, currency=mine.currency) if mine else None,
    )  # fmt: skip
