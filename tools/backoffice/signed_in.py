"""The account behind an actor, and the browsers in which it is signed in. Both stand outside the wall: each look-up says whose."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from db.references import Kind
from tools.contract.context import Context


class Account(NamedTuple):
    """A person's account: theirs alone, whichever shops they are in."""

    reference: str
    id: UUID
    email: str
    name: str
    password_hash: str | None
    reset_expires_at: datetime | None


_ACCOUNT = """
select s.reference, u.id, u.email, u.name, u.password_hash, u.reset_expires_at
from memberships s join users u on u.id = s.user_id
where s.merchant_id = %(m)s
  and (s.reference = %(reference)s or s.external_reference = %(written)s or u.email = lower(%(written)s))
order by s.reference <> %(reference)s limit 1
"""


async def account_of_actor(ctx: Context, *, lock: bool = False) -> Account | None:
    """The account of the person who calls; None for programs and for the system."""
    params = {"m": ctx.merchant.id, "reference": ctx.actor.reference, "written": None}
    return await ctx.sql.row(_ACCOUNT + ("for no key update of u" if lock else ""), params, as_=Account)


async def account_of(ctx: Context, written: str) -> Account:
    """The account of somebody who is or was in this shop. Raises `NotFound`, for who has not joined yet, too."""
    params = {"m": ctx.merchant.id, "reference": Kind.user.canonical(written), "written": written}
    found = await ctx.sql.row(_ACCOUNT, params, as_=Account)
    if found is None:
        raise await ctx.not_found(Kind.user, written)
    ctx.means(Kind.user, written, found.reference)
    return found


class _Ended(NamedTuple):
    id: UUID
    network: str


async def end_sessions(ctx: Context, which: str, **params: object) -> int:
    """End the sessions for which the condition holds; returns how many."""
    ended = await ctx.sql.rows(
        f"delete from sessions where {which} returning id, network", {"m": ctx.merchant.id, **params}, as_=_Ended
    )
    for session in ended:
        ctx.changes.deleted("sessions", session.id, {"network": session.network})
    return len(ended)
