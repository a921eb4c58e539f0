"""Where people are signed in: one's own browsers, and for an owner those of others in the shop."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import Field

from tools.backoffice.passwords import ForPeopleWithAnAccount
from tools.backoffice.signed_in import account_of, account_of_actor, end_sessions
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Forbidden, NotFound
from tools.contract.fields import Untrusted, UserRef
from tools.contract.page import Page, Paged, paged, place


class SignedIn(Result):
    """A browser in which somebody is signed in."""

    session: UUID = Field(description="Names the session, to end it.")
    present: bool = Field(description="Whether it is the one that asks.")
    network: str = Field(description="The network that it was opened from: an address without its last part.")
    user_agent: Annotated[str, Untrusted()] = Field(description="What the browser says that it is.")
    signed_in_at: datetime = Field(description="Since when it is signed in, UTC.")
    last_seen_at: datetime = Field(description="When it was last used, UTC, to five minutes.")
    expires_at: datetime = Field(description="When it ends by itself, UTC.")


class _Row(NamedTuple):
    id: UUID
    network: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class _Whose(NamedTuple):
    """Which sessions somebody may see and end: their own in whichever shop, another's in this one."""

    user: UUID
    elsewhere: bool


_THEIRS = "user_id = %(user)s and (%(elsewhere)s or merchant_id = %(m)s)"


class ListSessions(Paged):
    """Whose sessions are wanted."""

    user: UserRef | None = Field(default=None, description="The person, such as USR-1003; omit for your own.")


@tool(
    route="GET /account/sessions",
    effect=Effect.read,
    permission="account:read",
    raises=[ForPeopleWithAnAccount, NotFound],
    examples=["Where am I signed in?", "List my sessions"],
)
async def list_sessions(ctx: Context, args: ListSessions) -> Page[SignedIn]:
    """List the browsers in which you are signed in, the newest first.

    An owner sees those of others, too, as far as they are signed in to this shop.
    """
    after = place(args.after, UUID)
    whose = await _whose(ctx, args.user)
    return await paged(
        ctx,
        args,
        f"""
        select id, network, user_agent, created_at, last_seen_at, expires_at from sessions
        where {_THEIRS} and expires_at > %(now)s and (%(after)s::uuid is null or id < %(after)s)
        order by id desc limit %(limit)s
        """,
        {
            "m": ctx.merchant.id,
            "now": ctx.now(),
            "after": after[0] if after else None,
            **whose._asdict(),
        },
        as_=_Row,
        show=lambda row: _shown(ctx, row),
        at=lambda row: (row.id,),
    )


class EndSession(Input):
    """Which session ends."""

    session: UUID | Literal["others"] = Field(
        description="The session, as list_sessions names it; `others` ends all but the one that asks."
    )
    user: UserRef | None = Field(default=None, description="Whose it is, such as USR-1003; omit for your own.")


class SessionsEnded(Result):
    """How many browsers were signed out."""

    ended: int = Field(description="How many sessions were ended.")


@tool(
    route="DELETE /account/sessions/{session}",
    effect=Effect.write,
    permission="account:write",
    raises=[ForPeopleWithAnAccount, NotFound],
    examples=["Sign me out everywhere else", "End USR-1003's sessions, her laptop was stolen"],
    for_people=True,
)
async def end_session(ctx: Context, args: EndSession) -> SessionsEnded:
    """Sign out a browser of yours, or all but the one that asks.

    An owner ends those of others, too, as far as they are signed in to this shop.
    """
    whose = await _whose(ctx, args.user)
    which = "id = %(session)s" if isinstance(args.session, UUID) else "id is distinct from %(present)s::uuid"
    ended = await end_sessions(
        ctx, f"{_THEIRS} and {which}", session=args.session, present=ctx.actor.session, **whose._asdict()
    )
    if not ended and isinstance(args.session, UUID):
        raise NotFound(f"There is no session {args.session}.", hint="list_sessions names those that there are.")
    ctx.tell(f"{args.user or ctx.actor.name} is signed out in {words.count(ended, 'browser')}.")
    return SessionsEnded(ended=ended)


async def _whose(ctx: Context, written: str | None) -> _Whose:
    """Raises `Forbidden` for another person's, unless the actor looks after the shop's people."""
    if written is None:
        account = await account_of_actor(ctx)
        if account is None:
            raise ForPeopleWithAnAccount(f"{ctx.actor.name} is not signed in anywhere.")
        return _Whose(account.id, elsewhere=True)
    if not ctx.may("users:write"):
        raise Forbidden(
            f"The sessions of others need the permission users:write, which {ctx.actor.name} lacks.",
            hint="Leave `user` out for your own.",
            permission="users:write",
        )
    account = await account_of(ctx, written)
    return _Whose(account.id, elsewhere=False)


def _shown(ctx: Context, row: _Row) -> SignedIn:
    return SignedIn(
        session=row.id,
        present=row.id == ctx.actor.session,
        network=row.network,
        user_agent=row.user_agent,
        signed_in_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
    )
