"""Calls that wait for a person, and the decisions on them. Carrying a decision out is the worker's, after the commit."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import Field, model_validator

from db.exact import Exact
from db.models.backoffice import Approval, ApprovalStatus
from db.money import Money
from db.transitions import check_move
from tools.backoffice.keys import person_behind
from tools.contract import words
from tools.contract.cards import Card
from tools.contract.context import Context
from tools.contract.declare import DECLARED, Effect, Input, Result, tool, validated
from tools.contract.errors import Conflict, Forbidden, Invalid, NotFound
from tools.contract.fields import (
    ApprovalRef,
    ColleagueRef,
    PeriodEnd,
    PeriodStart,
    Synonyms,
    Text,
    Untrusted,
    UntrustedText,
)
from tools.contract.page import Page, Paged, paged
from tools.contract.policy import beyond_limits, needs_another
from tools.contract.sorting import HIGHEST, NEWEST, OLDEST, By
from tools.rules.colleagues import colleague


class AlreadyDecided(Conflict):
    """Somebody decided before; the first decision stands."""

    hint = "The answer has the decision that stands."


class ApprovalExpired(Conflict):
    """Nobody decided in time."""

    hint = "Have it asked again; what would change is then found out anew."


class AboveYourLimit(Forbidden):
    """Nobody approves what they may not do themselves."""

    hint = "Somebody with a higher limit has to decide; get_approval_policy shows the limits, set_approval_policy changes them."


class OwnRequest(Forbidden):
    """No key decides what was asked through it."""

    hint = "Sign in as a person of the shop to decide: in the console, or on the command line without SHOPKEEPER_URL."


class FourEyes(Forbidden):
    """Above the four-eyes threshold nobody approves their own request."""

    hint = "Another person has to decide."


class AccessCannotBeEdited(Conflict):
    """Who gets which access is approved as it was asked, or not at all."""

    hint = "Reject it with the reason, and have it asked again as it should be."


Status = Annotated[
    ApprovalStatus,
    Synonyms(
        {
            "pending": ("waiting", "open", "undecided", "to approve"),
            "approved": ("accepted", "granted"),
            "edited": ("changed", "amended"),
            "rejected": ("declined", "denied", "refused"),
            "expired": ("lapsed", "timed out"),
            "executed": ("done", "carried out"),
            "failed": ("not carried out",),
            "superseded": ("replaced",),
        }
    ),
]


class ApprovalSummary(Result):
    """A call that waits for a person, or waited."""

    reference: str = Field(description="Reference of the approval, such as APR-1001.")
    status: ApprovalStatus = Field(
        description="pending, approved, edited, rejected, expired, executed, failed or superseded."
    )
    what: UntrustedText = Field(
        description="What it would do, in a sentence or two; without names and numbers for those who may not see the card."
    )
    tool: str = Field(description="The operation that waits.")
    effect: str = Field(description="Its kind of effect: write, money, goods, access, personal or outside.")
    asker: str = Field(
        description="Who asked: a person such as USR-1003, a key such as KEY-1001, or a part of the system."
    )
    asker_name: str | None = Field(description="What the asker is called.")
    why: str = Field(description="Why a person has to decide.")
    money: Money | None = Field(description="What it would move, minor units of the home currency; null is nothing.")
    asked_at: datetime = Field(description="When it was asked, UTC.")
    expires_at: datetime = Field(description="Until when it can be decided, UTC.")
    decided_by: str | None = Field(description="Who decided, such as USR-1001.")
    decided_at: datetime | None = Field(description="When it was decided, UTC.")
    reason: str | None = Field(description="The reason that the decider gave.")


class ApprovalDetail(ApprovalSummary):
    """The same, with the card for those who may see what is in it."""

    card: Card | None = Field(
        description="What the call would change, found out by running it and rolling it back; null when it is withheld."
    )
    arguments: Annotated[dict[str, Any] | None, Untrusted()] = Field(
        description="The arguments with which it is, or was, carried out; null when they are withheld."
    )
    withheld: list[str] = Field(
        description="The permissions that are missing to see card, arguments and outcome; empty when they are shown."
    )
    edited: bool = Field(description="Whether the decider changed the arguments that the card has.")
    door: str = Field(description="Through which door it was asked: chat, rest, mcp, cli or worker.")
    hand: str = Field(description="Who chose the call: a person, a program, a model or the planner.")
    turn: UUID | None = Field(description="The turn of a conversation that waits for it.")
    outcome: Annotated[dict[str, Any] | None, Untrusted()] = Field(
        description="What carrying it out came to: the result, a problem, or `superseded_by` with the approval that replaced it."
    )


_TOLD_OTHERWISE = ("id", "sentences", "summary", "permission", "amount", "created_at")


class _Row(NamedTuple):
    id: UUID
    reference: str
    status: ApprovalStatus
    tool: str
    effect: str
    asker: str
    asker_name: str | None
    sentences: list[str]
    summary: str
    permission: str
    why: str
    amount: int
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None

    def shown(self, ctx: Context) -> ApprovalSummary:
        return ApprovalSummary(
            **{name: getattr(self, name) for name in self._fields if name not in _TOLD_OTHERWISE},
            what=self.summary
            if _withheld(ctx, self.asker, self.permission)
            else words.summed(self.sentences or [self.summary]),
            money=Money(amount=self.amount, currency=ctx.merchant.currency) if self.amount else None,
            asked_at=self.created_at,
        )


# An approval whose time is over has expired, though nobody may have written that down yet.
_ROWS = """
select * from (
    select a.id, a.reference, case when a.status = 'pending' and a.expires_at <= %(now)s then 'expired' else a.status end as status,
           a.tool, a.effect, a.asker, coalesce(u.name, k.name) as asker_name, a.card -> 'sentences' as sentences,
           a.card ->> 'summary' as summary, a.card ->> 'permission' as permission, a.why, a.amount, a.created_at, a.expires_at,
           a.decided_by, a.decided_at, a.reason
    from approvals a
    left join memberships s on s.merchant_id = a.merchant_id and s.reference = a.asker
    left join users u on u.id = s.user_id
    left join api_keys k on k.merchant_id = a.merchant_id and k.reference = a.asker
    where a.merchant_id = %(m)s
) approvals
"""


class ApprovalSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    money = "money"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST, "money": HIGHEST})
_SORTS = {
    ApprovalSort.newest: By("id", UUID, "id"),
    ApprovalSort.oldest: By("id", UUID, "id", descending=False),
    ApprovalSort.money: By("amount", int, "id"),
}


class ListApprovals(Paged):
    """Which approvals are wanted."""

    status: Status | None = Field(default=None, description="How far it is; omit for all.")
    asker: str | None = Field(default=None, max_length=100, description="Who asked, such as USR-1003 or KEY-1001.")
    tool: str | None = Field(default=None, max_length=100, description="The operation, such as cancel_order.")
    asked_from: PeriodStart | None = Field(default=None, description="Asked at this instant or later, UTC.")
    asked_until: PeriodEnd | None = Field(default=None, description="Asked before this instant, UTC.")
    decided_by: ColleagueRef | None = Field(default=None, description="Who decided: `USR-1001` or a name.")
    decided_from: PeriodStart | None = Field(default=None, description="Decided at this instant or later, UTC.")
    decided_until: PeriodEnd | None = Field(default=None, description="Decided before this instant, UTC.")
    expires_from: PeriodStart | None = Field(default=None, description="Runs out at this instant or later, UTC.")
    expires_until: PeriodEnd | None = Field(default=None, description="Runs out before this instant, UTC.")
    sort: Annotated[ApprovalSort, SORT_WORDS] = Field(
        default=ApprovalSort.newest, description="Newest, oldest, or what moves most money first."
    )


@tool(
    route="GET /approvals",
    effect=Effect.read,
    permission="approvals:read",
    raises=[],
    examples=["What is waiting for my approval?", "Show the rejected requests"],
)
async def list_approvals(ctx: Context, args: ListApprovals) -> Page[ApprovalSummary]:
    """List calls that wait, or waited, for a person's decision, the newest first."""
    by = _SORTS[args.sort]
    beyond, since = by.since(args.after)
    decider = await colleague(ctx, args.decided_by) if args.decided_by else None
    params = args.model_dump() | {
        "m": ctx.merchant.id, "now": ctx.now(), "decided_by": decider and decider.reference, **since,
    }  # fmt: skip
    return await paged(
        ctx,
        args,
        _ROWS
        + f"""
        where (%(status)s::text is null or status = %(status)s)
          and (%(asker)s::text is null or asker = %(asker)s)
          and (%(tool)s::text is null or tool = %(tool)s)
          and (%(asked_from)s::timestamptz is null or created_at >= %(asked_from)s)
          and (%(asked_until)s::timestamptz is null or created_at < %(asked_until)s)
          and (%(decided_by)s::text is null or decided_by = %(decided_by)s)
          and (%(decided_from)s::timestamptz is null or decided_at >= %(decided_from)s)
          and (%(decided_until)s::timestamptz is null or decided_at < %(decided_until)s)
          and (%(expires_from)s::timestamptz is null or expires_at >= %(expires_from)s)
          and (%(expires_until)s::timestamptz is null or expires_at < %(expires_until)s)
          {"".join(f" and {condition}" for condition in beyond)}
        order by {by.order} limit %(limit)s
        """,
        params,
        as_=_Row,
        show=lambda row: row.shown(ctx),
        at=lambda row: (getattr(row, by.column), row.id),
    )


class GetApproval(Input):
    """Which approval."""

    approval: ApprovalRef = Field(description="Reference of the approval, such as APR-1001.")


@tool(
    route="GET /approvals/{approval}",
    effect=Effect.read,
    permission="approvals:read",
    raises=[NotFound],
    examples=["Show APR-1012", "Why does approval 1012 wait?"],
)
async def get_approval(ctx: Context, args: GetApproval) -> ApprovalDetail:
    """Show what a waiting call would change, who asked and what was decided.

    Cards have what the operation has to do with, customers' data among it: who asked sees the card, and who may read both.
    """
    found = await ctx.find(Approval, args.approval)
    rows = await ctx.sql.rows(
        _ROWS + "where id = %(id)s", {"m": ctx.merchant.id, "now": ctx.now(), "id": found.id}, as_=_Row
    )
    card = Card.model_validate(found.card)
    withheld = _withheld(ctx, found.asker, card.permission)
    return ApprovalDetail(
        **rows[0].shown(ctx).model_dump(),
        card=None if withheld else card,
        arguments=None if withheld else found.arguments,
        withheld=withheld,
        edited=found.arguments != card.arguments,
        door=found.door,
        hand=found.hand,
        turn=found.turn_id,
        outcome=None if withheld else found.outcome,
    )


def _withheld(ctx: Context, asker: str, permission: str) -> list[str]:
    """What the actor lacks to see a card: to read customers, and to do or read what the operation has to do with."""
    if asker == ctx.actor.reference:
        return []
    room = f"{permission.partition(':')[0]}:read"
    lacking = [] if ctx.may("customers:read") else ["customers:read"]
    return lacking if ctx.may(permission) or ctx.may(room) else [*lacking, permission]


class Decide(StrEnum):
    """What is decided of a call that waits."""

    approve = "approve"
    edit = "edit"
    reject = "reject"


class DecideApproval(Input):
    """The decision on a call that waits."""

    approval: ApprovalRef = Field(description="Reference of the approval, such as APR-1001.")
    decision: Annotated[
        Decide,
        Synonyms(
            {
                "approve": ("yes", "accept", "agree", "confirm", "ok"),
                "edit": ("change", "amend", "correct"),
                "reject": ("no", "decline", "deny", "refuse"),
            }
        ),
    ] = Field(
        description="`approve` it as it is, ask for something else instead (`edit`), or `reject` it with a reason."
    )
    arguments: dict[str, Any] | None = Field(
        default=None, description="All arguments as they shall be; for `edit` only. Amounts are minor units."
    )
    reason: Text | None = Field(default=None, description="Why; the asker reads it. A rejection needs one.")

    @model_validator(mode="after")
    def _complete(self) -> "DecideApproval":
        if self.decision is Decide.reject and self.reason is None:
            raise ValueError("a rejection needs a reason")
        if (self.decision is Decide.edit) != (self.arguments is not None):
            raise ValueError("`arguments` belong to the decision `edit`, and to no other")
        return self


class Decision(Result):
    """The decision, as it was stored."""

    reference: str = Field(description="Reference of the approval, such as APR-1001.")
    status: ApprovalStatus = Field(
        description="`approved`, and carried out in a moment; `edited`, and a new card follows in a moment; or `rejected`."
    )
    tool: str = Field(description="The operation that waited.")
    decided_by: str = Field(description="Who decided, such as USR-1001.")
    decided_at: datetime = Field(description="When it was decided, UTC.")
    reason: str | None = Field(description="The reason that was given.")


@tool(
    route="POST /approvals/{approval}/decision",
    effect=Effect.write,
    permission="approvals:decide",
    raises=[
        AboveYourLimit, AccessCannotBeEdited, AlreadyDecided, ApprovalExpired, FourEyes, Invalid, NotFound, OwnRequest,
    ],
    examples=["Approve APR-1012", "Reject APR-1013: the customer has been refunded already"],
    for_people=True,
    keys_by_name=True,
)  # fmt: skip
async def decide_approval(ctx: Context, args: DecideApproval) -> Decision:
    """Approve, edit or reject a call that waits for a person.

    Approved calls are carried out right afterwards. Nobody approves what they may not do themselves: it takes the operation's
    permission and a limit above what it moves, and above the four-eyes threshold another person. The first decision stands.
    An edited call is a new request of the editor's: it gets a card of its own, and what waited for the old one waits for that.
    """
    waiting = await ctx.find(Approval, args.approval)
    _must_wait(waiting, ctx.now())
    card = Card.model_validate(waiting.card)
    if card.permission not in ctx.actor.permissions:
        raise Forbidden(
            f"{waiting.tool} needs the permission {card.permission}, which {ctx.actor.name} lacks.",
            hint="Somebody who may do it has to decide.",
            permission=card.permission,
        )
    if not ctx.actor.is_member and waiting.asker == ctx.actor.reference:
        raise OwnRequest(f"{waiting.reference} was asked through {ctx.actor.name} ({ctx.actor.reference}) itself.")
    if args.decision is Decide.edit:
        _check_edit(waiting, args)
    if args.decision is Decide.approve:
        await _must_be_allowed(ctx, waiting, card)

    await _claim(ctx, waiting, args)
    await _tell(ctx, waiting, card, args)
    ctx.enqueue("carry_out_approval", approval=waiting.reference)
    return Decision(
        reference=waiting.reference,
        status=_BECOMES[args.decision],
        tool=waiting.tool,
        decided_by=ctx.actor.reference,
        decided_at=ctx.now(),
        reason=args.reason,
    )


_BECOMES = {
    Decide.approve: ApprovalStatus.approved,
    Decide.edit: ApprovalStatus.edited,
    Decide.reject: ApprovalStatus.rejected,
}


def _check_edit(waiting: Approval, args: DecideApproval) -> None:
    """Raise `AccessCannotBeEdited`, or `Invalid` for arguments that the operation does not take."""
    if waiting.effect == Effect.access:
        raise AccessCannotBeEdited(f"{waiting.reference} gives access ({waiting.tool}).")
    validated(DECLARED[waiting.tool], args.arguments or {}, on_card=True)


async def _must_be_allowed(ctx: Context, waiting: Approval, card: Card) -> None:
    """Raise `AboveYourLimit` or `FourEyes` unless the actor may answer for what the card shows."""
    above = await beyond_limits(ctx, card.produced(), counting=False)  # what is approved counts in the decider's day
    if above:
        raise AboveYourLimit(above)
    why = needs_another(ctx.merchant, card.produced())
    if why:
        await _must_be_another(ctx, waiting, why)


_DECIDED = {
    Decide.approve: "is approved, and carried out at once",
    Decide.edit: "is asked anew with other arguments, as the editor's own request",
    Decide.reject: "is rejected, and not done",
}


async def _tell(ctx: Context, waiting: Approval, card: Card, args: DecideApproval) -> None:
    (row,) = await ctx.sql.rows(
        _ROWS + "where id = %(id)s", {"m": ctx.merchant.id, "now": ctx.now(), "id": waiting.id}, as_=_Row
    )
    asker = f"{row.asker_name} ({row.asker})" if row.asker_name else row.asker
    ctx.tell(f"{waiting.reference}, {words.word(waiting.tool)}, asked by {asker}, {_DECIDED[args.decision]}.")
    what = words.summed(card.sentences or [card.summary])
    ctx.tell(f"{'What is not done' if args.decision is Decide.reject else 'What is done'}: {what}")
    if args.reason:
        ctx.tell(f"The reason: “{words.quoted(args.reason)}”")


def _must_wait(approval: Approval, now: datetime) -> None:
    over = approval.status is ApprovalStatus.pending and approval.expires_at <= now
    if over or approval.status is ApprovalStatus.expired:
        raise ApprovalExpired(f"{approval.reference} could be decided until {approval.expires_at:%Y-%m-%d %H:%M} UTC.")
    if approval.status is ApprovalStatus.pending:
        return
    by = f" by {approval.decided_by} on {approval.decided_at:%Y-%m-%d %H:%M} UTC" if approval.decided_at else ""
    raise AlreadyDecided(
        f"{approval.reference} is {approval.status}{by}.",
        approval=approval.reference,
        current_state=approval.status.value,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at.isoformat() if approval.decided_at else None,
        reason=approval.reason,
    )


async def _must_be_another(ctx: Context, waiting: Approval, why: str) -> None:
    """A key acts for the person who made it."""
    if await person_behind(ctx, waiting.asker) == await person_behind(ctx, ctx.actor.reference):
        raise FourEyes(f"{waiting.reference} is your own request. {why}")


class _Claimed(Exact):
    id: UUID


async def _claim(ctx: Context, waiting: Approval, args: DecideApproval) -> None:
    """Store the decision, if it is the first."""
    status = _BECOMES[args.decision]
    check_move(Approval.MOVES, ApprovalStatus.pending, status, waiting.reference)
    decided: dict[str, Any] = {
        "status": status,
        "decided_by": ctx.actor.reference,
        "decided_at": ctx.now(),
        "reason": args.reason,
    }
    edit = {"arguments": args.arguments, "digest": ""} if args.arguments is not None else {}
    claimed = await ctx.sql.row(
        """
        update approvals
        set status = %(status)s, decided_by = %(decided_by)s, decided_at = %(decided_at)s, reason = %(reason)s,
            arguments = coalesce(%(arguments)s, arguments), digest = coalesce(%(digest)s, digest)
        where merchant_id = %(m)s and id = %(id)s and status = 'pending'
        returning id
        """,
        {
            "m": ctx.merchant.id, "id": waiting.id, "digest": edit.get("digest"),
            "arguments": Jsonb(args.arguments) if edit else None,
        } | decided,
        as_=_Claimed,
    )  # fmt: skip
    if claimed is None:
        _must_wait(await ctx.find(Approval, waiting.reference, for_update=True), ctx.now())
    before = {name: getattr(waiting, name) for name in ("reference", *decided, *edit)}
    ctx.changes.updated("approvals", waiting.id, before, decided | edit)
    ctx.happened(status, "approval", waiting.id, order_id=None, before="pending", edited=bool(edit))
