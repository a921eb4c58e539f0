"""The first and the last statement of a call.

ENTER reads the merchant, the actor, the policy and what the idempotency key was used for, at once; the key's lock was tried
with BEGIN, so that ENTER sees what a twin has committed.
LEAVE writes events, audit, outbox jobs and the idempotency record at once, and travels in one flush with COMMIT.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.errors import CheckViolation
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from db.model import new_id
from db.models.backoffice import Role
from db.money import Rounding
from db.session import Transaction
from tools.contract.actors import Actor, Caller, Proof, Shopfront
from tools.contract.context import Context
from tools.contract.daily import AFTER_THE_DAY, COUNT, WITHIN, to_count
from tools.contract.declare import Tool
from tools.contract.errors import LinkNotKnown, OutOfRange, Unauthenticated
from tools.contract.figures import figures_of, keep
from tools.contract.permissions import EVERY_PERMISSION, ROLES, VISITING, expand
from tools.contract.plain import as_json, as_jsonb
from tools.contract.policy import KEY_STOPS_PER_DAY, ApprovalPolicy

KEPT = timedelta(days=30)
OWN_KEYS = ("APR-", "job:")  # an approval's execution, and the worker's jobs

_ENTER = """
select m.name, m.currency, m.currencies, m.zone, m.country, m.prices_include_tax, m.rounding, m.four_eyes_above,
       p.value as policy, {actor}, r.request_hash, case when r.approval is null then r.response else coalesce(r.response, (
           select x.response from idempotency_records x where x.merchant_id = %(merchant)s and x.key = r.approval)) end as response,
       r.approval, r.actor as used_by, r.expires_at <= %(now)s as lapsed
from merchant_profiles m
left join settings p on p.merchant_id = m.merchant_id and p.key = 'approval_policy'
left join idempotency_records r on r.merchant_id = m.merchant_id and r.key = %(key)s
{who}
where m.merchant_id = %(merchant)s
"""
_NOBODY = "null as reference, null as actor_name, null as role, null::text[] as scopes, 0 as per_call, 0 as per_day"
_KEY = "k.reference, k.name as actor_name, null as role, k.scopes, k.limit_per_call as per_call, k.limit_per_day as per_day"
_PERSON = "s.reference, u.name as actor_name, s.role, null::text[] as scopes, 0 as per_call, 0 as per_day"
_OF_KEY = (
    "left join api_keys k on k.merchant_id = m.merchant_id and k.{column} = %(who)s "
    "and k.revoked_at is null and (k.expires_at is null or k.expires_at > %(now)s)"
)
_OF_USER = (
    "left join memberships s on s.merchant_id = m.merchant_id and s.user_id = %(who)s::uuid and s.deactivated_at is null "
    "left join users u on u.id = s.user_id"
)
_OF_INVITATION = (
    "left join invitations i on i.merchant_id = m.merchant_id and i.token_hash = %(who)s "
    "left join memberships s on s.merchant_id = m.merchant_id and s.id = i.membership_id"
)
_OF_RESET = (
    "left join users u on u.reset_hash = %(who)s "
    "left join memberships s on s.merchant_id = m.merchant_id and s.user_id = u.id and s.deactivated_at is null"
)
_WHO = {
    Proof.key_secret: (_KEY, _OF_KEY.format(column="secret_hash")),
    Proof.key: (_KEY, _OF_KEY.format(column="reference")),
    Proof.user: (_PERSON, _OF_USER),
    Proof.invitation: (_PERSON.replace("u.name", "i.name"), _OF_INVITATION),
    Proof.reset: (_PERSON, _OF_RESET),
    Proof.visitor: (_NOBODY, ""),
    Proof.system: (_NOBODY, ""),
}


class Entered(NamedTuple):
    """What ENTER found."""

    name: str
    currency: str
    currencies: list[str]
    zone: str
    country: str
    prices_include_tax: bool
    rounding: str
    four_eyes_above: int | None
    policy: dict[str, Any] | None
    reference: str | None
    actor_name: str | None
    role: str | None
    scopes: list[str] | None
    per_call: int
    per_day: int
    request_hash: str | None
    response: dict[str, Any] | None
    approval: str | None
    used_by: str | None
    lapsed: bool | None

    @property
    def rules(self) -> ApprovalPolicy:
        return ApprovalPolicy.model_validate(self.policy or {})

    def shop(self, merchant: UUID) -> Shopfront:
        return Shopfront(
            id=merchant,
            name=self.name,
            currency=self.currency,
            currencies=tuple(self.currencies),
            zone=ZoneInfo(self.zone),
            country=self.country,
            prices_include_tax=self.prices_include_tax,
            rounding=Rounding(self.rounding),
            four_eyes_above=self.four_eyes_above,
        )

    def actor(self, caller: Caller) -> Actor:
        """Who calls, and what they may. Raises `Unauthenticated` when the database knows nobody of that name."""
        if caller.proof is Proof.system:
            return Actor(f"system:{caller.name}", caller.name, None, EVERY_PERMISSION, None, None, None)
        if caller.proof is Proof.visitor:
            return Actor("visitor", "A visitor", None, VISITING, 0, 0, 0)
        if caller.proof in (Proof.invitation, Proof.reset):
            return self._holder_of_a_link()
        if self.reference is None or self.actor_name is None:
            raise Unauthenticated("Nobody is known by that key or session in this shop.")
        if self.role is None:
            permissions = expand(self.scopes or ())
            limits = (self.per_call, self.per_day, KEY_STOPS_PER_DAY)
            named = permissions & frozenset(self.scopes or ())
            return Actor(self.reference, self.actor_name, None, permissions, *limits, named)
        role = Role(self.role)
        limit = self.rules.limits(role, self.currency)
        limits = (limit.per_call, limit.per_day, limit.stops_per_day)
        return Actor(self.reference, self.actor_name, role, ROLES[role], *limits, session=caller.session)

    def _holder_of_a_link(self) -> Actor:
        if self.reference is None or self.actor_name is None:
            raise LinkNotKnown("This link was never sent, or another one has replaced it.")
        return Actor(self.reference, self.actor_name, None, VISITING, 0, 0, 0)


def lock_of(merchant: UUID, key: str) -> int:
    """The number of the advisory lock that whoever works on a key holds."""
    return int.from_bytes(hashlib.sha256(merchant.bytes + key.encode()).digest()[:8], "big", signed=True)


# A record whose time is over gives way to the next use of its key, whether or not it was swept yet.
FORGET = "delete from idempotency_records where merchant_id = %(merchant)s and key = %(key)s and expires_at <= %(now)s"


async def enter(sql: Transaction, caller: Caller, key: str | None, now: datetime) -> Entered:
    """The call's first statement. Raises `Unauthenticated` for a merchant that does not exist."""
    actor, who = _WHO[caller.proof]
    params = {"merchant": caller.merchant, "who": caller.name, "key": key, "now": now}
    found = await sql.row(_ENTER.format(actor=actor, who=who), params, as_=Entered)
    if found is None:
        raise Unauthenticated("That key or session belongs to no shop here.")
    if found.lapsed:
        await sql.execute(FORGET, params)
        return found._replace(request_hash=None, response=None, approval=None, used_by=None)
    return found


_LEAVE = """
with happened as (
    insert into events (merchant_id, id, kind, subject_kind, subject_id, order_id, actor, data, created_at)
    select %(merchant)s, e.id, e.kind, e.subject_kind, e.subject_id, e.order_id, e.actor, e.data, %(now)s
    from jsonb_to_recordset(%(events)s)
        as e(id uuid, kind text, subject_kind text, subject_id uuid, order_id uuid, actor text, data jsonb)
), entry as (
    insert into audit_entries (merchant_id, id, actor, actor_name, on_behalf_of, door, tool, effect, "references", outcome,
                               approval, approved_by, key, arguments_digest, money, stops, request_id, created_at)
    values (%(merchant)s, %(entry)s, %(actor)s, %(actor_name)s, %(on_behalf_of)s, %(door)s, %(tool)s, %(effect)s, %(references)s,
            'done', %(approval)s, %(approved_by)s, %(key)s, %(digest)s, %(money)s, %(stops)s, %(request_id)s, %(now)s)
), payload as (
    insert into audit_payloads (merchant_id, id, salt, arguments, subjects, created_at)
    values (%(merchant)s, %(entry)s, %(salt)s, %(arguments)s, %(references)s, %(now)s)
), unsealed as (
    insert into audit_unsealed (merchant_id, id, created_at) values (%(merchant)s, %(entry)s, %(now)s)
), record as (
    insert into idempotency_records (merchant_id, key, actor, tool, request_hash, approval, response, created_at, expires_at)
    values (%(merchant)s, %(key)s, %(actor)s, %(tool)s, %(request_hash)s, %(approval)s, %(response)s, %(now)s, %(expires)s)
){day}{figures}
select jobs.procrastinate_defer_jobs_v1(array(
    select row(j.queue, j.task, 0, j.lock, null, j.arguments, j.at)::jobs.procrastinate_job_to_defer_v1
    from jsonb_to_recordset(%(jobs)s) as j(queue text, task text, lock text, arguments jsonb, at timestamptz)
)) where jsonb_array_length(%(jobs)s) > 0
"""


@cache
def leaving(*, day: bool, figures: bool, changed: bool = False) -> str:
    """LEAVE with what it keeps: somebody's day, which is locked first, as where it was counted before; and figures of customers."""
    kept = keep(changed=changed, after=AFTER_THE_DAY if day else "") if figures else ""
    return _LEAVE.format(day=COUNT if day else "", figures=kept)


async def committed(ctx: Context, caller: Caller, tool: Tool[Any, Any], asked: bytes, answer: bytes) -> bool:
    """Commit the call with LEAVE; False when it was more than the actor's day may come to.

    `asked` and `answer` are JSON without secrets.
    """
    try:
        await ctx.sql.commit(*await leave(ctx, caller, tool, asked, answer))
    except CheckViolation as beyond:
        if beyond.diag.constraint_name != WITHIN:
            raise
        return False
    return True


async def leave(
    ctx: Context, caller: Caller, tool: Tool[Any, Any], asked: bytes, answer: bytes
) -> tuple[str, dict[str, Any]]:
    """LEAVE and its parameters, with the day and the figures that the call touches."""
    salt, audited = secrets.token_hex(8), canonical(ctx.audited, as_sent=True) if ctx.audited else asked
    figures, day = await figures_of(ctx), to_count(ctx)
    changed = figures is not None and figures.changed
    return leaving(day=day is not None, figures=figures is not None, changed=changed), {
        "merchant": ctx.merchant.id,
        "now": ctx.now(),
        "events": as_jsonb(ctx.events),
        "entry": new_id(),
        "actor": ctx.actor.reference,
        "actor_name": ctx.actor.name,
        "on_behalf_of": caller.on_behalf_of,
        "door": caller.door,
        "tool": tool.name,
        "effect": tool.effect,
        "references": ctx.changes.references(),
        "approval": ctx.approval.reference if ctx.approval else None,
        "approved_by": ctx.approval.decided_by if ctx.approval else None,
        "key": ctx.key,
        "digest": hashlib.sha256(salt.encode() + audited).hexdigest(),
        "money": ctx.produced.money,
        "stops": ctx.produced.stops,
        "request_id": caller.request_id,
        "salt": salt,
        "arguments": Jsonb(audited, dumps=bytes),
        "request_hash": request_hash(tool.name, asked),
        "response": Jsonb(answer, dumps=bytes),
        "expires": ctx.now() + KEPT,
        "jobs": as_jsonb([vars(job) for job in ctx.jobs]),
        **(figures.params if figures else {}),
        **(day or {}),
    }


def request_hash(tool: str, asked: bytes) -> str:
    """What makes two requests the same: the operation and its canonical arguments."""
    return hashlib.sha256(tool.encode() + b"\n" + asked).hexdigest()


def canonical(model: BaseModel, *, as_sent: bool = False) -> bytes:
    """A model as JSON with its keys in order; `as_sent` keeps only what the caller said, for a merge of given fields.

    Raises `OutOfRange` for what cannot be stored.
    """
    try:
        return as_json(model.model_dump(mode="json", exclude_unset=as_sent))
    except ValueError as too_deep:
        raise OutOfRange(f"A value cannot be stored: {too_deep}.", hint="Give a plainer one.") from None
