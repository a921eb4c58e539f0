"""The pause: what a person is shown before a call is done, and the row that waits for their decision."""

from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from db.exact import Exact
from db.models.backoffice import Approval, ApprovalStatus
from db.money import Money
from db.session import Transaction
from tools.contract.actors import Caller
from tools.contract.context import Approved, Context, Produced
from tools.contract.declare import Tool
from tools.contract.errors import Conflict, IdempotencyInFlight
from tools.contract.fields import Untrusted
from tools.contract.idempotency import FORGET, KEPT, request_hash
from tools.contract.outside import outside
from tools.contract.policy import beyond_limits, needs_another
from tools.contract.settle import settled

WAITS = timedelta(days=3)


class Rejected(Conflict):
    """A person decided against it, or nobody decided in time."""

    hint = "Do not repeat the same call; change what was objected to, or leave it."


class NotCarriedOut(Conflict):
    """It was approved, and could not be done any more."""


class Card(Exact):
    """What a call would do, found out by doing it and rolling it back."""

    model_config = ConfigDict(frozen=True)

    tool: str = Field(description="The operation.")
    summary: str = Field(description="What it does to the business.")
    effect: str = Field(description="The kind of effect: write, money, goods, access, personal or outside.")
    permission: str = Field(description="The permission that the operation takes, and its approval too.")
    arguments: Annotated[dict[str, Any], Untrusted()] = Field(description="The exact arguments, as they will be used.")
    sentences: Annotated[list[str], Untrusted()] = Field(default=[], description="What will happen, told to people.")
    changes: Annotated[list[dict[str, Any]], Untrusted()] = Field(
        description="Each row that would be written, complete: row, reference, change, fields. Amounts are minor units."
    )
    money: Money | None = Field(default=None, description="What it would move in the home currency, minor units.")
    foreign: list[Money] = Field(default=[], description="What it would move in other currencies, minor units.")
    stops: int = Field(default=0, description="How many things it would cancel or block.")
    loosens: str = Field(default="", description="Which rule that watches over the shop it would loosen.")
    jobs: list[str] = Field(default=[], description="Work that would follow the commit.")
    digest: str = Field(description="SHA-256 of the changes that matter; the approved run has to make the same ones.")

    def produced(self) -> Produced:
        """The effect that was shown, as the policy weighs it."""
        money = self.money.amount if self.money else 0
        return Produced(money=money, foreign=self.foreign, stops=self.stops, loosens=self.loosens)


def card_of(ctx: Context, tool: Tool[Any, Any], args: BaseModel) -> Card:
    """The card of a run. Open arguments are settled: "all that is left" is a number, and who or what was meant is our reference."""
    money = Money(amount=ctx.produced.money, currency=ctx.merchant.currency) if ctx.produced.money else None
    return Card(
        tool=tool.name,
        summary=tool.summary,
        effect=tool.effect,
        permission=tool.permission,
        arguments=settled(ctx.settled or args, ctx.meant).model_dump(mode="json", exclude_unset=True),
        sentences=ctx.sentences,
        changes=ctx.changes.shown(),
        money=money,
        foreign=ctx.produced.foreign,
        stops=ctx.produced.stops,
        loosens=ctx.produced.loosens,
        jobs=[job.task for job in ctx.jobs],
        digest=ctx.changes.digest(),
    )


_RECORD = """
insert into idempotency_records (merchant_id, key, actor, tool, request_hash, approval, response, created_at, expires_at)
values (%(merchant)s, %(key)s, %(actor)s, %(tool)s, %(hash)s, %(approval)s, null, %(now)s, %(expires)s)
"""
_SUPERSEDE = """
update approvals set status = 'superseded'
where merchant_id = %(merchant)s and reference = %(old)s and status in ('approved', 'edited')
"""
_FOLLOW = """
update idempotency_records set approval = %(approval)s where merchant_id = %(merchant)s and approval = %(old)s
"""


async def pause(ctx: Context, caller: Caller, tool: Tool[Any, Any], asked: bytes, card: Card, why: str) -> str:
    """Write the approval and the record of its key; returns its reference. `ctx` is of the short transaction that keeps them.

    A call that was approved but would now change something else, or was edited, gets a new card; what waited for the old one
    waits for that: its key, and its turn.
    Raises `IdempotencyInFlight` when another process, carrying out the same decision, was first to find that.
    """
    old = ctx.approval.reference if ctx.approval else None
    if old and not await ctx.sql.execute(_SUPERSEDE, {"merchant": ctx.merchant.id, "old": old}):
        raise IdempotencyInFlight(f"{old} is being carried out elsewhere.", retry_after=1)
    approval = await ctx.add(
        Approval,
        status=ApprovalStatus.pending,
        tool=tool.name,
        effect=tool.effect.value,
        arguments=card.arguments,
        card=card.model_dump(mode="json"),
        digest=card.digest,
        key=ctx.key,
        asked_by=caller.as_json(ctx.actor.reference),
        asker=ctx.actor.reference,
        door=caller.door.value,
        hand=caller.hand.value,
        why=why,
        amount=card.money.amount if card.money else 0,
        turn_id=caller.turn,
        expires_at=ctx.now() + WAITS,
    )
    await ctx.sql.flush()
    params = {
        "merchant": ctx.merchant.id, "key": ctx.key, "actor": ctx.actor.reference, "tool": tool.name,
        "hash": request_hash(tool.name, asked), "approval": approval.reference, "now": ctx.now(), "expires": ctx.now() + KEPT,
        "old": old,
    }  # fmt: skip
    if not old:
        await ctx.sql.execute(FORGET, params)
    await ctx.sql.commit(_FOLLOW if old else _RECORD, params)
    return approval.reference


class _Waiting(NamedTuple):
    status: ApprovalStatus
    card: dict[str, Any]
    why: str
    reason: str | None
    outcome: dict[str, Any] | None


async def waiting(sql: Transaction, reference: str) -> tuple[Card, str]:
    """The card that a key waits for, and why. Raises `Rejected` or `NotCarriedOut` when its answer is that it will not be done."""
    found = await sql.row(
        "select status, card, why, reason, outcome from approvals where merchant_id = %s and reference = %s",
        (sql.merchant, reference),
        as_=_Waiting,
    )
    if found is None or found.status == ApprovalStatus.expired:
        raise Rejected(f"The approval {reference} expired undecided.")
    if found.status == ApprovalStatus.rejected:
        raise Rejected(f"{reference} was rejected: {found.reason or 'no reason was given'}.")
    if found.status == ApprovalStatus.failed:
        problem = found.outcome or {}
        message, hint = problem.get("message", "It could not be done."), problem.get("hint", "")
        raise NotCarriedOut(outside(message), hint=outside(hint) if hint else "")
    return Card.model_validate(found.card), found.why


async def beyond_the_card(ctx: Context, approval: Approved) -> str | None:
    """Why an approved run needs a new decision; None when it does what was decided.

    Without a digest the decider has edited the arguments: what they do now was on no card, and is the editor's own request.
    """
    if approval.digest:
        same = ctx.changes.digest() == approval.digest
        return None if same else "What it would change is no longer what was approved."
    edited = f"{ctx.actor.name} changed what {approval.reference} asked for."
    held = await beyond_limits(ctx, ctx.produced) or needs_another(ctx.merchant, ctx.produced)
    return f"{edited} {held}" if held else edited


async def mark_executed(ctx: Context) -> None:
    """An approved call was run, and its approval is done with in the same transaction. Raises `NotCarriedOut` if it is not."""
    if ctx.approval is None:
        return
    marked = await ctx.sql.execute(
        "update approvals set status = 'executed' where merchant_id = %s and reference = %s and status = 'approved'",
        (ctx.merchant.id, ctx.approval.reference),
    )
    if not marked:
        raise NotCarriedOut(f"{ctx.approval.reference} is not approved, or was carried out before.")
